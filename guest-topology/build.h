/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Derives the virtual NUMA topology of a guest: a host, the guest's size and what its tag
 * asks for in; cells, their homes, CPU topology, distances and HMAT data out. Pure.
 */
#pragma once

#include "model/tag.h"
#include "model/vnuma.h"

typedef struct {
    const char *name; /* of the guest, for messages */
    guint vcpus;      /* the maximum; 1 to VN_VCPUS_MAX */
    guint64 memory_bytes;
    guint64 page_size_bytes; /* of the backing asked for; 0: the host's base page size */
    const VnCpuTopology *topology; /* nullable: the administrator's own, to be kept */
    const char *machine;           /* nullable: QEMU machine type */
    /* nullable: of guint64, by host node id: what the guest itself holds there now, in
     * pages of that size, and gives back when it stops */
    const GArray *own_bytes;
    /* nullable: of guint: the host nodes of devices that are passed through */
    const GArray *device_nodes;
    /* nullable: what was derived before; kept as it is, homes included, while it fits */
    const VnVnuma *previous;
} VnBuildSize;

/**
 * vn_build:
 * @error: INVALID when size and tag contradict themselves whatever the host; REFUSED when
 *   the guest does not fit on the host: the message says why, and what would fit
 *
 * Candidates are the host nodes with memory that are not cordoned, and that the tag does
 * not exclude. A node offers
 * its memory that is free or that the kernel can free (of huge pages: those of that size
 * that are free) and its online CPUs; without smt its cores. The CPUs of a node without
 * memory count for the memory nearest to them; those that several nodes list (numa=fake)
 * count for each. A node without CPUs is used only where the others' memory is not
 * enough, and then as a part of a home, never as a cell of its own: a cell without CPUs
 * makes the guest tier its memory, which is the administrator's to ask for.
 *
 * 1. The fewest cells so that each fits on a host node of its own, by vCPUs and by
 *    memory. Several cells share a node only where the tag asks for so many, by number
 *    or by their largest size.
 * 2. Where there is no such number: as many cells as there are groups of neighbouring
 *    nodes to hold one each. Failing that (a number of cells was asked for), all the
 *    nodes together are every cell's home. Two homes are the same or disjoint.
 *
 * Of the sets of nodes that do, the one with the smallest sum of distances between its
 * nodes, in both directions; then the one nearest to the guest's devices; then with the
 * most free memory; then the lowest ids. This is exact for up to 16 eligible nodes, and a
 * bounded search for more. Devices count where each cell has a host node of its own.
 *
 * Cells are equal, or differ by one unit. The unit of vCPUs is one, or a core where the
 * guest is shown SMT: that is where smt is on, all cores of the candidates have the same
 * number of siblings, and it does not make equal cells unequal. That of memory is the
 * page, at least 1 MiB, for libvirt rounds each cell up to it, and 2 MiB for small pages
 * where that divides the guest's memory (transparent huge pages); where memory is not
 * whole units the last cell has the smaller one.
 *
 * vCPUs are numbered cell by cell. Sockets: one a cell; where the cells are unequal, of
 * as many vCPUs as divide them all; where all packages have the same number of the homes,
 * and more than one, the cells are dies of a socket (machine types pc and q35 only). L3
 * domains below a node are not shown: a vCPU that is pinned to its home does not stay in
 * one. An administrator's topology is kept, and cells are whole sockets of it or equal
 * parts of one, never cutting a core.
 *
 * A matrix of distances in the tag asks for as many cells as it has rows. Distances and
 * interconnects are added as distances.h and interconnects.h tell.
 *
 * Returns: (transfer full): a topology that passes vn_vnuma_check(), with reasons.
 */
VnVnuma *vn_build(const VnHost *host, const VnBuildSize *size, const VnTag *tag,
                  GError **error) VN_WARN_UNUSED;
