/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real vnumad, over D-Bus. Pins are real for the driver; memory is the lab's. */
#include "tests/daemon/vnumad-fixture.h"

#include <string.h>

static GVariant *
plan(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {NULL};
    GVariant *plan = NULL;
    g_assert_true(
        vn_dbus_manager_call_plan_sync(fixture->manager, guests, &plan, NULL, &error));
    g_assert_no_error(error);
    return plan;
}

static gsize
count_steps(GVariant *plan)
{
    g_autoptr(GVariant) steps =
        g_variant_lookup_value(plan, "steps", G_VARIANT_TYPE("aa{sv}"));
    g_assert_nonnull(steps);
    return g_variant_n_children(steps);
}

static void
test_list(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) snapshot = NULL;
    g_assert_true(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_assert_no_error(error);
    g_autoptr(GVariant) guests =
        g_variant_lookup_value(snapshot, "guests", G_VARIANT_TYPE("aa{sv}"));
    g_assert_cmpuint(g_variant_n_children(guests), ==, 2);
    for (gsize i = 0; i < 2; i++) {
        const char *name = NULL;
        gboolean managed = FALSE;
        g_autoptr(GVariant) guest = g_variant_get_child_value(guests, i);
        g_assert_true(g_variant_lookup(guest, "name", "&s", &name));
        g_assert_true(g_variant_lookup(guest, "managed", "b", &managed));
        g_assert_cmpstr(name, ==, i ? "db2" : "db1");
        g_assert_cmpint(managed, ==, i == 0);
    }
    g_assert_cmpstr(vn_dbus_manager_get_manage(fixture->manager), ==, "tagged");
    g_assert_cmpstr(vn_dbus_manager_get_version(fixture->manager), ==, VN_VERSION);
}

static GVariant *
verify(const Fixture *fixture, const char *guest)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {guest, NULL};
    GVariant *verdicts = NULL;
    g_assert_true(vn_dbus_manager_call_verify_sync(fixture->manager, guests, &verdicts,
                                                   NULL, &error));
    g_assert_no_error(error);
    return verdicts;
}

/* @list: aa{sv}. Each has one finding at most. */
static void
assert_verdict(GVariant *list, gsize index, const char *name, const char *told,
               const char *kind)
{
    g_autoptr(GVariant) guest = g_variant_get_child_value(list, index);
    g_autoptr(GVariant) findings =
        g_variant_lookup_value(guest, "findings", G_VARIANT_TYPE("aa{sv}"));
    g_autofree char *shown = g_variant_print(guest, FALSE);
    const char *text = NULL;
    g_test_message("%s", shown);
    g_assert_true(g_variant_lookup(guest, "name", "&s", &text));
    g_assert_cmpstr(text, ==, name);
    g_assert_true(g_variant_lookup(guest, "told_state", "&s", &text));
    g_assert_cmpstr(text, ==, told);
    g_assert_cmpuint(g_variant_n_children(findings), ==, kind ? 1 : 0);
    if (!kind)
        return;
    g_autoptr(GVariant) finding = g_variant_get_child_value(findings, 0);
    g_assert_true(g_variant_lookup(finding, "kind", "&s", &text));
    g_assert_cmpstr(text, ==, kind);
}

static void
test_verify(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GVariant) all = verify(fixture, NULL);
    g_assert_cmpuint(g_variant_n_children(all), ==, 2);
    assert_verdict(all, 0, "db1", "unknown", NULL); /* it has no memory to be found */
    assert_verdict(all, 1, "db2", "unknown", NULL); /* nor a process */

    /* vCPU 0 runs at the home of cell 1. */
    g_autofree char *status = g_strdup_printf("proc/%s/task/900000/status",
                                              g_subprocess_get_identifier(fixture->qemu));
    vn_tree_write(fixture->tree, status, "Cpus_allowed_list:\t2-3\n");
    g_autoptr(GVariant) one = verify(fixture, DB1);
    g_assert_cmpuint(g_variant_n_children(one), ==, 1);
    assert_verdict(one, 0, "db1", "differs", "vcpu-at-other-cell");

    /* In list, and in show. */
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) snapshot = NULL;
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_autoptr(GVariant) guests = g_variant_lookup_value(snapshot, "guests", NULL);
    g_autoptr(GVariant) listed = g_variant_get_child_value(guests, 0);
    const char *told = NULL;
    g_assert_true(g_variant_lookup(listed, "told_state", "&s", &told));
    g_assert_cmpstr(told, ==, "differs");
    g_assert_true(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db1", &guest,
                                                      NULL, &error));
    g_autoptr(GVariant) shown = g_variant_new_array(NULL, &guest, 1);
    assert_verdict(shown, 0, "db1", "differs", "vcpu-at-other-cell");
    vn_tree_write(fixture->tree, status, "Cpus_allowed_list:\t0-3\n");

    /* The stored definitions pin their emulators to CPU 3, too. */
    vn_tree_write(fixture->tree, "sys/devices/system/cpu/online", "0-2\n");
    g_autoptr(GVariant) start = verify(fixture, "db2");
    assert_verdict(start, 0, "db2", "unknown", "start-cpu-missing");

    const char *const nobody[] = {"db1", "db3", NULL};
    g_autoptr(GVariant) none = NULL;
    g_assert_false(
        vn_dbus_manager_call_verify_sync(fixture->manager, nobody, &none, NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, "org.vnumad1.Error.Gone");
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

static void
test_rebalance(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) before = plan(fixture);
    g_autofree char *shown = g_variant_print(before, FALSE);
    g_test_message("%s", shown);
    g_assert_cmpuint(count_steps(before), ==, 2);

    const char *const guests[] = {"db1", NULL};
    g_autofree char *path = NULL;
    g_assert_true(vn_dbus_manager_call_rebalance_sync(
        fixture->manager, guests, g_variant_new("a{sv}", NULL), &path, NULL, &error));
    g_assert_no_error(error);
    g_autoptr(VnDBusJob) job = vn_dbus_job_proxy_new_sync(
        fixture->connection, G_DBUS_PROXY_FLAGS_NONE, "org.vnumad1", path, NULL, &error);
    g_assert_no_error(error);
    End end = {0};
    g_signal_connect(job, "finished", G_CALLBACK(on_finished), &end);
    /* It may have ended before anybody listened: then its state says so. */
    if (strcmp(vn_dbus_job_get_state(job), "done") == 0)
        end = (End){TRUE, TRUE, vn_dbus_job_dup_result(job)};
    fixture_wait_until("the job's end", &end.over);
    const char *summary = NULL;
    g_assert_true(g_variant_lookup(end.result, "summary", "&s", &summary));
    g_assert_cmpstr(summary, ==, "2 of 2 steps done and checked, 0 B moved");
    g_assert_true(end.done);
    g_variant_unref(end.result);

    /* A second cycle plans nothing, and the ledger knows of the first. */
    g_autoptr(GVariant) after = plan(fixture);
    g_assert_cmpuint(count_steps(after), ==, 0);
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(
        vn_dbus_manager_call_get_guest_sync(fixture->manager, DB1, &guest, NULL, &error));
    g_autoptr(GVariant) past = g_variant_lookup_value(guest, "past_steps", NULL);
    g_assert_cmpuint(g_variant_n_children(past), ==, 4);
}

static void
test_definition(Fixture *fixture, gconstpointer unused)
{
    static const char *const names[] = {"db1", DB1};
    g_autoptr(GError) error = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *xml = NULL;
        g_assert_true(vn_dbus_manager_call_get_definition_sync(fixture->manager, names[i],
                                                               &xml, NULL, &error));
        g_assert_no_error(error);
        g_assert_nonnull(strstr(xml, "<name>db1</name>"));
        g_assert_nonnull(strstr(xml, "<cell id='1' cpus='1' memory='524288'"));
    }
    g_autofree char *none = NULL;
    g_assert_false(vn_dbus_manager_call_get_definition_sync(fixture->manager, "db9",
                                                            &none, NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, "org.vnumad1.Error.Gone");
}

static void
assert_rebalance_refused(const Fixture *fixture, const char *guest, GVariant *options,
                         const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;
    const char *const guests[] = {guest, NULL};
    g_autofree char *path = NULL;
    g_assert_false(vn_dbus_manager_call_rebalance_sync(fixture->manager, guests, options,
                                                       &path, NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, name);
    g_assert_nonnull(strstr(error->message, text));
}

static void
test_refusals(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    assert_rebalance_refused(fixture, "db2", g_variant_new("a{sv}", NULL),
                             "org.vnumad1.Error.Refused", "guest db2: it is not managed");
    assert_rebalance_refused(fixture, "db3", g_variant_new("a{sv}", NULL),
                             "org.vnumad1.Error.Gone", "guest db3");
    g_auto(GVariantDict) options;
    g_variant_dict_init(&options, NULL);
    g_variant_dict_insert(&options, "fast", "b", TRUE);
    assert_rebalance_refused(fixture, "db1", g_variant_dict_end(&options),
                             "org.vnumad1.Error.Invalid", "fast");
    g_autoptr(GVariant) guest = NULL;
    g_assert_false(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db3", &guest,
                                                       NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, "org.vnumad1.Error.Gone");
}

/* A guest whose QEMU is gone is in trouble, and only that. */
static void
test_process_is_gone(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *folder =
        g_strdup_printf("proc/%s", g_subprocess_get_identifier(fixture->qemu));
    vn_tree_remove(fixture->tree, folder);
    g_autoptr(GVariant) nothing = plan(fixture);
    g_assert_cmpuint(count_steps(nothing), ==, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db1", &guest,
                                                      NULL, &error));
    const char *trouble = NULL;
    g_assert_true(g_variant_lookup(guest, "trouble", "&s", &trouble));
    g_assert_nonnull(strstr(trouble, "db1"));
}

/*
 * The host cannot be read any more: an error that names the file, and the daemon
 * lives.
 */
static void
test_host_is_damaged(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) snapshot = NULL;
    vn_tree_write(fixture->tree, "sys/devices/system/node/node1/distance", "nonsense\n");
    g_assert_false(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_assert_nonnull(strstr(error->message, "node1/distance"));
    vn_tree_write(fixture->tree, "sys/devices/system/node/node1/distance", "21 10\n");
    g_clear_error(&error);
    g_assert_true(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_assert_no_error(error);
}

static void
test_no_libvirt(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) snapshot = NULL;
    g_assert_false(
        vn_dbus_manager_call_list_guests_sync(fixture->manager, &snapshot, NULL, &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(remote, ==, "org.vnumad1.Error.Busy");
    g_assert_nonnull(strstr(error->message, "libvirt"));
}

/* The daemon rebalances by itself, and only those that may be touched. */
static void
test_interval(Fixture *fixture, gconstpointer unused)
{
    gint64 deadline = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    gsize n_steps = 1;
    while (n_steps && g_get_monotonic_time() < deadline) {
        g_autoptr(GVariant) now = plan(fixture);
        n_steps = count_steps(now);
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpuint(n_steps, ==, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db2", &guest,
                                                      NULL, &error));
    g_autoptr(GVariant) past = g_variant_lookup_value(guest, "past_steps", NULL);
    g_assert_cmpuint(g_variant_n_children(past), ==, 0);
}

static char *
wait_for_failure(GSubprocess *process)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    g_assert_true(
        g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &text, &error));
    g_assert_no_error(error);
    g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 1);
    return text;
}

static void
test_cannot_start(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *state = fixture_state_folder(fixture);
    g_autoptr(GSubprocess) second = fixture_spawn(fixture, "test:///default", state);
    g_autofree char *name_taken = wait_for_failure(second);
    g_assert_nonnull(strstr(name_taken, "another vnumad runs"));

    g_autoptr(GSubprocess) stateless =
        fixture_spawn(fixture, "test:///default", "/proc/vnumad-state");
    g_autofree char *no_state = wait_for_failure(stateless);
    g_assert_nonnull(strstr(no_state, "/proc/vnumad-state"));

    vn_tree_write(fixture->tree, "vnumad.conf", "[vnumad]\nmanage = everything\n");
    g_autoptr(GSubprocess) confused = fixture_spawn(fixture, "test:///default", state);
    g_autofree char *bad_config = wait_for_failure(confused);
    g_assert_nonnull(
        strstr(bad_config, "manage = everything: it must be 'tagged' or 'all'"));
}

static const Wish usual;
static const Wish impatient = {
    .config = "interval_seconds = 1\ngain_margin = 0.5\ncooldown_seconds = 3600\n"};
static const Wish lonely = {.uri =
                                "qemu+unix:///system?socket=/nonexistent/libvirt-sock"};

#define ADD(path, wish, func) \
    g_test_add(path, Fixture, wish, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    fixture_init(argc, argv);
    ADD("/vnumad/list", &usual, test_list);
    ADD("/vnumad/verify", &usual, test_verify);
    ADD("/vnumad/definition", &usual, test_definition);
    ADD("/vnumad/rebalance", &usual, test_rebalance);
    ADD("/vnumad/refusals", &usual, test_refusals);
    ADD("/vnumad/process-is-gone", &usual, test_process_is_gone);
    ADD("/vnumad/host-is-damaged", &usual, test_host_is_damaged);
    ADD("/vnumad/no-libvirt", &lonely, test_no_libvirt);
    ADD("/vnumad/cannot-start", &usual, test_cannot_start);
    ADD("/vnumad/interval", &impatient, test_interval);
    return g_test_run();
}
