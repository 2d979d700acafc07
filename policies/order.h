/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of a plan's moves: those first that find room, so that they leave room for
 * the next. Pure.
 */
#pragma once

#include "model/plan.h"

/**
 * vn_order_moves:
 * @plan: its pins come first then, as they were, and its moves behind them
 *
 * Each move comes when there is room for all of it; of several the one that was first.
 * What is left when none has room are moves that exchange places: they come last, and go
 * by turns, chunk by chunk, through what little is free.
 *
 * Returns: how many these are.
 */
guint vn_order_moves(const VnSnapshot *snapshot, VnPlan *plan);
