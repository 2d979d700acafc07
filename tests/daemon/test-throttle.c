/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Caps turned into pauses, on a clock of the test's own. */
#include "daemon/throttle.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define MOST (64 * MIB)
#define SECOND ((gint64) G_USEC_PER_SEC)

static void
test_no_cap(void)
{
    g_autoptr(VnThrottle) throttle = vn_throttle_new(0, 0);
    vn_throttle_set_write_rate(throttle, "a", 1e12);
    g_assert_cmpuint(vn_throttle_rate(throttle, "a"), ==, 0);
    g_assert_cmpuint(vn_throttle_chunk(throttle, "a", MOST), ==, MOST);
    vn_throttle_charge(throttle, "a", MOST, 1000, 2000);
    g_assert_cmpint(vn_throttle_next_us(throttle, "a"), <=, 2000);
    g_assert_cmpint(vn_throttle_next_us(throttle, "b"), <=, 2000);
}

/* A guest waits for its own rate, all for the host's. */
static void
test_pauses(void)
{
    g_autoptr(VnThrottle) throttle = vn_throttle_new(100 * MIB, 50 * MIB);
    g_assert_cmpuint(vn_throttle_rate(throttle, "a"), ==, 50 * MIB);
    vn_throttle_charge(throttle, "a", 50 * MIB, 10 * SECOND, 10 * SECOND + 1);
    g_assert_cmpint(vn_throttle_next_us(throttle, "a"), ==, 11 * SECOND);
    g_assert_cmpint(vn_throttle_next_us(throttle, "b"), ==, 10 * SECOND + SECOND / 2);
    /* What was not used is not saved up. */
    vn_throttle_charge(throttle, "a", 50 * MIB, 100 * SECOND, 100 * SECOND + 1);
    g_assert_cmpint(vn_throttle_next_us(throttle, "a"), ==, 101 * SECOND);
    /* Nothing moved, nothing to wait for. */
    g_autoptr(VnThrottle) idle = vn_throttle_new(MIB, MIB);
    vn_throttle_charge(idle, "a", 0, SECOND, SECOND);
    g_assert_cmpint(vn_throttle_next_us(idle, "a"), ==, SECOND);
}

static void
test_chunks(void)
{
    static const struct {
        guint64 cap;
        guint64 chunk;
    } cases[] = {
        {1000000, VN_THROTTLE_CHUNK_MIN},
        {8 * MIB, VN_THROTTLE_CHUNK_MIN},
        {40 * MIB, 10 * MIB},
        {256 * MIB, MOST},
        {1000000000000, MOST},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnThrottle) of_host = vn_throttle_new(cases[i].cap, 0);
        g_autoptr(VnThrottle) of_guest = vn_throttle_new(0, cases[i].cap);
        g_assert_cmpuint(vn_throttle_chunk(of_host, "a", MOST), ==, cases[i].chunk);
        g_assert_cmpuint(vn_throttle_chunk(of_guest, "a", MOST), ==, cases[i].chunk);
    }
}

static void
test_writing_guest(void)
{
    static const struct {
        double writes;
        double share;
    } cases[] = {{-1, 1}, {0, 1}, {1e8, 0.5}, {3e8, 0.25}, {1e12, 0.1}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnThrottle) throttle = vn_throttle_new(0, 100000000);
        vn_throttle_set_write_rate(throttle, "a", cases[i].writes);
        g_assert_cmpfloat_with_epsilon((double) vn_throttle_rate(throttle, "a"),
                                       1e8 * cases[i].share, 2);
        g_assert_cmpuint(vn_throttle_rate(throttle, "b"), ==, 100000000);
    }
}

static void
test_pressure(void)
{
    static const struct {
        double ratio;
        double share;
    } cases[] = {{-1, 1}, {0, 1}, {0.05, 1}, {0.15, 0.55}, {0.25, 0.1}, {1, 0.1}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnThrottle) capped = vn_throttle_new(100000000, 0);
        g_autoptr(VnThrottle) free_one = vn_throttle_new(0, 0);
        vn_throttle_set_pressure(capped, cases[i].ratio);
        vn_throttle_set_pressure(free_one, cases[i].ratio);
        g_assert_cmpfloat_with_epsilon((double) vn_throttle_rate(capped, "a"),
                                       1e8 * cases[i].share, 2);
        /* Without a cap: moving takes that share of the time. */
        vn_throttle_charge(free_one, "a", MOST, 0, SECOND);
        g_assert_cmpfloat_with_epsilon((double) SECOND /
                                           (double) vn_throttle_next_us(free_one, "a"),
                                       cases[i].share, 1e-3);
    }
    /* It passes. */
    g_autoptr(VnThrottle) throttle = vn_throttle_new(MIB, 0);
    vn_throttle_set_pressure(throttle, 1);
    vn_throttle_set_pressure(throttle, 0);
    g_assert_cmpuint(vn_throttle_rate(throttle, "a"), ==, MIB);
}

/* Whatever the caps and whoever goes on: in no time more than they allow and a chunk. */
static void
test_random_runs_keep_to_the_caps(void)
{
    static const char *const names[] = {"a", "b", "c"};
    for (guint round = 0; round < 200; round++) {
        guint64 host_cap = (guint64) g_test_rand_int_range(1, 2000) * MIB;
        guint64 guest_cap = (guint64) g_test_rand_int_range(1, 2000) * MIB;
        g_autoptr(VnThrottle) throttle = vn_throttle_new(host_cap, guest_cap);
        double moved[3] = {0};
        guint64 largest = 0;
        gint64 now_us = 0;
        for (guint i = 0; i < 300; i++) {
            guint who = (guint) g_test_rand_int_range(0, 3);
            gint64 next_us = vn_throttle_next_us(throttle, names[who]);
            now_us = MAX(now_us, next_us) + g_test_rand_int_range(0, 1000);
            guint64 chunk = vn_throttle_chunk(throttle, names[who], MOST);
            gint64 took_us = g_test_rand_int_range(1, 50000);
            vn_throttle_charge(throttle, names[who], chunk, now_us, now_us + took_us);
            largest = MAX(largest, chunk);
            moved[who] += (double) chunk;
            now_us += took_us;
            double seconds = (double) now_us / SECOND;
            g_assert_cmpfloat(moved[who], <=,
                              (double) guest_cap * seconds * 1.001 + (double) largest);
            g_assert_cmpfloat(moved[0] + moved[1] + moved[2], <=,
                              (double) host_cap * seconds * 1.001 + (double) largest);
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/throttle/no-cap", test_no_cap);
    g_test_add_func("/throttle/pauses", test_pauses);
    g_test_add_func("/throttle/chunks", test_chunks);
    g_test_add_func("/throttle/writing-guest", test_writing_guest);
    g_test_add_func("/throttle/pressure", test_pressure);
    g_test_add_func("/throttle/random-runs-keep-to-the-caps",
                    test_random_runs_keep_to_the_caps);
    return g_test_run();
}
