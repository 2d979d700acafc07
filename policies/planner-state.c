/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An assignment of cells to host nodes: its limits, and its cost change by change. */
#include "policies/planner-state.h"

#define AT(state, from, to) ((state)->excess[(from) * (state)->n_nodes + (to)])

static VnPlannerPool *
pool_of(const VnPlannerState *state, const VnPlannerSpot *spot, guint node)
{
    return &state->pools[spot->pool * state->n_nodes + node];
}

gboolean
vn_planner_may(const VnPlannerState *state, guint spot, guint node)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    if ((int) node == cell->now)
        return TRUE;
    return (cell->only < 0 || cell->only == (int) node) &&
           state->nodes[node].has_memory && (!cell->allowed || cell->allowed[node]) &&
           (!state->problem->closed || !state->problem->closed[node]);
}

gboolean
vn_planner_fits(const VnPlannerState *state, guint spot, guint node)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    if (state->nodes[node].wanted || !vn_planner_may(state, spot, node))
        return FALSE;
    const VnPlannerPool *pool = pool_of(state, cell, node);
    if (pool->used_bytes + cell->need_bytes > pool->capacity_bytes &&
        ((int) node != cell->now || pool->arriving_bytes))
        return FALSE;
    const VnPlannerNode *runs = &state->nodes[state->nodes[node].run];
    if (!cell->vcpus || runs->vcpus + cell->vcpus <= runs->vcpus_max)
        return TRUE;
    return cell->now >= 0 && state->nodes[cell->now].run == state->nodes[node].run &&
           !runs->arriving_vcpus;
}

guint64
vn_planner_moved(const VnPlannerSpot *spot)
{
    if (!spot->resident || spot->home < 0)
        return 0;
    return spot->resident_bytes - spot->resident[spot->home];
}

static double
device_cost(const VnPlannerState *state, const VnPlannerClient *client,
            const VnPlannerSpot *spot, guint node)
{
    const VnPlannerGuest *guest = client->guest;
    double excess = 0;
    if (!guest->n_devices)
        return 0;
    for (guint i = 0; i < guest->n_devices; i++)
        excess += AT(state, guest->devices[i], node);
    return VN_PLANNER_DEVICE * client->vcpus * excess / guest->n_devices *
           spot->bytes_share;
}

double
vn_planner_own_cost(const VnPlannerState *state, guint spot, guint node)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    const VnPlannerClient *client = &state->clients[cell->guest];
    double cost = client->weights[cell->place * client->n_cells + cell->place] *
                      AT(state, state->nodes[node].run, node) +
                  device_cost(state, client, cell, node);
    if (cell->resident)
        cost += client->price * (double) (cell->resident_bytes - cell->resident[node]);
    if (state->problem->closed && state->problem->closed[node])
        cost += VN_PLANNER_CLOSED * MAX(cell->vcpus, 1);
    return cost;
}

double
vn_planner_wish(VnPlannerState *state, guint spot, guint node)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    const VnPlannerClient *client = &state->clients[cell->guest];
    guint n = client->n_cells;
    double cost = vn_planner_own_cost(state, spot, node);
    guint run = state->nodes[node].run;
    state->effort++;
    for (guint i = 0; i < n; i++) {
        int at = state->spots[client->first + i].home;
        if (i == cell->place || at < 0)
            continue;
        cost +=
            client->weights[cell->place * n + i] * AT(state, run, at) +
            client->weights[i * n + cell->place] * AT(state, state->nodes[at].run, node);
    }
    return cost;
}

static double
cpu_cost(const VnPlannerNode *node, double vcpus, double spreading)
{
    if (!node->cpus)
        return 0;
    double cost = VN_PLANNER_SPREAD * spreading * vcpus / node->cpus;
    if (vcpus > node->cores)
        cost += VN_PLANNER_SMT * (MIN(vcpus, node->cpus) - node->cores);
    if (vcpus > node->cpus)
        cost += vcpus * (vcpus / node->cpus - 1);
    return cost;
}

static double
memory_cost(const VnPlannerNode *node, guint64 bytes, double balancing)
{
    if (balancing == 0)
        return 0;
    double fill =
        node->capacity_bytes ? (double) bytes / (double) node->capacity_bytes : 1;
    return VN_PLANNER_SPREAD * balancing * fill;
}

static double
open_cost(const VnPlannerNode *node, guint packed, guint others)
{
    return packed && !others ? VN_PLANNER_OPEN * MAX(node->cpus, 1) : 0;
}

/* What a cell's aim adds to the sums of its nodes. */
static double
spreading(const VnPlannerState *state, const VnPlannerSpot *spot)
{
    switch (state->clients[spot->guest].guest->aim) {
    case VN_PLACE_ALIGN:
    case VN_PLACE_PACK:
        return 0;
    case VN_PLACE_SPREAD:
        return spot->vcpus;
    case VN_PLACE_BALANCE:
        return spot->vcpus / 2.0;
    }
    g_assert_not_reached();
}

static double
balancing(const VnPlannerState *state, const VnPlannerSpot *spot)
{
    return state->clients[spot->guest].guest->aim == VN_PLACE_BALANCE ? spot->vcpus / 2.0
                                                                      : 0;
}

double
vn_planner_entry(VnPlannerState *state, guint spot, guint node)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    const VnPlannerNode *at = &state->nodes[node];
    const VnPlannerNode *runs = &state->nodes[at->run];
    gboolean packs = state->clients[cell->guest].guest->aim == VN_PLACE_PACK;
    double cost = vn_planner_wish(state, spot, node);
    cost += cpu_cost(runs, (double) runs->vcpus + cell->vcpus,
                     runs->spreading_vcpus + spreading(state, cell)) -
            cpu_cost(runs, runs->vcpus, runs->spreading_vcpus);
    cost += memory_cost(at, at->used_bytes + cell->need_bytes,
                        at->balancing_vcpus + balancing(state, cell)) -
            memory_cost(at, at->used_bytes, at->balancing_vcpus);
    cost += open_cost(at, at->packed + packs, at->others + !packs) -
            open_cost(at, at->packed, at->others);
    return cost;
}

static void
enter(VnPlannerState *state, VnPlannerSpot *cell, guint node)
{
    VnPlannerNode *at = &state->nodes[node];
    VnPlannerNode *runs = &state->nodes[at->run];
    VnPlannerPool *pool = pool_of(state, cell, node);
    gboolean packs = state->clients[cell->guest].guest->aim == VN_PLACE_PACK;
    pool->used_bytes += cell->need_bytes;
    at->used_bytes += cell->need_bytes;
    if (cell->now != (int) node)
        pool->arriving_bytes += cell->need_bytes;
    runs->vcpus += cell->vcpus;
    if (cell->now < 0 || state->nodes[cell->now].run != at->run)
        runs->arriving_vcpus += cell->vcpus;
    runs->spreading_vcpus += spreading(state, cell);
    at->balancing_vcpus += balancing(state, cell);
    at->packed += packs;
    at->others += !packs;
    cell->home = (int) node;
}

static void
leave(VnPlannerState *state, VnPlannerSpot *cell)
{
    VnPlannerNode *at = &state->nodes[cell->home];
    VnPlannerNode *runs = &state->nodes[at->run];
    VnPlannerPool *pool = pool_of(state, cell, (guint) cell->home);
    gboolean packs = state->clients[cell->guest].guest->aim == VN_PLACE_PACK;
    pool->used_bytes -= cell->need_bytes;
    at->used_bytes -= cell->need_bytes;
    if (cell->now != cell->home)
        pool->arriving_bytes -= cell->need_bytes;
    runs->vcpus -= cell->vcpus;
    if (cell->now < 0 || state->nodes[cell->now].run != at->run)
        runs->arriving_vcpus -= cell->vcpus;
    runs->spreading_vcpus -= spreading(state, cell);
    at->balancing_vcpus -= balancing(state, cell);
    at->packed -= packs;
    at->others -= !packs;
    cell->home = -1;
}

void
vn_planner_put(VnPlannerState *state, guint spot, int node)
{
    VnPlannerSpot *cell = &state->spots[spot];
    VnPlannerChange change = {.spot = spot, .home = cell->home};
    if (cell->home == node)
        return;
    g_array_append_val(state->journal, change);
    if (cell->home >= 0) {
        guint from = (guint) cell->home;
        leave(state, cell);
        state->cost -= vn_planner_entry(state, spot, from);
    }
    if (node >= 0) {
        state->cost += vn_planner_entry(state, spot, (guint) node);
        enter(state, cell, (guint) node);
    }
}

void
vn_planner_undo(VnPlannerState *state, guint length)
{
    while (state->journal->len > length) {
        guint last = state->journal->len - 1;
        VnPlannerChange change = g_array_index(state->journal, VnPlannerChange, last);
        vn_planner_put(state, change.spot, change.home);
        g_array_set_size(state->journal, last);
    }
}

gboolean
vn_planner_is_in(const VnPlannerState *state, guint client)
{
    const VnPlannerClient *guest = &state->clients[client];
    return !guest->n_cells || state->spots[guest->first].home >= 0;
}

double
vn_planner_total(VnPlannerState *state)
{
    double cost = 0;
    for (guint i = 0; i < state->n_nodes; i++) {
        const VnPlannerNode *node = &state->nodes[i];
        cost += cpu_cost(node, node->vcpus, node->spreading_vcpus) +
                memory_cost(node, node->used_bytes, node->balancing_vcpus) +
                open_cost(node, node->packed, node->others);
    }
    for (guint i = 0; i < state->n_spots; i++) {
        const VnPlannerSpot *spot = &state->spots[i];
        if (spot->home < 0)
            continue;
        /* What it has with others of its guest is met twice, once from each side. */
        double own = vn_planner_own_cost(state, i, (guint) spot->home);
        cost += (own + vn_planner_wish(state, i, (guint) spot->home)) / 2;
    }
    return state->cost = cost;
}
