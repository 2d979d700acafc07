/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a guest fits where it is bound, now and at its next start. */
#include "tests/guest-topology/verify-world.h"

#include <string.h>

#define HUGE_BYTES (2 * MIB)

static void
add_huge_pages(const World *world, guint node, guint64 total, guint64 free)
{
    VnHugePages pages = {HUGE_BYTES, total, free};
    g_array_append_val(world_node(world, node)->huge_pages, pages);
}

static void
be_told_near(const World *world)
{
    vn_vnuma_set_distance(world->guest->told, 0, 1, 11);
    vn_vnuma_set_distance(world->guest->told, 1, 0, 11);
}

static void
set_distance(const World *world, guint from, guint to, guint distance)
{
    world_node(world, from)->distances[to] = distance;
}

static void
bind_nowhere(const World *world)
{
    scenario_bind(world->guest, 1, VN_BINDING_PREFERRED, "1,7-8");
}

static void
bind_well(const World *world)
{
    scenario_bind(world->guest, 1, VN_BINDING_PREFERRED, "1");
}

/* Both cells still want 128 MiB, on the same two nodes, which have 200 together. */
static void
fill_nodes(const World *world)
{
    for (guint i = 0; i < 2; i++) {
        scenario_bind(world->guest, i, VN_BINDING_STRICT, "0-1");
        world_set_home(world, i, "0-1");
        world_set_resident(world, i, 64, 64);
        world_node(world, i)->free_bytes = 100 * MIB;
    }
    be_told_near(world);
    set_distance(world, 0, 1, 12);
    set_distance(world, 1, 0, 12);
}

/* 256 MiB, and the margin: 1 % of 2 GiB. */
static void
cache_files(const World *world)
{
    world_node(world, 1)->reclaimable_bytes = 77 * MIB;
}

static void
prefer(const World *world)
{
    for (guint i = 0; i < 2; i++)
        scenario_bind(world->guest, i, VN_BINDING_PREFERRED, "0-1");
}

static void
store_missing_node(const World *world)
{
    scenario_bind(world->stored, 0, VN_BINDING_STRICT, "9");
}

static void
store_known_node(const World *world)
{
    scenario_bind(world->stored, 0, VN_BINDING_STRICT, "2");
}

/* One cell each fits onto node 0, both do not. */
static void
store_too_much(const World *world)
{
    world_node(world, 0)->free_bytes = world_node(world, 0)->memory_bytes;
    for (guint i = 0; i < 2; i++) {
        scenario_cell(world->stored, i)->memory_bytes = 600 * MIB;
        scenario_bind(world->stored, i, VN_BINDING_STRICT, "0");
    }
}

static void
store_on_two(const World *world)
{
    world_node(world, 1)->free_bytes = world_node(world, 1)->memory_bytes;
    scenario_bind(world->stored, 1, VN_BINDING_RESTRICTIVE, "0-1");
}

static void
store_huge(const World *world)
{
    add_huge_pages(world, 0, 100, 100);
    scenario_cell(world->stored, 0)->page_size_bytes = HUGE_BYTES;
}

static void
reserve_huge(const World *world)
{
    VnHugePages *pages = &g_array_index(world_node(world, 0)->huge_pages, VnHugePages, 0);
    pages->total = pages->free = 128;
}

/* It has 256 MiB there itself, of which 512 want more than 200 others leave. */
static void
store_more(const World *world)
{
    scenario_cell(world->stored, 0)->memory_bytes = 512 * MIB;
    world_node(world, 0)->free_bytes = 200 * MIB;
}

static void
others_leave(const World *world)
{
    world_node(world, 0)->reclaimable_bytes = 56 * MIB;
}

static void
not_know_own_use(const World *world)
{
    scenario_cell(world->guest, 0)->hva_end = 0;
}

static void
store_pin(const World *world)
{
    scenario_pin(world->stored, 0, "98-99");
    scenario_pin(world->stored, 2, "0-1");
}

static void
store_pin_partly(const World *world)
{
    VnHostCpu *off = world->snapshot->host->cpus->pdata[1];
    off->online = FALSE;
    scenario_pin(world->stored, 0, "0-1");
    scenario_pin(world->stored, 3, "0-1");
}

static void
store_pin_well(const World *world)
{
    scenario_pin(world->stored, 0, "2");
    scenario_pin(world->stored, 3, "2");
}

static void
store_emulator(const World *world)
{
    world->stored->emulator_pinned = vn_idset_parse("40", NULL);
}

static void
store_emulator_well(const World *world)
{
    vn_idset_add(world->stored->emulator_pinned, 0);
    vn_idset_remove(world->stored->emulator_pinned, 40);
}

static void
store_distance(const World *world, guint distance)
{
    vn_vnuma_unref(world->stored->told);
    world->stored->told = NULL;
    world_tell(world->stored);
    vn_vnuma_set_distance(world->stored->told, 0, 1, distance);
}

static void
store_near(const World *world)
{
    store_distance(world, 10);
}

static void
store_far(const World *world)
{
    store_distance(world, 254);
}

static const WorldCase cases[] = {
    {"node-missing", bind_nowhere, VN_FINDING_NODE_MISSING, VN_SEVERITY_ERROR, "cell 1",
     "bound to host nodes 7 and 8, which the host does not have; it has host nodes 0-2",
     "bind it to what there is: virsh edit db1", bind_well, VN_TOLD_TRUE},
    {"no-room", fill_nodes, VN_FINDING_NO_ROOM, VN_SEVERITY_WARNING, "cells 0 and 1",
     "bound to host nodes 0 and 1, where it may still touch 256.0 MiB, but only 200.0 "
     "MiB of memory can be had",
     "make room on host nodes 0 and 1, or give the cell more host nodes or less memory: "
     "virsh edit db1",
     cache_files, VN_TOLD_TRUE},
    {"no-room-by-preference", fill_nodes, VN_FINDING_NO_ROOM, VN_SEVERITY_WARNING,
     "cells 0 and 1",
     "bound to host nodes 0 and 1, where it may still touch 256.0 MiB, but only 200.0 "
     "MiB of memory can be had",
     "make room on host nodes 0 and 1, or give the cell more host nodes or less memory: "
     "virsh edit db1",
     prefer, VN_TOLD_TRUE},
    {"start-node-missing", store_missing_node, VN_FINDING_START_NODE_MISSING,
     VN_SEVERITY_ERROR, "cell 0",
     "at the next start bound to host node 9, which the host does not have; it has host "
     "nodes 0-2",
     "bind it to what there is: virsh edit db1", store_known_node, VN_TOLD_TRUE},
    {"start-no-room", store_too_much, VN_FINDING_START_NO_ROOM, VN_SEVERITY_ERROR,
     "cells 0 and 1",
     "at the next start 1.2 GiB shall lie on host node 0, which only has 1.0 GiB of "
     "memory",
     "make room on host node 0, or give the cell more host nodes or less memory: virsh "
     "edit db1",
     store_on_two, VN_TOLD_TRUE},
    {"start-no-huge-pages", store_huge, VN_FINDING_START_NO_ROOM, VN_SEVERITY_ERROR,
     "cell 0",
     "at the next start 256.0 MiB shall lie on host node 0, which only has 200.0 MiB of "
     "huge pages of 2.0 MiB",
     "echo 128 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages",
     reserve_huge, VN_TOLD_TRUE},
    {"start-room-taken", store_more, VN_FINDING_START_ROOM_TAKEN, VN_SEVERITY_WARNING,
     "cell 0",
     "at the next start 512.0 MiB shall lie on host node 0, where others leave only "
     "456.0 MiB of memory",
     "make room on host node 0, or give the cell more host nodes or less memory: virsh "
     "edit db1",
     others_leave, VN_TOLD_TRUE},
    {"start-room-not-known", store_more, VN_FINDING_START_ROOM_TAKEN, VN_SEVERITY_WARNING,
     "cell 0",
     "at the next start 512.0 MiB shall lie on host node 0, where others leave only "
     "456.0 MiB of memory",
     "make room on host node 0, or give the cell more host nodes or less memory: virsh "
     "edit db1",
     not_know_own_use, VN_TOLD_UNKNOWN},
    {"start-cpus-missing", store_pin, VN_FINDING_START_CPU_MISSING, VN_SEVERITY_ERROR,
     "vCPU 0",
     "at the next start pinned to host CPUs 98 and 99, which are not online, and to no "
     "other",
     "pin it to CPUs that are online: virsh edit db1", store_pin_well, VN_TOLD_TRUE},
    {"start-cpu-offline", store_pin_partly, VN_FINDING_START_CPU_MISSING,
     VN_SEVERITY_WARNING, "vCPUs 0 and 3",
     "at the next start pinned to host CPU 1, which is not online",
     "pin it to CPUs that are online: virsh edit db1", store_pin_well, VN_TOLD_TRUE},
    {"start-refused", store_near, VN_FINDING_START_REFUSED, VN_SEVERITY_ERROR, "cells",
     "at the next start QEMU refuses them: cell 0: its distance to cell 1 is "
     "10; possible are 11 to 254, and 255 for unreachable",
     "correct it: virsh edit db1", store_far, VN_TOLD_TRUE},
    {"start-emulator", store_emulator, VN_FINDING_START_CPU_MISSING, VN_SEVERITY_ERROR,
     "emulator",
     "at the next start pinned to host CPU 40, which is not online, and to no other",
     "pin it to CPUs that are online: virsh edit db1", store_emulator_well, VN_TOLD_TRUE},
};

/* A guest that is told of no cells is bound all the same. */
static void
test_without_cells(void)
{
    g_auto(World) world;
    world_init(&world);
    world.guest->told_cells = FALSE;
    g_clear_pointer(&world.guest->told, vn_vnuma_unref);
    world_assert_nothing(&world, VN_TOLD_NOTHING);
    bind_nowhere(&world);
    g_autoptr(VnVerdict) verdict = world_verify(&world);
    g_assert_cmpuint(verdict->findings->len, ==, 1);
    g_assert_cmpstr(((const VnFinding *) verdict->findings->pdata[0])->object, ==,
                    "memory");
}

/* One that does not run is checked for its next start alone. */
static void
test_stopped(void)
{
    g_auto(World) world;
    world_init(&world);
    world.guest->state = VN_GUEST_STOPPED;
    bind_nowhere(&world);
    fill_nodes(&world);
    world_assert_nothing(&world, VN_TOLD_NOTHING);
    world.stored = vn_guest_clone(world.guest);
    store_missing_node(&world);
    g_assert_cmpuint(world_count(&world, VN_FINDING_START_NODE_MISSING), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    world_add_cases("/room/case/", cases, G_N_ELEMENTS(cases));
    g_test_add_func("/room/without-cells", test_without_cells);
    g_test_add_func("/room/stopped", test_stopped);
    return g_test_run();
}
