/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager object: each method becomes a task for the worker, which answers the
 * call.
 */
#include "daemon/service-private.h"

#include "model/dict.h"

/* Jobs that wait or run at one time, and how long an ended one can still be asked. */
#define JOBS_MAX 16u
#define JOB_KEEP_SECONDS 600

typedef VnServiceCall Call;

static const VnServiceJob rebalance_job = {&vn_job_rebalance,
                                           vn_dbus_manager_complete_rebalance};
static const VnServiceJob undo_job = {&vn_job_undo, vn_dbus_manager_complete_undo};

static const GDBusErrorEntry error_names[] = {
    {VN_ERROR_INVALID, "org.vnumad1.Error.Invalid"},
    {VN_ERROR_UNSUPPORTED, "org.vnumad1.Error.Unsupported"},
    {VN_ERROR_GONE, "org.vnumad1.Error.Gone"},
    {VN_ERROR_BUSY, "org.vnumad1.Error.Busy"},
    {VN_ERROR_REFUSED, "org.vnumad1.Error.Refused"},
    {VN_ERROR_FAILED, "org.vnumad1.Error.Failed"},
};

static void
call_free(gpointer data)
{
    Call *call = data;
    g_strfreev(call->guests);
    g_clear_pointer(&call->options, g_variant_unref);
    g_free(call);
}

void
vn_service_return(GTask *task, GVariant *value, GError *error)
{
    if (value)
        g_task_return_pointer(task, g_variant_ref_sink(value),
                              (GDestroyNotify) g_variant_unref);
    else
        g_task_return_error(task, error);
}

/* Runs on the worker. */
static void
list_guests(GTask *task, VnCycle *cycle)
{
    GError *error = NULL;
    gint64 begun_us = g_get_monotonic_time();
    GVariant *guests = vn_cycle_describe_guests(cycle, &error);
    if (!guests) {
        g_task_return_error(task, error);
        return;
    }
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert_value(&dict, "guests", guests);
    vn_dict_insert(&dict, "age_ms", "t",
                   (guint64) (g_get_monotonic_time() - begun_us) / 1000);
    vn_service_return(task, vn_dict_end(&dict), NULL);
}

/* Runs on the worker. */
static void
get_guest(GTask *task, VnCycle *cycle)
{
    const Call *call = g_task_get_task_data(task);
    GError *error = NULL;
    GVariant *guest = vn_cycle_describe_guest(cycle, call->guests[0], &error);
    vn_service_return(task, guest, error);
}

/* Runs on the worker. */
static void
get_definition(GTask *task, VnCycle *cycle)
{
    const Call *call = g_task_get_task_data(task);
    GError *error = NULL;
    char *xml = vn_cycle_get_definition(cycle, call->guests[0], &error);
    if (xml)
        g_task_return_pointer(task, xml, g_free);
    else
        g_task_return_error(task, error);
}

/* Runs on the worker. */
static void
plan(GTask *task, VnCycle *cycle)
{
    const Call *call = g_task_get_task_data(task);
    GError *error = NULL;
    g_autoptr(VnPlan) made =
        vn_cycle_plan(cycle, (const char *const *) call->guests, NULL, &error);
    vn_service_return(task, made ? vn_plan_to_variant(made) : NULL, error);
}

/* Runs on the worker. */
static void
plan_undo(GTask *task, VnCycle *cycle)
{
    const Call *call = g_task_get_task_data(task);
    GError *error = NULL;
    g_autoptr(VnPlan) made =
        vn_cycle_plan_undo(cycle, (const char *const *) call->guests, &error);
    vn_service_return(task, made ? vn_plan_to_variant(made) : NULL, error);
}

/* Runs on the worker. */
static void
why(GTask *task, VnCycle *cycle)
{
    const Call *call = g_task_get_task_data(task);
    GError *error = NULL;
    GVariant *told = vn_cycle_why(cycle, call->guests[0], &error);
    vn_service_return(task, told, error);
}

/* Runs on the worker. */
static void
verify(GTask *task, VnCycle *cycle)
{
    const Call *call = g_task_get_task_data(task);
    GError *error = NULL;
    GVariant *verdicts =
        vn_cycle_verify(cycle, (const char *const *) call->guests, &error);
    vn_service_return(task, verdicts, error);
}

/* Runs on the worker, at the end of the window. */
static void
on_sampled(GVariant *sample, const GError *error, gpointer data)
{
    g_autoptr(GTask) task = data;
    if (sample)
        g_task_return_pointer(task, g_variant_ref(sample),
                              (GDestroyNotify) g_variant_unref);
    else
        g_task_return_error(task, g_error_copy(error));
}

/* By name, or by a QMP socket. */
static gboolean
begin_sample(GTask *task, VnCycle *cycle, GError **error)
{
    const Call *call = g_task_get_task_data(task);
    const char *name = call->guests[0];
    const char *path;
    if (!g_variant_lookup(call->options, "qmp", "&s", &path))
        return vn_cycle_sample(cycle, name, call->options, on_sampled, task, error);
    if (!*name)
        return vn_cycle_sample_peer(cycle, path, call->options, on_sampled, task, error);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "guest %s: sample: either its name or qmp = %s is given, not both", name,
                path);
    return FALSE;
}

/* Runs on the worker, which goes on meanwhile. */
static void
sample(GTask *task, VnCycle *cycle)
{
    GError *error = NULL;
    if (begin_sample(task, cycle, &error))
        g_object_ref(task);
    else
        g_task_return_error(task, error);
}

/* Runs on the worker. */
static void
get_heat(GTask *task, VnCycle *cycle)
{
    const Call *call = g_task_get_task_data(task);
    GError *error = NULL;
    GVariant *heat =
        vn_cycle_describe_heat(cycle, call->guests[0], call->options, &error);
    vn_service_return(task, heat, error);
}

/* Runs on the worker. */
static void
accept_guests(GTask *task, VnCycle *cycle)
{
    const Call *call = g_task_get_task_data(task);
    GError *error = NULL;
    if (vn_cycle_accepts(cycle, (const char *const *) call->guests, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* Every answer tells whether libvirt was to be reached, but one that did without. */
static void
note_libvirt_state(VnService *service, const Call *call, const GError *error)
{
    if (call->options && g_variant_lookup(call->options, "qmp", "&s", NULL))
        return;
    if (!error)
        vn_service_set_libvirt_state(service, "connected");
    else if (g_error_matches(error, VN_ERROR, VN_ERROR_BUSY))
        vn_service_set_libvirt_state(service, error->message);
}

void
vn_service_answer(GObject *source, GAsyncResult *async, gpointer data)
{
    const Call *call = g_task_get_task_data(G_TASK(async));
    GError *error = NULL;
    g_autoptr(GVariant) result = g_task_propagate_pointer(G_TASK(async), &error);
    if (!g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(async))))
        note_libvirt_state(call->service, call, error);
    if (result)
        g_dbus_method_invocation_return_value(call->invocation,
                                              g_variant_new_tuple(&result, 1));
    else
        g_dbus_method_invocation_take_error(call->invocation, error);
}

static void
answer_with_text(GObject *source, GAsyncResult *async, gpointer data)
{
    const Call *call = g_task_get_task_data(G_TASK(async));
    GError *error = NULL;
    g_autofree char *text = g_task_propagate_pointer(G_TASK(async), &error);
    if (text)
        g_dbus_method_invocation_return_value(call->invocation,
                                              g_variant_new("(s)", text));
    else
        g_dbus_method_invocation_take_error(call->invocation, error);
}

void
vn_service_call(VnService *service, GDBusMethodInvocation *invocation,
                const VnServiceJob *kind, char **guests, GVariant *options,
                VnWorkerFunc func, GAsyncReadyCallback done)
{
    Call *call = g_new(Call, 1);
    *call = (Call){.service = service,
                   .invocation = invocation,
                   .kind = kind,
                   .guests = guests,
                   .options = options ? g_variant_ref(options) : NULL};
    g_autoptr(GTask) task = g_task_new(NULL, service->gone, done, NULL);
    g_task_set_check_cancellable(task, FALSE);
    g_task_set_task_data(task, call, call_free);
    vn_worker_read(service->worker, task, func);
}

static void
begin_call(VnService *service, GDBusMethodInvocation *invocation, char **guests,
           VnWorkerFunc func, GAsyncReadyCallback done)
{
    vn_service_call(service, invocation, NULL, guests, NULL, func, done);
}

static gboolean
on_list_guests(VnDBusManager *manager, GDBusMethodInvocation *invocation, gpointer data)
{
    begin_call(data, invocation, NULL, list_guests, vn_service_answer);
    return TRUE;
}

static gboolean
on_get_guest(VnDBusManager *manager, GDBusMethodInvocation *invocation, const char *name,
             gpointer data)
{
    const char *const guests[] = {name, NULL};
    begin_call(data, invocation, g_strdupv((char **) guests), get_guest,
               vn_service_answer);
    return TRUE;
}

static gboolean
on_get_definition(VnDBusManager *manager, GDBusMethodInvocation *invocation,
                  const char *name, gpointer data)
{
    const char *const guests[] = {name, NULL};
    begin_call(data, invocation, g_strdupv((char **) guests), get_definition,
               answer_with_text);
    return TRUE;
}

static gboolean
on_plan(VnDBusManager *manager, GDBusMethodInvocation *invocation,
        const char *const *guests, gpointer data)
{
    begin_call(data, invocation, g_strdupv((char **) guests), plan, vn_service_answer);
    return TRUE;
}

static gboolean
on_plan_undo(VnDBusManager *manager, GDBusMethodInvocation *invocation,
             const char *const *guests, gpointer data)
{
    begin_call(data, invocation, g_strdupv((char **) guests), plan_undo,
               vn_service_answer);
    return TRUE;
}

static gboolean
on_why(VnDBusManager *manager, GDBusMethodInvocation *invocation, const char *name,
       gpointer data)
{
    const char *const guests[] = {name, NULL};
    begin_call(data, invocation, g_strdupv((char **) guests), why, vn_service_answer);
    return TRUE;
}

static gboolean
on_verify(VnDBusManager *manager, GDBusMethodInvocation *invocation,
          const char *const *guests, gpointer data)
{
    begin_call(data, invocation, g_strdupv((char **) guests), verify, vn_service_answer);
    return TRUE;
}

static gboolean
on_sample(VnDBusManager *manager, GDBusMethodInvocation *invocation, const char *name,
          GVariant *options, gpointer data)
{
    const char *const guests[] = {name, NULL};
    vn_service_call(data, invocation, NULL, g_strdupv((char **) guests), options, sample,
                    vn_service_answer);
    return TRUE;
}

static gboolean
on_get_heat(VnDBusManager *manager, GDBusMethodInvocation *invocation, const char *name,
            GVariant *options, gpointer data)
{
    const char *const guests[] = {name, NULL};
    vn_service_call(data, invocation, NULL, g_strdupv((char **) guests), options,
                    get_heat, vn_service_answer);
    return TRUE;
}

typedef struct {
    VnService *service;
    VnJob *job;
} Forgetting;

static gboolean
forget_job(gpointer data)
{
    const Forgetting *forgetting = data;
    GArray *timers = forgetting->service->timers;
    guint id = g_source_get_id(g_main_current_source());
    for (guint i = timers->len; i-- > 0;) {
        if (g_array_index(timers, guint, i) == id)
            g_array_remove_index_fast(timers, i);
    }
    g_ptr_array_remove(forgetting->service->jobs, forgetting->job);
    return G_SOURCE_REMOVE;
}

static void
on_job_end(VnJob *job, gpointer data)
{
    VnService *service = data;
    Forgetting *forgetting = g_new(Forgetting, 1);
    *forgetting = (Forgetting){.service = service, .job = job};
    guint id = g_timeout_add_seconds_full(G_PRIORITY_DEFAULT, JOB_KEEP_SECONDS,
                                          forget_job, forgetting, g_free);
    g_array_append_val(service->timers, id);
}

static guint
count_unfinished(const VnService *service)
{
    guint n = 0;
    for (guint i = 0; i < service->jobs->len; i++)
        n += !vn_job_has_ended(service->jobs->pdata[i]);
    return n;
}

static VnJob *
start_job(VnService *service, const VnJobKind *kind, const char *const *arguments,
          GError **error)
{
    if (count_unfinished(service) >= JOBS_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                    "%s: %u jobs are waiting already; try again when some have ended",
                    kind->name, JOBS_MAX);
        return NULL;
    }
    VnJob *job =
        vn_job_start(service->connection, service->worker, ++service->n_jobs_ever, kind,
                     arguments, on_job_end, service, error);
    if (job)
        g_ptr_array_add(service->jobs, job);
    return job;
}

void
vn_service_begin_job(GObject *source, GAsyncResult *async, gpointer data)
{
    const Call *call = g_task_get_task_data(G_TASK(async));
    GError *error = NULL;
    VnJob *job = NULL;
    if (g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(async))))
        g_set_error(&error, VN_ERROR, VN_ERROR_BUSY, "vnumad is stopping");
    else if (g_task_propagate_boolean(G_TASK(async), &error))
        job = start_job(call->service, call->kind->job,
                        (const char *const *) call->guests, &error);
    if (job)
        call->kind->complete(call->service->manager, call->invocation, vn_job_path(job));
    else
        g_dbus_method_invocation_take_error(call->invocation, error);
}

/* A call that starts a job once its guests are found to be such as may be touched. */
static gboolean
begin_job_call(VnService *service, GDBusMethodInvocation *invocation,
               const VnServiceJob *kind, const char *const *guests, GVariant *options)
{
    GVariantIter iter;
    const char *key;
    g_variant_iter_init(&iter, options);
    if (g_variant_iter_next(&iter, "{&sv}", &key, NULL)) {
        g_dbus_method_invocation_return_error(invocation, VN_ERROR, VN_ERROR_INVALID,
                                              "%s: unknown option '%s'", kind->job->name,
                                              key);
        return TRUE;
    }
    vn_service_call(service, invocation, kind, g_strdupv((char **) guests), NULL,
                    accept_guests, vn_service_begin_job);
    return TRUE;
}

static gboolean
on_rebalance(VnDBusManager *manager, GDBusMethodInvocation *invocation,
             const char *const *guests, GVariant *options, gpointer data)
{
    return begin_job_call(data, invocation, &rebalance_job, guests, options);
}

static gboolean
on_undo(VnDBusManager *manager, GDBusMethodInvocation *invocation,
        const char *const *guests, GVariant *options, gpointer data)
{
    return begin_job_call(data, invocation, &undo_job, guests, options);
}

static void
job_free(gpointer data)
{
    vn_job_free(data);
}

VnService *
vn_service_new(GDBusConnection *connection, VnWorker *worker, const VnConfig *config,
               GError **error)
{
    static gsize quark;
    g_dbus_error_register_error_domain("vn-error-quark", &quark, error_names,
                                       G_N_ELEMENTS(error_names));

    g_autoptr(VnService) service = g_new0(VnService, 1);
    service->connection = g_object_ref(connection);
    service->manager = vn_dbus_manager_skeleton_new();
    service->worker = worker;
    service->jobs = g_ptr_array_new_with_free_func(job_free);
    service->timers = g_array_new(FALSE, FALSE, sizeof(guint));
    service->gone = g_cancellable_new();
    vn_dbus_manager_set_version(service->manager, VN_VERSION);
    vn_dbus_manager_set_manage(service->manager, config->manage_all ? "all" : "tagged");
    vn_dbus_manager_set_libvirt_state(service->manager, "not connected yet");
    g_signal_connect(service->manager, "handle-list-guests", G_CALLBACK(on_list_guests),
                     service);
    g_signal_connect(service->manager, "handle-get-guest", G_CALLBACK(on_get_guest),
                     service);
    g_signal_connect(service->manager, "handle-get-definition",
                     G_CALLBACK(on_get_definition), service);
    g_signal_connect(service->manager, "handle-plan", G_CALLBACK(on_plan), service);
    g_signal_connect(service->manager, "handle-verify", G_CALLBACK(on_verify), service);
    g_signal_connect(service->manager, "handle-sample", G_CALLBACK(on_sample), service);
    g_signal_connect(service->manager, "handle-get-heat", G_CALLBACK(on_get_heat),
                     service);
    g_signal_connect(service->manager, "handle-rebalance", G_CALLBACK(on_rebalance),
                     service);
    g_signal_connect(service->manager, "handle-undo", G_CALLBACK(on_undo), service);
    g_signal_connect(service->manager, "handle-plan-undo", G_CALLBACK(on_plan_undo),
                     service);
    g_signal_connect(service->manager, "handle-why", G_CALLBACK(on_why), service);
    vn_service_connect_drain(service);
    if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(service->manager),
                                          connection, "/org/vnumad1", error))
        return NULL;
    return g_steal_pointer(&service);
}

void
vn_service_free(VnService *service)
{
    if (!service)
        return;
    g_cancellable_cancel(service->gone);
    for (guint i = 0; i < service->timers->len; i++)
        g_source_remove(g_array_index(service->timers, guint, i));
    g_dbus_interface_skeleton_unexport(G_DBUS_INTERFACE_SKELETON(service->manager));
    g_signal_handlers_disconnect_by_data(service->manager, service);
    g_ptr_array_unref(service->jobs);
    g_array_unref(service->timers);
    g_object_unref(service->manager);
    g_object_unref(service->connection);
    g_object_unref(service->gone);
    g_free(service);
}

void
vn_service_set_libvirt_state(VnService *service, const char *state)
{
    vn_dbus_manager_set_libvirt_state(service->manager, state);
}

void
vn_service_rebalance_all(VnService *service)
{
    g_autoptr(GError) error = NULL;
    if (count_unfinished(service))
        return;
    if (!start_job(service, &vn_job_rebalance, NULL, &error))
        g_warning("%s", error->message);
}
