/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The planner: assigns the cells of all guests to host nodes. Problem in, assignment out;
 * pure and deterministic: effort is counted in evaluations, never in time, and ties go to
 * what comes first. It says where cells belong; in which order they get there, and in
 * which chunks two full nodes exchange theirs, is for who carries it out.
 *
 * Hard limits, in whatever is returned:
 * - a cell lies on one node that has memory, one of `allowed`; a `fixed` one stays;
 * - memory, and huge pages of each size: what the cells there want, in whole pages, is at
 *   most what is available there plus what admitted cells hold there already;
 * - vCPUs: at most cpu_overcommit_ratio for each CPU. The vCPUs of a cell run on its
 *   node, or where that has no CPUs on the nearest node that has;
 * - a closed node takes no cell that is not there now;
 * - an admitted guest is never refused.
 * Where today's cells alone are above a limit, they may stay, and nothing comes to them.
 *
 * First, as many guests as possible are admitted; of equally many, those with the most
 * vCPUs together. Then the cost is minimised. Its unit is the excess distance of one
 * vCPU's accesses: one vCPU that accesses a node at SLIT distance 20 only costs 1.
 * With excess(a, b) = distance(a, b) / 10 - 1, at(i) the node of cell i and run(i) the
 * node that its vCPUs run on, the cost is the sum of
 * - each guest: vCPUs x sum over cells i, j of traffic[i][j] x excess(run(i), at(j));
 * - each guest with devices: VN_PLANNER_DEVICE x vCPUs x mean over its devices of
 *   sum over cells of (cell's bytes / guest's bytes) x excess(device, at(cell));
 * - each admitted guest: VN_PLANNER_PRICE x vCPUs x moved bytes / guest's bytes; moved is
 *   what is resident elsewhere than on the cell's node;
 * - each cell on a closed node: VN_PLANNER_CLOSED x its vCPUs (at least 1);
 * - each node with CPUs, of L vCPUs, C cores and T CPUs (C where not `smt`):
 *   VN_PLANNER_SMT x (min(L, T) - C) where that is positive, and L x (L / T - 1) above T;
 * - each node with CPUs: VN_PLANNER_SPREAD x (vCPUs of cells with the aim to spread, and
 *   half of those with the aim to balance) x L / T;
 * - each node: VN_PLANNER_SPREAD x half of the vCPUs of cells there that aim to balance
 *   x bytes of all cells there / what they may be at most (of base pages and all page
 *   sizes that some cell wants);
 * - each node with cells that aim to pack, and no others: VN_PLANNER_OPEN x its CPUs (at
 *   least 1).
 * A fixed cell's bytes on other nodes than its own stay there, and are not counted.
 */
#pragma once

#include "model/host.h"

#define VN_PLANNER_DEVICE 0.5
#define VN_PLANNER_PRICE 0.05 /* as VN_STEER_PRICE */
#define VN_PLANNER_CLOSED 100.0
#define VN_PLANNER_SMT 0.1
#define VN_PLANNER_SPREAD 1.0
#define VN_PLANNER_OPEN 0.25

/* What a guest's cells want of the load of their nodes. */
typedef enum {
    VN_PLACE_ALIGN,
    VN_PLACE_PACK,
    VN_PLACE_SPREAD,
    VN_PLACE_BALANCE
} VnPlaceAim;

/* Host nodes are places in VnHost.nodes here. */
typedef struct {
    guint vcpus;
    guint64 bytes;
    guint64 page_size_bytes; /* 0: base pages */
    guint64 *resident;       /* by node, bytes; NULL: none yet */
    int now;                 /* node; -1: not placed */
    gboolean fixed;          /* stays at `now`; without effect where that is -1 */
    gboolean *allowed;       /* by node; NULL: all */
} VnPlannerCell;

typedef struct {
    char *name;
    VnPlaceAim aim;
    GArray *cells;   /* of VnPlannerCell */
    double *traffic; /* share of all accesses, cell * n_cells + to cell, sums to 1;
                          NULL: all vCPUs access all memory evenly */
    guint n_devices;
    guint *devices;    /* nodes */
    gboolean admitted; /* runs already: is not refused. A cell of it that has no `now`
                          counts as placed where most of it is resident, or is room */
} VnPlannerGuest;

typedef struct {
    const VnHost *host;
    GPtrArray *guests;           /* of VnPlannerGuest */
    double cpu_overcommit_ratio; /* vCPUs for each CPU; 0: no limit */
    gboolean smt;           /* each thread of a core is a CPU; FALSE: each core is one */
    const gboolean *closed; /* by node; NULL: none */
    guint64 effort;         /* evaluations at most, beyond the first fit of each guest;
                                0: the default, which grows with cells and nodes */
    gboolean search_only;   /* no branch and bound, however small it is */
} VnPlannerProblem;

typedef struct {
    guint n_guests;
    int **homes;    /* [guest][cell]: node; -1: refused, then all of the guest's */
    char **refused; /* by guest: what lacks, and what would have to change; NULL: not */
    double cost;
    double remote_cost;        /* mean distance / 10 of the admitted guests' accesses */
    guint64 moved_bytes;       /* resident elsewhere than at the new homes */
    double max_cpu_load_ratio; /* vCPUs for each CPU, where they are most */
    guint64 effort;            /* evaluations done */
    gboolean exact;            /* proven to be the optimum */
} VnPlannerResult;

/** vn_planner_guest_new: a guest without cells that aims to align. */
VnPlannerGuest *vn_planner_guest_new(const char *name);

/**
 * vn_planner_guest_add_cell: a cell that is not placed, of base pages; on what is
 * returned all else can be set. It is valid until the next is added. `resident` and
 * `allowed` are freed with the guest, as are its traffic and devices.
 */
VnPlannerCell *vn_planner_guest_add_cell(VnPlannerGuest *guest, guint vcpus,
                                         guint64 bytes);
void vn_planner_guest_free(VnPlannerGuest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnPlannerGuest, vn_planner_guest_free)

/**
 * vn_planner_solve:
 *
 * Returns: (transfer full): always an answer; what is settled stays as it is: with the
 *   homes as `now`, and all resident there, the answer is the same homes, unless the
 *   effort had ended before there was nothing left to gain.
 */
VnPlannerResult *vn_planner_solve(const VnPlannerProblem *problem);
void vn_planner_result_free(VnPlannerResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnPlannerResult, vn_planner_result_free)
