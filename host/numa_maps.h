/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a process's pages lie, mapping by mapping: /proc/PID/numa_maps joined with
 * /proc/PID/maps. It does not know which mapping is a guest's RAM.
 */
#pragma once

#include "model/host.h"

/*
 * Limits of what is read; the kernel's default of mappings (vm.max_map_count) is
 * 65530.
 */
#define VN_NUMA_MAPS_BYTES_MAX (64u << 20)
#define VN_NUMA_MAPS_MAX (1u << 20)
#define VN_NUMA_MAPS_LINE_BYTES_MAX 65536u

typedef struct {
    guint host_node;
    guint64 pages; /* of VnNumaMap.page_size_bytes */
} VnNumaPages;

typedef struct {
    guint64 start; /* virtual addresses of the process: [start, end) */
    guint64 end;
    char permissions[5]; /* "rw-p", "rw-s" */
    char *policy;        /* "default", "bind:0-1", "bind=static:3", "prefer (many):0" */
    char *file;          /* its path, with " (deleted)" when it is; NULL: anonymous */
    guint64 page_size_bytes; /* of the page tables; 0 when nothing is resident */
    guint64 anon_pages;
    guint64 dirty_pages;
    gboolean is_huge; /* hugetlb; transparent huge pages count as base pages */
    gboolean is_heap;
    gboolean is_stack;
    GArray *resident; /* of VnNumaPages, ascending in host node */
} VnNumaMap;

/**
 * vn_numa_maps_parse:
 * @numa_maps: text of /proc/PID/numa_maps
 * @maps: (nullable): text of /proc/PID/maps, read after it; without, ends are 0 and
 *   permissions ""
 * @error: INVALID, naming the file and line, when a line is malformed or above a limit
 *
 * The two files are not read at one instant. A mapping that is only in the first has gone
 * and is left out; one that was printed again because it grew meanwhile counts once.
 * Words that are not known are passed over: kernels add some.
 *
 * Sources of the formats: Documentation/filesystems/proc.rst, sections "numa_maps" and
 * "maps". A file's blanks, tabs, newlines and equals signs are escaped in octal there.
 *
 * Returns: (transfer full): of VnNumaMap, ascending, not overlapping.
 */
GPtrArray *vn_numa_maps_parse(const char *numa_maps, const char *maps,
                              GError **error) VN_WARN_UNUSED;

/**
 * vn_numa_maps_read:
 * @root: as for vn_topology_read()
 * @error: GONE when the process does not exist or is ending; UNSUPPORTED when the kernel
 *   has no NUMA; REFUSED when reading it is not allowed; else as vn_numa_maps_parse()
 *
 * Not cheap for the process: the kernel walks all its page tables.
 *
 * Returns: (transfer full): of VnNumaMap.
 */
GPtrArray *vn_numa_maps_read(const char *root, int pid, GError **error) VN_WARN_UNUSED;

/** vn_numa_map_bytes_on: bytes of the mapping that lie on @host_node. */
guint64 vn_numa_map_bytes_on(const VnNumaMap *map, guint host_node);

/** vn_numa_map_bytes: bytes of the mapping that are resident at all. */
guint64 vn_numa_map_bytes(const VnNumaMap *map);
