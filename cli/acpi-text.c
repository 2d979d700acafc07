/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decoded ACPI tables as text: a line on the table, what it tells, what is odd. */
#include "cli/acpi-text.h"

#include "cli/format.h"
#include "cli/reply.h"
#include "cli/table.h"
#include "model/text.h"

/* CPUs one behind another that differ in nothing but their ids. */
typedef struct {
    guint64 domain;
    gboolean enabled;
    gboolean x2apic;
    guint count;
    guint64 first; /* of the last range */
    guint64 last;
    GString *ids;
} Run;

static void
end_range(Run *run)
{
    const char *comma = run->ids->len ? "," : "";
    if (run->first == run->last)
        g_string_append_printf(run->ids, "%s%" G_GUINT64_FORMAT, comma, run->first);
    else
        g_string_append_printf(run->ids, "%s%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT,
                               comma, run->first, run->last);
}

static void
end_run(VnTable *table, Run *run)
{
    if (run->count == 0)
        return;
    end_range(run);
    vn_table_add_uint(table, run->domain);
    vn_table_add_uint(table, run->count);
    vn_table_add(table, run->ids->str);
    vn_table_add(table, run->x2apic ? "x2APIC" : "APIC");
    vn_table_add(table, run->enabled ? "enabled" : "disabled");
    g_string_truncate(run->ids, 0);
    run->count = 0;
}

static void
append_cpus(GString *text, GVariant *srat, gboolean bold)
{
    g_autoptr(GVariant) cpus = vn_reply_list(srat, "cpus");
    g_autoptr(VnTable) table = vn_table_new();
    g_autoptr(GString) ids = g_string_new(NULL);
    Run run = {.ids = ids};
    vn_table_add_column(table, "DOMAIN", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "CPUS", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "APIC IDS", VN_ALIGN_LEFT);
    vn_table_add_column(table, "KIND", VN_ALIGN_LEFT);
    vn_table_add_column(table, "STATE", VN_ALIGN_LEFT);
    for (gsize i = 0; i < g_variant_n_children(cpus); i++) {
        g_autoptr(GVariant) cpu = g_variant_get_child_value(cpus, i);
        guint64 id = vn_reply_uint64(cpu, "apic_id");
        guint64 domain = vn_reply_uint64(cpu, "proximity_domain");
        gboolean enabled = vn_reply_bool(cpu, "enabled");
        gboolean x2apic = vn_reply_bool(cpu, "x2apic");
        if (run.count > 0 &&
            (domain != run.domain || enabled != run.enabled || x2apic != run.x2apic))
            end_run(table, &run);
        if (run.count > 0 && id != run.last + 1)
            end_range(&run);
        if (run.count == 0 || id != run.last + 1)
            run.first = id;
        run.last = id;
        run.domain = domain;
        run.enabled = enabled;
        run.x2apic = x2apic;
        run.count++;
    }
    end_run(table, &run);
    vn_table_append_below(table, bold, text);
}

static void
append_memory(GString *text, GVariant *srat, gboolean bold)
{
    g_autoptr(GVariant) memory = vn_reply_list(srat, "memory");
    g_autoptr(VnTable) table = vn_table_new();
    vn_table_add_column(table, "DOMAIN", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "FROM", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "BYTES", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "SIZE", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "STATE", VN_ALIGN_LEFT);
    for (gsize i = 0; i < g_variant_n_children(memory); i++) {
        g_autoptr(GVariant) one = g_variant_get_child_value(memory, i);
        guint64 bytes = vn_reply_uint64(one, "length_bytes");
        vn_table_add_uint(table, vn_reply_uint64(one, "proximity_domain"));
        vn_table_take(table, g_strdup_printf("0x%" G_GINT64_MODIFIER "x",
                                             vn_reply_uint64(one, "base")));
        vn_table_take(table, g_strdup_printf("0x%" G_GINT64_MODIFIER "x", bytes));
        vn_table_take(table, vn_text_bytes(bytes));
        vn_table_take(
            table, g_strconcat(
                       vn_reply_bool(one, "enabled") ? "enabled" : "disabled",
                       vn_reply_bool(one, "hotpluggable") ? ", for hot-plugging" : "",
                       vn_reply_bool(one, "non_volatile") ? ", non-volatile" : "", NULL));
    }
    vn_table_append_below(table, bold, text);
}

static void
append_distances(GString *text, GVariant *slit, gboolean bold)
{
    g_autoptr(GVariant) rows =
        g_variant_lookup_value(slit, "distances", G_VARIANT_TYPE("aau"));
    g_autoptr(VnTable) table = vn_table_new();
    gsize n = rows ? g_variant_n_children(rows) : 0;
    vn_table_add_column(table, "FROM\\TO", VN_ALIGN_RIGHT);
    for (gsize i = 0; i < n; i++)
        vn_table_add_number_column(table, i);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
        gsize n_columns;
        const guint *distances =
            g_variant_get_fixed_array(row, &n_columns, sizeof *distances);
        vn_table_add_uint(table, i);
        for (gsize k = 0; k < n_columns; k++)
            vn_table_add_uint(table, distances[k]);
    }
    vn_table_append_below(table, bold, text);
}

static void
append_domains(GString *text, GVariant *hmat, gboolean bold)
{
    g_autoptr(GVariant) domains = vn_reply_list(hmat, "proximity_domains");
    g_autoptr(VnTable) table = vn_table_new();
    vn_table_add_column(table, "MEMORY", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "INITIATOR", VN_ALIGN_RIGHT);
    for (gsize i = 0; i < g_variant_n_children(domains); i++) {
        g_autoptr(GVariant) domain = g_variant_get_child_value(domains, i);
        vn_table_add_uint(table, vn_reply_uint64(domain, "memory"));
        if (vn_reply_has(domain, "initiator"))
            vn_table_add_uint(table, vn_reply_uint64(domain, "initiator"));
        else
            vn_table_add(table, VN_FORMAT_UNKNOWN);
    }
    vn_table_append_below(table, bold, text);
}

static char *
figure_text(guint64 figure, gboolean latency)
{
    if (figure == 0)
        return g_strdup(VN_FORMAT_UNKNOWN);
    if (figure == G_MAXUINT64)
        return g_strdup("unreachable");
    if (!latency)
        return vn_format_rate(figure);
    if (figure % 1000 == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT " ns", figure / 1000);
    return g_strdup_printf("%" G_GUINT64_FORMAT ".%03u ns", figure / 1000,
                           (guint) (figure % 1000));
}

/* The ids of key @key, one after another; they may be any. */
static const guint *
get_ids(GVariant *locality, const char *key, gsize *ret_n, GVariant **ret_owner)
{
    *ret_owner = g_variant_lookup_value(locality, key, G_VARIANT_TYPE("au"));
    *ret_n = 0;
    return *ret_owner ? g_variant_get_fixed_array(*ret_owner, ret_n, sizeof(guint))
                      : NULL;
}

static void
append_locality(GString *text, GVariant *locality, gboolean bold)
{
    gboolean latency = vn_reply_has(locality, "latency_ps");
    g_autoptr(GVariant) rows = g_variant_lookup_value(
        locality, latency ? "latency_ps" : "bandwidth_bytes_per_second",
        G_VARIANT_TYPE("aat"));
    g_autofree char *data_type = vn_reply_text(locality, "data_type");
    g_autofree char *hierarchy = vn_reply_text(locality, "hierarchy");
    g_autoptr(VnTable) table = vn_table_new();
    g_autoptr(GVariant) of_initiators = NULL;
    g_autoptr(GVariant) of_targets = NULL;
    gsize n_initiators;
    gsize n_targets;
    const guint *initiators =
        get_ids(locality, "initiators", &n_initiators, &of_initiators);
    const guint *targets = get_ids(locality, "targets", &n_targets, &of_targets);
    g_string_append_printf(text, "\n%s, %s:", hierarchy, data_type);
    vn_table_add_column(table, "FROM\\TO", VN_ALIGN_RIGHT);
    for (gsize i = 0; i < n_targets; i++)
        vn_table_add_number_column(table, targets[i]);
    for (gsize i = 0; i < n_initiators; i++) {
        g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
        gsize n;
        const guint64 *figures = g_variant_get_fixed_array(row, &n, sizeof *figures);
        vn_table_add_uint(table, initiators[i]);
        for (gsize k = 0; k < n; k++)
            vn_table_take(table, figure_text(figures[k], latency));
    }
    g_string_append_c(text, '\n');
    vn_table_append(table, bold, text);
}

static void
append_caches(GString *text, GVariant *hmat, gboolean bold)
{
    g_autoptr(GVariant) caches = vn_reply_list(hmat, "caches");
    g_autoptr(VnTable) table = vn_table_new();
    vn_table_add_column(table, "DOMAIN", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "LEVEL", VN_ALIGN_LEFT);
    vn_table_add_column(table, "SIZE", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "LINE", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "ASSOCIATIVITY", VN_ALIGN_LEFT);
    vn_table_add_column(table, "POLICY", VN_ALIGN_LEFT);
    for (gsize i = 0; i < g_variant_n_children(caches); i++) {
        g_autoptr(GVariant) cache = g_variant_get_child_value(caches, i);
        vn_table_add_uint(table, vn_reply_uint64(cache, "proximity_domain"));
        vn_table_take(table,
                      g_strdup_printf("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT,
                                      vn_reply_uint64(cache, "level"),
                                      vn_reply_uint64(cache, "levels")));
        vn_table_take(table, vn_text_bytes(vn_reply_uint64(cache, "size_bytes")));
        vn_table_take(table, vn_text_bytes(vn_reply_uint64(cache, "line_bytes")));
        vn_table_take(table, vn_reply_text(cache, "associativity"));
        vn_table_take(table, vn_reply_text(cache, "policy"));
    }
    vn_table_append_below(table, bold, text);
}

static void
append_others(GString *text, GVariant *table)
{
    g_autoptr(GVariant) others = vn_reply_list(table, "others");
    g_auto(GStrv) warnings = vn_reply_strv(table, "warnings");
    if (g_variant_n_children(others) > 0 || *warnings)
        g_string_append_c(text, '\n');
    for (gsize i = 0; i < g_variant_n_children(others); i++) {
        g_autoptr(GVariant) other = g_variant_get_child_value(others, i);
        g_autofree char *name = vn_reply_text(other, "name");
        g_string_append_printf(
            text,
            "Offset %" G_GUINT64_FORMAT ": structure of type %" G_GUINT64_FORMAT
            " (%s), %" G_GUINT64_FORMAT " bytes: not shown\n",
            vn_reply_uint64(other, "offset"), vn_reply_uint64(other, "type"), name,
            vn_reply_uint64(other, "length_bytes"));
    }
    for (char **warning = warnings; *warning; warning++)
        g_string_append_printf(text, "Warning: %s\n", *warning);
}

void
vn_acpi_text_append(GString *text, GVariant *table, gboolean bold)
{
    g_autofree char *signature = vn_reply_text(table, "signature");
    g_autofree char *oem = vn_reply_text(table, "oem_id");
    g_autofree char *oem_table = vn_reply_text(table, "oem_table_id");
    g_autoptr(GVariant) localities = vn_reply_list(table, "localities");
    g_string_append_printf(text,
                           "%s, revision %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT
                           " bytes, of %s %s\n",
                           signature, vn_reply_uint64(table, "revision"),
                           vn_reply_uint64(table, "length_bytes"), oem, oem_table);
    append_cpus(text, table, bold);
    append_memory(text, table, bold);
    append_distances(text, table, bold);
    append_domains(text, table, bold);
    for (gsize i = 0; i < g_variant_n_children(localities); i++) {
        g_autoptr(GVariant) locality = g_variant_get_child_value(localities, i);
        append_locality(text, locality, bold);
    }
    append_caches(text, table, bold);
    append_others(text, table);
}
