/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions that somebody made up to do harm: DTDs, sheer size, records of nothing. */
#include "guest-topology/define.h"
#include "tests/support/scenario.h"

#include <string.h>

static const char definition[] =
    "<domain type='kvm'><name>g1</name><metadata>"
    "<v:guest xmlns:v='urn:vnumad:guest:1' cells='2'/></metadata>"
    "<memory unit='GiB'>2</memory><vcpu>4</vcpu></domain>";

static VnSnapshot *
two_nodes(void)
{
    return scenario_new(2, 4, 8192);
}

static void
assert_not_read(const char *xml, gsize length, const char *says)
{
    static const VnDefineOptions options = {0};
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autoptr(GError) error = NULL;
    g_assert_null(vn_define(xml, length, snapshot->host, &options, NULL, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, says));
}

static void
test_hostile(void)
{
    static const char dtd[] =
        "<!DOCTYPE domain [<!ENTITY a 'aaaa'><!ENTITY b SYSTEM 'file:///etc/passwd'>]>"
        "<domain><name>&b;</name></domain>";
    static const char entity[] = "<domain><name>&a;</name></domain>";
    assert_not_read(dtd, strlen(dtd), "document type declaration");
    assert_not_read(entity, strlen(entity), "domain XML: line 1");
    assert_not_read("<network/>", 10, "the document is <network>, not <domain>");
    assert_not_read("", 0, "it is empty");

    gsize length = 50 * (gsize) MIB;
    g_autofree char *large = g_malloc(length);
    memset(large, ' ', length);
    assert_not_read(large, length, "52428800 bytes, but at most 4194304 are accepted");
}

static char *
define_on(const VnHost *host, const char *xml, VnDefineReport **ret_report)
{
    static const VnDefineOptions options = {0};
    g_autoptr(GError) error = NULL;
    char *result = vn_define(xml, strlen(xml), host, &options, ret_report, &error);
    g_assert_no_error(error);
    return result;
}

/* @rows before those that are in the record of @xml. */
static char *
add_rows(const char *xml, const char *rows)
{
    const char *place = strstr(xml, "<vnumad:wrote ");
    g_assert_nonnull(place);
    return g_strdup_printf("%.*s%s%s", (int) (place - xml), xml, rows, place);
}

/* A record that somebody made up takes neither memory nor time for what is not there. */
static void
test_hostile_record(void)
{
    static const char row[] =
        "<vnumad:wrote part='iothreadpin' ids='0-65535' value='-'/>";
    static const struct {
        guint rows;          /* each with as many ids as there can be, 65536 */
        const char *ids;     /* of one row more */
        gboolean is_counted; /* ours are 10 ids: they are within 9 * 65536 still */
    } cases[] = {{0, "0", TRUE}, {8, "0-65525", TRUE}, {8, "0-65526", FALSE}};
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autofree char *first = define_on(snapshot->host, definition, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) rows = g_string_new(NULL);
        for (guint k = 0; k < cases[i].rows; k++)
            g_string_append(rows, row);
        g_string_append_printf(
            rows, "<vnumad:wrote part='iothreadpin' ids='%s' value='-'/>", cases[i].ids);
        g_autofree char *longer = add_rows(first, rows->str);
        g_autoptr(VnDefineReport) report = NULL;
        g_autofree char *out = define_on(snapshot->host, longer, &report);
        g_assert_nonnull(out);
        g_assert_cmpuint(report->respected->len == 0, ==, cases[i].is_counted);
    }

    g_autofree char *value = g_strnfill(MIB, '1');
    g_autofree char *wide =
        g_strdup_printf("<vnumad:wrote part='vcpupin' ids='0-65535' value='%s'/>", value);
    g_autofree char *large = add_rows(first, wide);
    g_autofree char *out = define_on(snapshot->host, large, NULL);
    g_assert_cmpstr(out, ==, first);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/define-bad/hostile", test_hostile);
    g_test_add_func("/define-bad/record", test_hostile_record);
    return g_test_run();
}
