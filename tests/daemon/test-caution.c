/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guard remembers: cool-downs, whose pins are whose, predictions that fail. */
#include "daemon/caution.h"
#include "tests/support/scenario.h"

#include <string.h>

#define SECOND ((gint64) G_USEC_PER_SEC)

typedef struct {
    VnSnapshot *snapshot;
    VnGuest *guest;
    VnCaution *caution;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->snapshot = scenario_new(2, 2, 4096);
    fixture->guest = scenario_guest(fixture->snapshot, "g1", 2, 2, 1024);
    fixture->guest->pid = 100;
    fixture->guest->start_ticks = 7;
    fixture->caution = vn_caution_new();
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    vn_caution_free(fixture->caution);
    vn_snapshot_unref(fixture->snapshot);
}

static gint64
cool(const Fixture *fixture, gint64 now_us)
{
    return vn_caution_cool_us(fixture->caution, fixture->guest->uuid, now_us);
}

static void
test_cooling(Fixture *fixture, gconstpointer unused)
{
    static const struct {
        guint64 mib;
        gboolean all;
        gint64 cooldown_s;
        gint64 cool_s;
    } cases[] = {
        {512, TRUE, 15, 15},  {512 * 3, TRUE, 15, 15},    {512 * 4, TRUE, 15, 20},
        {512, TRUE, 0, 0},    {51200, TRUE, 0, 0},        {51200, TRUE, 1, 500},
        {51200, FALSE, 1, 1}, {G_MAXUINT32, FALSE, 2, 2},
    };
    g_assert_cmpint(cool(fixture, SECOND), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        vn_caution_moved(fixture->caution, fixture->guest, cases[i].mib * MIB,
                         cases[i].all, cases[i].cooldown_s * SECOND, 5 * SECOND);
        g_assert_cmpint(cool(fixture, 5 * SECOND), ==, cases[i].cool_s * SECOND);
        g_assert_cmpint(cool(fixture, (5 + cases[i].cool_s) * SECOND), ==, 0);
        g_assert_true(vn_caution_is_fresh(fixture->caution, fixture->guest->uuid,
                                          4 * SECOND + VN_CAUTION_FRESH_US));
        g_assert_false(vn_caution_is_fresh(fixture->caution, fixture->guest->uuid,
                                           5 * SECOND + VN_CAUTION_FRESH_US));
    }
}

/* A guest that runs anew is another; one whose process is not found for once is not. */
static void
test_forgets(Fixture *fixture, gconstpointer unused)
{
    for (guint i = 0; i < 5; i++) {
        vn_caution_moved(fixture->caution, fixture->guest, MIB, TRUE, 30 * SECOND,
                         SECOND);
        fixture->guest->pid = i == 1 ? 0 : i == 2 ? 101 : 100;
        fixture->guest->start_ticks = i == 3 ? 8 : 7;
        fixture->guest->state = i == 4 ? VN_GUEST_STOPPED : VN_GUEST_RUNNING;
        vn_caution_see(fixture->caution, fixture->snapshot);
        g_assert_cmpint(cool(fixture, SECOND) > 0, ==, i < 2);
        fixture->guest->pid = 100;
        fixture->guest->start_ticks = 7;
    }
    vn_caution_moved(fixture->caution, fixture->guest, MIB, TRUE, 30 * SECOND, SECOND);
    g_autoptr(VnSnapshot) empty = scenario_new(2, 2, 4096);
    vn_caution_see(fixture->caution, empty);
    g_assert_cmpint(cool(fixture, SECOND), ==, 0);
}

static gboolean
is_foreign(const Fixture *fixture, VnStepKind kind, guint target)
{
    g_autoptr(VnPlan) plan = vn_plan_new();
    return vn_caution_is_foreign(fixture->caution,
                                 vn_plan_add_step(plan, kind, fixture->guest, target,
                                                  vn_idset_new(), vn_idset_new()));
}

static void
test_foreign(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VnIdSet) none = vn_idset_new();
    g_autoptr(VnIdSet) one = scenario_idset("1");
    g_autoptr(VnIdSet) two = scenario_idset("1,3");
    VnCaution *caution = fixture->caution;
    g_assert_false(is_foreign(fixture, VN_STEP_PIN_VCPU, 1));
    g_assert_false(vn_caution_set_foreign(caution, fixture->guest, none, FALSE));
    g_assert_true(vn_caution_set_foreign(caution, fixture->guest, one, FALSE));
    g_assert_false(vn_caution_set_foreign(caution, fixture->guest, one, FALSE));
    g_assert_true(is_foreign(fixture, VN_STEP_PIN_VCPU, 1));
    g_assert_false(is_foreign(fixture, VN_STEP_PIN_VCPU, 3));
    g_assert_false(is_foreign(fixture, VN_STEP_PIN_EMULATOR, 0));
    g_assert_false(is_foreign(fixture, VN_STEP_MOVE_MEMORY, 1));
    g_assert_true(vn_caution_set_foreign(caution, fixture->guest, two, FALSE));
    g_assert_true(vn_caution_set_foreign(caution, fixture->guest, two, TRUE));
    g_assert_true(is_foreign(fixture, VN_STEP_PIN_EMULATOR, 0));
    vn_caution_add_notes(caution, fixture->guest, 0);
    g_assert_cmpuint(fixture->guest->notes->len, ==, 2);
    g_assert_nonnull(strstr(fixture->guest->notes->pdata[0], "vCPU 1,3: pinned by"));
    /* Given back, and taken again. */
    g_assert_false(vn_caution_set_foreign(caution, fixture->guest, none, FALSE));
    g_assert_false(is_foreign(fixture, VN_STEP_PIN_VCPU, 1));
    g_assert_true(vn_caution_set_foreign(caution, fixture->guest, one, FALSE));
}

/* Half of the gain is enough; each case: before, expected, then. */
static void
test_judging(void)
{
    static const struct {
        double before;
        double expected;
        double then;
        guint failed;
    } cases[] = {
        {2, 1, 1, 0},   {2, 1, 1.5, 0}, {2, 1, 1.51, 1},   {2, 1, 2, 1},
        {2, 1, 2.5, 1}, {2, 1, 0.5, 0}, {1.2, 1, 1.09, 0}, {1.2, 1, 1.11, 1},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        VnConscience conscience = {0};
        double gain = -47;
        const VnPrediction prediction = {.by_accesses = TRUE,
                                         .before = cases[i].before,
                                         .expected = cases[i].expected,
                                         .n_windows = 3};
        VnEvidence evidence = {.remote_cost = cases[i].then, .n_windows = 3};
        g_assert_false(vn_prediction_measure(&prediction, &evidence, &gain));
        evidence.n_windows = 4;
        evidence.remote_cost = -1;
        g_assert_false(vn_prediction_measure(&prediction, &evidence, &gain));
        g_assert_cmpfloat(gain, ==, -47);
        evidence.remote_cost = cases[i].then;
        g_assert_true(vn_prediction_measure(&prediction, &evidence, &gain));
        vn_conscience_judge(&conscience, &prediction, gain);
        g_assert_cmpuint(vn_conscience_failures(&conscience), ==, cases[i].failed);
    }
}

/* Bytes that came home, and stay there; what the guest got meanwhile does not count. */
static void
test_judging_bytes(void)
{
    static const struct {
        double astray;
        double resident;
        gboolean failed;
    } cases[] = {
        {0, 1000, FALSE},   {200, 1000, FALSE}, {201, 1000, TRUE}, {400, 1000, TRUE},
        {500, 1500, FALSE}, {701, 1500, TRUE},  {100, 500, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        VnConscience conscience = {0};
        double gain;
        const VnPrediction prediction = {
            .before = 400, .expected = 0, .resident_bytes = 1000, .made_us = 5 * SECOND};
        VnEvidence evidence = {.remote_cost = -1,
                               .astray_bytes = cases[i].astray,
                               .resident_bytes = cases[i].resident,
                               .now_us = 5 * SECOND + VN_CONSCIENCE_WAIT_US - 1};
        g_assert_true(vn_prediction_is_worth(&prediction));
        g_assert_false(vn_prediction_measure(&prediction, &evidence, &gain));
        evidence.now_us++;
        g_assert_true(vn_prediction_measure(&prediction, &evidence, &gain));
        vn_conscience_judge(&conscience, &prediction, gain);
        g_assert_cmpuint(vn_conscience_failures(&conscience), ==, cases[i].failed);
    }
}

/* All series of six: what counts is how many of the last four failed. */
static void
test_three_of_four(void)
{
    const VnPrediction prediction = {.by_accesses = TRUE, .before = 2, .expected = 1};
    for (guint series = 0; series < 64; series++) {
        VnConscience conscience = {0};
        for (guint i = 0; i < 6; i++)
            vn_conscience_judge(&conscience, &prediction, series >> i & 1 ? 0 : 1);
        guint last = series >> 2;
        guint failures = (last & 1) + (last >> 1 & 1) + (last >> 2 & 1) + (last >> 3 & 1);
        g_assert_cmpuint(vn_conscience_failures(&conscience), ==, failures);
        g_assert_cmpint(vn_conscience_trusts(&conscience), ==, failures < 3);
    }
}

/* A prediction of a gain of 1 is made, and @gain comes of it. */
static const char *
predict(const Fixture *fixture, const char *policy, double gain)
{
    const VnPrediction prediction = {.by_accesses = TRUE, .before = 2, .expected = 1};
    const VnEvidence evidence = {.remote_cost = 2 - gain, .n_windows = 1};
    vn_caution_predict(fixture->caution, fixture->guest, policy, &prediction, NULL);
    const char *lost = vn_caution_measure(fixture->caution, fixture->guest, &evidence);
    /* It is measured once. */
    g_assert_null(vn_caution_measure(fixture->caution, fixture->guest, &evidence));
    return lost;
}

static gboolean
trusts(const Fixture *fixture, const char *policy)
{
    return vn_caution_trusts(fixture->caution, fixture->guest->uuid, policy);
}

static void
test_trust(Fixture *fixture, gconstpointer unused)
{
    g_assert_true(trusts(fixture, "steer"));
    g_assert_null(predict(fixture, "steer", 0));
    g_assert_null(predict(fixture, "steer", 1));
    g_assert_null(predict(fixture, "steer", 0));
    g_assert_true(trusts(fixture, "steer"));
    g_assert_cmpstr(predict(fixture, "steer", 0), ==, "steer");
    g_assert_false(trusts(fixture, "steer"));
    g_assert_true(trusts(fixture, "align"));
    /* It is said once, and noted as long as it is so. */
    g_assert_null(predict(fixture, "steer", 0));
    vn_caution_add_notes(fixture->caution, fixture->guest, 0);
    g_assert_cmpuint(fixture->guest->notes->len, ==, 1);
    g_assert_nonnull(strstr(fixture->guest->notes->pdata[0], "the policy steer acts on"));
    vn_caution_forgive(fixture->caution, fixture->guest);
    g_assert_true(trusts(fixture, "steer"));
    for (guint i = 0; i < 2; i++)
        g_assert_null(predict(fixture, "align", 0));
    g_assert_cmpstr(predict(fixture, "align", 0), ==, "align");
    fixture->guest->pid++;
    vn_caution_see(fixture->caution, fixture->snapshot);
    g_assert_true(trusts(fixture, "align"));
}

/* What is too small to be seen is not predicted; a later plan's takes its place. */
static void
test_predictions(Fixture *fixture, gconstpointer unused)
{
    VnPrediction prediction = {.before = 99, .expected = 90, .resident_bytes = 1000};
    g_autoptr(GPtrArray) homes = g_ptr_array_new();
    g_assert_false(vn_prediction_is_worth(&prediction));
    vn_caution_predict(fixture->caution, fixture->guest, "align", &prediction, homes);
    g_assert_null(vn_caution_predicted_homes(fixture->caution, fixture->guest));
    prediction.before = 100;
    g_assert_true(vn_prediction_is_worth(&prediction));
    vn_caution_predict(fixture->caution, fixture->guest, "align", &prediction, homes);
    g_assert_nonnull(vn_caution_predicted_homes(fixture->caution, fixture->guest));
    prediction.before = 80;
    vn_caution_predict(fixture->caution, fixture->guest, "align", &prediction, homes);
    g_assert_null(vn_caution_predicted_homes(fixture->caution, fixture->guest));
    prediction = (VnPrediction){.resident_bytes = 0};
    g_assert_false(vn_prediction_is_worth(&prediction));
    prediction = (VnPrediction){.by_accesses = TRUE, .before = 1.02, .expected = 1};
    g_assert_false(vn_prediction_is_worth(&prediction));
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/caution/cooling", test_cooling);
    ADD("/caution/forgets", test_forgets);
    ADD("/caution/foreign", test_foreign);
    ADD("/caution/trust", test_trust);
    ADD("/caution/predictions", test_predictions);
    g_test_add_func("/conscience/judging", test_judging);
    g_test_add_func("/conscience/judging-bytes", test_judging_bytes);
    g_test_add_func("/conscience/three-of-four", test_three_of_four);
    return g_test_run();
}
