/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnHistory: what was decided for each guest, also when that was to do nothing: the last
 * reasons, with the time at which each was first given. In memory only.
 */
#pragma once

#include "model/plan.h"

/* Reasons a guest. */
#define VN_HISTORY_MAX 16u

typedef struct VnHistory VnHistory;

VnHistory *vn_history_new(void);
void vn_history_free(VnHistory *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnHistory, vn_history_free)

/**
 * vn_history_note:
 *
 * Remembers the reasons of @plan's decisions that differ from those before in more than
 * their figures, as of the snapshot's time, and forgets guests that are not in @snapshot.
 */
void vn_history_note(VnHistory *history, const VnSnapshot *snapshot, const VnPlan *plan);

/** vn_history_get: aa{sv} (transfer floating): time_us (t), reason (s), oldest first. */
GVariant *vn_history_get(const VnHistory *history, const char *uuid);
