/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a guest is as it is: the present decision, the guard's refusals, the last plans and
 * what came of them, in sentences. Pure.
 */
#pragma once

#include "daemon/past.h"

/* So many of the last plans are told of. */
#define VN_WHY_PLANS_MAX 5u

/**
 * vn_why_sentences:
 * @plan: made now, with a decision for the guest
 * @rests: the guest rests after an undo
 * @pasts: of VnPast: all of the guest, oldest first
 *
 * Returns: (transfer full): NULL-terminated
 */
char **vn_why_sentences(const VnPlan *plan, const VnGuest *guest, gboolean rests,
                        const GPtrArray *pasts);
