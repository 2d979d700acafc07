/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnSnapshot: the host and its guests at one instant. Counted by reference and immutable
 * once another than its maker holds it: it may cross threads.
 */
#pragma once

#include "model/guest.h"

typedef struct {
    gint64 taken_us; /* real time, microseconds since 1970 */
    VnHost *host;
    GPtrArray *guests; /* of VnGuest, ascending in name */
} VnSnapshot;

/** vn_snapshot_new: @host: (transfer full). */
VnSnapshot *vn_snapshot_new(VnHost *host);
VnSnapshot *vn_snapshot_ref(VnSnapshot *snapshot);
void vn_snapshot_unref(VnSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnSnapshot, vn_snapshot_unref)

/** vn_snapshot_find: (nullable) (transfer none): the guest of this name or UUID. */
const VnGuest *vn_snapshot_find(const VnSnapshot *snapshot, const char *name);
