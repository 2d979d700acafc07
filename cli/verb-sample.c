/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl sample: watches a guest's accesses now. */
#include "cli/format.h"
#include "cli/reply.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "model/sample.h"

#include <math.h>

/* Those of the method Sample in data/org.vnumad1.xml. */
#define SECONDS 4u
#define SECONDS_MAX 60u

static gboolean
parse_seconds(const VnCall *call, guint *ret_seconds, GError **error)
{
    guint64 seconds = SECONDS;
    if (call->seconds &&
        !g_ascii_string_to_unsigned(call->seconds, 10, 1, SECONDS_MAX, &seconds, NULL)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--seconds: '%s' is no whole number from 1 to %u", call->seconds,
                    SECONDS_MAX);
        return FALSE;
    }
    *ret_seconds = (guint) seconds;
    return TRUE;
}

static gboolean
check_source(const VnCall *call, GError **error)
{
    VnSampleSource source;
    if (!call->source || vn_sample_source_from_name(call->source, &source))
        return TRUE;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--source: '%s' is none of dirty-log, dirty-ring, refault, numa-faults, "
                "dirty-rate",
                call->source);
    return FALSE;
}

static void
append_line(GString *text, const char *name, char *value)
{
    g_autofree char *owned = value;
    g_autofree char *escaped = vn_format_escape(owned);
    g_string_append_printf(text, "%-11s %s\n", name, escaped);
}

static char *
source_text(GVariant *sample)
{
    g_autofree char *source = vn_reply_text(sample, "source");
    g_autofree char *reason = vn_reply_string(sample, "source_reason");
    return reason && *reason ? g_strdup_printf("%s (%s)", source, reason)
                             : g_strdup(source);
}

static char *
accesses_text(GVariant *sample)
{
    guint64 lost = vn_reply_uint64(sample, "lost");
    g_autofree char *not_counted =
        g_strdup_printf("; %" G_GUINT64_FORMAT " more were lost", lost);
    return g_strdup_printf("%" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " granules%s",
                           vn_reply_uint64(sample, "accesses_total"),
                           vn_reply_uint64(sample, "granules_total"),
                           lost ? not_counted : "");
}

/* What looking cost the vCPUs, all together, and vnumad of one CPU. */
static char *
cost_text(GVariant *sample)
{
    double duration_s = vn_reply_double(sample, "duration_seconds");
    double cpu_s = vn_reply_double(sample, "cpu_seconds");
    double overhead = vn_reply_double(sample, "overhead_ratio");
    g_autofree char *of_vcpus = isfinite(overhead)
                                    ? g_strdup_printf("%.2f %%", 100 * overhead)
                                    : g_strdup(VN_FORMAT_UNKNOWN);
    g_autofree char *of_cpu = isfinite(cpu_s / duration_s)
                                  ? g_strdup_printf("%.2f %%", 100 * cpu_s / duration_s)
                                  : g_strdup(VN_FORMAT_UNKNOWN);
    return g_strdup_printf("%s of the guest's time (%" G_GUINT64_FORMAT
                           " faults, %" G_GUINT64_FORMAT
                           " huge mappings split); vnumad: %s of a CPU",
                           of_vcpus, vn_reply_uint64(sample, "faults"),
                           vn_reply_uint64(sample, "splits"), of_cpu);
}

static char *
locality_text(GVariant *sample)
{
    double cost = vn_reply_double(sample, "remote_cost");
    g_autofree char *locality =
        vn_format_ratio(vn_reply_double(sample, "locality_ratio"));
    g_autofree char *confidence =
        vn_format_ratio(vn_reply_double(sample, "confidence_ratio"));
    g_autofree char *remote =
        isfinite(cost) ? g_strdup_printf("%.2f", cost) : g_strdup(VN_FORMAT_UNKNOWN);
    return g_strdup_printf("%s, remote cost %s (confidence %s, with what was known)",
                           locality, remote, confidence);
}

/* Which share was local is not known of every sample. */
static gboolean
has_locality(GVariant *vcpus)
{
    for (gsize i = 0; i < g_variant_n_children(vcpus); i++) {
        g_autoptr(GVariant) vcpu = g_variant_get_child_value(vcpus, i);
        if (vn_reply_has(vcpu, "locality_ratio"))
            return TRUE;
    }
    return FALSE;
}

static VnTable *
vcpus_table(GVariant *vcpus)
{
    VnTable *table = vn_table_new();
    gboolean local = has_locality(vcpus);
    vn_table_add_column(table, "VCPU", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "READS", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "WRITES", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "ACCESSES", VN_ALIGN_RIGHT);
    if (local)
        vn_table_add_column(table, "LOCAL", VN_ALIGN_RIGHT);
    for (gsize i = 0; i < g_variant_n_children(vcpus); i++) {
        g_autoptr(GVariant) vcpu = g_variant_get_child_value(vcpus, i);
        vn_table_add_uint(table, vn_reply_uint64(vcpu, "id"));
        vn_table_add_uint(table, vn_reply_uint64(vcpu, "reads"));
        vn_table_add_uint(table, vn_reply_uint64(vcpu, "writes"));
        vn_table_add_uint(table, vn_reply_uint64(vcpu, "accesses"));
        if (local)
            vn_table_take(table,
                          vn_format_ratio(vn_reply_double(vcpu, "locality_ratio")));
    }
    return table;
}

gboolean
vn_verb_sample(const VnCall *call, VnClient *client, GError **error)
{
    guint seconds;
    if (!parse_seconds(call, &seconds, error) || !check_source(call, error))
        return FALSE;
    const char *name = call->qmp ? "" : call->arguments[0];
    g_autoptr(GVariant) sample =
        vn_client_sample(client, name, seconds, call->source, call->qmp, error);
    if (!sample)
        return FALSE;
    if (call->output.json)
        return vn_output_json(sample, TRUE, error);

    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GVariant) vcpus = vn_reply_list(sample, "vcpus");
    g_autoptr(VnTable) table = vcpus_table(vcpus);
    append_line(text, "Guest", vn_reply_text(sample, "guest"));
    append_line(text, "Source", source_text(sample));
    append_line(text, "Watched",
                vn_format_duration(vn_reply_double(sample, "duration_seconds")));
    append_line(text, "Accesses", accesses_text(sample));
    append_line(text, "Cost", cost_text(sample));
    append_line(text, "Locality", locality_text(sample));
    vn_table_append_below(table, call->output.color, text);
    return vn_output_text(text->str, error);
}
