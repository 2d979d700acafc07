/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making room on a host node: others go elsewhere, or exchange their places with smaller
 * ones, and where there is no room for them either, it is made there first. Goes by sizes
 * alone, and moves as few bytes as it can see to; what it costs is for the caller.
 */
#include "policies/planner-state.h"

/* So many victims, and nodes for each, are tried where room has to be made twice. */
#define CHAIN_TRIES 6u

VnPlannerLack
vn_planner_lack(const VnPlannerState *state, guint spot, guint node)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    const VnPlannerPool *pool = &state->pools[cell->pool * state->n_nodes + node];
    const VnPlannerNode *runs = &state->nodes[state->nodes[node].run];
    guint64 bytes = pool->used_bytes + cell->need_bytes;
    guint vcpus = runs->vcpus + cell->vcpus;
    VnPlannerLack lack = {0};
    if (bytes > pool->capacity_bytes && cell->need_bytes) {
        lack.bytes = bytes - pool->capacity_bytes;
        lack.part = (double) lack.bytes / (double) cell->need_bytes;
    }
    if (vcpus > runs->vcpus_max && cell->vcpus) {
        lack.vcpus = vcpus - runs->vcpus_max;
        lack.part += (double) lack.vcpus / cell->vcpus;
    }
    return lack;
}

/* One that is in the way of @spot on @node. */
typedef struct {
    guint spot;
    gboolean suffices; /* once it has gone there is room */
    guint64 bytes;     /* that its going frees, of those that lack */
    guint vcpus;
} Victim;

static int
by_use(gconstpointer one, gconstpointer other)
{
    const Victim *a = one;
    const Victim *b = other;
    int sign = a->suffices ? 1 : -1; /* the smallest that suffices, or the largest */
    if (a->suffices != b->suffices)
        return a->suffices ? -1 : 1;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? sign : -sign;
    if (a->vcpus != b->vcpus)
        return a->vcpus > b->vcpus ? sign : -sign;
    return (a->spot > b->spot) - (a->spot < b->spot);
}

static GArray *
find_victims(VnPlannerState *state, guint spot, guint node)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    GArray *victims = g_array_new(FALSE, FALSE, sizeof(Victim));
    VnPlannerLack lack = vn_planner_lack(state, spot, node);
    state->effort += 1 + state->n_spots / 16;
    for (guint i = 0; i < state->n_spots; i++) {
        const VnPlannerSpot *other = &state->spots[i];
        if (other->home < 0 || other->locked || other->only >= 0)
            continue;
        gboolean same_pool = other->home == (int) node && other->pool == cell->pool;
        gboolean same_cpus = state->nodes[other->home].run == state->nodes[node].run;
        Victim victim = {.spot = i,
                         .bytes = same_pool && lack.bytes ? other->need_bytes : 0,
                         .vcpus = same_cpus && lack.vcpus ? other->vcpus : 0};
        victim.suffices = victim.bytes >= lack.bytes && victim.vcpus >= lack.vcpus;
        if (victim.bytes || victim.vcpus)
            g_array_append_val(victims, victim);
    }
    g_array_sort(victims, by_use);
    return victims;
}

/* Where the victim may go to, so that @from has what it frees. */
static gboolean
is_way_out(const VnPlannerState *state, const Victim *victim, guint from, guint to)
{
    return to != from && (int) to != state->spots[victim->spot].home &&
           !state->nodes[to].wanted &&
           (!victim->vcpus || state->nodes[to].run != state->nodes[from].run);
}

/* To the node that it fits most tightly. */
static gboolean
send_away(VnPlannerState *state, const Victim *victim, guint from)
{
    const VnPlannerSpot *cell = &state->spots[victim->spot];
    int best = -1;
    guint64 least = 0;
    for (guint i = 0; i < state->n_nodes; i++) {
        if (!is_way_out(state, victim, from, i) ||
            !vn_planner_fits(state, victim->spot, i))
            continue;
        const VnPlannerPool *pool = &state->pools[cell->pool * state->n_nodes + i];
        guint64 left = pool->capacity_bytes - pool->used_bytes;
        if (best < 0 || left < least) {
            best = (int) i;
            least = left;
        }
    }
    state->effort++;
    if (best >= 0)
        vn_planner_put(state, victim->spot, best);
    return best >= 0;
}

/* With another from elsewhere, so that @from lacks less for @spot. */
static gboolean
exchange(VnPlannerState *state, const Victim *victim, guint spot, guint from)
{
    const VnPlannerSpot *cell = &state->spots[victim->spot];
    guint mark = state->journal->len;
    guint home = (guint) cell->home;
    double part = vn_planner_lack(state, spot, from).part;
    state->effort += 1 + state->n_spots / 16;
    for (guint i = 0; i < state->n_spots && !vn_planner_spent(state); i++) {
        const VnPlannerSpot *other = &state->spots[i];
        if (other->home < 0 || other->locked || other->only >= 0 ||
            !is_way_out(state, victim, from, (guint) other->home))
            continue;
        if ((victim->bytes && other->pool == cell->pool &&
             other->need_bytes >= cell->need_bytes) ||
            (victim->vcpus && other->vcpus >= cell->vcpus))
            continue;
        guint to = (guint) other->home;
        vn_planner_put(state, victim->spot, -1);
        vn_planner_put(state, i, -1);
        if (vn_planner_fits(state, victim->spot, to)) {
            vn_planner_put(state, victim->spot, (int) to);
            if (vn_planner_fits(state, i, home)) {
                vn_planner_put(state, i, (int) home);
                if (vn_planner_lack(state, spot, from).part < part - VN_PLANNER_EPSILON)
                    return TRUE;
            }
        }
        vn_planner_undo(state, mark);
    }
    return FALSE;
}

/* To a node where room is made for it. */
static gboolean
push_away(VnPlannerState *state, const Victim *victim, guint spot, guint from,
          guint depth)
{
    VnPlannerSpot *cell = &state->spots[victim->spot];
    double part = vn_planner_lack(state, spot, from).part;
    guint mark = state->journal->len;
    guint home = (guint) cell->home;
    gboolean done = FALSE;
    cell->locked = TRUE;
    state->nodes[from].wanted++;
    for (guint rank = 0, tries = 0; !done && rank < state->n_nodes && tries < CHAIN_TRIES;
         rank++) {
        guint to = state->near[home * state->n_nodes + rank];
        if (!is_way_out(state, victim, from, to) ||
            !vn_planner_may(state, victim->spot, to))
            continue;
        tries++;
        if (!vn_planner_make_room(state, victim->spot, to, depth - 1))
            continue;
        vn_planner_put(state, victim->spot, (int) to);
        /* Those that made room may have come to run where it lacks. */
        done = vn_planner_lack(state, spot, from).part < part - VN_PLANNER_EPSILON;
        if (!done)
            vn_planner_undo(state, mark);
    }
    state->nodes[from].wanted--;
    cell->locked = FALSE;
    return done;
}

/* Takes one away from @node, the least that helps. */
static gboolean
relieve(VnPlannerState *state, guint spot, guint node, guint depth)
{
    g_autoptr(GArray) victims = find_victims(state, spot, node);
    const Victim *all = (const Victim *) (gpointer) victims->data;
    for (guint i = 0; i < victims->len; i++) {
        if (send_away(state, &all[i], node))
            return TRUE;
    }
    for (guint i = 0; depth && i < victims->len && !vn_planner_spent(state); i++) {
        if (exchange(state, &all[i], spot, node))
            return TRUE;
    }
    for (guint i = 0; depth && i < MIN(victims->len, CHAIN_TRIES); i++) {
        if (push_away(state, &all[i], spot, node, depth))
            return TRUE;
    }
    return FALSE;
}

gboolean
vn_planner_make_room(VnPlannerState *state, guint spot, guint node, guint depth)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    const VnPlannerPool *pool = &state->pools[cell->pool * state->n_nodes + node];
    guint mark = state->journal->len;
    if (!vn_planner_may(state, spot, node) || cell->need_bytes > pool->capacity_bytes ||
        cell->vcpus > state->nodes[state->nodes[node].run].vcpus_max)
        return FALSE;
    while (!vn_planner_fits(state, spot, node)) {
        if (vn_planner_spent(state) || !relieve(state, spot, node, depth)) {
            vn_planner_undo(state, mark);
            return FALSE;
        }
    }
    return TRUE;
}
