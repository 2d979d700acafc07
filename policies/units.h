/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnUnits: the vCPUs of a guest without cells, those that share memory as one unit, and
 * on which host node each unit is best kept (see policies/regroup.h). For regroup.c only.
 */
#pragma once

#include "policies/steer.h"

/* Host nodes are places in VnUnits.nodes here, or -1: several, or none of these. */
typedef struct {
    VnIdSet *vcpus;
    guint n;
    double rate;
    double lost;     /* of its accesses, these are remote wherever memory lies */
    double now_cost; /* sum of accesses times distances, as all is now */
    double *traffic; /* accesses, by place in VnHost.nodes of the memory */
    double *costs;   /* by host node: as now_cost, with all its vCPUs there */
    int now;         /* where all its vCPUs are */
    int to;
    gboolean fixed; /* there is no room for it: its vCPUs stay where they are */
} VnUnit;

typedef struct {
    const VnSnapshot *snapshot;
    const VnGuest *guest;
    const VnHeat *heat;
    const VnPlacement *placement;
    guint *nodes; /* places in VnHost.nodes: where vCPUs may go */
    guint n_nodes;
    GPtrArray *array; /* of VnUnit */
    guint *unit_of;   /* by vCPU, n_vcpus of them; NO_UNIT: none */
    int *node_of;     /* by vCPU */
    guint n_vcpus;
    double *mean_distances; /* by place in VnHost.nodes: from all of nodes */
    int *free_cpus;         /* by host node: CPUs less the vCPUs of others */
    int *room;              /* by host node: vCPUs of units that may go there */
    double rate;
} VnUnits;

/**
 * vn_units_new: as for vn_regroup_steer().
 *
 * Returns: (transfer full) (nullable): NULL when there is but one host node with CPUs
 */
VnUnits *vn_units_new(const VnSnapshot *snapshot, const VnGuest *guest,
                      const VnIdSet *home, const VnSteerEvidence *evidence,
                      const VnPlan *plan);
void vn_units_free(VnUnits *units);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnUnits, vn_units_free)

/**
 * vn_units_arrange: sets VnUnit.to.
 * @ret_gain: by how much the remote cost falls, or can fall as memory follows
 *
 * Returns: FALSE when too little is gained.
 */
gboolean vn_units_arrange(VnUnits *units, double *ret_gain);

/** vn_units_node: @i: as VnUnit.to */
const VnHostNode *vn_units_node(const VnUnits *units, int i);
