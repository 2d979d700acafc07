/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rewriting definitions: what comes out can be read again, and a second run over it
 * changes nothing; with force and without.
 */
#include "guest-topology/define.h"
#include "guest-topology/domain.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/scenario.h"

#include <string.h>

/* Our own parser must understand what we write, and find it without contradictions. */
static void
read_back(const char *xml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(xmlDoc) document = vn_xml_read(xml, strlen(xml), "outcome", &error);
    g_autoptr(VnGuest) guest =
        document ? vn_domain_read(xmlDocGetRootElement(document), &error) : NULL;
    if (!guest)
        g_error("%s\n%s", error->message, xml);
    g_assert(guest->told_cells && guest->told && guest->tag && !guest->trouble);
}

static void
define_twice(const VnHost *host, const char *xml, gsize length, gboolean force)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnDefineReport) report = NULL;
    VnDefineOptions options = {.force = force, .dirty_ring = TRUE};
    g_autofree char *once = vn_define(xml, length, host, &options, &report, &error);
    if (!once) {
        g_assert(error && error->domain == VN_ERROR && !report);
        g_assert(g_utf8_validate(error->message, -1, NULL));
        return;
    }
    g_autoptr(GVariant) described =
        g_variant_ref_sink(vn_define_report_to_variant(report, once));
    g_assert(g_variant_is_of_type(described, G_VARIANT_TYPE_VARDICT));
    read_back(once);
    g_autoptr(VnDefineReport) second = NULL;
    g_autofree char *twice =
        vn_define(once, strlen(once), host, &options, &second, &error);
    if (!twice)
        g_error("%s", error->message);
    g_assert(second->written->len == 0);
    g_assert_cmpstr(once, ==, twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static VnSnapshot *snapshot;
    if (!snapshot)
        snapshot = scenario_new(3, 4, 8192);
    define_twice(snapshot->host, (const char *) data, size, FALSE);
    define_twice(snapshot->host, (const char *) data, size, TRUE);
    return 0;
}
