/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chooses a home for every cell of every guest: where its memory is bound, else where its
 * vCPUs are pinned, else the cheapest place with room. Pure: a snapshot in, sets out.
 */
#pragma once

#include "model/snapshot.h"

/* What a home follows from. */
typedef enum {
    VN_HOME_BOUND, /* the cell's memory is bound there, which only a restart can change */
    VN_HOME_ALLOWED, /* all that its policy may use, of a guest without cells */
    VN_HOME_PINNED,  /* its vCPUs are pinned there */
    VN_HOME_CHOSEN,  /* neither says: fewest bytes to move, within capacity */
    VN_HOME_NONE,    /* no host node may hold it */
} VnHomeSource;

typedef struct {
    VnIdSet *home; /* host nodes that have memory; empty for VN_HOME_NONE */
    VnHomeSource source;
} VnHome;

/**
 * vn_homes_choose:
 *
 * Guests that are stopped get VN_HOME_NONE for each cell. Deterministic. Guests whose
 * homes are given by binding or pins are placed first, so that the others see their load.
 *
 * Returns: one GArray of VnHome a guest, in the snapshot's order, one VnHome a cell.
 */
GPtrArray *vn_homes_choose(const VnSnapshot *snapshot);

/**
 * vn_homes_cpus:
 * @home: host nodes
 *
 * Returns: the CPUs of @home; where it has none, those of the nodes with CPUs that are
 * nearest to it.
 */
VnIdSet *vn_homes_cpus(const VnHost *host, const VnIdSet *home);
