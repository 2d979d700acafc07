/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An assignment being worked on by the planner (see policies/planner.h): where each cell
 * is, what that leaves of each limit, and what it would cost to put a cell elsewhere,
 * which takes time in the guest's cells only. For the planner's own files.
 */
#pragma once

#include "policies/planner.h"

/* Costs closer than this are the same. */
#define VN_PLANNER_EPSILON 1e-6

typedef struct {
    guint guest;
    guint place; /* among the guest's cells */
    guint vcpus;
    guint pool;         /* which page size: of VnPlannerState.pools */
    guint64 need_bytes; /* on its node, in whole pages */
    const gboolean *allowed;
    const guint64 *resident; /* NULL: nothing that could be moved */
    guint64 resident_bytes;
    double bytes_share; /* of the guest's bytes */
    int now;            /* node; -1: not placed */
    int only;           /* the one node for it; -1: any */
    int home;           /* node; -1: not placed */
    gboolean locked;    /* for the moment */
} VnPlannerSpot;

typedef struct {
    const VnPlannerGuest *guest;
    guint first; /* of its cells, in VnPlannerState.spots */
    guint n_cells;
    guint vcpus;
    double price;    /* of a byte moved */
    double *weights; /* cell * n_cells + to cell: traffic x vCPUs */
    guint *order;    /* its spots, the largest first */
} VnPlannerClient;

/* What is on a host node, or runs there. */
typedef struct {
    gboolean has_memory;
    guint run; /* the node whose CPUs its cells run on */
    guint cores;
    guint cpus;
    guint vcpus_max;
    guint vcpus; /* of all cells that run here, in this and the next two */
    guint arriving_vcpus;
    double spreading_vcpus;
    double balancing_vcpus; /* of cells that lie here: half of them */
    guint64 capacity_bytes; /* of all page sizes, in this and the next */
    guint64 used_bytes;
    guint packed; /* cells that aim to pack */
    guint others; /* cells that do not */
    guint wanted; /* for the moment: nothing may come here */
} VnPlannerNode;

typedef struct {
    guint64 capacity_bytes;
    guint64 used_bytes;
    guint64 arriving_bytes; /* of these, of cells that are not here today */
} VnPlannerPool;

typedef struct {
    guint spot;
    int home;
} VnPlannerChange;

typedef struct {
    const VnPlannerProblem *problem;
    guint n_nodes;
    guint n_spots;
    guint n_clients;
    guint n_pools;
    VnPlannerSpot *spots;
    VnPlannerClient *clients;
    VnPlannerNode *nodes;
    VnPlannerPool *pools; /* page size * n_nodes + node */
    GArray *page_sizes;   /* of guint64, by pool; 0: base pages */
    double *excess;       /* from node * n_nodes + to node */
    guint *near; /* node * n_nodes + rank: nodes by their distance, itself first */
    double *weights;
    guint *orders;
    GArray *journal; /* of VnPlannerChange: what was where, before each change */
    double cost;     /* kept up to date by each change */
    guint64 effort;
    guint64 effort_max;
} VnPlannerState;

/** vn_planner_state_new: what is admitted is where it is now (planner-problem.c). */
VnPlannerState *vn_planner_state_new(const VnPlannerProblem *problem);
void vn_planner_state_free(VnPlannerState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnPlannerState, vn_planner_state_free)

/** vn_planner_may: whether the cell may lie there at all, on an empty host. */
gboolean vn_planner_may(const VnPlannerState *state, guint spot, guint node);

/** vn_planner_fits: whether the cell, which is nowhere, may go there as things are. */
gboolean vn_planner_fits(const VnPlannerState *state, guint spot, guint node);

/** vn_planner_own_cost: what the cell costs there without all other cells. */
double vn_planner_own_cost(const VnPlannerState *state, guint spot, guint node);

/** vn_planner_wish: what the cell costs there without all other guests. */
double vn_planner_wish(VnPlannerState *state, guint spot, guint node);

/** vn_planner_entry: what the cost grows by when the cell, now nowhere, goes there. */
double vn_planner_entry(VnPlannerState *state, guint spot, guint node);

/** vn_planner_put: brings the cell there, or nowhere (-1), wherever it is. */
void vn_planner_put(VnPlannerState *state, guint spot, int node);

/** vn_planner_undo: takes back all changes since the journal had that length. */
void vn_planner_undo(VnPlannerState *state, guint length);

/** vn_planner_is_in: whether the guest has its place. */
gboolean vn_planner_is_in(const VnPlannerState *state, guint client);

/** vn_planner_total: the cost, computed anew, which also ends what rounding has added. */
double vn_planner_total(VnPlannerState *state);

/** vn_planner_moved: bytes of the cell that do not lie where it is now assigned to. */
guint64 vn_planner_moved(const VnPlannerSpot *spot);

typedef struct {
    guint64 bytes;
    guint vcpus;
    double part; /* of what the cell needs; both added */
} VnPlannerLack;

/** vn_planner_lack: what the node lacks for the cell, which is nowhere, to fit there. */
VnPlannerLack vn_planner_lack(const VnPlannerState *state, guint spot, guint node);

/**
 * vn_planner_make_room: moves and exchanges others until the cell, which may still be
 * elsewhere or nowhere, fits on the node (planner-room.c).
 * @depth: so many times room may be made for those that have to go
 *
 * Returns: whether it fits now; if not, all is as it was.
 */
gboolean vn_planner_make_room(VnPlannerState *state, guint spot, guint node, guint depth);

/** vn_planner_spent: whether the effort is used up. */
static inline gboolean
vn_planner_spent(const VnPlannerState *state)
{
    return state->effort >= state->effort_max;
}

/** vn_planner_cheapest: the node that fits where the cell costs least, or -1. */
int vn_planner_cheapest(VnPlannerState *state, guint spot);

/** vn_planner_place: the guest to where it costs least, if it fits (planner-place.c). */
gboolean vn_planner_place(VnPlannerState *state, guint client);

/** vn_planner_admit: the same, others making room. */
gboolean vn_planner_admit(VnPlannerState *state, guint client);

/** vn_planner_improve: what lowers the cost, until nothing does (planner-improve.c). */
void vn_planner_improve(VnPlannerState *state);

/** vn_planner_construct: brings in what is new, and improves all (planner-search.c). */
void vn_planner_construct(VnPlannerState *state);

/** vn_planner_shake: looks for something better further away, with the effort left. */
void vn_planner_shake(VnPlannerState *state);

/** vn_planner_exact: the optimum, if it is proven within the effort (planner-exact.c). */
gboolean vn_planner_exact(VnPlannerState *state);

/** vn_planner_refusal: why the guest has no place (planner-refusal.c). */
char *vn_planner_refusal(VnPlannerState *state, guint client);
