/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest is told against what is true: each untruth provoked, and mended. */
#include "guest-topology/build.h"
#include "guest-topology/distances.h"
#include "guest-topology/interconnects.h"
#include "tests/guest-topology/verify-world.h"

#include <string.h>

static void
set_distance(const World *world, guint from, guint to, guint distance)
{
    world_node(world, from)->distances[to] = distance;
}

/* What provokes a finding, and what makes it go. */
static void
stray(const World *world)
{
    world_set_resident(world, 0, 192, 64);
}

static void
come_home(const World *world)
{
    world_set_resident(world, 0, 256, 0);
}

static void
live_together(const World *world)
{
    world_set_home(world, 1, "0");
    world_set_resident(world, 1, 256, 0);
    world_set_affinity(world, 2, "0-1");
    world_set_affinity(world, 3, "0-1");
}

static void
be_told_near(const World *world)
{
    vn_vnuma_set_distance(world->guest->told, 0, 1, 11);
    vn_vnuma_set_distance(world->guest->told, 1, 0, 11);
}

static void
migrate(const World *world)
{
    set_distance(world, 0, 1, 31);
    set_distance(world, 1, 0, 32);
}

static void
be_told_far(const World *world)
{
    vn_vnuma_set_distance(world->guest->told, 0, 1, 31);
    vn_vnuma_set_distance(world->guest->told, 1, 0, 31);
}

static void
be_told_nothing(const World *world)
{
    g_clear_pointer(&world->guest->told->distances, g_free);
}

static void
ask_for_flat(const World *world)
{
    world->guest->tag->distances = VN_DISTANCES_FLAT;
}

static void
be_slow(const World *world)
{
    VnInterconnect told[] = {
        {.access = VN_ACCESS_READ, .latency_ns = 10},
        {.access = VN_ACCESS_WRITE, .latency_ns = 10},
        {.access = VN_ACCESS_ANY, .bandwidth_bytes_per_second = 1000 * MIB},
        {.initiator = 1, .access = VN_ACCESS_READ, .latency_ns = 500}, /* not known */
    };
    g_array_append_vals(world->guest->told->interconnects, told, G_N_ELEMENTS(told));
    VnAccessClass *access = &world_node(world, 0)->access[0];
    access->initiators = vn_idset_new_with(0);
    access->read_latency_ns = 30;
    access->write_latency_ns = 12;
    access->read_bandwidth_bytes_per_second = 1050 * MIB;
    access->write_bandwidth_bytes_per_second = 1050 * MIB;
}

static void
be_fast(const World *world)
{
    world_node(world, 0)->access[0].read_latency_ns = 11;
    world_node(world, 0)->access[0].write_latency_ns = 0; /* not known */
}

static void
plug_vcpu(const World *world)
{
    world->guest->unnamed_vcpus = vn_idset_new_with(1);
    world_set_affinity(world, 1, "2-3"); /* is not found a second time */
}

static void
unplug_vcpu(const World *world)
{
    vn_guest_find_vcpu(world->guest, 1)->tid = 0;
}

static void
run_at_other_cell(const World *world)
{
    world_set_affinity(world, 0, "2");
    world_set_affinity(world, 1, "3");
}

static void
run_in_between(const World *world)
{
    world_set_affinity(world, 0, "1-2");
    world_set_affinity(world, 1, "0-5");
}

static void
pin_elsewhere(const World *world)
{
    g_clear_pointer(&vn_guest_find_vcpu(world->guest, 2)->affinity, vn_idset_free);
    scenario_pin(world->guest, 2, "4-5");
}

static void
unpin(const World *world)
{
    g_clear_pointer(&vn_guest_find_vcpu(world->guest, 2)->pinned, vn_idset_free);
}

static const WorldCase cases[] = {
    {"memory-elsewhere", stray, VN_FINDING_MEMORY_ELSEWHERE, VN_SEVERITY_WARNING,
     "cell 0",
     "at home on host node 0, but 64.0 MiB of its 256.0 MiB (25.0 %) lie on host node 1",
     "vnumactl rebalance db1", come_home, VN_TOLD_TRUE},
    {"cells-together", live_together, VN_FINDING_CELLS_TOGETHER, VN_SEVERITY_WARNING,
     "cells 0 and 1", "told a distance of 21, but both lie on host node 0",
     "virsh dumpxml --inactive db1 | vnumactl define -, then shut it down and start it",
     be_told_near, VN_TOLD_TRUE},
    {"cells-together-by-request", live_together, VN_FINDING_CELLS_TOGETHER,
     VN_SEVERITY_WARNING, "cells 0 and 1",
     "told a distance of 21, but both lie on host node 0",
     "virsh dumpxml --inactive db1 | vnumactl define -, then shut it down and start it",
     ask_for_flat, VN_TOLD_TRUE},
    {"distances-differ", migrate, VN_FINDING_DISTANCES_DIFFER, VN_SEVERITY_WARNING,
     "cells 0 and 1",
     "told a distance of 21 from cell 1 to cell 0; from host node 1 to host node 0 it is "
     "32 now; 1 other pair differs too",
     "virsh dumpxml --inactive db1 | vnumactl define -, then shut it down and start it",
     be_told_far, VN_TOLD_TRUE},
    {"performance-differs", be_slow, VN_FINDING_PERFORMANCE_DIFFERS, VN_SEVERITY_WARNING,
     "cell 0",
     "told 10 ns for reads from cell 0 to cell 0; the host has 30 ns for their homes "
     "now; 1 other figure differs too",
     "virsh dumpxml --inactive db1 | vnumactl define -, then shut it down and start it",
     be_fast, VN_TOLD_TRUE},
    {"vcpu-in-no-cell", plug_vcpu, VN_FINDING_VCPU_IN_NO_CELL, VN_SEVERITY_WARNING,
     "vCPU 1", "no cell names it, so that QEMU put it into cell 0",
     "virsh setvcpu db1 1 --disable --live, or name it in a <cell>: virsh edit db1",
     unplug_vcpu, VN_TOLD_TRUE},
    {"vcpu-at-other-cell", run_at_other_cell, VN_FINDING_VCPU_AT_OTHER_CELL,
     VN_SEVERITY_WARNING, "vCPUs 0 and 1",
     "told to be in cell 0, whose home is host node 0; bound to run on host node 1, the "
     "home of cell 1",
     "vnumactl rebalance db1", run_in_between, VN_TOLD_TRUE},
    {"vcpu-elsewhere", pin_elsewhere, VN_FINDING_VCPU_ELSEWHERE, VN_SEVERITY_WARNING,
     "vCPU 2",
     "told to be in cell 1, whose home is host node 1; bound to run on host node 2",
     "vnumactl rebalance db1", unpin, VN_TOLD_TRUE},
};

/* From 1 % and 4 MiB on pages are elsewhere; with more than 75 % a cell lies there. */
static void
test_memory_thresholds(void)
{
    static const struct {
        guint64 home_kib;
        guint64 other_kib;
        guint elsewhere;
        guint together;
    } at[] = {
        {4 * 1024, 4 * 1024 - 4, 0, 0},   {4 * 1024, 4 * 1024, 1, 0},
        {495 * 1024, 5 * 1024 - 4, 0, 0}, {495 * 1024, 5 * 1024, 1, 0},
        {64 * 1024, 192 * 1024, 1, 0},    {64 * 1024 - 4, 192 * 1024 + 4, 1, 1},
        {1024 - 4, 4 * 1024 - 4, 0, 0},   {0, 0, 0, 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(at); i++) {
        g_auto(World) world;
        world_init(&world);
        VnCell *cell = scenario_cell(world.guest, 0);
        vn_cell_set_resident(cell, 0, at[i].home_kib << 10);
        vn_cell_set_resident(cell, 1, at[i].other_kib << 10);
        g_assert_cmpuint(world_count(&world, VN_FINDING_MEMORY_ELSEWHERE), ==,
                         at[i].elsewhere);
        g_assert_cmpuint(world_count(&world, VN_FINDING_CELLS_TOGETHER), ==,
                         at[i].together);
    }
}

static void
test_distance_tolerance(void)
{
    static const struct {
        guint told;
        guint actual;
        gboolean differs;
    } at[] = {
        {21, 21, FALSE},  {20, 21, FALSE}, {11, 13, FALSE},   {11, 14, TRUE},
        {21, 19, FALSE},  {21, 18, TRUE},  {44, 40, FALSE},   {45, 40, TRUE},
        {90, 100, FALSE}, {89, 100, TRUE}, {255, 255, FALSE}, {255, 40, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(at); i++) {
        g_auto(World) world;
        world_init(&world);
        set_distance(&world, 0, 1, at[i].actual);
        set_distance(&world, 1, 0, at[i].actual);
        vn_vnuma_set_distance(world.guest->told, 0, 1, at[i].told);
        vn_vnuma_set_distance(world.guest->told, 1, 0, at[i].told);
        g_assert_cmpuint(world_count(&world, VN_FINDING_DISTANCES_DIFFER), ==,
                         at[i].differs);
    }
}

/* A guest that is told none assumes 20; that the host has others is no untruth. */
static void
test_no_distances_told(void)
{
    g_auto(World) world;
    world_init(&world);
    be_told_nothing(&world);
    world_assert_nothing(&world, VN_TOLD_TRUE);
    migrate(&world);
    g_autoptr(VnVerdict) verdict = world_verify(&world);
    g_assert_cmpuint(verdict->findings->len, ==, 1);
    const VnFinding *finding = verdict->findings->pdata[0];
    g_assert_cmpint(finding->severity, ==, VN_SEVERITY_INFO);
    g_assert_true(g_str_has_prefix(finding->text, "told none, so that the guest assumes "
                                                  "a distance of 20 from cell 1"));
    g_assert_cmpint(verdict->told, ==, VN_TOLD_TRUE);
}

/* What is not known is said, and is no finding. */
static void
forget_told(const World *world)
{
    g_clear_pointer(&world->guest->told, vn_vnuma_unref);
}

static void
forget_place(const World *world)
{
    VnCell *cell = scenario_cell(world->guest, 1);
    cell->hva_start = cell->hva_end = 0;
    cell->hva_unknown = g_strdup("two look alike");
    world_set_resident(world, 1, 256, 0); /* is not to be believed */
    world_set_home(world, 1, "0");
    world_set_affinity(world, 2, "0");
    world_set_affinity(world, 3, "0");
    be_told_near(world);
}

static void
forget_home(const World *world)
{
    world_set_home(world, 1, "");
    world_set_resident(world, 1, 0, 0);
    world_set_affinity(world, 2, "0");
    migrate(world);
}

static void
forget_homes(const World *world)
{
    g_ptr_array_set_size(world->homes, 0);
    migrate(world);
}

static void
forget_distances(const World *world)
{
    world->snapshot->host->has_distances = FALSE;
    migrate(world);
}

static void
be_in_trouble(const World *world)
{
    world->guest->trouble = g_strdup("QEMU was not found");
}

static void
be_told_of_other_cells(const World *world)
{
    g_clear_pointer(&world->guest->told->distances, g_free);
    vn_vnuma_add_cell(world->guest->told);
}

static void
test_not_known(void)
{
    static const struct {
        void (*forget)(const World *world);
        const char *unknown;
    } facts[] = {
        {forget_told, "what it is told is not known"},
        {be_told_of_other_cells, "what it is told is not known"},
        {forget_place, "cell 1: where the memory lies is not known: two look alike"},
        {forget_home, "cell 1: the home is not known"},
        {forget_homes, "cells 0 and 1: the home is not known"},
        {forget_distances, "distances: the host tells none"},
        {be_in_trouble, "QEMU was not found"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(facts); i++) {
        g_auto(World) world;
        world_init(&world);
        facts[i].forget(&world);
        world_assert_nothing(&world, VN_TOLD_UNKNOWN);
        g_autoptr(VnVerdict) verdict = world_verify(&world);
        g_assert_cmpuint(verdict->unknown->len, >=, 1);
        g_assert_cmpstr(verdict->unknown->pdata[0], ==, facts[i].unknown);
    }
}

/* Nothing is resident yet: there is nothing to be wrong. */
static void
test_nothing_resident(void)
{
    g_auto(World) world;
    world_init(&world);
    world_set_resident(&world, 0, 0, 0);
    world_set_resident(&world, 1, 0, 0);
    world_assert_nothing(&world, VN_TOLD_TRUE);
}

/* Without cells, and stopped, it is told nothing. */
static void
test_told_nothing(void)
{
    g_auto(World) plain;
    world_init(&plain);
    plain.guest->told_cells = FALSE;
    forget_told(&plain);
    stray(&plain);
    world_assert_nothing(&plain, VN_TOLD_NOTHING);

    g_auto(World) stopped;
    world_init(&stopped);
    stray(&stopped);
    migrate(&stopped);
    stopped.guest->state = VN_GUEST_STOPPED;
    world_assert_nothing(&stopped, VN_TOLD_NOTHING);
}

/* Two cells at home on the same two nodes may lie on one of them. */
static void
test_shared_home(void)
{
    g_auto(World) world;
    world_init(&world);
    for (guint i = 0; i < 2; i++) {
        world_set_home(&world, i, "0-1");
        world_set_resident(&world, i, 256, 0);
    }
    g_assert_cmpuint(world_count(&world, VN_FINDING_CELLS_TOGETHER), ==, 1);
    vn_vnuma_set_distance(world.guest->told, 0, 1, 16); /* the mean of 10, 21, 21, 10 */
    vn_vnuma_set_distance(world.guest->told, 1, 0, 16);
    world_assert_nothing(&world, VN_TOLD_TRUE);
}

/* A guest on @host as @told, at home, with its pages spread over each home. */
static void
assert_derived_is_true(const VnHost *host, VnVnuma *told)
{
    g_autoptr(VnGuest) guest = vn_guest_new("db1", "uuid");
    g_autoptr(GPtrArray) homes =
        g_ptr_array_new_with_free_func((GDestroyNotify) vn_idset_free);
    guest->state = VN_GUEST_RUNNING;
    guest->told_cells = TRUE;
    guest->told = vn_vnuma_ref(told);
    for (guint i = 0; i < told->cells->len; i++) {
        const VnVnumaCell *from = vn_vnuma_cell(told, i);
        VnCell *cell = vn_guest_add_cell(guest, i);
        vn_idset_add_all(cell->vcpus, from->vcpus);
        cell->memory_bytes = from->memory_bytes;
        cell->hva_end = from->memory_bytes;
        cell->binding = VN_BINDING_STRICT;
        cell->bound = vn_idset_copy(from->home);
        g_ptr_array_add(homes, vn_idset_copy(from->home));
        VN_IDSET_FOREACH (from->home, node)
            vn_cell_set_resident(cell, (guint) node,
                                 from->memory_bytes / vn_idset_count(from->home));
        VN_IDSET_FOREACH (from->vcpus, id) {
            VnVcpu *vcpu = vn_guest_add_vcpu(guest, (guint) id, i);
            vcpu->tid = 1;
            vcpu->affinity = vn_host_cpus_of_nodes(host, from->home);
        }
    }
    g_autoptr(VnVerdict) verdict = vn_verify(host, guest, homes, NULL);
    for (guint i = 0; i < verdict->findings->len; i++) {
        const VnFinding *finding = verdict->findings->pdata[i];
        g_test_message("%s: %s", finding->object, finding->text);
        g_assert_false(vn_finding_is_untruth(finding));
    }
    g_assert_cmpint(verdict->told, ==, VN_TOLD_TRUE);
}

static void
add_performance(const VnHost *host)
{
    for (guint i = 0; i < host->nodes->len; i++) {
        VnHostNode *node = host->nodes->pdata[i];
        VnAccessClass *access = &node->access[0];
        access->initiators = vn_idset_new_with(node->id);
        access->read_latency_ns = (guint) g_test_rand_int_range(50, 500);
        access->write_latency_ns = (guint) g_test_rand_int_range(50, 500);
        access->read_bandwidth_bytes_per_second =
            access->write_bandwidth_bytes_per_second =
                (guint64) g_test_rand_int_range(5000, 50000) * MIB;
    }
}

/* What is derived from a host is true on it: derivation and guard agree. */
static void
test_derived_is_true(void)
{
    guint n_derived = 0;
    for (guint round = 0; round < 1000; round++) {
        g_autoptr(VnSnapshot) snapshot = scenario_random();
        g_autoptr(VnTag) tag = vn_tag_new();
        VnBuildSize size = {
            .name = "db1",
            .vcpus = (guint) g_test_rand_int_range(1, 17),
            .memory_bytes = (guint64) g_test_rand_int_range(16, 1500) * 4 * MIB,
        };
        tag->cells = (guint) g_test_rand_int_range(0, 5);
        add_performance(snapshot->host);
        g_autoptr(VnVnuma) told = vn_build(snapshot->host, &size, tag, NULL);
        if (!told)
            continue; /* it does not fit */
        g_assert_true(vn_distances_derive(snapshot->host, told, tag, NULL));
        vn_interconnects_derive(snapshot->host, told, tag);
        assert_derived_is_true(snapshot->host, told);
        n_derived += told->cells->len > 1;
    }
    g_test_message("%u of several cells", n_derived);
    g_assert_cmpuint(n_derived, >, 50);
}

/* What brings it home depends on whether it is managed, and in trouble. */
static void
test_remedies(void)
{
    static const struct {
        const char *name;
        gboolean managed;
        const char *trouble;
        const char *remedy;
    } at[] = {
        {"db.1-a_b", TRUE, NULL, "vnumactl rebalance db.1-a_b"},
        {"my db", TRUE, NULL, "vnumactl rebalance uuid-of-db1"},
        {"-db", TRUE, NULL, "vnumactl rebalance uuid-of-db1"},
        {"a'; reboot", TRUE, NULL, "vnumactl rebalance uuid-of-db1"},
        {"db1", FALSE, NULL,
         "virsh metadata db1 urn:vnumad:guest:1 --key vnuma --set \"<guest/>\" && "
         "vnumactl rebalance db1"},
        {"db1", TRUE, "it hangs", "what stands in the way: vnumactl show db1"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(at); i++) {
        g_auto(World) world;
        world_init(&world);
        g_free(world.guest->name);
        world.guest->name = g_strdup(at[i].name);
        world.guest->managed = at[i].managed;
        world.guest->trouble = g_strdup(at[i].trouble);
        stray(&world);
        g_autoptr(VnVerdict) verdict = world_verify(&world);
        g_assert_cmpuint(verdict->findings->len, ==, 1);
        g_assert_cmpstr(((const VnFinding *) verdict->findings->pdata[0])->remedy, ==,
                        at[i].remedy);
    }
}

/* The description that crosses D-Bus. */
static void
test_variant(void)
{
    g_auto(World) world;
    world_init(&world);
    stray(&world);
    g_autoptr(VnVerdict) verdict = world_verify(&world);
    vn_verdict_add_unknown(verdict, "cell %u: dark", 7u);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_verdict_insert(verdict, &dict);
    g_autoptr(GVariant) variant = g_variant_ref_sink(vn_dict_end(&dict));
    g_autofree char *text = g_variant_print(variant, FALSE);
    g_assert_cmpstr(
        text, ==,
        "{'told_state': <'differs'>, 'findings': <[{'severity': <'warning'>, 'object': "
        "<'cell 0'>, 'kind': <'memory-elsewhere'>, 'text': <'at home on host node 0, but "
        "64.0 MiB of its 256.0 MiB (25.0 %) lie on host node 1'>, 'remedy': <'vnumactl "
        "rebalance db1'>}]>, 'unknown': <['cell 7: dark']>}");
}

/* The largest guest, with everything wrong: some findings a cell, one of the pairs. */
static void
test_largest(void)
{
    g_auto(World) world = {.snapshot = scenario_new(2, 2048, 1 << 20)};
    world.guest = scenario_guest(world.snapshot, "big", VN_CELLS_MAX,
                                 VN_VCPUS_MAX / VN_CELLS_MAX, 64);
    world.homes = g_ptr_array_new_with_free_func((GDestroyNotify) vn_idset_free);
    for (guint i = 0; i < VN_CELLS_MAX; i++) {
        g_ptr_array_add(world.homes, vn_idset_new_with(i % 2));
        vn_cell_set_resident(scenario_cell(world.guest, i), (i + 1) % 2, 64 * MIB);
    }
    for (guint i = 0; i < VN_VCPUS_MAX; i++) {
        VnVcpu *vcpu = world.guest->vcpus->pdata[i];
        vcpu->tid = 1;
        vcpu->affinity = vn_idset_new_with(vcpu->cell % 2 ? 0 : 2048);
    }
    world_tell(world.guest);
    migrate(&world);
    g_assert_cmpuint(world_count(&world, VN_FINDING_MEMORY_ELSEWHERE), ==, VN_CELLS_MAX);
    g_assert_cmpuint(world_count(&world, VN_FINDING_VCPU_AT_OTHER_CELL), ==,
                     VN_CELLS_MAX);
    g_assert_cmpuint(world_count(&world, VN_FINDING_CELLS_TOGETHER), ==, 2);
    g_assert_cmpuint(world_count(&world, VN_FINDING_DISTANCES_DIFFER), ==, 0);
    for (guint i = 0; i < VN_CELLS_MAX; i++)
        vn_cell_set_resident(scenario_cell(world.guest, i), (i + 1) % 2, 0);
    g_assert_cmpuint(world_count(&world, VN_FINDING_DISTANCES_DIFFER), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    world_add_cases("/verify/case/", cases, G_N_ELEMENTS(cases));
    g_test_add_func("/verify/memory-thresholds", test_memory_thresholds);
    g_test_add_func("/verify/distance-tolerance", test_distance_tolerance);
    g_test_add_func("/verify/no-distances-told", test_no_distances_told);
    g_test_add_func("/verify/not-known", test_not_known);
    g_test_add_func("/verify/nothing-resident", test_nothing_resident);
    g_test_add_func("/verify/told-nothing", test_told_nothing);
    g_test_add_func("/verify/shared-home", test_shared_home);
    g_test_add_func("/verify/derived-is-true", test_derived_is_true);
    g_test_add_func("/verify/remedies", test_remedies);
    g_test_add_func("/verify/variant", test_variant);
    g_test_add_func("/verify/largest", test_largest);
    return g_test_run();
}
