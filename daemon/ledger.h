/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger: a record of every step, written when it is planned, before it is begun and
 * after it ended, so that a daemon that dies leaves behind what it did. A file of one
 * JSON object a line. Events of a guest, in the order of a plan's life:
 *   plan    a step is planned; all steps of a plan and guest share plan_id
 *   begin   a step is begun: before, after, and where the memory lay (origins)
 *   end     how it ended
 *   close   the guest's part of the plan is over, and what was found then (found)
 *   rest    the plan plan_id is about to be undone: the guest rests from now on
 *   undone  the plan plan_id is undone
 *   wake    the guest rests no longer
 */
#pragma once

#include "daemon/past.h"

typedef struct VnLedger VnLedger;

/* A larger file is set aside as ledger.jsonl.1 when the daemon starts. */
#define VN_LEDGER_BYTES_MAX (G_GUINT64_CONSTANT(16) << 20)

/**
 * vn_ledger_open:
 * @folder: made if it is missing, readable by its owner only
 * @error: REFUSED, FAILED: it cannot be written, or a newer vnumad wrote it; nothing must
 *   be changed then
 *
 * Lines that cannot be read, such as the last of a daemon that was killed while writing,
 * are passed over and counted. A file that has a line of a newer format is left as it is.
 */
VnLedger *vn_ledger_open(const char *folder, GError **error) VN_WARN_UNUSED;
void vn_ledger_free(VnLedger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnLedger, vn_ledger_free)

guint vn_ledger_unreadable(const VnLedger *ledger);

/**
 * vn_ledger_plan: before a plan's first step.
 *
 * Gives all steps a plan_id and their numbers, and records them as planned, in one write.
 */
gboolean vn_ledger_plan(VnLedger *ledger, const VnSnapshot *snapshot, VnPlan *plan,
                        GError **error) VN_WARN_UNUSED;

/**
 * vn_ledger_append:
 * @event: "begin" or "end"
 *
 * The record is on the disk when it returns.
 */
gboolean vn_ledger_append(VnLedger *ledger, const char *event, const VnStep *step,
                          GError **error) VN_WARN_UNUSED;

/** vn_ledger_close: the part of the plan that is for one guest is over. */
gboolean vn_ledger_close(VnLedger *ledger, guint64 plan_id, const char *guest,
                         const char *uuid, const char *found,
                         GError **error) VN_WARN_UNUSED;

/**
 * vn_ledger_rest: the plan is about to be undone; the guest rests until it is started
 * anew or defined otherwise, or vn_ledger_wake().
 */
gboolean vn_ledger_rest(VnLedger *ledger, const VnGuest *guest, guint64 plan_id,
                        GError **error) VN_WARN_UNUSED;

/** vn_ledger_wake: writes nothing when the guest does not rest. */
gboolean vn_ledger_wake(VnLedger *ledger, const VnGuest *guest,
                        GError **error) VN_WARN_UNUSED;

/** vn_ledger_undone: the plan has been undone. */
gboolean vn_ledger_undone(VnLedger *ledger, const VnPast *past,
                          GError **error) VN_WARN_UNUSED;

/** vn_ledger_rests: whether it does, and since when (@ret_time_us, optional). */
gboolean vn_ledger_rests(const VnLedger *ledger, const VnGuest *guest,
                         guint64 *ret_time_us);

/** vn_ledger_pasts: (transfer full): of VnPast: plans known of a guest, oldest first. */
GPtrArray *vn_ledger_pasts(const VnLedger *ledger, const char *uuid);

/** vn_ledger_unfinished: (transfer full): of VnPast: all guests' that are not closed. */
GPtrArray *vn_ledger_unfinished(const VnLedger *ledger);

/**
 * vn_ledger_past_steps:
 *
 * Returns: (transfer floating): aa{sv}, beginnings and ends of the last steps of this
 *   guest, oldest first, at most VN_LEDGER_PAST_MAX: the keys of a plan's step, time_us
 *   (t) and event (s).
 */
GVariant *vn_ledger_past_steps(const VnLedger *ledger, const char *uuid);

#define VN_LEDGER_PAST_MAX 20

/**
 * vn_ledger_mark_pins: sets VnVcpu.pin_is_ours where a vCPU is pinned to what our last
 * step pinned it to, and nobody else had pinned it before. What an undo pinned the
 * emulator to is taken for no pin.
 */
void vn_ledger_mark_pins(const VnLedger *ledger, VnGuest *guest);

/** vn_ledger_was_steered: whether the guest's last step was planned by "steer". */
gboolean vn_ledger_was_steered(const VnLedger *ledger, const VnGuest *guest);
