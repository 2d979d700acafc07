/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Local search: one cell goes elsewhere, a whole guest does, a node is emptied, two
 * cells change places, and a cell goes where it wishes to be while others make room.
 * Whatever lowers the cost is kept; it ends where nothing does, and begins nothing there
 * when it is asked again.
 */
#include "policies/planner-state.h"

/* In larger problems only cells that have wishes change places, with so many a node. */
#define CELLS_FEW 64u
#define PARTNERS_MAX 4u

/* The cells by node, in their order. */
typedef struct {
    guint *first; /* by node, and one more */
    guint *spots;
} Crowd;

static void
gather(const VnPlannerState *state, Crowd *crowd)
{
    guint n = 0;
    for (guint i = 0; i <= state->n_nodes; i++)
        crowd->first[i] = 0;
    for (guint i = 0; i < state->n_spots; i++) {
        if (state->spots[i].home >= 0)
            crowd->first[state->spots[i].home]++;
    }
    for (guint i = 0; i <= state->n_nodes; i++)
        crowd->first[i] = n += crowd->first[i];
    /* Each is the end of its node's now; filled from the back it becomes the start. */
    for (guint i = state->n_spots; i-- > 0;) {
        if (state->spots[i].home >= 0)
            crowd->spots[--crowd->first[state->spots[i].home]] = i;
    }
}

static gboolean
is_movable(const VnPlannerState *state, guint spot)
{
    return state->spots[spot].home >= 0 && state->spots[spot].only < 0;
}

/* Keeps what was done since @mark if that lowered the cost. */
static gboolean
keep_if_better(VnPlannerState *state, guint mark, double before)
{
    if (state->journal->len > mark && state->cost < before - VN_PLANNER_EPSILON)
        return TRUE;
    vn_planner_undo(state, mark);
    return FALSE;
}

static gboolean
move_cell(VnPlannerState *state, guint spot)
{
    guint mark = state->journal->len;
    double before = state->cost;
    if (!is_movable(state, spot))
        return FALSE;
    vn_planner_put(state, spot, -1);
    int node = vn_planner_cheapest(state, spot);
    if (node >= 0) {
        vn_planner_put(state, spot, node);
        return keep_if_better(state, mark, before);
    }
    vn_planner_undo(state, mark);
    return FALSE;
}

static gboolean
move_guest(VnPlannerState *state, guint index)
{
    const VnPlannerClient *client = &state->clients[index];
    guint mark = state->journal->len;
    double before = state->cost;
    if (client->n_cells < 2 || !vn_planner_is_in(state, index))
        return FALSE;
    for (guint i = 0; i < client->n_cells; i++)
        vn_planner_put(state, client->first + i, -1);
    if (vn_planner_place(state, index))
        return keep_if_better(state, mark, before);
    vn_planner_undo(state, mark);
    return FALSE;
}

/* Only nodes that cost for being open gain by it. */
static gboolean
empty_node(VnPlannerState *state, const Crowd *crowd, guint node)
{
    VnPlannerNode *at = &state->nodes[node];
    guint mark = state->journal->len;
    double before = state->cost;
    if (!at->packed || at->others)
        return FALSE;
    at->wanted++;
    for (guint i = crowd->first[node]; i < crowd->first[node + 1]; i++) {
        guint spot = crowd->spots[i];
        if (state->spots[spot].home != (int) node)
            continue;
        vn_planner_put(state, spot, -1);
        int to = vn_planner_cheapest(state, spot);
        if (to < 0 || state->spots[spot].only >= 0) {
            vn_planner_undo(state, mark);
            break;
        }
        vn_planner_put(state, spot, to);
    }
    at->wanted--;
    return keep_if_better(state, mark, before);
}

static gboolean
swap(VnPlannerState *state, guint spot, guint other)
{
    guint mark = state->journal->len;
    double before = state->cost;
    int home = state->spots[spot].home;
    int to = state->spots[other].home;
    if (to == home || !is_movable(state, other) ||
        !vn_planner_may(state, spot, (guint) to) ||
        !vn_planner_may(state, other, (guint) home))
        return FALSE;
    vn_planner_put(state, spot, -1);
    vn_planner_put(state, other, -1);
    if (vn_planner_fits(state, spot, (guint) to)) {
        vn_planner_put(state, spot, to);
        if (vn_planner_fits(state, other, (guint) home)) {
            vn_planner_put(state, other, home);
            return keep_if_better(state, mark, before);
        }
    }
    vn_planner_undo(state, mark);
    return FALSE;
}

/* Whether it would cost less there if there were nobody else. */
static gboolean
wishes(VnPlannerState *state, guint spot, guint node, double wish)
{
    return (int) node != state->spots[spot].home && vn_planner_may(state, spot, node) &&
           vn_planner_wish(state, spot, node) < wish - VN_PLANNER_EPSILON;
}

static gboolean
swap_cell(VnPlannerState *state, const Crowd *crowd, guint spot)
{
    gboolean few = state->n_spots <= CELLS_FEW;
    if (!is_movable(state, spot))
        return FALSE;
    double wish = vn_planner_wish(state, spot, (guint) state->spots[spot].home);
    for (guint i = 0; i < state->n_nodes && !vn_planner_spent(state); i++) {
        if (!few && !wishes(state, spot, i, wish))
            continue;
        guint end = crowd->first[i + 1];
        if (!few)
            end = MIN(end, crowd->first[i] + PARTNERS_MAX);
        for (guint j = crowd->first[i]; j < end; j++) {
            /* Where all are tried with all, each pair once. */
            if ((!few || crowd->spots[j] > spot) && swap(state, spot, crowd->spots[j]))
                return TRUE;
        }
    }
    return FALSE;
}

/* To where it wishes to be, others making room. */
static gboolean
push_in(VnPlannerState *state, guint spot)
{
    VnPlannerSpot *cell = &state->spots[spot];
    guint mark = state->journal->len;
    double before = state->cost;
    if (!is_movable(state, spot))
        return FALSE;
    double wish = vn_planner_wish(state, spot, (guint) cell->home);
    guint depth = state->problem->closed && state->problem->closed[cell->home] ? 2 : 1;
    for (guint i = 0; i < state->n_nodes && !vn_planner_spent(state); i++) {
        if (!wishes(state, spot, i, wish))
            continue;
        vn_planner_put(state, spot, -1);
        if (vn_planner_make_room(state, spot, i, depth)) {
            vn_planner_put(state, spot, (int) i);
            if (keep_if_better(state, mark, before))
                return TRUE;
        }
        vn_planner_undo(state, mark);
    }
    return FALSE;
}

static gboolean
improve_simply(VnPlannerState *state, const Crowd *crowd)
{
    gboolean changed = FALSE;
    for (guint i = 0; i < state->n_spots && !vn_planner_spent(state); i++)
        changed |= move_cell(state, i);
    for (guint i = 0; i < state->n_clients && !vn_planner_spent(state); i++)
        changed |= move_guest(state, i);
    for (guint i = 0; i < state->n_nodes && !vn_planner_spent(state); i++)
        changed |= empty_node(state, crowd, i);
    return changed;
}

static gboolean
improve_together(VnPlannerState *state, const Crowd *crowd)
{
    gboolean changed = FALSE;
    for (guint i = 0; i < state->n_spots && !vn_planner_spent(state); i++)
        changed |= swap_cell(state, crowd, i);
    for (guint i = 0; i < state->n_spots && !vn_planner_spent(state); i++)
        changed |= push_in(state, i);
    return changed;
}

void
vn_planner_improve(VnPlannerState *state)
{
    g_autofree guint *first = g_new(guint, state->n_nodes + 1);
    g_autofree guint *spots = g_new(guint, state->n_spots);
    Crowd crowd = {.first = first, .spots = spots};
    gboolean changed = TRUE;
    while (changed && !vn_planner_spent(state)) {
        g_array_set_size(state->journal, 0);
        vn_planner_total(state);
        gather(state, &crowd);
        changed = improve_simply(state, &crowd);
        if (!changed)
            changed = improve_together(state, &crowd);
    }
}
