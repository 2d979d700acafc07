/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The search of vn_build(): what is asked for, and the first of the ways to place it that
 * does. Pure.
 */
#pragma once

#include "guest-topology/places.h"

typedef struct {
    const VnHost *host;
    const VnBuildSize *size;
    const VnTag *tag;
    guint asked; /* cells, by number or by a matrix of distances; 0: as many as needed */
    guint cells_min;
    guint cells_max;
    gboolean may_share; /* several cells may lie on one host node */
} VnProblem;

/* In the order in which they are tried. */
typedef enum {
    VN_WAY_ONE_EACH,
    VN_WAY_SHARED,
    VN_WAY_GROUPED,
    VN_WAY_ALL,
} VnWay;

typedef struct {
    VnWay way;
    gboolean far; /* nodes without CPUs had to be used */
    guint threads;
    VnShape shape;
    GPtrArray *chosen; /* of VnHostPlace */
} VnSolution;

void vn_solution_free(VnSolution *solution);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnSolution, vn_solution_free)

VnProblem vn_problem_make(const VnHost *host, const VnBuildSize *size, const VnTag *tag);

/** vn_problem_solve: (nullable): NULL when the guest does not fit. */
VnSolution *vn_problem_solve(const VnProblem *problem);
