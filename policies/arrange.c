/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrangements of a guest: what is known, what they cost, and steepest descent. */
#include "policies/arrange.h"

#include "policies/steer.h"

#include <string.h>

/* Each change lowers the score by this at least, so that the search ends soon. */
#define IMPROVEMENT_MIN 1e-6

/* Distances looked up in one search, about: for 64 cells on 64 nodes 28 changes. */
#define LOOKUPS_MAX (256u << 20)

static const VnHostNode *
node_at(const VnArranger *arranger, guint i)
{
    return arranger->snapshot->host->nodes->pdata[i];
}

static const VnCell *
cell_at(const VnArranger *arranger, guint i)
{
    return arranger->guest->cells->pdata[i];
}

static VnArrangement *
arrangement_new(guint n_cells)
{
    VnArrangement *arrangement = g_new(VnArrangement, 1);
    *arrangement = (VnArrangement){
        .n_cells = n_cells, .cpus = g_new(int, n_cells), .homes = g_new(int, n_cells)};
    for (guint i = 0; i < n_cells; i++)
        arrangement->cpus[i] = arrangement->homes[i] = -1;
    return arrangement;
}

static void
assign(VnArrangement *to, const VnArrangement *from)
{
    memcpy(to->cpus, from->cpus, from->n_cells * sizeof(int));
    memcpy(to->homes, from->homes, from->n_cells * sizeof(int));
}

VnArrangement *
vn_arrangement_copy(const VnArrangement *arrangement)
{
    VnArrangement *copy = arrangement_new(arrangement->n_cells);
    assign(copy, arrangement);
    return copy;
}

void
vn_arrangement_free(VnArrangement *arrangement)
{
    if (!arrangement)
        return;
    g_free(arrangement->cpus);
    g_free(arrangement->homes);
    g_free(arrangement);
}

static guint64
resident_on(const VnCell *cell, guint id)
{
    return id < cell->resident_bytes->len
               ? g_array_index(cell->resident_bytes, guint64, id)
               : 0;
}

guint64
vn_arranger_bytes(const VnArranger *arranger, guint cell, int node)
{
    if (node < 0)
        return 0;
    const VnCell *one = cell_at(arranger, cell);
    return vn_cell_resident(one) - resident_on(one, node_at(arranger, (guint) node)->id);
}

guint64
vn_arranger_bytes_in_all(const VnArranger *arranger, const VnArrangement *arrangement)
{
    guint64 bytes = 0;
    for (guint i = 0; i < arranger->n_cells; i++)
        bytes += vn_arranger_bytes(arranger, i, arrangement->homes[i]);
    return bytes;
}

int
vn_arranger_mostly_on(const VnArranger *arranger, guint cell)
{
    guint64 most = 0;
    int node = -1;
    for (guint i = 0; i < arranger->n_nodes; i++) {
        guint64 bytes = resident_on(cell_at(arranger, cell), node_at(arranger, i)->id);
        if (bytes <= most)
            continue;
        most = bytes;
        node = (int) i;
    }
    return node;
}

/* Remote cost from a host node (-1: from any with CPUs) to another one's memory. */
static double
distance(const VnArranger *arranger, int from, guint to)
{
    if (from >= 0)
        return (double) node_at(arranger, (guint) from)->distances[to] /
               VN_DISTANCE_LOCAL;
    double sum = 0;
    guint n = 0;
    for (guint i = 0; i < arranger->n_nodes; i++) {
        if (vn_idset_is_empty(node_at(arranger, i)->cpus))
            continue;
        sum += (double) node_at(arranger, i)->distances[to] / VN_DISTANCE_LOCAL;
        n++;
    }
    return n ? sum / n : 1;
}

/* Remote cost from where a cell's vCPUs run to another cell's memory. */
static double
reach(const VnArranger *arranger, int from, guint cell, int home)
{
    if (home >= 0)
        return distance(arranger, from, (guint) home);
    guint column = from >= 0 ? (guint) from : arranger->n_nodes;
    return arranger->reaches[cell * (arranger->n_nodes + 1) + column];
}

/* What accesses from one cell to another's memory add to the remote cost. */
static double
cost_between(const VnArranger *arranger, const VnArrangement *arrangement, guint from,
             guint to)
{
    double share = arranger->traffic[from * arranger->n_cells + to];
    return share > 0 ? share * reach(arranger, arrangement->cpus[from], to,
                                     arrangement->homes[to])
                     : 0;
}

double
vn_arranger_cost(const VnArranger *arranger, const VnArrangement *arrangement)
{
    double cost = 0;
    for (guint from = 0; from < arranger->n_cells; from++) {
        for (guint to = 0; to < arranger->n_cells; to++)
            cost += cost_between(arranger, arrangement, from, to);
    }
    return cost;
}

/* What moving so much counts in a score. */
static double
price_of(const VnArranger *arranger, guint64 bytes)
{
    return bytes ? VN_STEER_PRICE * (double) bytes / (double) arranger->resident_bytes
                 : 0;
}

double
vn_arranger_score(const VnArranger *arranger, const VnArrangement *arrangement)
{
    return vn_arranger_cost(arranger, arrangement) +
           price_of(arranger, vn_arranger_bytes_in_all(arranger, arrangement));
}

/* Whether all nodes have CPUs and room for what they get. */
static gboolean
is_possible(const VnArranger *arranger, const VnArrangement *arrangement)
{
    g_autofree guint *vcpus = g_new0(guint, arranger->n_nodes);
    g_autofree gint64 *bytes = g_new0(gint64, arranger->n_nodes);
    for (guint i = 0; i < arranger->n_cells; i++) {
        const VnCell *cell = cell_at(arranger, i);
        if (arrangement->cpus[i] >= 0)
            vcpus[arrangement->cpus[i]] += vn_idset_count(cell->vcpus);
        if (arrangement->homes[i] < 0)
            continue;
        for (guint k = 0; k < arranger->n_nodes; k++)
            bytes[k] -= (gint64) resident_on(cell, node_at(arranger, k)->id);
        bytes[arrangement->homes[i]] += (gint64) vn_cell_resident(cell);
    }
    for (guint i = 0; i < arranger->n_nodes; i++) {
        if (vcpus[i] > arranger->vcpus_max[i] ||
            (bytes[i] > 0 && bytes[i] > arranger->room[i]))
            return FALSE;
    }
    return TRUE;
}

/* The best change of @base found so far. */
typedef struct {
    const VnArranger *arranger;
    const VnArrangement *base;
    double base_score;
    VnArrangement *best;
    double score;
} Search;

/* That part of the score which the places of these two cells (or one) decide. */
static double
partial_score(const VnArranger *arranger, const VnArrangement *arrangement, guint one,
              guint other)
{
    guint64 bytes = vn_arranger_bytes(arranger, one, arrangement->homes[one]);
    double cost = 0;
    if (other != one)
        bytes += vn_arranger_bytes(arranger, other, arrangement->homes[other]);
    for (guint i = 0; i < arranger->n_cells; i++) {
        cost += cost_between(arranger, arrangement, one, i);
        if (other != one)
            cost += cost_between(arranger, arrangement, other, i);
        if (i == one || i == other)
            continue; /* counted already, from their side */
        cost += cost_between(arranger, arrangement, i, one);
        if (other != one)
            cost += cost_between(arranger, arrangement, i, other);
    }
    return cost + price_of(arranger, bytes);
}

/* @changed differs from the base in the places of these two cells only. */
static void
consider(Search *search, const VnArrangement *changed, guint one, guint other)
{
    const VnArranger *arranger = search->arranger;
    double score = search->base_score -
                   partial_score(arranger, search->base, one, other) +
                   partial_score(arranger, changed, one, other);
    if (score > search->score - IMPROVEMENT_MIN || !is_possible(arranger, changed))
        return;
    assign(search->best, changed);
    search->score = score;
}

static gboolean
may_go(const VnArranger *arranger, guint cell, int node)
{
    return node >= 0 && vn_idset_contains(arranger->candidates[cell],
                                          node_at(arranger, (guint) node)->id);
}

static gboolean
may_run(const VnArranger *arranger, guint cell, int node)
{
    return node >= 0 && arranger->may_pin[cell] &&
           !node_at(arranger, (guint) node)->cordoned &&
           !vn_idset_is_empty(node_at(arranger, (guint) node)->cpus);
}

/* Whether no other cell has vCPUs or memory on the host node. */
static gboolean
is_vacant(const VnArranger *arranger, const VnArrangement *arrangement, guint cell,
          int node)
{
    for (guint i = 0; i < arranger->n_cells; i++) {
        int home = arrangement->homes[i] >= 0 ? arrangement->homes[i]
                                              : vn_arranger_mostly_on(arranger, i);
        if (i != cell && (arrangement->cpus[i] == node || home == node))
            return FALSE;
    }
    return TRUE;
}

/*
 * Another host node for the cell's vCPUs, for its memory, and for both; for both only if
 * it has it for itself: cells are there to be spread.
 */
static void
try_elsewhere(Search *search, VnArrangement *changed, guint cell)
{
    const VnArranger *arranger = search->arranger;
    int *cpus = &changed->cpus[cell];
    int *home = &changed->homes[cell];
    const int cpus_before = *cpus;
    const int home_before = *home;
    for (guint i = 0; i < arranger->n_nodes; i++) {
        gboolean runs = may_run(arranger, cell, (int) i);
        if (runs) {
            *cpus = (int) i;
            consider(search, changed, cell, cell);
        }
        if (may_go(arranger, cell, (int) i)) {
            *home = (int) i;
            if (runs && is_vacant(arranger, changed, cell, (int) i))
                consider(search, changed, cell, cell);
            *cpus = cpus_before;
            consider(search, changed, cell, cell);
        }
        *cpus = cpus_before;
        *home = home_before;
    }
}

/* Two cells exchange where their vCPUs run, where their memory lies, and both. */
static void
try_exchange(Search *search, VnArrangement *changed, guint one, guint other)
{
    const VnArranger *arranger = search->arranger;
    int *cpus = changed->cpus;
    int *homes = changed->homes;
    const int cpus_before[] = {cpus[one], cpus[other]};
    const int homes_before[] = {homes[one], homes[other]};
    int to_one =
        homes[other] >= 0 ? homes[other] : vn_arranger_mostly_on(arranger, other);
    int to_other = homes[one] >= 0 ? homes[one] : vn_arranger_mostly_on(arranger, one);
    gboolean run =
        may_run(arranger, one, cpus[other]) && may_run(arranger, other, cpus[one]);
    if (run) {
        cpus[one] = cpus_before[1];
        cpus[other] = cpus_before[0];
        consider(search, changed, one, other);
    }
    if (may_go(arranger, one, to_one) && may_go(arranger, other, to_other)) {
        homes[one] = to_one;
        homes[other] = to_other;
        if (run)
            consider(search, changed, one, other);
        cpus[one] = cpus_before[0];
        cpus[other] = cpus_before[1];
        consider(search, changed, one, other);
    }
    cpus[one] = cpus_before[0];
    cpus[other] = cpus_before[1];
    homes[one] = homes_before[0];
    homes[other] = homes_before[1];
}

/* Rounds of changing something: enough for any arrangement, or what time allows. */
static guint
rounds_max(const VnArranger *arranger)
{
    guint64 n = arranger->n_cells;
    guint64 lookups = 12 * n * n * (2 * (guint64) arranger->n_nodes + n);
    return (guint) CLAMP(LOOKUPS_MAX / lookups, 1, 4 * n);
}

VnArrangement *
vn_arranger_improve(const VnArranger *arranger, const VnArrangement *from)
{
    g_autoptr(VnArrangement) base = vn_arrangement_copy(from);
    g_autoptr(VnArrangement) changed = vn_arrangement_copy(from);
    Search search = {
        .arranger = arranger, .base = base, .best = vn_arrangement_copy(from)};
    for (guint round = rounds_max(arranger); round > 0; round--) {
        search.base_score = search.score = vn_arranger_score(arranger, base);
        for (guint i = 0; i < arranger->n_cells; i++) {
            try_elsewhere(&search, changed, i);
            for (guint k = i + 1; k < arranger->n_cells; k++)
                try_exchange(&search, changed, i, k);
        }
        if (search.score >= search.base_score)
            break;
        assign(base, search.best);
        assign(changed, search.best);
    }
    return search.best;
}

/* What the plan pins the vCPU to, or what it is pinned to; NULL: to nothing. */
static const VnIdSet *
pin_of(const VnGuest *guest, guint vcpu, const VnPlan *plan)
{
    const VnVcpu *found = vn_guest_find_vcpu(guest, vcpu);
    for (guint i = 0; plan && i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind == VN_STEP_PIN_VCPU && step->target == vcpu &&
            strcmp(step->uuid, guest->uuid) == 0)
            return step->after;
    }
    return found ? found->pinned : NULL;
}

/*
 * Where the cell's vCPUs are pinned; -1: nowhere, or not all to one host node.
 * @plan: (nullable): if it were carried out
 * @ret_n_pinned: how many of them are pinned at all
 */
static int
node_of_vcpus(const VnArranger *arranger, const VnCell *cell, const VnPlan *plan,
              guint *ret_n_pinned)
{
    const VnHost *host = arranger->snapshot->host;
    g_autoptr(VnIdSet) cpus = vn_idset_new();
    *ret_n_pinned = 0;
    VN_IDSET_FOREACH (cell->vcpus, id) {
        const VnIdSet *pinned = pin_of(arranger->guest, (guint) id, plan);
        if (!pinned)
            continue;
        vn_idset_add_all(cpus, pinned);
        ++*ret_n_pinned;
    }
    g_autoptr(VnIdSet) nodes = vn_host_nodes_of_cpus(host, cpus);
    if (*ret_n_pinned < vn_idset_count(cell->vcpus) || vn_idset_count(nodes) != 1)
        return -1;
    return vn_host_node_index(host, (guint) vn_idset_next(nodes, 0));
}

/* What may be done with the cell. */
static void
learn_freedom(VnArranger *arranger, guint index, gboolean pins_are_ours)
{
    const VnCell *cell = cell_at(arranger, index);
    const VnIdSet *allowed = arranger->guest->allowed_nodes;
    guint n_pinned;
    arranger->today->cpus[index] = node_of_vcpus(arranger, cell, NULL, &n_pinned);
    arranger->may_pin[index] =
        !vn_idset_is_empty(cell->vcpus) && (pins_are_ours || n_pinned == 0);
    arranger->candidates[index] = vn_idset_new();
    if (!cell->hva_end || cell->binding == VN_BINDING_INTERLEAVE)
        return;
    for (guint i = 0; i < arranger->n_nodes; i++) {
        const VnHostNode *node = node_at(arranger, i);
        if (node->memory_bytes >= MAX(cell->memory_bytes, 1) && !node->cordoned &&
            (!allowed || vn_idset_contains(allowed, node->id)) &&
            (!cell->bound || vn_idset_contains(cell->bound, node->id)))
            vn_idset_add(arranger->candidates[index], node->id);
    }
}

/* What the plan makes of the cell. */
static gboolean
learn_plan(VnArranger *arranger, guint index, const VnDecision *decision,
           const VnPlan *plan)
{
    const VnIdSet *home =
        index < decision->homes->len ? decision->homes->pdata[index] : NULL;
    const VnCell *cell = cell_at(arranger, index);
    if (!home || vn_idset_count(home) != 1)
        return FALSE;
    int node =
        vn_host_node_index(arranger->snapshot->host, (guint) vn_idset_next(home, 0));
    if (node < 0)
        return FALSE;
    guint n_pinned;
    arranger->planned->cpus[index] = node_of_vcpus(arranger, cell, plan, &n_pinned);
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind == VN_STEP_MOVE_MEMORY && step->target == index &&
            strcmp(step->uuid, arranger->guest->uuid) == 0)
            arranger->planned->homes[index] = node;
    }
    return TRUE;
}

static gboolean
learn_traffic(VnArranger *arranger, const VnLocality *locality)
{
    double all = 0;
    guint n = MIN(arranger->n_cells, locality->n_cells);
    for (guint from = 0; from < n; from++) {
        for (guint to = 0; to < n; to++) {
            double rate = locality->by_cell[from * locality->n_cells + to];
            arranger->traffic[from * arranger->n_cells + to] = rate;
            all += rate;
        }
    }
    for (guint i = 0; i < arranger->n_cells * arranger->n_cells && all > 0; i++)
        arranger->traffic[i] /= all;
    return all > 0;
}

/* Remote costs to the cell's memory as it lies; all local when none is resident. */
static void
learn_reaches(VnArranger *arranger, guint index)
{
    const VnCell *cell = cell_at(arranger, index);
    double resident = (double) vn_cell_resident(cell);
    for (guint from = 0; from <= arranger->n_nodes; from++) {
        double sum = 0;
        for (guint i = 0; i < arranger->n_nodes; i++) {
            guint64 bytes = resident_on(cell, node_at(arranger, i)->id);
            if (bytes > 0)
                sum += (double) bytes / resident *
                       distance(arranger, from < arranger->n_nodes ? (int) from : -1, i);
        }
        arranger->reaches[index * (arranger->n_nodes + 1) + from] =
            resident > 0 ? sum : 1;
    }
}

/*
 * Other guests' vCPUs are counted where the plan has their homes, each on one of the
 * home's host nodes, evenly.
 */
static void
learn_limits(VnArranger *arranger, const VnPlan *plan)
{
    const VnSnapshot *snapshot = arranger->snapshot;
    for (guint i = 0; i < arranger->n_nodes; i++) {
        guint others = 0;
        guint now = 0;
        guint then = 0;
        guint cpus = vn_idset_count(node_at(arranger, i)->cpus);
        for (guint k = 0; k < snapshot->guests->len; k++) {
            const VnGuest *guest = snapshot->guests->pdata[k];
            const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
            if (guest == arranger->guest || !decision)
                continue;
            for (guint c = 0; c < decision->homes->len; c++) {
                const VnIdSet *home = decision->homes->pdata[c];
                const VnCell *cell = guest->cells->pdata[c];
                if (vn_idset_contains(home, node_at(arranger, i)->id))
                    others += vn_idset_count(cell->vcpus) / vn_idset_count(home);
            }
        }
        for (guint c = 0; c < arranger->n_cells; c++) {
            guint vcpus = vn_idset_count(cell_at(arranger, c)->vcpus);
            now += arranger->today->cpus[c] == (int) i ? vcpus : 0;
            then += arranger->planned->cpus[c] == (int) i ? vcpus : 0;
        }
        arranger->vcpus_max[i] = MAX(cpus > others ? cpus - others : 0, MAX(now, then));
        arranger->room[i] = (gint64) vn_host_node_available(node_at(arranger, i));
    }
}

VnArranger *
vn_arranger_new(const VnSnapshot *snapshot, const VnGuest *guest,
                const VnLocality *locality, gboolean pins_are_ours, const VnPlan *plan)
{
    const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    g_autoptr(VnArranger) arranger = g_new0(VnArranger, 1);
    guint n_cells = guest->cells->len;
    guint n_nodes = snapshot->host->nodes->len;
    arranger->snapshot = snapshot;
    arranger->guest = guest;
    arranger->n_cells = n_cells;
    arranger->n_nodes = n_nodes;
    arranger->today = arrangement_new(n_cells);
    arranger->planned = arrangement_new(n_cells);
    arranger->traffic = g_new0(double, (gsize) n_cells *n_cells);
    arranger->reaches = g_new0(double, (gsize) n_cells *(n_nodes + 1));
    arranger->may_pin = g_new0(gboolean, n_cells);
    arranger->candidates = g_new0(VnIdSet *, n_cells);
    arranger->vcpus_max = g_new0(guint, n_nodes);
    arranger->room = g_new0(gint64, n_nodes);
    for (guint i = 0; i < n_cells; i++) {
        learn_freedom(arranger, i, pins_are_ours);
        if (!decision || !learn_plan(arranger, i, decision, plan))
            return NULL;
        learn_reaches(arranger, i);
        arranger->resident_bytes += vn_cell_resident(cell_at(arranger, i));
    }
    learn_limits(arranger, plan);
    return learn_traffic(arranger, locality) ? g_steal_pointer(&arranger) : NULL;
}

void
vn_arranger_free(VnArranger *arranger)
{
    if (!arranger)
        return;
    for (guint i = 0; i < arranger->n_cells; i++)
        vn_idset_free(arranger->candidates[i]);
    vn_arrangement_free(arranger->today);
    vn_arrangement_free(arranger->planned);
    g_free(arranger->traffic);
    g_free(arranger->reaches);
    g_free(arranger->may_pin);
    g_free(arranger->candidates);
    g_free(arranger->vcpus_max);
    g_free(arranger->room);
    g_free(arranger);
}
