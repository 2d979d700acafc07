/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts cut into granules; a bit per granule tells which had their turn already. */
#include "host/move-order.h"

struct VnMoveOrder {
    VnMovePart range;
    guint64 granule_bytes;
    GArray *first; /* of VnMovePart, none across granules, each of whole pages */
    guint n_given; /* of @first */
    guint64 next;  /* address: where the rest goes on; the range's end: no rest */
    guint8 *taken; /* a bit by granule: whether it is in @first; NULL: no rest */
    guint64 bytes;
};

static guint64
granule_of(const VnMoveOrder *order, guint64 address)
{
    return address - address % order->granule_bytes;
}

static guint64
number_of(const VnMoveOrder *order, guint64 granule)
{
    return (granule - granule_of(order, order->range.start)) / order->granule_bytes;
}

static gboolean
is_taken(const VnMoveOrder *order, guint64 granule)
{
    guint64 i = number_of(order, granule);
    return order->taken && (order->taken[i / 8] >> (i % 8)) & 1;
}

/* The part of @part that lies in the granule. */
static VnMovePart
cut(const VnMoveOrder *order, const VnMovePart *part, guint64 granule)
{
    return (VnMovePart){MAX(part->start, granule),
                        MIN(part->end, granule + order->granule_bytes)};
}

static void
add_first(VnMoveOrder *order, const VnMovePart *wanted, guint64 page_size_bytes)
{
    VnMovePart part = {
        MAX(wanted->start - wanted->start % page_size_bytes, order->range.start),
        MIN(wanted->end, order->range.end)};
    if (part.end % page_size_bytes)
        part.end += page_size_bytes - part.end % page_size_bytes;
    if (part.start >= part.end)
        return;
    for (guint64 granule = granule_of(order, part.start); granule < part.end;
         granule += order->granule_bytes) {
        if (is_taken(order, granule))
            continue;
        guint64 i = number_of(order, granule);
        if (order->taken)
            order->taken[i / 8] |= (guint8) (1u << (i % 8));
        VnMovePart piece = cut(order, order->taken ? &order->range : &part, granule);
        g_array_append_val(order->first, piece);
        order->bytes += piece.end - piece.start;
    }
}

/* Passes over what was among the first. */
static void
pass_over(VnMoveOrder *order)
{
    while (order->next < order->range.end &&
           is_taken(order, granule_of(order, order->next)))
        order->next = granule_of(order, order->next) + order->granule_bytes;
}

VnMoveOrder *
vn_move_order_new(const VnMovePart *range, guint64 granule_bytes, guint64 page_size_bytes,
                  const GArray *first, gboolean only)
{
    VnMoveOrder *order = g_new0(VnMoveOrder, 1);
    order->range = *range;
    order->granule_bytes = granule_bytes;
    order->first = g_array_new(FALSE, FALSE, sizeof(VnMovePart));
    order->next = only ? range->end : range->start;
    guint64 granules = (range->end - granule_of(order, range->start)) / granule_bytes + 1;
    if (!only && first)
        order->taken = g_malloc0(granules / 8 + 1);
    for (guint i = 0; first && i < first->len; i++)
        add_first(order, &g_array_index(first, VnMovePart, i), page_size_bytes);
    if (!only)
        order->bytes = range->end - range->start;
    if (order->first->len == 0)
        pass_over(order);
    return order;
}

void
vn_move_order_free(VnMoveOrder *order)
{
    if (!order)
        return;
    g_array_unref(order->first);
    g_free(order->taken);
    g_free(order);
}

guint64
vn_move_order_bytes(const VnMoveOrder *order)
{
    return order->bytes;
}

gboolean
vn_move_order_is_over(const VnMoveOrder *order)
{
    return order->n_given == order->first->len && order->next >= order->range.end;
}

gboolean
vn_move_order_next(VnMoveOrder *order, VnMovePart *ret_part)
{
    if (vn_move_order_is_over(order))
        return FALSE;
    if (order->n_given < order->first->len) {
        *ret_part = g_array_index(order->first, VnMovePart, order->n_given++);
        if (order->n_given == order->first->len)
            pass_over(order);
        return TRUE;
    }
    *ret_part = cut(order, &order->range, granule_of(order, order->next));
    order->next = ret_part->end;
    pass_over(order);
    return TRUE;
}
