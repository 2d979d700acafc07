/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hexadecimal bitmaps, read from the end: the last group has the lowest 32 bits. */
#include "host/cpumap.h"

#include <string.h>

#define GROUP_BITS 32u
#define GROUP_DIGITS 8u

static gboolean
add_group(VnIdSet *set, const char *digits, gsize n_digits, guint64 first)
{
    if (n_digits == 0 || n_digits > GROUP_DIGITS)
        return FALSE;
    for (gsize i = 0; i < n_digits; i++) {
        int value = g_ascii_xdigit_value(digits[n_digits - 1 - i]);
        if (value < 0)
            return FALSE;
        for (guint bit = 0; bit < 4; bit++) {
            guint64 id = first + i * 4 + bit;
            if (!(value >> bit & 1))
                continue;
            if (id > VN_ID_MAX)
                return FALSE;
            vn_idset_add(set, (guint) id);
        }
    }
    return TRUE;
}

VnIdSet *
vn_cpumap_parse(const char *text, GError **error)
{
    g_autoptr(VnIdSet) set = vn_idset_new();
    gsize end = strlen(text);
    guint64 first = 0;

    for (;;) {
        gsize start = end;
        while (start > 0 && text[start - 1] != ',')
            start--;
        if (!add_group(set, text + start, end - start, first)) {
            g_set_error(
                error, VN_ERROR, VN_ERROR_INVALID,
                "CPU bitmap: bytes %zu to %zu are not up to %u hexadecimal digits, "
                "or stand for a CPU above %u",
                start, end, GROUP_DIGITS, VN_ID_MAX);
            return NULL;
        }
        if (start == 0)
            return g_steal_pointer(&set);
        end = start - 1;
        first += GROUP_BITS;
    }
}
