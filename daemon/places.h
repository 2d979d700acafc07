/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnPlaces: for each cell of a guest, the places in QEMU's address space where its RAM
 * could lie, and what can be told about them without looking into memory: names, sizes,
 * policies. Pure. More evidence is for daemon/probe.h to find.
 */
#pragma once

#include "model/guest.h"

/* A writable mapping of QEMU that could be guest RAM. */
typedef struct {
    guint64 start;
    guint64 end;
    char *file;        /* NULL: anonymous */
    gboolean is_plain; /* private base pages: reading one that is absent costs nothing */
    VnBinding binding; /* of its memory policy */
    VnIdSet *nodes;    /* NULL: no policy of its own */
} VnPlaceRange;

typedef struct {
    guint64 start;
    gboolean is_plain;
    /*
     * It does not begin and end where mappings do. QEMU leaves a guard page behind each
     * block of RAM, so that two do not become one mapping; should it happen all the same,
     * size says nothing, and only memory itself or QEMU can tell.
     */
    gboolean is_merged;
    gint64 named; /* the id of the cell whose object its file is; -1: none */
    VnBinding binding;
    const VnIdSet *nodes; /* borrowed from the range */
} VnRamPlace;

typedef struct VnPlaces VnPlaces;

/**
 * vn_place_ranges_new:
 * @maps: of VnNumaMap (host/numa_maps.h), ascending
 *
 * Returns: (transfer full): of VnPlaceRange: heap, stacks, what is not writable, and
 *   guard pages are left out
 */
GArray *vn_place_ranges_new(const GPtrArray *maps);

/**
 * vn_places_new:
 * @guest: with its cells; cells that have an address already are taken as they are
 * @ranges: of VnPlaceRange, ascending, not overlapping
 *
 * Both are borrowed, and must outlive the result. Cells are decided as far as the ranges
 * alone tell: by the name of a file ("qemu_back_mem._objects_ram-node0.x": QEMU's name of
 * the object, which libvirt calls ram-nodeN), then by size, then by memory policy.
 */
VnPlaces *vn_places_new(const VnGuest *guest, const GArray *ranges);
void vn_places_free(VnPlaces *places);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnPlaces, vn_places_free)

/** vn_places_is_decided: @cell: index; @ret_start: (nullable). */
gboolean vn_places_is_decided(const VnPlaces *places, guint cell, guint64 *ret_start);

/** vn_places_of: (transfer none): of VnRamPlace: where the cell could be. */
const GArray *vn_places_of(const VnPlaces *places, guint cell);

/**
 * vn_places_decide: the cell is at @start, and so nothing else is; that may decide
 * others.
 *
 * Returns: FALSE, and nothing is changed, when the ranges have no room for it there, or
 * another cell is there.
 */
gboolean vn_places_decide(VnPlaces *places, guint cell, guint64 start);

/**
 * vn_places_doubt:
 *
 * Returns: (transfer full): why the ranges alone do not decide: "cells 0-1 look alike".
 */
char *vn_places_doubt(const VnPlaces *places, guint cell);
