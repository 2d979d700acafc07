/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reservations, by the clock and on disk. */
#include "daemon/promises.h"

#include "daemon/state-file.h"

#define FILE_NAME "reservations.json"

struct VnPromises {
    char *folder;
    GPtrArray *list; /* of VnReservation */
};

VnPromises *
vn_promises_open(const char *folder)
{
    VnPromises *promises = g_new0(VnPromises, 1);
    g_autoptr(GVariant) list = NULL;
    g_autoptr(GError) error = NULL;
    promises->folder = g_strdup(folder);
    if (!vn_state_file_read(folder, FILE_NAME, &list, &error))
        g_warning("reservations: %s", error->message);
    promises->list = vn_reservations_from_variant(list);
    return promises;
}

void
vn_promises_free(VnPromises *promises)
{
    if (!promises)
        return;
    g_ptr_array_unref(promises->list);
    g_free(promises->folder);
    g_free(promises);
}

/* What cannot be kept on disk holds all the same, until the daemon ends. */
static void
save(const VnPromises *promises)
{
    g_autoptr(GError) error = NULL;
    if (!vn_state_file_write(promises->folder, FILE_NAME,
                             vn_reservations_to_variant(promises->list), &error))
        g_warning("reservations: %s", error->message);
}

void
vn_promises_make(VnPromises *promises, const VnGuest *guest, const VnHost *host)
{
    vn_reservations_promise(promises->list, guest, host->page_size_bytes,
                            g_get_real_time());
    save(promises);
}

void
vn_promises_forget(VnPromises *promises, const char *uuid)
{
    if (vn_reservations_forget(promises->list, uuid))
        save(promises);
}

void
vn_promises_apply(VnPromises *promises, VnSnapshot *snapshot)
{
    if (vn_reservations_expire(promises->list, snapshot, g_get_real_time()))
        save(promises);
    vn_reservations_apply(promises->list, snapshot);
}

const GPtrArray *
vn_promises_list(const VnPromises *promises)
{
    return promises->list;
}
