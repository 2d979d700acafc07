/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The units of HMAT's matrices, as QEMU finds them. */
#include "guest-topology/hmat-scale.h"

/* The unit is the smallest power of ten that divides one of the latencies. */
static gboolean
add_latency(VnHmatScale *scale, guint64 latency)
{
    guint64 power = 1;
    for (guint64 rest = latency; rest % 10 == 0; rest /= 10)
        power *= 10;
    /* QEMU compares with the unit so far, so that the first figure always fits. */
    guint64 entry = scale->unit ? MAX(scale->seen, latency / scale->unit) : 0;
    if (entry > VN_HMAT_ENTRY_MAX)
        return FALSE;
    scale->unit = scale->unit ? MIN(scale->unit, power) : power;
    scale->seen = entry;
    return TRUE;
}

/* The unit is the largest power of two that divides all bandwidths. */
static gboolean
add_bandwidth(VnHmatScale *scale, guint64 bandwidth)
{
    guint64 bits = scale->seen | bandwidth;
    guint64 unit = bits & -bits;
    if (bits / unit > 0xffff || bandwidth / unit > VN_HMAT_ENTRY_MAX)
        return FALSE;
    scale->unit = unit;
    scale->seen = bits;
    return TRUE;
}

gboolean
vn_hmat_scale_add(VnHmatScale *scale, gboolean latency, guint64 figure)
{
    return latency ? add_latency(scale, figure) : add_bandwidth(scale, figure);
}

guint64
vn_hmat_figure(const VnInterconnect *interconnect)
{
    return interconnect->latency_ns > 0 ? interconnect->latency_ns
                                        : interconnect->bandwidth_bytes_per_second;
}

gboolean
vn_hmat_same_matrix(const VnInterconnect *one, const VnInterconnect *other)
{
    return one->cache == other->cache && one->access == other->access &&
           (one->latency_ns > 0) == (other->latency_ns > 0);
}
