/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decisions remembered, and told in sentences. */
#include "daemon/history.h"
#include "daemon/why.h"
#include "tests/support/scenario.h"

#include <string.h>

typedef struct {
    VnSnapshot *snapshot;
    VnGuest *guest;
    VnPlan *plan;
    VnDecision *decision;
    GPtrArray *pasts;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->snapshot = scenario_new(2, 2, 1024);
    fixture->guest = scenario_guest(fixture->snapshot, "g1", 2, 1, 256);
    fixture->plan = vn_plan_new();
    fixture->decision = vn_plan_add_decision(fixture->plan, "g1");
    fixture->pasts = g_ptr_array_new_with_free_func((GDestroyNotify) vn_past_free);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    vn_plan_unref(fixture->plan);
    vn_snapshot_unref(fixture->snapshot);
    g_ptr_array_unref(fixture->pasts);
}

static void
note(Fixture *fixture, VnHistory *history, gint64 time_us, const char *reason)
{
    fixture->snapshot->taken_us = time_us;
    vn_decision_set_reason(fixture->decision, "%s", reason);
    vn_history_note(history, fixture->snapshot, fixture->plan);
}

static void
assert_history(const VnHistory *history, const char *const *reasons, gsize n)
{
    g_autoptr(GVariant) list = g_variant_ref_sink(vn_history_get(history, "uuid-of-g1"));
    g_assert_cmpuint(g_variant_n_children(list), ==, n);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(list, i);
        const char *reason = NULL;
        g_assert_true(g_variant_lookup(entry, "reason", "&s", &reason));
        g_assert_cmpstr(reason, ==, reasons[i]);
    }
}

/* Figures that change are no news. */
static void
test_history(Fixture *fixture, gconstpointer unused)
{
    static const char *const expected[] = {"1.5 GiB lie elsewhere", "at home", "2 steps"};
    g_autoptr(VnHistory) history = vn_history_new();
    assert_history(history, NULL, 0);
    note(fixture, history, 1, "1.5 GiB lie elsewhere");
    note(fixture, history, 2, "730.2 MiB lie elsewhere");
    note(fixture, history, 3, "at home");
    note(fixture, history, 4, "at home");
    note(fixture, history, 5, "2 steps");
    assert_history(history, expected, 3);
}

static void
test_history_is_bounded(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VnHistory) history = vn_history_new();
    for (guint i = 0; i < 3 * VN_HISTORY_MAX; i++)
        note(fixture, history, i, i & 1 ? "one" : "other");
    g_autoptr(GVariant) list = g_variant_ref_sink(vn_history_get(history, "uuid-of-g1"));
    g_assert_cmpuint(g_variant_n_children(list), ==, VN_HISTORY_MAX);

    /* Guests that are gone are forgotten. */
    g_ptr_array_set_size(fixture->snapshot->guests, 0);
    note(fixture, history, 1, "gone");
    g_autoptr(GVariant) none = g_variant_ref_sink(vn_history_get(history, "uuid-of-g1"));
    g_assert_cmpuint(g_variant_n_children(none), ==, 0);
}

static void
assert_sentences(const Fixture *fixture, gboolean rests, const char *const *expected)
{
    g_auto(GStrv) sentences =
        vn_why_sentences(fixture->plan, fixture->guest, rests, fixture->pasts);
    for (guint i = 0; expected[i]; i++)
        g_assert_cmpstr(sentences[i], ==, expected[i]);
    g_assert_cmpuint(g_strv_length(sentences), ==, g_strv_length((char **) expected));
}

static void
test_decision(Fixture *fixture, gconstpointer unused)
{
    vn_decision_set_reason(fixture->decision,
                           "256.0 MiB lie away; refused: cell 0: host node 0 is full; "
                           "refused: cell 1: it is not allowed");
    const char *const idle[] = {"Nothing is to be done now: 256.0 MiB lie away.",
                                "The guard refused: cell 0: host node 0 is full.",
                                "The guard refused: cell 1: it is not allowed.",
                                "The ledger knows of no plan for it.", NULL};
    assert_sentences(fixture, FALSE, idle);

    vn_decision_set_reason(fixture->decision, "256.0 MiB lie away");
    VnStep *step = vn_plan_add_step(fixture->plan, VN_STEP_MOVE_MEMORY, fixture->guest, 0,
                                    vn_idset_new_with(1), vn_idset_new_with(0));
    step->bytes = 256 * MIB;
    step->expected_gain = 0.55;
    vn_plan_add_step(fixture->plan, VN_STEP_PIN_EMULATOR, fixture->guest, 0,
                     vn_idset_new_with(1), vn_idset_new_with(0));
    const char *const busy[] = {
        "Now there would be to do: 1 pin and 1 move of 256.0 MiB, expected to lower its "
        "remote cost by 0.55, because: 256.0 MiB lie away.",
        "The ledger knows of no plan for it.", NULL};
    assert_sentences(fixture, FALSE, busy);

    vn_decision_set_reason(fixture->decision, "rests until it is started anew");
    const char *const resting[] = {"It rests until it is started anew.",
                                   "The ledger knows of no plan for it.", NULL};
    assert_sentences(fixture, TRUE, resting);
}

/* A record as the ledger has it; @found, @outcome: (nullable). */
static void
add_record(GPtrArray *pasts, const char *event, const char *outcome, const char *found)
{
    g_auto(GVariantDict) dict;
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "event", "s", event);
    g_variant_dict_insert(&dict, "plan_id", "t", G_GUINT64_CONSTANT(7));
    g_variant_dict_insert(&dict, "guest", "s", "g1");
    g_variant_dict_insert(&dict, "policy", "s", "steer");
    if (found)
        g_variant_dict_insert(&dict, "found", "s", found);
    else
        g_variant_dict_insert(&dict, "target", "s", "cell 1");
    g_variant_dict_insert(&dict, "reason", "s", "its vCPUs run there");
    g_variant_dict_insert(&dict, "bytes", "t", 100 * MIB);
    if (outcome) {
        g_variant_dict_insert(&dict, "outcome", "s", outcome);
        g_variant_dict_insert(&dict, "outcome_text", "s", "4 MiB lie elsewhere");
        g_variant_dict_insert(&dict, "bytes_moved", "t", 96 * MIB);
    }
    g_autoptr(GVariant) record = g_variant_ref_sink(g_variant_dict_end(&dict));
    vn_past_add(pasts, record);
}

static void
test_past(Fixture *fixture, gconstpointer unused)
{
    vn_decision_set_reason(fixture->decision, "at home");
    add_record(fixture->pasts, "plan", NULL, NULL);
    add_record(fixture->pasts, "begin", NULL, NULL);
    const char *const open[] = {
        "Nothing is to be done now: at home.",
        "At 1970-01-01 00:00:00 steer planned 1 move of 100.0 MiB (its vCPUs run there): "
        "it is not over yet, 0 B moved.",
        NULL};
    assert_sentences(fixture, FALSE, open);
    add_record(fixture->pasts, "end", "pending", NULL);
    add_record(fixture->pasts, "close", NULL, "0 of 1 steps done and checked");
    add_record(fixture->pasts, "undone", NULL, NULL);
    const char *const over[] = {
        "Nothing is to be done now: at home.",
        "At 1970-01-01 00:00:00 steer planned 1 move of 100.0 MiB (its vCPUs run there): "
        "0 of 1 steps done and checked, 96.0 MiB moved; cell 1 pending: 4 MiB lie "
        "elsewhere; undone since.",
        NULL};
    assert_sentences(fixture, FALSE, over);
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_setenv("TZ", "UTC", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD("/history/changes", test_history);
    ADD("/history/is-bounded", test_history_is_bounded);
    ADD("/why/decision", test_decision);
    ADD("/why/past", test_past);
    return g_test_run();
}
