/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who shares memory: how a guest's accesses are divided between private and shared
 * granules, and which vCPUs use the same memory, so that they are best kept together.
 */
#pragma once

#include "model/heat.h"

/*
 * Two vCPUs belong together when, of the accesses of the less active one, at least this
 * share falls on memory that the other accesses too, counted as far as both do.
 */
#define VN_SHARING_AFFINITY 0.25

/* A vCPU with less than this share of the mean rate of all that have any is idle. */
#define VN_SHARING_ACTIVE 0.01

/* Up to so many vCPUs each is looked at for itself; of more, 2, 4 or 8 neighbours. */
#define VN_SHARING_ROWS_MAX 512u

typedef struct {
    double rates[3];     /* by VnHeatOwner: 4 KiB pages accessed per second watched */
    guint64 granules[3]; /* by VnHeatOwner */
    GPtrArray *groups;   /* of VnIdSet: vCPUs, at least two each, no vCPU in two groups;
                           ascending in the smallest vCPU */
} VnSharing;

/**
 * vn_sharing_new:
 *
 * The affinity of vCPUs i and k is the sum over granules of min(i's rate, k's rate),
 * divided by the smaller of their whole rates. Where a granule names their cells only,
 * each vCPU is taken to have that part of its cell's accesses which it has of all the
 * cell's. Those that have VN_SHARING_AFFINITY are joined, and with them all that these
 * are joined to. Granules whose accessors are too many to be known do not join anybody:
 * what all use is no reason to keep some together.
 */
VnSharing *vn_sharing_new(const VnHeat *heat);
void vn_sharing_free(VnSharing *sharing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnSharing, vn_sharing_free)
