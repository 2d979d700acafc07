/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Observing: libvirt's definitions, the kernel's view of QEMU's processes and the host's
 * topology joined into one snapshot. Changes nothing.
 */
#pragma once

#include "daemon/config.h"
#include "daemon/cordons.h"
#include "daemon/promises.h"
#include "model/snapshot.h"
#include "virt/connection.h"

typedef struct VnObserver VnObserver;

/** vn_observer_new: @virt: borrowed; must outlive the observer. */
VnObserver *vn_observer_new(const VnConfig *config, const char *root, VnConnection *virt);
void vn_observer_free(VnObserver *observer);

/**
 * vn_observer_mark:
 * @cordons, @promises: (nullable): borrowed; must outlive the observer
 *
 * From now on hosts have their cordoned nodes marked, and no room that is promised.
 */
void vn_observer_mark(VnObserver *observer, const VnCordons *cordons,
                      VnPromises *promises);

/**
 * vn_observer_observe:
 * @error: what made it impossible as a whole: the host cannot be read, or libvirt is not
 *   to be reached (BUSY)
 *
 * What is wrong with a single guest is that guest's trouble, and the others are complete.
 */
VnSnapshot *vn_observer_observe(VnObserver *observer, GError **error) VN_WARN_UNUSED;
