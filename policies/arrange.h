/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arrangements of one guest on the host (see policies/steer.h): what each costs, and the
 * search for a better one. For steer.c and its tests only.
 */
#pragma once

#include "model/locality.h"
#include "model/plan.h"

/* Host nodes are places in VnHost.nodes here. */
typedef struct {
    guint n_cells;
    int *cpus;  /* host node of the cell's vCPUs; -1: anywhere */
    int *homes; /* host node of the cell's memory; -1: as it lies now */
} VnArrangement;

VnArrangement *vn_arrangement_copy(const VnArrangement *arrangement);
void vn_arrangement_free(VnArrangement *arrangement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnArrangement, vn_arrangement_free)

typedef struct {
    const VnSnapshot *snapshot;
    const VnGuest *guest;
    guint n_cells;
    guint n_nodes;
    VnArrangement *today;
    VnArrangement *planned; /* what the plan makes of it */
    double *traffic;        /* share of all accesses, from cell * n_cells + to cell */
    double *reaches;        /* remote cost to a cell's memory as it lies, from host node
                                 (n_nodes: anywhere): cell * (n_nodes + 1) + host node */
    gboolean *may_pin;      /* by cell */
    VnIdSet **candidates;   /* by cell: ids of host nodes where its memory may go */
    guint *vcpus_max;       /* by host node: so many vCPUs of this guest at most */
    gint64 *room;           /* by host node: bytes */
    guint64 resident_bytes;
} VnArranger;

/**
 * vn_arranger_new:
 *
 * Returns: NULL when homes are not one host node a cell, or when nothing was seen to be
 *   accessed.
 */
VnArranger *vn_arranger_new(const VnSnapshot *snapshot, const VnGuest *guest,
                            const VnLocality *locality, gboolean pins_are_ours,
                            const VnPlan *plan);
void vn_arranger_free(VnArranger *arranger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnArranger, vn_arranger_free)

/** vn_arranger_bytes: of the cell, that do not lie on that host node; 0 for -1. */
guint64 vn_arranger_bytes(const VnArranger *arranger, guint cell, int node);
guint64 vn_arranger_bytes_in_all(const VnArranger *arranger,
                                 const VnArrangement *arrangement);

/** vn_arranger_mostly_on: the host node with most of the cell's memory, or -1. */
int vn_arranger_mostly_on(const VnArranger *arranger, guint cell);

/** vn_arranger_cost: the remote cost: 1.0 is all local. */
double vn_arranger_cost(const VnArranger *arranger, const VnArrangement *arrangement);

/** vn_arranger_score: what is to be lowered, see policies/steer.h. */
double vn_arranger_score(const VnArranger *arranger, const VnArrangement *arrangement);

/** vn_arranger_improve: the change that lowers the score most, again and again. */
VnArrangement *vn_arranger_improve(const VnArranger *arranger, const VnArrangement *from);
