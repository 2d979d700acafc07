/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The truth guard: what a guest is told of its topology, and what its definition asks
 * for, against how things are. Pure: a snapshot's host and guest in, findings out. What
 * is not known is never a finding.
 */
#pragma once

#include "guest-topology/finding.h"

/*
 * A cell's pages are found elsewhere from this share of what is resident on, and from
 * this many bytes: the checked leftovers of a rebalance are less.
 */
#define VN_VERIFY_ASTRAY_RATIO 0.01
#define VN_VERIFY_ASTRAY_BYTES (2 * VN_GRANULE_BYTES)

/* A cell lies on a host node that has more than this share of its pages. */
#define VN_VERIFY_LIES_RATIO 0.75

/*
 * Figures differ when they are further apart than this share of the true one; distances,
 * whole numbers of which 10 is the least, by more than 2 at any rate.
 */
#define VN_VERIFY_TOLERANCE_RATIO 0.1
#define VN_VERIFY_TOLERANCE_DISTANCE 2u

/*
 * A strictly bound guest has room when its host nodes can take all that it has not
 * touched yet, and keep this share of their memory: the kernel reclaims, and at last
 * kills, below a like mark.
 */
#define VN_VERIFY_MARGIN_RATIO 0.01

/**
 * vn_verify:
 * @guest: as it runs; one that is stopped is checked for its next start only
 * @homes: (nullable): of VnIdSet, one a cell, by index; an empty set: not known
 * @stored: (nullable): its persistent definition; NULL: it has none, it is not known, or
 *   nobody asks about the next start
 *
 * Returns: (transfer full): those of the running guest come first. Several pairs of cells
 * with the same trouble are one finding, which names the worst and counts the others.
 */
VnVerdict *vn_verify(const VnHost *host, const VnGuest *guest, const GPtrArray *homes,
                     const VnGuest *stored);
