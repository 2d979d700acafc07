/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Weights by bandwidth, and granules laid by them. */
#include "policies/interleave.h"

/* Of the memory, as its nearest CPUs read it; 0: not known. */
static guint64
bandwidth_of(const VnHostNode *node)
{
    for (guint i = VN_ACCESS_CLASSES; i-- > 0;) {
        if (node->access[i].read_bandwidth_bytes_per_second > 0)
            return node->access[i].read_bandwidth_bytes_per_second;
    }
    return 0;
}

static guint
common_divisor(guint one, guint other)
{
    while (other > 0) {
        guint rest = one % other;
        one = other;
        other = rest;
    }
    return one;
}

guint *
vn_interleave_weights(const VnHost *host, const VnIdSet *nodes)
{
    guint n = host->nodes->len;
    guint *weights = g_new0(guint, n);
    gboolean known = TRUE;
    double sum = 0;
    guint divisor = 0;
    for (guint i = 0; i < n; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        if (!vn_idset_contains(nodes, node->id))
            continue;
        known = known && bandwidth_of(node) > 0;
        sum += (double) bandwidth_of(node);
        weights[i] = 1;
    }
    for (guint i = 0; i < n && known; i++) {
        double share = (double) bandwidth_of(host->nodes->pdata[i]) / sum;
        if (weights[i] > 0)
            weights[i] = MAX((guint) (share * VN_INTERLEAVE_WEIGHTS), 1);
        divisor = common_divisor(weights[i], divisor);
    }
    for (guint i = 0; i < n && divisor > 1; i++)
        weights[i] /= divisor;
    return weights;
}

int
vn_interleave_node(const VnHost *host, const guint *weights, guint64 number)
{
    guint64 sum = 0;
    for (guint i = 0; i < host->nodes->len; i++)
        sum += weights[i];
    guint64 place = sum > 0 ? number % sum : 0;
    for (guint i = 0; i < host->nodes->len; i++) {
        if (place < weights[i])
            return (int) ((const VnHostNode *) host->nodes->pdata[i])->id;
        place -= weights[i];
    }
    return -1;
}

void
vn_interleave_take(VnMover *mover)
{
    const VnHost *host = mover->snapshot->host;
    const VnHeat *heat = mover->evidence->heat;
    g_autofree guint *weights = vn_interleave_weights(host, mover->targets);
    g_autoptr(GArray) hottest = vn_heat_hottest(heat, VN_HEAT_HOTTEST_MAX);
    double hot_rate = vn_heat_hot_rate(heat);
    for (guint i = 0; i < hottest->len; i++) {
        const VnHeatGranule *granule = &g_array_index(hottest, VnHeatGranule, i);
        const VnPlace *place = vn_mover_place(mover, granule->granule);
        int to =
            vn_interleave_node(host, weights, granule->granule / granule->n_granules);
        if (!place || to < 0 || to == place->host_node ||
            granule->flips >= VN_HEAT_ALTERNATING_FLIPS ||
            (granule->rate < hot_rate && !vn_mover_is_shared(mover, granule)))
            continue;
        const VnPiece piece = {.granule = granule->granule,
                               .n_granules = granule->n_granules,
                               .from = place->host_node,
                               .to = to,
                               .rate = granule->rate};
        vn_mover_take(mover, &piece,
                      vn_mover_cost(mover, granule, place->host_node) -
                          vn_mover_cost(mover, granule, to));
    }
}
