/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How often a guest is looked at: by pattern, and properties over random windows. */
#include "policies/pace.h"

#include <string.h>

#define SECOND ((gint64) G_USEC_PER_SEC)

static const VnPaceWindow GOOD = {.duration_us = SECOND,
                                  .overhead = 0.002,
                                  .cost_us = 2000,
                                  .saw = TRUE,
                                  .stability = 1,
                                  .locality = 1,
                                  .confidence = 0.9};

static VnPace
make_pace(void)
{
    VnPace pace;
    vn_pace_init(&pace, &VN_PACE_LIMITS_DEFAULT);
    return pace;
}

static void
assert_why(const VnPace *pace, const char *expected)
{
    g_autofree char *why = vn_pace_why(pace);
    g_assert_cmpstr(why, ==, expected);
}

/* The next period after one of 20 s, and what is said of it. */
static void
test_patterns(void)
{
    static const struct {
        double stability;
        double locality;
        double confidence;
        double alternation;
        gboolean saw;
        double period_s;
        const char *why;
    } cases[] = {
        {1, 1, 0.9, 0, TRUE, 26, "every 26 s: stable and local, 100 % of its accesses"},
        {0.9, 0.8, 0.9, 0, TRUE, 22,
         "every 22 s: stable and local, 80 % of its accesses"},
        {1, -1, 0.9, 0, TRUE, 26, "every 26 s: stable"},
        {-1, 1, 0.9, 0, TRUE, 26, "every 26 s: local, 100 % of its accesses"},
        {1, 0.35, 0.9, 0, TRUE, 10, "every 10 s: only 35 % of its accesses are local"},
        {0.35, 1, 0.9, 0, TRUE, 10,
         "every 10 s: its pattern changed: of its accesses 35 % are still from the same "
         "cells"},
        {0, 0, 0.9, 0, TRUE, 5,
         "every 5 s: its pattern changed: of its accesses 0 % are still from the same "
         "cells"},
        {0, 0, 0.9, 0.5, TRUE, 20,
         "every 20 s: its pattern alternates, with 50 % of its accesses"},
        {1, 1, 0.3, 0, TRUE, 26,
         "every 26 s: too few accesses are seen to know a pattern"},
        {-1, -1, 0, 0, FALSE, 40, "every 40 s: no accesses were seen"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        VnPace pace = make_pace();
        VnPaceWindow window = GOOD;
        window.stability = cases[i].stability;
        window.locality = cases[i].locality;
        window.confidence = cases[i].confidence;
        window.alternation = cases[i].alternation;
        window.saw = cases[i].saw;
        window.overhead = 0.0002;
        pace.period_us = 20.0 * SECOND;
        vn_pace_window(&pace, &window);
        g_assert_cmpfloat_with_epsilon((double) vn_pace_period_us(&pace) / SECOND,
                                       cases[i].period_s, 1e-3);
        g_assert_cmpint(vn_pace_next_us(&pace), ==, vn_pace_period_us(&pace) - SECOND);
        assert_why(&pace, cases[i].why);
    }
}

static void
test_first(void)
{
    VnPace pace = make_pace();
    g_assert_cmpint(vn_pace_next_us(&pace), ==, 0);
    g_assert_false(vn_pace_is_settled(&pace));
    assert_why(&pace, "every 5 s: nobody has looked at it yet");
    VnPaceWindow window = GOOD;
    window.stability = -1;
    vn_pace_window(&pace, &window);
    g_assert_false(vn_pace_is_settled(&pace));
    vn_pace_window(&pace, &GOOD);
    g_assert_true(vn_pace_is_settled(&pace));
    window.stability = 0.1;
    vn_pace_window(&pace, &window);
    g_assert_false(vn_pace_is_settled(&pace));
}

/* One that costs 3.1 % of a second wants 3.1 s of pause at 1 %; 62 % want 62 s. */
static void
test_budget(void)
{
    VnPace pace = make_pace();
    VnPaceWindow window = GOOD;
    window.overhead = 0.031;
    vn_pace_window(&pace, &window);
    g_assert_cmpint(vn_pace_period_us(&pace), ==, SECOND * 65 / 10);
    window.overhead = 0.62;
    window.stability = 0;
    vn_pace_window(&pace, &window);
    g_assert_cmpint(vn_pace_period_us(&pace), ==, 586 * SECOND / 10);
    assert_why(&pace, "every 59 s: a window takes 62.0 % of its time, and the budget is "
                      "1 %");
    /* The cheap window after it does not make it forgotten: the average is 13.5 %. */
    window.overhead = 0;
    vn_pace_window(&pace, &window);
    g_assert_cmpint(vn_pace_period_us(&pace), >, 13 * SECOND);
    g_assert_cmpint(vn_pace_period_us(&pace), <, 14 * SECOND);
    /* What is dearer than the longest period can pay, waits longer than that. */
    window.overhead = 5;
    vn_pace_window(&pace, &window);
    g_assert_cmpint(vn_pace_period_us(&pace), >, 480 * SECOND);
    g_assert_cmpint(vn_pace_period_us(&pace), <=, 500 * SECOND);
}

/* What long periods leave of the budget pays for a quick look at another pattern. */
static void
test_saved(void)
{
    VnPace pace = make_pace();
    VnPaceWindow window = GOOD;
    window.overhead = 0.2;
    for (guint i = 0; i < 20; i++)
        vn_pace_window(&pace, &window);
    g_assert_cmpint(vn_pace_period_us(&pace), ==, 60 * SECOND);
    window.stability = 0;
    for (guint i = 0; i < VN_PACE_SAVED_WINDOWS; i++) {
        vn_pace_window(&pace, &window);
        g_assert_cmpint(vn_pace_period_us(&pace), ==, 5 * SECOND);
    }
    vn_pace_window(&pace, &window);
    vn_pace_window(&pace, &window);
    g_assert_cmpint(vn_pace_period_us(&pace), ==, 20 * SECOND);
}

static void
test_idle(void)
{
    VnPace pace = make_pace();
    vn_pace_window(&pace, &GOOD);
    gint64 before_us = vn_pace_period_us(&pace);
    vn_pace_skip(&pace);
    g_assert_cmpint(vn_pace_next_us(&pace), ==, before_us * 2);
    assert_why(&pace, "every 13 s: idle, its vCPUs use less than 1 % of a CPU");
    for (guint i = 0; i < 10; i++)
        vn_pace_skip(&pace);
    g_assert_cmpint(vn_pace_next_us(&pace), ==, 60 * SECOND);

    g_assert_true(vn_pace_is_idle(0, 0, SECOND));
    g_assert_true(vn_pace_is_idle(100, 9999999, SECOND));
    g_assert_false(vn_pace_is_idle(0, 10000000, SECOND));
    g_assert_true(vn_pace_is_idle(0, 10000000, 2 * SECOND));
    g_assert_false(vn_pace_is_idle(500, 499, SECOND)); /* other threads */
    g_assert_false(vn_pace_is_idle(0, 0, 0));
    g_assert_false(vn_pace_is_idle(0, G_MAXUINT64, SECOND));
}

/* The same window again and again: a pattern that is good ends at the maximum, one that
 * is not at the minimum, and there they stay; a change is answered at once. */
static void
test_converges(void)
{
    VnPace pace = make_pace();
    VnPaceWindow away = GOOD;
    away.locality = 0.2;
    for (guint i = 0; i < 30; i++)
        vn_pace_window(&pace, &GOOD);
    g_assert_cmpint(vn_pace_period_us(&pace), ==, 60 * SECOND);
    vn_pace_window(&pace, &GOOD);
    g_assert_cmpint(vn_pace_period_us(&pace), ==, 60 * SECOND);
    for (guint i = 0; i < 6; i++)
        vn_pace_window(&pace, &away);
    g_assert_cmpint(vn_pace_period_us(&pace), ==, 5 * SECOND);
}

static double
random_share(void)
{
    return g_test_rand_double();
}

static VnPaceWindow
random_window(double overhead_max)
{
    VnPaceWindow window = {.duration_us = g_test_rand_int_range(1, 3) * SECOND,
                           .saw = g_test_rand_int_range(0, 8) != 0,
                           .stability = g_test_rand_int_range(0, 8) ? random_share() : -1,
                           .locality = g_test_rand_int_range(0, 8) ? random_share() : -1,
                           .confidence = random_share(),
                           .alternation = random_share() * random_share()};
    /* Now and then ten times what is usual. */
    window.overhead = overhead_max * random_share() * random_share() *
                      (g_test_rand_int_range(0, 10) ? 0.1 : 1);
    window.cost_us = (gint64) (window.overhead * 4 * (double) window.duration_us);
    return window;
}

/* In every run of whole periods the guest loses no more than its budget. */
static void
test_random(void)
{
    for (guint round = 0; round < 200; round++) {
        VnPaceLimits limits = VN_PACE_LIMITS_DEFAULT;
        limits.budget_ratio = 0.001 + 0.05 * random_share();
        double overhead_max = 0.001 + random_share();
        VnPace pace;
        double lost_us = 0;
        double passed_us = 0;
        vn_pace_init(&pace, &limits);
        for (guint i = 0; i < 200; i++) {
            double before_us = pace.period_us;
            VnPaceWindow window = random_window(overhead_max);
            vn_pace_window(&pace, &window);
            g_assert_cmpfloat(pace.period_us, >=, limits.period_min_us);
            g_assert_cmpfloat(pace.period_us, <=, limits.period_max_us);
            g_assert_cmpint(vn_pace_next_us(&pace), >=, 0);
            if (window.saw && window.stability >= 0 && window.stability < 0.69 &&
                pace.reason != VN_PACE_ALTERNATING)
                g_assert_true(pace.period_us < before_us ||
                              pace.period_us <= (double) limits.period_min_us);
            /* Only a budget asks for more than the longest period. */
            gboolean dear = overhead_max * 2 > limits.budget_ratio * 60;
            if (!dear)
                g_assert_cmpint(vn_pace_period_us(&pace), <=, limits.period_max_us);
            lost_us += window.overhead * (double) window.duration_us;
            passed_us += (double) (window.duration_us + vn_pace_next_us(&pace));
            g_assert_cmpfloat(lost_us, <=,
                              limits.budget_ratio * passed_us * (1 + 1e-9) + 1);
            g_autofree char *why = vn_pace_why(&pace);
            g_assert_true(g_str_has_prefix(why, "every "));
        }
    }
}

static void
test_host(void)
{
    VnPace cheap = make_pace();
    VnPace dear = make_pace();
    VnPace *const paces[] = {&cheap, &dear};
    VnPaceWindow window = GOOD;
    window.overhead = 0;
    vn_pace_window(&cheap, &window);
    window.cost_us = SECOND;
    vn_pace_window(&dear, &window);
    gint64 before_us = vn_pace_period_us(&cheap);
    vn_pace_share_host(paces, 2, 100, 0.01); /* 0.15 CPUs are wanted, 1 is there */
    g_assert_cmpint(vn_pace_period_us(&cheap), ==, before_us);
    vn_pace_share_host(paces, 2, 5, 0.01);
    g_assert_cmpint(vn_pace_period_us(&cheap), >, 3 * before_us);
    g_assert_cmpint(vn_pace_period_us(&cheap), <, 4 * before_us);
    g_assert_cmpint(vn_pace_period_us(&cheap), ==, vn_pace_period_us(&dear));
    assert_why(&dear, "every 20 s: 3.1 times its own period, as all guests' windows "
                      "together would exceed the host's budget");
    vn_pace_share_host(paces, 2, 100, 0.01);
    g_assert_cmpint(vn_pace_period_us(&cheap), ==, before_us);
    vn_pace_share_host(NULL, 0, 100, 0.01);
}

#define GUESTS 40u

/* Many guests for hours: what all their windows cost stays within the host's budget. */
static void
test_host_random(void)
{
    for (guint round = 0; round < 20; round++) {
        VnPace guests[GUESTS];
        VnPace *paces[GUESTS];
        gint64 begun_us[GUESTS]; /* the last window */
        guint n_cpus = (guint) g_test_rand_int_range(1, 64);
        double overhead_max = random_share();
        double cost_us = 0;
        gint64 now_us = 0;
        gint64 end_us = 4 * 3600 * SECOND;
        for (guint i = 0; i < GUESTS; i++) {
            guests[i] = make_pace();
            paces[i] = &guests[i];
            begun_us[i] = g_test_rand_int_range(-300, 0) * SECOND;
        }
        for (; now_us < end_us; now_us += SECOND) {
            for (guint i = 0; i < GUESTS; i++) {
                if (now_us < begun_us[i] + vn_pace_period_us(paces[i]))
                    continue;
                VnPaceWindow window = random_window(overhead_max);
                begun_us[i] = now_us;
                cost_us += (double) window.cost_us;
                vn_pace_window(paces[i], &window);
                vn_pace_share_host(paces, GUESTS, n_cpus, 0.01);
            }
        }
        double ratio = cost_us / (double) end_us / n_cpus;
        g_test_message("%u CPUs: %.4f %%, stretch %.1f", n_cpus, ratio * 100,
                       guests[0].stretch);
        g_assert_cmpfloat(ratio, <=, 0.01);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pace/patterns", test_patterns);
    g_test_add_func("/pace/first", test_first);
    g_test_add_func("/pace/budget", test_budget);
    g_test_add_func("/pace/saved", test_saved);
    g_test_add_func("/pace/idle", test_idle);
    g_test_add_func("/pace/converges", test_converges);
    g_test_add_func("/pace/random", test_random);
    g_test_add_func("/pace/host", test_host);
    g_test_add_func("/pace/host-random", test_host_random);
    return g_test_run();
}
