/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Persistent definitions: reading one, and giving one to libvirt. Time-outs and errors
 * are those of virt/domains.h.
 */
#pragma once

#include "virt/connection.h"

/**
 * vn_virt_read_definition:
 *
 * Returns: (transfer full): the guest's persistent definition with all that is secret in
 *   it, as it is to be given back; NULL with GONE also for a guest that has none
 */
char *vn_virt_read_definition(VnConnection *connection, const char *uuid,
                              guint timeout_ms, GError **error) VN_WARN_UNUSED;

/**
 * vn_virt_define: gives @xml to libvirt as the persistent definition of the guest that it
 * names. A running guest goes on with its live one.
 */
gboolean vn_virt_define(VnConnection *connection, const char *xml, guint timeout_ms,
                        GError **error) VN_WARN_UNUSED;

/**
 * vn_virt_takes_dirty_ring:
 * @ret_takes: whether a guest may be given a dirty ring: libvirt 8.0 or later knows it,
 *   and QEMU before 8.0 has a race in the thread that empties it, which can abort the
 *   guest at its start
 */
gboolean vn_virt_takes_dirty_ring(VnConnection *connection, guint timeout_ms,
                                  gboolean *ret_takes, GError **error) VN_WARN_UNUSED;
