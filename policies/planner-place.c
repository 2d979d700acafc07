/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's place: for its largest cell the cheapest host nodes are tried, and for each
 * the others go near it, where they are cheapest. With others making room where it has
 * none.
 */
#include "policies/planner-state.h"

/* On a host of more nodes than the first, so many are tried for the first cell ... */
#define NODES_FEW 16u
#define SEEDS_MAX 8u
/* ... and for the others so many that fit, the nearest. */
#define NEAR_MAX 8u

/* So many nodes, those that lack least, are tried to be made room on. */
#define ROOM_TRIES 16u
#define ROOM_DEPTH 2u

typedef struct {
    guint node;
    double cost;
} Choice;

static int
by_cost(gconstpointer one, gconstpointer other)
{
    const Choice *a = one;
    const Choice *b = other;
    return a->cost < b->cost   ? -1
           : a->cost > b->cost ? 1
                               : (a->node > b->node) - (a->node < b->node);
}

/* The nodes that fit, the cheapest first. */
static GArray *
choices(VnPlannerState *state, guint spot)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(Choice));
    state->effort++;
    for (guint i = 0; i < state->n_nodes; i++) {
        if (!vn_planner_fits(state, spot, i))
            continue;
        Choice choice = {.node = i, .cost = vn_planner_entry(state, spot, i)};
        g_array_append_val(all, choice);
    }
    g_array_sort(all, by_cost);
    return all;
}

/* Of the first so many nodes that fit, in the order of @near (NULL: as they come). */
static int
cheapest_near(VnPlannerState *state, guint spot, const guint *near, guint most)
{
    int best = -1;
    double least = G_MAXDOUBLE;
    state->effort++;
    for (guint i = 0; i < state->n_nodes && most; i++) {
        guint node = near ? near[i] : i;
        if (!vn_planner_fits(state, spot, node))
            continue;
        double cost = vn_planner_entry(state, spot, node);
        most--;
        if (cost < least - VN_PLANNER_EPSILON) {
            best = (int) node;
            least = cost;
        }
    }
    return best;
}

int
vn_planner_cheapest(VnPlannerState *state, guint spot)
{
    return cheapest_near(state, spot, NULL, G_MAXUINT);
}

/* The guest with its first cell on @seed; or nothing is changed. */
static gboolean
place_at(VnPlannerState *state, const VnPlannerClient *client, guint seed)
{
    guint mark = state->journal->len;
    guint most = state->n_nodes <= NODES_FEW ? G_MAXUINT : NEAR_MAX;
    vn_planner_put(state, client->order[0], (int) seed);
    for (guint i = 1; i < client->n_cells; i++) {
        int node = cheapest_near(state, client->order[i],
                                 &state->near[seed * state->n_nodes], most);
        if (node < 0) {
            vn_planner_undo(state, mark);
            return FALSE;
        }
        vn_planner_put(state, client->order[i], node);
    }
    return TRUE;
}

gboolean
vn_planner_place(VnPlannerState *state, guint index)
{
    const VnPlannerClient *client = &state->clients[index];
    guint mark = state->journal->len;
    if (!client->n_cells)
        return TRUE;
    if (client->n_cells == 1) {
        int node = vn_planner_cheapest(state, client->first);
        vn_planner_put(state, client->first, node);
        return node >= 0;
    }
    g_autoptr(GArray) seeds = choices(state, client->order[0]);
    guint most = state->n_nodes <= NODES_FEW ? G_MAXUINT : SEEDS_MAX;
    int best = -1;
    double least = G_MAXDOUBLE;
    for (guint i = 0, tried = 0; i < seeds->len && tried < most; i++) {
        guint node = g_array_index(seeds, Choice, i).node;
        double before = state->cost;
        if (!place_at(state, client, node))
            continue;
        tried++;
        if (state->cost - before < least - VN_PLANNER_EPSILON) {
            least = state->cost - before;
            best = (int) node;
        }
        vn_planner_undo(state, mark);
    }
    return best >= 0 && place_at(state, client, (guint) best);
}

/* Where others make room, the least at first. */
static gboolean
squeeze_in(VnPlannerState *state, guint spot)
{
    g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(Choice));
    for (guint i = 0; i < state->n_nodes; i++) {
        Choice choice = {.node = i, .cost = vn_planner_lack(state, spot, i).part};
        if (vn_planner_may(state, spot, i))
            g_array_append_val(nodes, choice);
    }
    g_array_sort(nodes, by_cost);
    for (guint i = 0; i < MIN(nodes->len, ROOM_TRIES); i++) {
        guint node = g_array_index(nodes, Choice, i).node;
        if (vn_planner_make_room(state, spot, node, ROOM_DEPTH)) {
            vn_planner_put(state, spot, (int) node);
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
admit_cell(VnPlannerState *state, guint spot)
{
    int node = vn_planner_cheapest(state, spot);
    if (node >= 0)
        vn_planner_put(state, spot, node);
    return node >= 0 || squeeze_in(state, spot);
}

gboolean
vn_planner_admit(VnPlannerState *state, guint index)
{
    const VnPlannerClient *client = &state->clients[index];
    guint mark = state->journal->len;
    gboolean fits = vn_planner_place(state, index);
    if (fits || vn_planner_spent(state))
        return fits;
    fits = TRUE;
    for (guint i = 0; fits && i < client->n_cells; i++) {
        fits = admit_cell(state, client->order[i]);
        state->spots[client->order[i]].locked = TRUE;
    }
    for (guint i = 0; i < client->n_cells; i++)
        state->spots[client->order[i]].locked = FALSE;
    if (!fits)
        vn_planner_undo(state, mark);
    return fits;
}
