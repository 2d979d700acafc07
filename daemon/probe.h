/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Telling a guest's cells apart by looking: QEMU is asked where a guest-physical address
 * lies, or guest memory is read by its guest-physical address and compared with what lies
 * at the candidate places. It reads only, and only what costs nothing to read; how, is a
 * parameter, so that it is tested with made-up memories.
 */
#pragma once

#include "daemon/places.h"

typedef struct {
    gpointer data; /* for all below */

    /*
     * Reads QEMU's memory at a host-virtual address. FALSE: it cannot be read, now or at
     * all.
     */
    gboolean (*read)(gpointer data, guint64 hva, gpointer buffer, gsize length);

    /* Which of the pages at @hvas are present. FALSE: cannot be told. */
    gboolean (*present)(gpointer data, const guint64 *hvas, guint n_hvas,
                        gboolean *ret_present);

    /* Reads the guest's memory at a guest-physical address. */
    gboolean (*peek)(gpointer data, guint64 gpa, gpointer buffer, gsize length,
                     GError **error);

    /*
     * Asks QEMU. @ret_region: (transfer full) (nullable): the name of the memory there.
     * @error: GONE or INVALID: there is no RAM at @gpa; else it cannot be asked.
     */
    gboolean (*gpa_to_hva)(gpointer data, guint64 gpa, char **ret_region,
                           guint64 *ret_hva, GError **error);
} VnProbeSource;

/**
 * vn_probe_addresses:
 * @places: gets the cells decided that QEMU knows the address of
 * @error: why QEMU could not be asked; what it answers about one cell is no error
 *
 * Each undecided cell is asked for at two addresses, which must agree with each other,
 * with the name of the memory and with the mappings.
 */
gboolean vn_probe_addresses(const VnGuest *guest, VnPlaces *places,
                            const VnProbeSource *source, GError **error) VN_WARN_UNUSED;

/**
 * vn_probe_content:
 * @places: gets the cells decided that their content tells apart
 * @peeks: (inout): how many peeks may be made; how many of them are left
 * @reasons: of char*, one per cell: gets (transfer full) why a cell stays undecided, to
 *   stand behind what vn_places_doubt() says
 * @error: why memory could not be looked at; what was decided before that stays
 *
 * A cell is decided by two pages whose content is at one candidate place only. One that
 * says otherwise ends it all, for every cell that is not decided by then. Pages that are
 * absent where absence matters, that hold the same bytes throughout, or that change while
 * they are compared say nothing.
 */
gboolean vn_probe_content(const VnGuest *guest, VnPlaces *places,
                          const VnProbeSource *source, guint *peeks, GPtrArray *reasons,
                          GError **error) VN_WARN_UNUSED;
