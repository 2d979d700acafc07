/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnJson: strict reading and its limits, getters, printing, and GVariant both ways. */
#include "qmp/json.h"

#include <float.h>
#include <math.h>
#include <string.h>

static VnJson *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    VnJson *json = vn_json_parse(text, strlen(text), VN_JSON_BYTES_MAX, &error);
    g_assert_no_error(error);
    g_assert_nonnull(json);
    return json;
}

static void
test_round_trip(void)
{
    static const struct {
        const char *text;
        const char *canonical;
    } cases[] = {
        {"{}", "{}"},
        {" [ ] \r\n", "[]"},
        {"1", "1"},
        {"-0.5e1", "-5.0"},
        {"\"\"", "\"\""},
        {"true", "true"},
        {"[null, false]", "[null,false]"},
        {"{\"b\": 1, \"a\": [0.95, 1e300]}", "{\"b\":1,\"a\":[0.95,1e+300]}"},
        {"[18446744073709551615, -9223372036854775808, 9223372036854775807]",
         "[18446744073709551615,-9223372036854775808,9223372036854775807]"},
        {"\"\\u00e9\\ud83d\\ude00\\/\\\"\\\\\\n\\r\\t\\u0001\\u007f\"",
         "\"\xc3\xa9\xf0\x9f\x98\x80/\\\"\\\\\\n\\r\\t\\u0001\\u007f\""},
        {"\"NaN Infinity \\\"\"", "\"NaN Infinity \\\"\""},
        {"{\"twice\": 1, \"twice\": 2}", "{\"twice\":2}"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnJson) json = parse(cases[i].text);
        g_autofree char *text = vn_json_print(json, FALSE);
        g_assert_cmpstr(text, ==, cases[i].canonical);
        g_autoptr(VnJson) again = parse(text);
        g_autofree char *same = vn_json_print(again, FALSE);
        g_assert_cmpstr(same, ==, text);
    }
}

static const struct {
    const char *text;
    gsize length; /* 0: up to the NUL */
    const char *where;
} refused[] = {
    {"", 0, "byte 0:"},
    {"  \n", 0, "byte 0:"},
    {"{", 0, "byte 1:"},
    {"[1,", 0, "byte 3:"},
    {"\"abc", 0, "byte 4:"},
    {"tru", 0, "byte 3:"},
    {"-", 0, "byte 0:"},
    {"{} x", 0, "byte "},
    {"{}{}", 0, "byte 2:"},
    {"1 2", 0, "byte "},
    {"[1,]", 0, "byte "},
    {"{\"a\":1,}", 0, "byte "},
    {"{'a':1}", 0, "byte 1:"},
    {"{a:1}", 0, "byte 1:"},
    {"/* c */ 1", 0, "byte "},
    {"True", 0, "byte "},
    {"NaN", 0, "byte 0:"},
    {"[-Infinity]", 0, "byte 1:"},
    {"null", 0, "null"},
    {"01", 0, "byte "},
    {"+1", 0, "byte "},
    {".5", 0, "byte "},
    {"18446744073709551616", 0, "byte "},
    {"-9223372036854775809", 0, "byte "},
    {"1e999", 0, "too large"},
    {"{\"a\":[{\"b\":-1e999}]}", 0, "too large"},
    {"[1]\0", 4, "byte 3:"},
    {"\"a\0b\"", 5, "byte 2:"},
    {"\"a\\u0000\"", 0, "byte 2:"},
    {"\"a\xff\"", 0, "byte 2:"},
    {"\"\xc0\x80\"", 0, "byte 1:"},
    {"\"\xed\xa0\x80\"", 0, "byte 1:"},
    {"\"a\nb\"", 0, "byte 2:"},
    {"\"\\x\"", 0, "byte "},
    {"\"\\", 0, "byte 2:"},
    {"\v1", 0, "byte 0:"},
    {"[1,,2]", 0, "byte "},
    {"[,]", 0, "byte "},
    {"[1 2]", 0, "byte "},
    {"{\"a\":1 \"b\":2}", 0, "byte "},
    {"{\"a\" 1}", 0, "byte "},
    {"{\"a\":}", 0, "byte "},
    {"{1:2}", 0, "byte "},
    {"[1}", 0, "byte "},
    {"]", 0, "byte 0:"},
    {"1.", 0, "byte "},
    {"[1.]", 0, "byte "},
    {"[1.e5]", 0, "byte "},
    {"[1e]", 0, "byte "},
    {"[1e+]", 0, "byte "},
    {"[- 1]", 0, "byte "},
    {"[-]", 0, "byte "},
    {"[-01]", 0, "byte "},
    {"[00]", 0, "byte "},
    {"[1-2]", 0, "byte "},
    {"[1.2.3]", 0, "byte "},
    {"[01.5]", 0, "byte "},
    {"[truefalse]", 0, "byte "},
    {"[nul]", 0, "byte "},
    {"\"\\u12g4\"", 0, "byte "},
};

static void
test_refused(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        gsize length = refused[i].length ? refused[i].length : strlen(refused[i].text);
        g_autoptr(VnJson) json = vn_json_parse(refused[i].text, length, 1024, &error);
        g_test_message("case %zu: %s", i, error ? error->message : "taken");
        g_assert_null(json);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, refused[i].where));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
    }
}

static char *
nested(guint depth, const char *innermost)
{
    GString *text = g_string_new(NULL);
    for (guint i = 1; i < depth; i++)
        g_string_append(text, i % 2 ? "[" : "{\"k\":");
    g_string_append(text, innermost);
    for (guint i = depth - 1; i > 0; i--)
        g_string_append_c(text, i % 2 ? ']' : '}');
    return g_string_free(text, FALSE);
}

/* The depth of what nested() nests, its innermost value counted. */
static guint
depth(const VnJson *json)
{
    guint levels = 1;
    for (;; levels++) {
        const VnJsonEntry *first = vn_json_first(json);
        if (first)
            json = vn_json_entry_value(first);
        else if (vn_json_array_length(json))
            json = vn_json_array_get(json, 0);
        else
            return levels;
    }
}

static void
test_limits(void)
{
    static const char *const innermost[] = {"1", "[]", "{}", "\"x\""};

    for (gsize i = 0; i < G_N_ELEMENTS(innermost); i++) {
        g_autofree char *at = nested(VN_JSON_DEPTH_MAX, innermost[i]);
        g_autoptr(VnJson) json = parse(at);
        g_assert_cmpuint(depth(json), ==, VN_JSON_DEPTH_MAX);
        g_autofree char *past = nested(VN_JSON_DEPTH_MAX + 1, innermost[i]);
        g_autoptr(GError) error = NULL;
        g_assert_null(vn_json_parse(past, strlen(past), VN_JSON_BYTES_MAX, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "nested deeper than 32"));
    }

    g_autofree char *deep = g_strnfill(1000000, '[');
    g_assert_null(vn_json_parse(deep, 1000000, VN_JSON_BYTES_MAX, NULL));

    g_autoptr(GError) error = NULL;
    g_autoptr(VnJson) fits = vn_json_parse("[1]", 3, 3, &error);
    g_assert_no_error(error);
    g_assert_nonnull(fits);
    g_assert_null(vn_json_parse("[1]", 3, 2, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "limit of 2"));
}

static void
test_getters(void)
{
    g_autoptr(VnJson) json =
        parse("{\"s\":\"text\",\"u\":18446744073709551615,\"i\":-5,\"d\":0.5,\"b\":true,"
              "\"o\":{\"x\":1},\"a\":[7,null]}");
    g_autoptr(GError) error = NULL;
    guint64 u = 0;
    gint64 i64 = 0;
    int i = 0;
    double d = 0;
    gboolean b = FALSE;

    g_assert_cmpstr(vn_json_get_string(json, "s", &error), ==, "text");
    g_assert_true(vn_json_get_uint64(json, "u", &u, &error));
    g_assert_cmpuint(u, ==, G_MAXUINT64);
    g_assert_true(vn_json_get_int64(json, "i", &i64, &error));
    g_assert_cmpint(i64, ==, -5);
    g_assert_true(vn_json_get_int(json, "i", &i, &error));
    g_assert_cmpint(i, ==, -5);
    g_assert_true(vn_json_get_double(json, "d", &d, &error));
    g_assert_cmpfloat(d, ==, 0.5);
    g_assert_true(vn_json_get_double(json, "i", &d, &error));
    g_assert_cmpfloat(d, ==, -5);
    g_assert_true(vn_json_get_bool(json, "b", &b, &error));
    g_assert_true(b);
    g_assert_true(vn_json_has(vn_json_get_object(json, "o", &error), "x"));
    const VnJson *array = vn_json_get_array(json, "a", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(vn_json_array_length(array), ==, 2);
    g_assert_cmpint(json_object_get_int64(vn_json_array_get(array, 0)), ==, 7);
    g_assert_null(vn_json_array_get(array, 1));
    g_assert_null(vn_json_array_get(array, 2));
    g_assert_cmpuint(vn_json_array_length(json), ==, 0);
    g_assert_false(vn_json_has(array, "x"));
    g_assert_false(vn_json_has(NULL, "x"));
    g_assert_null(vn_json_first(array));
    g_assert_null(vn_json_first(NULL));
    g_assert_cmpstr(vn_json_entry_key(vn_json_first(json)), ==, "s");
}

#define ASSERT_WRONG(call, text)                            \
    do {                                                    \
        g_autoptr(GError) wrong_ = NULL;                    \
        GError **error = &wrong_;                           \
        g_assert_false((call));                             \
        g_assert_error(wrong_, VN_ERROR, VN_ERROR_INVALID); \
        g_assert_cmpstr(wrong_->message, ==, text);         \
    } while (0)

static void
test_getters_refuse(void)
{
    g_autoptr(VnJson) json = parse("{\"id\":\"0\",\"n\":-1,\"f\":1.0,\"z\":null,"
                                   "\"big\":9223372036854775808,\"i\":2147483648}");
    g_autoptr(VnJson) small =
        parse("{\"a very long key, longer than shown\":2147483647}");
    g_autoptr(VnJson) array = parse("[]");
    guint64 u = 42;
    gint64 i64 = 42;
    int i = 42;
    gboolean b = 42;

    ASSERT_WRONG(vn_json_get_string(json, "x", error),
                 "object {id, n, f, z, ...}: 'x' is missing");
    ASSERT_WRONG(vn_json_get_string(json, "z", error),
                 "object {id, n, f, z, ...}: 'z' is null, not a string");
    ASSERT_WRONG(vn_json_get_uint64(json, "id", &u, error),
                 "object {id, n, f, z, ...}: 'id' is a string, not a whole number");
    ASSERT_WRONG(vn_json_get_uint64(json, "n", &u, error),
                 "object {id, n, f, z, ...}: 'n' is -1, less than 0");
    ASSERT_WRONG(
        vn_json_get_uint64(json, "f", &u, error),
        "object {id, n, f, z, ...}: 'f' is a number with a fraction, not a whole "
        "number");
    ASSERT_WRONG(
        vn_json_get_int64(json, "big", &i64, error),
        "object {id, n, f, z, ...}: 'big' is not between -9223372036854775808 and "
        "9223372036854775807");
    ASSERT_WRONG(
        vn_json_get_int(json, "i", &i, error),
        "object {id, n, f, z, ...}: 'i' is not between -2147483648 and 2147483647");
    ASSERT_WRONG(vn_json_get_bool(small, "b", &b, error),
                 "object {a very long key, longer }: 'b' is missing");
    ASSERT_WRONG(vn_json_get_optional_bool(json, "n", &b, error),
                 "object {id, n, f, z, ...}: 'n' is a whole number, not a boolean");
    ASSERT_WRONG(vn_json_get_object(array, "k", error), "an array: 'k' is missing");
    ASSERT_WRONG(vn_json_get_array(NULL, "k", error), "null: 'k' is missing");
    g_assert_cmpuint(u, ==, 42);
    g_assert_cmpint(i64, ==, 42);
    g_assert_cmpint(i, ==, 42);
    g_assert_cmpint(b, ==, 42);
    g_assert_true(vn_json_get_int(small, "a very long key, longer than shown", &i, NULL));
    g_assert_cmpint(i, ==, G_MAXINT);
}

static void
test_optional(void)
{
    g_autoptr(VnJson) json =
        parse("{\"z\":null,\"s\":\"t\",\"n\":3,\"b\":false,\"o\":{},\"a\":[]}");
    static const char *const absent[] = {"z", "missing"};
    const char *s = "default";
    const VnJson *o = json;
    guint64 u = 42;
    gint64 i64 = 42;
    int i = 42;
    double d = 42;
    gboolean b = TRUE;

    for (gsize k = 0; k < G_N_ELEMENTS(absent); k++) {
        g_assert_true(vn_json_get_optional_string(json, absent[k], &s, NULL));
        g_assert_true(vn_json_get_optional_object(json, absent[k], &o, NULL));
        g_assert_true(vn_json_get_optional_array(json, absent[k], &o, NULL));
        g_assert_true(vn_json_get_optional_uint64(json, absent[k], &u, NULL));
        g_assert_true(vn_json_get_optional_int64(json, absent[k], &i64, NULL));
        g_assert_true(vn_json_get_optional_int(json, absent[k], &i, NULL));
        g_assert_true(vn_json_get_optional_double(json, absent[k], &d, NULL));
        g_assert_true(vn_json_get_optional_bool(json, absent[k], &b, NULL));
    }
    g_assert_cmpstr(s, ==, "default");
    g_assert_true(o == json && u == 42 && i64 == 42 && i == 42 && d == 42 && b);

    g_assert_true(vn_json_get_optional_string(json, "s", &s, NULL));
    g_assert_true(vn_json_get_optional_uint64(json, "n", &u, NULL));
    g_assert_true(vn_json_get_optional_int64(json, "n", &i64, NULL));
    g_assert_true(vn_json_get_optional_int(json, "n", &i, NULL));
    g_assert_true(vn_json_get_optional_double(json, "n", &d, NULL));
    g_assert_true(vn_json_get_optional_bool(json, "b", &b, NULL));
    g_assert_cmpstr(s, ==, "t");
    g_assert_true(u == 3 && i64 == 3 && i == 3 && d == 3 && !b);
    g_assert_true(vn_json_get_optional_array(json, "a", &o, NULL));
    g_assert_true(json_object_is_type(o, json_type_array));
    g_assert_true(vn_json_get_optional_object(json, "o", &o, NULL));
    g_assert_true(json_object_is_type(o, json_type_object));
}

static void
test_pretty(void)
{
    g_autoptr(VnJson) json = parse("{\"a\":[1,{}],\"b\":[]}");
    g_autofree char *text = vn_json_print(json, TRUE);
    g_autofree char *null = vn_json_print(NULL, TRUE);
    g_assert_cmpstr(text, ==, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
    g_assert_cmpstr(null, ==, "null");
}

/* Whatever double there is, reading what was printed gives the same. */
static void
test_doubles(void)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.95, "0.95"},      {1, "1.0"},
        {-0.0, "-0.0"},      {0.1 + 0.2, "0.30000000000000004"},
        {1e21, "1e+21"},     {NAN, "null"},
        {-INFINITY, "null"}, {DBL_MAX, "1.7976931348623157e+308"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnJson) json = vn_json_new_double(cases[i].value);
        g_autofree char *text = vn_json_print(json, FALSE);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
    for (int round = 0; round < 2000; round++) {
        guint64 bits = (guint64) g_test_rand_int() << 32 | (guint32) g_test_rand_int();
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        g_autoptr(VnJson) json = vn_json_new_double(value);
        g_autofree char *text = vn_json_print(json, FALSE);
        g_autoptr(VnJson) again = parse(text);
        g_assert_cmpint(json_object_get_type(again), ==, json_type_double);
        double same = json_object_get_double(again);
        g_assert_cmpmem(&same, sizeof(same), &value, sizeof(value));
    }
}

static void
test_from_variant(void)
{
    static const struct {
        const char *variant;
        const char *json;
    } cases[] = {
        {"@a{sv} {}", "{}"},
        {"{'ratio': <0.95>, 'none': <@md nothing>, 'some': <@md 0.5>}",
         "{\"ratio\":0.95,\"none\":null,\"some\":0.5}"},
        {"@au [1, 4294967295]", "[1,4294967295]"},
        {"(byte 255, int16 -1, uint16 1, int32 -2, uint32 2, int64 -3, uint64 3, handle 4)",
         "[255,-1,1,-2,2,-3,3,4]"},
        {"uint64 18446744073709551615", "18446744073709551615"},
        {"{uint32 3: 'three'}", "{\"3\":\"three\"}"},
        {"{objectpath '/a': signature 's'}", "{\"/a\":\"s\"}"},
        {"{signature 'ai': [true]}", "{\"ai\":[true]}"},
        {"@{sv} {'k', <'v'>}", "{\"k\":\"v\"}"},
        {"[<<1>>, <@as []>, <()>]", "[1,[],[]]"},
        {"@mms just nothing", "null"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) variant =
            g_variant_parse(NULL, cases[i].variant, NULL, NULL, &error);
        g_assert_no_error(error);
        g_autoptr(VnJson) json = vn_json_from_variant(variant);
        g_autofree char *text = vn_json_print(json, FALSE);
        g_assert_cmpstr(text, ==, cases[i].json);
    }
    g_autoptr(GVariant) nan = g_variant_ref_sink(g_variant_new_double(NAN));
    g_assert_null(vn_json_from_variant(nan));
}

static void
test_to_variant(void)
{
    g_autoptr(VnJson) json =
        parse("{\"s\":\"t\",\"i\":-1,\"x\":9223372036854775807,\"t\":9223372036854775808,"
              "\"d\":1.0,\"b\":true,\"n\":null,\"a\":[1,\"x\",null],\"o\":{\"e\":{}}}");
    g_autoptr(GVariant) variant = vn_json_to_variant(json);
    g_autofree char *text = g_variant_print(variant, TRUE);
    g_assert_false(g_variant_is_floating(variant));
    g_assert_cmpstr(text, ==,
                    "{'s': <'t'>, 'i': <int64 -1>, 'x': <int64 9223372036854775807>, "
                    "'t': <uint64 9223372036854775808>, 'd': <1.0>, 'b': <true>, "
                    "'n': <@mv nothing>, 'a': <[<int64 1>, <'x'>, <@mv nothing>]>, "
                    "'o': <{'e': <@a{sv} {}>}>}");

    g_autoptr(VnJson) again = vn_json_from_variant(variant);
    g_autofree char *one = vn_json_print(json, FALSE);
    g_autofree char *other = vn_json_print(again, FALSE);
    g_assert_cmpstr(one, ==, other);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/round-trip", test_round_trip);
    g_test_add_func("/json/refused", test_refused);
    g_test_add_func("/json/limits", test_limits);
    g_test_add_func("/json/getters", test_getters);
    g_test_add_func("/json/getters-refuse", test_getters_refuse);
    g_test_add_func("/json/optional", test_optional);
    g_test_add_func("/json/pretty", test_pretty);
    g_test_add_func("/json/doubles", test_doubles);
    g_test_add_func("/json/from-variant", test_from_variant);
    g_test_add_func("/json/to-variant", test_to_variant);
    return g_test_run();
}
