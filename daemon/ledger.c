/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger's file, and the last records in memory. A record is one write(2) to a file
 * opened for appending, followed by fdatasync(2): it is there whole, or its line is not
 * JSON and is passed over by the next reader.
 */
#include "daemon/ledger.h"

#include "daemon/origins.h"
#include "model/dict.h"
#include "qmp/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Records kept in memory, over all guests, and their size. */
#define RECORDS_MAX 16384u
#define RECORDS_BYTES_MAX ((gsize) 32 << 20)
/* Format 1 had no plans; what it has is read all the same. */
#define FORMAT 2

/* One record, and what every cycle asks of each, of every guest. */
typedef struct {
    GVariant *all;    /* a{sv} */
    const char *uuid; /* in @all: of the guest */
    gboolean done;    /* the end of a step that was carried out */
} Record;

struct VnLedger {
    char *path;
    int fd;
    GQueue *records;     /* of Record, oldest first */
    GHashTable *guests;  /* UUID -> GQueue of the same Record, oldest first */
    GHashTable *resting; /* UUID -> GVariant: the record that says so */
    gsize bytes;         /* of all records */
    guint64 last_id;     /* of a plan */
    guint unreadable;
    gboolean torn; /* the file's last line is not whole */
};

static void
record_free(gpointer data)
{
    Record *record = data;
    g_variant_unref(record->all);
    g_free(record);
}

static gboolean
has_text(GVariant *record, const char *key, const char *wanted)
{
    const char *text = NULL;
    return g_variant_lookup(record, key, "&s", &text) && strcmp(text, wanted) == 0;
}

/* The oldest of all is the oldest of its guest, too. */
static void
forget_oldest(VnLedger *ledger)
{
    Record *record = g_queue_pop_head(ledger->records);
    GQueue *of_guest = g_hash_table_lookup(ledger->guests, record->uuid);
    g_queue_pop_head(of_guest);
    if (g_queue_is_empty(of_guest))
        g_hash_table_remove(ledger->guests, record->uuid);
    ledger->bytes -= g_variant_get_size(record->all);
    record_free(record);
}

/* Who rests is remembered for as long as it does, however much others do meanwhile. */
static void
note_rest(VnLedger *ledger, const Record *record)
{
    if (has_text(record->all, "event", "rest"))
        g_hash_table_replace(ledger->resting, g_strdup(record->uuid),
                             g_variant_ref(record->all));
    else if (has_text(record->all, "event", "wake") ||
             (has_text(record->all, "event", "plan") &&
              !has_text(record->all, "policy", "undo")))
        g_hash_table_remove(ledger->resting, record->uuid);
}

static void
remember(VnLedger *ledger, GVariant *all)
{
    Record *record = g_new(Record, 1);
    *record =
        (Record){.all = g_variant_ref(all),
                 .uuid = "",
                 .done = has_text(all, "event", "end") &&
                         has_text(all, "outcome", vn_outcome_name(VN_OUTCOME_DONE))};
    g_variant_lookup(all, "uuid", "&s", &record->uuid);
    g_queue_push_tail(ledger->records, record);
    GQueue *of_guest = g_hash_table_lookup(ledger->guests, record->uuid);
    if (!of_guest) {
        of_guest = g_queue_new();
        g_hash_table_insert(ledger->guests, g_strdup(record->uuid), of_guest);
    }
    g_queue_push_tail(of_guest, record);
    ledger->bytes += g_variant_get_size(all);
    note_rest(ledger, record);
    ledger->last_id = MAX(ledger->last_id, vn_dict_lookup_uint64(all, "plan_id"));
    while (g_queue_get_length(ledger->records) > RECORDS_MAX ||
           ledger->bytes > RECORDS_BYTES_MAX)
        forget_oldest(ledger);
}

/* FALSE: of a newer format than is known here. */
static gboolean
load_line(VnLedger *ledger, const char *line)
{
    if (!*line)
        return TRUE;
    g_autoptr(VnJson) json = vn_json_parse(line, strlen(line), VN_JSON_BYTES_MAX, NULL);
    guint64 format = 0;
    if (json && vn_json_get_uint64(json, "format", &format, NULL) && format > FORMAT)
        return FALSE;
    if (!json || !format || !vn_json_get_string(json, "uuid", NULL)) {
        ledger->unreadable++;
        return TRUE;
    }
    g_autoptr(GVariant) record = vn_json_to_variant(json);
    remember(ledger, record);
    return TRUE;
}

static gboolean
load_text(VnLedger *ledger, const char *path, const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        if (load_line(ledger, lines[i]))
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                    "ledger %s: line %u was written by a newer vnumad, in a format that "
                    "this one (" VN_VERSION ") does not know: start that one again, or, "
                    "once nothing of it is to be undone any more, move the file away",
                    path, i + 1);
        return FALSE;
    }
    return TRUE;
}

/* What an earlier start has set aside. Without it, less can be undone, no more. */
static gboolean
load_old(VnLedger *ledger, GError **error)
{
    g_autofree char *path = g_strconcat(ledger->path, ".1", NULL);
    g_autofree char *text = NULL;
    return !g_file_get_contents(path, &text, NULL, NULL) ||
           load_text(ledger, path, text, error);
}

static gboolean
load(VnLedger *ledger, GError **error)
{
    struct stat status;
    if (fstat(ledger->fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        g_set_error(error, VN_ERROR, VN_ERROR_FAILED,
                    "ledger %s: it is not a regular file", ledger->path);
        return FALSE;
    }
    g_autofree char *text = NULL;
    gsize length = 0;
    g_autoptr(GError) wrong = NULL;
    if (!g_file_get_contents(ledger->path, &text, &length, &wrong)) {
        g_set_error(error, VN_ERROR, VN_ERROR_FAILED, "ledger: %s", wrong->message);
        return FALSE;
    }
    /* What a killed daemon left half written must not spoil the next record. */
    ledger->torn = length && text[length - 1] != '\n';
    return load_text(ledger, ledger->path, text, error);
}

static gboolean
open_file(VnLedger *ledger, GError **error)
{
    ledger->fd =
        open(ledger->path,
             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (ledger->fd >= 0)
        return TRUE;
    vn_error_set_errno(error, errno, "ledger %s: open", ledger->path);
    return FALSE;
}

/* Each record a line; on the disk when it returns. */
static gboolean
write_lines(VnLedger *ledger, const GPtrArray *records, GError **error)
{
    g_autoptr(GString) text = g_string_new(ledger->torn ? "\n" : NULL);
    for (guint i = 0; i < records->len; i++) {
        g_autoptr(VnJson) json = vn_json_from_variant(records->pdata[i]);
        g_autofree char *line = vn_json_print(json, FALSE);
        g_string_append(text, line);
        g_string_append_c(text, '\n');
    }
    errno = 0;
    gssize written = write(ledger->fd, text->str, text->len);
    if (written > 0)
        ledger->torn = text->str[written - 1] != '\n';
    if (written == (gssize) text->len && fdatasync(ledger->fd) == 0)
        return TRUE;
    vn_error_set_errno(error, errno ? errno : ENOSPC, "ledger %s: write", ledger->path);
    return FALSE;
}

/* Begins a new file; who rests goes on resting in it. */
static gboolean
set_aside_when_large(VnLedger *ledger, GError **error)
{
    struct stat status;
    if (fstat(ledger->fd, &status) < 0 || (guint64) status.st_size <= VN_LEDGER_BYTES_MAX)
        return TRUE;
    g_autofree char *old = g_strconcat(ledger->path, ".1", NULL);
    if (rename(ledger->path, old) < 0) {
        vn_error_set_errno(error, errno, "ledger %s: rename to %s", ledger->path, old);
        return FALSE;
    }
    close(ledger->fd);
    ledger->torn = FALSE;
    if (!open_file(ledger, error))
        return FALSE;
    g_autoptr(GPtrArray) resting = g_ptr_array_new();
    GHashTableIter iter;
    gpointer record;
    g_hash_table_iter_init(&iter, ledger->resting);
    while (g_hash_table_iter_next(&iter, NULL, &record))
        g_ptr_array_add(resting, record);
    return !resting->len || write_lines(ledger, resting, error);
}

VnLedger *
vn_ledger_open(const char *folder, GError **error)
{
    if (g_mkdir_with_parents(folder, 0700) < 0) {
        vn_error_set_errno(error, errno, "ledger: make folder %s", folder);
        return NULL;
    }
    g_autoptr(VnLedger) ledger = g_new0(VnLedger, 1);
    ledger->records = g_queue_new();
    ledger->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                           (GDestroyNotify) g_queue_free);
    ledger->resting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify) g_variant_unref);
    ledger->path = g_build_filename(folder, "ledger.jsonl", NULL);
    if (!open_file(ledger, error) || !load_old(ledger, error) || !load(ledger, error) ||
        !set_aside_when_large(ledger, error))
        return NULL;
    return g_steal_pointer(&ledger);
}

void
vn_ledger_free(VnLedger *ledger)
{
    if (!ledger)
        return;
    if (ledger->fd >= 0)
        close(ledger->fd);
    g_hash_table_unref(ledger->resting);
    g_hash_table_unref(ledger->guests);
    g_queue_free_full(ledger->records, record_free);
    g_free(ledger->path);
    g_free(ledger);
}

guint
vn_ledger_unreadable(const VnLedger *ledger)
{
    return ledger->unreadable;
}

/* What every record has. */
static void
begin_record(VnDict *dict, const char *event, const char *guest, const char *uuid)
{
    vn_dict_insert(dict, "format", "u", (guint32) FORMAT);
    vn_dict_insert(dict, "time_us", "t", (guint64) g_get_real_time());
    vn_dict_insert(dict, "event", "s", event);
    if (guest)
        vn_dict_insert(dict, "guest", "s", guest);
    vn_dict_insert(dict, "uuid", "s", uuid);
}

/* @guest: (nullable): whose process is recorded, too */
static GVariant *
make_record(const char *event, const VnStep *step, const VnGuest *guest)
{
    g_autoptr(GVariant) described = g_variant_ref_sink(vn_step_to_variant(step));
    g_auto(VnDict) dict;
    vn_dict_init(&dict, described);
    begin_record(&dict, event, NULL, step->uuid);
    if (guest) {
        vn_dict_insert(&dict, "pid", "i", guest->pid);
        vn_dict_insert(&dict, "start_ticks", "t", guest->start_ticks);
    }
    if (step->origins && strcmp(event, "begin") == 0) {
        g_autofree char *origins = vn_origins_format(step->origins);
        vn_dict_insert(&dict, "origins", "s", origins);
    }
    return g_variant_ref_sink(vn_dict_end(&dict));
}

static gboolean
append_records(VnLedger *ledger, const GPtrArray *records, GError **error)
{
    if (!write_lines(ledger, records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++)
        remember(ledger, records->pdata[i]);
    return TRUE;
}

/* @record: (transfer full) */
static gboolean
append_record(VnLedger *ledger, GVariant *record, GError **error)
{
    g_autoptr(GPtrArray) records =
        g_ptr_array_new_with_free_func((GDestroyNotify) g_variant_unref);
    g_ptr_array_add(records, record);
    return append_records(ledger, records, error);
}

gboolean
vn_ledger_plan(VnLedger *ledger, const VnSnapshot *snapshot, VnPlan *plan, GError **error)
{
    g_autoptr(GPtrArray) records =
        g_ptr_array_new_with_free_func((GDestroyNotify) g_variant_unref);
    g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
    guint64 id = MAX((guint64) g_get_real_time(), ledger->last_id + 1);
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        guint number = GPOINTER_TO_UINT(g_hash_table_lookup(counts, step->uuid));
        g_hash_table_insert(counts, step->uuid, GUINT_TO_POINTER(number + 1));
        step->plan_id = id;
        step->number = number;
        g_ptr_array_add(
            records, make_record("plan", step, vn_snapshot_find(snapshot, step->uuid)));
    }
    return append_records(ledger, records, error);
}

gboolean
vn_ledger_append(VnLedger *ledger, const char *event, const VnStep *step, GError **error)
{
    return append_record(ledger, make_record(event, step, NULL), error);
}

gboolean
vn_ledger_close(VnLedger *ledger, guint64 plan_id, const char *guest, const char *uuid,
                const char *found, GError **error)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    begin_record(&dict, "close", guest, uuid);
    vn_dict_insert(&dict, "plan_id", "t", plan_id);
    vn_dict_insert(&dict, "found", "s", found);
    return append_record(ledger, g_variant_ref_sink(vn_dict_end(&dict)), error);
}

gboolean
vn_ledger_rest(VnLedger *ledger, const VnGuest *guest, guint64 plan_id, GError **error)
{
    g_autofree char *definition = vn_past_fingerprint(guest);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    begin_record(&dict, "rest", guest->name, guest->uuid);
    vn_dict_insert(&dict, "plan_id", "t", plan_id);
    vn_dict_insert(&dict, "pid", "i", guest->pid);
    vn_dict_insert(&dict, "start_ticks", "t", guest->start_ticks);
    vn_dict_insert(&dict, "definition", "s", definition);
    return append_record(ledger, g_variant_ref_sink(vn_dict_end(&dict)), error);
}

gboolean
vn_ledger_wake(VnLedger *ledger, const VnGuest *guest, GError **error)
{
    if (!g_hash_table_contains(ledger->resting, guest->uuid))
        return TRUE;
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    begin_record(&dict, "wake", guest->name, guest->uuid);
    return append_record(ledger, g_variant_ref_sink(vn_dict_end(&dict)), error);
}

gboolean
vn_ledger_undone(VnLedger *ledger, const VnPast *past, GError **error)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    begin_record(&dict, "undone", past->guest, past->uuid);
    vn_dict_insert(&dict, "plan_id", "t", past->id);
    return append_record(ledger, g_variant_ref_sink(vn_dict_end(&dict)), error);
}

gboolean
vn_ledger_rests(const VnLedger *ledger, const VnGuest *guest, guint64 *ret_time_us)
{
    GVariant *rest = g_hash_table_lookup(ledger->resting, guest->uuid);
    if (!rest || !guest->pid ||
        vn_dict_lookup_uint64(rest, "pid") != (guint64) guest->pid ||
        vn_dict_lookup_uint64(rest, "start_ticks") != guest->start_ticks)
        return FALSE;
    g_autofree char *definition = vn_past_fingerprint(guest);
    if (!has_text(rest, "definition", definition))
        return FALSE;
    if (ret_time_us)
        *ret_time_us = vn_dict_lookup_uint64(rest, "time_us");
    return TRUE;
}

static const GQueue *
records_of(const VnLedger *ledger, const char *uuid)
{
    return g_hash_table_lookup(ledger->guests, uuid);
}

GPtrArray *
vn_ledger_pasts(const VnLedger *ledger, const char *uuid)
{
    GPtrArray *pasts = g_ptr_array_new_with_free_func((GDestroyNotify) vn_past_free);
    const GQueue *records = records_of(ledger, uuid);
    for (GList *link = records ? records->head : NULL; link; link = link->next)
        vn_past_add(pasts, ((const Record *) link->data)->all);
    return pasts;
}

GPtrArray *
vn_ledger_unfinished(const VnLedger *ledger)
{
    GPtrArray *unfinished = g_ptr_array_new_with_free_func((GDestroyNotify) vn_past_free);
    GHashTableIter iter;
    gpointer uuid;
    g_hash_table_iter_init(&iter, ledger->guests);
    while (g_hash_table_iter_next(&iter, &uuid, NULL)) {
        g_autoptr(GPtrArray) pasts = vn_ledger_pasts(ledger, uuid);
        for (guint i = 0; i < pasts->len; i++) {
            if (!((const VnPast *) pasts->pdata[i])->closed)
                g_ptr_array_add(unfinished, g_steal_pointer(&pasts->pdata[i]));
        }
    }
    return unfinished;
}

/* Beginnings and ends are steps to people; the rest is the daemon's own business. */
static gboolean
is_step(const Record *record)
{
    return has_text(record->all, "event", "begin") ||
           has_text(record->all, "event", "end");
}

/* Where each part of its memory lay is for undo only, and too much to be shown. */
static GVariant *
without_origins(GVariant *record)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    for (gsize i = 0; i < g_variant_n_children(record); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(record, i);
        g_autoptr(GVariant) key = g_variant_get_child_value(entry, 0);
        if (strcmp(g_variant_get_string(key, NULL), "origins") != 0)
            g_variant_builder_add_value(&dict, entry);
    }
    return vn_dict_end(&dict);
}

GVariant *
vn_ledger_past_steps(const VnLedger *ledger, const char *uuid)
{
    g_auto(GVariantBuilder) list;
    const GQueue *records = records_of(ledger, uuid);
    guint n = 0;
    GList *first = NULL;
    for (GList *link = records ? records->tail : NULL; link && n < VN_LEDGER_PAST_MAX;
         link = link->prev) {
        if (is_step(link->data)) {
            first = link;
            n++;
        }
    }
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (GList *link = first; link; link = link->next) {
        if (is_step(link->data))
            g_variant_builder_add_value(
                &list, without_origins(((const Record *) link->data)->all));
    }
    return g_variant_builder_end(&list);
}

/* The last step of a guest that was carried out, at @link or before; NULL: none. */
static const GList *
find_done(const GList *link)
{
    while (link && !((const Record *) link->data)->done)
        link = link->prev;
    return link;
}

static const GList *
find_last_done(const VnLedger *ledger, const VnGuest *guest)
{
    const GQueue *records = records_of(ledger, guest->uuid);
    return find_done(records ? records->tail : NULL);
}

/* The vCPU that a step pins. */
static VnVcpu *
find_pinned(const Record *record, const VnGuest *guest)
{
    const char *target = NULL;
    guint64 id;
    if (!g_variant_lookup(record->all, "target", "&s", &target) ||
        !g_str_has_prefix(target, "vcpu ") ||
        !g_ascii_string_to_unsigned(target + strlen("vcpu "), 10, 0, VN_ID_MAX, &id,
                                    NULL))
        return NULL;
    return vn_guest_find_vcpu(guest, (guint) id);
}

/* The emulator's pin that an undo left, as libvirt cannot take it away, is nobody's. */
static void
forget_undone_emulator_pin(const VnLedger *ledger, VnGuest *guest)
{
    const GList *link = find_last_done(ledger, guest);
    while (link && !has_text(((const Record *) link->data)->all, "target", "emulator"))
        link = find_done(link->prev);
    if (!link || !guest->emulator_pinned)
        return;
    GVariant *record = ((const Record *) link->data)->all;
    g_autoptr(GVariant) list = g_variant_lookup_value(record, "after", NULL);
    g_autoptr(VnIdSet) after = vn_dict_read_idset(list);
    if (has_text(record, "policy", "undo") &&
        vn_idset_equal(after, guest->emulator_pinned))
        g_clear_pointer(&guest->emulator_pinned, vn_idset_free);
}

void
vn_ledger_mark_pins(const VnLedger *ledger, VnGuest *guest)
{
    g_autoptr(VnIdSet) seen = vn_idset_new();
    for (const GList *link = find_last_done(ledger, guest); link;
         link = find_done(link->prev)) {
        const Record *record = link->data;
        VnVcpu *vcpu = find_pinned(record, guest);
        if (!vcpu || !vcpu->pinned || vn_idset_contains(seen, vcpu->id))
            continue;
        vn_idset_add(seen, vcpu->id);
        g_autoptr(GVariant) list = g_variant_lookup_value(record->all, "after", NULL);
        g_autoptr(VnIdSet) after = vn_dict_read_idset(list);
        gboolean ours = FALSE;
        if (vn_idset_equal(after, vcpu->pinned) &&
            g_variant_lookup(record->all, "pin_is_ours", "b", &ours) && ours)
            vcpu->pin_is_ours = TRUE;
    }
    forget_undone_emulator_pin(ledger, guest);
}

gboolean
vn_ledger_was_steered(const VnLedger *ledger, const VnGuest *guest)
{
    const GList *last = find_last_done(ledger, guest);
    return last && has_text(((const Record *) last->data)->all, "policy", "steer");
}
