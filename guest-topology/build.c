/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes what the search found into a VnVnuma, with the reasons; keeps what was derived
 * before as long as it fits.
 */
#include "guest-topology/build.h"

#include "guest-topology/distances.h"
#include "guest-topology/interconnects.h"
#include "guest-topology/refusal.h"
#include "model/text.h"

static VnVnuma *
new_vnuma(const VnBuildSize *size)
{
    VnVnuma *vnuma = vn_vnuma_new(size->vcpus);
    vnuma->machine = g_strdup(size->machine);
    vnuma->page_size_bytes = size->page_size_bytes;
    return vnuma;
}

/* The cells in the order of their places; units more go to the first that hold them. */
static void
add_cells(VnVnuma *vnuma, const VnSolution *solution)
{
    const VnShape *shape = &solution->shape;
    guint vcpu_extras = shape->vcpu_extras;
    guint byte_extras = shape->byte_extras;
    guint next_vcpu = 0;
    for (guint i = 0; i < solution->chosen->len; i++) {
        const VnHostPlace *place = vn_place_at(solution->chosen, i);
        guint more_vcpus = MIN(vn_place_vcpu_extras(place, shape), vcpu_extras);
        guint more_bytes = MIN(vn_place_byte_extras(place, shape), byte_extras);
        vcpu_extras -= more_vcpus;
        byte_extras -= more_bytes;
        for (guint j = 0; j < place->cells; j++) {
            VnVnumaCell *cell = vn_vnuma_add_cell(vnuma);
            guint vcpus = shape->vcpus + (j < more_vcpus ? shape->vcpu_unit : 0);
            for (guint vcpu = 0; vcpu < vcpus; vcpu++)
                vn_idset_add(cell->vcpus, next_vcpu++);
            cell->memory_bytes = shape->bytes + (j < more_bytes ? shape->byte_unit : 0);
            vn_idset_add_all(cell->home, place->nodes);
        }
    }
    vn_vnuma_cell(vnuma, vnuma->cells->len - 1)->memory_bytes -= shape->slack_bytes;
}

/* Why not a cell less: what each would be, and how many host nodes hold that. */
static void
say_why_not_fewer(VnVnuma *vnuma, const VnProblem *problem)
{
    guint n_cells = vnuma->cells->len;
    VnShape shapes[VN_SHAPES_MAX];
    g_autoptr(VnHostPlaces) places =
        vn_host_places_new(problem->host, problem->size, problem->tag, FALSE);
    if (vn_shape_list(problem->size, problem->tag, places->threads, n_cells - 1,
                      shapes) == 0) {
        vn_vnuma_add_reason(
            vnuma, "%u cells: the fewest that fit, and that its %s allows", n_cells,
            problem->tag->max_vcpus_per_cell > 0 ? "max-vcpus-per-cell" : "<topology>");
        return;
    }
    const VnShape *shape = &shapes[0];
    guint vcpus = shape->vcpus + (shape->vcpu_extras > 0 ? shape->vcpu_unit : 0);
    guint holding = vn_host_places_holding(places, shape);
    g_autofree char *bytes =
        vn_text_bytes(shape->bytes + (shape->byte_extras > 0 ? shape->byte_unit : 0));
    g_autofree char *nodes = holding == 0 ? g_strdup("no host node has")
                             : holding == 1
                                 ? g_strdup("only one host node has")
                                 : g_strdup_printf("only %u host nodes have", holding);
    vn_vnuma_add_reason(vnuma,
                        "%u cells: %s the CPUs and the free memory for up to %u vCPUs "
                        "and %s, which each would have in %u",
                        n_cells, nodes, vcpus, bytes, n_cells - 1);
}

static void
say_why_so_many(VnVnuma *vnuma, const VnProblem *problem, const VnSolution *solution)
{
    guint n_cells = vnuma->cells->len;
    const char *plural = n_cells == 1 ? "" : "s";
    if (problem->asked > 0)
        vn_vnuma_add_reason(vnuma, "%u cell%s: asked for", n_cells, plural);
    else if (solution->way == VN_WAY_GROUPED || solution->way == VN_WAY_ALL)
        vn_vnuma_add_reason(vnuma,
                            "%u cell%s: no number of them makes each fit on a host node "
                            "of its own",
                            n_cells, plural);
    else if (n_cells == 1)
        vn_vnuma_add_reason(vnuma, "1 cell: it fits on one host node");
    else
        say_why_not_fewer(vnuma, problem);
}

static void
say_why_unequal(VnVnuma *vnuma, const VnShape *shape)
{
    if (shape->vcpu_extras > 0)
        vn_vnuma_add_reason(vnuma, "%u of the cells %s %u vCPU%s more: %u do not divide",
                            shape->vcpu_extras, shape->vcpu_extras == 1 ? "has" : "have",
                            shape->vcpu_unit, shape->vcpu_unit == 1 ? "" : "s",
                            vnuma->vcpus);
    if (shape->byte_extras == 0)
        return;
    g_autofree char *unit = vn_text_bytes(shape->byte_unit);
    vn_vnuma_add_reason(vnuma, "%u of the cells %s %s more: cells are whole units of it",
                        shape->byte_extras, shape->byte_extras == 1 ? "has" : "have",
                        unit);
}

static void
say_why_there(VnVnuma *vnuma, const VnProblem *problem, const VnSolution *solution)
{
    gboolean devices =
        problem->size->device_nodes && problem->size->device_nodes->len > 0;
    g_autoptr(VnIdSet) nodes = vn_idset_new();
    guint64 free_bytes = 0;
    for (guint i = 0; i < solution->chosen->len; i++) {
        vn_idset_add_all(nodes, vn_place_at(solution->chosen, i)->nodes);
        free_bytes += vn_place_at(solution->chosen, i)->bytes;
    }
    g_autofree char *where = vn_text_host_nodes(nodes);
    g_autofree char *room = vn_text_bytes(free_bytes);
    switch (solution->way) {
    case VN_WAY_ONE_EACH:
        if (vnuma->cells->len == 1)
            vn_vnuma_add_reason(vnuma, "its home is %s: %s, %s, of those that hold it",
                                where,
                                devices ? "the nearest to its devices, then the most "
                                          "free memory"
                                        : "the most free memory",
                                room);
        else
            vn_vnuma_add_reason(vnuma,
                                "homes are %s: the closest to each other%s that hold a "
                                "cell each, with %s free",
                                where, devices ? ", and then to its devices," : "", room);
        break;
    case VN_WAY_SHARED:
        vn_vnuma_add_reason(vnuma, "homes are %s, with %s free, several cells on each",
                            where, room);
        break;
    case VN_WAY_GROUPED:
        vn_vnuma_add_reason(
            vnuma, "homes are of neighbouring nodes among %s, with %s free", where, room);
        break;
    case VN_WAY_ALL:
        vn_vnuma_add_reason(vnuma,
                            "all of %s, with %s free, are each cell's home: fewer nodes "
                            "do not hold so many cells",
                            where, room);
        break;
    }
    if (solution->far)
        vn_vnuma_add_reason(vnuma, "nodes without CPUs are among the homes: the others "
                                   "have too little free memory");
}

static void
say_topology(VnVnuma *vnuma, const VnBuildSize *size)
{
    const VnCpuTopology *topology = &vnuma->topology;
    const char *threads =
        topology->threads > 1 ? "; threads to a core as the host's cores have them" : "";
    if (size->topology)
        vn_vnuma_add_reason(vnuma, "CPU topology: the administrator's own");
    else if (topology->dies > 1)
        vn_vnuma_add_reason(vnuma,
                            "CPU topology: each cell is a die, %u to a socket, as the "
                            "homes are to the host's packages%s",
                            topology->dies, threads);
    else if (topology->sockets == vnuma->cells->len)
        vn_vnuma_add_reason(vnuma, "CPU topology: each cell is a socket%s", threads);
    else
        vn_vnuma_add_reason(vnuma,
                            "CPU topology: sockets of %u vCPUs, so that no unequal cell "
                            "cuts one%s",
                            topology->cores * topology->threads, threads);
}

/* Distances and HMAT, and the check that everything passes. */
static VnVnuma *
complete(VnVnuma *vnuma, const VnProblem *problem, guint threads, GError **error)
{
    const VnBuildSize *size = problem->size;
    g_autoptr(VnVnuma) owned = vnuma;
    owned->topology = size->topology ? *size->topology
                                     : vn_shape_topology(problem->host, owned, threads);
    if (!vn_distances_derive(problem->host, owned, problem->tag, error)) {
        g_prefix_error(error, "guest %s: ", size->name);
        return NULL;
    }
    vn_interconnects_derive(problem->host, owned, problem->tag);
    return g_steal_pointer(&owned);
}

/* The homes of the cells of @vnuma as places; NULL: they do not hold the cells. */
static GPtrArray *
homes_of(const VnVnuma *vnuma, const VnHostPlaces *places)
{
    g_autoptr(GPtrArray) homes = vn_host_places_list_new();
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        VnHostPlace *place = NULL;
        for (guint j = 0; j < homes->len; j++) {
            VnHostPlace *known = homes->pdata[j];
            if (vn_idset_equal(known->nodes, cell->home))
                place = known;
            else if (vn_idset_overlaps(known->nodes, cell->home))
                return NULL;
        }
        if (!place) {
            place = vn_host_places_join(places, cell->home);
            if (!place)
                return NULL;
            g_ptr_array_add(homes, place);
        }
        if (vn_idset_count(cell->vcpus) > place->cpus ||
            cell->memory_bytes > place->bytes)
            return NULL;
        place->cpus -= vn_idset_count(cell->vcpus);
        place->bytes -= cell->memory_bytes;
    }
    return g_steal_pointer(&homes);
}

/* Whether a cell could have been derived: consecutive vCPUs, whole units of memory. */
static gboolean
is_derivable(const VnProblem *problem, const VnVnumaCell *cell, guint first_vcpu)
{
    const VnBuildSize *size = problem->size;
    guint vcpus = vn_idset_count(cell->vcpus);
    VnShape shape[VN_SHAPES_MAX];
    guint n = vn_shape_list(size, problem->tag, 1, size->previous->cells->len, shape);
    gboolean last = cell->id + 1 == size->previous->cells->len;
    guint64 bytes = cell->memory_bytes + (last && n > 0 ? shape[0].slack_bytes : 0);
    return n > 0 && vcpus > 0 && vn_idset_next(cell->vcpus, 0) == (int) first_vcpu &&
           vn_idset_next(cell->vcpus, first_vcpu + vcpus) < 0 &&
           vn_idset_contains(cell->vcpus, first_vcpu + vcpus - 1) &&
           vcpus % (size->topology ? shape[0].vcpu_unit : 1) == 0 &&
           (problem->tag->max_vcpus_per_cell == 0 ||
            vcpus <= problem->tag->max_vcpus_per_cell) &&
           cell->memory_bytes > 0 && bytes % shape[0].byte_unit == 0;
}

/* What was derived before, when it still fits; NULL: derive anew. */
static VnVnuma *
keep_previous(const VnProblem *problem)
{
    const VnVnuma *previous = problem->size->previous;
    guint next_vcpu = 0;
    if (!previous || previous->vcpus != problem->size->vcpus ||
        vn_vnuma_memory(previous) != problem->size->memory_bytes ||
        previous->cells->len < problem->cells_min ||
        previous->cells->len > problem->cells_max)
        return NULL;
    for (guint i = 0; i < previous->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(previous, i);
        if (!is_derivable(problem, cell, next_vcpu))
            return NULL;
        next_vcpu += vn_idset_count(cell->vcpus);
    }
    g_autoptr(VnHostPlaces) places =
        vn_host_places_new(problem->host, problem->size, problem->tag, TRUE);
    g_autoptr(GPtrArray) homes = homes_of(previous, places);
    if (!homes || next_vcpu != previous->vcpus)
        return NULL;
    VnVnuma *vnuma = new_vnuma(problem->size);
    for (guint i = 0; i < previous->cells->len; i++) {
        const VnVnumaCell *old = vn_vnuma_cell(previous, i);
        VnVnumaCell *cell = vn_vnuma_add_cell(vnuma);
        vn_idset_add_all(cell->vcpus, old->vcpus);
        vn_idset_add_all(cell->home, old->home);
        cell->memory_bytes = old->memory_bytes;
    }
    for (guint i = 0; i < previous->reasons->len; i++)
        vn_vnuma_add_reason(vnuma, "%s", (const char *) previous->reasons->pdata[i]);
    if (previous->reasons->len == 0)
        vn_vnuma_add_reason(vnuma, "as it was derived before: it still fits");
    return complete(vnuma, problem, places->threads, NULL);
}

VnVnuma *
vn_build(const VnHost *host, const VnBuildSize *size, const VnTag *tag, GError **error)
{
    VnProblem problem = vn_problem_make(host, size, tag);
    if (!vn_refusal_check(&problem, error))
        return NULL;
    VnVnuma *kept = keep_previous(&problem);
    if (kept)
        return kept;
    g_autoptr(VnSolution) solution = vn_problem_solve(&problem);
    if (!solution) {
        vn_refusal_set(&problem, error);
        return NULL;
    }
    VnVnuma *vnuma = new_vnuma(size);
    add_cells(vnuma, solution);
    say_why_so_many(vnuma, &problem, solution);
    say_why_unequal(vnuma, &solution->shape);
    say_why_there(vnuma, &problem, solution);
    vnuma = complete(vnuma, &problem, solution->threads, error);
    if (vnuma)
        say_topology(vnuma, size);
    return vnuma;
}
