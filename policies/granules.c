/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests without cells: vCPUs first, then granules, as the guest's policy has it. */
#include "policies/granules.h"

#include "model/text.h"
#include "policies/interleave.h"
#include "policies/regroup.h"
#include "policies/spread.h"
#include "policies/tier.h"

#include <string.h>

static gboolean
has_other_steps(const VnPlan *plan, const VnGuest *guest)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_PIN_EMULATOR && strcmp(step->uuid, guest->uuid) == 0)
            return TRUE;
    }
    return FALSE;
}

/* By how much the guest's remote cost falls. */
static double
gain_of(const VnMover *mover, const VnPiece *piece)
{
    const VnHost *host = mover->snapshot->host;
    double nearer =
        (double) vn_host_distance(host, (guint) piece->to, (guint) piece->from) -
        (double) vn_host_distance(host, (guint) piece->to, (guint) piece->to);
    return nearer / VN_DISTANCE_LOCAL * piece->rate / vn_heat_rate(mover->evidence->heat);
}

static double
price_of(const VnMover *mover, guint64 bytes)
{
    const VnCell *cell = mover->guest->cells->pdata[0];
    return VN_STEER_PRICE * (double) bytes /
           (double) MAX(vn_cell_resident(cell), VN_GRANULE_BYTES);
}

/* What is private to a host node goes there, as far as it is worth it, hottest first. */
static void
move_private(VnMover *mover, GString *reason, VnPlan *plan)
{
    g_autoptr(GArray) all = vn_pieces_to_move(
        mover->evidence->heat, mover->evidence->placement, NULL, VN_HEAT_HOTTEST_MAX);
    for (guint i = 0; i < all->len; i++) {
        const VnPiece *piece = &g_array_index(all, VnPiece, i);
        double gain = gain_of(mover, piece);
        if (gain > price_of(mover, piece->n_granules * VN_GRANULE_BYTES))
            vn_mover_take(mover, piece, gain);
    }
    if (mover->gain - price_of(mover, mover->bytes) < VN_STEER_GAIN_MIN) {
        vn_mover_drop(mover);
        return;
    }
    double before = mover->evidence->locality->guest.remote_cost;
    g_autofree char *size = vn_text_bytes(mover->bytes);
    g_autofree char *costs =
        before > 0 ? g_strdup_printf("remote cost %.2f instead of %.2f",
                                     MAX(before - mover->gain, 1), before)
                   : g_strdup_printf("the remote cost falls by %.2f", mover->gain);
    g_string_append_printf(reason,
                           "memory goes to the only vCPUs that use it, hottest first: %s "
                           "move, %s",
                           size, costs);
    vn_mover_add_steps(mover, VN_STEER_POLICY, "are used only by vCPUs on host node",
                       plan);
}

static void
move_shared(VnMover *mover, GString *reason, VnPlan *plan)
{
    double before = 0;
    double after = 0;
    vn_spread_take(mover, &before, &after);
    if (mover->bytes == 0)
        return;
    g_autofree char *size = vn_text_bytes(mover->bytes);
    g_string_append_printf(reason,
                           "%swhat is hot and shared is spread evenly: %s move, and the "
                           "busiest host node has %.0f %% of these accesses instead of "
                           "%.0f %%",
                           reason->len > 0 ? "; " : "", size, after * 100, before * 100);
    vn_mover_add_steps(mover, VN_SPREAD_POLICY,
                       "are shared and hot, and spread to host node", plan);
}

static void
move_interleaved(VnMover *mover, GString *reason, VnPlan *plan)
{
    vn_interleave_take(mover);
    if (mover->share < VN_STEER_GAIN_MIN)
        return;
    g_autofree char *size = vn_text_bytes(mover->bytes);
    g_string_append_printf(reason,
                           "what is hot or shared is interleaved by the bandwidth of its "
                           "host nodes: %s move, with %.0f %% of its accesses",
                           size, mover->share * 100);
    vn_mover_add_steps(mover, VN_INTERLEAVE_POLICY, "are interleaved to host node", plan);
}

static void
move_by_policy(VnMover *mover, GString *reason, VnPlan *plan)
{
    switch (vn_granule_policy(mover->guest)) {
    case VN_GRANULES_ALIGN:
        move_private(mover, reason, plan);
        if (reason->len > 0)
            g_string_append(reason, "; what is shared stays");
        return;
    case VN_GRANULES_SPREAD:
        move_private(mover, reason, plan);
        move_shared(mover, reason, plan);
        return;
    case VN_GRANULES_INTERLEAVE:
        move_interleaved(mover, reason, plan);
        return;
    case VN_GRANULES_TIER:
        vn_tier_steer(mover, reason, plan);
        return;
    }
}

/* Nothing is to move: because it pays nowhere, or because its pattern does not hold. */
static VnSteerVerdict
leave(const VnSteerEvidence *evidence, VnDecision *decision)
{
    gint64 period_us = 0;
    double share = vn_heat_alternation(evidence->heat, &period_us);
    if (share < VN_STEER_ALTERNATING_SHARE)
        return VN_STEER_AGREE;
    vn_decision_set_reason(decision,
                           "left alone: where %.0f %% of its accesses go, other vCPUs "
                           "take over every %.0f s or so",
                           share * 100, (double) period_us / G_USEC_PER_SEC);
    return VN_STEER_ALONE;
}

VnSteerVerdict
vn_granules_steer(const VnSnapshot *snapshot, const VnGuest *guest,
                  const VnSteerEvidence *evidence, VnPlan *plan)
{
    VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    const VnCell *cell = guest->cells->pdata[0];
    if (decision->homes->len != 1 || !evidence->placement || !cell->hva_end ||
        evidence->placement->ram->len == 0 || vn_heat_rate(evidence->heat) <= 0)
        return VN_STEER_UNSURE;
    const VnIdSet *home = decision->homes->pdata[0];
    if (vn_idset_count(home) < 2 || has_other_steps(plan, guest) ||
        cell->binding == VN_BINDING_INTERLEAVE ||
        cell->page_size_bytes > VN_GRANULE_BYTES)
        return VN_STEER_AGREE;
    if (!vn_granule_policy_is_wide(guest) &&
        vn_regroup_steer(snapshot, guest, home, evidence, plan))
        return VN_STEER_REPIN;

    g_autoptr(VnMover) mover = vn_mover_new(snapshot, guest, evidence, home);
    g_autoptr(GString) reason = g_string_new(NULL);
    move_by_policy(mover, reason, plan);
    if (reason->len == 0)
        return leave(evidence, decision);
    vn_decision_set_reason(decision, "it has no cells: %s", reason->str);
    return VN_STEER_MOVE;
}
