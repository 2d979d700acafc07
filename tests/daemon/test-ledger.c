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
    g_test_add_func("/ledger/folder-cannot-be-made", test_folder_cannot_be_made);
    return g_test_run();
}
