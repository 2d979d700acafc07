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

#define DB1 "11111111-2222-3333-4444-000000000001"
#define DEADLINE_SECONDS 60

typedef struct {
    VnTree *tree;
    VnConnection *connection;
    VnObserver *observer;
    VnCompleter *completer;
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

static void
define_guest(const Fixture *fixture, const char *metadata, const char *inside)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='test'><name>db1</name><uuid>" DB1 "</uuid><metadata>%s</metadata>"
        "<memory unit='MiB'>512</memory><vcpu>2</vcpu>%s<os><type>hvm</type></os>"
        "</domain>",
        metadata, inside);
    virDomainPtr domain = virDomainDefineXML(fixture->administrator, xml);
    g_assert_nonnull(domain);
    virDomainFree(domain);
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
definition(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    char *xml = vn_virt_read_definition(fixture->connection, DB1, 0, &error);
    g_assert_no_error(error);
    return xml;
}

static void
assert_notes(const Fixture *fixture, guint n_notes, const char *says)
{
    g_autoptr(VnGuest) guest = vn_guest_new("db1", DB1);
    vn_completer_add_notes(fixture->completer, guest);
    g_assert_cmpuint(guest->notes->len, ==, n_notes);
    if (says)
        g_assert_nonnull(strstr(guest->notes->pdata[0], says));
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
    };
    g_test_init(&argc, &argv, NULL);
    g_log_set_writer_func(count_warnings, NULL, NULL);
    virSetErrorFunc(NULL, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}
