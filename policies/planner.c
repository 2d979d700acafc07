/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The planner: what is new is brought in and the cost lowered by search; where it is
 * small enough, branch and bound proves the optimum; else the search goes on with what
 * effort is left. What is to be said of the assignment found is said here.
 */
#include "policies/planner.h"

#include "policies/planner-state.h"

/* The default effort: for any problem, for each cell, and for each cell and host node. */
#define EFFORT 200000u
#define EFFORT_CELL 256u
#define EFFORT_CELL_NODE 8u

static guint64
effort_of(const VnPlannerState *state)
{
    if (state->problem->effort)
        return state->problem->effort;
    return EFFORT + (guint64) state->n_spots *
                        (EFFORT_CELL + (guint64) EFFORT_CELL_NODE * state->n_nodes);
}

static gboolean
search(VnPlannerState *state)
{
    guint64 effort_max = effort_of(state);
    gboolean exact = FALSE;
    state->effort = 0;
    state->effort_max = effort_max;
    vn_planner_construct(state);
    if (!state->problem->search_only && !vn_planner_spent(state)) {
        state->effort_max = state->effort + (effort_max - state->effort) / 2;
        exact = vn_planner_exact(state);
        state->effort_max = effort_max;
    }
    if (!exact)
        vn_planner_shake(state);
    return exact;
}

/* Mean distance / 10 of all admitted guests' accesses. */
static double
remote_cost(const VnPlannerState *state)
{
    double excess = 0;
    double vcpus = 0;
    for (guint i = 0; i < state->n_clients; i++) {
        const VnPlannerClient *client = &state->clients[i];
        const VnPlannerSpot *spots = &state->spots[client->first];
        if (!vn_planner_is_in(state, i))
            continue;
        vcpus += client->vcpus;
        for (guint j = 0; j < client->n_cells * client->n_cells; j++) {
            guint run = state->nodes[spots[j / client->n_cells].home].run;
            guint at = (guint) spots[j % client->n_cells].home;
            excess += client->weights[j] * state->excess[run * state->n_nodes + at];
        }
    }
    return vcpus > 0 ? 1 + excess / vcpus : 1;
}

static double
max_cpu_load(const VnPlannerState *state)
{
    double most = 0;
    for (guint i = 0; i < state->n_nodes; i++) {
        const VnPlannerNode *node = &state->nodes[i];
        if (node->cpus)
            most = MAX(most, (double) node->vcpus / node->cpus);
    }
    return most;
}

static VnPlannerResult *
tell(VnPlannerState *state, gboolean exact)
{
    VnPlannerResult *result = g_new0(VnPlannerResult, 1);
    result->n_guests = state->n_clients;
    result->homes = g_new0(int *, state->n_clients);
    result->refused = g_new0(char *, state->n_clients);
    result->effort = state->effort;
    result->exact = exact;
    result->cost = vn_planner_total(state);
    result->remote_cost = remote_cost(state);
    result->max_cpu_load_ratio = max_cpu_load(state);
    for (guint i = 0; i < state->n_clients; i++) {
        const VnPlannerClient *client = &state->clients[i];
        result->homes[i] = g_new(int, client->n_cells);
        for (guint j = 0; j < client->n_cells; j++) {
            const VnPlannerSpot *spot = &state->spots[client->first + j];
            result->homes[i][j] = spot->home;
            result->moved_bytes += vn_planner_moved(spot);
        }
        if (!vn_planner_is_in(state, i))
            result->refused[i] = vn_planner_refusal(state, i);
    }
    return result;
}

VnPlannerResult *
vn_planner_solve(const VnPlannerProblem *problem)
{
    g_autoptr(VnPlannerState) state = vn_planner_state_new(problem);
    gboolean exact = search(state);
    return tell(state, exact);
}

void
vn_planner_result_free(VnPlannerResult *result)
{
    if (!result)
        return;
    for (guint i = 0; i < result->n_guests; i++) {
        g_free(result->homes[i]);
        g_free(result->refused[i]);
    }
    g_free(result->homes);
    g_free(result->refused);
    g_free(result);
}
