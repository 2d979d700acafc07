/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sampling: looks from time to time which vCPUs of the managed guests access which
 * memory, in windows of a second or so, and keeps what it saw as each guest's heat. How
 * often is the pace's business (policies/pace.h), where it looks the sampler's
 * (kvm/sampler.h).
 *
 * Theory of operation. Lives on the worker thread, which calls vn_sampling_tick() when it
 * has nothing else to do and between the batches of a long run: a tick opens, polls and
 * ends what is due, and never waits but for a call to libvirt, which switches the dirty
 * log on for the length of the window. At most VN_SAMPLING_WINDOWS_MAX windows are open
 * at one time; other guests wait their turn. Which guests there are it learns from
 * snapshots that others make. A guest that somebody migrates, saves or measures is looked
 * at later. What is known of a guest is forgotten when its QEMU ends.
 */
#pragma once

#include "daemon/config.h"
#include "model/dict.h"
#include "model/locality.h"
#include "model/snapshot.h"
#include "virt/connection.h"

#define VN_SAMPLING_WINDOWS_MAX 8u
#define VN_SAMPLING_SECONDS_MAX 60u
/* Of one guest, that wait for their turn. */
#define VN_SAMPLING_REQUESTS_MAX 16u

typedef struct VnSampling VnSampling;

/** vn_sampling_new: @virt: borrowed; must outlive it. */
VnSampling *vn_sampling_new(const VnConfig *config, const char *root, VnConnection *virt);

/** vn_sampling_free: ends all windows; requests are answered with BUSY. */
void vn_sampling_free(VnSampling *sampling);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnSampling, vn_sampling_free)

/** vn_sampling_see: takes over which guests there are now, and what they look like. */
void vn_sampling_see(VnSampling *sampling, VnSnapshot *snapshot);

/**
 * vn_sampling_tick: polls what is due, and opens or ends one window at most: with a
 * libvirt that does not answer each may take seconds, and others wait for the worker.
 *
 * Returns: when it wants to be called again, in monotonic time; 0: at once, there may be
 *   more to do; G_MAXINT64: not before something else happens
 */
gint64 vn_sampling_tick(VnSampling *sampling);

/** vn_sampling_heat: (nullable): of the guest, as long as nothing is ticked or seen. */
const VnHeat *vn_sampling_heat(const VnSampling *sampling, const VnGuest *guest);

/** vn_sampling_is_settled: whether its last two windows showed the same pattern. */
gboolean vn_sampling_is_settled(const VnSampling *sampling, const VnGuest *guest);

/**
 * vn_sampling_placement:
 * @guest: running, of a snapshot with @host
 * @error: GONE, REFUSED, FAILED: where its memory lies cannot be read
 *
 * Returns: (transfer full) (nullable): where what its heat knows lies now; NULL without
 *   @error when it has no heat
 */
VnPlacement *vn_sampling_placement(const VnSampling *sampling, const VnGuest *guest,
                                   const VnHost *host, GError **error) VN_WARN_UNUSED;

/**
 * vn_sampling_promise: the last decision on the guest that was carried out said that its
 * remote cost will be @cost; 0: it said nothing.
 */
void vn_sampling_promise(VnSampling *sampling, const VnGuest *guest, double cost);

/** vn_sampling_promised: what that was; 0: nothing, or not known. */
double vn_sampling_promised(const VnSampling *sampling, const VnGuest *guest);

/**
 * vn_sampling_heatmap: (transfer floating): a{sv}, see data/org.vnumad1.xml, GetHeat.
 * @homes: of VnIdSet, by cell
 * @options: those of the method
 * @error: INVALID: @options; UNSUPPORTED: no window has seen it yet; as for
 *   vn_sampling_placement()
 */
GVariant *vn_sampling_heatmap(const VnSampling *sampling, const VnGuest *guest,
                              const VnHost *host, const GPtrArray *homes,
                              GVariant *options, GError **error) VN_WARN_UNUSED;

/** vn_sampling_describe: adds what `show` says of the sampling of @guest: "sampling". */
void vn_sampling_describe(const VnSampling *sampling, const VnGuest *guest, VnDict *dict);

/**
 * VnSamplingDone:
 * @sample: (nullable): a{sv}, see data/org.vnumad1.xml, Sample; NULL: @error says why
 */
typedef void (*VnSamplingDone)(GVariant *sample, const GError *error, gpointer data);

/**
 * vn_sampling_request: a window besides the usual ones.
 * @options: those of the D-Bus method Sample
 * @done: called once, at the end of the window, unless this fails
 * @error: INVALID: @options; REFUSED: sampling or this source is forbidden; BUSY: too
 *   many wait; GONE: it does not run, or is not managed. What shows later is @done's:
 *   UNSUPPORTED: no such source for this guest; BUSY: it is paused, or somebody measures
 */
gboolean vn_sampling_request(VnSampling *sampling, const VnGuest *guest,
                             GVariant *options, VnSamplingDone done, gpointer data,
                             GError **error) VN_WARN_UNUSED;

/**
 * vn_sampling_request_peer: a window of a guest that is in no snapshot: it is known by
 * its QEMU's QMP socket, and forgotten when the window has ended.
 * @host: (transfer full)
 * @path: as for vn_peer_find()
 * @error: as for vn_sampling_request(), and as of vn_peer_find(); BUSY: it is paused, or
 *   VN_SAMPLING_REQUESTS_MAX other sockets are being sampled
 */
gboolean vn_sampling_request_peer(VnSampling *sampling, VnHost *host, const char *path,
                                  GVariant *options, VnSamplingDone done, gpointer data,
                                  GError **error) VN_WARN_UNUSED;
