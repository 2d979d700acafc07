/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnProgress: a locked state, and a rate over a sliding window of a few samples. */
#include "daemon/progress.h"

#include <string.h>

/* The rate looks back over at most so many samples, and at least so long. */
#define WINDOW_SAMPLES 32
#define WINDOW_US (2 * G_USEC_PER_SEC)

typedef struct {
    gint64 at_us;
    guint64 bytes;
} Sample;

struct VnProgress {
    GMutex lock;
    VnProgressState state;
    Sample samples[WINDOW_SAMPLES];
    guint n_samples;
    gboolean cancelled;
};

VnProgress *
vn_progress_new(void)
{
    VnProgress *progress = g_atomic_rc_box_new0(VnProgress);
    g_mutex_init(&progress->lock);
    progress->state.activity = g_strdup("waiting for its turn");
    return progress;
}

VnProgress *
vn_progress_ref(VnProgress *progress)
{
    return g_atomic_rc_box_acquire(progress);
}

static void
clear(gpointer data)
{
    VnProgress *progress = data;
    g_mutex_clear(&progress->lock);
    vn_progress_state_clear(&progress->state);
}

void
vn_progress_unref(VnProgress *progress)
{
    if (progress)
        g_atomic_rc_box_release_full(progress, clear);
}

void
vn_progress_set_stage(VnProgress *progress, VnStage stage)
{
    g_mutex_lock(&progress->lock);
    progress->state.stage = stage;
    g_mutex_unlock(&progress->lock);
}

void
vn_progress_set_activity(VnProgress *progress, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *activity = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_mutex_lock(&progress->lock);
    g_free(progress->state.activity);
    progress->state.activity = g_steal_pointer(&activity);
    g_mutex_unlock(&progress->lock);
}

void
vn_progress_set_bytes_total(VnProgress *progress, guint64 bytes_total)
{
    g_mutex_lock(&progress->lock);
    progress->state.bytes_total = bytes_total;
    g_mutex_unlock(&progress->lock);
}

/* Takes a sample into the window, and the rate from the window's ends. */
static void
update_rate(VnProgress *progress, gint64 now_us)
{
    Sample *samples = progress->samples;
    guint *n = &progress->n_samples;
    while (*n > 1 && (*n == WINDOW_SAMPLES || samples[1].at_us < now_us - WINDOW_US)) {
        memmove(samples, samples + 1, (*n - 1) * sizeof(Sample));
        (*n)--;
    }
    samples[(*n)++] = (Sample){.at_us = now_us, .bytes = progress->state.bytes_done};
    gint64 elapsed_us = now_us - samples[0].at_us;
    guint64 bytes = progress->state.bytes_done - samples[0].bytes;
    if (elapsed_us > 0)
        progress->state.rate_bytes_per_second =
            (guint64) ((double) bytes * G_USEC_PER_SEC / (double) elapsed_us);
}

void
vn_progress_set_bytes_done(VnProgress *progress, guint64 bytes_done, gint64 now_us)
{
    g_mutex_lock(&progress->lock);
    progress->state.bytes_done = bytes_done;
    update_rate(progress, now_us);
    g_mutex_unlock(&progress->lock);
}

void
vn_progress_cancel(VnProgress *progress)
{
    g_mutex_lock(&progress->lock);
    progress->cancelled = TRUE;
    g_mutex_unlock(&progress->lock);
}

gboolean
vn_progress_is_cancelled(VnProgress *progress)
{
    g_mutex_lock(&progress->lock);
    gboolean cancelled = progress->cancelled;
    g_mutex_unlock(&progress->lock);
    return cancelled;
}

VnProgressState
vn_progress_get(VnProgress *progress)
{
    g_mutex_lock(&progress->lock);
    VnProgressState state = progress->state;
    state.activity = g_strdup(state.activity);
    g_mutex_unlock(&progress->lock);
    return state;
}

void
vn_progress_state_clear(VnProgressState *state)
{
    g_clear_pointer(&state->activity, g_free);
}

const char *
vn_stage_name(VnStage stage)
{
    switch (stage) {
    case VN_STAGE_QUEUED:
        return "queued";
    case VN_STAGE_PLANNING:
        return "planning";
    case VN_STAGE_ACTING:
        return "acting";
    case VN_STAGE_CHECKING:
        return "checking";
    case VN_STAGE_DONE:
        return "done";
    case VN_STAGE_FAILED:
        return "failed";
    }
    g_assert_not_reached();
}
