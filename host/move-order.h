/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order in which a mover (host/move.h) goes through its range: granule by granule,
 * those first that its caller wants first, each once.
 */
#pragma once

#include <glib.h>

/* Part of a range: host-virtual addresses [start, end). */
typedef struct {
    guint64 start;
    guint64 end;
} VnMovePart;

typedef struct VnMoveOrder VnMoveOrder;

/**
 * vn_move_order_new:
 * @range: not empty
 * @granule_bytes: granules begin at multiples of this
 * @page_size_bytes: @range is of whole pages; parts are widened to whole pages
 * @first: (nullable): of VnMovePart, in the order that is wanted; what does not lie in
 *   @range is left out. Copied.
 * @only: nothing but @first; else the granules that these touch come first, whole, and
 *   then the rest of the range, ascending
 */
VnMoveOrder *vn_move_order_new(const VnMovePart *range, guint64 granule_bytes,
                               guint64 page_size_bytes, const GArray *first,
                               gboolean only);
void vn_move_order_free(VnMoveOrder *order);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnMoveOrder, vn_move_order_free)

/** vn_move_order_bytes: of all that it gives, from the beginning. */
guint64 vn_move_order_bytes(const VnMoveOrder *order);

gboolean vn_move_order_is_over(const VnMoveOrder *order);

/**
 * vn_move_order_next: what is next: a granule, or the part of one.
 *
 * Returns: FALSE when there is nothing more
 */
gboolean vn_move_order_next(VnMoveOrder *order, VnMovePart *ret_part);
