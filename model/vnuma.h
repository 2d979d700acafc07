/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnVnuma: the virtual NUMA topology that a guest is shown: cells, the distances,
 * latencies and bandwidths between them, and the CPU topology, with those facts of the
 * machine on which its tables depend. Plain data. guest-topology/ derives it from a host,
 * reads it from a definition, writes it into one, and makes tables and QEMU arguments of
 * it.
 */
#pragma once

#include "model/host.h"

/* Limits of what a definition can size: QEMU's MAX_NODES, and libvirt's vCPU ceiling. */
#define VN_CELLS_MAX 128u
#define VN_VCPUS_MAX 4096u

/* What a guest may be told as a distance: below "unreachable". */
#define VN_TOLD_DISTANCE_MAX 254u

/* How many of each there are in the one above. */
typedef struct {
    guint sockets;
    guint dies;
    guint cores;
    guint threads;
} VnCpuTopology;

typedef struct {
    guint id;             /* its index, too */
    VnIdSet *vcpus;       /* empty: a cell without CPUs */
    guint64 memory_bytes; /* 0: a cell without memory */
    VnIdSet *home; /* host nodes that it is assigned to; empty: none, or not known */
} VnVnumaCell;

/* What an HMAT data type counts (ACPI 6.5, table 5.146), in the order of its codes. */
typedef enum {
    VN_ACCESS_ANY,
    VN_ACCESS_READ,
    VN_ACCESS_WRITE,
} VnAccess;

/*
 * One latency or bandwidth between two cells; exactly one of the two figures is set.
 * @cache: 0 for memory itself, 1 to 3 for the memory-side cache of that level.
 */
typedef struct {
    guint initiator; /* cell with CPUs */
    guint target;    /* cell with memory */
    guint cache;
    VnAccess access;
    guint latency_ns;                   /* 0: this is a bandwidth */
    guint64 bandwidth_bytes_per_second; /* 0: this is a latency */
} VnInterconnect;

/* In the order of HMAT's codes. */
typedef enum {
    VN_ASSOCIATIVITY_NONE,
    VN_ASSOCIATIVITY_DIRECT,
    VN_ASSOCIATIVITY_COMPLEX, /* libvirt: "full" */
} VnAssociativity;

typedef enum {
    VN_CACHE_POLICY_NONE,
    VN_CACHE_POLICY_WRITEBACK,
    VN_CACHE_POLICY_WRITETHROUGH,
} VnCachePolicy;

/* A memory-side cache (libvirt's <cache> in a <cell>; HMAT's third structure). */
typedef struct {
    guint cell;
    guint level; /* 1 to 3 */
    VnAssociativity associativity;
    VnCachePolicy policy;
    guint64 size_bytes;
    guint line_bytes;
} VnMemoryCache;

typedef struct {
    char *machine; /* QEMU machine type, "pc-q35-7.2"; NULL: not known */
    guint vcpus;   /* the most that there can be: SRAT has them all */
    VnCpuTopology topology;
    GPtrArray *cells; /* of VnVnumaCell, id = index */
    guint *distances; /* row by row, from * n_cells + to; NULL: the guest is told none */
    GArray *interconnects;    /* of VnInterconnect; empty: no HMAT data */
    GArray *caches;           /* of VnMemoryCache */
    guint64 page_size_bytes;  /* of the backing; 0: the host's base page size */
    guint64 memory_max_bytes; /* <maxMemory>, with what is hot-plugged; 0: no hot-plug */
    guint memory_slots;       /* for hot-plugging; 0: none */
    GPtrArray *reasons;       /* of char*: why it is so, sentences for people */
    gatomicrefcount ref_count;
} VnVnuma;

/* In ACPI's and QEMU's words: "access", "read"; "complex"; "write-back". */
const char *vn_access_name(VnAccess access);
const char *vn_associativity_name(VnAssociativity associativity);
const char *vn_cache_policy_name(VnCachePolicy policy);

/** vn_vnuma_new: @vcpus: from 1 to VN_VCPUS_MAX. One socket, die and thread; no cells. */
VnVnuma *vn_vnuma_new(guint vcpus);
VnVnuma *vn_vnuma_ref(VnVnuma *vnuma);
void vn_vnuma_unref(VnVnuma *vnuma);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnVnuma, vn_vnuma_unref)

VnVnumaCell *vn_vnuma_add_cell(VnVnuma *vnuma);
void vn_vnuma_add_reason(VnVnuma *vnuma, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** vn_vnuma_cell: the cell of that id, which must exist. */
VnVnumaCell *vn_vnuma_cell(const VnVnuma *vnuma, guint id);

/** vn_vnuma_memory: the sum over its cells, in bytes. */
guint64 vn_vnuma_memory(const VnVnuma *vnuma);

/**
 * vn_vnuma_distance: what the guest is told; without distances 10 and 20, as QEMU and
 * the kernel have it (VN_DISTANCE_LOCAL, VN_DISTANCE_REMOTE).
 */
guint vn_vnuma_distance(const VnVnuma *vnuma, guint from, guint to);

/**
 * vn_vnuma_why_not_distance: (nullable): why @distance cannot be told from cell @from to
 * cell @to, a clause; NULL: it can.
 */
const char *vn_vnuma_why_not_distance(guint from, guint to, guint distance);

/** vn_vnuma_set_distance: adds the matrix, all 10 and 20, where there is none yet. */
void vn_vnuma_set_distance(VnVnuma *vnuma, guint from, guint to, guint distance);

/** vn_vnuma_cell_of_vcpu: id of the cell that names it; 0, as QEMU has it, if none. */
guint vn_vnuma_cell_of_vcpu(const VnVnuma *vnuma, guint vcpu);

/**
 * vn_vnuma_check:
 * @error: INVALID, naming the cell: more than VN_CELLS_MAX cells; a vCPU in two cells or
 *   beyond the maximum; no cell with CPUs or none with memory; a distance to itself
 *   other than 10, others not 11 to 254 or 255; an interconnect or cache of a cell that
 *   does not exist, from one without CPUs, or to one without memory; a topology whose
 *   product is not the number of vCPUs
 *
 * What QEMU 7.2 refuses (hw/core/numa.c, hw/core/machine.c), so that we can say it
 * first.
 */
gboolean vn_vnuma_check(const VnVnuma *vnuma, GError **error) VN_WARN_UNUSED;

/**
 * vn_vnuma_to_variant:
 *
 * Returns: (transfer floating): a{sv}: vcpus, topology {sockets, dies, cores, threads},
 * page_size_bytes, memory_max_bytes, memory_slots, has_distances, cells[] {id, vcpus[],
 * memory_bytes, home[], distances[]}, interconnects[] {initiator, target, access, cache,
 * latency_ns | bandwidth_bytes_per_second}, caches[] {cell, level, size_bytes,
 * associativity, policy, line_bytes}, reasons[]
 */
GVariant *vn_vnuma_to_variant(const VnVnuma *vnuma);
