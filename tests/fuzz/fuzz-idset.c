/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's list format: what is taken prints, reads back and prints the same. */
#include "model/idset.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strndup((const char *) data, size);
    g_autoptr(VnIdSet) set = vn_idset_parse(text, &error);

    if (!set) {
        g_assert(error && g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    g_assert(!error && vn_idset_next(set, VN_ID_MAX + 1) == -1);
    g_autofree char *printed = vn_idset_format(set);
    g_autoptr(VnIdSet) again = vn_idset_parse(printed, NULL);
    g_assert(again && vn_idset_equal(set, again));
    guint count = 0;
    VN_IDSET_FOREACH (set, id) {
        g_assert(vn_idset_contains(set, (guint) id));
        count++;
    }
    g_assert(count == vn_idset_count(set));
    return 0;
}
