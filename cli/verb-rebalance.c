/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl rebalance: starts a job, and shows how it goes and what came of it. */
#include "cli/format.h"
#include "cli/job.h"
#include "cli/meter.h"
#include "cli/reply.h"
#include "cli/steps.h"
#include "cli/verb.h"
#include "model/text.h"

/* A terminal's line is redrawn this often; other readers get a line a second. */
#define TERMINAL_INTERVAL_MS 100
#define INTERVAL_MS 1000

/* Erases from the start of the line, for what is drawn or said next. */
#define ERASE_LINE "\r\033[K"

typedef struct {
    const VnOutput *output;
    const char *path;
} View;

static gboolean
is_redrawn(const VnOutput *output)
{
    return output->terminal && !output->json;
}

static const char *
or_empty(const char *text)
{
    return text ? text : "";
}

static gboolean
show_progress(VnDBusJob *job, gpointer data, GError **error)
{
    const View *view = data;
    VnMeter meter = {
        .job = view->path,
        .state = or_empty(vn_dbus_job_get_state(job)),
        .activity = or_empty(vn_dbus_job_get_activity(job)),
        .bytes_total = vn_dbus_job_get_bytes_total(job),
        .bytes_done = vn_dbus_job_get_bytes_done(job),
        .rate_bytes_per_second = vn_dbus_job_get_rate_bytes_per_second(job),
    };
    if (view->output->json)
        return vn_output_json(vn_meter_to_variant(&meter), FALSE, error);

    gboolean redrawn = is_redrawn(view->output);
    g_autofree char *line = vn_meter_line(&meter, redrawn);
    g_autofree char *fitting = vn_format_truncate(line, vn_output_columns() - 1);
    g_autofree char *text =
        redrawn ? g_strconcat(ERASE_LINE, fitting, NULL) : g_strconcat(line, "\n", NULL);
    return vn_output_text(text, error);
}

static void
say_interrupted(gpointer data)
{
    const View *view = data;
    g_printerr("%svnumactl: stopping after the step under way; Ctrl-C again leaves at "
               "once\n",
               is_redrawn(view->output) ? ERASE_LINE : "");
}

/* The stream's last object: the result's keys, after those that say what it is. */
static GVariant *
result_to_variant(const char *path, gboolean done, GVariant *result)
{
    g_auto(GVariantBuilder) object;
    g_variant_builder_init(&object, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&object, "{sv}", "event", g_variant_new_string("result"));
    g_variant_builder_add(&object, "{sv}", "job", g_variant_new_string(path));
    g_variant_builder_add(&object, "{sv}", "state",
                          g_variant_new_string(done ? "done" : "failed"));
    for (gsize i = 0; i < g_variant_n_children(result); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(result, i);
        g_variant_builder_add_value(&object, entry);
    }
    return g_variant_builder_end(&object);
}

static gboolean
show_result(const View *view, gboolean done, GVariant *result, GError **error)
{
    if (view->output->json)
        return vn_output_json(result_to_variant(view->path, done, result), FALSE, error);

    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *summary = vn_reply_string(result, "summary");
    g_autofree char *why = vn_reply_string(result, "error");
    if (vn_steps_count(result) == 0) {
        vn_steps_append_decisions(text, result);
    } else {
        vn_steps_append(text, result, TRUE, view->output->color);
    }
    /* A summary that is the error, too, is told as the error. */
    if (summary && g_strcmp0(summary, why) == 0)
        return vn_output_text(text->str, error);
    if (summary) {
        g_autofree char *escaped = vn_format_escape(summary);
        g_string_append_printf(text, "\n%s\n", escaped);
    } else {
        g_autofree char *bytes = vn_text_bytes(vn_reply_uint64(result, "bytes_moved"));
        g_autofree char *time = vn_format_duration(vn_reply_double(result, "seconds"));
        g_string_append_printf(text, "\nMoved %s in %s.\n", bytes, time);
    }
    return vn_output_text(text->str, error);
}

static gboolean
wait_for_job(const VnCall *call, VnClient *client, const char *path, GError **error)
{
    View data = {&call->output, path};
    gboolean redrawn = is_redrawn(&call->output);
    VnJobView view = {redrawn ? TERMINAL_INTERVAL_MS : INTERVAL_MS, show_progress,
                      say_interrupted, &data};
    gboolean done = FALSE;
    g_autoptr(VnDBusJob) job = vn_client_open_job(client, path, error);
    if (!job)
        return FALSE;
    g_autoptr(GVariant) result = vn_job_wait(client, job, &view, &done, error);
    if (!result) {
        /* The progress is of no more use; should this fail too, @error is told anyway. */
        if (redrawn && !vn_output_text(ERASE_LINE, NULL))
            g_debug("standard output is gone");
        return FALSE;
    }
    if (redrawn && !vn_output_text(ERASE_LINE, error))
        return FALSE;
    if (!show_result(&data, done, result, error))
        return FALSE;
    if (!done) {
        g_autofree char *why = vn_reply_string(result, "error");
        g_set_error_literal(error, VN_ERROR, VN_ERROR_FAILED,
                            why ? why
                                : "the job failed: 'journalctl -u vnumad' tells why");
        return FALSE;
    }
    return TRUE;
}

gboolean
vn_verb_follow_job(const VnCall *call, VnClient *client, const char *path, GError **error)
{
    if (call->wait)
        return wait_for_job(call, client, path, error);
    if (call->output.json) {
        g_autoptr(GVariantDict) job = g_variant_dict_new(NULL);
        g_variant_dict_insert(job, "job", "s", path);
        return vn_output_json(g_variant_dict_end(job), TRUE, error);
    }
    g_autofree char *line = g_strconcat(path, "\n", NULL);
    return vn_output_text(line, error);
}

gboolean
vn_verb_rebalance(const VnCall *call, VnClient *client, GError **error)
{
    if (call->dry_run)
        return vn_verb_plan(call, client, error);
    g_autofree char *path = vn_client_rebalance(client, call->arguments, error);
    return path && vn_verb_follow_job(call, client, path, error);
}
