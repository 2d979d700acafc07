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

int
vn_pieces_node_of(const VnHeat *heat, const VnPlacement *placement,
                  const VnHeatAccessor *who)
{
    if (who->vcpu < 0)
        return node_of_cell(heat, placement, who->cell);
    return (guint) who->vcpu < placement->n_vcpus ? placement->vcpus[who->vcpu] : -1;
}

int
vn_pieces_only_user(const VnHeat *heat, const VnPlacement *placement,
                    const VnHeatGranule *granule)
{
    int nodes[VN_HEAT_ACCESSORS_MAX];
    for (guint i = 0; i < granule->n_accessors; i++)
        nodes[i] = vn_pieces_node_of(heat, placement, &granule->accessors[i]);
    for (guint i = 0; i < granule->n_accessors; i++) {
        double rate = 0;
        for (guint k = 0; k < granule->n_accessors; k++)
            rate += nodes[k] == nodes[i] ? granule->accessors[k].rate : 0;
        if (nodes[i] >= 0 && rate >= VN_HEAT_PRIVATE_SHARE * granule->rate)
            return nodes[i];
    }
    return -1;
}

/* Where the granule belongs; -1: it stays. */
static int
target_of(const VnHeat *heat, const VnPlacement *placement, const GArray *homes,
          const VnHeatGranule *granule, const VnPlace *place)
{
    if (homes)
        return place->cell < homes->len ? g_array_index(homes, int, place->cell) : -1;
    return granule->flips < VN_HEAT_ALTERNATING_FLIPS
               ? vn_pieces_only_user(heat, placement, granule)
               : -1;
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

/* Adds what of the guest-physical memory [start, end) belongs to the cell. */
static void
add_parts(const VnPlacement *placement, guint cell, guint64 start, guint64 end,
          GArray *parts)
{
    for (guint i = 0; i < placement->ram->len; i++) {
        const VnRamPart *ram = &g_array_index(placement->ram, VnRamPart, i);
        guint64 from = MAX(ram->gpa, start);
        guint64 until = MIN(ram->gpa + ram->bytes, end);
        if (ram->cell != cell || from >= until)
            continue;
        VnStepPart part = {.offset_bytes = ram->offset_bytes + (from - ram->gpa),
                           .bytes = until - from};
        g_array_append_val(parts, part);
    }
}

GArray *
vn_pieces_parts(const GArray *pieces, const VnPlacement *placement, guint cell, int to)
{
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(VnStepPart));
    for (guint i = 0; i < pieces->len; i++) {
        const VnPiece *piece = &g_array_index(pieces, VnPiece, i);
        guint64 start = piece->granule * VN_GRANULE_BYTES;
        if (piece->to == to)
            add_parts(placement, cell, start,
                      start + piece->n_granules * VN_GRANULE_BYTES, parts);
    }
    return parts;
}
