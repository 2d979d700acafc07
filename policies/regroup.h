/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests that have no cells, and whose home is several host nodes: vCPUs that share
 * memory (model/sharing.h) are brought together on one host node, and so near to the
 * memory that they use; vCPUs that share it with no other likewise, each by itself. That
 * costs no bytes, so it comes before any granule moves. Pure, and called by
 * vn_granules_steer() only.
 *
 * Theory of operation. A unit is a group of vCPUs, or one vCPU that is active. As long as
 * a unit's vCPUs run on several host nodes, or anywhere, a part of its accesses is remote
 * wherever its memory lies: that is what is to be gained by bringing it together. All
 * units are then given host nodes anew, the largest first, as the CPUs allow; then single
 * moves and exchanges follow, as long as these lower what accesses cost with memory as it
 * lies. When all units are together, or as many as fit, only such moves and exchanges are
 * looked for. Either way the gain has to be VN_STEER_GAIN_MIN of remote cost, and what is
 * planned is a state from which no move and no exchange gains: a second plan is empty.
 */
#pragma once

#include "policies/steer.h"

/**
 * vn_regroup_steer:
 * @guest: without cells, with a decision in @plan
 * @home: ids of host nodes; those with CPUs are where its vCPUs may go
 *
 * Adds a step for each vCPU that is to be pinned elsewhere, and gives the reason. Nothing
 * where vCPUs are pinned, and not by us, or where the accesses alternate. No host node
 * gets more vCPUs than CPUs, those of other guests counted.
 *
 * Returns: whether there is any step
 */
gboolean vn_regroup_steer(const VnSnapshot *snapshot, const VnGuest *guest,
                          const VnIdSet *home, const VnSteerEvidence *evidence,
                          VnPlan *plan);
