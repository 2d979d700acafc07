/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Persistent definitions, against libvirt's test driver. */
#include "virt/definitions.h"

#include "virt/session.h"

#include <libvirt/libvirt.h>
#include <string.h>

#define DB1 "11111111-2222-3333-4444-000000000001"
#define GONE "11111111-2222-3333-4444-000000000009"

#define DOMAIN(vcpus)                                                               \
    "<domain type='test'><name>db1</name><uuid>" DB1 "</uuid><memory>4096</memory>" \
    "<vcpu>" vcpus "</vcpu><os><type>hvm</type></os><devices>"                      \
    "<graphics type='vnc' passwd='secret'/></devices></domain>"

static void
test_define_and_read(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnConnection) connection = vn_connection_new("test:///default", NULL, NULL);
    static const char *const definitions[] = {DOMAIN("1"), DOMAIN("3")};
    static const char *const vcpus[] = {">1</vcpu>", ">3</vcpu>"};
    for (gsize i = 0; i < G_N_ELEMENTS(definitions); i++) {
        gboolean defined = vn_virt_define(connection, definitions[i], 0, &error);
        g_assert_no_error(error);
        g_assert_true(defined);
        g_autofree char *xml = vn_virt_read_definition(connection, DB1, 0, &error);
        g_assert_no_error(error);
        g_assert_nonnull(strstr(xml, vcpus[i]));
        /* Without what is secret, giving it back would take the secret away. */
        g_assert_nonnull(strstr(xml, "secret"));
    }
}

static void
test_failures(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnConnection) connection = vn_connection_new("test:///default", NULL, NULL);
    g_assert_null(vn_virt_read_definition(connection, GONE, 0, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);
    g_assert_false(vn_virt_define(connection, "<domain", 0, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_assert_true(g_str_has_prefix(error->message, "libvirt: define the guest: "));
    g_clear_error(&error);

    g_autoptr(VnConnection) nowhere =
        vn_connection_new("test:///nonexistent/file.xml", NULL, NULL);
    gboolean takes;
    g_assert_false(vn_virt_takes_dirty_ring(nowhere, 0, &takes, &error));
    g_assert_nonnull(error);
}

static gboolean
undefine(virConnectPtr connect, gpointer data, GError **error)
{
    virDomainPtr domain = virDomainLookupByName(connect, "test");
    g_assert_cmpint(virDomainUndefine(domain), ==, 0);
    g_assert_cmpint(virDomainGetUUIDString(domain, data), ==, 0);
    virDomainFree(domain);
    return TRUE;
}

/* One that runs, and was undefined meanwhile. */
static void
test_transient(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnConnection) connection = vn_connection_new("test:///default", NULL, NULL);
    VnSessionCall call = {
        .key = "", .object = "test", .what = "undefine", .func = undefine};
    char uuid[VIR_UUID_STRING_BUFLEN];
    gpointer data = uuid;
    g_assert_true(vn_connection_call(connection, &call, &data, &error));
    g_assert_null(vn_virt_read_definition(connection, uuid, 0, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_assert_cmpstr(error->message, ==, "guest test: it has no persistent definition");
}

/* What is no QEMU has no dirty ring. */
static void
test_dirty_ring(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnConnection) connection = vn_connection_new("test:///default", NULL, NULL);
    gboolean takes = TRUE;
    g_assert_true(vn_virt_takes_dirty_ring(connection, 0, &takes, &error));
    g_assert_no_error(error);
    g_assert_false(takes);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/definitions/define-and-read", test_define_and_read);
    g_test_add_func("/definitions/failures", test_failures);
    g_test_add_func("/definitions/transient", test_transient);
    g_test_add_func("/definitions/dirty-ring", test_dirty_ring);
    return g_test_run();
}
