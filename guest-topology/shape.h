/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a guest's vCPUs and memory divide into a number of cells, wherever they may go, and
 * what sockets, dies, cores and threads they then are. Pure arithmetic.
 */
#pragma once

#include "guest-topology/build.h"

/* @cells cells of at least @vcpus and @bytes; some have a unit more. */
typedef struct {
    guint cells;
    guint vcpus;
    guint vcpu_unit;
    guint vcpu_extras; /* so many cells have one vcpu_unit more */
    guint64 bytes;
    guint64 byte_unit;
    guint byte_extras;
    guint64 slack_bytes; /* what the last cell's last unit lacks */
} VnShape;

#define VN_SHAPES_MAX 4

/**
 * vn_shape_page_unit: what cells' memory is whole multiples of; see vn_build().
 */
guint64 vn_shape_page_unit(const VnBuildSize *size);

/**
 * vn_shape_list:
 * @threads: siblings of each core that the guest may be shown; 1: no SMT
 * @shapes: the ways to divide it into @cells cells, the preferred one first
 *
 * Returns: how many there are; 0 when it does not divide so.
 */
guint vn_shape_list(const VnBuildSize *size, const VnTag *tag, guint threads, guint cells,
                    VnShape shapes[VN_SHAPES_MAX]);

/**
 * vn_shape_topology:
 * @vnuma: cells with vCPUs and homes
 *
 * Sockets, dies, cores and threads so that each cell is whole sockets or a die.
 */
VnCpuTopology vn_shape_topology(const VnHost *host, const VnVnuma *vnuma, guint threads);
