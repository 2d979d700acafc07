/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report of a definition: what was written, respected, in conflict, and why. */
#include "guest-topology/define-derive.h"
#include "model/dict.h"

static void
entry_free(gpointer data)
{
    VnDefineEntry *entry = data;
    g_free(entry->part);
    g_free(entry->text);
    g_free(entry);
}

VnDefineReport *
vn_define_report_new(void)
{
    VnDefineReport *report = g_new0(VnDefineReport, 1);
    report->written = g_ptr_array_new_with_free_func(entry_free);
    report->respected = g_ptr_array_new_with_free_func(entry_free);
    report->conflicts = g_ptr_array_new_with_free_func(entry_free);
    report->reasons = g_ptr_array_new_with_free_func(g_free);
    return report;
}

void
vn_define_report_free(VnDefineReport *report)
{
    if (!report)
        return;
    g_ptr_array_unref(report->written);
    g_ptr_array_unref(report->respected);
    g_ptr_array_unref(report->conflicts);
    g_ptr_array_unref(report->reasons);
    g_free(report);
}

void
vn_define_add_reason(VnDefineReport *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(report->reasons, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

void
vn_define_add_entry(GPtrArray *entries, VnPart part, const VnIdSet *ids, char *text)
{
    VnDefineEntry *entry = g_new(VnDefineEntry, 1);
    g_autofree char *list = ids && vn_part_has_id(part) ? vn_idset_format(ids) : NULL;
    *entry = (VnDefineEntry){
        .part = g_strjoin(list ? " " : "", vn_part_name(part), list ? list : "", NULL),
        .text = text,
    };
    g_ptr_array_add(entries, entry);
}

void
vn_define_add_conflict(VnDefineReport *report, VnPart part, const VnIdSet *ids,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vn_define_add_entry(report->conflicts, part, ids,
                        g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

static GVariant *
entries_to_variant(const GPtrArray *entries, const char *key)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < entries->len; i++) {
        const VnDefineEntry *entry = entries->pdata[i];
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "part", "s", entry->part);
        vn_dict_insert(&dict, key, "s", entry->text);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

GVariant *
vn_define_report_to_variant(const VnDefineReport *report, const char *definition)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert_string(&dict, "definition", definition);
    vn_dict_insert_value(&dict, "written", entries_to_variant(report->written, "value"));
    vn_dict_insert_value(&dict, "respected",
                         entries_to_variant(report->respected, "value"));
    vn_dict_insert_value(&dict, "conflicts",
                         entries_to_variant(report->conflicts, "conflict"));
    vn_dict_insert_value(&dict, "reasons",
                         g_variant_new_strv((const char *const *) report->reasons->pdata,
                                            report->reasons->len));
    return vn_dict_end(&dict);
}
