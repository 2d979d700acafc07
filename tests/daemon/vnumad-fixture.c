/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus, a host, guests, and vnumad in the midst of them. */
#include "tests/daemon/vnumad-fixture.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

/* vnumad itself. */
static const char *program;

void
fixture_init(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    program = argv[1];
}

/*
 * A guest with two cells of one vCPU, bound to a node each, its emulator pinned. @pins:
 * elements of <cputune> besides.
 */
static char *
guest_xml(const char *name, const char *uuid, const char *metadata, const char *pins)
{
    return g_strdup_printf(
        "<domain type='test'><name>%s</name><uuid>%s</uuid>"
        "<metadata>%s</metadata><memory>1048576</memory><vcpu>2</vcpu>"
        "<cputune>%s<emulatorpin cpuset='0-3'/></cputune>"
        "<numatune><memory mode='strict' nodeset='0-1'/>"
        "<memnode cellid='0' mode='strict' nodeset='0'/>"
        "<memnode cellid='1' mode='strict' nodeset='1'/></numatune>"
        "<os><type>hvm</type></os><cpu><numa><cell id='0' cpus='0' memory='524288'/>"
        "<cell id='1' cpus='1' memory='524288'/></numa></cpu></domain>",
        name, uuid, metadata, pins);
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
void
fixture_wait_until(const char *what, const gboolean *done)
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

GSubprocess *
fixture_spawn(const Fixture *fixture, const char *uri, const char *state)
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

char *
fixture_state_folder(const Fixture *fixture)
{
    return g_build_filename(fixture->tree, "state", NULL);
}

void
fixture_start_daemon(Fixture *fixture, const char *uri)
{
    g_autoptr(GError) error = NULL;
    gboolean there = FALSE;
    g_autofree char *state = fixture_state_folder(fixture);
    fixture->daemon = fixture_spawn(fixture, uri, state);
    guint watch = g_bus_watch_name_on_connection(fixture->connection, "org.vnumad1",
                                                 G_BUS_NAME_WATCHER_FLAGS_NONE, on_name,
                                                 NULL, &there, NULL);
    fixture_wait_until("vnumad's name on the bus", &there);
    g_bus_unwatch_name(watch);
    fixture->manager =
        vn_dbus_manager_proxy_new_sync(fixture->connection, G_DBUS_PROXY_FLAGS_NONE,
                                       "org.vnumad1", "/org/vnumad1", NULL, &error);
    g_assert_no_error(error);
}

static void
write_guests(Fixture *fixture, const char *pins)
{
    g_autofree char *tagged = guest_xml(
        "db1", DB1, "<v:guest xmlns:v='urn:vnumad:guest:1' policy='align'/>", pins);
    g_autofree char *other = guest_xml("db2", DB2, "", "");
    vn_tree_write(
        fixture->tree, "guests.xml",
        "<node><cpu><mhz>1000</mhz><model>x</model><active>4</active>"
        "<nodes>2</nodes><sockets>1</sockets><cores>2</cores><threads>1</threads>"
        "</cpu><memory>8000000</memory>%s%s</node>",
        tagged, other);
}

void
fixture_pin(Fixture *fixture, guint vcpu, const char *cpus)
{
    g_autofree char *pins =
        g_strdup_printf("<vcpupin vcpu='%u' cpuset='%s'/>", vcpu, cpus);
    write_guests(fixture, pins);
}

void
fixture_start_again(Fixture *fixture)
{
    g_autofree char *guests = g_strdup_printf("test://%s/guests.xml", fixture->tree);
    g_clear_object(&fixture->manager);
    g_clear_object(&fixture->daemon);
    fixture_start_daemon(fixture, guests);
}

void
fixture_set_up(Fixture *fixture, gconstpointer data)
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
    write_guests(fixture, "");
    g_autofree char *guests = g_strdup_printf("test://%s/guests.xml", fixture->tree);
    fixture_start_daemon(fixture, wish->uri ? wish->uri : guests);
}

/* Asks it to stop: it must end well. */
void
fixture_stop_daemon(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_subprocess_send_signal(fixture->daemon, SIGTERM);
    g_assert_true(g_subprocess_wait_check(fixture->daemon, NULL, &error));
    g_assert_no_error(error);
}

void
fixture_tear_down(Fixture *fixture, gconstpointer unused)
{
    fixture_stop_daemon(fixture);
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
