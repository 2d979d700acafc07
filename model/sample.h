/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnSample: what one window of looking at a guest's accesses brought: how often which
 * vCPU was seen to access which granule, and what looking cost. kvm/ makes it, VnHeat
 * (model/heat.h) takes it in. Counted by reference; immutable once it is sealed, and may
 * then cross threads.
 */
#pragma once

#include "model/guest.h"

/* Where counts come from, best first: what is known of an access gets less downwards. */
typedef enum {
    VN_SAMPLE_DIRTY_LOG_BPF, /* KVM's dirty log, counted in the kernel: writes */
    VN_SAMPLE_DIRTY_RING,    /* KVM's dirty rings, read in place: writes */
    VN_SAMPLE_REFAULT,       /* second-stage faults: the first access, read or write */
    VN_SAMPLE_NUMA_FAULTS, /* AutoNUMA's counters of a thread: a host node, no address */
    VN_SAMPLE_DIRTY_RATE,  /* the dirty rate of a vCPU: neither address nor host node */
} VnSampleSource;

#define VN_SAMPLE_SOURCES (VN_SAMPLE_DIRTY_RATE + 1)

/*
 * Limits: what 52 bits of guest-physical address hold; and the entries of one sample
 * (24 MiB), which are those of a 4 TiB guest whose every granule one vCPU accesses.
 */
#define VN_SAMPLE_GRANULES_MAX (G_GUINT64_CONSTANT(1) << 31)
#define VN_SAMPLE_COUNTS_MAX (2u << 20)

/* 4096 vCPUs on 16 host nodes. */
#define VN_SAMPLE_HINTS_MAX (64u << 10)

/* The most that one count stands for: the 4 KiB pages of a granule. */
#define VN_SAMPLE_PAGES_MAX 512u

/* Accesses of one kind, by one vCPU, to one granule. */
typedef struct {
    guint32 granule; /* guest-physical address / VN_GRANULE_BYTES */
    guint16 vcpu;
    guint16 access; /* VnAccess; VN_ACCESS_ANY: seen, but read or write is not known */
    guint32 count;  /* at least 1; stays at its largest value rather than wrapping */
} VnSampleCount;

/* Accesses of a vCPU whose address is not known. */
typedef struct {
    guint vcpu;
    int host_node; /* that has the accessed pages; -1: not known */
    guint64 count;
} VnSampleHint;

/* What a window cost; 0 where a source causes none, or cannot tell. */
typedef struct {
    guint64 faults;   /* that vCPUs took because of the window */
    guint64 fault_us; /* what these took of the vCPUs' time, estimated */
    guint64 cpu_us;   /* CPU time of our own, in the kernel too */
    guint64 splits;   /* huge mappings that logging split */
    guint64 lost;     /* accesses seen and not counted: overwritten, table full */
} VnSampleCost;

typedef struct {
    VnSampleSource source;
    gint64 start_us;    /* monotonic time (g_get_monotonic_time()) */
    gint64 duration_us; /* at least 1 once it is sealed */
    guint count_pages;  /* 4 KiB pages that one count stands for: 1 for the dirty logs, up
                           to 512 where one fault maps a granule; default 1 */
    GArray *counts;     /* of VnSampleCount; sealed: ascending in granule, vCPU and kind,
                           each at most once */
    GArray *hints;      /* of VnSampleHint */
    VnSampleCost cost;
    gboolean sealed;
    gboolean full; /* @counts takes no new entries */
    gatomicrefcount ref_count;
} VnSample;

/** vn_sample_new: an empty one, for its source to fill. */
VnSample *vn_sample_new(VnSampleSource source, gint64 start_us);
VnSample *vn_sample_ref(VnSample *sample);
void vn_sample_unref(VnSample *sample);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnSample, vn_sample_unref)

/**
 * vn_sample_add:
 * @granule: guest-physical address / VN_GRANULE_BYTES
 * @count: as many as were seen; 0 adds nothing
 *
 * In any order, also repeatedly for the same. A granule or vCPU beyond the limits
 * (VN_SAMPLE_GRANULES_MAX, VN_VCPUS_MAX), or an entry more than VN_SAMPLE_COUNTS_MAX, is
 * counted as lost.
 */
void vn_sample_add(VnSample *sample, guint64 granule, guint vcpu, VnAccess access,
                   guint64 count);

/**
 * vn_sample_add_hint:
 * @host_node: -1: not known
 *
 * Once for each vCPU and host node; one more than VN_SAMPLE_HINTS_MAX is lost.
 */
void vn_sample_add_hint(VnSample *sample, guint vcpu, int host_node, guint64 count);

/** vn_sample_seal: ends filling: sorts, and adds up what is there more than once. */
void vn_sample_seal(VnSample *sample, gint64 end_us);

/** vn_sample_total: all that was counted, hints included; lost ones not. */
guint64 vn_sample_total(const VnSample *sample);

/**
 * vn_sample_overhead: the share of the guest's vCPU time, or of a CPU's, that the window
 * took, whichever is larger: 0.01 is one percent.
 * @n_vcpus: of the guest, that ran; at least 1
 */
double vn_sample_overhead(const VnSample *sample, guint n_vcpus);

/* Whether this source tells addresses; if not, it has hints only. */
gboolean vn_sample_source_has_addresses(VnSampleSource source);

/* As JSON and people read it: "dirty-log", "dirty-ring", "refault", "numa-faults",
 * "dirty-rate". */
const char *vn_sample_source_name(VnSampleSource source);

/**
 * vn_sample_source_from_name:
 *
 * Returns: FALSE when @name is none of these; @ret_source is then untouched.
 */
gboolean vn_sample_source_from_name(const char *name, VnSampleSource *ret_source);
