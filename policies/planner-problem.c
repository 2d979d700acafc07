/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The planner's problem turned into what it works on: limits, weights, today's homes. */
#include "policies/planner-state.h"

#include <string.h>

/* What is asked for beyond this is not there either, and sums stay in range. */
#define NEED_MAX (G_GUINT64_CONSTANT(1) << 53)
#define VCPUS_MAX (1u << 16)

static const VnHostNode *
host_node(const VnPlannerState *state, guint node)
{
    return state->problem->host->nodes->pdata[node];
}

static guint
vcpus_max(const VnPlannerProblem *problem, guint cpus)
{
    double most = problem->cpu_overcommit_ratio * cpus + VN_PLANNER_EPSILON;
    return problem->cpu_overcommit_ratio <= 0 || most > G_MAXINT32 ? G_MAXINT32
                                                                   : (guint) most;
}

static int
by_distance(gconstpointer one, gconstpointer other, gpointer distances)
{
    guint a = *(const guint *) one;
    guint b = *(const guint *) other;
    double difference = ((const double *) distances)[a] - ((const double *) distances)[b];
    return difference < 0 ? -1 : difference > 0 ? 1 : (a > b) - (a < b);
}

static void
measure_distances(VnPlannerState *state)
{
    guint n = state->n_nodes;
    g_autofree double *both_ways = g_new(double, n);
    for (guint i = 0; i < n; i++) {
        for (guint j = 0; j < n; j++)
            state->excess[i * n + j] =
                (double) host_node(state, i)->distances[j] / VN_DISTANCE_LOCAL - 1;
    }
    for (guint i = 0; i < n; i++) {
        guint *near = &state->near[i * n];
        for (guint j = 0; j < n; j++) {
            near[j] = j;
            both_ways[j] =
                i == j ? -1 : state->excess[i * n + j] + state->excess[j * n + i];
        }
        g_qsort_with_data(near, (int) n, sizeof(*near), by_distance, both_ways);
    }
}

/* The node itself, or the nearest whose CPUs can access it. */
static guint
running_node(const VnPlannerState *state, guint node)
{
    guint best = node;
    for (guint i = 0; i < state->n_nodes && !state->nodes[node].cpus; i++) {
        if (state->nodes[i].cpus &&
            (best == node || state->excess[i * state->n_nodes + node] <
                                 state->excess[best * state->n_nodes + node]))
            best = i;
    }
    return best;
}

static void
fill_nodes(VnPlannerState *state)
{
    for (guint i = 0; i < state->n_nodes; i++) {
        const VnHostNode *from = host_node(state, i);
        VnPlannerNode *node = &state->nodes[i];
        node->has_memory = from->memory_bytes > 0;
        node->cores = vn_host_count_cores(state->problem->host, from->cpus);
        node->cpus = state->problem->smt ? vn_idset_count(from->cpus) : node->cores;
        node->vcpus_max = vcpus_max(state->problem, node->cpus);
    }
    for (guint i = 0; i < state->n_nodes; i++)
        state->nodes[i].run = running_node(state, i);
}

static guint
find_pool(VnPlannerState *state, guint64 page_size_bytes)
{
    guint64 size =
        page_size_bytes == state->problem->host->page_size_bytes ? 0 : page_size_bytes;
    guint i = 0;
    while (i < state->page_sizes->len &&
           g_array_index(state->page_sizes, guint64, i) != size)
        i++;
    if (i == state->page_sizes->len)
        g_array_append_val(state->page_sizes, size);
    return i;
}

/* What the cell wants on its node, and what of it a move would have to carry. */
static void
fill_spot(VnPlannerState *state, VnPlannerSpot *spot, const VnPlannerCell *cell,
          gboolean admitted)
{
    guint64 page = MAX(cell->page_size_bytes, 1);
    guint64 need_bytes = MIN(cell->bytes, NEED_MAX);
    gboolean fixed = cell->fixed && cell->now >= 0;
    spot->vcpus = MIN(cell->vcpus, VCPUS_MAX);
    spot->pool = find_pool(state, cell->page_size_bytes);
    spot->allowed = cell->allowed;
    spot->only = fixed ? cell->now : -1;
    spot->now = admitted ? cell->now : -1;
    spot->home = -1;
    if (admitted && cell->resident) {
        for (guint i = 0; i < state->n_nodes; i++)
            spot->resident_bytes += cell->resident[i];
        if (fixed)
            need_bytes = MAX(cell->resident[cell->now],
                             need_bytes - MIN(need_bytes, spot->resident_bytes -
                                                              cell->resident[cell->now]));
        else
            spot->resident = cell->resident;
    }
    spot->need_bytes = (MIN(need_bytes, NEED_MAX) + page - 1) / page * page;
}

static int
larger_first(gconstpointer one, gconstpointer other, gpointer data)
{
    const VnPlannerState *state = data;
    guint i = *(const guint *) one;
    guint j = *(const guint *) other;
    const VnPlannerSpot *a = &state->spots[i];
    const VnPlannerSpot *b = &state->spots[j];
    if (a->need_bytes != b->need_bytes)
        return a->need_bytes > b->need_bytes ? -1 : 1;
    if (a->vcpus != b->vcpus)
        return a->vcpus > b->vcpus ? -1 : 1;
    return (i > j) - (i < j);
}

static void
fill_client(VnPlannerState *state, guint index)
{
    VnPlannerClient *client = &state->clients[index];
    const VnPlannerGuest *guest = client->guest;
    guint n = client->n_cells;
    double bytes = 0;
    for (guint i = 0; i < n; i++) {
        const VnPlannerCell *cell = &g_array_index(guest->cells, VnPlannerCell, i);
        VnPlannerSpot *spot = &state->spots[client->first + i];
        spot->guest = index;
        spot->place = i;
        fill_spot(state, spot, cell, guest->admitted);
        client->vcpus += spot->vcpus;
        client->order[i] = client->first + i;
        bytes += (double) cell->bytes;
    }
    for (guint i = 0; i < n; i++) {
        guint64 own_bytes = g_array_index(guest->cells, VnPlannerCell, i).bytes;
        state->spots[client->first + i].bytes_share =
            bytes > 0 ? (double) own_bytes / bytes : 1.0 / n;
    }
    for (guint i = 0; i < n * n; i++) {
        guint from = client->first + i / n;
        guint to = client->first + i % n;
        client->weights[i] =
            guest->traffic ? guest->traffic[i] * client->vcpus
                           : state->spots[from].vcpus * state->spots[to].bytes_share;
    }
    client->price = bytes > 0 ? VN_PLANNER_PRICE * client->vcpus / bytes : 0;
    g_qsort_with_data(client->order, (int) n, sizeof(guint), larger_first, state);
}

static guint64
available(const VnHostNode *node, guint64 page_size_bytes)
{
    if (!page_size_bytes)
        return vn_host_node_available(node);
    for (guint i = 0; i < node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        if (pages->size_bytes == page_size_bytes)
            return pages->free * page_size_bytes;
    }
    return 0;
}

/* What is there, and what admitted cells hold there. */
static void
fill_pools(VnPlannerState *state)
{
    guint n = state->n_nodes;
    for (guint i = 0; i < state->n_pools * n; i++)
        state->pools[i].capacity_bytes = available(
            host_node(state, i % n), g_array_index(state->page_sizes, guint64, i / n));
    for (guint i = 0; i < state->n_spots; i++) {
        const VnPlannerSpot *spot = &state->spots[i];
        const VnPlannerGuest *guest = state->clients[spot->guest].guest;
        const guint64 *resident =
            g_array_index(guest->cells, VnPlannerCell, spot->place).resident;
        for (guint j = 0; guest->admitted && resident && j < n; j++) {
            if (spot->only < 0 || spot->only == (int) j)
                state->pools[spot->pool * n + j].capacity_bytes += resident[j];
        }
    }
    for (guint i = 0; i < state->n_pools * n; i++)
        state->nodes[i % n].capacity_bytes += state->pools[i].capacity_bytes;
}

/* Where an admitted cell counts as placed that is told to be nowhere. */
static int
presumed_node(const VnPlannerState *state, guint index)
{
    const VnPlannerSpot *spot = &state->spots[index];
    int best = -1;
    gint64 most = 0;
    for (guint i = 0; i < state->n_nodes; i++) {
        const VnPlannerPool *pool = &state->pools[spot->pool * state->n_nodes + i];
        gint64 bytes = spot->resident_bytes && spot->resident
                           ? (gint64) spot->resident[i]
                           : (gint64) pool->capacity_bytes - (gint64) pool->used_bytes;
        if (vn_planner_may(state, index, i) && (best < 0 || bytes > most)) {
            best = (int) i;
            most = bytes;
        }
    }
    return MAX(best, 0);
}

static void
place_admitted(VnPlannerState *state)
{
    for (guint i = 0; i < state->n_spots; i++)
        vn_planner_put(state, i, state->spots[i].now);
    for (guint i = 0; i < state->n_spots; i++) {
        VnPlannerSpot *spot = &state->spots[i];
        if (spot->now >= 0 || !state->clients[spot->guest].guest->admitted)
            continue;
        spot->now = presumed_node(state, i);
        vn_planner_put(state, i, spot->now);
    }
    g_array_set_size(state->journal, 0);
}

static void
count_cells(VnPlannerState *state)
{
    const GPtrArray *guests = state->problem->guests;
    gsize n_weights = 0;
    state->n_clients = guests->len;
    state->clients = g_new0(VnPlannerClient, guests->len);
    for (guint i = 0; i < guests->len; i++) {
        VnPlannerClient *client = &state->clients[i];
        client->guest = guests->pdata[i];
        client->first = state->n_spots;
        client->n_cells = client->guest->cells->len;
        state->n_spots += client->n_cells;
        n_weights += (gsize) client->n_cells * client->n_cells;
    }
    state->spots = g_new0(VnPlannerSpot, state->n_spots);
    state->orders = g_new0(guint, state->n_spots);
    state->weights = g_new0(double, n_weights);
}

VnPlannerState *
vn_planner_state_new(const VnPlannerProblem *problem)
{
    VnPlannerState *state = g_new0(VnPlannerState, 1);
    guint n = problem->host->nodes->len;
    double *weights;
    state->problem = problem;
    state->n_nodes = n;
    state->effort_max = G_MAXUINT64;
    state->nodes = g_new0(VnPlannerNode, n);
    state->excess = g_new(double, (gsize) n *n);
    state->near = g_new(guint, (gsize) n * n);
    state->page_sizes = g_array_new(FALSE, FALSE, sizeof(guint64));
    state->journal = g_array_new(FALSE, FALSE, sizeof(VnPlannerChange));
    find_pool(state, 0);
    count_cells(state);
    measure_distances(state);
    fill_nodes(state);
    weights = state->weights;
    for (guint i = 0; i < state->n_clients; i++) {
        VnPlannerClient *client = &state->clients[i];
        client->weights = weights;
        client->order = state->orders + client->first;
        weights += (gsize) client->n_cells * client->n_cells;
        fill_client(state, i);
    }
    state->n_pools = state->page_sizes->len;
    state->pools = g_new0(VnPlannerPool, (gsize) state->n_pools * n);
    fill_pools(state);
    place_admitted(state);
    return state;
}

void
vn_planner_state_free(VnPlannerState *state)
{
    if (!state)
        return;
    g_free(state->spots);
    g_free(state->clients);
    g_free(state->nodes);
    g_free(state->pools);
    g_free(state->excess);
    g_free(state->near);
    g_free(state->weights);
    g_free(state->orders);
    g_array_unref(state->page_sizes);
    g_array_unref(state->journal);
    g_free(state);
}

static void
cell_clear(gpointer data)
{
    VnPlannerCell *cell = data;
    g_free(cell->resident);
    g_free(cell->allowed);
}

VnPlannerGuest *
vn_planner_guest_new(const char *name)
{
    VnPlannerGuest *guest = g_new0(VnPlannerGuest, 1);
    guest->name = g_strdup(name);
    guest->cells = g_array_new(FALSE, TRUE, sizeof(VnPlannerCell));
    g_array_set_clear_func(guest->cells, cell_clear);
    return guest;
}

VnPlannerCell *
vn_planner_guest_add_cell(VnPlannerGuest *guest, guint vcpus, guint64 bytes)
{
    VnPlannerCell cell = {.vcpus = vcpus, .bytes = bytes, .now = -1};
    g_array_append_val(guest->cells, cell);
    return &g_array_index(guest->cells, VnPlannerCell, guest->cells->len - 1);
}

void
vn_planner_guest_free(VnPlannerGuest *guest)
{
    if (!guest)
        return;
    g_free(guest->name);
    g_array_unref(guest->cells);
    g_free(guest->traffic);
    g_free(guest->devices);
    g_free(guest);
}
