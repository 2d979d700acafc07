/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cordoned host nodes: the policies keep off them and empty them; what stays is told. */
#include "policies/align.h"
#include "policies/drain.h"
#include "policies/homes.h"
#include "tests/support/scenario.h"

#include <string.h>

static VnHostNode *
node_at(const VnSnapshot *snapshot, guint id)
{
    return snapshot->host->nodes->pdata[id];
}

/* Three nodes of 4 CPUs, the second cordoned; a guest of one cell is pinned there. */
static VnSnapshot *
three_nodes(gboolean ours)
{
    VnSnapshot *snapshot = scenario_new(3, 4, 4096);
    VnGuest *guest = scenario_guest(snapshot, "g1", 1, 2, 1024);
    for (guint i = 0; i < 2; i++) {
        scenario_pin(guest, i, "4-7");
        vn_guest_find_vcpu(guest, i)->pin_is_ours = ours;
    }
    vn_cell_set_resident(scenario_cell(guest, 0), 1, 1024 * MIB);
    node_at(snapshot, 1)->cordoned = TRUE;
    return snapshot;
}

static VnGuest *
first_guest(const VnSnapshot *snapshot)
{
    return snapshot->guests->pdata[0];
}

static VnPlan *
decide(const VnSnapshot *snapshot)
{
    VnPlan *plan = vn_align_decide(snapshot);
    vn_drain_revise(snapshot, plan);
    return plan;
}

static void
assert_steps(const VnPlan *plan, guint pins, guint moves)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        moves -= step->kind == VN_STEP_MOVE_MEMORY;
        pins -= step->kind == VN_STEP_PIN_VCPU;
    }
    g_assert_cmpuint(pins, ==, 0);
    g_assert_cmpuint(moves, ==, 0);
}

static void
assert_remnant(const GPtrArray *remnants, guint index, const char *object, guint64 bytes,
               const char *says)
{
    g_assert_cmpuint(index, <, remnants->len);
    const VnRemnant *remnant = remnants->pdata[index];
    g_assert_cmpstr(remnant->object, ==, object);
    g_assert_cmpuint(remnant->bytes, ==, bytes);
    g_test_message("%s: %s", remnant->object, remnant->reason);
    g_assert_nonnull(strstr(remnant->reason, says));
}

/* Our own pins are no longer a home: vCPUs, emulator and memory leave, and stay away. */
static void
test_our_pins_leave(void)
{
    g_autoptr(VnSnapshot) snapshot = three_nodes(TRUE);
    VnGuest *guest = first_guest(snapshot);
    guest->emulator_pinned = scenario_idset("4-7");
    guest->emulator_pin_is_ours = TRUE;
    g_autoptr(VnPlan) plan = decide(snapshot);
    assert_steps(plan, 2, 1);
    g_assert_cmpuint(plan->steps->len, ==, 4);
    g_assert_true(vn_drain_leaves(snapshot, guest, plan));
    for (guint i = 0; i < plan->steps->len; i++)
        g_assert_cmpstr(((const VnStep *) plan->steps->pdata[i])->policy, ==, "drain");
    g_auto(GStrv) leaving = vn_drain_guests(snapshot, 1, plan);
    g_assert_cmpstr(leaving[0], ==, guest->uuid);
    g_assert_null(leaving[1]);
    g_autoptr(GPtrArray) planned = vn_drain_remnants(snapshot, 1, plan);
    g_assert_cmpuint(planned->len, ==, 0);

    g_autoptr(VnSnapshot) after = scenario_apply(snapshot, plan);
    g_autoptr(VnPlan) next = decide(after);
    g_assert_cmpuint(next->steps->len, ==, 0);
    g_autoptr(GPtrArray) left = vn_drain_remnants(after, 1, next);
    g_assert_cmpuint(left->len, ==, 0);
    g_autofree char *summary = vn_drain_summary(left, 1);
    g_assert_cmpstr(summary, ==, "host node 1 is drained");

    /* Nothing brings them back once it may be used again. */
    node_at(after, 1)->cordoned = FALSE;
    g_autoptr(VnPlan) undrained = decide(after);
    g_assert_cmpuint(undrained->steps->len, ==, 0);
}

/* Before anything moves, all of it is still there; and what was tried says why. */
static void
test_what_is_there(void)
{
    g_autoptr(VnSnapshot) snapshot = three_nodes(TRUE);
    g_autoptr(VnPlan) plan = decide(snapshot);
    for (guint i = 0; i < plan->steps->len; i++)
        vn_step_set_outcome(plan->steps->pdata[i], VN_OUTCOME_PENDING,
                            "pinned, by a passed-through device for one");
    g_autoptr(GPtrArray) left = vn_drain_remnants(snapshot, 1, plan);
    g_assert_cmpuint(left->len, ==, 3);
    assert_remnant(left, 0, "cell 0", 1024 * MIB, "passed-through device");
    assert_remnant(left, 1, "vCPUs 0-1", 0, "");
    assert_remnant(left, 2, "emulator", 0, "");
    g_autofree char *summary = vn_drain_summary(left, 1);
    g_assert_nonnull(strstr(summary, "host node 1 is not drained, 1.0 GiB stay there"));
    g_autofree char *refusal = vn_drain_refusal(left, 1);
    g_assert_null(refusal);
}

/* What the administrator pinned there stays, and keeps its memory. */
static void
test_his_pins_stay(void)
{
    g_autoptr(VnSnapshot) snapshot = three_nodes(FALSE);
    first_guest(snapshot)->emulator_pinned = scenario_idset("0-3");
    g_autoptr(VnPlan) plan = decide(snapshot);
    g_assert_cmpuint(plan->steps->len, ==, 0);
    g_autoptr(GPtrArray) left = vn_drain_remnants(snapshot, 1, plan);
    g_assert_cmpuint(left->len, ==, 2);
    assert_remnant(left, 0, "cell 0", 1024 * MIB, "vCPUs 0-1 are pinned there");
    assert_remnant(left, 1, "vCPUs 0-1", 0, "not by vnumad");
    g_autofree char *refusal = vn_drain_refusal(left, 1);
    g_assert_null(refusal);
}

/* Pinned by him there and elsewhere: narrowed to elsewhere. */
static void
test_his_pins_narrowed(void)
{
    g_autoptr(VnSnapshot) snapshot = three_nodes(FALSE);
    VnGuest *guest = first_guest(snapshot);
    scenario_pin(guest, 0, "4-11");
    scenario_pin(guest, 1, "4-11");
    g_autoptr(VnPlan) plan = decide(snapshot);
    assert_steps(plan, 2, 1);
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        g_autofree char *text = vn_idset_format(step->after);
        g_assert_cmpstr(text, ==, step->kind == VN_STEP_MOVE_MEMORY ? "2" : "8-11");
    }
    g_autoptr(VnSnapshot) after = scenario_apply(snapshot, plan);
    g_autoptr(VnPlan) next = decide(after);
    g_assert_cmpuint(next->steps->len, ==, 0);
}

/* A strict binding holds a cell, a lenient one does not. */
static void
test_bindings(void)
{
    static const struct {
        VnBinding binding;
        const char *nodes;
        gboolean leaves;
    } cases[] = {
        {VN_BINDING_STRICT, "1", FALSE},     {VN_BINDING_STRICT, "1-2", TRUE},
        {VN_BINDING_INTERLEAVE, "1", FALSE}, {VN_BINDING_INTERLEAVE, "0-1", TRUE},
        {VN_BINDING_PREFERRED, "1", TRUE},   {VN_BINDING_RESTRICTIVE, "1", TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnSnapshot) snapshot = three_nodes(TRUE);
        scenario_bind(first_guest(snapshot), 0, cases[i].binding, cases[i].nodes);
        g_autoptr(VnPlan) plan = decide(snapshot);
        g_test_message("%s %s", vn_binding_name(cases[i].binding), cases[i].nodes);
        assert_steps(plan, cases[i].leaves ? 2 : 0, cases[i].leaves ? 1 : 0);
        g_autoptr(GPtrArray) left = vn_drain_remnants(snapshot, 1, plan);
        if (!cases[i].leaves)
            assert_remnant(left, 0, "cell 0", 1024 * MIB, "bound to it");
        else
            g_assert_cmpuint(left->len, ==, 0);
        g_autoptr(VnSnapshot) after = scenario_apply(snapshot, plan);
        g_autoptr(VnPlan) next = decide(after);
        g_assert_cmpuint(next->steps->len, ==, 0);
    }
}

/* Nothing is brought onto a cordoned node, not even where it is bound to. */
static void
test_nothing_comes(void)
{
    g_autoptr(VnSnapshot) snapshot = three_nodes(TRUE);
    VnGuest *guest = first_guest(snapshot);
    VnCell *cell = scenario_cell(guest, 0);
    scenario_bind(guest, 0, VN_BINDING_STRICT, "1");
    scenario_pin(guest, 0, "0-3");
    vn_cell_set_resident(cell, 1, 0);
    vn_cell_set_resident(cell, 0, 512 * MIB);
    g_autoptr(VnPlan) plan = decide(snapshot);
    assert_steps(plan, 0, 0);
    g_assert_nonnull(strstr(vn_plan_find_decision(plan, "g1")->reason, "cordoned"));
}

static void
test_unmanaged(void)
{
    g_autoptr(VnSnapshot) snapshot = three_nodes(TRUE);
    first_guest(snapshot)->managed = FALSE;
    g_autoptr(VnPlan) plan = decide(snapshot);
    g_assert_cmpuint(plan->steps->len, ==, 0);
    g_autoptr(GPtrArray) left = vn_drain_remnants(snapshot, 1, plan);
    g_assert_cmpuint(left->len, ==, 3);
    assert_remnant(left, 0, "cell 0", 1024 * MIB, "not managed");
    assert_remnant(left, 2, "emulator", 0, "not managed");
}

/* A guest that the cpuset confines to the node, and one of which no range is known. */
static void
test_immovable(void)
{
    g_autoptr(VnSnapshot) snapshot = three_nodes(TRUE);
    VnGuest *guest = first_guest(snapshot);
    guest->allowed_nodes = scenario_idset("1");
    g_autoptr(VnPlan) confined = decide(snapshot);
    g_autoptr(GPtrArray) left = vn_drain_remnants(snapshot, 1, confined);
    assert_remnant(left, 0, "cell 0", 1024 * MIB, "cpuset.mems");

    vn_idset_add(guest->allowed_nodes, 2);
    scenario_cell(guest, 0)->hva_start = scenario_cell(guest, 0)->hva_end = 0;
    scenario_cell(guest, 0)->hva_unknown = g_strdup("two ranges look alike");
    g_autoptr(VnPlan) unknown = decide(snapshot);
    g_autoptr(GPtrArray) still = vn_drain_remnants(snapshot, 1, unknown);
    assert_remnant(still, 0, "cell 0", 1024 * MIB, "two ranges look alike");
}

/* What could leave, but got no step: there is no room, and the drain is refused. */
static void
test_no_room(void)
{
    g_autoptr(VnSnapshot) snapshot = three_nodes(TRUE);
    g_autoptr(VnPlan) plan = decide(snapshot);
    for (guint i = plan->steps->len; i-- > 0;) {
        if (((const VnStep *) plan->steps->pdata[i])->kind == VN_STEP_MOVE_MEMORY)
            g_ptr_array_remove_index(plan->steps, i);
    }
    vn_decision_set_reason(vn_plan_find_decision(plan, "g1"),
                           "refused: host node 0 is too full");
    g_autoptr(GPtrArray) left = vn_drain_remnants(snapshot, 1, plan);
    g_autofree char *refusal = vn_drain_refusal(left, 1);
    g_assert_cmpstr(refusal, ==,
                    "host node 1 cannot be drained, and nothing was moved: guest g1: "
                    "1.0 GiB of cell 0: refused: host node 0 is too full");
}

static void
assert_check(const VnSnapshot *snapshot, guint node, int code, const char *says)
{
    g_autoptr(GError) error = NULL;
    gboolean may = vn_drain_check(snapshot->host, node, &error);
    g_assert_cmpint(may, ==, code < 0);
    if (may)
        return;
    g_assert_error(error, VN_ERROR, code);
    g_assert_nonnull(strstr(error->message, says));
}

static void
test_check(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(3, 2, 4096);
    assert_check(snapshot, 3, VN_ERROR_GONE, "host node 3: this host has none");
    assert_check(snapshot, 1, -1, NULL);
    node_at(snapshot, 0)->cordoned = node_at(snapshot, 1)->cordoned = TRUE;
    assert_check(snapshot, 1, -1, NULL); /* once more */
    assert_check(snapshot, 2, VN_ERROR_REFUSED, "with memory");
    node_at(snapshot, 0)->cordoned = FALSE;
    vn_idset_remove_all(node_at(snapshot, 0)->cpus, node_at(snapshot, 0)->cpus);
    assert_check(snapshot, 2, VN_ERROR_REFUSED, "with CPUs");
}

/* Memory on a node without CPUs: its vCPUs go to the nearest CPUs that are open. */
static void
test_nearest_cpus(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(3, 2, 4096);
    g_autoptr(VnIdSet) far = scenario_idset("2");
    vn_idset_remove_all(node_at(snapshot, 2)->cpus, node_at(snapshot, 2)->cpus);
    node_at(snapshot, 1)->distances[2] = 12;
    g_autoptr(VnIdSet) near = vn_homes_cpus(snapshot->host, far);
    g_autofree char *text = vn_idset_format(near);
    g_assert_cmpstr(text, ==, "2-3");
    node_at(snapshot, 1)->cordoned = TRUE;
    g_autoptr(VnIdSet) other = vn_homes_cpus(snapshot->host, far);
    g_autofree char *open = vn_idset_format(other);
    g_assert_cmpstr(open, ==, "0-1");
}

/*
 * On any host with any guests: nothing is brought onto a cordoned node; once the plan is
 * carried out, what could have left has left; and then there is no more to do for it.
 */
static void
test_any_host(void)
{
    for (guint round = 0; round < 2000; round++) {
        g_autoptr(VnSnapshot) snapshot = scenario_random();
        guint n_nodes = snapshot->host->nodes->len;
        guint node = (guint) g_test_rand_int_range(0, (int) n_nodes);
        if (!vn_drain_check(snapshot->host, node, NULL))
            continue;
        node_at(snapshot, node)->cordoned = TRUE;
        g_autoptr(VnIdSet) cordoned = vn_idset_new_with(node);
        g_autoptr(VnIdSet) cpus = vn_host_cpus_of_nodes(snapshot->host, cordoned);
        g_autoptr(VnPlan) plan = decide(snapshot);
        for (guint i = 0; i < plan->steps->len; i++) {
            const VnStep *step = plan->steps->pdata[i];
            g_assert_false(vn_idset_overlaps(
                step->after, step->kind == VN_STEP_MOVE_MEMORY ? cordoned : cpus));
        }
        g_autoptr(VnSnapshot) after = scenario_apply(snapshot, plan);
        g_autoptr(VnPlan) next = decide(after);
        g_autoptr(GPtrArray) left = vn_drain_remnants(after, node, next);
        g_autofree char *refusal = vn_drain_refusal(left, node);
        g_assert_cmpstr(refusal, ==, NULL);
        for (guint i = 0; i < next->steps->len; i++) {
            const VnStep *step = next->steps->pdata[i];
            g_test_message("%s: %s", step->guest, step->reason);
            g_assert_cmpstr(step->policy, !=, "drain");
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/drain/our-pins-leave", test_our_pins_leave);
    g_test_add_func("/drain/what-is-there", test_what_is_there);
    g_test_add_func("/drain/his-pins-stay", test_his_pins_stay);
    g_test_add_func("/drain/his-pins-narrowed", test_his_pins_narrowed);
    g_test_add_func("/drain/bindings", test_bindings);
    g_test_add_func("/drain/nothing-comes", test_nothing_comes);
    g_test_add_func("/drain/unmanaged", test_unmanaged);
    g_test_add_func("/drain/immovable", test_immovable);
    g_test_add_func("/drain/no-room", test_no_room);
    g_test_add_func("/drain/check", test_check);
    g_test_add_func("/drain/nearest-cpus", test_nearest_cpus);
    g_test_add_func("/drain/any-host", test_any_host);
    return g_test_run();
}
