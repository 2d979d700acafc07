/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps and decisions as text for people. */
#include "cli/steps.h"

#include "cli/format.h"
#include "cli/reply.h"
#include "cli/table.h"
#include "model/text.h"

#include <math.h>
#include <string.h>

/* Homes of more cells than this are not spelled out. */
#define HOMES_MAX 16

/* A pin is from and to host CPUs, a move is from and to host nodes. */
static char *
place_text(const char *kind, GVariant *step, const char *key)
{
    g_autofree char *ids = vn_reply_ids_text(step, key);
    if (strcmp(ids, VN_FORMAT_UNKNOWN) == 0)
        return g_steal_pointer(&ids);
    return g_strdup_printf("%s %s", g_str_has_prefix(kind, "pin-") ? "CPU" : "node", ids);
}

static char *
bytes_text(GVariant *step, const char *key)
{
    guint64 bytes = vn_reply_uint64(step, key);
    return bytes ? vn_text_bytes(bytes) : g_strdup(VN_FORMAT_UNKNOWN);
}

static char *
gain_text(double gain)
{
    /* Below what two decimals show, a gain is none: a pin that only keeps what is. */
    if (isnan(gain) || fabs(gain) < 0.005)
        return g_strdup(VN_FORMAT_UNKNOWN);
    return g_strdup_printf("%.2f", gain);
}

static VnTable *
new_table(gboolean with_outcomes)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "GUEST", VN_ALIGN_LEFT);
    vn_table_add_column(table, "STEP", VN_ALIGN_LEFT);
    vn_table_add_column(table, "TARGET", VN_ALIGN_LEFT);
    vn_table_add_column(table, "FROM", VN_ALIGN_LEFT);
    vn_table_add_column(table, "TO", VN_ALIGN_LEFT);
    vn_table_add_column(table, "BYTES", VN_ALIGN_RIGHT);
    if (with_outcomes) {
        vn_table_add_column(table, "MOVED", VN_ALIGN_RIGHT);
        vn_table_add_column(table, "OUTCOME", VN_ALIGN_LEFT);
        vn_table_add_column(table, "WHY", VN_ALIGN_LEFT);
    } else {
        vn_table_add_column(table, "GAIN", VN_ALIGN_RIGHT);
        vn_table_add_column(table, "REASON", VN_ALIGN_LEFT);
    }
    return table;
}

static void
add_step(VnTable *table, GVariant *step, gboolean with_outcomes)
{
    g_autofree char *kind = vn_reply_text(step, "kind");
    g_autofree char *why = vn_reply_string(step, "outcome_text");
    vn_table_take(table, vn_reply_text(step, "guest"));
    vn_table_add(table, kind);
    vn_table_take(table, vn_reply_text(step, "target"));
    vn_table_take(table, place_text(kind, step, "before"));
    vn_table_take(table, place_text(kind, step, "after"));
    vn_table_take(table, bytes_text(step, "bytes"));
    if (with_outcomes) {
        vn_table_take(table, bytes_text(step, "bytes_moved"));
        vn_table_take(table, vn_reply_text(step, "outcome"));
        vn_table_add(table, why);
    } else {
        vn_table_take(table, gain_text(vn_reply_double(step, "expected_gain")));
        vn_table_take(table, vn_reply_text(step, "reason"));
    }
}

gsize
vn_steps_count(GVariant *plan)
{
    g_autoptr(GVariant) steps = vn_reply_list(plan, "steps");
    return g_variant_n_children(steps);
}

void
vn_steps_append(GString *text, GVariant *plan, gboolean with_outcomes, gboolean bold)
{
    g_autoptr(GVariant) steps = vn_reply_list(plan, "steps");
    g_autoptr(VnTable) table = new_table(with_outcomes);
    for (gsize i = 0; i < g_variant_n_children(steps); i++) {
        g_autoptr(GVariant) step = g_variant_get_child_value(steps, i);
        add_step(table, step, with_outcomes);
    }
    if (!vn_table_is_empty(table))
        vn_table_append(table, bold, text);
}

static char *
homes_text(GVariant *decision)
{
    g_autoptr(GVariant) homes =
        g_variant_lookup_value(decision, "homes", G_VARIANT_TYPE("aau"));
    gsize count = homes ? g_variant_n_children(homes) : 0;
    g_autoptr(GString) text = g_string_new(count ? "homes" : NULL);
    for (gsize i = 0; i < MIN(count, HOMES_MAX); i++) {
        g_autoptr(GVariant) ids = g_variant_get_child_value(homes, i);
        g_autoptr(VnIdSet) set = vn_dict_read_idset(ids);
        g_autofree char *home = vn_format_ids(set);
        g_string_append_printf(text, " %s", home);
    }
    if (count > HOMES_MAX)
        g_string_append(text, " ...");
    g_string_append(text, count ? ": " : "");
    return g_strdup(text->str);
}

void
vn_steps_append_decisions(GString *text, GVariant *plan)
{
    g_autoptr(GVariant) decisions = vn_reply_list(plan, "decisions");
    for (gsize i = 0; i < g_variant_n_children(decisions); i++) {
        g_autoptr(GVariant) decision = g_variant_get_child_value(decisions, i);
        g_autofree char *guest = vn_reply_text(decision, "guest");
        g_autofree char *homes = homes_text(decision);
        g_autofree char *reason = vn_reply_text(decision, "reason");
        g_autofree char *line = g_strdup_printf("%s: %s%s", guest, homes, reason);
        g_autofree char *escaped = vn_format_escape(line);
        g_string_append_printf(text, "%s\n", escaped);
    }
}

char *
vn_steps_time_text(GVariant *record)
{
    gint64 seconds = (gint64) (vn_reply_uint64(record, "time_us") / G_USEC_PER_SEC);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);
    return time ? g_date_time_format(time, "%F %T") : g_strdup(VN_FORMAT_UNKNOWN);
}

static gboolean
is_same(GVariant *one, GVariant *other, const char *key)
{
    g_autofree char *mine = vn_reply_text(one, key);
    g_autofree char *theirs = vn_reply_text(other, key);
    return strcmp(mine, theirs) == 0;
}

static gboolean
is_begin(GVariant *record)
{
    g_autofree char *event = vn_reply_text(record, "event");
    return strcmp(event, "begin") == 0;
}

/*
 * Whether record @at begins a step whose end is among those behind it; memory moves of
 * several cells go on side by side.
 */
static gboolean
has_ended(GVariant *records, gsize at)
{
    g_autoptr(GVariant) begin = g_variant_get_child_value(records, at);
    if (!is_begin(begin))
        return FALSE;
    for (gsize i = at + 1; i < g_variant_n_children(records); i++) {
        g_autoptr(GVariant) record = g_variant_get_child_value(records, i);
        if (is_same(begin, record, "kind") && is_same(begin, record, "target"))
            return !is_begin(record);
    }
    return FALSE;
}

static void
add_past_step(VnTable *table, GVariant *record)
{
    g_autofree char *kind = vn_reply_text(record, "kind");
    g_autofree char *why = vn_reply_string(record, "outcome_text");
    vn_table_take(table, vn_steps_time_text(record));
    vn_table_add(table, kind);
    vn_table_take(table, vn_reply_text(record, "target"));
    vn_table_take(table, place_text(kind, record, "before"));
    vn_table_take(table, place_text(kind, record, "after"));
    vn_table_take(table, bytes_text(record, "bytes_moved"));
    vn_table_take(table, is_begin(record) ? g_strdup("not ended")
                                          : vn_reply_text(record, "outcome"));
    vn_table_add(table, why);
}

void
vn_steps_append_past(GString *text, GVariant *guest, gboolean bold)
{
    g_autoptr(GVariant) records = vn_reply_list(guest, "past_steps");
    g_autoptr(VnTable) table = vn_table_new();
    gsize count = g_variant_n_children(records);
    vn_table_add_column(table, "PAST STEP OF", VN_ALIGN_LEFT);
    vn_table_add_column(table, "STEP", VN_ALIGN_LEFT);
    vn_table_add_column(table, "TARGET", VN_ALIGN_LEFT);
    vn_table_add_column(table, "FROM", VN_ALIGN_LEFT);
    vn_table_add_column(table, "TO", VN_ALIGN_LEFT);
    vn_table_add_column(table, "MOVED", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "OUTCOME", VN_ALIGN_LEFT);
    vn_table_add_column(table, "WHY", VN_ALIGN_LEFT);
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GVariant) record = g_variant_get_child_value(records, i);
        if (!has_ended(records, i))
            add_past_step(table, record);
    }
    if (vn_table_is_empty(table))
        return;
    g_string_append_c(text, '\n');
    vn_table_append(table, bold, text);
}
