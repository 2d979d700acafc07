/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnAccesses: the programs of accesses.bpf.c in the kernel: loaded and attached once, for
 * as long as it lives; windows are opened and read through its maps. Private to kvm/.
 * Without libbpf and clang at build time accesses-none.c stands in, and says so.
 */
#pragma once

#include "kvm/slots.h"
#include "model/sample.h"

/* Entries of the kernel's table, of all windows that are open; 80 bytes each there. */
#define VN_ACCESSES_COUNTS_DEFAULT (128u << 10)

typedef enum {
    VN_ACCESSES_WRITES = 1, /* pages that the dirty log takes in */
    VN_ACCESSES_FAULTS = 2, /* second-stage faults */
} VnAccessesKind;

typedef struct VnAccesses VnAccesses;

/**
 * vn_accesses_attach:
 * @counts_max: entries of the kernel's table
 * @error: UNSUPPORTED: not built in, or this kernel has not what is needed; REFUSED: no
 *   right to; FAILED
 */
VnAccesses *vn_accesses_attach(guint counts_max, GError **error) VN_WARN_UNUSED;
void vn_accesses_free(VnAccesses *accesses);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnAccesses, vn_accesses_free)

/**
 * vn_accesses_can:
 * @ret_why: (transfer full): set when it cannot
 */
gboolean vn_accesses_can(const VnAccesses *accesses, VnAccessesKind kind, char **ret_why);

/** vn_accesses_built_in: whether accesses.c is there, and not accesses-none.c. */
gboolean vn_accesses_built_in(void);

/**
 * vn_accesses_missing:
 * @root: "/", or of a recorded machine
 *
 * What can be told without trying: that there is no KVM here, no type information (BTF)
 * of it, or no right to use BPF.
 *
 * Returns: (transfer full) (nullable): the reason, in words; NULL: nothing speaks
 * against.
 */
char *vn_accesses_missing(const char *root);

typedef struct VnAccessesWindow VnAccessesWindow;

/**
 * vn_accesses_open: counts from now on what @guest's vCPUs do.
 * @error: BUSY: a window of this guest is open; or too many vCPUs are watched
 */
VnAccessesWindow *vn_accesses_open(VnAccesses *accesses, const VnGuest *guest,
                                   VnAccessesKind kind, GError **error) VN_WARN_UNUSED;

/**
 * vn_accesses_close:
 * @window: (transfer full)
 * @sample: (nullable): gets the counts, faults, their time, and what was lost
 * @memory: (nullable): the guest's RAM; what is elsewhere is a device's, and left out
 * @slots: (nullable): gets the slots that were seen
 */
gboolean vn_accesses_close(VnAccessesWindow *window, VnSample *sample,
                           const VnSlots *memory, VnSlots *slots, GError **error);
