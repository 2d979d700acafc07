/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hexadecimal bitmaps of CPUs, as kernels of all ages print them. */
#include "host/cpumap.h"

static void
test_good(void)
{
    static const struct {
        const char *text;
        const char *list;
    } cases[] = {
        {"0", ""},
        {"f", "0-3"},
        {"00000000,0000ffff", "0-15"},
        {"000f,c0000000", "30-35"},
        {"0001,00000000,00000000", "64"},
        {"80000001", "0,31"},
        {"FFff", "0-15"},
        {"00000,00000000,00000040", "6"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnIdSet) set = vn_cpumap_parse(cases[i].text, &error);
        g_assert_no_error(error);
        g_autofree char *list = vn_idset_format(set);
        g_assert_cmpstr(list, ==, cases[i].list);
    }
}

static void
test_refused(void)
{
    static const char *const texts[] = {
        "", ",", "1,", ",1", "0x1", "g", "1 2", "0-3", "123456789", "1,,1", "-1", "\xff",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vn_cpumap_parse(texts[i], &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    }
}

/* VN_ID_MAX is bit 31 of the 2048th group; leading zeros above it say nothing. */
static void
test_limit(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = g_string_new("80000000");
    for (guint i = 1; i < (VN_ID_MAX + 1) / 32; i++)
        g_string_append(text, ",00000000");
    g_autoptr(VnIdSet) set = vn_cpumap_parse(text->str, &error);
    g_assert_no_error(error);
    g_assert_cmpint(vn_idset_next(set, 0), ==, VN_ID_MAX);

    g_string_prepend(text, "0,");
    g_autoptr(VnIdSet) same = vn_cpumap_parse(text->str, &error);
    g_assert_no_error(error);
    g_assert_true(vn_idset_equal(set, same));

    text->str[0] = '1';
    g_assert_null(vn_cpumap_parse(text->str, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpumap/good", test_good);
    g_test_add_func("/cpumap/refused", test_refused);
    g_test_add_func("/cpumap/limit", test_limit);
    return g_test_run();
}
