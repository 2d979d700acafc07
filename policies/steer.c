/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steering by accesses: arrangements, their scores, and what becomes of the plan. */
#include "policies/steer.h"

#include "model/sharing.h"
#include "model/text.h"
#include "policies/arrange.h"
#include "policies/granules.h"
#include "policies/homes.h"
#include "policies/mover.h"
#include "policies/pieces.h"

#include <math.h>
#include <string.h>

const char *
vn_steer_verdict_name(VnSteerVerdict verdict)
{
    static const char *const names[] = {
        [VN_STEER_UNSURE] = "unsure", [VN_STEER_AGREE] = "agree",
        [VN_STEER_ALONE] = "alone",   [VN_STEER_STAY] = "stay",
        [VN_STEER_REPIN] = "repin",   [VN_STEER_EXCHANGE] = "exchange",
        [VN_STEER_MOVE] = "move",
    };
    return names[verdict];
}

static void
drop_steps(VnPlan *plan, const VnGuest *guest)
{
    for (guint i = plan->steps->len; i-- > 0;) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_PIN_EMULATOR && strcmp(step->uuid, guest->uuid) == 0)
            g_ptr_array_remove_index(plan->steps, i);
    }
}

static VnIdSet *
all_cpus(const VnHost *host)
{
    g_autoptr(VnIdSet) nodes = vn_host_node_ids(host);
    return vn_host_cpus_of_nodes(host, nodes);
}

static guint
node_id(const VnHost *host, int index)
{
    return ((const VnHostNode *) host->nodes->pdata[index])->id;
}

/* Pins the vCPUs of a cell to the host node; @gain is that of all of them. */
static void
add_pins(const VnArranger *arranger, const VnCell *cell, int node, double gain,
         VnPlan *plan)
{
    const VnHost *host = arranger->snapshot->host;
    g_autoptr(VnIdSet) home = vn_idset_new_with(node_id(host, node));
    g_autoptr(VnIdSet) cpus = vn_homes_cpus(host, home);
    VN_IDSET_FOREACH (cell->vcpus, id) {
        const VnVcpu *vcpu = vn_guest_find_vcpu(arranger->guest, (guint) id);
        g_autoptr(VnIdSet) before =
            vcpu->pinned ? vn_idset_copy(vcpu->pinned) : all_cpus(host);
        g_autoptr(VnIdSet) after = vn_idset_copy(before);
        vn_idset_keep_all(after, cpus);
        if (vn_idset_is_empty(after))
            vn_idset_add_all(after, cpus);
        if (vn_idset_equal(before, after))
            continue; /* it is there already, other vCPUs of the cell are not */
        VnStep *step =
            vn_plan_add_step(plan, VN_STEP_PIN_VCPU, arranger->guest, (guint) id,
                             g_steal_pointer(&before), g_steal_pointer(&after));
        step->policy = VN_STEER_POLICY;
        step->expected_gain = gain / vn_idset_count(cell->vcpus);
        step->reason =
            g_strdup_printf("most of what the vCPUs of cell %u access lies, or "
                            "will lie, nearest to host node %u",
                            cell->id, node_id(host, node));
    }
}

static void
add_move(const VnArranger *arranger, guint index, int node, double gain, VnPlan *plan)
{
    const VnHost *host = arranger->snapshot->host;
    const VnCell *cell = arranger->guest->cells->pdata[index];
    guint id = node_id(host, node);
    g_autoptr(VnIdSet) before = vn_idset_new();
    for (guint i = 0; i < cell->resident_bytes->len; i++) {
        if (i != id && g_array_index(cell->resident_bytes, guint64, i) > 0)
            vn_idset_add(before, i);
    }
    guint64 bytes = vn_arranger_bytes(arranger, index, node);
    g_autofree char *size = vn_text_bytes(bytes);
    g_autofree char *from = vn_idset_format(before);
    VnStep *step = vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, arranger->guest, index,
                                    g_steal_pointer(&before), vn_idset_new_with(id));
    step->policy = VN_STEER_POLICY;
    step->bytes = bytes;
    step->expected_gain = gain;
    step->reason =
        g_strdup_printf("the vCPUs that access cell %u's memory run nearest to host node "
                        "%u; %s of it lie on %s",
                        cell->id, id, size, from);
}

/* Today's arrangement is changed to @wanted bit by bit: each bit's gain is a step's. */
static void
add_steps(const VnArranger *arranger, const VnArrangement *wanted, VnPlan *plan)
{
    g_autoptr(VnArrangement) so_far = vn_arrangement_copy(arranger->today);
    double cost = vn_arranger_cost(arranger, so_far);
    for (guint i = 0; i < so_far->n_cells; i++) {
        const VnCell *cell = arranger->guest->cells->pdata[i];
        if (so_far->cpus[i] == wanted->cpus[i])
            continue;
        so_far->cpus[i] = wanted->cpus[i];
        double then = vn_arranger_cost(arranger, so_far);
        add_pins(arranger, cell, wanted->cpus[i], cost - then, plan);
        cost = then;
    }
    for (guint i = 0; i < so_far->n_cells; i++) {
        if (so_far->homes[i] == wanted->homes[i])
            continue;
        so_far->homes[i] = wanted->homes[i];
        double then = vn_arranger_cost(arranger, so_far);
        if (vn_arranger_bytes(arranger, i, wanted->homes[i]) > 0)
            add_move(arranger, i, wanted->homes[i], cost - then, plan);
        cost = then;
    }
}

/* Do two cells go where the other one was? */
static gboolean
is_exchange(const VnArranger *arranger, const VnArrangement *wanted)
{
    for (guint i = 0; i < wanted->n_cells; i++) {
        for (guint k = i + 1; k < wanted->n_cells && wanted->homes[i] >= 0; k++) {
            if (wanted->homes[k] >= 0 && wanted->homes[i] != wanted->homes[k] &&
                wanted->homes[i] == vn_arranger_mostly_on(arranger, k) &&
                wanted->homes[k] == vn_arranger_mostly_on(arranger, i))
                return TRUE;
        }
    }
    return FALSE;
}

static VnSteerVerdict
verdict_on(const VnArranger *arranger, const VnArrangement *wanted)
{
    gboolean moves = FALSE;
    gboolean pins = FALSE;
    for (guint i = 0; i < wanted->n_cells; i++) {
        moves |=
            wanted->homes[i] >= 0 && vn_arranger_bytes(arranger, i, wanted->homes[i]) > 0;
        pins |= wanted->cpus[i] != arranger->today->cpus[i];
    }
    if (moves)
        return is_exchange(arranger, wanted) ? VN_STEER_EXCHANGE : VN_STEER_MOVE;
    return pins ? VN_STEER_REPIN : VN_STEER_STAY;
}

static void
set_reason(const VnArranger *arranger, const VnArrangement *wanted,
           VnSteerVerdict verdict, VnDecision *decision)
{
    double before = vn_arranger_cost(arranger, arranger->today);
    double after = vn_arranger_cost(arranger, wanted);
    g_autofree char *size = vn_text_bytes(vn_arranger_bytes_in_all(arranger, wanted));
    switch (verdict) {
    case VN_STEER_REPIN:
        vn_decision_set_reason(decision,
                               "vCPUs go to the memory that they access, and no byte has "
                               "to move: remote cost %.2f instead of %.2f",
                               after, before);
        return;
    case VN_STEER_EXCHANGE:
        vn_decision_set_reason(decision,
                               "cells exchange their homes, as each is accessed from the "
                               "other's: %s move, remote cost %.2f instead of %.2f",
                               size, after, before);
        return;
    case VN_STEER_MOVE:
        vn_decision_set_reason(decision,
                               "memory goes to the vCPUs that access it: %s move, remote "
                               "cost %.2f instead of %.2f",
                               size, after, before);
        return;
    case VN_STEER_UNSURE:
    case VN_STEER_AGREE:
    case VN_STEER_ALONE:
    case VN_STEER_STAY:
        break;
    }
    g_assert_not_reached();
}

static void
set_homes(const VnArranger *arranger, const VnArrangement *wanted, VnDecision *decision)
{
    const VnHost *host = arranger->snapshot->host;
    for (guint i = 0; i < wanted->n_cells; i++) {
        int node =
            wanted->homes[i] >= 0 ? wanted->homes[i] : vn_arranger_mostly_on(arranger, i);
        if (node < 0)
            continue;
        vn_idset_free(decision->homes->pdata[i]);
        decision->homes->pdata[i] = vn_idset_new_with(node_id(host, node));
    }
}

/* Whether its pattern changes before what moving costs is earned back. */
static gboolean
alternates(const VnSteerEvidence *evidence, guint64 bytes, VnDecision *decision)
{
    gint64 period_us = 0;
    double share = vn_heat_alternation(evidence->heat, &period_us);
    double moving_s = (double) bytes / (double) MAX(evidence->move_bytes_per_second, 1);
    double period_s = (double) period_us / G_USEC_PER_SEC;
    if (share < VN_STEER_ALTERNATING_SHARE ||
        period_s >= VN_STEER_PAYBACK * MAX(moving_s, 1))
        return FALSE;
    g_autofree char *size = vn_text_bytes(bytes);
    g_autofree char *cost =
        bytes ? g_strdup_printf("to move %s takes %.0f s and would not pay", size,
                                ceil(moving_s))
              : g_strdup("too often for vCPUs to follow");
    vn_decision_set_reason(decision,
                           "left alone: where %.0f %% of its accesses go, another cell "
                           "takes over every %.0f s or so; %s",
                           share * 100, period_s, cost);
    return TRUE;
}

/*
 * Whether the plan leaves every cell's vCPUs on one host node that are on one today:
 * where it takes them to CPUs of several (a home without CPUs, between others), pins to
 * one host node cannot be built on it.
 */
static gboolean
is_of_single_nodes(const VnArranger *arranger)
{
    for (guint i = 0; i < arranger->n_cells; i++) {
        if (arranger->planned->cpus[i] < 0 && arranger->today->cpus[i] >= 0)
            return FALSE;
    }
    return TRUE;
}

/* The better of what both starting points lead to; the plan's, if as good. */
static VnArrangement *
choose(const VnArranger *arranger)
{
    g_autoptr(VnArrangement) from_today = vn_arranger_improve(arranger, arranger->today);
    g_autoptr(VnArrangement) from_plan =
        is_of_single_nodes(arranger) ? vn_arranger_improve(arranger, arranger->planned)
                                     : NULL;
    gboolean today = !from_plan || vn_arranger_score(arranger, from_today) <
                                       vn_arranger_score(arranger, from_plan);
    VnArrangement *best =
        today ? g_steal_pointer(&from_today) : g_steal_pointer(&from_plan);
    if (vn_arranger_score(arranger, arranger->today) <
        vn_arranger_score(arranger, best) + VN_STEER_GAIN_MIN) {
        vn_arrangement_free(best);
        best = vn_arrangement_copy(arranger->today);
    }
    return best;
}

/* The moves of a guest begin with what is hottest. */
static void
set_parts(const VnGuest *guest, const VnSteerEvidence *evidence, VnPlan *plan)
{
    g_autoptr(GArray) homes = g_array_new(FALSE, FALSE, sizeof(int));
    for (guint i = 0; i < guest->cells->len; i++) {
        int stays = -1;
        g_array_append_val(homes, stays);
    }
    g_autoptr(GPtrArray) moves = g_ptr_array_new();
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        if (strcmp(step->uuid, guest->uuid) != 0 || step->kind != VN_STEP_MOVE_MEMORY ||
            vn_idset_count(step->after) != 1)
            continue;
        g_array_index(homes, int, step->target) = vn_idset_next(step->after, 0);
        g_ptr_array_add(moves, step);
    }
    if (!evidence->placement || moves->len == 0)
        return;
    g_autoptr(GArray) pieces = vn_pieces_to_move(evidence->heat, evidence->placement,
                                                 homes, VN_HEAT_HOTTEST_MAX);
    for (guint i = 0; i < moves->len; i++) {
        VnStep *step = moves->pdata[i];
        g_autoptr(GArray) parts =
            vn_pieces_parts(pieces, evidence->placement, step->target,
                            g_array_index(homes, int, step->target));
        if (parts->len > 0)
            step->parts = g_steal_pointer(&parts);
    }
}

/* Whether the last plan brought what was expected of it. */
static gboolean
keeps_promise(const VnArranger *arranger, const VnSteerEvidence *evidence)
{
    return evidence->expected_cost > 0 && vn_arranger_cost(arranger, arranger->today) <
                                              evidence->expected_cost + VN_STEER_GAIN_MIN;
}

static VnSteerVerdict
stay(const VnArranger *arranger, const VnSteerEvidence *evidence, VnPlan *plan,
     VnDecision *decision)
{
    double now = vn_arranger_cost(arranger, arranger->today);
    double planned = vn_arranger_cost(arranger, arranger->planned);
    if (now < planned)
        vn_decision_set_reason(decision,
                               "stays as it is: its accesses have a remote cost of %.2f, "
                               "and would have %.2f with every cell's vCPUs at its home",
                               now, planned);
    else
        vn_decision_set_reason(decision,
                               "stays as it was steered: its accesses have a remote cost "
                               "of %.2f, as was expected",
                               now);
    decision->expected_cost =
        keeps_promise(arranger, evidence) ? evidence->expected_cost : now;
    set_homes(arranger, arranger->today, decision);
    drop_steps(plan, arranger->guest);
    return VN_STEER_STAY;
}

static VnSteerVerdict
steer_cells(const VnSnapshot *snapshot, const VnGuest *guest,
            const VnSteerEvidence *evidence, VnPlan *plan)
{
    VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    g_autoptr(VnArranger) arranger = vn_arranger_new(snapshot, guest, evidence->locality,
                                                     evidence->pins_are_ours, plan);
    if (!arranger)
        return VN_STEER_UNSURE;
    double planned = vn_arranger_score(arranger, arranger->planned);
    if (keeps_promise(arranger, evidence)) {
        if (evidence->steered ||
            planned >= vn_arranger_score(arranger, arranger->today) + VN_STEER_GAIN_MIN)
            return stay(arranger, evidence, plan, decision);
        decision->expected_cost = evidence->expected_cost;
        set_parts(guest, evidence, plan);
        return VN_STEER_AGREE;
    }
    g_autoptr(VnArrangement) wanted = choose(arranger);
    /* What was steered stays, unless the plan is clearly better. */
    double margin = evidence->steered ? -VN_STEER_GAIN_MIN : VN_STEER_GAIN_MIN;
    if (planned < vn_arranger_score(arranger, wanted) + margin) {
        decision->expected_cost = vn_arranger_cost(arranger, arranger->planned);
        set_parts(guest, evidence, plan);
        return VN_STEER_AGREE;
    }
    if (alternates(evidence, vn_arranger_bytes_in_all(arranger, wanted), decision)) {
        drop_steps(plan, guest);
        return VN_STEER_ALONE;
    }
    VnSteerVerdict verdict = verdict_on(arranger, wanted);
    if (verdict == VN_STEER_STAY)
        return stay(arranger, evidence, plan, decision);
    set_reason(arranger, wanted, verdict, decision);
    set_homes(arranger, wanted, decision);
    decision->expected_cost = vn_arranger_cost(arranger, wanted);
    drop_steps(plan, guest);
    add_steps(arranger, wanted, plan);
    set_parts(guest, evidence, plan);
    return verdict;
}

/* What the guest's policy would do with granules, cells do not let it. */
static void
remark_on_policy(const VnGuest *guest, const VnHeat *heat, VnDecision *decision)
{
    if (vn_granule_policy(guest) == VN_GRANULES_ALIGN || !decision->reason)
        return;
    g_autoptr(VnSharing) sharing = vn_sharing_new(heat);
    if (sharing->rates[VN_HEAT_SHARED] < VN_STEER_GAIN_MIN * vn_heat_rate(heat) &&
        !vn_granule_policy_is_wide(guest))
        return;
    g_autofree char *reason = g_strdup(decision->reason);
    vn_decision_set_reason(
        decision,
        "%s; policy %s would place memory by its accesses, but that of "
        "a cell may lie at the cell's home only",
        reason, vn_policy_name(guest->policy));
}

VnSteerVerdict
vn_steer_guest(const VnSnapshot *snapshot, const VnGuest *guest,
               const VnSteerEvidence *evidence, VnPlan *plan)
{
    if (!guest->managed || guest->trouble || guest->state == VN_GUEST_STOPPED ||
        vn_heat_confidence(evidence->heat, NULL, evidence->now_us) <
            VN_STEER_CONFIDENCE_MIN)
        return VN_STEER_UNSURE;
    if (!guest->told_cells)
        return vn_granules_steer(snapshot, guest, evidence, plan);
    VnSteerVerdict verdict = steer_cells(snapshot, guest, evidence, plan);
    if (verdict != VN_STEER_UNSURE)
        remark_on_policy(guest, evidence->heat, vn_plan_find_decision(plan, guest->name));
    return verdict;
}

void
vn_steer_hold(const VnGuest *guest, const char *why, VnPlan *plan)
{
    guint n_steps = plan->steps->len;
    VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    drop_steps(plan, guest);
    if (plan->steps->len == n_steps)
        return;
    vn_decision_set_reason(decision, "%s", why);
    decision->expected_cost = 0;
}
