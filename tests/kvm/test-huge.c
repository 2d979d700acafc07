/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KVM's counters of huge mappings, there and not. */
#include "kvm/huge.h"

#include <glib/gstdio.h>

static char *folder;

static void
put(const char *guest, const char *counter, const char *text)
{
    g_autofree char *path = g_build_filename(folder, guest, NULL);
    g_autofree char *file = g_build_filename(path, counter, NULL);
    g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
    if (text)
        g_assert_true(g_file_set_contents(file, text, -1, NULL));
    else
        g_remove(file);
}

static void
remove_guest(const char *guest)
{
    g_autofree char *path = g_build_filename(folder, guest, NULL);
    put(guest, "pages_2m", NULL);
    put(guest, "pages_1g", NULL);
    g_assert_cmpint(g_rmdir(path), ==, 0);
}

/* The worst look counts; what is joined again, or comes anew, takes nothing away. */
static void
test_splits(void)
{
    static const struct {
        const char *pages_2m; /* NULL: it cannot be read */
        const char *pages_1g;
        guint64 splits;
    } looks[] = {
        {"100\n", "3\n", 0}, {"140\n", "3\n", 0},    {"90\n", "3\n", 10},
        {"0\n", "2\n", 101}, {"100\n", "3\n", 101},  {NULL, "0\n", 103},
        {"x\n", NULL, 103},  {"-1\n", "0 0\n", 103}, {"\n", "", 103},
    };
    put("42-12", "pages_2m", "100\n");
    put("42-12", "pages_1g", "3\n");
    put("4242-12", "pages_2m", "7\n");
    put("4242-12", "pages_1g", "0\n");
    g_autoptr(VnHuge) huge = vn_huge_new(folder, 42);
    g_assert_nonnull(huge);
    for (gsize i = 0; i < G_N_ELEMENTS(looks); i++) {
        put("42-12", "pages_2m", looks[i].pages_2m);
        put("42-12", "pages_1g", looks[i].pages_1g);
        vn_huge_look(huge);
        g_assert_cmpuint(vn_huge_splits(huge), ==, looks[i].splits);
    }
    remove_guest("42-12");
    vn_huge_look(huge);
    g_assert_cmpuint(vn_huge_splits(huge), ==, 103);
    remove_guest("4242-12");
}

static void
test_not_known(void)
{
    put("421-12", "pages_2m", "100\n");
    g_assert_null(vn_huge_new(folder, 421)); /* no pages_1g */
    put("421-12", "pages_1g", "many\n");
    g_assert_null(vn_huge_new(folder, 421));
    g_assert_null(vn_huge_new(folder, 42));
    g_assert_null(vn_huge_new("/nowhere", 421));
    remove_guest("421-12");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/huge/splits", test_splits);
    g_test_add_func("/huge/not-known", test_not_known);
    folder = g_dir_make_tmp("vnumad-test-XXXXXX", NULL);
    int result = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return result;
}
