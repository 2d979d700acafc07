/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnHeatmap: a guest's heat as a picture's data: bins of its memory as rows, vCPUs or
 * windows as columns, and how much was accessed there and from which host node. It is
 * what GetHeat answers (data/org.vnumad1.xml names the keys); drawing is for who gets it.
 *
 * Bounded: VN_HEAT_BINS_MAX rows, VN_HEATMAP_COLUMNS_MAX columns, 12 bytes for each in
 * both, and one pass over what the heat knows.
 */
#pragma once

#include "model/heat-history.h"

#define VN_HEATMAP_COLUMNS_MAX 256u
#define VN_HEATMAP_BINS 64u

typedef enum {
    VN_HEATMAP_VCPUS,
    VN_HEATMAP_TIME,
} VnHeatmapColumns;

typedef struct {
    VnHeatmapColumns columns;
    guint bins; /* 1 to VN_HEAT_BINS_MAX */
} VnHeatmapOptions;

/* What it is made of. All that is nullable is not known then. */
typedef struct {
    const VnGuest *guest;
    const VnHost *host;
    const GPtrArray *homes; /* (nullable): of VnIdSet, by cell: VnDecision.homes */
    const VnPlacement *placement;
    const VnHeat *heat;           /* (nullable) */
    const VnHeatHistory *history; /* (nullable): for the time axis */
    const VnLocality *locality;   /* (nullable): of this heat and placement */
    const char *source;           /* (nullable): name of the last window's source */
    gint64 now_us;                /* monotonic time, for the age of windows */
} VnHeatmap;

/**
 * vn_heatmap_options_parse: the options of GetHeat.
 * @options: a{sv}
 * @error: INVALID: an unknown key, a value of another type or out of its range
 */
gboolean vn_heatmap_options_parse(GVariant *options, VnHeatmapOptions *ret_options,
                                  GError **error) VN_WARN_UNUSED;

/**
 * vn_heatmap_to_variant:
 *
 * Rows are vn_heat_bins_new(); the key "cell" of a row is missing where it is not known.
 * Columns of vCPUs are in the order of their cells; where there are too many, neighbours
 * of one cell share one. Accesses of which the heat does not know the vCPU, but the cell,
 * are its vCPUs', each by its own rate; of which it knows neither, all vCPUs'. The owner
 * of a row is that of all its accesses together. On the time axis a row is as exact as
 * the history's bins are.
 *
 * Returns: (transfer floating): a{sv}
 */
GVariant *vn_heatmap_to_variant(const VnHeatmap *map, const VnHeatmapOptions *options);
