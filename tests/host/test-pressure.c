/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /proc/pressure/memory: as kernels print it, damaged, and not there. */
#include "host/pressure.h"

#include "tests/host/tree.h"

#include <string.h>

static void
test_kernels(void)
{
    static const struct {
        const char *text;
        double ratio;
    } cases[] = {
        /* As Linux 6.x prints it on a host at rest; then the same with other figures. */
        {"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
         "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
         0},
        {"some avg10=61.77 avg60=21.73 avg300=5.24 total=18235117\n"
         "full avg10=58.60 avg60=20.42 avg300=4.92 total=17156010\n",
         0.6177},
        {"some avg10=100.00 avg60=100.00 avg300=99.87 total=18446744073709551615\n"
         "full avg10=100.00 avg60=100.00 avg300=99.87 total=18446744073709551615",
         1},
        {"full avg10=1.00 avg60=0.00 avg300=0.00 total=0\nsome avg10=3.50\n", 0.035},
    };
    g_autoptr(VnTree) tree = vn_tree_new();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        double ratio = -1;
        vn_tree_write(tree, "proc/pressure/memory", "%s", cases[i].text);
        g_assert_true(vn_pressure_read(tree, &ratio, &error));
        g_assert_no_error(error);
        g_assert_cmpfloat_with_epsilon(ratio, cases[i].ratio, 1e-9);
    }
}

static void
test_damaged(void)
{
    static const char *const texts[] = {
        "",
        "some",
        "some avg10=\n",
        "some avg10=x avg60=0.00\n",
        "some avg10=1.5x avg60=0.00\n",
        "some avg10=-0.01 avg60=0.00\n",
        "some avg10=100.01 avg60=0.00\n",
        "some avg10=nan avg60=0.00\n",
        "some avg10=inf avg60=0.00\n",
        "full avg10=1.00 avg60=0.00 avg300=0.00 total=0\n",
        " some avg10=1.00\n",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        double ratio = 47;
        g_assert_false(vn_pressure_parse(texts[i], "pressure", &ratio, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_true(g_str_has_prefix(error->message, "pressure: "));
        g_assert_cmpfloat(ratio, ==, 47);
    }
}

/* A kernel that does not tell, a root that is not there, a file of any size. */
static void
test_not_there(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    double ratio = 47;
    g_assert_false(vn_pressure_read(tree, &ratio, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "proc/pressure/memory"));
    g_assert_nonnull(strstr(error->message, "psi=1"));
    g_clear_error(&error);

    g_assert_false(vn_pressure_read("/nonexistent/root", &ratio, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
    g_clear_error(&error);

    g_autofree char *large = g_strnfill(4097, 's');
    vn_tree_write(tree, "proc/pressure/memory", "%s", large);
    g_assert_false(vn_pressure_read(tree, &ratio, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_assert_cmpfloat(ratio, ==, 47);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pressure/kernels", test_kernels);
    g_test_add_func("/pressure/damaged", test_damaged);
    g_test_add_func("/pressure/not-there", test_not_there);
    return g_test_run();
}
