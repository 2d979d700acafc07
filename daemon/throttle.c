/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Caps turned into pauses: see the theory of operation in daemon/throttle.h. */
#include "daemon/throttle.h"

/* So many chunks a second, at least, where a cap makes them small. */
#define CHUNKS_PER_SECOND 4

typedef struct {
    double writes; /* bytes per second; 0: not known */
    gint64 next_us;
} Guest;

struct VnThrottle {
    guint64 host_cap;
    guint64 guest_cap;
    double ease; /* VN_THROTTLE_SHARE_MIN to 1 */
    gint64 next_us;
    GHashTable *guests; /* Guest by uuid */
};

VnThrottle *
vn_throttle_new(guint64 host_cap, guint64 guest_cap)
{
    VnThrottle *throttle = g_new(VnThrottle, 1);
    *throttle = (VnThrottle){
        .host_cap = host_cap,
        .guest_cap = guest_cap,
        .ease = 1,
        .guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
    return throttle;
}

void
vn_throttle_free(VnThrottle *throttle)
{
    if (!throttle)
        return;
    g_hash_table_unref(throttle->guests);
    g_free(throttle);
}

static Guest *
get(VnThrottle *throttle, const char *uuid)
{
    Guest *guest = g_hash_table_lookup(throttle->guests, uuid);
    if (guest)
        return guest;
    guest = g_new0(Guest, 1);
    g_hash_table_insert(throttle->guests, g_strdup(uuid), guest);
    return guest;
}

void
vn_throttle_set_write_rate(VnThrottle *throttle, const char *uuid,
                           double bytes_per_second)
{
    get(throttle, uuid)->writes = MAX(bytes_per_second, 0);
}

void
vn_throttle_set_pressure(VnThrottle *throttle, double ratio)
{
    const double range = VN_THROTTLE_PRESSURE_HIGH - VN_THROTTLE_PRESSURE_LOW;
    double lowered = CLAMP((ratio - VN_THROTTLE_PRESSURE_LOW) / range, 0, 1);
    throttle->ease = 1 - (1 - VN_THROTTLE_SHARE_MIN) * lowered;
}

static double
lowered_cap(guint64 cap, double ease, double writes)
{
    double share = (double) cap / ((double) cap + writes);
    return (double) cap * ease * MAX(share, VN_THROTTLE_SHARE_MIN);
}

/* Bytes per second; 0: no cap. */
static double
host_rate(const VnThrottle *throttle)
{
    return throttle->host_cap ? lowered_cap(throttle->host_cap, throttle->ease, 0) : 0;
}

static double
guest_rate(const VnThrottle *throttle, const char *uuid)
{
    const Guest *guest = g_hash_table_lookup(throttle->guests, uuid);
    return throttle->guest_cap ? lowered_cap(throttle->guest_cap, throttle->ease,
                                             guest ? guest->writes : 0)
                               : 0;
}

guint64
vn_throttle_rate(const VnThrottle *throttle, const char *uuid)
{
    double host = host_rate(throttle);
    double guest = guest_rate(throttle, uuid);
    return (guint64) (host > 0 && guest > 0 ? MIN(host, guest) : MAX(host, guest));
}

guint64
vn_throttle_chunk(const VnThrottle *throttle, const char *uuid, guint64 most)
{
    guint64 rate = vn_throttle_rate(throttle, uuid);
    if (!rate)
        return most;
    return MIN(most, MAX(rate / CHUNKS_PER_SECOND, VN_THROTTLE_CHUNK_MIN));
}

gint64
vn_throttle_next_us(const VnThrottle *throttle, const char *uuid)
{
    const Guest *guest = g_hash_table_lookup(throttle->guests, uuid);
    return guest ? MAX(throttle->next_us, guest->next_us) : throttle->next_us;
}

/* From when on a rate has room again; @rate: 0: always. */
static gint64
used_until(gint64 begun_us, guint64 bytes, double rate)
{
    return rate > 0 ? begun_us + (gint64) ((double) bytes / rate * G_USEC_PER_SEC) : 0;
}

void
vn_throttle_charge(VnThrottle *throttle, const char *uuid, guint64 bytes, gint64 begun_us,
                   gint64 ended_us)
{
    Guest *guest = get(throttle, uuid);
    gint64 rest_us = (gint64) ((double) (ended_us - begun_us) * (1 / throttle->ease - 1));
    gint64 host_us = used_until(begun_us, bytes, host_rate(throttle));
    gint64 guest_us = used_until(begun_us, bytes, guest_rate(throttle, uuid));
    throttle->next_us = MAX(throttle->next_us, MAX(host_us, ended_us + rest_us));
    guest->next_us = MAX(guest->next_us, guest_us);
}
