/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is wanted of a definition: cells with homes, and from them every part's value,
 * with what the administrator wrote as given. Changes no document. Private to define.
 */
#pragma once

#include "guest-topology/define-parts.h"
#include "guest-topology/define.h"
#include "model/guest.h"

typedef struct {
    const VnHost *host;
    const VnDefineOptions *options;
    VnGuest *guest;         /* the definition without our parts */
    VnIdSet *iothreads;     /* their ids */
    VnIdSet *cpuset;        /* his of <vcpu>; NULL: none */
    gboolean may_have_ring; /* KVM on x86: others may have none, and fail to start */
    gboolean numad;         /* his placement='auto' of <vcpu> */
    VnParts *current;       /* what stands there */
    VnParts *theirs;        /* of it: the administrator's; with force none */
    VnVnuma *previous;      /* cells of the record, with homes; may have none */
    VnIdSet *candidates;    /* host nodes that may be homes; made by vn_derive_cells() */
    VnVnuma *vnuma;         /* made by vn_derive_cells() */
    VnParts *wanted;        /* made by vn_derive_parts() */
    VnDefineReport *report; /* gets conflicts and reasons */
} VnDerivation;

/**
 * vn_derive_cells: candidates and vnuma, each cell with its home.
 * @error: REFUSED: it cannot be made to fit; INVALID: host nodes that do not exist
 */
gboolean vn_derive_cells(VnDerivation *derivation, GError **error) VN_WARN_UNUSED;

/** vn_derive_parts: every part's value, once there are cells. */
void vn_derive_parts(VnDerivation *derivation);

/**
 * vn_derive_their_nodes:
 * @part: VN_PART_MEMORY or VN_PART_MEMNODE
 *
 * Returns: (nullable): the host nodes that the administrator binds to.
 */
VnIdSet *vn_derive_their_nodes(const VnDerivation *derivation, VnPart part, guint id);

VnDefineReport *vn_define_report_new(void);

/** vn_define_add_entry: @ids: (nullable); @text: (transfer full) */
void vn_define_add_entry(GPtrArray *entries, VnPart part, const VnIdSet *ids, char *text);
void vn_define_add_reason(VnDefineReport *report, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

void vn_define_add_conflict(VnDefineReport *report, VnPart part, const VnIdSet *ids,
                            const char *format, ...) G_GNUC_PRINTF(4, 5);
