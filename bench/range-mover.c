/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * range-mover CONTENDER PID START-END=NODE...: moves ranges of a process to host nodes,
 * one after the other, and prints "SECONDS BYTES": how long it took, and what came to lie
 * on its node. CONTENDER is "vnumad", the mover of host/move.h, or "loop", what one would
 * write without it: move_pages(2) naming every page in batches of 512, again until a pass
 * finds nothing left to move or moves nothing.
 */
#include "host/move.h"

#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 512u
#define PASSES_MAX 10
#define CHUNK_BYTES (G_GUINT64_CONSTANT(32) << 20)
#define BUSY_PAUSE_US 10000

typedef struct {
    guint64 start;
    guint64 end;
    guint node;
} Part;

/*
 * Returns pages that one pass over the range left elsewhere; sets what came to the
 * node.
 */
static guint64
loop_pass(int pid, const Part *part, guint64 page_size, guint64 *ret_arrived)
{
    void *pages[BATCH];
    int nodes[BATCH];
    int status[BATCH];
    guint64 left = 0;
    guint64 arrived = 0;
    for (guint64 at = part->start; at < part->end;) {
        guint n = 0;
        for (; n < BATCH && at < part->end; n++, at += page_size) {
            pages[n] = (void *) (gsize) at;
            nodes[n] = (int) part->node;
            status[n] = -EAGAIN;
        }
        if (move_pages(pid, n, pages, nodes, status, MPOL_MF_MOVE) < 0) {
            perror("range-mover: move_pages");
            exit(EXIT_FAILURE);
        }
        for (guint i = 0; i < n; i++) {
            arrived += status[i] == (int) part->node ? 1 : 0;
            left += status[i] < 0 && status[i] != -ENOENT && status[i] != -EFAULT ? 1 : 0;
        }
    }
    *ret_arrived = arrived;
    return left;
}

static guint64
run_loop(int pid, const Part *part)
{
    guint64 page_size = (guint64) sysconf(_SC_PAGESIZE);
    guint64 arrived = 0;
    guint64 before;
    int passes = 0;
    guint64 left;
    do {
        before = arrived;
        left = loop_pass(pid, part, page_size, &arrived);
    } while (left > 0 && arrived > before && ++passes < PASSES_MAX);
    return arrived * page_size;
}

static VnHost *
make_host(void)
{
    VnHost *host = vn_host_new();
    host->page_size_bytes = (guint64) sysconf(_SC_PAGESIZE);
    for (int id = 0; id <= numa_max_node(); id++) {
        long long free_bytes = 0;
        if (numa_node_size64(id, &free_bytes) >= 0)
            vn_host_add_node(host, (guint) id)->free_bytes = (guint64) free_bytes;
    }
    return host;
}

static guint64
run_vnumad(int pid, const Part *part, const VnHost *host)
{
    g_autoptr(VnIdSet) targets = vn_idset_new_with(part->node);
    g_autoptr(GError) error = NULL;
    VnMoveRange range = {.pid = pid, .start = part->start, .end = part->end};
    g_autoptr(VnMove) move = vn_move_new(&range, targets, host, NULL, NULL, &error);
    VnMoveState state = VN_MOVE_MORE;
    while (move && state != VN_MOVE_DONE && state != VN_MOVE_FULL) {
        if (!vn_move_chunk(move, CHUNK_BYTES, &state, &error))
            break;
        if (state == VN_MOVE_BUSY)
            g_usleep(BUSY_PAUSE_US);
    }
    if (error) {
        fprintf(stderr, "range-mover: %s\n", error->message);
        exit(EXIT_FAILURE);
    }
    return vn_move_tally(move)->moved_bytes + vn_move_tally(move)->already_bytes;
}

int
main(int argc, char **argv)
{
    if (argc < 4 || (strcmp(argv[1], "vnumad") != 0 && strcmp(argv[1], "loop") != 0)) {
        fprintf(stderr, "usage: range-mover vnumad|loop PID START-END=NODE...\n");
        return 2;
    }
    gboolean is_vnumad = strcmp(argv[1], "vnumad") == 0;
    int pid = atoi(argv[2]);
    g_autoptr(VnHost) host = make_host();
    guint64 bytes = 0;
    gint64 begun_us = g_get_monotonic_time();
    for (int i = 3; i < argc; i++) {
        Part part;
        if (sscanf(argv[i], "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x=%u",
                   &part.start, &part.end, &part.node) != 3) {
            fprintf(stderr, "range-mover: %s: not START-END=NODE\n", argv[i]);
            return 2;
        }
        bytes += is_vnumad ? run_vnumad(pid, &part, host) : run_loop(pid, &part);
    }
    printf("%.4f %" G_GUINT64_FORMAT "\n",
           (double) (g_get_monotonic_time() - begun_us) / G_USEC_PER_SEC, bytes);
    return 0;
}
