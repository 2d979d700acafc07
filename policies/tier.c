/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is hot and far, what is cold and near, and how much of each may change places. */
#include "policies/tier.h"

#include "model/text.h"

/* Reads are seen when they are this share of all accesses. */
#define READS_MIN 1e-3

typedef struct {
    VnMover *mover;
    VnIdSet *near;
    VnIdSet *far;
    gint64 *free;   /* bytes, by place in VnHost.nodes; in what follows, too */
    gint64 *floor;  /* that are to stay free */
    gint64 *wanted; /* to be demoted from it */
    double hot_rate;
} Tiers;

static const VnHost *
host_of(const Tiers *tiers)
{
    return tiers->mover->snapshot->host;
}

VnIdSet *
vn_tier_near(const VnHost *host, const VnIdSet *nodes)
{
    VnIdSet *near = vn_idset_new();
    int best = -1;
    VN_IDSET_FOREACH (nodes, id) {
        const VnHostNode *node = vn_host_find_node(host, (guint) id);
        if (node && node->tier >= 0 && !vn_idset_is_empty(node->cpus))
            best = best < 0 ? node->tier : MIN(best, node->tier);
    }
    VN_IDSET_FOREACH (nodes, id) {
        const VnHostNode *node = vn_host_find_node(host, (guint) id);
        if (node && (best >= 0 && node->tier >= 0 ? node->tier <= best
                                                  : !vn_idset_is_empty(node->cpus)))
            vn_idset_add(near, (guint) id);
    }
    return near;
}

/* Near host nodes keep what they have free, or the high watermark; others the low one. */
static gint64
floor_of(const Tiers *tiers, const VnHostNode *node)
{
    double low = VN_TIER_LOW * (double) node->memory_bytes;
    double high = VN_TIER_HIGH * (double) node->memory_bytes;
    if (!vn_idset_contains(tiers->near, node->id))
        return (gint64) low;
    return (gint64) ((double) node->free_bytes < low
                         ? high
                         : MIN(high, (double) node->free_bytes));
}

static void
tiers_init(Tiers *tiers, VnMover *mover)
{
    const VnHost *host = mover->snapshot->host;
    *tiers = (Tiers){.mover = mover,
                     .near = vn_tier_near(host, mover->targets),
                     .far = vn_idset_copy(mover->targets),
                     .free = g_new(gint64, host->nodes->len),
                     .floor = g_new(gint64, host->nodes->len),
                     .wanted = g_new(gint64, host->nodes->len),
                     .hot_rate = vn_heat_hot_rate(mover->evidence->heat)};
    vn_idset_remove_all(tiers->far, tiers->near);
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        tiers->free[i] = (gint64) node->free_bytes;
        tiers->floor[i] = floor_of(tiers, node);
        tiers->wanted[i] = tiers->floor[i] - tiers->free[i];
    }
}

static void
tiers_clear(Tiers *tiers)
{
    vn_idset_free(tiers->near);
    vn_idset_free(tiers->far);
    g_free(tiers->free);
    g_free(tiers->floor);
    g_free(tiers->wanted);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Tiers, tiers_clear)

static guint
index_of(const Tiers *tiers, int id)
{
    return (guint) vn_host_node_index(host_of(tiers), (guint) id);
}

static gint64
bytes_of(guint n_granules)
{
    return (gint64) (n_granules * VN_GRANULE_BYTES);
}

/* Takes the piece where its host node keeps enough free. */
static gboolean
take(Tiers *tiers, VnPiece *piece, int to, double gain)
{
    gint64 bytes = bytes_of(piece->n_granules);
    piece->to = to;
    if (tiers->free[index_of(tiers, to)] - bytes < tiers->floor[index_of(tiers, to)] ||
        !vn_mover_take(tiers->mover, piece, gain))
        return FALSE;
    tiers->free[index_of(tiers, to)] -= bytes;
    tiers->free[index_of(tiers, piece->from)] += bytes;
    return TRUE;
}

/* Id of the host node of @nodes where the granule costs least; -1: @now is no more. */
static int
cheapest(const Tiers *tiers, const VnIdSet *nodes, const VnHeatGranule *granule,
         double now, double *ret_cost)
{
    int best = -1;
    *ret_cost = now;
    VN_IDSET_FOREACH (nodes, id) {
        double cost = vn_mover_cost(tiers->mover, granule, id);
        if (cost >= *ret_cost)
            continue;
        best = id;
        *ret_cost = cost;
    }
    return best;
}

/* The far host node on which a hot granule lies; -1: it is not hot, or not far. */
static int
waits_on(const Tiers *tiers, const VnHeatGranule *granule)
{
    const VnPlace *place = vn_mover_place(tiers->mover, granule->granule);
    return granule->rate >= tiers->hot_rate && place &&
                   vn_idset_contains(tiers->far, (guint) place->host_node)
               ? place->host_node
               : -1;
}

/* To the near host node where it costs least, of those with room. */
static void
promote(Tiers *tiers, const VnHeatGranule *granule, int from)
{
    double now = vn_mover_cost(tiers->mover, granule, from);
    double cost;
    g_autoptr(VnIdSet) left = vn_idset_copy(tiers->near);
    for (;;) {
        int to = cheapest(tiers, left, granule, now, &cost);
        VnPiece piece = {.granule = granule->granule,
                         .n_granules = granule->n_granules,
                         .from = from,
                         .rate = granule->rate};
        if (to < 0 || take(tiers, &piece, to, now - cost))
            return;
        vn_idset_remove(left, (guint) to);
    }
}

/*
 * Adds to what is wanted the room for granules that are hot and far, the hottest that a
 * plan can bring.
 *
 * Returns: whether these are worth it
 */
static gboolean
want_room(Tiers *tiers, const GArray *hottest)
{
    const VnMover *mover = tiers->mover;
    double resident = (double) vn_cell_resident(mover->guest->cells->pdata[0]);
    g_autofree gint64 *waiting = g_new0(gint64, host_of(tiers)->nodes->len);
    gint64 bytes = 0;
    double gain = 0;
    for (guint i = 0; i < hottest->len; i++) {
        const VnHeatGranule *granule = &g_array_index(hottest, VnHeatGranule, i);
        int from = waits_on(tiers, granule);
        if (from < 0 ||
            bytes + bytes_of(granule->n_granules) > (gint64) (mover->bytes_max / 2))
            continue;
        double now = vn_mover_cost(mover, granule, from);
        double cost;
        int to = cheapest(tiers, tiers->near, granule, now, &cost);
        if (to < 0)
            continue;
        waiting[index_of(tiers, to)] += bytes_of(granule->n_granules);
        bytes += bytes_of(granule->n_granules);
        gain += now - cost;
    }
    if (gain - VN_STEER_PRICE * (double) bytes / MAX(resident, 1) < VN_STEER_GAIN_MIN)
        return FALSE;
    for (guint i = 0; i < host_of(tiers)->nodes->len; i++)
        tiers->wanted[i] += waiting[i];
    return TRUE;
}

static gboolean
sees_reads(const VnHeat *heat)
{
    double reads = 0;
    VnHeatGranule granule;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, 0);
    while (vn_heat_iter_next(&iter, &granule))
        reads += granule.rate - granule.write_rate;
    return reads > READS_MIN * vn_heat_rate(heat);
}

/*
 * Adds what of a near place is cold, from the granule that heat is asked about next; of
 * what was not seen accessed at all no more than is wanted.
 * @granule: (inout): of the heat; n_granules 0: there is no more
 * @left: (inout): bytes wanted, but for what was not seen accessed
 */
static void
add_cold(const Tiers *tiers, const VnPlace *place, VnHeatIter *iter,
         VnHeatGranule *granule, gint64 *left, GArray *cold)
{
    guint64 end = (guint64) place->granule + place->n_granules;
    for (guint64 at = place->granule; at<end && * left> 0;) {
        while (granule->n_granules > 0 && granule->granule + granule->n_granules <= at) {
            if (!vn_heat_iter_next(iter, granule))
                granule->n_granules = 0;
        }
        gboolean known = granule->n_granules > 0 && granule->granule <= at;
        guint64 next = known ? granule->granule + granule->n_granules : at + 1;
        VnPiece piece = {.granule = at,
                         .n_granules = (guint) (MIN(next, end) - at),
                         .from = place->host_node,
                         .rate = known ? granule->rate : 0};
        if (!known || granule->rate < VN_TIER_COLD * tiers->hot_rate)
            g_array_append_val(cold, piece);
        *left -= known ? 0 : bytes_of(piece.n_granules);
        at += piece.n_granules;
    }
}

static int
compare_colder(gconstpointer a, gconstpointer b)
{
    const VnPiece *one = a;
    const VnPiece *other = b;
    if (one->rate < other->rate || one->rate > other->rate)
        return one->rate < other->rate ? -1 : 1;
    return one->granule < other->granule ? -1 : one->granule > other->granule;
}

/* Of VnPiece: what lies near and is cold, coldest first. */
static GArray *
find_cold(const Tiers *tiers)
{
    const VnPlacement *placement = tiers->mover->evidence->placement;
    GArray *cold = g_array_new(FALSE, FALSE, sizeof(VnPiece));
    g_autofree gint64 *left =
        g_memdup2(tiers->wanted, host_of(tiers)->nodes->len * sizeof(gint64));
    VnHeatGranule granule;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, tiers->mover->evidence->heat, 0);
    if (!vn_heat_iter_next(&iter, &granule))
        granule.n_granules = 0;
    for (guint i = 0; i < placement->places->len; i++) {
        const VnPlace *place = &g_array_index(placement->places, VnPlace, i);
        if (place->cell == 0 && place->host_node >= 0 &&
            vn_idset_contains(tiers->near, (guint) place->host_node))
            add_cold(tiers, place, &iter, &granule,
                     &left[index_of(tiers, place->host_node)], cold);
    }
    g_array_sort(cold, compare_colder);
    return cold;
}

/* To the nearest far host node that has room. */
static gboolean
demote(Tiers *tiers, VnPiece *piece)
{
    const VnHost *host = host_of(tiers);
    g_autoptr(VnIdSet) left = vn_idset_copy(tiers->far);
    while (!vn_idset_is_empty(left)) {
        int best = vn_idset_next(left, 0);
        VN_IDSET_FOREACH (left, id) {
            if (vn_host_distance(host, (guint) piece->from, (guint) id) <
                vn_host_distance(host, (guint) piece->from, (guint) best))
                best = id;
        }
        if (take(tiers, piece, best, 0))
            return TRUE;
        vn_idset_remove(left, (guint) best);
    }
    return FALSE;
}

/* From near host nodes, as much as is wanted from each. */
static void
demote_coldest(Tiers *tiers)
{
    const VnSteerEvidence *evidence = tiers->mover->evidence;
    if (!sees_reads(evidence->heat) ||
        vn_heat_age_us(evidence->heat, evidence->now_us) < VN_TIER_AGE_US)
        return;
    g_autoptr(GArray) cold = find_cold(tiers);
    for (guint i = 0; i < cold->len; i++) {
        VnPiece *piece = &g_array_index(cold, VnPiece, i);
        gint64 *wanted = &tiers->wanted[index_of(tiers, piece->from)];
        if (*wanted <= 0)
            continue;
        if (!demote(tiers, piece))
            return; /* all far host nodes are full, or the plan is */
        *wanted -= bytes_of(piece->n_granules);
    }
}

void
vn_tier_steer(VnMover *mover, GString *reason, VnPlan *plan)
{
    g_auto(Tiers) tiers;
    tiers_init(&tiers, mover);
    const VnCell *cell = mover->guest->cells->pdata[0];
    if (vn_idset_is_empty(tiers.near) || vn_idset_is_empty(tiers.far) ||
        cell->page_size_bytes > host_of(&tiers)->page_size_bytes)
        return;
    g_autoptr(GArray) hottest =
        vn_heat_hottest(mover->evidence->heat, VN_HEAT_HOTTEST_MAX);
    gboolean worth = want_room(&tiers, hottest);
    demote_coldest(&tiers);
    if (mover->bytes > 0) {
        g_autofree char *size = vn_text_bytes(mover->bytes);
        g_string_append_printf(reason, "%s that are cold go far", size);
    }
    vn_mover_add_steps(mover, VN_TIER_POLICY, "are cold and go far, to host node", plan);
    for (guint i = 0; i < hottest->len && worth; i++) {
        const VnHeatGranule *granule = &g_array_index(hottest, VnHeatGranule, i);
        int from = waits_on(&tiers, granule);
        if (from >= 0)
            promote(&tiers, granule, from);
    }
    if (mover->bytes > 0) {
        g_autofree char *size = vn_text_bytes(mover->bytes);
        g_string_append_printf(reason,
                               "%s%s that are hot go near, so the remote cost falls by "
                               "%.2f",
                               reason->len > 0 ? "; " : "", size, mover->gain);
    }
    vn_mover_add_steps(mover, VN_TIER_POLICY, "are hot and go near, to host node", plan);
}
