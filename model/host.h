/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnHost: the host's NUMA topology at one instant: host nodes, their CPUs, memory, huge
 * pages and distances, and where PCI devices sit. Plain data; host/topology.h reads it.
 */
#pragma once

#include "model/idset.h"

/* Limits of what is believed: the kernel's largest MAX_NUMNODES and NR_CPUS. */
#define VN_HOST_NODES_MAX 1024u
#define VN_HOST_CPUS_MAX 8192u

/*
 * SLIT: a node's distance to itself, and the value for "unreachable" (ACPI 6.5,
 * 5.2.17).
 */
#define VN_DISTANCE_LOCAL 10u
#define VN_DISTANCE_UNREACHABLE 255u

/* What QEMU and the kernel take for any other node where nothing is told. */
#define VN_DISTANCE_REMOTE 20u

typedef struct {
    guint64 size_bytes;
    guint64 total;    /* pages */
    guint64 free;     /* pages */
    guint64 promised; /* pages, to guests that start; not in free */
} VnHugePages;

/*
 * An HMAT access class of a memory target, as the kernel shows it below
 * nodeN/accessC/.
 */
typedef struct {
    VnIdSet *initiators;   /* host nodes; NULL: this class is absent */
    guint read_latency_ns; /* 0: unknown, in all four */
    guint write_latency_ns;
    guint64 read_bandwidth_bytes_per_second;
    guint64 write_bandwidth_bytes_per_second;
} VnAccessClass;

/* Class 0: the nearest initiators of any kind; class 1: the nearest that have CPUs. */
#define VN_ACCESS_CLASSES 2

typedef struct {
    guint id;
    VnIdSet *cpus;        /* online CPUs; empty: a memory-only node */
    guint64 memory_bytes; /* 0: a node without memory */
    guint64 free_bytes;
    guint64 reclaimable_bytes; /* used, but the kernel can take it: page cache, slab */
    guint *distances;   /* one per node of the host, in the order of VnHost.nodes */
    GArray *huge_pages; /* of VnHugePages, ascending in size */
    int tier;           /* memory tier, lower is faster; -1: unknown */
    VnAccessClass access[VN_ACCESS_CLASSES];
    gboolean cordoned;      /* gets nothing new, and what is there leaves if it can */
    guint64 promised_bytes; /* to guests that start; not in free_bytes or reclaimable */
} VnHostNode;

typedef struct {
    guint id;
    gboolean online;
    int package;       /* -1: unknown, in this and the next three */
    int core;          /* unique within its package only */
    int host_node;     /* node id */
    int l3;            /* smallest CPU id that shares this CPU's L3 cache */
    VnIdSet *siblings; /* CPUs of the same core, itself among them; NULL: unknown */
} VnHostCpu;

typedef struct {
    char *address;    /* "0000:00:1f.2" */
    guint class_code; /* PCI class code, 24 bits */
    int host_node;    /* -1: the firmware does not say */
} VnHostDevice;

typedef struct {
    GPtrArray *nodes;       /* of VnHostNode, ascending in id; never empty */
    GPtrArray *cpus;        /* of VnHostCpu, ascending in id */
    GPtrArray *devices;     /* of VnHostDevice, ascending in address */
    gboolean has_distances; /* FALSE: the host tells none; distances are 10 and 20 */
    guint64 page_size_bytes;
} VnHost;

/** vn_host_new: an empty host, for its reader to fill. */
VnHost *vn_host_new(void);
void vn_host_free(VnHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnHost, vn_host_free)

/** vn_host_add_node: adds an empty node; ids are added in ascending order. */
VnHostNode *vn_host_add_node(VnHost *host, guint id);
VnHostCpu *vn_host_add_cpu(VnHost *host, guint id);
VnHostDevice *vn_host_add_device(VnHost *host, const char *address);

/**
 * vn_host_find_node:
 *
 * Returns: (transfer none) (nullable): the node with this id.
 */
const VnHostNode *vn_host_find_node(const VnHost *host, guint id);

/** vn_host_node_index: the node's place in VnHost.nodes, or -1. */
int vn_host_node_index(const VnHost *host, guint id);

/** vn_host_find_cpu: (transfer none) (nullable): the CPU with this id. */
const VnHostCpu *vn_host_find_cpu(const VnHost *host, guint id);

/** vn_host_find_device: (transfer none) (nullable): the device with this address. */
const VnHostDevice *vn_host_find_device(const VnHost *host, const char *address);

/** vn_host_online_cpus: the ids of all CPUs that are online. */
VnIdSet *vn_host_online_cpus(const VnHost *host);

/**
 * vn_host_distance:
 * @from: id of the accessing host node
 * @to: id of the host node with the memory
 *
 * Returns: the SLIT distance; VN_DISTANCE_UNREACHABLE when either node does not exist.
 */
guint vn_host_distance(const VnHost *host, guint from, guint to);

/** vn_host_node_ids: the ids of all nodes. */
VnIdSet *vn_host_node_ids(const VnHost *host);

/** vn_host_nodes_of_cpus: the ids of the nodes that have at least one CPU of @cpus. */
VnIdSet *vn_host_nodes_of_cpus(const VnHost *host, const VnIdSet *cpus);

/** vn_host_cpus_of_nodes: the online CPUs of all nodes in @nodes. */
VnIdSet *vn_host_cpus_of_nodes(const VnHost *host, const VnIdSet *nodes);

/** vn_host_cordoned: the ids of the nodes that are cordoned. */
VnIdSet *vn_host_cordoned(const VnHost *host);

/** vn_host_count_cores: how many cores @cpus are of; siblings are one. */
guint vn_host_count_cores(const VnHost *host, const VnIdSet *cpus);

/** vn_host_node_available: bytes that are free, or that the kernel can make free. */
guint64 vn_host_node_available(const VnHostNode *node);

/**
 * vn_host_to_variant:
 *
 * Returns: (transfer floating): a{sv} with the keys of `vnumactl host --json`.
 */
GVariant *vn_host_to_variant(const VnHost *host);
