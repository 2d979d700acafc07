/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Feeds each file of the corpus folder given as argument to a fuzz target, one test a
 * file, so that what fuzzing once found stays tested by any compiler. Takes the place of
 * libFuzzer's main.
 */
#include "tests/fuzz/fuzz.h"

#include <glib.h>
#include <string.h>

static void
test_file(gconstpointer user_data)
{
    const char *path = user_data;
    g_autoptr(GError) error = NULL;
    g_autofree char *data = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &data, &size, &error));
    g_assert_no_error(error);
    /* A copy of the exact size, so that a sanitizer sees a read behind it. */
    g_autofree uint8_t *exact = g_memdup2(data, size);
    g_assert_cmpint(LLVMFuzzerTestOneInput(exact, size), ==, 0);
}

static void
test_nothing(void)
{
    g_assert_cmpint(LLVMFuzzerTestOneInput((const uint8_t *) "", 0), ==, 0);
}

static int
compare(gconstpointer one, gconstpointer other)
{
    return strcmp(*(const char *const *) one, *(const char *const *) other);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    g_test_init(&argc, &argv, NULL);
    if (argc != 2) {
        g_printerr("usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    g_autoptr(GDir) folder = g_dir_open(argv[1], 0, &error);
    if (!folder) {
        g_printerr("%s\n", error->message);
        return 1;
    }
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = g_dir_read_name(folder); name; name = g_dir_read_name(folder))
        g_ptr_array_add(paths, g_build_filename(argv[1], name, NULL));
    if (!paths->len) {
        g_printerr("%s: no corpus there\n", argv[1]);
        return 1;
    }
    g_ptr_array_sort(paths, compare);
    g_test_add_func("/replay/(nothing)", test_nothing);
    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *base = g_path_get_basename(paths->pdata[i]);
        g_autofree char *test = g_strdup_printf("/replay/%s", base);
        g_test_add_data_func(test, paths->pdata[i], test_file);
    }
    return g_test_run();
}
