/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnRingMap: one vCPU's dirty ring of a running QEMU, mapped read-only. Its descriptor is
 * borrowed from QEMU (pidfd_getfd), which neither notices nor is disturbed: ioctls on it
 * are refused to us, and reading changes nothing. While it is mapped KVM's memory of the
 * guest's machine stays, even when QEMU ends: not to be held longer than a window.
 */
#pragma once

#include "kvm/ring.h"
#include "model/guest.h"

/* Of all rings of a guest: two copies of them are kept, 64 MiB each at the most. */
#define VN_RING_MAPS_ENTRIES_MAX (4u << 20)

typedef struct {
    guint
        kvm_id; /* the vCPU's in KVM: on x86 that of its local APIC, not QEMU's number */
    guint vcpu;
    guint n_entries;
    VnRingEntry *mapped; /* changes under us: read by vn_ring_map_copy() only */
} VnRingMap;

/**
 * vn_ring_maps_open:
 * @guest: with its pid and vCPUs' thread ids
 * @pidfd: of the same process
 * @error: UNSUPPORTED: the guest has no dirty rings, or more than
 *   VN_RING_MAPS_ENTRIES_MAX; a vCPU was unplugged, of which QEMU keeps the descriptor;
 *   or the kernel has no pidfd_getfd (Linux 5.6); GONE; REFUSED; FAILED
 *
 * Returns: (transfer full): of VnRingMap, one a vCPU
 */
GPtrArray *vn_ring_maps_open(const VnGuest *guest, int pidfd,
                             GError **error) VN_WARN_UNUSED;

/**
 * vn_ring_maps_number:
 * @maps: of VnRingMap, with KVM's ids; sorted, and given their vCPUs
 * @vcpus: of guint: QEMU's numbers of the vCPUs that run, ascending
 *
 * KVM's ids have holes where a socket's cores are no power of two; but they rise with
 * QEMU's numbers, so the first is the first's.
 *
 * Returns: FALSE when there are not as many.
 */
gboolean vn_ring_maps_number(GPtrArray *maps, const GArray *vcpus) VN_WARN_UNUSED;

/** vn_ring_map_copy: @ret_entries: n_entries of them. */
void vn_ring_map_copy(const VnRingMap *map, VnRingEntry *ret_entries);
