/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared hot granules from busy host nodes to idle ones. */
#include "policies/spread.h"

/* Rounds of going through all granules: each brings the loads nearer to each other. */
#define ROUNDS_MAX 16u

typedef struct {
    VnHeatGranule granule;
    int from; /* places in VnHost.nodes */
    int to;
} Shared;

/* Arrays are by place in VnHost.nodes. */
typedef struct {
    VnMover *mover;
    GArray *shared; /* hottest first */
    guint n_nodes;
    const gboolean *is_target;
    double *loads; /* accesses */
    gint64 *room;
} Spreader;

static int
index_of(const VnMover *mover, int id)
{
    return vn_host_node_index(mover->snapshot->host, (guint) id);
}

static int
id_of(const VnMover *mover, int index)
{
    const VnHostNode *node = mover->snapshot->host->nodes->pdata[index];
    return (int) node->id;
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
        int node = place ? index_of(mover, place->host_node) : -1;
        if (granule->rate < hot_rate || node < 0 || !spreader->is_target[node] ||
            granule->flips >= VN_HEAT_ALTERNATING_FLIPS ||
            !vn_mover_is_shared(mover, granule))
            continue;
        Shared shared = {*granule, node, node};
        spreader->loads[node] += granule->rate;
        g_array_append_val(spreader->shared, shared);
    }
}

/* The target with the fewest accesses, of those with room; -1: none has any. */
static int
find_node(const Spreader *spreader, gint64 bytes)
{
    int found = -1;
    for (guint i = 0; i < spreader->n_nodes; i++) {
        if (spreader->is_target[i] && spreader->room[i] >= bytes &&
            (found < 0 || spreader->loads[i] < spreader->loads[found]))
            found = (int) i;
    }
    return found;
}

static double
busiest(const Spreader *spreader)
{
    double most = 0;
    for (guint i = 0; i < spreader->n_nodes; i++)
        most = MAX(most, spreader->loads[i]);
    return most;
}

/* Goes through all granules once; whether any found a better place. */
static gboolean
even_out(Spreader *spreader, double enough)
{
    gboolean changed = FALSE;
    double *loads = spreader->loads;
    for (guint i = 0; i < spreader->shared->len && busiest(spreader) > enough; i++) {
        Shared *shared = &g_array_index(spreader->shared, Shared, i);
        double rate = shared->granule.rate;
        gint64 bytes = (gint64) (shared->granule.n_granules * VN_GRANULE_BYTES);
        int to = find_node(spreader, bytes);
        if (to < 0 || loads[to] + rate >= loads[shared->to])
            continue;
        loads[shared->to] -= rate;
        spreader->room[shared->to] += bytes;
        shared->to = to;
        loads[to] += rate;
        spreader->room[to] -= bytes;
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
        if (shared->to == shared->from)
            continue;
        const VnPiece piece = {.granule = granule->granule,
                               .n_granules = granule->n_granules,
                               .from = id_of(mover, shared->from),
                               .to = id_of(mover, shared->to),
                               .rate = granule->rate};
        if (vn_mover_take(mover, &piece,
                          vn_mover_cost(mover, granule, piece.from) -
                              vn_mover_cost(mover, granule, piece.to)))
            continue;
        spreader->loads[shared->to] -= granule->rate;
        spreader->loads[shared->from] += granule->rate;
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
    g_autofree gboolean *is_target = g_new0(gboolean, n_nodes);
    g_autoptr(GArray) shared = g_array_new(FALSE, FALSE, sizeof(Shared));
    Spreader spreader = {.mover = mover,
                         .shared = shared,
                         .n_nodes = n_nodes,
                         .is_target = is_target,
                         .loads = loads,
                         .room = room};
    double all = 0;
    for (guint i = 0; i < n_nodes; i++)
        is_target[i] = vn_idset_contains(mover->targets, (guint) id_of(mover, (int) i));
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
