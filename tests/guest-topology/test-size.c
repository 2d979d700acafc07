/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes with libvirt's units, and its cpusets with exclusions. */
#include "guest-topology/size.h"

static void
test_sizes(void)
{
    static const struct {
        const char *text;
        const char *unit;
        guint64 bytes;
    } cases[] = {
        {"1", NULL, 1024},
        {"1", "", 1024},
        {"1", "KiB", 1024},
        {"1", "k", 1024},
        {"2", "KB", 2048}, /* 2000 bytes, in whole KiB */
        {"1024", "b", 1024},
        {"1025", "bytes", 2048},
        {"1", "byte", 1024},
        {"0", "GiB", 0},
        {"3", "M", G_GUINT64_CONSTANT(3) << 20},
        {"3", "mib", G_GUINT64_CONSTANT(3) << 20},
        {"1", "MB", 1000448}, /* 1000000 */
        {"4", "GiB", G_GUINT64_CONSTANT(4) << 30},
        {"1", "T", G_GUINT64_CONSTANT(1) << 40},
        {"1", "PiB", G_GUINT64_CONSTANT(1) << 50},
        {"7", "EiB", G_GUINT64_CONSTANT(7) << 60},
        {"9223372036854774784", "b", G_GUINT64_CONSTANT(9223372036854774784)},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        guint64 bytes = 1;
        g_assert_true(vn_size_parse(cases[i].text, cases[i].unit, &bytes, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(bytes, ==, cases[i].bytes);
    }
}

static void
test_sizes_refused(void)
{
    static const struct {
        const char *text;
        const char *unit;
    } cases[] = {
        {"", NULL},        {"-1", NULL},
        {" 1", NULL},      {"1 ", NULL},
        {"0x10", NULL},    {"1.5", "GiB"},
        {"1", "KiBs"},     {"1", "i"},
        {"1", "XiB"},      {"1", "bit"},
        {"8", "EiB"},      {"18446744073709551615", "b"},
        {"16", "EiB"},     {"99999999999999999999", "b"},
        {"1", "\xc3\xa4"}, {"9223372036854775807", "b"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        guint64 bytes = 77;
        g_assert_false(vn_size_parse(cases[i].text, cases[i].unit, &bytes, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_cmpuint(bytes, ==, 77);
    }
}

static void
test_cpusets(void)
{
    static const struct {
        const char *text;
        const char *canonical;
    } cases[] = {
        {"0", "0"},        {"0-3,^1", "0,2-3"}, {"0-3, ^1 ,8", "0,2-3,8"},
        {"^1,0-3", "0-3"}, {"0-3,^1,1", "0-3"}, {"0-65535,^0", "1-65535"},
        {"1,^2", "1"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnIdSet) set = vn_cpuset_parse(cases[i].text, &error);
        g_assert_no_error(error);
        g_autofree char *text = vn_idset_format(set);
        g_assert_cmpstr(text, ==, cases[i].canonical);
    }
}

static void
test_cpusets_refused(void)
{
    static const char *const texts[] = {
        "",      ",",
        "1,",    "^1",
        "1,^1",  "0-3,^1-2",
        "^",     "1^2",
        "0-3,^", "65536",
        "a",     "^^1",
        "-1",    "0-65535,0-65535,0-65535,0-65535,0-65535",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnIdSet) set = vn_cpuset_parse(texts[i], &error);
        g_assert_null(set);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/size/sizes", test_sizes);
    g_test_add_func("/size/sizes-refused", test_sizes_refused);
    g_test_add_func("/size/cpusets", test_cpusets);
    g_test_add_func("/size/cpusets-refused", test_cpusets_refused);
    return g_test_run();
}
