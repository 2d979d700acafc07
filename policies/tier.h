/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy "tier", for guests without cells whose memory may lie on host nodes of more
 * than one kind: what is hot lies near, in the memory of host nodes with CPUs (or of
 * their memory tier, or a faster one); what is cold may lie far: on CXL memory and other
 * host nodes without CPUs. Between near host nodes nothing moves. Pure.
 *
 * Theory of operation. Hot is what vn_heat_hot_rate() says; cold is what has less than
 * VN_TIER_COLD of that rate, or was not seen accessed at all, by somebody who has looked
 * for VN_TIER_AGE_US. What is in between stays where it is, so that a granule whose heat
 * changes a little, or a pattern that changes faster than heat decays, moves nothing.
 *
 * Watermarks are shares of a near host node's memory that are free. Under the low one
 * cold granules are demoted, coldest first, until the high one is reached. Above the high
 * one hot granules are promoted, hottest first, down to it. Where hot ones wait that it
 * holds back, cold ones make room for as many: both then change places, and what is free
 * stays as it is. To promote has to lower the remote cost by VN_STEER_GAIN_MIN, after
 * VN_STEER_PRICE. So granules go up when they are hot, go down when they are cold, and
 * each has to become the other before it goes back. Far host nodes keep the low
 * watermark's part free.
 */
#pragma once

#include "policies/mover.h"

#define VN_TIER_POLICY "tier"

#define VN_TIER_COLD 0.125
#define VN_TIER_AGE_US (5 * VN_HEAT_HALF_LIFE_US)

#define VN_TIER_LOW 0.05
#define VN_TIER_HIGH 0.10

/**
 * vn_tier_near:
 * @nodes: ids of host nodes
 *
 * Returns: (transfer full): those of @nodes that are near: in the memory tier of the
 * fastest that has CPUs, or a faster one; where tiers are not known, those with CPUs
 */
VnIdSet *vn_tier_near(const VnHost *host, const VnIdSet *nodes);

/**
 * vn_tier_steer: adds steps that demote, then such that promote.
 * @mover: its evidence has a placement of all of the guest's memory
 * @reason: gets what they do
 *
 * Huge pages come from pools, for which watermarks say nothing: memory of these stays.
 * Nothing is demoted as long as only writes were seen: what is read may look cold then.
 */
void vn_tier_steer(VnMover *mover, GString *reason, VnPlan *plan);
