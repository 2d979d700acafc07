/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which granules to move first: the order in which a move serves most, and for a guest
 * that is not bound to cells, also where each belongs. Pure.
 */
#pragma once

#include "model/locality.h"
#include "model/plan.h"

/* A piece of memory that is to go elsewhere. */
typedef struct {
    guint64 granule; /* the first */
    guint n_granules;
    int from; /* host nodes */
    int to;
    double rate; /* 4 KiB pages accessed per second watched */
} VnPiece;

/**
 * vn_pieces_node_of:
 *
 * Returns: the host node on which the accessor runs (all vCPUs of its cell do, where
 * these are not told apart); -1: on several, or it is not known
 */
int vn_pieces_node_of(const VnHeat *heat, const VnPlacement *placement,
                      const VnHeatAccessor *who);

/**
 * vn_pieces_only_user:
 *
 * Returns: the host node whose vCPUs have nearly all of the granule's accesses
 * (VN_HEAT_PRIVATE_SHARE); -1: there is none
 */
int vn_pieces_only_user(const VnHeat *heat, const VnPlacement *placement,
                        const VnHeatGranule *granule);

/**
 * vn_pieces_to_move:
 * @homes: (nullable): of int, host node by cell; -1: that cell is not to be moved. NULL:
 *   the guest is not bound to cells: what only vCPUs of one host node use (nearly:
 *   VN_HEAT_PRIVATE_SHARE) goes there; what is shared or alternates stays.
 * @n: how many at most, VN_HEAT_HOTTEST_MAX
 *
 * Of the hottest granules those that lie elsewhere, hottest per byte first.
 *
 * Returns: (transfer full): of VnPiece
 */
GArray *vn_pieces_to_move(const VnHeat *heat, const VnPlacement *placement,
                          const GArray *homes, guint n);

/**
 * vn_pieces_parts:
 * @pieces: of VnPiece
 * @to: host node id: only what goes there
 *
 * Which parts of the cell the pieces are, in their order.
 *
 * Returns: (transfer full): of VnStepPart; empty when @placement does not know where in
 *   its cell RAM lies
 */
GArray *vn_pieces_parts(const GArray *pieces, const VnPlacement *placement, guint cell,
                        int to);
