/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU tells of its guest: its name, vCPUs and their threads, how much memory it
 * has. For guests that no definition describes. It changes nothing.
 *
 * Errors are the client's; also INVALID: what QEMU answers is not as its schema has it
 * (qapi/machine.json, qapi/qom.json), or above a limit. @timeout_ms is that of all
 * questions together.
 */
#pragma once

#include "model/guest.h"
#include "qmp/client.h"

/* The longest name taken. */
#define VN_QMP_NAME_BYTES_MAX 1024u
/* The most memory: what 52 bits of guest-physical address hold. */
#define VN_QMP_MEMORY_BYTES_MAX (G_GUINT64_CONSTANT(1) << 52)

/** vn_qmp_check_kvm: @error: UNSUPPORTED: the guest runs without KVM. */
gboolean vn_qmp_check_kvm(VnQmpClient *client, guint timeout_ms,
                          GError **error) VN_WARN_UNUSED;

/**
 * vn_qmp_guest_read:
 * @name: of a guest that was given none
 *
 * Returns: (transfer full): without cells. vCPUs have their threads, and say the NUMA
 * node that they are told to be of as their cell; told_cells: all do. The machine is NULL
 * where its layout is not to be known from its type.
 */
VnGuest *vn_qmp_guest_read(VnQmpClient *client, const char *name, guint timeout_ms,
                           GError **error) VN_WARN_UNUSED;

/**
 * vn_qmp_memory_bytes:
 * @region: as vn_qmp_gpa_to_hva() names it
 * @ret_bytes: of the memory backend behind it
 */
gboolean vn_qmp_memory_bytes(VnQmpClient *client, const char *region, guint timeout_ms,
                             guint64 *ret_bytes, GError **error) VN_WARN_UNUSED;
