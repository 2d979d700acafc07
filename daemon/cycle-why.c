/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `vnumactl why` tells. Nothing is changed here. */
#include "daemon/cycle-private.h"

#include "daemon/why.h"
#include "model/dict.h"

#include <string.h>

static GVariant *
steps_to_variant(const VnPlan *plan, const VnGuest *guest)
{
    g_auto(GVariantBuilder) steps;
    g_variant_builder_init(&steps, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (strcmp(step->uuid, guest->uuid) == 0)
            g_variant_builder_add_value(&steps, vn_step_to_variant(step));
    }
    return g_variant_builder_end(&steps);
}

GVariant *
vn_cycle_why(VnCycle *cycle, const char *name, GError **error)
{
    const char *const names[] = {name, NULL};
    g_autoptr(VnSnapshot) snapshot = NULL;
    /* As if nobody were named: what vnumad would do by itself. */
    g_autoptr(VnPlan) plan = vn_cycle_decide(cycle, NULL, &snapshot, NULL, error);
    if (!plan || !vn_cycle_all_exist(snapshot, names, error))
        return NULL;
    const VnGuest *guest = vn_snapshot_find(snapshot, name);
    const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    g_autoptr(GPtrArray) pasts = vn_ledger_pasts(cycle->ledger, guest->uuid);
    gboolean rests = vn_ledger_rests(cycle->ledger, guest, NULL);
    g_auto(GStrv) sentences = vn_why_sentences(plan, guest, rests, pasts);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "guest", "s", guest->name);
    vn_dict_insert(&dict, "uuid", "s", guest->uuid);
    vn_dict_insert(&dict, "rests", "b", rests);
    vn_dict_insert_string(&dict, "reason", decision->reason);
    vn_dict_insert(&dict, "sentences", "^as", sentences);
    vn_dict_insert_value(&dict, "steps", steps_to_variant(plan, guest));
    vn_dict_insert_value(&dict, "history", vn_history_get(cycle->history, guest->uuid));
    vn_dict_insert_value(&dict, "past_steps",
                         vn_ledger_past_steps(cycle->ledger, guest->uuid));
    return vn_dict_end(&dict);
}
