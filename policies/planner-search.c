/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The search where a problem is too large to be solved exactly: first those that are new
 * find their places, then local search; then, again and again, some are taken out and put
 * back in another order, and what is better is kept. What is settled is left as it is.
 */
#include "policies/planner-state.h"

#include <string.h>

/* Beyond so many cells there is no effort left for shaking. */
#define SHAKEN_MAX 256u
#define TAKEN_MAX 4u
/* ... and so many times in a row without anything better are enough. */
#define FUTILE_MAX 300u

typedef struct {
    guint n_in;
    guint64 vcpus;
    double cost;
    int *homes; /* by spot */
} Record;

static gboolean
is_better(const Record *one, const Record *other)
{
    if (one->n_in != other->n_in)
        return one->n_in > other->n_in;
    if (one->vcpus != other->vcpus)
        return one->vcpus > other->vcpus;
    return one->cost < other->cost - VN_PLANNER_EPSILON;
}

static void
record_keep(Record *record, VnPlannerState *state)
{
    record->n_in = 0;
    record->vcpus = 0;
    record->cost = vn_planner_total(state);
    for (guint i = 0; i < state->n_clients; i++) {
        gboolean in = vn_planner_is_in(state, i);
        record->n_in += in;
        record->vcpus += in ? state->clients[i].vcpus : 0;
    }
    for (guint i = 0; i < state->n_spots; i++)
        record->homes[i] = state->spots[i].home;
}

static void
record_restore(const Record *record, VnPlannerState *state)
{
    for (guint i = 0; i < state->n_spots; i++) {
        if (state->spots[i].home != record->homes[i])
            vn_planner_put(state, i, -1);
    }
    for (guint i = 0; i < state->n_spots; i++)
        vn_planner_put(state, i, record->homes[i]);
    g_array_set_size(state->journal, 0);
}

/* How much of the whole host it takes. */
static double
size_of(const VnPlannerState *state, const VnPlannerClient *client)
{
    double bytes = 1;
    double all_bytes = 1;
    double all_cpus = 1;
    for (guint i = 0; i < client->n_cells; i++)
        bytes += (double) state->spots[client->first + i].need_bytes;
    for (guint i = 0; i < state->n_nodes; i++) {
        all_bytes += (double) state->nodes[i].capacity_bytes;
        all_cpus += state->nodes[i].cpus;
    }
    return bytes / all_bytes + client->vcpus / all_cpus;
}

typedef struct {
    guint client;
    double size;
} Sized;

static int
smaller_first(gconstpointer one, gconstpointer other)
{
    const Sized *a = one;
    const Sized *b = other;
    return a->size < b->size   ? -1
           : a->size > b->size ? 1
                               : (a->client > b->client) - (a->client < b->client);
}

static int
larger_first(gconstpointer one, gconstpointer other)
{
    const Sized *a = one;
    const Sized *b = other;
    return a->size != b->size ? smaller_first(other, one) : smaller_first(one, other);
}

/* Guests that have no place. */
static GArray *
find_missing(const VnPlannerState *state, GCompareFunc order)
{
    GArray *missing = g_array_new(FALSE, FALSE, sizeof(Sized));
    for (guint i = 0; i < state->n_clients; i++) {
        if (vn_planner_is_in(state, i))
            continue;
        Sized one = {.client = i, .size = size_of(state, &state->clients[i])};
        g_array_append_val(missing, one);
    }
    g_array_sort(missing, order);
    return missing;
}

static void
take_out(VnPlannerState *state, guint index)
{
    const VnPlannerClient *client = &state->clients[index];
    for (guint i = 0; i < client->n_cells; i++)
        vn_planner_put(state, client->first + i, -1);
}

/* The new ones, the largest first; if not all fit, also the smallest first. */
static void
place_new(VnPlannerState *state, Record *best)
{
    g_autoptr(GArray) missing = find_missing(state, larger_first);
    guint n = missing->len;
    guint left_out = 0;
    for (guint i = 0; i < n; i++)
        left_out += !vn_planner_place(state, g_array_index(missing, Sized, i).client);
    record_keep(best, state);
    if (!left_out)
        return;
    g_autofree int *homes = g_new0(int, state->n_spots);
    Record other = {.homes = homes};
    for (guint i = 0; i < n; i++)
        take_out(state, g_array_index(missing, Sized, i).client);
    g_array_sort(missing, smaller_first);
    for (guint i = 0; i < n; i++)
        vn_planner_place(state, g_array_index(missing, Sized, i).client);
    record_keep(&other, state);
    if (is_better(&other, best))
        record_keep(best, state);
    else
        record_restore(best, state);
}

/* Until neither a guest can be admitted nor the cost be lowered. */
static void
settle(VnPlannerState *state)
{
    gboolean changed = TRUE;
    guint64 effort_max = state->effort_max;
    vn_planner_improve(state);
    if (vn_planner_spent(state))
        return;
    /* Half of what is left, so that what comes of it can be improved. */
    guint64 admitting_max = state->effort + (effort_max - state->effort) / 2;
    while (changed && state->effort < admitting_max) {
        g_autoptr(GArray) missing = find_missing(state, smaller_first);
        changed = FALSE;
        state->effort_max = admitting_max;
        for (guint i = 0; i < missing->len && !vn_planner_spent(state); i++)
            changed |= vn_planner_admit(state, g_array_index(missing, Sized, i).client);
        state->effort_max = effort_max;
        if (changed)
            vn_planner_improve(state);
    }
}

/* Numerical Recipes' generator: the same numbers everywhere. */
static guint
draw(guint32 *seed, guint n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (guint) (((guint64) *seed * n) >> 32);
}

/* Each cell where it fits, wherever. */
static gboolean
place_anywhere(VnPlannerState *state, guint index, guint32 *seed)
{
    const VnPlannerClient *client = &state->clients[index];
    guint mark = state->journal->len;
    for (guint i = 0; i < client->n_cells; i++) {
        guint start = draw(seed, state->n_nodes);
        guint tried = 0;
        while (
            tried < state->n_nodes &&
            !vn_planner_fits(state, client->order[i], (start + tried) % state->n_nodes))
            tried++;
        if (tried == state->n_nodes) {
            vn_planner_undo(state, mark);
            return FALSE;
        }
        vn_planner_put(state, client->order[i], (int) ((start + tried) % state->n_nodes));
    }
    return TRUE;
}

/* Takes some guests out and puts them, and those that are refused, back in disorder. */
static gboolean
shake(VnPlannerState *state, guint32 *seed)
{
    guint n = state->n_clients;
    g_autofree guint *outside = g_new(guint, n);
    guint n_outside = 0;
    guint n_taken = 1 + draw(seed, MIN(TAKEN_MAX, n));
    state->effort += n;
    for (guint i = 0; i < n_taken; i++)
        take_out(state, draw(seed, n));
    for (guint i = 0; i < n; i++) {
        if (!vn_planner_is_in(state, i))
            outside[n_outside++] = i;
    }
    for (guint i = n_outside; i-- > 1;) {
        guint j = draw(seed, i + 1);
        guint kept = outside[i];
        outside[i] = outside[j];
        outside[j] = kept;
    }
    for (guint i = 0; i < n_outside; i++) {
        gboolean done = draw(seed, 2) ? place_anywhere(state, outside[i], seed)
                                      : vn_planner_place(state, outside[i]);
        if (!done && !vn_planner_admit(state, outside[i]) &&
            state->clients[outside[i]].guest->admitted)
            return FALSE;
    }
    settle(state);
    return TRUE;
}

static gboolean
is_settled(const VnPlannerState *state)
{
    for (guint i = 0; i < state->n_spots; i++) {
        if (state->spots[i].home != state->spots[i].now)
            return FALSE;
    }
    return TRUE;
}

void
vn_planner_construct(VnPlannerState *state)
{
    g_autofree int *homes = g_new0(int, state->n_spots);
    Record best = {.homes = homes};
    place_new(state, &best);
    settle(state);
}

void
vn_planner_shake(VnPlannerState *state)
{
    g_autofree int *best_homes = g_new0(int, state->n_spots);
    g_autofree int *homes = g_new0(int, state->n_spots);
    Record best = {.homes = best_homes};
    Record found = {.homes = homes};
    gboolean settled = is_settled(state);
    guint32 seed = 1;
    record_keep(&best, state);
    if (state->n_spots > SHAKEN_MAX || !state->n_spots ||
        (settled && best.n_in == state->n_clients))
        return;
    for (guint futile = 0; futile < FUTILE_MAX && !vn_planner_spent(state); futile++) {
        gboolean whole = shake(state, &seed) && !vn_planner_spent(state);
        record_keep(&found, state);
        /* What nobody new comes to is not worth a change. */
        if (whole && is_better(&found, &best) &&
            (!settled || found.n_in > best.n_in || found.vcpus > best.vcpus)) {
            record_keep(&best, state);
            futile = 0;
        } else {
            record_restore(&best, state);
        }
    }
}
