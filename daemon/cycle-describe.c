/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `vnumactl` shows of guests, as the cycle sees them. Nothing is changed here. */
#include "daemon/cycle-private.h"

#include "daemon/verify.h"
#include "model/dict.h"
#include "virt/domains.h"

#include <string.h>

/* In all, for the stored definitions that verify reads; a single guest gets a quarter. */
#define VERIFY_TIMEOUT_MS 20000u

static GHashTable *
new_localities(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                 (GDestroyNotify) vn_locality_free);
}

GVariant *
vn_cycle_describe_guests(VnCycle *cycle, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(GHashTable) localities = new_localities();
    g_autoptr(VnPlan) plan = vn_cycle_decide(cycle, NULL, &snapshot, localities, error);
    if (!plan)
        return NULL;
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
        g_autoptr(GVariant) described = g_variant_ref_sink(vn_guest_to_variant(
            guest, decision, g_hash_table_lookup(localities, guest->name), FALSE));
        g_autoptr(VnVerdict) verdict = vn_verify_told(snapshot, guest, decision);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, described);
        vn_dict_insert(&dict, "told_state", "s", vn_told_state_name(verdict->told));
        vn_dict_insert(&dict, "rests", "b", vn_ledger_rests(cycle->ledger, guest, NULL));
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

GVariant *
vn_cycle_verify(VnCycle *cycle, const char *const *guests, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + VERIFY_TIMEOUT_MS * (gint64) 1000;
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(GHashTable) localities = new_localities();
    g_autoptr(VnPlan) plan = vn_cycle_decide(cycle, guests, &snapshot, localities, error);
    if (!plan)
        return NULL;
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        if (!vn_cycle_is_wanted(snapshot, guests, guest->name))
            continue;
        gint64 left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
        g_autoptr(VnVerdict) verdict = vn_verify_whole(
            cycle->virt, snapshot, guest, vn_plan_find_decision(plan, guest->name),
            (guint) CLAMP(left_ms, 1, VERIFY_TIMEOUT_MS / 4));
        const VnLocality *locality = g_hash_table_lookup(localities, guest->name);
        vn_verify_accesses(verdict, guest, locality, plan);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "name", "s", guest->name);
        vn_dict_insert(&dict, "uuid", "s", guest->uuid);
        vn_dict_insert(&dict, "state", "s", vn_guest_state_name(guest->state));
        vn_dict_insert_ratio(&dict, "locality_ratio",
                             locality ? locality->guest.locality : -1);
        vn_verdict_insert(verdict, &dict);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

GVariant *
vn_cycle_describe_guest(VnCycle *cycle, const char *name, GError **error)
{
    const char *const names[] = {name, NULL};
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(GHashTable) localities = new_localities();
    /* Not as if it were asked for by name: what vnumad would do by itself. */
    g_autoptr(VnPlan) plan = vn_cycle_decide(cycle, NULL, &snapshot, localities, error);
    if (!plan || !vn_cycle_all_exist(snapshot, names, error))
        return NULL;
    for (guint i = 0; i < snapshot->guests->len; i++)
        vn_completer_add_notes(cycle->completer, snapshot->guests->pdata[i]);
    const VnGuest *guest = vn_snapshot_find(snapshot, name);
    const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    g_autoptr(GVariant) described = g_variant_ref_sink(vn_guest_to_variant(
        guest, decision, g_hash_table_lookup(localities, guest->name), TRUE));
    g_autoptr(VnVerdict) verdict =
        vn_verify_whole(cycle->virt, snapshot, guest, decision, VERIFY_TIMEOUT_MS / 4);
    vn_verify_accesses(verdict, guest, g_hash_table_lookup(localities, guest->name),
                       plan);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, described);
    vn_verdict_insert(verdict, &dict);
    vn_dict_insert(&dict, "rests", "b", vn_ledger_rests(cycle->ledger, guest, NULL));
    vn_sampling_describe(cycle->sampling, guest, &dict);
    vn_dict_insert_value(&dict, "past_steps",
                         vn_ledger_past_steps(cycle->ledger, guest->uuid));
    return vn_dict_end(&dict);
}

GVariant *
vn_cycle_describe_heat(VnCycle *cycle, const char *name, GVariant *options,
                       GError **error)
{
    const char *const names[] = {name, NULL};
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(VnPlan) plan = vn_cycle_decide(cycle, names, &snapshot, NULL, error);
    if (!plan)
        return NULL;
    const VnGuest *guest = vn_snapshot_find(snapshot, name);
    const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    return vn_sampling_heatmap(cycle->sampling, guest, snapshot->host, decision->homes,
                               options, error);
}

char *
vn_cycle_get_definition(VnCycle *cycle, const char *name, GError **error)
{
    g_autoptr(GPtrArray) domains = vn_virt_list(cycle->virt, 0, error);
    if (!domains)
        return NULL;
    for (guint i = 0; i < domains->len; i++) {
        VnVirtDomain *domain = domains->pdata[i];
        if (strcmp(domain->name, name) != 0 && strcmp(domain->uuid, name) != 0)
            continue;
        if (domain->xml)
            return g_steal_pointer(&domain->xml);
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "guest %s: %s", domain->name,
                    domain->busy);
        return NULL;
    }
    g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                "guest %s: there is none of this name; 'vnumactl list' shows all", name);
    return NULL;
}
