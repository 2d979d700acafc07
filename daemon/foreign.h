/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose pins are whose: those that somebody else has changed since we made them. */
#pragma once

#include "daemon/ledger.h"

/**
 * vn_foreign_pins:
 * @guest: vn_ledger_mark_pins() was called for it
 * @ret_emulator: whether the emulator's pin is somebody else's
 *
 * Returns: (transfer full): vCPUs that we pinned once, and that are pinned now to what
 *   they were neither before nor after any step of ours: somebody else manages them.
 */
VnIdSet *vn_foreign_pins(const VnLedger *ledger, const VnGuest *guest,
                         gboolean *ret_emulator);
