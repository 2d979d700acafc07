/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Promised memory: what is still to come, and who else must not count on it. */
#include "model/reservation.h"

#include "model/dict.h"
#include "model/text.h"

#include <string.h>

/* Promises that a message names. */
#define TOLD_MAX 4u

static void
reservation_free(gpointer data)
{
    VnReservation *reservation = data;
    g_free(reservation->uuid);
    g_free(reservation->guest);
    g_array_unref(reservation->bytes);
    g_free(reservation);
}

GPtrArray *
vn_reservations_new(void)
{
    return g_ptr_array_new_with_free_func(reservation_free);
}

static VnReservation *
reservation_new(const char *uuid, const char *guest, guint64 page_size_bytes,
                gint64 until_us)
{
    VnReservation *reservation = g_new0(VnReservation, 1);
    reservation->uuid = g_strdup(uuid);
    reservation->guest = g_strdup(guest);
    reservation->page_size_bytes = page_size_bytes;
    reservation->until_us = until_us;
    reservation->bytes = g_array_new(FALSE, TRUE, sizeof(guint64));
    return reservation;
}

static const VnReservation *
at(const GPtrArray *list, guint i)
{
    return list->pdata[i];
}

static gboolean
is_of(const VnReservation *reservation, const char *uuid)
{
    return strcmp(reservation->uuid, uuid) == 0;
}

static guint64
bytes_on(const GArray *bytes, guint node)
{
    return node < bytes->len ? g_array_index(bytes, guint64, node) : 0;
}

static void
add_bytes(GArray *bytes, guint node, guint64 more)
{
    if (node >= bytes->len)
        g_array_set_size(bytes, node + 1);
    guint64 *sum = &g_array_index(bytes, guint64, node);
    *sum = more > G_MAXUINT64 - *sum ? G_MAXUINT64 : *sum + more;
}

static guint64
pool_of(const VnCell *cell, guint64 base_bytes)
{
    return cell->page_size_bytes > base_bytes ? cell->page_size_bytes : 0;
}

static VnReservation *
find(const GPtrArray *list, const char *uuid, guint64 page_size_bytes)
{
    for (guint i = 0; i < list->len; i++) {
        if (is_of(at(list, i), uuid) && at(list, i)->page_size_bytes == page_size_bytes)
            return list->pdata[i];
    }
    return NULL;
}

void
vn_reservations_promise(GPtrArray *list, const VnGuest *guest, guint64 base_bytes,
                        gint64 now_us)
{
    vn_reservations_forget(list, guest->uuid);
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        guint n_nodes = cell->bound ? vn_idset_count(cell->bound) : 0;
        guint64 pool = pool_of(cell, base_bytes);
        VnReservation *reservation = find(list, guest->uuid, pool);
        if (n_nodes == 0 || (!reservation && list->len >= VN_RESERVATIONS_MAX))
            continue;
        if (!reservation) {
            reservation =
                reservation_new(guest->uuid, guest->name, pool,
                                now_us + VN_RESERVATION_SECONDS * G_USEC_PER_SEC);
            g_ptr_array_add(list, reservation);
        }
        VN_IDSET_FOREACH (cell->bound, node)
            add_bytes(reservation->bytes, (guint) node, cell->memory_bytes / n_nodes);
    }
}

gboolean
vn_reservations_forget(GPtrArray *list, const char *uuid)
{
    guint n_before = list->len;
    for (guint i = list->len; i-- > 0;) {
        if (is_of(at(list, i), uuid))
            g_ptr_array_remove_index(list, i);
    }
    return list->len < n_before;
}

/* What the guest has of that kind of memory; @node: -1: anywhere. */
static guint64
resident(const VnReservation *reservation, const VnSnapshot *snapshot, int node)
{
    const VnGuest *guest = vn_snapshot_find(snapshot, reservation->uuid);
    guint64 bytes = 0;
    for (guint i = 0; guest && i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        if (pool_of(cell, snapshot->host->page_size_bytes) !=
            reservation->page_size_bytes)
            continue;
        bytes += node < 0 ? vn_cell_resident(cell)
                          : bytes_on(cell->resident_bytes, (guint) node);
    }
    return bytes;
}

/* What is still to come on that node: no more than what is still to come at all. */
static guint64
outstanding(const VnReservation *reservation, const VnSnapshot *snapshot, guint node)
{
    guint64 promised = bytes_on(reservation->bytes, node);
    guint64 there = resident(reservation, snapshot, (int) node);
    guint64 all = 0;
    for (guint i = 0; i < reservation->bytes->len; i++)
        all += bytes_on(reservation->bytes, i);
    guint64 everywhere = resident(reservation, snapshot, -1);
    return MIN(promised - MIN(there, promised), all - MIN(everywhere, all));
}

static gboolean
is_over(const VnReservation *reservation, const VnSnapshot *snapshot, gint64 now_us)
{
    gint64 longest_us = VN_RESERVATION_SECONDS * G_USEC_PER_SEC;
    /* A clock that was put back must not make a promise eternal. */
    if (now_us >= reservation->until_us || reservation->until_us - now_us > longest_us ||
        !vn_snapshot_find(snapshot, reservation->uuid))
        return TRUE;
    for (guint i = 0; i < reservation->bytes->len; i++) {
        if (outstanding(reservation, snapshot, i) > 0)
            return FALSE;
    }
    return TRUE;
}

gboolean
vn_reservations_expire(GPtrArray *list, const VnSnapshot *snapshot, gint64 now_us)
{
    guint n_before = list->len;
    for (guint i = list->len; i-- > 0;) {
        if (is_over(at(list, i), snapshot, now_us))
            g_ptr_array_remove_index(list, i);
    }
    return list->len < n_before;
}

/* Whatever is not free any more the kernel has to reclaim. */
static void
take_base_pages(VnHostNode *node, guint64 bytes)
{
    guint64 from_free = MIN(bytes, node->free_bytes);
    guint64 reclaimed = MIN(bytes - from_free, node->reclaimable_bytes);
    node->free_bytes -= from_free;
    node->reclaimable_bytes -= reclaimed;
    node->promised_bytes += from_free + reclaimed;
}

static void
take_huge_pages(VnHostNode *node, guint64 size_bytes, guint64 bytes)
{
    for (guint i = 0; i < node->huge_pages->len; i++) {
        VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        guint64 n = MIN(bytes / size_bytes + (bytes % size_bytes > 0), pages->free);
        if (pages->size_bytes != size_bytes)
            continue;
        pages->free -= n;
        pages->promised += n;
    }
}

void
vn_reservations_apply(const GPtrArray *list, VnSnapshot *snapshot)
{
    for (guint i = 0; i < list->len; i++) {
        const VnReservation *reservation = at(list, i);
        for (guint k = 0; k < snapshot->host->nodes->len; k++) {
            VnHostNode *node = snapshot->host->nodes->pdata[k];
            guint64 bytes = outstanding(reservation, snapshot, node->id);
            if (reservation->page_size_bytes)
                take_huge_pages(node, reservation->page_size_bytes, bytes);
            else
                take_base_pages(node, bytes);
        }
    }
}

void
vn_reservations_add_own(const GPtrArray *list, const VnSnapshot *snapshot,
                        const char *uuid, GArray *bytes)
{
    for (guint i = 0; i < list->len; i++) {
        for (guint node = 0; is_of(at(list, i), uuid) && node < at(list, i)->bytes->len;
             node++)
            add_bytes(bytes, node, outstanding(at(list, i), snapshot, node));
    }
}

char *
vn_reservations_text(const GPtrArray *list, const VnSnapshot *snapshot, const char *uuid,
                     gint64 now_us)
{
    g_autoptr(GString) text = g_string_new(NULL);
    guint n = 0;
    for (guint i = 0; i < list->len; i++) {
        const VnReservation *reservation = at(list, i);
        for (guint node = 0; node < reservation->bytes->len; node++) {
            guint64 bytes = outstanding(reservation, snapshot, node);
            if (is_of(reservation, uuid) || bytes == 0 || ++n > TOLD_MAX)
                continue;
            g_autofree char *size = vn_text_bytes(bytes);
            gint64 minutes = (reservation->until_us - now_us) / 60 / G_USEC_PER_SEC + 1;
            g_string_append_printf(text,
                                   "%s%s of host node %u are promised to guest %s%s",
                                   text->len ? ", " : "", size, node, reservation->guest,
                                   reservation->page_size_bytes ? " in huge pages" : "");
            g_string_append_printf(text, " for %" G_GINT64_FORMAT " min at most",
                                   MAX(minutes, 1));
        }
    }
    if (n > TOLD_MAX)
        g_string_append_printf(text, ", and %u more", n - TOLD_MAX);
    return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

GVariant *
vn_reservations_to_variant(const GPtrArray *list)
{
    g_auto(GVariantBuilder) all;
    g_variant_builder_init(&all, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < list->len; i++) {
        const VnReservation *reservation = at(list, i);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "uuid", "s", reservation->uuid);
        vn_dict_insert(&dict, "guest", "s", reservation->guest);
        vn_dict_insert(&dict, "until_us", "t", (guint64) MAX(reservation->until_us, 0));
        vn_dict_insert(&dict, "page_size_bytes", "t", reservation->page_size_bytes);
        vn_dict_insert_node_bytes(&dict, "bytes", reservation->bytes);
        g_variant_builder_add_value(&all, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&all);
}

static gboolean
read_number(GVariant *dict, const char *key, guint64 *ret_number)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(dict, key, NULL);
    return value && vn_dict_read_uint64(value, ret_number);
}

/* {"<host node>": bytes} */
static void
read_bytes(GVariant *dict, GArray *bytes)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;
    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        g_autoptr(GVariant) owned = value;
        guint64 node;
        guint64 number;
        if (g_ascii_string_to_unsigned(key, 10, 0, VN_HOST_NODES_MAX - 1, &node, NULL) &&
            vn_dict_read_uint64(owned, &number))
            add_bytes(bytes, (guint) node, number);
    }
}

static VnReservation *
read_one(GVariant *dict)
{
    const char *uuid = NULL;
    const char *guest = NULL;
    guint64 until_us;
    guint64 page_size_bytes;
    g_autoptr(GVariant) bytes = NULL;
    if (!g_variant_is_of_type(dict, G_VARIANT_TYPE_VARDICT) ||
        !g_variant_lookup(dict, "uuid", "&s", &uuid) ||
        !g_variant_lookup(dict, "guest", "&s", &guest) ||
        !read_number(dict, "until_us", &until_us) || until_us > G_MAXINT64 ||
        !read_number(dict, "page_size_bytes", &page_size_bytes))
        return NULL;
    bytes = g_variant_lookup_value(dict, "bytes", G_VARIANT_TYPE_VARDICT);
    if (!bytes)
        return NULL;
    VnReservation *reservation =
        reservation_new(uuid, guest, page_size_bytes, (gint64) until_us);
    read_bytes(bytes, reservation->bytes);
    return reservation;
}

GPtrArray *
vn_reservations_from_variant(GVariant *list)
{
    GPtrArray *reservations = vn_reservations_new();
    if (!list || !g_variant_is_container(list))
        return reservations;
    gsize n = MIN(g_variant_n_children(list), VN_RESERVATIONS_MAX);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) dict = g_variant_is_of_type(child, G_VARIANT_TYPE_VARIANT)
                                       ? g_variant_get_variant(child)
                                       : g_variant_ref(child);
        VnReservation *reservation = read_one(dict);
        if (reservation)
            g_ptr_array_add(reservations, reservation);
    }
    return reservations;
}
