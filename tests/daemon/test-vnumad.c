/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real vnumad on a bus of the test's own, with libvirt's test driver for guests and a
 * recorded two-node host, in which a child of the test stands for QEMU. Pins are real for
 * the driver; memory is the lab's business.
 */
#include "data/vn-dbus.h"
#include "tests/host/tree.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define DB1 "11111111-2222-3333-4444-000000000001"
#define DB2 "11111111-2222-3333-4444-000000000002"
#define DEADLINE_SECONDS 60

static const char *program;

/* How a test wants its vnumad. */
typedef struct {
    const char *uri;    /* NULL: the test driver with two guests */
    const char *config; /* NULL: an empty one */
} Wish;

typedef struct {
    GTestDBus *bus;
    GDBusConnection *connection;
    VnTree *tree;
    GSubprocess *qemu;
    GSubprocess *daemon;
    VnDBusManager *manager;
} Fixture;

/* A guest with two cells of one vCPU, bound to a node each, its emulator pinned. */
static char *
guest_xml(const char *name, const char *uuid, const char *metadata)
{
    return g_strdup_printf(
        "<domain type='test'><name>%s</name><uuid>%s</uuid>"
        "<metadata>%s</metadata><memory>1048576</memory><vcpu>2</vcpu>"
        "<cputune><emulatorpin cpuset='0-3'/></cputune>"
        "<numatune><memory mode='strict' nodeset='0-1'/>"
        "<memnode cellid='0' mode='strict' nodeset='0'/>"
        "<memnode cellid='1' mode='strict' nodeset='1'/></numatune>"
        "<os><type>hvm</type></os><cpu><numa><cell id='0' cpus='0' memory='524288'/>"
        "<cell id='1' cpus='1' memory='524288'/></numa></cpu></domain>",
        name, uuid, metadata);
}

/* What /proc and /run have of a guest's QEMU, with no guest memory in it. */
static void
write_process(Fixture *fixture, const char *name, const char *uuid)
{
    int pid = atoi(g_subprocess_get_identifier(fixture->qemu));
    g_autofree char *folder = g_strdup_printf("proc/%d", pid);
    g_autofree char *cmdline = g_strdup_printf("%s/cmdline", folder);
    g_autofree char *arguments = g_strdup_printf(
        "/usr/bin/qemu-system-x86_64|-name|guest=%s|-uuid|%s|", name, uuid);
    gsize length = strlen(arguments);
    g_strdelimit(arguments, "|", '\0');
    vn_tree_write_bytes(fixture->tree, cmdline, arguments, length);

    static const char *const files[][2] = {
        {"numa_maps", "7f0000000000 default anon=1 dirty=1 N0=1 kernelpagesize_kB=4\n"},
        {"maps", "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"},
        {"status", "Name:\tqemu-system-x86\nCpus_allowed_list:\t0-3\n"
                   "Mems_allowed_list:\t0-1\n"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", folder, files[i][0]);
        vn_tree_write(fixture->tree, path, "%s", files[i][1]);
    }
    g_autofree char *stat = g_strdup_printf("%s/stat", folder);
    vn_tree_write(
        fixture->tree, stat,
        "%d (qemu-system-x86) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 12345 0 0\n", pid);
    for (guint vcpu = 0; vcpu < 2; vcpu++) {
        g_autofree char *task = g_strdup_printf("%s/task/%u", folder, 900000 + vcpu);
        g_autofree char *comm = g_strdup_printf("%s/comm", task);
        g_autofree char *status = g_strdup_printf("%s/status", task);
        vn_tree_write(fixture->tree, comm, "CPU %u/KVM\n", vcpu);
        vn_tree_write(fixture->tree, status, "Cpus_allowed_list:\t0-3\n");
    }
    g_autofree char *pid_file = g_strdup_printf("run/libvirt/qemu/%s.pid", name);
    vn_tree_write(fixture->tree, pid_file, "%d", pid);
}

static gboolean
time_is_over(gpointer data)
{
    g_error("%s did not come to pass within %d seconds", (const char *) data,
            DEADLINE_SECONDS);
    return G_SOURCE_REMOVE;
}

/* Runs the main loop until @done, or fails the test at the deadline. */
static void
wait_until(const char *what, const gboolean *done)
{
    guint timer = g_timeout_add_seconds(DEADLINE_SECONDS, time_is_over, (gpointer) what);
    while (!*done)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
}

static void
on_name(GDBusConnection *connection, const char *name, const char *owner, gpointer data)
{
    *(gboolean *) data = TRUE;
}

/* A test that fails must not leave a daemon behind. */
static void
die_with_the_test(gpointer unused)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GSubprocess *
spawn(const Fixture *fixture, const char *uri, const char *state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *config = g_build_filename(fixture->tree, "vnumad.conf", NULL);
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_subprocess_launcher_set_child_setup(launcher, die_with_the_test, NULL, NULL);
    g_subprocess_launcher_setenv(launcher, "STATE_DIRECTORY", state, TRUE);
    GSubprocess *process = g_subprocess_launcher_spawn(
        launcher, &error, program, "--root", fixture->tree, "--connect", uri, "--bus",
        g_test_dbus_get_bus_address(fixture->bus), "--config", config, NULL);
    g_assert_no_error(error);
    return process;
}

static char *
state_folder(const Fixture *fixture)
{
    return g_build_filename(fixture->tree, "state", NULL);
}

static void
start_daemon(Fixture *fixture, const char *uri)
{
    g_autoptr(GError) error = NULL;
    gboolean there = FALSE;
    g_autofree char *state = state_folder(fixture);
    fixture->daemon = spawn(fixture, uri, state);
    guint watch = g_bus_watch_name_on_connection(fixture->connection, "org.vnumad1",
                                                 G_BUS_NAME_WATCHER_FLAGS_NONE, on_name,
                                                 NULL, &there, NULL);
    wait_until("vnumad's name on the bus", &there);
    g_bus_unwatch_name(watch);
    fixture->manager =
        vn_dbus_manager_proxy_new_sync(fixture->connection, G_DBUS_PROXY_FLAGS_NONE,
                                       "org.vnumad1", "/org/vnumad1", NULL, &error);
    g_assert_no_error(error);
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    const Wish *wish = data;
    g_autoptr(GError) error = NULL;
    fixture->bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(fixture->bus);
    fixture->connection = g_dbus_connection_new_for_address_sync(
        g_test_dbus_get_bus_address(fixture->bus),
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
            G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
        NULL, NULL, &error);
    g_assert_no_error(error);
    fixture->qemu = g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE, &error, "cat", NULL);
    g_assert_no_error(error);

    fixture->tree = vn_tree_load("lab-two-nodes");
    vn_tree_write(fixture->tree, "vnumad.conf", "[vnumad]\n%s",
                  wish->config ? wish->config : "");
    write_process(fixture, "db1", DB1);
    g_autofree char *tagged =
        guest_xml("db1", DB1, "<v:guest xmlns:v='urn:vnumad:guest:1' policy='align'/>");
    g_autofree char *other = guest_xml("db2", DB2, "");
    vn_tree_write(
        fixture->tree, "guests.xml",
        "<node><cpu><mhz>1000</mhz><model>x</model><active>4</active>"
        "<nodes>2</nodes><sockets>1</sockets><cores>2</cores><threads>1</threads>"
        "</cpu><memory>8000000</memory>%s%s</node>",
        tagged, other);
    g_autofree char *guests = g_strdup_printf("test://%s/guests.xml", fixture->tree);
    start_daemon(fixture, wish->uri ? wish->uri : guests);
}

/* Asks it to stop: it must end well. */
static void
stop_daemon(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_subprocess_send_signal(fixture->daemon, SIGTERM);
    g_assert_true(g_subprocess_wait_check(fixture->daemon, NULL, &error));
    g_assert_no_error(error);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    stop_daemon(fixture);
    g_clear_object(&fixture->manager);
    g_clear_object(&fixture->daemon);
    g_subprocess_force_exit(fixture->qemu);
    g_subprocess_wait(fixture->qemu, NULL, NULL);
    g_clear_object(&fixture->qemu);
    g_clear_object(&fixture->connection);
    g_test_dbus_down(fixture->bus);
    g_object_unref(fixture->bus);
    vn_tree_free(fixture->tree);
}

static GVariant *
plan(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {NULL};
    GVariant *plan = NULL;
    g_assert_true(
        vn_dbus_manager_call_plan_sync(fixture->manager, guests, &plan, NULL, &error));
    g_assert_no_error(error);
    return plan;
}

static gsize
count_steps(GVariant *plan)
{
    g_autoptr(GVariant) steps =
        g_variant_lookup_value(plan, "steps", G_VARIANT_TYPE("aa{sv}"));
    g_assert_nonnull(steps);
    return g_variant_n_children(steps);
}

static void
test_list(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) snapshot = NULL;
    g_assert_true(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_assert_no_error(error);
    g_autoptr(GVariant) guests =
        g_variant_lookup_value(snapshot, "guests", G_VARIANT_TYPE("aa{sv}"));
    g_assert_cmpuint(g_variant_n_children(guests), ==, 2);
    for (gsize i = 0; i < 2; i++) {
        const char *name = NULL;
        gboolean managed = FALSE;
        g_autoptr(GVariant) guest = g_variant_get_child_value(guests, i);
        g_assert_true(g_variant_lookup(guest, "name", "&s", &name));
        g_assert_true(g_variant_lookup(guest, "managed", "b", &managed));
        g_assert_cmpstr(name, ==, i ? "db2" : "db1");
        g_assert_cmpint(managed, ==, i == 0);
    }
    g_assert_cmpstr(vn_dbus_manager_get_manage(fixture->manager), ==, "tagged");
    g_assert_cmpstr(vn_dbus_manager_get_version(fixture->manager), ==, VN_VERSION);
}

static GVariant *
verify(const Fixture *fixture, const char *guest)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {guest, NULL};
    GVariant *verdicts = NULL;
    g_assert_true(vn_dbus_manager_call_verify_sync(fixture->manager, guests, &verdicts,
                                                   NULL, &error));
    g_assert_no_error(error);
    return verdicts;
}

/* @list: aa{sv}. Each has one finding at most. */
static void
assert_verdict(GVariant *list, gsize index, const char *name, const char *told,
               const char *kind)
{
    g_autoptr(GVariant) guest = g_variant_get_child_value(list, index);
    g_autoptr(GVariant) findings =
        g_variant_lookup_value(guest, "findings", G_VARIANT_TYPE("aa{sv}"));
    g_autofree char *shown = g_variant_print(guest, FALSE);
    const char *text = NULL;
    g_test_message("%s", shown);
    g_assert_true(g_variant_lookup(guest, "name", "&s", &text));
    g_assert_cmpstr(text, ==, name);
    g_assert_true(g_variant_lookup(guest, "told_state", "&s", &text));
    g_assert_cmpstr(text, ==, told);
    g_assert_cmpuint(g_variant_n_children(findings), ==, kind ? 1 : 0);
    if (!kind)
        return;
    g_autoptr(GVariant) finding = g_variant_get_child_value(findings, 0);
    g_assert_true(g_variant_lookup(finding, "kind", "&s", &text));
    g_assert_cmpstr(text, ==, kind);
}

static void
test_verify(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GVariant) all = verify(fixture, NULL);
    g_assert_cmpuint(g_variant_n_children(all), ==, 2);
    assert_verdict(all, 0, "db1", "unknown", NULL); /* it has no memory to be found */
    assert_verdict(all, 1, "db2", "unknown", NULL); /* nor a process */

    /* vCPU 0 runs at the home of cell 1. */
    g_autofree char *status = g_strdup_printf("proc/%s/task/900000/status",
                                              g_subprocess_get_identifier(fixture->qemu));
    vn_tree_write(fixture->tree, status, "Cpus_allowed_list:\t2-3\n");
    g_autoptr(GVariant) one = verify(fixture, DB1);
    g_assert_cmpuint(g_variant_n_children(one), ==, 1);
    assert_verdict(one, 0, "db1", "differs", "vcpu-at-other-cell");

    /* In list, and in show. */
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) snapshot = NULL;
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_autoptr(GVariant) guests = g_variant_lookup_value(snapshot, "guests", NULL);
    g_autoptr(GVariant) listed = g_variant_get_child_value(guests, 0);
    const char *told = NULL;
    g_assert_true(g_variant_lookup(listed, "told_state", "&s", &told));
    g_assert_cmpstr(told, ==, "differs");
    g_assert_true(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db1", &guest,
                                                      NULL, &error));
    g_autoptr(GVariant) shown = g_variant_new_array(NULL, &guest, 1);
    assert_verdict(shown, 0, "db1", "differs", "vcpu-at-other-cell");
    vn_tree_write(fixture->tree, status, "Cpus_allowed_list:\t0-3\n");

    /* The stored definitions pin their emulators to CPU 3, too. */
    vn_tree_write(fixture->tree, "sys/devices/system/cpu/online", "0-2\n");
    g_autoptr(GVariant) start = verify(fixture, "db2");
    assert_verdict(start, 0, "db2", "unknown", "start-cpu-missing");

    const char *const nobody[] = {"db1", "db3", NULL};
    g_autoptr(GVariant) none = NULL;
    g_assert_false(
        vn_dbus_manager_call_verify_sync(fixture->manager, nobody, &none, NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, "org.vnumad1.Error.Gone");
}

typedef struct {
    gboolean over;
    gboolean done;
    GVariant *result;
} End;

static void
on_finished(VnDBusJob *job, gboolean done, GVariant *result, gpointer data)
{
    *(End *) data = (End){.over = TRUE, .done = done, .result = g_variant_ref(result)};
}

static void
test_rebalance(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) before = plan(fixture);
    g_autofree char *shown = g_variant_print(before, FALSE);
    g_test_message("%s", shown);
    g_assert_cmpuint(count_steps(before), ==, 2);

    const char *const guests[] = {"db1", NULL};
    g_autofree char *path = NULL;
    g_assert_true(vn_dbus_manager_call_rebalance_sync(
        fixture->manager, guests, g_variant_new("a{sv}", NULL), &path, NULL, &error));
    g_assert_no_error(error);
    g_autoptr(VnDBusJob) job = vn_dbus_job_proxy_new_sync(
        fixture->connection, G_DBUS_PROXY_FLAGS_NONE, "org.vnumad1", path, NULL, &error);
    g_assert_no_error(error);
    End end = {0};
    g_signal_connect(job, "finished", G_CALLBACK(on_finished), &end);
    /* It may have ended before anybody listened: then its state says so. */
    if (strcmp(vn_dbus_job_get_state(job), "done") == 0)
        end = (End){TRUE, TRUE, vn_dbus_job_dup_result(job)};
    wait_until("the job's end", &end.over);
    const char *summary = NULL;
    g_assert_true(g_variant_lookup(end.result, "summary", "&s", &summary));
    g_assert_cmpstr(summary, ==, "2 of 2 steps done and checked, 0 B moved");
    g_assert_true(end.done);
    g_variant_unref(end.result);

    /* A second cycle plans nothing, and the ledger knows of the first. */
    g_autoptr(GVariant) after = plan(fixture);
    g_assert_cmpuint(count_steps(after), ==, 0);
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(
        vn_dbus_manager_call_get_guest_sync(fixture->manager, DB1, &guest, NULL, &error));
    g_autoptr(GVariant) past = g_variant_lookup_value(guest, "past_steps", NULL);
    g_assert_cmpuint(g_variant_n_children(past), ==, 4);
}

static void
test_definition(Fixture *fixture, gconstpointer unused)
{
    static const char *const names[] = {"db1", DB1};
    g_autoptr(GError) error = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *xml = NULL;
        g_assert_true(vn_dbus_manager_call_get_definition_sync(fixture->manager, names[i],
                                                               &xml, NULL, &error));
        g_assert_no_error(error);
        g_assert_nonnull(strstr(xml, "<name>db1</name>"));
        g_assert_nonnull(strstr(xml, "<cell id='1' cpus='1' memory='524288'"));
    }
    g_autofree char *none = NULL;
    g_assert_false(vn_dbus_manager_call_get_definition_sync(fixture->manager, "db9",
                                                            &none, NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, "org.vnumad1.Error.Gone");
}

static void
assert_rebalance_refused(const Fixture *fixture, const char *guest, GVariant *options,
                         const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {guest, NULL};
    g_autofree char *path = NULL;
    g_assert_false(vn_dbus_manager_call_rebalance_sync(fixture->manager, guests, options,
                                                       &path, NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, name);
    g_assert_nonnull(strstr(error->message, text));
}

static void
test_refusals(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    assert_rebalance_refused(fixture, "db2", g_variant_new("a{sv}", NULL),
                             "org.vnumad1.Error.Refused", "guest db2: it is not managed");
    assert_rebalance_refused(fixture, "db3", g_variant_new("a{sv}", NULL),
                             "org.vnumad1.Error.Gone", "guest db3");
    g_auto(GVariantDict) options;
    g_variant_dict_init(&options, NULL);
    g_variant_dict_insert(&options, "fast", "b", TRUE);
    assert_rebalance_refused(fixture, "db1", g_variant_dict_end(&options),
                             "org.vnumad1.Error.Invalid", "fast");
    g_autoptr(GVariant) guest = NULL;
    g_assert_false(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db3", &guest,
                                                       NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, "org.vnumad1.Error.Gone");
}

/* A guest whose QEMU is gone is in trouble, and only that. */
static void
test_process_is_gone(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *folder =
        g_strdup_printf("proc/%s", g_subprocess_get_identifier(fixture->qemu));
    vn_tree_remove(fixture->tree, folder);
    g_autoptr(GVariant) nothing = plan(fixture);
    g_assert_cmpuint(count_steps(nothing), ==, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db1", &guest,
                                                      NULL, &error));
    const char *trouble = NULL;
    g_assert_true(g_variant_lookup(guest, "trouble", "&s", &trouble));
    g_assert_nonnull(strstr(trouble, "db1"));
}

/*
 * The host cannot be read any more: an error that names the file, and the daemon
 * lives.
 */
static void
test_host_is_damaged(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) snapshot = NULL;
    vn_tree_write(fixture->tree, "sys/devices/system/node/node1/distance", "nonsense\n");
    g_assert_false(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_assert_nonnull(strstr(error->message, "node1/distance"));
    vn_tree_write(fixture->tree, "sys/devices/system/node/node1/distance", "21 10\n");
    g_clear_error(&error);
    g_assert_true(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_assert_no_error(error);
}

static void
test_no_libvirt(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) snapshot = NULL;
    g_assert_false(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, "org.vnumad1.Error.Busy");
    g_assert_nonnull(strstr(error->message, "libvirt"));
}

/* The daemon rebalances by itself, and only those that may be touched. */
static void
test_interval(Fixture *fixture, gconstpointer unused)
{
    gint64 deadline = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    gsize n_steps = 1;
    while (n_steps && g_get_monotonic_time() < deadline) {
        g_autoptr(GVariant) now = plan(fixture);
        n_steps = count_steps(now);
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpuint(n_steps, ==, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db2", &guest,
                                                      NULL, &error));
    g_autoptr(GVariant) past = g_variant_lookup_value(guest, "past_steps", NULL);
    g_assert_cmpuint(g_variant_n_children(past), ==, 0);
}

static char *
wait_for_failure(GSubprocess *process)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    g_assert_true(
        g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &text, &error));
    g_assert_no_error(error);
    g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 1);
    return text;
}

static void
test_cannot_start(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *state = state_folder(fixture);
    g_autoptr(GSubprocess) second = spawn(fixture, "test:///default", state);
    g_autofree char *name_taken = wait_for_failure(second);
    g_assert_nonnull(strstr(name_taken, "another vnumad runs"));

    g_autoptr(GSubprocess) stateless =
        spawn(fixture, "test:///default", "/proc/vnumad-state");
    g_autofree char *no_state = wait_for_failure(stateless);
    g_assert_nonnull(strstr(no_state, "/proc/vnumad-state"));

    vn_tree_write(fixture->tree, "vnumad.conf", "[vnumad]\nmanage = everything\n");
    g_autoptr(GSubprocess) confused = spawn(fixture, "test:///default", state);
    g_autofree char *bad_config = wait_for_failure(confused);
    g_assert_nonnull(
        strstr(bad_config, "manage = everything: it must be 'tagged' or 'all'"));
}

static const Wish usual;
static const Wish impatient = {.config = "interval_seconds = 1\n"};
static const Wish lonely = {.uri =
                                "qemu+unix:///system?socket=/nonexistent/libvirt-sock"};

#define ADD(path, wish, func) g_test_add(path, Fixture, wish, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    program = argv[1];
    ADD("/vnumad/list", &usual, test_list);
    ADD("/vnumad/verify", &usual, test_verify);
    ADD("/vnumad/definition", &usual, test_definition);
    ADD("/vnumad/rebalance", &usual, test_rebalance);
    ADD("/vnumad/refusals", &usual, test_refusals);
    ADD("/vnumad/process-is-gone", &usual, test_process_is_gone);
    ADD("/vnumad/host-is-damaged", &usual, test_host_is_damaged);
    ADD("/vnumad/no-libvirt", &lonely, test_no_libvirt);
    ADD("/vnumad/cannot-start", &usual, test_cannot_start);
    ADD("/vnumad/interval", &impatient, test_interval);
    return g_test_run();
}
