/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnReservation: memory of a host node that was promised to a guest whose definition was
 * just completed, so that a second one is not promised the same. Pure arithmetic; who
 * keeps them, and where, is daemon/promises.h.
 *
 * A promise is kept until the guest runs with all its memory resident, is no longer
 * defined, or its time is over. What counts of it is what is still to come: promised
 * bytes less those that are resident.
 */
#pragma once

#include "model/snapshot.h"

/* How long a guest has for its start. */
#define VN_RESERVATION_SECONDS 600

/* More than this are not kept, nor read. */
#define VN_RESERVATIONS_MAX 4096u

typedef struct {
    char *uuid;
    char *guest;
    gint64 until_us;         /* real time */
    guint64 page_size_bytes; /* huge pages of that size; 0: base pages */
    GArray *bytes;           /* of guint64, by host node id */
} VnReservation;

/** vn_reservations_new: an empty list, of VnReservation; a guest has one a page size. */
GPtrArray *vn_reservations_new(void);

/**
 * vn_reservations_promise:
 * @guest: its definition: each cell's memory is promised on the host nodes that it is
 *   bound to, evenly
 * @base_bytes: the host's base page size
 *
 * What was promised to this guest before is void.
 */
void vn_reservations_promise(GPtrArray *list, const VnGuest *guest, guint64 base_bytes,
                             gint64 now_us);

/** vn_reservations_forget: Returns: whether there was one of the guest. */
gboolean vn_reservations_forget(GPtrArray *list, const char *uuid);

/** vn_reservations_expire: drops those that are over. Returns: whether there were any. */
gboolean vn_reservations_expire(GPtrArray *list, const VnSnapshot *snapshot,
                                gint64 now_us);

/**
 * vn_reservations_apply: what is still to come is taken from the host's free memory and
 * free huge pages. To be done once a snapshot.
 */
void vn_reservations_apply(const GPtrArray *list, VnSnapshot *snapshot);

/** vn_reservations_add_own: what is still to come for this guest is added to @bytes. */
void vn_reservations_add_own(const GPtrArray *list, const VnSnapshot *snapshot,
                             const char *uuid, GArray *bytes);

/**
 * vn_reservations_text:
 * @uuid: not its own
 *
 * Returns: (nullable): "1.0 GiB of host node 0 are promised to guest db1, ..."; NULL:
 *   nothing is
 */
char *vn_reservations_text(const GPtrArray *list, const VnSnapshot *snapshot,
                           const char *uuid, gint64 now_us);

/** vn_reservations_to_variant: (transfer floating): aa{sv}. */
GVariant *vn_reservations_to_variant(const GPtrArray *list);

/**
 * vn_reservations_from_variant:
 * @list: (nullable): also one that has been through JSON; what of it makes no sense is
 *   left out
 */
GPtrArray *vn_reservations_from_variant(GVariant *list);
