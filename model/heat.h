/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnHeat: which vCPU of a guest accesses which granule how much, as its samples have it,
 * with what is old counting less. Memory is bounded whatever the guest's size. What
 * follows from it for host nodes is in model/locality.h, who shares memory with whom in
 * model/sharing.h. Not for two threads at once.
 *
 * Amounts are 4 KiB pages seen accessed (VnSample.count_pages times the count). Each
 * window's are added to what is known, which before halves with every half-life passed:
 * an amount a of a window that ended t ago counts a * 2^(-t / half-life). The windows'
 * durations decay alike, and a rate is their quotient, pages seen accessed per second
 * watched: it does not fall while nobody looks, and falls when looking shows nothing.
 * Old amounts are not touched for that: new ones are added multiplied by
 * 2^(time since an epoch / half-life), and every 32 half-lives all is scaled back.
 *
 * Sources that see writes only say nothing of reads; a source that sees each page once a
 * window (dirty bitmap, refaults) has rates of at most 512 a granule and window.
 *
 * Memory, at most VN_HEAT_BYTES_MAX: 60.7 MB for 4 TiB at single granules (2 Mi of them;
 * larger guests are coarsened, see model/heat-store.h), 2.2 MB of counters for 4096
 * vCPUs, most of them the hints by host node (4096 * 65 floats).
 */
#pragma once

#include "model/sample.h"

#define VN_HEAT_BYTES_MAX 64000000u
#define VN_HEAT_HALF_LIFE_US (G_GINT64_CONSTANT(60) * G_USEC_PER_SEC)

/* Host nodes of hints (VnSampleHint): the ids below this; others count as not known. */
#define VN_HEAT_HINT_NODES 64u

/*
 * Counts, decayed, at which confidence is a half. A share found by so many independent
 * accesses has a standard error of 3 % at most (0.5 / sqrt(256)).
 */
#define VN_HEAT_EVIDENCE 256.0

/* Below this confidence (64 counts, 6 %) nothing is concluded. */
#define VN_HEAT_CONFIDENCE_MIN 0.2

/* At least this share of a granule's accesses, and it is private to who has it. */
#define VN_HEAT_PRIVATE_SHARE 0.9

/* Hot are the granules that, hottest first, make up this share of all accesses. */
#define VN_HEAT_HOT_SHARE 0.95

/*
 * A granule alternates when the cell that accesses it most changed so often, decayed: at
 * least about once per 0.7 half-lives. A pattern that changes once, and stays, has 1.
 */
#define VN_HEAT_ALTERNATING_FLIPS 2.0

/*
 * When another cell than before dominates a window's accesses to a granule, by at least
 * half of what such a window had there on the average, those who had it before keep only
 * this share of what they had; the rest is taken to be whose the window was. So a guest
 * whose pattern changes is followed within some windows, not within half-lives.
 */
#define VN_HEAT_CHANGED_SHARE 0.1

/* The most that vn_heat_hottest() gives. */
#define VN_HEAT_HOTTEST_MAX (64u << 10)

typedef struct VnHeat VnHeat;

typedef enum {
    VN_HEAT_PRIVATE_VCPU, /* one vCPU has nearly all accesses */
    VN_HEAT_PRIVATE_CELL, /* the vCPUs of one cell have */
    VN_HEAT_SHARED,
} VnHeatOwner;

typedef struct {
    int vcpu; /* -1: any of the cell's */
    guint cell;
    double rate;
} VnHeatAccessor;

#define VN_HEAT_ACCESSORS_MAX 4u

/* What is known of a granule, or of several where the heat is coarse. */
typedef struct {
    guint64 granule; /* the first */
    guint n_granules;
    double rate; /* 4 KiB pages accessed per second watched, all granules together */
    double write_rate;
    guint n_accessors; /* those that are known, most first */
    VnHeatAccessor accessors[VN_HEAT_ACCESSORS_MAX];
    double others_rate; /* by vCPUs that are not among them */
    double flips;       /* changes of the cell that accesses it most, decayed */
} VnHeatGranule;

/**
 * vn_heat_new:
 * @cells: cell by vCPU, each below VN_CELLS_MAX: vCPUs that belong together. For a guest
 *   that has no cells, anything that tells vCPUs apart which run on different host nodes.
 * @n_vcpus: all that there can be, 1 to VN_VCPUS_MAX
 * @half_life_us: above 0; VN_HEAT_HALF_LIFE_US where nobody knows better
 */
VnHeat *vn_heat_new(const guint *cells, guint n_vcpus, gint64 half_life_us);
void vn_heat_free(VnHeat *heat);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnHeat, vn_heat_free)

/**
 * vn_heat_feed: takes in a sealed sample, best in the order of time: one that ended
 * before others counts as much less. Counts of vCPUs that do not exist are lost.
 */
void vn_heat_feed(VnHeat *heat, const VnSample *sample);

/** vn_heat_bytes: what it has allocated; never above VN_HEAT_BYTES_MAX. */
gsize vn_heat_bytes(const VnHeat *heat);

/** vn_heat_unit_granules: granules that are counted as one: 1, 2, 4... */
guint vn_heat_unit_granules(const VnHeat *heat);

guint vn_heat_n_vcpus(const VnHeat *heat);
guint vn_heat_cell_of_vcpu(const VnHeat *heat, guint vcpu);

/**
 * vn_heat_set_cells: the vCPUs belong together otherwise from now on.
 * @cells: as for vn_heat_new(), of as many vCPUs
 *
 * What was counted with a whole cell stays with it where its vCPUs are all in one cell
 * again, whatever its number; else nobody knows whose it is.
 */
void vn_heat_set_cells(VnHeat *heat, const guint *cells);

/** vn_heat_n_cells: one more than the largest cell of vn_heat_new(). */
guint vn_heat_n_cells(const VnHeat *heat);

/**
 * vn_heat_confidence:
 * @vcpus: (nullable): those whose accesses are asked about; NULL: all
 * @now_us: monotonic time, not before the last sample's end
 *
 * Returns: n / (n + VN_HEAT_EVIDENCE), n being the decayed counts with an address, times
 * the share of all accesses seen that were counted and not lost: 0 to 1.
 */
double vn_heat_confidence(const VnHeat *heat, const VnIdSet *vcpus, gint64 now_us);

/**
 * vn_heat_hint_confidence: the same of hints whose host node is known, for guests whose
 * sources tell no addresses.
 */
double vn_heat_hint_confidence(const VnHeat *heat, gint64 now_us);

/** vn_heat_age_us: since the first window began that it took in; 0: there was none. */
gint64 vn_heat_age_us(const VnHeat *heat, gint64 now_us);

/** vn_heat_rate: of the whole guest. */
double vn_heat_rate(const VnHeat *heat);
double vn_heat_vcpu_rate(const VnHeat *heat, guint vcpu);

/**
 * vn_heat_hint: accesses per second watched of @vcpu to pages of @host_node (-1: not
 * known), from sources without addresses.
 */
double vn_heat_hint(const VnHeat *heat, guint vcpu, int host_node);

/**
 * vn_heat_stability: of the last window's accesses to granules of which one cell has
 * most, and one had before, the share where it is the same; -1: there were none.
 */
double vn_heat_stability(const VnHeat *heat);

/* Goes through all that is known, ascending; for as long as nothing is fed. */
typedef struct {
    const VnHeat *heat;
    guint64 from; /* the smallest granule wanted */
    guint place;
} VnHeatIter;

/** vn_heat_iter_init: @from: the first granule wanted. */
void vn_heat_iter_init(VnHeatIter *iter, const VnHeat *heat, guint64 from);

/** vn_heat_iter_next: FALSE when there is nothing more; else @ret_granule is the next. */
gboolean vn_heat_iter_next(VnHeatIter *iter, VnHeatGranule *ret_granule);

/**
 * vn_heat_hot_rate: the lowest rate of a hot granule (of a unit, where the heat is
 * coarse), to a twelfth below; 0 when nothing is known.
 */
double vn_heat_hot_rate(const VnHeat *heat);

/**
 * vn_heat_hottest: at most @n (VN_HEAT_HOTTEST_MAX) granules, hottest per byte first;
 * alike, ascending. What of many alike is left out is hotter than what is in by a
 * twelfth at most.
 *
 * Returns: (transfer full): of VnHeatGranule
 */
GArray *vn_heat_hottest(const VnHeat *heat, guint n);

/**
 * vn_heat_owner:
 * @ret_cell: (optional): the cell that has most of the accesses that are told apart, also
 *   where it is shared
 */
VnHeatOwner vn_heat_owner(const VnHeatGranule *granule, guint *ret_cell);

/**
 * vn_heat_alternation:
 * @ret_period_us: (optional): mean time between two changes, where there are any;
 *   untouched else
 *
 * Returns: the share of all accesses that falls on granules which alternate, 0 to 1.
 */
double vn_heat_alternation(const VnHeat *heat, gint64 *ret_period_us);

/** vn_heat_owner_name: "vcpu", "cell", "shared". */
const char *vn_heat_owner_name(VnHeatOwner owner);
