/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is to become of a plan that a daemon has left half done: decided by what the
 * snapshot shows. Pure. Pins are made whole first; where they are as planned then, the
 * plan's moves are gone on with.
 */
#pragma once

#include "daemon/past.h"

typedef enum {
    VN_RECOVER_FORMER,    /* nothing of it is to be seen: it is as if never begun */
    VN_RECOVER_PLANNED,   /* its pins are as planned, or it has none */
    VN_RECOVER_GO_ON,     /* the steps make the guest pinned as planned */
    VN_RECOVER_TAKE_BACK, /* the steps make it pinned as it was before */
} VnRecovery;

/**
 * vn_recover_pins:
 * @past: not closed, of a guest in @snapshot
 * @take_back: rather than go on
 * @plan: gets the steps, with the ids and policies of those that they complete or take
 *   back
 *
 * Goes on, unless a pin of the plan has failed: then it was being taken back. Pins that
 * are neither as before nor as planned are somebody else's, and count for nothing.
 */
VnRecovery vn_recover_pins(const VnSnapshot *snapshot, const VnPast *past,
                           gboolean take_back, VnPlan *plan);

/** vn_recover_moves: adds to @plan what is left of the moves of @past. */
void vn_recover_moves(const VnSnapshot *snapshot, const VnPast *past, VnPlan *plan);

/** vn_recover_pin_is_done: whether what the step pins is pinned as it would. */
gboolean vn_recover_pin_is_done(const VnSnapshot *snapshot, const VnGuest *guest,
                                const VnStep *step);
