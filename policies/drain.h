/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Emptying a host node. The policies keep off a node that is cordoned by themselves
 * (VnHostNode.cordoned); here: whether a node may be cordoned, what of a plan empties it,
 * and what stays on it, and why. Pure.
 */
#pragma once

#include "model/plan.h"

/* VnStep.policy of its steps: they are not done for their gain. */
#define VN_DRAIN_POLICY "drain"

/* Something of a guest that is, or will be, on the node. */
typedef struct {
    char *guest;
    char *uuid;
    char *object;     /* "cell 0", "vCPUs 0-3", "emulator" */
    guint64 bytes;    /* of a cell, that lie there; 0 of threads */
    char *reason;     /* why, and what would have to change */
    gboolean no_room; /* it may leave, and nothing but room elsewhere is missing */
} VnRemnant;

/**
 * vn_drain_check:
 * @error: GONE: there is no such node; REFUSED: no other node with memory, or with CPUs,
 *   would be left
 *
 * Whether the node may be cordoned, or is so already.
 */
gboolean vn_drain_check(const VnHost *host, guint node, GError **error) VN_WARN_UNUSED;

/** vn_drain_leaves: whether @plan has steps that take @guest off a cordoned node. */
gboolean vn_drain_leaves(const VnSnapshot *snapshot, const VnGuest *guest,
                         const VnPlan *plan);

/**
 * vn_drain_revise: what would bring something onto a cordoned node, as where a binding
 * asks for it, is removed, which the guest's reason tells; steps that take something off
 * one get the policy VN_DRAIN_POLICY.
 */
void vn_drain_revise(const VnSnapshot *snapshot, VnPlan *plan);

/** vn_drain_forbids: whether the step brings something onto a cordoned node. */
gboolean vn_drain_forbids(const VnHost *host, const VnStep *step);

/** vn_drain_guests: UUIDs of the guests that @plan takes off @node. */
char **vn_drain_guests(const VnSnapshot *snapshot, guint node, const VnPlan *plan);

/**
 * vn_drain_remnants:
 * @plan: steps not carried out yet count as if they were, the others say why they did not
 *   work
 *
 * Less than 1 MiB, or a thousandth of a cell, is not counted; QEMU's memory besides the
 * guest's RAM neither.
 *
 * Returns: (transfer full): of VnRemnant; empty: the node is drained
 */
GPtrArray *vn_drain_remnants(const VnSnapshot *snapshot, guint node, const VnPlan *plan);

/**
 * vn_drain_refusal:
 *
 * Returns: (nullable): why @plan cannot empty the node for lack of room elsewhere
 */
char *vn_drain_refusal(const GPtrArray *remnants, guint node);

/** vn_drain_summary: "host node 1 is drained", or what stays, shortly. */
char *vn_drain_summary(const GPtrArray *remnants, guint node);

/** vn_drain_to_variant: (transfer floating): aa{sv}: guest, object, bytes, reason. */
GVariant *vn_drain_to_variant(const GPtrArray *remnants);
