/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Units of vCPUs, what each would cost on each host node, and where all of them fit. */
#include "policies/units.h"

#include "model/sharing.h"
#include "policies/homes.h"

#include <math.h>
#include <string.h>

/* Where another host node is better by less than this part of accesses, a unit stays. */
#define STAY_SHARE 1e-3

/* Each change lowers the cost by this part of all accesses at least. */
#define IMPROVEMENT_MIN 1e-6

/* So many units may have no room before one gives up. */
#define FIXED_MAX 64u

/* Pairs of units looked at in one search, about. */
#define PAIRS_MAX (64u << 20)

#define NO_UNIT G_MAXUINT

static void
unit_free(gpointer data)
{
    VnUnit *unit = data;
    vn_idset_free(unit->vcpus);
    g_free(unit->traffic);
    g_free(unit->costs);
    g_free(unit);
}

static VnUnit *
unit_at(const VnUnits *units, guint i)
{
    return units->array->pdata[i];
}

const VnHostNode *
vn_units_node(const VnUnits *units, int i)
{
    return units->snapshot->host->nodes->pdata[units->nodes[i]];
}

static const VnHostNode *
host_node(const VnUnits *units, guint i)
{
    return vn_units_node(units, (int) i);
}

static double
distance(const VnUnits *units, int from, guint to)
{
    return from < 0 ? units->mean_distances[to]
                    : (double) host_node(units, (guint) from)->distances[to] /
                          VN_DISTANCE_LOCAL;
}

static void
learn_nodes(VnUnits *units, const VnIdSet *home)
{
    const GPtrArray *all = units->snapshot->host->nodes;
    units->nodes = g_new(guint, all->len);
    for (guint i = 0; i < all->len; i++) {
        const VnHostNode *node = all->pdata[i];
        if (vn_idset_contains(home, node->id) && !vn_idset_is_empty(node->cpus))
            units->nodes[units->n_nodes++] = i;
    }
    units->mean_distances = g_new0(double, all->len);
    for (guint to = 0; to < all->len; to++) {
        for (guint i = 0; i < units->n_nodes; i++)
            units->mean_distances[to] += distance(units, (int) i, to) / units->n_nodes;
    }
    units->node_of = g_new(int, units->n_vcpus);
    for (guint vcpu = 0; vcpu < units->n_vcpus; vcpu++) {
        int id = vcpu < units->placement->n_vcpus ? units->placement->vcpus[vcpu] : -1;
        units->node_of[vcpu] = -1;
        for (guint i = 0; i < units->n_nodes; i++) {
            if ((int) host_node(units, i)->id == id)
                units->node_of[vcpu] = (int) i;
        }
    }
}

static void
add_unit(VnUnits *units, const VnIdSet *vcpus)
{
    VnUnit *unit = g_new0(VnUnit, 1);
    unit->vcpus = vn_idset_copy(vcpus);
    unit->n = vn_idset_count(vcpus);
    unit->traffic = g_new0(double, units->snapshot->host->nodes->len);
    unit->costs = g_new0(double, units->n_nodes);
    unit->now = units->node_of[vn_idset_next(vcpus, 0)];
    VN_IDSET_FOREACH (vcpus, vcpu) {
        units->unit_of[vcpu] = units->array->len;
        unit->rate += vn_heat_vcpu_rate(units->heat, (guint) vcpu);
        if (units->node_of[vcpu] != unit->now)
            unit->now = -1;
    }
    g_ptr_array_add(units->array, unit);
}

static void
learn_units(VnUnits *units)
{
    g_autoptr(VnSharing) sharing = vn_sharing_new(units->heat);
    guint n_active = 0;
    units->array = g_ptr_array_new_with_free_func(unit_free);
    units->unit_of = g_new(guint, units->n_vcpus);
    for (guint i = 0; i < units->n_vcpus; i++) {
        units->unit_of[i] = NO_UNIT;
        n_active += vn_heat_vcpu_rate(units->heat, i) > 0;
    }
    for (guint i = 0; i < sharing->groups->len; i++)
        add_unit(units, sharing->groups->pdata[i]);
    for (guint i = 0; i < units->n_vcpus; i++) {
        if (units->unit_of[i] != NO_UNIT ||
            vn_heat_vcpu_rate(units->heat, i) * n_active <=
                VN_SHARING_ACTIVE * units->rate)
            continue;
        g_autoptr(VnIdSet) alone = vn_idset_new_with(i);
        add_unit(units, alone);
    }
}

/* Of the accesses to a granule by one unit's vCPUs: all less what can be local. */
static double
lost_on(const VnUnits *units, const VnHeatGranule *granule, guint unit)
{
    double all = 0;
    double anywhere = 0;
    double best = 0;
    for (guint i = 0; i < granule->n_accessors; i++) {
        const VnHeatAccessor *who = &granule->accessors[i];
        if (who->vcpu < 0 || units->unit_of[who->vcpu] != unit)
            continue;
        int node = units->node_of[who->vcpu];
        double there = 0;
        for (guint k = 0; k < granule->n_accessors; k++) {
            const VnHeatAccessor *other = &granule->accessors[k];
            if (other->vcpu >= 0 && units->unit_of[other->vcpu] == unit &&
                units->node_of[other->vcpu] == node)
                there += other->rate;
        }
        all += who->rate;
        anywhere += node < 0 ? who->rate : 0;
        best = node < 0 ? best : MAX(best, there);
    }
    return all - best - anywhere / units->n_nodes;
}

/* @by_cell: accesses known by the heat's cell only, as VnUnit.traffic, by cell */
static void
learn_granule(VnUnits *units, const VnHeatGranule *granule, double *by_cell)
{
    const VnHost *host = units->snapshot->host;
    const VnPlace *place = vn_placement_find(units->placement, granule->granule);
    int to = place && place->host_node >= 0
                 ? vn_host_node_index(host, (guint) place->host_node)
                 : -1;
    for (guint i = 0; i < granule->n_accessors; i++) {
        const VnHeatAccessor *who = &granule->accessors[i];
        if (who->vcpu < 0 && to >= 0)
            by_cell[who->cell * host->nodes->len + (guint) to] += who->rate;
        guint index = who->vcpu < 0 ? NO_UNIT : units->unit_of[who->vcpu];
        if (index == NO_UNIT)
            continue;
        VnUnit *unit = unit_at(units, index);
        gboolean first = TRUE;
        for (guint k = 0; k < i; k++) {
            int before = granule->accessors[k].vcpu;
            first = first && (before < 0 || units->unit_of[before] != index);
        }
        if (first)
            unit->lost += lost_on(units, granule, index);
        if (to < 0)
            continue;
        unit->traffic[to] += who->rate;
        unit->now_cost +=
            who->rate * distance(units, units->node_of[who->vcpu], (guint) to);
    }
}

/* Accesses of a whole cell are its vCPUs', each by its own rate. */
static void
share_out(VnUnits *units, const double *by_cell)
{
    guint n_nodes = units->snapshot->host->nodes->len;
    guint n_cells = vn_heat_n_cells(units->heat);
    g_autofree double *rates = g_new0(double, n_cells);
    for (guint i = 0; i < units->n_vcpus; i++)
        rates[vn_heat_cell_of_vcpu(units->heat, i)] += vn_heat_vcpu_rate(units->heat, i);
    for (guint i = 0; i < units->n_vcpus; i++) {
        guint cell = vn_heat_cell_of_vcpu(units->heat, i);
        if (units->unit_of[i] == NO_UNIT || !(rates[cell] > 0))
            continue;
        VnUnit *unit = unit_at(units, units->unit_of[i]);
        double share = vn_heat_vcpu_rate(units->heat, i) / rates[cell];
        for (guint to = 0; to < n_nodes; to++) {
            double rate = by_cell[cell * n_nodes + to] * share;
            unit->traffic[to] += rate;
            unit->now_cost += rate * distance(units, units->node_of[i], to);
        }
    }
}

static void
learn_traffic(VnUnits *units)
{
    guint n_nodes = units->snapshot->host->nodes->len;
    g_autofree double *by_cell =
        g_new0(double, (gsize) vn_heat_n_cells(units->heat) * n_nodes);
    VnHeatGranule granule;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, units->heat, 0);
    while (vn_heat_iter_next(&iter, &granule))
        learn_granule(units, &granule, by_cell);
    share_out(units, by_cell);
    for (guint i = 0; i < units->array->len; i++) {
        VnUnit *unit = unit_at(units, i);
        for (guint k = 0; k < units->n_nodes; k++) {
            for (guint to = 0; to < n_nodes; to++)
                unit->costs[k] += unit->traffic[to] * distance(units, (int) k, to);
        }
    }
}

/* Adds @sign times the vCPU to the host nodes of its CPUs at home, evenly. */
static void
count_vcpu(const VnUnits *units, const VnIdSet *cpus, const VnIdSet *home, double sign,
           double *loads)
{
    const VnHost *host = units->snapshot->host;
    g_autoptr(VnIdSet) home_cpus = vn_homes_cpus(host, home);
    g_autoptr(VnIdSet) own = vn_idset_copy(cpus ? cpus : home_cpus);
    if (vn_idset_overlaps(own, home_cpus))
        vn_idset_keep_all(own, home_cpus);
    g_autoptr(VnIdSet) nodes = vn_host_nodes_of_cpus(host, own);
    for (guint i = 0; i < units->n_nodes; i++) {
        if (vn_idset_contains(nodes, host_node(units, i)->id))
            loads[i] += sign / vn_idset_count(nodes);
    }
}

/*
 * Other guests' vCPUs are counted where they are pinned at home, or at home; those that
 * the plan pins, there.
 */
static void
learn_room(VnUnits *units, const VnPlan *plan)
{
    const VnSnapshot *snapshot = units->snapshot;
    g_autofree double *loads = g_new0(double, units->n_nodes);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
        if (guest == units->guest || !decision)
            continue;
        for (guint k = 0; k < guest->vcpus->len; k++) {
            const VnVcpu *vcpu = guest->vcpus->pdata[k];
            if (vcpu->cell < decision->homes->len)
                count_vcpu(units, vcpu->pinned, decision->homes->pdata[vcpu->cell], 1,
                           loads);
        }
    }
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        const VnGuest *guest = vn_snapshot_find(snapshot, step->uuid);
        if (step->kind != VN_STEP_PIN_VCPU || !guest || guest == units->guest)
            continue;
        const VnVcpu *vcpu = vn_guest_find_vcpu(guest, step->target);
        const VnIdSet *home =
            vn_plan_find_decision(plan, guest->name)->homes->pdata[vcpu->cell];
        count_vcpu(units, vcpu->pinned, home, -1, loads);
        count_vcpu(units, step->after, home, 1, loads);
    }
    units->free_cpus = g_new0(int, units->n_nodes);
    units->room = g_new0(int, units->n_nodes);
    for (guint i = 0; i < units->n_nodes; i++)
        units->free_cpus[i] = (int) vn_idset_count(host_node(units, i)->cpus) -
                              (int) ceil(loads[i] - IMPROVEMENT_MIN);
    for (guint i = 0; i < units->n_vcpus; i++) {
        if (units->unit_of[i] == NO_UNIT && units->node_of[i] >= 0)
            units->free_cpus[units->node_of[i]]--;
    }
}

/* Nothing is placed but the vCPUs of units that are fixed. */
static void
clear_room(VnUnits *units)
{
    memcpy(units->room, units->free_cpus, units->n_nodes * sizeof(int));
    for (guint i = 0; i < units->n_vcpus; i++) {
        guint unit = units->unit_of[i];
        if (unit != NO_UNIT && unit_at(units, unit)->fixed && units->node_of[i] >= 0)
            units->room[units->node_of[i]]--;
    }
    for (guint i = 0; i < units->array->len; i++)
        unit_at(units, i)->to = -1;
}

static void
put(VnUnits *units, VnUnit *unit, int node)
{
    if (unit->to >= 0)
        units->room[unit->to] += (int) unit->n;
    unit->to = node;
    units->room[node] -= (int) unit->n;
}

/* On the emptiest host node with room, or (@tight) on the fullest. */
static gboolean
place(VnUnits *units, VnUnit *unit, gboolean tight)
{
    int best = -1;
    for (guint i = 0; i < units->n_nodes; i++) {
        int room = units->room[i];
        if (room < (int) unit->n || (best >= 0 && (tight ? room >= units->room[best]
                                                         : room <= units->room[best])))
            continue;
        best = (int) i;
    }
    if (best >= 0)
        put(units, unit, best);
    return best >= 0;
}

static int
compare_units(gconstpointer a, gconstpointer b)
{
    const VnUnit *one = *(VnUnit *const *) a;
    const VnUnit *other = *(VnUnit *const *) b;
    if (one->n != other->n)
        return one->n > other->n ? -1 : 1;
    return vn_idset_next(one->vcpus, 0) - vn_idset_next(other->vcpus, 0);
}

/*
 * Places all units anew, the largest first; what does not fit is fixed, and the others
 * are again placed. Costs have no say yet, so that what fits does not change with them.
 *
 * Returns: how many are fixed
 */
static guint
place_all(VnUnits *units, gboolean tight)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    guint n_fixed = 0;
    for (guint i = 0; i < units->array->len; i++) {
        unit_at(units, i)->fixed = FALSE;
        g_ptr_array_add(order, unit_at(units, i));
    }
    g_ptr_array_sort(order, compare_units);
    for (guint i = 0; i < order->len; i++) {
        VnUnit *unit = order->pdata[i];
        if (i == 0)
            clear_room(units);
        if (unit->fixed || place(units, unit, tight))
            continue;
        unit->fixed = TRUE;
        i = G_MAXUINT; /* all over again */
        if (++n_fixed == FIXED_MAX)
            break;
    }
    if (n_fixed == FIXED_MAX)
        clear_room(units);
    return n_fixed;
}

/* All that are together stay, the others do, too. */
static void
place_as_now(VnUnits *units)
{
    for (guint i = 0; i < units->array->len; i++) {
        VnUnit *unit = unit_at(units, i);
        unit->fixed = unit->now < 0;
    }
    clear_room(units);
    for (guint i = 0; i < units->array->len; i++) {
        VnUnit *unit = unit_at(units, i);
        if (!unit->fixed)
            put(units, unit, unit->now);
    }
}

typedef struct {
    VnUnit *one;
    VnUnit *other; /* NULL: one goes to a host node, else they exchange theirs */
    int node;
    double gain;
} Change;

/* What a unit costs on the host node; where it is now, a little less. */
static double
cost_on(const VnUnits *units, const VnUnit *unit, int node)
{
    return unit->costs[node] - (node == unit->now ? STAY_SHARE * units->rate : 0);
}

static void
consider(const VnUnits *units, Change *best, VnUnit *one, VnUnit *other, int node)
{
    double gain = cost_on(units, one, one->to) - cost_on(units, one, node);
    if (other)
        gain += cost_on(units, other, other->to) - cost_on(units, other, one->to);
    if (gain > best->gain)
        *best = (Change){one, other, node, gain};
}

static Change
best_change(const VnUnits *units)
{
    const int *room = units->room;
    Change best = {.gain = IMPROVEMENT_MIN * units->rate};
    for (guint i = 0; i < units->array->len; i++) {
        VnUnit *one = unit_at(units, i);
        if (one->to < 0)
            continue;
        for (guint k = 0; k < units->n_nodes; k++) {
            if ((int) k != one->to && room[k] >= (int) one->n)
                consider(units, &best, one, NULL, (int) k);
        }
        for (guint k = i + 1; k < units->array->len; k++) {
            VnUnit *other = unit_at(units, k);
            int more = (int) one->n - (int) other->n;
            if (other->to >= 0 && other->to != one->to && room[other->to] >= more &&
                room[one->to] >= -more)
                consider(units, &best, one, other, other->to);
        }
    }
    return best;
}

static void
improve(VnUnits *units)
{
    guint64 n = MAX(units->array->len, 1);
    guint64 rounds = CLAMP(PAIRS_MAX / (n * (n + units->n_nodes)), 1, 4 * n);
    for (; rounds > 0; rounds--) {
        Change change = best_change(units);
        if (!change.one)
            return;
        int from = change.one->to;
        put(units, change.one, change.node);
        if (change.other)
            put(units, change.other, from);
    }
}

/* By how much the remote cost can fall as units that are apart come together. */
static double
gain_together(const VnUnits *units)
{
    double mean = 0;
    for (guint i = 0; i < units->n_nodes; i++) {
        for (guint k = 0; k < units->n_nodes; k++)
            mean += i == k ? 0 : distance(units, (int) i, units->nodes[k]) - 1;
    }
    mean /= units->n_nodes * (units->n_nodes - 1);
    double lost = 0;
    for (guint i = 0; i < units->array->len; i++) {
        const VnUnit *unit = unit_at(units, i);
        lost += unit->now < 0 && unit->to >= 0 ? unit->lost : 0;
    }
    return lost / units->rate * mean;
}

/* By how much it falls with memory as it lies. */
static double
gain_nearer(const VnUnits *units)
{
    double gain = 0;
    for (guint i = 0; i < units->array->len; i++) {
        const VnUnit *unit = unit_at(units, i);
        if (unit->to >= 0 && unit->to != unit->now)
            gain += unit->now_cost - unit->costs[unit->to];
    }
    return gain / units->rate;
}

gboolean
vn_units_arrange(VnUnits *units, double *ret_gain)
{
    guint n_fixed = place_all(units, FALSE);
    if (n_fixed > 0 && place_all(units, TRUE) >= n_fixed)
        place_all(units, FALSE);
    improve(units);
    *ret_gain = gain_together(units);
    if (*ret_gain >= VN_STEER_GAIN_MIN) {
        *ret_gain = MAX(*ret_gain, gain_nearer(units));
        return TRUE;
    }
    place_as_now(units);
    improve(units);
    *ret_gain = gain_nearer(units);
    return *ret_gain >= VN_STEER_GAIN_MIN;
}

VnUnits *
vn_units_new(const VnSnapshot *snapshot, const VnGuest *guest, const VnIdSet *home,
             const VnSteerEvidence *evidence, const VnPlan *plan)
{
    g_autoptr(VnUnits) units = g_new0(VnUnits, 1);
    units->snapshot = snapshot;
    units->guest = guest;
    units->heat = evidence->heat;
    units->placement = evidence->placement;
    units->n_vcpus = vn_heat_n_vcpus(evidence->heat);
    units->rate = vn_heat_rate(evidence->heat);
    learn_nodes(units, home);
    if (units->n_nodes < 2 || !(units->rate > 0))
        return NULL;
    learn_units(units);
    learn_traffic(units);
    learn_room(units, plan);
    return g_steal_pointer(&units);
}

void
vn_units_free(VnUnits *units)
{
    if (!units)
        return;
    g_clear_pointer(&units->array, g_ptr_array_unref);
    g_free(units->nodes);
    g_free(units->unit_of);
    g_free(units->node_of);
    g_free(units->mean_distances);
    g_free(units->free_cpus);
    g_free(units->room);
    g_free(units);
}
