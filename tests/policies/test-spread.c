/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared granules spread evenly, or interleaved by bandwidth; and then at rest. */
#include "policies/interleave.h"
#include "policies/spread.h"
#include "tests/support/sight.h"

#include <string.h>

#define GIB_PER_SECOND (G_GUINT64_CONSTANT(1) << 30)

/* Two vCPUs on each of two host nodes, and one that has no CPUs; the memory needs two. */
static void
make(Sight *sight, const char *policy)
{
    sight_init(sight, 3, 2, 1024, 4, 1536);
    VnHostNode *third = sight->snapshot->host->nodes->pdata[2];
    vn_idset_remove_all(third->cpus, third->cpus);
    for (guint i = 0; i < 4; i++)
        scenario_pin(sight->guest, i, i < 2 ? "0-1" : "2-3");
    for (guint i = 0; i < sight->n_granules; i++)
        sight->lies_on[i] = (guint8) (i % 2);
    if (policy)
        g_assert_true(vn_policy_parse(policy, &sight->guest->policy, NULL));
}

/* vCPUs of both host nodes use it alike. */
static void
use_from_both(Sight *sight, guint granule, guint count)
{
    sight_access(sight, granule, 0, count);
    sight_access(sight, granule, 2, count);
}

static void
measure(const Sight *sight, double *loads)
{
    VnHeatGranule granule;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, sight->heat, 0);
    while (vn_heat_iter_next(&iter, &granule))
        loads[sight->lies_on[granule.granule]] += granule.rate;
}

/* @make_sight is carried out until it rests; how many cycles that takes. */
static guint
settle(Sight *sight)
{
    for (guint cycle = 0;; cycle++) {
        VnSteerVerdict verdict;
        g_autoptr(VnPlan) plan = sight_steer(sight, &verdict);
        if (sight_carry_out(sight, plan) == 0)
            return cycle;
        g_assert_cmpuint(verdict, ==, VN_STEER_MOVE);
        g_assert_cmpuint(cycle, <, 20);
    }
}

static void
test_spread(void)
{
    g_auto(Sight) sight;
    VnSteerVerdict verdict;
    make(&sight, "spread");
    for (guint i = 0; i < 40; i++) {
        use_from_both(&sight, 100 + i, 50 + i);
        sight.lies_on[100 + i] = 0;
    }
    sight_access(&sight, 300, 2, 900); /* private: to its user */
    sight.lies_on[300] = 0;
    sight_close(&sight);
    g_autoptr(VnPlan) plan = sight_steer(&sight, &verdict);
    g_assert_cmpuint(verdict, ==, VN_STEER_MOVE);
    const char *reason = vn_plan_find_decision(plan, "g1")->reason;
    g_assert_nonnull(strstr(reason, "memory goes to the only vCPUs that use it"));
    g_assert_nonnull(strstr(reason, "busiest host node has 50 % of these accesses "
                                    "instead of 100 %"));
    g_assert_cmpuint(sight_carry_out(&sight, plan), <, 30);
    g_assert_cmpuint(sight.lies_on[300], ==, 1);
    double loads[3] = {0};
    measure(&sight, loads);
    g_assert_cmpfloat(loads[2], <=, 0);
    g_assert_cmpuint(settle(&sight), ==, 0);
}

/* Without the policy they stay; and so they do where accesses are nearly even. */
static void
test_stay(void)
{
    for (guint i = 0; i < 2; i++) {
        g_auto(Sight) sight;
        make(&sight, i ? "spread" : NULL);
        for (guint k = 0; k < 40; k++) {
            use_from_both(&sight, 100 + k, 100 + k % 2 * 10);
            sight.lies_on[100 + k] = i ? (guint8) (k % 2) : 0;
        }
        sight_close(&sight);
        g_assert_cmpuint(settle(&sight), ==, 0);
    }
}

static void
test_weights(void)
{
    static const struct {
        guint bandwidths[3];
        guint weights[3];
        const char *nodes;
    } cases[] = {
        {{0, 0, 0}, {1, 1, 1}, "0-2"},       {{100, 100, 0}, {1, 1, 1}, "0-2"},
        {{100, 100, 0}, {1, 1, 0}, "0-1"},   {{300, 100, 0}, {3, 1, 0}, "0-1"},
        {{200, 200, 100}, {2, 2, 1}, "0-2"}, {{1000, 1000, 1}, {15, 15, 1}, "0-2"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(3, 2, 1024);
        g_autoptr(VnIdSet) nodes = scenario_idset(cases[i].nodes);
        for (guint k = 0; k < 3; k++) {
            VnHostNode *node = snapshot->host->nodes->pdata[k];
            node->access[k % 2].read_bandwidth_bytes_per_second =
                cases[i].bandwidths[k] * GIB_PER_SECOND;
        }
        g_autofree guint *weights = vn_interleave_weights(snapshot->host, nodes);
        guint counts[3] = {0};
        guint sum = 0;
        for (guint k = 0; k < 3; k++)
            sum += cases[i].weights[k];
        for (guint k = 0; k < 10 * sum; k++)
            counts[vn_interleave_node(snapshot->host, weights, k)]++;
        for (guint k = 0; k < 3; k++) {
            g_test_message("%u of %u: %u", k, i, weights[k]);
            g_assert_cmpuint(weights[k], ==, cases[i].weights[k]);
            g_assert_cmpuint(counts[k], ==, 10 * weights[k]);
        }
    }
}

/* All that is hot goes where its number says, on all host nodes that are allowed. */
static void
test_interleave(void)
{
    g_auto(Sight) sight;
    VnSteerVerdict verdict;
    make(&sight, "interleave");
    for (guint i = 0; i < 3; i++) {
        VnHostNode *node = sight.snapshot->host->nodes->pdata[i];
        node->access[1].read_bandwidth_bytes_per_second = (i ? 1 : 2) * GIB_PER_SECOND;
    }
    for (guint i = 0; i < 80; i++) {
        sight_access(&sight, 100 + i, 0, 100);
        sight.lies_on[100 + i] = 0;
    }
    sight_close(&sight);
    g_autoptr(VnPlan) plan = sight_steer(&sight, &verdict);
    g_assert_cmpuint(verdict, ==, VN_STEER_MOVE);
    g_assert_cmpuint(sight_carry_out(&sight, plan), ==, 40);
    guint counts[3] = {0};
    for (guint i = 100; i < 180; i++)
        counts[sight.lies_on[i]]++;
    g_assert_cmpuint(counts[0], ==, 40);
    g_assert_cmpuint(counts[1], ==, 20);
    g_assert_cmpuint(counts[2], ==, 20);
    g_assert_cmpuint(settle(&sight), ==, 0);
}

/* Binding and cpuset.mems say where; of one host node there is no choice. */
static void
test_bound(void)
{
    for (guint i = 0; i < 3; i++) {
        g_auto(Sight) sight;
        guint counts[3] = {0};
        make(&sight, "interleave");
        for (guint k = 0; k < 4; k++)
            scenario_pin(sight.guest, k, "2-3");
        memset(sight.lies_on, 1, sight.n_granules);
        for (guint k = 0; k < 40; k++)
            use_from_both(&sight, k, 100);
        sight_close(&sight);
        if (i == 0)
            scenario_bind(sight.guest, 0, VN_BINDING_STRICT, "1-2");
        else
            sight.guest->allowed_nodes = scenario_idset(i == 1 ? "1-2" : "1");
        g_assert_cmpuint(settle(&sight), ==, i < 2);
        for (guint k = 0; k < sight.n_granules; k++)
            counts[sight.lies_on[k]]++;
        g_assert_cmpuint(counts[0], ==, 0);
        g_assert_cmpuint(counts[2], ==, i < 2 ? 20 : 0);
    }
}

/* With cells, each one's memory stays at its home, and the reason says so. */
static void
test_cells(void)
{
    static const char *const policies[] = {"spread", "interleave", "tier"};
    for (guint i = 0; i < G_N_ELEMENTS(policies); i++) {
        g_auto(Sight) sight;
        VnSteerVerdict verdict;
        make(&sight, policies[i]);
        sight.guest->told_cells = TRUE;
        for (guint k = 0; k < 40; k++)
            use_from_both(&sight, k, 100);
        sight_close(&sight);
        VnHostNode *node = sight.snapshot->host->nodes->pdata[0];
        node->memory_bytes = 4096 * MIB;
        memset(sight.lies_on, 0, sight.n_granules);
        g_autoptr(VnPlan) plan = sight_steer(&sight, &verdict);
        g_autofree char *remark =
            g_strdup_printf("policy %s would place memory by its accesses, but that of a "
                            "cell may lie at the cell's home only",
                            policies[i]);
        g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 0);
        g_assert_nonnull(strstr(vn_plan_find_decision(plan, "g1")->reason, remark));
    }
}

/*
 * Any heat, that changes a little from window to window: nothing moves twice but what has
 * first been private, and what alternates does not move at all.
 */
static void
test_random(void)
{
    static const char *const policies[] = {"spread", "interleave"};
    for (guint round = 0; round < 100; round++) {
        g_auto(Sight) sight;
        guint rates[50];
        make(&sight, policies[round % 2]);
        sight.bytes_per_second = (guint64) g_test_rand_int_range(1, 20) * MIB;
        for (guint i = 0; i < 50; i++) {
            rates[i] = (guint) g_test_rand_int_range(1, 500);
            sight.lies_on[i] = (guint8) (g_test_rand_int_range(0, 4) == 0);
        }
        for (guint cycle = 0; cycle < 30; cycle++) {
            VnSteerVerdict verdict;
            for (guint i = 0; i < 50; i++)
                use_from_both(&sight, i,
                              rates[i] * (guint) g_test_rand_int_range(80, 121) / 100 +
                                  1);
            for (guint i = 100; i < 104; i++)
                sight_access(&sight, i, cycle % 2 ? 0 : 2, 300);
            sight_close(&sight);
            sight.now_us += 9 * SIGHT_SECOND;
            if (cycle < 5)
                continue; /* it has to be seen that they alternate */
            g_autoptr(VnPlan) plan = sight_steer(&sight, &verdict);
            sight_carry_out(&sight, plan);
        }
        for (guint i = 0; i < 104; i++)
            g_assert_cmpuint(sight.was_moved[i], <=, i < 50 ? 1 : 0);
        double loads[3] = {0};
        measure(&sight, loads);
        if (round % 2 == 0)
            g_assert_cmpfloat(MAX(loads[0], loads[1]), <, 0.65 * (loads[0] + loads[1]));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spread/shared", test_spread);
    g_test_add_func("/spread/stay", test_stay);
    g_test_add_func("/spread/cells", test_cells);
    g_test_add_func("/spread/random", test_random);
    g_test_add_func("/interleave/weights", test_weights);
    g_test_add_func("/interleave/hot", test_interleave);
    g_test_add_func("/interleave/bound", test_bound);
    return g_test_run();
}
