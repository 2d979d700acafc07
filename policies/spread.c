/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared hot granules from busy host nodes to idle ones. */
#include "policies/spread.h"

/* Rounds of going through all granules: each brings the loads nearer to each other. */
#define ROUNDS_MAX 16u

typedef struct {
    VnHeatGranule granule;
    int from; /* ids of host nodes */
    int to;
} Shared;

/* Accesses and room by place in VnHost.nodes; those of no target are not looked at. */
typedef struct {
    VnMover *mover;
    GArray *shared; /* hottest first */
    double *loads;
    gint64 *room;
} Spreader;

static guint
index_of(const Spreader *spreader, int id)
{
    return (guint) vn_host_node_index(spreader->mover->snapshot->host, (guint) id);
}

static void
learn(Spreader *spreader)
{
    const VnMover *mover = spreader->mover;
    const VnHeat *heat = mover->evidence->heat;
    g_autoptr(GArray) hottest = vn_heat_hottest(heat, VN_HEAT_HOTTEST_MAX);
    double hot_rate = vn_heat_hot_rate(heat);
    for (guint i = 0; i < hottest->len; i++) {
        const VnHeatGranule *granule = &g_array_index(hottest, VnHeatGranule, i);
        const VnPlace *place = vn_mover_place(mover, granule->granule);
        if (granule->rate < hot_rate || !place ||
            granule->flips >= VN_HEAT_ALTERNATING_FLIPS ||
            !vn_idset_contains(mover->targets, (guint) place->host_node) ||
            !vn_mover_is_shared(mover, granule))
            continue;
        Shared shared = {*granule, place->host_node, place->host_node};
        spreader->loads[index_of(spreader, place->host_node)] += granule->rate;
        g_array_append_val(spreader->shared, shared);
    }
}

/* The id of the target with the fewest accesses, of those with room; -1: none has any. */
static int
find_node(const Spreader *spreader, gint64 bytes)
{
    int found = -1;
    VN_IDSET_FOREACH (spreader->mover->targets, id) {
        double load = spreader->loads[index_of(spreader, id)];
        double best = found >= 0 ? spreader->loads[index_of(spreader, found)] : 0;
        if (spreader->room[index_of(spreader, id)] < bytes ||
            (found >= 0 && load >= best))
            continue;
        found = id;
    }
    return found;
}

static double
busiest(const Spreader *spreader)
{
    double most = 0;
    VN_IDSET_FOREACH (spreader->mover->targets, id)
        most = MAX(most, spreader->loads[index_of(spreader, id)]);
    return most;
}

/* Goes through all granules once; whether any found a better place. */
static gboolean
even_out(Spreader *spreader, double enough)
{
    gboolean changed = FALSE;
    for (guint i = 0; i < spreader->shared->len && busiest(spreader) > enough; i++) {
        Shared *shared = &g_array_index(spreader->shared, Shared, i);
        double rate = shared->granule.rate;
        gint64 bytes = (gint64) (shared->granule.n_granules * VN_GRANULE_BYTES);
        guint from = index_of(spreader, shared->to);
        int to = find_node(spreader, bytes);
        if (to < 0 ||
            spreader->loads[index_of(spreader, to)] + rate >= spreader->loads[from])
            continue;
        spreader->loads[from] -= rate;
        spreader->room[from] += bytes;
        shared->to = to;
        spreader->loads[index_of(spreader, to)] += rate;
        spreader->room[index_of(spreader, to)] -= bytes;
        changed = TRUE;
    }
    return changed;
}

static double
take_all(Spreader *spreader, double all)
{
    VnMover *mover = spreader->mover;
    for (guint i = 0; i < spreader->shared->len; i++) {
        const Shared *shared = &g_array_index(spreader->shared, Shared, i);
        const VnHeatGranule *granule = &shared->granule;
        const VnPiece piece = {.granule = granule->granule,
                               .n_granules = granule->n_granules,
                               .from = shared->from,
                               .to = shared->to,
                               .rate = granule->rate};
        double gain = vn_mover_cost(mover, granule, shared->from) -
                      vn_mover_cost(mover, granule, shared->to);
        if (shared->to == shared->from || vn_mover_take(mover, &piece, gain))
            continue;
        spreader->loads[index_of(spreader, shared->to)] -= granule->rate;
        spreader->loads[index_of(spreader, shared->from)] += granule->rate;
    }
    return busiest(spreader) / all;
}

void
vn_spread_take(VnMover *mover, double *ret_before, double *ret_after)
{
    guint n_nodes = mover->snapshot->host->nodes->len;
    guint n_targets = vn_idset_count(mover->targets);
    g_autofree double *loads = g_new0(double, n_nodes);
    g_autofree gint64 *room = g_memdup2(mover->room, n_nodes * sizeof(gint64));
    g_autoptr(GArray) shared = g_array_new(FALSE, FALSE, sizeof(Shared));
    Spreader spreader = {.mover = mover, .shared = shared, .loads = loads, .room = room};
    double all = 0;
    learn(&spreader);
    for (guint i = 0; i < n_nodes; i++)
        all += loads[i];
    double mean = n_targets ? all / n_targets : 0;
    double before = busiest(&spreader);
    if (!(all > 0) || before <= mean * (1 + VN_SPREAD_UNEVEN))
        return;
    for (guint i = 0; i < ROUNDS_MAX; i++) {
        if (!even_out(&spreader, mean * (1 + VN_SPREAD_EVEN)))
            break;
    }
    double after = take_all(&spreader, all);
    if (mover->pieces->len == 0)
        return;
    *ret_before = before / all;
    *ret_after = after;
}
