/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy "spread" on granules: of a guest without cells, what is hot and shared lies
 * so that each host node of its home has as many accesses as any other. What is private
 * goes to its users, as with "align". Pure.
 */
#pragma once

#include "policies/mover.h"

#define VN_SPREAD_POLICY "spread"

/*
 * The host node with most of these accesses may have so much more than the mean before
 * granules move, and has so little more then, where granules are small enough for that:
 * in between, as accesses change a little, nothing moves.
 */
#define VN_SPREAD_UNEVEN 0.10
#define VN_SPREAD_EVEN 0.02

/**
 * vn_spread_take: takes granules from host nodes with more to those with fewer accesses,
 * hottest first; none that alternates.
 * @ret_before: share of the shared hot accesses that the busiest host node has
 * @ret_after: that it has then
 *
 * Both are untouched when nothing is taken.
 */
void vn_spread_take(VnMover *mover, double *ret_before, double *ret_after);
