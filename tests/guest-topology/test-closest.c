/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vn_closest_choose() among many places, against trying all sets of them. */
#include "guest-topology/closest.h"

#include "tests/guest-topology/hosts.h"

#define NODES 20u
#define CHOSEN 4u
#define ROUNDS 100

static VnHost *
make_host(guint n, guint cpus)
{
    VnHost *host = vn_host_new();
    host->page_size_bytes = 4096;
    for (guint i = 0; i < n; i++) {
        VnHostNode *node = vn_host_add_node(host, i);
        node->memory_bytes = node->free_bytes = GIB;
        node->distances = g_new(guint, n);
        for (guint j = 0; j < n; j++)
            node->distances[j] = i == j ? VN_DISTANCE_LOCAL : 20;
        for (guint j = 0; j < cpus; j++)
            vn_idset_add(node->cpus, i * 8 + j);
    }
    return host;
}

static VnHostPlaces *
make_places(const VnHost *host, const GArray *device_nodes)
{
    g_autoptr(VnTag) tag = vn_tag_new();
    const VnBuildSize size = {.name = "db1", .device_nodes = device_nodes};
    return vn_host_places_new(host, &size, tag, FALSE);
}

static guint
sum_apart(const VnHostPlaces *places, const guint *indices, guint n)
{
    guint sum = 0;
    for (guint i = 0; i < n; i++) {
        for (guint j = i + 1; j < n; j++)
            sum += places->apart[indices[i] * places->list->len + indices[j]];
    }
    return sum;
}

static guint
smallest_sum(const VnHostPlaces *places)
{
    guint best = G_MAXUINT;
    guint set[CHOSEN];
    for (set[0] = 0; set[0] < NODES; set[0]++) {
        for (set[1] = set[0] + 1; set[1] < NODES; set[1]++) {
            for (set[2] = set[1] + 1; set[2] < NODES; set[2]++) {
                for (set[3] = set[2] + 1; set[3] < NODES; set[3]++)
                    best = MIN(best, sum_apart(places, set, CHOSEN));
            }
        }
    }
    return best;
}

/* Random distances are the hardest; even so nearly always the best set is found. */
static void
test_many(void)
{
    const VnShape shape = {.cells = CHOSEN,
                           .vcpus = 1,
                           .vcpu_unit = 1,
                           .bytes = 2 * MIB,
                           .byte_unit = 2 * MIB};
    guint best = 0;
    for (guint round = 0; round < ROUNDS; round++) {
        g_autoptr(VnHost) host = make_host(NODES, 4);
        for (guint i = 0; i < NODES; i++) {
            VnHostNode *node = host->nodes->pdata[i];
            for (guint j = 0; j < NODES; j++)
                node->distances[j] =
                    i == j ? VN_DISTANCE_LOCAL : (guint) g_test_rand_int_range(11, 60);
        }
        g_autoptr(VnHostPlaces) places = make_places(host, NULL);
        g_autoptr(GArray) chosen = vn_closest_choose(places, &shape);
        g_assert_nonnull(chosen);
        g_assert_cmpuint(chosen->len, ==, CHOSEN);
        guint found = sum_apart(places, (const guint *) (gpointer) chosen->data, CHOSEN);
        guint smallest = smallest_sum(places);
        g_assert_cmpuint(found, >=, smallest);
        g_assert_cmpuint(found, <=, smallest + smallest / 5);
        best += found == smallest;
    }
    g_test_message("best in %u of %u rounds", best, ROUNDS);
    g_assert_cmpuint(best, >=, ROUNDS * 8 / 10);
}

/* Places 0 to 9 are in pairs, 11 apart, and else far; 10 to 19 are all 12 apart. */
static void
test_pairs_and_cluster(void)
{
    g_autoptr(VnHost) host = make_host(NODES, 4);
    for (guint i = 0; i < NODES; i++) {
        VnHostNode *node = host->nodes->pdata[i];
        for (guint j = 0; j < NODES; j++)
            node->distances[j] = i == j                 ? VN_DISTANCE_LOCAL
                                 : i >= 10 && j >= 10   ? 12
                                 : i / 2 == j / 2       ? 11
                                 : (i < 10) == (j < 10) ? 100
                                                        : 30;
    }
    g_autoptr(VnHostPlaces) places = make_places(host, NULL);
    const VnShape shape = {.cells = CHOSEN,
                           .vcpus = 1,
                           .vcpu_unit = 1,
                           .bytes = 2 * MIB,
                           .byte_unit = 2 * MIB};
    g_autoptr(GArray) chosen = vn_closest_choose(places, &shape);
    g_assert_nonnull(chosen);
    for (guint i = 0; i < CHOSEN; i++)
        g_assert_cmpuint(g_array_index(chosen, guint, i), >=, 10);
}

/* Only some places can take a unit more, and all of them have to be among the chosen. */
static void
test_remainders(void)
{
    static const struct {
        guint vcpu_extras;
        guint byte_extras;
        gboolean found;
    } cases[] = {{0, 0, TRUE},  {2, 0, TRUE},  {0, 3, TRUE}, {2, 3, TRUE},
                 {3, 0, FALSE}, {0, 4, FALSE}, {2, 4, FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = make_host(NODES, 4);
        for (guint j = 0; j < NODES; j++) {
            VnHostNode *node = host->nodes->pdata[j];
            if (j == 3 || j == 19)
                vn_idset_add(node->cpus, j * 8 + 7);
            if (j == 17 || j == 18 || j == 19)
                node->free_bytes = node->memory_bytes += 2 * MIB;
        }
        g_autoptr(VnHostPlaces) places = make_places(host, NULL);
        const VnShape shape = {.cells = 18,
                               .vcpus = 4,
                               .vcpu_unit = 1,
                               .vcpu_extras = cases[i].vcpu_extras,
                               .bytes = GIB,
                               .byte_unit = 2 * MIB,
                               .byte_extras = cases[i].byte_extras};
        g_autoptr(GArray) chosen = vn_closest_choose(places, &shape);
        g_assert_true((chosen != NULL) == cases[i].found);
        g_autoptr(GPtrArray) list = vn_host_places_one_each(places, &shape);
        g_assert_true((list != NULL) == cases[i].found);
    }
}

/* At the limit of what is tried in full and past it: most memory, then lowest ids. */
static void
test_ties(void)
{
    static const guint sizes[] = {VN_CLOSEST_EXACT_MAX, VN_CLOSEST_EXACT_MAX + 1, 1024};
    const VnShape shape = {
        .cells = 8, .vcpus = 1, .vcpu_unit = 1, .bytes = 2 * MIB, .byte_unit = 2 * MIB};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(VnHost) host = make_host(sizes[i], 4);
        VnHostNode *roomy = host->nodes->pdata[sizes[i] - 2];
        roomy->free_bytes = roomy->memory_bytes *= 2;
        g_autoptr(VnHostPlaces) places = make_places(host, NULL);
        g_autoptr(GPtrArray) list = vn_host_places_one_each(places, &shape);
        g_assert_nonnull(list);
        for (guint j = 0; j < 8; j++) {
            const VnHostPlace *place = list->pdata[j];
            g_assert_true(vn_idset_contains(place->nodes, j < 7 ? j : sizes[i] - 2));
        }
    }
}

/* Two clusters: of all that are equally close those nearest to the devices, if there. */
static void
test_devices(void)
{
    static const guint sizes[] = {8, VN_CLOSEST_EXACT_MAX + 4};
    const VnShape shape = {
        .cells = 2, .vcpus = 1, .vcpu_unit = 1, .bytes = 2 * MIB, .byte_unit = 2 * MIB};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        guint half = sizes[i] / 2;
        guint at = half + 2;
        g_autoptr(VnHost) host = make_host(sizes[i], 4);
        for (guint j = 0; j < sizes[i]; j++) {
            VnHostNode *node = host->nodes->pdata[j];
            for (guint k = 0; k < sizes[i]; k++)
                node->distances[k] = j == k                     ? VN_DISTANCE_LOCAL
                                     : (j < half) == (k < half) ? 12
                                                                : 32;
        }
        /* More memory elsewhere, and a device of a node that the host has not. */
        VnHostNode *roomy = host->nodes->pdata[0];
        roomy->free_bytes = roomy->memory_bytes *= 2;
        g_autoptr(GArray) devices = g_array_new(FALSE, FALSE, sizeof(guint));
        guint missing = 4000;
        g_array_append_val(devices, at);
        g_array_append_val(devices, missing);
        g_autoptr(VnHostPlaces) places = make_places(host, devices);
        g_autoptr(GPtrArray) list = vn_host_places_one_each(places, &shape);
        g_assert_nonnull(list);
        g_assert_cmpuint(list->len, ==, 2);
        g_assert_true(vn_idset_contains(vn_place_at(list, 0)->nodes, half));
        g_assert_true(vn_idset_contains(vn_place_at(list, 1)->nodes, at));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/closest/many", test_many);
    g_test_add_func("/closest/pairs-and-cluster", test_pairs_and_cluster);
    g_test_add_func("/closest/remainders", test_remainders);
    g_test_add_func("/closest/ties", test_ties);
    g_test_add_func("/closest/devices", test_devices);
    return g_test_run();
}
