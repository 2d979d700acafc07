/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The heat map's data: options, rows and columns of worked guests, time, limits. */
#include "model/heatmap.h"
#include "tests/support/scenario.h"

#include <math.h>

#define SECOND ((gint64) G_USEC_PER_SEC)

static GVariant *
options_of(const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *options = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);
    g_assert_no_error(error);
    return options;
}

static void
test_options(void)
{
    static const struct {
        const char *text;
        VnHeatmapColumns columns;
        guint bins;
        const char *error;
    } cases[] = {
        {"{}", VN_HEATMAP_VCPUS, 64, NULL},
        {"{'columns': <'vcpu'>}", VN_HEATMAP_VCPUS, 64, NULL},
        {"{'columns': <'time'>, 'bins': <@u 1>}", VN_HEATMAP_TIME, 1, NULL},
        {"{'bins': <@u 512>}", VN_HEATMAP_VCPUS, 512, NULL},
        {"{'bins': <@u 0>}", 0, 0, "option bins: 0 is no whole number (u) from 1 to 512"},
        {"{'bins': <@u 513>}", 0, 0,
         "option bins: 513 is no whole number (u) from 1 to 512"},
        {"{'bins': <@i 5>}", 0, 0, "option bins: 5 is no whole number (u) from 1 to 512"},
        {"{'bins': <'5'>}", 0, 0,
         "option bins: '5' is no whole number (u) from 1 to 512"},
        {"{'columns': <'cell'>}", 0, 0,
         "option columns: 'cell' is none of 'vcpu' and 'time'"},
        {"{'columns': <@u 1>}", 0, 0, "option columns: 1 is none of 'vcpu' and 'time'"},
        {"{'rows': <@u 1>}", 0, 0, "option 'rows': there are only columns and bins"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        VnHeatmapOptions parsed = {.bins = 99};
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) options = options_of(cases[i].text);
        gboolean good = vn_heatmap_options_parse(options, &parsed, &error);
        g_assert_cmpint(good, ==, cases[i].error == NULL);
        g_assert_cmpstr(error ? error->message : NULL, ==, cases[i].error);
        g_assert_true(good || g_error_matches(error, VN_ERROR, VN_ERROR_INVALID));
        g_assert_cmpuint(parsed.bins, ==, good ? cases[i].bins : 99);
        g_assert_true(!good || parsed.columns == cases[i].columns);
    }
}

typedef struct {
    VnSnapshot *snapshot;
    VnHeat *heat;
    VnPlacement *placement;
    VnHeatmap map;
} World;

static void
world_clear(World *world)
{
    vn_heat_free(world->heat);
    vn_placement_free(world->placement);
    vn_snapshot_unref(world->snapshot);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

/* @n_cells cells of @n_vcpus, each on the host node of its number, with its memory. */
static void
world_init(World *world, guint n_cells, guint n_vcpus, guint64 granules)
{
    g_autofree guint *cells = g_new(guint, n_cells * n_vcpus);
    world->snapshot = scenario_new(n_cells, n_vcpus, 4096);
    VnGuest *guest = scenario_guest(world->snapshot, "db1", n_cells, n_vcpus, 1024);
    world->placement = vn_placement_new(n_cells * n_vcpus);
    for (guint i = 0; i < n_cells * n_vcpus; i++) {
        cells[i] = i / n_vcpus;
        vn_placement_set_vcpu(world->placement, i, (int) cells[i]);
    }
    for (guint i = 0; i < n_cells; i++)
        vn_placement_add(world->placement, i * granules, granules, (int) i, i);
    world->heat = vn_heat_new(cells, n_cells * n_vcpus, VN_HEAT_HALF_LIFE_US);
    world->map = (VnHeatmap){
        .guest = guest,
        .host = world->snapshot->host,
        .placement = world->placement,
        .heat = world->heat,
        .source = "dirty-log",
        .now_us = 10 * SECOND,
    };
}

static GVariant *
show(const World *world, VnHeatmapColumns columns, guint bins)
{
    VnHeatmapOptions options = {columns, bins};
    return g_variant_ref_sink(vn_heatmap_to_variant(&world->map, &options));
}

static GVariant *
list_of(GVariant *shown, const char *key)
{
    GVariant *list = g_variant_lookup_value(shown, key, NULL);
    g_assert_nonnull(list);
    return list;
}

static double
rate_at(GVariant *shown, gsize place)
{
    g_autoptr(GVariant) rates = list_of(shown, "rates");
    double rate;
    g_variant_get_child(rates, place, "d", &rate);
    return rate;
}

static int
node_at(GVariant *shown, gsize place)
{
    g_autoptr(GVariant) nodes = list_of(shown, "nodes");
    gint32 node;
    g_variant_get_child(nodes, place, "i", &node);
    return node;
}

/* As text, what is easiest to read and to compare. */
static void
assert_item(GVariant *shown, const char *key, gsize i, const char *expected)
{
    g_autoptr(GVariant) list = list_of(shown, key);
    g_autoptr(GVariant) item = g_variant_get_child_value(list, i);
    g_autofree char *text = g_variant_print(item, FALSE);
    g_assert_cmpstr(text, ==, expected);
}

static void
assert_counts(GVariant *shown, gsize bins, gsize columns)
{
    static const char *const keys[] = {"bins", "columns", "rates", "nodes"};
    const gsize counts[] = {bins, columns, bins * columns, bins * columns};
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autoptr(GVariant) list = list_of(shown, keys[i]);
        g_assert_cmpuint(g_variant_n_children(list), ==, counts[i]);
    }
}

static void
feed(World *world, VnHeatHistory *history, gint64 end_us, const guint counts[][3],
     guint n)
{
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, end_us - SECOND);
    for (guint i = 0; i < n; i++)
        vn_sample_add(sample, counts[i][0], counts[i][1], VN_ACCESS_WRITE, counts[i][2]);
    vn_sample_seal(sample, end_us);
    vn_heat_feed(world->heat, sample);
    if (history)
        vn_heat_history_add(history, sample, world->placement->vcpus,
                            world->placement->n_vcpus);
}

static void
test_vcpus(void)
{
    static const guint counts[][3] = {
        {1, 0, 400}, {10, 2, 100}, {10, 3, 200}, {15, 1, 60}};
    g_auto(World) world = {0};
    g_autoptr(GPtrArray) homes =
        g_ptr_array_new_with_free_func((GDestroyNotify) vn_idset_free);
    world_init(&world, 2, 2, 8);
    g_ptr_array_add(homes, vn_idset_new_with(1));
    world.map.homes = homes;
    feed(&world, NULL, SECOND, counts, G_N_ELEMENTS(counts));
    g_autoptr(VnLocality) locality =
        vn_locality_new(world.heat, world.placement, world.snapshot->host, SECOND);
    world.map.locality = locality;
    g_autoptr(GVariant) shown = show(&world, VN_HEATMAP_VCPUS, 4);
    assert_counts(shown, 4, 4);
    assert_item(shown, "cells", 0,
                "{'id': <uint32 0>, 'vcpus': <[uint32 0, 1]>, "
                "'home': <[uint32 1]>}");
    assert_item(shown, "cells", 1,
                "{'id': <uint32 1>, 'vcpus': <[uint32 2, 3]>, "
                "'home': <@au []>}");
    assert_item(shown, "bins", 0,
                "{'granule': <uint64 0>, 'granules': <uint64 4>, 'cell': <uint32 0>, "
                "'host_node': <0>, 'rate_pages_per_second': <400.0>, "
                "'write_ratio': <1.0>, 'owner': <'vcpu'>}");
    assert_item(shown, "bins", 1,
                "{'granule': <uint64 4>, 'granules': <uint64 4>, 'cell': <uint32 0>, "
                "'host_node': <0>, 'rate_pages_per_second': <0.0>, "
                "'write_ratio': <nan>, 'owner': <''>}");
    assert_item(shown, "columns", 3,
                "{'vcpus': <[uint32 3]>, 'cell': <uint32 1>, 'host_node': <1>}");
    g_assert_cmpfloat_with_epsilon(rate_at(shown, 0), 400, 0.1);
    g_assert_cmpint(node_at(shown, 0), ==, 0);
    g_assert_cmpint(node_at(shown, 1), ==, -1);
    g_assert_cmpfloat_with_epsilon(rate_at(shown, 2 * 4 + 3), 200, 0.1);
    g_assert_cmpint(node_at(shown, 2 * 4 + 3), ==, 1);
    g_assert_cmpfloat_with_epsilon(rate_at(shown, 3 * 4 + 1), 60, 0.1);
    g_assert_cmpint(node_at(shown, 3 * 4 + 1), ==, 0);
    double ratio = 0;
    g_assert_true(g_variant_lookup(shown, "locality_ratio", "d", &ratio));
    g_assert_cmpfloat_with_epsilon(ratio, 700.0 / 760, 1e-3);
}

/* The sums of rates are the heat's, whoever they had to be given to. */
static void
test_spread(void)
{
    g_auto(World) world = {0};
    guint counts[64][3];
    world_init(&world, 8, 8, 8);
    for (guint i = 0; i < 64; i++) {
        counts[i][0] = 5;
        counts[i][1] = i;
        counts[i][2] = 10 + i;
    }
    feed(&world, NULL, SECOND, counts, 64);
    g_autoptr(GVariant) shown = show(&world, VN_HEATMAP_VCPUS, 8);
    double all = 0;
    assert_counts(shown, 8, 64);
    for (guint i = 0; i < 8 * 64; i++)
        all += rate_at(shown, i);
    g_assert_cmpfloat_with_epsilon(all, vn_heat_rate(world.heat), 1);
    g_assert_cmpfloat(rate_at(shown, 63), >, rate_at(shown, 56));
}

/* Windows, oldest first; the second has seen cell 1's vCPUs come. */
static void
test_time(void)
{
    static const guint first[][3] = {{1, 0, 100}, {12, 2, 50}};
    static const guint second[][3] = {{1, 3, 300}};
    g_auto(World) world = {0};
    world_init(&world, 2, 2, 8);
    g_autoptr(GArray) bins = vn_heat_bins_new(world.placement, NULL, 256);
    g_autoptr(VnHeatHistory) history = vn_heat_history_new(bins);
    feed(&world, history, 4 * SECOND, first, 2);
    feed(&world, history, 8 * SECOND, second, 1);
    world.map.history = history;
    g_autoptr(GVariant) shown = show(&world, VN_HEATMAP_TIME, 4);
    assert_counts(shown, 4, 2);
    assert_item(shown, "columns", 0,
                "{'age_ms': <uint64 6000>, 'duration_ms': <uint64 1000>}");
    assert_item(shown, "columns", 1,
                "{'age_ms': <uint64 2000>, 'duration_ms': <uint64 1000>}");
    g_assert_cmpfloat_with_epsilon(rate_at(shown, 0), 100, 1e-3);
    g_assert_cmpint(node_at(shown, 0), ==, 0);
    g_assert_cmpfloat_with_epsilon(rate_at(shown, 1), 300, 1e-3);
    g_assert_cmpint(node_at(shown, 1), ==, 1);
    g_assert_cmpfloat_with_epsilon(rate_at(shown, 2 * 2), 0, 1e-3);
    g_assert_cmpfloat_with_epsilon(rate_at(shown, 3 * 2), 50, 1e-3);
    world.map.history = NULL;
    g_autoptr(GVariant) without = show(&world, VN_HEATMAP_TIME, 4);
    assert_counts(without, 4, 0);
}

/* Nothing is known: not where memory lies, nor who accesses it; then who does alone. */
static void
test_unknown(void)
{
    static const guint counts[][3] = {{7, 0, 100}, {9, 2, 300}};
    g_auto(World) world = {0};
    world_init(&world, 2, 2, 8);
    g_autoptr(VnPlacement) nothing = vn_placement_new(0);
    world.map.placement = nothing;
    world.map.heat = NULL;
    world.map.source = NULL;
    g_autoptr(GVariant) empty = show(&world, VN_HEATMAP_VCPUS, 64);
    assert_counts(empty, 0, 4);
    world.map.placement = world.placement;
    g_autoptr(GVariant) placed = show(&world, VN_HEATMAP_VCPUS, 64);
    assert_counts(placed, 16, 4);
    g_assert_cmpfloat(rate_at(placed, 63), ==, 0);
    world.map.placement = nothing;
    world.map.heat = world.heat;
    feed(&world, NULL, SECOND, counts, 2);
    g_autoptr(GVariant) shown = show(&world, VN_HEATMAP_VCPUS, 64);
    assert_counts(shown, 2, 4);
    assert_item(shown, "bins", 1,
                "{'granule': <uint64 9>, 'granules': <uint64 1>, 'host_node': <-1>, "
                "'rate_pages_per_second': <300.0>, 'write_ratio': <1.0>, "
                "'owner': <'vcpu'>}");
    g_assert_cmpfloat_with_epsilon(rate_at(shown, 4 + 2), 300, 0.1);
    g_assert_cmpint(node_at(shown, 4 + 2), ==, -1);
}

/* vCPUs up to the limit of columns for themselves; beyond, in groups within cells. */
static void
test_many_vcpus(void)
{
    static const struct {
        guint cells;
        guint vcpus;
        gsize columns;
        const char *second;
    } cases[] = {
        {2, 128, 256, "{'vcpus': <[uint32 1]>, 'cell': <uint32 0>, 'host_node': <0>}"},
        {1, 257, 129,
         "{'vcpus': <[uint32 2, 3]>, 'cell': <uint32 0>, 'host_node': <-1>}"},
        {8, 510, 256, NULL},
        {128, 32, 256, NULL},
        {3, 129, 195, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(World) world = {0};
        guint n = cases[i].cells * cases[i].vcpus;
        world_init(&world, cases[i].cells, cases[i].vcpus, 2);
        if (i == 1)
            vn_placement_set_vcpu(world.placement, 2, 7);
        const guint counts[][3] = {{0, n - 1, 100}};
        feed(&world, NULL, SECOND, counts, 1);
        g_autoptr(GVariant) shown = show(&world, VN_HEATMAP_VCPUS, 512);
        gsize columns = cases[i].columns;
        assert_counts(shown, cases[i].cells * 2, columns);
        g_assert_cmpfloat_with_epsilon(rate_at(shown, columns - 1), 100, 0.1);
        g_assert_cmpint(node_at(shown, columns - 1), ==, (int) cases[i].cells - 1);
        if (cases[i].second)
            assert_item(shown, "columns", 1, cases[i].second);
    }
}

/* 4 TiB in 128 cells, 4096 vCPUs: the most there is, in few seconds even sanitized. */
static void
test_limits(void)
{
    guint64 granules = G_GUINT64_CONSTANT(1) << 14;
    g_auto(World) world = {0};
    world_init(&world, 128, 32, granules);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_REFAULT, 0);
    for (guint64 i = 0; i < 128 * granules; i += 7)
        vn_sample_add(sample, i, (guint) (i * 31 % 4096), VN_ACCESS_READ, 3);
    vn_sample_seal(sample, SECOND);
    vn_heat_feed(world.heat, sample);
    gint64 start_us = g_get_monotonic_time();
    g_autoptr(GVariant) shown = show(&world, VN_HEATMAP_VCPUS, VN_HEAT_BINS_MAX);
    g_test_message("%.3f s, %" G_GSIZE_FORMAT " bytes",
                   (double) (g_get_monotonic_time() - start_us) / G_USEC_PER_SEC,
                   g_variant_get_size(shown));
    assert_counts(shown, VN_HEAT_BINS_MAX, VN_HEATMAP_COLUMNS_MAX);
    g_assert_cmpuint(g_variant_get_size(shown), <, 2 << 20);
    double all = 0;
    g_autoptr(GVariant) rates = list_of(shown, "rates");
    gsize n = 0;
    const double *values = g_variant_get_fixed_array(rates, &n, sizeof(double));
    for (gsize i = 0; i < n; i++) {
        g_assert_true(isfinite(values[i]) && values[i] >= 0);
        all += values[i];
    }
    g_assert_cmpfloat_with_epsilon(all / vn_heat_rate(world.heat), 1, 1e-2);
}

/* Whose memory is accessed, and who has some in common. */
static void
test_sharing(void)
{
    static const guint counts[][3] = {
        {0, 0, 500},              /* of vCPU 0 alone */
        {1, 0, 100}, {1, 1, 100}, /* of cell 0 */
        {2, 1, 100}, {2, 2, 200}, /* of both */
    };
    static const struct {
        const char *key;
        double expected;
    } cases[] = {
        {"private_vcpu_ratio", 0.5},
        {"private_cell_ratio", 0.2},
        {"shared_ratio", 0.3},
    };
    g_auto(World) world = {0};
    world_init(&world, 2, 2, 512);
    g_autoptr(GVariant) nothing = show(&world, VN_HEATMAP_VCPUS, 8);
    feed(&world, NULL, 10 * SECOND, counts, G_N_ELEMENTS(counts));
    g_autoptr(GVariant) shown = show(&world, VN_HEATMAP_VCPUS, 8);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        double ratio;
        g_assert_true(g_variant_lookup(shown, cases[i].key, "d", &ratio));
        g_assert_cmpfloat_with_epsilon(ratio, cases[i].expected, 1e-3);
        g_assert_true(g_variant_lookup(nothing, cases[i].key, "d", &ratio));
        g_assert_true(isnan(ratio));
    }
    assert_item(shown, "sharing_vcpus", 0, "[0, 1, 2]");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/heatmap/options", test_options);
    g_test_add_func("/heatmap/vcpus", test_vcpus);
    g_test_add_func("/heatmap/spread", test_spread);
    g_test_add_func("/heatmap/time", test_time);
    g_test_add_func("/heatmap/unknown", test_unknown);
    g_test_add_func("/heatmap/many-vcpus", test_many_vcpus);
    g_test_add_func("/heatmap/limits", test_limits);
    g_test_add_func("/heatmap/sharing", test_sharing);
    return g_test_run();
}
