/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnIdSet: the list format both ways, its limits, and the set operations. */
#include "model/idset.h"

static void
test_round_trip(void)
{
    static const struct {
        const char *text;
        const char *canonical;
        guint count;
    } cases[] = {
        {"", "", 0},
        {"\n", "", 0},
        {"0", "0", 1},
        {"0-3,8\n", "0-3,8", 5},
        {"8, 0-3 ,2", "0-3,8", 5},
        {"63-64,127-128", "63-64,127-128", 4},
        {"65535", "65535", 1},
        {"1,1,1", "1", 1},
        {"0-63", "0-63", 64},
        {"64-127", "64-127", 64},
        {"1-62,66-190", "1-62,66-190", 187},
        {"9-65535,0-9", "0-65535", 65536},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnIdSet) set = vn_idset_parse(cases[i].text, &error);
        g_assert_no_error(error);
        g_autofree char *text = vn_idset_format(set);
        g_assert_cmpstr(text, ==, cases[i].canonical);
        g_assert_cmpuint(vn_idset_count(set), ==, cases[i].count);
    }
}

static void
test_refused(void)
{
    static const char *const texts[] = {
        ",",   "1,",          ",1",   "3-1",     "-1",    "1-",
        "a",   "0x1",         "1 2",  "1\n2",    "65536", "0-65536",
        "1;2", "99999999999", "1--2", "0-3:1/2", "\xff",  "1-2-3",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnIdSet) set = vn_idset_parse(texts[i], &error);
        g_assert_null(set);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
    }
}

static void
test_operations(void)
{
    g_autoptr(VnIdSet) low = vn_idset_parse("0-70", NULL);
    g_autoptr(VnIdSet) high = vn_idset_parse("64-200", NULL);
    g_autoptr(VnIdSet) set = vn_idset_copy(low);

    vn_idset_keep_all(set, high);
    g_autofree char *common = vn_idset_format(set);
    g_assert_cmpstr(common, ==, "64-70");
    g_assert_true(vn_idset_is_subset(set, low));
    g_assert_true(vn_idset_is_subset(set, high));
    g_assert_false(vn_idset_is_subset(high, low));
    g_assert_true(vn_idset_overlaps(low, high));

    vn_idset_add_all(set, high);
    g_assert_true(vn_idset_equal(set, high));
    vn_idset_remove_all(set, high);
    g_assert_true(vn_idset_is_empty(set));
    g_assert_false(vn_idset_overlaps(set, low));
    g_assert_cmpint(vn_idset_next(set, 0), ==, -1);
}

/* Whatever set there is, printing and reading it gives the same set. */
static void
test_format_is_the_inverse_of_parse(void)
{
    for (int round = 0; round < 200; round++) {
        g_autoptr(VnIdSet) set = vn_idset_new();
        for (int i = g_test_rand_int_range(0, 60); i > 0; i--)
            vn_idset_add(set, (guint) g_test_rand_int_range(0, 300));
        g_autofree char *text = vn_idset_format(set);
        g_autoptr(VnIdSet) again = vn_idset_parse(text, NULL);
        g_assert_nonnull(again);
        g_assert_true(vn_idset_equal(set, again));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/idset/round-trip", test_round_trip);
    g_test_add_func("/idset/refused", test_refused);
    g_test_add_func("/idset/operations", test_operations);
    g_test_add_func("/idset/format-is-the-inverse-of-parse",
                    test_format_is_the_inverse_of_parse);
    return g_test_run();
}
