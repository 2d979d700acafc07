/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnFiles: limits, links that lead out of the root, and files that are not files. */
#include "host/files.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/host/tree.h"

#define LIMIT 100
#define NOBODY 65534

static VnFiles *
open_tree(const VnTree *tree)
{
    g_autoptr(GError) error = NULL;
    VnFiles *files = vn_files_open(tree, &error);
    g_assert_no_error(error);
    return files;
}

static void
assert_text(const VnFiles *files, const char *path, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = vn_files_read(files, path, LIMIT, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, expected);
}

/* The error's code, and that it names the path with the root in front. */
static void
assert_refused(const VnFiles *files, const char *path, VnErrorCode code)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = vn_files_read(files, path, LIMIT, &error);
    g_assert_null(text);
    g_assert_error(error, VN_ERROR, (int) code);
    g_autofree char *shown = vn_files_shown(files, path);
    g_assert_true(g_str_has_prefix(error->message, shown));
    g_assert_true(g_str_has_prefix(shown, files->root));
    g_assert_null(vn_files_read_optional(files, path, LIMIT));
}

static void
test_root(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autofree char *missing = g_build_filename(tree, "missing", NULL);
    g_assert_null(vn_files_open(missing, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_assert_nonnull(strstr(error->message, missing));

    g_autoptr(VnFiles) real = open_tree("/");
    g_autofree char *shown = vn_files_shown(real, "sys/x");
    g_assert_cmpstr(shown, ==, "/sys/x");
    g_assert_true(vn_files_is_live(real));
    g_autoptr(VnFiles) files = open_tree(tree);
    g_assert_false(vn_files_is_live(files));
}

static void
test_text(void)
{
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnFiles) files = open_tree(tree);
    vn_tree_write(tree, "a/line", "0-3\n");
    vn_tree_write(tree, "a/none", "%s", "");
    vn_tree_write(tree, "a/blank", " \n\n");
    vn_tree_write_bytes(tree, "a/nul-at-end", "0-3\n\0", 5);
    vn_tree_write_bytes(tree, "a/nul-inside", "0-3\0x", 5);
    assert_text(files, "a/line", "0-3");
    assert_text(files, "a/none", "");
    assert_text(files, "a/blank", "");
    assert_text(files, "a/nul-at-end", "0-3");
    assert_refused(files, "a/nul-inside", VN_ERROR_INVALID);
    assert_refused(files, "a/missing", VN_ERROR_GONE);
    g_assert_true(vn_files_exists(files, "a"));
    g_assert_false(vn_files_exists(files, "a/missing"));

    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) bytes =
        vn_files_read_bytes(files, "a/nul-inside", LIMIT, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(bytes->data, bytes->len, "0-3\0x", 5);
    g_assert_cmpint(bytes->data[bytes->len], ==, '\0');
}

static void
test_number(void)
{
    static const char *const bad[] = {"",  "-1", "0x10", "1 2", "9223372036854775808",
                                      "1k"};
    guint64 number = 7;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnFiles) files = open_tree(tree);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        vn_tree_write(tree, "n", "%s\n", bad[i]);
        g_assert_false(vn_files_read_number(files, "n", &number));
        g_assert_cmpuint(number, ==, 7);
    }
    vn_tree_write(tree, "n", "9223372036854775807\n");
    g_assert_true(vn_files_read_number(files, "n", &number));
    g_assert_cmpuint(number, ==, G_MAXINT64);
}

static void
test_limit(void)
{
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnFiles) files = open_tree(tree);
    g_autofree char *full = g_strnfill(LIMIT, 'x');
    vn_tree_write(tree, "full", "%s", full);
    vn_tree_write(tree, "over", "%s.", full);
    assert_text(files, "full", full);
    assert_refused(files, "over", VN_ERROR_INVALID);

    vn_tree_write(tree, "huge", "1");
    g_autofree char *huge = g_build_filename(tree, "huge", NULL);
    g_assert_cmpint(truncate(huge, 200 << 20), ==, 0);
    assert_refused(files, "huge", VN_ERROR_INVALID);
}

static void
test_not_files(void)
{
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnFiles) files = open_tree(tree);
    vn_tree_make_directory(tree, "directory");
    g_autofree char *fifo = g_build_filename(tree, "fifo", NULL);
    g_assert_cmpint(mkfifo(fifo, 0644), ==, 0);
    assert_refused(files, "directory", VN_ERROR_INVALID);
    assert_refused(files, "fifo", VN_ERROR_INVALID);

    g_autoptr(GError) error = NULL;
    g_assert_null(vn_files_list_names(files, "fifo", LIMIT, &error));
    g_assert_nonnull(error);

    g_autoptr(VnFiles) real = open_tree("/");
    assert_refused(real, "dev/zero", VN_ERROR_INVALID);
}

/* As somebody who is not root, for root may read everything. */
static void
test_unreadable(void)
{
    gboolean is_root = geteuid() == 0;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnFiles) files = open_tree(tree);
    vn_tree_write(tree, "secret", "1");
    g_autofree char *secret = g_build_filename(tree, "secret", NULL);
    g_assert_cmpint(chmod(secret, 0), ==, 0);
    g_assert_cmpint(chmod(tree, 0755), ==, 0);
    if (is_root && seteuid(NOBODY) < 0) {
        g_test_skip("cannot become another user");
        return;
    }
    assert_refused(files, "secret", VN_ERROR_REFUSED);
    if (is_root)
        g_assert_cmpint(seteuid(0), ==, 0);
}

/*
 * Absolute links and ".." mean the root's own, as they did where the tree was
 * recorded.
 */
static void
check_links(void)
{
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnFiles) files = open_tree(tree);
    vn_tree_write(tree, "etc/hostname", "recorded\n");
    vn_tree_link(tree, "sys/absolute", "/etc/hostname");
    vn_tree_link(tree, "sys/relative", "../etc/hostname");
    vn_tree_link(tree, "sys/above", "../../../../etc/hostname");
    vn_tree_link(tree, "sys/directory", "/etc");
    vn_tree_link(tree, "sys/again", "directory/./hostname");
    vn_tree_link(tree, "sys/outside", "/proc/self/stat");
    vn_tree_link(tree, "sys/loop", "loop");
    vn_tree_link(tree, "sys/growing", "growing/growing");
    assert_text(files, "sys/absolute", "recorded");
    assert_text(files, "sys/relative", "recorded");
    assert_text(files, "sys/above", "recorded");
    assert_text(files, "sys/directory/hostname", "recorded");
    assert_text(files, "sys/again", "recorded");
    assert_text(files, "../etc/hostname", "recorded");
    assert_refused(files, "sys/outside", VN_ERROR_GONE);
    assert_refused(files, "sys/loop", VN_ERROR_FAILED);
    assert_refused(files, "sys/growing", VN_ERROR_FAILED);

    g_autoptr(GPtrArray) names = vn_files_list_names(files, "sys/directory", 10, NULL);
    g_assert_cmpuint(names->len, ==, 1);
    g_assert_cmpstr(names->pdata[0], ==, "hostname");
}

/* From here on openat2() does not exist for this process. */
static void
forbid_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = G_N_ELEMENTS(code), .filter = code};
    g_assert_cmpint(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
    g_assert_cmpint(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
    g_assert_cmpint(syscall(SYS_openat2, -1, NULL, NULL, 0), ==, -1);
    g_assert_cmpint(errno, ==, ENOSYS);
}

static void
test_links(void)
{
    check_links();
}

static void
test_links_without_openat2(void)
{
    if (g_test_subprocess()) {
        forbid_openat2();
        check_links();
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
}

static void
test_numbers(void)
{
    static const char *const names[] = {"node10", "node2",  "node0",   "node",
                                        "node01", "nodex",  "node-1",  "xnode3",
                                        "node4x", "node+5", "node 6",  "node2147483647",
                                        "node7 ", "NODE8",  "node0x9", "node2147483648"};
    static const guint expected[] = {0, 2, 10, 2147483647};
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnFiles) files = open_tree(tree);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename("d", names[i], NULL);
        vn_tree_make_directory(tree, path);
    }
    vn_tree_make_directory(tree, "pages/hugepages-2048kB");
    vn_tree_make_directory(tree, "pages/hugepages-64MB");

    g_autoptr(GArray) nodes = vn_files_list_numbers(files, "d", "node", "", 4, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(nodes->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < nodes->len; i++)
        g_assert_cmpuint(g_array_index(nodes, guint, i), ==, expected[i]);
    g_autoptr(GArray) sizes =
        vn_files_list_numbers(files, "pages", "hugepages-", "kB", 4, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(sizes->len, ==, 1);
    g_assert_cmpuint(g_array_index(sizes, guint, 0), ==, 2048);

    g_assert_null(vn_files_list_numbers(files, "d", "node", "", 3, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(vn_files_list_numbers(files, "none", "node", "", 3, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
}

static void
test_names(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnFiles) files = open_tree(tree);
    vn_tree_write(tree, "d/b", "1");
    vn_tree_write(tree, "d/.a", "1");
    g_autoptr(GPtrArray) names = vn_files_list_names(files, "d", 2, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(names->len, ==, 2);
    g_assert_cmpstr(names->pdata[0], ==, ".a");
    g_assert_cmpstr(names->pdata[1], ==, "b");
    g_assert_null(vn_files_list_names(files, "d", 1, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/files/root", test_root);
    g_test_add_func("/files/text", test_text);
    g_test_add_func("/files/number", test_number);
    g_test_add_func("/files/limit", test_limit);
    g_test_add_func("/files/not-files", test_not_files);
    g_test_add_func("/files/unreadable", test_unreadable);
    g_test_add_func("/files/links", test_links);
    g_test_add_func("/files/links-without-openat2", test_links_without_openat2);
    g_test_add_func("/files/numbers", test_numbers);
    g_test_add_func("/files/names", test_names);
    return g_test_run();
}
