/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnSample: order, sums, names, and what happens at and past its limits. */
#include "model/sample.h"

static const VnSampleCount *
count_at(const VnSample *sample, guint i)
{
    g_assert_cmpuint(i, <, sample->counts->len);
    return &g_array_index(sample->counts, VnSampleCount, i);
}

static void
test_sealing_sorts_and_adds_up(void)
{
    static const VnSampleCount wanted[] = {
        {1, 0, VN_ACCESS_WRITE, 7},
        {1, 2, VN_ACCESS_READ, 1},
        {1, 2, VN_ACCESS_WRITE, 5},
        {9, 0, VN_ACCESS_WRITE, 1},
    };
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_REFAULT, 1000);
    vn_sample_add(sample, 9, 0, VN_ACCESS_WRITE, 1);
    vn_sample_add(sample, 1, 2, VN_ACCESS_WRITE, 2);
    vn_sample_add(sample, 1, 2, VN_ACCESS_READ, 1);
    vn_sample_add(sample, 1, 2, VN_ACCESS_WRITE, 3);
    vn_sample_add(sample, 1, 0, VN_ACCESS_WRITE, 7);
    vn_sample_add(sample, 4, 0, VN_ACCESS_WRITE, 0);
    vn_sample_seal(sample, 3000);
    g_assert_true(sample->sealed);
    g_assert_cmpint(sample->duration_us, ==, 2000);
    g_assert_cmpuint(sample->counts->len, ==, G_N_ELEMENTS(wanted));
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        const VnSampleCount *count = count_at(sample, i);
        g_assert_cmpuint(count->granule, ==, wanted[i].granule);
        g_assert_cmpuint(count->vcpu, ==, wanted[i].vcpu);
        g_assert_cmpuint(count->access, ==, wanted[i].access);
        g_assert_cmpuint(count->count, ==, wanted[i].count);
    }
    g_assert_cmpuint(vn_sample_total(sample), ==, 14);
    g_assert_cmpuint(sample->cost.lost, ==, 0);
}

static void
test_clock_that_stands_still(void)
{
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_REFAULT, 1000);
    vn_sample_seal(sample, 1000);
    g_assert_cmpint(sample->duration_us, ==, 1);
    g_assert_cmpuint(vn_sample_total(sample), ==, 0);
}

static void
test_limits_of_an_access(void)
{
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
    vn_sample_add(sample, VN_SAMPLE_GRANULES_MAX - 1, VN_VCPUS_MAX - 1, VN_ACCESS_WRITE,
                  1);
    g_assert_cmpuint(sample->cost.lost, ==, 0);
    vn_sample_add(sample, VN_SAMPLE_GRANULES_MAX, 0, VN_ACCESS_WRITE, 2);
    vn_sample_add(sample, G_MAXUINT64, 0, VN_ACCESS_WRITE, 3);
    vn_sample_add(sample, 0, VN_VCPUS_MAX, VN_ACCESS_WRITE, 4);
    g_assert_cmpuint(sample->cost.lost, ==, 9);

    /* Counts stay at their largest. */
    vn_sample_add(sample, 5, 0, VN_ACCESS_WRITE, G_MAXUINT64);
    vn_sample_add(sample, 5, 0, VN_ACCESS_WRITE, 1);
    vn_sample_seal(sample, 1);
    g_assert_cmpuint(sample->counts->len, ==, 2);
    g_assert_cmpuint(count_at(sample, 0)->count, ==, G_MAXUINT32);
    g_assert_cmpuint(count_at(sample, 1)->granule, ==, VN_SAMPLE_GRANULES_MAX - 1);
    g_assert_cmpuint(count_at(sample, 1)->vcpu, ==, VN_VCPUS_MAX - 1);
}

/* All that fits is kept, one more is lost, and what is known goes on counting. */
static void
test_limit_of_entries(void)
{
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
    for (guint i = 0; i < VN_SAMPLE_COUNTS_MAX; i++)
        vn_sample_add(sample, VN_SAMPLE_COUNTS_MAX - 1 - i, 1, VN_ACCESS_WRITE, 1);
    g_assert_cmpuint(sample->cost.lost, ==, 0);
    vn_sample_add(sample, VN_SAMPLE_COUNTS_MAX, 1, VN_ACCESS_WRITE, 3);
    g_assert_cmpuint(sample->cost.lost, ==, 3);
    vn_sample_add(sample, 77, 1, VN_ACCESS_WRITE, 4);
    vn_sample_add(sample, 77, 2, VN_ACCESS_WRITE, 1);
    g_assert_cmpuint(sample->cost.lost, ==, 4);
    vn_sample_seal(sample, 1);
    g_assert_cmpuint(sample->counts->len, ==, VN_SAMPLE_COUNTS_MAX);
    g_assert_cmpuint(count_at(sample, 77)->count, ==, 5);
    g_assert_cmpuint(vn_sample_total(sample), ==, VN_SAMPLE_COUNTS_MAX + 4);
}

/* The same accesses over and over need no more room than once. */
static void
test_repetition_needs_no_room(void)
{
    const guint n = 1000;
    const guint rounds = VN_SAMPLE_COUNTS_MAX / n + 10;
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_RING, 0);
    for (guint round = 0; round < rounds; round++) {
        for (guint i = 0; i < n; i++)
            vn_sample_add(sample, i * 3, i % 7, VN_ACCESS_WRITE, 1);
    }
    vn_sample_seal(sample, 1);
    g_assert_cmpuint(sample->cost.lost, ==, 0);
    g_assert_cmpuint(sample->counts->len, ==, n);
    g_assert_cmpuint(vn_sample_total(sample), ==, (guint64) n * rounds);
}

static void
test_hints(void)
{
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_NUMA_FAULTS, 0);
    vn_sample_add_hint(sample, 3, 1, 40);
    vn_sample_add_hint(sample, 3, -1, 0);
    vn_sample_add_hint(sample, VN_VCPUS_MAX, 0, 5);
    g_assert_cmpuint(sample->hints->len, ==, 1);
    g_assert_cmpuint(sample->cost.lost, ==, 5);
    while (sample->hints->len < VN_SAMPLE_HINTS_MAX)
        vn_sample_add_hint(sample, 0, 0, 1);
    vn_sample_add_hint(sample, 0, 0, 2);
    g_assert_cmpuint(sample->hints->len, ==, VN_SAMPLE_HINTS_MAX);
    g_assert_cmpuint(sample->cost.lost, ==, 7);
    vn_sample_seal(sample, 1);
    g_assert_cmpuint(vn_sample_total(sample), ==, 40 + VN_SAMPLE_HINTS_MAX - 1);
}

static void
test_overhead(void)
{
    static const struct {
        guint64 fault_us;
        guint64 cpu_us;
        guint n_vcpus;
        double overhead;
    } cases[] = {
        {0, 0, 1, 0},
        {20000, 0, 1, 0.02},
        {20000, 0, 4, 0.005},
        {20000, 10000, 4, 0.01},
        {8000000, 10000, 4, 2.0},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 5000000);
        sample->cost.fault_us = cases[i].fault_us;
        sample->cost.cpu_us = cases[i].cpu_us;
        vn_sample_seal(sample, 6000000);
        g_assert_cmpfloat_with_epsilon(vn_sample_overhead(sample, cases[i].n_vcpus),
                                       cases[i].overhead, 1e-12);
    }
}

static void
test_names(void)
{
    for (guint i = VN_SAMPLE_DIRTY_LOG_BPF; i <= VN_SAMPLE_DIRTY_RATE; i++) {
        VnSampleSource source;
        const char *name = vn_sample_source_name((VnSampleSource) i);
        g_assert_true(vn_sample_source_from_name(name, &source));
        g_assert_cmpuint(source, ==, i);
        g_assert_true(vn_sample_source_has_addresses(source) ==
                      (source <= VN_SAMPLE_REFAULT));
    }
    VnSampleSource untouched = VN_SAMPLE_REFAULT;
    g_assert_false(vn_sample_source_from_name("", &untouched));
    g_assert_false(vn_sample_source_from_name("dirty", &untouched));
    g_assert_cmpuint(untouched, ==, VN_SAMPLE_REFAULT);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sample/sealing-sorts-and-adds-up", test_sealing_sorts_and_adds_up);
    g_test_add_func("/sample/clock-that-stands-still", test_clock_that_stands_still);
    g_test_add_func("/sample/limits-of-an-access", test_limits_of_an_access);
    g_test_add_func("/sample/limit-of-entries", test_limit_of_entries);
    g_test_add_func("/sample/repetition-needs-no-room", test_repetition_needs_no_room);
    g_test_add_func("/sample/hints", test_hints);
    g_test_add_func("/sample/overhead", test_overhead);
    g_test_add_func("/sample/names", test_names);
    return g_test_run();
}
