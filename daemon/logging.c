/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two ways to QEMU's dirty-rate measurement, one as good as the other. */
#include "daemon/logging.h"

#include "daemon/peer.h"
#include "qmp/dirty-rate.h"
#include "virt/dirty-rate.h"

#define TIMEOUT_MS 3000u
/* Pages of 4 KiB in what QEMU counts as a megabyte. */
#define PAGES_PER_MB 256u

static gboolean
name_guest(const VnGuest *guest, GError **error)
{
    g_prefix_error(error, "guest %s: ", guest->name);
    return FALSE;
}

gboolean
vn_logging_check(VnConnection *virt, VnQmpClient *qmp, const VnGuest *guest,
                 GError **error)
{
    if (!qmp)
        return vn_virt_dirty_rate_check(virt, guest->uuid, TIMEOUT_MS, error);
    return vn_qmp_dirty_rate_check(qmp, TIMEOUT_MS, error) || name_guest(guest, error);
}

static gboolean
start_by_qmp(VnQmpClient *qmp, const VnGuest *guest, guint seconds, GError **error)
{
    return vn_qmp_dirty_rate_start(qmp, seconds, guest->dirty_ring, TIMEOUT_MS, error) ||
           name_guest(guest, error);
}

gboolean
vn_logging_start(VnConnection *virt, VnQmpClient **qmp, const VnGuest *guest,
                 guint seconds, GError **error)
{
    g_autoptr(GError) wrong = NULL;
    if (*qmp)
        return start_by_qmp(*qmp, guest, seconds, error);
    if (vn_virt_dirty_rate_start(virt, guest->uuid, seconds, guest->dirty_ring,
                                 TIMEOUT_MS, &wrong))
        return TRUE;
    if (!guest->qmp_path || !g_error_matches(wrong, VN_ERROR, VN_ERROR_UNSUPPORTED)) {
        g_propagate_error(error, g_steal_pointer(&wrong));
        return FALSE;
    }
    g_autoptr(VnQmpClient) own = vn_peer_connect(guest, error);
    if (!own)
        return name_guest(guest, error);
    if (!start_by_qmp(own, guest, seconds, error))
        return FALSE;
    *qmp = g_steal_pointer(&own);
    return TRUE;
}

/* A sample being made of rates. */
typedef struct {
    VnSample *sample;
    const VnGuest *guest;
    double seconds;
} Rates;

static gboolean
is_over(const Rates *rates, gboolean measuring, GError **error)
{
    if (measuring)
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                    "guest %s: QEMU still measures its dirty rate; try later",
                    rates->guest->name);
    return !measuring;
}

static void
add_rate(const Rates *rates, guint vcpu, guint64 mb_per_second)
{
    double pages = (double) mb_per_second * PAGES_PER_MB * rates->seconds;
    vn_sample_add_hint(rates->sample, vcpu, -1,
                       (guint64) MIN(pages, (double) G_MAXUINT32));
}

static gboolean
add_by_libvirt(const Rates *rates, VnConnection *virt, GError **error)
{
    g_autoptr(VnVirtDirtyRate) rate =
        vn_virt_dirty_rate_read(virt, rates->guest->uuid, TIMEOUT_MS, error);
    if (!rate || !is_over(rates, rate->state == VN_VIRT_DIRTY_RATE_MEASURING, error))
        return FALSE;
    for (guint i = 0; i < rate->vcpus->len; i++) {
        const VnVirtVcpuRate *vcpu = &g_array_index(rate->vcpus, VnVirtVcpuRate, i);
        add_rate(rates, vcpu->vcpu, vcpu->mb_per_second);
    }
    return TRUE;
}

static gboolean
add_by_qmp(const Rates *rates, VnQmpClient *qmp, GError **error)
{
    g_autoptr(VnQmpDirtyRate) rate = vn_qmp_dirty_rate_read(qmp, TIMEOUT_MS, error);
    if (!rate)
        return name_guest(rates->guest, error);
    if (!is_over(rates, rate->state == VN_QMP_DIRTY_RATE_MEASURING, error))
        return FALSE;
    for (guint i = 0; i < rate->vcpus->len; i++) {
        const VnQmpVcpuRate *vcpu = &g_array_index(rate->vcpus, VnQmpVcpuRate, i);
        add_rate(rates, vcpu->vcpu, vcpu->mb_per_second);
    }
    return TRUE;
}

VnSample *
vn_logging_read(VnConnection *virt, VnQmpClient *qmp, const VnGuest *guest,
                gint64 start_us, GError **error)
{
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_RATE, start_us);
    gint64 now_us = g_get_monotonic_time();
    const Rates rates = {sample, guest, (double) (now_us - start_us) / G_USEC_PER_SEC};
    if (!(qmp ? add_by_qmp(&rates, qmp, error) : add_by_libvirt(&rates, virt, error)))
        return NULL;
    vn_sample_seal(sample, now_us);
    return g_steal_pointer(&sample);
}
