/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnMove on the real kernel: the memory of child processes between host nodes 0 and 1.
 * Needs root and two nodes with memory, else it skips: meant for the lab, where the
 * machine is its own, as it takes huge pages and makes a control group.
 */
#include "host/move.h"

#include <errno.h>
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE G_GUINT64_CONSTANT(4096)
#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define HUGE (2 * MIB)
#define CHUNK (32 * MIB)
#define GROUP "/sys/fs/cgroup/vnumad-move-real"
#define TURNS_MAX 1000

typedef enum { SMALL, TRANSPARENT, HUGETLB } Backing;

typedef struct {
    int pid;
    guint64 start;
    guint64 bytes;
    guint64 page_size_bytes;
} Child;

/* ---- Children: each fills one range on one node, then waits to be killed ---- */

static void
pin_first_pages(void *start, guint n_pinned)
{
    int ends[2];
    struct iovec part = {start, n_pinned * PAGE};
    if (n_pinned > 0 && (pipe(ends) != 0 || fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 0 ||
                         vmsplice(ends[1], &part, 1, 0) != (ssize_t) part.iov_len))
        _exit(1);
}

static void
be_child(Backing backing, guint64 bytes, int node, guint n_pinned, int report)
{
    unsigned long mask = 1ul << node;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (backing == HUGETLB ? MAP_HUGETLB : 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char *area =
        mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED)
        _exit(1);
    char *start = (char *) (((gsize) area + HUGE - 1) / HUGE * HUGE);
    if (backing != HUGETLB)
        madvise(start, bytes, backing == SMALL ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    /* Like libvirt's: bound to where it lies, which must not hold a move up. */
    if (mbind(start, bytes, MPOL_BIND, &mask, 64, 0) != 0)
        _exit(1);
    for (guint64 offset = 0; offset < bytes; offset += PAGE)
        *(guint64 *) (start + offset) = offset ^ bytes;
    pin_first_pages(start, n_pinned);
    guint64 address = (guint64) (gsize) start;
    if (write(report, &address, sizeof(address)) != sizeof(address))
        _exit(1);
    for (;;)
        pause();
}

static void
child_start(Child *child, Backing backing, guint64 bytes, int node, guint n_pinned)
{
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    child->bytes = bytes;
    child->page_size_bytes = backing == HUGETLB ? HUGE : PAGE;
    child->pid = fork();
    g_assert_cmpint(child->pid, >=, 0);
    if (child->pid == 0)
        be_child(backing, bytes, node, n_pinned, ends[1]);
    close(ends[1]);
    g_assert_cmpint(read(ends[0], &child->start, sizeof(child->start)), ==,
                    sizeof(child->start));
    close(ends[0]);
}

static void
child_end(Child *child)
{
    kill(child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
}

/* Bytes of the child on @node, asked page by page, apart from the mover. */
static guint64
bytes_on(const Child *child, int node)
{
    guint64 bytes = 0;
    for (guint64 at = child->start; at < child->start + child->bytes; at += PAGE) {
        void *page = (void *) (gsize) at;
        int status = -1;
        g_assert_cmpint(move_pages(child->pid, 1, &page, NULL, &status, 0), ==, 0);
        bytes += status == node ? PAGE : 0;
    }
    return bytes;
}

static void
assert_intact(const Child *child)
{
    for (guint64 offset = 0; offset < child->bytes; offset += PAGE) {
        guint64 word = 0;
        struct iovec local = {&word, sizeof(word)};
        struct iovec remote = {(void *) (gsize) (child->start + offset), sizeof(word)};
        g_assert_cmpint(process_vm_readv(child->pid, &local, 1, &remote, 1, 0), ==,
                        sizeof(word));
        g_assert_cmpuint(word, ==, offset ^ child->bytes);
    }
}

static guint64
transparent_bytes(const Child *child)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/smaps_rollup", child->pid);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    const char *line = strstr(text, "AnonHugePages:");
    g_assert_nonnull(line);
    return g_ascii_strtoull(line + strlen("AnonHugePages:"), NULL, 10) * 1024;
}

/* ---- The machine ---- */

static VnHost *
make_host(void)
{
    VnHost *host = vn_host_new();
    host->page_size_bytes = PAGE;
    for (guint id = 0; id < 2; id++) {
        long long free_bytes = 0;
        VnHostNode *node = vn_host_add_node(host, id);
        node->memory_bytes = (guint64) numa_node_size64((int) id, &free_bytes);
        node->free_bytes = (guint64) free_bytes;
    }
    return host;
}

static gboolean
write_text(const char *path, const char *text)
{
    int file = open(path, O_WRONLY);
    gssize length = (gssize) strlen(text);
    gboolean written = file >= 0 && write(file, text, (gsize) length) == length;
    if (file >= 0)
        close(file);
    return written;
}

/* Makes the pool of huge pages of a node as large; returns what it got to. */
static guint64
set_huge_pages(guint node, guint64 pages)
{
    g_autofree char *path = g_strdup_printf(
        "/sys/devices/system/node/node%u/hugepages/hugepages-2048kB/nr_hugepages", node);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, pages);
    g_autofree char *got = NULL;
    g_assert_true(write_text(path, text));
    g_assert_true(g_file_get_contents(path, &got, NULL, NULL));
    return g_ascii_strtoull(got, NULL, 10);
}

static VnMove *
make_move(const Child *child, guint node)
{
    g_autoptr(VnHost) host = make_host();
    g_autoptr(VnIdSet) targets = vn_idset_new_with(node);
    g_autoptr(GError) error = NULL;
    VnMoveRange range = {child->pid, child->start, child->start + child->bytes,
                         child->page_size_bytes, FALSE};
    VnMove *move = vn_move_new(&range, targets, host, NULL, NULL, &error);
    g_assert_no_error(error);
    return move;
}

static VnMoveState
run(VnMove *move)
{
    VnMoveState state = VN_MOVE_MORE;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(vn_move_chunk(move, CHUNK, &state, &error));
        g_assert_no_error(error);
        if (state == VN_MOVE_FULL || state == VN_MOVE_DONE)
            return state;
    }
    g_assert_not_reached();
}

/* ---- Tests ---- */

static void
test_there_and_back(gconstpointer data)
{
    Backing backing = *(const Backing *) data;
    if (backing == HUGETLB &&
        (set_huge_pages(0, 40) < 40 || set_huge_pages(1, 40) < 40)) {
        g_test_skip("no huge pages to be had");
        return;
    }
    Child child;
    child_start(&child, backing, 64 * MIB, 0, 0);
    guint64 transparent = transparent_bytes(&child);
    if (backing == TRANSPARENT)
        g_assert_cmpuint(transparent, ==, child.bytes);
    for (guint turn = 0; turn < 4; turn++) {
        guint node = turn % 2 == 0 ? 1 : 0;
        g_autoptr(VnMove) move = make_move(&child, node);
        g_assert_cmpint(run(move), ==, VN_MOVE_DONE);
        g_assert_cmpuint(vn_move_tally(move)->moved_bytes, ==, child.bytes);
        g_assert_cmpuint(bytes_on(&child, (int) node), ==, child.bytes);
        g_assert_cmpuint(transparent_bytes(&child), ==, transparent);
    }
    assert_intact(&child);
    child_end(&child);
    set_huge_pages(0, 0);
    set_huge_pages(1, 0);
}

static void
test_pinned(gconstpointer data)
{
    Backing backing = *(const Backing *) data;
    const guint n_pinned = 16;
    Child child;
    child_start(&child, backing, 64 * MIB, 0, n_pinned);
    guint64 immovable = backing == TRANSPARENT ? HUGE : n_pinned * PAGE;
    g_autoptr(VnMove) move = make_move(&child, 1);
    g_assert_cmpint(run(move), ==, VN_MOVE_DONE);
    g_assert_cmpuint(vn_move_tally(move)->immovable_bytes, ==, immovable);
    g_assert_cmpuint(bytes_on(&child, 0), ==, immovable);
    g_assert_cmpuint(bytes_on(&child, 1), ==, child.bytes - immovable);
    assert_intact(&child);
    child_end(&child);
}

/* Most of node 1 is taken away as huge pages, then given back: the same mover goes on. */
static void
test_full_target(void)
{
    Child child;
    child_start(&child, SMALL, 384 * MIB, 0, 0);
    long long free_bytes = 0;
    numa_node_size64(1, &free_bytes);
    guint64 taken = (guint64) free_bytes / HUGE - 64;
    if (set_huge_pages(1, taken) < taken) {
        g_test_skip("could not take node 1's memory away");
    } else {
        g_autoptr(VnMove) move = make_move(&child, 1);
        g_assert_cmpint(run(move), ==, VN_MOVE_FULL);
        guint64 moved = vn_move_tally(move)->moved_bytes;
        g_assert_cmpuint(moved, <, child.bytes);
        g_assert_cmpuint(bytes_on(&child, 1), ==, moved);
        g_assert_cmpuint(bytes_on(&child, 0), ==, child.bytes - moved);
        set_huge_pages(1, 0);
        g_assert_cmpint(run(move), ==, VN_MOVE_DONE);
        g_assert_cmpuint(bytes_on(&child, 1), ==, child.bytes);
        assert_intact(&child);
    }
    set_huge_pages(1, 0);
    child_end(&child);
}

/* Two children on each other's nodes, with two huge pages of room on each. */
static void
test_exchange(void)
{
    if (set_huge_pages(0, 20) < 20 || set_huge_pages(1, 20) < 20) {
        g_test_skip("no huge pages to be had");
        return;
    }
    Child children[2];
    VnMove *moves[2];
    for (int i = 0; i < 2; i++) {
        child_start(&children[i], HUGETLB, 18 * HUGE, i, 0);
        moves[i] = make_move(&children[i], i == 0 ? 1 : 0);
    }
    VnMoveState states[2] = {VN_MOVE_MORE, VN_MOVE_MORE};
    for (int turn = 0; states[0] != VN_MOVE_DONE || states[1] != VN_MOVE_DONE; turn++) {
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(turn, <, TURNS_MAX);
        g_assert_true(vn_move_chunk(moves[turn % 2], CHUNK, &states[turn % 2], &error));
        g_assert_no_error(error);
    }
    for (int i = 0; i < 2; i++) {
        g_assert_cmpuint(bytes_on(&children[i], 1 - i), ==, children[i].bytes);
        assert_intact(&children[i]);
        vn_move_free(moves[i]);
        child_end(&children[i]);
    }
    set_huge_pages(0, 0);
    set_huge_pages(1, 0);
}

static void
test_cpuset(void)
{
    Child child;
    child_start(&child, SMALL, 16 * MIB, 0, 0);
    g_autofree char *pid = g_strdup_printf("%d", child.pid);
    write_text("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset");
    if (mkdir(GROUP, 0755) != 0 || !write_text(GROUP "/cpuset.mems", "0") ||
        !write_text(GROUP "/cgroup.procs", pid)) {
        g_test_skip("no cpuset controller");
    } else {
        g_autoptr(VnMove) move = make_move(&child, 1);
        g_autoptr(GError) error = NULL;
        VnMoveState state;
        g_assert_false(vn_move_chunk(move, CHUNK, &state, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_REFUSED);
        g_assert_nonnull(strstr(error->message, "host node 1 (cpuset.mems"));
        g_assert_cmpuint(bytes_on(&child, 0), ==, child.bytes);
    }
    child_end(&child);
    rmdir(GROUP);
}

/* Killed between two chunks: not yet reaped, and reaped. */
static void
test_killed(void)
{
    for (int reaped = 0; reaped < 2; reaped++) {
        Child child;
        child_start(&child, SMALL, 64 * MIB, 0, 0);
        g_autoptr(VnMove) move = make_move(&child, 1);
        g_autoptr(GError) error = NULL;
        VnMoveState state;
        g_assert_true(vn_move_chunk(move, 4 * MIB, &state, &error));
        g_assert_no_error(error);
        g_assert_cmpint(state, ==, VN_MOVE_MORE);
        siginfo_t info;
        kill(child.pid, SIGKILL);
        g_assert_cmpint(
            waitid(P_PID, (id_t) child.pid, &info, WEXITED | (reaped ? 0 : WNOWAIT)), ==,
            0);
        g_assert_false(vn_move_chunk(move, 4 * MIB, &state, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
        if (!reaped)
            waitpid(child.pid, NULL, 0);
    }
}

int
main(int argc, char **argv)
{
    static const Backing small = SMALL;
    static const Backing transparent = TRANSPARENT;
    static const Backing hugetlb = HUGETLB;

    g_test_init(&argc, &argv, NULL);
    if (geteuid() != 0 || numa_available() < 0 || numa_node_size64(0, NULL) <= 0 ||
        numa_node_size64(1, NULL) <= 0) {
        g_print(
            "1..0 # SKIP needs root and two host nodes with memory: run it in the lab\n");
        return 0;
    }
    g_test_add_data_func("/move-real/small", &small, test_there_and_back);
    g_test_add_data_func("/move-real/transparent", &transparent, test_there_and_back);
    g_test_add_data_func("/move-real/hugetlb", &hugetlb, test_there_and_back);
    g_test_add_data_func("/move-real/pinned", &small, test_pinned);
    g_test_add_data_func("/move-real/pinned-transparent", &transparent, test_pinned);
    g_test_add_func("/move-real/full-target", test_full_target);
    g_test_add_func("/move-real/exchange", test_exchange);
    g_test_add_func("/move-real/cpuset", test_cpuset);
    g_test_add_func("/move-real/killed", test_killed);
    return g_test_run();
}
