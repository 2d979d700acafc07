/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places in documents: what is read, and that each error names where. Keys twice. */
#include "qmp/json-at.h"

#include <string.h>

static VnJson *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    VnJson *json = vn_json_parse(text, strlen(text), VN_JSON_BYTES_MAX, &error);
    g_assert_no_error(error);
    return json;
}

typedef enum { UINT64, UINT, DOUBLE, BOOL, STRING, IDSET, ARRAY, OBJECT } Kind;

/* Reads {"a": [0, {"v": VALUE}]} at a[1].v; limits 2 to 9, of lists 3 items or id 9. */
static gboolean
read_value(Kind kind, const char *value, GError **error)
{
    static const char *const keys[] = {"x", "y", NULL};
    g_autofree char *text = g_strdup_printf("{\"a\": [0, {%s}]}", value);
    g_autoptr(VnJson) json = parse(text);
    VnJsonAt document = {.json = json};
    VnJsonAt list = vn_json_at_key(&document, "a");
    VnJsonAt item = vn_json_at_index(&list, 1);
    VnJsonAt at = vn_json_at_key(&item, "v");
    g_autoptr(VnIdSet) set = NULL;
    guint64 u64;
    guint u;
    double d;
    gboolean b;
    switch (kind) {
    case UINT64:
        return vn_json_at_uint64(&at, 2, 9, &u64, error);
    case UINT:
        return vn_json_at_uint(&at, 2, 9, &u, error);
    case DOUBLE:
        return vn_json_at_double(&at, 2, 9, &d, error);
    case BOOL:
        return vn_json_at_bool(&at, &b, error);
    case STRING:
        return vn_json_at_string(&at, 3, error) != NULL;
    case IDSET:
        set = vn_json_at_idset(&at, 9, error);
        return set != NULL;
    case ARRAY:
        return vn_json_at_check_array(&at, 3, error);
    case OBJECT:
        return vn_json_at_check_object(&at, keys, error);
    }
    g_assert_not_reached();
}

static void
test_values(void)
{
    static const struct {
        Kind kind;
        const char *value;
        const char *error; /* NULL: it is taken */
    } cases[] = {
        {UINT64, "\"v\": 2"},
        {UINT64, "\"v\": 9"},
        {UINT64, "", "a[1].v: is missing; it must be a whole number"},
        {UINT64, "\"v\": null", "a[1].v: is missing; it must be a whole number"},
        {UINT64, "\"v\": 1", "a[1].v: is 1, not from 2 to 9"},
        {UINT64, "\"v\": 10", "a[1].v: is 10, not from 2 to 9"},
        {UINT64, "\"v\": -3", "a[1].v: is -3, not from 2 to 9"},
        {UINT64, "\"v\": 18446744073709551615",
         "a[1].v: is 18446744073709551615, not from 2 to 9"},
        {UINT64, "\"v\": 3.0",
         "a[1].v: is a number with a fraction, and must be a whole number"},
        {UINT64, "\"v\": \"3\"", "a[1].v: is a string, and must be a whole number"},
        {UINT, "\"v\": 3"},
        {UINT, "\"v\": 4294967299", "a[1].v: is 4294967299, not from 2 to 9"},
        {DOUBLE, "\"v\": 2"},
        {DOUBLE, "\"v\": 8.75"},
        {DOUBLE, "\"v\": 9.5", "a[1].v: is 9.5, not from 2 to 9"},
        {DOUBLE, "\"v\": true", "a[1].v: is a boolean, and must be a number"},
        {BOOL, "\"v\": false"},
        {BOOL, "\"v\": 0", "a[1].v: is a whole number, and must be a boolean"},
        {STRING, "\"v\": \"abc\""},
        {STRING, "\"v\": \"\"", "a[1].v: has 0 bytes, not 1 to 3"},
        {STRING, "\"v\": \"abcd\"", "a[1].v: has 4 bytes, not 1 to 3"},
        {IDSET, "\"v\": []"},
        {IDSET, "\"v\": [9, 0]"},
        {IDSET, "\"v\": [1, 2, 1]", "a[1].v[2]: is 1, as an item before it"},
        {IDSET, "\"v\": [10]", "a[1].v[0]: is 10, not from 0 to 9"},
        {IDSET, "\"v\": [null]", "a[1].v[0]: is missing"},
        {IDSET, "\"v\": [0,0,0,0,0,0,0,0,0,0,0]", "a[1].v: has 11 items, 10 are"},
        {ARRAY, "\"v\": [1, null, {}]"},
        {ARRAY, "\"v\": [1, 2, 3, 4]", "a[1].v: has 4 items, 3 are the most"},
        {ARRAY, "\"v\": {}", "a[1].v: is an object, and must be an array"},
        {OBJECT, "\"v\": {\"y\": 1}"},
        {OBJECT, "\"v\": {\"z\": 1}",
         "a[1].v.z: is no key that is known; there are x, y"},
        {OBJECT, "\"v\": []", "a[1].v: is an array, and must be an object"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        gboolean taken = read_value(cases[i].kind, cases[i].value, &error);
        if (!cases[i].error) {
            g_assert_no_error(error);
            g_assert_true(taken);
            continue;
        }
        g_assert_false(taken);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_cmpstr(error->message, !=, "");
        g_test_message("%s", error->message);
        g_assert_true(g_str_has_prefix(error->message, cases[i].error));
    }
}

static void
test_document(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnJson) json = parse("[1]");
    VnJsonAt document = {.json = json};
    VnJsonAt item = vn_json_at_key(&document, "a");
    VnJsonAt beyond = vn_json_at_index(&document, 1);
    g_assert_false(vn_json_at_is(&item));
    g_assert_false(vn_json_at_is(&beyond));
    g_assert_false(vn_json_at_check_object(&document, (const char *[]){NULL}, &error));
    g_assert_cmpstr(error->message, ==,
                    "the document: is an array, and must be an object");
}

static void
test_keys(void)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"{\"a\": {\"a\": [{\"a\": 1}, {\"a\": 2}]}, \"b\": \"a\"}"},
        {"[\"a\", \"a\"]"},
        {"{\"a\\\"\": 1, \"a\": \"}{\"}"},
        {"3"},
        {"{\"a\": 1, \"a\": 1}", "JSON: byte 9: its object has the key 'a' twice"},
        {"[{\"a\": [], \"b\": 1, \"a\" : 1}]", "JSON: byte 19: its object has"},
        {"{\"a\": 1, \"\\u0061\": 1}", "JSON: byte 9: its object has the key '\\u0061'"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnJson) json = parse(cases[i].text);
        g_assert_nonnull(json);
        gboolean good = vn_json_check_keys(cases[i].text, strlen(cases[i].text), &error);
        g_assert_true(good == !cases[i].error);
        if (!good)
            g_assert_true(g_str_has_prefix(error->message, cases[i].error));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json-at/values", test_values);
    g_test_add_func("/json-at/document", test_document);
    g_test_add_func("/json-at/keys", test_keys);
    return g_test_run();
}
