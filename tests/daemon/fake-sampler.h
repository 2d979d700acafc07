/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sampling needs of the outside, made by the test: the clock, samplers, libvirt's
 * dirty rate, processes, and where pages lie. Linked in the place of kvm/sampler.c,
 * virt/dirty-rate.c, host/process.c, host/pages.c and GLib's clock, and as strict as
 * these: what they do not allow fails the test.
 */
#pragma once

#include "kvm/sampler.h"
#include "model/snapshot.h"
#include "virt/dirty-rate.h"

/* One guest, found by its pid. */
typedef struct {
    int pid;
    guint64 start_ticks;
    gboolean ended;
    gboolean idle;         /* its vCPUs do not run */
    gint64 measured_until; /* by libvirt, for whomever */
    guint64 mb_per_second; /* what libvirt says of vCPU 0 */
    VnWindow *window;      /* that is open */
    guint n_windows;       /* that were begun */
    guint n_measured;      /* dirty rates that we began */
    guint n_polls;
    guint seconds; /* that libvirt was asked for last */
} FakeGuest;

typedef struct {
    gint64 now_us;
    guint sources;           /* that there are: 1 << VnSampleSource, or-ed */
    guint poll_ms;           /* of all windows */
    guint start_fails;       /* 1 << VnSampleSource, or-ed */
    VnErrorCode start_error; /* of these */
    int rate_error;          /* VnErrorCode of each call to libvirt; -1: none */
    gint64 rate_takes_us;
    VnGuest *peer;       /* whom vn_peer_find() finds at "/run/peer", a copy of it */
    guint n_clients;     /* QMP connections that are open */
    gboolean pages_gone; /* where pages lie is not to be had */
    GPtrArray *guests;   /* of FakeGuest */
    guint n_open;
    guint n_most_open;
    guint n_attached;
    guint n_libvirt; /* calls */
} FakeWorld;

extern FakeWorld fake;

/** fake_reset: time is 1000 s; nobody runs; all sources but AutoNUMA's are there. */
void fake_reset(void);

/** fake_guest: the process of @guest, which gets the pid. */
FakeGuest *fake_guest(VnGuest *guest);

/** fake_find: the guest of this pid, which must be there. */
FakeGuest *fake_find(int pid);

/** fake_measure: begins to measure its dirty rate, unless somebody does. */
gboolean fake_measure(FakeGuest *guest, guint seconds, GError **error);

/** fake_end: no window and no connection may be open any more. */
void fake_end(void);
