/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trace: a line each time, that can be read as a scenario; full files put aside. */
#include "daemon/trace.h"

#include "policies/align.h"
#include "qmp/json.h"
#include "tests/support/scenario.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
    char *folder;
    char *path;
    VnSnapshot *snapshot;
    VnPlan *plan;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->folder = g_dir_make_tmp("vnumad-trace-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->folder, "trace", NULL);
    fixture->snapshot = scenario_new(2, 2, 2048);
    VnGuest *guest = scenario_guest(fixture->snapshot, "g1", 2, 1, 256);
    vn_cell_set_resident(scenario_cell(guest, 0), 0, 256 * MIB);
    vn_cell_set_resident(scenario_cell(guest, 1), 1, 256 * MIB);
    scenario_guest(fixture->snapshot, "g2", 1, 1, 256)->state = VN_GUEST_STOPPED;
    fixture->plan = vn_align_decide(fixture->snapshot);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *old = g_strconcat(fixture->path, ".old", NULL);
    g_unlink(fixture->path);
    g_unlink(old);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
    g_free(fixture->folder);
    g_free(fixture->path);
    vn_snapshot_unref(fixture->snapshot);
    vn_plan_unref(fixture->plan);
}

static gboolean
append(const Fixture *fixture, guint64 bytes_max, GError **error)
{
    return vn_trace_append(fixture->path, bytes_max, fixture->snapshot, fixture->plan,
                           error);
}

/* The lines of the file, and an empty string behind the last. */
static char **
read_lines(const char *path)
{
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return g_strsplit(text, "\n", -1);
}

static void
test_lines(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < 3; i++)
        g_assert_true(append(fixture, VN_TRACE_BYTES_MAX, &error));
    g_assert_no_error(error);
    g_auto(GStrv) lines = read_lines(fixture->path);
    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_autoptr(VnJson) json =
        vn_json_parse(lines[2], strlen(lines[2]), VN_JSON_BYTES_MAX, &error);
    g_assert_no_error(error);
    const VnJson *guests = vn_json_get_array(json, "guests", NULL);
    g_assert_cmpuint(vn_json_array_length(guests), ==, 1);
    const VnJson *guest = vn_json_array_get(guests, 0);
    g_autofree char *placed =
        vn_json_print(vn_json_get_array(guest, "placed", NULL), FALSE);
    g_assert_cmpstr(placed, ==, "[[0],[1]]");
    g_assert_cmpstr(vn_json_get_string(guest, "policy", NULL), ==, "align");
}

static void
test_full(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *old = g_strconcat(fixture->path, ".old", NULL);
    for (guint i = 0; i < 3; i++)
        g_assert_true(append(fixture, 100, &error));
    g_auto(GStrv) lines = read_lines(fixture->path);
    g_auto(GStrv) before = read_lines(old);
    g_assert_cmpuint(g_strv_length(lines), ==, 2);
    g_assert_cmpuint(g_strv_length(before), ==, 2);
}

static void
test_nowhere(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(fixture->folder, "none", "trace", NULL);
    g_assert_false(vn_trace_append(path, VN_TRACE_BYTES_MAX, fixture->snapshot,
                                   fixture->plan, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_assert_true(g_str_has_prefix(error->message, path));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/trace/lines", Fixture, NULL, set_up, test_lines, tear_down);
    g_test_add("/trace/full", Fixture, NULL, set_up, test_full, tear_down);
    g_test_add("/trace/nowhere", Fixture, NULL, set_up, test_nowhere, tear_down);
    return g_test_run();
}
