/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hottest granules that lie elsewhere than they belong. */
#include "policies/pieces.h"

/* The host node of all the cell's vCPUs, or -1. */
static int
node_of_cell(const VnHeat *heat, const VnPlacement *placement, guint cell)
{
    int node = -1;
    for (guint i = 0; i < MIN(vn_heat_n_vcpus(heat), placement->n_vcpus); i++) {
        if (vn_heat_cell_of_vcpu(heat, i) != cell)
            continue;
        if (placement->vcpus[i] < 0 || (node >= 0 && placement->vcpus[i] != node))
            return -1;
        node = placement->vcpus[i];
    }
    return node;
}

/* Where the granule belongs; -1: it stays. */
static int
target_of(const VnHeat *heat, const VnPlacement *placement, const GArray *homes,
          const VnHeatGranule *granule, const VnPlace *place)
{
    if (homes)
        return place->cell < homes->len ? g_array_index(homes, int, place->cell) : -1;
    guint cell;
    switch (vn_heat_owner(granule, &cell)) {
    case VN_HEAT_PRIVATE_VCPU:
        return (guint) granule->accessors[0].vcpu < placement->n_vcpus
                   ? placement->vcpus[granule->accessors[0].vcpu]
                   : -1;
    case VN_HEAT_PRIVATE_CELL:
        return node_of_cell(heat, placement, cell);
    case VN_HEAT_SHARED:
        return -1;
    }
    g_assert_not_reached();
}

GArray *
vn_pieces_to_move(const VnHeat *heat, const VnPlacement *placement, const GArray *homes,
                  guint n)
{
    GArray *pieces = g_array_new(FALSE, FALSE, sizeof(VnPiece));
    g_autoptr(GArray) hottest = vn_heat_hottest(heat, VN_HEAT_HOTTEST_MAX);
    for (guint i = 0; i < hottest->len && pieces->len < n; i++) {
        const VnHeatGranule *granule = &g_array_index(hottest, VnHeatGranule, i);
        const VnPlace *place = vn_placement_find(placement, granule->granule);
        if (!place || place->host_node < 0)
            continue;
        int to = target_of(heat, placement, homes, granule, place);
        if (to < 0 || to == place->host_node)
            continue;
        VnPiece piece = {.granule = granule->granule,
                         .n_granules = granule->n_granules,
                         .from = place->host_node,
                         .to = to,
                         .rate = granule->rate};
        g_array_append_val(pieces, piece);
    }
    return pieces;
}
