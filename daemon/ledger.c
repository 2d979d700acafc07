/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger's file, and the last records in memory. A record is one write(2) to a file
 * opened for appending, followed by fdatasync(2): it is there whole, or its line is not
 * JSON and is passed over by the next reader.
 */
#include "daemon/ledger.h"

#include "model/dict.h"
#include "qmp/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Records kept in memory, over all guests. */
#define RECORDS_MAX 1024
#define FORMAT 1

/* One record, and what every cycle asks of each, of every guest. */
typedef struct {
    GVariant *all;    /* a{sv} */
    const char *uuid; /* in @all: of the guest */
    gboolean done;    /* the end of a step that was carried out */
} Record;

struct VnLedger {
    char *path;
    int fd;
    GQueue *records; /* of Record, oldest first */
    guint unreadable;
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
    if (g_queue_get_length(ledger->records) > RECORDS_MAX)
        record_free(g_queue_pop_head(ledger->records));
}

static void
load_line(VnLedger *ledger, const char *line)
{
    if (!*line)
        return;
    g_autoptr(VnJson) json = vn_json_parse(line, strlen(line), VN_JSON_BYTES_MAX, NULL);
    guint64 format = 0;
    if (!json || !vn_json_get_uint64(json, "format", &format, NULL) || format != FORMAT ||
        !vn_json_get_string(json, "uuid", NULL)) {
        ledger->unreadable++;
        return;
    }
    g_autoptr(GVariant) record = vn_json_to_variant(json);
    remember(ledger, record);
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
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        load_line(ledger, *line);
    /* What a killed daemon left half written must not spoil the next record. */
    if (length && text[length - 1] != '\n' && write(ledger->fd, "\n", 1) != 1) {
        vn_error_set_errno(error, errno, "ledger %s: write", ledger->path);
        return FALSE;
    }
    return TRUE;
}

static gboolean
set_aside_when_large(const char *path, GError **error)
{
    struct stat status;
    if (stat(path, &status) < 0 || (guint64) status.st_size <= VN_LEDGER_BYTES_MAX)
        return TRUE;
    g_autofree char *old = g_strconcat(path, ".1", NULL);
    if (rename(path, old) == 0)
        return TRUE;
    vn_error_set_errno(error, errno, "ledger %s: rename to %s", path, old);
    return FALSE;
}

VnLedger *
vn_ledger_open(const char *folder, GError **error)
{
    if (g_mkdir_with_parents(folder, 0700) < 0) {
        vn_error_set_errno(error, errno, "ledger: make folder %s", folder);
        return NULL;
    }
    g_autoptr(VnLedger) ledger = g_new0(VnLedger, 1);
    ledger->fd = -1;
    ledger->records = g_queue_new();
    ledger->path = g_build_filename(folder, "ledger.jsonl", NULL);
    if (!set_aside_when_large(ledger->path, error))
        return NULL;
    ledger->fd =
        open(ledger->path,
             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (ledger->fd < 0) {
        vn_error_set_errno(error, errno, "ledger %s: open", ledger->path);
        return NULL;
    }
    if (!load(ledger, error))
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
    g_queue_free_full(ledger->records, record_free);
    g_free(ledger->path);
    g_free(ledger);
}

guint
vn_ledger_unreadable(const VnLedger *ledger)
{
    return ledger->unreadable;
}

static GVariant *
make_record(const char *event, const VnStep *step)
{
    g_autoptr(GVariant) described = g_variant_ref_sink(vn_step_to_variant(step));
    g_auto(VnDict) dict;
    vn_dict_init(&dict, described);
    vn_dict_insert(&dict, "format", "u", (guint32) FORMAT);
    vn_dict_insert(&dict, "time_us", "t", (guint64) g_get_real_time());
    vn_dict_insert(&dict, "event", "s", event);
    vn_dict_insert(&dict, "uuid", "s", step->uuid);
    return vn_dict_end(&dict);
}

gboolean
vn_ledger_append(VnLedger *ledger, const char *event, const VnStep *step, GError **error)
{
    g_autoptr(GVariant) record = g_variant_ref_sink(make_record(event, step));
    g_autoptr(VnJson) json = vn_json_from_variant(record);
    g_autofree char *text = vn_json_print(json, FALSE);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    gsize length = strlen(line);

    errno = 0;
    gssize written = write(ledger->fd, line, length);
    if (written != (gssize) length || fdatasync(ledger->fd) < 0) {
        vn_error_set_errno(error, errno ? errno : ENOSPC, "ledger %s: write",
                           ledger->path);
        return FALSE;
    }
    remember(ledger, record);
    return TRUE;
}

static gboolean
is_of(const GList *link, const char *uuid)
{
    const Record *record = link->data;
    return strcmp(record->uuid, uuid) == 0;
}

GVariant *
vn_ledger_past_steps(const VnLedger *ledger, const char *uuid)
{
    g_auto(GVariantBuilder) list;
    guint n = 0;
    GList *first = NULL;
    for (GList *link = ledger->records->tail; link && n < VN_LEDGER_PAST_MAX;
         link = link->prev) {
        if (is_of(link, uuid)) {
            first = link;
            n++;
        }
    }
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (GList *link = first; link; link = link->next) {
        if (is_of(link, uuid))
            g_variant_builder_add_value(&list, ((const Record *) link->data)->all);
    }
    return g_variant_builder_end(&list);
}

/* The last step of this guest that was carried out, at @link or before; NULL: none. */
static const GList *
find_done(const GList *link, const VnGuest *guest)
{
    while (link && !(((const Record *) link->data)->done && is_of(link, guest->uuid)))
        link = link->prev;
    return link;
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

void
vn_ledger_mark_pins(const VnLedger *ledger, VnGuest *guest)
{
    g_autoptr(VnIdSet) seen = vn_idset_new();
    for (const GList *link = find_done(ledger->records->tail, guest); link;
         link = find_done(link->prev, guest)) {
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
}

gboolean
vn_ledger_was_steered(const VnLedger *ledger, const VnGuest *guest)
{
    const GList *last = find_done(ledger->records->tail, guest);
    return last && has_text(((const Record *) last->data)->all, "policy", "steer");
}
