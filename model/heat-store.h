/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of VnHeat (model/heat.h): a table of amounts per unit of guest-physical
 * memory and who accessed it, whose size is bounded whatever the guest's. Knows neither
 * time nor samples. For heat.c and its tests only.
 *
 * Theory of operation. A slot of 28 bytes stands for a unit: at first one granule. Slots
 * come in blocks of 512, one GiB at first, allocated when something in them is accessed,
 * so that holes between a guest's memory cost nothing. There are never more than
 * VN_HEAT_BLOCKS_MAX blocks: where one more were needed, all units are doubled, each two
 * slots becoming one whose amounts are their sums. So
 *
 *     4 TiB = 4096 blocks * 512 slots * 28 bytes = 58.7 MB, at single granules,
 *     4224 blocks of 14,352 bytes and their pointers = 60.7 MB at most,
 *
 * where the 128 blocks more are for guests whose memory does not lie on whole GiB.
 *
 * A slot names up to four accessors: vCPUs, or whole cells. When a fifth comes, one that
 * hardly counts gives way if it has less; else the fifth is counted with its cell if that
 * is named; else the vCPUs of the cell that has most of them in this slot become one
 * accessor, their cell; else (four cells already) the smallest gives way to it, or it
 * does not get in. What gave way is counted with its cell, or stays in the total only, as
 * "others".
 *
 * Amounts are in a scale of the caller's. It may grow, so that old amounts count less
 * without being touched (vn_heat_store_scale() brings all back); thus total and flips are
 * floats, and the rest, being shares of the total, is not concerned.
 */
#pragma once

#include <glib.h>

#define VN_HEAT_SLOTS 512u
#define VN_HEAT_BLOCKS_MAX 4224u

#define VN_HEAT_ACCESSORS 4u

/* An accessor is a vCPU's number, or a cell's with this bit. */
#define VN_HEAT_CELL 0x8000u
#define VN_HEAT_CELL_NONE 0xffu

typedef struct {
    float total;                    /* 0: nothing is known of this unit */
    float flips;                    /* how often the cell that accesses it most changed */
    guint16 writes;                 /* share of the total, in 1/65535 */
    guint8 n;                       /* accessors in use */
    guint8 cell;                    /* that dominated last; or VN_HEAT_CELL_NONE */
    guint16 who[VN_HEAT_ACCESSORS]; /* accessors */
    guint16 shares[VN_HEAT_ACCESSORS]; /* of the total, in 1/65535 */
} VnHeatSlot;

G_STATIC_ASSERT(sizeof(VnHeatSlot) == 28);

/* A slot, unpacked for reckoning. */
typedef struct {
    double total;
    double writes;
    double flips;
    guint8 cell;
    guint n;
    guint16 who[VN_HEAT_ACCESSORS];
    double amounts[VN_HEAT_ACCESSORS];
} VnHeatLoad;

typedef struct {
    guint32 index; /* unit / VN_HEAT_SLOTS */
    VnHeatSlot slots[VN_HEAT_SLOTS];
} VnHeatBlock;

typedef struct {
    GPtrArray *blocks;     /* of VnHeatBlock, ascending in index */
    guint shift;           /* a unit is 1 << shift granules */
    guint recent;          /* place of the block that was asked for last */
    const guint8 *cell_of; /* by vCPU */
} VnHeatStore;

/** vn_heat_store_init: @cell_of: cell by vCPU; has to outlive the store. */
void vn_heat_store_init(VnHeatStore *store, const guint8 *cell_of);
void vn_heat_store_clear(VnHeatStore *store);

/** vn_heat_store_bytes: what it has allocated. */
gsize vn_heat_store_bytes(const VnHeatStore *store);

/**
 * vn_heat_store_get: the slot of @granule; where it is new, total is 0. May coarsen: then
 * all slots that were got before are gone.
 */
VnHeatSlot *vn_heat_store_get(VnHeatStore *store, guint32 granule);

/**
 * vn_heat_store_next:
 * @place: (inout): where the block of @from may be found, a guess; then, where the slot's
 *   is
 * @from: the smallest granule wanted
 * @ret_granule: the slot's first granule
 *
 * Returns: the next slot that has a total, or NULL.
 */
const VnHeatSlot *vn_heat_store_next(const VnHeatStore *store, guint *place, guint64 from,
                                     guint64 *ret_granule);

/**
 * vn_heat_store_scale: multiplies all totals and flips by @factor, 0 to 1. What then is
 * below @least is forgotten, blocks that have nothing left are freed, and an empty store
 * begins again at single granules.
 */
void vn_heat_store_scale(VnHeatStore *store, double factor, double least);

/**
 * vn_heat_store_rename: cells are other ones from now on, and cell_of says so already.
 * @names: by cell as it was: its number now; VN_HEAT_CELL_NONE: there is none, and what
 *   was counted with it stays in the totals only
 */
void vn_heat_store_rename(VnHeatStore *store, const guint8 *names);

/** vn_heat_load_read: unpacks @slot; an empty load of a slot without total. */
void vn_heat_load_read(VnHeatLoad *load, const VnHeatSlot *slot);
void vn_heat_load_write(const VnHeatLoad *load, VnHeatSlot *slot);

/** vn_heat_load_add: @amount more, of which @writes, by the accessor @who. */
void vn_heat_load_add(VnHeatLoad *load, const guint8 *cell_of, guint16 who, double amount,
                      double writes);

/** vn_heat_load_merge: adds all of @other to @load. */
void vn_heat_load_merge(VnHeatLoad *load, const guint8 *cell_of, const VnHeatLoad *other);

/** vn_heat_cell_of: the cell of an accessor. */
guint8 vn_heat_cell_of(const guint8 *cell_of, guint16 who);
