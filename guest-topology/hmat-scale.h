/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * HMAT tells each latency or bandwidth as 16 bits that count a unit, one unit a matrix.
 * How QEMU finds that unit, from the figures in the order in which they are given, and
 * which figures it refuses. Pure arithmetic.
 *
 * Source: QEMU 7.2, hw/core/numa.c, parse_numa_hmat_lb().
 */
#pragma once

#include "model/vnuma.h"

/* Entries are below this: the largest 16-bit number stands for "unreachable". */
#define VN_HMAT_ENTRY_MAX 0xfffeu

typedef struct {
    guint64 unit; /* ns or bytes/s; 0: no figure yet */
    guint64 seen; /* latencies: the largest entry; bandwidths: all bits of all figures */
} VnHmatScale;

/**
 * vn_hmat_scale_add:
 * @latency: TRUE: @figure is in ns, else in bytes/s; not 0
 *
 * Returns: FALSE when QEMU refuses the figure beside those that came before; @scale is
 * then as it was.
 */
gboolean vn_hmat_scale_add(VnHmatScale *scale, gboolean latency, guint64 figure);

/** vn_hmat_figure: the one of the two figures that is set. */
guint64 vn_hmat_figure(const VnInterconnect *interconnect);

/** vn_hmat_same_matrix: whether both stand in one matrix of HMAT. */
gboolean vn_hmat_same_matrix(const VnInterconnect *one, const VnInterconnect *other);
