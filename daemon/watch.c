/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events become tasks for the worker; a lost connection is opened again. */
#include "daemon/watch.h"

/* How long until libvirt is tried again when it was not to be reached. */
#define RETRY_SECONDS 10

struct VnWatch {
    gboolean complete; /* definitions */
    VnWorker *worker;
    VnService *service;
    guint retry; /* source id; 0: none */
    GCancellable *gone;
};

/* Hands @func to the worker. @uuid: (nullable) */
static void
begin(VnWatch *watch, const char *uuid, VnWorkerFunc func, GAsyncReadyCallback done)
{
    g_autoptr(GTask) task = g_task_new(NULL, watch->gone, done, watch);
    g_task_set_check_cancellable(task, FALSE);
    g_task_set_task_data(task, g_strdup(uuid), g_free);
    vn_worker_read(watch->worker, task, func);
}

/* Runs on the worker. */
static void
connect_libvirt(GTask *task, VnCycle *cycle)
{
    GError *error = NULL;
    if (!vn_cycle_connect(cycle, &error)) {
        g_task_return_error(task, error);
        return;
    }
    /* What was changed while nobody listened. */
    vn_cycle_refresh(cycle);
    g_task_return_boolean(task, TRUE);
}

/* Runs on the worker. */
static void
complete(GTask *task, VnCycle *cycle)
{
    GError *error = NULL;
    if (vn_cycle_complete(cycle, g_task_get_task_data(task), &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* Runs on the worker. While it ran the host may have become another. */
static void
refresh(GTask *task, VnCycle *cycle)
{
    GError *error = NULL;
    if (vn_cycle_refresh_guest(cycle, g_task_get_task_data(task), &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* Runs on the worker. */
static void
note_change(GTask *task, VnCycle *cycle)
{
    vn_cycle_guests_changed(cycle);
    g_task_return_boolean(task, TRUE);
}

static void on_connected(GObject *source, GAsyncResult *async, gpointer data);

static gboolean
retry(gpointer data)
{
    VnWatch *watch = data;
    watch->retry = 0;
    begin(watch, NULL, connect_libvirt, on_connected);
    return G_SOURCE_REMOVE;
}

static void
on_connected(GObject *source, GAsyncResult *async, gpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean connected = g_task_propagate_boolean(G_TASK(async), &error);
    if (g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(async))))
        return;
    VnWatch *watch = data;
    vn_service_set_libvirt_state(watch->service,
                                 connected ? "connected" : error->message);
    if (!connected && !watch->retry)
        watch->retry = g_timeout_add_seconds(RETRY_SECONDS, retry, watch);
}

static void
on_completed(GObject *source, GAsyncResult *async, gpointer data)
{
    g_autoptr(GError) error = NULL;
    if (!g_task_propagate_boolean(G_TASK(async), &error) &&
        !g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(async))))
        g_warning("%s; its definition is not completed", error->message);
}

VnWatch *
vn_watch_new(const VnConfig *config, VnWorker *worker, VnService *service)
{
    VnWatch *watch = g_new0(VnWatch, 1);
    watch->complete = config->complete;
    watch->worker = worker;
    watch->service = service;
    watch->gone = g_cancellable_new();
    begin(watch, NULL, connect_libvirt, on_connected);
    return watch;
}

void
vn_watch_free(VnWatch *watch)
{
    if (!watch)
        return;
    g_cancellable_cancel(watch->gone);
    g_object_unref(watch->gone);
    g_clear_handle_id(&watch->retry, g_source_remove);
    g_free(watch);
}

void
vn_watch_event(VnWatch *watch, const VnVirtEvent *event)
{
    switch (event->kind) {
    case VN_VIRT_EVENT_DEFINED:
    case VN_VIRT_EVENT_METADATA:
    case VN_VIRT_EVENT_UNDEFINED: /* what was remembered of it is forgotten */
        if (watch->complete)
            begin(watch, event->uuid, complete, on_completed);
        begin(watch, NULL, note_change, NULL);
        break;
    case VN_VIRT_EVENT_LOST:
        vn_service_set_libvirt_state(watch->service, "connection lost");
        begin(watch, NULL, connect_libvirt, on_connected);
        break;
    case VN_VIRT_EVENT_STOPPED:
        if (watch->complete)
            begin(watch, event->uuid, refresh, on_completed);
        begin(watch, NULL, note_change, NULL);
        break;
    case VN_VIRT_EVENT_STARTED:
    case VN_VIRT_EVENT_PAUSED:
    case VN_VIRT_EVENT_RESUMED:
    case VN_VIRT_EVENT_DEVICE:
        begin(watch, NULL, note_change, NULL);
        break;
    }
}
