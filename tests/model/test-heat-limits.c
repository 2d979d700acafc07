/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnHeat's bound on memory: at 4 TiB, past it; and coarsening keeps what is known. */
#include "model/heat-store.h"
#include "model/heat.h"

#include <math.h>

#define GIB_GRANULES 512u

/* Every granule of [first, first + n) is written, by vCPU granule % @n_vcpus. */
static void
feed_range(VnHeat *heat, guint64 first, guint64 n, guint n_vcpus, gint64 end_us)
{
    g_autoptr(VnSample) sample =
        vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, end_us - G_USEC_PER_SEC);
    for (guint64 i = first; i < first + n; i++)
        vn_sample_add(sample, i, (guint) (i % n_vcpus), VN_ACCESS_WRITE, 8);
    vn_sample_seal(sample, end_us);
    g_assert_cmpuint(sample->cost.lost, ==, 0);
    vn_heat_feed(heat, sample);
}

static VnHeat *
make_largest(void)
{
    g_autofree guint *cells = g_new(guint, VN_VCPUS_MAX);
    for (guint i = 0; i < VN_VCPUS_MAX; i++)
        cells[i] = i * VN_CELLS_MAX / VN_VCPUS_MAX;
    VnHeat *heat = vn_heat_new(cells, VN_VCPUS_MAX, VN_HEAT_HALF_LIFE_US);
    g_autoptr(VnSample) hints = vn_sample_new(VN_SAMPLE_NUMA_FAULTS, 0);
    vn_sample_add_hint(hints, 0, 0, 1);
    vn_sample_seal(hints, 1);
    vn_heat_feed(heat, hints);
    return heat;
}

static double
sum_of_rates(const VnHeat *heat, guint64 *ret_units)
{
    VnHeatGranule one;
    double sum = 0;
    *ret_units = 0;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, 0);
    while (vn_heat_iter_next(&iter, &one)) {
        g_assert_cmpuint(one.n_granules, ==, vn_heat_unit_granules(heat));
        g_assert_cmpuint(one.granule % one.n_granules, ==, 0);
        sum += one.rate;
        ++*ret_units;
    }
    return sum;
}

/* With the hole below 4 GiB, and with all that one guest can have besides. */
static void
test_four_tib(void)
{
    const guint64 low = 3 * GIB_GRANULES;
    guint64 units;
    g_autoptr(VnHeat) heat = make_largest();
    feed_range(heat, 0, low, VN_VCPUS_MAX, G_USEC_PER_SEC);
    feed_range(heat, 4 * GIB_GRANULES, VN_SAMPLE_COUNTS_MAX - low, VN_VCPUS_MAX,
               G_USEC_PER_SEC);
    g_assert_cmpuint(vn_heat_unit_granules(heat), ==, 1);
    g_assert_cmpfloat_with_epsilon(sum_of_rates(heat, &units), 4.0 * VN_SAMPLE_COUNTS_MAX,
                                   1);
    g_assert_cmpuint(units, ==, VN_SAMPLE_COUNTS_MAX);
    g_assert_cmpuint(vn_heat_bytes(heat), <=, VN_HEAT_BYTES_MAX);
}

/* The last block that there may be, then one granule more: only then units double. */
static void
test_past_the_limit(void)
{
    const guint64 most = (guint64) VN_HEAT_BLOCKS_MAX * VN_HEAT_SLOTS;
    guint64 units;
    g_autoptr(VnHeat) heat = make_largest();
    feed_range(heat, 0, VN_SAMPLE_COUNTS_MAX, 4, G_USEC_PER_SEC);
    feed_range(heat, VN_SAMPLE_COUNTS_MAX, most - VN_SAMPLE_COUNTS_MAX, 4,
               G_USEC_PER_SEC);
    g_assert_cmpuint(vn_heat_unit_granules(heat), ==, 1);
    g_assert_cmpuint(vn_heat_bytes(heat), <=, VN_HEAT_BYTES_MAX);
    g_assert_cmpuint(vn_heat_bytes(heat), >, VN_HEAT_BYTES_MAX / 100 * 95);
    double before = sum_of_rates(heat, &units);
    g_assert_cmpuint(units, ==, most);

    feed_range(heat, most, 1, 4, G_USEC_PER_SEC);
    g_assert_cmpuint(vn_heat_unit_granules(heat), ==, 2);
    g_assert_cmpuint(vn_heat_bytes(heat), <=, VN_HEAT_BYTES_MAX);
    /* Three windows instead of two. */
    g_assert_cmpfloat_with_epsilon(sum_of_rates(heat, &units), before * 2 / 3 + 8.0 / 3,
                                   1);
    g_assert_cmpuint(units, ==, most / 2 + 1);

    /* Two vCPUs have each unit now, and both are still named. */
    VnHeatGranule one;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, 3);
    g_assert_true(vn_heat_iter_next(&iter, &one));
    g_assert_cmpuint(one.granule, ==, 4);
    g_assert_cmpuint(one.n_accessors, ==, 2);
    g_assert_cmpfloat_with_epsilon(one.accessors[1].rate, one.rate / 2, one.rate * 1e-4);
    g_assert_cmpfloat_with_epsilon(one.write_rate, one.rate, one.rate * 1e-3);
}

/* Accesses all over what 52 bits can address. */
static void
test_widest_spread(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(8);
    g_autoptr(VnHeat) heat = make_largest();
    guint64 units;
    for (guint round = 1; round <= 4; round++) {
        g_autoptr(VnSample) sample =
            vn_sample_new(VN_SAMPLE_REFAULT, round * G_USEC_PER_SEC);
        for (guint i = 0; i < 5000; i++)
            vn_sample_add(sample, g_rand_int(random) >> 1, i % VN_VCPUS_MAX,
                          VN_ACCESS_READ, 1);
        vn_sample_add(sample, VN_SAMPLE_GRANULES_MAX - 1, 0, VN_ACCESS_READ, 1);
        vn_sample_seal(sample, (round + 1) * G_USEC_PER_SEC);
        vn_heat_feed(heat, sample);
        g_assert_cmpuint(vn_heat_bytes(heat), <=, VN_HEAT_BYTES_MAX);
        double rate = vn_heat_rate(heat);
        g_assert_cmpfloat_with_epsilon(sum_of_rates(heat, &units), rate, rate * 1e-5);
    }
    /* 4 Mi blocks of single granules into 4224. */
    g_assert_cmpuint(vn_heat_unit_granules(heat), ==, 1024);
    /* Nothing for ever so long: it begins again. */
    feed_range(heat, 0, 1, 1, G_GINT64_CONSTANT(1000) * VN_HEAT_HALF_LIFE_US);
    g_assert_cmpuint(vn_heat_unit_granules(heat), ==, 1);
    g_assert_cmpfloat_with_epsilon(vn_heat_rate(heat), 8, 1e-6);
}

/* Random slots: what two have together is in the one that is made of them. */
static void
test_merging(void)
{
    guint8 cell_of[64];
    g_autoptr(GRand) random = g_rand_new_with_seed(15);
    for (guint i = 0; i < G_N_ELEMENTS(cell_of); i++)
        cell_of[i] = (guint8) (i / 4);
    for (guint round = 0; round < 2000; round++) {
        VnHeatLoad loads[3];
        VnHeatSlot slot = {0};
        double by_cell[16] = {0};
        vn_heat_load_read(&loads[0], &slot);
        g_assert_cmpuint(loads[0].cell, ==, VN_HEAT_CELL_NONE);
        loads[2] = loads[1] = loads[0];
        guint n = (guint) g_rand_int_range(random, 0, 12);
        for (guint i = 0; i < n; i++) {
            guint16 who = (guint16) g_rand_int_range(random, 0, 64);
            double amount = exp2(g_rand_double_range(random, -3, 50));
            vn_heat_load_add(&loads[i % 2], cell_of, who, amount, amount / 2);
            by_cell[cell_of[who]] += amount;
        }
        vn_heat_load_write(&loads[0], &slot);
        vn_heat_load_read(&loads[2], &slot);
        vn_heat_load_merge(&loads[2], cell_of, &loads[1]);
        double total = loads[0].total + loads[1].total;
        double known = 0;
        g_assert_cmpfloat_with_epsilon(loads[2].total, total, total * 1e-6 + 1e-9);
        g_assert_cmpfloat_with_epsilon(loads[2].writes, total / 2, total * 1e-4 + 1e-9);
        g_assert_cmpuint(loads[2].n, <=, VN_HEAT_ACCESSORS);
        for (guint i = 0; i < loads[2].n; i++) {
            /* Nobody gets more than his cell had. */
            guint8 cell = vn_heat_cell_of(cell_of, loads[2].who[i]);
            g_assert_cmpfloat(loads[2].amounts[i], <=, by_cell[cell] + total * 1e-4);
            known += loads[2].amounts[i];
        }
        g_assert_cmpfloat(known, <=, total * (1 + 1e-6));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/heat-limits/four-tib", test_four_tib);
    g_test_add_func("/heat-limits/past-the-limit", test_past_the_limit);
    g_test_add_func("/heat-limits/widest-spread", test_widest_spread);
    g_test_add_func("/heat-limits/merging", test_merging);
    return g_test_run();
}
