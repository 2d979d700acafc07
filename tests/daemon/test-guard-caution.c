/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guard takes out for what it is not worth, or for what is remembered. */
#include "daemon/guard.h"
#include "policies/align.h"
#include "tests/support/scenario.h"

#include <string.h>

#define SECOND ((gint64) G_USEC_PER_SEC)
#define NOW (1000000 * SECOND)

/* One guest of a cell whose memory lies on node 1, and a plan with nothing in it yet. */
typedef struct {
    VnSnapshot *snapshot;
    VnGuest *guest;
    VnConfig config;
    VnCaution *caution;
    VnPlan *plan;
    VnDecision *decision;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->snapshot = scenario_new(2, 4, 16384);
    fixture->guest = scenario_guest(fixture->snapshot, "g1", 1, 2, 1000);
    vn_cell_set_resident(scenario_cell(fixture->guest, 0), 1, 1000 * MIB);
    fixture->config = vn_config_defaults();
    fixture->caution = vn_caution_new();
    fixture->plan = vn_plan_new();
    fixture->decision = vn_plan_add_decision(fixture->plan, "g1");
    fixture->decision->expected_cost = 1;
    vn_decision_set_reason(fixture->decision, "forged");
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    vn_plan_unref(fixture->plan);
    vn_caution_free(fixture->caution);
    vn_snapshot_unref(fixture->snapshot);
}

static VnStep *
add_move(const Fixture *fixture, const char *policy, guint64 mib, double gain)
{
    VnStep *step = vn_plan_add_step(fixture->plan, VN_STEP_MOVE_MEMORY, fixture->guest, 0,
                                    vn_idset_new_with(1), vn_idset_new_with(0));
    step->policy = policy;
    step->bytes = mib * MIB;
    step->expected_gain = gain;
    return step;
}

static VnStep *
add_pin(const Fixture *fixture, const char *policy, guint vcpu, double gain)
{
    VnStep *step = vn_plan_add_step(fixture->plan, VN_STEP_PIN_VCPU, fixture->guest, vcpu,
                                    scenario_idset("0-7"), scenario_idset("0-3"));
    step->policy = policy;
    step->expected_gain = gain;
    return step;
}

static void
guard(const Fixture *fixture, gboolean asked, gint64 now_us)
{
    const VnGuardView view = {fixture->caution, asked, now_us};
    vn_guard_with(fixture->snapshot, &fixture->config, &view, fixture->plan);
}

/* The same move for each case; whether it is still there. */
static gboolean
passes(const Fixture *fixture, guint64 mib, double gain, gboolean asked, gint64 now_us)
{
    g_ptr_array_set_size(fixture->plan->steps, 0);
    add_move(fixture, "align", mib, gain);
    guard(fixture, asked, now_us);
    return fixture->plan->steps->len == 1;
}

static gboolean
says(const Fixture *fixture, const char *what)
{
    return strstr(fixture->decision->reason, "; refused: ") &&
           strstr(fixture->decision->reason, what);
}

/* The price of all of it is 0.05, the margin 0.01; a person needs any gain at all. */
static void
test_margin(Fixture *fixture, gconstpointer unused)
{
    g_assert_true(passes(fixture, 1000, 0.061, FALSE, NOW));
    g_assert_cmpfloat(fixture->decision->expected_cost, ==, 1);
    g_assert_false(passes(fixture, 1000, 0.059, FALSE, NOW));
    g_assert_true(says(fixture, "cell 0: to move 1000.0 MiB gains 0.059 of remote cost, "
                                "and has to gain more than 0.060"));
    g_assert_cmpfloat(fixture->decision->expected_cost, ==, 0);
    g_assert_true(passes(fixture, 100, 0.016, FALSE, NOW));
    g_assert_false(passes(fixture, 100, 0.014, FALSE, NOW));
    g_assert_true(passes(fixture, 1000, 0.001, TRUE, NOW));
    g_assert_false(passes(fixture, 1000, 0, TRUE, NOW));
    g_assert_true(says(fixture, "nothing is to be gained"));
    g_assert_false(passes(fixture, 1000, -0.5, TRUE, NOW));
    fixture->config.gain_margin = 0;
    g_assert_true(passes(fixture, 1000, 0.051, FALSE, NOW));
    g_assert_false(passes(fixture, 1000, 0.05, FALSE, NOW));
}

/* Twice the margin for an hour after a move. */
static void
test_hysteresis(Fixture *fixture, gconstpointer unused)
{
    fixture->config.cooldown_seconds = 0;
    vn_caution_moved(fixture->caution, fixture->guest, MIB, TRUE, 0, NOW);
    g_assert_false(passes(fixture, 1000, 0.069, FALSE, NOW + SECOND));
    g_assert_true(passes(fixture, 1000, 0.071, FALSE, NOW + SECOND));
    g_assert_true(passes(fixture, 1000, 0.001, TRUE, NOW + SECOND));
    g_assert_true(passes(fixture, 1000, 0.069, FALSE, NOW + VN_CAUTION_FRESH_US));
}

/* Gain is not what these are for: a binding, and policies with other aims. */
static void
test_not_a_matter_of_gain(Fixture *fixture, gconstpointer unused)
{
    add_move(fixture, "interleave", 1000, -1);
    guard(fixture, FALSE, NOW);
    g_assert_cmpuint(fixture->plan->steps->len, ==, 1);
    scenario_bind(fixture->guest, 0, VN_BINDING_STRICT, "0");
    g_assert_true(passes(fixture, 1000, -1, FALSE, NOW));
    /* It lies where it may. */
    VnCell *cell = scenario_cell(fixture->guest, 0);
    g_clear_pointer(&cell->bound, vn_idset_free);
    scenario_bind(fixture->guest, 0, VN_BINDING_PREFERRED, "0-1");
    g_assert_false(passes(fixture, 1000, -1, FALSE, NOW));
}

/* All of a guest's steps together: pins that lose until the memory comes. */
static void
test_pins_that_lead_memory(Fixture *fixture, gconstpointer unused)
{
    for (guint i = 0; i < 3; i++) {
        g_ptr_array_set_size(fixture->plan->steps, 0);
        add_pin(fixture, "steer", 0, -0.4);
        add_pin(fixture, "steer", 1, i == 2 ? 0.5 : -0.4);
        add_move(fixture, "steer", 1000, i == 0 ? 1.5 : 0.7);
        if (i == 2)
            vn_caution_moved(fixture->caution, fixture->guest, MIB, TRUE, SECOND, NOW);
        guard(fixture, FALSE, NOW);
        g_assert_cmpuint(fixture->plan->steps->len, ==, i == 0 ? 3 : i == 1 ? 0 : 2);
    }
    g_assert_true(says(fixture, "vcpu 1: the memory that it would follow does not come"));
}

static void
test_cooldown(Fixture *fixture, gconstpointer unused)
{
    vn_caution_moved(fixture->caution, fixture->guest, MIB, TRUE, 30 * SECOND, NOW);
    g_assert_false(passes(fixture, 1000, 1, FALSE, NOW + 29 * SECOND + 1));
    g_assert_true(says(fixture, "cell 0: the guest's memory has just been moved, and "
                                "stays for 1 s more"));
    g_assert_true(passes(fixture, 1000, 1, TRUE, NOW));
    g_assert_true(passes(fixture, 1000, 1, FALSE, NOW + 30 * SECOND));
    /* To drain a host node was asked for before. */
    g_ptr_array_set_size(fixture->plan->steps, 0);
    add_move(fixture, "drain", 1000, -1);
    guard(fixture, FALSE, NOW);
    g_assert_cmpuint(fixture->plan->steps->len, ==, 1);
    /* Pins cost nothing, and need none. */
    g_ptr_array_set_size(fixture->plan->steps, 0);
    add_move(fixture, "align", 1000, 1);
    add_pin(fixture, "steer", 0, 0.1);
    guard(fixture, FALSE, NOW);
    g_assert_cmpuint(fixture->plan->steps->len, ==, 1);
    g_assert_cmpint(((VnStep *) fixture->plan->steps->pdata[0])->kind, ==,
                    VN_STEP_PIN_VCPU);
}

static void
test_conscience(Fixture *fixture, gconstpointer unused)
{
    const VnPrediction prediction = {.by_accesses = TRUE, .before = 2, .expected = 1};
    const VnEvidence evidence = {.remote_cost = 2, .n_windows = 1};
    for (guint i = 0; i < 3; i++) {
        g_assert_true(passes(fixture, 1000, 1, FALSE, NOW));
        vn_caution_predict(fixture->caution, fixture->guest, "align", &prediction, NULL);
        g_assert_true(!vn_caution_measure(fixture->caution, fixture->guest, &evidence) ==
                      (i < 2));
    }
    g_assert_false(passes(fixture, 1000, 1, FALSE, NOW));
    g_assert_true(says(fixture, "cell 0: the last plans of the policy align brought"));
    g_assert_true(passes(fixture, 1000, 1, TRUE, NOW));
    add_pin(fixture, "steer", 0, 0.1); /* another policy's */
    guard(fixture, FALSE, NOW);
    g_assert_cmpuint(fixture->plan->steps->len, ==, 1);
}

/* Also when asked: what somebody else manages is theirs. */
static void
test_foreign_hands(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VnIdSet) vcpus = scenario_idset("1");
    vn_caution_set_foreign(fixture->caution, fixture->guest, vcpus, FALSE);
    add_pin(fixture, "align", 0, 0.1);
    add_pin(fixture, "align", 1, 0.1);
    add_move(fixture, "align", 1000, 1);
    guard(fixture, TRUE, NOW);
    g_assert_cmpuint(fixture->plan->steps->len, ==, 2);
    g_assert_true(says(fixture, "vcpu 1: somebody else has pinned it"));
}

static VnCaution *
random_caution(const VnSnapshot *snapshot)
{
    VnCaution *caution = vn_caution_new();
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        const VnPrediction prediction = {.by_accesses = TRUE, .before = 2, .expected = 1};
        const VnEvidence evidence = {.remote_cost = 2, .n_windows = 1};
        g_autoptr(VnIdSet) vcpus = vn_idset_new_with(0);
        if (g_test_rand_int_range(0, 3) == 0)
            vn_caution_set_foreign(caution, guest, vcpus, g_test_rand_bit());
        if (g_test_rand_int_range(0, 3) == 0)
            vn_caution_moved(caution, guest, MIB, TRUE, g_test_rand_int_range(0, 9), NOW);
        for (int k = g_test_rand_int_range(0, 4); k > 0; k--) {
            vn_caution_predict(caution, guest, "align", &prediction, NULL);
            (void) !vn_caution_measure(caution, guest, &evidence);
        }
    }
    return caution;
}

/* Steps and reasons, as text; each step is told from the others. */
static GPtrArray *
describe(const VnPlan *plan, gboolean steps)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; steps && i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        g_autofree char *target = vn_step_target(step);
        g_autofree char *after = vn_idset_format(step->after);
        g_ptr_array_add(texts, g_strdup_printf("%s %s %s %f", step->guest, target, after,
                                               step->expected_gain));
    }
    for (guint i = 0; !steps && i < plan->decisions->len; i++)
        g_ptr_array_add(texts,
                        g_strdup(((VnDecision *) plan->decisions->pdata[i])->reason));
    return texts;
}

/* What is left is of what was there, in its order; equal: all of it. */
static void
assert_subset(const GPtrArray *texts, const GPtrArray *left, gboolean equal)
{
    guint k = 0;
    for (guint i = 0; i < texts->len && k < left->len; i++)
        k += g_str_equal(texts->pdata[i], left->pdata[k]);
    g_assert_cmpuint(k, ==, left->len);
    if (equal)
        g_assert_cmpuint(k, ==, texts->len);
}

static void
test_random_plans(void)
{
    guint n_removed = 0;
    for (int round = 0; round < 1000; round++) {
        g_autoptr(VnSnapshot) snapshot = scenario_random();
        g_autoptr(VnCaution) caution = random_caution(snapshot);
        VnConfig config = vn_config_defaults();
        const VnGuardView view = {caution, g_test_rand_bit(), NOW + 4};
        config.gain_margin = g_test_rand_double_range(0, 0.5);
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        for (guint i = 0; i < plan->steps->len; i++) {
            VnStep *step = plan->steps->pdata[i];
            if (g_test_rand_bit())
                step->policy = "steer";
            if (g_test_rand_bit())
                step->expected_gain = g_test_rand_double_range(-0.5, 1);
        }
        for (guint i = 0; i < snapshot->host->nodes->len; i++)
            ((VnHostNode *) snapshot->host->nodes->pdata[i])->free_bytes =
                (guint64) g_test_rand_int_range(0, 300) * MIB;
        g_autoptr(GPtrArray) steps = describe(plan, TRUE);
        vn_guard_with(snapshot, &config, &view, plan);
        g_autoptr(GPtrArray) left = describe(plan, TRUE);
        g_autoptr(GPtrArray) reasons = describe(plan, FALSE);
        assert_subset(steps, left, FALSE);
        n_removed += steps->len - left->len;
        vn_guard_with(snapshot, &config, &view, plan);
        g_autoptr(GPtrArray) left_again = describe(plan, TRUE);
        g_autoptr(GPtrArray) reasons_again = describe(plan, FALSE);
        assert_subset(left, left_again, TRUE);
        assert_subset(reasons, reasons_again, TRUE);
    }
    g_assert_cmpuint(n_removed, >, 1000);
}

/* The largest host that is thought of, all of it to be moved, and no room for half. */
static void
test_many_guests(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(16, 64, 65536);
    g_autoptr(VnCaution) caution = vn_caution_new();
    const VnConfig config = vn_config_defaults();
    const VnGuardView view = {caution, FALSE, NOW};
    for (guint i = 0; i < 128; i++) {
        g_autofree char *name = g_strdup_printf("g%03u", i);
        VnGuest *guest = scenario_guest(snapshot, name, 2, 8, 512);
        for (guint k = 0; k < 2; k++) {
            scenario_bind(guest, k, VN_BINDING_STRICT, i % 2 ? "0" : "1");
            vn_cell_set_resident(scenario_cell(guest, k), 2 + i % 14, 512 * MIB);
        }
    }
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    guint n_steps = plan->steps->len;
    g_test_timer_start();
    vn_guard_with(snapshot, &config, &view, plan);
    g_test_message("%u steps, %u left: %.3f s", n_steps, plan->steps->len,
                   g_test_timer_elapsed());
    g_assert_cmpuint(n_steps, >, 2048);
    g_assert_cmpuint(plan->steps->len, <, n_steps);
    g_assert_cmpfloat(g_test_timer_last(), <, 10);
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/guard/margin", test_margin);
    ADD("/guard/hysteresis", test_hysteresis);
    ADD("/guard/not-a-matter-of-gain", test_not_a_matter_of_gain);
    ADD("/guard/pins-that-lead-memory", test_pins_that_lead_memory);
    ADD("/guard/cooldown", test_cooldown);
    ADD("/guard/conscience", test_conscience);
    ADD("/guard/foreign-hands", test_foreign_hands);
    g_test_add_func("/guard/random-plans", test_random_plans);
    g_test_add_func("/guard/many-guests", test_many_guests);
    return g_test_run();
}
