/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's sizes with units and its cpusets with exclusions. Pure. */
#include "guest-topology/size.h"

#include "guest-topology/xml.h"

#include <string.h>

/* A list may repeat itself; past this many ids in all it is an attack, not a list. */
#define CPUSET_IDS_MAX (4 * (VN_ID_MAX + 1))

static gboolean
unit_bytes(const char *unit, guint64 *ret_bytes)
{
    static const char letters[] = "kmgtpe";

    if (!unit || !*unit)
        unit = "KiB";
    if (g_ascii_strcasecmp(unit, "b") == 0 || g_ascii_strcasecmp(unit, "byte") == 0 ||
        g_ascii_strcasecmp(unit, "bytes") == 0) {
        *ret_bytes = 1;
        return TRUE;
    }
    const char *letter = strchr(letters, g_ascii_tolower(unit[0]));
    guint64 base = 1024;
    if (g_ascii_strcasecmp(unit + 1, "b") == 0)
        base = 1000;
    else if (unit[1] && g_ascii_strcasecmp(unit + 1, "ib") != 0)
        return FALSE;
    if (!letter)
        return FALSE;
    guint64 bytes = base;
    for (const char *at = letters; at < letter; at++)
        bytes *= base;
    *ret_bytes = bytes;
    return TRUE;
}

gboolean
vn_size_parse(const char *text, const char *unit, guint64 *ret_bytes, GError **error)
{
    guint64 number;
    guint64 scale;
    guint64 bytes;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &number, NULL)) {
        g_autofree char *shown = vn_xml_shown(text);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "'%s' is not a size", shown);
        return FALSE;
    }
    if (!unit_bytes(unit, &scale)) {
        g_autofree char *shown = vn_xml_shown(unit);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "'%s' is not a unit; known are b, KB, KiB, MB, MiB, GB, GiB, TB, TiB",
                    shown);
        return FALSE;
    }
    if (!g_uint64_checked_mul(&bytes, number, scale) ||
        !g_uint64_checked_add(&bytes, bytes, 1023) || bytes > G_MAXINT64) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "%" G_GUINT64_FORMAT " %s is more than can be counted", number,
                    unit && *unit ? unit : "KiB");
        return FALSE;
    }
    *ret_bytes = bytes / 1024 * 1024;
    return TRUE;
}

/* Adds or removes what one item of a cpuset says; *n_ids counts the work. */
static gboolean
apply_item(VnIdSet *set, const char *item, guint *n_ids, GError **error)
{
    gboolean exclude = item[0] == '^';
    g_autoptr(VnIdSet) ids = vn_idset_parse(item + exclude, error);
    if (!ids)
        return FALSE;
    guint count = vn_idset_count(ids);
    *n_ids += count;
    if (count == 0 || (exclude && count != 1) || *n_ids > CPUSET_IDS_MAX) {
        g_autofree char *shown = vn_xml_shown(item);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "cpuset: '%s' is %s", shown,
                    *n_ids > CPUSET_IDS_MAX ? "one item too many"
                                            : "not an id, a range or an exclusion '^N'");
        return FALSE;
    }
    if (exclude)
        vn_idset_remove_all(set, ids);
    else
        vn_idset_add_all(set, ids);
    return TRUE;
}

VnIdSet *
vn_cpuset_parse(const char *text, GError **error)
{
    g_autoptr(VnIdSet) set = vn_idset_new();
    guint n_ids = 0;

    for (const char *at = text; at;) {
        const char *comma = strchr(at, ',');
        g_autofree char *item = g_strndup(at, comma ? (gsize) (comma - at) : strlen(at));
        if (!apply_item(set, g_strstrip(item), &n_ids, error))
            return NULL;
        at = comma ? comma + 1 : NULL;
    }
    if (vn_idset_is_empty(set)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "cpuset: no id is left in it");
        return NULL;
    }
    return g_steal_pointer(&set);
}

gboolean
vn_number_parse(const char *text, guint max, guint *ret_number, GError **error)
{
    guint64 number;
    if (!g_ascii_string_to_unsigned(text, 10, 0, max, &number, NULL)) {
        g_autofree char *shown = vn_xml_shown(text);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "'%s' is not a number up to %u",
                    shown, max);
        return FALSE;
    }
    *ret_number = (guint) number;
    return TRUE;
}
