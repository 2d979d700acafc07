/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnHeatBin: guest-physical memory cut into rows, of which there are as many as can be
 * shown and kept, whatever the guest's size. A bin is one piece of memory that is all
 * there and belongs to one cell: none goes over a hole or from one cell to the next.
 */
#pragma once

#include "model/locality.h"

#define VN_HEAT_BINS_MAX 512u

typedef struct {
    guint64 granule; /* the first */
    guint64 n_granules;
    int cell; /* whose memory it is; -1: not known */
} VnHeatBin;

/**
 * vn_heat_bins_new:
 * @heat: (nullable): granules that it knows, and @placement does not, are of no known
 *   cell
 * @n: as many as are wanted, 1 to VN_HEAT_BINS_MAX
 *
 * Memory comes in pieces (what belongs to a cell without a hole), and each has a bin at
 * least: where there are more pieces than @n, there are as many bins. Pieces of no known
 * cell are joined over the gaps between them until that holds no more; beyond
 * VN_HEAT_BINS_MAX pieces those of a cell are, too, and what still is too much is left
 * out.
 *
 * Returns: (transfer full): of VnHeatBin, ascending, at most VN_HEAT_BINS_MAX, about
 * equally large.
 */
GArray *vn_heat_bins_new(const VnPlacement *placement, const VnHeat *heat, guint n);
