/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vn_scenario_describe(): a real host at one instant as the scenario's document. */
#include "policies/scenario.h"

#include "model/dict.h"

/* vCPUs are numbered from 0 on, whatever numbers the guest has online. */
static VnIdSet *
numbered(const VnGuest *guest, const VnCell *cell)
{
    VnIdSet *set = vn_idset_new();
    for (guint i = 0; i < guest->vcpus->len; i++) {
        if (vn_idset_contains(cell->vcpus, ((const VnVcpu *) guest->vcpus->pdata[i])->id))
            vn_idset_add(set, i);
    }
    return set;
}

static void
add_cell(const VnGuest *guest, const VnCell *cell, const VnIdSet *home,
         GVariantBuilder *cells, GVariantBuilder *placed)
{
    g_autoptr(VnIdSet) vcpus = numbered(guest, cell);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert_idset(&dict, "vcpus", vcpus);
    vn_dict_insert(&dict, "memory_bytes", "t", cell->memory_bytes);
    g_variant_builder_add_value(cells, vn_dict_end(&dict));
    g_variant_builder_open(placed, G_VARIANT_TYPE("au"));
    VN_IDSET_FOREACH (home, id)
        g_variant_builder_add(placed, "u", (guint32) id);
    g_variant_builder_close(placed);
}

/* One page size a guest is all that a scenario knows: that of its first cell. */
static GVariant *
describe_guest(const VnGuest *guest, const VnDecision *decision)
{
    const VnCell *first = guest->cells->pdata[0];
    guint64 bytes = 0;
    g_auto(GVariantBuilder) cells;
    g_auto(GVariantBuilder) placed;
    g_auto(VnDict) dict;
    g_variant_builder_init(&cells, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&placed, G_VARIANT_TYPE("aau"));
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        add_cell(guest, cell, decision->homes->pdata[i], &cells, &placed);
        bytes += cell->memory_bytes;
    }
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "name", "s", guest->name);
    vn_dict_insert(&dict, "vcpus", "u", guest->vcpus->len);
    vn_dict_insert(&dict, "memory_bytes", "t", bytes);
    if (first->page_size_bytes)
        vn_dict_insert(&dict, "page_size_bytes", "t", first->page_size_bytes);
    vn_dict_insert_value(&dict, "cells", g_variant_builder_end(&cells));
    vn_dict_insert(&dict, "policy", "s", vn_policy_name(guest->policy));
    vn_dict_insert_value(&dict, "placed", g_variant_builder_end(&placed));
    return vn_dict_end(&dict);
}

/* Whether a scenario can say it: it runs, has vCPUs and memory, and all of it a home. */
static gboolean
is_told(const VnGuest *guest, const VnDecision *decision)
{
    guint64 bytes = 0;
    for (guint i = 0; i < decision->homes->len; i++) {
        if (vn_idset_is_empty(decision->homes->pdata[i]))
            return FALSE;
        bytes += ((const VnCell *) guest->cells->pdata[i])->memory_bytes;
    }
    return guest->state != VN_GUEST_STOPPED && guest->vcpus->len && bytes;
}

GVariant *
vn_scenario_describe(const VnSnapshot *snapshot, const VnPlan *plan)
{
    g_auto(GVariantBuilder) guests;
    g_auto(VnDict) dict;
    g_variant_builder_init(&guests, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
        if (decision && is_told(guest, decision))
            g_variant_builder_add_value(&guests, describe_guest(guest, decision));
    }
    vn_dict_init(&dict, NULL);
    vn_dict_insert_value(&dict, "host", vn_host_to_variant(snapshot->host));
    vn_dict_insert_value(&dict, "guests", g_variant_builder_end(&guests));
    return vn_dict_end(&dict);
}
