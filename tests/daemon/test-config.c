/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file: every key, and every way to get one wrong. */
#include "daemon/config.h"

#include "model/sample.h"

#include <glib/gstdio.h>
#include <string.h>

static gboolean
parse(const char *text, VnConfig *ret_config, GError **error)
{
    return vn_config_parse(text, strlen(text), "vnumad.conf", ret_config, error);
}

static void
test_defaults(void)
{
    g_autoptr(GError) error = NULL;
    VnConfig config;
    g_assert_true(parse("", &config, &error));
    g_assert_no_error(error);
    g_assert_false(config.manage_all);
    g_assert_cmpint(config.policy, ==, VN_POLICY_ALIGN);
    g_assert_false(config.allow_monitor);
    g_assert_true(config.complete);
    g_assert_cmpuint(config.interval_seconds, ==, 0);
    g_assert_cmpfloat(config.reserve_ratio, ==, 0.02);
    g_assert_cmpuint(config.step_timeout_seconds, ==, 600);
    g_assert_cmpfloat(config.gain_margin, ==, 0.01);
    g_assert_cmpuint(config.cooldown_seconds, ==, 15);
    g_assert_cmpuint(config.host_bytes_per_second, ==, 0);
    g_assert_cmpuint(config.guest_bytes_per_second, ==, 0);
    g_assert_cmpint(config.sampling, ==, VN_SAMPLING_AUTO);
    g_assert_cmpuint(config.forbidden_sources, ==, 0);
    g_assert_cmpfloat(config.sample_budget_ratio, ==, 0.01);
    g_assert_cmpfloat(config.sample_host_budget_ratio, ==, 0.01);
}

static void
test_every_key(void)
{
    g_autoptr(GError) error = NULL;
    VnConfig config;
    g_assert_true(parse(
        "# comment\n[vnumad]\nmanage = all \ntrace_file=/var/tmp/trace\npolicy=balance\nmonitor_commands=allow\n"
        "complete_definitions=no\ninterval_seconds=30\nreserve_ratio=0.1\nstep_timeout_seconds=5\n",
        &config, &error));
    g_assert_no_error(error);
    g_assert_true(config.manage_all);
    g_assert_cmpint(config.policy, ==, VN_POLICY_BALANCE);
    g_assert_cmpstr(config.trace_file, ==, "/var/tmp/trace");
    g_assert_true(config.allow_monitor);
    g_assert_false(config.complete);
    g_assert_cmpuint(config.interval_seconds, ==, 30);
    g_assert_cmpfloat(config.reserve_ratio, ==, 0.1);
    g_assert_cmpuint(config.step_timeout_seconds, ==, 5);
}

/* What the guard goes by, at its limits. */
static void
test_guard(void)
{
    static const struct {
        const char *text;
        double margin;
        guint cooldown;
        guint64 host;
        guint64 guest;
    } cases[] = {
        {"gain_margin=0\ncooldown_seconds=0\nhost_bytes_per_second=0\n", 0, 0, 0, 0},
        {"gain_margin=10\ncooldown_seconds=86400\nguest_bytes_per_second = 1000000\n", 10,
         86400, 0, 1000000},
        {"gain_margin=0.25\nhost_bytes_per_second = 1000000000000 \n", 0.25, 15,
         G_GUINT64_CONSTANT(1000000000000), 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strconcat("[vnumad]\n", cases[i].text, NULL);
        VnConfig config;
        g_assert_true(parse(text, &config, &error));
        g_assert_no_error(error);
        g_assert_cmpfloat(config.gain_margin, ==, cases[i].margin);
        g_assert_cmpuint(config.cooldown_seconds, ==, cases[i].cooldown);
        g_assert_cmpuint(config.host_bytes_per_second, ==, cases[i].host);
        g_assert_cmpuint(config.guest_bytes_per_second, ==, cases[i].guest);
    }
}

static void
test_sampling(void)
{
    static const struct {
        const char *text;
        VnConfigSampling sampling;
        guint forbidden;
        double budget;
    } cases[] = {
        {"sampling=auto\nsample_budget_ratio=0.0001\n", VN_SAMPLING_AUTO, 0, 0.0001},
        {"sampling = on-request\nforbidden_sources=\n", VN_SAMPLING_ON_REQUEST, 0, 0.01},
        {"sampling=off\nsample_budget_ratio=1\n", VN_SAMPLING_OFF, 0, 1},
        {"forbidden_sources = refault  dirty-log refault \n", VN_SAMPLING_AUTO,
         1u << VN_SAMPLE_REFAULT | 1u << VN_SAMPLE_DIRTY_LOG_BPF, 0.01},
        {"forbidden_sources=dirty-log dirty-ring refault numa-faults dirty-rate\n",
         VN_SAMPLING_AUTO, (1u << VN_SAMPLE_SOURCES) - 1, 0.01},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strconcat("[vnumad]\n", cases[i].text, NULL);
        VnConfig config;
        g_assert_true(parse(text, &config, &error));
        g_assert_no_error(error);
        g_assert_cmpint(config.sampling, ==, cases[i].sampling);
        g_assert_cmpuint(config.forbidden_sources, ==, cases[i].forbidden);
        g_assert_cmpfloat(config.sample_budget_ratio, ==, cases[i].budget);
        g_assert_cmpfloat(config.sample_host_budget_ratio, ==, 0.01);
    }
}

static void
test_refused(void)
{
    static const struct {
        const char *text;
        const char *named;
    } cases[] = {
        {"[vnumad]\nmanage=some\n", "manage"},
        {"[vnumad]\nmanage=\n", "manage"},
        {"[vnumad]\ntrace_file=trace\n", "trace_file"},
        {"[vnumad]\npolicy=best\n", "align, pack, spread"},
        {"[vnumad]\nmonitor_commands=yes\n", "monitor_commands"},
        {"[vnumad]\ncomplete_definitions=1\n", "complete_definitions"},
        {"[vnumad]\ninterval_seconds=-1\n", "interval_seconds"},
        {"[vnumad]\ninterval_seconds=86401\n", "interval_seconds"},
        {"[vnumad]\ninterval_seconds=1s\n", "interval_seconds"},
        {"[vnumad]\nreserve_ratio=0.91\n", "reserve_ratio"},
        {"[vnumad]\nreserve_ratio=nan\n", "reserve_ratio"},
        {"[vnumad]\nreserve_ratio=\n", "reserve_ratio"},
        {"[vnumad]\nstep_timeout_seconds=0\n", "step_timeout_seconds"},
        {"[vnumad]\ngain_margin=-0.01\n", "gain_margin"},
        {"[vnumad]\ngain_margin=10.1\n", "gain_margin"},
        {"[vnumad]\ncooldown_seconds=86401\n", "cooldown_seconds"},
        {"[vnumad]\ncooldown_seconds=30s\n", "cooldown_seconds"},
        {"[vnumad]\nhost_bytes_per_second=999999\n", "host_bytes_per_second"},
        {"[vnumad]\nhost_bytes_per_second=1000000000001\n", "host_bytes_per_second"},
        {"[vnumad]\nguest_bytes_per_second=100M\n", "guest_bytes_per_second"},
        {"[vnumad]\nguest_bytes_per_second=-1\n", "guest_bytes_per_second"},
        {"[vnumad]\nsampling=on\n", "sampling"},
        {"[vnumad]\nsampling=\n", "sampling"},
        {"[vnumad]\nforbidden_sources=dirty-log, refault\n", "forbidden_sources"},
        {"[vnumad]\nforbidden_sources=all\n", "'numa-faults'"},
        {"[vnumad]\nsample_budget_ratio=0\n", "sample_budget_ratio"},
        {"[vnumad]\nsample_budget_ratio=0.00009\n", "sample_budget_ratio"},
        {"[vnumad]\nsample_budget_ratio=1.01\n", "sample_budget_ratio"},
        {"[vnumad]\nsample_budget_ratio=1%\n", "sample_budget_ratio"},
        {"[vnumad]\nsample_host_budget_ratio=inf\n", "sample_host_budget_ratio"},
        {"[vnumad]\nsample_host_budget_ratio=-1\n", "sample_host_budget_ratio"},
        {"[vnumad]\nmange=all\n", "mange"},
        {"[policy]\nmanage=all\n", "policy"},
        {"manage=all\n", "vnumad.conf"},
        {"[vnumad\n", "vnumad.conf"},
        {"[vnumad]\nmanage=\xff\n", "manage"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        VnConfig config = {.interval_seconds = 4711};
        g_assert_false(parse(cases[i].text, &config, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i].named));
        g_assert_cmpuint(config.interval_seconds, ==, 4711);
    }
}

static void
test_read(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("vnumad-config-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "vnumad.conf", NULL);
    VnConfig config;

    g_assert_true(vn_config_read(path, TRUE, &config, &error));
    g_assert_no_error(error);
    g_assert_false(vn_config_read(path, FALSE, &config, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, path));
    g_clear_error(&error);

    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    g_assert_true(vn_config_read(path, FALSE, &config, &error));
    g_autofree char *large = g_strnfill((1u << 20) + 1, '#');
    g_assert_true(g_file_set_contents(path, large, -1, NULL));
    g_assert_false(vn_config_read(path, FALSE, &config, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_unlink(path);
    g_rmdir(folder);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config/defaults", test_defaults);
    g_test_add_func("/config/every-key", test_every_key);
    g_test_add_func("/config/guard", test_guard);
    g_test_add_func("/config/sampling", test_sampling);
    g_test_add_func("/config/refused", test_refused);
    g_test_add_func("/config/read", test_read);
    return g_test_run();
}
