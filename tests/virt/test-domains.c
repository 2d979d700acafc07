/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is asked of libvirt, against its test driver: list, pins, events, guests that
 * go.
 */
#include "virt/domains.h"
#include "virt/session.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define DB1 "11111111-2222-3333-4444-000000000001"
#define DB2 "11111111-2222-3333-4444-000000000002"
#define GONE "11111111-2222-3333-4444-000000000009"

static const char host[] =
    "<node><cpu><mhz>1000</mhz><model>x</model><active>8</active><nodes>2</nodes>"
    "<sockets>2</sockets><cores>2</cores><threads>1</threads></cpu><memory>8000000</memory>"
    "<domain type='test'><name>db2</name><uuid>" DB2 "</uuid><memory>1048576</memory>"
    "<vcpu>4</vcpu><os><type>hvm</type></os><cpu><numa>"
    "<cell id='0' cpus='0-1' memory='524288'/><cell id='1' cpus='2-3' memory='524288'/>"
    "</numa></cpu><metadata><v:guest xmlns:v='urn:vnumad:guest:1' policy='align'/>"
    "</metadata></domain>"
    "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
    "<name>db1</name><uuid>" DB1 "</uuid><memory>4096</memory><vcpu>1</vcpu>"
    "<os><type>hvm</type></os><test:runstate>5</test:runstate></domain></node>";

typedef struct {
    char *path;
    VnConnection *connection;
    GString *events; /* "started:db1 ..." */
} Fixture;

static void
on_event(const VnVirtEvent *event, gpointer data)
{
    Fixture *fixture = data;
    g_string_append_printf(fixture->events, "%s:%s ", vn_virt_event_name(event->kind),
                           event->name);
    g_assert_cmpuint(strlen(event->uuid), ==, 36);
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    int file = g_file_open_tmp("vnumad-test-XXXXXX", &fixture->path, NULL);
    g_assert_cmpint(file, >=, 0);
    close(file);
    g_assert_true(g_file_set_contents(fixture->path, host, -1, NULL));
    g_autofree char *uri = g_strdup_printf("test://%s", fixture->path);
    fixture->events = g_string_new(NULL);
    fixture->connection = vn_connection_new(uri, on_event, fixture);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    vn_connection_free(fixture->connection);
    g_unlink(fixture->path);
    g_free(fixture->path);
    g_string_free(fixture->events, TRUE);
}

static void
test_list(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) domains = vn_virt_list(fixture->connection, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(domains->len, ==, 2);
    const VnVirtDomain *first = domains->pdata[0];
    const VnVirtDomain *second = domains->pdata[1];
    g_assert_cmpstr(first->name, ==, "db1");
    g_assert_cmpstr(first->uuid, ==, DB1);
    g_assert_cmpint(first->state, ==, VN_GUEST_STOPPED);
    g_assert_cmpstr(second->name, ==, "db2");
    g_assert_cmpint(second->state, ==, VN_GUEST_RUNNING);
    g_assert_null(second->busy);
    g_assert_nonnull(strstr(second->xml, "urn:vnumad:guest:1"));
}

/* The XML of the guest, whatever its place in the list. */
static char *
xml_of(VnConnection *connection, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) domains = vn_virt_list(connection, 0, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < domains->len; i++) {
        const VnVirtDomain *domain = domains->pdata[i];
        if (strcmp(domain->uuid, uuid) == 0)
            return g_strdup(domain->xml);
    }
    return NULL;
}

static void
test_pins(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnIdSet) cpus = vn_idset_parse("1-2", NULL);
    gboolean pinned = vn_virt_pin_vcpu(fixture->connection, DB2, 3, cpus, 0, &error);
    g_assert_no_error(error);
    g_assert_true(pinned);
    g_autofree char *xml = xml_of(fixture->connection, DB2);
    g_assert_nonnull(strstr(xml, "<vcpupin vcpu='3' cpuset='1-2'/>"));

    static const struct {
        const char *uuid;
        guint vcpu;
        const char *cpus;
        VnErrorCode code;
        const char *says;
    } cases[] = {
        {GONE, 0, "1", VN_ERROR_GONE, "guest " GONE ": pin vCPU 0: "},
        {DB1, 0, "1", VN_ERROR_GONE, "guest db1: pin vCPU 0: it does not run"},
        {DB2, 9, "1", VN_ERROR_INVALID, "guest db2: pin vCPU 9: "},
        {DB2, 0, "", VN_ERROR_INVALID, "pin vCPU 0: no CPU is given"},
        {"no uuid", 0, "1", VN_ERROR_INVALID, "guest no uuid: pin vCPU 0: "},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnIdSet) set = vn_idset_parse(cases[i].cpus, NULL);
        g_assert_false(vn_virt_pin_vcpu(fixture->connection, cases[i].uuid, cases[i].vcpu,
                                        set, 0, &error));
        g_assert_error(error, VN_ERROR, (gint) cases[i].code);
        g_assert_nonnull(strstr(error->message, cases[i].says));
        g_clear_error(&error);
    }
}

/* The test driver makes memory up, a pattern that goes on from byte to byte. */
static void
test_peek(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *whole = g_malloc0(VN_VIRT_PEEK_MAX);
    guint8 part[100] = {0};
    g_assert_true(
        vn_virt_peek(fixture->connection, DB2, 0, whole, VN_VIRT_PEEK_MAX, 0, &error));
    g_assert_no_error(error);
    g_assert_true(
        vn_virt_peek(fixture->connection, DB2, 5000, part, sizeof(part), 0, &error));
    g_assert_no_error(error);
    g_assert_cmpmem(part, sizeof(part), whole + 5000, sizeof(part));

    static const gsize lengths[] = {0, VN_VIRT_PEEK_MAX + 1};
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_assert_false(
            vn_virt_peek(fixture->connection, DB2, 0, whole, lengths[i], 0, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_clear_error(&error);
    }
    g_assert_false(vn_virt_peek(fixture->connection, DB1, 0, part, 16, 0, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
}

/* What libvirt's driver cannot do is reported as such. */
static void
test_unsupported(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *reply = NULL;
    g_assert_false(
        vn_virt_monitor_command(fixture->connection, DB2, "{}", &reply, 0, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
    g_assert_null(reply);
}

static gboolean
destroy_and_start(virConnectPtr connect, gpointer data, GError **error)
{
    virDomainPtr domain = virDomainLookupByUUIDString(connect, DB2);
    g_assert_cmpint(virDomainSuspend(domain), ==, 0);
    g_assert_cmpint(virDomainResume(domain), ==, 0);
    g_assert_cmpint(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "<guest/>",
                                         "v", "urn:vnumad:guest:1",
                                         VIR_DOMAIN_AFFECT_LIVE),
                    ==, 0);
    g_assert_cmpint(virDomainDestroy(domain), ==, 0);
    g_assert_cmpint(virDomainCreate(domain), ==, 0);
    virDomainFree(domain);
    return TRUE;
}

static void
test_events(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    VnSessionCall call = {
        .key = "", .object = "test", .what = "change", .func = destroy_and_start};
    gpointer nothing = NULL;
    g_assert_true(vn_connection_open(fixture->connection, 0, &error));
    g_assert_true(vn_connection_call(fixture->connection, &call, &nothing, &error));
    g_assert_no_error(error);

    const char *expected = "paused:db2 resumed:db2 metadata:db2 stopped:db2 started:db2 ";
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (strlen(fixture->events->str) < strlen(expected) &&
           g_get_monotonic_time() < deadline) {
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(1000);
    }
    g_assert_cmpstr(fixture->events->str, ==, expected);
}

/* Another thread defines and undefines guests in test:///default, which all share. */
static gpointer
come_and_go(gpointer data)
{
    const gint *stop = data;
    virConnectPtr connect = virConnectOpen("test:///default");
    while (!g_atomic_int_get(stop)) {
        virDomainPtr domain = virDomainDefineXML(
            connect, "<domain type='test'><name>brief</name><memory>4096</memory>"
                     "<os><type>hvm</type></os></domain>");
        g_assert_nonnull(domain);
        g_usleep(100);
        g_assert_cmpint(virDomainUndefine(domain), ==, 0);
        virDomainFree(domain);
    }
    virConnectClose(connect);
    return NULL;
}

static void
test_vanishing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(VnConnection) connection = vn_connection_new("test:///default", NULL, NULL);
    gint stop = 0;
    g_assert_true(vn_connection_open(connection, 0, NULL));
    GThread *thread = g_thread_new("test", come_and_go, &stop);
    guint seen[2] = {0};
    for (guint i = 0; i < 2000; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) domains = vn_virt_list(connection, 0, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(domains->len, >=, 1);
        g_assert_cmpuint(domains->len, <=, 2);
        seen[domains->len - 1]++;
        for (guint j = 0; j < domains->len; j++)
            g_assert_nonnull(((const VnVirtDomain *) domains->pdata[j])->xml);
    }
    g_atomic_int_set(&stop, 1);
    g_thread_join(thread);
    g_test_message("without it %u times, with it %u times", seen[0], seen[1]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) \
    g_test_add("/domains/" name, Fixture, NULL, set_up, func, tear_down)
    ADD("list", test_list);
    ADD("pins", test_pins);
    ADD("peek", test_peek);
    ADD("unsupported", test_unsupported);
    ADD("events", test_events);
    ADD("vanishing", test_vanishing);
    return g_test_run();
}
