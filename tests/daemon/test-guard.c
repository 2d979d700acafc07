/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard's limits at and past them, and the check after. */
#include "daemon/check.h"
#include "daemon/guard.h"
#include "policies/align.h"
#include "tests/support/scenario.h"

#include <string.h>

static VnGuest *
add_swapped(VnSnapshot *snapshot, guint64 mib)
{
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, 2048);
    scenario_pin(guest, 0, "0-1");
    scenario_pin(guest, 1, "2-3");
    vn_cell_set_resident(scenario_cell(guest, 0), 1, mib * MIB);
    vn_cell_set_resident(scenario_cell(guest, 1), 0, mib * MIB);
    return guest;
}

static void
set_free(const VnSnapshot *snapshot, guint node, guint64 mib)
{
    ((VnHostNode *) snapshot->host->nodes->pdata[node])->free_bytes = mib * MIB;
}

static void
assert_refused(const VnPlan *plan, const char *why)
{
    const VnDecision *decision = plan->decisions->pdata[0];
    g_assert_nonnull(strstr(decision->reason, "refused"));
    g_assert_nonnull(strstr(decision->reason, why));
}

static void
test_reserve(void)
{
    VnConfig config = vn_config_defaults();
    VnHostNode small = {.memory_bytes = 1024 * MIB};
    VnHostNode large = {.memory_bytes = 102400 * MIB};
    g_assert_cmpuint(vn_guard_reserve(&small, &config), ==, VN_RESERVE_BYTES_MIN);
    g_assert_cmpuint(vn_guard_reserve(&large, &config), ==, 2048 * MIB);
}

/* Cells that change places need no room of their own. */
static void
test_exchange_on_full_nodes(void)
{
    VnConfig config = vn_config_defaults();
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
    add_swapped(snapshot, 1500);
    set_free(snapshot, 0, 1);
    set_free(snapshot, 1, 1);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    vn_guard(snapshot, &config, plan);
    g_assert_cmpuint(plan->steps->len, ==, 2);
}

/* Whoever planned it, an undo for one: nothing is brought onto a cordoned node. */
static void
test_cordoned(void)
{
    VnConfig config = vn_config_defaults();
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
    add_swapped(snapshot, 500);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    ((VnHostNode *) snapshot->host->nodes->pdata[1])->cordoned = TRUE;
    vn_guard(snapshot, &config, plan);
    g_assert_cmpuint(plan->steps->len, ==, 1);
    g_assert_true(vn_idset_contains(((const VnStep *) plan->steps->pdata[0])->after, 0));
    assert_refused(plan, "cordoned");
}

static void
test_room(void)
{
    VnConfig config = vn_config_defaults();
    for (guint missing = 0; missing < 2; missing++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
        const VnGuest *guest = add_swapped(snapshot, 500);
        vn_cell_set_resident(scenario_cell(guest, 1), 0, 0);
        set_free(snapshot, 0, 564 - missing); /* 64 MiB of them are the reserve */
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        vn_guard(snapshot, &config, plan);
        g_assert_cmpuint(plan->steps->len, ==, 1 - missing);
        if (missing)
            assert_refused(plan, "host node 0 is too full: 500.0");
    }
}

/* Without the move that makes room, the one that needs it must go too. */
static void
test_refusals_follow_each_other(void)
{
    VnConfig config = vn_config_defaults();
    for (guint mib = 500; mib <= 700; mib += 200) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
        const VnGuest *coming = add_swapped(snapshot, 500);
        vn_cell_set_resident(scenario_cell(coming, 1), 0, 0);
        VnGuest *leaving = scenario_guest(snapshot, "g2", 1, 1, 2048);
        leaving->emulator_pinned = vn_idset_new_with(2);
        scenario_pin(leaving, 0, "2-3");
        vn_cell_set_resident(scenario_cell(leaving, 0), 0, mib * MIB);
        set_free(snapshot, 0, 64);
        set_free(snapshot, 1, 100);
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        g_assert_cmpuint(plan->steps->len, ==, 2);
        vn_guard(snapshot, &config, plan);
        g_assert_cmpuint(plan->steps->len, ==, mib == 500 ? 2 : 0);
    }
}

static void
test_huge_pages(void)
{
    VnConfig config = vn_config_defaults();
    for (guint missing = 0; missing < 2; missing++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
        const VnGuest *guest = add_swapped(snapshot, 500);
        vn_cell_set_resident(scenario_cell(guest, 1), 0, 0);
        scenario_cell(guest, 0)->page_size_bytes = 2 * MIB;
        VnHugePages pages = {.size_bytes = 2 * MIB, .total = 400, .free = 250 - missing};
        g_array_append_val(((VnHostNode *) snapshot->host->nodes->pdata[0])->huge_pages,
                           pages);
        set_free(snapshot, 0, 0); /* base pages do not matter */
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        vn_guard(snapshot, &config, plan);
        g_assert_cmpuint(plan->steps->len, ==, 1 - missing);
        if (missing)
            assert_refused(plan, "huge pages");
    }
}

static VnStep *
forge_step(VnPlan *plan, const VnGuest *guest)
{
    vn_decision_set_reason(vn_plan_add_decision(plan, guest->name), "forged");
    return vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, guest, 0, vn_idset_new_with(1),
                            vn_idset_new_with(0));
}

static void
add_parts_step(VnPlan *plan, const VnGuest *guest, guint from, guint to, guint64 mib)
{
    VnStep *step = vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, guest, 0,
                                    vn_idset_new_with(from), vn_idset_new_with(to));
    step->parts_only = TRUE;
    step->bytes = mib * MIB;
}

/* Parts that change places need room for the difference; the cell's others make none. */
static void
test_parts(void)
{
    VnConfig config = vn_config_defaults();
    for (guint missing = 0; missing < 2; missing++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
        VnGuest *guest = scenario_guest(snapshot, "g1", 1, 2, 1600);
        for (guint i = 0; i < 2; i++)
            vn_cell_set_resident(scenario_cell(guest, 0), i, 800 * MIB);
        guint64 reserve = vn_guard_reserve(snapshot->host->nodes->pdata[1], &config);
        set_free(snapshot, 1, reserve / MIB + 51 - 2 * missing);
        g_autoptr(VnPlan) plan = vn_plan_new();
        vn_decision_set_reason(vn_plan_add_decision(plan, "g1"), "forged");
        add_parts_step(plan, guest, 0, 1, 300);
        add_parts_step(plan, guest, 1, 0, 250);
        vn_guard(snapshot, &config, plan);
        g_assert_cmpuint(plan->steps->len, ==, 2 - missing);
        if (missing)
            assert_refused(plan, "host node 1 is too full: 50.0 MiB would arrive");
    }
}

/* Whatever a policy says. */
static void
test_who_must_not_be_touched(void)
{
    VnConfig config = vn_config_defaults();
    for (guint i = 0; i < 4; i++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
        VnGuest *guest = add_swapped(snapshot, 10);
        g_autoptr(VnPlan) plan = vn_plan_new();
        forge_step(plan, guest)->bytes = 10 * MIB;
        if (i == 0)
            guest->managed = FALSE;
        else if (i == 1)
            guest->state = VN_GUEST_STOPPED;
        else if (i == 2)
            guest->trouble = g_strdup("it is being migrated");
        else
            guest->allowed_nodes = vn_idset_new_with(1);
        vn_guard(snapshot, &config, plan);
        g_assert_cmpuint(plan->steps->len, ==, 0);
        g_assert_nonnull(strstr(((VnDecision *) plan->decisions->pdata[0])->reason,
                                "forged; refused: cell 0: "));
    }
}

static void
test_check(void)
{
    g_autoptr(VnSnapshot) before = scenario_new(2, 2, 3072);
    VnGuest *guest = add_swapped(before, 500);
    g_clear_pointer(&vn_guest_find_vcpu(guest, 0)->pinned, vn_idset_free);
    vn_cell_set_resident(scenario_cell(guest, 0), 0, 501 * MIB);
    g_autoptr(VnPlan) plan = vn_align_decide(before);
    g_assert_cmpuint(plan->steps->len, ==, 3);
    gboolean all_done = TRUE;

    /* Nothing was carried out. */
    vn_check(before, plan);
    for (guint i = 0; i < plan->steps->len; i++)
        g_assert_cmpint(((VnStep *) plan->steps->pdata[i])->outcome, ==,
                        VN_OUTCOME_FAILED);
    g_autofree char *none = vn_check_summary(plan, &all_done);
    g_assert_false(all_done);
    g_assert_nonnull(strstr(none, "0 of 3"));

    /* All of it. */
    g_autoptr(VnSnapshot) after = scenario_apply(before, plan);
    vn_check(after, plan);
    g_autofree char *all = vn_check_summary(plan, &all_done);
    g_assert_true(all_done);
    g_assert_nonnull(strstr(all, "3 of 3"));

    /* A move in part, at the tolerated share and past it. */
    VnStep *move = plan->steps->pdata[2];
    VnCell *cell = scenario_cell(after->guests->pdata[0], move->target);
    move->bytes_moved = 100 * MIB;
    vn_cell_set_resident(cell, 0, 5 * MIB);
    vn_cell_set_resident(cell, 1, 995 * MIB);
    vn_check(after, plan);
    g_assert_cmpint(move->outcome, ==, VN_OUTCOME_DONE);
    vn_cell_set_resident(cell, 0, 6 * MIB);
    vn_check(after, plan);
    g_assert_cmpint(move->outcome, ==, VN_OUTCOME_PENDING);
    g_assert_nonnull(strstr(move->outcome_text, "6.0"));

    /* The guest is gone. */
    g_ptr_array_set_size(after->guests, 0);
    vn_check(after, plan);
    g_assert_cmpint(move->outcome, ==, VN_OUTCOME_FAILED);
    g_assert_nonnull(strstr(move->outcome_text, "stopped"));
}

/* Whatever remains of a random plan, no host node is asked to hold more than it can. */
static void
test_random_plans_fit(void)
{
    VnConfig config = vn_config_defaults();
    for (int round = 0; round < 1000; round++) {
        g_autoptr(VnSnapshot) snapshot = scenario_random();
        guint n_nodes = snapshot->host->nodes->len;
        for (guint i = 0; i < n_nodes; i++)
            set_free(snapshot, i, (guint64) g_test_rand_int_range(0, 150));
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        vn_guard(snapshot, &config, plan);
        for (guint i = 0; i < n_nodes; i++) {
            const VnHostNode *node = snapshot->host->nodes->pdata[i];
            gint64 left = (gint64) node->free_bytes;
            gboolean arrives = FALSE;
            for (guint j = 0; j < plan->steps->len; j++) {
                const VnStep *step = plan->steps->pdata[j];
                if (step->kind != VN_STEP_MOVE_MEMORY)
                    continue;
                const VnGuest *guest = vn_snapshot_find(snapshot, step->guest);
                const VnCell *cell = guest->cells->pdata[step->target];
                if (vn_idset_contains(step->after, i)) {
                    left -= (gint64) (step->bytes / vn_idset_count(step->after));
                    arrives = TRUE;
                } else {
                    left += (gint64) g_array_index(cell->resident_bytes, guint64, i);
                }
            }
            if (arrives && left < (gint64) node->free_bytes)
                g_assert_cmpint(left, >=, (gint64) vn_guard_reserve(node, &config));
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guard/reserve", test_reserve);
    g_test_add_func("/guard/exchange-on-full-nodes", test_exchange_on_full_nodes);
    g_test_add_func("/guard/cordoned", test_cordoned);
    g_test_add_func("/guard/room", test_room);
    g_test_add_func("/guard/refusals-follow-each-other", test_refusals_follow_each_other);
    g_test_add_func("/guard/huge-pages", test_huge_pages);
    g_test_add_func("/guard/parts", test_parts);
    g_test_add_func("/guard/who-must-not-be-touched", test_who_must_not_be_touched);
    g_test_add_func("/guard/random-plans-fit", test_random_plans_fit);
    g_test_add_func("/check/outcomes", test_check);
    return g_test_run();
}
