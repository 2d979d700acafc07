/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnHistory: a short queue of reasons for each guest. */
#include "daemon/history.h"

#include "model/dict.h"

#include <string.h>

typedef struct {
    guint64 time_us;
    char *reason;
    char *bare; /* without its figures */
} Entry;

struct VnHistory {
    GHashTable *guests; /* UUID -> GQueue of Entry, oldest first */
};

static void
entry_free(gpointer data)
{
    Entry *entry = data;
    g_free(entry->reason);
    g_free(entry->bare);
    g_free(entry);
}

static void
queue_free(gpointer data)
{
    g_queue_free_full(data, entry_free);
}

VnHistory *
vn_history_new(void)
{
    VnHistory *history = g_new0(VnHistory, 1);
    history->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, queue_free);
    return history;
}

void
vn_history_free(VnHistory *history)
{
    if (!history)
        return;
    g_hash_table_unref(history->guests);
    g_free(history);
}

/* What is left of a reason whose figures change from one look to the next. */
static char *
without_figures(const char *reason)
{
    GString *bare = g_string_new(NULL);
    for (; *reason; reason++) {
        if (!g_ascii_isdigit(*reason) && *reason != '.' && !strchr("KMGTB", *reason))
            g_string_append_c(bare, *reason);
    }
    return g_string_free(bare, FALSE);
}

static void
note(GQueue *entries, guint64 time_us, const char *reason)
{
    g_autofree char *bare = without_figures(reason);
    const Entry *last = g_queue_peek_tail(entries);
    if (last && strcmp(last->bare, bare) == 0)
        return;
    Entry *entry = g_new(Entry, 1);
    *entry = (Entry){time_us, g_strdup(reason), g_steal_pointer(&bare)};
    g_queue_push_tail(entries, entry);
    if (g_queue_get_length(entries) > VN_HISTORY_MAX)
        entry_free(g_queue_pop_head(entries));
}

static gboolean
is_gone(gpointer uuid, gpointer entries, gpointer snapshot)
{
    return !vn_snapshot_find(snapshot, uuid);
}

void
vn_history_note(VnHistory *history, const VnSnapshot *snapshot, const VnPlan *plan)
{
    for (guint i = 0; i < plan->decisions->len; i++) {
        const VnDecision *decision = plan->decisions->pdata[i];
        const VnGuest *guest = vn_snapshot_find(snapshot, decision->guest);
        if (!guest || !decision->reason)
            continue;
        GQueue *entries = g_hash_table_lookup(history->guests, guest->uuid);
        if (!entries) {
            entries = g_queue_new();
            g_hash_table_insert(history->guests, g_strdup(guest->uuid), entries);
        }
        note(entries, (guint64) snapshot->taken_us, decision->reason);
    }
    if (g_hash_table_size(history->guests) > snapshot->guests->len)
        g_hash_table_foreach_remove(history->guests, is_gone, (gpointer) snapshot);
}

GVariant *
vn_history_get(const VnHistory *history, const char *uuid)
{
    g_auto(GVariantBuilder) list;
    GQueue *entries = g_hash_table_lookup(history->guests, uuid);
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (GList *link = entries ? entries->head : NULL; link; link = link->next) {
        const Entry *entry = link->data;
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "time_us", "t", entry->time_us);
        vn_dict_insert(&dict, "reason", "s", entry->reason);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}
