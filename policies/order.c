/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Moves in the order in which they find room. */
#include "policies/order.h"

typedef struct {
    const VnSnapshot *snapshot;
    GHashTable *guests; /* of VnGuest, by UUID */
    GHashTable *room;   /* of gint64 by host node index, by page size; 0: base pages */
} Rooms;

static gint64
free_bytes(const VnHostNode *node, guint64 page_size_bytes)
{
    if (!page_size_bytes)
        return (gint64) node->free_bytes;
    for (guint i = 0; i < node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        if (pages->size_bytes == page_size_bytes)
            return (gint64) (pages->free * page_size_bytes);
    }
    return 0;
}

static gint64 *
rooms_of(const Rooms *rooms, guint64 page_size_bytes)
{
    const GPtrArray *nodes = rooms->snapshot->host->nodes;
    gint64 *room = g_hash_table_lookup(rooms->room, &page_size_bytes);
    if (room)
        return room;
    room = g_new(gint64, nodes->len);
    for (guint i = 0; i < nodes->len; i++)
        room[i] = free_bytes(nodes->pdata[i], page_size_bytes);
    g_hash_table_insert(rooms->room, g_memdup2(&page_size_bytes, sizeof(guint64)), room);
    return room;
}

/* What the step would add to the node; less than 0: what it would take away. */
static gint64
change(const VnStep *step, const VnCell *cell, guint id)
{
    if (vn_idset_contains(step->after, id))
        return (gint64) (step->bytes / MAX(vn_idset_count(step->after), 1));
    if (step->parts_only || !vn_idset_contains(step->before, id) ||
        id >= cell->resident_bytes->len)
        return 0;
    return -(gint64) g_array_index(cell->resident_bytes, guint64, id);
}

/* Takes the step's room, if there is. */
static gboolean
take(const Rooms *rooms, const VnStep *step)
{
    const VnGuest *guest = g_hash_table_lookup(rooms->guests, step->uuid);
    const VnCell *cell = guest->cells->pdata[step->target];
    const GPtrArray *nodes = rooms->snapshot->host->nodes;
    gint64 *room = rooms_of(rooms, cell->page_size_bytes);
    for (guint i = 0; i < nodes->len; i++) {
        if (change(step, cell, ((const VnHostNode *) nodes->pdata[i])->id) >
            MAX(room[i], 0))
            return FALSE;
    }
    for (guint i = 0; i < nodes->len; i++)
        room[i] -= change(step, cell, ((const VnHostNode *) nodes->pdata[i])->id);
    return TRUE;
}

guint
vn_order_moves(const VnSnapshot *snapshot, VnPlan *plan)
{
    g_autoptr(GHashTable) room =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    g_autoptr(GHashTable) guests = g_hash_table_new(g_str_hash, g_str_equal);
    const Rooms rooms = {.snapshot = snapshot, .guests = guests, .room = room};
    g_autoptr(GPtrArray) steps = g_ptr_array_new();
    g_autoptr(GPtrArray) waiting = g_ptr_array_new();
    for (guint i = 0; i < snapshot->guests->len; i++) {
        VnGuest *guest = snapshot->guests->pdata[i];
        g_hash_table_insert(guests, guest->uuid, guest);
    }
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        g_ptr_array_add(step->kind == VN_STEP_MOVE_MEMORY ? waiting : steps, step);
    }
    for (guint n = 0; n != waiting->len;) {
        n = waiting->len;
        for (guint i = 0; i < waiting->len;) {
            if (take(&rooms, waiting->pdata[i]))
                g_ptr_array_add(steps, g_ptr_array_remove_index(waiting, i));
            else
                i++;
        }
    }
    for (guint i = 0; i < waiting->len; i++)
        g_ptr_array_add(steps, waiting->pdata[i]);
    for (guint i = 0; i < steps->len; i++)
        plan->steps->pdata[i] = steps->pdata[i];
    return waiting->len;
}
