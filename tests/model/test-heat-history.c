/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnHeatBin: how memory is cut. VnHeatHistory: the last windows, and their memory. */
#include "model/heat-history.h"

#define SECOND ((gint64) G_USEC_PER_SEC)
#define TIB_GRANULES (G_GUINT64_CONSTANT(1) << 19)

static const VnHeatBin *
bin_at(const GArray *bins, guint i)
{
    return &g_array_index(bins, VnHeatBin, i);
}

/* Ascending, whole, at most @n; returns the granules in all of them. */
static guint64
assert_sound(const GArray *bins, guint n)
{
    guint64 all = 0;
    guint64 end = 0;
    g_assert_cmpuint(bins->len, <=, n);
    for (guint i = 0; i < bins->len; i++) {
        g_assert_cmpuint(bin_at(bins, i)->granule, >=, end);
        g_assert_cmpuint(bin_at(bins, i)->n_granules, >, 0);
        end = bin_at(bins, i)->granule + bin_at(bins, i)->n_granules;
        all += bin_at(bins, i)->n_granules;
    }
    return all;
}

/* Two cells, the first around the hole below 4 GiB; parts of both lie elsewhere. */
static VnPlacement *
place_two_cells(void)
{
    VnPlacement *placement = vn_placement_new(4);
    vn_placement_add(placement, 0, 1000, 0, 0);
    vn_placement_add(placement, 1000, 536, 1, 0);
    vn_placement_add(placement, 2048, 512, 0, 0);
    vn_placement_add(placement, 2560, 2048, -1, 1);
    return placement;
}

static void
test_bins(void)
{
    static const struct {
        guint wanted;
        guint n;
    } cases[] = {{1, 3}, {2, 3}, {3, 3}, {4, 4}, {8, 8}, {64, 64}, {512, 512}};
    g_autoptr(VnPlacement) placement = place_two_cells();
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GArray) bins = vn_heat_bins_new(placement, NULL, cases[i].wanted);
        g_assert_cmpuint(assert_sound(bins, cases[i].n), ==, 4096);
        g_assert_cmpuint(bins->len, >, cases[i].n * 9 / 10 - 1);
        for (guint k = 0; k < bins->len; k++) {
            const VnHeatBin *bin = bin_at(bins, k);
            g_assert_cmpint(bin->cell, ==, bin->granule >= 2560 ? 1 : 0);
            g_assert_false(bin->granule < 1536 && bin->granule + bin->n_granules > 1536);
        }
    }
    g_autoptr(VnPlacement) nothing = vn_placement_new(1);
    g_autoptr(GArray) bins = vn_heat_bins_new(nothing, NULL, 64);
    g_assert_cmpuint(bins->len, ==, 0);
}

static VnHeat *
heat_of(const guint64 *granules, guint n)
{
    static const guint cells[] = {0, 1};
    VnHeat *heat = vn_heat_new(cells, 2, VN_HEAT_HALF_LIFE_US);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_RING, 0);
    for (guint i = 0; i < n; i++)
        vn_sample_add(sample, granules[i], 0, VN_ACCESS_WRITE, 1);
    vn_sample_seal(sample, SECOND);
    vn_heat_feed(heat, sample);
    return heat;
}

/* What only the heat knows is shown, too: before, between and behind what is placed. */
static void
test_bins_of_heat(void)
{
    static const guint64 granules[] = {3, 4, 15, 25, 26, 50};
    g_autoptr(VnHeat) heat = heat_of(granules, G_N_ELEMENTS(granules));
    g_autoptr(VnPlacement) placement = vn_placement_new(2);
    vn_placement_add(placement, 10, 10, 0, 0);
    vn_placement_add(placement, 30, 10, 0, 1);
    g_autoptr(GArray) bins = vn_heat_bins_new(placement, heat, 5);
    static const VnHeatBin expected[] = {
        {3, 2, -1}, {10, 10, 0}, {25, 2, -1}, {30, 10, 1}, {50, 1, -1}};
    g_assert_cmpuint(bins->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < bins->len; i++) {
        g_assert_cmpuint(bin_at(bins, i)->granule, ==, expected[i].granule);
        g_assert_cmpuint(bin_at(bins, i)->n_granules, ==, expected[i].n_granules);
        g_assert_cmpint(bin_at(bins, i)->cell, ==, expected[i].cell);
    }

    /* Nothing placed, and more pieces than bins: joined over what is between. */
    g_autoptr(VnPlacement) nothing = vn_placement_new(2);
    g_autoptr(GArray) two = vn_heat_bins_new(nothing, heat, 2);
    g_assert_cmpuint(assert_sound(two, 2), >=, 6);
    g_autoptr(GArray) four = vn_heat_bins_new(nothing, heat, 4);
    g_assert_cmpuint(four->len, ==, 4);
    g_assert_cmpuint(assert_sound(four, 4), ==, 6);
}

/* 4 TiB, sparse or in tatters: bounded, and quick. */
static void
test_bins_limits(void)
{
    g_autoptr(VnPlacement) whole = vn_placement_new(1);
    vn_placement_add(whole, 0, 4 * TIB_GRANULES, 0, 0);
    g_autoptr(GArray) bins = vn_heat_bins_new(whole, NULL, VN_HEAT_BINS_MAX);
    g_assert_cmpuint(assert_sound(bins, VN_HEAT_BINS_MAX), ==, 4 * TIB_GRANULES);
    g_assert_cmpuint(bins->len, ==, VN_HEAT_BINS_MAX);

    g_autoptr(VnPlacement) tatters = vn_placement_new(1);
    for (guint i = 0; i < VN_PLACES_MAX; i++)
        vn_placement_add(tatters, 2 * i, 1, 0, i / 4096 % 4);
    g_autoptr(GArray) joined = vn_heat_bins_new(tatters, NULL, 64);
    g_assert_cmpuint(assert_sound(joined, VN_HEAT_BINS_MAX), >, VN_PLACES_MAX);

    /* Cells that change with every granule are not a guest's: the first are shown. */
    g_autoptr(VnPlacement) mixed = vn_placement_new(1);
    for (guint i = 0; i < VN_PLACES_MAX; i++)
        vn_placement_add(mixed, i, 1, 0, i % 2);
    g_autoptr(GArray) first = vn_heat_bins_new(mixed, NULL, 64);
    g_assert_cmpuint(assert_sound(first, VN_HEAT_BINS_MAX), ==, VN_HEAT_BINS_MAX);

    g_autofree guint64 *granules = g_new(guint64, 1 << 17);
    for (guint i = 0; i < 1 << 17; i++)
        granules[i] = i * 16;
    g_autoptr(VnHeat) heat = heat_of(granules, 1 << 17);
    g_autoptr(VnPlacement) nothing = vn_placement_new(1);
    g_autoptr(GArray) sparse = vn_heat_bins_new(nothing, heat, 64);
    g_assert_cmpuint(assert_sound(sparse, 64), >, 4 * TIB_GRANULES - 64);
    g_assert_cmpuint(sparse->len, >, 32);
}

static VnSample *
window(gint64 end_us, VnSampleSource source)
{
    VnSample *sample = vn_sample_new(source, end_us - SECOND);
    sample->count_pages = 2;
    vn_sample_add(sample, 0, 0, VN_ACCESS_WRITE, 10);
    vn_sample_add(sample, 3, 1, VN_ACCESS_WRITE, 6);
    vn_sample_add(sample, 3, 2, VN_ACCESS_READ, 5);
    vn_sample_add(sample, 2, 2, VN_ACCESS_ANY, 3);
    vn_sample_add(sample, 1700, 1, VN_ACCESS_WRITE, 7); /* in the hole */
    vn_sample_add(sample, 2560, 3, VN_ACCESS_WRITE, 1);
    vn_sample_add(sample, 5000, 3, VN_ACCESS_WRITE, 9); /* beyond all */
    vn_sample_seal(sample, end_us);
    return sample;
}

static void
test_windows(void)
{
    static const int nodes[] = {0, 1, 5};
    g_autoptr(VnPlacement) placement = place_two_cells();
    g_autoptr(GArray) bins = vn_heat_bins_new(placement, NULL, 3);
    g_autoptr(VnHeatHistory) history = vn_heat_history_new(bins);
    g_autoptr(VnSample) sample = window(SECOND, VN_SAMPLE_DIRTY_LOG_BPF);
    g_autoptr(VnSample) hints = window(2 * SECOND, VN_SAMPLE_NUMA_FAULTS);
    g_assert_cmpuint(vn_heat_history_n_windows(history), ==, 0);
    vn_heat_history_add(history, hints, nodes, 3);
    g_assert_cmpuint(vn_heat_history_n_windows(history), ==, 0);
    vn_heat_history_add(history, sample, nodes, 3);
    g_assert_cmpuint(vn_heat_history_n_windows(history), ==, 1);
    VnHeatWindow one = vn_heat_history_window(history, 0);
    g_assert_cmpint(one.end_us, ==, SECOND);
    g_assert_cmpint(one.duration_us, ==, SECOND);
    g_assert_cmpfloat(one.pages[0], ==, 48);
    g_assert_cmpint(one.nodes[0], ==, 0);
    g_assert_cmpfloat(one.pages[1], ==, 0);
    g_assert_cmpint(one.nodes[1], ==, -1);
    /* vCPU 3 is not among those whose host node is known. */
    g_assert_cmpfloat(one.pages[2], ==, 2);
    g_assert_cmpint(one.nodes[2], ==, -1);
}

/* The oldest give way, and memory stays what it was, below the limit. */
static void
test_ring(void)
{
    static const guint n_bins[] = {1, 3, 255, 256, 257, 512};
    static const int nodes[] = {0, 1, 0, 1};
    g_autoptr(VnPlacement) placement = vn_placement_new(4);
    vn_placement_add(placement, 0, 4 * TIB_GRANULES, 0, 0);
    for (guint i = 0; i < G_N_ELEMENTS(n_bins); i++) {
        g_autoptr(GArray) bins = vn_heat_bins_new(placement, NULL, n_bins[i]);
        g_autoptr(VnHeatHistory) history = vn_heat_history_new(bins);
        gsize bytes = vn_heat_history_bytes(history);
        g_assert_cmpuint(bytes, <=, VN_HEAT_HISTORY_BYTES_MAX);
        for (gint64 end_s = 1; end_s <= 300; end_s++) {
            g_autoptr(VnSample) sample = window(end_s * SECOND, VN_SAMPLE_DIRTY_RING);
            vn_heat_history_add(history, sample, nodes, 4);
        }
        guint n = vn_heat_history_n_windows(history);
        g_assert_cmpuint(n, >=, n_bins[i] > 256 ? 64 : VN_HEAT_HISTORY_WINDOWS);
        g_assert_cmpuint(n, <=, VN_HEAT_HISTORY_WINDOWS);
        for (guint k = 0; k < n; k++)
            g_assert_cmpint(vn_heat_history_window(history, k).end_us, ==,
                            (300 - (gint64) n + 1 + k) * SECOND);
        g_assert_cmpuint(vn_heat_history_bytes(history), ==, bytes);
    }
    g_autoptr(GArray) none = g_array_new(FALSE, FALSE, sizeof(VnHeatBin));
    g_autoptr(VnHeatHistory) history = vn_heat_history_new(none);
    g_autoptr(VnSample) sample = window(SECOND, VN_SAMPLE_REFAULT);
    vn_heat_history_add(history, sample, nodes, 4);
    g_assert_cmpuint(vn_heat_history_n_windows(history), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/heat-history/bins", test_bins);
    g_test_add_func("/heat-history/bins-of-heat", test_bins_of_heat);
    g_test_add_func("/heat-history/bins-limits", test_bins_limits);
    g_test_add_func("/heat-history/windows", test_windows);
    g_test_add_func("/heat-history/ring", test_ring);
    return g_test_run();
}
