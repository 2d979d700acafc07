/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnTag: what the administrator asks of vnumad for one guest, as our metadata element in
 * the definition says it (vnumad-guest(5)). guest-topology/tag.c reads it.
 */
#pragma once

#include "model/binding.h"
#include "model/idset.h"

typedef enum {
    VN_DISTANCES_HOST,     /* derived from those of the homes */
    VN_DISTANCES_FLAT,     /* 10 and 20 */
    VN_DISTANCES_EXPLICIT, /* VnTag.matrix */
} VnDistances;

typedef struct {
    char *policy;             /* a VnPolicy's name; NULL: the configured one */
    guint cells;              /* 0: as many as are needed */
    VnBinding binding;        /* VN_BINDING_NONE: not said, which means strict */
    guint max_vcpus_per_cell; /* 0: as many as the home has CPUs */
    gboolean smt;             /* hardware threads count as CPUs; default TRUE */
    VnDistances distances;
    guint *matrix; /* matrix_cells rows of as many, for EXPLICIT; else NULL */
    guint matrix_cells;
    gboolean hmat;          /* FALSE: "off"; TRUE: where the host has it */
    VnIdSet *exclude_nodes; /* host nodes that are no candidates; never NULL */
} VnTag;

/** vn_tag_new: all at its default. */
VnTag *vn_tag_new(void);
void vn_tag_free(VnTag *tag);
VnTag *vn_tag_copy(const VnTag *tag);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnTag, vn_tag_free)
