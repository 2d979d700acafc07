/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random problems for the planner: any that a host could come to. */
#include "tests/support/planning.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

static guint
draw(GRand *random, guint from, guint to)
{
    return (guint) g_rand_int_range(random, (gint32) from, (gint32) to + 1);
}

static gboolean
chance(GRand *random, guint percent)
{
    return draw(random, 1, 100) <= percent;
}

static void
vary_host(Planning *planning, GRand *random)
{
    guint n = planning->host->nodes->len;
    gboolean has_huge = chance(random, 30);
    guint kind = draw(random, 0, 2);
    for (guint i = 0; i < n; i++) {
        VnHostNode *node = planning_node(planning, i);
        for (guint j = i + 1; j < n; j++)
            planning_set_distance(planning, i, j,
                                  kind == 0   ? 20
                                  : kind == 1 ? 11 + 10 * MIN(j - i, n + i - j)
                                              : draw(random, 11, 40));
        if (has_huge) {
            VnHugePages pages = {.size_bytes = 2 * MIB,
                                 .total = draw(random, 0, 16) * 512};
            pages.free = pages.total;
            g_array_append_val(node->huge_pages, pages);
            node->free_bytes -= MIN(node->free_bytes, pages.total * 2 * MIB);
        }
        if (chance(random, 20))
            node->free_bytes /= 2;
        planning->closed[i] = chance(random, 10);
    }
    if (n > 2 && chance(random, 15)) {
        VnHostNode *last = planning_node(planning, n - 1);
        vn_idset_remove_all(last->cpus, last->cpus);
    }
}

/* All resident at once, part of it elsewhere, or only part of it yet. */
static void
place_cell(const Planning *planning, GRand *random, VnPlannerCell *cell)
{
    guint n = planning->host->nodes->len;
    guint64 page = cell->page_size_bytes ? cell->page_size_bytes : 4096;
    guint64 left_bytes = chance(random, 70) ? cell->bytes : cell->bytes / 4;
    guint node = draw(random, 0, n - 1);
    cell->now = (int) node;
    cell->resident = g_new0(guint64, n);
    for (guint tries = 0; tries < n; tries++, node = (node + 1) % n) {
        VnHostNode *at = planning_node(planning, node);
        VnHugePages *pages =
            cell->page_size_bytes ? &g_array_index(at->huge_pages, VnHugePages, 0) : NULL;
        guint64 free_bytes = pages ? pages->free * page : at->free_bytes;
        guint64 bytes = chance(random, 80) ? left_bytes : left_bytes / 2;
        bytes = MIN(bytes, free_bytes) / page * page;
        cell->resident[node] = bytes;
        left_bytes -= bytes;
        if (pages)
            pages->free -= bytes / page;
        else
            at->free_bytes -= bytes;
    }
}

static void
vary_guest(Planning *planning, GRand *random, VnPlannerGuest *guest)
{
    guint n_nodes = planning->host->nodes->len;
    guint n = guest->cells->len;
    gboolean has_huge = planning_node(planning, 0)->huge_pages->len > 0;
    gboolean huge = has_huge && chance(random, 40);
    double sum = 0;
    guest->admitted = chance(random, 40);
    if (chance(random, 20)) {
        guest->n_devices = 1;
        guest->devices = g_new(guint, 1);
        guest->devices[0] = draw(random, 0, n_nodes - 1);
    }
    for (guint i = 0; i < n; i++) {
        VnPlannerCell *cell = &g_array_index(guest->cells, VnPlannerCell, i);
        cell->page_size_bytes = huge ? 2 * MIB : 0;
        if (guest->admitted)
            place_cell(planning, random, cell);
        cell->fixed = guest->admitted && chance(random, 10);
        if (!chance(random, 10))
            continue;
        cell->allowed = g_new0(gboolean, n_nodes);
        for (guint j = 0; j < n_nodes; j++)
            cell->allowed[j] = chance(random, 60);
    }
    if (!chance(random, 30))
        return;
    guest->traffic = g_new(double, (gsize) n *n);
    for (guint i = 0; i < n * n; i++)
        sum += guest->traffic[i] = draw(random, 1, 10) * (i / n == i % n ? 4 : 1);
    for (guint i = 0; i < n * n; i++)
        guest->traffic[i] /= sum;
}

Planning *
planning_random(GRand *random, guint n_nodes_max, guint n_cells_max)
{
    static const double ratios[] = {0, 1, 1, 1.5, 2};
    guint n_nodes = draw(random, 2, n_nodes_max);
    Planning *planning = planning_new(n_nodes, draw(random, 2, 8), draw(random, 1, 2),
                                      draw(random, 8, 48));
    gboolean mixed = chance(random, 50);
    VnPlaceAim aim = draw(random, 0, 3);
    guint left = draw(random, 2, n_cells_max);
    planning->problem.smt = chance(random, 50);
    planning->problem.cpu_overcommit_ratio =
        ratios[draw(random, 0, G_N_ELEMENTS(ratios) - 1)];
    vary_host(planning, random);
    while (left) {
        guint n = draw(random, 1, MIN(left, 3));
        VnPlannerGuest *guest =
            planning_guest(planning, "guest", n, draw(random, 1, 8), draw(random, 1, 24));
        guest->aim = mixed ? draw(random, 0, 3) : aim;
        vary_guest(planning, random, guest);
        left -= n;
    }
    return planning;
}
