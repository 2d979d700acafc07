/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a source of VnSampler is made of. Private to kvm/. */
#pragma once

#include "kvm/accesses.h"
#include "kvm/huge.h"
#include "kvm/sampler.h"

/*
 * What a second-stage fault takes of a vCPU where it cannot be measured: leaving the
 * guest, finding and mending the entry, going back; one to two microseconds on processors
 * of the last ten years.
 */
#define VN_SOURCE_FAULT_NS 2000u

typedef struct {
    gboolean (*can)(const VnSampler *sampler, const VnGuest *guest, char **ret_why);

    /* Sets window->state, unless it fails. */
    gboolean (*start)(VnWindow *window, const VnGuest *guest, GError **error);

    void (*poll)(VnWindow *window); /* NULL: need not be */
    guint poll_ms;                  /* at first; later the source sets window->poll_ms */
    gboolean splits; /* it is for when the dirty log is on, which splits huge mappings */

    /* Fills window->sample, and @slots. */
    gboolean (*stop)(VnWindow *window, VnSlots *slots, GError **error);

    /* Frees window->state; called when there is any. */
    void (*release)(VnWindow *window);
} VnSourceOps;

struct VnSampler {
    guint counts_max;
    VnAccesses *accesses; /* NULL: not attached */
    char *not_attached;   /* why attaching failed; NULL: it was not tried */
};

struct VnWindow {
    VnSampler *sampler;
    const VnSourceOps *ops;
    char *name; /* of the guest */
    int pid;
    int pidfd;
    GArray *vcpus;   /* of VnSourceVcpu */
    VnSlots *memory; /* NULL: not known */
    VnHuge *huge;    /* NULL: nothing is split, or it cannot be known */
    guint poll_ms;
    guint64 poll_us; /* what the last poll took */
    VnSample *sample;
    gpointer state; /* the source's */
};

typedef struct {
    guint vcpu;
    int tid;
} VnSourceVcpu;

extern const VnSourceOps vn_source_dirty_log;
extern const VnSourceOps vn_source_dirty_ring;
extern const VnSourceOps vn_source_refault;
extern const VnSourceOps vn_source_numa_faults;

/** vn_source_has_ended: whether the window's process has, even if another has its id. */
gboolean vn_source_has_ended(const VnWindow *window);

/** vn_source_can_watch: whether BPF watches this; for sources that need it. */
gboolean vn_source_can_watch(const VnSampler *sampler, VnAccessesKind kind,
                             char **ret_why);

/** vn_source_watch: as vn_accesses_open(), or why there is no BPF. */
VnAccessesWindow *vn_source_watch(const VnWindow *window, const VnGuest *guest,
                                  VnAccessesKind kind, GError **error) VN_WARN_UNUSED;
