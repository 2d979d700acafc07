/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads a VnHost from sysfs and procfs below a root directory: this machine ("/") or a
 * recorded one. It says what the kernel says; judging it is for others.
 */
#pragma once

#include "model/host.h"

/* A host with more entries on its PCI bus is read without them. */
#define VN_HOST_DEVICES_MAX 65536u

/**
 * vn_topology_read:
 * @root: "/", or the directory of a recorded machine
 * @error: GONE when an essential file is missing, INVALID when it is malformed or above a
 *   limit, each naming the file; REFUSED, FAILED when it cannot be read
 *
 * Essential are the list of CPUs, and each node's CPUs and memory. All else is optional
 * and absent from the result when missing or malformed, but for one: distances that are
 * there and malformed are an error, for all placement rests on them.
 *
 * - A kernel without NUMA (no /sys/devices/system/node) is one node 0 with all CPUs.
 * - Distances missing, of one node or all: VnHost.has_distances is FALSE, and they are
 *   the kernel's own default, 10 and 20. They need not be symmetric. A distance below 10
 *   is firmware's mistake (ACPI 6.5, 5.2.17) and counts as 10: nothing is nearer than
 *   local.
 * - Nodes may share CPUs (numa=fake, broken firmware): each node has the CPUs that the
 *   kernel lists for it, and a CPU's host_node is then the lowest.
 * - Nodes list online CPUs only; an offline CPU has neither node, package nor siblings.
 * - Page size: that of the running kernel where <root>/proc is its own, else 4096.
 *
 * Returns: (transfer full): the host.
 */
VnHost *vn_topology_read(const char *root, GError **error) VN_WARN_UNUSED;
