/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard's memory: a record for each guest that anything is known of. */
#include "daemon/caution.h"

#include <string.h>

typedef struct {
    const char *policy;
    VnConscience conscience;
} Trust;

typedef struct {
    int pid;
    guint64 start_ticks;
    gint64 moved_us; /* 0: never */
    gint64 cool_us;  /* left in peace until then */
    VnIdSet *foreign_vcpus;
    gboolean foreign_emulator;
    GArray *trusts;         /* of Trust */
    const char *predicting; /* the policy; NULL: there is no prediction to measure */
    VnPrediction prediction;
    GPtrArray *homes; /* of VnIdSet; NULL: none */
} Record;

struct VnCaution {
    GHashTable *records; /* of Record, by uuid */
};

static void
record_free(gpointer data)
{
    Record *record = data;
    vn_idset_free(record->foreign_vcpus);
    g_array_unref(record->trusts);
    g_clear_pointer(&record->homes, g_ptr_array_unref);
    g_free(record);
}

VnCaution *
vn_caution_new(void)
{
    VnCaution *caution = g_new0(VnCaution, 1);
    caution->records =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, record_free);
    return caution;
}

void
vn_caution_free(VnCaution *caution)
{
    if (!caution)
        return;
    g_hash_table_unref(caution->records);
    g_free(caution);
}

static Record *
find(const VnCaution *caution, const char *uuid)
{
    return g_hash_table_lookup(caution->records, uuid);
}

static Record *
get(VnCaution *caution, const VnGuest *guest)
{
    Record *record = find(caution, guest->uuid);
    if (record)
        return record;
    record = g_new0(Record, 1);
    record->pid = guest->pid;
    record->start_ticks = guest->start_ticks;
    record->foreign_vcpus = vn_idset_new();
    record->trusts = g_array_new(FALSE, FALSE, sizeof(Trust));
    g_hash_table_insert(caution->records, g_strdup(guest->uuid), record);
    return record;
}

/* A guest whose process is not found at the moment may still be the same. */
static gboolean
is_same(const Record *record, const VnGuest *guest)
{
    return guest && guest->state != VN_GUEST_STOPPED &&
           (!guest->pid ||
            (guest->pid == record->pid && guest->start_ticks == record->start_ticks));
}

void
vn_caution_see(VnCaution *caution, const VnSnapshot *snapshot)
{
    GHashTableIter iter;
    gpointer uuid;
    gpointer record;
    g_hash_table_iter_init(&iter, caution->records);
    while (g_hash_table_iter_next(&iter, &uuid, &record)) {
        if (!is_same(record, vn_snapshot_find(snapshot, uuid)))
            g_hash_table_iter_remove(&iter);
    }
}

gboolean
vn_caution_set_foreign(VnCaution *caution, const VnGuest *guest, const VnIdSet *vcpus,
                       gboolean emulator)
{
    if (vn_idset_is_empty(vcpus) && !emulator && !find(caution, guest->uuid))
        return FALSE;
    Record *record = get(caution, guest);
    gboolean some_new = !vn_idset_is_subset(vcpus, record->foreign_vcpus) ||
                        (emulator && !record->foreign_emulator);
    vn_idset_free(record->foreign_vcpus);
    record->foreign_vcpus = vn_idset_copy(vcpus);
    record->foreign_emulator = emulator;
    return some_new;
}

gboolean
vn_caution_is_foreign(const VnCaution *caution, const VnStep *step)
{
    const Record *record = find(caution, step->uuid);
    if (!record)
        return FALSE;
    switch (step->kind) {
    case VN_STEP_PIN_VCPU:
        return vn_idset_contains(record->foreign_vcpus, step->target);
    case VN_STEP_PIN_EMULATOR:
        return record->foreign_emulator;
    case VN_STEP_MOVE_MEMORY:
        return FALSE;
    }
    g_assert_not_reached();
}

void
vn_caution_moved(VnCaution *caution, const VnGuest *guest, guint64 bytes, gboolean all,
                 gint64 cooldown_us, gint64 now_us)
{
    Record *record = get(caution, guest);
    double took = (double) bytes / VN_CAUTION_MOVE_BYTES_PER_SECOND;
    gint64 peace_us = all ? (gint64) (took * VN_CAUTION_COOLING * G_USEC_PER_SEC) : 0;
    record->moved_us = now_us;
    record->cool_us = cooldown_us ? now_us + MAX(peace_us, cooldown_us) : 0;
}

gint64
vn_caution_cool_us(const VnCaution *caution, const char *uuid, gint64 now_us)
{
    const Record *record = find(caution, uuid);
    return record ? MAX(record->cool_us - now_us, 0) : 0;
}

gboolean
vn_caution_is_fresh(const VnCaution *caution, const char *uuid, gint64 now_us)
{
    const Record *record = find(caution, uuid);
    return record && record->moved_us && now_us < record->moved_us + VN_CAUTION_FRESH_US;
}

static Trust *
find_trust(const Record *record, const char *policy)
{
    for (guint i = 0; i < record->trusts->len; i++) {
        Trust *trust = &g_array_index(record->trusts, Trust, i);
        if (strcmp(trust->policy, policy) == 0)
            return trust;
    }
    return NULL;
}

static Trust *
get_trust(Record *record, const char *policy)
{
    Trust fresh = {.policy = policy};
    if (!find_trust(record, policy))
        g_array_append_val(record->trusts, fresh);
    return find_trust(record, policy);
}

static gpointer
copy_home(gconstpointer home, gpointer data)
{
    return vn_idset_copy(home);
}

static void
free_home(gpointer home)
{
    vn_idset_free(home);
}

void
vn_caution_predict(VnCaution *caution, const VnGuest *guest, const char *policy,
                   const VnPrediction *prediction, const GPtrArray *homes)
{
    Record *record = get(caution, guest);
    gboolean worth = vn_prediction_is_worth(prediction);
    record->predicting = worth ? policy : NULL;
    record->prediction = *prediction;
    g_clear_pointer(&record->homes, g_ptr_array_unref);
    if (!worth || !homes)
        return;
    record->homes = g_ptr_array_copy((GPtrArray *) homes, copy_home, NULL);
    g_ptr_array_set_free_func(record->homes, free_home);
}

const GPtrArray *
vn_caution_predicted_homes(const VnCaution *caution, const VnGuest *guest)
{
    const Record *record = find(caution, guest->uuid);
    return record && record->predicting ? record->homes : NULL;
}

const char *
vn_caution_measure(VnCaution *caution, const VnGuest *guest, const VnEvidence *evidence)
{
    Record *record = find(caution, guest->uuid);
    double gain;
    if (!record || !record->predicting ||
        !vn_prediction_measure(&record->prediction, evidence, &gain))
        return NULL;
    const char *policy = record->predicting;
    Trust *trust = get_trust(record, policy);
    gboolean trusted = vn_conscience_trusts(&trust->conscience);
    vn_conscience_judge(&trust->conscience, &record->prediction, gain);
    record->predicting = NULL;
    return trusted && !vn_conscience_trusts(&trust->conscience) ? policy : NULL;
}

gboolean
vn_caution_trusts(const VnCaution *caution, const char *uuid, const char *policy)
{
    const Record *record = find(caution, uuid);
    const Trust *trust = record ? find_trust(record, policy) : NULL;
    return !trust || vn_conscience_trusts(&trust->conscience);
}

void
vn_caution_forgive(VnCaution *caution, const VnGuest *guest)
{
    Record *record = find(caution, guest->uuid);
    if (!record)
        return;
    g_array_set_size(record->trusts, 0);
    record->predicting = NULL;
}

static void
note_foreign(const Record *record, VnGuest *guest)
{
    g_autofree char *vcpus = vn_idset_format(record->foreign_vcpus);
    if (*vcpus)
        vn_guest_add_note(guest,
                          "vCPU %s: pinned by somebody else since vnumad pinned it: left "
                          "to them until it is pinned to all CPUs",
                          vcpus);
    if (record->foreign_emulator)
        vn_guest_add_note(guest,
                          "emulator: pinned by somebody else since vnumad pinned it: "
                          "left to them until it is pinned to all CPUs");
}

void
vn_caution_add_notes(const VnCaution *caution, VnGuest *guest, gint64 now_us)
{
    const Record *record = find(caution, guest->uuid);
    if (!record)
        return;
    note_foreign(record, guest);
    for (guint i = 0; i < record->trusts->len; i++) {
        const Trust *trust = &g_array_index(record->trusts, Trust, i);
        if (!vn_conscience_trusts(&trust->conscience))
            vn_guest_add_note(guest,
                              "the policy %s acts on it only when asked: of its last %u "
                              "predictions %u brought less than half",
                              trust->policy, VN_CONSCIENCE_LAST,
                              vn_conscience_failures(&trust->conscience));
    }
    gint64 cool_us = vn_caution_cool_us(caution, guest->uuid, now_us);
    if (cool_us)
        vn_guest_add_note(guest,
                          "its memory has just been moved: vnumad's own cycles leave it "
                          "where it is for %" G_GINT64_FORMAT " s more",
                          cool_us / G_USEC_PER_SEC + 1);
}
