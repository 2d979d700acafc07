/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnLocator: finds the exact host-virtual range of every cell of a running guest, and
 * remembers it as long as that QEMU lives. When in doubt the range stays unknown, with
 * the reason.
 *
 * Theory of operation. QEMU does not say where it maps a guest's RAM, so evidence is
 * taken in this order, cheapest first, until all cells are decided:
 *   1. what QEMU's mappings are called, how large they are, which policy they have
 *      (daemon/places.h);
 *   2. QEMU's gpa2hva, through a QMP socket that the administrator gave the guest;
 *   3. content: guest memory, read through libvirt by guest-physical address, compared
 *      with the candidates (daemon/probe.h);
 *   4. gpa2hva through libvirt, which taints the guest: only where the config allows it.
 * RAM does not move within QEMU's address space, so what was found holds until the
 * process ends. What was not found is tried again, after a pause that doubles up to a
 * minute: a guest that has just started may have no memory to tell its cells apart by.
 */
#pragma once

#include "model/guest.h"
#include "virt/connection.h"

typedef struct VnLocator VnLocator;

/**
 * vn_locator_new:
 * @virt: (nullable): borrowed; must outlive the locator; NULL: without libvirt
 * @allow_monitor: may ask QEMU through libvirt, which marks the guest as tainted
 */
VnLocator *vn_locator_new(VnConnection *virt, gboolean allow_monitor);
void vn_locator_free(VnLocator *locator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnLocator, vn_locator_free)

/**
 * vn_locator_locate:
 * @guest: the told half, with pid and start_ticks; its cells get hva_start and hva_end,
 *   or hva_unknown
 * @maps: of VnNumaMap, of that process
 *
 * Takes at most some seconds, and no time for a guest that is known.
 */
void vn_locator_locate(VnLocator *locator, VnGuest *guest, const GPtrArray *maps);
