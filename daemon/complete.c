/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Completing persistent definitions, each state of them once. */
#include "daemon/complete.h"

#include "guest-topology/define.h"
#include "guest-topology/domain.h"
#include "model/text.h"
#include "virt/definitions.h"

#include <string.h>

/*
 * How often a guest's definition is completed within some minutes: a tool that defines
 * its own text again whenever libvirt's differs would have us do so for ever.
 */
#define GIVEN_MAX 8u
#define GIVEN_MINUTES 10
#define GIVEN_PERIOD_US (GIVEN_MINUTES * 60 * G_USEC_PER_SEC)

struct VnCompleter {
    VnObserver *observer;
    VnConnection *virt;
    VnPromises *promises; /* NULL: none are made */
    GHashTable *seen;     /* of Seen, by UUID */
};

typedef struct {
    char *checksum;   /* of the definition that was looked at, or that we gave */
    GPtrArray *notes; /* of char* */
    guint n_given;    /* since then: */
    gint64 since_us;  /* monotonic */
} Seen;

static void
seen_free(gpointer data)
{
    Seen *seen = data;
    g_free(seen->checksum);
    g_ptr_array_unref(seen->notes);
    g_free(seen);
}

VnCompleter *
vn_completer_new(VnObserver *observer, VnConnection *virt)
{
    VnCompleter *completer = g_new0(VnCompleter, 1);
    completer->observer = observer;
    completer->virt = virt;
    completer->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, seen_free);
    return completer;
}

void
vn_completer_free(VnCompleter *completer)
{
    if (!completer)
        return;
    g_hash_table_unref(completer->seen);
    g_free(completer);
}

void
vn_completer_promise(VnCompleter *completer, VnPromises *promises)
{
    completer->promises = promises;
}

static char *
checksum_of(const char *xml)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, xml, -1);
}

/* Remembers that @xml was looked at. @report: (nullable): what was found */
static Seen *
remember(VnCompleter *completer, const char *uuid, const char *xml,
         const VnDefineReport *report)
{
    const Seen *before = g_hash_table_lookup(completer->seen, uuid);
    Seen *seen = g_new0(Seen, 1);
    seen->n_given = before ? before->n_given : 0;
    seen->since_us = before ? before->since_us : g_get_monotonic_time();
    seen->checksum = checksum_of(xml);
    seen->notes = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; report && i < report->conflicts->len; i++) {
        const VnDefineEntry *entry = report->conflicts->pdata[i];
        g_ptr_array_add(seen->notes,
                        g_strdup_printf("definition: %s: %s", entry->part, entry->text));
    }
    g_hash_table_replace(completer->seen, g_strdup(uuid), seen);
    return seen;
}

static gboolean
is_seen(const VnCompleter *completer, const char *uuid, const char *xml)
{
    const Seen *seen = g_hash_table_lookup(completer->seen, uuid);
    g_autofree char *checksum = checksum_of(xml);
    return seen && strcmp(seen->checksum, checksum) == 0;
}

static gboolean
may_give(const VnCompleter *completer, const VnGuest *guest, GError **error)
{
    Seen *seen = g_hash_table_lookup(completer->seen, guest->uuid);
    gint64 now_us = g_get_monotonic_time();
    if (seen && now_us - seen->since_us > GIVEN_PERIOD_US) {
        seen->since_us = now_us;
        seen->n_given = 0;
    }
    if (!seen || seen->n_given < GIVEN_MAX)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                "somebody defines it again and again: it was completed %u times within "
                "%d minutes; after these the next change is looked at",
                seen->n_given, GIVEN_MINUTES);
    return FALSE;
}

static gboolean
is_noted(const VnCompleter *completer, const char *uuid, const char *note)
{
    const Seen *seen = g_hash_table_lookup(completer->seen, uuid);
    return seen && g_ptr_array_find_with_equal_func(seen->notes, note, g_str_equal, NULL);
}

/*
 * What is wrong with the definition is remembered and told once; only what is wrong with
 * the way to libvirt or to the host is an error.
 */
static gboolean
refuse(VnCompleter *completer, const VnGuest *guest, const char *xml, GError *why,
       GError **error)
{
    if (why->code == VN_ERROR_BUSY || why->code == VN_ERROR_GONE) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_autofree char *note =
        g_strdup_printf("its definition cannot be completed: %s", why->message);
    gboolean told = is_noted(completer, guest->uuid, note);
    Seen *seen = remember(completer, guest->uuid, xml, NULL);
    if (!told)
        g_warning("guest %s: %s", guest->name, note);
    g_ptr_array_add(seen->notes, g_steal_pointer(&note));
    g_error_free(why);
    return TRUE;
}

/* What the guest holds of each host node, where it runs and its cells were found. */
static GArray *
own_bytes(const VnSnapshot *snapshot, const char *uuid)
{
    GArray *bytes = g_array_new(FALSE, TRUE, sizeof(guint64));
    const VnGuest *guest = vn_snapshot_find(snapshot, uuid);
    for (guint i = 0; guest && i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        if (bytes->len < cell->resident_bytes->len)
            g_array_set_size(bytes, cell->resident_bytes->len);
        for (guint k = 0; k < cell->resident_bytes->len; k++)
            g_array_index(bytes, guint64, k) +=
                g_array_index(cell->resident_bytes, guint64, k);
    }
    return bytes;
}

/* Where there is no room: who else has it, or is to have it. */
static void
explain(const VnCompleter *completer, const VnSnapshot *snapshot, const char *uuid,
        GError **error)
{
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(snapshot->host);
    g_autofree char *promised =
        completer->promises ? vn_reservations_text(vn_promises_list(completer->promises),
                                                   snapshot, uuid, g_get_real_time())
                            : NULL;
    if (!g_error_matches(*error, VN_ERROR, VN_ERROR_REFUSED))
        return;
    g_autoptr(GString) text = g_string_new((*error)->message);
    g_autofree char *nodes = vn_text_host_nodes(cordoned);
    if (!vn_idset_is_empty(cordoned))
        g_string_append_printf(text, "; cordoned: %s", nodes);
    if (promised)
        g_string_append_printf(text, "; %s", promised);
    g_free((*error)->message);
    (*error)->message = g_string_free(g_steal_pointer(&text), FALSE);
}

/* The definition filled in, and what was done. */
static char *
fill_in(const VnCompleter *completer, const VnSnapshot *snapshot, const char *uuid,
        const char *xml, VnDefineReport **ret_report, GError **error)
{
    VnDefineOptions options = {0};
    if (!vn_virt_takes_dirty_ring(completer->virt, 0, &options.dirty_ring, error))
        return NULL;
    g_autoptr(GArray) own = own_bytes(snapshot, uuid);
    if (completer->promises)
        vn_reservations_add_own(vn_promises_list(completer->promises), snapshot, uuid,
                                own);
    options.own_bytes = own;
    char *filled =
        vn_define(xml, strlen(xml), snapshot->host, &options, ret_report, error);
    if (!filled)
        explain(completer, snapshot, uuid, error);
    return filled;
}

/*
 * Gives libvirt the definition, and remembers what it made of it; unless somebody has
 * changed it, or removed the guest, while @xml was looked at. libvirt has no way to do
 * both in one, so some milliseconds remain.
 */
static gboolean
give(VnCompleter *completer, const VnGuest *guest, const char *xml, const char *filled,
     const VnDefineReport *report, GError **error)
{
    g_autofree char *before =
        vn_virt_read_definition(completer->virt, guest->uuid, 0, error);
    if (!before)
        return FALSE;
    if (strcmp(before, xml) != 0)
        return TRUE; /* libvirt will tell of that change, too */
    if (!vn_virt_define(completer->virt, filled, 0, error))
        return FALSE;
    g_message("guest %s: its definition is completed: %u parts written, %u respected, %u "
              "conflicts",
              guest->name, report->written->len, report->respected->len,
              report->conflicts->len);
    g_autofree char *now =
        vn_virt_read_definition(completer->virt, guest->uuid, 0, error);
    if (now)
        remember(completer, guest->uuid, now, report)->n_given++;
    return now != NULL;
}

static gboolean
complete(VnCompleter *completer, const VnSnapshot *snapshot, const VnGuest *guest,
         const char *xml, gboolean *ret_given, GError **error)
{
    GError *why = NULL;
    g_autoptr(VnDefineReport) report = NULL;
    g_autofree char *filled =
        fill_in(completer, snapshot, guest->uuid, xml, &report, &why);
    if (!filled)
        return refuse(completer, guest, xml, why, error);
    if (strcmp(filled, xml) == 0) {
        remember(completer, guest->uuid, xml, report);
        return TRUE;
    }
    if (!may_give(completer, guest, &why) ||
        !give(completer, guest, xml, filled, report, &why))
        return refuse(completer, guest, xml, why, error);
    *ret_given = TRUE;
    return TRUE;
}

/*
 * Reads the persistent definition, if the guest has one.
 * @ret_guest: NULL: it does not concern us
 */
static gboolean
read_definition(VnCompleter *completer, const char *uuid, char **ret_xml,
                VnGuest **ret_guest, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *xml = vn_virt_read_definition(completer->virt, uuid, 0, &failure);
    if (!xml && !g_error_matches(failure, VN_ERROR, VN_ERROR_GONE)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_autoptr(VnGuest) guest = xml ? vn_domain_parse(xml, strlen(xml), NULL) : NULL;
    if (!guest || !guest->tag) {
        g_hash_table_remove(completer->seen, uuid);
        if (completer->promises)
            vn_promises_forget(completer->promises, uuid);
        return TRUE;
    }
    *ret_xml = g_steal_pointer(&xml);
    *ret_guest = g_steal_pointer(&guest);
    return TRUE;
}

/* One that does not run will start soon: others must not count on the same memory. */
static gboolean
promise(VnCompleter *completer, const VnSnapshot *snapshot, const char *uuid,
        GError **error)
{
    const VnGuest *guest = vn_snapshot_find(snapshot, uuid);
    g_autofree char *xml = NULL;
    g_autoptr(VnGuest) defined = NULL;
    if (!completer->promises || (guest && guest->state != VN_GUEST_STOPPED))
        return TRUE;
    if (!read_definition(completer, uuid, &xml, &defined, error))
        return FALSE;
    if (defined)
        vn_promises_make(completer->promises, defined, snapshot->host);
    return TRUE;
}

gboolean
vn_completer_complete(VnCompleter *completer, const char *uuid, gboolean *ret_given,
                      GError **error)
{
    gboolean given = FALSE;
    g_autofree char *xml = NULL;
    g_autoptr(VnGuest) guest = NULL;
    if (!read_definition(completer, uuid, &xml, &guest, error))
        return FALSE;
    if (guest && !is_seen(completer, uuid, xml)) {
        g_autoptr(VnSnapshot) snapshot = vn_observer_observe(completer->observer, error);
        if (!snapshot || !complete(completer, snapshot, guest, xml, &given, error) ||
            (given && !promise(completer, snapshot, uuid, error)))
            return FALSE;
    }
    if (ret_given)
        *ret_given = given;
    return TRUE;
}

gboolean
vn_completer_refresh(VnCompleter *completer, VnSnapshot *snapshot, const VnGuest *guest,
                     GError **error)
{
    gboolean given = FALSE;
    g_autofree char *xml = NULL;
    g_autoptr(VnGuest) defined = NULL;
    return !guest->tag ||
           (read_definition(completer, guest->uuid, &xml, &defined, error) &&
            (!defined || complete(completer, snapshot, defined, xml, &given, error)));
}

void
vn_completer_add_notes(const VnCompleter *completer, VnGuest *guest)
{
    const Seen *seen = g_hash_table_lookup(completer->seen, guest->uuid);
    for (guint i = 0; seen && i < seen->notes->len; i++)
        vn_guest_add_note(guest, "%s", (const char *) seen->notes->pdata[i]);
}
