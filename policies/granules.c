/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Granules to where they are used: which of them pay, and fit, and the steps for them. */
#include "policies/granules.h"

#include "model/text.h"
#include "policies/pieces.h"

#include <string.h>

/* The guest being steered. */
typedef struct {
    const VnSnapshot *snapshot;
    const VnGuest *guest;
    const VnCell *cell; /* the only one */
    const VnSteerEvidence *evidence;
    VnIdSet *targets;  /* ids of host nodes where its memory may go */
    gint64 *room;      /* bytes, by place in VnHost.nodes */
    guint64 bytes_max; /* that may move yet */
    double gain;       /* of all that is wanted so far, and */
    double price;
    guint64 bytes;
} Mover;

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
gain_of(const Mover *mover, const VnPiece *piece)
{
    const VnHost *host = mover->snapshot->host;
    double nearer =
        (double) vn_host_distance(host, (guint) piece->to, (guint) piece->from) -
        (double) vn_host_distance(host, (guint) piece->to, (guint) piece->to);
    return nearer / VN_DISTANCE_LOCAL * piece->rate / vn_heat_rate(mover->evidence->heat);
}

/* Whether the piece is to move; its bytes are then taken from the room. */
static gboolean
take(Mover *mover, const VnPiece *piece)
{
    const VnPlacement *placement = mover->evidence->placement;
    int from = vn_host_node_index(mover->snapshot->host, (guint) piece->from);
    int to = vn_host_node_index(mover->snapshot->host, (guint) piece->to);
    const VnPlace *place = vn_placement_find(placement, piece->granule);
    guint64 bytes = piece->n_granules * VN_GRANULE_BYTES;
    double price = VN_STEER_PRICE * (double) bytes /
                   (double) MAX(vn_cell_resident(mover->cell), VN_GRANULE_BYTES);
    double gain = from >= 0 && to >= 0 ? gain_of(mover, piece) : 0;
    if (gain <= price || place->cell != 0 || bytes > mover->bytes_max ||
        !vn_idset_contains(mover->targets, (guint) piece->to) ||
        mover->room[to] < (gint64) bytes)
        return FALSE;
    mover->room[to] -= (gint64) bytes;
    mover->room[from] += (gint64) bytes;
    mover->bytes_max -= bytes;
    mover->bytes += bytes;
    mover->gain += gain;
    mover->price += price;
    return TRUE;
}

/* Of VnPiece: what is worth its move, hottest first. */
static GArray *
choose(Mover *mover)
{
    g_autoptr(GArray) all = vn_pieces_to_move(
        mover->evidence->heat, mover->evidence->placement, NULL, VN_HEAT_HOTTEST_MAX);
    GArray *chosen = g_array_new(FALSE, FALSE, sizeof(VnPiece));
    for (guint i = 0; i < all->len; i++) {
        const VnPiece *piece = &g_array_index(all, VnPiece, i);
        if (take(mover, piece))
            g_array_append_val(chosen, *piece);
    }
    return chosen;
}

static void
add_step(const Mover *mover, const GArray *pieces, int from, int to, VnPlan *plan)
{
    g_autoptr(GArray) some = g_array_new(FALSE, FALSE, sizeof(VnPiece));
    double gain = 0;
    double rate = 0;
    for (guint i = 0; i < pieces->len; i++) {
        const VnPiece *piece = &g_array_index(pieces, VnPiece, i);
        if (piece->from != from || piece->to != to)
            continue;
        g_array_append_val(some, *piece);
        gain += gain_of(mover, piece);
        rate += piece->rate;
    }
    g_autoptr(GArray) parts = vn_pieces_parts(some, mover->evidence->placement, 0, to);
    if (parts->len == 0)
        return;
    VnStep *step =
        vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, mover->guest, 0,
                         vn_idset_new_with((guint) from), vn_idset_new_with((guint) to));
    step->policy = VN_STEER_POLICY;
    step->parts = g_steal_pointer(&parts);
    step->parts_only = TRUE;
    step->bytes = vn_step_parts_bytes(step);
    step->expected_gain = gain;
    g_autofree char *size = vn_text_bytes(step->bytes);
    step->reason = g_strdup_printf(
        "%s on host node %d, with %.0f %% of the guest's accesses, are used by vCPUs on "
        "host node %d alone",
        size, from, rate / vn_heat_rate(mover->evidence->heat) * 100, to);
}

static void
add_steps(const Mover *mover, const GArray *pieces, VnPlan *plan)
{
    const VnHost *host = mover->snapshot->host;
    VN_IDSET_FOREACH (mover->targets, to) {
        for (guint i = 0; i < host->nodes->len; i++) {
            const VnHostNode *from = host->nodes->pdata[i];
            add_step(mover, pieces, (int) from->id, to, plan);
        }
    }
}

static void
set_reason(const Mover *mover, VnDecision *decision)
{
    double before = mover->evidence->locality->guest.remote_cost;
    g_autofree char *size = vn_text_bytes(mover->bytes);
    g_autofree char *costs =
        before > 0 ? g_strdup_printf("remote cost %.2f instead of %.2f",
                                     MAX(before - mover->gain, 1), before)
                   : g_strdup_printf("the remote cost falls by %.2f", mover->gain);
    vn_decision_set_reason(decision,
                           "it has no cells: memory goes to the only vCPUs that use it, "
                           "hottest first: %s move, %s; what is shared stays",
                           size, costs);
}

/* Nothing is to move: because it pays nowhere, or because its pattern does not hold. */
static VnSteerVerdict
leave(const Mover *mover, VnDecision *decision)
{
    gint64 period_us = 0;
    double share = vn_heat_alternation(mover->evidence->heat, &period_us);
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
    if (vn_idset_count(decision->homes->pdata[0]) < 2 || has_other_steps(plan, guest) ||
        cell->binding == VN_BINDING_INTERLEAVE ||
        cell->page_size_bytes > VN_GRANULE_BYTES)
        return VN_STEER_AGREE;

    const GPtrArray *nodes = snapshot->host->nodes;
    g_autofree gint64 *room = g_new(gint64, nodes->len);
    g_autoptr(VnIdSet) targets = vn_idset_copy(decision->homes->pdata[0]);
    if (guest->allowed_nodes)
        vn_idset_keep_all(targets, guest->allowed_nodes);
    if (cell->bound)
        vn_idset_keep_all(targets, cell->bound);
    for (guint i = 0; i < nodes->len; i++)
        room[i] = (gint64) vn_host_node_available(nodes->pdata[i]);
    Mover mover = {.snapshot = snapshot,
                   .guest = guest,
                   .cell = cell,
                   .evidence = evidence,
                   .targets = targets,
                   .room = room,
                   .bytes_max = MIN(evidence->move_bytes_per_second, G_MAXUINT32) *
                                VN_GRANULES_PLAN_SECONDS};
    g_autoptr(GArray) pieces = choose(&mover);
    if (mover.gain - mover.price < VN_STEER_GAIN_MIN)
        return leave(&mover, decision);
    add_steps(&mover, pieces, plan);
    set_reason(&mover, decision);
    return VN_STEER_MOVE;
}
