/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host nodes that a mover (host/move.h) may move to: which granule goes to which. */
#pragma once

#include "model/host.h"

typedef struct {
    guint host_node;
    guint64 weight; /* free granules at the start, at least 1 */
    guint64 given;  /* granules */
    gboolean full;  /* found so by the kernel; the mover sets and clears it */
} VnMoveTarget;

/**
 * vn_move_targets_new:
 * @nodes: ids of nodes of @host
 * @page_size_bytes: when it is not the host's base page size, free huge pages count
 *
 * Returns: (transfer full): of VnMoveTarget, ascending in host_node
 */
GArray *vn_move_targets_new(const VnIdSet *nodes, const VnHost *host,
                            guint64 page_size_bytes);

/**
 * vn_move_targets_pick:
 *
 * Returns: the index of the target with room that should have the next granule, so that
 * they are given in proportion to weight; -1 when all are full.
 */
int vn_move_targets_pick(const GArray *targets);

/**
 * vn_move_targets_find_majority:
 * @lies_on: host node, or a negative number, of each of the @n_pages pages of a granule
 *
 * Returns: the index of the target with room that has most of the pages already; -1:
 * none.
 */
int vn_move_targets_find_majority(const GArray *targets, const int *lies_on,
                                  guint n_pages);

guint vn_move_targets_count_full(const GArray *targets);
void vn_move_targets_clear_full(GArray *targets);
