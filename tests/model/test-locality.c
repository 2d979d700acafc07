/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnLocality: worked cases, what is not known, and properties over random guests. */
#include "model/locality.h"
#include "tests/support/scenario.h"

#define SECOND ((gint64) G_USEC_PER_SEC)

typedef struct {
    guint64 granule;
    guint vcpu;
    guint64 count;
} Access;

static void
feed(VnHeat *heat, const Access *accesses, guint n)
{
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
    for (guint i = 0; i < n; i++)
        vn_sample_add(sample, accesses[i].granule, accesses[i].vcpu, VN_ACCESS_WRITE,
                      accesses[i].count);
    vn_sample_seal(sample, SECOND);
    vn_heat_feed(heat, sample);
}

/*
 * Two host nodes 10 and 21 apart; four vCPUs, 0 and 1 in cell 0; granules 0 to 9 are cell
 * 0's memory, 10 to 19 cell 1's. In the cases vCPU 0 and 2 run on @nodes[0] and [1].
 */
static const struct {
    const char *name;
    Access accesses[4];
    int vcpu_nodes[2];
    int cell_nodes[2];
    double locality;
    double remote_cost;
    double confidence;
} cases[] = {
    {"all local", {{1, 0, 1000}, {11, 2, 1000}}, {0, 1}, {0, 1}, 1, 1, 0.887},
    {"swapped", {{1, 0, 1000}, {11, 2, 1000}}, {0, 1}, {1, 0}, 0, 2.1, 0.887},
    {"a quarter",
     {{1, 0, 1000}, {11, 2, 500}, {1, 2, 500}},
     {0, 1},
     {0, 1},
     0.75,
     1.275,
     0.887},
    {"half a granule each", {{1, 0, 500}, {1, 2, 500}}, {0, 1}, {0, 1}, 0.5, 1.55, 0.796},
    {"a vCPU anywhere", {{1, 0, 1000}, {11, 2, 1000}}, {0, -1}, {0, 0}, 1, 1, 0.443},
    {"memory anywhere", {{1, 0, 1000}, {11, 2, 3000}}, {0, 1}, {1, -1}, 0, 2.1, 0.235},
    {"memory unheard of", {{1, 0, 1000}, {30, 2, 3000}}, {0, 1}, {0, 0}, 1, 1, 0.235},
    {"nothing known", {{1, 0, 1000}, {11, 2, 1000}}, {-1, -1}, {0, 1}, -1, -1, 0},
    {"no accesses", {{0}}, {0, 1}, {0, 1}, -1, -1, 0},
    {"too few", {{1, 0, 63}}, {0, 1}, {0, 1}, -1, -1, 0.197},
    {"just enough", {{1, 0, 65}}, {0, 1}, {0, 1}, 1, 1, 0.202},
    {"no such host node", {{1, 0, 1000}}, {0, 1}, {7, 1}, -1, -1, 0},
};

static VnPlacement *
place(const int *vcpu_nodes, const int *cell_nodes)
{
    VnPlacement *placement = vn_placement_new(4);
    vn_placement_set_vcpu(placement, 0, vcpu_nodes[0]);
    vn_placement_set_vcpu(placement, 2, vcpu_nodes[1]);
    vn_placement_add(placement, 0, 10, cell_nodes[0], 0);
    vn_placement_add(placement, 10, 10, cell_nodes[1], 1);
    return placement;
}

static void
test_cases(void)
{
    static const guint cells[] = {0, 0, 1, 1};
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHeat) heat = vn_heat_new(cells, 4, 60 * SECOND);
        feed(heat, cases[i].accesses, G_N_ELEMENTS(cases[i].accesses));
        g_autoptr(VnPlacement) placement =
            place(cases[i].vcpu_nodes, cases[i].cell_nodes);
        g_autoptr(VnLocality) locality =
            vn_locality_new(heat, placement, snapshot->host, SECOND);
        g_test_message("%s", cases[i].name);
        g_assert_cmpfloat_with_epsilon(locality->guest.locality, cases[i].locality, 1e-4);
        g_assert_cmpfloat_with_epsilon(locality->guest.remote_cost, cases[i].remote_cost,
                                       1e-4);
        g_assert_cmpfloat_with_epsilon(locality->guest.confidence, cases[i].confidence,
                                       1e-3);
        g_assert_false(locality->hinted);
    }
}

static void
test_cells_and_traffic(void)
{
    static const guint cells[] = {0, 0, 1, 1};
    static const Access accesses[] = {{1, 0, 1000}, {11, 2, 300}, {2, 2, 700}};
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    g_autoptr(VnHeat) heat = vn_heat_new(cells, 4, 60 * SECOND);
    g_autoptr(VnPlacement) placement = place((int[]){0, 1}, (int[]){0, 1});
    /* A cell of memory only, and it was never accessed. */
    vn_placement_add(placement, 20, 10, 0, 2);
    feed(heat, accesses, G_N_ELEMENTS(accesses));
    g_autoptr(VnLocality) locality =
        vn_locality_new(heat, placement, snapshot->host, SECOND);
    g_assert_cmpuint(locality->n_cells, ==, 3);
    g_assert_cmpuint(locality->n_nodes, ==, 2);
    static const double figures[][2] = {{1, 1}, {0.3, 0.3 + 0.7 * 2.1}, {-1, -1}};
    static const double by_cell[] = {1000, 0, 0, 700, 300, 0, 0, 0, 0};
    static const double by_node[] = {1000, 0, 700, 300, 0, 0};
    for (guint i = 0; i < 3; i++) {
        const VnLocalityFigures *one =
            &g_array_index(locality->cells, VnLocalityFigures, i);
        g_assert_cmpfloat_with_epsilon(one->locality, figures[i][0], 1e-4);
        g_assert_cmpfloat_with_epsilon(one->remote_cost, figures[i][1], 1e-4);
    }
    for (guint i = 0; i < G_N_ELEMENTS(by_cell); i++)
        g_assert_cmpfloat_with_epsilon(locality->by_cell[i], by_cell[i], 1e-2);
    for (guint i = 0; i < G_N_ELEMENTS(by_node); i++)
        g_assert_cmpfloat_with_epsilon(locality->by_node[i], by_node[i], 1e-2);
}

/* So many vCPUs that slots know but their cells: the cells' vCPUs are on two nodes. */
static void
test_cells_instead_of_vcpus(void)
{
    guint cells[64];
    Access accesses[64];
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 64, 1024);
    g_autoptr(VnPlacement) placement = vn_placement_new(64);
    vn_placement_add(placement, 0, 10, 0, 0);
    for (guint i = 0; i < 64; i++) {
        cells[i] = i / 8;
        accesses[i] = (Access){1, i, 100};
        vn_placement_set_vcpu(placement, i, i % 4 == 0);
    }
    g_autoptr(VnHeat) heat = vn_heat_new(cells, 64, 60 * SECOND);
    feed(heat, accesses, 64);
    g_autoptr(VnLocality) locality =
        vn_locality_new(heat, placement, snapshot->host, SECOND);
    g_assert_cmpfloat_with_epsilon(locality->guest.locality, 0.75, 1e-3);
    g_assert_cmpfloat_with_epsilon(locality->guest.rate, 6400, 1);
}

/* A unit of two granules on two host nodes counts half for each. */
static void
test_coarse_units(void)
{
    static const guint cells[] = {0};
    const guint64 far = VN_SAMPLE_GRANULES_MAX / 2;
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    g_autoptr(VnHeat) heat = vn_heat_new(cells, 1, 60 * SECOND);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
    for (guint i = 0; i < 4224; i++)
        vn_sample_add(sample, far + i * 512, 0, VN_ACCESS_WRITE, 1);
    vn_sample_add(sample, 4, 0, VN_ACCESS_WRITE, 100000);
    vn_sample_seal(sample, SECOND);
    vn_heat_feed(heat, sample);
    g_assert_cmpuint(vn_heat_unit_granules(heat), ==, 2);
    g_autoptr(VnPlacement) placement = vn_placement_new(1);
    vn_placement_set_vcpu(placement, 0, 0);
    vn_placement_add(placement, 0, 5, 0, 0);
    vn_placement_add(placement, 5, 5, 1, 0);
    g_autoptr(VnLocality) locality =
        vn_locality_new(heat, placement, snapshot->host, SECOND);
    g_assert_cmpfloat_with_epsilon(locality->guest.locality, 0.5, 1e-4);
    g_assert_cmpfloat(locality->guest.confidence, >, 0.95);
}

static void
test_hints(void)
{
    static const guint cells[] = {0, 1};
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    g_autoptr(VnHeat) heat = vn_heat_new(cells, 2, 60 * SECOND);
    g_autoptr(VnPlacement) placement = vn_placement_new(2);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_NUMA_FAULTS, 0);
    vn_sample_add_hint(sample, 0, 0, 600);
    vn_sample_add_hint(sample, 0, 1, 200);
    vn_sample_add_hint(sample, 1, 0, 224);
    vn_sample_seal(sample, SECOND);
    vn_heat_feed(heat, sample);
    vn_placement_set_vcpu(placement, 0, 0);
    g_autoptr(VnLocality) part = vn_locality_new(heat, placement, snapshot->host, SECOND);
    g_assert_true(part->hinted);
    g_assert_cmpfloat_with_epsilon(part->guest.locality, 0.75, 1e-6);
    vn_placement_set_vcpu(placement, 1, 1);
    g_autoptr(VnLocality) all = vn_locality_new(heat, placement, snapshot->host, SECOND);
    g_assert_cmpfloat_with_epsilon(all->guest.locality, 600.0 / 1024, 1e-6);
    g_assert_cmpfloat_with_epsilon(all->guest.confidence, 0.8, 1e-6);
    g_assert_cmpfloat_with_epsilon(all->guest.remote_cost, (600 + 424 * 2.1) / 1024,
                                   1e-5);
}

static void
test_placement(void)
{
    g_autoptr(VnPlacement) placement = vn_placement_new(1);
    g_assert_null(vn_placement_find(placement, 0));
    vn_placement_add(placement, 5, 0, 0, 0);
    vn_placement_add(placement, 5, 10, 0, 0);
    vn_placement_add(placement, 15, 10, 0, 0);
    vn_placement_add(placement, 25, 10, 1, 0);
    vn_placement_add(placement, 40, 10, 1, 0);
    vn_placement_add(placement, 50, 1, 1, 1);
    g_assert_cmpuint(placement->places->len, ==, 4);
    static const struct {
        guint64 granule;
        int first; /* -1: no place */
    } wanted[] = {{0, -1},  {4, -1},  {5, 5},   {24, 5},  {25, 25}, {34, 25},
                  {35, -1}, {39, -1}, {40, 40}, {49, 40}, {50, 50}, {51, -1}};
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        const VnPlace *one = vn_placement_find(placement, wanted[i].granule);
        g_assert_cmpint(one ? (int) one->granule : -1, ==, wanted[i].first);
    }
    /* At the limit, and past it. */
    while (placement->places->len < VN_PLACES_MAX)
        vn_placement_add(placement, 100 + placement->places->len, 1,
                         (int) placement->places->len % 2, 0);
    const guint64 last = 100 + VN_PLACES_MAX - 1;
    g_assert_nonnull(vn_placement_find(placement, last));
    vn_placement_add(placement, last + 1, 1, 2, 0);
    g_assert_cmpuint(placement->places->len, ==, VN_PLACES_MAX);
    g_assert_null(vn_placement_find(placement, last + 1));
    vn_placement_add(placement, VN_SAMPLE_GRANULES_MAX - 1, 1, 2, 0);
    g_assert_cmpuint(placement->places->len, ==, VN_PLACES_MAX);
}

/* Where pages lie and vCPUs run, at random. */
static VnPlacement *
random_placement(GRand *random, guint n_vcpus, guint n_nodes)
{
    VnPlacement *placement = vn_placement_new(n_vcpus);
    for (guint i = 0; i < n_vcpus; i++)
        vn_placement_set_vcpu(placement, i, g_rand_int_range(random, -1, (int) n_nodes));
    for (guint64 i = 0; i < 500; i += (guint64) g_rand_int_range(random, 1, 60))
        vn_placement_add(placement, i, 1, g_rand_int_range(random, -1, (int) n_nodes),
                         (guint) g_rand_int_range(random, 0, 6));
    return placement;
}

static void
test_random(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(16);
    for (guint round = 0; round < 300; round++) {
        guint n_nodes = (guint) g_rand_int_range(random, 1, 6);
        guint n_vcpus = (guint) g_rand_int_range(random, 1, 30);
        guint cells[30];
        Access accesses[200];
        for (guint i = 0; i < n_vcpus; i++)
            cells[i] = (guint) g_rand_int_range(random, 0, 5);
        for (guint i = 0; i < G_N_ELEMENTS(accesses); i++)
            accesses[i] = (Access){(guint64) g_rand_int_range(random, 0, 500),
                                   (guint) g_rand_int_range(random, 0, (int) n_vcpus),
                                   (guint64) g_rand_int_range(random, 0, 513)};
        g_autoptr(VnSnapshot) snapshot = scenario_new(n_nodes, 2, 1024);
        g_autoptr(VnHeat) heat = vn_heat_new(cells, n_vcpus, 60 * SECOND);
        g_autoptr(VnPlacement) placement = random_placement(random, n_vcpus, n_nodes);
        feed(heat, accesses, G_N_ELEMENTS(accesses));
        g_autoptr(VnLocality) locality =
            vn_locality_new(heat, placement, snapshot->host, 20 * SECOND);
        double rate = 0;
        for (guint i = 0; i <= locality->cells->len; i++) {
            const VnLocalityFigures *one =
                i < locality->cells->len
                    ? &g_array_index(locality->cells, VnLocalityFigures, i)
                    : &locality->guest;
            gboolean known = one->locality != -1;
            g_assert_true(known == (one->remote_cost != -1));
            g_assert_true(known == (one->confidence >= VN_HEAT_CONFIDENCE_MIN));
            g_assert_cmpfloat(one->confidence, <=, 1);
            g_assert_true(!known || (one->locality >= 0 && one->locality <= 1));
            g_assert_true(!known || (one->remote_cost >= 1 && one->remote_cost <= 2.1));
            if (known && n_nodes > 1)
                g_assert_cmpfloat_with_epsilon(
                    one->remote_cost, one->locality + 2.1 * (1 - one->locality), 1e-4);
            rate += i < locality->cells->len ? one->rate : 0;
        }
        g_assert_cmpfloat_with_epsilon(rate, vn_heat_rate(heat), rate * 1e-4);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/locality/cases", test_cases);
    g_test_add_func("/locality/cells-and-traffic", test_cells_and_traffic);
    g_test_add_func("/locality/cells-instead-of-vcpus", test_cells_instead_of_vcpus);
    g_test_add_func("/locality/coarse-units", test_coarse_units);
    g_test_add_func("/locality/hints", test_hints);
    g_test_add_func("/locality/placement", test_placement);
    g_test_add_func("/locality/random", test_random);
    return g_test_run();
}
