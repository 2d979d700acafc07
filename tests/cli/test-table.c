/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnTable: alignment, width in columns, ends of lines, escaping. */
#include "cli/table.h"

static void
assert_table(const VnTable *table, gboolean bold, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    vn_table_append(table, bold, text);
    g_assert_cmpstr(text->str, ==, expected);
}

static VnTable *
new_table(void)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "NAME", VN_ALIGN_LEFT);
    vn_table_add_column(table, "N", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "WHY", VN_ALIGN_LEFT);
    return table;
}

static void
test_alignment(void)
{
    g_autoptr(VnTable) table = new_table();
    g_assert_true(vn_table_is_empty(table));
    vn_table_add(table, "a");
    vn_table_add_uint(table, 7);
    vn_table_take(table, g_strdup("short"));
    vn_table_add(table, "longer name");
    vn_table_add_uint(table, 1234);
    vn_table_add(table, "w");
    g_assert_false(vn_table_is_empty(table));
    assert_table(table, FALSE,
                 "NAME            N  WHY\n"
                 "a               7  short\n"
                 "longer name  1234  w\n");
}

/* No blanks at the end of a line, be the last cells empty or missing. */
static void
test_ends_of_lines(void)
{
    g_autoptr(VnTable) table = new_table();
    vn_table_add(table, "a");
    vn_table_add(table, NULL);
    vn_table_add(table, "");
    vn_table_add(table, "");
    vn_table_add(table, "");
    vn_table_add(table, "w");
    vn_table_add(table, "b");
    assert_table(table, FALSE, "NAME  N  WHY\na\n         w\nb\n");
}

static void
test_width_is_not_bytes(void)
{
    g_autoptr(VnTable) table = new_table();
    vn_table_add(table, "M\xc3\xbc\xe6\x95\xb0");
    vn_table_add_uint(table, 1);
    vn_table_add(table, "x");
    vn_table_add(table, "abcd");
    vn_table_add_uint(table, 2);
    vn_table_add(table, "y");
    assert_table(table, FALSE,
                 "NAME  N  WHY\n"
                 "M\xc3\xbc\xe6\x95\xb0  1  x\n"
                 "abcd  2  y\n");
}

static void
test_escaped(void)
{
    g_autoptr(VnTable) table = new_table();
    vn_table_add(table, "\033c\n");
    vn_table_add_uint(table, 1);
    vn_table_add(table, "x");
    assert_table(table, FALSE, "NAME       N  WHY\n\\u{1b}c\\n  1  x\n");
}

static void
test_bold(void)
{
    g_autoptr(VnTable) table = new_table();
    assert_table(table, TRUE, "\033[1mNAME  N  WHY\033[0m\n");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/table/alignment", test_alignment);
    g_test_add_func("/table/ends-of-lines", test_ends_of_lines);
    g_test_add_func("/table/width-is-not-bytes", test_width_is_not_bytes);
    g_test_add_func("/table/escaped", test_escaped);
    g_test_add_func("/table/bold", test_bold);
    return g_test_run();
}
