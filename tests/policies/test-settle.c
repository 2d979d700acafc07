/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Align and steering together, on random hosts with random guests and accesses: what they
 * plan is allowed, and once it is carried out the same accesses give no plan any more.
 */
#include "policies/align.h"
#include "policies/steer.h"
#include "tests/support/scenario.h"

#include <string.h>

#define SECOND ((gint64) G_USEC_PER_SEC)
#define CELLS_MAX 8u
#define GUESTS_MAX 8u
#define ROUNDS 4000u
#define PLANS_MAX 4u
#define CELL_GRANULES 256u

/* What is known of a guest besides the snapshot. */
typedef struct {
    guint traffic[CELLS_MAX][CELLS_MAX]; /* accesses, by cell from and to */
    gboolean ours;                       /* its pins */
    gboolean steered;                    /* by an earlier plan */
    double expected_cost;
} Known;

static void
make_known(Known *known)
{
    int busy = g_test_rand_int_range(1, 6);
    *known = (Known){.ours = g_test_rand_bit()};
    for (guint i = 0; i < CELLS_MAX * CELLS_MAX; i++)
        known->traffic[i / CELLS_MAX][i % CELLS_MAX] =
            g_test_rand_int_range(0, busy) ? 0 : (guint) g_test_rand_int_range(0, 2000);
}

static VnHeat *
make_heat(const VnGuest *guest, const Known *known)
{
    g_autofree guint *cells = g_new0(guint, guest->vcpus->len);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        cells[i] = vcpu->cell;
        for (guint to = 0; to < guest->cells->len; to++)
            vn_sample_add(sample, to * CELL_GRANULES + i, i, VN_ACCESS_WRITE,
                          known->traffic[vcpu->cell][to]);
    }
    vn_sample_seal(sample, SECOND);
    VnHeat *heat = vn_heat_new(cells, guest->vcpus->len, 60 * SECOND);
    vn_heat_feed(heat, sample);
    return heat;
}

static void
drop_steps(VnPlan *plan, const VnGuest *guest)
{
    for (guint i = plan->steps->len; i-- > 0;) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_PIN_EMULATOR && strcmp(step->uuid, guest->uuid) == 0)
            g_ptr_array_remove_index(plan->steps, i);
    }
}

/* As the cycle does it. */
static void
steer(const VnSnapshot *snapshot, const VnGuest *guest, Known *known, VnPlan *plan)
{
    if (guest->vcpus->len == 0)
        return;
    g_autoptr(VnHeat) heat = make_heat(guest, known);
    g_autoptr(VnPlacement) placement = vn_placement_new(guest->vcpus->len);
    for (guint i = 0; i < guest->cells->len; i++)
        vn_placement_add(placement, i * CELL_GRANULES, CELL_GRANULES, -1, i);
    g_autoptr(VnLocality) locality =
        vn_locality_new(heat, placement, snapshot->host, SECOND);
    VnSteerEvidence evidence = {.heat = heat,
                                .locality = locality,
                                .pins_are_ours = known->ours,
                                .now_us = SECOND,
                                .move_bytes_per_second = 100 * MIB,
                                .placement = placement,
                                .steered = known->steered,
                                .expected_cost = known->expected_cost};
    VnSteerVerdict verdict = vn_steer_guest(snapshot, guest, &evidence, plan);
    if (verdict == VN_STEER_UNSURE && known->steered)
        drop_steps(plan, guest);
    known->steered |= verdict >= VN_STEER_REPIN;
    known->expected_cost = vn_plan_find_decision(plan, guest->name)->expected_cost;
}

static VnPlan *
decide(const VnSnapshot *snapshot, Known *known)
{
    VnPlan *plan = vn_align_decide(snapshot);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        steer(snapshot, guest, &known[i], plan);
    }
    return plan;
}

static void
assert_allowed(const VnSnapshot *snapshot, const VnStep *step)
{
    const VnGuest *guest = vn_snapshot_find(snapshot, step->uuid);
    g_assert_true(guest->managed && guest->state != VN_GUEST_STOPPED);
    g_assert_nonnull(step->reason);
    g_assert_false(vn_idset_is_empty(step->after));
    g_assert_false(vn_idset_equal(step->before, step->after));
    if (step->kind != VN_STEP_MOVE_MEMORY) {
        g_autoptr(VnIdSet) nodes = vn_host_node_ids(snapshot->host);
        g_autoptr(VnIdSet) cpus = vn_host_cpus_of_nodes(snapshot->host, nodes);
        g_assert_true(vn_idset_is_subset(step->after, cpus));
        return;
    }
    const VnCell *cell = scenario_cell(guest, step->target);
    g_assert_cmpuint(cell->hva_end, >, 0);
    g_assert_cmpuint(step->bytes, >, 0);
    g_assert_false(vn_idset_overlaps(step->before, step->after));
    g_assert_true(!guest->allowed_nodes ||
                  vn_idset_is_subset(step->after, guest->allowed_nodes));
    g_assert_true(!cell->bound || vn_idset_is_subset(step->after, cell->bound));
    VN_IDSET_FOREACH (step->after, id)
        g_assert_cmpuint(vn_host_find_node(snapshot->host, (guint) id)->memory_bytes, >,
                         0);
}

/*
 * Pins of emulator threads do not count: they follow where the others came to lie, and
 * are given once.
 */
static guint
count_vital(const VnPlan *plan)
{
    guint n = 0;
    for (guint i = 0; i < plan->steps->len; i++)
        n += ((const VnStep *) plan->steps->pdata[i])->kind != VN_STEP_PIN_EMULATOR;
    return n;
}

static gboolean
has_pins(const VnGuest *guest)
{
    for (guint i = 0; i < guest->vcpus->len; i++) {
        if (((const VnVcpu *) guest->vcpus->pdata[i])->pinned)
            return TRUE;
    }
    return FALSE;
}

/* Returns: how many plans it takes until there is nothing more to do. */
static guint
settle(guint n_guests)
{
    Known known[GUESTS_MAX];
    g_autoptr(VnSnapshot) snapshot = scenario_random();
    g_ptr_array_set_size(snapshot->guests, (int) MIN(snapshot->guests->len, n_guests));
    for (guint i = 0; i < GUESTS_MAX; i++)
        make_known(&known[i]);
    for (guint i = 0; i < snapshot->guests->len; i++)
        known[i].ours |= !has_pins(snapshot->guests->pdata[i]);
    for (guint n = 0;; n++) {
        g_autoptr(VnPlan) plan = decide(snapshot, known);
        for (guint i = 0; i < plan->steps->len; i++)
            assert_allowed(snapshot, plan->steps->pdata[i]);
        if (count_vital(plan) == 0 || n == PLANS_MAX)
            return n;
        VnSnapshot *after = scenario_apply(snapshot, plan);
        vn_snapshot_unref(snapshot);
        snapshot = after;
    }
}

static void
count_plans(guint n_guests, guint *plans)
{
    for (guint i = 0; i < ROUNDS; i++)
        plans[settle(n_guests)]++;
    for (guint i = 0; i <= PLANS_MAX; i++)
        g_test_message("at rest after %u plans: %u", i, plans[i]);
}

/* A guest by itself rests after one plan. */
static void
test_alone(void)
{
    guint plans[PLANS_MAX + 1] = {0};
    count_plans(1, plans);
    g_assert_cmpuint(plans[1], >, ROUNDS / 4);
    g_assert_cmpuint(plans[0] + plans[1], ==, ROUNDS);
}

/* With others, one now and then finds CPUs that another has left: a second plan. */
static void
test_together(void)
{
    guint plans[PLANS_MAX + 1] = {0};
    count_plans(GUESTS_MAX, plans);
    g_assert_cmpuint(plans[0] + plans[1], >=, ROUNDS - ROUNDS / 500);
    g_assert_cmpuint(plans[0] + plans[1] + plans[2], ==, ROUNDS);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/settle/alone", test_alone);
    g_test_add_func("/settle/together", test_together);
    return g_test_run();
}
