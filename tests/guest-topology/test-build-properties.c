/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vn_build() on random hosts, sizes and tags: what holds for every result and refusal,
 * and that nobody who tries everything finds fewer cells or closer homes.
 */
#include "guest-topology/build.h"

#include "model/home.h"
#include "tests/guest-topology/hosts.h"

#define ROUNDS 3000

typedef struct {
    VnHost *host;
    VnTag *tag;
    VnBuildSize size;
    VnCpuTopology topology;
} Scene;

static void
scene_clear(Scene *scene)
{
    vn_host_free(scene->host);
    vn_tag_free(scene->tag);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

static guint
below(guint n)
{
    return (guint) g_test_rand_int_range(0, (int) n);
}

/* In place: the size points into the scene. */
static void
scene_random(Scene *scene)
{
    scene->host = hosts_random();
    scene->tag = vn_tag_new();
    scene->size = (VnBuildSize){
        .name = "db1",
        .vcpus = 1 + below(below(3) ? 12 : 40),
        .memory_bytes = (1 + below(below(3) ? 2000 : 9000)) * 2 * MIB,
        .machine = "pc",
    };
    if (below(4) == 0)
        scene->size.page_size_bytes = 2 * MIB;
    else if (below(8) == 0)
        scene->size.memory_bytes += 4096;
    if (below(4) == 0)
        scene->tag->cells = 1 + below(6);
    if (below(4) == 0)
        scene->tag->max_vcpus_per_cell = 1 + below(8);
    scene->tag->smt = below(4) > 0;
    if (below(4) == 0)
        vn_idset_add(scene->tag->exclude_nodes, below(8));
    if (below(6) == 0) {
        scene->topology =
            (VnCpuTopology){1 + below(3), 1 + below(2), 1 + below(4), 1 + below(2)};
        scene->size.topology = &scene->topology;
        scene->size.vcpus = scene->topology.sockets * scene->topology.dies *
                            scene->topology.cores * scene->topology.threads;
    }
}

static VnVnuma *
build(const Scene *scene, GError **error)
{
    return vn_build(scene->host, &scene->size, scene->tag, error);
}

static guint
count_cpus(const Scene *scene, const VnIdSet *cpus)
{
    guint n = 0;
    if (scene->tag->smt)
        return vn_idset_count(cpus);
    for (guint i = 0; i < scene->host->cpus->len; i++) {
        const VnHostCpu *cpu = scene->host->cpus->pdata[i];
        n += vn_idset_contains(cpus, cpu->id) &&
             vn_idset_next(cpu->siblings, 0) == (int) cpu->id;
    }
    return n;
}

static guint64
free_bytes(const Scene *scene, const VnIdSet *home)
{
    guint64 bytes = 0;
    VN_IDSET_FOREACH (home, id) {
        const VnHostNode *node = vn_host_find_node(scene->host, (guint) id);
        if (scene->size.page_size_bytes == 0)
            bytes += node->free_bytes;
        else
            bytes += g_array_index(node->huge_pages, VnHugePages, 0).free * 2 * MIB;
    }
    return bytes;
}

/* No home has more of it than is there; homes are the same or disjoint. */
static void
assert_room(const Scene *scene, const VnVnuma *vnuma)
{
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        guint vcpus = 0;
        guint64 bytes = 0;
        for (guint j = 0; j < vnuma->cells->len; j++) {
            const VnVnumaCell *other = vn_vnuma_cell(vnuma, j);
            if (!vn_idset_overlaps(cell->home, other->home))
                continue;
            g_assert_true(vn_idset_equal(cell->home, other->home));
            vcpus += vn_idset_count(other->vcpus);
            bytes += other->memory_bytes;
        }
        g_autoptr(VnIdSet) cpus = vn_home_cpus(scene->host, cell->home);
        g_autoptr(VnIdSet) excluded =
            vn_host_cpus_of_nodes(scene->host, scene->tag->exclude_nodes);
        vn_idset_remove_all(cpus, excluded);
        g_assert_cmpuint(vcpus, <=, count_cpus(scene, cpus));
        g_assert_cmpuint(bytes, <=, free_bytes(scene, cell->home));
    }
}

static void
assert_cells(const Scene *scene, const VnVnuma *vnuma)
{
    const VnCpuTopology *topology = &vnuma->topology;
    guint next_vcpu = 0;
    guint socket = topology->dies * topology->cores * topology->threads;
    guint die = topology->cores * topology->threads;
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        guint n_vcpus = vn_idset_count(cell->vcpus);
        g_assert_cmpuint(n_vcpus, >, 0);
        g_assert_cmpint(vn_idset_next(cell->vcpus, 0), ==, (int) next_vcpu);
        next_vcpu += n_vcpus;
        g_assert_true(vn_idset_contains(cell->vcpus, next_vcpu - 1));
        if (scene->size.topology)
            g_assert_cmpuint(next_vcpu % topology->threads, ==, 0);
        else
            g_assert_true(n_vcpus % socket == 0 || n_vcpus == die);
        if (scene->tag->max_vcpus_per_cell)
            g_assert_cmpuint(n_vcpus, <=, scene->tag->max_vcpus_per_cell);
        if (i + 1 < vnuma->cells->len || scene->size.page_size_bytes)
            g_assert_cmpuint(cell->memory_bytes % (2 * MIB), ==,
                             scene->size.memory_bytes % (2 * MIB)
                                 ? cell->memory_bytes % (2 * MIB) / MIB * MIB
                                 : 0);
        g_assert_false(vn_idset_is_empty(cell->home));
        g_assert_false(vn_idset_overlaps(cell->home, scene->tag->exclude_nodes));
        VN_IDSET_FOREACH (cell->home, id)
            g_assert_cmpuint(vn_host_find_node(scene->host, (guint) id)->memory_bytes, >,
                             0);
    }
    g_assert_cmpuint(next_vcpu, ==, scene->size.vcpus);
    g_assert_cmpuint(vn_vnuma_memory(vnuma), ==, scene->size.memory_bytes);
    if (scene->tag->cells)
        g_assert_cmpuint(vnuma->cells->len, ==, scene->tag->cells);
}

/* Cells differ by a unit at most: a core (a socket of an administrator's), 2 MiB. */
static void
assert_alike(const Scene *scene, const VnVnuma *vnuma)
{
    guint least = G_MAXUINT;
    guint most = 0;
    guint64 least_bytes = G_MAXUINT64;
    guint64 most_bytes = 0;
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        least = MIN(least, vn_idset_count(cell->vcpus));
        most = MAX(most, vn_idset_count(cell->vcpus));
        least_bytes = MIN(least_bytes, cell->memory_bytes);
        most_bytes = MAX(most_bytes, cell->memory_bytes);
    }
    const VnCpuTopology *own = scene->size.topology;
    guint unit = own ? own->dies * own->cores * own->threads : vnuma->topology.threads;
    g_assert_cmpuint(most - least, <=, unit);
    g_assert_cmpuint(most_bytes - least_bytes, <=, 2 * MIB);
}

static void
assert_same(const VnVnuma *one, const VnVnuma *other)
{
    g_autoptr(GVariant) a = g_variant_ref_sink(vn_vnuma_to_variant(one));
    g_autoptr(GVariant) b = g_variant_ref_sink(vn_vnuma_to_variant(other));
    g_assert_true(g_variant_equal(a, b));
}

static void
test_every_result(void)
{
    guint built = 0;
    guint refused = 0;
    for (guint round = 0; round < ROUNDS; round++) {
        g_auto(Scene) scene = {0};
        g_autoptr(GError) error = NULL;
        scene_random(&scene);
        g_autoptr(VnVnuma) vnuma = build(&scene, &error);
        if (!vnuma) {
            g_assert_true(g_error_matches(error, VN_ERROR, VN_ERROR_REFUSED) ||
                          g_error_matches(error, VN_ERROR, VN_ERROR_INVALID));
            refused++;
            continue;
        }
        g_assert_no_error(error);
        g_assert_true(vn_vnuma_check(vnuma, &error));
        assert_cells(&scene, vnuma);
        assert_alike(&scene, vnuma);
        assert_room(&scene, vnuma);
        g_autoptr(VnVnuma) again = build(&scene, NULL);
        assert_same(vnuma, again);
        scene.size.previous = vnuma;
        g_autoptr(VnVnuma) kept = build(&scene, NULL);
        assert_same(vnuma, kept);
        built++;
    }
    g_assert_cmpuint(built, >, ROUNDS / 4);
    g_assert_cmpuint(refused, >, ROUNDS / 20);
}

/* More memory never makes a guest unfit. */
static void
test_more_memory(void)
{
    for (guint round = 0; round < ROUNDS; round++) {
        g_auto(Scene) scene = {0};
        scene_random(&scene);
        g_autoptr(VnVnuma) before = build(&scene, NULL);
        if (!before)
            continue;
        for (guint i = 0; i < scene.host->nodes->len; i++) {
            VnHostNode *node = scene.host->nodes->pdata[i];
            guint more = below(600);
            if (node->memory_bytes == 0)
                continue;
            node->memory_bytes += more * 2 * MIB;
            node->free_bytes += more * 2 * MIB;
            VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, 0);
            pages->total += more;
            pages->free += more;
        }
        g_autoptr(VnVnuma) after = build(&scene, NULL);
        g_assert_nonnull(after);
    }
}

/* What a refusal offers does fit. */
static void
test_offers(void)
{
    guint tried = 0;
    for (guint round = 0; round < ROUNDS; round++) {
        g_auto(Scene) scene = {0};
        g_autoptr(GError) error = NULL;
        scene_random(&scene);
        g_autoptr(VnVnuma) vnuma = build(&scene, &error);
        guint64 mib;
        if (vnuma || error->code != VN_ERROR_REFUSED)
            continue;
        const char *offer = g_strrstr(error->message, "would fit: ");
        g_assert_nonnull(offer);
        offer += strlen("would fit: ");
        char *end;
        mib = g_ascii_strtoull(offer, &end, 10);
        if (!g_str_has_prefix(end, " MiB"))
            continue;
        scene.size.memory_bytes = mib * MIB;
        if (g_str_has_prefix(end, " MiB and "))
            scene.size.vcpus = (guint) g_ascii_strtoull(end + 9, NULL, 10);
        g_autoptr(VnVnuma) offered = build(&scene, NULL);
        g_assert_nonnull(offered);
        tried++;
    }
    g_assert_cmpuint(tried, >, 20);
}

/* Whether cells of these sizes can each have one of @nodes, tried in full. */
static gboolean
assignable(const Scene *scene, const GArray *nodes, const GArray *vcpus,
           const GArray *bytes, guint next, guint taken)
{
    if (next == vcpus->len)
        return TRUE;
    for (guint i = 0; i < nodes->len; i++) {
        g_autoptr(VnIdSet) home = vn_idset_new_with(g_array_index(nodes, guint, i));
        g_autoptr(VnIdSet) cpus = vn_home_cpus(scene->host, home);
        if (!(taken & 1u << i) &&
            count_cpus(scene, cpus) >= g_array_index(vcpus, guint, next) &&
            free_bytes(scene, home) >= g_array_index(bytes, guint64, next) &&
            assignable(scene, nodes, vcpus, bytes, next + 1, taken | 1u << i))
            return TRUE;
    }
    return FALSE;
}

/* Whether @nodes do for as many cells, however remainders are handed out. */
static gboolean
hold_cells(const Scene *scene, const GArray *nodes)
{
    guint n = nodes->len;
    guint units = (guint) (scene->size.memory_bytes / (2 * MIB));
    if (units < n || scene->size.vcpus < n)
        return FALSE;
    for (guint vcpu_from = 0; vcpu_from < n; vcpu_from++) {
        g_autoptr(GArray) vcpus = g_array_new(FALSE, FALSE, sizeof(guint));
        g_autoptr(GArray) bytes = g_array_new(FALSE, FALSE, sizeof(guint64));
        for (guint i = 0; i < n; i++) {
            guint v = scene->size.vcpus / n +
                      ((i + vcpu_from) % n < scene->size.vcpus % n ? 1 : 0);
            guint64 b = (units / n + (i < units % n ? 1 : 0)) * 2 * MIB;
            g_array_append_val(vcpus, v);
            g_array_append_val(bytes, b);
        }
        if (assignable(scene, nodes, vcpus, bytes, 0, 0))
            return TRUE;
    }
    return FALSE;
}

static guint
sum_apart(const VnHost *host, const GArray *nodes)
{
    guint sum = 0;
    for (guint i = 0; i < nodes->len; i++) {
        for (guint j = 0; j < nodes->len; j++)
            sum += i == j ? 0
                          : vn_host_distance(host, g_array_index(nodes, guint, i),
                                             g_array_index(nodes, guint, j));
    }
    return sum;
}

/* The fewest cells, and the smallest sum of distances for them, of all sets of nodes. */
static guint
try_everything(const Scene *scene, guint *ret_apart)
{
    guint n = scene->host->nodes->len;
    guint best = G_MAXUINT;
    for (guint mask = 1; mask < 1u << n; mask++) {
        g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(guint));
        for (guint i = 0; i < n; i++) {
            const VnHostNode *node = scene->host->nodes->pdata[i];
            if (mask & 1u << i && node->memory_bytes > 0 &&
                !vn_idset_is_empty(node->cpus))
                g_array_append_val(nodes, node->id);
        }
        guint apart = sum_apart(scene->host, nodes);
        if (nodes->len == 0 || nodes->len > best ||
            (nodes->len == best && apart >= *ret_apart) || !hold_cells(scene, nodes))
            continue;
        best = nodes->len;
        *ret_apart = apart;
    }
    return best;
}

static gboolean
has_wide_home(const VnVnuma *vnuma)
{
    for (guint i = 0; i < vnuma->cells->len; i++) {
        if (vn_idset_count(vn_vnuma_cell(vnuma, i)->home) > 1)
            return TRUE;
    }
    return FALSE;
}

static void
test_minimal(void)
{
    guint compared = 0;
    for (guint round = 0; round < ROUNDS / 10; round++) {
        g_auto(Scene) scene = {0};
        scene_random(&scene);
        vn_tag_free(scene.tag);
        scene.tag = vn_tag_new();
        scene.size.topology = NULL;
        scene.size.vcpus = scene.size.vcpus % 20 + 1;
        scene.size.memory_bytes =
            scene.size.memory_bytes % (9000 * MIB) / (2 * MIB) * (2 * MIB) + 2 * MIB;
        /* What the search over everything does not know about. */
        for (guint i = 0; i < scene.host->nodes->len; i++) {
            VnHostNode *node = scene.host->nodes->pdata[i];
            if (node->memory_bytes == 0)
                vn_idset_remove_all(node->cpus, node->cpus);
        }
        for (guint i = 0; i < scene.host->cpus->len; i++) {
            VnHostCpu *cpu = scene.host->cpus->pdata[i];
            g_clear_pointer(&cpu->siblings, vn_idset_free);
        }
        guint apart = 0;
        guint fewest = try_everything(&scene, &apart);
        g_autoptr(VnVnuma) vnuma = build(&scene, NULL);
        if (fewest == G_MAXUINT) {
            g_assert_true(!vnuma || has_wide_home(vnuma));
            continue;
        }
        g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(guint));
        g_assert_nonnull(vnuma);
        g_assert_cmpuint(vnuma->cells->len, ==, fewest);
        for (guint i = 0; i < fewest; i++) {
            guint id = (guint) vn_idset_next(vn_vnuma_cell(vnuma, i)->home, 0);
            g_array_append_val(nodes, id);
        }
        g_assert_cmpuint(sum_apart(scene.host, nodes), ==, apart);
        compared += fewest > 1;
    }
    g_assert_cmpuint(compared, >, 20);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/build/every-result", test_every_result);
    g_test_add_func("/build/more-memory", test_more_memory);
    g_test_add_func("/build/offers", test_offers);
    g_test_add_func("/build/minimal", test_minimal);
    return g_test_run();
}
