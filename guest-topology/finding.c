/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Findings and verdicts: life time, names, and as a description. */
#include "guest-topology/finding.h"

#include <string.h>

static void
finding_free(gpointer data)
{
    VnFinding *finding = data;
    g_free(finding->guest);
    g_free(finding->object);
    g_free(finding->text);
    g_free(finding->remedy);
    g_free(finding);
}

VnVerdict *
vn_verdict_new(const char *guest)
{
    VnVerdict *verdict = g_new0(VnVerdict, 1);
    verdict->guest = g_strdup(guest);
    verdict->findings = g_ptr_array_new_with_free_func(finding_free);
    verdict->unknown = g_ptr_array_new_with_free_func(g_free);
    return verdict;
}

void
vn_verdict_free(VnVerdict *verdict)
{
    if (!verdict)
        return;
    g_free(verdict->guest);
    g_ptr_array_unref(verdict->findings);
    g_ptr_array_unref(verdict->unknown);
    g_free(verdict);
}

VnFinding *
vn_verdict_add(VnVerdict *verdict, VnFindingKind kind, VnSeverity severity, char *object)
{
    VnFinding *finding = g_new0(VnFinding, 1);
    finding->kind = kind;
    finding->severity = severity;
    finding->guest = g_strdup(verdict->guest);
    finding->object = object;
    g_ptr_array_add(verdict->findings, finding);
    return finding;
}

void
vn_verdict_add_unknown(VnVerdict *verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(verdict->unknown, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

static GVariant *
finding_to_variant(const VnFinding *finding)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "severity", "s", vn_severity_name(finding->severity));
    vn_dict_insert(&dict, "object", "s", finding->object);
    vn_dict_insert(&dict, "kind", "s", vn_finding_kind_name(finding->kind));
    vn_dict_insert_string(&dict, "text", finding->text);
    vn_dict_insert_string(&dict, "remedy", finding->remedy);
    return vn_dict_end(&dict);
}

void
vn_verdict_insert(const VnVerdict *verdict, VnDict *dict)
{
    g_auto(GVariantBuilder) findings;
    g_variant_builder_init(&findings, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < verdict->findings->len; i++)
        g_variant_builder_add_value(&findings,
                                    finding_to_variant(verdict->findings->pdata[i]));
    vn_dict_insert(dict, "told_state", "s", vn_told_state_name(verdict->told));
    vn_dict_insert_value(dict, "findings", g_variant_builder_end(&findings));
    vn_dict_insert_value(dict, "unknown",
                         g_variant_new_strv((const char *const *) verdict->unknown->pdata,
                                            verdict->unknown->len));
}

char *
vn_finding_ids(const char *noun, const VnIdSet *ids)
{
    int first = vn_idset_next(ids, 0);
    if (first >= 0 && vn_idset_count(ids) == 2)
        return g_strdup_printf("%ss %d and %d", noun, first,
                               vn_idset_next(ids, (guint) first + 1));
    g_autofree char *list = vn_idset_format(ids);
    return g_strdup_printf("%s%s %s", noun, vn_idset_count(ids) == 1 ? "" : "s", list);
}

const char *
vn_finding_call(const VnGuest *guest)
{
    for (const char *at = guest->name; *at; at++) {
        if (!g_ascii_isalnum(*at) && (at == guest->name || !strchr("._-", *at)))
            return guest->uuid;
    }
    return guest->name;
}

gboolean
vn_finding_is_untruth(const VnFinding *finding)
{
    return finding->kind < VN_FINDING_NODE_MISSING;
}

const char *
vn_finding_kind_name(VnFindingKind kind)
{
    static const char *const names[] = {
        [VN_FINDING_MEMORY_ELSEWHERE] = "memory-elsewhere",
        [VN_FINDING_CELLS_TOGETHER] = "cells-together",
        [VN_FINDING_DISTANCES_DIFFER] = "distances-differ",
        [VN_FINDING_PERFORMANCE_DIFFERS] = "performance-differs",
        [VN_FINDING_VCPU_IN_NO_CELL] = "vcpu-in-no-cell",
        [VN_FINDING_VCPU_AT_OTHER_CELL] = "vcpu-at-other-cell",
        [VN_FINDING_VCPU_ELSEWHERE] = "vcpu-elsewhere",
        [VN_FINDING_NODE_MISSING] = "node-missing",
        [VN_FINDING_NO_ROOM] = "no-room",
        [VN_FINDING_ACCESSES_REMOTE] = "accesses-remote",
        [VN_FINDING_START_NODE_MISSING] = "start-node-missing",
        [VN_FINDING_START_NO_ROOM] = "start-no-room",
        [VN_FINDING_START_ROOM_TAKEN] = "start-room-taken",
        [VN_FINDING_START_CPU_MISSING] = "start-cpu-missing",
        [VN_FINDING_START_REFUSED] = "start-refused",
    };
    return names[kind];
}

const char *
vn_severity_name(VnSeverity severity)
{
    static const char *const names[] = {
        [VN_SEVERITY_INFO] = "info",
        [VN_SEVERITY_WARNING] = "warning",
        [VN_SEVERITY_ERROR] = "error",
    };
    return names[severity];
}

const char *
vn_told_state_name(VnToldState state)
{
    static const char *const names[] = {
        [VN_TOLD_NOTHING] = "nothing",
        [VN_TOLD_UNKNOWN] = "unknown",
        [VN_TOLD_TRUE] = "true",
        [VN_TOLD_DIFFERS] = "differs",
    };
    return names[state];
}
