/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl sample and heatmap against a daemon of the test's own. */
#include "tests/cli/fake-daemon.h"
#include "tests/cli/run.h"

#include <glib/gstdio.h>
#include <string.h>

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
test_sample(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "sample db1 --seconds 1 --source dirty-ring");
    g_assert_cmpstr(daemon->asked, ==,
                    "Sample db1 {'seconds': <uint32 1>, 'source': <'dirty-ring'>}");
    run_assert_printed_file(run, "sample.txt");

    g_autoptr(Run) plain = run_new();
    daemon->empty = TRUE;
    go(plain, FALSE, "sample db1");
    g_assert_cmpstr(daemon->asked, ==, "Sample db1 {'seconds': <uint32 4>}");
    g_assert_nonnull(strstr(plain->out->str, "Source      dirty-ring\n"));
    g_assert_nonnull(strstr(plain->out->str, "Locality    -, remote cost - "));
    g_assert_cmpint(plain->status, ==, 0);

    g_autoptr(Run) socket = run_new();
    go(socket, FALSE, "sample --qmp /run/q");
    g_assert_cmpstr(daemon->asked, ==,
                    "Sample  {'seconds': <uint32 4>, 'qmp': <'/run/q'>}");
    g_assert_cmpint(socket->status, ==, 0);

    g_autoptr(Run) json = run_new();
    go(json, FALSE, "sample db1 --json");
    g_autoptr(VnJson) sample = run_json(json);
    g_assert_cmpstr(vn_json_get_string(sample, "source", NULL), ==, "dirty-ring");
}

/* The deadline is that of an answer, besides the time that vnumad watches. */
static void
test_sample_deadline(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    daemon->silent = TRUE;
    go(run, FALSE, "sample db1 --seconds 1 --timeout 1");
    g_assert_nonnull(strstr(run->err->str, " did not answer within 2 s: "));
    g_assert_cmpint(run->status, ==, 1);
}

static void
test_heatmap(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autoptr(Run) run = run_new();
    go(run, FALSE, "heatmap db1 --bins 8");
    g_assert_cmpstr(daemon->asked, ==,
                    "GetHeat db1 {'columns': <'vcpu'>, 'bins': <uint32 8>}");
    run_assert_printed_file(run, "heatmap.txt");

    g_autoptr(Run) json = run_new();
    go(json, FALSE, "heatmap db1 --time --json");
    g_assert_cmpstr(daemon->asked, ==,
                    "GetHeat db1 {'columns': <'time'>, 'bins': <uint32 64>}");
    g_autoptr(VnJson) heat = run_json(json);
    gsize n = vn_json_array_length(vn_json_get_array(heat, "columns", NULL));
    g_assert_cmpuint(n, ==, 48);
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(heat, "bins", NULL)), ==, 64);
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(heat, "rates", NULL)), ==,
                     64 * n);

    g_autoptr(Run) broken = run_new();
    daemon->broken = TRUE;
    go(broken, FALSE, "heatmap db1");
    run_assert_error(broken, 1,
                     "vnumactl: vnumad's answer: rates (ad) is missing: see that vnumad "
                     "and vnumactl are of one version");
}

static char *
take_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    gsize length = 0;
    g_autofree char *contents = NULL;
    g_file_get_contents(path, &contents, &length, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_unlink(path), ==, 0);
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *) contents,
                                       length);
}

/* Both files at once, the same each time; what cannot be written is told in a line. */
static void
test_heatmap_files(void)
{
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    g_autofree char *folder = g_dir_make_tmp("vnumad-heatmap-XXXXXX", NULL);
    g_autofree char *svg = g_build_filename(folder, "map.svg", NULL);
    g_autofree char *png = g_build_filename(folder, "map.png", NULL);
    g_autofree char *line = g_strdup_printf("heatmap db1 --svg %s --png %s", svg, png);
    char *sums[4];
    for (guint i = 0; i < 2; i++) {
        g_autoptr(Run) run = run_new();
        go(run, FALSE, line);
        run_assert_printed(run, "");
        g_assert_true(g_str_has_prefix(daemon->asked, "GetHeat db1 "));
        sums[i] = take_file(svg);
        sums[2 + i] = take_file(png);
    }
    g_assert_cmpstr(sums[0], ==, sums[1]);
    g_assert_cmpstr(sums[2], ==, sums[3]);
    for (guint i = 0; i < G_N_ELEMENTS(sums); i++)
        g_free(sums[i]);
    g_assert_cmpint(g_rmdir(folder), ==, 0);

    g_autoptr(Run) again = run_new();
    g_autofree char *err =
        g_strdup_printf("vnumactl: %s: there is no folder %s: make it", svg, folder);
    go(again, FALSE, line);
    run_assert_error(again, 1, err);
}

static void
test_usage(void)
{
    static const struct {
        const char *line;
        const char *err;
    } cases[] = {
        {"sample db1 --seconds 0", "--seconds: '0' is no whole number from 1 to 60"},
        {"sample db1 --seconds 61", "--seconds: '61' is no whole number from 1 to 60"},
        {"sample db1 --seconds=-1", "--seconds: '-1' is no whole number from 1 to 60"},
        {"sample db1 --seconds 4s", "--seconds: '4s' is no whole number from 1 to 60"},
        {"sample db1 --source guess",
         "--source: 'guess' is none of dirty-log, dirty-ring, refault, numa-faults, "
         "dirty-rate"},
        {"heatmap db1 --bins 0", "--bins: '0' is no whole number from 1 to 512"},
        {"heatmap db1 --bins 513", "--bins: '513' is no whole number from 1 to 512"},
        {"heatmap db1 --bins=", "--bins: '' is no whole number from 1 to 512"},
    };
    g_autoptr(FakeDaemon) daemon = fake_daemon_new(bus);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Run) run = run_new();
        g_autofree char *err =
            g_strdup_printf("vnumactl: %s (see 'vnumactl --help')", cases[i].err);
        go(run, FALSE, cases[i].line);
        run_assert_error(run, 2, err);
    }
    g_assert_null(daemon->asked);
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

    g_test_add_func("/vnumactl-heat/sample", test_sample);
    g_test_add_func("/vnumactl-heat/sample-deadline", test_sample_deadline);
    g_test_add_func("/vnumactl-heat/heatmap", test_heatmap);
    g_test_add_func("/vnumactl-heat/heatmap-files", test_heatmap_files);
    g_test_add_func("/vnumactl-heat/usage", test_usage);
    int status = g_test_run();
    g_test_dbus_stop(test_bus);
    return status;
}
