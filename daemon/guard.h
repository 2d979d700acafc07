/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard: what a policy wants is not always what may be done. Takes out of a plan each
 * step that would break a limit, and says so in the guest's decision. Pure.
 */
#pragma once

#include "daemon/config.h"
#include "model/plan.h"

/* Never filled by moving, however small a host node is. */
#define VN_RESERVE_BYTES_MIN (G_GUINT64_CONSTANT(64) << 20)

/**
 * vn_guard:
 * @plan: changed: steps are removed, their guests' reasons extended
 *
 * Removes steps of guests that are not managed, have trouble or do not run; steps to host
 * nodes that the guest's cpuset.mems excludes; and, last planned first, moves that would
 * leave a host node with less free memory than its reserve, or without free huge pages of
 * the size that they need, once all moves of the plan, those away from the node too, are
 * done.
 */
void vn_guard(const VnSnapshot *snapshot, const VnConfig *config, VnPlan *plan);

/** vn_guard_reserve: bytes of the host node that moving never fills. */
guint64 vn_guard_reserve(const VnHostNode *node, const VnConfig *config);
