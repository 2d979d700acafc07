/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnJob: one rebalance or undo, from its request to its result, as an object on D-Bus. */
#pragma once

#include "daemon/worker.h"

typedef struct VnJob VnJob;

/* What a job does: vn_cycle_run(), or one like it. Called on the worker. */
typedef VnPlan *(*VnJobRun)(VnCycle *cycle, const char *const *guests,
                            VnProgress *progress, GError **error);

/**
 * vn_job_start:
 * @name: static: "rebalance", for the log
 * @number: names the object, /org/vnumad1/job/@number
 * @guests: (nullable): names; none: all managed guests
 * @ended: called once, on the main thread, when the result is there
 *
 * Exports the job and hands it to the worker.
 */
VnJob *vn_job_start(GDBusConnection *connection, VnWorker *worker, const char *name,
                    VnJobRun run, guint number, const char *const *guests,
                    void (*ended)(VnJob *job, gpointer data), gpointer data,
                    GError **error) VN_WARN_UNUSED;

/** vn_job_free: takes it from the bus; one under way is cancelled and ends unseen. */
void vn_job_free(VnJob *job);

const char *vn_job_path(const VnJob *job);
gboolean vn_job_has_ended(const VnJob *job);
