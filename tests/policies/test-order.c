/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of moves: who leaves comes first, exchanges come last, pins before all. */
#include "policies/order.h"
#include "tests/support/scenario.h"

/* A guest of one cell of 1 GiB on @from, and the plan's step to bring it to @to. */
static void
add_move(VnSnapshot *snapshot, VnPlan *plan, const char *name, guint from, guint to)
{
    VnGuest *guest = scenario_guest(snapshot, name, 1, 1, 1024);
    vn_cell_set_resident(scenario_cell(guest, 0), from, 1024 * MIB);
    vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, guest, 0, vn_idset_new_with(from),
                     vn_idset_new_with(to))
        ->bytes = 1024 * MIB;
}

static void
add_pin(const VnSnapshot *snapshot, VnPlan *plan, const char *name)
{
    vn_plan_add_step(plan, VN_STEP_PIN_VCPU, vn_snapshot_find(snapshot, name), 0,
                     vn_idset_new_with(0), vn_idset_new_with(1));
}

static char *
order_of(const VnPlan *plan)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        g_string_append_printf(text, "%s%s%s", i ? " " : "", step->guest,
                               step->kind == VN_STEP_MOVE_MEMORY ? "" : "*");
    }
    return g_string_free(text, FALSE);
}

/* Nodes 0 and 1 are full; a chain to node 2 empties them from its end. */
static void
test_chain(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(3, 2, 2048);
    g_autoptr(VnPlan) plan = vn_plan_new();
    for (guint i = 0; i < 2; i++)
        ((VnHostNode *) snapshot->host->nodes->pdata[i])->free_bytes = 0;
    add_move(snapshot, plan, "a", 2, 0);
    add_move(snapshot, plan, "b", 0, 1);
    add_pin(snapshot, plan, "b");
    add_move(snapshot, plan, "c", 1, 2);
    add_pin(snapshot, plan, "a");
    g_assert_cmpuint(vn_order_moves(snapshot, plan), ==, 0);
    g_autofree char *order = order_of(plan);
    g_assert_cmpstr(order, ==, "b* a* c b a");
}

/* Two that exchange places have to go by turns; who finds room does not wait for them. */
static void
test_exchange(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(3, 2, 2048);
    g_autoptr(VnPlan) plan = vn_plan_new();
    for (guint i = 0; i < 2; i++)
        ((VnHostNode *) snapshot->host->nodes->pdata[i])->free_bytes = 64 * MIB;
    add_move(snapshot, plan, "a", 0, 1);
    add_move(snapshot, plan, "b", 1, 0);
    g_assert_cmpuint(vn_order_moves(snapshot, plan), ==, 2);
    add_move(snapshot, plan, "c", 0, 2);
    g_assert_cmpuint(vn_order_moves(snapshot, plan), ==, 0);
    g_autofree char *order = order_of(plan);
    g_assert_cmpstr(order, ==, "c b a");
}

/* Huge pages have room of their own. */
static void
test_huge_pages(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 2048);
    g_autoptr(VnPlan) plan = vn_plan_new();
    add_move(snapshot, plan, "a", 0, 1);
    scenario_cell(vn_snapshot_find(snapshot, "a"), 0)->page_size_bytes = 1024 * MIB;
    g_assert_cmpuint(vn_order_moves(snapshot, plan), ==, 1);
    VnHugePages pages = {.size_bytes = 1024 * MIB, .total = 1, .free = 1};
    g_array_append_val(((VnHostNode *) snapshot->host->nodes->pdata[1])->huge_pages,
                       pages);
    g_assert_cmpuint(vn_order_moves(snapshot, plan), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/order/chain", test_chain);
    g_test_add_func("/order/exchange", test_exchange);
    g_test_add_func("/order/huge-pages", test_huge_pages);
    return g_test_run();
}
