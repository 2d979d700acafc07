/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Steering for guests that have no cells, and whose home is several host nodes. First
 * vCPUs that share memory are brought together (policies/regroup.h). Then memory follows
 * granule by granule: what is private to vCPUs of one host node goes there, hottest
 * first, as long as it pays: the fall of the remote cost has to be worth the bytes, as in
 * policies/steer.h. What is shared stays where it is, unless the guest's policy wants
 * otherwise: "spread" (policies/spread.h) evens it out; "interleave" and "tier"
 * (policies/interleave.h, policies/tier.h) place all of its granules themselves, on all
 * host nodes that it may use. What alternates stays. Pure, and called by
 * vn_steer_guest() only.
 */
#pragma once

#include "policies/steer.h"

/* A plan has so many bytes at most as can be moved in this time. */
#define VN_GRANULES_PLAN_SECONDS 60

/**
 * vn_granules_steer:
 * @guest: as for vn_steer_guest(), without cells (VnGuest.told_cells)
 *
 * Adds to the plan a step for each pair of host nodes between which granules are to move
 * (VnStep.parts_only), or for each vCPU that is to be pinned. Nothing, as long as the
 * plan has steps for its vCPUs or memory: these come first. Granules go only to host
 * nodes of the guest's home.
 */
VnSteerVerdict vn_granules_steer(const VnSnapshot *snapshot, const VnGuest *guest,
                                 const VnSteerEvidence *evidence, VnPlan *plan);
