/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnPast: records of the ledger read back into the steps that they were made from. */
#include "daemon/past.h"

#include "daemon/origins.h"
#include "model/dict.h"

#include <string.h>

void
vn_past_free(VnPast *past)
{
    if (!past)
        return;
    g_free(past->guest);
    g_free(past->uuid);
    g_free(past->found);
    g_ptr_array_unref(past->steps);
    vn_idset_free(past->begun);
    g_free(past);
}

VnStep *
vn_past_step(const VnPast *past, guint number)
{
    for (guint i = 0; i < past->steps->len; i++) {
        VnStep *step = past->steps->pdata[i];
        if (step->number == number)
            return step;
    }
    return NULL;
}

gboolean
vn_past_is_of(const VnPast *past, const VnGuest *guest)
{
    return guest && guest->pid && guest->pid == past->pid &&
           guest->start_ticks == past->start_ticks;
}

gboolean
vn_past_can_be_undone(const VnPast *past)
{
    return !past->is_undo && !past->undone && !vn_idset_is_empty(past->begun);
}

char *
vn_past_time(guint64 time_us)
{
    g_autoptr(GDateTime) time =
        g_date_time_new_from_unix_local((gint64) (time_us / G_USEC_PER_SEC));
    return time ? g_date_time_format(time, "%F %T") : g_strdup("an unknown time");
}

static char *
text_of(GVariant *record, const char *key)
{
    char *text = NULL;
    g_variant_lookup(record, key, "s", &text);
    return text;
}

static gboolean
flag_of(GVariant *record, const char *key)
{
    gboolean flag = FALSE;
    return g_variant_lookup(record, key, "b", &flag) && flag;
}

static VnIdSet *
ids_of(GVariant *record, const char *key)
{
    g_autoptr(GVariant) list = g_variant_lookup_value(record, key, NULL);
    return vn_dict_read_idset(list);
}

/* "vcpu 3", "emulator", "cell 1". */
static gboolean
read_target(const char *text, VnStep *step)
{
    static const struct {
        VnStepKind kind;
        const char *prefix;
    } kinds[] = {{VN_STEP_PIN_VCPU, "vcpu "}, {VN_STEP_MOVE_MEMORY, "cell "}};
    guint64 number = 0;
    if (text && strcmp(text, "emulator") == 0) {
        step->kind = VN_STEP_PIN_EMULATOR;
        return TRUE;
    }
    for (gsize i = 0; text && i < G_N_ELEMENTS(kinds); i++) {
        if (!g_str_has_prefix(text, kinds[i].prefix) ||
            !g_ascii_string_to_unsigned(text + strlen(kinds[i].prefix), 10, 0, VN_ID_MAX,
                                        &number, NULL))
            continue;
        step->kind = kinds[i].kind;
        step->target = (guint) number;
        return TRUE;
    }
    return FALSE;
}

static VnOutcome
outcome_of(GVariant *record)
{
    g_autofree char *text = text_of(record, "outcome");
    for (VnOutcome outcome = VN_OUTCOME_PLANNED; outcome <= VN_OUTCOME_SKIPPED; outcome++)
        if (g_strcmp0(text, vn_outcome_name(outcome)) == 0)
            return outcome;
    return VN_OUTCOME_FAILED;
}

static VnStep *
read_step(GVariant *record)
{
    VnStep *step = g_new0(VnStep, 1);
    g_autofree char *target = text_of(record, "target");
    g_autofree char *policy = text_of(record, "policy");
    if (!read_target(target, step)) {
        vn_step_free(step);
        return NULL;
    }
    step->policy = g_intern_string(policy ? policy : "");
    step->plan_id = vn_dict_lookup_uint64(record, "plan_id");
    step->number = (guint) vn_dict_lookup_uint64(record, "number");
    step->guest = text_of(record, "guest");
    step->uuid = text_of(record, "uuid");
    step->before = ids_of(record, "before");
    step->after = ids_of(record, "after");
    step->pin_is_ours = flag_of(record, "pin_is_ours");
    step->bytes = vn_dict_lookup_uint64(record, "bytes");
    step->parts_only = flag_of(record, "parts_only");
    /* What has been through JSON is whole where it can be. */
    if (!g_variant_lookup(record, "expected_gain", "d", &step->expected_gain))
        step->expected_gain = (double) vn_dict_lookup_uint64(record, "expected_gain");
    step->reason = text_of(record, "reason");
    return step;
}

/* What was begun first is what it was before the plan. */
static void
note_begin(VnPast *past, VnStep *step, GVariant *record)
{
    if (vn_idset_contains(past->begun, step->number))
        return;
    g_autofree char *origins = text_of(record, "origins");
    vn_idset_add(past->begun, step->number);
    step->origins = origins ? vn_origins_parse(origins) : NULL;
}

static void
note_end(VnStep *step, GVariant *record)
{
    g_autofree char *text = text_of(record, "outcome_text");
    vn_step_set_outcome(step, outcome_of(record), text ? "%s" : NULL, text);
    step->bytes_moved = vn_dict_lookup_uint64(record, "bytes_moved");
}

static void
add_step_record(VnPast *past, const char *event, GVariant *record)
{
    guint64 number = vn_dict_lookup_uint64(record, "number");
    if (number > VN_ID_MAX)
        return;
    VnStep *step = vn_past_step(past, (guint) number);
    if (!step) {
        step = read_step(record);
        if (!step)
            return;
        g_ptr_array_add(past->steps, step);
    }
    if (strcmp(event, "begin") == 0)
        note_begin(past, step, record);
    else if (strcmp(event, "end") == 0)
        note_end(step, record);
}

static VnPast *
find(GPtrArray *pasts, guint64 id)
{
    for (guint i = pasts->len; i-- > 0;) {
        VnPast *past = pasts->pdata[i];
        if (past->id == id)
            return past;
    }
    return NULL;
}

static VnPast *
begin_past(GPtrArray *pasts, GVariant *record)
{
    VnPast *past = g_new0(VnPast, 1);
    past->id = vn_dict_lookup_uint64(record, "plan_id");
    past->time_us = vn_dict_lookup_uint64(record, "time_us");
    past->guest = text_of(record, "guest");
    past->uuid = text_of(record, "uuid");
    past->pid = (int) vn_dict_lookup_uint64(record, "pid");
    past->start_ticks = vn_dict_lookup_uint64(record, "start_ticks");
    g_autofree char *policy = text_of(record, "policy");
    past->is_undo = g_strcmp0(policy, "undo") == 0;
    past->steps = g_ptr_array_new_with_free_func((GDestroyNotify) vn_step_free);
    past->begun = vn_idset_new();
    g_ptr_array_add(pasts, past);
    return past;
}

void
vn_past_add(GPtrArray *pasts, GVariant *record)
{
    g_autofree char *event = text_of(record, "event");
    guint64 id = vn_dict_lookup_uint64(record, "plan_id");
    VnPast *past = id ? find(pasts, id) : NULL;
    if (!event || !id)
        return;
    if (!past && strcmp(event, "plan") == 0)
        past = begin_past(pasts, record);
    if (!past)
        return;
    if (strcmp(event, "undone") == 0) {
        past->undone = TRUE;
    } else if (strcmp(event, "close") == 0) {
        past->closed = TRUE;
        g_free(past->found);
        past->found = text_of(record, "found");
    } else if (g_variant_lookup(record, "target", "&s", NULL)) {
        add_step_record(past, event, record);
    }
}

static void
append_ids(GString *text, const char *what, const VnIdSet *ids)
{
    g_autofree char *list = ids ? vn_idset_format(ids) : g_strdup("-");
    g_string_append_printf(text, " %s=%s", what, list);
}

char *
vn_past_fingerprint(const VnGuest *guest)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const VnTag *tag = guest->tag;
    g_string_append_printf(text, "%" G_GUINT64_FORMAT " %u %d", guest->memory_bytes,
                           guest->vcpus->len, guest->told_cells);
    if (tag) {
        g_string_append_printf(text, " tag=%s,%u,%d,%u,%d",
                               tag->policy ? tag->policy : "", tag->cells,
                               (int) tag->binding, tag->max_vcpus_per_cell, tag->smt);
        append_ids(text, "exclude", tag->exclude_nodes);
    }
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        g_string_append_printf(text, " cell=%" G_GUINT64_FORMAT ",%d", cell->memory_bytes,
                               (int) cell->binding);
        append_ids(text, "vcpus", cell->vcpus);
        append_ids(text, "bound", cell->bound);
    }
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, -1);
}
