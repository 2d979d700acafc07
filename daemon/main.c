/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vnumad: options, start, main loop and end. The main thread has D-Bus, timers, signals
 * and libvirt's event loop; the worker (daemon/worker.h) has all the rest.
 */
#include "daemon/watch.h"
#include "virt/connection.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#define BUS_NAME "org.vnumad1"
#define DEFAULT_CONFIG "/etc/vnumad/vnumad.conf"
#define DEFAULT_STATE "/var/lib/vnumad"
/* At the end nobody who makes events can keep it from ending. */
#define LAST_EVENTS_MAX 10000u
/* At the end a batch of pages and one call to libvirt may have to be waited for. */
#define STOP_TIMEOUT_US (40 * G_USEC_PER_SEC)

typedef struct {
    char *config;
    char *root;
    char *connect;
    char *bus;
    gboolean version;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->config);
    g_free(options->root);
    g_free(options->connect);
    g_free(options->bus);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

typedef struct {
    GMainLoop *loop;
    VnService *service;
    VnWatch *watch; /* NULL: not yet, or not any more */
    gboolean lost_name;
} Daemon;

static gboolean
parse_options(int *argc, char ***argv, Options *options, GError **error)
{
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &options->config,
         "Configuration (default " DEFAULT_CONFIG ")", "FILE"},
        {"root", 0, 0, G_OPTION_ARG_FILENAME, &options->root,
         "Read the host below DIR instead of /", "DIR"},
        {"connect", 0, 0, G_OPTION_ARG_STRING, &options->connect,
         "libvirt's URI (default qemu:///system)", "URI"},
        {"bus", 0, 0, G_OPTION_ARG_STRING, &options->bus,
         "D-Bus: system (default), session, or an address", "BUS"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Show the version", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context =
        g_option_context_new("- keep guests' cells at home");
    g_option_context_set_summary(
        context,
        "vnumad keeps the virtual NUMA cells of KVM guests on their home nodes.\n"
        "It runs in the foreground; vnumactl(1) talks to it.");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (*argc > 1) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "unexpected argument '%s'", (*argv)[1]);
        return FALSE;
    }
    return TRUE;
}

static GDBusConnection *
connect_bus(const char *bus, GError **error)
{
    if (!bus || g_str_equal(bus, "system"))
        return g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, error);
    if (g_str_equal(bus, "session"))
        return g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, error);
    return g_dbus_connection_new_for_address_sync(
        bus,
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
            G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
        NULL, NULL, error);
}

/* systemd's StateDirectory= wins, so that the unit decides. */
static const char *
state_folder(void)
{
    const char *folder = g_getenv("STATE_DIRECTORY");
    return folder && *folder ? folder : DEFAULT_STATE;
}

static VnWorker *
start_worker(const Options *options, const VnConfig *config, VnConnection *virt,
             GError **error)
{
    g_autoptr(VnLedger) ledger = vn_ledger_open(state_folder(), error);
    if (!ledger)
        return NULL;
    if (vn_ledger_unreadable(ledger))
        g_warning("ledger: %u lines cannot be read and are passed over",
                  vn_ledger_unreadable(ledger));
    return vn_worker_new(vn_cycle_new(config, options->root ? options->root : "/", virt,
                                      g_steal_pointer(&ledger)));
}

static gboolean
on_signal(gpointer data)
{
    Daemon *daemon = data;
    g_message("stopping; guests stay as they are");
    g_main_loop_quit(daemon->loop);
    return G_SOURCE_CONTINUE;
}

static void
on_name_acquired(GDBusConnection *connection, const char *name, gpointer data)
{
    g_message("ready: %s " VN_VERSION, name);
    sd_notify(0, "READY=1");
}

static void
on_name_lost(GDBusConnection *connection, const char *name, gpointer data)
{
    Daemon *daemon = data;
    daemon->lost_name = TRUE;
    g_main_loop_quit(daemon->loop);
}

static void
on_guest_event(const VnVirtEvent *event, gpointer data)
{
    const Daemon *daemon = data;
    g_info("guest %s: %s", event->name ? event->name : "-",
           vn_virt_event_name(event->kind));
    if (daemon->watch)
        vn_watch_event(daemon->watch, event);
}

static gboolean
on_interval(gpointer data)
{
    Daemon *daemon = data;
    vn_service_rebalance_all(daemon->service);
    return G_SOURCE_CONTINUE;
}

/* Everything is set up: serve until a signal, or until the bus is gone. */
static void
serve(Daemon *daemon, GDBusConnection *connection, const VnConfig *config)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    daemon->loop = loop;
    guint name = g_bus_own_name_on_connection(
        connection, BUS_NAME, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE, on_name_acquired,
        on_name_lost, daemon, NULL);
    guint term = g_unix_signal_add(SIGTERM, on_signal, daemon);
    guint interrupt = g_unix_signal_add(SIGINT, on_signal, daemon);
    guint interval =
        config->interval_seconds
            ? g_timeout_add_seconds(config->interval_seconds, on_interval, daemon)
            : 0;
    g_main_loop_run(daemon->loop);
    sd_notify(0, "STOPPING=1");
    g_clear_handle_id(&interval, g_source_remove);
    g_source_remove(term);
    g_source_remove(interrupt);
    g_bus_unown_name(name);
}

static gboolean
serve_guests(const Options *options, GError **error)
{
    VnConfig config;
    if (!vn_config_read(options->config ? options->config : DEFAULT_CONFIG,
                        !options->config, &config, error))
        return FALSE;
    g_autoptr(GDBusConnection) connection = connect_bus(options->bus, error);
    if (!connection)
        return FALSE;
    g_dbus_connection_set_exit_on_close(connection, FALSE);

    Daemon daemon = {0};
    g_autoptr(VnConnection) virt = vn_connection_new(
        options->connect ? options->connect : "qemu:///system", on_guest_event, &daemon);
    VnWorker *worker = start_worker(options, &config, virt, error);
    if (!worker)
        return FALSE;
    daemon.service = vn_service_new(connection, worker, &config, error);
    gboolean served = daemon.service != NULL;
    if (served) {
        daemon.watch = vn_watch_new(&config, worker, daemon.service);
        serve(&daemon, connection, &config);
    }
    g_clear_pointer(&daemon.watch, vn_watch_free);
    g_clear_pointer(&daemon.service, vn_service_free);
    if (!vn_worker_stop(worker, STOP_TIMEOUT_US)) {
        g_warning("the step under way did not end in time; it is left to itself");
        /* The worker may still use the connection: it ends with the process. */
        (void) !g_steal_pointer(&virt);
    }
    /* Whoever still waits for an answer has one now. */
    for (guint i = 0; i < LAST_EVENTS_MAX && g_main_context_iteration(NULL, FALSE); i++)
        continue;
    g_dbus_connection_flush_sync(connection, NULL, NULL);
    if (daemon.lost_name) {
        g_set_error(error, VN_ERROR, VN_ERROR_FAILED,
                    "D-Bus: the name " BUS_NAME
                    " is not to be had: another vnumad runs, the "
                    "bus has ended, or its policy does not allow it");
        return FALSE;
    }
    return served;
}

int
main(int argc, char **argv)
{
    g_auto(Options) options = {0};
    g_autoptr(GError) error = NULL;
    /* A ledger that may not grow any more is an error to be told, not the end. */
    signal(SIGXFSZ, SIG_IGN);
    if (!parse_options(&argc, &argv, &options, &error)) {
        g_printerr("vnumad: %s; see 'vnumad --help'\n", error->message);
        return 2;
    }
    if (options.version) {
        g_print("vnumad " VN_VERSION "\n");
        return 0;
    }
    if (!serve_guests(&options, &error)) {
        g_printerr("vnumad: %s\n", error->message);
        return 1;
    }
    return 0;
}
