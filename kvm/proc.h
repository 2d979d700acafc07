/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the samplers read of /proc: files of the running machine, small and with a limit,
 * and what stands in three of them. A window is of a live process: there is no root.
 */
#pragma once

#include "model/error.h"

/* Host nodes of one thread's counters: the kernel's largest (CONFIG_NODES_SHIFT 10). */
#define VN_PROC_NODES_MAX 1024u

/* Of a vCPU in KVM: a local APIC's, in which numbers may be left out. */
#define VN_PROC_KVM_ID_MAX 65535u

typedef struct {
    guint host_node;
    guint64 faults; /* private and shared, as the kernel's scan has decayed them */
} VnNumaFaults;

/**
 * vn_proc_read:
 * @limit_bytes: a file with more is refused
 * @error: GONE: no such file or process; INVALID: larger than the limit; REFUSED, FAILED
 */
char *vn_proc_read(const char *path, gsize limit_bytes, GError **error) VN_WARN_UNUSED;

/**
 * vn_proc_parse_numa_faults:
 * @text: of /proc/PID/task/TID/sched; lines that are not "numa_faults node=" are passed
 *   over
 * @error: INVALID, when such a line is malformed, a node is above VN_ID_MAX or there are
 *   more than VN_PROC_NODES_MAX of them
 *
 * Source of the format: print_numa_stats() in kernel/sched/debug.c.
 *
 * Returns: (transfer full): of VnNumaFaults, as they stand; empty where AutoNUMA has not
 *   looked at the thread.
 */
GArray *vn_proc_parse_numa_faults(const char *text, GError **error) VN_WARN_UNUSED;

/**
 * vn_proc_parse_huge_share:
 * @text: of /proc/PID/smaps_rollup; lines that are not known are passed over
 *
 * Returns: resident bytes that are mapped by huge pages / all resident bytes, 0 to 1; 0
 *   when it does not say.
 */
double vn_proc_parse_huge_share(const char *text);

/**
 * vn_proc_parse_vcpu_link:
 * @target: of a link in /proc/PID/fd
 * @ret_kvm_id: the vCPU's id in KVM; untouched when it is not one
 *
 * Returns: whether it is a vCPU's descriptor, "anon_inode:kvm-vcpu:N".
 *
 * Source of the format: create_vcpu_fd() in virt/kvm/kvm_main.c.
 */
gboolean vn_proc_parse_vcpu_link(const char *target, guint *ret_kvm_id);
