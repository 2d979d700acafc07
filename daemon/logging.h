/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Having a guest's dirty log switched on for the length of a window: by libvirt, or by
 * QEMU itself, where the guest is not libvirt's, or libvirt cannot and the administrator
 * has given the guest a QMP socket of its own. Private to the daemon's sampling.
 *
 * @qmp: (nullable): a connection to the guest's QEMU; NULL: libvirt is asked. Errors are
 * those of virt/dirty-rate.h, which has functions of the same names.
 */
#pragma once

#include "model/sample.h"
#include "qmp/client.h"
#include "virt/connection.h"

gboolean vn_logging_check(VnConnection *virt, VnQmpClient *qmp, const VnGuest *guest,
                          GError **error) VN_WARN_UNUSED;

/**
 * vn_logging_start:
 * @qmp: (inout) (nullable): set where libvirt cannot and the guest's own socket can; the
 *   caller's to free
 */
gboolean vn_logging_start(VnConnection *virt, VnQmpClient **qmp, const VnGuest *guest,
                          guint seconds, GError **error) VN_WARN_UNUSED;

/**
 * vn_logging_read: what QEMU has counted itself: how much each vCPU wrote, but not where.
 * @start_us: when it began, in monotonic time
 *
 * Returns: (transfer full): sealed
 */
VnSample *vn_logging_read(VnConnection *virt, VnQmpClient *qmp, const VnGuest *guest,
                          gint64 start_us, GError **error) VN_WARN_UNUSED;
