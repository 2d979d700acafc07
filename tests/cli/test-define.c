/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl define on a recorded machine: printed, as JSON, given to libvirt, refused. */
#include "tests/cli/run.h"
#include "tests/host/tree.h"

#include <string.h>

static char *
definition_path(const char *name)
{
    return g_test_build_filename(G_TEST_DIST, "data", "definitions", name, NULL);
}

static Run *
define(const VnTree *machine, const char *path, const char *option, const char *value)
{
    Run *run = run_new();
    run_go(run, FALSE,
           (const char *[]){"--root", machine, "define", path, option, value, NULL});
    return run;
}

static void
test_dry_run(void)
{
    g_autoptr(VnTree) machine = vn_tree_load("lab-two-nodes");
    g_autofree char *path = definition_path("plain.in.xml");
    g_autoptr(Run) run = define(machine, path, "--dry-run", NULL);
    g_assert_cmpint(run->status, ==, 0);
    g_assert_nonnull(strstr(run->out->str, "<memnode cellid='0' mode='strict'"));
    g_assert_nonnull(strstr(run->out->str, "<![CDATA[The <database>, & all that]]>"));
    g_assert_true(g_str_has_prefix(run->err->str, "DONE"));
    g_assert_nonnull(strstr(run->err->str, "\nwritten  cell 0 "));
    g_assert_nonnull(strstr(run->err->str, "\n\n- "));

    vn_tree_write(machine, "again.xml", "%s", run->out->str);
    g_autofree char *outcome = g_build_filename(machine, "again.xml", NULL);
    g_autoptr(Run) again = define(machine, outcome, "--dry-run", NULL);
    g_assert_cmpint(again->status, ==, 0);
    g_assert_cmpstr(again->out->str, ==, run->out->str);
    g_assert_true(g_str_has_prefix(again->err->str, "Nothing to write"));
}

static void
test_json(void)
{
    g_autoptr(VnTree) machine = vn_tree_load("lab-two-nodes");
    g_autofree char *path = definition_path("own-cells.in.xml");
    g_autoptr(Run) run = define(machine, path, "--dry-run", "--json");
    g_assert_cmpint(run->status, ==, 0);
    g_assert_cmpstr(run->err->str, ==, "");
    g_autoptr(VnJson) json = run_json(run);
    g_assert_nonnull(vn_json_get_string(json, "definition", NULL));
    static const char *const lists[] = {"written", "respected", "conflicts", "reasons"};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        const VnJson *list = vn_json_get_array(json, lists[i], NULL);
        g_assert_nonnull(list);
        g_assert_cmpuint(vn_json_array_length(list), >, 0);
    }
    const VnJson *conflict =
        vn_json_array_get(vn_json_get_array(json, "conflicts", NULL), 0);
    g_assert_nonnull(vn_json_get_string(conflict, "part", NULL));
    g_assert_nonnull(vn_json_get_string(conflict, "conflict", NULL));
}

/* libvirt's test driver ends with vnumactl: what it was given is not seen here. */
static void
test_given_to_libvirt(void)
{
    g_autoptr(VnTree) machine = vn_tree_load("lab-two-nodes");
    vn_tree_write(machine, "good.xml",
                  "<domain type='test'><name>g1</name><metadata>"
                  "<guest xmlns='urn:vnumad:guest:1'/></metadata><memory>524288</memory>"
                  "<vcpu>2</vcpu><os><type>hvm</type></os></domain>");
    vn_tree_write(machine, "bad.xml",
                  "<domain type='test'><name>g1</name><metadata>"
                  "<guest xmlns='urn:vnumad:guest:1'/></metadata><memory>524288</memory>"
                  "<vcpu>2</vcpu><os><type>nonsense</type></os></domain>");
    g_autofree char *good = g_build_filename(machine, "good.xml", NULL);
    g_autofree char *bad = g_build_filename(machine, "bad.xml", NULL);
    g_autoptr(Run) done = define(machine, good, "--connect", "test:///default");
    g_assert_cmpstr(done->out->str, ==, "");
    g_assert_cmpint(done->status, ==, 0);
    g_assert_nonnull(strstr(done->err->str, "written"));

    g_autoptr(Run) refused = define(machine, bad, "--connect", "test:///default");
    g_assert_cmpint(refused->status, ==, 1);
    g_assert_true(
        g_str_has_prefix(refused->err->str, "vnumactl: libvirt: define the guest: "));

    g_autoptr(Run) nowhere = define(machine, good, "--connect", "test:///nonexistent");
    g_assert_cmpint(nowhere->status, ==, 1);
    g_assert_nonnull(strstr(nowhere->err->str, "libvirt cannot be reached at test:///"));
}

static void
assert_refused(const Run *run, const char *says)
{
    g_assert_cmpint(run->status, ==, 1);
    g_assert_cmpstr(run->out->str, ==, "");
    g_assert_nonnull(strstr(run->err->str, says));
    g_assert_cmpuint(strcspn(run->err->str, "\n") + 1, ==, run->err->len);
}

static void
test_refused(void)
{
    g_autoptr(VnTree) machine = vn_tree_load("lab-two-nodes");
    g_autoptr(GString) large = g_string_new("<domain>");
    g_string_set_size(large, 5 << 20);
    memset(large->str, ' ', large->len);
    vn_tree_write(machine, "plain.xml",
                  "<domain><name>g1</name><memory>1024</memory></domain>");
    vn_tree_write_bytes(machine, "large.xml", large->str, large->len);
    static const char *const cases[][2] = {
        {"plain.xml", "vnumactl: guest g1: its definition does not ask for vNUMA; put "},
        {"large.xml", "large.xml: it is larger than 4 MiB"},
        {"none.xml", "none.xml: open: No such file"},
        {"", ": read: Is a directory"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_build_filename(machine, cases[i][0], NULL);
        g_autoptr(Run) run = define(machine, path, "--dry-run", NULL);
        assert_refused(run, cases[i][1]);
    }
}

static void
test_standard_input(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) machine = vn_tree_load("lab-two-nodes");
    g_autofree char *path = definition_path("plain.in.xml");
    g_autofree char *out = NULL;
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_subprocess_launcher_set_stdin_file_path(launcher, path);
    g_autoptr(GSubprocess) process =
        g_subprocess_launcher_spawn(launcher, &error, run_program(), "--root", machine,
                                    "define", "-", "--dry-run", NULL);
    g_assert_no_error(error);
    g_subprocess_communicate_utf8(process, NULL, NULL, &out, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 0);
    g_autoptr(Run) run = define(machine, path, "--dry-run", NULL);
    g_assert_cmpstr(out, ==, run->out->str);
}

/* `vnumactl topology` shows what would be, where the definition only asks for it. */
static void
test_topology(void)
{
    g_autoptr(VnTree) machine = vn_tree_load("lab-two-nodes");
    g_autoptr(GPtrArray) shown = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *asking = definition_path("plain.in.xml");
    g_autoptr(Run) filled = define(machine, asking, "--dry-run", NULL);
    vn_tree_write(machine, "filled.xml", "%s", filled->out->str);
    g_autofree char *complete = g_build_filename(machine, "filled.xml", NULL);
    const char *const paths[] = {asking, complete};
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(Run) run = run_new();
        run_go(run, FALSE,
               (const char *[]){"--root", machine, "topology", paths[i], "--xml", NULL});
        g_assert_cmpstr(run->err->str, ==, "");
        g_assert_nonnull(strstr(run->out->str, "<cell id='1'"));
        g_ptr_array_add(shown, g_strdup(run->out->str));
    }
    g_assert_cmpstr(shown->pdata[0], ==, shown->pdata[1]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    run_init(argv[1]);
    g_test_add_func("/vnumactl-define/dry-run", test_dry_run);
    g_test_add_func("/vnumactl-define/json", test_json);
    g_test_add_func("/vnumactl-define/given-to-libvirt", test_given_to_libvirt);
    g_test_add_func("/vnumactl-define/refused", test_refused);
    g_test_add_func("/vnumactl-define/standard-input", test_standard_input);
    g_test_add_func("/vnumactl-define/topology", test_topology);
    return g_test_run();
}
