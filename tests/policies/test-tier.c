/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hot granules near, cold ones far, by watermarks; and no granule there and back. */
#include "policies/tier.h"
#include "tests/support/sight.h"

#include <string.h>

#define NODE_MIB 1024u
#define MINUTE (60 * SIGHT_SECOND)

static VnHostNode *
node_at(const Sight *sight, guint i)
{
    return sight->snapshot->host->nodes->pdata[i];
}

/*
 * Host nodes 0 and 1 have CPUs, 2 has none; all of the guest's 1.5 GiB lie on 2 but for
 * the first @n_near granules. @near_free: of the memory of 0 and 1, each
 */
static void
make(Sight *sight, double near_free, guint n_near)
{
    sight_init(sight, 3, 2, NODE_MIB, 4, 1536);
    vn_idset_remove_all(node_at(sight, 2)->cpus, node_at(sight, 2)->cpus);
    for (guint i = 0; i < 2; i++)
        node_at(sight, i)->free_bytes = (guint64) (near_free * NODE_MIB) * MIB;
    node_at(sight, 2)->memory_bytes = node_at(sight, 2)->free_bytes = 8192 * MIB;
    for (guint i = 0; i < 4; i++)
        scenario_pin(sight->guest, i, i < 2 ? "0-1" : "2-3");
    for (guint i = 0; i < sight->n_granules; i++)
        sight->lies_on[i] = i < n_near ? (guint8) (i % 2) : 2;
    sight->guest->policy = VN_POLICY_TIER;
}

/* For some minutes @n granules from @first are accessed alike. */
static void
heat_up(Sight *sight, guint first, guint n, gint64 us)
{
    for (gint64 end_us = sight->now_us + us; sight->now_us < end_us;) {
        for (guint i = 0; i < n; i++)
            sight_read(sight, first + i, i % 4, 100);
        sight_close(sight);
        sight->now_us += 9 * SIGHT_SECOND;
    }
}

static guint
count_on(const Sight *sight, guint first, guint n, guint8 node)
{
    guint count = 0;
    for (guint i = first; i < first + n; i++)
        count += sight->lies_on[i] == node;
    return count;
}

static double
near_free(const Sight *sight)
{
    return (double) (node_at(sight, 0)->free_bytes + node_at(sight, 1)->free_bytes) /
           (2.0 * NODE_MIB * MIB);
}

/* Carries out one plan; how many granules moved. */
static guint
cycle(Sight *sight)
{
    VnSteerVerdict verdict;
    g_autoptr(VnPlan) plan = sight_steer(sight, &verdict);
    guint n = sight_carry_out(sight, plan);
    g_assert_cmpuint(verdict, ==, n ? VN_STEER_MOVE : VN_STEER_AGREE);
    return n;
}

/* There is room: hot ones go to the host node that uses them; cold ones stay. */
static void
test_promote(void)
{
    g_auto(Sight) sight;
    make(&sight, 0.5, 0);
    heat_up(&sight, 100, 40, 10 * MINUTE);
    g_assert_cmpuint(cycle(&sight), ==, 40);
    g_assert_cmpuint(count_on(&sight, 100, 40, 0), ==, 20);
    g_assert_cmpuint(count_on(&sight, 100, 40, 1), ==, 20);
    for (guint i = 0; i < 40; i++)
        g_assert_cmpuint(sight.lies_on[100 + i], ==, i % 4 / 2);
    g_assert_cmpuint(cycle(&sight), ==, 0);
}

/* Down to the high watermark and no further, hottest first. */
static void
test_high(void)
{
    g_auto(Sight) sight;
    make(&sight, 0.11, 0);
    for (guint i = 0; i < 60; i++) {
        for (guint k = 100; k < 140; k++)
            sight_read(&sight, k, k % 4, k < 110 ? 200 : 100);
        sight_close(&sight);
        sight.now_us += 9 * SIGHT_SECOND;
    }
    g_assert_cmpuint(cycle(&sight), ==, 8); /* 112 MiB are free on each, of 1 GiB */
    g_assert_cmpuint(count_on(&sight, 100, 10, 2), ==, 2);
    g_assert_cmpfloat(near_free(&sight), >=, VN_TIER_HIGH - 0.001);
    g_assert_cmpuint(cycle(&sight), ==, 0);
}

/* Under the low watermark cold ones go far until the high one; hot ones do not. */
static void
test_demote(void)
{
    g_auto(Sight) sight;
    make(&sight, 0.03, 300);
    heat_up(&sight, 0, 40, 10 * MINUTE);
    guint n = cycle(&sight);
    g_assert_cmpuint(n, >=, 70);
    g_assert_cmpuint(n, <=, 75);
    g_assert_cmpuint(count_on(&sight, 0, 40, 2), ==, 0);
    g_assert_cmpfloat(near_free(&sight), >=, VN_TIER_HIGH);
    g_assert_cmpuint(cycle(&sight), ==, 0);
}

/* Between the watermarks nothing goes far, unless something hot comes near for it. */
static void
test_exchange(void)
{
    g_auto(Sight) sight;
    make(&sight, 0.07, 300);
    heat_up(&sight, 0, 40, 10 * MINUTE);
    g_assert_cmpuint(cycle(&sight), ==, 0);
    heat_up(&sight, 400, 40, 10 * MINUTE);
    double before = near_free(&sight);
    g_assert_cmpuint(cycle(&sight), ==, 80);
    g_assert_cmpuint(count_on(&sight, 400, 40, 2), ==, 0);
    g_assert_cmpfloat_with_epsilon(near_free(&sight), before, 1e-6);
    g_assert_cmpuint(cycle(&sight), ==, 0);
}

/* Who has not looked for long, or has seen writes only, does not know what is cold. */
static void
test_unsure(void)
{
    g_auto(Sight) young;
    make(&young, 0.03, 300);
    heat_up(&young, 0, 40, MINUTE);
    g_assert_cmpuint(cycle(&young), ==, 0);

    g_auto(Sight) written;
    make(&written, 0.03, 300);
    for (guint i = 0; i < 60; i++) {
        for (guint k = 0; k < 40; k++)
            sight_access(&written, k, k % 4, 100);
        sight_close(&written);
        written.now_us += 9 * SIGHT_SECOND;
    }
    g_assert_cmpuint(cycle(&written), ==, 0);
}

/* Binding and cpuset.mems are kept; with no far host node, or no near one, all stays. */
static void
test_bound(void)
{
    g_auto(Sight) sight;
    make(&sight, 0.5, 0);
    scenario_bind(sight.guest, 0, VN_BINDING_STRICT, "1-2");
    for (guint i = 0; i < 4; i++)
        scenario_pin(sight.guest, i, "2-3");
    heat_up(&sight, 100, 40, 10 * MINUTE);
    g_assert_cmpuint(cycle(&sight), ==, 40);
    g_assert_cmpuint(count_on(&sight, 100, 40, 1), ==, 40);

    g_auto(Sight) far;
    make(&far, 0.5, 0);
    far.guest->allowed_nodes = scenario_idset("2");
    heat_up(&far, 100, 40, 10 * MINUTE);
    g_assert_cmpuint(cycle(&far), ==, 0);
}

/* A plan has a limit; the next ones go on. */
static void
test_limit(void)
{
    g_auto(Sight) sight;
    make(&sight, 0.5, 0);
    sight.bytes_per_second = MIB; /* 60 MiB a plan */
    heat_up(&sight, 100, 40, 10 * MINUTE);
    g_assert_cmpuint(cycle(&sight), ==, 30);
    g_assert_cmpuint(cycle(&sight), ==, 10);
    g_assert_cmpuint(cycle(&sight), ==, 0);
}

static void
test_near(void)
{
    static const struct {
        int tiers[3]; /* the third host node has no CPUs */
        const char *near;
    } cases[] = {
        {{-1, -1, -1}, "0-1"}, {{4, 4, 8}, "0-1"},  {{4, 4, 2}, "0-2"},
        {{4, 6, 8}, "0"},      {{4, -1, 4}, "0-2"}, {{-1, -1, 3}, "0-1"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Sight) sight;
        make(&sight, 0.5, 0);
        for (guint k = 0; k < 3; k++)
            node_at(&sight, k)->tier = cases[i].tiers[k];
        g_autoptr(VnIdSet) all = scenario_idset("0-2");
        g_autoptr(VnIdSet) near = vn_tier_near(sight.snapshot->host, all);
        g_autofree char *text = vn_idset_format(near);
        g_assert_cmpstr(text, ==, cases[i].near);
    }
}

/* Two sets take turns, faster than heat decays: nothing moves more than once. */
static void
test_alternating(void)
{
    for (guint round = 0; round < 40; round++) {
        g_auto(Sight) sight;
        guint period = (guint) g_test_rand_int_range(1, 10);
        make(&sight, g_test_rand_double_range(0, 0.3),
             (guint) g_test_rand_int_range(0, 500));
        heat_up(&sight, 0, 80, 6 * MINUTE);
        for (guint i = 0; i < 60; i++) {
            for (guint k = 0; k < 40; k++)
                sight_read(&sight, i / period % 2 * 40 + k, k % 4,
                           (guint) g_test_rand_int_range(80, 121));
            sight_close(&sight);
            sight.now_us += 9 * SIGHT_SECOND;
            cycle(&sight);
            g_assert_cmpfloat(near_free(&sight), >=, 0);
        }
        for (guint i = 0; i < sight.n_granules; i++)
            g_assert_cmpuint(sight.was_moved[i], <=, 1);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tier/near", test_near);
    g_test_add_func("/tier/promote", test_promote);
    g_test_add_func("/tier/high", test_high);
    g_test_add_func("/tier/demote", test_demote);
    g_test_add_func("/tier/exchange", test_exchange);
    g_test_add_func("/tier/unsure", test_unsure);
    g_test_add_func("/tier/bound", test_bound);
    g_test_add_func("/tier/limit", test_limit);
    g_test_add_func("/tier/alternating", test_alternating);
    return g_test_run();
}
