/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the memory lies that a step is about to move, granule by granule: what undo
 * brings back. Kept small enough for a record of the ledger.
 */
#pragma once

#include "host/move.h"
#include "model/plan.h"

/* Pieces of one step; where there would be more, neighbours become one. */
#define VN_ORIGINS_MAX 4096u

/* Pages of one step that the kernel is asked about at most; of larger cells every second
 * granule, every fourth, and so on. */
#define VN_ORIGINS_PAGES_MAX (256u << 10)

/**
 * vn_origins_read:
 * @step: moves memory of @guest
 * @func: (nullable): instead of move_pages(2)
 *
 * Asks for a page of each granule, or of each of the step's parts where only these move.
 * What is on the nodes where it is to be already is left out.
 *
 * Returns: (transfer full) (nullable): of VnStepOrigin, ascending, VN_ORIGINS_MAX at
 *   most; NULL: the kernel did not tell
 */
GArray *vn_origins_read(const VnGuest *guest, const VnStep *step, VnMovePagesFunc func,
                        gpointer data);

/** vn_origins_shorten: pure: joins until there are @max of them at most. */
void vn_origins_shorten(GArray *origins, guint max);

/** vn_origins_format: "0+2048@1 2048+512@0": KiB from, KiB of, host node. */
char *vn_origins_format(const GArray *origins);

/** vn_origins_parse: (nullable): NULL when @text is not of this form, or too much. */
GArray *vn_origins_parse(const char *text);
