/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnSampler: looks for a while (a window) which vCPU of a guest accesses which memory.
 * Where it looks is one of the sources of model/sample.h; which of them there is for a
 * guest can be asked without side effects. It changes nothing but what is said below, and
 * switches no dirty log on: that is libvirt's business (virt/dirty-rate.h).
 *
 * One thread at a time. One window a guest for each source but the first and third, which
 * have one together. Thread ids are those of the host's first process namespace.
 */
#pragma once

#include "kvm/slots.h"
#include "model/sample.h"

typedef struct VnSampler VnSampler;

/**
 * vn_sampler_new:
 * @counts_max: entries of the kernel's table for BPF, about 80 bytes each; 0: a default
 *   (10 MiB)
 */
VnSampler *vn_sampler_new(guint counts_max);

/** vn_sampler_free: detaches. All windows must be closed. */
void vn_sampler_free(VnSampler *sampler);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnSampler, vn_sampler_free)

/**
 * vn_sampler_attach:
 * @error: UNSUPPORTED: not built in, or the kernel cannot; REFUSED: no right to; FAILED
 *
 * Puts the BPF programs of the dirty log and of refaults into the kernel, for as long as
 * the sampler lives: attaching stops all CPUs for a moment, so it is done once. Does
 * nothing when they are there. Without, the other sources work.
 */
gboolean vn_sampler_attach(VnSampler *sampler, GError **error);

/**
 * vn_sampler_can:
 * @guest: that runs, with pid and vCPUs' thread ids
 * @ret_why: (transfer full): set when it cannot: the reason, in words
 *
 * Whether @source is to be had for this guest now. Disturbs nobody.
 */
gboolean vn_sampler_can(const VnSampler *sampler, const VnGuest *guest,
                        VnSampleSource source, char **ret_why);

/**
 * vn_sampler_choose:
 * @forbidden: what the administrator does not want: 1 << VnSampleSource, or-ed
 * @failed: (nullable) (array length=VN_SAMPLE_SOURCES): by source: NULL, or why it failed
 *   when it was tried, so that it is not to be tried again
 * @ret_source: the best that there is; VN_SAMPLE_DIRTY_RATE, which libvirt measures,
 *   where there is nothing else; untouched when all is forbidden or missing
 * @ret_why: (transfer full): why it is none of the better ones, for people: "dirty-log:
 *   ...; dirty-ring: ..."; empty when it is the first
 *
 * Returns: FALSE when there is none.
 */
gboolean vn_sampler_choose(const VnSampler *sampler, const VnGuest *guest,
                           guint forbidden, char *const *failed,
                           VnSampleSource *ret_source, char **ret_why);

typedef struct VnWindow VnWindow;

/**
 * vn_window_start:
 * @guest: that runs, with its pid (checked by the caller: host/process.h) and vCPUs'
 *   thread ids
 * @memory: (nullable): the guest's RAM, as guest-topology/memory_layout.h has it: what is
 *   not RAM is then left out. The dirty ring needs it, to know where slots lie
 * @error: GONE: it ended; BUSY: a window of it is open; UNSUPPORTED, REFUSED, as
 *   vn_sampler_can() would say; FAILED
 *
 * By source:
 * VN_SAMPLE_DIRTY_LOG_BPF: counts pages while somebody has the dirty log switched on.
 * VN_SAMPLE_DIRTY_RING: likewise, where the guest has dirty rings.
 * VN_SAMPLE_REFAULT: has the kernel drop the guest's second-stage mappings, by writing 4
 *   to /proc/PID/clear_refs; each is made again at its next access. This also begins a
 *   new round for whoever tracks soft-dirty pages of QEMU.
 * VN_SAMPLE_NUMA_FAULTS: nothing to start: AutoNUMA's counters are read at the end.
 * VN_SAMPLE_DIRTY_RATE is libvirt's, and UNSUPPORTED here.
 */
VnWindow *vn_window_start(VnSampler *sampler, const VnGuest *guest, const VnSlots *memory,
                          VnSampleSource source, GError **error) VN_WARN_UNUSED;

/**
 * vn_window_poll_ms:
 *
 * Returns: after how many ms vn_window_poll() is to be called; 0: not at all. It changes
 *   from poll to poll. What is late is counted as lost.
 */
guint vn_window_poll_ms(const VnWindow *window);
void vn_window_poll(VnWindow *window);

/**
 * vn_window_stop:
 * @window: (transfer full): ends it in any case
 * @ret_slots: (transfer full) (nullable): KVM's slots that were learnt, with their ids;
 *   where a source tells nothing of them, empty
 * @error: GONE: the guest ended meanwhile; FAILED
 *
 * Returns: (transfer full): sealed
 */
VnSample *vn_window_stop(VnWindow *window, VnSlots **ret_slots,
                         GError **error) VN_WARN_UNUSED;

/** vn_window_free: ends it; what was counted is thrown away. */
void vn_window_free(VnWindow *window);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnWindow, vn_window_free)
