/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first half of the cycle: observe, decide, steer, guard: vn_cycle_decide(). */
#include "daemon/cycle-private.h"

#include "daemon/guard.h"
#include "daemon/trace.h"
#include "policies/align.h"
#include "policies/drain.h"
#include "policies/steer.h"

#include <string.h>

gboolean
vn_cycle_is_wanted(const VnSnapshot *snapshot, const char *const *guests,
                   const char *name)
{
    if (!guests || !*guests)
        return TRUE;
    for (; *guests; guests++) {
        const VnGuest *guest = vn_snapshot_find(snapshot, *guests);
        if (guest && strcmp(guest->name, name) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean
vn_cycle_is_named(const VnSnapshot *snapshot, const char *const *guests, const char *name)
{
    return guests && *guests && vn_cycle_is_wanted(snapshot, guests, name);
}

gboolean
vn_cycle_all_exist(const VnSnapshot *snapshot, const char *const *guests, GError **error)
{
    for (; guests && *guests; guests++) {
        if (vn_snapshot_find(snapshot, *guests))
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "guest %s: there is none of this name; 'vnumactl list' shows all",
                    *guests);
        return FALSE;
    }
    return TRUE;
}

/*
 * Everybody was decided for, as guests share the host; now only those asked for
 * remain.
 */
static void
keep_wanted(const VnSnapshot *snapshot, const char *const *guests, VnPlan *plan)
{
    for (guint i = plan->steps->len; i-- > 0;) {
        const VnStep *step = plan->steps->pdata[i];
        if (!vn_cycle_is_wanted(snapshot, guests, step->guest))
            g_ptr_array_remove_index(plan->steps, i);
    }
    for (guint i = plan->decisions->len; i-- > 0;) {
        const VnDecision *decision = plan->decisions->pdata[i];
        if (!vn_cycle_is_wanted(snapshot, guests, decision->guest))
            g_ptr_array_remove_index(plan->decisions, i);
    }
}

VnSnapshot *
vn_cycle_observe(VnCycle *cycle, GError **error)
{
    VnSnapshot *snapshot = vn_observer_observe(cycle->observer, error);
    if (snapshot) {
        vn_sampling_see(cycle->sampling, snapshot);
        cycle->look_us = G_MAXINT64;
    }
    return snapshot;
}

/* A pin to all CPUs that there are, which a pin taken back leaves behind, is nobody's. */
void
vn_cycle_mark_pins(const VnCycle *cycle, const VnSnapshot *snapshot)
{
    g_autoptr(VnIdSet) nodes = vn_host_node_ids(snapshot->host);
    g_autoptr(VnIdSet) all = vn_host_cpus_of_nodes(snapshot->host, nodes);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        VnGuest *guest = snapshot->guests->pdata[i];
        vn_ledger_mark_pins(cycle->ledger, guest);
        for (guint k = 0; k < guest->vcpus->len; k++) {
            VnVcpu *vcpu = guest->vcpus->pdata[k];
            if (vcpu->pinned && vn_idset_is_subset(all, vcpu->pinned))
                vcpu->pin_is_ours = TRUE;
        }
        if (guest->emulator_pinned && vn_idset_is_subset(all, guest->emulator_pinned))
            guest->emulator_pin_is_ours = TRUE;
    }
}

static gboolean
pins_are_ours(const VnGuest *guest)
{
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        if (vcpu->pinned && !vcpu->pin_is_ours)
            return FALSE;
    }
    return TRUE;
}

/*
 * Changes the guest's part of the plan by its accesses, unless it leaves a host node that
 * is cordoned: they are followed once it is elsewhere.
 *
 * Returns: (transfer full) (nullable): what is known of these
 */
static VnLocality *
steer(VnCycle *cycle, const VnSnapshot *snapshot, VnGuest *guest, VnPlan *plan)
{
    g_autoptr(GError) error = NULL;
    VnSteerVerdict verdict = VN_STEER_UNSURE;
    g_autoptr(VnLocality) locality = NULL;
    gboolean leaves = vn_drain_leaves(snapshot, guest, plan);
    gboolean may = vn_policy_steers(guest->policy);
    gboolean steered = may && vn_ledger_was_steered(cycle->ledger, guest);
    g_autoptr(VnPlacement) placement =
        vn_sampling_placement(cycle->sampling, guest, snapshot->host, &error);
    if (error)
        vn_guest_add_note(guest, "%s", error->message);
    if (placement) {
        const VnHeat *heat = vn_sampling_heat(cycle->sampling, guest);
        gint64 now_us = g_get_monotonic_time();
        g_autofree guint64 *reserves = g_new(guint64, snapshot->host->nodes->len);
        for (guint i = 0; i < snapshot->host->nodes->len; i++)
            reserves[i] =
                vn_guard_reserve(snapshot->host->nodes->pdata[i], &cycle->config);
        locality = vn_locality_new(heat, placement, snapshot->host, now_us);
        const VnSteerEvidence evidence = {
            .heat = heat,
            .locality = locality,
            .pins_are_ours = pins_are_ours(guest),
            .now_us = now_us,
            .move_bytes_per_second = VN_CAUTION_MOVE_BYTES_PER_SECOND,
            .placement = placement,
            .reserves = reserves,
            .steered = steered,
            .expected_cost = vn_sampling_promised(cycle->sampling, guest),
        };
        if (may && !leaves)
            verdict = vn_steer_guest(snapshot, guest, &evidence, plan);
    }
    if (leaves)
        return g_steal_pointer(&locality);
    if (verdict == VN_STEER_UNSURE && steered &&
        cycle->config.sampling == VN_SAMPLING_AUTO)
        vn_steer_hold(guest,
                      "stays where its accesses had it, until enough of them is seen "
                      "again",
                      plan);
    else if (verdict > VN_STEER_AGREE && !vn_sampling_is_settled(cycle->sampling, guest))
        vn_steer_hold(guest,
                      "its accesses have just changed: left as it is until the next "
                      "look shows that they stay so",
                      plan);
    return g_steal_pointer(&locality);
}

GHashTable *
vn_cycle_new_localities(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                 (GDestroyNotify) vn_locality_free);
}

/* A trace that cannot be written is no reason not to act. */
static void
trace(const VnCycle *cycle, const VnSnapshot *snapshot, const VnPlan *plan)
{
    g_autoptr(GError) error = NULL;
    const char *path = cycle->config.trace_file;
    if (*path && !vn_trace_append(path, VN_TRACE_BYTES_MAX, snapshot, plan, &error))
        g_warning("trace: %s", error->message);
}

static void
drop_steps(const VnGuest *guest, VnPlan *plan)
{
    for (guint i = plan->steps->len; i-- > 0;) {
        if (strcmp(((const VnStep *) plan->steps->pdata[i])->uuid, guest->uuid) == 0)
            g_ptr_array_remove_index(plan->steps, i);
    }
}

/*
 * After an undo, what was undone is not to be planned again unasked; but a drain, which
 * somebody has asked for, gets everybody off its node.
 */
static void
hold_resting(VnCycle *cycle, const VnSnapshot *snapshot, const char *const *guests,
             VnPlan *plan)
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        guint64 since_us = 0;
        if (vn_cycle_is_named(snapshot, guests, guest->name) ||
            !vn_ledger_rests(cycle->ledger, guest, &since_us) ||
            vn_drain_leaves(snapshot, guest, plan))
            continue;
        VnDecision *decision = vn_plan_find_decision(plan, guest->name);
        g_autofree char *time = vn_past_time(since_us);
        drop_steps(guest, plan);
        decision->expected_cost = 0;
        vn_decision_set_reason(
            decision,
            "rests, as its last plan was undone at %s, until it is started anew, its "
            "definition changes, or 'vnumactl rebalance %s'",
            time, guest->name);
    }
}

VnPlan *
vn_cycle_decide(VnCycle *cycle, const char *const *guests, VnSnapshot **ret_snapshot,
                GHashTable *localities, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = vn_cycle_observe(cycle, error);
    if (!snapshot || !vn_cycle_all_exist(snapshot, guests, error))
        return NULL;
    vn_cycle_mark_pins(cycle, snapshot);
    vn_caution_see(cycle->caution, snapshot);
    VnPlan *plan = vn_align_decide(snapshot);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        VnGuest *guest = snapshot->guests->pdata[i];
        g_autoptr(VnLocality) locality = steer(cycle, snapshot, guest, plan);
        vn_cycle_look_back(cycle, guest, locality);
        if (locality && localities)
            g_hash_table_insert(localities, guest->name, g_steal_pointer(&locality));
    }
    vn_drain_revise(snapshot, plan);
    hold_resting(cycle, snapshot, guests, plan);
    trace(cycle, snapshot, plan);
    keep_wanted(snapshot, guests, plan);
    const VnGuardView view = {.caution = cycle->caution,
                              .asked = guests != NULL,
                              .now_us = g_get_monotonic_time()};
    vn_guard_with(snapshot, &cycle->config, &view, plan);
    if (!guests || !*guests)
        vn_history_note(cycle->history, snapshot, plan);
    if (ret_snapshot)
        *ret_snapshot = g_steal_pointer(&snapshot);
    return plan;
}
