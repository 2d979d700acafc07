/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy "interleave", for guests without cells that want bandwidth more than short
 * ways: their granules lie round robin on the host nodes where they may, as many on each
 * as its memory's bandwidth has weight. Pure.
 *
 * Weights are Linux's (mempolicy "weighted interleave", kernel 6.9; since 6.16 it takes
 * them from the same bandwidths): whole numbers of at least 1 that are together about
 * VN_INTERLEAVE_WEIGHTS, without a common divisor. Where a granule belongs follows from
 * its number alone, whatever its heat: so none ever goes there and back.
 */
#pragma once

#include "policies/mover.h"

#define VN_INTERLEAVE_POLICY "interleave"

#define VN_INTERLEAVE_WEIGHTS 32u

/**
 * vn_interleave_weights:
 * @nodes: ids of host nodes
 *
 * By the HMAT's read bandwidth from the nearest CPUs; where that of any of @nodes is not
 * known, they are all 1.
 *
 * Returns: (transfer full): by place in VnHost.nodes; 0 for those not in @nodes
 */
guint *vn_interleave_weights(const VnHost *host, const VnIdSet *nodes);

/** vn_interleave_node: id of the host node where granule (or unit) @number belongs. */
int vn_interleave_node(const VnHost *host, const guint *weights, guint64 number);

/**
 * vn_interleave_take: takes the hot granules and the shared ones that lie elsewhere than
 * they belong, hottest first; none that alternates.
 */
void vn_interleave_take(VnMover *mover);
