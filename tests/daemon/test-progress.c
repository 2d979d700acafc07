/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Progress: what the worker writes is what the main thread reads; the rate's window. */
#include "daemon/progress.h"

static void
test_rate(void)
{
    g_autoptr(VnProgress) progress = vn_progress_new();
    gint64 now_us = 5 * G_USEC_PER_SEC;
    vn_progress_set_bytes_done(progress, 0, now_us);
    {
        g_auto(VnProgressState) state = vn_progress_get(progress);
        g_assert_cmpuint(state.rate_bytes_per_second, ==, 0);
    }
    /* 100 bytes a second, in many samples, then 1000: the past is forgotten. */
    for (guint i = 1; i <= 100; i++)
        vn_progress_set_bytes_done(progress, i * 10, now_us + i * G_USEC_PER_SEC / 10);
    {
        g_auto(VnProgressState) state = vn_progress_get(progress);
        g_assert_cmpuint(state.rate_bytes_per_second, ==, 100);
    }
    now_us += 10 * G_USEC_PER_SEC;
    for (guint i = 1; i <= 100; i++)
        vn_progress_set_bytes_done(progress, 1000 + i * 100,
                                   now_us + i * G_USEC_PER_SEC / 10);
    g_auto(VnProgressState) state = vn_progress_get(progress);
    g_assert_cmpuint(state.rate_bytes_per_second, ==, 1000);
    g_assert_cmpuint(state.bytes_done, ==, 11000);
}

static void
test_cancel_and_activity(void)
{
    g_autoptr(VnProgress) progress = vn_progress_new();
    g_assert_false(vn_progress_is_cancelled(progress));
    vn_progress_cancel(progress);
    g_assert_true(vn_progress_is_cancelled(progress));
    vn_progress_set_stage(progress, VN_STAGE_ACTING);
    vn_progress_set_activity(progress, "guest %s", "db1");
    g_auto(VnProgressState) state = vn_progress_get(progress);
    g_assert_cmpstr(vn_stage_name(state.stage), ==, "acting");
    g_assert_cmpstr(state.activity, ==, "guest db1");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/progress/rate", test_rate);
    g_test_add_func("/progress/cancel-and-activity", test_cancel_and_activity);
    return g_test_run();
}
