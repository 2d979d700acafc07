/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Findings as rows of a table. */
#include "cli/findings.h"

#include "cli/reply.h"

VnTable *
vn_findings_table(gboolean with_guest)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "SEVERITY", VN_ALIGN_LEFT);
    if (with_guest)
        vn_table_add_column(table, "GUEST", VN_ALIGN_LEFT);
    vn_table_add_column(table, "OBJECT", VN_ALIGN_LEFT);
    vn_table_add_column(table, "FINDING, AND WHAT TO DO", VN_ALIGN_LEFT);
    return table;
}

void
vn_findings_add(VnTable *table, GVariant *guest, gboolean with_guest)
{
    g_autoptr(GVariant) findings = vn_reply_list(guest, "findings");
    for (gsize i = 0; i < g_variant_n_children(findings); i++) {
        g_autoptr(GVariant) finding = g_variant_get_child_value(findings, i);
        g_autofree char *remedy = vn_reply_string(finding, "remedy");
        vn_table_take(table, vn_reply_text(finding, "severity"));
        if (with_guest)
            vn_table_take(table, vn_reply_text(guest, "name"));
        vn_table_take(table, vn_reply_text(finding, "object"));
        vn_table_take(table, vn_reply_text(finding, "text"));
        for (guint k = 0; remedy && k < (with_guest ? 3 : 2); k++)
            vn_table_add(table, NULL);
        if (remedy)
            vn_table_take(table, g_strconcat("-> ", remedy, NULL));
    }
}

gboolean
vn_findings_are_bad(GVariant *guest)
{
    g_autoptr(GVariant) findings = vn_reply_list(guest, "findings");
    for (gsize i = 0; i < g_variant_n_children(findings); i++) {
        g_autoptr(GVariant) finding = g_variant_get_child_value(findings, i);
        g_autofree char *severity = vn_reply_string(finding, "severity");
        if (g_strcmp0(severity, "info") != 0)
            return TRUE;
    }
    return FALSE;
}
