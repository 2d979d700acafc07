/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manager object's methods about host nodes: drain, undrain, and what is cordoned. */
#include "daemon/service-private.h"

static guint
node_of(const char *const *arguments)
{
    return (guint) g_ascii_strtoull(arguments[0], NULL, 10);
}

static char **
to_arguments(guint node)
{
    char **arguments = g_new0(char *, 2);
    arguments[0] = g_strdup_printf("%u", node);
    return arguments;
}

static guint
node_of_call(GTask *task)
{
    const VnServiceCall *call = g_task_get_task_data(task);
    return node_of((const char *const *) call->guests);
}

/* Ends a task of one value. @result: (transfer floating) (nullable) */
static void
end(GTask *task, GVariant *result, GError *error)
{
    vn_service_return(task, result, error);
}

/* Runs on the worker. */
static GVariant *
drain(VnCycle *cycle, const char *const *arguments, VnProgress *progress, GError **error)
{
    return vn_cycle_drain(cycle, node_of(arguments), progress, error);
}

static const VnJobKind drain_kind = {"drain", drain};
static const VnServiceJob drain_job = {&drain_kind, vn_dbus_manager_complete_drain};

/* Runs on the worker. */
static void
cordon(GTask *task, VnCycle *cycle)
{
    GError *error = NULL;
    if (vn_cycle_cordon(cycle, node_of_call(task), &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* Runs on the worker. */
static void
uncordon(GTask *task, VnCycle *cycle)
{
    GError *error = NULL;
    if (vn_cycle_uncordon(cycle, node_of_call(task), &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* Runs on the worker. */
static void
plan_drain(GTask *task, VnCycle *cycle)
{
    GError *error = NULL;
    GVariant *plan = vn_cycle_plan_drain(cycle, node_of_call(task), &error);
    end(task, plan, error);
}

/* Runs on the worker. */
static void
list_cordoned(GTask *task, VnCycle *cycle)
{
    GError *error = NULL;
    GVariant *nodes = vn_cycle_describe_cordons(cycle, &error);
    end(task, nodes, error);
}

static void
end_undrain(GObject *source, GAsyncResult *async, gpointer data)
{
    const VnServiceCall *call = g_task_get_task_data(G_TASK(async));
    GError *error = NULL;
    if (g_task_propagate_boolean(G_TASK(async), &error))
        g_dbus_method_invocation_return_value(call->invocation, NULL);
    else
        g_dbus_method_invocation_take_error(call->invocation, error);
}

static gboolean
on_drain(VnDBusManager *manager, GDBusMethodInvocation *invocation, guint node,
         gpointer data)
{
    vn_service_call(data, invocation, &drain_job, to_arguments(node), NULL, cordon,
                    vn_service_begin_job);
    return TRUE;
}

static gboolean
on_undrain(VnDBusManager *manager, GDBusMethodInvocation *invocation, guint node,
           gpointer data)
{
    vn_service_call(data, invocation, NULL, to_arguments(node), NULL, uncordon,
                    end_undrain);
    return TRUE;
}

static gboolean
on_plan_drain(VnDBusManager *manager, GDBusMethodInvocation *invocation, guint node,
              gpointer data)
{
    vn_service_call(data, invocation, NULL, to_arguments(node), NULL, plan_drain,
                    vn_service_answer);
    return TRUE;
}

static gboolean
on_list_cordoned(VnDBusManager *manager, GDBusMethodInvocation *invocation, gpointer data)
{
    vn_service_call(data, invocation, NULL, NULL, NULL, list_cordoned, vn_service_answer);
    return TRUE;
}

void
vn_service_connect_drain(VnService *service)
{
    g_signal_connect(service->manager, "handle-drain", G_CALLBACK(on_drain), service);
    g_signal_connect(service->manager, "handle-undrain", G_CALLBACK(on_undrain), service);
    g_signal_connect(service->manager, "handle-plan-drain", G_CALLBACK(on_plan_drain),
                     service);
    g_signal_connect(service->manager, "handle-list-cordoned",
                     G_CALLBACK(on_list_cordoned), service);
}
