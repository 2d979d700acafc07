/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The latencies and bandwidths (HMAT) that a guest is told, from the host's. Pure. */
#pragma once

#include "model/tag.h"
#include "model/vnuma.h"

/**
 * vn_interconnects_derive:
 *
 * Sets VnVnuma.interconnects from the homes' access classes: for each cell with memory,
 * latency and bandwidth from those cells whose CPUs are the host's nearest initiators
 * of it: read and write, or one for both where they are equal. All or none: empty when
 * the tag says so, when a home has no data or is more than one host node, or when no
 * cell's CPUs are a home's initiators. Replaces what was there.
 *
 * Of two cells that are near each other's memory, on one host node, each is told of its
 * own only: libvirt takes a link in one direction ("Link already defined").
 *
 * Farther initiators are left out: a host tells the nearest only (numaperf.rst), and what
 * is not told reads as "not provided" (QEMU 7.2 writes 0; ACPI 6.5, table 5.146), which a
 * guest passes over; the distances tell it the rest.
 *
 * QEMU 7.2 takes bandwidths in whole MiB/s that together span 16 bits only
 * (parse_numa_hmat_lb): they are rounded down to a common power of two of MiB/s.
 */
void vn_interconnects_derive(const VnHost *host, VnVnuma *vnuma, const VnTag *tag);
