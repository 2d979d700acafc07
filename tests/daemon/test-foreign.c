/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pins that somebody else has changed since vnumad made them. */
#include "daemon/foreign.h"
#include "tests/support/scenario.h"

#include <glib/gstdio.h>

typedef struct {
    char *folder;
    VnLedger *ledger;
    VnSnapshot *snapshot;
    VnGuest *guest;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->folder = g_dir_make_tmp("vnumad-foreign-XXXXXX", NULL);
    fixture->ledger = vn_ledger_open(fixture->folder, NULL);
    fixture->snapshot = scenario_new(2, 2, 1024);
    fixture->guest = scenario_guest(fixture->snapshot, "g1", 2, 1, 256);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(fixture->folder, "ledger.jsonl", NULL);
    vn_ledger_free(fixture->ledger);
    vn_snapshot_unref(fixture->snapshot);
    g_unlink(path);
    g_rmdir(fixture->folder);
    g_free(fixture->folder);
}

/* A step from CPUs 0-3 to @cpus. */
static void
record(const Fixture *fixture, VnStepKind kind, guint vcpu, const char *cpus,
       VnOutcome outcome)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnPlan) plan = vn_plan_new();
    VnStep *step = vn_plan_add_step(plan, kind, fixture->guest, vcpu,
                                    scenario_idset("0-3"), scenario_idset(cpus));
    vn_step_set_outcome(step, outcome, NULL);
    g_assert_true(vn_ledger_append(fixture->ledger, "end", step, &error));
    g_assert_no_error(error);
}

static void
assert_foreign(const Fixture *fixture, const VnLedger *ledger, const char *vcpus,
               gboolean emulator)
{
    gboolean is = !emulator;
    for (guint i = 0; i < 2; i++)
        vn_guest_find_vcpu(fixture->guest, i)->pin_is_ours = FALSE;
    vn_ledger_mark_pins(ledger, fixture->guest);
    g_autoptr(VnIdSet) foreign = vn_foreign_pins(ledger, fixture->guest, &is);
    g_autofree char *text = vn_idset_format(foreign);
    g_assert_cmpstr(text, ==, vcpus);
    g_assert_cmpint(is, ==, emulator);
}

static void
test_neither_before_nor_after(Fixture *fixture, gconstpointer unused)
{
    scenario_pin(fixture->guest, 0, "1");
    scenario_pin(fixture->guest, 1, "1");
    fixture->guest->emulator_pinned = vn_idset_new_with(1);
    assert_foreign(fixture, fixture->ledger, "", FALSE); /* we never pinned any */
    record(fixture, VN_STEP_PIN_VCPU, 0, "0-1", VN_OUTCOME_DONE);
    record(fixture, VN_STEP_PIN_VCPU, 1, "0-1", VN_OUTCOME_FAILED);
    record(fixture, VN_STEP_MOVE_MEMORY, 1, "0", VN_OUTCOME_DONE);
    record(fixture, VN_STEP_PIN_EMULATOR, 0, "2-3", VN_OUTCOME_DONE);
    record(fixture, VN_STEP_PIN_VCPU, 10, "0-1", VN_OUTCOME_DONE);
    assert_foreign(fixture, fixture->ledger, "0", TRUE);
    g_autoptr(VnLedger) again = vn_ledger_open(fixture->folder, NULL);
    assert_foreign(fixture, again, "0", TRUE);
    record(fixture, VN_STEP_PIN_VCPU, 1, "0-1", VN_OUTCOME_DONE);
    assert_foreign(fixture, fixture->ledger, "0-1", TRUE);
    VnGuest *other = scenario_guest(fixture->snapshot, "g2", 2, 1, 256);
    gboolean emulator;
    scenario_pin(other, 0, "1");
    g_autoptr(VnIdSet) none = vn_foreign_pins(fixture->ledger, other, &emulator);
    g_assert_true(vn_idset_is_empty(none));
}

/* As we left it, or found it, at any time, and not pinned at all. */
static void
test_ours(Fixture *fixture, gconstpointer unused)
{
    static const char *const left[] = {"2-3", "0-1", "0-3"};
    record(fixture, VN_STEP_PIN_VCPU, 0, "0-1", VN_OUTCOME_DONE);
    record(fixture, VN_STEP_PIN_VCPU, 0, "2-3", VN_OUTCOME_DONE);
    record(fixture, VN_STEP_PIN_EMULATOR, 0, "2-3", VN_OUTCOME_DONE);
    record(fixture, VN_STEP_PIN_EMULATOR, 0, "0-1", VN_OUTCOME_DONE);
    for (gsize i = 0; i < G_N_ELEMENTS(left); i++) {
        scenario_pin(fixture->guest, 0, left[i]);
        g_clear_pointer(&fixture->guest->emulator_pinned, vn_idset_free);
        fixture->guest->emulator_pinned = scenario_idset(left[i]);
        assert_foreign(fixture, fixture->ledger, "", FALSE);
    }
    g_clear_pointer(&vn_guest_find_vcpu(fixture->guest, 0)->pinned, vn_idset_free);
    g_clear_pointer(&fixture->guest->emulator_pinned, vn_idset_free);
    assert_foreign(fixture, fixture->ledger, "", FALSE);
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/foreign/neither-before-nor-after", test_neither_before_nor_after);
    ADD("/foreign/ours", test_ours);
    return g_test_run();
}
