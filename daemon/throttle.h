/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnThrottle: how fast a plan's memory may be moved, and so when each guest's next chunk
 * may begin. Pure: time is a parameter.
 *
 * Theory of operation. A chunk of b bytes that begins at t uses up a rate of r bytes per
 * second until t + b / r: before, neither that guest (its own rate) nor any (the host's)
 * begins another. In any time T no more than r * T bytes and one chunk are begun, and
 * what was not used is not saved up. Rates are the caps of the configuration, lower while
 * the host's memory is pressed, a guest's also while it writes fast: as its pages are
 * dirtied while they are copied, and its vCPUs wait for them. Without a cap nothing is
 * waited for, but while the host's memory is pressed: then so long that moving takes no
 * more than a share of the time.
 */
#pragma once

#include <glib.h>

/* Lowered to this share of a cap at most, for either reason. */
#define VN_THROTTLE_SHARE_MIN 0.1

/*
 * Share of the last ten seconds in which something waited for memory: up to the first
 * moving is not lowered, at the second it is by as much as it ever is.
 */
#define VN_THROTTLE_PRESSURE_LOW 0.05
#define VN_THROTTLE_PRESSURE_HIGH 0.25

/* The smallest chunk that is asked for. */
#define VN_THROTTLE_CHUNK_MIN (G_GUINT64_CONSTANT(2) << 20)

typedef struct VnThrottle VnThrottle;

/** vn_throttle_new: caps in bytes per second; 0: none. */
VnThrottle *vn_throttle_new(guint64 host_cap, guint64 guest_cap);
void vn_throttle_free(VnThrottle *throttle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnThrottle, vn_throttle_free)

/**
 * vn_throttle_set_write_rate: how many bytes per second the guest writes; 0 or less: not
 * known. At a rate like the cap the cap is halved.
 */
void vn_throttle_set_write_rate(VnThrottle *throttle, const char *uuid,
                                double bytes_per_second);

/**
 * vn_throttle_set_pressure: @ratio: see VN_THROTTLE_PRESSURE_LOW, 0 to 1; below 0: not
 * known, which is like none.
 */
void vn_throttle_set_pressure(VnThrottle *throttle, double ratio);

/** vn_throttle_rate: bytes per second of the guest, the host's kept to; 0: no cap. */
guint64 vn_throttle_rate(const VnThrottle *throttle, const char *uuid);

/** vn_throttle_chunk: how large the guest's next chunk is best; at most @most. */
guint64 vn_throttle_chunk(const VnThrottle *throttle, const char *uuid, guint64 most);

/** vn_throttle_next_us: before that time no chunk of the guest may begin. */
gint64 vn_throttle_next_us(const VnThrottle *throttle, const char *uuid);

/** vn_throttle_charge: a chunk of the guest moved @bytes, from @begun_us to @ended_us. */
void vn_throttle_charge(VnThrottle *throttle, const char *uuid, guint64 bytes,
                        gint64 begun_us, gint64 ended_us);
