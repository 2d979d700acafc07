/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vCPUs that share memory come together, within the CPUs, and then stay. */
#include "tests/support/sight.h"

#include <string.h>

/* Each of these vCPUs accesses each of @n granules from @first. */
static void
share(Sight *sight, const char *vcpus, guint first, guint n, guint count)
{
    g_autoptr(VnIdSet) set = scenario_idset(vcpus);
    for (guint i = first; i < first + n; i++) {
        VN_IDSET_FOREACH (set, vcpu)
            sight_access(sight, i, (guint) vcpu, count);
    }
}

/* The guest's whole memory is larger than a host node: its home are both. */
static void
make_two_groups(Sight *sight)
{
    sight_init(sight, 2, 4, 1024, 8, 1536);
    share(sight, "0,2,4,6", 100, 20, 50);
    share(sight, "1,3,5,7", 200, 20, 50);
    sight_close(sight);
}

static guint
count_pins(const VnPlan *plan)
{
    guint n = 0;
    for (guint i = 0; i < plan->steps->len; i++)
        n += ((VnStep *) plan->steps->pdata[i])->kind == VN_STEP_PIN_VCPU;
    return n;
}

static void
test_two_groups(void)
{
    g_auto(Sight) sight;
    VnSteerVerdict verdict;
    make_two_groups(&sight);
    for (guint i = 100; i < 120; i++)
        sight.lies_on[i] = 1; /* so the first group is to be on host node 1 */
    g_autoptr(VnPlan) plan = sight_steer(&sight, &verdict);
    g_assert_cmpuint(verdict, ==, VN_STEER_REPIN);
    g_assert_cmpuint(count_pins(plan), ==, 8);
    g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 0);
    g_assert_cmpstr(
        vn_plan_find_decision(plan, "g1")->reason, ==,
        "it has no cells: vCPUs that share memory run together, and all "
        "run nearest to what they use, before any of it moves: vCPUs 0, 2, 4 and "
        "6 on host node 1, vCPUs 1, 3, 5 and 7 on host node 0");
    const VnStep *step = plan->steps->pdata[0];
    g_assert_cmpstr(step->reason, ==,
                    "vCPUs 0, 2, 4 and 6 share memory: together on host node 1");
    g_assert_cmpfloat(step->expected_gain, >, 0);
    g_assert_cmpuint(sight_carry_out(&sight, plan), ==, 8);

    /* Then memory follows: half of the second group's lies on the wrong host node. */
    g_autoptr(VnPlan) moves = sight_steer(&sight, &verdict);
    g_assert_cmpuint(verdict, ==, VN_STEER_MOVE);
    g_assert_cmpuint(sight_carry_out(&sight, moves), ==, 10);
    g_autoptr(VnPlan) nothing = sight_steer(&sight, &verdict);
    g_assert_cmpuint(verdict, ==, VN_STEER_AGREE);
    g_assert_cmpuint(sight_carry_out(&sight, nothing), ==, 0);
}

/* Somebody's pins are not ours to change; nor is a pattern followed that changes. */
static void
test_left_alone(void)
{
    g_auto(Sight) sight;
    VnSteerVerdict verdict;
    make_two_groups(&sight);
    sight.pins_are_ours = FALSE;
    g_autoptr(VnPlan) not_ours = sight_steer(&sight, &verdict);
    g_assert_cmpuint(count_pins(not_ours), ==, 0);
    sight.pins_are_ours = TRUE;
    for (guint i = 0; i < 30; i++) {
        share(&sight, i % 2 ? "0" : "1", 100, 40, 400);
        sight_close(&sight);
    }
    g_autoptr(VnPlan) alternating = sight_steer(&sight, &verdict);
    g_assert_cmpuint(verdict, ==, VN_STEER_ALONE);
    g_assert_cmpuint(count_pins(alternating), ==, 0);
}

/* A group larger than any host node stays apart; the others find their places. */
static void
test_too_large(void)
{
    g_auto(Sight) sight;
    VnSteerVerdict verdict;
    sight_init(&sight, 2, 2, 1024, 5, 1536);
    share(&sight, "0-2", 100, 20, 50);
    share(&sight, "3-4", 200, 20, 100);
    sight_close(&sight);
    g_autoptr(VnPlan) plan = sight_steer(&sight, &verdict);
    g_assert_cmpuint(verdict, ==, VN_STEER_REPIN);
    g_assert_cmpuint(sight_carry_out(&sight, plan), ==, 2);
    g_assert_cmpint(sight_node_of(&sight, sight.guest, 3), ==,
                    sight_node_of(&sight, sight.guest, 4));
    g_assert_cmpint(sight_node_of(&sight, sight.guest, 0), ==, -1);
    g_autoptr(VnPlan) again = sight_steer(&sight, &verdict);
    g_assert_cmpuint(count_pins(again), ==, 0);
}

/* Other guests' vCPUs take CPUs: also those that this plan pins. */
static void
test_others(void)
{
    g_auto(Sight) sight;
    VnSteerVerdict verdict;
    make_two_groups(&sight);
    VnGuest *other = scenario_guest(sight.snapshot, "other", 1, 1, 64);
    scenario_pin(other, 0, "0-3");
    g_autoptr(VnPlan) plan = sight_steer(&sight, &verdict);
    g_assert_cmpuint(verdict, ==, VN_STEER_REPIN);
    g_assert_cmpuint(sight_carry_out(&sight, plan), ==, 4);
    for (guint i = 0; i < 8; i += 2)
        g_assert_cmpint(sight_node_of(&sight, sight.guest, i), ==, i % 2 ? -1 : 1);
}

/* Pins of ours that are crosswise to where memory lies are exchanged: that is free. */
static void
test_exchange(void)
{
    g_auto(Sight) sight;
    VnSteerVerdict verdict;
    make_two_groups(&sight);
    for (guint i = 0; i < 8; i++)
        scenario_pin(sight.guest, i, i % 2 ? "4-7" : "0-3");
    for (guint i = 0; i < 20; i++) {
        sight.lies_on[100 + i] = 1;
        sight.lies_on[200 + i] = 0;
    }
    g_autoptr(VnPlan) plan = sight_steer(&sight, &verdict);
    g_assert_cmpuint(verdict, ==, VN_STEER_REPIN);
    g_assert_cmpuint(sight_carry_out(&sight, plan), ==, 8);
    g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 0);
    g_autoptr(VnPlan) again = sight_steer(&sight, &verdict);
    g_assert_cmpuint(sight_carry_out(&sight, again), ==, 0);
}

static void
make_random(Sight *sight)
{
    guint n_nodes = (guint) g_test_rand_int_range(2, 5);
    guint n_cpus = (guint) g_test_rand_int_range(1, 7);
    guint n_vcpus = (guint) g_test_rand_int_range(1, 13);
    sight_init(sight, n_nodes, n_cpus, 512, n_vcpus, 512 * (n_nodes - 1) + 256);
    sight->bytes_per_second = (guint64) g_test_rand_int_range(1, 20) * MIB;
    for (guint i = 0; i < sight->n_granules; i++)
        sight->lies_on[i] = (guint8) g_test_rand_int_range(0, (int) n_nodes);
    for (guint i = 0; i < (guint) g_test_rand_int_range(0, 3); i++) {
        g_autofree char *name = g_strdup_printf("other%u", i);
        VnGuest *other = scenario_guest(sight->snapshot, name, 1,
                                        (guint) g_test_rand_int_range(1, 4), 64);
        other->told_cells = g_test_rand_bit();
        for (guint k = 0; k < other->vcpus->len && g_test_rand_bit(); k++)
            scenario_pin(other, k, "0");
    }
    guint n_sets = (guint) g_test_rand_int_range(1, 6);
    for (guint i = 0; i < 300; i++) {
        guint vcpu = (guint) g_test_rand_int_range(0, (int) n_vcpus);
        guint set = g_test_rand_int_range(0, 10) ? vcpu % n_sets : 0;
        sight_access(sight, set * 20 + (guint) g_test_rand_int_range(0, 20), vcpu,
                     (guint) g_test_rand_int_range(1, 500));
    }
    sight_close(sight);
}

/* vCPUs that are pinned to one host node, by host node, of all guests. */
static void
count_vcpus(const Sight *sight, guint *counts)
{
    for (guint i = 0; i < sight->snapshot->guests->len; i++) {
        const VnGuest *guest = sight->snapshot->guests->pdata[i];
        for (guint k = 0; k < guest->vcpus->len; k++) {
            int node = sight_node_of(sight, guest, k);
            if (node >= 0)
                counts[node]++;
        }
    }
}

/* No host node that vCPUs of the guest went to has more than CPUs. */
static void
check_cpus(const Sight *sight, const VnPlan *plan, const guint *counts)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_PIN_VCPU || strcmp(step->guest, "g1") != 0)
            continue;
        int node = sight_node_of(sight, sight->guest, step->target);
        g_assert_cmpint(node, >=, 0);
        const VnHostNode *there = sight->snapshot->host->nodes->pdata[node];
        g_assert_cmpuint(counts[node], <=, vn_idset_count(there->cpus));
    }
}

/* Any heat, any others: pins come first, once, fit the CPUs, and all comes to rest. */
static void
test_random(void)
{
    guint n_regrouped = 0;
    for (guint round = 0; round < 500; round++) {
        g_auto(Sight) sight;
        guint n_pinned = 0;
        make_random(&sight);
        for (guint cycle = 0;; cycle++) {
            VnSteerVerdict verdict;
            guint counts[8] = {0};
            g_autoptr(VnPlan) plan = sight_steer(&sight, &verdict);
            guint n = sight_carry_out(&sight, plan);
            count_vcpus(&sight, counts);
            if (verdict == VN_STEER_REPIN) {
                g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 0);
                g_assert_cmpuint(n_pinned++, <, 1);
                check_cpus(&sight, plan, counts);
                n_regrouped++;
            }
            if (n == 0)
                break;
            g_assert_cmpuint(cycle, <, 20);
        }
        for (guint i = 0; i < sight.n_granules; i++)
            g_assert_cmpuint(sight.was_moved[i], <=, 1);
    }
    g_assert_cmpuint(n_regrouped, >, 100);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/regroup/two-groups", test_two_groups);
    g_test_add_func("/regroup/left-alone", test_left_alone);
    g_test_add_func("/regroup/too-large", test_too_large);
    g_test_add_func("/regroup/others", test_others);
    g_test_add_func("/regroup/exchange", test_exchange);
    g_test_add_func("/regroup/random", test_random);
    return g_test_run();
}
