/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the cycle takes to heart of what it did, and of what others did. */
#include "daemon/cycle-private.h"
#include "tests/support/scenario.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
    VnCycle cycle;
    VnSnapshot *snapshot;
    VnGuest *guest;
    GHashTable *localities;
    VnPlan *plan;
    VnDecision *decision;
    char *folder;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->folder = g_dir_make_tmp("vnumad-caution-XXXXXX", NULL);
    VnCycle *cycle = &fixture->cycle;
    cycle->config = vn_config_defaults();
    cycle->ledger = vn_ledger_open(fixture->folder, NULL);
    cycle->sampling = vn_sampling_new(&cycle->config, "/", NULL);
    cycle->caution = vn_caution_new();
    fixture->snapshot = scenario_new(2, 2, 4096);
    fixture->guest = scenario_guest(fixture->snapshot, "g1", 1, 2, 1024);
    vn_cell_set_resident(scenario_cell(fixture->guest, 0), 1, 1000 * MIB);
    fixture->localities = vn_cycle_new_localities();
    fixture->plan = vn_plan_new();
    fixture->decision = vn_plan_add_decision(fixture->plan, "g1");
    g_ptr_array_add(fixture->decision->homes, vn_idset_new_with(0));
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(fixture->folder, "ledger.jsonl", NULL);
    vn_plan_unref(fixture->plan);
    g_hash_table_unref(fixture->localities);
    vn_snapshot_unref(fixture->snapshot);
    vn_caution_free(fixture->cycle.caution);
    vn_sampling_free(fixture->cycle.sampling);
    vn_ledger_free(fixture->cycle.ledger);
    g_unlink(path);
    g_rmdir(fixture->folder);
    g_free(fixture->folder);
}

static VnStep *
add_move(const Fixture *fixture, VnOutcome outcome, guint64 moved_mib)
{
    VnStep *step = vn_plan_add_step(fixture->plan, VN_STEP_MOVE_MEMORY, fixture->guest, 0,
                                    vn_idset_new_with(1), vn_idset_new_with(0));
    step->bytes = 1000 * MIB;
    step->bytes_moved = moved_mib * MIB;
    vn_step_set_outcome(step, outcome, NULL);
    return step;
}

static void
look_ahead(Fixture *fixture)
{
    vn_cycle_look_ahead(&fixture->cycle, fixture->snapshot, fixture->localities,
                        fixture->plan);
}

static gint64
cool(const Fixture *fixture)
{
    return vn_caution_cool_us(fixture->cycle.caution, fixture->guest->uuid,
                              g_get_monotonic_time());
}

static const GPtrArray *
predicted(const Fixture *fixture)
{
    return vn_caution_predicted_homes(fixture->cycle.caution, fixture->guest);
}

/* A plan carried out in full is to show; one that was not can only be waited for. */
static void
test_outcomes(Fixture *fixture, gconstpointer unused)
{
    static const struct {
        VnOutcome outcome;
        guint64 moved_mib;
        gboolean cools;
        gboolean predicts;
    } cases[] = {
        {VN_OUTCOME_SKIPPED, 0, FALSE, FALSE},
        {VN_OUTCOME_FAILED, 0, FALSE, FALSE},
        {VN_OUTCOME_PENDING, 500, TRUE, FALSE},
        {VN_OUTCOME_DONE, 1000, TRUE, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_ptr_array_set_size(fixture->plan->steps, 0);
        add_move(fixture, cases[i].outcome, cases[i].moved_mib);
        look_ahead(fixture);
        g_assert_cmpint(cool(fixture) > 0, ==, cases[i].cools);
        g_assert_cmpint(predicted(fixture) != NULL, ==, cases[i].predicts);
    }
}

/* Pins cost nothing; a move of parts does not change what lies at home. */
static void
test_nothing_to_wait_for(Fixture *fixture, gconstpointer unused)
{
    VnStep *pin = vn_plan_add_step(fixture->plan, VN_STEP_PIN_VCPU, fixture->guest, 0,
                                   scenario_idset("0-3"), scenario_idset("0-1"));
    vn_step_set_outcome(pin, VN_OUTCOME_DONE, NULL);
    look_ahead(fixture);
    g_assert_cmpint(cool(fixture), ==, 0);
    g_assert_null(predicted(fixture));
    add_move(fixture, VN_OUTCOME_DONE, 1000)->parts_only = TRUE;
    look_ahead(fixture);
    g_assert_null(predicted(fixture));
    g_assert_cmpint(cool(fixture), >, 0);
    fixture->cycle.config.cooldown_seconds = 0;
    look_ahead(fixture);
    g_assert_cmpint(cool(fixture), ==, 0);
}

static guint n_said;

static GLogWriterOutput
count_said(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
    for (gsize i = 0; i < n_fields; i++) {
        if (g_str_equal(fields[i].key, "MESSAGE") &&
            strstr(fields[i].value, "guest g1: somebody else has pinned vCPU 1 since"))
            n_said++;
    }
    return g_log_writer_default(level, fields, n_fields, data);
}

/* Who pins what we had pinned is told of once. */
static void
test_foreign_hands(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    VnStep *pin = vn_plan_add_step(fixture->plan, VN_STEP_PIN_VCPU, fixture->guest, 1,
                                   scenario_idset("0-3"), scenario_idset("0-1"));
    vn_step_set_outcome(pin, VN_OUTCOME_DONE, NULL);
    g_assert_true(vn_ledger_append(fixture->cycle.ledger, "end", pin, &error));
    scenario_pin(fixture->guest, 1, "3");
    for (guint i = 0; i < 2; i++)
        vn_cycle_look_back(&fixture->cycle, fixture->guest, NULL);
    g_assert_cmpuint(n_said, ==, 1);
    g_assert_true(vn_caution_is_foreign(fixture->cycle.caution, pin));
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_writer_func(count_said, NULL, NULL);
    ADD("/cycle-caution/outcomes", test_outcomes);
    ADD("/cycle-caution/nothing-to-wait-for", test_nothing_to_wait_for);
    ADD("/cycle-caution/foreign-hands", test_foreign_hands);
    return g_test_run();
}
