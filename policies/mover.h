/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnMover: the granules of one guest without cells that a plan is to move: only where
 * they may lie, no more than there is room for, nor than can be moved in
 * VN_GRANULES_PLAN_SECONDS; and the steps for them. Which granules, and where to, is for
 * others to say: policies/granules.c, spread.c, interleave.c and tier.c.
 */
#pragma once

#include "policies/pieces.h"
#include "policies/steer.h"

/* What the guest's policy does with its granules. */
typedef enum {
    VN_GRANULES_ALIGN,      /* private ones to their users; shared ones stay */
    VN_GRANULES_SPREAD,     /* likewise, and shared hot ones are spread evenly */
    VN_GRANULES_INTERLEAVE, /* hot and shared ones by the host nodes' bandwidth */
    VN_GRANULES_TIER,       /* hot ones near, cold ones far */
} VnGranulePolicy;

/** vn_granule_policy: by the name in the guest's tag; any other one is "align". */
VnGranulePolicy vn_granule_policy(const VnGuest *guest);

/**
 * vn_granule_policy_is_wide: whether memory may lie on all host nodes that binding and
 * cpuset.mems allow, so that these are the home of a guest without cells.
 */
gboolean vn_granule_policy_is_wide(const VnGuest *guest);

typedef struct {
    const VnSnapshot *snapshot;
    const VnGuest *guest;
    const VnSteerEvidence *evidence;
    VnIdSet *targets;  /* ids of host nodes where its memory may go */
    gint64 *room;      /* bytes, by place in VnHost.nodes */
    guint64 bytes_max; /* that may move yet */
    GArray *pieces;    /* of VnPiece: what is to move so far */
    GArray *gains;     /* of double, by piece: by how much the remote cost falls */
    guint64 bytes;     /* of all pieces, and */
    double gain;
    double share; /* of all accesses */
} VnMover;

/** vn_mover_new: @home: of the guest's only cell */
VnMover *vn_mover_new(const VnSnapshot *snapshot, const VnGuest *guest,
                      const VnSteerEvidence *evidence, const VnIdSet *home);
void vn_mover_free(VnMover *mover);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnMover, vn_mover_free)

/** vn_mover_place: where the granule lies; NULL: that is not known. */
const VnPlace *vn_mover_place(const VnMover *mover, guint64 granule);

/**
 * vn_mover_cost: what the granule's accesses add to the remote cost if it lies on
 * @host_node; vCPUs that run nobody knows where count as if they ran on all targets.
 */
double vn_mover_cost(const VnMover *mover, const VnHeatGranule *granule, int host_node);

/** vn_mover_is_shared: whether no host node's vCPUs, nor one vCPU, use it alone. */
gboolean vn_mover_is_shared(const VnMover *mover, const VnHeatGranule *granule);

/** vn_mover_can: whether the piece may go where it is to go, as yet. */
gboolean vn_mover_can(const VnMover *mover, const VnPiece *piece);

/** vn_mover_take: @gain: by how much the remote cost falls. FALSE: it may not go. */
gboolean vn_mover_take(VnMover *mover, const VnPiece *piece, double gain);

/** vn_mover_drop: nothing of what was taken is to move. */
void vn_mover_drop(VnMover *mover);

/**
 * vn_mover_add_steps: one for each pair of host nodes; nothing is left to move then.
 * @policy: VnStep.policy
 * @why: ends with what the host node's number comes after: "are cold and go to host node"
 */
void vn_mover_add_steps(VnMover *mover, const char *policy, const char *why,
                        VnPlan *plan);
