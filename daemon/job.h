/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnJob: a rebalance or the like, from request to result, as an object on D-Bus. */
#pragma once

#include "daemon/worker.h"

typedef struct VnJob VnJob;

typedef struct {
    const char *name; /* for the log: "rebalance" */
    /*
     * Runs on the worker. Returns: (transfer floating): a{sv}: the job's result without
     * seconds; NULL: nothing was changed
     */
    GVariant *(*run)(VnCycle *cycle, const char *const *arguments, VnProgress *progress,
                     GError **error);
} VnJobKind;

/*
 * Their arguments: names of guests; none: all managed ones; NULL: these, and nobody
 * asked: vn_cycle_run(), vn_cycle_undo().
 */
extern const VnJobKind vn_job_rebalance;
extern const VnJobKind vn_job_undo;

/**
 * vn_job_start:
 * @number: names the object, /org/vnumad1/job/@number
 * @kind: lives for ever
 * @arguments: (nullable): as its kind has them
 * @ended: called once, on the main thread, when the result is there
 *
 * Exports the job and hands it to the worker.
 */
VnJob *vn_job_start(GDBusConnection *connection, VnWorker *worker, guint number,
                    const VnJobKind *kind, const char *const *arguments,
                    void (*ended)(VnJob *job, gpointer data), gpointer data,
                    GError **error) VN_WARN_UNUSED;

/** vn_job_free: takes it from the bus; one under way is cancelled and ends unseen. */
void vn_job_free(VnJob *job);

const char *vn_job_path(const VnJob *job);
gboolean vn_job_has_ended(const VnJob *job);
