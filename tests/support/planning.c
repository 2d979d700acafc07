/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Problems for the planner, and its limits and cost, slowly and plainly. */
#include "tests/support/planning.h"

#include <math.h>

static guint
n_nodes(const Planning *planning)
{
    return planning->host->nodes->len;
}

static VnPlannerGuest *
guest_at(const Planning *planning, guint guest)
{
    return planning->problem.guests->pdata[guest];
}

static guint
n_cells(const Planning *planning, guint guest)
{
    return guest_at(planning, guest)->cells->len;
}

VnHostNode *
planning_node(const Planning *planning, guint node)
{
    return planning->host->nodes->pdata[node];
}

VnPlannerCell *
planning_cell(const Planning *planning, guint guest, guint cell)
{
    return &g_array_index(guest_at(planning, guest)->cells, VnPlannerCell, cell);
}

static void
add_cpus(VnHost *host, VnHostNode *node, guint n_cores, guint n_threads)
{
    for (guint i = 0; i < n_cores * n_threads; i++) {
        VnHostCpu *cpu = vn_host_add_cpu(host, host->cpus->len);
        cpu->online = TRUE;
        cpu->host_node = (int) node->id;
        cpu->siblings = vn_idset_new();
        for (guint j = 0; j < n_threads; j++)
            vn_idset_add(cpu->siblings, cpu->id - i % n_threads + j);
        vn_idset_add(node->cpus, cpu->id);
    }
}

Planning *
planning_new(guint n, guint n_cores, guint n_threads, guint64 memory_gib)
{
    Planning *planning = g_new0(Planning, 1);
    planning->host = vn_host_new();
    planning->host->page_size_bytes = 4096;
    planning->host->has_distances = TRUE;
    planning->closed = g_new0(gboolean, n);
    for (guint i = 0; i < n; i++) {
        VnHostNode *node = vn_host_add_node(planning->host, i);
        node->memory_bytes = node->free_bytes = memory_gib * GIB;
        node->distances = g_new(guint, n);
        for (guint j = 0; j < n; j++)
            node->distances[j] = i == j ? VN_DISTANCE_LOCAL : 21;
        add_cpus(planning->host, node, n_cores, n_threads);
    }
    planning->problem = (VnPlannerProblem){
        .host = planning->host,
        .guests = g_ptr_array_new_with_free_func((GDestroyNotify) vn_planner_guest_free),
        .cpu_overcommit_ratio = 1,
        .smt = TRUE,
        .closed = planning->closed};
    return planning;
}

void
planning_free(Planning *planning)
{
    if (!planning)
        return;
    vn_host_free(planning->host);
    g_free(planning->closed);
    g_ptr_array_unref(planning->problem.guests);
    g_free(planning);
}

void
planning_set_distance(const Planning *planning, guint one, guint other, guint distance)
{
    planning_node(planning, one)->distances[other] = distance;
    planning_node(planning, other)->distances[one] = distance;
}

VnPlannerGuest *
planning_guest(Planning *planning, const char *name, guint cells, guint vcpus,
               guint64 memory_gib)
{
    VnPlannerGuest *guest = vn_planner_guest_new(name);
    for (guint i = 0; i < cells; i++)
        vn_planner_guest_add_cell(guest, vcpus, memory_gib * GIB);
    g_ptr_array_add(planning->problem.guests, guest);
    return guest;
}

/* The node's free bytes, or pages, of the cell's kind become more or fewer. */
static void
change_free(const Planning *planning, const VnPlannerCell *cell, guint node, gint64 bytes)
{
    VnHostNode *at = planning_node(planning, node);
    if (!cell->page_size_bytes) {
        at->free_bytes = (guint64) MAX((gint64) at->free_bytes + bytes, 0);
        return;
    }
    for (guint i = 0; i < at->huge_pages->len; i++) {
        VnHugePages *pages = &g_array_index(at->huge_pages, VnHugePages, i);
        gint64 n = (gint64) pages->free + bytes / (gint64) cell->page_size_bytes;
        if (pages->size_bytes == cell->page_size_bytes)
            pages->free = (guint64) MAX(n, 0);
    }
}

void
planning_place(const Planning *planning, guint guest, guint cell, guint node)
{
    VnPlannerCell *one = planning_cell(planning, guest, cell);
    guest_at(planning, guest)->admitted = TRUE;
    one->now = (int) node;
    one->resident = g_new0(guint64, n_nodes(planning));
    one->resident[node] = one->bytes;
    change_free(planning, one, node, -(gint64) one->bytes);
}

static guint64
free_of(const Planning *planning, guint node, guint64 page_size_bytes)
{
    const VnHostNode *at = planning_node(planning, node);
    if (!page_size_bytes)
        return at->free_bytes + at->reclaimable_bytes;
    for (guint i = 0; i < at->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(at->huge_pages, VnHugePages, i);
        if (pages->size_bytes == page_size_bytes)
            return pages->free * page_size_bytes;
    }
    return 0;
}

/* As much as fits comes to lie on the node. Returns: what does not. */
static guint64
lay(const Planning *planning, VnPlannerCell *cell, guint node, guint64 bytes)
{
    guint64 free_bytes = free_of(planning, node, cell->page_size_bytes);
    guint64 fits_bytes = MIN(bytes, free_bytes);
    cell->resident[node] += fits_bytes;
    change_free(planning, cell, node, -(gint64) fits_bytes);
    return bytes - fits_bytes;
}

/* Takes up all of the cell that is somewhere. */
static guint64
take_up(const Planning *planning, VnPlannerCell *cell)
{
    guint64 bytes = 0;
    for (guint i = 0; i < n_nodes(planning); i++) {
        bytes += cell->resident[i];
        change_free(planning, cell, i, (gint64) cell->resident[i]);
        cell->resident[i] = 0;
    }
    return bytes;
}

gboolean
planning_apply(Planning *planning, const VnPlannerResult *result)
{
    guint n_guests = planning->problem.guests->len;
    gboolean whole = TRUE;
    g_autoptr(GArray) bytes = g_array_new(FALSE, FALSE, sizeof(guint64));
    for (guint i = 0; i < n_guests; i++) {
        for (guint j = 0; j < n_cells(planning, i); j++) {
            VnPlannerCell *cell = planning_cell(planning, i, j);
            guint64 own_bytes = guest_at(planning, i)->admitted ? 0 : cell->bytes;
            if (!cell->resident)
                cell->resident = g_new0(guint64, n_nodes(planning));
            if (result->homes[i][j] >= 0 && !cell->fixed)
                own_bytes += take_up(planning, cell);
            g_array_append_val(bytes, own_bytes);
        }
        guest_at(planning, i)->admitted |= !result->refused[i];
    }
    /* What does not fit, where there has been too much before, lies where it can. */
    for (guint i = 0, k = 0; i < n_guests; i++) {
        for (guint j = 0; j < n_cells(planning, i); j++, k++) {
            VnPlannerCell *cell = planning_cell(planning, i, j);
            guint64 *left = &g_array_index(bytes, guint64, k);
            if (result->homes[i][j] < 0 || cell->fixed)
                continue;
            cell->now = result->homes[i][j];
            *left = lay(planning, cell, (guint) cell->now, *left);
            whole &= *left == 0;
        }
    }
    for (guint i = 0, k = 0; i < n_guests; i++) {
        for (guint j = 0; j < n_cells(planning, i); j++, k++) {
            for (guint node = 0; result->homes[i][j] >= 0 && node < n_nodes(planning);
                 node++)
                g_array_index(bytes, guint64, k) =
                    lay(planning, planning_cell(planning, i, j), node,
                        g_array_index(bytes, guint64, k));
        }
    }
    return whole;
}

/* Where the cell's vCPUs run. */
static guint
run(const Planning *planning, guint node)
{
    guint best = node;
    for (guint i = 0; i < n_nodes(planning); i++) {
        const VnHostNode *from = planning_node(planning, i);
        if (vn_idset_is_empty(planning_node(planning, node)->cpus) &&
            !vn_idset_is_empty(from->cpus) &&
            (best == node ||
             from->distances[node] < planning_node(planning, best)->distances[node]))
            best = i;
    }
    return best;
}

static double
excess(const Planning *planning, guint from, guint to)
{
    return planning_node(planning, from)->distances[to] / 10.0 - 1;
}

static void
count_cpus(const Planning *planning, guint node, double *ret_cores, double *ret_cpus)
{
    const VnHostNode *at = planning_node(planning, node);
    double cores = 0;
    VN_IDSET_FOREACH (at->cpus, id) {
        const VnHostCpu *cpu = vn_host_find_cpu(planning->host, (guint) id);
        cores += 1.0 / vn_idset_count(cpu->siblings);
    }
    *ret_cores = rint(cores);
    *ret_cpus = planning->problem.smt ? vn_idset_count(at->cpus) : *ret_cores;
}

/* What the cell wants on its node: a fixed one has the rest elsewhere. */
static guint64
need(const Planning *planning, guint guest, const VnPlannerCell *cell)
{
    guint64 bytes = cell->bytes;
    guint64 page = MAX(cell->page_size_bytes, 1);
    for (guint i = 0; cell->fixed && cell->now >= 0 && cell->resident &&
                      guest_at(planning, guest)->admitted && i < n_nodes(planning);
         i++) {
        if ((int) i != cell->now)
            bytes -= MIN(bytes, cell->resident[i]);
    }
    if (cell->fixed && cell->now >= 0 && cell->resident)
        bytes = MAX(bytes, cell->resident[cell->now]);
    return (bytes + page - 1) / page * page;
}

/* At most so much of these pages may be there, of all cells together. */
static guint64
capacity(const Planning *planning, guint node, guint64 page_size_bytes)
{
    guint64 bytes = free_of(planning, node, page_size_bytes);
    for (guint i = 0; i < planning->problem.guests->len; i++) {
        for (guint j = 0; j < n_cells(planning, i); j++) {
            const VnPlannerCell *cell = planning_cell(planning, i, j);
            if (guest_at(planning, i)->admitted && cell->resident &&
                cell->page_size_bytes == page_size_bytes &&
                (!cell->fixed || cell->now == (int) node))
                bytes += cell->resident[node];
        }
    }
    return bytes;
}

static gboolean
breaks_memory(const Planning *planning, int *const *homes, guint node,
              guint64 page_size_bytes)
{
    guint64 bytes = 0;
    gboolean arrives = FALSE;
    for (guint i = 0; i < planning->problem.guests->len; i++) {
        for (guint j = 0; j < n_cells(planning, i); j++) {
            const VnPlannerCell *cell = planning_cell(planning, i, j);
            if (homes[i][j] != (int) node || cell->page_size_bytes != page_size_bytes)
                continue;
            bytes += need(planning, i, cell);
            arrives |= !guest_at(planning, i)->admitted || cell->now != (int) node;
        }
    }
    return arrives && bytes > capacity(planning, node, page_size_bytes);
}

static gboolean
breaks_cpus(const Planning *planning, int *const *homes, guint node)
{
    guint vcpus = 0;
    gboolean arrives = FALSE;
    double cores;
    double cpus;
    for (guint i = 0; i < planning->problem.guests->len; i++) {
        for (guint j = 0; j < n_cells(planning, i); j++) {
            const VnPlannerCell *cell = planning_cell(planning, i, j);
            if (homes[i][j] < 0 || run(planning, (guint) homes[i][j]) != node)
                continue;
            vcpus += cell->vcpus;
            arrives |= cell->vcpus && (!guest_at(planning, i)->admitted ||
                                       run(planning, (guint) cell->now) != node);
        }
    }
    count_cpus(planning, node, &cores, &cpus);
    return arrives && planning->problem.cpu_overcommit_ratio > 0 &&
           vcpus > planning->problem.cpu_overcommit_ratio * cpus + 1e-6;
}

static gboolean
may(const Planning *planning, guint guest, const VnPlannerCell *cell, int node)
{
    gboolean is_there = guest_at(planning, guest)->admitted && cell->now == node;
    if (is_there)
        return TRUE;
    return (!cell->fixed || cell->now < 0 || cell->now == node) &&
           !planning->closed[node] && (!cell->allowed || cell->allowed[node]) &&
           planning_node(planning, (guint) node)->memory_bytes > 0;
}

const char *
planning_broken(const Planning *planning, int *const *homes)
{
    static const guint64 sizes[] = {0, G_GUINT64_CONSTANT(2) << 20, GIB};
    for (guint i = 0; i < planning->problem.guests->len; i++) {
        for (guint j = 0; j < n_cells(planning, i); j++) {
            const VnPlannerCell *cell = planning_cell(planning, i, j);
            if (homes[i][j] >= 0 && !may(planning, i, cell, homes[i][j]))
                return "a cell is where it may not be";
        }
    }
    for (guint i = 0; i < n_nodes(planning); i++) {
        if (breaks_cpus(planning, homes, i))
            return "too many vCPUs";
        for (guint j = 0; j < G_N_ELEMENTS(sizes); j++) {
            if (breaks_memory(planning, homes, i, sizes[j]))
                return "too much memory";
        }
    }
    return NULL;
}

static double
guest_cost(const Planning *planning, guint index, const int *homes)
{
    const VnPlannerGuest *guest = guest_at(planning, index);
    guint n = guest->cells->len;
    double vcpus = 0;
    double bytes = 0;
    double remote = 0;
    double devices = 0;
    double moved = 0;
    double closed = 0;
    for (guint i = 0; i < n; i++) {
        vcpus += planning_cell(planning, index, i)->vcpus;
        bytes += (double) planning_cell(planning, index, i)->bytes;
    }
    if (vcpus == 0 || bytes == 0) /* tests have such alone and at home only */
        return 0;
    for (guint i = 0; i < n; i++) {
        const VnPlannerCell *cell = planning_cell(planning, index, i);
        guint from = run(planning, (guint) homes[i]);
        for (guint j = 0; j < n; j++) {
            double even = cell->vcpus / vcpus *
                          (double) planning_cell(planning, index, j)->bytes / bytes;
            remote += (guest->traffic ? guest->traffic[i * n + j] : even) *
                      excess(planning, from, (guint) homes[j]);
        }
        for (guint j = 0; j < guest->n_devices; j++)
            devices += (double) cell->bytes / bytes *
                       excess(planning, guest->devices[j], (guint) homes[i]) /
                       guest->n_devices;
        for (guint j = 0; j < n_nodes(planning); j++) {
            if (guest->admitted && cell->resident && !cell->fixed && (int) j != homes[i])
                moved += (double) cell->resident[j];
        }
        if (planning->closed[homes[i]])
            closed += MAX(cell->vcpus, 1);
    }
    return vcpus * (remote + VN_PLANNER_DEVICE * devices) +
           VN_PLANNER_PRICE * vcpus * moved / bytes + VN_PLANNER_CLOSED * closed;
}

typedef struct {
    double vcpus; /* that run there */
    double spreading;
    double balancing; /* of cells that lie there */
    double bytes;
    double capacity;
    guint packed;
    guint others;
} Load;

static double
node_cost(const Planning *planning, guint node, const Load *load)
{
    double cores;
    double cpus;
    double cost = 0;
    count_cpus(planning, node, &cores, &cpus);
    if (cpus > 0) {
        cost += VN_PLANNER_SMT * MAX(MIN(load->vcpus, cpus) - cores, 0);
        if (load->vcpus > cpus)
            cost += load->vcpus * (load->vcpus / cpus - 1);
        cost += VN_PLANNER_SPREAD * load->spreading * load->vcpus / cpus;
    }
    if (load->balancing > 0)
        cost += VN_PLANNER_SPREAD * load->balancing *
                (load->capacity > 0 ? load->bytes / load->capacity : 1);
    if (load->packed && !load->others)
        cost += VN_PLANNER_OPEN * MAX(cpus, 1);
    return cost;
}

static void
add_load(const Planning *planning, guint guest, const VnPlannerCell *cell, Load *runs,
         Load *lies)
{
    VnPlaceAim aim = guest_at(planning, guest)->aim;
    runs->vcpus += cell->vcpus;
    runs->spreading += aim == VN_PLACE_SPREAD    ? cell->vcpus
                       : aim == VN_PLACE_BALANCE ? cell->vcpus / 2.0
                                                 : 0;
    lies->balancing += aim == VN_PLACE_BALANCE ? cell->vcpus / 2.0 : 0;
    lies->bytes += (double) need(planning, guest, cell);
    lies->packed += aim == VN_PLACE_PACK;
    lies->others += aim != VN_PLACE_PACK;
}

static gboolean
is_wanted(const Planning *planning, guint64 page_size_bytes)
{
    for (guint i = 0; i < planning->problem.guests->len; i++) {
        for (guint j = 0; j < n_cells(planning, i); j++) {
            if (planning_cell(planning, i, j)->page_size_bytes == page_size_bytes)
                return TRUE;
        }
    }
    return page_size_bytes == 0;
}

double
planning_cost(const Planning *planning, int *const *homes)
{
    static const guint64 sizes[] = {0, G_GUINT64_CONSTANT(2) << 20, GIB};
    g_autofree Load *loads = g_new0(Load, n_nodes(planning));
    double cost = 0;
    for (guint i = 0; i < planning->problem.guests->len; i++) {
        if (!n_cells(planning, i) || homes[i][0] < 0)
            continue;
        cost += guest_cost(planning, i, homes[i]);
        for (guint j = 0; j < n_cells(planning, i); j++) {
            guint node = (guint) homes[i][j];
            add_load(planning, i, planning_cell(planning, i, j),
                     &loads[run(planning, node)], &loads[node]);
        }
    }
    for (guint i = 0; i < n_nodes(planning); i++) {
        for (guint j = 0; j < G_N_ELEMENTS(sizes) && loads[i].balancing > 0; j++) {
            if (is_wanted(planning, sizes[j]))
                loads[i].capacity += (double) capacity(planning, i, sizes[j]);
        }
        cost += node_cost(planning, i, &loads[i]);
    }
    return cost;
}

guint
planning_count(const Planning *planning, int *const *homes, guint *ret_vcpus)
{
    guint n = 0;
    *ret_vcpus = 0;
    for (guint i = 0; i < planning->problem.guests->len; i++) {
        if (n_cells(planning, i) && homes[i][0] < 0)
            continue;
        n++;
        for (guint j = 0; j < n_cells(planning, i); j++)
            *ret_vcpus += planning_cell(planning, i, j)->vcpus;
    }
    return n;
}
