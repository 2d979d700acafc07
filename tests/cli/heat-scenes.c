/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made-up heat: a cell is hot in its midst, warm beside, and in part its neighbour's. */
#include "tests/cli/heat-scenes.h"

#include "model/heatmap.h"
#include "tests/support/scenario.h"

#include <math.h>

#define SECOND ((gint64) G_USEC_PER_SEC)
#define WINDOWS 48
#define LOW_GRANULES 1536u /* below the hole: 3 GiB */
#define HIGH 2048u         /* above: 4 GiB */

#define LONG_NAME                                                            \
    "a-guest-whose-name-goes-on-and-on-\u4f60\u597d-\033[31m-and-on-and-on-" \
    "and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-" \
    "and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-until-the-end"

typedef struct {
    const char *name;
    const char *guest;
    guint n_cells;
    guint n_vcpus;       /* of a cell */
    guint cell_granules; /* 0: nothing is known */
    guint bins;
    gboolean by_time;
    guint swapped; /* this cell's second half lies on cell 0's host node; 0: none */
} Scene;

static const Scene scenes[] = {
    {"two-cells", "db1", 2, 2, 1024, 32, FALSE, 1},
    {"eight-cells", "analytics", 8, 8, 1024, 64, FALSE, 3},
    {"time", "db1", 2, 2, 1024, 32, TRUE, 0},
    {"unknown", "new", 2, 2, 0, 64, FALSE, 0},
    {"long-name", LONG_NAME, 2, 1, 1024, 8, FALSE, 1},
    {"sixteen-nodes", "wide", 16, 2, 512, 64, FALSE, 5},
    {"largest", "largest", 128, 32, 16384, 512, FALSE, 7},
};

static const char *const names[] = {"two-cells", "eight-cells",   "time",    "unknown",
                                    "long-name", "sixteen-nodes", "largest", NULL};

const char *const *
heat_scene_names(void)
{
    return names;
}

static const Scene *
find(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(scenes); i++) {
        if (g_str_equal(scenes[i].name, name))
            return &scenes[i];
    }
    g_assert_not_reached();
}

gboolean
heat_scene_is_by_time(const char *name)
{
    return find(name)->by_time;
}

/* Where the granule of this number is in guest-physical memory. */
static guint64
granule_of(guint64 number)
{
    return number < LOW_GRANULES ? number : number - LOW_GRANULES + HIGH;
}

static VnPlacement *
place(const Scene *scene)
{
    VnPlacement *placement = vn_placement_new(scene->n_cells * scene->n_vcpus);
    guint64 n = scene->cell_granules;
    for (guint i = 0; i < scene->n_cells * scene->n_vcpus && n; i++)
        vn_placement_set_vcpu(placement, i, (int) (i / scene->n_vcpus));
    for (guint64 i = 0; i < n * scene->n_cells; i++) {
        guint cell = (guint) (i / n);
        gboolean away = scene->swapped && cell == scene->swapped && i % n >= n / 2;
        vn_placement_add(placement, granule_of(i), 1, away ? 0 : (int) cell, cell);
    }
    return placement;
}

/* How much of @number's granule a window sees, before anybody's share. */
static guint64
warmth(const Scene *scene, guint64 number)
{
    double at = (double) (number % scene->cell_granules) / scene->cell_granules;
    double hill = exp(-40 * (at - 0.62) * (at - 0.62));
    return (guint64) (at < 0.08 ? 0 : 6 + 340 * hill);
}

static VnSample *
window(const Scene *scene, gint64 end_us, gboolean exchanged)
{
    VnSample *sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, end_us - SECOND);
    guint64 n = scene->cell_granules;
    for (guint64 i = 0; i < n * scene->n_cells; i++) {
        guint cell = (guint) (i / n);
        guint user = exchanged ? scene->n_cells - 1 - cell : cell;
        guint vcpu = (guint) (i * 4 / n) % scene->n_vcpus;
        guint64 granule = granule_of(i);
        guint64 pages = warmth(scene, i);
        vn_sample_add(sample, granule, user * scene->n_vcpus + vcpu, VN_ACCESS_WRITE,
                      pages);
        /* The last part of a cell is read by its next neighbour, too. */
        if (i % n > n * 7 / 8)
            vn_sample_add(sample, granule, (user + 1) % scene->n_cells * scene->n_vcpus,
                          VN_ACCESS_READ, 20 + pages);
    }
    vn_sample_seal(sample, end_us);
    return sample;
}

static void
feed(const Scene *scene, VnHeat *heat, VnHeatHistory *history, const VnPlacement *placed)
{
    guint n = scene->by_time ? WINDOWS : 1;
    for (guint i = 0; i < n && scene->cell_granules; i++) {
        g_autoptr(VnSample) sample =
            window(scene, (i + 1) * 5 * SECOND, scene->by_time && i >= n / 2);
        vn_heat_feed(heat, sample);
        vn_heat_history_add(history, sample, placed->vcpus, placed->n_vcpus);
    }
}

GVariant *
heat_scene(const char *name, guint bins)
{
    const Scene *scene = find(name);
    guint n_vcpus = scene->n_cells * scene->n_vcpus;
    gint64 now_us = (scene->by_time ? WINDOWS * 5 : 5) * SECOND;
    g_autofree guint *cells = g_new(guint, n_vcpus);
    g_autoptr(GPtrArray) homes =
        g_ptr_array_new_with_free_func((GDestroyNotify) vn_idset_free);
    g_autoptr(VnSnapshot) snapshot = scenario_new(scene->n_cells, scene->n_vcpus, 4096);
    VnGuest *guest =
        scenario_guest(snapshot, scene->guest, scene->n_cells, scene->n_vcpus, 1024);
    for (guint i = 0; i < n_vcpus; i++)
        cells[i] = i / scene->n_vcpus;
    for (guint i = 0; i < scene->n_cells; i++)
        g_ptr_array_add(homes, vn_idset_new_with(i));
    g_autoptr(VnPlacement) placement = place(scene);
    g_autoptr(VnHeat) heat = vn_heat_new(cells, n_vcpus, VN_HEAT_HALF_LIFE_US);
    g_autoptr(GArray) history_bins =
        vn_heat_bins_new(placement, NULL, VN_HEAT_HISTORY_BINS);
    g_autoptr(VnHeatHistory) history = vn_heat_history_new(history_bins);
    feed(scene, heat, history, placement);
    g_autoptr(VnLocality) locality =
        vn_locality_new(heat, placement, snapshot->host, now_us);
    VnHeatmap map = {
        .guest = guest,
        .host = snapshot->host,
        .homes = homes,
        .placement = placement,
        .heat = heat,
        .history = history,
        .locality = locality,
        .source = scene->cell_granules ? "dirty-log" : NULL,
        .now_us = now_us,
    };
    VnHeatmapOptions options = {
        .columns = scene->by_time ? VN_HEATMAP_TIME : VN_HEATMAP_VCPUS,
        .bins = bins ? bins : scene->bins,
    };
    return g_variant_ref_sink(vn_heatmap_to_variant(&map, &options));
}
