/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real vnumad over D-Bus: undo, rest, why, and what it does about plans that an
 * earlier one has left half done. Pins are real for the driver.
 */
#include "tests/daemon/vnumad-fixture.h"

#include <string.h>
#include <sys/resource.h>

static GVariant *
no_options(void)
{
    return g_variant_new("a{sv}", NULL);
}

typedef struct {
    gboolean over;
    gboolean done;
    GVariant *result;
} End;

static void
on_finished(VnDBusJob *job, gboolean done, GVariant *result, gpointer data)
{
    *(End *) data = (End){.over = TRUE, .done = done, .result = g_variant_ref(result)};
}

/* The job's result, once it is over. @well: how it must have gone */
static GVariant *
wait_for_job(const Fixture *fixture, const char *path, gboolean well)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnDBusJob) job = vn_dbus_job_proxy_new_sync(
        fixture->connection, G_DBUS_PROXY_FLAGS_NONE, "org.vnumad1", path, NULL, &error);
    g_assert_no_error(error);
    End end = {0};
    g_signal_connect(job, "finished", G_CALLBACK(on_finished), &end);
    const char *state = vn_dbus_job_get_state(job);
    if (strcmp(state, "done") == 0 || strcmp(state, "failed") == 0)
        end = (End){TRUE, *state == 'd', vn_dbus_job_dup_result(job)};
    fixture_wait_until("the job's end", &end.over);
    g_autofree char *shown = g_variant_print(end.result, FALSE);
    g_test_message("%s", shown);
    g_assert_cmpint(end.done, ==, well);
    return end.result;
}

static void
rebalance(const Fixture *fixture, const char *guest, const char *expected)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {guest, NULL};
    g_autofree char *path = NULL;
    const char *summary = NULL;
    g_assert_true(vn_dbus_manager_call_rebalance_sync(fixture->manager, guests,
                                                      no_options(), &path, NULL, &error));
    g_autoptr(GVariant) result = wait_for_job(fixture, path, TRUE);
    g_assert_true(g_variant_lookup(result, "summary", "&s", &summary));
    g_assert_cmpstr(summary, ==, expected);
}

static void
undo(const Fixture *fixture, const char *guest, const char *expected)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {guest, NULL};
    g_autofree char *path = NULL;
    const char *summary = NULL;
    g_assert_true(vn_dbus_manager_call_undo_sync(fixture->manager, guests, no_options(),
                                                 &path, NULL, &error));
    g_autoptr(GVariant) result = wait_for_job(fixture, path, TRUE);
    g_assert_true(g_variant_lookup(result, "summary", "&s", &summary));
    g_assert_cmpstr(summary, ==, expected);
}

static gsize
count_planned(const Fixture *fixture, const char *guest)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {guest, NULL};
    g_autoptr(GVariant) plan = NULL;
    g_assert_true(
        vn_dbus_manager_call_plan_sync(fixture->manager, guests, &plan, NULL, &error));
    g_autoptr(GVariant) steps = g_variant_lookup_value(plan, "steps", NULL);
    return g_variant_n_children(steps);
}

/* What `why` tells of db1. */
static GVariant *
why(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    GVariant *told = NULL;
    g_assert_true(
        vn_dbus_manager_call_why_sync(fixture->manager, "db1", &told, NULL, &error));
    g_assert_no_error(error);
    g_autofree char *shown = g_variant_print(told, FALSE);
    g_test_message("%s", shown);
    return told;
}

static gboolean
rests(const Fixture *fixture)
{
    g_autoptr(GVariant) told = why(fixture);
    gboolean resting = FALSE;
    g_assert_true(g_variant_lookup(told, "rests", "b", &resting));
    return resting;
}

/* Whether one of the sentences has this text. */
static gboolean
says(const Fixture *fixture, const char *text)
{
    g_autoptr(GVariant) told = why(fixture);
    g_autofree const char **sentences = NULL;
    g_assert_true(g_variant_lookup(told, "sentences", "^a&s", &sentences));
    for (gsize i = 0; sentences[i]; i++) {
        if (strstr(sentences[i], text))
            return TRUE;
    }
    return FALSE;
}

/* The CPUs that vCPU @id is pinned to, "0-1"; "": it is not. */
static char *
pinned(const Fixture *fixture, guint id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db1", &guest,
                                                      NULL, &error));
    g_autoptr(GVariant) vcpus = g_variant_lookup_value(guest, "vcpus", NULL);
    g_autoptr(GVariant) vcpu = g_variant_get_child_value(vcpus, id);
    g_autoptr(GVariant) cpus = g_variant_lookup_value(vcpu, "pinned", NULL);
    g_autofree char *text = cpus ? g_variant_print(cpus, FALSE) : g_strdup("");
    return g_steal_pointer(&text);
}

static void
assert_pinned(const Fixture *fixture, const char *first, const char *second)
{
    g_autofree char *one = pinned(fixture, 0);
    g_autofree char *other = pinned(fixture, 1);
    g_assert_cmpstr(one, ==, first);
    g_assert_cmpstr(other, ==, second);
}

/* There and back, and there again: it rests in between. */
static void
test_undo(Fixture *fixture, gconstpointer unused)
{
    rebalance(fixture, "db1", "2 of 2 steps done and checked, 0 B moved");
    assert_pinned(fixture, "[0, 1]", "[2, 3]");
    g_assert_false(rests(fixture));

    g_autoptr(GError) error = NULL;
    const char *const all[] = {NULL};
    g_autoptr(GVariant) rehearsed = NULL;
    g_assert_true(vn_dbus_manager_call_plan_undo_sync(fixture->manager, all, &rehearsed,
                                                      NULL, &error));
    g_autoptr(GVariant) steps = g_variant_lookup_value(rehearsed, "steps", NULL);
    g_assert_cmpuint(g_variant_n_children(steps), ==, 2);
    g_assert_false(rests(fixture));

    undo(fixture, NULL, "2 of 2 steps done and checked, 0 B moved");
    assert_pinned(fixture, "[0, 1, 2, 3]", "[0, 1, 2, 3]");
    g_assert_true(rests(fixture));
    g_assert_true(says(fixture, "It rests, as its last plan was undone at "));
    g_assert_true(says(fixture, "undone since"));
    g_assert_cmpuint(count_planned(fixture, NULL), ==, 0);
    g_assert_cmpuint(count_planned(fixture, "db1"), ==, 2); /* asked for by name */
    rebalance(fixture, NULL, "nothing to do");
    assert_pinned(fixture, "[0, 1, 2, 3]", "[0, 1, 2, 3]");

    /* Another vnumad knows it, too. */
    fixture_stop_daemon(fixture);
    fixture_start_again(fixture);
    g_assert_true(rests(fixture));
    g_assert_cmpuint(count_planned(fixture, NULL), ==, 0);

    /* Until it is asked for by name. */
    rebalance(fixture, "db1", "2 of 2 steps done and checked, 0 B moved");
    g_assert_false(rests(fixture));
    assert_pinned(fixture, "[0, 1]", "[2, 3]");
}

static void
assert_undo_refused(const Fixture *fixture, const char *guest, const char *name,
                    const char *text)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {guest, NULL};
    g_autoptr(GVariant) plan = NULL;
    g_assert_false(vn_dbus_manager_call_plan_undo_sync(fixture->manager, guests, &plan,
                                                       NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_test_message("%s", error->message);
    g_assert_cmpstr(remote, ==, name);
    g_assert_nonnull(strstr(error->message, text));
}

static void
test_nothing_to_undo(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) told = NULL;
    const char *const guests[] = {"db2", NULL};
    g_autofree char *path = NULL;
    assert_undo_refused(fixture, "db1", "org.vnumad1.Error.Gone",
                        "guest db1: there is nothing to undo");
    assert_undo_refused(fixture, NULL, "org.vnumad1.Error.Gone",
                        "there is nothing to undo");
    assert_undo_refused(fixture, "db2", "org.vnumad1.Error.Refused", "not managed");
    assert_undo_refused(fixture, "db3", "org.vnumad1.Error.Gone", "guest db3");
    g_assert_false(vn_dbus_manager_call_undo_sync(fixture->manager, guests, no_options(),
                                                  &path, NULL, &error));
    g_clear_error(&error);
    g_assert_false(
        vn_dbus_manager_call_why_sync(fixture->manager, "db3", &told, NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, "org.vnumad1.Error.Gone");
}

/* From now on the ledger may have so many bytes more. */
static void
limit_ledger(const Fixture *fixture, rlim_t more)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    g_autofree char *path = g_build_filename(fixture->tree, "state/ledger.jsonl", NULL);
    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    struct rlimit limit = {.rlim_cur = more == RLIM_INFINITY ? more : length + more,
                           .rlim_max = RLIM_INFINITY};
    int pid = atoi(g_subprocess_get_identifier(fixture->daemon));
    g_assert_cmpint(prlimit(pid, RLIMIT_FSIZE, &limit, NULL), ==, 0);
}

/* A rebalance of db1 that fails. Returns: what is said of its first step. */
static char *
fail_to_rebalance(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {"db1", NULL};
    g_autofree char *path = NULL;
    char *text = NULL;
    g_assert_true(vn_dbus_manager_call_rebalance_sync(fixture->manager, guests,
                                                      no_options(), &path, NULL, &error));
    g_autoptr(GVariant) result = wait_for_job(fixture, path, FALSE);
    g_autoptr(GVariant) steps = g_variant_lookup_value(result, "steps", NULL);
    g_autoptr(GVariant) step = g_variant_get_child_value(steps, 0);
    g_assert_true(g_variant_lookup(step, "outcome_text", "s", &text));
    return text;
}

/* A full disk: no step without its record, and once there is room again all is well. */
static void
test_no_room_for_records(Fixture *fixture, gconstpointer unused)
{
    limit_ledger(fixture, 300);
    g_autofree char *plan = fail_to_rebalance(fixture);
    g_assert_true(g_str_has_prefix(
        plan, "not begun, because the plan cannot be recorded: ledger "));
    assert_pinned(fixture, "", "");
    limit_ledger(fixture, 1100); /* the plan, but not all of what follows */
    g_autofree char *step = fail_to_rebalance(fixture);
    g_test_message("%s", step);
    assert_pinned(fixture, "", "");
    limit_ledger(fixture, RLIM_INFINITY);
    rebalance(fixture, "db1", "2 of 2 steps done and checked, 0 B moved");
}

/* ---- half-done plans ---- */

/* A record of db1's: @more has what its event needs besides, with a comma before. */
static void
append_record(const Fixture *fixture, GString *text, const char *event, guint vcpu,
              const char *more)
{
    g_string_append_printf(
        text,
        "{\"kind\":\"pin-vcpu\",\"policy\":\"align\",\"plan_id\":1000000,\"number\":%u,"
        "\"guest\":\"db1\",\"target\":\"vcpu %u\",\"before\":[0,1,2,3],"
        "\"after\":[%u,%u],\"pin_is_ours\":true,\"bytes\":0,\"format\":2,"
        "\"time_us\":1000000,\"event\":\"%s\",\"uuid\":\"" DB1 "\",\"pid\":%s,"
        "\"start_ticks\":12345%s}\n",
        vcpu, vcpu, vcpu * 2, vcpu * 2 + 1, event,
        g_subprocess_get_identifier(fixture->qemu), more);
}

/* Both pins planned, the first begun. @more: of the plan's records */
static GString *
half_done(const Fixture *fixture, const char *more)
{
    GString *text = g_string_new(NULL);
    append_record(fixture, text, "plan", 0, more);
    append_record(fixture, text, "plan", 1, more);
    append_record(fixture, text, "begin", 0, "");
    return text;
}

/*
 * A vnumad that finds these records, and has its guests as in the definitions: those of
 * the test driver end with the vnumad that looked at them.
 */
static void
start_with(Fixture *fixture, const char *records)
{
    fixture_stop_daemon(fixture);
    vn_tree_write(fixture->tree, "state/ledger.jsonl", "%s", records);
    fixture_start_again(fixture);
}

static gboolean
is_over(const Fixture *fixture)
{
    return !says(fixture, "it is not over yet");
}

static void
wait_until_over(const Fixture *fixture)
{
    gint64 deadline = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!is_over(fixture) && g_get_monotonic_time() < deadline)
        g_main_context_iteration(NULL, FALSE);
    g_assert_true(is_over(fixture));
}

/* Both pins are still as before: nothing of it was done, and nothing is. */
static void
test_nothing_was_done(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GString) records = half_done(fixture, "");
    start_with(fixture, records->str);
    wait_until_over(fixture);
    g_assert_true(says(fixture, "left half done by a vnumad that ended: nothing of it "));
    assert_pinned(fixture, "", "");
    assert_undo_refused(fixture, "db1", "org.vnumad1.Error.Gone", "nothing to undo");
}

/* One is as planned, the other is not: it is completed, and can be undone whole. */
static void
test_completed(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GString) records = half_done(fixture, "");
    fixture_pin(fixture, 0, "0-1");
    start_with(fixture, records->str);
    wait_until_over(fixture);
    g_assert_true(says(fixture, "left half done by a vnumad that ended: its pins were "
                                "completed"));
    assert_pinned(fixture, "[0, 1]", "[2, 3]");
    undo(fixture, "db1", "2 of 2 steps done and checked, 0 B moved");
    assert_pinned(fixture, "[0, 1, 2, 3]", "[0, 1, 2, 3]");
}

/* The other one had failed: what was done is taken back. */
static void
test_taken_back(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GString) records = half_done(fixture, "");
    fixture_pin(fixture, 0, "0-1");
    append_record(fixture, records, "end", 0, ",\"outcome\":\"done\"");
    append_record(fixture, records, "begin", 1, "");
    append_record(fixture, records, "end", 1, ",\"outcome\":\"failed\"");
    start_with(fixture, records->str);
    wait_until_over(fixture);
    g_assert_true(says(fixture, "its pins were taken back"));
    assert_pinned(fixture, "[0, 1, 2, 3]", "");
}

static void
test_started_anew(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GString) records = half_done(fixture, ",\"start_ticks\":9");
    fixture_pin(fixture, 0, "0-1");
    start_with(fixture, records->str);
    wait_until_over(fixture);
    g_assert_true(says(fixture, "the guest has stopped since, or was started anew"));
    assert_pinned(fixture, "[0, 1]", "");
}

/* Without libvirt it waits, and goes on when that is there. */
static void
test_waits_for_libvirt(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GString) records = half_done(fixture, "");
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) snapshot = NULL;
    g_autofree char *text = NULL;
    g_autofree char *path = g_build_filename(fixture->tree, "guests.xml", NULL);
    fixture_pin(fixture, 0, "0-1");
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    vn_tree_remove(fixture->tree, "guests.xml");
    start_with(fixture, records->str);
    g_assert_false(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    vn_tree_write(fixture->tree, "guests.xml", "%s", text);
    gint64 deadline = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    VnDBusManager *manager = fixture->manager;
    while (!vn_dbus_manager_call_list_guests_sync(manager, &snapshot, NULL, NULL))
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    wait_until_over(fixture);
    g_assert_true(says(fixture, "its pins were completed"));
    assert_pinned(fixture, "[0, 1]", "[2, 3]");
}

/* A ledger that a newer vnumad wrote: this one does not start, and leaves it alone. */
static void
test_newer_ledger(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *now = NULL;
    g_autofree char *state = g_build_filename(fixture->tree, "newer", NULL);
    g_autofree char *path = g_build_filename(state, "ledger.jsonl", NULL);
    vn_tree_write(fixture->tree, "newer/ledger.jsonl",
                  "{\"format\":3,\"uuid\":\"" DB1 "\"}\n");
    g_autoptr(GSubprocess) daemon = fixture_spawn(fixture, "test:///default", state);
    g_assert_true(g_subprocess_communicate_utf8(daemon, NULL, NULL, NULL, &text, &error));
    g_assert_cmpint(g_subprocess_get_exit_status(daemon), ==, 1);
    g_assert_nonnull(strstr(text, "was written by a newer vnumad"));
    g_assert_true(g_file_get_contents(path, &now, NULL, NULL));
    g_assert_cmpstr(now, ==, "{\"format\":3,\"uuid\":\"" DB1 "\"}\n");
}

static const Wish usual;

#define ADD(path, wish, func) \
    g_test_add(path, Fixture, wish, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    fixture_init(argc, argv);
    ADD("/vnumad-undo/undo", &usual, test_undo);
    ADD("/vnumad-undo/nothing-to-undo", &usual, test_nothing_to_undo);
    ADD("/vnumad-undo/no-room-for-records", &usual, test_no_room_for_records);
    ADD("/vnumad-undo/nothing-was-done", &usual, test_nothing_was_done);
    ADD("/vnumad-undo/completed", &usual, test_completed);
    ADD("/vnumad-undo/taken-back", &usual, test_taken_back);
    ADD("/vnumad-undo/started-anew", &usual, test_started_anew);
    ADD("/vnumad-undo/waits-for-libvirt", &usual, test_waits_for_libvirt);
    ADD("/vnumad-undo/newer-ledger", &usual, test_newer_ledger);
    return g_test_run();
}
