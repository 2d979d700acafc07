/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnPromises: the reservations that there are, and their file, so that a restart keeps
 * them. The arithmetic is model/reservation.h's.
 */
#pragma once

#include "model/reservation.h"

typedef struct VnPromises VnPromises;

/**
 * vn_promises_open:
 *
 * A file that cannot be read is told in the log, and there are none then: they would be
 * over within minutes.
 */
VnPromises *vn_promises_open(const char *folder);
void vn_promises_free(VnPromises *promises);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnPromises, vn_promises_free)

/** vn_promises_make: to @guest, by its definition: vn_reservations_promise(). */
void vn_promises_make(VnPromises *promises, const VnGuest *guest, const VnHost *host);

/** vn_promises_forget: the guest is no longer defined. */
void vn_promises_forget(VnPromises *promises, const char *uuid);

/** vn_promises_apply: drops what is over, and takes the rest from the host's room. */
void vn_promises_apply(VnPromises *promises, VnSnapshot *snapshot);

/** vn_promises_list: (transfer none): of VnReservation. */
const GPtrArray *vn_promises_list(const VnPromises *promises);
