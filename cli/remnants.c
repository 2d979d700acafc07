/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line an object: whose it is, how much, and why it stays. */
#include "cli/remnants.h"

#include "cli/reply.h"
#include "cli/table.h"
#include "model/text.h"

void
vn_remnants_append(GString *text, GVariant *reply, gboolean bold)
{
    g_autoptr(GVariant) left = vn_reply_list(reply, "left");
    g_autoptr(VnTable) table = vn_table_new();
    vn_table_add_column(table, "STAYS: GUEST", VN_ALIGN_LEFT);
    vn_table_add_column(table, "OBJECT", VN_ALIGN_LEFT);
    vn_table_add_column(table, "SIZE", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "WHY", VN_ALIGN_LEFT);
    for (gsize i = 0; i < g_variant_n_children(left); i++) {
        g_autoptr(GVariant) one = g_variant_get_child_value(left, i);
        guint64 bytes = vn_reply_uint64(one, "bytes");
        vn_table_take(table, vn_reply_text(one, "guest"));
        vn_table_take(table, vn_reply_text(one, "object"));
        vn_table_take(table, bytes ? vn_text_bytes(bytes) : g_strdup("-"));
        vn_table_take(table, vn_reply_text(one, "reason"));
    }
    vn_table_append_below(table, bold, text);
}
