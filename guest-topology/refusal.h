/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a guest cannot be had, and what could be instead. Pure. */
#pragma once

#include "guest-topology/problem.h"

/**
 * vn_refusal_check:
 * @error: INVALID: size and tag contradict themselves, on whatever host
 */
gboolean vn_refusal_check(const VnProblem *problem, GError **error) VN_WARN_UNUSED;

/**
 * vn_refusal_set: sets @error to REFUSED for a problem that has no solution: why, and
 * those changes that would each be enough, all of which have been tried.
 */
void vn_refusal_set(const VnProblem *problem, GError **error);
