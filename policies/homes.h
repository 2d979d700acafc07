/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnHome: the host nodes that a cell belongs on, and who says so. Here: homes that are
 * given, and the CPUs of a home; policies/place.h chooses the others.
 */
#pragma once

#include "model/snapshot.h"

/* What a home follows from. */
typedef enum {
    VN_HOME_BOUND, /* the cell's memory is bound there, which only a restart can change */
    VN_HOME_ALLOWED,  /* all that its policy may use, of a guest without cells */
    VN_HOME_PINNED,   /* its vCPUs are pinned there */
    VN_HOME_MIRRORED, /* policy mirror: the host node of the same place */
    VN_HOME_MANUAL,   /* policy manual, and neither says: any node that it may be on */
    VN_HOME_CHOSEN,   /* nobody says: the planner's */
    VN_HOME_NONE,     /* no host node may hold it */
} VnHomeSource;

typedef struct {
    VnIdSet *home; /* host nodes that have memory; empty for VN_HOME_NONE */
    VnHomeSource source;
} VnHome;

/**
 * vn_homes_given:
 * @index: of the cell
 * @hold_ours: whether pins of our own say where the cell belongs, too
 *
 * Where the cell's memory is bound, else where its policy or its vCPUs' pins have it.
 *
 * Returns: VN_HOME_CHOSEN with an empty set where nothing says.
 */
VnHome vn_homes_given(const VnHost *host, const VnGuest *guest, guint index,
                      gboolean hold_ours);

/** vn_homes_limit: the host nodes with memory where the cell's pages may lie at all. */
VnIdSet *vn_homes_limit(const VnHost *host, const VnGuest *guest, const VnCell *cell);

/**
 * vn_homes_cpus:
 * @home: host nodes
 *
 * Returns: the CPUs of @home; where it has none, those of the nodes with CPUs that are
 * nearest to it.
 */
VnIdSet *vn_homes_cpus(const VnHost *host, const VnIdSet *home);
