/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnSnapshot: life time and look-up. */
#include "model/snapshot.h"

#include <string.h>

VnSnapshot *
vn_snapshot_new(VnHost *host)
{
    VnSnapshot *snapshot = g_atomic_rc_box_new0(VnSnapshot);
    snapshot->taken_us = g_get_real_time();
    snapshot->host = host;
    snapshot->guests = g_ptr_array_new_with_free_func((GDestroyNotify) vn_guest_free);
    return snapshot;
}

VnSnapshot *
vn_snapshot_ref(VnSnapshot *snapshot)
{
    return g_atomic_rc_box_acquire(snapshot);
}

static void
clear(gpointer data)
{
    VnSnapshot *snapshot = data;
    vn_host_free(snapshot->host);
    g_ptr_array_unref(snapshot->guests);
}

void
vn_snapshot_unref(VnSnapshot *snapshot)
{
    if (snapshot)
        g_atomic_rc_box_release_full(snapshot, clear);
}

const VnGuest *
vn_snapshot_find(const VnSnapshot *snapshot, const char *name)
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        if (strcmp(guest->name, name) == 0 || strcmp(guest->uuid, name) == 0)
            return guest;
    }
    return NULL;
}
