/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl against a daemon of the test's own: texts, JSON, progress, errors, Ctrl-C. */
#include "tests/cli/fake-daemon.h"
#include "tests/cli/run.h"

#include <signal.h>
#include <string.h>

#define NAME "db1\\u{1b}[2J"

static const char *bus;

/* Runs vnumactl with the words of @line, on the test's bus. */
static void
go(Run *run, gboolean terminal, const char *line)
{
    g_autofree char *whole = g_strdup_printf("--bus %s %s", bus, line);
    g_auto(GStrv) arguments = g_strsplit(whole, " ", -1);
    run_go(run, terminal, (const char *const *) arguments);
}

static void
advance(Run *run, gpointer data)
{
    fake_daemon_advance(data);
}

static void
test_list(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "list");
    run_assert_printed_file(run, "list.txt");
    g_assert_cmpstr(daemon->asked, ==, "ListGuests");
}

static void
test_list_empty(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->empty = TRUE;
    go(run, FALSE, "list");
    run_assert_printed(run, "There are no guests on this host.\n");
}

/* The keys that the contract promises. */
static void
test_list_json(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    g_autoptr(GError) error = NULL;
    double alignment = 0;
    guint64 bytes = 0;
    go(run, FALSE, "list --json");
    g_assert_cmpstr(daemon->asked, ==, "ListGuests");
    g_autoptr(VnJson) json = run_json(run);
    const VnJson *guest = vn_json_array_get(vn_json_get_array(json, "guests", NULL), 0);
    const VnJson *cell = vn_json_array_get(vn_json_get_array(guest, "cells", NULL), 1);
    g_assert_cmpstr(vn_json_get_string(guest, "name", NULL), ==, "db1\033[2J");
    g_assert_cmpstr(vn_json_get_string(guest, "state", NULL), ==, "running");
    g_assert_cmpstr(vn_json_get_string(guest, "policy", NULL), ==, "align");
    g_assert_cmpstr(vn_json_get_string(guest, "told_state", NULL), ==, "differs");
    g_assert_nonnull(vn_json_get_string(guest, "uuid", NULL));
    g_assert_true(vn_json_get_double(guest, "alignment_ratio", &alignment, &error));
    g_assert_cmpfloat(alignment, ==, 0.25);
    g_assert_true(vn_json_has(guest, "locality_ratio"));
    g_assert_false(vn_json_get_double(guest, "locality_ratio", &alignment, NULL));
    const VnJson *resident = vn_json_get_object(cell, "resident_bytes", NULL);
    g_assert_true(vn_json_get_uint64(resident, "0", &bytes, &error));
    g_assert_cmpuint(bytes, ==, 192 << 20);
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(cell, "home", NULL)), ==, 1);
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(cell, "vcpus", NULL)), ==, 1);
}

static void
test_show(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "show db1");
    run_assert_printed_file(run, "show.txt");
    g_assert_cmpstr(daemon->asked, ==, "GetGuest db1");
}

/* What is known of its accesses, and how it is looked at. */
static void
test_show_sampled(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->sampled = TRUE;
    go(run, FALSE, "show db1");
    run_assert_printed_file(run, "show-sampled.txt");
    go(run, FALSE, "list");
    g_assert_nonnull(strstr(run->out->str, "25.0 %    50.0 %"));
}

/* Findings fail the call, after they were printed. */
static void
test_verify(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "verify db1 web");
    g_assert_cmpstr(daemon->asked, ==, "Verify db1 web");
    g_assert_cmpstr(run->out->str, ==,
                    "SEVERITY  GUEST         OBJECT         FINDING, AND WHAT TO DO\n"
                    "warning   db1\\u{1b}[2J  cell 0         75 % of it\\tlie elsewhere\n"
                    "                                       -> vnumactl rebalance db1\n"
                    "info      web           cells 0 and 1  told no distances\n"
                    "\n"
                    "Not known: guest web: cell 0: its home\\nis not known\n");
    g_assert_cmpstr(run->err->str, ==,
                    "vnumactl: verify: not all is as it should be with guest " NAME
                    ": what to do stands beside each finding\n");
    g_assert_cmpint(run->status, ==, 1);
}

/* Information is no failure, and neither is what is not known. */
static void
test_verify_benign(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->benign = TRUE;
    go(run, FALSE, "verify");
    g_assert_cmpstr(daemon->asked, ==, "Verify");
    run_assert_printed(run, "SEVERITY  GUEST  OBJECT         FINDING, AND WHAT TO DO\n"
                            "info      web    cells 0 and 1  told no distances\n"
                            "\n"
                            "Not known: guest web: cell 0: its home\\nis not known\n");

    g_autoptr(Run) again = run_new();
    daemon->empty = TRUE;
    go(again, FALSE, "verify");
    run_assert_printed(again, "Looked at 1 guest: no findings.\n"
                              "\n"
                              "Not known: guest web: cell 0: its home\\nis not known\n");
}

static void
test_verify_json(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "verify --json");
    g_assert_cmpstr(daemon->asked, ==, "Verify");
    g_assert_true(g_str_has_prefix(run->err->str, "vnumactl: verify: "));
    g_assert_cmpint(run->status, ==, 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(VnJson) json =
        vn_json_parse(run->out->str, run->out->len, VN_JSON_BYTES_MAX, &error);
    g_assert_no_error(error);
    const VnJson *guest = vn_json_array_get(vn_json_get_array(json, "guests", NULL), 0);
    const VnJson *finding =
        vn_json_array_get(vn_json_get_array(guest, "findings", NULL), 0);
    g_assert_cmpstr(vn_json_get_string(guest, "name", NULL), ==, "db1\033[2J");
    g_assert_cmpstr(vn_json_get_string(guest, "state", NULL), ==, "running");
    g_assert_cmpstr(vn_json_get_string(guest, "told_state", NULL), ==, "differs");
    g_assert_cmpstr(vn_json_get_string(finding, "severity", NULL), ==, "warning");
    g_assert_cmpstr(vn_json_get_string(finding, "kind", NULL), ==, "memory-elsewhere");
    g_assert_nonnull(vn_json_get_string(finding, "object", NULL));
    g_assert_nonnull(vn_json_get_string(finding, "text", NULL));
    g_assert_nonnull(vn_json_get_string(finding, "remedy", NULL));
}

/* The definition comes from vnumad, and is read here. */
static void
test_topology(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "topology db1 --qemu");
    run_assert_printed(run, "-machine q35\n"
                            "-smp 1,maxcpus=1,sockets=1,dies=1,cores=1,threads=1\n"
                            "-m size=1024k\n"
                            "-object memory-backend-ram,id=ram-node0,size=1048576\n"
                            "-numa node,nodeid=0,cpus=0,memdev=ram-node0\n");
    g_assert_cmpstr(daemon->asked, ==, "GetDefinition db1");

    g_autoptr(Run) untold = run_new();
    daemon->empty = TRUE;
    go(untold, FALSE, "topology db1");
    run_assert_error(untold, 1,
                     "vnumactl: guest db1: it is told of no cells, and does not ask for "
                     "any: give its definition a <numa>, or our metadata: "
                     "vnumad-guest(5)");
    g_autoptr(Run) gone = run_new();
    daemon->error = "org.vnumad1.Error.Gone";
    go(gone, FALSE, "topology db9");
    run_assert_error(gone, 1, "vnumactl: guest db9: no such guest: see 'vnumactl list'");
}

static void
test_plan(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "plan db1 db2");
    run_assert_printed_file(run, "plan.txt");
    g_assert_cmpstr(daemon->asked, ==, "Plan db1 db2");
}

static void
test_plan_empty(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->empty = TRUE;
    go(run, FALSE, "rebalance --dry-run");
    run_assert_printed(run, "Nothing to do.\n" NAME ": homes 0 1: all is at home\n");
    g_assert_cmpstr(daemon->asked, ==, "Plan");
}

static void
test_plan_json(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    guint64 bytes = 0;
    go(run, FALSE, "plan --json");
    g_assert_cmpstr(daemon->asked, ==, "Plan");
    g_autoptr(VnJson) json = run_json(run);
    const VnJson *steps = vn_json_get_array(json, "steps", NULL);
    const VnJson *step = vn_json_array_get(steps, 0);
    static const char *const keys[] = {"kind",  "guest", "target", "before",
                                       "after", "bytes", "reason", "expected_gain"};
    g_assert_cmpuint(vn_json_array_length(steps), ==, 2);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        g_assert_true(vn_json_has(step, keys[i]));
    g_assert_true(vn_json_get_uint64(json, "bytes_total", &bytes, NULL));
    g_assert_cmpuint(bytes, ==, 384 << 20);
}

static void
test_rebalance(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "rebalance db1");
    run_assert_printed(run, "/org/vnumad1/job/1\n");
    g_assert_cmpstr(daemon->asked, ==, "Rebalance db1");
}

static void
test_undo(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "undo db1");
    run_assert_printed(run, "/org/vnumad1/job/1\n");
    g_assert_cmpstr(daemon->asked, ==, "Undo db1");

    g_autoptr(Run) rehearsed = run_new();
    go(rehearsed, FALSE, "undo --dry-run");
    run_assert_printed_file(rehearsed, "plan.txt");
    g_assert_cmpstr(daemon->asked, ==, "PlanUndo");

    g_autoptr(Run) gone = run_new();
    daemon->error = "org.vnumad1.Error.Gone";
    go(gone, FALSE, "undo db9 --wait");
    run_assert_error(gone, 1, "vnumactl: guest db9: no such guest: see 'vnumactl list'");
}

static void
test_undo_wait(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    run->on_out = advance;
    run->data = daemon;
    go(run, FALSE, "undo db1 --wait");
    run_assert_printed_file(run, "wait.txt");
    g_assert_cmpstr(daemon->asked, ==, "Undo db1");
}

static void
test_why(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "why db1");
    run_assert_printed(run, "It rests, as it was\\nundone.\n"
                            "The guard refused.\n"
                            "\n"
                            "Decided before:\n"
                            "  1970-01-01 00:01:00  away\n"
                            "  1970-01-01 00:02:00  at home\n");
    g_assert_cmpstr(daemon->asked, ==, "Why db1");

    g_autoptr(Run) whole = run_new();
    go(whole, FALSE, "why db1 --json");
    g_autoptr(VnJson) json = run_json(whole);
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(json, "sentences", NULL)), ==,
                     2);
}

/* A line at each change of state, the table, and what became of it. */
static void
test_wait(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    run->on_out = advance;
    run->data = daemon;
    go(run, FALSE, "rebalance --wait");
    run_assert_printed_file(run, "wait.txt");
}

static void
test_wait_failed(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->kind = FAKE_JOB_FAILED;
    run->on_out = advance;
    run->data = daemon;
    go(run, FALSE, "rebalance --wait");
    g_assert_cmpstr(run->err->str, ==, "vnumactl: guest db1, cell 1: node full\n");
    g_assert_nonnull(strstr(run->out->str, "failed   host node 1 is full\n"));
    g_assert_true(g_str_has_suffix(run->out->str, "\nMoved 192.0 MiB in 4.2 s.\n"));
    g_assert_cmpint(run->status, ==, 1);
}

/* One object a line: progress, and at the end the result. */
static void
test_wait_json(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    run->on_out = advance;
    run->data = daemon;
    go(run, FALSE, "rebalance --wait --json");
    g_auto(GStrv) lines = g_strsplit(g_strchomp(run->out->str), "\n", -1);
    guint count = g_strv_length(lines);
    guint64 bytes = 0;
    g_assert_cmpint(run->status, ==, 0);
    g_assert_cmpuint(count, ==, 4);
    for (guint i = 0; i < count; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnJson) json =
            vn_json_parse(lines[i], strlen(lines[i]), VN_JSON_BYTES_MAX, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(vn_json_get_string(json, "event", NULL), ==,
                        i + 1 < count ? "progress" : "result");
        g_assert_cmpstr(vn_json_get_string(json, "job", NULL), ==, "/org/vnumad1/job/1");
        if (i == 2) {
            g_assert_true(vn_json_get_uint64(json, "bytes_done", &bytes, NULL));
            g_assert_cmpuint(bytes, ==, 96 << 20);
        }
        if (i + 1 == count) {
            g_assert_cmpstr(vn_json_get_string(json, "state", NULL), ==, "done");
            g_assert_cmpuint(vn_json_array_length(vn_json_get_array(json, "steps", NULL)),
                             ==, 2);
        }
    }
}

/* On a terminal one line is redrawn, never wider than it, and erased at the end. */
static void
test_wait_terminal(void)
{
    /* All figures, and of the activity, which comes last, what fits: two blanks. */
    static const char expected[] =
        "\r\033[Kacting    [###.......]  25.0 %  96.0 MiB of 384.0 MiB  96.0 MiB/s  "
        "3.0 s left  \r\033[K";
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    run->on_out = advance;
    run->data = daemon;
    go(run, TRUE, "rebalance --wait");
    g_assert_cmpint(run->status, ==, 0);
    g_assert_nonnull(strstr(run->out->str, expected));
    g_assert_null(strstr(run->out->str, "\033[1m"));
    g_assert_true(g_str_has_suffix(run->out->str, "\nall at home\r\n"));
}

static void
test_wait_vanished(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->kind = FAKE_JOB_VANISHES;
    run->on_out = advance;
    run->data = daemon;
    go(run, FALSE, "rebalance --wait");
    g_assert_cmpstr(run->err->str, ==,
                    "vnumactl: vnumad went away while /org/vnumad1/job/1 ran: what it "
                    "moved stays where it is; 'journalctl -u vnumad' tells why\n");
    g_assert_cmpint(run->status, ==, 1);
}

static void
test_wait_missing(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->kind = FAKE_JOB_MISSING;
    go(run, FALSE, "rebalance --wait");
    g_assert_nonnull(strstr(run->err->str, " has no job /org/vnumad1/job/1: "));
    g_assert_cmpint(run->status, ==, 1);
}

/* Of a job that ended before anybody looked there is no progress, but the result. */
static void
test_wait_over(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->kind = FAKE_JOB_OVER;
    go(run, FALSE, "rebalance --wait");
    g_assert_cmpstr(run->err->str, ==, "");
    g_assert_true(g_str_has_prefix(run->out->str, "GUEST "));
    g_assert_true(g_str_has_suffix(run->out->str, "\nall at home\n"));
    g_assert_cmpint(run->status, ==, 0);
}

static void
advance_and_interrupt(Run *run, gpointer data)
{
    FakeDaemon *daemon = data;
    fake_daemon_advance(daemon);
    if (daemon->stage == 3)
        g_subprocess_send_signal(run->process, SIGINT);
}

static void
test_interrupt(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->kind = FAKE_JOB_UNTIL_CANCELLED;
    run->on_out = advance_and_interrupt;
    run->data = daemon;
    go(run, FALSE, "rebalance --wait");
    g_assert_cmpuint(daemon->cancels, ==, 1);
    g_assert_cmpstr(run->err->str, ==,
                    "vnumactl: stopping after the step under way; Ctrl-C again leaves at "
                    "once\n"
                    "vnumactl: guest db1, cell 1: node full\n");
    g_assert_nonnull(strstr(run->out->str, "host node 1 is full\n"));
    g_assert_cmpint(run->status, ==, 1);
}

static void
interrupt(Run *run, gpointer data)
{
    if (g_str_has_suffix(run->err->str, "at once\n"))
        g_subprocess_send_signal(run->process, SIGINT);
}

static void
test_interrupt_twice(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->kind = FAKE_JOB_NEVER_ENDS;
    run->on_out = advance_and_interrupt;
    run->on_err = interrupt;
    run->data = daemon;
    go(run, FALSE, "rebalance --wait");
    g_assert_true(g_str_has_suffix(run->err->str,
                                   "\nvnumactl: left before /org/vnumad1/job/1 ended: "
                                   "vnumad stops it after the step under way\n"));
    g_assert_cmpint(run->status, ==, 1);
}

static void
test_errors(void)
{
    static const struct {
        const char *error;
        const char *err; /* %s: the bus's address */
    } cases[] = {
        {"org.vnumad1.Error.Gone", "guest db9: no such guest: see 'vnumactl list'"},
        {"org.example.Strange",
         "vnumad on the bus at %s: guest db9: no such guest: see 'vnumactl list'"},
        {"org.freedesktop.DBus.Error.AccessDenied",
         "vnumad on the bus at %s: access denied: run this as root"},
        {"org.freedesktop.DBus.Error.NoReply",
         "vnumad on the bus at %s went away before it answered: 'journalctl -u vnumad' "
         "tells why"},
        {"org.freedesktop.DBus.Error.UnknownMethod",
         "vnumad on the bus at %s is of another version than this vnumactl, "
         "which is " VN_VERSION ": guest db9: no such guest: see 'vnumactl list'"},
    };
    static const char *const lines[] = {"list",          "show db9",   "plan db9",
                                        "rebalance db9", "verify db9", "sample db9",
                                        "heatmap db9"};
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) parts = g_strsplit(cases[i].err, "%s", -1);
        g_autofree char *text = g_strjoinv(bus, parts);
        g_autofree char *err = g_strconcat("vnumactl: ", text, NULL);
        daemon->error = cases[i].error;
        for (gsize k = 0; k < G_N_ELEMENTS(lines); k++) {
            g_autoptr(Run) run = run_new();
            go(run, FALSE, lines[k]);
            run_assert_error(run, 1, err);
        }
    }
}

static void
test_not_running(void)
{
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "list");
    g_autofree char *err =
        g_strdup_printf("vnumactl: vnumad is not running on the bus at %s: start it with "
                        "'vnumad --bus %s'",
                        bus, bus);
    run_assert_error(run, 1, err);
}

static void
test_deadline(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->silent = TRUE;
    go(run, FALSE, "list --timeout 1");
    g_assert_nonnull(strstr(run->err->str, " did not answer within 1 s: "));
    g_assert_cmpint(run->status, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    run_init(argv[1]);
    g_autofree char *dbus_daemon = g_find_program_in_path("dbus-daemon");
    if (!dbus_daemon) {
        g_print("1..0 # SKIP there is no dbus-daemon\n");
        return 0;
    }
    g_autoptr(GTestDBus) test_bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(test_bus);
    bus = g_test_dbus_get_bus_address(test_bus);

    g_test_add_func("/vnumactl-daemon/list", test_list);
    g_test_add_func("/vnumactl-daemon/list-empty", test_list_empty);
    g_test_add_func("/vnumactl-daemon/list-json", test_list_json);
    g_test_add_func("/vnumactl-daemon/show", test_show);
    g_test_add_func("/vnumactl-daemon/show-sampled", test_show_sampled);
    g_test_add_func("/vnumactl-daemon/verify", test_verify);
    g_test_add_func("/vnumactl-daemon/verify-benign", test_verify_benign);
    g_test_add_func("/vnumactl-daemon/verify-json", test_verify_json);
    g_test_add_func("/vnumactl-daemon/topology", test_topology);
    g_test_add_func("/vnumactl-daemon/plan", test_plan);
    g_test_add_func("/vnumactl-daemon/plan-empty", test_plan_empty);
    g_test_add_func("/vnumactl-daemon/plan-json", test_plan_json);
    g_test_add_func("/vnumactl-daemon/rebalance", test_rebalance);
    g_test_add_func("/vnumactl-daemon/undo", test_undo);
    g_test_add_func("/vnumactl-daemon/undo-wait", test_undo_wait);
    g_test_add_func("/vnumactl-daemon/why", test_why);
    g_test_add_func("/vnumactl-daemon/wait", test_wait);
    g_test_add_func("/vnumactl-daemon/wait-failed", test_wait_failed);
    g_test_add_func("/vnumactl-daemon/wait-json", test_wait_json);
    g_test_add_func("/vnumactl-daemon/wait-terminal", test_wait_terminal);
    g_test_add_func("/vnumactl-daemon/wait-vanished", test_wait_vanished);
    g_test_add_func("/vnumactl-daemon/wait-missing", test_wait_missing);
    g_test_add_func("/vnumactl-daemon/wait-over", test_wait_over);
    g_test_add_func("/vnumactl-daemon/interrupt", test_interrupt);
    g_test_add_func("/vnumactl-daemon/interrupt-twice", test_interrupt_twice);
    g_test_add_func("/vnumactl-daemon/errors", test_errors);
    g_test_add_func("/vnumactl-daemon/not-running", test_not_running);
    g_test_add_func("/vnumactl-daemon/deadline", test_deadline);
    int status = g_test_run();
    g_test_dbus_stop(test_bus);
    return status;
}
