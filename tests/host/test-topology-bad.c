/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vn_topology_read() on damaged machines: each file of a recorded tree in turn cut off,
 * emptied, removed, or something else. There is a whole result or a clear error, always;
 * and damage to what is optional is never an error.
 */
#include "host/topology.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/host/tree.h"

/* All but the list of CPUs, and each node's CPUs, memory and (malformed) distances. */
static gboolean
is_optional(const char *path)
{
    return strstr(path, "/hugepages/") || strstr(path, "/access") ||
           strstr(path, "/topology/") || strstr(path, "/cache/") ||
           strstr(path, "/memory_tiering/") || strstr(path, "/pci/") ||
           strstr(path, "/possible") || g_str_has_suffix(path, "/cpumap") ||
           (strstr(path, "cpu/cpu") && g_str_has_suffix(path, "/online")) ||
           g_str_has_prefix(path, "proc/");
}

static void
assert_whole(const VnHost *host)
{
    int last = -1;
    g_assert_cmpuint(host->nodes->len, >, 0);
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        g_assert_cmpint((int) node->id, >, last);
        last = (int) node->id;
        g_assert_cmpuint(node->free_bytes, <=, node->memory_bytes);
        g_assert_nonnull(node->distances);
        for (guint j = 0; j < host->nodes->len; j++) {
            g_assert_cmpuint(node->distances[j], >=, VN_DISTANCE_LOCAL);
            g_assert_cmpuint(node->distances[j], <=, VN_DISTANCE_UNREACHABLE);
        }
    }
    last = -1;
    g_assert_cmpuint(host->cpus->len, >, 0);
    for (guint i = 0; i < host->cpus->len; i++) {
        const VnHostCpu *cpu = host->cpus->pdata[i];
        g_assert_cmpint((int) cpu->id, >, last);
        last = (int) cpu->id;
        g_assert_true(cpu->host_node < 0 ||
                      vn_host_find_node(host, (guint) cpu->host_node));
        g_assert_true(!cpu->siblings || vn_idset_contains(cpu->siblings, cpu->id));
    }
    g_autoptr(GVariant) shown = g_variant_ref_sink(vn_host_to_variant(host));
    g_assert_true(g_variant_is_normal_form(shown));
}

static void
check(const VnTree *tree, const char *damaged, gboolean optional)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnHost) host = vn_topology_read(tree, &error);
    if (host) {
        g_assert_no_error(error);
        assert_whole(host);
        return;
    }
    g_assert_nonnull(error);
    g_assert_true(error->domain == VN_ERROR);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    g_assert_true(g_str_has_prefix(error->message, tree));
    if (optional)
        g_error("%s is optional, but: %s", damaged, error->message);
}

static void
damage_file(const VnTree *tree, const char *path)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "nonsense\n",
                                        "-1\n",
                                        "0-\n",
                                        "1,2",
                                        "0\n0",
                                        "99999999999999999999999999999\n",
                                        "65535\n",
                                        "0-65535\n",
                                        "ffffffff,ffffffff\n"};
    static const char binary[] = "\x7f\x45\x4c\x46\0\xff\xfe\x80 MemTotal: \0 kB";
    g_autofree char *whole = g_build_filename(tree, path, NULL);
    g_autofree char *good = NULL;
    gboolean optional = is_optional(path);
    gsize length;
    g_assert_true(g_file_get_contents(whole, &good, &length, NULL));

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        vn_tree_write(tree, path, "%s", texts[i]);
        check(tree, path, optional);
    }
    for (gsize i = 1; i < MIN(length, 6); i++) {
        vn_tree_write_bytes(tree, path, good, i);
        check(tree, path, optional);
    }
    vn_tree_write_bytes(tree, path, binary, sizeof binary - 1);
    check(tree, path, optional);
    g_assert_cmpint(truncate(whole, 200 << 20), ==, 0);
    check(tree, path, optional);
    vn_tree_remove(tree, path);
    check(tree, path, optional);
    vn_tree_make_directory(tree, path);
    check(tree, path, optional);
    vn_tree_remove(tree, path);
    g_assert_cmpint(mkfifo(whole, 0644), ==, 0);
    check(tree, path, optional);
    vn_tree_remove(tree, path);
    vn_tree_link(tree, path, "/proc/self/mem");
    check(tree, path, optional);
    vn_tree_write_bytes(tree, path, good, length);
}

static void
test_files_in_turn(void)
{
    g_autoptr(VnTree) tree = vn_tree_load("lab-four-nodes");
    g_autoptr(GPtrArray) files = vn_tree_files(tree, ".");
    g_assert_cmpuint(files->len, >, 20);
    for (guint i = 0; i < files->len; i++)
        damage_file(tree, (const char *) files->pdata[i] + strlen("./"));
    check(tree, "nothing", TRUE);
}

/* What comes first on the way to the files, replaced by a file, or gone. */
static void
test_directories_in_turn(void)
{
    static const char *const paths[] = {
        "sys/devices/system/node/node1/hugepages",
        "sys/devices/system/node/node1/access0",
        "sys/devices/system/cpu/cpu1/topology",
        "sys/devices/system/cpu/cpu1/cache",
        "sys/devices/system/cpu/cpu1",
        "sys/devices/virtual/memory_tiering",
        "sys/bus/pci/devices",
        "proc",
        "sys/devices/system/node/node1",
        "sys/devices/system/node",
        "sys/devices/system/cpu",
        "sys",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        gboolean optional = i < 8;
        g_autoptr(VnTree) tree = vn_tree_load("lab-four-nodes");
        vn_tree_remove(tree, paths[i]);
        check(tree, paths[i], optional);
        vn_tree_write(tree, paths[i], "a file\n");
        check(tree, paths[i], optional);
        vn_tree_remove(tree, paths[i]);
        vn_tree_link(tree, paths[i], "/");
        check(tree, paths[i], FALSE);
    }
}

/* Any bytes in any of the files at once. */
static void
test_random(void)
{
    g_autoptr(VnTree) tree = vn_tree_load("lab-two-nodes");
    g_autoptr(GPtrArray) files = vn_tree_files(tree, "sys/devices/system");
    static const char alphabet[] = "0123456789,-\n fx";
    for (int round = 0; round < 300; round++) {
        guint8 bytes[64];
        int length = g_test_rand_int_range(0, (int) sizeof bytes);
        for (int i = 0; i < length; i++)
            bytes[i] = (guint8) alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)];
        vn_tree_write_bytes(tree,
                            files->pdata[g_test_rand_int_range(0, (int) files->len)],
                            bytes, (gsize) length);
        check(tree, "random", FALSE);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/topology-bad/files", test_files_in_turn);
    g_test_add_func("/topology-bad/directories", test_directories_in_turn);
    g_test_add_func("/topology-bad/random", test_random);
    return g_test_run();
}
