/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan left half done is gone on with, taken back, or as if it had never been. */
#include "daemon/origins.h"
#include "daemon/recover.h"
#include "daemon/undo.h"
#include "tests/daemon/undo-world.h"

#include <string.h>

/* The plan, and records up to where the daemon was killed: @n_begun, @n_done pins. */
static VnPast *
kill_after(World *world, guint n_begun, guint n_done, VnPlan **ret_plan)
{
    g_autoptr(GError) error = NULL;
    VnPlan *plan = world_simple_plan(world);
    g_assert_true(vn_ledger_plan(world->ledger, world->snapshot, plan, &error));
    for (guint i = 0; i < n_begun; i++) {
        VnStep *step = plan->steps->pdata[i];
        world_record(world, "begin", step);
        if (i >= n_done)
            continue;
        world_apply(world, step);
        vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
        world_record(world, "end", step);
    }
    world_count_resident(world);
    world_open_ledger(world);
    g_autoptr(GPtrArray) unfinished = vn_ledger_unfinished(world->ledger);
    g_assert_cmpuint(unfinished->len, ==, 1);
    *ret_plan = plan;
    return g_ptr_array_steal_index(unfinished, 0);
}

static void
assert_recovery(World *world, guint n_begun, guint n_done, VnRecovery expected,
                guint n_steps)
{
    g_autoptr(VnPlan) plan = NULL;
    g_autoptr(VnPlan) recovery = vn_plan_new();
    for (guint i = 0; i < 2; i++)
        g_clear_pointer(&vn_guest_find_vcpu(world->guest, i)->pinned, vn_idset_free);
    g_autoptr(VnPast) past = kill_after(world, n_begun, n_done, &plan);
    g_assert_cmpint(vn_recover_pins(world->snapshot, past, FALSE, recovery), ==,
                    expected);
    g_assert_cmpuint(recovery->steps->len, ==, n_steps);
    for (guint i = 0; i < n_steps; i++) {
        const VnStep *step = recovery->steps->pdata[i];
        const VnStep *planned = plan->steps->pdata[step->number];
        g_assert_cmpuint(step->plan_id, ==, planned->plan_id);
        g_assert_cmpuint(step->target, ==, planned->target);
        g_assert_true(vn_idset_equal(step->after, planned->after));
    }
    g_autoptr(GError) error = NULL;
    g_assert_true(
        vn_ledger_close(world->ledger, past->id, "g1", past->uuid, "closed", &error));
    g_autoptr(GPtrArray) none = vn_ledger_unfinished(world->ledger);
    g_assert_cmpuint(none->len, ==, 0);
}

/* Killed at any step: pinned whole or not at all. */
static void
test_recover(World *world, gconstpointer unused)
{
    assert_recovery(world, 0, 0, VN_RECOVER_FORMER, 0);
    assert_recovery(world, 1, 0, VN_RECOVER_FORMER, 0);
    assert_recovery(world, 1, 1, VN_RECOVER_GO_ON, 1);
    assert_recovery(world, 2, 1, VN_RECOVER_GO_ON, 1);
    assert_recovery(world, 2, 2, VN_RECOVER_PLANNED, 0);
    assert_recovery(world, 3, 2, VN_RECOVER_PLANNED, 0);
}

/* One of its pins had failed: the other is taken back, as would have been done. */
static void
test_recover_taking_back(World *world, gconstpointer unused)
{
    g_autoptr(VnPlan) plan = NULL;
    g_autoptr(VnPlan) recovery = vn_plan_new();
    g_autoptr(VnPast) past = kill_after(world, 2, 1, &plan);
    vn_step_set_outcome(vn_past_step(past, 1), VN_OUTCOME_FAILED, "libvirt is away");
    g_assert_cmpint(vn_recover_pins(world->snapshot, past, FALSE, recovery), ==,
                    VN_RECOVER_TAKE_BACK);
    g_assert_cmpuint(recovery->steps->len, ==, 1);
    const VnStep *step = recovery->steps->pdata[0];
    g_autofree char *after = vn_idset_format(step->after);
    g_assert_cmpstr(after, ==, "0-7");

    /* Somebody else has pinned it since. */
    g_autoptr(VnPlan) nothing = vn_plan_new();
    scenario_pin(world->guest, 0, "7");
    g_assert_cmpint(vn_recover_pins(world->snapshot, past, FALSE, nothing), ==,
                    VN_RECOVER_FORMER);
    g_assert_cmpuint(nothing->steps->len, ==, 0);
}

static void
test_recover_moves(World *world, gconstpointer unused)
{
    g_autoptr(VnPlan) plan = NULL;
    g_autoptr(VnPlan) recovery = vn_plan_new();
    g_autoptr(VnPast) past = kill_after(world, 3, 2, &plan);
    memset(world->nodes[0], 1, GRANULES / 2);
    world_count_resident(world);
    vn_recover_moves(world->snapshot, past, recovery);
    g_assert_cmpuint(recovery->steps->len, ==, 1);
    const VnStep *step = recovery->steps->pdata[0];
    g_assert_cmpuint(step->bytes, ==, CELL_MIB / 2 * MIB);
    g_assert_cmpuint(step->number, ==, 2);
    g_assert_false(step->parts_only);
}

/* Does one thing more, as long as there is something left to do before the kill. */
static gboolean
alive(guint *left)
{
    if (!*left)
        return FALSE;
    (*left)--;
    return TRUE;
}

/* A step as act carries it out, granule by granule, until the kill. */
static gboolean
do_step(World *world, VnStep *step, guint *left)
{
    if (step->kind == VN_STEP_MOVE_MEMORY)
        step->origins = vn_origins_read(world->guest, step, world_ask_pages, world);
    if (!alive(left))
        return FALSE;
    world_record(world, "begin", step);
    if (step->kind != VN_STEP_MOVE_MEMORY) {
        if (!alive(left))
            return FALSE;
        world_apply(world, step);
    }
    for (guint k = 0; step->kind == VN_STEP_MOVE_MEMORY && k < GRANULES; k++) {
        if (!alive(left))
            return FALSE;
        world_move_granule(world, step, k);
    }
    if (!alive(left))
        return FALSE;
    vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
    world_record(world, "end", step);
    return TRUE;
}

/* Returns: whether it was killed before it had closed the plan. */
static gboolean
is_killed_after(World *world, VnPlan *plan, guint left)
{
    g_autoptr(GError) error = NULL;
    if (!alive(&left))
        return TRUE;
    g_assert_true(vn_ledger_plan(world->ledger, world->snapshot, plan, &error));
    for (guint i = 0; i < plan->steps->len; i++) {
        if (!do_step(world, plan->steps->pdata[i], &left))
            return TRUE;
    }
    const VnStep *first = plan->steps->pdata[0];
    if (!alive(&left))
        return TRUE;
    g_assert_true(vn_ledger_close(world->ledger, first->plan_id, "g1", first->uuid,
                                  "done", &error));
    return FALSE;
}

/* What the next daemon does about it. */
static void
recover(World *world)
{
    g_autoptr(GError) error = NULL;
    world_count_resident(world);
    world_open_ledger(world);
    g_autoptr(GPtrArray) unfinished = vn_ledger_unfinished(world->ledger);
    for (guint i = 0; i < unfinished->len; i++) {
        const VnPast *past = unfinished->pdata[i];
        g_autoptr(VnPlan) plan = vn_plan_new();
        VnRecovery recovery = vn_recover_pins(world->snapshot, past, FALSE, plan);
        g_assert_cmpint(recovery, !=, VN_RECOVER_TAKE_BACK);
        if (recovery != VN_RECOVER_FORMER)
            vn_recover_moves(world->snapshot, past, plan);
        for (guint k = 0; k < plan->steps->len; k++) {
            VnStep *step = plan->steps->pdata[k];
            world_record(world, "begin", step);
            world_apply(world, step);
            vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
            world_record(world, "end", step);
        }
        g_assert_true(vn_ledger_close(world->ledger, past->id, "g1", past->uuid,
                                      "recovered", &error));
    }
    world_count_resident(world);
}

static gboolean
is_as_planned(World *world)
{
    g_autoptr(VnIdSet) cpus = scenario_idset("4-5");
    const VnVcpu *second = vn_guest_find_vcpu(world->guest, 1);
    return vn_undo_pins_equal(world->snapshot->host, second->pinned, cpus);
}

/*
 * Killed after any of the things that carrying a plan out consists of: the next daemon
 * ends in the planned or in the former state, and an undo in the former.
 */
static void
test_killed_at_any_instant(World *world, gconstpointer unused)
{
    guint8 nodes[CELLS][GRANULES];
    guint n_planned = 0;
    gboolean killed = TRUE;
    for (guint instant = 0; killed; instant++) {
        for (guint i = 0; i < 2; i++)
            g_clear_pointer(&vn_guest_find_vcpu(world->guest, i)->pinned, vn_idset_free);
        g_autoptr(VnPlan) plan = world_simple_plan(world);
        g_autoptr(GPtrArray) pins = world_pins(world);
        memcpy(nodes, world->nodes, sizeof(nodes));
        killed = is_killed_after(world, plan, instant);
        recover(world);
        if (is_as_planned(world)) {
            for (guint k = 0; k < GRANULES; k++)
                g_assert_cmpuint(world->nodes[0][k], ==, 1);
            g_assert_true(world_undo(world));
            n_planned++;
        }
        world_assert_as_before(world, pins, nodes);
    }
    g_assert_cmpuint(n_planned, >, GRANULES);
}

#define ADD(path, func) g_test_add(path, World, NULL, world_set_up, func, world_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/recover/at-any-step", test_recover);
    ADD("/recover/taking-back", test_recover_taking_back);
    ADD("/recover/killed-at-any-instant", test_killed_at_any_instant);
    ADD("/recover/moves", test_recover_moves);
    return g_test_run();
}
