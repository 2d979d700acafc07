/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard: what a policy wants is not always what may be done. Takes out of a plan each
 * step that would break a limit, and says so in the guest's decision. Pure.
 */
#pragma once

#include "daemon/caution.h"
#include "daemon/config.h"

/* Never filled by moving, however small a host node is. */
#define VN_RESERVE_BYTES_MIN (G_GUINT64_CONSTANT(64) << 20)

/**
 * vn_guard:
 * @plan: changed: steps are removed, their guests' reasons extended
 *
 * Removes steps of guests that are not managed, have trouble or do not run; steps to
 * cordoned host nodes, and to those that the guest's cpuset.mems excludes; and, last
 * planned first, moves that would leave a host node with less free memory than its
 * reserve, or without free huge pages of the size that they need, once all moves of the
 * plan, those away from the node too, are done.
 */
void vn_guard(const VnSnapshot *snapshot, const VnConfig *config, VnPlan *plan);

/* Who wants the plan, and what is known that speaks against it. */
typedef struct {
    const VnCaution *caution;
    gboolean asked; /* a person asks for it: it is not vnumad's own cycle */
    gint64 now_us;  /* monotonic time */
} VnGuardView;

/**
 * vn_guard_with: what vn_guard() removes, and moreover
 *
 * - pins of vCPUs and emulators that somebody else has taken over;
 * - unless it was asked for, or drains a host node, moves of guests that are left in
 *   peace after their last move, and steps of policies whose predictions failed for the
 *   guest;
 * - a guest's moves when the expected gain of all its steps is not above zero or, unless
 *   they were asked for, not above their price, VN_STEER_PRICE for all the guest's
 *   memory, by gain_margin (twice that soon after a move). Only policies that count their
 *   gain in remote cost ("align", "steer") are held to it, and no cell that lies where
 *   its binding does not let it: that is not a matter of gain;
 * - pins to memory that comes, of "steer", when it does not come.
 *
 * A plan without some steps does not bring what it promised: but for the emulator's pin,
 * whichever of these removes one, the guest's expected_cost is 0 then. Applied twice it
 * removes no more than applied once.
 */
void vn_guard_with(const VnSnapshot *snapshot, const VnConfig *config,
                   const VnGuardView *view, VnPlan *plan);

/** vn_guard_reserve: bytes of the host node that moving never fills. */
guint64 vn_guard_reserve(const VnHostNode *node, const VnConfig *config);
