/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest found by its QEMU's socket, with its memory: the test is that QEMU, in a tree
 * that says so. What is refused is for test-vnumad-peers.c.
 */
#include "daemon/peer.h"
#include "tests/host/tree.h"
#include "tests/qmp/fake-peer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define TID 920000
#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define FIRST G_GUINT64_CONSTANT(0x7f1000000000)
#define SECOND G_GUINT64_CONSTANT(0x7f0000000000)
#define NONE "\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}"

typedef enum {
    BOTH,     /* two pieces of RAM, 64 MiB each */
    NO_HMP,   /* it tells of none */
    NO_NODES, /* two pieces, but vCPUs are of none */
    FEWER,    /* one piece, vCPUs are of two nodes */
} Manner;

static void
say_size(FakePeer *peer, const char *id, guint64 bytes)
{
    g_autofree char *arguments =
        g_strdup_printf("{\"path\":\"/objects/%s\",\"property\":\"size\"}", id);
    g_autofree char *answer = g_strdup_printf("\"return\": %" G_GUINT64_FORMAT, bytes);
    fake_peer_answer(peer, "qom-get", arguments, answer);
}

static void
say_address(FakePeer *peer, guint64 gpa, const char *id, guint64 hva)
{
    g_autofree char *arguments =
        g_strdup_printf("{\"command-line\":\"gpa2hva 0x%" G_GINT64_MODIFIER "x\"}", gpa);
    g_autofree char *answer =
        g_strdup_printf("\"return\": \"Host virtual address for 0x%" G_GINT64_MODIFIER
                        "x (%s) is 0x%" G_GINT64_MODIFIER "x\\r\\n\"",
                        gpa, id, hva);
    fake_peer_answer(peer, "human-monitor-command", arguments, answer);
}

static void
say_guest(FakePeer *peer, Manner manner)
{
    const char *nodes[] = {"", ""};
    if (manner != NO_NODES) {
        nodes[0] = ", \"props\": {\"node-id\": 0}";
        nodes[1] = ", \"props\": {\"node-id\": 1}";
    }
    g_autofree char *cpus =
        g_strdup_printf("\"return\": [{\"cpu-index\": 0, \"thread-id\": %d%s}, "
                        "{\"cpu-index\": 1, \"thread-id\": %d%s}]",
                        TID, nodes[0], TID + 1, nodes[1]);
    fake_peer_answer(peer, "query-kvm", NULL,
                     "\"return\": {\"enabled\": true, \"present\": true}");
    fake_peer_answer(peer, "query-name", NULL, "\"return\": {\"name\": \"db9\"}");
    fake_peer_answer(peer, "query-uuid", NULL,
                     "\"return\": {\"UUID\": \"11111111-2222-3333-4444-000000000009\"}");
    fake_peer_answer(peer, "query-status", NULL, "\"return\": {\"running\": true}");
    fake_peer_answer(peer, "query-memory-size-summary", NULL,
                     "\"return\": {\"base-memory\": 134217728}");
    fake_peer_answer(peer, "query-cpus-fast", NULL, cpus);
    fake_peer_answer(peer, "qom-get", "{\"path\":\"/machine\",\"property\":\"type\"}",
                     "\"return\": \"pc-q35-7.2-machine\"");
    fake_peer_answer(peer, "qom-get",
                     "{\"path\":\"/machine\",\"property\":\"max-ram-below-4g\"}",
                     "\"return\": 4294967296");
}

static void
script(FakePeer *peer, gpointer data)
{
    Manner manner = *(const Manner *) data;
    fake_peer_greet(peer);
    say_guest(peer, manner);
    if (manner == NO_HMP) {
        fake_peer_answer(peer, "human-monitor-command",
                         "{\"command-line\":\"gpa2hva 0x0\"}", NONE);
        fake_peer_answer(peer, "human-monitor-command",
                         "{\"command-line\":\"gpa2hva 0x1000000\"}", NONE);
    } else if (manner == FEWER) {
        say_address(peer, 0, "pc.ram", FIRST);
        say_size(peer, "pc.ram", 128 * MIB);
        /* Of its size there is no mapping, so it is not asked further. */
        say_address(peer, 16 * MIB, "pc.ram", FIRST + 16 * MIB);
        say_address(peer, 95 * MIB, "pc.ram", FIRST + 95 * MIB);
    } else {
        say_address(peer, 0, "one", FIRST);
        say_size(peer, "one", 64 * MIB);
        say_address(peer, 64 * MIB, "other", SECOND);
        say_size(peer, "other", 64 * MIB);
        /* Of two that look alike one has to be asked about. */
        say_address(peer, 16 * MIB, "one", FIRST + 16 * MIB);
        say_address(peer, 63 * MIB, "one", FIRST + 63 * MIB);
    }
    fake_peer_await_end(peer);
}

/* What procfs has of the test's own process. */
static VnTree *
tree_new(void)
{
    VnTree *tree = vn_tree_new();
    g_autofree char *folder = g_strdup_printf("proc/%d", getpid());
    g_autofree char *exe = g_strdup_printf("%s/exe", folder);
    g_autofree char *stat = g_strdup_printf("%s/stat", folder);
    g_autofree char *maps = g_strdup_printf("%s/maps", folder);
    g_autofree char *numa_maps = g_strdup_printf("%s/numa_maps", folder);
    vn_tree_link(tree, exe, "/usr/bin/qemu-system-x86_64");
    vn_tree_write(
        tree, stat,
        "%d (qemu-system-x86) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 777 0 0\n",
        getpid());
    vn_tree_write(tree, maps,
                  "7f0000000000-7f0004000000 rw-p 00000000 00:00 0\n"
                  "7f1000000000-7f1004000000 rw-p 00000000 00:00 0\n");
    vn_tree_write(tree, numa_maps,
                  "7f0000000000 default anon=1 dirty=1 N0=1 kernelpagesize_kB=4\n"
                  "7f1000000000 default anon=1 dirty=1 N1=1 kernelpagesize_kB=4\n");
    for (int i = 0; i < 2; i++) {
        g_autofree char *status = g_strdup_printf("%s/task/%d/status", folder, TID + i);
        vn_tree_write(tree, status, "Cpus_allowed_list:\t%d\n", i);
    }
    return tree;
}

static VnGuest *
find(Manner manner)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = tree_new();
    g_autofree char *folder = g_dir_make_tmp("vnumad-peer-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "qmp", NULL);
    VnQmpClient *client = NULL;
    FakePeer *peer = fake_peer_listen(script, &manner, path);
    VnGuest *guest = vn_peer_find(tree, path, &client, &error);
    g_assert_no_error(error);
    g_assert_nonnull(client);
    g_assert_cmpstr(guest->qmp_path, ==, path);
    vn_qmp_client_free(client);
    fake_peer_join(peer);
    g_assert_cmpint(g_unlink(path) | g_rmdir(folder), ==, 0);
    return guest;
}

static void
assert_cell(const VnGuest *guest, guint i, guint64 mib, guint64 start, const char *vcpus)
{
    const VnCell *cell = guest->cells->pdata[i];
    g_autofree char *text = vn_idset_format(cell->vcpus);
    g_assert_cmpuint(cell->memory_bytes, ==, mib * MIB);
    g_assert_cmphex(cell->hva_start, ==, start);
    g_assert_cmphex(cell->hva_end, ==, start ? start + mib * MIB : 0);
    g_assert_cmpstr(text, ==, vcpus);
}

static void
test_both(void)
{
    g_autoptr(VnGuest) guest = find(BOTH);
    g_assert_cmpstr(guest->name, ==, "db9");
    g_assert_cmpint(guest->pid, ==, getpid());
    g_assert_cmpuint(guest->start_ticks, ==, 777);
    g_assert_cmpint(guest->state, ==, VN_GUEST_RUNNING);
    g_assert_true(guest->told_cells);
    g_assert_cmpuint(guest->cells->len, ==, 2);
    assert_cell(guest, 0, 64, FIRST, "0");
    assert_cell(guest, 1, 64, SECOND, "1");
    g_assert_true(vn_idset_contains(((VnVcpu *) guest->vcpus->pdata[1])->affinity, 1));
}

static void
test_less(void)
{
    g_autoptr(VnGuest) silent = find(NO_HMP);
    g_assert_cmpuint(silent->cells->len, ==, 1);
    g_assert_false(silent->told_cells);
    assert_cell(silent, 0, 128, 0, "0-1");

    g_autoptr(VnGuest) plain = find(NO_NODES);
    g_assert_cmpuint(plain->cells->len, ==, 2);
    g_assert_false(plain->told_cells);
    assert_cell(plain, 0, 64, FIRST, "0-1");
    assert_cell(plain, 1, 64, SECOND, "");

    g_autoptr(VnGuest) fewer = find(FEWER);
    g_assert_cmpuint(fewer->cells->len, ==, 1);
    g_assert_false(fewer->told_cells);
    assert_cell(fewer, 0, 128, 0, "0-1");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/peer/both", test_both);
    g_test_add_func("/peer/less", test_less);
    return g_test_run();
}
