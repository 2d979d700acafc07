/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON: what is taken prints, reads back and prints the same, also by way of GVariant;
 * the getters hold on whatever it is.
 */
#include "qmp/json.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* Printing may write "\u007f" for a byte, and so become longer than what was read. */
#define PRINTED_BYTES_MAX (8u * VN_JSON_BYTES_MAX)

static void
check_same(const VnJson *json, const VnJson *other, gboolean pretty)
{
    g_autofree char *one = vn_json_print(json, pretty);
    g_autofree char *two = vn_json_print(other, pretty);
    g_assert(strcmp(one, two) == 0);
}

static void
check_round_trip(const VnJson *json, gboolean pretty)
{
    g_autofree char *text = vn_json_print(json, pretty);
    g_autoptr(GError) error = NULL;
    g_autoptr(VnJson) again =
        vn_json_parse(text, strlen(text), PRINTED_BYTES_MAX, &error);
    g_assert_no_error(error);
    check_same(json, again, pretty);
}

static void
check_getters(const VnJson *json, const char *key)
{
    g_autoptr(GError) error = NULL;
    guint64 u;
    gint64 i64;
    int i;
    double d;

    if (!vn_json_get_string(json, key, &error))
        g_assert(error && error->code == VN_ERROR_INVALID);
    if (vn_json_get_int(json, key, &i, NULL))
        g_assert(vn_json_get_int64(json, key, &i64, NULL) && i64 == i);
    if (vn_json_get_uint64(json, key, &u, NULL))
        g_assert(vn_json_get_double(json, key, &d, NULL) && d == (double) u);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnJson) json =
        vn_json_parse((const char *) data, size, VN_JSON_BYTES_MAX, &error);

    check_getters(json, "k");
    if (!json) {
        g_assert(error && error->code == VN_ERROR_INVALID);
        return 0;
    }
    g_assert(!error);
    check_round_trip(json, FALSE);
    check_round_trip(json, TRUE);
    for (const VnJsonEntry *e = vn_json_first(json); e; e = vn_json_next(e))
        check_getters(json, vn_json_entry_key(e));

    g_autoptr(GVariant) variant = vn_json_to_variant(json);
    g_autoptr(VnJson) back = vn_json_from_variant(variant);
    check_same(json, back, FALSE);
    return 0;
}
