/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for a job.
 *
 * Theory of operation: a main loop runs until one of the handlers has the outcome,
 * which is either @result or @error. The job's end is told twice, by its signal
 * Finished and by its properties; whichever comes first counts. Progress comes with the
 * properties; the ticks only keep it from being shown too often.
 */
#include "cli/job.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>

typedef struct {
    VnClient *client;
    VnDBusJob *job;
    const VnJobView *view;
    GMainLoop *loop;
    GCancellable *cancellable; /* of the call to Cancel */
    gboolean cancelling;       /* the call to Cancel has not returned */
    gboolean changed;          /* since it was shown last */
    char *state_shown;
    guint interrupts;
    GVariant *result;
    gboolean done;
    GError *error;
} Waiting;

static void
waiting_clear(Waiting *waiting)
{
    g_main_loop_unref(waiting->loop);
    g_object_unref(waiting->cancellable);
    g_free(waiting->state_shown);
    g_clear_pointer(&waiting->result, g_variant_unref);
    g_clear_error(&waiting->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Waiting, waiting_clear)

static gboolean
is_over(const Waiting *waiting)
{
    return waiting->result || waiting->error;
}

/* Takes @error. The first outcome stays. */
static void
fail(Waiting *waiting, GError *error)
{
    if (is_over(waiting))
        g_error_free(error);
    else
        waiting->error = error;
    g_main_loop_quit(waiting->loop);
}

static void
finish(Waiting *waiting, gboolean done, GVariant *result)
{
    if (!is_over(waiting)) {
        waiting->result = g_variant_ref(result);
        waiting->done = done;
    }
    g_main_loop_quit(waiting->loop);
}

static void
show(Waiting *waiting)
{
    GError *error = NULL;
    waiting->changed = FALSE;
    g_free(waiting->state_shown);
    waiting->state_shown = g_strdup(vn_dbus_job_get_state(waiting->job));
    if (!waiting->view->show(waiting->job, waiting->view->data, &error))
        fail(waiting, error);
}

static void
look(Waiting *waiting)
{
    const char *state = vn_dbus_job_get_state(waiting->job);
    GVariant *result = vn_dbus_job_get_result(waiting->job);
    gboolean done = g_strcmp0(state, "done") == 0;
    if (is_over(waiting))
        return;
    if (done || g_strcmp0(state, "failed") == 0) {
        /* The end is no progress. Without a result yet, Finished is still to come. */
        waiting->changed = FALSE;
        if (result && g_variant_n_children(result) > 0)
            finish(waiting, done, result);
        return;
    }
    waiting->changed = TRUE;
    if (g_strcmp0(state, waiting->state_shown) != 0)
        show(waiting);
}

static void
on_properties_changed(GDBusProxy *proxy, GVariant *changed, GStrv gone, Waiting *waiting)
{
    look(waiting);
}

static void
on_finished(VnDBusJob *job, gboolean done, GVariant *result, Waiting *waiting)
{
    finish(waiting, done, result);
}

static void
on_owner_changed(GObject *job, GParamSpec *property, Waiting *waiting)
{
    fail(waiting,
         g_error_new(VN_ERROR, VN_ERROR_GONE,
                     "vnumad went away while %s ran: what it moved stays where it "
                     "is; 'journalctl -u vnumad' tells why",
                     g_dbus_proxy_get_object_path(G_DBUS_PROXY(job))));
}

static void
on_bus_closed(GDBusConnection *connection, gboolean vanished, GError *why,
              Waiting *waiting)
{
    fail(waiting,
         g_error_new(VN_ERROR, VN_ERROR_GONE,
                     "the connection to the bus was lost while %s ran: it may go "
                     "on in vnumad",
                     g_dbus_proxy_get_object_path(G_DBUS_PROXY(waiting->job))));
}

static gboolean
on_tick(gpointer data)
{
    Waiting *waiting = data;
    if (waiting->changed && !is_over(waiting))
        show(waiting);
    return G_SOURCE_CONTINUE;
}

static void
on_cancelled(GObject *job, GAsyncResult *result, gpointer data)
{
    Waiting *waiting = data;
    GError *error = NULL;
    waiting->cancelling = FALSE;
    if (vn_dbus_job_call_cancel_finish(VN_DBUS_JOB(job), result, &error))
        return;
    vn_client_explain(waiting->client, &error);
    fail(waiting, error);
}

static gboolean
on_interrupt(gpointer data)
{
    Waiting *waiting = data;
    if (waiting->interrupts++ > 0) {
        fail(waiting,
             g_error_new(VN_ERROR, VN_ERROR_FAILED,
                         "left before %s ended: vnumad stops it after the step "
                         "under way",
                         g_dbus_proxy_get_object_path(G_DBUS_PROXY(waiting->job))));
        return G_SOURCE_CONTINUE;
    }
    waiting->cancelling = TRUE;
    vn_dbus_job_call_cancel(waiting->job, waiting->cancellable, on_cancelled, waiting);
    waiting->view->interrupted(waiting->view->data);
    return G_SOURCE_CONTINUE;
}

static void
run(Waiting *waiting)
{
    GDBusConnection *connection = vn_client_connection(waiting->client);
    guint tick = g_timeout_add(waiting->view->interval_ms, on_tick, waiting);
    guint interrupt = g_unix_signal_add(SIGINT, on_interrupt, waiting);
    gulong closed =
        g_signal_connect(connection, "closed", G_CALLBACK(on_bus_closed), waiting);
    g_signal_connect(waiting->job, "g-properties-changed",
                     G_CALLBACK(on_properties_changed), waiting);
    g_signal_connect(waiting->job, "finished", G_CALLBACK(on_finished), waiting);
    g_signal_connect(waiting->job, "notify::g-name-owner", G_CALLBACK(on_owner_changed),
                     waiting);
    look(waiting);
    if (!is_over(waiting))
        g_main_loop_run(waiting->loop);

    g_signal_handlers_disconnect_by_data(waiting->job, waiting);
    g_signal_handler_disconnect(connection, closed);
    g_source_remove(interrupt);
    g_source_remove(tick);
    g_cancellable_cancel(waiting->cancellable);
    while (waiting->cancelling)
        g_main_context_iteration(NULL, TRUE);
}

GVariant *
vn_job_wait(VnClient *client, VnDBusJob *job, const VnJobView *view, gboolean *ret_done,
            GError **error)
{
    g_auto(Waiting) waiting = {
        .client = client,
        .job = job,
        .view = view,
        .loop = g_main_loop_new(NULL, FALSE),
        .cancellable = g_cancellable_new(),
    };
    run(&waiting);
    if (!waiting.result) {
        g_propagate_error(error, g_steal_pointer(&waiting.error));
        return NULL;
    }
    *ret_done = waiting.done;
    return g_steal_pointer(&waiting.result);
}
