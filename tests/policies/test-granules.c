/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests without cells: which granules go where, and that it comes to rest. */
#include "policies/align.h"
#include "policies/granules.h"
#include "tests/support/scenario.h"

#include <string.h>

#define SECOND ((gint64) G_USEC_PER_SEC)
#define GUEST_MIB 1024u
#define GRANULES (GUEST_MIB / 2)

/* A guest of 1 GiB and four vCPUs, two on each of two host nodes; and what is seen. */
typedef struct {
    VnSnapshot *snapshot;
    VnGuest *guest;
    VnHeat *heat;
    VnSample *sample;
    guint8 lies_on[GRANULES];
    guint64 bytes_per_second;
    guint64 reserves[3];
} Fixture;

/* @apart: (nullable): heat tells all vCPUs apart, as if nobody knew their nodes. */
static void
set_up(Fixture *fixture, gconstpointer apart)
{
    static const guint nodes[] = {0, 0, 1, 1};
    static const guint vcpus[] = {0, 1, 2, 3};
    fixture->snapshot = scenario_new(3, 2, 4096); /* the third is not its home */
    fixture->guest = scenario_guest(fixture->snapshot, "g1", 1, 4, GUEST_MIB);
    fixture->guest->told_cells = FALSE;
    for (guint i = 0; i < 4; i++)
        scenario_pin(fixture->guest, i, i < 2 ? "0-1" : "2-3");
    fixture->heat = vn_heat_new(apart ? vcpus : nodes, 4, 60 * SECOND);
    fixture->sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
    fixture->bytes_per_second = 100 * MIB;
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    vn_snapshot_unref(fixture->snapshot);
    vn_heat_free(fixture->heat);
    vn_sample_unref(fixture->sample);
}

static void
access_from(Fixture *fixture, guint granule, guint vcpu, guint count)
{
    vn_sample_add(fixture->sample, granule, vcpu, VN_ACCESS_WRITE, count);
}

static void
seal(Fixture *fixture)
{
    vn_sample_seal(fixture->sample, SECOND);
    vn_heat_feed(fixture->heat, fixture->sample);
}

static VnSteerVerdict
steer(Fixture *fixture, gint64 now_us, VnPlan **ret_plan)
{
    guint64 bytes[2] = {0, 0};
    g_autoptr(VnPlacement) placement = vn_placement_new(4);
    for (guint i = 0; i < 4; i++)
        vn_placement_set_vcpu(placement, i, (int) i / 2);
    for (guint i = 0; i < GRANULES; i++) {
        vn_placement_add(placement, i, 1, fixture->lies_on[i], 0);
        bytes[fixture->lies_on[i]] += VN_GRANULE_BYTES;
    }
    vn_placement_add_ram(placement, 0, GUEST_MIB * MIB, 0, 0);
    for (guint i = 0; i < 2; i++)
        vn_cell_set_resident(scenario_cell(fixture->guest, 0), i, bytes[i]);
    g_autoptr(VnLocality) locality =
        vn_locality_new(fixture->heat, placement, fixture->snapshot->host, now_us);
    VnSteerEvidence evidence = {.heat = fixture->heat,
                                .locality = locality,
                                .now_us = now_us,
                                .move_bytes_per_second = fixture->bytes_per_second,
                                .placement = placement,
                                .reserves = fixture->reserves};
    *ret_plan = vn_align_decide(fixture->snapshot);
    VnSteerVerdict verdict =
        vn_steer_guest(fixture->snapshot, fixture->guest, &evidence, *ret_plan);
    g_test_message("%s: %s", vn_steer_verdict_name(verdict),
                   vn_plan_find_decision(*ret_plan, "g1")->reason);
    return verdict;
}

/* Granules that memory moves of the plan name are put there. */
static guint
carry_out(Fixture *fixture, const VnPlan *plan)
{
    guint n = 0;
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_MOVE_MEMORY)
            continue;
        g_assert_true(step->parts_only);
        for (guint k = 0; k < step->parts->len; k++) {
            const VnStepPart *part = &g_array_index(step->parts, VnStepPart, k);
            guint granule = (guint) (part->offset_bytes / VN_GRANULE_BYTES);
            g_assert_true(vn_idset_contains(step->before, fixture->lies_on[granule]));
            fixture->lies_on[granule] = (guint8) vn_idset_next(step->after, 0);
            n++;
        }
        g_assert_cmpuint(step->bytes, ==, step->parts->len * VN_GRANULE_BYTES);
        g_assert_nonnull(step->reason);
    }
    return n;
}

/* Each to its user, hottest first; shared ones and those at home stay. */
static void
test_private_go(Fixture *fixture, gconstpointer unused)
{
    access_from(fixture, 10, 2, 300); /* lies on 0, used by node 1 */
    access_from(fixture, 11, 3, 500);
    access_from(fixture, 12, 2, 200); /* used by both of node 1 */
    access_from(fixture, 12, 3, 200);
    access_from(fixture, 13, 0, 500); /* at home */
    access_from(fixture, 14, 0, 300); /* shared */
    access_from(fixture, 14, 2, 300);
    access_from(fixture, 20, 1, 100); /* lies on 1, used by node 0 */
    fixture->lies_on[20] = 1;
    seal(fixture);
    g_autoptr(VnPlan) plan = NULL;
    g_assert_cmpuint(steer(fixture, SECOND, &plan), ==, VN_STEER_MOVE);
    static const guint order[] = {11, 12, 10};
    gboolean seen = FALSE;
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_MOVE_MEMORY || !vn_idset_contains(step->after, 1))
            continue;
        seen = TRUE;
        g_assert_cmpuint(step->parts->len, ==, 3);
        for (guint k = 0; k < 3; k++)
            g_assert_cmpuint(g_array_index(step->parts, VnStepPart, k).offset_bytes, ==,
                             order[k] * VN_GRANULE_BYTES);
        g_assert_cmpstr(step->reason, ==,
                        "6.0 MiB on host node 0, with 50 % of the guest's accesses, are "
                        "used only by vCPUs on host node 1");
    }
    g_assert_true(seen);
    g_assert_nonnull(strstr(vn_plan_find_decision(plan, "g1")->reason,
                            "8.0 MiB move, remote cost 1.14 instead of 1.73"));
    g_assert_cmpuint(carry_out(fixture, plan), ==, 4);
    g_autoptr(VnPlan) again = NULL;
    g_assert_cmpuint(steer(fixture, SECOND, &again), ==, VN_STEER_AGREE);
    g_assert_cmpuint(carry_out(fixture, again), ==, 0);
}

/* Nothing goes where it may not be, or has no room, nor more than a plan's worth. */
static void
test_limits(Fixture *fixture, gconstpointer unused)
{
    for (guint i = 0; i < 100; i++)
        access_from(fixture, i, 2, 100);
    seal(fixture);
    VnHostNode *node = fixture->snapshot->host->nodes->pdata[1];
    guint64 free_bytes = node->free_bytes;
    g_autoptr(VnPlan) full = NULL;
    node->free_bytes = 40 * MIB;
    g_assert_cmpuint(steer(fixture, SECOND, &full), ==, VN_STEER_MOVE);
    g_assert_cmpuint(vn_plan_bytes_total(full), ==, 40 * MIB);

    g_autoptr(VnPlan) reserved = NULL;
    fixture->reserves[1] = 30 * MIB;
    g_assert_cmpuint(steer(fixture, SECOND, &reserved), ==, VN_STEER_MOVE);
    g_assert_cmpuint(vn_plan_bytes_total(reserved), ==, 10 * MIB);
    fixture->reserves[1] = 0;

    g_autoptr(VnPlan) pool = NULL;
    const VnHugePages pages = {.size_bytes = 2 * MIB, .total = 100, .free = 7};
    scenario_cell(fixture->guest, 0)->page_size_bytes = 2 * MIB;
    g_array_append_val(node->huge_pages, pages);
    g_assert_cmpuint(steer(fixture, SECOND, &pool), ==, VN_STEER_MOVE);
    g_assert_cmpuint(vn_plan_bytes_total(pool), ==, 14 * MIB);
    scenario_cell(fixture->guest, 0)->page_size_bytes = 0;
    node->free_bytes = free_bytes;

    g_autoptr(VnPlan) slow = NULL;
    fixture->bytes_per_second = MIB;
    g_assert_cmpuint(steer(fixture, SECOND, &slow), ==, VN_STEER_MOVE);
    g_assert_cmpuint(vn_plan_bytes_total(slow), ==, 60 * MIB);
    fixture->bytes_per_second = 100 * MIB;

    g_autoptr(VnPlan) huge = NULL;
    VnCell *cell = scenario_cell(fixture->guest, 0);
    cell->page_size_bytes = 1024 * MIB;
    g_assert_cmpuint(steer(fixture, SECOND, &huge), ==, VN_STEER_AGREE);
    cell->page_size_bytes = 0;

    g_autoptr(VnPlan) nowhere = NULL;
    scenario_bind(fixture->guest, 0, VN_BINDING_STRICT, "0");
    g_assert_cmpuint(steer(fixture, SECOND, &nowhere), !=, VN_STEER_MOVE);
    cell->binding = VN_BINDING_NONE;
    g_clear_pointer(&cell->bound, vn_idset_free);

    g_autoptr(VnPlan) unknown = NULL;
    cell->hva_start = cell->hva_end = 0;
    g_assert_cmpuint(steer(fixture, SECOND, &unknown), ==, VN_STEER_UNSURE);
}

/* Granules that change hands all the time are left; the others are not. */
static void
test_alternating(Fixture *fixture, gconstpointer unused)
{
    for (guint settled = 0; settled < 2; settled++) {
        gint64 now_us = 0;
        g_clear_pointer(&fixture->heat, vn_heat_free);
        fixture->heat = vn_heat_new((const guint[]){0, 0, 1, 1}, 4, 60 * SECOND);
        for (guint i = 0; i < 30; i++) {
            g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, now_us);
            now_us += 5 * SECOND;
            for (guint k = 0; k < 8; k++)
                vn_sample_add(sample, k, i % 2 ? 2 : 0, VN_ACCESS_WRITE, 400);
            if (settled)
                vn_sample_add(sample, 100, 3, VN_ACCESS_WRITE, 2000);
            vn_sample_seal(sample, now_us);
            vn_heat_feed(fixture->heat, sample);
        }
        g_autoptr(VnPlan) plan = NULL;
        g_assert_cmpuint(steer(fixture, now_us, &plan), ==,
                         settled ? VN_STEER_MOVE : VN_STEER_ALONE);
        g_assert_cmpuint(vn_plan_bytes_total(plan), ==, settled ? VN_GRANULE_BYTES : 0);
    }
}

/* All in one place: that is the plan's business. */
static void
test_one_home(Fixture *fixture, gconstpointer unused)
{
    access_from(fixture, 10, 2, 600);
    seal(fixture);
    for (guint i = 0; i < 4; i++)
        scenario_pin(fixture->guest, i, "0-1");
    g_autoptr(VnPlan) plan = NULL;
    g_assert_cmpuint(steer(fixture, SECOND, &plan), ==, VN_STEER_AGREE);
}

/* Any heat: what is planned never moves twice, and ends after the plans it needs. */
static void
test_random(Fixture *fixture, gconstpointer unused)
{
    for (guint round = 0; round < 300; round++) {
        gboolean moved[GRANULES] = {FALSE};
        Fixture own;
        set_up(&own, NULL);
        own.bytes_per_second = (guint64) g_test_rand_int_range(1, 20) * MIB;
        for (guint i = 0; i < 200; i++)
            access_from(&own, (guint) g_test_rand_int_range(0, GRANULES),
                        (guint) g_test_rand_int_range(0, 4),
                        (guint) g_test_rand_int_range(1, 500));
        for (guint i = 0; i < GRANULES; i++)
            own.lies_on[i] = (guint8) g_test_rand_int_range(0, 2);
        if (g_test_rand_bit())
            ((VnHostNode *) own.snapshot->host->nodes->pdata[0])->free_bytes =
                (guint64) g_test_rand_int_range(0, 100) * MIB;
        seal(&own);
        for (guint rest = 0;; rest++) {
            guint8 before[GRANULES];
            g_autoptr(VnPlan) plan = NULL;
            memcpy(before, own.lies_on, sizeof(before));
            VnSteerVerdict verdict = steer(&own, SECOND, &plan);
            g_assert_cmpuint(vn_plan_bytes_total(plan), <=, own.bytes_per_second * 60);
            if (carry_out(&own, plan) == 0)
                break;
            g_assert_cmpuint(verdict, ==, VN_STEER_MOVE);
            g_assert_cmpuint(rest, <, 10);
            for (guint i = 0; i < GRANULES; i++) {
                g_assert_false(moved[i] && own.lies_on[i] != before[i]);
                moved[i] |= own.lies_on[i] != before[i];
            }
        }
        tear_down(&own, NULL);
    }
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/granules/private-go", test_private_go);
    g_test_add("/granules/private-to-a-node", Fixture, "apart", set_up, test_private_go,
               tear_down);
    ADD("/granules/limits", test_limits);
    ADD("/granules/alternating", test_alternating);
    ADD("/granules/one-home", test_one_home);
    ADD("/granules/random", test_random);
    return g_test_run();
}
