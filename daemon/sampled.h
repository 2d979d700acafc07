/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnSampled: one guest as it is sampled: its heat, the window that is open, and who waits
 * for what it brings. Private to daemon/sampling.c, which says when.
 */
#pragma once

#include "daemon/sampling.h"
#include "kvm/sampler.h"
#include "model/heatmap.h"
#include "policies/pace.h"
#include "qmp/client.h"

/* Somebody who asked for a window. */
typedef struct {
    guint seconds;
    gboolean any; /* no source in particular */
    VnSampleSource source;
    VnSamplingDone done;
    gpointer data;
} VnSampleRequest;

typedef struct {
    VnSnapshot *snapshot; /* that @guest is of */
    const VnGuest *guest;
    gboolean once;    /* for its requests only: no snapshot of others has it */
    VnQmpClient *qmp; /* has the log switched on; NULL: libvirt has, or must */
    VnSlots *ram;
    VnHeat *heat;
    VnHeatHistory *history; /* NULL: not begun, as it is not known what RAM there is */
    VnPace pace;
    char *failed[VN_SAMPLE_SOURCES]; /* why; such a source is not tried again */
    VnSampleSource source;
    char *why;     /* why it is no better source; NULL: no window yet */
    char *trouble; /* why there was no window; NULL: there was one */
    guint64 n_windows;
    GQueue requests; /* of VnSampleRequest; the first is that of the open window */
    gboolean requested;
    gboolean open;
    VnWindow *window; /* NULL, though it is open: libvirt alone measures */
    gint64 start_us;
    gint64 end_us;
    gint64 poll_us; /* G_MAXINT64: it need not be polled */
    gint64 next_us; /* when a window is due, unless one is open */
    guint64 cpu_ns; /* of its vCPUs, when a window was due the last time */
    gint64 cpu_at_us;
    double promised_cost; /* vn_sampling_promise() */
} VnSampled;

/** vn_sampled_new: @snapshot: has @guest, which runs; a reference is taken. */
VnSampled *vn_sampled_new(VnSnapshot *snapshot, const VnGuest *guest,
                          const VnPaceLimits *limits);

/** vn_sampled_free: requests are answered with @why. */
void vn_sampled_free(VnSampled *sampled, const GError *why);

/** vn_sampled_dismiss: answers all requests with @why; the next window is due later. */
void vn_sampled_dismiss(VnSampled *sampled, const GError *why);

/** vn_sampled_is: whether it is this guest, in the same process. */
gboolean vn_sampled_is(const VnSampled *sampled, const VnGuest *guest);

/** vn_sampled_update: @guest is what it looks like now. */
void vn_sampled_update(VnSampled *sampled, VnSnapshot *snapshot, const VnGuest *guest);

/**
 * vn_sampled_open: begins a window: for the first request, or a usual one.
 *
 * When that fails, the request is answered, and the next window is due later.
 */
void vn_sampled_open(VnSampled *sampled, VnSampler *sampler, VnConnection *virt,
                     guint forbidden);

/** vn_sampled_poll: of an open window whose poll_us has come. */
void vn_sampled_poll(VnSampled *sampled);

/** vn_sampled_close: ends the window, takes in what it brought, and answers. */
void vn_sampled_close(VnSampled *sampled, VnConnection *virt);

/** vn_sampled_heatmap: see vn_sampling_heatmap(). */
GVariant *vn_sampled_heatmap(const VnSampled *sampled, const VnGuest *guest,
                             const VnHost *host, const GPtrArray *homes,
                             const VnHeatmapOptions *options,
                             GError **error) VN_WARN_UNUSED;
