/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest of granules and a ledger on disk, in which plans are carried out and undone. */
#include "tests/daemon/undo-world.h"

#include "daemon/origins.h"
#include "daemon/undo.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

void
world_open_ledger(World *world)
{
    g_autoptr(GError) error = NULL;
    vn_ledger_free(world->ledger);
    world->ledger = vn_ledger_open(world->folder, &error);
    g_assert_no_error(error);
}

void
world_set_up(World *world, gconstpointer unused)
{
    world->folder = g_dir_make_tmp("vnumad-undo-XXXXXX", NULL);
    world_open_ledger(world);
    world->snapshot = scenario_new(4, 2, 4096);
    world->guest = scenario_guest(world->snapshot, "g1", CELLS, 2, CELL_MIB);
    world->guest->pid = 4711;
    world->guest->start_ticks = 12345;
    for (guint i = 0; i < CELLS; i++) {
        VnCell *cell = scenario_cell(world->guest, i);
        cell->hva_start = (guint64) (i + 1) << 30;
        cell->hva_end = cell->hva_start + CELL_MIB * MIB;
    }
}

void
world_tear_down(World *world, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(world->folder, "ledger.jsonl", NULL);
    vn_ledger_free(world->ledger);
    g_unlink(path);
    g_rmdir(world->folder);
    g_free(world->folder);
    vn_snapshot_unref(world->snapshot);
}

static guint8 *
granule_at(World *world, guint64 address)
{
    return &world->nodes[(address >> 30) - 1]
                        [(address & ((1u << 30) - 1)) / VN_GRANULE_BYTES];
}

long
world_ask_pages(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
                int flags, gpointer data)
{
    g_assert_null(nodes);
    for (gulong i = 0; i < n_pages; i++) {
        guint8 node = *granule_at(data, (guint64) (gsize) pages[i]);
        status[i] = node == ABSENT ? -ENOENT : (int) node;
    }
    return 0;
}

void
world_count_resident(World *world)
{
    for (guint i = 0; i < CELLS; i++) {
        for (guint node = 0; node < 4; node++) {
            guint n = 0;
            for (guint k = 0; k < GRANULES; k++)
                n += world->nodes[i][k] == node;
            vn_cell_set_resident(scenario_cell(world->guest, i), node,
                                 n * VN_GRANULE_BYTES);
        }
    }
}

void
world_move_granule(World *world, const VnStep *step, guint k)
{
    guint8 *node = &world->nodes[step->target][k];
    if (*node != ABSENT && !vn_idset_contains(step->after, *node))
        *node = (guint8) vn_idset_next(step->after, 0);
}

/* What act would do. */
void
world_apply(World *world, const VnStep *step)
{
    VnIdSet **pinned = step->kind == VN_STEP_PIN_VCPU
                           ? &vn_guest_find_vcpu(world->guest, step->target)->pinned
                           : &world->guest->emulator_pinned;
    if (step->kind != VN_STEP_MOVE_MEMORY) {
        vn_idset_free(*pinned);
        *pinned = vn_idset_copy(step->after);
        return;
    }
    for (guint k = 0; !step->parts_only && k < GRANULES; k++)
        world_move_granule(world, step, k);
    for (guint i = 0; step->parts_only && i < step->parts->len; i++) {
        const VnStepPart *part = &g_array_index(step->parts, VnStepPart, i);
        for (guint64 at = 0; at < part->bytes; at += VN_GRANULE_BYTES)
            world_move_granule(world, step,
                               (guint) ((part->offset_bytes + at) / VN_GRANULE_BYTES));
    }
}

void
world_record(World *world, const char *event, const VnStep *step)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(vn_ledger_append(world->ledger, event, step, &error));
}

/* As the cycle does: planned, begun, done, ended, closed. */
void
world_carry_out(World *world, VnPlan *plan)
{
    g_autoptr(GError) error = NULL;
    if (!plan->steps->len)
        return;
    g_assert_true(vn_ledger_plan(world->ledger, world->snapshot, plan, &error));
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        if (step->kind == VN_STEP_MOVE_MEMORY)
            step->origins = vn_origins_read(world->guest, step, world_ask_pages, world);
        world_record(world, "begin", step);
        world_apply(world, step);
        vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
        world_record(world, "end", step);
    }
    const VnStep *first = plan->steps->pdata[0];
    g_assert_true(vn_ledger_close(world->ledger, first->plan_id, "g1", first->uuid,
                                  "done", &error));
    world_count_resident(world);
}

/* Every pin as it is, for comparing. */
GPtrArray *
world_pins(const World *world)
{
    GPtrArray *pins = g_ptr_array_new_with_free_func((GDestroyNotify) vn_idset_free);
    for (guint i = 0; i < world->guest->vcpus->len; i++) {
        const VnVcpu *vcpu = world->guest->vcpus->pdata[i];
        g_ptr_array_add(pins, vcpu->pinned ? vn_idset_copy(vcpu->pinned) : NULL);
    }
    const VnIdSet *emulator = world->guest->emulator_pinned;
    g_ptr_array_add(pins, emulator ? vn_idset_copy(emulator) : NULL);
    return pins;
}

void
world_assert_as_before(const World *world, const GPtrArray *pins,
                       guint8 nodes[CELLS][GRANULES])
{
    g_autoptr(GPtrArray) now = world_pins(world);
    for (guint i = 0; i < pins->len; i++)
        g_assert_true(
            vn_undo_pins_equal(world->snapshot->host, now->pdata[i], pins->pdata[i]));
    g_assert_cmpmem(world->nodes, sizeof(world->nodes), nodes, CELLS * GRANULES);
}

/* Undoes the last plan, as read from the disk. FALSE: there is none. */
gboolean
world_undo(World *world)
{
    g_autoptr(GError) error = NULL;
    world_open_ledger(world);
    g_autoptr(GPtrArray) pasts = vn_ledger_pasts(world->ledger, world->guest->uuid);
    const VnPast *past = vn_undo_pick(pasts, world->guest);
    if (!past)
        return FALSE;
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, (gpointer) past);
    g_autoptr(VnPlan) plan = vn_undo_plan(world->snapshot, one);
    g_assert_cmpuint(plan->decisions->len, ==, 1);
    g_assert_null(strstr(vn_plan_find_decision(plan, "g1")->reason, "left alone"));
    world_carry_out(world, plan);
    g_assert_true(vn_ledger_undone(world->ledger, past, &error));
    return TRUE;
}

/* A plan that pins vCPU 0 and moves cell 0, whole on node 0, to node 1. */
VnPlan *
world_simple_plan(World *world)
{
    VnPlan *plan = vn_plan_new();
    memset(world->nodes, 0, sizeof(world->nodes));
    world_count_resident(world);
    vn_plan_add_decision(plan, "g1");
    vn_plan_add_step(plan, VN_STEP_PIN_VCPU, world->guest, 0, scenario_idset("0-7"),
                     scenario_idset("2-3"));
    vn_plan_add_step(plan, VN_STEP_PIN_VCPU, world->guest, 1, scenario_idset("0-7"),
                     scenario_idset("4-5"));
    VnStep *move = vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, world->guest, 0,
                                    vn_idset_new_with(0), vn_idset_new_with(1));
    move->bytes = CELL_MIB * MIB;
    move->expected_gain = 1;
    return plan;
}
