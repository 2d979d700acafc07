/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of what we wrote into a definition, in its own metadata: by it our parts are
 * told from the administrator's. Private to define.
 */
#pragma once

#include "guest-topology/define-parts.h"
#include "model/guest.h"

/**
 * vn_record_read:
 * @current: what stands there
 *
 * Returns: of that, the parts that we wrote, and the topology that we wrote whether it
 *   stands there or not; none where there is no record.
 */
VnParts *vn_record_read(const xmlNode *domain, const VnParts *current);

/**
 * vn_record_read_cells: the cells of before and their homes; without cells where there is
 * no record, or it is not of a guest with @n_vcpus.
 */
VnVnuma *vn_record_read_cells(const xmlNode *domain, guint n_vcpus);

/** vn_record_mark_pins: sets VnVcpu.pin_is_ours by the record. */
void vn_record_mark_pins(const xmlNode *domain, VnGuest *guest);

/**
 * vn_record_write:
 * @vnuma: its cells are recorded for people, with their homes
 * @ours: the parts that are ours now
 *
 * Returns: FALSE when the record said so already, and was left as it is.
 */
gboolean vn_record_write(xmlNode *domain, const VnVnuma *vnuma, const VnParts *ours);
