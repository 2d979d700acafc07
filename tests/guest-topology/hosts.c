/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hosts of any shape for tests. */
#include "tests/guest-topology/hosts.h"

#include "host/topology.h"
#include "tests/host/tree.h"

#include <stdlib.h>

/* Memory that is not free, on each node. */
#define USED_BYTES (4 * GIB)

static void
add_cpus(VnHost *host, const VnHostNode *node, int package, guint threads)
{
    VN_IDSET_FOREACH (node->cpus, id) {
        VnHostCpu *cpu = vn_host_add_cpu(host, (guint) id);
        cpu->online = TRUE;
        cpu->host_node = (int) node->id;
        cpu->package = package;
        cpu->core = id / (int) threads;
        cpu->siblings = vn_idset_new();
        for (guint i = 0; i < threads; i++) {
            guint sibling = (guint) cpu->core * threads + i;
            if (vn_idset_contains(node->cpus, sibling))
                vn_idset_add(cpu->siblings, sibling);
        }
    }
}

static void
add_node(VnHost *host, const char *text, guint threads)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 4);
    g_assert_cmpuint(g_strv_length(parts), >=, 3);
    VnHostNode *node = vn_host_add_node(host, (guint) atoi(parts[0]));
    g_autoptr(VnIdSet) cpus = scenario_idset(g_str_equal(parts[1], "-") ? "" : parts[1]);
    vn_idset_add_all(node->cpus, cpus);
    if (!g_str_equal(parts[2], "-")) {
        node->free_bytes = (guint64) atoi(parts[2]) * GIB;
        node->memory_bytes = node->free_bytes + USED_BYTES;
    }
    add_cpus(host, node, parts[3] ? atoi(parts[3]) : (int) node->id, threads);
}

VnHost *
hosts_parse(const char *text, const char *distances, guint threads)
{
    VnHost *host = vn_host_new();
    host->page_size_bytes = 4096;
    host->has_distances = distances != NULL;
    g_auto(GStrv) nodes = g_strsplit(text, " ", 0);
    guint n = g_strv_length(nodes);
    g_auto(GStrv) row = distances ? g_strsplit(distances, " ", 0) : NULL;
    g_assert_true(!row || g_strv_length(row) == n * n);
    for (guint i = 0; i < n; i++)
        add_node(host, nodes[i], threads);
    for (guint i = 0; i < n; i++) {
        VnHostNode *node = host->nodes->pdata[i];
        node->distances = g_new(guint, n);
        for (guint j = 0; j < n; j++)
            node->distances[j] = row      ? (guint) atoi(row[i * n + j])
                                 : i == j ? VN_DISTANCE_LOCAL
                                          : 20;
    }
    return host;
}

VnHost *
hosts_named(const char *name)
{
    static const struct {
        const char *name;
        const char *nodes;
        const char *distances;
        guint threads;
    } known[] = {
        {"one-node", "0:0-15:64", "10", 2},
        {"two-sockets", "0:0-63:256 1:64-127:256", "10 21 21 10", 2},
        {"untold", "0:0-3:16 1:4-7:16", NULL, 1},
        {"sub-numa",
         "0:0-7:32:0 1:8-15:32:0 2:16-23:32:0 3:24-31:32:0 "
         "4:32-39:32:1 5:40-47:32:1 6:48-55:32:1 7:56-63:32:1",
         "10 12 12 12 32 32 32 32 12 10 12 12 32 32 32 32 12 12 10 12 32 32 32 32 "
         "12 12 12 10 32 32 32 32 32 32 32 32 10 12 12 12 32 32 32 32 12 10 12 12 "
         "32 32 32 32 12 12 10 12 32 32 32 32 12 12 12 10",
         2},
        /* Ids of the packages' nodes alternate. */
        {"alternating", "0:0-7:32:0 1:8-15:32:1 2:16-23:32:0 3:24-31:32:1",
         "10 32 12 32 32 10 32 12 12 32 10 32 32 12 32 10", 1},
        /* Nodes 2 and 3 are memory expanders. */
        {"expanders", "0:0-7:16 1:8-15:16 2:-:64 3:-:64",
         "10 21 14 24 21 10 24 14 14 24 10 26 24 14 26 10", 1},
        /* Nodes 1 and 3 have CPUs only: of 0's, and of 2's memory. */
        {"memoryless", "0:0-3:32 1:4-7:- 2:8-11:32 3:12-15:-",
         "10 12 30 30 12 10 30 30 30 30 10 12 30 30 12 10", 1},
        {"holes", "0:0-3:16 2:4-7:16 33:8-11:16", "10 16 22 16 10 16 22 16 10", 1},
        /* One way round is short: 0 to 1 to 2 to 3 to 0. */
        {"ring", "0:0-3:8 1:4-7:8 2:8-11:8 3:12-15:8",
         "10 15 30 60 60 10 15 30 30 60 10 15 15 30 60 10", 1},
        /* CPU 3 and 7 are offline: cores with one sibling only. */
        {"offline", "0:0-2:16 1:4-6:16", "10 20 20 10", 2},
        /* Node 1 is near and small. */
        {"small-neighbour", "0:0-3:10 1:4-7:1 2:8-11:12", "10 30 30 30 10 12 30 12 10",
         1},
        {"uneven", "0:0-63:100 1:64-127:10", "10 21 21 10", 2},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_str_equal(known[i].name, name))
            return hosts_parse(known[i].nodes, known[i].distances, known[i].threads);
    }
    g_error("there is no host %s", name);
}

VnHost *
hosts_recorded(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_load(name);
    VnHost *host = vn_topology_read(tree, &error);
    g_assert_no_error(error);
    return host;
}

VnHost *
hosts_random(void)
{
    VnHost *host = vn_host_new();
    guint n = (guint) g_test_rand_int_range(1, 9);
    guint threads = (guint) g_test_rand_int_range(1, 3);
    guint next_cpu = 0;
    guint next_id = 0;
    host->page_size_bytes = 4096;
    host->has_distances = TRUE;
    for (guint i = 0; i < n; i++) {
        VnHostNode *node = vn_host_add_node(host, next_id);
        next_id += g_test_rand_int_range(0, 4) == 0 ? 3 : 1;
        if (i == 0 || g_test_rand_int_range(0, 6) > 0) {
            node->free_bytes = (guint64) g_test_rand_int_range(1, 4096) * MIB;
            node->memory_bytes = node->free_bytes + USED_BYTES;
        }
        if (i == 0 || g_test_rand_int_range(0, 6) > 0) {
            guint cpus = (guint) g_test_rand_int_range(1, 9);
            for (guint j = 0; j < cpus; j++)
                vn_idset_add(node->cpus, next_cpu + j);
            next_cpu += (cpus + 1) / 2 * 2;
        }
        add_cpus(host, node, g_test_rand_int_range(0, 3), threads);
        if (node->memory_bytes > 0)
            hosts_add_pages(host, i, 2 * MIB, (guint64) g_test_rand_int_range(0, 600));
        node->distances = g_new(guint, n);
        for (guint j = 0; j < n; j++)
            node->distances[j] =
                i == j ? VN_DISTANCE_LOCAL : (guint) g_test_rand_int_range(11, 60);
    }
    return host;
}

void
hosts_add_pages(const VnHost *host, guint index, guint64 size_bytes, guint64 free)
{
    const VnHostNode *node = host->nodes->pdata[index];
    VnHugePages pages = {.size_bytes = size_bytes, .total = free + 2, .free = free};
    g_array_append_val(node->huge_pages, pages);
}

char *
hosts_describe(const VnVnuma *vnuma)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        g_autofree char *vcpus = vn_idset_format(cell->vcpus);
        g_autofree char *home = vn_idset_format(cell->home);
        if (cell->memory_bytes % MIB == 0)
            g_string_append_printf(text, "%s/%u@%s ", vcpus,
                                   (guint) (cell->memory_bytes / MIB), home);
        else
            g_string_append_printf(text, "%s/%uK@%s ", vcpus,
                                   (guint) (cell->memory_bytes / 1024), home);
    }
    const VnCpuTopology *topology = &vnuma->topology;
    g_string_append_printf(text, "%ux%ux%ux%u", topology->sockets, topology->dies,
                           topology->cores, topology->threads);
    return g_string_free(text, FALSE);
}
