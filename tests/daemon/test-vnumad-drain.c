/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Draining host nodes of the real vnumad, over D-Bus. Memory is the lab's. */
#include "tests/daemon/vnumad-fixture.h"

#include <string.h>

#define DB3 "11111111-2222-3333-4444-000000000003"

static GVariant *
cordoned(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    GVariant *nodes = NULL;
    g_assert_true(
        vn_dbus_manager_call_list_cordoned_sync(fixture->manager, &nodes, NULL, &error));
    g_assert_no_error(error);
    return nodes;
}

static void
assert_cordoned(const Fixture *fixture, gint node)
{
    g_autoptr(GVariant) nodes = cordoned(fixture);
    guint found = 0;
    g_assert_cmpuint(g_variant_n_children(nodes), ==, node < 0 ? 0 : 1);
    if (node < 0)
        return;
    g_autoptr(GVariant) one = g_variant_get_child_value(nodes, 0);
    g_assert_true(g_variant_lookup(one, "host_node", "u", &found));
    g_assert_cmpint((gint) found, ==, node);
}

static void
assert_remote(GError *error, const char *name, const char *says)
{
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_test_message("%s", error->message);
    g_assert_cmpstr(remote, ==, name);
    g_assert_nonnull(strstr(error->message, says));
    g_error_free(error);
}

static void
assert_refused(const Fixture *fixture, guint node, const char *name, const char *says)
{
    GError *error = NULL;
    g_autofree char *path = NULL;
    g_assert_false(
        vn_dbus_manager_call_drain_sync(fixture->manager, node, &path, NULL, &error));
    assert_remote(error, name, says);
}

/* What stays, as "guest object" each. */
static char *
left_of(GVariant *result)
{
    GString *text = g_string_new(NULL);
    g_autoptr(GVariant) left =
        g_variant_lookup_value(result, "left", G_VARIANT_TYPE("aa{sv}"));
    g_assert_nonnull(left);
    for (gsize i = 0; i < g_variant_n_children(left); i++) {
        g_autoptr(GVariant) one = g_variant_get_child_value(left, i);
        const char *guest = NULL;
        const char *object = NULL;
        g_assert_true(g_variant_lookup(one, "guest", "&s", &guest));
        g_assert_true(g_variant_lookup(one, "object", "&s", &object));
        g_string_append_printf(text, "%s%s %s", i ? ", " : "", guest, object);
    }
    return g_string_free(text, FALSE);
}

typedef struct {
    gboolean over;
    GVariant *result;
} End;

static void
on_changed(VnDBusJob *job, GParamSpec *unused, gpointer data)
{
    const char *state = vn_dbus_job_get_state(job);
    ((End *) data)->over =
        g_strcmp0(state, "done") == 0 || g_strcmp0(state, "failed") == 0;
}

/* Drains the node, and waits for the job's end. */
static GVariant *
drain(const Fixture *fixture, guint node)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    g_assert_true(
        vn_dbus_manager_call_drain_sync(fixture->manager, node, &path, NULL, &error));
    g_assert_no_error(error);
    g_autoptr(VnDBusJob) job = vn_dbus_job_proxy_new_sync(
        fixture->connection, G_DBUS_PROXY_FLAGS_NONE, "org.vnumad1", path, NULL, &error);
    g_assert_no_error(error);
    End end = {0};
    g_signal_connect(job, "notify::state", G_CALLBACK(on_changed), &end);
    on_changed(job, NULL, &end);
    fixture_wait_until("the job's end", &end.over);
    g_signal_handlers_disconnect_by_data(job, &end);
    return vn_dbus_job_dup_result(job);
}

/* The vCPU that may leave does; who is bound there, or not ours, is told and stays. */
static void
test_drain(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) plan = NULL;
    assert_cordoned(fixture, -1);
    g_assert_true(
        vn_dbus_manager_call_plan_drain_sync(fixture->manager, 1, &plan, NULL, &error));
    g_assert_no_error(error);
    g_autoptr(GVariant) steps = g_variant_lookup_value(plan, "steps", NULL);
    g_assert_cmpuint(g_variant_n_children(steps), ==, 1);
    g_autofree char *planned = left_of(plan);
    g_assert_cmpstr(planned, ==,
                    "db1 vCPUs 1, db1 emulator, db2 vCPUs 0-1, db2 emulator");
    assert_cordoned(fixture, -1);

    g_autoptr(GVariant) result = drain(fixture, 1);
    g_autofree char *left = left_of(result);
    gboolean drained = TRUE;
    const char *said = NULL;
    g_assert_cmpstr(left, ==, planned);
    g_assert_true(g_variant_lookup(result, "drained", "b", &drained));
    g_assert_false(drained);
    g_assert_true(g_variant_lookup(result, "error", "&s", &said));
    g_assert_nonnull(strstr(said, "host node 1 is not drained"));
    g_assert_nonnull(strstr(said, "1 of 1 steps done and checked"));
    assert_cordoned(fixture, 1);
}

/* A restart knows of the cordon; the last node is not to be had; an end is one. */
static void
test_cordon_is_kept(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *guests = g_strdup_printf("test://%s/guests.xml", fixture->tree);
    g_variant_unref(drain(fixture, 0));
    fixture_stop_daemon(fixture);
    g_clear_object(&fixture->manager);
    g_clear_object(&fixture->daemon);
    fixture_start_daemon(fixture, guests);
    assert_cordoned(fixture, 0);
    assert_refused(fixture, 1, "org.vnumad1.Error.Refused", "with memory");
    assert_cordoned(fixture, 0);
    g_variant_unref(drain(fixture, 0)); /* once more does no harm */

    g_assert_true(vn_dbus_manager_call_undrain_sync(fixture->manager, 0, NULL, &error));
    g_assert_no_error(error);
    assert_cordoned(fixture, -1);
    GError *again = NULL;
    g_assert_false(vn_dbus_manager_call_undrain_sync(fixture->manager, 0, NULL, &again));
    assert_remote(again, "org.vnumad1.Error.Gone", "host node 0: it is not cordoned");
}

/* The test driver's guests are its own: each daemon reads them from this file. */
static void
write_stopped_guest(const Fixture *fixture)
{
    vn_tree_write(
        fixture->tree, "guests.xml",
        "<node><domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/"
        "1.0'><name>db3</name><uuid>" DB3 "</uuid><metadata><v:guest "
        "xmlns:v='urn:vnumad:guest:1'/></metadata><memory unit='MiB'>512</memory>"
        "<vcpu>2</vcpu><os><type>hvm</type></os>"
        "<test:runstate>5</test:runstate>"
        "</domain></node>");
}

/* Whether the stored definition of the stopped guest is bound to that node. */
static gboolean
is_bound_to(const Fixture *fixture, guint node)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = NULL;
    g_autofree char *bound =
        g_strdup_printf("<memnode cellid='0' mode='strict' nodeset='%u'/>", node);
    g_assert_true(vn_dbus_manager_call_get_definition_sync(fixture->manager, DB3, &xml,
                                                           NULL, &error));
    g_assert_no_error(error);
    return strstr(xml, bound) != NULL;
}

static void
wait_until_bound_to(const Fixture *fixture, guint node)
{
    gint64 deadline = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!is_bound_to(fixture, node)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_main_context_iteration(NULL, FALSE);
    }
}

/* What was not completed while no daemon ran is at its start; and anew at a cordon. */
static void
test_refresh(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *guests = g_strdup_printf("test://%s/guests.xml", fixture->tree);
    fixture_stop_daemon(fixture);
    g_clear_object(&fixture->manager);
    g_clear_object(&fixture->daemon);
    write_stopped_guest(fixture);
    fixture_start_daemon(fixture, guests);
    wait_until_bound_to(fixture, 1); /* which has the most free memory */
    g_variant_unref(drain(fixture, 1));
    wait_until_bound_to(fixture, 0);
}

static void
test_refusals(Fixture *fixture, gconstpointer unused)
{
    GError *error = NULL;
    g_autoptr(GVariant) plan = NULL;
    assert_refused(fixture, 7, "org.vnumad1.Error.Gone", "host node 7");
    assert_refused(fixture, G_MAXUINT, "org.vnumad1.Error.Gone", "host node 4294967295");
    g_assert_false(
        vn_dbus_manager_call_plan_drain_sync(fixture->manager, 7, &plan, NULL, &error));
    assert_remote(error, "org.vnumad1.Error.Gone", "host node 7");
    assert_cordoned(fixture, -1);
}

/* What cannot be understood is not taken for "nothing is cordoned". */
static void
test_damaged_file(Fixture *fixture, gconstpointer unused)
{
    static const char *const damaged[] = {
        "", "{\"format\": 2, \"entries\": []}", "{\"format\": 1, \"entries\": [{}]}",
        "{\"format\": 1, \"entries\": [{\"host_node\": -1, \"since_us\": 1}]}",
        "{\"format\": 1, \"entr"};
    g_autofree char *state = fixture_state_folder(fixture);
    for (gsize i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;
        vn_tree_write(fixture->tree, "state/cordons.json", "%s", damaged[i]);
        g_autoptr(GSubprocess) second = fixture_spawn(fixture, "test:///default", state);
        g_assert_true(
            g_subprocess_communicate_utf8(second, NULL, NULL, NULL, &text, &error));
        g_assert_no_error(error);
        g_assert_cmpint(g_subprocess_get_exit_status(second), ==, 1);
        g_assert_nonnull(strstr(text, "cordons.json"));
    }
}

static const Wish usual;

#define ADD(path, func) \
    g_test_add(path, Fixture, &usual, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    fixture_init(argc, argv);
    ADD("/vnumad-drain/drain", test_drain);
    ADD("/vnumad-drain/cordon-is-kept", test_cordon_is_kept);
    ADD("/vnumad-drain/refresh", test_refresh);
    ADD("/vnumad-drain/refusals", test_refusals);
    ADD("/vnumad-drain/damaged-file", test_damaged_file);
    return g_test_run();
}
