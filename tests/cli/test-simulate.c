/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl simulate: the scenarios in tests/data/scenarios, as tables and as JSON. */
#include "tests/cli/run.h"

#include <glib/gstdio.h>
#include <string.h>

static char *
scenario_path(const char *name)
{
    g_autofree char *file = g_strconcat(name, ".json", NULL);
    return g_test_build_filename(G_TEST_DIST, "data", "scenarios", file, NULL);
}

static Run *
simulate(const char *path, const char *option)
{
    Run *run = run_new();
    run_go(run, FALSE, (const char *[]){"simulate", path, option, NULL});
    return run;
}

static const char *const names[] = {"huge-pages", "large-cell", "make-room", "policies"};

static void
test_tables(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = scenario_path(names[i]);
        g_autofree char *expected = g_strdup_printf("simulate-%s.txt", names[i]);
        g_autoptr(Run) run = simulate(path, NULL);
        run_assert_printed_file(run, expected);
    }
}

static guint64
sum_of_bytes(const VnJson *steps)
{
    guint64 sum = 0;
    for (gsize i = 0; i < vn_json_array_length(steps); i++) {
        guint64 bytes;
        const VnJson *step = vn_json_array_get(steps, i);
        g_assert_true(vn_json_get_uint64(step, "bytes", &bytes, NULL));
        g_assert_nonnull(vn_json_get_string(step, "kind", NULL));
        g_assert_nonnull(vn_json_get_string(step, "guest", NULL));
        sum += bytes;
    }
    return sum;
}

/* Every guest has its place or is refused, and the figures belong together. */
static void
test_json(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = scenario_path(names[i]);
        g_autofree char *text = NULL;
        g_autoptr(Run) run = simulate(path, "--json");
        g_assert_cmpint(run->status, ==, 0);
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_autoptr(VnJson) scenario =
            vn_json_parse(text, strlen(text), VN_JSON_BYTES_MAX, NULL);
        g_autoptr(VnJson) json = run_json(run);
        const VnJson *cost = vn_json_get_object(json, "cost", NULL);
        const VnJson *placements = vn_json_get_array(json, "placements", NULL);
        guint64 moved;
        double ratio;
        g_assert_cmpuint(
            vn_json_array_length(placements) +
                vn_json_array_length(vn_json_get_array(json, "refused", NULL)),
            ==, vn_json_array_length(vn_json_get_array(scenario, "guests", NULL)));
        g_assert_true(vn_json_get_uint64(cost, "moved_bytes", &moved, NULL));
        g_assert_cmpuint(moved, ==, sum_of_bytes(vn_json_get_array(json, "steps", NULL)));
        g_assert_true(vn_json_get_double(cost, "remote_cost", &ratio, NULL));
        g_assert_cmpfloat(ratio, >=, 1);
        g_assert_true(vn_json_get_double(cost, "max_cpu_load_ratio", &ratio, NULL));
        const VnJson *cell = vn_json_array_get(
            vn_json_get_array(vn_json_array_get(placements, 0), "cells", NULL), 0);
        static const char *const keys[] = {"id", "vcpus", "memory_bytes", "home"};
        for (gsize k = 0; k < G_N_ELEMENTS(keys); k++)
            g_assert_true(vn_json_has(cell, keys[k]));
    }
}

static void
test_wrong(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("vnumactl-XXXXXX", &error);
    g_autofree char *path = g_build_filename(folder, "s.json", NULL);
    g_autofree char *expected =
        g_strdup_printf("vnumactl: %s: host: is missing; it must be an object", path);
    g_assert_true(g_file_set_contents(path, "{\"guests\": []}", -1, &error));
    g_autoptr(Run) run = simulate(path, NULL);
    run_assert_error(run, 1, expected);
    g_assert_cmpint(g_remove(path), ==, 0);
    g_autoptr(Run) gone = simulate(path, "--json");
    g_assert_cmpint(gone->status, ==, 1);
    g_assert_nonnull(strstr(gone->err->str, "No such file"));
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

/* All scenarios as a trace: what each line gives is what its document gives. */
static void
test_trace(void)
{
    g_autofree char *folder = g_dir_make_tmp("vnumactl-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "trace", NULL);
    g_autoptr(GString) trace = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = scenario_path(names[i]);
        g_autofree char *text = NULL;
        g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
        g_string_append_printf(trace, "%s\n", g_strdelimit(text, "\n", ' '));
    }
    g_assert_true(g_file_set_contents(path, trace->str, -1, NULL));
    g_autoptr(Run) table = run_new();
    run_go(table, FALSE, (const char *[]){"simulate", "--trace", path, NULL});
    run_assert_printed_file(table, "simulate-trace.txt");
    g_autoptr(Run) run = run_new();
    run_go(run, FALSE, (const char *[]){"simulate", "--json", "--trace", path, NULL});
    g_assert_cmpint(run->status, ==, 0);
    g_auto(GStrv) lines = g_strsplit(run->out->str, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, G_N_ELEMENTS(names) + 1);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = scenario_path(names[i]);
        g_autoptr(Run) one = simulate(file, "--json");
        g_autoptr(VnJson) json = run_json(one);
        g_autofree char *text = vn_json_print(json, FALSE);
        g_assert_cmpstr(lines[i], ==, text);
    }

    g_string_append(trace, "{}\n");
    g_assert_true(g_file_set_contents(path, trace->str, -1, NULL));
    g_autoptr(Run) bad = run_new();
    run_go(bad, FALSE, (const char *[]){"simulate", "--trace", path, NULL});
    g_assert_cmpint(bad->status, ==, 1);
    g_assert_nonnull(strstr(bad->err->str, "trace: line 5: host: is missing"));
    g_assert_cmpint(g_remove(path), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    run_init(argv[1]);
    g_test_add_func("/simulate/tables", test_tables);
    g_test_add_func("/simulate/json", test_json);
    g_test_add_func("/simulate/wrong", test_wrong);
    g_test_add_func("/simulate/trace", test_trace);
    return g_test_run();
}
