/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cycle looks back at what came of its plans, and ahead to when it may go on. */
#include "daemon/cycle-private.h"

#include "daemon/foreign.h"
#include "policies/steer.h"

#include <string.h>

/* Who manages the guest's pins: said once, and again when somebody takes more. */
static void
see_hands(VnCycle *cycle, const VnGuest *guest)
{
    gboolean emulator;
    g_autoptr(VnIdSet) vcpus = vn_foreign_pins(cycle->ledger, guest, &emulator);
    if (!vn_caution_set_foreign(cycle->caution, guest, vcpus, emulator))
        return;
    g_autofree char *list = vn_idset_format(vcpus);
    g_message(
        "guest %s: somebody else has pinned %s%s%s%s since vnumad did: that is left "
        "to them",
        guest->name, *list ? "vCPU " : "", list, *list && emulator ? " and " : "",
        emulator ? "the emulator" : "");
}

static double
resident_bytes(const VnGuest *guest)
{
    guint64 bytes = 0;
    for (guint i = 0; i < guest->cells->len; i++)
        bytes += vn_cell_resident(guest->cells->pdata[i]);
    return (double) bytes;
}

/* Of the guest's memory, what is not on @homes, by cell. */
static double
astray_bytes(const VnGuest *guest, const GPtrArray *homes)
{
    double bytes = resident_bytes(guest);
    for (guint i = 0; i < MIN(guest->cells->len, homes->len); i++)
        bytes -= (double) vn_cell_resident_on(guest->cells->pdata[i], homes->pdata[i]);
    return bytes;
}

/* Below 0: not known, or on too little evidence. */
static double
remote_cost(const VnLocality *locality)
{
    return locality && locality->guest.confidence >= VN_STEER_CONFIDENCE_MIN
               ? locality->guest.remote_cost
               : -1;
}

void
vn_cycle_look_back(VnCycle *cycle, const VnGuest *guest, const VnLocality *locality)
{
    if (guest->state == VN_GUEST_STOPPED || guest->trouble)
        return;
    see_hands(cycle, guest);
    const GPtrArray *homes = vn_caution_predicted_homes(cycle->caution, guest);
    const VnEvidence evidence = {
        .remote_cost = remote_cost(locality),
        .astray_bytes = homes ? astray_bytes(guest, homes) : 0,
        .resident_bytes = resident_bytes(guest),
        .n_windows = vn_sampling_windows(cycle->sampling, guest),
        .now_us = g_get_monotonic_time(),
    };
    const char *policy = vn_caution_measure(cycle->caution, guest, &evidence);
    if (policy)
        g_message("guest %s: of the last %u predictions of the policy %s %u brought less "
                  "than half: it does not act on this guest any more by itself; "
                  "'vnumactl rebalance %s' tries again",
                  guest->name, VN_CONSCIENCE_LAST, policy, VN_CONSCIENCE_FAILED_MAX,
                  guest->name);
}

/* What became of one guest's steps. */
typedef struct {
    const char *policy; /* of those that are not the emulator's; NULL: there are none */
    guint64 bytes_moved;
    guint64 bytes; /* to be moved to homes, whole cells */
    gboolean all_done;
    gboolean pending;
} Outcome;

static Outcome
outcome_of(const VnPlan *plan, const VnGuest *guest)
{
    Outcome outcome = {.all_done = TRUE};
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (strcmp(step->uuid, guest->uuid) != 0)
            continue;
        if (step->kind != VN_STEP_PIN_EMULATOR)
            outcome.policy = step->policy;
        outcome.bytes_moved += step->bytes_moved;
        outcome.bytes += step->parts_only ? 0 : step->bytes;
        outcome.all_done &= step->outcome == VN_OUTCOME_DONE;
        outcome.pending |= step->outcome == VN_OUTCOME_PENDING;
    }
    return outcome;
}

/* What the plan that was carried out for the guest promises, if it does. */
static void
predict(VnCycle *cycle, const VnGuest *guest, const VnLocality *locality,
        const VnDecision *decision, const Outcome *outcome)
{
    VnPrediction prediction = {
        .n_windows = vn_sampling_windows(cycle->sampling, guest),
        .made_us = g_get_monotonic_time(),
    };
    double cost = remote_cost(locality);
    if (decision->expected_cost > 0 && cost >= 0) {
        prediction.by_accesses = TRUE;
        prediction.before = cost;
        prediction.expected = decision->expected_cost;
        vn_caution_predict(cycle->caution, guest, outcome->policy, &prediction, NULL);
        return;
    }
    prediction.before = astray_bytes(guest, decision->homes);
    prediction.expected = MAX(prediction.before - (double) outcome->bytes, 0);
    prediction.resident_bytes = resident_bytes(guest);
    vn_caution_predict(cycle->caution, guest, outcome->policy, &prediction,
                       decision->homes);
}

void
vn_cycle_look_ahead(VnCycle *cycle, const VnSnapshot *snapshot, GHashTable *localities,
                    const VnPlan *plan)
{
    gint64 cooldown_us = cycle->config.cooldown_seconds * (gint64) G_USEC_PER_SEC;
    for (guint i = 0; i < plan->decisions->len; i++) {
        const VnDecision *decision = plan->decisions->pdata[i];
        const VnGuest *guest = vn_snapshot_find(snapshot, decision->guest);
        const Outcome outcome = outcome_of(plan, guest);
        if (outcome.bytes_moved)
            vn_caution_moved(cycle->caution, guest, outcome.bytes_moved, !outcome.pending,
                             cooldown_us, g_get_monotonic_time());
        if (outcome.policy && outcome.all_done)
            predict(cycle, guest, g_hash_table_lookup(localities, guest->name), decision,
                    &outcome);
    }
}
