/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl list: every guest of the host, a line each. */
#include "cli/format.h"
#include "cli/reply.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "model/text.h"

/* Homes of more cells than this are not spelled out: show does that. */
#define HOMES_MAX 8

/* Observations older than this are said to be so. */
#define AGE_MS_MAX 1000

static VnTable *
new_table(void)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "NAME", VN_ALIGN_LEFT);
    vn_table_add_column(table, "STATE", VN_ALIGN_LEFT);
    vn_table_add_column(table, "MANAGED", VN_ALIGN_LEFT);
    vn_table_add_column(table, "POLICY", VN_ALIGN_LEFT);
    vn_table_add_column(table, "MEMORY", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "CELLS", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "HOMES", VN_ALIGN_LEFT);
    vn_table_add_column(table, "ALIGNMENT", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "LOCALITY", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "TOLD", VN_ALIGN_LEFT);
    return table;
}

/* The homes of the cells in the cells' order: "0 1", or "0-1 2-3" for cells that span. */
static char *
homes_text(GVariant *cells)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gsize count = g_variant_n_children(cells);
    for (gsize i = 0; i < MIN(count, HOMES_MAX); i++) {
        g_autoptr(GVariant) cell = g_variant_get_child_value(cells, i);
        g_autofree char *home = vn_reply_ids_text(cell, "home");
        g_string_append_printf(text, "%s%s", i ? " " : "", home);
    }
    if (count > HOMES_MAX)
        g_string_append(text, " ...");
    return g_strdup(text->len ? text->str : VN_FORMAT_UNKNOWN);
}

static void
add_guest(VnTable *table, GVariant *guest, GString *troubles)
{
    g_autoptr(GVariant) cells = vn_reply_list(guest, "cells");
    g_autofree char *name = vn_reply_text(guest, "name");
    g_autofree char *state = vn_reply_text(guest, "state");
    g_autofree char *trouble = vn_reply_string(guest, "trouble");

    vn_table_add(table, name);
    vn_table_take(table,
                  g_strconcat(state, vn_reply_bool(guest, "rests") ? ", rests" : "",
                              trouble ? " !" : "", NULL));
    vn_table_add(table, vn_reply_bool(guest, "managed") ? "yes" : "no");
    vn_table_take(table, vn_reply_text(guest, "policy"));
    vn_table_take(table, vn_text_bytes(vn_reply_uint64(guest, "memory_bytes")));
    vn_table_add_uint(table, g_variant_n_children(cells));
    vn_table_take(table, homes_text(cells));
    vn_table_take(table, vn_format_ratio(vn_reply_double(guest, "alignment_ratio")));
    vn_table_take(table, vn_format_ratio(vn_reply_double(guest, "locality_ratio")));
    vn_table_take(table, vn_reply_text(guest, "told_state"));
    if (trouble) {
        /* Most messages name the guest themselves. */
        g_autofree char *named = g_strdup_printf("guest %s: ", name);
        g_autofree char *line = g_str_has_prefix(trouble, named)
                                    ? g_strdup(trouble)
                                    : g_strconcat(named, trouble, NULL);
        g_autofree char *escaped = vn_format_escape(line);
        g_string_append_printf(troubles, "! %s\n", escaped);
    }
}

gboolean
vn_verb_list(const VnCall *call, VnClient *client, GError **error)
{
    g_autoptr(GVariant) snapshot = vn_client_list_guests(client, error);
    if (!snapshot)
        return FALSE;
    if (call->output.json)
        return vn_output_json(snapshot, TRUE, error);

    g_autoptr(GVariant) guests = vn_reply_list(snapshot, "guests");
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) troubles = g_string_new(NULL);
    g_autoptr(VnTable) table = new_table();
    for (gsize i = 0; i < g_variant_n_children(guests); i++) {
        g_autoptr(GVariant) guest = g_variant_get_child_value(guests, i);
        add_guest(table, guest, troubles);
    }
    if (vn_table_is_empty(table))
        return vn_output_text("There are no guests on this host.\n", error);

    vn_table_append(table, call->output.color, text);
    if (troubles->len)
        g_string_append_printf(text, "\n%s", troubles->str);
    guint64 age_ms = vn_reply_uint64(snapshot, "age_ms");
    if (age_ms >= AGE_MS_MAX) {
        g_autofree char *age = vn_format_duration((double) age_ms / 1000);
        g_string_append_printf(text, "\nAs it was %s ago.\n", age);
    }
    return vn_output_text(text->str, error);
}
