/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy "align": every cell's vCPUs and memory belong on the cell's home. Pins vCPUs
 * to it, then moves what lies elsewhere. Pure: a snapshot in, a plan out.
 */
#pragma once

#include "model/plan.h"

/**
 * vn_align_decide:
 *
 * Decides for every guest of @snapshot, and plans steps for those that are managed and
 * have no trouble. A plan carried out in full leaves nothing to plan. What the
 * administrator pinned himself is narrowed, never widened, unless it contradicts where
 * the memory is bound.
 *
 * The gain of a step is by how much the guest's expected remote cost falls when each vCPU
 * accesses its own cell's resident bytes evenly: the mean SLIT distance of these accesses
 * over 10. Gains of pins are reckoned with the memory at home, those of moves with the
 * vCPUs at home, so that all gains of a plan add up.
 */
VnPlan *vn_align_decide(const VnSnapshot *snapshot);

/**
 * vn_align_to:
 * @homes: of GArray of VnHome, one a guest, one a cell
 *
 * The same, with homes that were chosen before.
 */
VnPlan *vn_align_to(const VnSnapshot *snapshot, const GPtrArray *homes);
