/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's process of a guest: which one it is, its threads, and where the kernel lets it
 * run and put its pages. It reads procfs below a root directory and changes nothing.
 */
#pragma once

#include "model/guest.h"

/* More threads or processes than this are refused: the kernel's PID_MAX_LIMIT. */
#define VN_PROCESS_TASKS_MAX (4u << 20)

/*
 * A process id alone may be somebody else's a moment later; with its start time it is
 * not.
 */
typedef struct {
    int pid;
    guint64 start_ticks; /* clock ticks after boot */
} VnProcess;

/**
 * vn_process_find:
 * @root: as for vn_topology_read()
 * @name: of the guest; names that cannot be a file's are looked for by @uuid only
 * @uuid: of the guest
 * @ret_process: untouched on failure
 * @error: GONE when no process runs this guest; INVALID when @uuid is not one; REFUSED,
 *   FAILED when processes cannot be read
 *
 * Looks at <root>/run/libvirt/qemu/NAME.pid, and believes it when that process was
 * started with "-uuid UUID". Otherwise at all processes whose program is called like
 * QEMU; the one that started first counts, for a forked helper has the same command line
 * until it starts its program. Any user can start a process that looks so: it is the
 * fallback only.
 */
gboolean vn_process_find(const char *root, const char *name, const char *uuid,
                         VnProcess *ret_process, GError **error) VN_WARN_UNUSED;

/**
 * vn_process_read:
 * @ret_process: the process that has this id now; untouched on failure
 * @error: GONE when there is none, or a dead one that nobody has waited for; INVALID
 *
 * Source of the format: /proc/PID/stat in proc(5).
 */
gboolean vn_process_read(const char *root, int pid, VnProcess *ret_process,
                         GError **error) VN_WARN_UNUSED;

/**
 * vn_process_check: whether @process still runs.
 * @error: GONE when it has ended, or its id is another's now
 */
gboolean vn_process_check(const char *root, const VnProcess *process,
                          GError **error) VN_WARN_UNUSED;

/**
 * vn_process_is_qemu: whether the program of a process is called like QEMU.
 * @error: REFUSED: it is not, or nobody may know
 */
gboolean vn_process_is_qemu(const char *root, int pid, GError **error) VN_WARN_UNUSED;

/**
 * vn_process_fill_threads:
 * @guest: with its pid and vCPUs
 * @error: GONE when the process does not exist or ends meanwhile; @guest's threads are
 *   then those found so far
 *
 * Fills the vCPUs' tid and affinity from threads called "CPU N/KVM" (or "CPU N/TCG"), and
 * VnGuest.threads with the others: "IO ..." are I/O threads, "vhost-..." vhost workers,
 * the rest the emulator's. Before Linux 6.4 vhost workers are kernel threads, found in
 * the control group of the main thread. Replaces what was there before. A thread that
 * ends meanwhile is left out; one of a vCPU that the guest's definition does not have is
 * noted.
 */
gboolean vn_process_fill_threads(const char *root, VnGuest *guest,
                                 GError **error) VN_WARN_UNUSED;

/**
 * vn_process_read_affinities:
 * @guest: with its pid and its vCPUs' tids, as somebody else has told them
 * @error: GONE when one of these is no thread of the process
 *
 * Fills in the vCPUs' affinity.
 */
gboolean vn_process_read_affinities(const char *root, VnGuest *guest,
                                    GError **error) VN_WARN_UNUSED;

/**
 * vn_process_allowed_nodes:
 * @error: GONE when the process does not exist; UNSUPPORTED when the kernel does not say;
 *   INVALID
 *
 * Returns: (transfer full): the host nodes on which the process may have pages at all
 *   (cpuset.mems): Mems_allowed_list in /proc/PID/status, proc(5).
 */
VnIdSet *vn_process_allowed_nodes(const char *root, int pid,
                                  GError **error) VN_WARN_UNUSED;

/**
 * vn_process_vcpu_time:
 * @guest: with its pid and its vCPUs' tids (vn_process_fill_threads())
 * @ret_ns: CPU time of all its vCPUs together since they began, in ns; untouched on
 *   failure
 * @error: GONE when one of the threads is no more, or none is known; INVALID
 *
 * Time in the guest counts. From /proc/PID/task/TID/schedstat (first field, ns;
 * Documentation/scheduler/sched-stats.rst), or where the kernel has none, utime + stime
 * in .../stat, in clock ticks.
 */
gboolean vn_process_vcpu_time(const char *root, const VnGuest *guest, guint64 *ret_ns,
                              GError **error) VN_WARN_UNUSED;
