/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnConnection against a libvirtd of its own, which serves libvirt's test driver below a
 * temporary folder and is stopped, killed and started again; and against none at all.
 */
#include "virt/domains.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* No test ends because this is over, but those that fail. */
#define DEADLINE_SECONDS 60

/* A call that takes less has kept its deadline: that of one without is longer. */
#define SOON_US (20 * G_USEC_PER_SEC)

typedef struct {
    char *folder;
    char *socket;
    char *uri;
    GPid pid;
} Daemon;

/* Fails the test when @deadline_us is over, else sleeps a moment before the next look. */
static void
wait_a_moment(gint64 deadline_us)
{
    g_assert_cmpint(g_get_monotonic_time(), <, deadline_us);
    g_usleep(10000);
}

static gint64
deadline_new(void)
{
    return g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
}

/* Also when it is stopped: a test that fails must not leave it behind. */
static void
as_nobody(gpointer data)
{
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() == 0 && nobody &&
        (setgid(nobody->pw_gid) != 0 || setuid(nobody->pw_uid) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* becoming somebody else has cleared it */
}

/* The socket's file is there before anybody listens. */
static gboolean
is_listening(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean listening =
        connect(fd, (const struct sockaddr *) &address, sizeof(address)) == 0;
    close(fd);
    return listening;
}

static void
daemon_start(Daemon *daemon)
{
    g_auto(GStrv) environment = g_get_environ();
    static const char *const names[] = {"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
                                        "XDG_CACHE_HOME", "XDG_DATA_HOME"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        environment = g_environ_setenv(environment, names[i], daemon->folder, TRUE);
    static const char *const argv[] = {"libvirtd", "--timeout", "60", NULL};
    g_autoptr(GError) error = NULL;
    gboolean started =
        g_spawn_async("/", (char **) argv, environment,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                          G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                      as_nobody, NULL, &daemon->pid, &error);
    g_assert_no_error(error);
    g_assert_true(started);
    for (gint64 deadline_us = deadline_new(); !is_listening(daemon->socket);)
        wait_a_moment(deadline_us);
}

static void
daemon_stop(Daemon *daemon)
{
    kill(daemon->pid, SIGKILL);
    waitpid(daemon->pid, NULL, 0);
    g_unlink(daemon->socket);
}

static gboolean
daemon_new(Daemon *daemon)
{
    g_autofree char *program = g_find_program_in_path("libvirtd");
    if (!program) {
        g_test_skip("there is no libvirtd");
        return FALSE;
    }
    daemon->folder = g_dir_make_tmp("vnumad-test-XXXXXX", NULL);
    g_assert_nonnull(daemon->folder);
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() == 0 && nobody)
        g_assert_cmpint(chown(daemon->folder, nobody->pw_uid, nobody->pw_gid), ==, 0);
    daemon->socket = g_build_filename(daemon->folder, "libvirt", "libvirt-sock", NULL);
    daemon->uri = g_strdup_printf("test+unix:///default?socket=%s", daemon->socket);
    daemon_start(daemon);
    return TRUE;
}

static void
daemon_free(Daemon *daemon)
{
    daemon_stop(daemon);
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", daemon->folder);
    g_assert_cmpint(system(command), ==, 0);
    g_free(daemon->folder);
    g_free(daemon->socket);
    g_free(daemon->uri);
}

static void
run_until(const gboolean *done)
{
    for (gint64 deadline_us = deadline_new(); !*done;) {
        if (!g_main_context_iteration(NULL, FALSE))
            wait_a_moment(deadline_us);
    }
}

static void
on_event(const VnVirtEvent *event, gpointer data)
{
    if (event->kind == VN_VIRT_EVENT_LOST) {
        g_assert_null(event->name);
        *(gboolean *) data = TRUE;
    }
}

static void
assert_list(VnConnection *connection)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) domains = vn_virt_list(connection, 10000, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(domains->len, ==, 1);
    const VnVirtDomain *domain = domains->pdata[0];
    g_assert_cmpstr(domain->name, ==, "test");
    g_assert_nonnull(domain->xml);
    g_assert_null(domain->busy);
}

static void
test_restart(void)
{
    Daemon daemon;
    if (!daemon_new(&daemon))
        return;
    gboolean lost = FALSE;
    g_autoptr(VnConnection) connection = vn_connection_new(daemon.uri, on_event, &lost);
    assert_list(connection);

    /* Gone and back between two calls: nobody notices, except by the event. */
    daemon_stop(&daemon);
    daemon_start(&daemon);
    assert_list(connection);
    run_until(&lost);

    /* Gone: BUSY, at once, and what to look at. */
    daemon_stop(&daemon);
    for (int i = 0; i < 3; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) domains = vn_virt_list(connection, 10000, &error);
        g_assert_null(domains);
        g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
        g_assert_nonnull(strstr(error->message, "libvirt cannot be reached at test+"));
        g_assert_nonnull(strstr(error->message, "is libvirtd running?"));
    }

    /* Back: found again when the back-off is over. */
    daemon_start(&daemon);
    for (gint64 deadline_us = deadline_new();
         !vn_connection_open(connection, 10000, NULL);)
        wait_a_moment(deadline_us);
    assert_list(connection);
    daemon_free(&daemon);
}

/*
 * Connecting anew is not answered either; a call for a guest says so. Until the back-off
 * of 250 ms is over it says what the first one said, then that this one is still stuck.
 */
static void
assert_open_hangs(VnConnection *connection)
{
    const guint timeout_ms = 300;
    g_autoptr(VnIdSet) cpus = vn_idset_new_with(0);
    gint64 begin = g_get_monotonic_time();
    gint64 deadline_us = deadline_new();
    for (gboolean first = TRUE, stuck = FALSE; !stuck; first = FALSE) {
        g_autoptr(GError) error = NULL;
        g_assert_false(vn_virt_pin_vcpu(connection,
                                        "6695eb01-f6a4-8304-79aa-97f2502e193f", 0, cpus,
                                        timeout_ms, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
        g_assert_nonnull(strstr(error->message, "guest test: pin vCPU 0: libvirt"));
        stuck = !first && strstr(error->message, "has not been answered yet");
        g_assert_true(stuck || strstr(error->message, "no answer within"));
        wait_a_moment(deadline_us);
    }
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, (timeout_ms + 250 - 1) * 1000);
}

/*
 * libvirtd stops answering midway: the call ends at its deadline, and so do later
 * ones.
 */
static void
test_hung(void)
{
    Daemon daemon;
    if (!daemon_new(&daemon))
        return;
    VnConnection *connection = vn_connection_new(daemon.uri, NULL, NULL);
    assert_list(connection);

    kill(daemon.pid, SIGSTOP);
    static const char *const says[] = {"did not answer within", "has not returned yet"};
    for (gsize i = 0; i < G_N_ELEMENTS(says); i++) {
        g_autoptr(GError) error = NULL;
        gint64 begin = g_get_monotonic_time();
        g_autoptr(GPtrArray) domains = vn_virt_list(connection, 300, &error);
        g_assert_null(domains);
        g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
        g_assert_nonnull(strstr(error->message, says[i]));
        g_assert_cmpint(g_get_monotonic_time() - begin, <, SOON_US);
    }
    assert_open_hangs(connection);

    /* It goes on: what was stuck returns, and the connection works again. */
    kill(daemon.pid, SIGCONT);
    gboolean works = FALSE;
    for (gint64 deadline_us = deadline_new(); !works; wait_a_moment(deadline_us)) {
        g_autoptr(GPtrArray) domains = vn_virt_list(connection, 5000, NULL);
        works = domains != NULL;
    }

    /* Shutting down does not wait for one that hangs. */
    kill(daemon.pid, SIGSTOP);
    gint64 begin = g_get_monotonic_time();
    vn_connection_free(connection);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, SOON_US);
    daemon_free(&daemon);
}

static void
test_no_libvirtd(void)
{
    g_autoptr(VnConnection) connection =
        vn_connection_new("qemu+unix:///system?socket=/nonexistent/sock", NULL, NULL);
    for (int i = 0; i < 3; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(vn_connection_open(connection, 0, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
        g_assert_cmpstr(error->message, ==,
                        "libvirt cannot be reached at "
                        "qemu+unix:///system?socket=/nonexistent/sock: Failed to connect "
                        "socket to '/nonexistent/sock': No such file or directory; is "
                        "libvirtd running?");
    }
}

static void
test_bad_uri(void)
{
    g_autoptr(VnConnection) connection =
        vn_connection_new("nonsense:///system", NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) domains = vn_virt_list(connection, 0, &error);
    g_assert_null(domains);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "nonsense"));
}

/* Whether this process has a thread of that name. */
static gboolean
has_thread(const char *name)
{
    g_autoptr(GDir) tasks = g_dir_open("/proc/self/task", 0, NULL);
    const char *task;
    while ((task = g_dir_read_name(tasks))) {
        g_autofree char *path = g_build_filename("/proc/self/task", task, "comm", NULL);
        g_autofree char *comm = NULL;
        if (g_file_get_contents(path, &comm, NULL, NULL) &&
            strcmp(g_strchomp(comm), name) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Something listens and says nothing: connecting has a deadline too. */
static void
test_silent_peer(void)
{
    g_autofree char *folder = g_dir_make_tmp("vnumad-test-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "sock", NULL);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_cmpint(bind(listener, (struct sockaddr *) &address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(listener, 4), ==, 0);

    g_autofree char *uri = g_strdup_printf("qemu+unix:///system?socket=%s", path);
    VnConnection *connection = vn_connection_new(uri, NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_false(vn_connection_open(connection, 200, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "no answer within 0."));
    gint64 begin = g_get_monotonic_time();
    vn_connection_free(connection);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, SOON_US);

    close(listener); /* the stuck call ends with it, and frees itself */
    for (gint64 deadline_us = deadline_new(); has_thread("vn-libvirt");)
        wait_a_moment(deadline_us);
    g_unlink(path);
    g_rmdir(folder);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/connection/no-libvirtd", test_no_libvirtd);
    g_test_add_func("/connection/bad-uri", test_bad_uri);
    g_test_add_func("/connection/silent-peer", test_silent_peer);
    g_test_add_func("/connection/restart", test_restart);
    g_test_add_func("/connection/hung", test_hung);
    return g_test_run();
}
