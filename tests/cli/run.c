/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the real vnumactl. */
#include "tests/cli/run.h"

#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *program;

typedef struct {
    Run *run;
    GInputStream *stream;
    GString *text;
    RunWatch watch;
} Reader;

void
run_init(const char *path)
{
    g_assert_nonnull(path);
    program = path;
}

const char *
run_program(void)
{
    return program;
}

Run *
run_new(void)
{
    Run *run = g_new0(Run, 1);
    run->out = g_string_new(NULL);
    run->err = g_string_new(NULL);
    return run;
}

void
run_free(Run *run)
{
    g_clear_object(&run->process);
    g_string_free(run->out, TRUE);
    g_string_free(run->err, TRUE);
    g_free(run);
}

static void read_on(Reader *reader);

static void
on_read(GObject *source, GAsyncResult *result, gpointer data)
{
    Reader *reader = data;
    /* The end of a terminal is an error, EIO. */
    g_autoptr(GBytes) bytes =
        g_input_stream_read_bytes_finish(reader->stream, result, NULL);
    gsize size = 0;
    const char *text = bytes ? g_bytes_get_data(bytes, &size) : NULL;
    if (size == 0) {
        reader->run->open--;
        g_object_unref(reader->stream);
        g_free(reader);
        return;
    }
    g_string_append_len(reader->text, text, (gssize) size);
    if (reader->watch)
        reader->watch(reader->run, reader->run->data);
    read_on(reader);
}

static void
read_on(Reader *reader)
{
    g_input_stream_read_bytes_async(reader->stream, 4096, G_PRIORITY_DEFAULT, NULL,
                                    on_read, reader);
}

static void
start_reading(Run *run, GInputStream *stream, GString *text, RunWatch watch)
{
    Reader *reader = g_new0(Reader, 1);
    reader->run = run;
    reader->stream = g_object_ref(stream);
    reader->text = text;
    reader->watch = watch;
    run->open++;
    read_on(reader);
}

static void
on_ended(GObject *source, GAsyncResult *result, gpointer data)
{
    Run *run = data;
    g_autoptr(GError) error = NULL;
    g_subprocess_wait_finish(run->process, result, &error);
    g_assert_no_error(error);
    run->status = g_subprocess_get_if_exited(run->process)
                      ? g_subprocess_get_exit_status(run->process)
                      : -1;
    run->open--;
}

/* Returns: the master's end; the slave's is the child's standard output. */
static int
open_terminal(GSubprocessLauncher *launcher)
{
    struct winsize size = {.ws_row = 25, .ws_col = 80};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    g_assert_cmpint(master, >=, 0);
    g_assert_cmpint(grantpt(master), ==, 0);
    g_assert_cmpint(unlockpt(master), ==, 0);
    g_assert_cmpint(ptsname_r(master, name, sizeof name), ==, 0);
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(slave, >=, 0);
    g_assert_cmpint(ioctl(slave, TIOCSWINSZ, &size), ==, 0);
    g_subprocess_launcher_take_stdout_fd(launcher, slave);
    return master;
}

void
run_go(Run *run, gboolean terminal, const char *const *arguments)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GInputStream) out = NULL;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDERR_PIPE |
        (terminal ? G_SUBPROCESS_FLAGS_NONE : G_SUBPROCESS_FLAGS_STDOUT_PIPE));
    g_ptr_array_add(argv, (gpointer) program);
    for (; *arguments; arguments++)
        g_ptr_array_add(argv, (gpointer) *arguments);
    g_ptr_array_add(argv, NULL);
    g_subprocess_launcher_setenv(launcher, "TERM", "xterm", TRUE);
    g_subprocess_launcher_setenv(launcher, "NO_COLOR", "1", TRUE);
    g_subprocess_launcher_setenv(launcher, "TZ", "UTC", TRUE);
    g_subprocess_launcher_setenv(launcher, "LC_ALL", "C.UTF-8", TRUE);
    g_subprocess_launcher_setenv(launcher, "DBUS_SYSTEM_BUS_ADDRESS",
                                 "unix:path=/nonexistent/system", TRUE);
    if (terminal)
        out = g_unix_input_stream_new(open_terminal(launcher), TRUE);
    run->process =
        g_subprocess_launcher_spawnv(launcher, (const char *const *) argv->pdata, &error);
    g_assert_no_error(error);
    /* Ours of the terminal's slave end: the master sees the end when all are closed. */
    g_subprocess_launcher_close(launcher);

    run->open = 1;
    g_subprocess_wait_async(run->process, NULL, on_ended, run);
    start_reading(run, out ? out : g_subprocess_get_stdout_pipe(run->process), run->out,
                  run->on_out);
    start_reading(run, g_subprocess_get_stderr_pipe(run->process), run->err, run->on_err);
    while (run->open)
        g_main_context_iteration(NULL, TRUE);
}

Run *
run_simply(const char *line)
{
    Run *run = run_new();
    g_auto(GStrv) arguments = g_strsplit(line, " ", -1);
    run_go(run, FALSE, (const char *const *) arguments);
    return run;
}

void
run_assert_printed(const Run *run, const char *out)
{
    g_assert_cmpstr(run->err->str, ==, "");
    g_assert_cmpstr(run->out->str, ==, out);
    g_assert_cmpint(run->status, ==, 0);
}

void
run_assert_error(const Run *run, int status, const char *err)
{
    g_autofree char *line = g_strconcat(err, "\n", NULL);
    g_assert_cmpstr(run->err->str, ==, line);
    g_assert_cmpstr(run->out->str, ==, "");
    g_assert_cmpint(run->status, ==, status);
}

VnJson *
run_json(const Run *run)
{
    g_autoptr(GError) error = NULL;
    VnJson *json = vn_json_parse(run->out->str, run->out->len, VN_JSON_BYTES_MAX, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(run->err->str, ==, "");
    g_assert_cmpint(run->status, ==, 0);
    return json;
}

void
run_assert_printed_file(const Run *run, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = NULL;
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "cli", "expected", name, NULL);
    g_file_get_contents(path, &expected, NULL, &error);
    g_assert_no_error(error);
    run_assert_printed(run, expected);
}
