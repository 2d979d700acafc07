/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger: a record of every step, written before it is begun and after it ended, so
 * that a daemon that dies leaves behind what it did. A file of one JSON object a line.
 */
#pragma once

#include "model/plan.h"

typedef struct VnLedger VnLedger;

/* A larger file is set aside as ledger.jsonl.1 when the daemon starts. */
#define VN_LEDGER_BYTES_MAX (G_GUINT64_CONSTANT(16) << 20)

/**
 * vn_ledger_open:
 * @folder: made if it is missing, readable by its owner only
 * @error: REFUSED, FAILED: it cannot be written; nothing must be changed then
 *
 * Lines that cannot be read, such as the last of a daemon that was killed while writing,
 * are passed over and counted.
 */
VnLedger *vn_ledger_open(const char *folder, GError **error) VN_WARN_UNUSED;
void vn_ledger_free(VnLedger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnLedger, vn_ledger_free)

guint vn_ledger_unreadable(const VnLedger *ledger);

/**
 * vn_ledger_append:
 * @event: "begin" or "end"
 *
 * The record is on the disk when it returns.
 */
gboolean vn_ledger_append(VnLedger *ledger, const char *event, const VnStep *step,
                          GError **error) VN_WARN_UNUSED;

/**
 * vn_ledger_past_steps:
 *
 * Returns: (transfer floating): aa{sv}, the last steps of this guest, oldest first, at
 * most VN_LEDGER_PAST_MAX: the keys of a plan's step, time_us (t) and event (s).
 */
GVariant *vn_ledger_past_steps(const VnLedger *ledger, const char *uuid);

#define VN_LEDGER_PAST_MAX 20

/**
 * vn_ledger_mark_pins: sets VnVcpu.pin_is_ours where a vCPU is pinned to what our last
 * step pinned it to, and nobody else had pinned it before.
 */
void vn_ledger_mark_pins(const VnLedger *ledger, VnGuest *guest);

/** vn_ledger_was_steered: whether the guest's last step was planned by "steer". */
gboolean vn_ledger_was_steered(const VnLedger *ledger, const VnGuest *guest);
