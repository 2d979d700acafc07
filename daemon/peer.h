/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU that is found by its QMP socket, and what it runs: for guests that libvirt does
 * not know, or does not do all for. It only looks: such a guest is in no snapshot of the
 * host's, and nothing is planned for it.
 */
#pragma once

#include "model/guest.h"
#include "qmp/client.h"

/**
 * vn_peer_find:
 * @root: as for vn_topology_read()
 * @path: as for vn_qmp_client_connect_peer()
 * @ret_client: (transfer full): in command mode
 * @error: of these two and vn_qmp_guest_read(); also REFUSED: who listens there is no
 *   QEMU, or what it says is of another process's guest
 *
 * Returns: (transfer full): the guest, as if it were managed, with its process, its
 * vCPUs' threads, and one cell for each of QEMU's pieces of RAM, or for all of it where
 * these are not known. Where they lie in QEMU is known as far as QEMU tells.
 */
VnGuest *vn_peer_find(const char *root, const char *path, VnQmpClient **ret_client,
                      GError **error) VN_WARN_UNUSED;

/**
 * vn_peer_connect: to the socket of the administrator's own that @guest has.
 * @error: also REFUSED: it is not that guest's
 */
VnQmpClient *vn_peer_connect(const VnGuest *guest, GError **error) VN_WARN_UNUSED;
