/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ledger: what was written is read, however its writer ended. */
#include "daemon/ledger.h"
#include "tests/support/scenario.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct {
    char *folder;
    char *path;
    VnSnapshot *snapshot;
    VnPlan *plan;
    VnStep *step;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->folder = g_dir_make_tmp("vnumad-ledger-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->folder, "ledger.jsonl", NULL);
    fixture->snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = scenario_guest(fixture->snapshot, "g1", 2, 1, 256);
    fixture->plan = vn_plan_new();
    fixture->step = vn_plan_add_step(fixture->plan, VN_STEP_MOVE_MEMORY, guest, 1,
                                     vn_idset_new_with(0), vn_idset_new_with(1));
    fixture->step->bytes = 12345;
    fixture->step->reason = g_strdup("because \"it\" lies\nelsewhere");
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *old = g_strconcat(fixture->path, ".1", NULL);
    g_unlink(fixture->path);
    g_unlink(old);
    g_rmdir(fixture->folder);
    vn_plan_unref(fixture->plan);
    vn_snapshot_unref(fixture->snapshot);
    g_free(fixture->folder);
    g_free(fixture->path);
}

static VnLedger *
open_ledger(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    VnLedger *ledger = vn_ledger_open(fixture->folder, &error);
    g_assert_no_error(error);
    return ledger;
}

static void
append(VnLedger *ledger, const char *event, const VnStep *step)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(vn_ledger_append(ledger, event, step, &error));
    g_assert_no_error(error);
}

static gsize
count_past(const VnLedger *ledger, const char *uuid)
{
    g_autoptr(GVariant) past = g_variant_ref_sink(vn_ledger_past_steps(ledger, uuid));
    return g_variant_n_children(past);
}

static void
test_round_trip(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    append(ledger, "begin", fixture->step);
    vn_step_set_outcome(fixture->step, VN_OUTCOME_DONE, NULL);
    append(ledger, "end", fixture->step);

    g_autoptr(VnLedger) again = open_ledger(fixture);
    g_assert_cmpuint(vn_ledger_unreadable(again), ==, 0);
    g_assert_cmpuint(count_past(again, "uuid-of-g1"), ==, 2);
    g_assert_cmpuint(count_past(again, "uuid-of-g2"), ==, 0);
    g_autoptr(GVariant) past =
        g_variant_ref_sink(vn_ledger_past_steps(again, "uuid-of-g1"));
    g_autoptr(GVariant) end = g_variant_get_child_value(past, 1);
    const char *text = NULL;
    g_assert_true(g_variant_lookup(end, "event", "&s", &text));
    g_assert_cmpstr(text, ==, "end");
    g_assert_true(g_variant_lookup(end, "reason", "&s", &text));
    g_assert_cmpstr(text, ==, fixture->step->reason);
}

/* Cut anywhere, the records before the cut are there and the next one is whole. */
static void
test_truncated_at_every_byte(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    append(ledger, "begin", fixture->step);
    append(ledger, "end", fixture->step);
    g_autofree char *text = NULL;
    gsize length = 0;
    g_assert_true(g_file_get_contents(fixture->path, &text, &length, NULL));
    gsize first = (gsize) (strchr(text, '\n') - text) + 1;

    for (gsize cut = 0; cut <= length; cut++) {
        g_assert_true(g_file_set_contents(fixture->path, text, (gssize) cut, NULL));
        /* A line is whole with its last brace; its newline is made up for. */
        gsize whole = (gsize) (cut >= first - 1) + (gsize) (cut >= length - 1);
        {
            g_autoptr(VnLedger) cut_short = open_ledger(fixture);
            g_assert_cmpuint(count_past(cut_short, "uuid-of-g1"), ==, whole);
            append(cut_short, "begin", fixture->step);
        }
        g_autoptr(VnLedger) again = open_ledger(fixture);
        g_assert_cmpuint(count_past(again, "uuid-of-g1"), ==, whole + 1);
    }
}

static void
test_nonsense_lines(Fixture *fixture, gconstpointer unused)
{
    const char text[] = "{}\n[1]\nnull\n\n{\"format\":2,\"uuid\":\"x\"}\n\xff\xfe\n"
                        "{\"format\":1,\"uuid\":\"uuid-of-g1\"}\n";
    g_assert_true(g_file_set_contents(fixture->path, text, sizeof(text) - 1, NULL));
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    g_assert_cmpuint(vn_ledger_unreadable(ledger), ==, 5);
    g_assert_cmpuint(count_past(ledger, "uuid-of-g1"), ==, 1);
}

static void
test_only_the_last_steps(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    for (guint i = 0; i < VN_LEDGER_PAST_MAX + 5; i++)
        append(ledger, "begin", fixture->step);
    g_assert_cmpuint(count_past(ledger, "uuid-of-g1"), ==, VN_LEDGER_PAST_MAX);
}

static void
test_large_file_is_set_aside(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *old = g_strconcat(fixture->path, ".1", NULL);
    g_assert_true(g_file_set_contents(fixture->path, "", 0, NULL));
    g_assert_cmpint(truncate(fixture->path, (off_t) VN_LEDGER_BYTES_MAX + 1), ==, 0);
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    append(ledger, "begin", fixture->step);
    g_assert_true(g_file_test(old, G_FILE_TEST_IS_REGULAR));
    g_assert_cmpuint(count_past(ledger, "uuid-of-g1"), ==, 1);
}

/* What cannot be recorded is an error, and what was there stays. */
static void
test_no_room(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    append(ledger, "begin", fixture->step);

    struct rlimit old;
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
    struct rlimit tight = {.rlim_cur = 700, .rlim_max = old.rlim_max};
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &tight), ==, 0);
    gboolean written = TRUE;
    for (guint i = 0; written && i < 10; i++)
        written = vn_ledger_append(ledger, "end", fixture->step, &error);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
    g_assert_false(written);
    g_assert_nonnull(strstr(error->message, fixture->path));

    g_autoptr(VnLedger) again = open_ledger(fixture);
    g_assert_cmpuint(count_past(again, "uuid-of-g1"), >=, 1);
}

/* A step on vCPU @id of the fixture's guest, as it was recorded. */
static void
record_pin(const Fixture *fixture, VnLedger *ledger, guint id, const char *cpus,
           const char *event, VnOutcome outcome)
{
    g_autoptr(VnPlan) plan = vn_plan_new();
    const VnGuest *guest = fixture->snapshot->guests->pdata[0];
    VnStep *step = vn_plan_add_step(plan, VN_STEP_PIN_VCPU, guest, id, vn_idset_new(),
                                    scenario_idset(cpus));
    vn_step_set_outcome(step, outcome, NULL);
    append(ledger, event, step);
}

static void
assert_ours(const Fixture *fixture, const VnLedger *ledger, gboolean first,
            gboolean second)
{
    VnGuest *guest = fixture->snapshot->guests->pdata[0];
    for (guint i = 0; i < 2; i++)
        vn_guest_find_vcpu(guest, i)->pin_is_ours = FALSE;
    vn_ledger_mark_pins(ledger, guest);
    g_assert_cmpint(vn_guest_find_vcpu(guest, 0)->pin_is_ours, ==, first);
    g_assert_cmpint(vn_guest_find_vcpu(guest, 1)->pin_is_ours, ==, second);
}

/* Ours is a pin that our last step made, also after the ledger was read anew. */
static void
test_mark_pins(Fixture *fixture, gconstpointer unused)
{
    const VnGuest *guest = fixture->snapshot->guests->pdata[0];
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    record_pin(fixture, ledger, 0, "0-1", "end", VN_OUTCOME_DONE);
    assert_ours(fixture, ledger, FALSE, FALSE); /* as they are not pinned */
    scenario_pin(guest, 0, "0-1");
    scenario_pin(guest, 1, "0-1");
    assert_ours(fixture, ledger, TRUE, FALSE);
    g_autoptr(VnLedger) again = open_ledger(fixture);
    assert_ours(fixture, again, TRUE, FALSE);

    /* What was begun, failed or is another's changes nothing. */
    record_pin(fixture, ledger, 0, "2-3", "begin", VN_OUTCOME_PLANNED);
    record_pin(fixture, ledger, 0, "2-3", "end", VN_OUTCOME_FAILED);
    record_pin(fixture, ledger, 10, "2-3", "end", VN_OUTCOME_DONE);
    VnGuest *other = scenario_guest(fixture->snapshot, "g2", 2, 1, 256);
    scenario_pin(other, 0, "0-1");
    vn_ledger_mark_pins(ledger, other);
    g_assert_false(vn_guest_find_vcpu(other, 0)->pin_is_ours);
    assert_ours(fixture, ledger, TRUE, FALSE);

    /* Only the last counts; and who pins it anew himself has it. */
    record_pin(fixture, ledger, 0, "2-3", "end", VN_OUTCOME_DONE);
    assert_ours(fixture, ledger, FALSE, FALSE);
    scenario_pin(guest, 0, "2-3");
    assert_ours(fixture, ledger, TRUE, FALSE);

    /* One that is ours by its definition stays so. */
    VnVcpu *second = vn_guest_find_vcpu(guest, 1);
    second->pin_is_ours = TRUE;
    vn_ledger_mark_pins(ledger, fixture->snapshot->guests->pdata[0]);
    g_assert_true(second->pin_is_ours);
}

static void
test_mark_pins_of_many(Fixture *fixture, gconstpointer unused)
{
    VnGuest *large = scenario_guest(fixture->snapshot, "g3", 1, 255, 256);
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    for (guint i = 0; i < 255; i++)
        scenario_pin(large, i, "0-1");
    for (guint i = 0; i < 1024; i++)
        append(ledger, "end", fixture->step);
    g_test_timer_start();
    for (guint i = 0; i < 100; i++)
        vn_ledger_mark_pins(ledger, large);
    g_test_message("100 guests of 255 vCPUs: %.3f s", g_test_timer_elapsed());
    g_assert_cmpfloat(g_test_timer_last(), <, 10);
}

/* The last step of the guest says which policy it follows. */
static void
test_was_steered(Fixture *fixture, gconstpointer unused)
{
    const VnGuest *guest = fixture->snapshot->guests->pdata[0];
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    g_assert_false(vn_ledger_was_steered(ledger, guest));
    fixture->step->policy = "steer";
    append(ledger, "end", fixture->step);
    g_assert_false(vn_ledger_was_steered(ledger, guest)); /* it was not carried out */
    vn_step_set_outcome(fixture->step, VN_OUTCOME_DONE, NULL);
    append(ledger, "end", fixture->step);
    g_assert_true(vn_ledger_was_steered(ledger, guest));
    record_pin(fixture, ledger, 0, "0-1", "begin", VN_OUTCOME_DONE);
    g_autoptr(VnLedger) again = open_ledger(fixture);
    g_assert_true(vn_ledger_was_steered(again, guest));
    g_assert_false(
        vn_ledger_was_steered(again, scenario_guest(fixture->snapshot, "g2", 1, 1, 256)));
    record_pin(fixture, again, 0, "0-1", "end", VN_OUTCOME_DONE);
    g_assert_false(vn_ledger_was_steered(again, guest));
}

static void
test_folder_cannot_be_made(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnLedger) ledger = vn_ledger_open("/proc/vnumad/ledger", &error);
    g_assert_null(ledger);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "/proc/vnumad/ledger"));
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGXFSZ, SIG_IGN);
    ADD("/ledger/round-trip", test_round_trip);
    ADD("/ledger/truncated-at-every-byte", test_truncated_at_every_byte);
    ADD("/ledger/nonsense-lines", test_nonsense_lines);
    ADD("/ledger/only-the-last-steps", test_only_the_last_steps);
    ADD("/ledger/large-file-is-set-aside", test_large_file_is_set_aside);
    ADD("/ledger/no-room", test_no_room);
    ADD("/ledger/mark-pins", test_mark_pins);
    ADD("/ledger/mark-pins-of-many", test_mark_pins_of_many);
    ADD("/ledger/was-steered", test_was_steered);
    g_test_add_func("/ledger/folder-cannot-be-made", test_folder_cannot_be_made);
    return g_test_run();
}
