/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Branch and bound over all assignments, for problems that are small. Guests one after
 * the other, those that pack last: so each cell that is added can only add to the cost,
 * and what has been spent is a lower bound, to which each cell to come adds the least
 * that it costs by itself.
 */
#include "policies/planner-state.h"

/* Beyond this there is no hope. */
#define CELLS_MAX 32u

typedef struct {
    VnPlannerState *state;
    guint *clients;      /* in the order of search: by rank */
    guint64 *rest_vcpus; /* by rank: of all clients from there on */
    guint *depths;       /* by rank: cells of all clients before */
    double *least;       /* by depth: own cost of all cells from there on */
    guint n_in;          /* clients before this rank that have their place */
    guint64 vcpus_in;
    guint best_n_in;
    guint64 best_vcpus;
    double best_cost;
    int *best_homes; /* by spot */
} Search;

static void
keep_best(Search *search)
{
    VnPlannerState *state = search->state;
    search->best_n_in = search->n_in;
    search->best_vcpus = search->vcpus_in;
    search->best_cost = vn_planner_total(state);
    for (guint i = 0; i < state->n_spots; i++)
        search->best_homes[i] = state->spots[i].home;
}

/* Whether nothing from here on can be better than the best so far. */
static gboolean
is_hopeless(const Search *search, guint rank, guint depth)
{
    guint n_in = search->n_in + search->state->n_clients - rank;
    guint64 vcpus = search->vcpus_in + search->rest_vcpus[rank];
    if (n_in != search->best_n_in)
        return n_in < search->best_n_in;
    if (vcpus != search->best_vcpus)
        return vcpus < search->best_vcpus;
    return search->state->cost + search->least[depth] >
           search->best_cost - VN_PLANNER_EPSILON;
}

/* Returns: how many nodes fit, the cheapest first; @nodes and @costs hold them all. */
static guint
rank_nodes(VnPlannerState *state, guint spot, guint *nodes, double *costs)
{
    guint n = 0;
    for (guint i = 0; i < state->n_nodes; i++) {
        if (!vn_planner_fits(state, spot, i))
            continue;
        double cost = vn_planner_entry(state, spot, i);
        guint place = n++;
        for (; place > 0 && costs[place - 1] > cost; place--) {
            costs[place] = costs[place - 1];
            nodes[place] = nodes[place - 1];
        }
        costs[place] = cost;
        nodes[place] = i;
    }
    return n;
}

static void search_client(Search *search, guint rank);

static void
search_cell(Search *search, guint rank, guint cell)
{
    VnPlannerState *state = search->state;
    const VnPlannerClient *client = &state->clients[search->clients[rank]];
    if (cell == client->n_cells) {
        search->n_in++;
        search->vcpus_in += client->vcpus;
        search_client(search, rank + 1);
        search->n_in--;
        search->vcpus_in -= client->vcpus;
        return;
    }
    guint spot = client->order[cell];
    g_autofree guint *nodes = g_new(guint, state->n_nodes);
    g_autofree double *costs = g_new(double, state->n_nodes);
    guint n = rank_nodes(state, spot, nodes, costs);
    for (guint i = 0; i < n && !vn_planner_spent(state); i++) {
        guint mark = state->journal->len;
        vn_planner_put(state, spot, (int) nodes[i]);
        if (!is_hopeless(search, rank, search->depths[rank] + cell + 1))
            search_cell(search, rank, cell + 1);
        vn_planner_undo(state, mark);
    }
}

static void
search_client(Search *search, guint rank)
{
    VnPlannerState *state = search->state;
    if (is_hopeless(search, rank, search->depths[rank]) || vn_planner_spent(state))
        return;
    if (rank == state->n_clients) {
        keep_best(search);
        return;
    }
    search_cell(search, rank, 0);
    if (!state->clients[search->clients[rank]].guest->admitted)
        search_client(search, rank + 1);
}

static guint64
size_of(const VnPlannerState *state, const VnPlannerClient *client)
{
    guint64 bytes = 0;
    for (guint i = 0; i < client->n_cells; i++)
        bytes += state->spots[client->first + i].need_bytes;
    return bytes;
}

static int
by_rank(gconstpointer one, gconstpointer other, gpointer data)
{
    const VnPlannerState *state = data;
    const VnPlannerClient *a = &state->clients[*(const guint *) one];
    const VnPlannerClient *b = &state->clients[*(const guint *) other];
    int packs = (a->guest->aim == VN_PLACE_PACK) - (b->guest->aim == VN_PLACE_PACK);
    guint64 size_a = size_of(state, a);
    guint64 size_b = size_of(state, b);
    if (packs)
        return packs;
    return size_a != size_b ? (size_a > size_b ? -1 : 1)
                            : (a->first > b->first) - (a->first < b->first);
}

static double
least_cost(const VnPlannerState *state, guint spot)
{
    double least = G_MAXDOUBLE;
    for (guint i = 0; i < state->n_nodes; i++) {
        if (vn_planner_may(state, spot, i))
            least = MIN(least, vn_planner_own_cost(state, spot, i));
    }
    return least < G_MAXDOUBLE ? least : 0;
}

/* The order of search, and what is left from each place of it on. */
static void
prepare(Search *search)
{
    VnPlannerState *state = search->state;
    guint depth = state->n_spots;
    for (guint i = 0; i < state->n_clients; i++)
        search->clients[i] = i;
    g_qsort_with_data(search->clients, (int) state->n_clients, sizeof(guint), by_rank,
                      state);
    search->depths[state->n_clients] = depth;
    for (guint i = state->n_clients; i-- > 0;) {
        const VnPlannerClient *client = &state->clients[search->clients[i]];
        search->rest_vcpus[i] = search->rest_vcpus[i + 1] + client->vcpus;
        for (guint j = client->n_cells; j-- > 0;) {
            depth--;
            search->least[depth] =
                search->least[depth + 1] + least_cost(state, client->order[j]);
        }
        search->depths[i] = depth;
    }
}

gboolean
vn_planner_exact(VnPlannerState *state)
{
    guint n = state->n_clients;
    if (state->n_spots > CELLS_MAX || n > CELLS_MAX)
        return FALSE;
    g_autofree guint *clients = g_new0(guint, n);
    g_autofree guint64 *rest_vcpus = g_new0(guint64, n + 1);
    g_autofree guint *depths = g_new0(guint, n + 1);
    g_autofree double *least = g_new0(double, state->n_spots + 1);
    g_autofree int *best_homes = g_new0(int, state->n_spots);
    g_autofree int *former_homes = g_new0(int, state->n_spots);
    Search search = {.state = state,
                     .clients = clients,
                     .rest_vcpus = rest_vcpus,
                     .depths = depths,
                     .least = least,
                     .best_homes = best_homes};
    prepare(&search);
    for (guint i = 0; i < n; i++) {
        search.n_in += vn_planner_is_in(state, i);
        search.vcpus_in += vn_planner_is_in(state, i) ? state->clients[i].vcpus : 0;
    }
    keep_best(&search);
    search.n_in = 0;
    search.vcpus_in = 0;
    for (guint i = 0; i < state->n_spots; i++) {
        former_homes[i] = state->spots[i].home;
        vn_planner_put(state, i, -1);
    }
    search_client(&search, 0);
    gboolean proven = !vn_planner_spent(state);
    for (guint i = 0; i < state->n_spots; i++)
        vn_planner_put(state, i, proven ? best_homes[i] : former_homes[i]);
    vn_planner_total(state);
    return proven;
}
