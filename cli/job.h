/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for a job of vnumad: until it ends, until vnumad is gone, or until the user
 * does not want to wait any longer. What is shown meanwhile is for the caller.
 */
#pragma once

#include "cli/client.h"

typedef struct {
    /* Called at each change of the job's state, and else at most this often. */
    guint interval_ms;
    gboolean (*show)(VnDBusJob *job, gpointer data, GError **error);
    /* Ctrl-C was pressed, and the job was asked to stop. */
    void (*interrupted)(gpointer data);
    gpointer data;
} VnJobView;

/**
 * vn_job_wait:
 * @ret_done: FALSE when the job failed
 * @error: vnumad or the bus went away; a second Ctrl-C; or what @view's show() said
 *
 * The first Ctrl-C asks the job to stop, and its end is then waited for.
 *
 * Returns: (transfer full): the job's result.
 */
GVariant *vn_job_wait(VnClient *client, VnDBusJob *job, const VnJobView *view,
                      gboolean *ret_done, GError **error) VN_WARN_UNUSED;
