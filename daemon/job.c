/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A job: worker and main thread meet in its VnProgress, which a timer reads. */
#include "daemon/job.h"

#include "daemon/check.h"
#include "data/vn-dbus.h"
#include "model/dict.h"

#include <string.h>

#define PROGRESS_INTERVAL_MS 250

struct VnJob {
    VnDBusJob *skeleton;
    VnProgress *progress;
    const char *name;
    char *path;
    guint timer;
    gboolean ended;
    void (*on_end)(VnJob *job, gpointer data);
    gpointer on_end_data;
    GCancellable *unseen; /* cancelled when the job object is freed before its end */
};

/* What the worker needs, whatever becomes of the job object meanwhile. */
typedef struct {
    VnJobRun run;
    char **guests;
    VnProgress *progress;
} Request;

static void
request_free(gpointer data)
{
    Request *request = data;
    g_strfreev(request->guests);
    vn_progress_unref(request->progress);
    g_free(request);
}

/* Runs on the worker. */
static void
run(GTask *task, VnCycle *cycle)
{
    const Request *request = g_task_get_task_data(task);
    gint64 begun_us = g_get_monotonic_time();
    GError *error = NULL;
    g_autoptr(VnPlan) plan = request->run(cycle, (const char *const *) request->guests,
                                          request->progress, &error);
    if (!plan) {
        g_task_return_error(task, error);
        return;
    }
    gboolean all_done = FALSE;
    g_autofree char *summary = vn_check_summary(plan, &all_done);
    g_autoptr(GVariant) described = g_variant_ref_sink(vn_plan_to_variant(plan));
    g_auto(VnDict) dict;
    vn_dict_init(&dict, described);
    vn_dict_insert(&dict, "summary", "s", summary);
    vn_dict_insert(&dict, "bytes_moved", "t", vn_plan_bytes_moved(plan));
    vn_dict_insert(&dict, "seconds", "d",
                   (double) (g_get_monotonic_time() - begun_us) / G_USEC_PER_SEC);
    if (!all_done)
        vn_dict_insert(&dict, "error", "s", summary);
    g_task_return_pointer(task, g_variant_ref_sink(vn_dict_end(&dict)),
                          (GDestroyNotify) g_variant_unref);
}

static gboolean
show_progress(gpointer data)
{
    VnJob *job = data;
    g_auto(VnProgressState) state = vn_progress_get(job->progress);
    vn_dbus_job_set_state(job->skeleton, vn_stage_name(state.stage));
    vn_dbus_job_set_activity(job->skeleton, state.activity);
    vn_dbus_job_set_bytes_total(job->skeleton, state.bytes_total);
    vn_dbus_job_set_bytes_done(job->skeleton, state.bytes_done);
    vn_dbus_job_set_rate_bytes_per_second(job->skeleton, state.rate_bytes_per_second);
    return G_SOURCE_CONTINUE;
}

static GVariant *
failure(const GError *error)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "summary", "s", error->message);
    vn_dict_insert(&dict, "error", "s", error->message);
    vn_dict_insert(&dict, "bytes_moved", "t", (guint64) 0);
    return vn_dict_end(&dict);
}

static void
ended(GObject *source, GAsyncResult *async, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) result = g_task_propagate_pointer(G_TASK(async), &error);
    if (g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(async))))
        return; /* the job object is gone */

    VnJob *job = data;
    if (!result)
        result = g_variant_ref_sink(failure(error));
    gboolean done = !g_variant_lookup(result, "error", "&s", NULL);
    const char *summary = "";
    g_variant_lookup(result, "summary", "&s", &summary);
    vn_progress_set_stage(job->progress, done ? VN_STAGE_DONE : VN_STAGE_FAILED);
    vn_progress_set_activity(job->progress, "%s", summary);
    g_clear_handle_id(&job->timer, g_source_remove);
    job->ended = TRUE;
    vn_dbus_job_set_result(job->skeleton, result);
    show_progress(job);
    g_dbus_interface_skeleton_flush(G_DBUS_INTERFACE_SKELETON(job->skeleton));
    vn_dbus_job_emit_finished(job->skeleton, done, result);
    g_log(G_LOG_DOMAIN, done ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_WARNING, "%s: %s",
          job->name, summary);
    job->on_end(job, job->on_end_data);
}

static gboolean
on_cancel(VnDBusJob *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
    const VnJob *job = data;
    vn_progress_cancel(job->progress);
    vn_dbus_job_complete_cancel(skeleton, invocation);
    return TRUE;
}

VnJob *
vn_job_start(GDBusConnection *connection, VnWorker *worker, const char *name,
             VnJobRun run_func, guint number, const char *const *guests,
             void (*on_end)(VnJob *job, gpointer data), gpointer data, GError **error)
{
    VnJob *job = g_new0(VnJob, 1);
    job->skeleton = vn_dbus_job_skeleton_new();
    job->progress = vn_progress_new();
    job->unseen = g_cancellable_new();
    job->name = name;
    job->path = g_strdup_printf("/org/vnumad1/job/%u", number);
    job->on_end = on_end;
    job->on_end_data = data;
    g_autoptr(GVariant) empty = g_variant_ref_sink(g_variant_new("a{sv}", NULL));
    vn_dbus_job_set_result(job->skeleton, empty);
    show_progress(job);
    g_signal_connect(job->skeleton, "handle-cancel", G_CALLBACK(on_cancel), job);
    if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(job->skeleton),
                                          connection, job->path, error)) {
        vn_job_free(job);
        return NULL;
    }
    job->timer = g_timeout_add(PROGRESS_INTERVAL_MS, show_progress, job);

    Request *request = g_new0(Request, 1);
    request->run = run_func;
    request->guests = g_strdupv((char **) guests);
    request->progress = vn_progress_ref(job->progress);
    g_autoptr(GTask) task = g_task_new(NULL, job->unseen, ended, job);
    /* Its cancellable says that the job object is gone, not that the result is void. */
    g_task_set_check_cancellable(task, FALSE);
    g_task_set_task_data(task, request, request_free);
    vn_worker_run(worker, task, run);
    return job;
}

void
vn_job_free(VnJob *job)
{
    if (!job)
        return;
    g_cancellable_cancel(job->unseen);
    vn_progress_cancel(job->progress);
    g_clear_handle_id(&job->timer, g_source_remove);
    g_dbus_interface_skeleton_unexport(G_DBUS_INTERFACE_SKELETON(job->skeleton));
    g_signal_handlers_disconnect_by_data(job->skeleton, job);
    g_object_unref(job->skeleton);
    g_object_unref(job->unseen);
    vn_progress_unref(job->progress);
    g_free(job->path);
    g_free(job);
}

const char *
vn_job_path(const VnJob *job)
{
    return job->path;
}

gboolean
vn_job_has_ended(const VnJob *job)
{
    return job->ended;
}
