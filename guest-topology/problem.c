/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tries the ways to place a guest's cells in the order that build.h tells, and takes the
 * first that does.
 */
#include "guest-topology/problem.h"

/* How many numbers of cells are tried where each needs several nodes. */
#define GROUPINGS_MAX 32u

static GPtrArray *
place_cells(const VnHostPlaces *places, const VnShape *shape, VnWay way)
{
    switch (way) {
    case VN_WAY_ONE_EACH:
        return vn_host_places_one_each(places, shape);
    case VN_WAY_SHARED:
        return vn_host_places_shared(places, shape);
    case VN_WAY_GROUPED:
        return vn_host_places_grouped(places, shape);
    case VN_WAY_ALL:
        return vn_host_places_all(places, shape);
    }
    g_assert_not_reached();
}

void
vn_solution_free(VnSolution *solution)
{
    if (!solution)
        return;
    g_ptr_array_unref(solution->chosen);
    g_free(solution);
}

VnProblem
vn_problem_make(const VnHost *host, const VnBuildSize *size, const VnTag *tag)
{
    VnProblem problem = {
        .host = host,
        .size = size,
        .tag = tag,
        .cells_min = 1,
        .cells_max = VN_CELLS_MAX,
        .asked = tag->cells,
    };
    if (problem.asked == 0 && tag->distances == VN_DISTANCES_EXPLICIT)
        problem.asked = tag->matrix_cells;
    if (problem.asked > 0)
        problem.cells_min = problem.cells_max = problem.asked;
    else if (tag->max_vcpus_per_cell > 0)
        problem.cells_min =
            (size->vcpus + tag->max_vcpus_per_cell - 1) / tag->max_vcpus_per_cell;
    problem.may_share = problem.asked > 0 || tag->max_vcpus_per_cell > 0;
    return problem;
}

static VnSolution *
try_way(const VnProblem *problem, const VnHostPlaces *places, guint cells, VnWay way)
{
    VnShape shapes[VN_SHAPES_MAX];
    guint n = vn_shape_list(problem->size, problem->tag, places->threads, cells, shapes);
    for (guint i = 0; i < n; i++) {
        GPtrArray *chosen = place_cells(places, &shapes[i], way);
        if (!chosen)
            continue;
        VnSolution *solution = g_new0(VnSolution, 1);
        solution->chosen = chosen;
        solution->shape = shapes[i];
        solution->way = way;
        solution->threads = places->threads;
        return solution;
    }
    return NULL;
}

/* The first number of cells, from the fewest that there may be, for which @way does. */
static VnSolution *
try_ascending(const VnProblem *problem, const VnHostPlaces *places, guint most, VnWay way)
{
    for (guint cells = problem->cells_min; cells <= MIN(most, problem->cells_max);
         cells++) {
        VnSolution *solution = try_way(problem, places, cells, way);
        if (solution)
            return solution;
    }
    return NULL;
}

/* Whether there are nodes enough for so many groups, were all as large as the largest. */
static gboolean
may_group(const VnHostPlaces *places, const VnShape *shape)
{
    guint cpus = 1;
    guint64 bytes = 1;
    for (guint i = 0; i < places->list->len; i++) {
        const VnHostPlace *place = places->list->pdata[i];
        cpus = MAX(cpus, place->cpus);
        bytes = MAX(bytes, place->bytes);
    }
    guint64 each =
        MAX((shape->vcpus + cpus - 1) / cpus, (shape->bytes + bytes - 1) / bytes);
    return each * shape->cells <= places->list->len;
}

/* The largest number of cells for which there are groups; it keeps homes small. */
static VnSolution *
try_groups(const VnProblem *problem, const VnHostPlaces *places)
{
    guint most = MIN(places->list->len, problem->cells_max);
    guint tried = 0;
    for (guint cells = most; cells >= problem->cells_min && tried < GROUPINGS_MAX;
         cells--) {
        VnShape shapes[VN_SHAPES_MAX];
        if (vn_shape_list(problem->size, problem->tag, places->threads, cells, shapes) ==
                0 ||
            !may_group(places, &shapes[0]))
            continue;
        VnSolution *solution = try_way(problem, places, cells, VN_WAY_GROUPED);
        if (solution)
            return solution;
        tried++;
    }
    return try_way(problem, places, problem->cells_min, VN_WAY_GROUPED);
}

VnSolution *
vn_problem_solve(const VnProblem *problem)
{
    for (int far = 0; far <= 1; far++) {
        g_autoptr(VnHostPlaces) places =
            vn_host_places_new(problem->host, problem->size, problem->tag, far);
        guint n = places->list->len;
        VnSolution *solution = NULL;
        if (places->cpus < problem->size->vcpus ||
            places->bytes < problem->size->memory_bytes)
            continue;
        if (!far)
            solution = try_ascending(problem, places, n, VN_WAY_ONE_EACH);
        if (!solution && problem->may_share)
            solution = try_ascending(problem, places, VN_CELLS_MAX, VN_WAY_SHARED);
        if (!solution)
            solution = try_groups(problem, places);
        if (!solution)
            solution = try_ascending(problem, places, VN_CELLS_MAX, VN_WAY_ALL);
        if (solution) {
            solution->far = far;
            return solution;
        }
    }
    return NULL;
}
