/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Homes and the policy "align": the cases by name, and properties over random hosts. */
#include "policies/align.h"
#include "policies/homes.h"
#include "tests/support/scenario.h"

#include <string.h>

static void
assert_home(const VnPlan *plan, const char *guest, guint cell, const char *home)
{
    const VnDecision *decision = vn_plan_find_decision(plan, guest);
    g_assert_nonnull(decision);
    g_autofree char *text = vn_idset_format(decision->homes->pdata[cell]);
    g_assert_cmpstr(text, ==, home);
}

static guint
count_steps(const VnPlan *plan, VnStepKind kind)
{
    guint n = 0;
    for (guint i = 0; i < plan->steps->len; i++)
        n += ((const VnStep *) plan->steps->pdata[i])->kind == kind;
    return n;
}

static const VnStep *
find_step(const VnPlan *plan, VnStepKind kind, guint target)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind == kind && step->target == target)
            return step;
    }
    return NULL;
}

/* Two cells pinned to their nodes, each other's memory: the main job. */
static VnSnapshot *
swapped(void)
{
    VnSnapshot *snapshot = scenario_new(2, 2, 3072);
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, 512);
    scenario_pin(guest, 0, "0-1");
    scenario_pin(guest, 1, "2-3");
    vn_cell_set_resident(scenario_cell(guest, 0), 1, 300 * MIB);
    vn_cell_set_resident(scenario_cell(guest, 1), 0, 300 * MIB);
    return snapshot;
}

static void
test_swapped_cells_go_home(void)
{
    g_autoptr(VnSnapshot) snapshot = swapped();
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    assert_home(plan, "g1", 0, "0");
    assert_home(plan, "g1", 1, "1");
    g_assert_cmpuint(plan->steps->len, ==, 2);
    g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 600 * MIB);
    const VnStep *step = find_step(plan, VN_STEP_MOVE_MEMORY, 0);
    g_assert_true(vn_idset_contains(step->before, 1));
    g_assert_true(vn_idset_contains(step->after, 0));
    /* Half of the accesses come from distance 21 to 10. */
    g_assert_cmpfloat_with_epsilon(step->expected_gain, 0.55, 1e-9);
    g_assert_nonnull(strstr(step->reason, "300.0"));
    g_assert_cmpfloat_with_epsilon(
        vn_guest_alignment(snapshot->guests->pdata[0],
                           vn_plan_find_decision(plan, "g1")->homes),
        0, 1e-9);
}

/* Memory bound, vCPUs pinned elsewhere: the vCPUs come, as no byte can stay elsewhere. */
static void
test_binding_wins_over_pins(void)
{
    g_autoptr(VnSnapshot) snapshot = swapped();
    const VnGuest *guest = snapshot->guests->pdata[0];
    scenario_bind(guest, 0, VN_BINDING_STRICT, "1");
    scenario_bind(guest, 1, VN_BINDING_STRICT, "0");
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    assert_home(plan, "g1", 0, "1");
    assert_home(plan, "g1", 1, "0");
    g_assert_cmpuint(count_steps(plan, VN_STEP_PIN_VCPU), ==, 2);
    g_assert_cmpuint(count_steps(plan, VN_STEP_MOVE_MEMORY), ==, 0);
    const VnStep *step = find_step(plan, VN_STEP_PIN_VCPU, 0);
    g_autofree char *cpus = vn_idset_format(step->after);
    g_assert_cmpstr(cpus, ==, "2-3");
}

/* Nobody says anything: each cell goes where most of it lies; no byte too many. */
static void
test_silent_guest_takes_the_cheapest_homes(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 2, 512);
    vn_cell_set_resident(scenario_cell(guest, 0), 0, 200 * MIB);
    vn_cell_set_resident(scenario_cell(guest, 0), 1, 100 * MIB);
    vn_cell_set_resident(scenario_cell(guest, 1), 0, 300 * MIB);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    /* Cell 0 alone would stay; together 200 MiB move, and not 100 + 300. */
    assert_home(plan, "g1", 0, "1");
    assert_home(plan, "g1", 1, "0");
    g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 200 * MIB);
    g_assert_cmpuint(count_steps(plan, VN_STEP_PIN_VCPU), ==, 4);
}

static void
test_finer_pins_are_kept(void)
{
    g_autoptr(VnSnapshot) snapshot = swapped();
    const VnGuest *guest = snapshot->guests->pdata[0];
    scenario_bind(guest, 0, VN_BINDING_STRICT, "0");
    scenario_pin(guest, 0, "1-2");
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    const VnStep *step = find_step(plan, VN_STEP_PIN_VCPU, 0);
    g_assert_nonnull(step);
    g_autofree char *cpus = vn_idset_format(step->after);
    g_assert_cmpstr(cpus, ==, "1");
}

static void
test_left_alone(void)
{
    g_autoptr(VnSnapshot) snapshot = swapped();
    VnGuest *guest = snapshot->guests->pdata[0];
    guest->managed = FALSE;
    g_autoptr(VnPlan) untagged = vn_align_decide(snapshot);
    g_assert_cmpuint(untagged->steps->len, ==, 0);
    g_assert_nonnull(
        strstr(vn_plan_find_decision(untagged, "g1")->reason, "not managed"));
    assert_home(untagged, "g1", 0, "0");

    guest->managed = TRUE;
    guest->trouble = g_strdup("it is being migrated");
    g_autoptr(VnPlan) busy = vn_align_decide(snapshot);
    g_assert_cmpuint(busy->steps->len, ==, 0);
    g_assert_cmpstr(vn_plan_find_decision(busy, "g1")->reason, ==,
                    "it is being migrated");

    g_clear_pointer(&guest->trouble, g_free);
    guest->state = VN_GUEST_STOPPED;
    g_autoptr(VnPlan) stopped = vn_align_decide(snapshot);
    g_assert_cmpuint(stopped->steps->len, ==, 0);
    g_assert_nonnull(strstr(vn_plan_find_decision(stopped, "g1")->reason, "not running"));
}

static void
test_unknown_range_stays(void)
{
    g_autoptr(VnSnapshot) snapshot = swapped();
    VnCell *cell = scenario_cell(snapshot->guests->pdata[0], 0);
    cell->hva_start = cell->hva_end = 0;
    cell->hva_unknown = g_strdup("it looks like cell 1");
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    g_assert_null(find_step(plan, VN_STEP_MOVE_MEMORY, 0));
    g_assert_nonnull(find_step(plan, VN_STEP_MOVE_MEMORY, 1));
    g_assert_nonnull(
        strstr(vn_plan_find_decision(plan, "g1")->reason, "it looks like cell 1"));
}

static void
test_no_node_may_hold_it(void)
{
    g_autoptr(VnSnapshot) snapshot = swapped();
    VnGuest *guest = snapshot->guests->pdata[0];
    scenario_bind(guest, 0, VN_BINDING_STRICT, "1");
    guest->allowed_nodes = vn_idset_new_with(0);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    g_assert_cmpuint(plan->steps->len, ==, 0);
    g_assert_nonnull(strstr(vn_plan_find_decision(plan, "g1")->reason, "cpuset.mems"));
}

/* Pinned to CPUs whose node has no memory: the nearest memory is home, the pins stay. */
static void
test_memoryless_node(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(3, 2, 2048);
    VnHostNode *node = snapshot->host->nodes->pdata[0];
    node->memory_bytes = node->free_bytes = 0;
    node->distances[1] = 31;
    node->distances[2] = 16;
    VnGuest *guest = scenario_guest(snapshot, "g1", 1, 1, 256);
    scenario_pin(guest, 0, "0-1");
    vn_cell_set_resident(scenario_cell(guest, 0), 1, 64 * MIB);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    assert_home(plan, "g1", 0, "2");
    g_assert_cmpuint(count_steps(plan, VN_STEP_MOVE_MEMORY), ==, 1);
    g_assert_cmpuint(count_steps(plan, VN_STEP_PIN_VCPU), ==, 0);
}

/* A memory-only far node holds a bound cell; its vCPUs run on the nearest CPUs. */
static void
test_node_without_cpus(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(3, 2, 2048);
    VnHostNode *far = snapshot->host->nodes->pdata[2];
    vn_idset_remove_all(far->cpus, far->cpus);
    ((VnHostNode *) snapshot->host->nodes->pdata[0])->distances[2] = 40;
    ((VnHostNode *) snapshot->host->nodes->pdata[1])->distances[2] = 20;
    VnGuest *guest = scenario_guest(snapshot, "g1", 1, 1, 256);
    scenario_bind(guest, 0, VN_BINDING_STRICT, "2");
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    assert_home(plan, "g1", 0, "2");
    g_autofree char *cpus = vn_idset_format(find_step(plan, VN_STEP_PIN_VCPU, 0)->after);
    g_assert_cmpstr(cpus, ==, "2-3");
}

/* As much lies at either home, and cannot move: the vCPUs stay where they are. */
static void
test_tied_homes(void)
{
    static const guint distances[4][4] = {
        {10, 20, 40, 30}, {20, 10, 30, 40}, {40, 30, 10, 20}, {30, 40, 20, 10}};
    static const char *const pins[] = {"0-1", "6-7"};
    static const char *const homes[] = {"1", "2"};
    for (gsize i = 0; i < G_N_ELEMENTS(pins); i++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(4, 2, 2048);
        VnGuest *guest = scenario_guest(snapshot, "g1", 1, 1, 256);
        VnCell *cell = scenario_cell(guest, 0);
        for (guint from = 0; from < 4; from++) {
            VnHostNode *node = snapshot->host->nodes->pdata[from];
            memcpy(node->distances, distances[from], sizeof distances[from]);
            vn_cell_set_resident(cell, from, 64 * MIB);
            if (from == 1 || from == 2)
                vn_idset_remove_all(node->cpus, node->cpus);
        }
        guest->allowed_nodes = vn_idset_parse("1-2", NULL);
        cell->hva_start = cell->hva_end = 0;
        scenario_pin(guest, 0, pins[i]);
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        assert_home(plan, "g1", 0, homes[i]);
        g_assert_cmpuint(count_steps(plan, VN_STEP_PIN_VCPU), ==, 0);
    }
}

static void
test_cell_larger_than_a_node(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(4, 2, 1024);
    VnHostNode *first = snapshot->host->nodes->pdata[0];
    first->distances[1] = 32;
    first->distances[2] = 16;
    first->distances[3] = 32;
    VnGuest *guest = scenario_guest(snapshot, "g1", 1, 2, 1500);
    vn_cell_set_resident(scenario_cell(guest, 0), 0, 400 * MIB);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    assert_home(plan, "g1", 0, "0,2");
    g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 0);
}

/* The administrator's guests are placed first; the silent one goes round them. */
static void
test_silent_guest_avoids_a_full_node(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
    VnGuest *silent = scenario_guest(snapshot, "a", 1, 2, 256);
    VnGuest *pinned = scenario_guest(snapshot, "b", 1, 2, 256);
    scenario_pin(pinned, 0, "0-1");
    scenario_pin(pinned, 1, "0-1");
    vn_cell_set_resident(scenario_cell(silent, 0), 0, 100 * MIB);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    assert_home(plan, "a", 0, "1");
    assert_home(plan, "b", 0, "0");
}

/* A cell without vCPUs is held to its home by memory that lies or comes there. */
static void
test_emulator_follows_settled_homes(void)
{
    static const struct {
        guint kib[2]; /* on either node */
        gboolean movable;
        guint pins;
    } cases[] = {
        {{0, 0}, TRUE, 0},    {{0, 0}, FALSE, 0},      {{256, 0}, TRUE, 1},
        {{256, 0}, FALSE, 1}, {{256, 256}, TRUE, 0},   {{256, 256}, FALSE, 0},
        {{4096, 8}, TRUE, 0}, {{8192, 4096}, TRUE, 1}, {{8192, 4096}, FALSE, 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 2048);
        VnCell *cell = scenario_cell(scenario_guest(snapshot, "g1", 1, 0, 256), 0);
        for (guint node = 0; node < 2; node++)
            vn_cell_set_resident(cell, node, (guint64) cases[i].kib[node] * 1024);
        if (!cases[i].movable)
            cell->hva_start = cell->hva_end = 0;
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        g_assert_cmpuint(count_steps(plan, VN_STEP_PIN_EMULATOR), ==, cases[i].pins);
    }
}

/*
 * Is the home of the step's cell one node with CPUs, with the vCPUs there or unpinned? A
 * home that is otherwise can be further away than where the pages lie, and yet the only
 * place where they may.
 */
static gboolean
home_is_plain(const VnHost *host, const VnGuest *guest, const VnPlan *plan,
              const VnStep *step)
{
    guint cell = step->kind == VN_STEP_MOVE_MEMORY
                     ? step->target
                     : vn_guest_find_vcpu(guest, step->target)->cell;
    const VnIdSet *home = vn_plan_find_decision(plan, guest->name)->homes->pdata[cell];
    g_autoptr(VnIdSet) cpus = vn_host_cpus_of_nodes(host, home);
    VN_IDSET_FOREACH (scenario_cell(guest, cell)->vcpus, id) {
        const VnVcpu *vcpu = vn_guest_find_vcpu(guest, (guint) id);
        if (step->kind == VN_STEP_MOVE_MEMORY && vcpu->pinned &&
            !vn_idset_is_subset(vcpu->pinned, cpus))
            return FALSE;
    }
    return vn_idset_count(home) == 1 && !vn_idset_is_empty(cpus);
}

static void
assert_sound(const VnSnapshot *snapshot, const VnPlan *plan)
{
    g_autoptr(VnIdSet) nodes = vn_host_node_ids(snapshot->host);
    g_autoptr(VnIdSet) cpus = vn_host_cpus_of_nodes(snapshot->host, nodes);
    g_assert_cmpuint(plan->decisions->len, ==, snapshot->guests->len);
    for (guint i = 0; i < plan->decisions->len; i++) {
        const VnDecision *decision = plan->decisions->pdata[i];
        g_assert_nonnull(decision->reason);
    }
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        const VnGuest *guest = vn_snapshot_find(snapshot, step->guest);
        g_assert_true(guest->managed && guest->state != VN_GUEST_STOPPED);
        g_assert_nonnull(step->reason);
        g_assert_false(vn_idset_is_empty(step->after));
        if (step->kind == VN_STEP_PIN_EMULATOR)
            g_assert_cmpfloat(step->expected_gain, ==, 0);
        else if (home_is_plain(snapshot->host, guest, plan, step))
            g_assert_cmpfloat(step->expected_gain, >=, -1e-9);
        if (step->kind != VN_STEP_MOVE_MEMORY) {
            g_assert_true(vn_idset_is_subset(step->after, cpus));
            continue;
        }
        const VnCell *cell = guest->cells->pdata[step->target];
        g_assert_cmpuint(step->bytes, >, 0);
        g_assert_false(vn_idset_overlaps(step->before, step->after));
        if (guest->allowed_nodes)
            g_assert_true(vn_idset_is_subset(step->after, guest->allowed_nodes));
        if (cell->bound)
            g_assert_true(vn_idset_is_subset(step->after, cell->bound));
    }
}

static void
test_random_plans_are_sound_and_settle(void)
{
    for (int round = 0; round < 2000; round++) {
        g_autoptr(VnSnapshot) snapshot = scenario_random();
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        assert_sound(snapshot, plan);
        g_autoptr(VnSnapshot) after = scenario_apply(snapshot, plan);
        g_autoptr(VnPlan) second = vn_align_decide(after);
        for (guint i = 0; i < second->steps->len; i++) {
            const VnStep *step = second->steps->pdata[i];
            g_test_message("round %d: %s %s: %s", round, step->guest,
                           vn_step_kind_name(step->kind), step->reason);
        }
        g_assert_cmpuint(second->steps->len, ==, 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/align/swapped-cells-go-home", test_swapped_cells_go_home);
    g_test_add_func("/align/binding-wins-over-pins", test_binding_wins_over_pins);
    g_test_add_func("/align/silent-guest-takes-the-cheapest-homes",
                    test_silent_guest_takes_the_cheapest_homes);
    g_test_add_func("/align/finer-pins-are-kept", test_finer_pins_are_kept);
    g_test_add_func("/align/left-alone", test_left_alone);
    g_test_add_func("/align/unknown-range-stays", test_unknown_range_stays);
    g_test_add_func("/align/no-node-may-hold-it", test_no_node_may_hold_it);
    g_test_add_func("/align/memoryless-node", test_memoryless_node);
    g_test_add_func("/align/node-without-cpus", test_node_without_cpus);
    g_test_add_func("/align/tied-homes", test_tied_homes);
    g_test_add_func("/align/cell-larger-than-a-node", test_cell_larger_than_a_node);
    g_test_add_func("/align/silent-guest-avoids-a-full-node",
                    test_silent_guest_avoids_a_full_node);
    g_test_add_func("/align/emulator-follows-settled-homes",
                    test_emulator_follows_settled_homes);
    g_test_add_func("/align/random-plans-are-sound-and-settle",
                    test_random_plans_are_sound_and_settle);
    return g_test_run();
}
