/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker thread: it owns the cycle, and all that touches libvirt or a guest runs on
 * it, one piece after the other. The main thread hands it tasks and gets their results.
 */
#pragma once

#include "daemon/cycle.h"

#include <gio/gio.h>

typedef struct VnWorker VnWorker;

/** VnWorkerFunc: runs on the worker; ends by g_task_return_*(). */
typedef void (*VnWorkerFunc)(GTask *task, VnCycle *cycle);

/** vn_worker_new: @cycle: (transfer full): used on the worker thread only. */
VnWorker *vn_worker_new(VnCycle *cycle);

/**
 * vn_worker_read:
 *
 * Queues a short task that leaves running guests alone. It runs before any waiting run,
 * and between the batches of the one that is under way.
 */
void vn_worker_read(VnWorker *worker, GTask *task, VnWorkerFunc func);

/** vn_worker_run: queues a long task. Runs follow one another in their order. */
void vn_worker_run(VnWorker *worker, GTask *task, VnWorkerFunc func);

/**
 * vn_worker_stop:
 * @timeout_us: how long to wait for the task under way
 *
 * Tasks not begun are answered with BUSY. Frees the worker.
 *
 * Returns: FALSE when the task under way did not end in time: the thread is abandoned,
 * and the process had better end.
 */
gboolean vn_worker_stop(VnWorker *worker, gint64 timeout_us);
