/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The trace: what the host was like each time that it was decided, a scenario a line, for
 * `vnumactl simulate --trace`. Bounded: a file that is full is kept as PATH.old.
 */
#pragma once

#include "model/plan.h"

#define VN_TRACE_BYTES_MAX (G_GUINT64_CONSTANT(64) << 20)

/**
 * vn_trace_append:
 * @plan: what was decided for @snapshot: its homes are where guests are
 * @bytes_max: a file that is larger is put aside before; see VN_TRACE_BYTES_MAX
 * @error: naming the file
 */
gboolean vn_trace_append(const char *path, guint64 bytes_max, const VnSnapshot *snapshot,
                         const VnPlan *plan, GError **error) VN_WARN_UNUSED;
