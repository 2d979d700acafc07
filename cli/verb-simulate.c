/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl simulate: what the policies would do with a described host and its guests. */
#include "cli/format.h"
#include "cli/input.h"
#include "cli/reply.h"
#include "cli/scenario-read.h"
#include "cli/steps.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "model/text.h"

#include <string.h>

static void
append_placements(GString *text, GVariant *outcome, gboolean bold)
{
    g_autoptr(GVariant) placements = vn_reply_list(outcome, "placements");
    g_autoptr(VnTable) table = vn_table_new();
    vn_table_add_column(table, "GUEST", VN_ALIGN_LEFT);
    vn_table_add_column(table, "CELL", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "VCPUS", VN_ALIGN_LEFT);
    vn_table_add_column(table, "MEMORY", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "HOME", VN_ALIGN_LEFT);
    for (gsize i = 0; i < g_variant_n_children(placements); i++) {
        g_autoptr(GVariant) placement = g_variant_get_child_value(placements, i);
        g_autoptr(GVariant) cells = vn_reply_list(placement, "cells");
        for (gsize k = 0; k < g_variant_n_children(cells); k++) {
            g_autoptr(GVariant) cell = g_variant_get_child_value(cells, k);
            vn_table_take(table, vn_reply_text(placement, "guest"));
            vn_table_add_uint(table, vn_reply_uint64(cell, "id"));
            vn_table_take(table, vn_reply_ids_text(cell, "vcpus"));
            vn_table_take(table, vn_text_bytes(vn_reply_uint64(cell, "memory_bytes")));
            vn_table_take(table, vn_reply_ids_text(cell, "home"));
        }
    }
    if (!vn_table_is_empty(table))
        vn_table_append(table, bold, text);
}

static void
append_refused(GString *text, GVariant *outcome, gboolean bold)
{
    g_autoptr(GVariant) refused = vn_reply_list(outcome, "refused");
    g_autoptr(VnTable) table = vn_table_new();
    vn_table_add_column(table, "REFUSED", VN_ALIGN_LEFT);
    vn_table_add_column(table, "REASON", VN_ALIGN_LEFT);
    for (gsize i = 0; i < g_variant_n_children(refused); i++) {
        g_autoptr(GVariant) guest = g_variant_get_child_value(refused, i);
        vn_table_take(table, vn_reply_text(guest, "guest"));
        vn_table_take(table, vn_reply_text(guest, "reason"));
    }
    vn_table_append_below(table, bold, text);
}

static char *
outcome_text(GVariant *outcome, gboolean bold)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GVariant) cost = vn_reply_dict(outcome, "cost");
    g_autofree char *moved = vn_text_bytes(vn_reply_uint64(cost, "moved_bytes"));
    append_placements(text, outcome, bold);
    append_refused(text, outcome, bold);
    if (vn_steps_count(outcome)) {
        g_string_append_c(text, '\n');
        vn_steps_append(text, outcome, FALSE, bold);
    }
    g_string_append_printf(text,
                           "%sRemote cost %.3f (1 is all local), %s to move, at most "
                           "%.2f vCPUs a CPU.\n",
                           text->len ? "\n" : "", vn_reply_double(cost, "remote_cost"),
                           moved, vn_reply_double(cost, "max_cpu_load_ratio"));
    return g_strdup(text->str);
}

static GVariant *
run_text(const char *text, gsize length, GError **error)
{
    g_autoptr(VnScenario) scenario = vn_scenario_read_json(text, length, error);
    if (!scenario)
        return NULL;
    g_autoptr(VnScenarioResult) result = vn_scenario_run(scenario);
    return g_variant_ref_sink(vn_scenario_result_to_variant(result));
}

static void
add_replayed(VnTable *table, guint number, GVariant *outcome)
{
    g_autoptr(GVariant) cost = vn_reply_dict(outcome, "cost");
    g_autoptr(GVariant) placements = vn_reply_list(outcome, "placements");
    vn_table_add_uint(table, number);
    vn_table_add_uint(table, g_variant_n_children(placements));
    vn_table_add_uint(table, vn_steps_count(outcome));
    vn_table_take(table, vn_text_bytes(vn_reply_uint64(cost, "moved_bytes")));
    vn_table_take(table, g_strdup_printf("%.3f", vn_reply_double(cost, "remote_cost")));
    vn_table_take(table,
                  g_strdup_printf("%.2f", vn_reply_double(cost, "max_cpu_load_ratio")));
}

/* With --json an outcome a line, else one table with a line for each. */
static gboolean
replay(const VnCall *call, GError **error)
{
    static const char *const titles[] = {"LINE",  "GUESTS",      "STEPS",
                                         "MOVED", "REMOTE COST", "CPU LOAD"};
    g_autoptr(GByteArray) bytes =
        vn_input_read(call->trace, 2 * VN_SCENARIO_BYTES_MAX, error);
    if (!bytes)
        return FALSE;
    g_autoptr(VnTable) table = vn_table_new();
    for (gsize i = 0; i < G_N_ELEMENTS(titles); i++)
        vn_table_add_column(table, titles[i], VN_ALIGN_RIGHT);
    guint number = 0;
    for (gsize at = 0, stop; at < bytes->len; at = stop + 1) {
        const char *line = (const char *) bytes->data + at;
        const char *end = memchr(line, '\n', bytes->len - at);
        stop = end ? at + (gsize) (end - line) : bytes->len;
        number++;
        g_autoptr(GVariant) outcome = run_text(line, stop - at, error);
        if (!outcome) {
            g_prefix_error(error, "%s: line %u: ", call->trace, number);
            return FALSE;
        }
        if (!call->output.json)
            add_replayed(table, number, outcome);
        else if (!vn_output_json(g_variant_ref(outcome), FALSE, error))
            return FALSE;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    if (!vn_table_is_empty(table))
        vn_table_append(table, call->output.color, text);
    return vn_output_text(text->str, error);
}

gboolean
vn_verb_simulate(const VnCall *call, VnClient *client, GError **error)
{
    const char *path = call->arguments[0];
    if (!path == !call->trace) {
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "simulate: either SCENARIO.json or --trace FILE is needed");
        return FALSE;
    }
    if (call->trace)
        return replay(call, error);
    g_autoptr(GByteArray) bytes = vn_input_read(path, VN_SCENARIO_BYTES_MAX, error);
    if (!bytes)
        return FALSE;
    g_autoptr(GVariant) outcome = run_text((const char *) bytes->data, bytes->len, error);
    if (!outcome) {
        g_prefix_error(error, "%s: ", vn_input_is_stdin(path) ? "standard input" : path);
        return FALSE;
    }
    if (call->output.json)
        return vn_output_json(g_variant_ref(outcome), TRUE, error);
    g_autofree char *text = outcome_text(outcome, call->output.color);
    return vn_output_text(text, error);
}
