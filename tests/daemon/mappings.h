/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest and mappings of QEMU's address space in a line each, for tests of locating. */
#pragma once

#include "model/guest.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

/* A mapping: [start_mib, start_mib + size_mib), and what numa_maps says of it. */
typedef struct {
    guint64 start_mib;
    guint64 size_mib;
    const char *permissions; /* NULL: rw-p */
    const char *says;        /* NULL: "default anon=1 N0=1 kernelpagesize_kB=4" */
} Mapping;

/* start_of: the address that a mapping at @start_mib has. */
guint64 start_of(guint64 start_mib);

/* make_maps: of VnNumaMap, as if they had been read. */
GPtrArray *make_maps(const Mapping *mappings, guint n);

/* make_guest: @bound: the host node that each cell is bound to; '-': not bound. */
VnGuest *make_guest(const guint *sizes_mib, guint n_cells, const char *bound);
