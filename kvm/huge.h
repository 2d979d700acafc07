/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnHuge: how many of KVM's huge mappings of a guest are split while its dirty log is on.
 *
 * Logging wants to know of each 4 KiB page, so KVM takes huge second-stage mappings apart
 * when it begins (by itself since Linux 5.18, before that as vCPUs write), and drops what
 * it can join when it ends (kvm_mmu_zap_collapsible_sptes()): the next access maps the
 * granule whole again. QEMU's own page tables, and so its huge pages, stay as they are:
 * neither logging nor clearing soft-dirty bits splits them. There is nothing left for us
 * to collapse; tests/lab/test-sampling.sh watches that this is so.
 */
#pragma once

#include "model/error.h"

/* Where KVM has its counters, if debugfs is mounted: "PID-DESCRIPTOR/pages_2m". */
#define VN_HUGE_FOLDER "/sys/kernel/debug/kvm"

typedef struct VnHuge VnHuge;

/**
 * vn_huge_new:
 * @folder: VN_HUGE_FOLDER, or of a test
 * @pid: of QEMU, which has one virtual machine
 *
 * Returns: (transfer full) (nullable): NULL where it cannot be known
 */
VnHuge *vn_huge_new(const char *folder, int pid);
void vn_huge_free(VnHuge *huge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnHuge, vn_huge_free)

/** vn_huge_look: reads the counters again; what cannot be read any more tells nothing. */
void vn_huge_look(VnHuge *huge);

/**
 * vn_huge_splits:
 *
 * Returns: by how much the mappings of 2 MiB and of 1 GiB were fewer, at the worst look,
 *   than at the first. Those that the kernel drops meanwhile for other reasons (pages are
 *   moved) count, too; those that come anew meanwhile hide as many.
 */
guint64 vn_huge_splits(const VnHuge *huge);
