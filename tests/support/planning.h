/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Problems for the planner, random ones among them, and what policies/planner.h says of
 * limits and cost worked out a second time, from the text alone.
 */
#pragma once

#include "policies/planner.h"

#define GIB (G_GUINT64_CONSTANT(1) << 30)

typedef struct {
    VnHost *host;
    gboolean *closed;
    VnPlannerProblem problem; /* with both; its guests belong to it */
} Planning;

/**
 * planning_new: host nodes 0.. that are 10 and 21 apart, each with all its memory free;
 * one vCPU a CPU, threads count, no guests.
 */
Planning *planning_new(guint n_nodes, guint n_cores, guint n_threads, guint64 memory_gib);
void planning_free(Planning *planning);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Planning, planning_free)

VnHostNode *planning_node(const Planning *planning, guint node);
void planning_set_distance(const Planning *planning, guint one, guint other,
                           guint distance);

/** planning_guest: adds a guest that is new, of equal cells. */
VnPlannerGuest *planning_guest(Planning *planning, const char *name, guint n_cells,
                               guint vcpus, guint64 memory_gib);
VnPlannerCell *planning_cell(const Planning *planning, guint guest, guint cell);

/** planning_place: the cell runs on the node, and all of it is resident there. */
void planning_place(const Planning *planning, guint guest, guint cell, guint node);

/** planning_random: at most so many host nodes, and cells of all guests together. */
Planning *planning_random(GRand *random, guint n_nodes_max, guint n_cells_max);

/**
 * planning_apply: makes of it what it is once the plan is carried out in full.
 *
 * Returns: whether all lies where it belongs now: where there has been too much on a
 *   node before not all fits.
 */
gboolean planning_apply(Planning *planning, const VnPlannerResult *result);

/**
 * planning_broken: the hard limit that the homes break, or NULL. Cells whose home is -1
 * are nowhere, or not there yet: more of them never break less.
 */
const char *planning_broken(const Planning *planning, int *const *homes);

/** planning_cost: of what has its home; a guest wholly or not at all. */
double planning_cost(const Planning *planning, int *const *homes);

/** planning_count: guests that have their place; and their vCPUs. */
guint planning_count(const Planning *planning, int *const *homes, guint *ret_vcpus);
