/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnClient: vnumad over D-Bus. */
#include "cli/client.h"

#include "model/dict.h"

#include <string.h>

#define BUS_NAME "org.vnumad1"
#define OBJECT_PATH "/org/vnumad1"

/* The manager is asked, and answers: nothing is read ahead, no signals are heard. */
#define MANAGER_FLAGS                            \
    (G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES | \
     G_DBUS_PROXY_FLAGS_DO_NOT_CONNECT_SIGNALS)

struct VnClient {
    char *bus;      /* for messages: "the system bus" */
    char *start_it; /* for messages: the command that starts vnumad there */
    int timeout_s;
    GDBusConnection *connection;
    VnDBusManager *manager;
};

void
vn_client_free(VnClient *client)
{
    if (!client)
        return;
    g_clear_object(&client->manager);
    g_clear_object(&client->connection);
    g_free(client->bus);
    g_free(client->start_it);
    g_free(client);
}

/*
 * GDBus takes no deadline for connecting and for making a proxy. These two are therefore
 * begun asynchronously, and cancelled when the deadline has passed.
 */
typedef struct {
    GCancellable *cancellable;
    GAsyncResult *result;
    guint timeout_s;
} Wait;

static void
wait_clear(Wait *wait)
{
    g_clear_object(&wait->cancellable);
    g_clear_object(&wait->result);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wait, wait_clear)

static void
on_ready(GObject *source, GAsyncResult *result, gpointer data)
{
    ((Wait *) data)->result = g_object_ref(result);
}

static gboolean
on_deadline(gpointer data)
{
    g_cancellable_cancel(((Wait *) data)->cancellable);
    return G_SOURCE_CONTINUE;
}

static GAsyncResult *
wait_for_result(Wait *wait)
{
    guint deadline = g_timeout_add_seconds(wait->timeout_s, on_deadline, wait);
    while (!wait->result)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(deadline);
    return wait->result;
}

static gboolean
is_missed_deadline(const GError *error)
{
    return g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
           g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
           g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT) ||
           g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMED_OUT);
}

static gboolean
is_not_running(const GError *error)
{
    return g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
           g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER);
}

static gboolean
is_other_version(const GError *error)
{
    return g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD) ||
           g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE) ||
           g_error_matches(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static GError *
explained(const VnClient *client, GError *error)
{
    if (is_not_running(error))
        return g_error_new(VN_ERROR, VN_ERROR_GONE,
                           "vnumad is not running on %s: start it with '%s'", client->bus,
                           client->start_it);
    if (is_missed_deadline(error))
        return g_error_new(
            VN_ERROR, VN_ERROR_BUSY,
            "vnumad on %s did not answer within %d s: see what it does with "
            "'journalctl -u vnumad', or wait longer with --timeout",
            client->bus, client->timeout_s);
    if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
        return g_error_new(VN_ERROR, VN_ERROR_REFUSED,
                           "vnumad on %s: access denied: run this as root", client->bus);
    if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) ||
        g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CLOSED))
        return g_error_new(VN_ERROR, VN_ERROR_GONE,
                           "vnumad on %s went away before it answered: 'journalctl -u "
                           "vnumad' tells why",
                           client->bus);

    g_autofree char *name = g_dbus_error_get_remote_error(error);
    g_dbus_error_strip_remote_error(error);
    if (is_other_version(error))
        return g_error_new(
            VN_ERROR, VN_ERROR_UNSUPPORTED,
            "vnumad on %s is of another version than this vnumactl, which is "
            "%s: %s",
            client->bus, VN_VERSION, error->message);
    if (name && g_str_has_prefix(name, "org.vnumad1.Error."))
        return g_error_new_literal(VN_ERROR, VN_ERROR_FAILED, error->message);
    return g_error_new(VN_ERROR, VN_ERROR_FAILED, "vnumad on %s: %s", client->bus,
                       error->message);
}

void
vn_client_explain(const VnClient *client, GError **error)
{
    if (!error || !*error)
        return;
    g_autoptr(GError) foreign = *error;
    *error = explained(client, foreign);
}

static gboolean
set_unreachable(const VnClient *client, const GError *why, GError **error)
{
    if (is_missed_deadline(why))
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                    "%s did not answer within %d s: see that its daemon runs",
                    client->bus, client->timeout_s);
    else
        g_set_error(error, VN_ERROR, VN_ERROR_FAILED,
                    "%s cannot be reached: %s: see that its daemon runs, or name another "
                    "one with --bus",
                    client->bus, why->message);
    return FALSE;
}

static char *
address_of(VnClient *client, const char *bus, GError **error)
{
    if (strcmp(bus, "system") == 0 || strcmp(bus, "session") == 0) {
        gboolean is_system = *bus == 's' && bus[1] == 'y';
        client->bus = g_strdup_printf("the %s bus", bus);
        client->start_it =
            g_strdup(is_system ? "systemctl start vnumad" : "vnumad --bus session");
        g_autoptr(GError) why = NULL;
        char *address = g_dbus_address_get_for_bus_sync(
            is_system ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION, NULL, &why);
        if (!address)
            set_unreachable(client, why, error);
        return address;
    }
    if (!g_dbus_is_supported_address(bus, NULL)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--bus: '%s' is none of system, session, and a D-Bus address such as "
                    "unix:path=/run/dbus/system_bus_socket",
                    bus);
        return NULL;
    }
    client->bus = g_strdup_printf("the bus at %s", bus);
    client->start_it = g_strdup_printf("vnumad --bus %s", bus);
    return g_strdup(bus);
}

static gboolean
connect_to(VnClient *client, const char *address, GError **error)
{
    g_auto(Wait) wait = {g_cancellable_new(), NULL, (guint) client->timeout_s};
    g_autoptr(GError) why = NULL;
    g_dbus_connection_new_for_address(address,
                                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                      NULL, wait.cancellable, on_ready, &wait);
    client->connection =
        g_dbus_connection_new_for_address_finish(wait_for_result(&wait), &why);
    return client->connection ? TRUE : set_unreachable(client, why, error);
}

static gboolean
open_manager(VnClient *client, GError **error)
{
    g_auto(Wait) wait = {g_cancellable_new(), NULL, (guint) client->timeout_s};
    vn_dbus_manager_proxy_new(client->connection, MANAGER_FLAGS, BUS_NAME, OBJECT_PATH,
                              wait.cancellable, on_ready, &wait);
    client->manager = vn_dbus_manager_proxy_new_finish(wait_for_result(&wait), error);
    if (!client->manager) {
        vn_client_explain(client, error);
        return FALSE;
    }
    g_dbus_proxy_set_default_timeout(G_DBUS_PROXY(client->manager),
                                     client->timeout_s * 1000);
    return TRUE;
}

VnClient *
vn_client_new(const char *bus, int timeout_s, GError **error)
{
    g_autoptr(VnClient) client = g_new0(VnClient, 1);
    client->timeout_s = timeout_s;
    g_autofree char *address = address_of(client, bus, error);
    if (!address || !connect_to(client, address, error) || !open_manager(client, error))
        return NULL;
    return g_steal_pointer(&client);
}

GVariant *
vn_client_list_guests(VnClient *client, GError **error)
{
    GVariant *snapshot = NULL;
    if (!vn_dbus_manager_call_list_guests_sync(client->manager, &snapshot, NULL, error))
        vn_client_explain(client, error);
    return snapshot;
}

GVariant *
vn_client_get_guest(VnClient *client, const char *name, GError **error)
{
    GVariant *guest = NULL;
    if (!vn_dbus_manager_call_get_guest_sync(client->manager, name, &guest, NULL, error))
        vn_client_explain(client, error);
    return guest;
}

char *
vn_client_get_definition(VnClient *client, const char *name, GError **error)
{
    char *xml = NULL;
    if (!vn_dbus_manager_call_get_definition_sync(client->manager, name, &xml, NULL,
                                                  error))
        vn_client_explain(client, error);
    return xml;
}

GVariant *
vn_client_plan(VnClient *client, char **guests, GError **error)
{
    GVariant *plan = NULL;
    if (!vn_dbus_manager_call_plan_sync(client->manager, (const char *const *) guests,
                                        &plan, NULL, error))
        vn_client_explain(client, error);
    return plan;
}

GVariant *
vn_client_plan_undo(VnClient *client, char **guests, GError **error)
{
    GVariant *plan = NULL;
    if (!vn_dbus_manager_call_plan_undo_sync(
            client->manager, (const char *const *) guests, &plan, NULL, error))
        vn_client_explain(client, error);
    return plan;
}

GVariant *
vn_client_why(VnClient *client, const char *name, GError **error)
{
    GVariant *told = NULL;
    if (!vn_dbus_manager_call_why_sync(client->manager, name, &told, NULL, error))
        vn_client_explain(client, error);
    return told;
}

GVariant *
vn_client_verify(VnClient *client, char **guests, GError **error)
{
    GVariant *verdicts = NULL;
    if (!vn_dbus_manager_call_verify_sync(client->manager, (const char *const *) guests,
                                          &verdicts, NULL, error))
        vn_client_explain(client, error);
    return verdicts;
}

GVariant *
vn_client_sample(VnClient *client, const char *name, guint seconds, const char *source,
                 const char *qmp, GError **error)
{
    GVariant *sample = NULL;
    g_auto(VnDict) options;
    vn_dict_init(&options, NULL);
    vn_dict_insert(&options, "seconds", "u", seconds);
    vn_dict_insert_string(&options, "source", source);
    vn_dict_insert_string(&options, "qmp", qmp);
    client->timeout_s += (int) seconds;
    g_dbus_proxy_set_default_timeout(G_DBUS_PROXY(client->manager),
                                     client->timeout_s * 1000);
    if (!vn_dbus_manager_call_sample_sync(client->manager, name, vn_dict_end(&options),
                                          &sample, NULL, error))
        vn_client_explain(client, error);
    return sample;
}

GVariant *
vn_client_get_heat(VnClient *client, const char *name, gboolean by_time, guint bins,
                   GError **error)
{
    GVariant *heat = NULL;
    g_auto(VnDict) options;
    vn_dict_init(&options, NULL);
    vn_dict_insert(&options, "columns", "s", by_time ? "time" : "vcpu");
    vn_dict_insert(&options, "bins", "u", bins);
    if (!vn_dbus_manager_call_get_heat_sync(client->manager, name, vn_dict_end(&options),
                                            &heat, NULL, error))
        vn_client_explain(client, error);
    return heat;
}

char *
vn_client_rebalance(VnClient *client, char **guests, GError **error)
{
    char *path = NULL;
    GVariant *options = g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0);
    if (!vn_dbus_manager_call_rebalance_sync(
            client->manager, (const char *const *) guests, options, &path, NULL, error))
        vn_client_explain(client, error);
    return path;
}

char *
vn_client_undo(VnClient *client, char **guests, GError **error)
{
    char *path = NULL;
    GVariant *options = g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0);
    if (!vn_dbus_manager_call_undo_sync(client->manager, (const char *const *) guests,
                                        options, &path, NULL, error))
        vn_client_explain(client, error);
    return path;
}

VnDBusJob *
vn_client_open_job(VnClient *client, const char *path, GError **error)
{
    g_auto(Wait) wait = {g_cancellable_new(), NULL, (guint) client->timeout_s};
    vn_dbus_job_proxy_new(client->connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START,
                          BUS_NAME, path, wait.cancellable, on_ready, &wait);
    g_autoptr(VnDBusJob) job =
        vn_dbus_job_proxy_new_finish(wait_for_result(&wait), error);
    if (!job) {
        vn_client_explain(client, error);
        return NULL;
    }
    /* GDBus makes a proxy of what does not exist, too: one without properties. */
    if (!vn_dbus_job_get_state(job)) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "vnumad on %s has no job %s: 'vnumactl list' shows how things are",
                    client->bus, path);
        return NULL;
    }
    g_dbus_proxy_set_default_timeout(G_DBUS_PROXY(job), client->timeout_s * 1000);
    return g_steal_pointer(&job);
}

GDBusConnection *
vn_client_connection(const VnClient *client)
{
    return client->connection;
}
