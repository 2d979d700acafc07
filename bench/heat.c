/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heat [MILLIONS]: how long it takes to collect so many million (1) accesses into samples
 * and to feed these to the heat of a guest of 255 vCPUs, to ask it what the cycle asks
 * it, and how much memory the heat of a 4 TiB guest has when every granule was accessed.
 * Fails above 1 s a million, 1 s for the questions, or 64 MB.
 */
#include "model/locality.h"
#include "model/sharing.h"

#include <stdio.h>
#include <stdlib.h>

#define N_VCPUS 255u
#define N_CELLS 8u
#define GRANULES (2u << 20) /* 4 TiB */
#define PER_SAMPLE 100000u
#define SECOND ((gint64) G_USEC_PER_SEC)

static double
ms_since(gint64 start_us)
{
    return (double) (g_get_monotonic_time() - start_us) / 1000;
}

static guint
cell_of(guint vcpu)
{
    return vcpu * N_CELLS / N_VCPUS;
}

/* Mostly its cell's own memory, a tenth of it all over; a quarter of it is hot. */
static guint64
any_granule(GRand *random, guint vcpu, guint granules)
{
    guint share = granules / N_CELLS;
    if (g_rand_int_range(random, 0, 10) == 0)
        return (guint64) g_rand_int_range(random, 0, (int) granules);
    guint within = g_rand_boolean(random) ? share / 4 : share;
    return (guint64) cell_of(vcpu) * share +
           (guint64) g_rand_int_range(random, 0, (int) within);
}

static VnHeat *
make_heat(void)
{
    guint cells[N_VCPUS];
    for (guint i = 0; i < N_VCPUS; i++)
        cells[i] = cell_of(i);
    return vn_heat_new(cells, N_VCPUS, VN_HEAT_HALF_LIFE_US);
}

/* Feeds @n accesses to a guest of @granules; the times are added. */
static void
feed(VnHeat *heat, guint n, guint granules, double *collect_ms, double *feed_ms)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    for (guint done = 0; done < n; done += PER_SAMPLE) {
        g_autofree guint64 *accesses = g_new(guint64, PER_SAMPLE);
        for (guint i = 0; i < PER_SAMPLE; i++)
            accesses[i] = any_granule(random, i % N_VCPUS, granules);
        gint64 start_us = g_get_monotonic_time();
        g_autoptr(VnSample) sample =
            vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, done / PER_SAMPLE * SECOND);
        for (guint i = 0; i < PER_SAMPLE; i++)
            vn_sample_add(sample, accesses[i], i % N_VCPUS, VN_ACCESS_WRITE, 1);
        vn_sample_seal(sample, (done / PER_SAMPLE + 1) * SECOND);
        *collect_ms += ms_since(start_us);
        start_us = g_get_monotonic_time();
        vn_heat_feed(heat, sample);
        *feed_ms += ms_since(start_us);
    }
}

static void
touch_everything(VnHeat *heat)
{
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
    for (guint i = 0; i < GRANULES; i++)
        vn_sample_add(sample, i, i / (GRANULES / N_VCPUS + 1), VN_ACCESS_WRITE, 1);
    vn_sample_seal(sample, SECOND);
    vn_heat_feed(heat, sample);
}

/* What the cycle asks: locality, groups, the hottest, whether it alternates. */
static double
ask(const VnHeat *heat)
{
    g_autoptr(VnHost) host = vn_host_new();
    g_autoptr(VnPlacement) placement = vn_placement_new(N_VCPUS);
    for (guint i = 0; i < N_CELLS; i++) {
        VnHostNode *node = vn_host_add_node(host, i);
        node->distances = g_new(guint, N_CELLS);
        for (guint k = 0; k < N_CELLS; k++)
            node->distances[k] = i == k ? 10 : 21;
        vn_placement_add(placement, (guint64) i * (GRANULES / N_CELLS),
                         GRANULES / N_CELLS, (int) i, i);
    }
    for (guint i = 0; i < N_VCPUS; i++)
        vn_placement_set_vcpu(placement, i, (int) cell_of(i));
    gint64 start_us = g_get_monotonic_time();
    g_autoptr(VnLocality) locality = vn_locality_new(heat, placement, host, 100 * SECOND);
    g_autoptr(VnSharing) sharing = vn_sharing_new(heat);
    g_autoptr(GArray) hottest = vn_heat_hottest(heat, VN_HEAT_HOTTEST_MAX);
    double alternating = vn_heat_alternation(heat, NULL);
    double ms = ms_since(start_us);
    printf("locality %.3f, %u groups, %u hottest, alternating %.3f\n",
           locality->guest.locality, sharing->groups->len, hottest->len, alternating);
    return ms;
}

int
main(int argc, char **argv)
{
    guint millions = argc > 1 ? (guint) atoi(argv[1]) : 1;
    double collect_ms = 0;
    double feed_ms = 0;
    g_autoptr(VnHeat) small = make_heat();
    feed(small, millions * 1000000, GRANULES / 256, &collect_ms, &feed_ms);
    printf("16 GiB, %u million accesses: %.0f ms to collect, %.0f ms to feed; %.1f MB\n",
           millions, collect_ms, feed_ms, (double) vn_heat_bytes(small) / 1e6);

    double large_ms = 0;
    double ignored = 0;
    g_autoptr(VnHeat) large = make_heat();
    touch_everything(large);
    feed(large, millions * 1000000, GRANULES, &ignored, &large_ms);
    double ask_ms = ask(large);
    double mb = (double) vn_heat_bytes(large) / 1e6;
    printf("4 TiB, all of it accessed: %.0f ms to feed, %.0f ms to ask; %.1f MB, "
           "%u granule a unit\n",
           large_ms, ask_ms, mb, vn_heat_unit_granules(large));
    return (collect_ms + feed_ms) / millions < 1000 && ask_ms < 1000 && mb <= 64 ? 0 : 1;
}
