/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnPlacing: a home for every cell of every guest: those that are given
 * (policies/homes.h), and for all others what the planner finds best for the host as a
 * whole. Pure: a snapshot in, sets out.
 */
#pragma once

#include "model/snapshot.h"
#include "policies/homes.h"
#include "policies/planner.h"

typedef struct {
    double cpu_overcommit_ratio; /* vCPUs for each CPU at most; 0: no limit */
    gboolean smt;    /* each thread of a core is a CPU; else each core is one */
    gboolean admit;  /* guests that do not run are placed, too, or refused */
    gboolean replan; /* what we pinned ourselves may go elsewhere under any policy; else
                        under pack, spread and balance only */
} VnPlaceOptions;

typedef struct {
    GPtrArray *homes;   /* of GArray of VnHome, one a guest, one a cell */
    GPtrArray *refused; /* of char*, by guest: why; NULL: it is not */
    double remote_cost; /* of all accesses, weighted by vCPUs; 1: all local */
    double max_cpu_load_ratio;
} VnPlacing;

/**
 * vn_place:
 *
 * Deterministic. Guests that do not run get VN_HOME_NONE for each cell, unless they are
 * to be admitted, as do those that are refused; those that run are never refused. A cell
 * that is larger than any host node gets as few nodes as hold it, near to each other.
 */
VnPlacing *vn_place(const VnSnapshot *snapshot, const VnPlaceOptions *options);
void vn_placing_free(VnPlacing *placing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnPlacing, vn_placing_free)
