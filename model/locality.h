/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnLocality: how much of a guest's accesses stay on the accessing vCPU's host node, and
 * what the others cost, given where granules lie and vCPUs run (VnPlacement). Asked with
 * another placement than today's it tells what would come of it.
 */
#pragma once

#include "model/heat.h"

/* As many as a 4 TiB guest has granules, each for itself: 24 MiB. */
#define VN_PLACES_MAX (2u << 20)

/* Granules, one after the other, that lie on one host node and belong to one cell. */
typedef struct {
    guint32 granule; /* the first */
    guint32 n_granules;
    gint16 host_node; /* that most of each lies on; -1: not known */
    guint16 cell;     /* whose memory it is */
} VnPlace;

/* QEMU has few for each cell, and one for each memory module that was plugged in. */
#define VN_PLACEMENT_RAM_MAX 1024u

/* Guest-physical memory, one after the other, and which part of its cell it is. */
typedef struct {
    guint64 gpa;
    guint64 bytes;
    guint64 offset_bytes; /* from where the cell's memory begins */
    guint cell;
} VnRamPart;

typedef struct {
    GArray *places; /* of VnPlace, ascending, none overlapping */
    GArray *ram;    /* of VnRamPart, none overlapping; empty: not known */
    int *vcpus;     /* host node by vCPU; -1: not known, or not on one */
    guint n_vcpus;
} VnPlacement;

/** vn_placement_new: nothing is known yet. */
VnPlacement *vn_placement_new(guint n_vcpus);
void vn_placement_free(VnPlacement *placement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnPlacement, vn_placement_free)

/** vn_placement_set_vcpu: @vcpu runs on @host_node; -1: on several, or not known. */
void vn_placement_set_vcpu(VnPlacement *placement, guint vcpu, int host_node);

/**
 * vn_placement_add: the next granules. They have to be added in ascending order; what
 * continues the last is joined with it, and what is beyond VN_PLACES_MAX is not known.
 */
void vn_placement_add(VnPlacement *placement, guint64 granule, guint64 n_granules,
                      int host_node, guint cell);

/**
 * vn_placement_add_ram: where in its cell guest-physical memory lies; what is beyond
 * VN_PLACEMENT_RAM_MAX is not known.
 */
void vn_placement_add_ram(VnPlacement *placement, guint64 gpa, guint64 bytes, guint cell,
                          guint64 offset_bytes);

/** vn_placement_find: (nullable): the place that has @granule. */
const VnPlace *vn_placement_find(const VnPlacement *placement, guint64 granule);

/* All of it -1 but confidence and rate, as long as there is too little evidence. */
typedef struct {
    double locality; /* accesses on the accessing vCPU's host node / accesses, 0 to 1 */
    double remote_cost; /* mean SLIT distance of the accesses / 10; at least 1 */
    double confidence;  /* 0 to 1 */
    double rate;        /* 4 KiB pages accessed per second watched */
} VnLocalityFigures;

typedef struct {
    VnLocalityFigures guest;
    GArray *cells;   /* of VnLocalityFigures, by the cell whose vCPUs access */
    gboolean hinted; /* from sources without addresses; then there is but @guest */
    guint n_cells;
    guint n_nodes;
    double *by_node; /* rate from a cell's vCPUs to a host node's memory: cell * n_nodes +
                        the host node's place in VnHost.nodes */
    double
        *by_cell; /* rate from a cell's vCPUs to a cell's memory: cell * n_cells + cell;
                        where the memory lies need not be known for that */
} VnLocality;

/**
 * vn_locality_new:
 * @now_us: monotonic time; evidence loses weight with age
 *
 * Accesses whose vCPU's or page's host node is not known are left out of locality and
 * remote cost, and lower the confidence by their share. Where the heat knows the cell
 * only, they come from where its vCPUs are, each by its own rate; where it does not know
 * that either, from all vCPUs likewise.
 */
VnLocality *vn_locality_new(const VnHeat *heat, const VnPlacement *placement,
                            const VnHost *host, gint64 now_us);
void vn_locality_free(VnLocality *locality);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnLocality, vn_locality_free)
