/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnRing: follows one vCPU's dirty ring from copies of it, without the kernel's private
 * positions and without changing it. Pure; kvm/ring-map.h makes the copies.
 *
 * Theory of operation. KVM writes an entry (slot, page number, then the flag "dirty"),
 * one behind the other around the ring; QEMU harvests it (flag "reset"); KVM clears the
 * flags, and only then may write it again. So what is new between two copies is one run
 * of entries: from where we stopped to the last entry that differs from our copy, or that
 * got its flag. Where writing stands at first is where a run of flags ends, or else where
 * the first run begins. The last entry of a run is believed only when its flag is there:
 * without, it may be half written. When the run is the whole ring, more may have been
 * written than there is room for: what is in it is taken, as much counts as lost, and
 * where writing stands is found out anew.
 */
#pragma once

#include "model/error.h"

/* Entries of a ring; source: Documentation/virt/kvm/api.rst, 8.29 (KVM_DIRTY_RING). */
#define VN_RING_ENTRIES_MIN 256u
#define VN_RING_ENTRIES_MAX 65536u

/* struct kvm_dirty_gfn of linux/kvm.h. */
typedef struct {
    guint32 flags;
    guint32 slot; /* address space << 16 | slot number */
    guint64 page; /* in the slot */
} VnRingEntry;

typedef struct VnRing VnRing;

/* A page that the vCPU made dirty. */
typedef void (*VnRingFunc)(gpointer data, const VnRingEntry *entry);

/**
 * vn_ring_new:
 * @now: (array length=n_entries): the ring as it is now: what is in it is old
 * @n_entries: a power of two, VN_RING_ENTRIES_MIN to VN_RING_ENTRIES_MAX
 */
VnRing *vn_ring_new(const VnRingEntry *now, guint n_entries);
void vn_ring_free(VnRing *ring);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnRing, vn_ring_free)

/**
 * vn_ring_advance:
 * @now: a later copy of the same ring
 * @func: called for each entry that is new, in the order they were written
 *
 * Returns: how many may have been written and overwritten unseen: 0, or the ring's size.
 */
guint vn_ring_advance(VnRing *ring, const VnRingEntry *now, VnRingFunc func,
                      gpointer data);
