/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What topology.c is made of; for host/topology*.c only. */
#pragma once

#include "host/files.h"
#include "model/host.h"

#define VN_SYS_CPU "sys/devices/system/cpu"
#define VN_SYS_NODE "sys/devices/system/node"

/* Enough for a list or bitmap of VN_HOST_CPUS_MAX CPUs, and for a row of distances. */
#define VN_TOPOLOGY_FILE_BYTES 65536u

/**
 * vn_topology_read_set:
 * @directory: below the root @list, @map: (nullable): names of the same set in list
 * format and as a hexadecimal bitmap; the first that exists is read
 * @error: GONE when neither exists, naming the first; INVALID naming the file
 */
VnIdSet *vn_topology_read_set(const VnFiles *files, const char *directory,
                              const char *list, const char *map,
                              GError **error) VN_WARN_UNUSED;

/** vn_topology_read_cpus: fills @host's CPUs, all but their nodes. */
gboolean vn_topology_read_cpus(const VnFiles *files, VnHost *host,
                               GError **error) VN_WARN_UNUSED;

/** vn_topology_read_nodes: fills @host's nodes, and its CPUs' nodes. */
gboolean vn_topology_read_nodes(const VnFiles *files, VnHost *host,
                                GError **error) VN_WARN_UNUSED;

/** vn_topology_read_distances: fills the nodes' distances and @host's has_distances. */
gboolean vn_topology_read_distances(const VnFiles *files, VnHost *host,
                                    GError **error) VN_WARN_UNUSED;

/**
 * vn_topology_read_performance: fills access classes and memory tiers, where there
 * are.
 */
void vn_topology_read_performance(const VnFiles *files, VnHost *host);
