/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measuring how fast a guest writes: QEMU switches KVM's dirty log on for some seconds,
 * which is what the samplers in kvm/ look at meanwhile, and counts. It does not taint the
 * guest, ends by itself, and cannot be ended early.
 * Time-outs and errors as in virt/domains.h.
 */
#pragma once

#include "virt/connection.h"

/* What QEMU measures for, in seconds: CALC_TIME in its migration/dirtyrate.c. */
#define VN_VIRT_DIRTY_RATE_SECONDS_MAX 60u

typedef enum {
    VN_VIRT_DIRTY_RATE_UNSTARTED,
    VN_VIRT_DIRTY_RATE_MEASURING,
    VN_VIRT_DIRTY_RATE_MEASURED,
} VnVirtDirtyRateState;

typedef struct {
    guint vcpu;
    guint64 mb_per_second;
} VnVirtVcpuRate;

typedef struct {
    VnVirtDirtyRateState state;
    guint64 mb_per_second; /* of 2^20 bytes, of the guest; 0 unless it was measured */
    GArray *vcpus;         /* of VnVirtVcpuRate; empty without dirty rings */
} VnVirtDirtyRate;

void vn_virt_dirty_rate_free(VnVirtDirtyRate *rate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnVirtDirtyRate, vn_virt_dirty_rate_free)

/**
 * vn_virt_dirty_rate_start:
 * @seconds: 1 to VN_VIRT_DIRTY_RATE_SECONDS_MAX
 * @ring: the guest has dirty rings; wrong, QEMU refuses
 * @error: also BUSY: somebody measures already, or a migration or another job is under
 *   way; INVALID: @seconds
 *
 * Returns at once; it is measured from about now on.
 */
gboolean vn_virt_dirty_rate_start(VnConnection *connection, const char *uuid,
                                  guint seconds, gboolean ring, guint timeout_ms,
                                  GError **error) VN_WARN_UNUSED;

/**
 * vn_virt_dirty_rate_check: for who looks at a guest without having its writes measured.
 * @error: also BUSY: as vn_virt_dirty_rate_start() would say
 */
gboolean vn_virt_dirty_rate_check(VnConnection *connection, const char *uuid,
                                  guint timeout_ms, GError **error) VN_WARN_UNUSED;

/**
 * vn_virt_dirty_rate_read:
 * @error: also BUSY: QEMU is busy with something else
 *
 * Returns: (transfer full): of the last measurement, whosever it was
 */
VnVirtDirtyRate *vn_virt_dirty_rate_read(VnConnection *connection, const char *uuid,
                                         guint timeout_ms, GError **error) VN_WARN_UNUSED;
