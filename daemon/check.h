/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The check: a plan that was carried out is compared with a second observation, and each
 * step is found done, pending or failed. No return code is taken on trust. Pure.
 */
#pragma once

#include "model/plan.h"

/* A move is done when no more than this share of the cell is elsewhere: pages that the
 * kernel could not move then are reported, but do not make it a failure. */
#define VN_CHECK_ASTRAY_RATIO 0.005

/**
 * vn_check:
 * @plan: its steps' outcomes are set; what act said of a step (outcome_text) is kept
 *   where the step is not done
 */
void vn_check(const VnSnapshot *after, VnPlan *plan);

/**
 * vn_check_summary:
 * @ret_all_done: whether every step is done
 *
 * Returns: one line for people.
 */
char *vn_check_summary(const VnPlan *plan, gboolean *ret_all_done);
