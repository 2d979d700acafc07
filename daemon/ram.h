/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a guest's RAM lies: in guest-physical memory, in QEMU, and in which cell, as
 * pieces like KVM's slots. First from the definition and the cells' ranges; what KVM says
 * of its slots corrects it. And from that, where the memory lies on the host. Private to
 * the daemon's sampling.
 */
#pragma once

#include "host/move.h"
#include "kvm/slots.h"
#include "model/locality.h"

/**
 * vn_ram_new:
 *
 * Returns: (transfer full): pieces, ascending, their addresses in QEMU 0 where a cell's
 *   is not known; none when the machine's layout is not known
 */
VnSlots *vn_ram_new(const VnGuest *guest);

/**
 * vn_ram_learn:
 * @learnt: of a window: slots with their addresses in QEMU
 *
 * Takes over those that lie in a cell's range, instead of pieces that say otherwise. Ids
 * are not kept: a guest's restart gives slots new ones.
 *
 * Returns: whether anything was otherwise
 */
gboolean vn_ram_learn(VnSlots *ram, const VnGuest *guest, const VnSlots *learnt);

/** vn_ram_find: FALSE when it is not RAM, or nobody knows where in QEMU it lies. */
gboolean vn_ram_find(const VnSlots *ram, const VnGuest *guest, guint64 gpa,
                     guint64 *ret_hva, guint *ret_cell);

/**
 * vn_vcpu_nodes:
 *
 * Returns: (transfer full): by vCPU, @n of them: the host node that has all CPUs that it
 *   may run on; -1: it may run on several, or it is not known
 */
int *vn_vcpu_nodes(const VnGuest *guest, const VnHost *host, guint n);

/**
 * vn_placement_read:
 * @heat: (nullable): only granules that it knows; NULL: all RAM, in at most 64 Ki places
 * @func: (nullable): instead of the kernel's, for tests
 * @error: GONE: the process ended; REFUSED; FAILED
 *
 * Asks the kernel on which host nodes memory lies, by four pages of each granule (or
 * group of granules); vCPUs are where vn_vcpu_nodes() has them.
 *
 * Returns: (transfer full)
 */
VnPlacement *vn_placement_read(const VnGuest *guest, const VnHost *host,
                               const VnSlots *ram, const VnHeat *heat,
                               VnMovePagesFunc func, gpointer data,
                               GError **error) VN_WARN_UNUSED;
