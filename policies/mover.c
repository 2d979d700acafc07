/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is to move of a guest without cells: taken piece by piece, then made steps. */
#include "policies/mover.h"

#include "model/text.h"
#include "policies/granules.h"

VnGranulePolicy
vn_granule_policy(const VnGuest *guest)
{
    switch (guest->policy) {
    case VN_POLICY_SPREAD:
        return VN_GRANULES_SPREAD;
    case VN_POLICY_INTERLEAVE:
        return VN_GRANULES_INTERLEAVE;
    case VN_POLICY_TIER:
        return VN_GRANULES_TIER;
    case VN_POLICY_ALIGN:
    case VN_POLICY_PACK:
    case VN_POLICY_BALANCE:
    case VN_POLICY_MIRROR:
    case VN_POLICY_MANUAL:
        return VN_GRANULES_ALIGN;
    case VN_POLICIES:
        break;
    }
    g_assert_not_reached();
}

gboolean
vn_granule_policy_is_wide(const VnGuest *guest)
{
    VnGranulePolicy policy = vn_granule_policy(guest);
    return policy == VN_GRANULES_INTERLEAVE || policy == VN_GRANULES_TIER;
}

/* Bytes that can come: of free huge pages, if it has such, or above the reserve. */
static gint64
room_on(const VnHost *host, guint index, const VnCell *cell,
        const VnSteerEvidence *evidence)
{
    const VnHostNode *node = host->nodes->pdata[index];
    guint64 reserve = evidence->reserves ? evidence->reserves[index] : 0;
    if (cell->page_size_bytes <= host->page_size_bytes)
        return (gint64) node->free_bytes - (gint64) reserve;
    for (guint i = 0; i < node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        if (pages->size_bytes == cell->page_size_bytes)
            return (gint64) (pages->free * pages->size_bytes);
    }
    return 0;
}

VnMover *
vn_mover_new(const VnSnapshot *snapshot, const VnGuest *guest,
             const VnSteerEvidence *evidence, const VnIdSet *home)
{
    const GPtrArray *nodes = snapshot->host->nodes;
    const VnCell *cell = guest->cells->pdata[0];
    VnMover *mover = g_new0(VnMover, 1);
    mover->snapshot = snapshot;
    mover->guest = guest;
    mover->evidence = evidence;
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(snapshot->host);
    mover->targets = vn_idset_copy(home);
    vn_idset_remove_all(mover->targets, cordoned);
    if (guest->allowed_nodes)
        vn_idset_keep_all(mover->targets, guest->allowed_nodes);
    if (cell->bound)
        vn_idset_keep_all(mover->targets, cell->bound);
    mover->room = g_new(gint64, nodes->len);
    for (guint i = 0; i < nodes->len; i++)
        mover->room[i] = room_on(snapshot->host, i, cell, evidence);
    mover->bytes_max =
        MIN(evidence->move_bytes_per_second, G_MAXUINT32) * VN_GRANULES_PLAN_SECONDS;
    mover->pieces = g_array_new(FALSE, FALSE, sizeof(VnPiece));
    mover->gains = g_array_new(FALSE, FALSE, sizeof(double));
    return mover;
}

void
vn_mover_free(VnMover *mover)
{
    if (!mover)
        return;
    vn_idset_free(mover->targets);
    g_free(mover->room);
    g_array_unref(mover->pieces);
    g_array_unref(mover->gains);
    g_free(mover);
}

const VnPlace *
vn_mover_place(const VnMover *mover, guint64 granule)
{
    const VnPlace *place = vn_placement_find(mover->evidence->placement, granule);
    return place && place->cell == 0 && place->host_node >= 0 ? place : NULL;
}

/* From a host node, or (-1) from all targets that have CPUs. */
static double
distance(const VnMover *mover, int from, int to)
{
    const VnHost *host = mover->snapshot->host;
    if (from >= 0)
        return (double) vn_host_distance(host, (guint) from, (guint) to) /
               VN_DISTANCE_LOCAL;
    double sum = 0;
    guint n = 0;
    VN_IDSET_FOREACH (mover->targets, id) {
        const VnHostNode *node = vn_host_find_node(host, (guint) id);
        if (!node || vn_idset_is_empty(node->cpus))
            continue;
        sum += distance(mover, id, to);
        n++;
    }
    return n > 0 ? sum / n : 1;
}

double
vn_mover_cost(const VnMover *mover, const VnHeatGranule *granule, int host_node)
{
    const VnSteerEvidence *evidence = mover->evidence;
    double cost = 0;
    for (guint i = 0; i < granule->n_accessors; i++) {
        const VnHeatAccessor *who = &granule->accessors[i];
        int from = vn_pieces_node_of(evidence->heat, evidence->placement, who);
        cost += who->rate * distance(mover, from, host_node);
    }
    return cost / vn_heat_rate(evidence->heat);
}

gboolean
vn_mover_is_shared(const VnMover *mover, const VnHeatGranule *granule)
{
    const VnSteerEvidence *evidence = mover->evidence;
    return vn_heat_owner(granule, NULL) != VN_HEAT_PRIVATE_VCPU &&
           vn_pieces_only_user(evidence->heat, evidence->placement, granule) < 0;
}

static guint64
bytes_of(const VnPiece *piece)
{
    return piece->n_granules * VN_GRANULE_BYTES;
}

/* Takes the piece's bytes from where it goes, for where it lies. */
static void
account(VnMover *mover, const VnPiece *piece, gint64 bytes)
{
    const VnHost *host = mover->snapshot->host;
    mover->room[vn_host_node_index(host, (guint) piece->to)] -= bytes;
    mover->room[vn_host_node_index(host, (guint) piece->from)] += bytes;
    mover->bytes_max -= (guint64) bytes;
    mover->bytes += (guint64) bytes;
}

gboolean
vn_mover_can(const VnMover *mover, const VnPiece *piece)
{
    const VnHost *host = mover->snapshot->host;
    int to = vn_host_node_index(host, (guint) piece->to);
    return to >= 0 && vn_host_node_index(host, (guint) piece->from) >= 0 &&
           vn_mover_place(mover, piece->granule) &&
           vn_idset_contains(mover->targets, (guint) piece->to) &&
           bytes_of(piece) <= mover->bytes_max &&
           mover->room[to] >= (gint64) bytes_of(piece);
}

gboolean
vn_mover_take(VnMover *mover, const VnPiece *piece, double gain)
{
    if (!vn_mover_can(mover, piece))
        return FALSE;
    account(mover, piece, (gint64) bytes_of(piece));
    mover->gain += gain;
    mover->share += piece->rate / vn_heat_rate(mover->evidence->heat);
    g_array_append_val(mover->pieces, *piece);
    g_array_append_val(mover->gains, gain);
    return TRUE;
}

static void
forget(VnMover *mover)
{
    g_array_set_size(mover->pieces, 0);
    g_array_set_size(mover->gains, 0);
    mover->bytes = 0;
    mover->gain = mover->share = 0;
}

void
vn_mover_drop(VnMover *mover)
{
    for (guint i = 0; i < mover->pieces->len; i++) {
        const VnPiece *piece = &g_array_index(mover->pieces, VnPiece, i);
        account(mover, piece, -(gint64) bytes_of(piece));
    }
    forget(mover);
}

static void
add_step(const VnMover *mover, int from, int to, const char *policy, const char *why,
         VnPlan *plan)
{
    g_autoptr(GArray) some = g_array_new(FALSE, FALSE, sizeof(VnPiece));
    double gain = 0;
    double rate = 0;
    for (guint i = 0; i < mover->pieces->len; i++) {
        const VnPiece *piece = &g_array_index(mover->pieces, VnPiece, i);
        if (piece->from != from || piece->to != to)
            continue;
        g_array_append_val(some, *piece);
        gain += g_array_index(mover->gains, double, i);
        rate += piece->rate;
    }
    g_autoptr(GArray) parts = vn_pieces_parts(some, mover->evidence->placement, 0, to);
    if (parts->len == 0)
        return;
    VnStep *step =
        vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, mover->guest, 0,
                         vn_idset_new_with((guint) from), vn_idset_new_with((guint) to));
    step->policy = policy;
    step->parts = g_steal_pointer(&parts);
    step->parts_only = TRUE;
    step->bytes = vn_step_parts_bytes(step);
    step->expected_gain = gain;
    g_autofree char *size = vn_text_bytes(step->bytes);
    step->reason = g_strdup_printf(
        "%s on host node %d, with %.0f %% of the guest's accesses, %s %d", size, from,
        rate / vn_heat_rate(mover->evidence->heat) * 100, why, to);
}

void
vn_mover_add_steps(VnMover *mover, const char *policy, const char *why, VnPlan *plan)
{
    const VnHost *host = mover->snapshot->host;
    VN_IDSET_FOREACH (mover->targets, to) {
        for (guint i = 0; i < host->nodes->len; i++) {
            const VnHostNode *from = host->nodes->pdata[i];
            add_step(mover, (int) from->id, to, policy, why, plan);
        }
    }
    forget(mover);
}
