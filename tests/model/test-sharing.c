/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnSharing: which vCPUs are found to share memory, and what is private. */
#include "model/sharing.h"

#define SECOND ((gint64) G_USEC_PER_SEC)

static VnHeat *
make(guint n_vcpus, guint per_cell)
{
    g_autofree guint *cells = g_new(guint, n_vcpus);
    for (guint i = 0; i < n_vcpus; i++)
        cells[i] = i / per_cell;
    return vn_heat_new(cells, n_vcpus, 60 * SECOND);
}

/* Each of @vcpus accesses each of the granules [first, first + n) so often. */
static void
add(VnSample *sample, const char *vcpus, guint64 first, guint n, guint count)
{
    g_autoptr(VnIdSet) set = vn_idset_parse(vcpus, NULL);
    VN_IDSET_FOREACH (set, id) {
        for (guint i = 0; i < n; i++)
            vn_sample_add(sample, first + i, (guint) id, VN_ACCESS_WRITE, count);
    }
}

typedef struct {
    const char *vcpus;
    guint n;
    guint count;
} Region;

static const struct {
    const char *name;
    guint n_vcpus;
    guint per_cell;
    Region regions[6];
    const char *groups; /* list formats, blanks between */
} cases[] = {
    {"each for itself",
     4,
     2,
     {{"0", 9, 50}, {"1", 9, 50}, {"2", 9, 50}, {"3", 9, 50}},
     ""},
    {"nobody does anything", 4, 2, {{0}}, ""},
    {"two programs across cells", 4, 2, {{"0,2", 9, 50}, {"1,3", 9, 50}}, "0,2 1,3"},
    {"a third of one's accesses",
     4,
     4,
     {{"0", 20, 50}, {"1", 40, 50}, {"0-1", 10, 50}, {"2", 9, 50}},
     "0-1"},
    {"a tenth is too little", 4, 4, {{"0", 90, 50}, {"1", 90, 50}, {"0-1", 10, 50}}, ""},
    {"a chain", 4, 1, {{"0-1", 9, 50}, {"1-2", 9, 50}, {"3", 9, 50}}, "0-2"},
    {"an idle one does not count", 4, 1, {{"0", 900, 500}, {"0-1", 1, 2}}, ""},
    {"whole cells of many vCPUs",
     64,
     32,
     {{"0-31", 9, 50}, {"32-63", 9, 50}},
     "0-31 32-63"},
    {"all in all", 64, 32, {{"0-63", 9, 50}}, "0-63"},
    {"a little of all in all, for each cell its own",
     64,
     16,
     {{"0-15", 40, 50},
      {"16-31", 40, 50},
      {"32-47", 40, 50},
      {"48-63", 40, 50},
      {"0-63", 8, 50}},
     "0-15 16-31 32-47 48-63"},
    {"neighbours of 8 as one",
     4096,
     32,
     {{"0,4095", 9, 50}, {"100", 9, 50}},
     "0-7,4088-4095"},
};

static void
test_groups(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHeat) heat = make(cases[i].n_vcpus, cases[i].per_cell);
        g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
        for (guint k = 0; k < G_N_ELEMENTS(cases[i].regions); k++) {
            const Region *region = &cases[i].regions[k];
            if (region->vcpus)
                add(sample, region->vcpus, k * 1000, region->n, region->count);
        }
        vn_sample_seal(sample, SECOND);
        vn_heat_feed(heat, sample);
        g_autoptr(VnSharing) sharing = vn_sharing_new(heat);
        g_autoptr(GString) groups = g_string_new(NULL);
        for (guint k = 0; k < sharing->groups->len; k++) {
            g_autofree char *text = vn_idset_format(sharing->groups->pdata[k]);
            g_string_append_printf(groups, "%s%s", k ? " " : "", text);
        }
        g_test_message("%s", cases[i].name);
        g_assert_cmpstr(groups->str, ==, cases[i].groups);
    }
}

static void
test_owners(void)
{
    g_autoptr(VnHeat) heat = make(4, 2);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
    add(sample, "0", 0, 10, 50);
    add(sample, "0-1", 100, 5, 50);
    add(sample, "1-2", 200, 2, 50);
    vn_sample_seal(sample, SECOND);
    vn_heat_feed(heat, sample);
    g_autoptr(VnSharing) sharing = vn_sharing_new(heat);
    g_assert_cmpuint(sharing->granules[VN_HEAT_PRIVATE_VCPU], ==, 10);
    g_assert_cmpuint(sharing->granules[VN_HEAT_PRIVATE_CELL], ==, 5);
    g_assert_cmpuint(sharing->granules[VN_HEAT_SHARED], ==, 2);
    g_assert_cmpfloat_with_epsilon(sharing->rates[VN_HEAT_PRIVATE_VCPU], 500, 1e-2);
    g_assert_cmpfloat_with_epsilon(sharing->rates[VN_HEAT_PRIVATE_CELL], 500, 1e-2);
    g_assert_cmpfloat_with_epsilon(sharing->rates[VN_HEAT_SHARED], 200, 1e-2);
}

/* Whatever comes: groups have two vCPUs or more, and no vCPU is in two. */
static void
test_random(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(23);
    for (guint round = 0; round < 100; round++) {
        guint n_vcpus = (guint) g_rand_int_range(random, 1, round % 10 ? 40 : 1500);
        g_autoptr(VnHeat) heat =
            make(n_vcpus, (n_vcpus + 9) / (guint) g_rand_int_range(random, 1, 9));
        g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_REFAULT, 0);
        for (guint i = 0; i < 1000; i++)
            vn_sample_add(sample, (guint64) g_rand_int_range(random, 0, 200),
                          (guint) g_rand_int_range(random, 0, (int) n_vcpus),
                          VN_ACCESS_READ, (guint64) g_rand_int_range(random, 1, 9));
        vn_sample_seal(sample, SECOND);
        vn_heat_feed(heat, sample);
        g_autoptr(VnSharing) sharing = vn_sharing_new(heat);
        g_autoptr(VnIdSet) seen = vn_idset_new();
        for (guint i = 0; i < sharing->groups->len; i++) {
            const VnIdSet *group = sharing->groups->pdata[i];
            g_assert_cmpuint(vn_idset_count(group), >=, 2);
            g_assert_false(vn_idset_overlaps(group, seen));
            g_assert_cmpint(vn_idset_next(group, n_vcpus), ==, -1);
            vn_idset_add_all(seen, group);
        }
        double rate = sharing->rates[0] + sharing->rates[1] + sharing->rates[2];
        g_assert_cmpfloat_with_epsilon(rate, vn_heat_rate(heat), rate * 1e-5);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sharing/groups", test_groups);
    g_test_add_func("/sharing/owners", test_owners);
    g_test_add_func("/sharing/random", test_random);
    return g_test_run();
}
