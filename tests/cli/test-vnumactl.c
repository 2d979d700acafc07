/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl without a daemon: its command line, `host` of a hand-made machine, no bus. */
#include "tests/cli/run.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static void
test_usage(void)
{
    static const struct {
        const char *line;
        const char *err;
    } cases[] = {
        {"--json", "a verb is missing"},
        {"lits", "'lits' is no verb: did you mean 'list'?"},
        {"reb", "'reb' is no verb: did you mean 'rebalance'?"},
        {"hosts --help", "'hosts' is no verb: did you mean 'host'?"},
        {"host extra", "host: 'extra' is one argument too many"},
        {"show", "show: GUEST is missing"},
        {"show a b", "show: 'b' is one argument too many"},
        {"--wait list", "list: --wait is no option of this verb"},
        {"plan --dry-run", "plan: --dry-run is no option of this verb"},
        {"define", "define: FILE.xml is missing"},
        {"define a.xml b.xml", "define: 'b.xml' is one argument too many"},
        {"define --wait a.xml", "define: --wait is no option of this verb"},
        {"plan --force", "plan: --force is no option of this verb"},
        {"host --connect x", "host: --connect is no option of this verb"},
        {"--nonsense list", "Unknown option --nonsense"},
        {"list --root", "Missing argument for --root"},
        {"list --timeout 0", "--timeout: 0 is not between 1 and 86400 seconds"},
        {"list --timeout=-1", "--timeout: -1 is not between 1 and 86400 seconds"},
        {"topology", "topology: GUEST|FILE... is missing"},
        {"topology a b", "topology: 'b' is one argument too many"},
        {"topology a --xml --decode",
         "topology: only one of --xml, --qemu, --acpi and --decode can be"},
        {"topology a --wait", "topology: --wait is no option of this verb"},
        {"list --acpi x", "list: --acpi is no option of this verb"},
        {"sample", "sample: GUEST is missing"},
        {"sample a --bins 3", "sample: --bins is no option of this verb"},
        {"simulate", "simulate: either SCENARIO.json or --trace FILE is needed"},
        {"sample a --qmp /run/q", "sample: 'a' is one argument too many"},
        {"list --qmp /run/q", "list: --qmp is no option of this verb"},
        {"list --png x", "list: --png is no option of this verb"},
        {"heatmap a b", "heatmap: 'b' is one argument too many"},
        {"heatmap a --seconds 4", "heatmap: --seconds is no option of this verb"},
        {"--color blue list", "--color: 'blue' is none of auto, always, never"},
        {"show \xff", "show: '\xef\xbf\xbd' is not valid UTF-8"},
        {"list --bus nonsense",
         "--bus: 'nonsense' is none of system, session, and a D-Bus address such as "
         "unix:path=/run/dbus/system_bus_socket"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Run) run = run_simply(cases[i].line);
        g_autofree char *err =
            g_strdup_printf("vnumactl: %s (see 'vnumactl --help')", cases[i].err);
        run_assert_error(run, 2, err);
    }
}

static void
assert_printed(const Run *run)
{
    g_assert_cmpstr(run->err->str, ==, "");
    g_assert_cmpint(run->status, ==, 0);
}

/* What comes with later issues must not be offered. */
static void
test_help(void)
{
    static const char *const later[] = {"monitor"};
    g_autoptr(Run) whole = run_simply("--help");
    g_autoptr(Run) verbs = run_simply("--complete");
    g_auto(GStrv) lines = g_strsplit(verbs->out->str, "\n", -1);
    assert_printed(whole);
    for (gsize i = 0; i < G_N_ELEMENTS(later); i++)
        g_assert_null(strstr(whole->out->str, later[i]));

    g_assert_cmpuint(g_strv_length(lines), ==, 16);
    for (char **line = lines; **line; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", -1);
        g_autofree char *ask = g_strdup_printf("%s --help", words[0]);
        g_autofree char *listed = g_strdup_printf("\n  %s ", words[0]);
        g_autofree char *usage = g_strdup_printf("] %s", words[0]);
        g_autoptr(Run) one = run_simply(ask);
        assert_printed(one);
        g_assert_nonnull(strstr(whole->out->str, listed));
        g_assert_nonnull(strstr(one->out->str, usage));
        for (char **word = words + 1; *word; word++)
            g_assert_true(strcmp(*word, "guests") == 0 || strcmp(*word, "files") == 0 ||
                          strstr(one->out->str, *word));
    }
}

static void
test_version(void)
{
    g_autoptr(Run) run = run_simply("--version");
    assert_printed(run);
    g_assert_cmpstr(run->out->str, ==, "vnumactl " VN_VERSION "\n");
}

static void
write_file(const char *root, const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *whole = g_build_filename(root, path, NULL);
    g_autofree char *folder = g_path_get_dirname(whole);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_file_set_contents(whole, text, -1, &error);
    g_assert_no_error(error);
}

/* Two nodes: 0 with both CPUs, 2 with memory only; further one way than the other. */
static char *
make_machine(void)
{
    g_autoptr(GError) error = NULL;
    char *root = g_dir_make_tmp("vnumactl-XXXXXX", &error);
    g_assert_no_error(error);
    write_file(root, "sys/devices/system/node/online", "0,2\n");
    write_file(root, "sys/devices/system/node/possible", "0,2\n");
    write_file(root, "sys/devices/system/node/node0/cpulist", "0-1\n");
    write_file(root, "sys/devices/system/node/node0/distance", "10 20\n");
    write_file(root, "sys/devices/system/node/node0/meminfo",
               "Node 0 MemTotal:  2097152 kB\nNode 0 MemFree:  1048576 kB\n");
    write_file(root, "sys/devices/system/node/node2/cpulist", "\n");
    write_file(root, "sys/devices/system/node/node2/distance", "30 10\n");
    write_file(root, "sys/devices/system/node/node2/meminfo",
               "Node 2 MemTotal:  4194304 kB\nNode 2 MemFree:  4194304 kB\n");
    write_file(root,
               "sys/devices/system/node/node2/hugepages/hugepages-2048kB/nr_hugepages",
               "64\n");
    write_file(root,
               "sys/devices/system/node/node2/hugepages/hugepages-2048kB/free_hugepages",
               "16\n");
    write_file(root, "sys/devices/system/cpu/online", "0-1\n");
    write_file(root, "sys/devices/system/cpu/present", "0-2\n");
    write_file(root, "sys/devices/system/cpu/possible", "0-2\n");
    for (int i = 0; i < 3; i++) {
        g_autofree char *path =
            g_strdup_printf("sys/devices/system/cpu/cpu%d/topology/core_id", i);
        g_autofree char *core = g_strdup_printf("%d\n", i);
        write_file(root, path, core);
    }
    return root;
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    for (const char *name; folder && (name = g_dir_read_name(folder));) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_assert_cmpint(g_remove(path), ==, 0);
}

/* What vnumad keeps cordoned is shown without it. */
static void
test_host_cordoned(void)
{
    g_autofree char *root = make_machine();
    write_file(root, "var/lib/vnumad/cordons.json",
               "{\"format\": 1, \"entries\": [{\"host_node\": 2, \"since_us\": 1}]}");
    g_autoptr(Run) run = run_new();
    run_go(run, FALSE, (const char *[]){"--root", root, "host", NULL});
    assert_printed(run);
    g_assert_nonnull(strstr(run->out->str, "Host node 2 is cordoned.\n"));
    g_autoptr(Run) again = run_new();
    run_go(again, FALSE, (const char *[]){"--root", root, "host", "--json", NULL});
    g_autoptr(VnJson) json = run_json(again);
    const VnJson *nodes = vn_json_get_array(json, "nodes", NULL);
    gboolean cordoned = FALSE;
    g_assert_false(vn_json_has(vn_json_array_get(nodes, 0), "cordoned"));
    g_assert_true(
        vn_json_get_bool(vn_json_array_get(nodes, 1), "cordoned", &cordoned, NULL));
    g_assert_true(cordoned);
    remove_tree(root);
}

static void
test_host(void)
{
    g_autofree char *root = make_machine();
    g_autoptr(Run) run = run_new();
    run_go(run, FALSE, (const char *[]){"--root", root, "host", NULL});
    assert_printed(run);
    g_assert_cmpstr(run->out->str, ==,
                    "NODE  CPUS   MEMORY     FREE  HUGE PAGES\n"
                    "   0  0-1   2.0 GiB  1.0 GiB  -\n"
                    "   2  -     4.0 GiB  4.0 GiB  16 of 64 free (2.0 MiB)\n"
                    "\n"
                    "FROM\\TO   0   2\n"
                    "      0  10  20\n"
                    "      2  30  10\n"
                    "\n"
                    "Host node 2 has no CPUs.\n"
                    "CPU 2 is offline.\n"
                    "The distances are not symmetric: 1 pair of nodes differs by "
                    "direction.\n");
    remove_tree(root);
}

static void
assert_uint(const VnJson *object, const char *key, guint64 expected)
{
    g_autoptr(GError) error = NULL;
    guint64 value = 0;
    if (!vn_json_get_uint64(object, key, &value, &error))
        g_error("%s", error->message);
    g_assert_cmpuint(value, ==, expected);
}

/* The keys that the contract promises, on a node that has them all but HMAT's. */
static void
test_host_json(void)
{
    g_autofree char *root = make_machine();
    g_autoptr(Run) run = run_new();
    gboolean has_cpu = TRUE;
    run_go(run, FALSE, (const char *[]){"host", "--json", "--root", root, NULL});
    g_autoptr(VnJson) json = run_json(run);
    const VnJson *nodes = vn_json_get_array(json, "nodes", NULL);
    const VnJson *zero = vn_json_array_get(nodes, 0);
    const VnJson *two = vn_json_array_get(nodes, 1);
    g_assert_cmpuint(vn_json_array_length(nodes), ==, 2);
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(zero, "cpus", NULL)), ==, 2);
    assert_uint(zero, "id", 0);
    assert_uint(two, "id", 2);
    assert_uint(two, "memory_bytes", G_GUINT64_CONSTANT(4) << 30);
    assert_uint(two, "free_bytes", G_GUINT64_CONSTANT(4) << 30);
    g_assert_true(vn_json_get_bool(two, "has_cpu", &has_cpu, NULL));
    g_assert_false(has_cpu);
    g_assert_true(vn_json_has(two, "tier"));
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(two, "distances", NULL)), ==,
                     2);
    const VnJson *pages =
        vn_json_array_get(vn_json_get_array(two, "huge_pages", NULL), 0);
    assert_uint(pages, "size_bytes", 2 << 20);
    assert_uint(pages, "total", 64);
    assert_uint(pages, "free", 16);
    remove_tree(root);
}

static void
test_host_failed(void)
{
    g_autoptr(Run) run = run_simply("host --root /nonexistent/machine");
    g_assert_cmpstr(run->out->str, ==, "");
    g_assert_cmpint(run->status, ==, 1);
    g_assert_nonnull(strstr(run->err->str, "/nonexistent/machine"));
    g_assert_cmpuint(strcspn(run->err->str, "\n") + 1, ==, run->err->len);
}

static void
test_no_bus(void)
{
    static const char *const lines[] = {
        "list", "show db1",         "topology db1",
        "plan", "rebalance --wait", "list --bus unix:path=/nonexistent/system",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(Run) run = run_simply(lines[i]);
        g_assert_cmpstr(run->out->str, ==, "");
        g_assert_cmpint(run->status, ==, 1);
        g_assert_nonnull(strstr(run->err->str, " cannot be reached: "));
        g_assert_cmpuint(strcspn(run->err->str, "\n") + 1, ==, run->err->len);
    }
}

/* A full disk, and a reader who is gone: told, and no crash. */
static void
test_output_fails(void)
{
    int closed_pipe[2];
    g_assert_cmpint(pipe2(closed_pipe, O_CLOEXEC), ==, 0);
    close(closed_pipe[0]);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(full, >=, 0);
    int outputs[] = {full, closed_pipe[1]};
    for (gsize i = 0; i < G_N_ELEMENTS(outputs); i++) {
        g_autofree char *err = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(GSubprocessLauncher) launcher =
            g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDERR_PIPE);
        g_subprocess_launcher_take_stdout_fd(launcher, outputs[i]);
        g_autoptr(GSubprocess) process =
            g_subprocess_launcher_spawn(launcher, &error, run_program(), "--help", NULL);
        g_assert_no_error(error);
        g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &err, &error);
        g_assert_no_error(error);
        g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 1);
        g_assert_true(g_str_has_prefix(err, "vnumactl: standard output: write: "));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    run_init(argv[1]);
    g_test_add_func("/vnumactl/usage", test_usage);
    g_test_add_func("/vnumactl/help", test_help);
    g_test_add_func("/vnumactl/version", test_version);
    g_test_add_func("/vnumactl/host", test_host);
    g_test_add_func("/vnumactl/host-cordoned", test_host_cordoned);
    g_test_add_func("/vnumactl/host-json", test_host_json);
    g_test_add_func("/vnumactl/host-failed", test_host_failed);
    g_test_add_func("/vnumactl/no-bus", test_no_bus);
    g_test_add_func("/vnumactl/output-fails", test_output_fails);
    return g_test_run();
}
