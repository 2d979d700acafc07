/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnHeatHistory: what the time axis of a heat map needs: of each of the last windows how
 * much of each bin of memory was accessed, and from which host node most. VnHeat knows
 * more of an access, but not when it was. Not for two threads at once.
 *
 * Memory: of a bin and window 6 bytes; at most VN_HEAT_HISTORY_BYTES_MAX whatever the
 * guest's size: 128 windows of 256 bins are 192 KiB. With more bins it has fewer windows.
 */
#pragma once

#include "model/heat-bins.h"

#define VN_HEAT_HISTORY_WINDOWS 128u
#define VN_HEAT_HISTORY_BINS 256u
#define VN_HEAT_HISTORY_BYTES_MAX (256u << 10)

typedef struct VnHeatHistory VnHeatHistory;

typedef struct {
    gint64 end_us; /* monotonic time */
    gint64 duration_us;
    const float *pages;  /* by bin: 4 KiB pages seen accessed */
    const gint16 *nodes; /* by bin: that most of it came from; -1: none, or not known */
} VnHeatWindow;

/**
 * vn_heat_history_new:
 * @bins: of VnHeatBin, best VN_HEAT_HISTORY_BINS of them: vn_heat_bins_new(). What is
 *   accessed elsewhere is left out: a guest that gets more memory needs another history.
 */
VnHeatHistory *vn_heat_history_new(const GArray *bins);
void vn_heat_history_free(VnHeatHistory *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnHeatHistory, vn_heat_history_free)

/**
 * vn_heat_history_add: the next window; the oldest gives way to it. A sample without
 * addresses is none.
 * @sample: sealed
 * @vcpu_nodes: the host node by vCPU during the window; -1: on several, or not known
 */
void vn_heat_history_add(VnHeatHistory *history, const VnSample *sample,
                         const int *vcpu_nodes, guint n_vcpus);

/** vn_heat_history_bins: (transfer none): of VnHeatBin. */
const GArray *vn_heat_history_bins(const VnHeatHistory *history);

guint vn_heat_history_n_windows(const VnHeatHistory *history);

/** vn_heat_history_window: @i: 0 is the oldest. Valid until the next is added. */
VnHeatWindow vn_heat_history_window(const VnHeatHistory *history, guint i);

/** vn_heat_history_bytes: what it has allocated. */
gsize vn_heat_history_bytes(const VnHeatHistory *history);
