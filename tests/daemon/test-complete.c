/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completing definitions when libvirt tells of a change, against its test driver, which
 * all connections of this process share. The events are libvirt's own.
 */
#include "daemon/complete.h"
#include "tests/host/tree.h"
#include "virt/definitions.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#define DB "11111111-2222-3333-4444-00000000000"
#define DB1 DB "1"
#define TAG "<v:guest xmlns:v='urn:vnumad:guest:1'/>"
#define DEADLINE_SECONDS 60

typedef struct {
    VnTree *tree;
    VnConnection *connection;
    VnObserver *observer;
    VnCompleter *completer;
    char *state;
    VnCordons *cordons;
    VnPromises *promises;
    virConnectPtr administrator;
    guint n_events;
    guint n_given;
} Fixture;

static guint n_warnings;

static GLogWriterOutput
count_warnings(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
               gpointer unused)
{
    n_warnings += level == G_LOG_LEVEL_WARNING;
    return G_LOG_WRITER_HANDLED;
}

static void
on_event(const VnVirtEvent *event, gpointer data)
{
    Fixture *fixture = data;
    g_autoptr(GError) error = NULL;
    gboolean given = FALSE;
    if (event->kind != VN_VIRT_EVENT_DEFINED && event->kind != VN_VIRT_EVENT_METADATA &&
        event->kind != VN_VIRT_EVENT_UNDEFINED)
        return;
    g_assert_true(vn_completer_complete(fixture->completer, event->uuid, &given, &error));
    g_assert_no_error(error);
    fixture->n_given += given;
    fixture->n_events++;
}

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    fixture->tree = vn_tree_load("lab-two-nodes");
    fixture->connection = vn_connection_new("test:///default", on_event, fixture);
    VnConfig config = vn_config_defaults();
    fixture->observer = vn_observer_new(&config, fixture->tree, fixture->connection);
    fixture->completer = vn_completer_new(fixture->observer, fixture->connection);
    vn_tree_make_directory(fixture->tree, "state");
    fixture->state = g_build_filename(fixture->tree, "state", NULL);
    fixture->cordons = vn_cordons_open(fixture->state, &error);
    g_assert_no_error(error);
    fixture->promises = vn_promises_open(fixture->state);
    vn_observer_mark(fixture->observer, fixture->cordons, fixture->promises);
    vn_completer_promise(fixture->completer, fixture->promises);
    g_assert_true(vn_connection_open(fixture->connection, 0, &error));
    g_assert_no_error(error);
    fixture->administrator = virConnectOpen("test:///default");
    g_assert_nonnull(fixture->administrator);
    n_warnings = 0;
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    virConnectClose(fixture->administrator);
    vn_completer_free(fixture->completer);
    vn_observer_free(fixture->observer);
    vn_connection_free(fixture->connection);
    vn_cordons_free(fixture->cordons);
    vn_promises_free(fixture->promises);
    g_free(fixture->state);
    vn_tree_free(fixture->tree);
}

static gboolean
time_is_over(gpointer data)
{
    g_error("the events did not come within %d seconds", DEADLINE_SECONDS);
    return G_SOURCE_REMOVE;
}

static void
wait_for_events(const Fixture *fixture, guint n_events)
{
    guint timer = g_timeout_add_seconds(DEADLINE_SECONDS, time_is_over, NULL);
    while (fixture->n_events < n_events)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
}

/* One of @mib that asks for cells, "db1" to "db9". */
static void
define_numbered(const Fixture *fixture, guint number, guint mib, const char *metadata,
                const char *inside)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='test'><name>db%u</name><uuid>" DB "%u</uuid>"
        "<metadata>%s</metadata><memory unit='MiB'>%u</memory><vcpu>2</vcpu>%s"
        "<os><type>hvm</type></os></domain>",
        number, number, metadata, mib, inside);
    virDomainPtr domain = virDomainDefineXML(fixture->administrator, xml);
    g_assert_nonnull(domain);
    virDomainFree(domain);
}

static void
define_guest(const Fixture *fixture, const char *metadata, const char *inside)
{
    define_numbered(fixture, 1, 512, metadata, inside);
}

static void
set_metadata(const Fixture *fixture, const char *element)
{
    virDomainPtr domain = virDomainLookupByUUIDString(fixture->administrator, DB1);
    g_assert_cmpint(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, element,
                                         "vnuma", "urn:vnumad:guest:1",
                                         VIR_DOMAIN_AFFECT_CONFIG),
                    ==, 0);
    virDomainFree(domain);
}

static char *
definition_of(const Fixture *fixture, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    char *xml = vn_virt_read_definition(fixture->connection, uuid, 0, &error);
    g_assert_no_error(error);
    return xml;
}

static char *
definition(const Fixture *fixture)
{
    return definition_of(fixture, DB1);
}

static void
assert_home(const Fixture *fixture, const char *uuid, guint home)
{
    g_autofree char *xml = definition_of(fixture, uuid);
    g_autofree char *bound =
        g_strdup_printf("<memnode cellid='0' mode='strict' nodeset='%u'/>", home);
    g_assert_nonnull(strstr(xml, bound));
    g_assert_nonnull(strstr(xml, "<memory mode='strict' nodeset='0-1'/>"));
}

static void
assert_notes_of(const Fixture *fixture, const char *uuid, guint n_notes, const char *says)
{
    g_autoptr(VnGuest) guest = vn_guest_new("db1", uuid);
    vn_completer_add_notes(fixture->completer, guest);
    g_assert_cmpuint(guest->notes->len, ==, n_notes);
    if (says)
        g_assert_nonnull(strstr(guest->notes->pdata[0], says));
}

static void
assert_notes(const Fixture *fixture, guint n_notes, const char *says)
{
    assert_notes_of(fixture, DB1, n_notes, says);
}

/* Told of by the administrator's define, then by our own: completed once. */
static void
test_defined(Fixture *fixture, gconstpointer unused)
{
    define_guest(fixture, "<v:guest xmlns:v='urn:vnumad:guest:1'/>", "");
    wait_for_events(fixture, 2);
    g_assert_cmpuint(fixture->n_given, ==, 1);
    g_autofree char *first = definition(fixture);
    g_assert_nonnull(strstr(first, "<cell id='0'"));
    g_assert_nonnull(strstr(first, "<memnode cellid='0' mode='strict'"));
    g_assert_nonnull(strstr(first, "urn:vnumad:derived:1"));

    /* What is defined again as it is, is looked at and not given again. */
    virDomainPtr domain = virDomainDefineXML(fixture->administrator, first);
    g_assert_nonnull(domain);
    virDomainFree(domain);
    wait_for_events(fixture, 3);
    g_assert_cmpuint(fixture->n_given, ==, 1);

    /* The metadata asks for something else: that is followed. */
    set_metadata(fixture, "<guest cells='2'/>");
    wait_for_events(fixture, 5);
    g_assert_cmpuint(fixture->n_given, ==, 2);
    g_autofree char *second = definition(fixture);
    g_assert_nonnull(strstr(second, "<cell id='1'"));
    g_assert_nonnull(strstr(second, "urn:vnumad:derived:1"));
    assert_notes(fixture, 0, NULL);
}

/* Added later with `virsh metadata`, to a guest that was not ours until then. */
static void
test_metadata(Fixture *fixture, gconstpointer unused)
{
    define_guest(fixture, "<o:other xmlns:o='urn:o'/>", "");
    wait_for_events(fixture, 1);
    g_autofree char *plain = definition(fixture);
    g_assert_null(strstr(plain, "<cell"));
    set_metadata(fixture, "<guest/>");
    wait_for_events(fixture, 3);
    g_autofree char *filled = definition(fixture);
    g_assert_nonnull(strstr(filled, "<cell id='0'"));
    g_assert_nonnull(strstr(filled, "urn:o"));
    g_assert_cmpuint(fixture->n_given, ==, 1);
}

/* What cannot be done is told once, and shown until the definition is another. */
static void
test_refused(Fixture *fixture, gconstpointer unused)
{
    define_guest(fixture, "<v:guest xmlns:v='urn:vnumad:guest:1' cells='many'/>", "");
    wait_for_events(fixture, 1);
    g_autofree char *as_it_was = definition(fixture);
    assert_notes(fixture, 1, "its definition cannot be completed: guest db1: metadata: ");
    g_assert_cmpuint(n_warnings, ==, 1);
    virDomainPtr domain = virDomainDefineXML(fixture->administrator, as_it_was);
    g_assert_nonnull(domain);
    virDomainFree(domain);
    wait_for_events(fixture, 2);
    g_assert_cmpuint(n_warnings, ==, 1);
    g_autofree char *still = definition(fixture);
    g_assert_cmpstr(still, ==, as_it_was);
    g_assert_cmpuint(fixture->n_given, ==, 0);

    set_metadata(fixture, "<guest cells='1'/>");
    wait_for_events(fixture, 4);
    g_assert_cmpuint(fixture->n_given, ==, 1);
    assert_notes(fixture, 0, NULL);
}

/* A tool that always defines its own text again is not fought with for ever. */
static void
test_again_and_again(Fixture *fixture, gconstpointer unused)
{
    for (guint i = 0; i < 8; i++) {
        define_guest(fixture, "<v:guest xmlns:v='urn:vnumad:guest:1'/>", "");
        wait_for_events(fixture, 2 * (i + 1));
        g_assert_cmpuint(fixture->n_given, ==, i + 1);
    }
    assert_notes(fixture, 0, NULL);
    define_guest(fixture, "<v:guest xmlns:v='urn:vnumad:guest:1'/>", "");
    wait_for_events(fixture, 17);
    define_guest(fixture, "<v:guest xmlns:v='urn:vnumad:guest:1'/>", "");
    wait_for_events(fixture, 18);
    g_assert_cmpuint(fixture->n_given, ==, 8);
    assert_notes(fixture, 1, "completed 8 times within 10 minutes");
    g_assert_cmpuint(n_warnings, ==, 1);
}

/* His own pins stay, and where they lead away from home that is shown. */
static void
test_conflict(Fixture *fixture, gconstpointer unused)
{
    define_guest(fixture, "<v:guest xmlns:v='urn:vnumad:guest:1'/>",
                 "<cputune><vcpupin vcpu='1' cpuset='0-3'/></cputune>");
    wait_for_events(fixture, 2);
    g_autofree char *filled = definition(fixture);
    g_assert_nonnull(strstr(filled, "<vcpupin vcpu='1' cpuset='0-3'/>"));
    assert_notes(fixture, 1, "definition: vcpupin 1: not only to CPUs");
}

/* What was remembered of a guest goes with its definition. */
static void
test_undefined(Fixture *fixture, gconstpointer unused)
{
    define_guest(fixture, "<v:guest xmlns:v='urn:vnumad:guest:1' cells='many'/>", "");
    wait_for_events(fixture, 1);
    assert_notes(fixture, 1, "its definition cannot be completed");
    virDomainPtr domain = virDomainLookupByUUIDString(fixture->administrator, DB1);
    g_assert_cmpint(virDomainUndefine(domain), ==, 0);
    virDomainFree(domain);
    wait_for_events(fixture, 2);
    assert_notes(fixture, 0, NULL);
    g_assert_cmpuint(n_warnings, ==, 1);
}

static void
test_gone(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    gboolean given = TRUE;
    g_assert_true(vn_completer_complete(
        fixture->completer, "11111111-2222-3333-4444-000000000009", &given, &error));
    g_assert_no_error(error);
    g_assert_false(given);
}

static void
undefine(const Fixture *fixture, const char *uuid)
{
    virDomainPtr domain = virDomainLookupByUUIDString(fixture->administrator, uuid);
    g_assert_cmpint(virDomainUndefine(domain), ==, 0);
    virDomainFree(domain);
}

/*
 * Completed at the same time on nodes that have room for one each: the second gets the
 * other node, and the third is told who has been promised it all; also after a restart.
 */
static void
test_promised(Fixture *fixture, gconstpointer unused)
{
    define_numbered(fixture, 1, 2048, TAG, "");
    define_numbered(fixture, 2, 2048, TAG, "");
    wait_for_events(fixture, 4);
    assert_home(fixture, DB1, 1);
    assert_home(fixture, DB "2", 0);
    g_assert_cmpuint(vn_promises_list(fixture->promises)->len, ==, 2);

    vn_promises_free(fixture->promises);
    fixture->promises = vn_promises_open(fixture->state);
    vn_observer_mark(fixture->observer, fixture->cordons, fixture->promises);
    vn_completer_promise(fixture->completer, fixture->promises);
    g_assert_cmpuint(vn_promises_list(fixture->promises)->len, ==, 2);
    define_numbered(fixture, 3, 2048, TAG, "");
    wait_for_events(fixture, 5);
    assert_notes_of(fixture, DB "3", 1,
                    "2.0 GiB of host node 1 are promised to guest db1");
    g_assert_cmpuint(n_warnings, ==, 1);

    /* What is promised to a guest that is gone is free again. */
    undefine(fixture, DB1);
    wait_for_events(fixture, 6);
    define_numbered(fixture, 3, 2049, TAG, "");
    wait_for_events(fixture, 8);
    assert_home(fixture, DB "3", 1);
    undefine(fixture, DB "2");
    undefine(fixture, DB "3");
    wait_for_events(fixture, 10);
    g_assert_cmpuint(vn_promises_list(fixture->promises)->len, ==, 0);
}

static void
refresh(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnSnapshot) snapshot = vn_observer_observe(fixture->observer, &error);
    g_assert_no_error(error);
    g_assert_true(vn_completer_refresh(fixture->completer, snapshot,
                                       vn_snapshot_find(snapshot, DB1), &error));
    g_assert_no_error(error);
}

/* A stopped guest's definition follows the host; what still fits stays. */
static void
test_refreshed(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(vn_cordons_add(fixture->cordons, 1, &error));
    define_guest(fixture, TAG, "");
    wait_for_events(fixture, 2);
    assert_home(fixture, DB1, 0);

    g_assert_true(vn_cordons_remove(fixture->cordons, 1, &error));
    g_autofree char *before = definition(fixture);
    refresh(fixture);
    g_autofree char *same = definition(fixture);
    g_assert_cmpstr(same, ==, before);

    g_assert_true(vn_cordons_add(fixture->cordons, 0, &error));
    refresh(fixture);
    wait_for_events(fixture, 3);
    assert_home(fixture, DB1, 1);
    g_assert_cmpuint(n_warnings, ==, 0);

    /* It fits nowhere: it stays as it is, which is told once. */
    g_assert_true(vn_cordons_add(fixture->cordons, 1, &error));
    refresh(fixture);
    refresh(fixture);
    assert_home(fixture, DB1, 1);
    assert_notes(fixture, 1, "cordoned: host nodes 0-1");
    g_assert_cmpuint(n_warnings, ==, 1);
    undefine(fixture, DB1);
    wait_for_events(fixture, 4);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(Fixture *, gconstpointer);
    } tests[] = {
        {"/complete/defined", test_defined},
        {"/complete/metadata", test_metadata},
        {"/complete/again-and-again", test_again_and_again},
        {"/complete/refused", test_refused},
        {"/complete/conflict", test_conflict},
        {"/complete/undefined", test_undefined},
        {"/complete/gone", test_gone},
        {"/complete/promised", test_promised},
        {"/complete/refreshed", test_refreshed},
    };
    g_test_init(&argc, &argv, NULL);
    g_log_set_writer_func(count_warnings, NULL, NULL);
    virSetErrorFunc(NULL, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}
