/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Undo: a plan that takes a past one back. Pure. What is neither as that plan found it
 * nor as it left it has another master by now, and is left alone.
 */
#pragma once

#include "daemon/past.h"

/* A cell of which a larger share lies where its step neither took it from nor to is in
 * other hands. */
#define VN_UNDO_FOREIGN_RATIO 0.05

/**
 * vn_undo_pick:
 * @pasts: of VnPast: all of @guest, oldest first
 *
 * Returns: (transfer none) (nullable): the last plan that can be undone: what was done
 *   before the guest was started is gone with that.
 */
const VnPast *vn_undo_pick(const GPtrArray *pasts, const VnGuest *guest);

/**
 * vn_undo_plan:
 * @pasts: of VnPast, one a guest, each of a guest in @snapshot
 *
 * Returns: a decision for each of these guests, which says what is left alone and why,
 *   and the steps of the policy "undo", last begun first, pins before moves. A vCPU or
 *   emulator that was not pinned gets all host CPUs, as libvirt cannot take a pin away.
 */
VnPlan *vn_undo_plan(const VnSnapshot *snapshot, const GPtrArray *pasts);

/** vn_undo_pins_equal: whether both are the same CPUs; NULL: not pinned, so all. */
gboolean vn_undo_pins_equal(const VnHost *host, const VnIdSet *one, const VnIdSet *other);
