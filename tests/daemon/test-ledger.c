/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ledger: what was written is read, however its writer ended. */
#include "daemon/ledger.h"
#include "tests/support/scenario.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
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

/* Not g_file_set_contents(), which waits for the disk each time. */
static void
cut_file(const Fixture *fixture, const char *text, gsize length)
{
    FILE *file = g_fopen(fixture->path, "w");
    g_assert_nonnull(file);
    g_assert_cmpuint(fwrite(text, 1, length, file), ==, length);
    g_assert_cmpint(fclose(file), ==, 0);
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
        cut_file(fixture, text, cut);
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
    const char text[] = "{}\n[1]\nnull\n\n{\"format\":\"2\",\"uuid\":\"x\"}\n\xff\xfe\n"
                        "{\"format\":1,\"uuid\":\"uuid-of-g1\",\"event\":\"end\"}\n";
    g_assert_true(g_file_set_contents(fixture->path, text, sizeof(text) - 1, NULL));
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    g_assert_cmpuint(vn_ledger_unreadable(ledger), ==, 5);
    g_assert_cmpuint(count_past(ledger, "uuid-of-g1"), ==, 1);
}

/* Written by a newer vnumad, be it in one line: nothing is begun, nothing overwritten. */
static void
test_newer_format(Fixture *fixture, gconstpointer unused)
{
    static const char *const files[] = {"ledger.jsonl", "ledger.jsonl.1"};
    const char text[] =
        "{\"format\":2,\"uuid\":\"x\"}\n{\"format\":3,\"uuid\":\"x\"}\nhal";
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(fixture->folder, files[i], NULL);
        g_autofree char *now = NULL;
        g_autoptr(GError) error = NULL;
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        g_autoptr(VnLedger) ledger = vn_ledger_open(fixture->folder, &error);
        g_assert_null(ledger);
        g_assert_error(error, VN_ERROR, VN_ERROR_REFUSED);
        g_assert_nonnull(strstr(error->message, path));
        g_assert_nonnull(strstr(error->message, "line 2 was written by a newer vnumad"));
        g_assert_true(g_file_get_contents(path, &now, NULL, NULL));
        g_assert_cmpstr(now, ==, text);
        g_unlink(path);
    }
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

/* A plan as the cycle has it recorded: its step, begun and ended. */
static void
record_plan(const Fixture *fixture, VnLedger *ledger, gboolean closed)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(vn_ledger_plan(ledger, fixture->snapshot, fixture->plan, &error));
    append(ledger, "begin", fixture->step);
    append(ledger, "end", fixture->step);
    if (closed)
        g_assert_true(vn_ledger_close(ledger, fixture->step->plan_id, "g1",
                                      fixture->step->uuid, "1 of 1", &error));
}

static GPtrArray *
pasts_of(const VnLedger *ledger)
{
    return vn_ledger_pasts(ledger, "uuid-of-g1");
}

/* Plans have ids that ascend, and are read back as they were. */
static void
test_plans(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    fixture->step->pin_is_ours = TRUE;
    fixture->step->expected_gain = 1;
    record_plan(fixture, ledger, TRUE);
    guint64 first_id = fixture->step->plan_id;
    record_plan(fixture, ledger, FALSE);
    g_assert_cmpuint(fixture->step->plan_id, >, first_id);
    append(ledger, "begin", fixture->step); /* a second round */

    g_autoptr(VnLedger) again = open_ledger(fixture);
    g_autoptr(GPtrArray) pasts = pasts_of(again);
    g_assert_cmpuint(pasts->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        const VnPast *past = pasts->pdata[i];
        g_assert_cmpint(past->closed, ==, i == 0);
        g_assert_cmpstr(past->found, ==, i ? NULL : "1 of 1");
        g_assert_true(vn_past_can_be_undone(past));
        g_assert_cmpuint(past->steps->len, ==, 1);
        const VnStep *step = past->steps->pdata[0];
        g_assert_cmpint(step->kind, ==, VN_STEP_MOVE_MEMORY);
        g_assert_cmpuint(step->target, ==, 1);
        g_assert_cmpuint(step->bytes, ==, 12345);
        g_assert_cmpfloat(step->expected_gain, ==, 1);
        g_assert_true(vn_idset_equal(step->before, fixture->step->before));
        g_assert_true(vn_idset_equal(step->after, fixture->step->after));
        g_assert_cmpstr(step->reason, ==, fixture->step->reason);
    }
    g_autoptr(GPtrArray) unfinished = vn_ledger_unfinished(again);
    g_assert_cmpuint(unfinished->len, ==, 1);
    g_assert_cmpuint(((VnPast *) unfinished->pdata[0])->id, ==, fixture->step->plan_id);
    g_autoptr(GError) error = NULL;
    g_assert_true(vn_ledger_undone(again, pasts->pdata[0], &error));
    g_autoptr(GPtrArray) undone = pasts_of(again);
    g_assert_false(vn_past_can_be_undone(undone->pdata[0]));
}

/* A plan cut short anywhere is found half done, or not at all, and never otherwise. */
static void
test_plan_truncated_at_every_byte(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    {
        g_autoptr(VnLedger) ledger = open_ledger(fixture);
        record_plan(fixture, ledger, TRUE);
    }
    g_assert_true(g_file_get_contents(fixture->path, &text, &length, NULL));
    gsize planned = (gsize) (strchr(text, '\n') - text);
    for (gsize cut = 0; cut <= length; cut++) {
        cut_file(fixture, text, cut);
        g_autoptr(VnLedger) cut_short = open_ledger(fixture);
        g_autoptr(GPtrArray) unfinished = vn_ledger_unfinished(cut_short);
        g_assert_cmpuint(unfinished->len, ==, cut >= planned && cut < length - 1);
    }
}

/* A guest rests until it is woken, planned for, started anew or defined otherwise. */
static void
test_rest(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    VnGuest *guest = fixture->snapshot->guests->pdata[0];
    guint64 since_us = 0;
    guest->pid = 4711;
    g_assert_false(vn_ledger_rests(ledger, guest, NULL));
    g_assert_true(vn_ledger_wake(ledger, guest, &error));
    g_assert_cmpuint(count_past(ledger, guest->uuid), ==, 0);

    record_plan(fixture, ledger, TRUE);
    g_assert_true(vn_ledger_rest(ledger, guest, fixture->step->plan_id, &error));
    fixture->step->policy = "undo";
    record_plan(fixture, ledger, TRUE); /* the undo itself */
    g_autoptr(VnLedger) again = open_ledger(fixture);
    g_assert_true(vn_ledger_rests(again, guest, &since_us));
    g_assert_cmpuint(since_us, >, 0);
    g_autoptr(GPtrArray) pasts = pasts_of(again);
    g_assert_false(vn_past_can_be_undone(pasts->pdata[1]));

    guest->start_ticks++;
    g_assert_false(vn_ledger_rests(again, guest, NULL));
    guest->start_ticks--;
    scenario_bind(guest, 0, VN_BINDING_STRICT, "1");
    g_assert_false(vn_ledger_rests(again, guest, NULL));
    g_assert_true(vn_ledger_rest(again, guest, fixture->step->plan_id, &error));
    g_assert_true(vn_ledger_rests(again, guest, NULL));
    g_assert_true(vn_ledger_wake(again, guest, &error));
    g_assert_false(vn_ledger_rests(again, guest, NULL));

    g_assert_true(vn_ledger_rest(again, guest, fixture->step->plan_id, &error));
    fixture->step->policy = "align";
    record_plan(fixture, again, TRUE);
    g_assert_false(vn_ledger_rests(again, guest, NULL));
}

/* Whoever rests does so also in the file that follows a large one; plans are known on. */
static void
test_rest_outlives_the_file(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    VnGuest *guest = fixture->snapshot->guests->pdata[0];
    g_autofree char *old = g_strconcat(fixture->path, ".1", NULL);
    guest->pid = 4711;
    {
        g_autoptr(VnLedger) ledger = open_ledger(fixture);
        record_plan(fixture, ledger, TRUE);
        g_assert_true(vn_ledger_rest(ledger, guest, fixture->step->plan_id, &error));
    }
    g_assert_cmpint(truncate(fixture->path, (off_t) VN_LEDGER_BYTES_MAX + 1), ==, 0);
    {
        g_autoptr(VnLedger) moved = open_ledger(fixture);
        g_autoptr(GPtrArray) pasts = pasts_of(moved);
        g_assert_cmpuint(pasts->len, ==, 1);
    }
    g_assert_cmpint(g_unlink(old), ==, 0);
    g_autoptr(VnLedger) again = open_ledger(fixture);
    g_assert_cmpuint(vn_ledger_unreadable(again), ==, 0);
    g_assert_true(vn_ledger_rests(again, guest, NULL));
}

/* The pin of all CPUs that an undo leaves to the emulator is nobody's. */
static void
test_undone_emulator_pin(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    g_autoptr(VnPlan) plan = vn_plan_new();
    VnGuest *guest = fixture->snapshot->guests->pdata[0];
    VnStep *step = vn_plan_add_step(plan, VN_STEP_PIN_EMULATOR, guest, 0,
                                    scenario_idset("0-1"), scenario_idset("0-3"));
    vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
    guest->emulator_pinned = scenario_idset("0-3");
    append(ledger, "end", step);
    vn_ledger_mark_pins(ledger, guest);
    g_assert_nonnull(guest->emulator_pinned);
    step->policy = "undo";
    append(ledger, "end", step);
    vn_ledger_mark_pins(ledger, guest);
    g_assert_null(guest->emulator_pinned);
}

/* Many guests' records are kept, old ones go, and a settled guest's rest does not. */
static void
test_bounded(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    VnGuest *other = scenario_guest(fixture->snapshot, "g2", 1, 1, 64);
    other->pid = 4712;
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    g_assert_true(vn_ledger_rest(ledger, other, 1, &error));
    g_autoptr(VnPlan) plan = vn_plan_new();
    for (guint i = 0; i < 20000; i++)
        vn_plan_add_step(plan, VN_STEP_PIN_VCPU, fixture->snapshot->guests->pdata[0], i,
                         vn_idset_new_with(0), vn_idset_new_with(1));
    g_assert_true(vn_ledger_plan(ledger, fixture->snapshot, plan, &error));
    g_autoptr(GPtrArray) none = vn_ledger_pasts(ledger, other->uuid);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_true(vn_ledger_rests(ledger, other, NULL));
}

/* After a write that did not fit, the next record is whole. */
static void
test_goes_on_after_no_room(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnLedger) ledger = open_ledger(fixture);
    struct rlimit old;
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
    struct rlimit tight = {.rlim_cur = 100, .rlim_max = old.rlim_max};
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &tight), ==, 0);
    gboolean written = vn_ledger_append(ledger, "begin", fixture->step, &error);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
    g_assert_false(written);
    g_assert_cmpuint(count_past(ledger, "uuid-of-g1"), ==, 0);
    append(ledger, "end", fixture->step);
    g_autoptr(VnLedger) again = open_ledger(fixture);
    g_assert_cmpuint(count_past(again, "uuid-of-g1"), ==, 1);
    g_assert_cmpuint(vn_ledger_unreadable(again), ==, 1);
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
    ADD("/ledger/newer-format", test_newer_format);
    ADD("/ledger/plans", test_plans);
    ADD("/ledger/plan-truncated-at-every-byte", test_plan_truncated_at_every_byte);
    ADD("/ledger/rest", test_rest);
    ADD("/ledger/rest-outlives-the-file", test_rest_outlives_the_file);
    ADD("/ledger/undone-emulator-pin", test_undone_emulator_pin);
    ADD("/ledger/bounded", test_bounded);
    ADD("/ledger/goes-on-after-no-room", test_goes_on_after_no_room);
    ADD("/ledger/only-the-last-steps", test_only_the_last_steps);
    ADD("/ledger/large-file-is-set-aside", test_large_file_is_set_aside);
    ADD("/ledger/no-room", test_no_room);
    ADD("/ledger/mark-pins", test_mark_pins);
    ADD("/ledger/mark-pins-of-many", test_mark_pins_of_many);
    ADD("/ledger/was-steered", test_was_steered);
    g_test_add_func("/ledger/folder-cannot-be-made", test_folder_cannot_be_made);
    return g_test_run();
}
