/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The truthful world: how it is made, changed and looked at. */
#include "tests/guest-topology/verify-world.h"

#include <string.h>

VnHostNode *
world_node(const World *world, guint id)
{
    return world->snapshot->host->nodes->pdata[id];
}

void
world_set_home(const World *world, guint cell, const char *nodes)
{
    vn_idset_free(world->homes->pdata[cell]);
    world->homes->pdata[cell] = scenario_idset(nodes);
}

void
world_set_resident(const World *world, guint cell, guint64 mib0, guint64 mib1)
{
    vn_cell_set_resident(scenario_cell(world->guest, cell), 0, mib0 * MIB);
    vn_cell_set_resident(scenario_cell(world->guest, cell), 1, mib1 * MIB);
}

void
world_set_affinity(const World *world, guint vcpu, const char *cpus)
{
    VnVcpu *found = vn_guest_find_vcpu(world->guest, vcpu);
    vn_idset_free(found->affinity);
    found->affinity = scenario_idset(cpus);
}

void
world_tell(VnGuest *guest)
{
    vn_vnuma_unref(guest->told);
    guest->told = vn_vnuma_new(guest->vcpus->len);
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = scenario_cell(guest, i);
        VnVnumaCell *told = vn_vnuma_add_cell(guest->told);
        told->memory_bytes = cell->memory_bytes;
        vn_idset_add_all(told->vcpus, cell->vcpus);
    }
    for (guint i = 0; i < guest->cells->len; i++) {
        for (guint j = 0; j < guest->cells->len; j++)
            vn_vnuma_set_distance(guest->told, i, j, i == j ? 10 : 21);
    }
}

void
world_init(World *world)
{
    world->snapshot = scenario_new(3, 2, 1024);
    world->guest = scenario_guest(world->snapshot, "db1", 2, 2, 256);
    world->homes = g_ptr_array_new_with_free_func((GDestroyNotify) vn_idset_free);
    world->stored = NULL;
    for (guint i = 0; i < 2; i++) {
        g_autofree char *node = g_strdup_printf("%u", i);
        g_autofree char *cpus = g_strdup_printf("%u-%u", 2 * i, 2 * i + 1);
        g_ptr_array_add(world->homes, vn_idset_new_with(i));
        scenario_bind(world->guest, i, VN_BINDING_STRICT, node);
        vn_cell_set_resident(scenario_cell(world->guest, i), i, 256 * MIB);
        for (guint vcpu = 2 * i; vcpu < 2 * i + 2; vcpu++) {
            vn_guest_find_vcpu(world->guest, vcpu)->tid = 100 + (int) vcpu;
            world_set_affinity(world, vcpu, cpus);
        }
    }
    world_tell(world->guest);
}

void
world_clear(World *world)
{
    vn_snapshot_unref(world->snapshot);
    vn_guest_free(world->stored);
    g_ptr_array_unref(world->homes);
}

VnVerdict *
world_verify(const World *world)
{
    return vn_verify(world->snapshot->host, world->guest, world->homes, world->stored);
}

guint
world_count(const World *world, VnFindingKind kind)
{
    guint n = 0;
    g_autoptr(VnVerdict) verdict = world_verify(world);
    for (guint i = 0; i < verdict->findings->len; i++) {
        const VnFinding *finding = verdict->findings->pdata[i];
        n += finding->kind == kind;
    }
    return n;
}

void
world_assert_nothing(const World *world, VnToldState told)
{
    g_autoptr(VnVerdict) verdict = world_verify(world);
    for (guint i = 0; i < verdict->findings->len; i++) {
        const VnFinding *finding = verdict->findings->pdata[i];
        g_test_message("%s: %s", finding->object, finding->text);
    }
    g_assert_cmpuint(verdict->findings->len, ==, 0);
    g_assert_cmpstr(vn_told_state_name(verdict->told), ==, vn_told_state_name(told));
}

static void
test_case(gconstpointer data)
{
    const WorldCase *wanted = data;
    g_auto(World) world;
    world_init(&world);
    world.stored = wanted->kind >= VN_FINDING_START_NODE_MISSING
                       ? vn_guest_clone(world.guest)
                       : NULL;
    world_assert_nothing(&world, VN_TOLD_TRUE);

    wanted->provoke(&world);
    g_autoptr(VnVerdict) verdict = world_verify(&world);
    for (guint j = 0; j < verdict->findings->len; j++) {
        const VnFinding *finding = verdict->findings->pdata[j];
        g_test_message("%s: %s", finding->object, finding->text);
    }
    g_assert_cmpuint(verdict->findings->len, ==, 1);
    const VnFinding *finding = verdict->findings->pdata[0];
    g_assert_cmpstr(vn_finding_kind_name(finding->kind), ==,
                    vn_finding_kind_name(wanted->kind));
    g_assert_cmpint(finding->severity, ==, wanted->severity);
    g_assert_cmpstr(finding->guest, ==, "db1");
    g_assert_cmpstr(finding->object, ==, wanted->object);
    g_assert_cmpstr(finding->text, ==, wanted->text);
    g_assert_cmpstr(finding->remedy, ==, wanted->remedy);
    g_assert_cmpint(verdict->told, ==,
                    vn_finding_is_untruth(finding) ? VN_TOLD_DIFFERS : VN_TOLD_TRUE);

    wanted->mend(&world);
    world_assert_nothing(&world, wanted->then);
}

void
world_add_cases(const char *path, const WorldCase *cases, gsize n_cases)
{
    for (gsize i = 0; i < n_cases; i++) {
        g_autofree char *whole = g_strconcat(path, cases[i].name, NULL);
        g_test_add_data_func(whole, &cases[i], test_case);
    }
}
