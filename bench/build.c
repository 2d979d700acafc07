/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * build: how long vn_build() takes for large guests on large hosts, the fastest of
 * several times, and the most memory that the process ever had. One line a case.
 */
#include "guest-topology/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define GIB (G_GUINT64_CONSTANT(1) << 30)
#define ROUNDS 7

typedef struct {
    const char *name;
    guint nodes;
    guint cpus; /* of each node */
    guint free_gib;
    guint vcpus;
    guint memory_gib;
    guint cells; /* asked for; 0: as many as needed */
} Case;

/* Nodes in packages of four: 12 apart in one, else 20 to 60. */
static VnHost *
make_host(const Case *one)
{
    VnHost *host = vn_host_new();
    guint n = one->nodes;
    host->page_size_bytes = 4096;
    host->has_distances = TRUE;
    for (guint i = 0; i < n; i++) {
        VnHostNode *node = vn_host_add_node(host, i);
        node->memory_bytes = node->free_bytes = one->free_gib * GIB;
        node->distances = g_new(guint, n);
        for (guint j = 0; j < n; j++)
            node->distances[j] = i == j           ? VN_DISTANCE_LOCAL
                                 : i / 4 == j / 4 ? 12
                                                  : 20 + (i / 4 * 7 + j / 4 * 13) % 41;
        for (guint j = 0; j < one->cpus; j++) {
            guint id = i * one->cpus + j;
            VnHostCpu *cpu = vn_host_add_cpu(host, id);
            cpu->online = TRUE;
            cpu->package = (int) i / 4;
            cpu->siblings = vn_idset_new_with(id);
            vn_idset_add(cpu->siblings, id ^ 1);
            vn_idset_add(node->cpus, id);
        }
    }
    return host;
}

static void
measure(const Case *one)
{
    g_autoptr(VnHost) host = make_host(one);
    g_autoptr(VnTag) tag = vn_tag_new();
    VnBuildSize size = {.name = one->name,
                        .vcpus = one->vcpus,
                        .memory_bytes = one->memory_gib * GIB,
                        .machine = "q35"};
    gint64 best_us = G_MAXINT64;
    guint cells = 0;
    tag->cells = one->cells;
    for (guint round = 0; round < ROUNDS; round++) {
        g_autoptr(GError) error = NULL;
        gint64 start_us = g_get_monotonic_time();
        g_autoptr(VnVnuma) vnuma = vn_build(host, &size, tag, &error);
        best_us = MIN(best_us, g_get_monotonic_time() - start_us);
        if (!vnuma) {
            fprintf(stderr, "build: %s\n", error->message);
            exit(EXIT_FAILURE);
        }
        cells = vnuma->cells->len;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%-28s %5u nodes %4u vCPUs %4u cells %8.2f ms %6.1f MiB\n", one->name,
           one->nodes, one->vcpus, cells, (double) best_us / 1000,
           (double) usage.ru_maxrss / 1024);
}

int
main(void)
{
    static const Case cases[] = {
        {"as many cells as nodes", 64, 8, 8, 512, 512, 0},
        {"asked for", 64, 16, 32, 512, 512, 64},
        {"half of the nodes", 64, 16, 16, 512, 512, 0},
        {"several cells to a node", 16, 32, 64, 512, 512, 64},
        {"several nodes to a cell", 64, 8, 8, 4, 400, 0},
        {"the largest host", 1024, 8, 8, 512, 512, 0},
        {"128 cells there", 1024, 8, 8, 1024, 1024, 0},
        {"several nodes to a cell", 1024, 8, 8, 100, 6000, 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        measure(&cases[i]);
    return 0;
}
