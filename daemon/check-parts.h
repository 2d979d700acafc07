/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The check of steps that move parts of a cell only (VnStep.parts_only): a snapshot does
 * not tell where these lie, so the kernel is asked again, of two pages of each.
 */
#pragma once

#include "host/move.h"
#include "model/plan.h"

/**
 * vn_check_parts: before vn_check(), which leaves these steps' outcomes as they are.
 * @after: the second observation
 * @func: (nullable): instead of move_pages(2)
 */
void vn_check_parts(const VnSnapshot *after, VnMovePagesFunc func, gpointer data,
                    VnPlan *plan);
