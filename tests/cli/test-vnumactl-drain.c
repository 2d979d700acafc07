/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl drain and undrain, against a daemon that says what a test wants. */
#include "model/dict.h"
#include "tests/cli/fake-daemon.h"
#include "tests/cli/run.h"

#include <string.h>

#define MIB (G_GUINT64_CONSTANT(1) << 20)

static const char *bus;

typedef struct {
    FakeDaemon *daemon;
    guint node;        /* last asked for */
    const char *asked; /* method */
    gboolean empty;    /* nothing is cordoned, nothing stays */
} World;

/* One cell that is bound, of a guest whose name a terminal must not see. */
static GVariant *
left(const World *world)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    if (!world->empty) {
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "guest", "s", "db1\033[2J");
        vn_dict_insert(&dict, "object", "s", "cell 0");
        vn_dict_insert(&dict, "bytes", "t", 192 * MIB);
        vn_dict_insert(&dict, "reason", "s", "bound to it");
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

static gboolean
on_list(VnDBusManager *manager, GDBusMethodInvocation *invocation, World *world)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    if (!world->empty) {
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "host_node", "u", 1u);
        vn_dict_insert(&dict, "since_us", "t", (guint64) G_USEC_PER_SEC);
        vn_dict_insert(&dict, "drained", "b", FALSE);
        vn_dict_insert_value(&dict, "left", left(world));
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    vn_dbus_manager_complete_list_cordoned(manager, invocation,
                                           g_variant_builder_end(&list));
    return TRUE;
}

static gboolean
on_plan(VnDBusManager *manager, GDBusMethodInvocation *invocation, guint node,
        World *world)
{
    g_autoptr(VnPlan) plan = vn_plan_new();
    g_autoptr(GVariant) described = g_variant_ref_sink(vn_plan_to_variant(plan));
    g_auto(VnDict) dict;
    vn_dict_init(&dict, described);
    vn_dict_insert_value(&dict, "left", left(world));
    if (!world->empty)
        vn_dict_insert(&dict, "refusal", "s", "host node 1 cannot be drained");
    world->node = node;
    world->asked = "PlanDrain";
    vn_dbus_manager_complete_plan_drain(manager, invocation, vn_dict_end(&dict));
    return TRUE;
}

/* A job that has ended before anybody looks. */
static gboolean
on_drain(VnDBusManager *manager, GDBusMethodInvocation *invocation, guint node,
         World *world)
{
    g_autoptr(GError) error = NULL;
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert_value(&dict, "left", left(world));
    vn_dict_insert(&dict, "summary", "s", "host node 1 is what it is");
    if (!world->empty)
        vn_dict_insert(&dict, "error", "s", "host node 1 is not drained");
    world->node = node;
    world->asked = "Drain";
    vn_dbus_job_set_state(world->daemon->job, world->empty ? "done" : "failed");
    vn_dbus_job_set_activity(world->daemon->job, "");
    vn_dbus_job_set_result(world->daemon->job, vn_dict_end(&dict));
    g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(world->daemon->job),
                                     world->daemon->connection, "/org/vnumad1/job/1",
                                     &error);
    g_assert_no_error(error);
    vn_dbus_manager_complete_drain(manager, invocation, "/org/vnumad1/job/1");
    return TRUE;
}

static gboolean
on_undrain(VnDBusManager *manager, GDBusMethodInvocation *invocation, guint node,
           World *world)
{
    world->node = node;
    world->asked = "Undrain";
    vn_dbus_manager_complete_undrain(manager, invocation);
    return TRUE;
}

static void
set_up(World *world, gconstpointer empty)
{
    world->empty = empty != NULL;
    world->daemon = fake_daemon_new(bus);
    VnDBusManager *manager = world->daemon->manager;
    g_signal_connect(manager, "handle-list-cordoned", G_CALLBACK(on_list), world);
    g_signal_connect(manager, "handle-plan-drain", G_CALLBACK(on_plan), world);
    g_signal_connect(manager, "handle-drain", G_CALLBACK(on_drain), world);
    g_signal_connect(manager, "handle-undrain", G_CALLBACK(on_undrain), world);
}

static void
tear_down(World *world, gconstpointer unused)
{
    fake_daemon_free(world->daemon);
}

static void
go(Run *run, const char *line)
{
    g_autofree char *whole = g_strdup_printf("--bus %s %s", bus, line);
    g_auto(GStrv) arguments = g_strsplit(whole, " ", -1);
    run_go(run, FALSE, (const char *const *) arguments);
}

static void
test_list(World *world, gconstpointer unused)
{
    g_autoptr(Run) run = run_new();
    go(run, "drain");
    if (world->empty) {
        run_assert_printed(run, "No host node is cordoned.\n");
        return;
    }
    g_assert_true(
        g_str_has_prefix(run->out->str, "Host node 1: cordoned since 1970-01-"));
    g_assert_true(g_str_has_suffix(run->out->str,
                                   "not drained\n\n"
                                   "STAYS: GUEST  OBJECT       SIZE  WHY\n"
                                   "db1\\u{1b}[2J  cell 0  192.0 MiB  bound to it\n"));
    g_autoptr(Run) again = run_new();
    go(again, "drain --json");
    g_autoptr(VnJson) json = run_json(again);
    const VnJson *node = vn_json_array_get(vn_json_get_array(json, "cordoned", NULL), 0);
    guint64 number = 0;
    g_assert_true(vn_json_get_uint64(node, "host_node", &number, NULL));
    g_assert_cmpuint(number, ==, 1);
}

static void
test_drain(World *world, gconstpointer unused)
{
    g_autoptr(Run) run = run_new();
    go(run, "drain 1 --wait");
    g_assert_cmpstr(world->asked, ==, "Drain");
    g_assert_cmpuint(world->node, ==, 1);
    g_assert_cmpint(run->status, ==, world->empty ? 0 : 1);
    g_assert_nonnull(strstr(run->out->str, "host node 1 is what it is\n"));
    g_assert_cmpint(strstr(run->out->str, "bound to it") != NULL, ==, !world->empty);
    g_assert_cmpstr(run->err->str, ==,
                    world->empty ? "" : "vnumactl: host node 1 is not drained\n");
}

static void
test_dry_run(World *world, gconstpointer unused)
{
    g_autoptr(Run) run = run_new();
    go(run, "drain 3 --dry-run");
    g_assert_cmpstr(world->asked, ==, "PlanDrain");
    g_assert_cmpuint(world->node, ==, 3);
    g_assert_true(g_str_has_prefix(run->out->str, "0 steps, 0 B to move.\n"));
    g_assert_cmpint(run->status, ==, world->empty ? 0 : 1);
    g_assert_cmpstr(run->err->str, ==,
                    world->empty ? "" : "vnumactl: host node 1 cannot be drained\n");
}

static void
test_undrain(World *world, gconstpointer unused)
{
    g_autoptr(Run) run = run_new();
    go(run, "undrain 2");
    run_assert_printed(run, "");
    g_assert_cmpstr(world->asked, ==, "Undrain");
    g_assert_cmpuint(world->node, ==, 2);
}

static void
test_usage(World *world, gconstpointer unused)
{
    static const char *const lines[] = {
        "drain one",    "drain -- -1", "drain 65536", "drain 1 2",
        "drain --wait", "undrain",     "undrain 0x1", "undrain 1 --wait",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(Run) run = run_new();
        go(run, lines[i]);
        g_test_message("%s", run->err->str);
        g_assert_cmpint(run->status, ==, 2);
        g_assert_null(world->asked);
    }
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(World *, gconstpointer);
    } tests[] = {
        {"list", test_list},       {"drain", test_drain}, {"dry-run", test_dry_run},
        {"undrain", test_undrain}, {"usage", test_usage},
    };
    g_test_init(&argc, &argv, NULL);
    run_init(argv[1]);
    g_autoptr(GTestDBus) test_bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(test_bus);
    bus = g_test_dbus_get_bus_address(test_bus);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
        for (guint empty = 0; empty < 2; empty++) {
            g_autofree char *path = g_strdup_printf("/vnumactl-drain/%s%s", tests[i].path,
                                                    empty ? "/empty" : "");
            g_test_add(path, World, GUINT_TO_POINTER(empty), set_up, tests[i].test,
                       tear_down);
        }
    }
    int status = g_test_run();
    g_test_dbus_stop(test_bus);
    return status;
}
