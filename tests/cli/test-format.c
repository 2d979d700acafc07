/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values as text: units and their borders, what is not known, what a name may do. */
#include "cli/format.h"

#include <math.h>

static void
assert_text(char *text, const char *expected)
{
    g_assert_cmpstr(text, ==, expected);
    g_free(text);
}

static void
test_ratio(void)
{
    assert_text(vn_format_ratio(0), "0.0 %");
    assert_text(vn_format_ratio(0.996), "99.6 %");
    assert_text(vn_format_ratio(0.99999), "99.9 %");
    assert_text(vn_format_ratio(1), "100.0 %");
    assert_text(vn_format_ratio((double) NAN), "-");
    assert_text(vn_format_ratio(-1), "-");
}

static void
test_duration(void)
{
    assert_text(vn_format_duration(0), "0 ms");
    assert_text(vn_format_duration(0.85), "850 ms");
    assert_text(vn_format_duration(0.9999), "1.0 s");
    assert_text(vn_format_duration(12.34), "12.3 s");
    assert_text(vn_format_duration(59.99), "1 min 00 s");
    assert_text(vn_format_duration(245), "4 min 05 s");
    assert_text(vn_format_duration(3599.9), "1 h 00 min");
    assert_text(vn_format_duration(7380), "2 h 03 min");
    assert_text(vn_format_duration(-1), "-");
    assert_text(vn_format_duration((double) NAN), "-");
    assert_text(vn_format_duration((double) INFINITY), "-");
}

static void
test_ids(void)
{
    g_autoptr(VnIdSet) set = vn_idset_new();
    assert_text(vn_format_ids(NULL), "-");
    assert_text(vn_format_ids(set), "-");
    vn_idset_add(set, 0);
    vn_idset_add(set, 1);
    vn_idset_add(set, 8);
    assert_text(vn_format_ids(set), "0-1,8");
}

static void
test_bar(void)
{
    assert_text(vn_format_bar(0, 4), "....");
    assert_text(vn_format_bar(0.5, 4), "##..");
    assert_text(vn_format_bar(1, 4), "####");
    assert_text(vn_format_bar(7, 4), "####");
    assert_text(vn_format_bar(-7, 4), "....");
    assert_text(vn_format_bar((double) NAN, 4), "....");
    assert_text(vn_format_bar(1, 0), "");
}

static void
test_escape(void)
{
    assert_text(vn_format_escape("db1"), "db1");
    assert_text(vn_format_escape("a\nb\tc"), "a\\nb\\tc");
    assert_text(vn_format_escape("\033[2Jx\177"), "\\u{1b}[2Jx\\u{7f}");
    assert_text(vn_format_escape("\xc2\x9b"), "\\u{9b}");
    /* a right-to-left override, and a line separator */
    assert_text(vn_format_escape("a\xe2\x80\xae"), "a\\u{202e}");
    assert_text(vn_format_escape("a\xe2\x80\xa8"), "a\\u{2028}");
    assert_text(vn_format_escape("M\xc3\xbcller"), "M\xc3\xbcller");
    assert_text(vn_format_escape("\xff"), "\xef\xbf\xbd");
}

static void
test_width(void)
{
    g_assert_cmpuint(vn_format_width(""), ==, 0);
    g_assert_cmpuint(vn_format_width("M\xc3\xbcller"), ==, 6);
    /* u and a combining diaeresis; then two wide characters */
    g_assert_cmpuint(vn_format_width("u\xcc\x88"), ==, 1);
    g_assert_cmpuint(vn_format_width("\xe6\x95\xb0\xe6\x8d\xae"), ==, 4);
    assert_text(vn_format_truncate("\xe6\x95\xb0\xe6\x8d\xae", 3), "\xe6\x95\xb0");
    assert_text(vn_format_truncate("abc", 3), "abc");
    assert_text(vn_format_truncate("abcd", 3), "abc");
    assert_text(vn_format_truncate("abcd", 0), "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/format/ratio", test_ratio);
    g_test_add_func("/format/duration", test_duration);
    g_test_add_func("/format/ids", test_ids);
    g_test_add_func("/format/bar", test_bar);
    g_test_add_func("/format/escape", test_escape);
    g_test_add_func("/format/width", test_width);
    return g_test_run();
}
