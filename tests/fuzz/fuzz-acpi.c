/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ACPI tables, all three decoders: whatever is taken is described as the header says, and
 * an error names an offset.
 */
#include "guest-topology/acpi.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* Each structure takes bytes: there cannot be more than the table has room for. */
static void
check_lists(GVariant *table, gsize length)
{
    static const char *const keys[] = {
        "cpus",   "memory",     "distances",        "others",
        "caches", "localities", "proximity_domains"};
    gsize n_structures = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autoptr(GVariant) list = g_variant_lookup_value(table, keys[i], NULL);
        if (list)
            n_structures += g_variant_n_children(list);
    }
    g_assert(n_structures <= length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    GVariant *decoded = vn_acpi_decode(data, size, &error);
    if (!decoded) {
        g_assert(error && error->domain == VN_ERROR);
        g_assert(error->code == VN_ERROR_INVALID || error->code == VN_ERROR_UNSUPPORTED);
        g_assert(g_utf8_validate(error->message, -1, NULL));
        g_assert(size > VN_ACPI_BYTES_MAX || strstr(error->message, "at offset "));
        return 0;
    }
    g_autoptr(GVariant) table = g_variant_ref_sink(decoded);
    g_autofree char *shown = g_variant_print(table, FALSE);
    guint length = 0;
    g_assert(!error && g_utf8_validate(shown, -1, NULL));
    g_assert(g_variant_lookup(table, "length_bytes", "u", &length) && length <= size);
    check_lists(table, length);
    return 0;
}
