/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnHeat: decay, accessors, confidence, hot and alternating granules, and properties. */
#include "model/heat.h"

#include <math.h>

#define SECOND ((gint64) G_USEC_PER_SEC)
#define HALF_LIFE (60 * SECOND)

typedef struct {
    guint64 granule;
    guint vcpu;
    guint64 count;
} Access;

/* A window of one second that ends at @end_s; all accesses are writes. */
static VnSample *
window(double end_s, const Access *accesses, guint n)
{
    gint64 end_us = (gint64) (end_s * (double) SECOND);
    VnSample *sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, end_us - SECOND);
    for (guint i = 0; i < n; i++)
        vn_sample_add(sample, accesses[i].granule, accesses[i].vcpu, VN_ACCESS_WRITE,
                      accesses[i].count);
    vn_sample_seal(sample, end_us);
    return sample;
}

static void
feed(VnHeat *heat, double end_s, const Access *accesses, guint n)
{
    g_autoptr(VnSample) sample = window(end_s, accesses, n);
    vn_heat_feed(heat, sample);
}

/* @n_vcpus, so many to a cell. */
static VnHeat *
make(guint n_vcpus, guint per_cell)
{
    g_autofree guint *cells = g_new(guint, n_vcpus);
    for (guint i = 0; i < n_vcpus; i++)
        cells[i] = i / per_cell;
    return vn_heat_new(cells, n_vcpus, HALF_LIFE);
}

/* The first that is known of @from and the granules after it. */
static gboolean
next_at(const VnHeat *heat, guint64 from, VnHeatGranule *ret_granule)
{
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, from);
    return vn_heat_iter_next(&iter, ret_granule);
}

static VnHeatGranule
granule_at(const VnHeat *heat, guint64 granule)
{
    VnHeatGranule one;
    g_assert_true(next_at(heat, granule, &one));
    g_assert_cmpuint(one.granule, ==, granule);
    return one;
}

static double
sum_of_rates(const VnHeat *heat)
{
    VnHeatGranule one;
    double sum = 0;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, 0);
    while (vn_heat_iter_next(&iter, &one))
        sum += one.rate;
    return sum;
}

static void
test_nothing_known(void)
{
    g_autoptr(VnHeat) heat = make(4, 2);
    VnHeatGranule one;
    gint64 period = 77;
    g_autoptr(GArray) hottest = vn_heat_hottest(heat, 10);
    g_assert_false(next_at(heat, 0, &one));
    g_assert_cmpuint(hottest->len, ==, 0);
    g_assert_cmpfloat(vn_heat_rate(heat), ==, 0);
    g_assert_cmpfloat(vn_heat_hot_rate(heat), ==, 0);
    g_assert_cmpfloat(vn_heat_confidence(heat, NULL, 0), ==, 0);
    g_assert_cmpfloat(vn_heat_stability(heat), ==, -1);
    g_assert_cmpfloat(vn_heat_hint(heat, 3, 0), ==, 0);
    g_assert_cmpfloat(vn_heat_alternation(heat, &period), ==, 0);
    g_assert_cmpint(period, ==, 77);
    g_assert_cmpuint(vn_heat_n_cells(heat), ==, 2);
}

static void
test_rates(void)
{
    static const Access accesses[] = {{3, 0, 100}, {3, 2, 50}, {700, 1, 10}};
    g_autoptr(VnHeat) heat = make(4, 2);
    feed(heat, 1, accesses, G_N_ELEMENTS(accesses));
    VnHeatGranule one = granule_at(heat, 3);
    g_assert_cmpfloat_with_epsilon(one.rate, 150, 1e-4);
    g_assert_cmpfloat_with_epsilon(one.write_rate, 150, 1e-2);
    g_assert_cmpuint(one.n_accessors, ==, 2);
    g_assert_cmpint(one.accessors[0].vcpu, ==, 0);
    g_assert_cmpuint(one.accessors[0].cell, ==, 0);
    g_assert_cmpfloat_with_epsilon(one.accessors[0].rate, 100, 1e-2);
    g_assert_cmpint(one.accessors[1].vcpu, ==, 2);
    g_assert_cmpuint(one.accessors[1].cell, ==, 1);
    g_assert_cmpfloat_with_epsilon(one.accessors[1].rate, 50, 1e-2);
    g_assert_cmpfloat_with_epsilon(one.others_rate, 0, 1e-2);
    g_assert_true(next_at(heat, 4, &one));
    g_assert_cmpuint(one.granule, ==, 700);
    g_assert_false(next_at(heat, 701, &one));
    g_assert_cmpfloat_with_epsilon(vn_heat_rate(heat), 160, 1e-9);
    g_assert_cmpfloat_with_epsilon(vn_heat_vcpu_rate(heat, 1), 10, 1e-9);
    g_assert_cmpfloat(vn_heat_vcpu_rate(heat, 3), ==, 0);
}

/* Reads are no writes, and a count may stand for many pages. */
static void
test_kinds_and_page_sizes(void)
{
    g_autoptr(VnHeat) heat = make(2, 1);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_REFAULT, 0);
    sample->count_pages = VN_SAMPLE_PAGES_MAX;
    vn_sample_add(sample, 8, 0, VN_ACCESS_READ, 3);
    vn_sample_add(sample, 8, 1, VN_ACCESS_ANY, 1);
    vn_sample_add(sample, 8, 1, VN_ACCESS_WRITE, 1);
    vn_sample_seal(sample, 2 * SECOND);
    vn_heat_feed(heat, sample);
    VnHeatGranule one = granule_at(heat, 8);
    g_assert_cmpfloat_with_epsilon(one.rate, 5 * 512 / 2, 1e-3);
    g_assert_cmpfloat_with_epsilon(one.write_rate, 512 / 2, 1e-1);
    /* Evidence is what was seen: five faults. */
    g_assert_cmpfloat_with_epsilon(vn_heat_confidence(heat, NULL, 2 * SECOND), 5.0 / 261,
                                   1e-9);
}

static void
test_decay(void)
{
    static const Access accesses[] = {{3, 0, 300}};
    g_autoptr(VnHeat) heat = make(2, 1);
    feed(heat, 1, accesses, 1);
    /* Nobody looked: nothing new is known, and the rate stays. */
    g_assert_cmpfloat_with_epsilon(vn_heat_rate(heat), 300, 1e-9);
    /* One half-life later nothing was seen: half of 300, in a half and one second. */
    feed(heat, 61, NULL, 0);
    g_assert_cmpfloat_with_epsilon(vn_heat_rate(heat), 150 / 1.5, 1e-9);
    g_assert_cmpfloat_with_epsilon(granule_at(heat, 3).rate, 100, 1e-3);
    g_assert_cmpfloat_with_epsilon(vn_heat_vcpu_rate(heat, 0), 100, 1e-9);
    /* And in the same window as much by another: he now has two thirds. */
    static const Access other[] = {{3, 1, 300}};
    g_autoptr(VnHeat) both = make(2, 2);
    feed(both, 1, accesses, 1);
    feed(both, 61, other, 1);
    VnHeatGranule one = granule_at(both, 3);
    g_assert_cmpfloat_with_epsilon(one.rate, 450 / 1.5, 1e-3);
    g_assert_cmpint(one.accessors[0].vcpu, ==, 1);
    g_assert_cmpfloat_with_epsilon(one.accessors[0].rate / one.rate, 2.0 / 3, 1e-4);
}

/* The share of granule 3's known accesses that are vCPU 1's. */
static double
share_of_the_other(const VnHeat *heat)
{
    VnHeatGranule one = granule_at(heat, 3);
    for (guint i = 0; i < one.n_accessors; i++) {
        if (one.accessors[i].vcpu == 1)
            return one.accessors[i].rate / one.rate;
    }
    return 0;
}

/* A cell that takes a granule over has most of it at once; strays change little. */
static void
test_change(void)
{
    static const Access accesses[] = {{3, 0, 300}};
    static const Access other[] = {{3, 1, 300}};
    static const Access stray[] = {{3, 1, 20}};
    g_autoptr(VnHeat) heat = make(2, 1);
    for (guint i = 0; i < 10; i++)
        feed(heat, 1 + 5 * i, accesses, 1);
    double before = vn_heat_rate(heat);
    feed(heat, 51, stray, 1);
    g_assert_cmpfloat(share_of_the_other(heat), <, 0.02);
    g_assert_cmpfloat(vn_heat_rate(heat), >, before * 0.85);
    feed(heat, 56, accesses, 1);
    for (guint i = 0; i < 3; i++)
        feed(heat, 61 + 5 * i, other, 1);
    g_assert_cmpfloat(share_of_the_other(heat), >, 0.6);
    g_assert_cmpfloat_with_epsilon(granule_at(heat, 3).rate, vn_heat_rate(heat), 1e-2);
}

/* Over years, with windows rare and dense, figures stay and the old is forgotten. */
static void
test_scaling_back(void)
{
    static const Access always[] = {{3, 0, 64}};
    static const Access once[] = {{90000, 1, 64}};
    g_autoptr(VnHeat) heat = make(2, 1);
    feed(heat, 1, once, 1);
    feed(heat, 1, always, 1);
    gsize before = vn_heat_bytes(heat);
    for (guint i = 1; i < 400; i++) {
        feed(heat, 1 + i * 100, always, 1);
        g_assert_true(isfinite(vn_heat_rate(heat)));
    }
    VnHeatGranule one;
    g_assert_cmpfloat_with_epsilon(granule_at(heat, 3).rate, 64, 0.01);
    g_assert_false(next_at(heat, 4, &one));
    g_assert_cmpuint(vn_heat_bytes(heat), <, before);
    g_assert_cmpfloat_with_epsilon(vn_heat_vcpu_rate(heat, 1), 0, 1e-9);

    /* After ten years only the new counts. */
    feed(heat, 3e8, once, 1);
    g_assert_false(next_at(heat, 0, &one) && one.granule == 3);
    g_assert_cmpfloat_with_epsilon(vn_heat_rate(heat), 64, 1e-9);
    /* And what comes late counts little. */
    feed(heat, 2e8, always, 1);
    g_assert_cmpfloat_with_epsilon(vn_heat_rate(heat), 64, 1e-9);
}

static void
test_owners(void)
{
    static const struct {
        guint counts[8]; /* by vCPU, two to a cell */
        VnHeatOwner owner;
        guint cell;
    } cases[] = {
        {{100}, VN_HEAT_PRIVATE_VCPU, 0},
        {{0, 0, 0, 90, 10}, VN_HEAT_PRIVATE_VCPU, 1},
        {{0, 0, 0, 88, 12}, VN_HEAT_SHARED, 1},
        {{0, 0, 45, 45, 10}, VN_HEAT_PRIVATE_CELL, 1},
        {{45, 45, 0, 0, 20}, VN_HEAT_SHARED, 0},
        {{25, 25, 25, 25}, VN_HEAT_SHARED, 0},
        {{10, 10, 10, 10, 10, 10, 1000, 1000}, VN_HEAT_PRIVATE_CELL, 3},
        {{10, 10, 10, 10, 10, 10, 10, 10}, VN_HEAT_SHARED, 0},
        {{1, 1, 1, 1, 1, 1, 1, 100000}, VN_HEAT_PRIVATE_VCPU, 3},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHeat) heat = make(8, 2);
        for (guint round = 0; round < 5; round++) {
            Access accesses[8];
            for (guint k = 0; k < 8; k++)
                accesses[k] = (Access){5, k, cases[i].counts[k] * 100};
            feed(heat, round, accesses, 8);
        }
        guint cell;
        VnHeatGranule one = granule_at(heat, 5);
        g_test_message("case %u", i);
        g_assert_cmpuint(vn_heat_owner(&one, &cell), ==, cases[i].owner);
        g_assert_cmpuint(cell, ==, cases[i].cell);
    }
    g_assert_cmpstr(vn_heat_owner_name(VN_HEAT_PRIVATE_VCPU), ==, "vcpu");
    g_assert_cmpstr(vn_heat_owner_name(VN_HEAT_SHARED), ==, "shared");
}

/* Many vCPUs of one cell are that cell; of many cells, the others; nothing gets lost. */
static void
test_more_accessors_than_are_named(void)
{
    g_autoptr(VnHeat) heat = make(255, 64);
    g_autoptr(VnHeat) spread = make(255, 2);
    Access accesses[255];
    for (guint i = 0; i < 64; i++)
        accesses[i] = (Access){5, 64 + i, 10};
    feed(heat, 1, accesses, 64);
    VnHeatGranule one = granule_at(heat, 5);
    g_assert_cmpuint(vn_heat_owner(&one, NULL), ==, VN_HEAT_PRIVATE_CELL);
    g_assert_cmpfloat_with_epsilon(one.others_rate, 0, 0.1);
    for (guint i = 0; i < 255; i++)
        accesses[i] = (Access){5, i, 10};
    feed(heat, 1, accesses, 255);
    one = granule_at(heat, 5);
    g_assert_cmpfloat_with_epsilon(one.rate, 3190 / 2.0, 1e-2);
    g_assert_cmpuint(one.n_accessors, ==, 4);
    g_assert_cmpfloat_with_epsilon(one.others_rate, 0, 1);
    feed(spread, 1, accesses, 255);
    one = granule_at(spread, 5);
    g_assert_cmpfloat_with_epsilon(one.rate, 2550, 1e-2);
    g_assert_cmpuint(vn_heat_owner(&one, NULL), ==, VN_HEAT_SHARED);
    double known = 0;
    for (guint i = 0; i < one.n_accessors; i++)
        known += one.accessors[i].rate;
    g_assert_cmpfloat_with_epsilon(known + one.others_rate, one.rate, 1e-6);
}

/* A granule that all used, and then one vCPU only, becomes that vCPU's. */
static void
test_shared_becomes_private(void)
{
    g_autoptr(VnHeat) heat = make(64, 32);
    Access accesses[64];
    for (guint i = 0; i < 64; i++)
        accesses[i] = (Access){5, i, 10};
    feed(heat, 0, accesses, 64);
    for (guint i = 1; i <= 10; i++) {
        static const Access mine[] = {{5, 40, 500}};
        feed(heat, i * 60, mine, 1);
    }
    VnHeatGranule one = granule_at(heat, 5);
    guint cell;
    g_assert_cmpuint(vn_heat_owner(&one, &cell), ==, VN_HEAT_PRIVATE_VCPU);
    g_assert_cmpint(one.accessors[0].vcpu, ==, 40);
    g_assert_cmpuint(cell, ==, 1);
}

static void
test_confidence(void)
{
    static const struct {
        guint64 count;
        guint64 lost;
        double age_s;
        double confidence;
    } cases[] = {
        {0, 0, 0, 0},
        {64, 0, 0, 0.2},
        {256, 0, 0, 0.5},
        {256, 0, 60, 1.0 / 3},
        {256, 768, 0, 0.125},
        {1000000, 0, 0, 1},
        {1000000, 0, 600, 0.792},
        {1000000, 0, 6000, 0},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHeat) heat = make(2, 1);
        g_autoptr(VnIdSet) one = vn_idset_new_with(1);
        g_autoptr(VnIdSet) other = vn_idset_new_with(0);
        gint64 now_us = (gint64) ((5 + cases[i].age_s) * (double) SECOND);
        g_autoptr(VnSample) sample = window(5, (Access[]){{3, 1, cases[i].count}}, 1);
        sample->cost.lost = cases[i].lost;
        vn_heat_feed(heat, sample);
        g_test_message("case %u", i);
        g_assert_cmpfloat_with_epsilon(vn_heat_confidence(heat, NULL, now_us),
                                       cases[i].confidence, 1e-3);
        g_assert_cmpfloat_with_epsilon(vn_heat_confidence(heat, one, now_us),
                                       cases[i].confidence, 1e-3);
        g_assert_cmpfloat(vn_heat_confidence(heat, other, now_us), ==, 0);
    }
}

/* Of a vCPU that the guest does not have: lost, not guessed. */
static void
test_unknown_vcpu(void)
{
    static const Access accesses[] = {{3, 1, 100}, {3, 2, 100}, {4, 4095, 100}};
    g_autoptr(VnHeat) heat = make(2, 1);
    feed(heat, 1, accesses, G_N_ELEMENTS(accesses));
    VnHeatGranule one;
    g_assert_cmpfloat_with_epsilon(vn_heat_rate(heat), 100, 1e-9);
    g_assert_false(next_at(heat, 4, &one));
    g_assert_cmpfloat_with_epsilon(vn_heat_confidence(heat, NULL, SECOND),
                                   100.0 / 356 / 3, 1e-9);
}

static void
test_hot_and_hottest(void)
{
    g_autoptr(VnHeat) heat = make(2, 1);
    Access accesses[1000];
    /* Ten granules have 512 pages each, the others one. */
    for (guint i = 0; i < 1000; i++)
        accesses[i] = (Access){i, 0, i % 100 == 7 ? 512 : 1};
    /* These together have 16 % of all: more than what is left to the cold ones. */
    feed(heat, 1, accesses, 1000);
    g_assert_cmpfloat(vn_heat_hot_rate(heat), <=, 1);
    for (guint i = 0; i < 1000; i++)
        accesses[i].count = i % 100 == 7 ? 5120 : 1;
    g_autoptr(VnHeat) clear = make(2, 1);
    feed(clear, 1, accesses, 1000);
    g_assert_cmpfloat(vn_heat_hot_rate(clear), <=, 5120);
    g_assert_cmpfloat(vn_heat_hot_rate(clear), >, 5120 * 11 / 12.0);

    static const guint wanted[] = {0, 1, 9, 10, 11, 999, 1000, 5000, G_MAXUINT};
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autoptr(GArray) hottest = vn_heat_hottest(clear, wanted[i]);
        g_assert_cmpuint(hottest->len, ==, MIN(wanted[i], 1000));
        for (guint k = 0; k < hottest->len; k++) {
            const VnHeatGranule *one = &g_array_index(hottest, VnHeatGranule, k);
            if (k < 10)
                g_assert_cmpuint(one->granule, ==, k * 100 + 7);
            else
                g_assert_cmpfloat_with_epsilon(one->rate, 1, 1e-6);
        }
    }
}

/* Rates far outside what the steps tell apart are still counted. */
static void
test_extreme_rates(void)
{
    g_autoptr(VnHeat) heat = make(1, 1);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_RING, 0);
    sample->count_pages = VN_SAMPLE_PAGES_MAX;
    vn_sample_add(sample, 1, 0, VN_ACCESS_WRITE, G_MAXUINT64);
    vn_sample_add(sample, 2, 0, VN_ACCESS_WRITE, 1);
    vn_sample_seal(sample, 0);
    vn_heat_feed(heat, sample);
    g_autoptr(VnSample) slow = vn_sample_new(VN_SAMPLE_DIRTY_RING, 0);
    vn_sample_seal(slow, G_MAXINT64 / 2);
    g_autoptr(GArray) hottest = vn_heat_hottest(heat, 2);
    g_assert_cmpuint(hottest->len, ==, 2);
    g_assert_cmpuint(g_array_index(hottest, VnHeatGranule, 0).granule, ==, 1);
    vn_heat_feed(heat, slow);
    VnHeatGranule one;
    g_assert_false(next_at(heat, 0, &one));
    g_assert_true(isfinite(vn_heat_rate(heat)));
    g_assert_cmpuint(vn_heat_bytes(heat), <, 60000);
}

static void
test_stability(void)
{
    static const Access before[] = {{1, 0, 60}, {2, 1, 40}, {3, 0, 10}, {3, 1, 10}};
    static const Access after[] = {{1, 0, 60}, {2, 0, 40}, {3, 0, 30}, {9, 0, 90}};
    g_autoptr(VnHeat) heat = make(2, 1);
    feed(heat, 1, before, G_N_ELEMENTS(before));
    g_assert_cmpfloat(vn_heat_stability(heat), ==, -1);
    feed(heat, 2, before, G_N_ELEMENTS(before));
    g_assert_cmpfloat_with_epsilon(vn_heat_stability(heat), 1, 1e-9);
    feed(heat, 3, after, G_N_ELEMENTS(after));
    g_assert_cmpfloat_with_epsilon(vn_heat_stability(heat), 0.6, 1e-9);
}

/* Windows every two seconds; the cell that writes changes every so many windows. */
static void
test_alternation(void)
{
    static const struct {
        guint every; /* 0: once, halfway */
        double share;
    } cases[] = {{1, 0.8}, {2, 0.8}, {5, 0.8}, {10, 0.8}, {60, 0}, {0, 0}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHeat) heat = make(4, 2);
        const guint n = 200;
        for (guint k = 0; k < n; k++) {
            guint phase = cases[i].every ? k / cases[i].every : k >= n / 2;
            Access accesses[] = {{1, phase % 2 ? 2 : 0, 400},
                                 {2, 1, 60},
                                 {3, 3, 40},
                                 {1, phase % 2 ? 1 : 3, 1}};
            feed(heat, k * 2, accesses, G_N_ELEMENTS(accesses));
        }
        gint64 period = -1;
        g_test_message("case %u", i);
        g_assert_cmpfloat_with_epsilon(vn_heat_alternation(heat, &period), cases[i].share,
                                       1e-2);
        if (cases[i].share > 0)
            g_assert_cmpfloat_with_epsilon((double) period / (double) SECOND,
                                           cases[i].every * 2, cases[i].every * 0.5);
        else
            g_assert_cmpint(period, ==, -1);
    }
}

/* vCPUs of one cell taking turns are no reason to leave anything alone. */
static void
test_turns_within_a_cell(void)
{
    g_autoptr(VnHeat) heat = make(4, 2);
    for (guint k = 0; k < 50; k++)
        feed(heat, k, (Access[]){{1, k % 2, 100}}, 1);
    g_assert_cmpfloat(vn_heat_alternation(heat, NULL), ==, 0);
}

/* Whole cells are known on under a new number, unless they are divided. */
static void
test_set_cells(void)
{
    g_autoptr(VnHeat) heat = make(12, 6);
    Access accesses[12];
    for (guint i = 0; i < 12; i++)
        accesses[i] = (Access){i / 6, i, 100};
    feed(heat, 1, accesses, 12);
    g_assert_cmpint(granule_at(heat, 0).accessors[0].vcpu, ==, -1);
    /* Cell 0 is cell 2 now, and cell 1 is in two. */
    guint cells[12] = {2, 2, 2, 2, 2, 2, 0, 0, 0, 1, 1, 1};
    vn_heat_set_cells(heat, cells);
    VnHeatGranule first = granule_at(heat, 0);
    VnHeatGranule second = granule_at(heat, 1);
    guint cell;
    g_assert_cmpuint(vn_heat_owner(&first, &cell), ==, VN_HEAT_PRIVATE_CELL);
    g_assert_cmpuint(cell, ==, 2);
    g_assert_cmpuint(vn_heat_owner(&second, NULL), ==, VN_HEAT_SHARED);
    g_assert_cmpfloat_with_epsilon(second.rate, first.rate, 1e-6);
    g_assert_cmpfloat_with_epsilon(sum_of_rates(heat), vn_heat_rate(heat), 1e-3);
    g_assert_cmpint(vn_heat_age_us(heat, 11 * SECOND), ==, 11 * SECOND);
}

static void
test_hints(void)
{
    g_autoptr(VnHeat) heat = make(4, 2);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_NUMA_FAULTS, 0);
    vn_sample_add_hint(sample, 1, 0, 30);
    vn_sample_add_hint(sample, 1, 1, 10);
    vn_sample_add_hint(sample, 1, VN_HEAT_HINT_NODES - 1, 4);
    vn_sample_add_hint(sample, 1, VN_HEAT_HINT_NODES, 5);
    vn_sample_add_hint(sample, 2, -1, 8);
    vn_sample_add_hint(sample, 4, 0, 1000);
    vn_sample_seal(sample, 2 * SECOND);
    vn_heat_feed(heat, sample);
    g_assert_cmpfloat_with_epsilon(vn_heat_hint(heat, 1, 0), 15, 1e-5);
    g_assert_cmpfloat_with_epsilon(vn_heat_hint(heat, 1, 1), 5, 1e-5);
    g_assert_cmpfloat_with_epsilon(vn_heat_hint(heat, 1, VN_HEAT_HINT_NODES - 1), 2,
                                   1e-5);
    g_assert_cmpfloat(vn_heat_hint(heat, 1, VN_HEAT_HINT_NODES), ==, 0);
    g_assert_cmpfloat_with_epsilon(vn_heat_hint(heat, 1, -1), 2.5, 1e-5);
    g_assert_cmpfloat_with_epsilon(vn_heat_hint(heat, 2, -1), 4, 1e-5);
    g_assert_cmpfloat_with_epsilon(vn_heat_hint_confidence(heat, 2 * SECOND), 44.0 / 300,
                                   1e-9);
    g_assert_cmpfloat(vn_heat_rate(heat), ==, 0);
    g_assert_cmpfloat(vn_heat_confidence(heat, NULL, 2 * SECOND), ==, 0);
}

/* Random windows: totals agree however they are asked for, and nothing turns negative. */
static void
test_random(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(4);
    for (guint round = 0; round < 60; round++) {
        guint n_vcpus = (guint) g_rand_int_range(random, 1, 40);
        g_autoptr(VnHeat) heat = make(n_vcpus, (guint) g_rand_int_range(random, 1, 9));
        double time = 0;
        for (guint k = 0; k < 12; k++) {
            g_autofree Access *accesses = g_new(Access, 300);
            for (guint i = 0; i < 300; i++)
                accesses[i] =
                    (Access){(guint64) g_rand_int_range(random, 0, 40) * (1 + round * 37),
                             (guint) g_rand_int_range(random, 0, (int) n_vcpus),
                             (guint64) g_rand_int_range(random, 0, 600)};
            time += g_rand_double_range(random, 0, k % 5 == 4 ? 3000 : 50);
            feed(heat, time, accesses, 300);
            double by_vcpu = 0;
            for (guint i = 0; i < n_vcpus; i++)
                by_vcpu += vn_heat_vcpu_rate(heat, i);
            double rate = vn_heat_rate(heat);
            g_assert_cmpfloat_with_epsilon(by_vcpu, rate, rate * 1e-9);
            g_assert_cmpfloat_with_epsilon(sum_of_rates(heat), rate, rate * 1e-5);
        }
        VnHeatGranule one;
        VnHeatIter iter;
        vn_heat_iter_init(&iter, heat, 0);
        while (vn_heat_iter_next(&iter, &one)) {
            double known = one.others_rate;
            for (guint i = 0; i < one.n_accessors; i++) {
                g_assert_cmpfloat(one.accessors[i].rate, >, 0);
                known += one.accessors[i].rate;
            }
            g_assert_cmpfloat(one.others_rate, >=, 0);
            g_assert_cmpfloat_with_epsilon(known, one.rate, one.rate * 1e-6);
            g_assert_cmpfloat(one.write_rate, <=, one.rate * (1 + 1e-9));
        }
        /* Decay is monotone: looking and seeing nothing never makes anything hotter. */
        double before = vn_heat_rate(heat);
        for (guint k = 0; k < 20; k++) {
            double coldest = vn_heat_confidence(heat, NULL, (gint64) (time * 1e6));
            time += g_rand_double_range(random, 0, 300);
            feed(heat, time, NULL, 0);
            g_assert_cmpfloat(vn_heat_rate(heat), <=, before);
            g_assert_cmpfloat(vn_heat_confidence(heat, NULL, (gint64) (time * 1e6)), <=,
                              coldest);
            before = vn_heat_rate(heat);
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/heat/nothing-known", test_nothing_known);
    g_test_add_func("/heat/rates", test_rates);
    g_test_add_func("/heat/kinds-and-page-sizes", test_kinds_and_page_sizes);
    g_test_add_func("/heat/decay", test_decay);
    g_test_add_func("/heat/scaling-back", test_scaling_back);
    g_test_add_func("/heat/owners", test_owners);
    g_test_add_func("/heat/more-accessors-than-are-named",
                    test_more_accessors_than_are_named);
    g_test_add_func("/heat/shared-becomes-private", test_shared_becomes_private);
    g_test_add_func("/heat/confidence", test_confidence);
    g_test_add_func("/heat/unknown-vcpu", test_unknown_vcpu);
    g_test_add_func("/heat/hot-and-hottest", test_hot_and_hottest);
    g_test_add_func("/heat/extreme-rates", test_extreme_rates);
    g_test_add_func("/heat/stability", test_stability);
    g_test_add_func("/heat/change", test_change);
    g_test_add_func("/heat/alternation", test_alternation);
    g_test_add_func("/heat/turns-within-a-cell", test_turns_within_a_cell);
    g_test_add_func("/heat/set-cells", test_set_cells);
    g_test_add_func("/heat/hints", test_hints);
    g_test_add_func("/heat/random", test_random);
    return g_test_run();
}
