/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What verify found, as a table: the same for show. */
#pragma once

#include "cli/table.h"

/** vn_findings_table: an empty one. @with_guest: has a column for the guest. */
VnTable *vn_findings_table(gboolean with_guest);

/**
 * vn_findings_add:
 * @guest: a{sv} with "findings"
 * @with_guest: as for the table
 *
 * Adds two rows a finding, the second one says what to do.
 */
void vn_findings_add(VnTable *table, GVariant *guest, gboolean with_guest);

/** vn_findings_are_bad: @guest has a finding that is more than information. */
gboolean vn_findings_are_bad(GVariant *guest);
