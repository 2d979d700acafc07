/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undo is the inverse, by way of a ledger on disk; what is not ours stays as it is. */
#include "daemon/origins.h"
#include "daemon/undo.h"
#include "tests/daemon/undo-world.h"

#include <string.h>

static void
scatter(World *world)
{
    for (guint i = 0; i < CELLS; i++) {
        for (guint k = 0; k < GRANULES; k++)
            world->nodes[i][k] = g_test_rand_int_range(0, 10)
                                     ? (guint8) g_test_rand_int_range(0, 4)
                                     : ABSENT;
    }
    world_count_resident(world);
}

static VnIdSet *
random_cpus(void)
{
    VnIdSet *cpus = vn_idset_new_with((guint) g_test_rand_int_range(0, 8));
    vn_idset_add(cpus, (guint) g_test_rand_int_range(0, 8));
    return cpus;
}

static void
add_parts(VnStep *step)
{
    step->parts_only = TRUE;
    step->parts = g_array_new(FALSE, FALSE, sizeof(VnStepPart));
    for (guint k = GRANULES; k-- > 0;) {
        VnStepPart part = {k * VN_GRANULE_BYTES, VN_GRANULE_BYTES};
        if (g_test_rand_bit())
            g_array_append_val(step->parts, part);
    }
}

static VnPlan *
random_plan(const World *world)
{
    VnPlan *plan = vn_plan_new();
    g_autoptr(VnIdSet) all = scenario_idset("0-7");
    vn_plan_add_decision(plan, "g1");
    for (guint i = 0; i < world->guest->vcpus->len; i++) {
        const VnVcpu *vcpu = world->guest->vcpus->pdata[i];
        if (g_test_rand_bit())
            vn_plan_add_step(plan, VN_STEP_PIN_VCPU, world->guest, i,
                             vn_idset_copy(vcpu->pinned ? vcpu->pinned : all),
                             random_cpus());
    }
    if (!world->guest->emulator_pinned)
        vn_plan_add_step(plan, VN_STEP_PIN_EMULATOR, world->guest, 0, vn_idset_copy(all),
                         random_cpus());
    for (guint i = 0; i < CELLS; i++) {
        if (g_test_rand_bit())
            continue;
        VnIdSet *after = vn_idset_new_with((guint) g_test_rand_int_range(0, 4));
        if (g_test_rand_bit())
            vn_idset_add(after, (guint) g_test_rand_int_range(0, 4));
        VnStep *step = vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, world->guest, i,
                                        scenario_idset("0-3"), after);
        if (g_test_rand_bit())
            add_parts(step);
    }
    return plan;
}

/* Plans of any kind, then as many undos: each brings back what was before its plan. */
static void
test_is_the_inverse(World *world, gconstpointer unused)
{
    for (guint round = 0; round < 6; round++) {
        guint8 nodes[3][CELLS][GRANULES];
        GPtrArray *pins[3];
        gboolean some[3];
        scatter(world);
        for (guint i = 0; i < 3; i++) {
            g_autoptr(VnPlan) plan = random_plan(world);
            memcpy(nodes[i], world->nodes, sizeof(world->nodes));
            pins[i] = world_pins(world);
            some[i] = plan->steps->len > 0;
            world_carry_out(world, plan);
        }
        for (guint i = 3; i-- > 0;) {
            if (some[i])
                g_assert_true(world_undo(world));
            world_assert_as_before(world, pins[i], nodes[i]);
            g_ptr_array_unref(pins[i]);
        }
        g_assert_false(world_undo(world));
    }
}

static VnPlan *
plan_undo(World *world)
{
    world_open_ledger(world);
    g_autoptr(GPtrArray) pasts = vn_ledger_pasts(world->ledger, world->guest->uuid);
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, (gpointer) vn_undo_pick(pasts, world->guest));
    g_assert_nonnull(one->pdata[0]);
    return vn_undo_plan(world->snapshot, one);
}

static void
test_others_manage_it(World *world, gconstpointer unused)
{
    g_autoptr(VnPlan) plan = world_simple_plan(world);
    world_carry_out(world, plan);
    scenario_pin(world->guest, 0, "6");
    memset(world->nodes[0], 2, 4);
    world_count_resident(world);
    g_autoptr(VnPlan) undone = plan_undo(world);
    const char *reason = vn_plan_find_decision(undone, "g1")->reason;
    g_test_message("%s", reason);
    g_assert_cmpuint(undone->steps->len, ==, 1);
    const VnStep *step = undone->steps->pdata[0];
    g_assert_cmpuint(step->target, ==, 1);
    g_assert_cmpstr(step->policy, ==, "undo");
    g_assert_true(
        g_str_has_prefix(reason, "1 step back to what was before the plan of "));
    g_assert_nonnull(strstr(reason, "left alone: vcpu 0: it is now pinned to 6"));
    g_assert_nonnull(strstr(reason, "left alone: cell 0: 8.0 MiB of it lie where"));

    /* What is as before already is no step, and nothing to complain of. */
    scenario_pin(world->guest, 0, "0-7");
    memset(world->nodes[0], 1, GRANULES);
    world_count_resident(world);
    g_autoptr(VnPlan) rest = plan_undo(world);
    g_assert_cmpuint(rest->steps->len, ==, 2);
    const VnStep *move = rest->steps->pdata[1];
    g_assert_cmpuint(move->bytes, ==, CELL_MIB * MIB);
    g_assert_cmpfloat(move->expected_gain, ==, -1);
    g_assert_null(strstr(vn_plan_find_decision(rest, "g1")->reason, "left alone"));
}

static void
test_started_anew(World *world, gconstpointer unused)
{
    g_autoptr(VnPlan) plan = world_simple_plan(world);
    world_carry_out(world, plan);
    world->guest->start_ticks++;
    g_autoptr(GPtrArray) pasts = vn_ledger_pasts(world->ledger, world->guest->uuid);
    g_assert_cmpuint(pasts->len, ==, 1);
    g_assert_null(vn_undo_pick(pasts, world->guest));
}

static void
test_cannot_move(World *world, gconstpointer unused)
{
    g_autoptr(VnPlan) plan = world_simple_plan(world);
    world_carry_out(world, plan);
    VnCell *cell = scenario_cell(world->guest, 0);
    cell->hva_end = 0;
    cell->hva_unknown = g_strdup("two ranges look alike");
    g_autoptr(VnPlan) undone = plan_undo(world);
    g_assert_cmpuint(undone->steps->len, ==, 2);
    g_assert_nonnull(strstr(vn_plan_find_decision(undone, "g1")->reason,
                            "left alone: cell 0: two ranges look alike"));
}

static void
assert_origins(const char *text, const char *expected, guint max)
{
    g_autoptr(GArray) origins = vn_origins_parse(text);
    g_assert_nonnull(origins);
    vn_origins_shorten(origins, max);
    g_autofree char *shown = vn_origins_format(origins);
    g_assert_cmpstr(shown, ==, expected);
}

static void
test_origins_text(void)
{
    static const char *const nonsense[] = {
        "1",      "1+",        "1+2",          "1+2@",
        "+2@3",   "1+2@x",     "1 +2@3",       "-1+2@3",
        "1+2@3x", "1+2@65536", "1+2@3  4+5@6", "99999999999999999999+1@0",
    };
    assert_origins("", "", 1);
    assert_origins("0+2048@1 6144+4@0", "0+2048@1 6144+4@0", 2);
    for (gsize i = 0; i < G_N_ELEMENTS(nonsense); i++)
        g_assert_null(vn_origins_parse(nonsense[i]));
}

/* Neighbours are told by the larger one. */
static void
test_origins_shorten(void)
{
    assert_origins("0+2048@1 2048+2048@0 8192+2048@2", "0+4096@1 8192+2048@2", 2);
    assert_origins("0+1024@1 1024+2048@0 8192+2048@0", "0+3072@0 8192+2048@0", 2);
    assert_origins("0+1024@1 1024+2048@0 8192+2048@0", "0+10240@0", 1);
    g_autoptr(GArray) many = g_array_new(FALSE, FALSE, sizeof(VnStepOrigin));
    for (guint i = 0; i < 3 * VN_ORIGINS_MAX; i++) {
        VnStepOrigin origin = {i * VN_GRANULE_BYTES, VN_GRANULE_BYTES, i & 1};
        g_array_append_val(many, origin);
    }
    vn_origins_shorten(many, VN_ORIGINS_MAX);
    g_assert_cmpuint(many->len, <=, VN_ORIGINS_MAX);
    g_assert_cmpuint(many->len, >, 0);
}

#define ADD(path, func) g_test_add(path, World, NULL, world_set_up, func, world_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/undo/is-the-inverse", test_is_the_inverse);
    ADD("/undo/others-manage-it", test_others_manage_it);
    ADD("/undo/started-anew", test_started_anew);
    ADD("/undo/cannot-move", test_cannot_move);
    g_test_add_func("/origins/text", test_origins_text);
    g_test_add_func("/origins/shorten", test_origins_shorten);
    return g_test_run();
}
