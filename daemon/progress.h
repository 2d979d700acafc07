/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnProgress: how far a rebalance is. The worker writes it, the main thread reads it and
 * may ask it to stop: the one object of the daemon that two threads share and change.
 */
#pragma once

#include "model/error.h"

typedef enum {
    VN_STAGE_QUEUED,
    VN_STAGE_PLANNING,
    VN_STAGE_ACTING,
    VN_STAGE_CHECKING,
    VN_STAGE_DONE,
    VN_STAGE_FAILED,
} VnStage;

typedef struct {
    VnStage stage;
    char *activity; /* for people; never NULL */
    guint64 bytes_total;
    guint64 bytes_done;
    guint64 rate_bytes_per_second; /* of the last few seconds; 0: none yet */
} VnProgressState;

typedef struct VnProgress VnProgress;

VnProgress *vn_progress_new(void);
VnProgress *vn_progress_ref(VnProgress *progress);
void vn_progress_unref(VnProgress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnProgress, vn_progress_unref)

void vn_progress_set_stage(VnProgress *progress, VnStage stage);
void vn_progress_set_activity(VnProgress *progress, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
void vn_progress_set_bytes_total(VnProgress *progress, guint64 bytes_total);

/** vn_progress_set_bytes_done: @now_us: monotonic time, for the rate. */
void vn_progress_set_bytes_done(VnProgress *progress, guint64 bytes_done, gint64 now_us);

/** vn_progress_cancel: no further step or batch is begun. */
void vn_progress_cancel(VnProgress *progress);
gboolean vn_progress_is_cancelled(VnProgress *progress);

/** vn_progress_get: a copy, to be cleared by vn_progress_state_clear(). */
VnProgressState vn_progress_get(VnProgress *progress);
void vn_progress_state_clear(VnProgressState *state);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VnProgressState, vn_progress_state_clear)

const char *vn_stage_name(VnStage stage);
