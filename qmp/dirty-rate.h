/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measuring how fast a guest writes, as virt/dirty-rate.h does, but asking QEMU itself:
 * for guests that are not libvirt's, or whose libvirt cannot. QEMU switches KVM's dirty
 * log on for some seconds; it ends by itself, and cannot be ended early.
 *
 * Errors are the client's; also INVALID: what QEMU answers is not as its schema has it
 * (qapi/migration.json). @timeout_ms is each question's.
 */
#pragma once

#include "qmp/client.h"

/* What QEMU measures for, in seconds: MAX_FETCH_DIRTYRATE_TIME_SEC. */
#define VN_QMP_DIRTY_RATE_SECONDS_MAX 60u

typedef enum {
    VN_QMP_DIRTY_RATE_UNSTARTED,
    VN_QMP_DIRTY_RATE_MEASURING,
    VN_QMP_DIRTY_RATE_MEASURED,
} VnQmpDirtyRateState;

typedef struct {
    guint vcpu;
    guint64 mb_per_second;
} VnQmpVcpuRate;

typedef struct {
    VnQmpDirtyRateState state;
    guint64 mb_per_second; /* of 2^20 bytes, of the guest; 0 unless it was measured */
    GArray *vcpus;         /* of VnQmpVcpuRate; empty without dirty rings */
} VnQmpDirtyRate;

void vn_qmp_dirty_rate_free(VnQmpDirtyRate *rate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnQmpDirtyRate, vn_qmp_dirty_rate_free)

/**
 * vn_qmp_dirty_rate_start:
 * @seconds: 1 to VN_QMP_DIRTY_RATE_SECONDS_MAX
 * @ring: the guest has dirty rings; wrong, QEMU refuses
 * @error: also BUSY: somebody measures already, or a migration is under way; UNSUPPORTED:
 *   the guest runs without KVM (of QEMU 7.2 this would be the end); INVALID: @seconds
 *
 * Returns at once; it is measured from about now on.
 */
gboolean vn_qmp_dirty_rate_start(VnQmpClient *client, guint seconds, gboolean ring,
                                 guint timeout_ms, GError **error) VN_WARN_UNUSED;

/**
 * vn_qmp_dirty_rate_check: for who looks at a guest without having its writes measured.
 * @error: also BUSY: as vn_qmp_dirty_rate_start() would say
 */
gboolean vn_qmp_dirty_rate_check(VnQmpClient *client, guint timeout_ms,
                                 GError **error) VN_WARN_UNUSED;

/**
 * vn_qmp_dirty_rate_read:
 *
 * Returns: (transfer full): of the last measurement, whosever it was
 */
VnQmpDirtyRate *vn_qmp_dirty_rate_read(VnQmpClient *client, guint timeout_ms,
                                       GError **error) VN_WARN_UNUSED;
