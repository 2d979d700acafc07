/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trees of files. What goes wrong here is not what is tested: it ends the test. */
#include "tests/host/tree.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

VnTree *
vn_tree_new(void)
{
    g_autoptr(GError) error = NULL;
    char *path = g_dir_make_tmp("vnumad-tree-XXXXXX", &error);
    g_assert_no_error(error);
    return path;
}

static void
remove_path(const char *path)
{
    struct stat status;
    if (lstat(path, &status) < 0)
        return;
    if (S_ISDIR(status.st_mode)) {
        g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
        const char *name;
        while (directory && (name = g_dir_read_name(directory))) {
            g_autofree char *below = g_build_filename(path, name, NULL);
            remove_path(below);
        }
    }
    g_assert_cmpint(remove(path), ==, 0);
}

void
vn_tree_free(VnTree *tree)
{
    if (tree)
        remove_path(tree);
    g_free(tree);
}

static char *
path_with_parents(const VnTree *tree, const char *path)
{
    g_autofree char *whole = g_build_filename(tree, path, NULL);
    g_autofree char *parent = g_path_get_dirname(whole);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    return g_steal_pointer(&whole);
}

void
vn_tree_write_bytes(const VnTree *tree, const char *path, gconstpointer bytes,
                    gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *whole = path_with_parents(tree, path);
    /* A new file: GLib 2.74 leaves the rest of a longer old one in place. */
    remove_path(whole);
    g_file_set_contents_full(whole, bytes, (gssize) length, G_FILE_SET_CONTENTS_NONE,
                             0644, &error);
    g_assert_no_error(error);
}

void
vn_tree_write(const VnTree *tree, const char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    vn_tree_write_bytes(tree, path, text, strlen(text));
}

void
vn_tree_make_directory(const VnTree *tree, const char *path)
{
    g_autofree char *whole = g_build_filename(tree, path, NULL);
    g_assert_cmpint(g_mkdir_with_parents(whole, 0755), ==, 0);
}

void
vn_tree_link(const VnTree *tree, const char *path, const char *target)
{
    g_autofree char *whole = path_with_parents(tree, path);
    g_assert_cmpint(symlink(target, whole), ==, 0);
}

void
vn_tree_remove(const VnTree *tree, const char *path)
{
    g_autofree char *whole = g_build_filename(tree, path, NULL);
    remove_path(whole);
}

static void
add_files(const char *path, gsize root_length, GPtrArray *files)
{
    struct stat status;
    g_assert_cmpint(lstat(path, &status), ==, 0);
    if (S_ISREG(status.st_mode))
        g_ptr_array_add(files, g_strdup(path + root_length + 1));
    if (!S_ISDIR(status.st_mode))
        return;
    const char *name;
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    while (directory && (name = g_dir_read_name(directory))) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        add_files(below, root_length, files);
    }
}

GPtrArray *
vn_tree_files(const VnTree *tree, const char *path)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *whole = g_build_filename(tree, path, NULL);
    add_files(whole, strlen(tree), files);
    return files;
}

VnTree *
vn_tree_load(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *base = g_strconcat(name, ".host", NULL);
    g_autofree char *file =
        g_test_build_filename(G_TEST_DIST, "data", "hosts", base, NULL);
    g_autoptr(VnTree) tree = vn_tree_new();

    g_file_get_contents(file, &text, NULL, &error);
    g_assert_no_error(error);
    /* "@ " opens an entry: a path, and a link's target or the lines of a file. */
    g_auto(GStrv) entries = g_strsplit(text, "\n@ ", -1);
    g_assert_cmpuint(g_strv_length(entries), >, 1);
    for (guint i = 1; entries[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(entries[i], "\n", 2);
        g_auto(GStrv) link = g_strsplit(parts[0], " -> ", 2);
        if (link[1])
            vn_tree_link(tree, link[0], link[1]);
        else
            vn_tree_write(tree, link[0], "%s\n", parts[1] ? parts[1] : "");
    }
    return g_steal_pointer(&tree);
}
