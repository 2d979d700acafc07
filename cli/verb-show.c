/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl show: one guest whole. */
#include "cli/findings.h"
#include "cli/format.h"
#include "cli/reply.h"
#include "cli/steps.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "model/text.h"

#include <math.h>

#define BAR_WIDTH 20

/* "name: value" lines, the values below one another. */
static void
append_line(GString *text, const char *name, const char *value)
{
    g_autofree char *escaped = vn_format_escape(value);
    g_string_append_printf(text, "%-11s %s\n", name, escaped);
}

static void
append_known_line(GString *text, const char *name, GVariant *guest, const char *key)
{
    g_autofree char *value = vn_reply_string(guest, key);
    if (value)
        append_line(text, name, value);
}

static void
append_ids_line(GString *text, const char *name, const char *what, GVariant *guest,
                const char *key)
{
    if (!vn_reply_has(guest, key))
        return;
    g_autofree char *ids = vn_reply_ids_text(guest, key);
    g_autofree char *value = g_strdup_printf("%s %s", what, ids);
    append_line(text, name, value);
}

static void
append_locality(GString *text, GVariant *guest)
{
    double cost = vn_reply_double(guest, "remote_cost");
    g_autofree char *ratio = vn_format_ratio(vn_reply_double(guest, "locality_ratio"));
    g_autofree char *confidence =
        vn_format_ratio(vn_reply_double(guest, "confidence_ratio"));
    g_autofree char *line = isfinite(cost)
                                ? g_strdup_printf("%s, remote cost %.2f, confidence %s",
                                                  ratio, cost, confidence)
                                : g_strdup(ratio);
    append_line(text, "Locality", line);
}

/* "dirty-ring, every 40 s: ..., because dirty-log: ..." */
static void
append_sampling(GString *text, GVariant *guest)
{
    g_autoptr(GVariant) sampling = vn_reply_dict(guest, "sampling");
    g_autofree char *state = vn_reply_string(sampling, "state");
    g_autofree char *source = vn_reply_string(sampling, "source");
    g_autofree char *why = vn_reply_string(sampling, "source_reason");
    if (!state)
        return;
    g_autofree char *line = g_strconcat(source ? source : "", source ? ", " : "", state,
                                        why && *why ? "; " : NULL, why, NULL);
    append_line(text, "Sampling", line);
}

static void
append_heading(GString *text, GVariant *guest, gsize n_cells)
{
    g_autofree char *state = vn_reply_text(guest, "state");
    g_autofree char *policy = vn_reply_text(guest, "policy");
    g_autofree char *memory = vn_text_bytes(vn_reply_uint64(guest, "memory_bytes"));
    g_autofree char *alignment =
        vn_format_ratio(vn_reply_double(guest, "alignment_ratio"));
    guint64 pid = vn_reply_uint64(guest, "pid");
    g_autofree char *process = g_strdup_printf(", process %" G_GUINT64_FORMAT, pid);
    g_autofree char *state_line = g_strconcat(state, pid ? process : "", NULL);
    g_autofree char *cells_line = g_strdup_printf(
        "%s in %" G_GSIZE_FORMAT " cell%s%s", memory, n_cells, n_cells == 1 ? "" : "s",
        vn_reply_bool(guest, "told_cells") ? "" : "; the guest is told of none");

    append_known_line(text, "Guest", guest, "name");
    append_known_line(text, "UUID", guest, "uuid");
    append_line(text, "State", state_line);
    append_line(text, "Managed", vn_reply_bool(guest, "managed") ? "yes" : "no");
    append_line(text, "Policy", policy);
    append_known_line(text, "Machine", guest, "machine");
    append_line(text, "Memory", cells_line);
    append_line(text, "Alignment", alignment);
    append_locality(text, guest);
    append_sampling(text, guest);
    append_known_line(text, "Told", guest, "told_state");
    append_ids_line(text, "Emulator", "pinned to CPUs", guest, "emulator_pinned");
    append_ids_line(text, "Confined", "to memory of host nodes", guest, "allowed_nodes");
    append_known_line(text, "Decision", guest, "reason");
    append_known_line(text, "Trouble", guest, "trouble");
}

static guint64
sum(const GArray *bytes, const VnIdSet *only)
{
    guint64 total = 0;
    for (guint i = 0; i < bytes->len; i++) {
        if (!only || vn_idset_contains(only, i))
            total += g_array_index(bytes, guint64, i);
    }
    return total;
}

static double
share(guint64 part, guint64 whole)
{
    return whole ? (double) part / (double) whole : -1;
}

static void
add_cell_figures(VnTable *table, GVariant *cell, double aligned)
{
    g_autofree char *binding = vn_reply_text(cell, "binding");
    g_autofree char *bound = vn_reply_ids_text(cell, "bound");
    vn_table_add_uint(table, vn_reply_uint64(cell, "id"));
    vn_table_take(table, vn_reply_ids_text(cell, "vcpus"));
    vn_table_take(table, vn_text_bytes(vn_reply_uint64(cell, "memory_bytes")));
    vn_table_take(table, vn_reply_ids_text(cell, "home"));
    vn_table_take(table, vn_reply_has(cell, "bound")
                             ? g_strdup_printf("%s %s", binding, bound)
                             : g_strdup(binding));
    vn_table_take(table, vn_format_ratio(aligned));
}

/* A line for each host node that has some of the cell; the first has its figures. */
static void
add_cell(VnTable *table, GVariant *cell)
{
    g_autoptr(GArray) bytes = vn_reply_node_bytes(cell, "resident_bytes");
    g_autoptr(VnIdSet) home = vn_reply_ids(cell, "home");
    guint64 resident = sum(bytes, NULL);
    gboolean homeless = vn_idset_is_empty(home);
    add_cell_figures(table, cell, homeless ? -1 : share(sum(bytes, home), resident));
    if (resident == 0) {
        for (guint i = 0; i < 3; i++)
            vn_table_add(table, VN_FORMAT_UNKNOWN);
        return;
    }

    gboolean is_first = TRUE;
    for (guint i = 0; i < bytes->len; i++) {
        guint64 n = g_array_index(bytes, guint64, i);
        if (n == 0)
            continue;
        for (guint k = 0; k < 6 && !is_first; k++)
            vn_table_add(table, NULL);
        vn_table_add_uint(table, i);
        vn_table_take(table, vn_text_bytes(n));
        vn_table_take(table, vn_format_bar(share(n, resident), BAR_WIDTH));
        is_first = FALSE;
    }
}

static VnTable *
cells_table(GVariant *cells)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "CELL", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "VCPUS", VN_ALIGN_LEFT);
    vn_table_add_column(table, "MEMORY", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "HOME", VN_ALIGN_LEFT);
    vn_table_add_column(table, "BINDING", VN_ALIGN_LEFT);
    vn_table_add_column(table, "ALIGNED", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "HOST NODE", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "RESIDENT", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "SHARE", VN_ALIGN_LEFT);
    for (gsize i = 0; i < g_variant_n_children(cells); i++) {
        g_autoptr(GVariant) cell = g_variant_get_child_value(cells, i);
        add_cell(table, cell);
    }
    return table;
}

static VnTable *
vcpus_table(GVariant *vcpus)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "VCPU", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "CELL", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "THREAD", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "PINNED TO", VN_ALIGN_LEFT);
    vn_table_add_column(table, "MAY RUN ON", VN_ALIGN_LEFT);
    for (gsize i = 0; i < g_variant_n_children(vcpus); i++) {
        g_autoptr(GVariant) vcpu = g_variant_get_child_value(vcpus, i);
        guint64 tid = vn_reply_uint64(vcpu, "tid");
        vn_table_add_uint(table, vn_reply_uint64(vcpu, "id"));
        vn_table_add_uint(table, vn_reply_uint64(vcpu, "cell"));
        if (tid)
            vn_table_add_uint(table, tid);
        else
            vn_table_add(table, VN_FORMAT_UNKNOWN);
        vn_table_take(table, vn_reply_ids_text(vcpu, "pinned"));
        vn_table_take(table, vn_reply_ids_text(vcpu, "affinity"));
    }
    return table;
}

static VnTable *
threads_table(GVariant *threads)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "THREAD", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "KIND", VN_ALIGN_LEFT);
    vn_table_add_column(table, "NAME", VN_ALIGN_LEFT);
    vn_table_add_column(table, "MAY RUN ON", VN_ALIGN_LEFT);
    for (gsize i = 0; i < g_variant_n_children(threads); i++) {
        g_autoptr(GVariant) thread = g_variant_get_child_value(threads, i);
        vn_table_add_uint(table, vn_reply_uint64(thread, "tid"));
        vn_table_take(table, vn_reply_text(thread, "kind"));
        vn_table_take(table, vn_reply_text(thread, "name"));
        vn_table_take(table, vn_reply_ids_text(thread, "affinity"));
    }
    return table;
}

static VnTable *
devices_table(GVariant *devices)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "DEVICE", VN_ALIGN_LEFT);
    vn_table_add_column(table, "HOST NODE", VN_ALIGN_RIGHT);
    for (gsize i = 0; i < g_variant_n_children(devices); i++) {
        g_autoptr(GVariant) device = g_variant_get_child_value(devices, i);
        vn_table_take(table, vn_reply_text(device, "address"));
        if (vn_reply_has(device, "host_node"))
            vn_table_add_uint(table, vn_reply_uint64(device, "host_node"));
        else
            vn_table_add(table, VN_FORMAT_UNKNOWN);
    }
    return table;
}

static void
append_notes(GString *text, GVariant *guest, GVariant *cells)
{
    g_autoptr(GString) notes = g_string_new(NULL);
    g_auto(GStrv) told = vn_reply_strv(guest, "notes");
    for (gsize i = 0; i < g_variant_n_children(cells); i++) {
        g_autoptr(GVariant) cell = g_variant_get_child_value(cells, i);
        g_autofree char *why = vn_reply_string(cell, "hva_unknown");
        g_autofree char *escaped = why ? vn_format_escape(why) : NULL;
        if (why)
            g_string_append_printf(notes,
                                   "Note: where cell %" G_GUINT64_FORMAT
                                   " lies in QEMU is not known: %s\n",
                                   vn_reply_uint64(cell, "id"), escaped);
    }
    for (char **note = told; *note; note++) {
        g_autofree char *escaped = vn_format_escape(*note);
        g_string_append_printf(notes, "Note: %s\n", escaped);
    }
    if (notes->len)
        g_string_append_printf(text, "\n%s", notes->str);
}

gboolean
vn_verb_show(const VnCall *call, VnClient *client, GError **error)
{
    g_autoptr(GVariant) guest = vn_client_get_guest(client, call->arguments[0], error);
    if (!guest)
        return FALSE;
    if (call->output.json)
        return vn_output_json(guest, TRUE, error);

    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GVariant) cells = vn_reply_list(guest, "cells");
    g_autoptr(GVariant) vcpus = vn_reply_list(guest, "vcpus");
    g_autoptr(GVariant) threads = vn_reply_list(guest, "threads");
    g_autoptr(GVariant) devices = vn_reply_list(guest, "devices");
    g_autoptr(VnTable) of_cells = cells_table(cells);
    g_autoptr(VnTable) of_vcpus = vcpus_table(vcpus);
    g_autoptr(VnTable) of_threads = threads_table(threads);
    g_autoptr(VnTable) of_devices = devices_table(devices);
    g_autoptr(VnTable) of_findings = vn_findings_table(FALSE);
    vn_findings_add(of_findings, guest, FALSE);
    append_heading(text, guest, g_variant_n_children(cells));
    vn_table_append_below(of_cells, call->output.color, text);
    vn_table_append_below(of_vcpus, call->output.color, text);
    vn_table_append_below(of_threads, call->output.color, text);
    vn_table_append_below(of_devices, call->output.color, text);
    vn_table_append_below(of_findings, call->output.color, text);
    vn_steps_append_past(text, guest, call->output.color);
    append_notes(text, guest, cells);
    return vn_output_text(text->str, error);
}
