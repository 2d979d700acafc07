/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnRingMap: one vCPU's dirty ring of a running QEMU, mapped read-only. Its descriptor is
 * borrowed from QEMU (pidfd_getfd), which neither notices nor is disturbed: ioctls on it
 * are refused to us, and reading changes nothing. While it is mapped KVM's memory of the
 * guest's machine stays, even when QEMU ends: not to be held longer than a window.
 */
#pragma once

#include "kvm/ring.h"

typedef struct {
    guint vcpu;
    guint n_entries;
    VnRingEntry *mapped; /* changes under us: read by vn_ring_map_copy() only */
} VnRingMap;

/**
 * vn_ring_maps_open:
 * @pid: of QEMU
 * @pidfd: of the same process
 * @error: UNSUPPORTED: the guest has no dirty rings, or the kernel no pidfd_getfd (Linux
 *   5.6); GONE; REFUSED; FAILED
 *
 * Returns: (transfer full): of VnRingMap, one a vCPU
 */
GPtrArray *vn_ring_maps_open(int pid, int pidfd, GError **error) VN_WARN_UNUSED;

/** vn_ring_map_copy: @ret_entries: n_entries of them. */
void vn_ring_map_copy(const VnRingMap *map, VnRingEntry *ret_entries);
