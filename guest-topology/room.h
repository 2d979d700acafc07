/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a guest fits onto the host nodes that its definition binds it to: as it runs,
 * and at its next start. The half of the truth guard that is not about the tables.
 */
#pragma once

#include "guest-topology/finding.h"

/** vn_room_verify_running: bound nodes that are missing, strict binding without room. */
void vn_room_verify_running(const VnHost *host, const VnGuest *guest, VnVerdict *verdict);

/**
 * vn_room_verify_start:
 * @guest: as it runs, or not: what it uses now is free then
 * @stored: its persistent definition
 *
 * Host nodes and CPUs that do not exist, memory that does not fit, in all or at the
 * moment, and cells that QEMU refuses. Memory that is not bound, or only by preference,
 * fits anywhere, as the kernel can swap; but not huge pages.
 */
void vn_room_verify_start(const VnHost *host, const VnGuest *guest, const VnGuest *stored,
                          VnVerdict *verdict);
