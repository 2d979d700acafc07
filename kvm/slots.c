/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces of guest RAM, and which slot each must be. */
#include "kvm/slots.h"

#define PAGE_BYTES 4096u

VnSlots *
vn_slots_new(void)
{
    VnSlots *slots = g_new0(VnSlots, 1);
    slots->array = g_array_new(FALSE, FALSE, sizeof(VnSlot));
    return slots;
}

VnSlots *
vn_slots_copy(const VnSlots *slots)
{
    VnSlots *copy = g_new0(VnSlots, 1);
    copy->array = g_array_copy(slots->array);
    return copy;
}

void
vn_slots_free(VnSlots *slots)
{
    if (!slots)
        return;
    g_array_unref(slots->array);
    g_free(slots);
}

static VnSlot *
slot_at(const VnSlots *slots, guint i)
{
    return &g_array_index(slots->array, VnSlot, i);
}

const VnSlot *
vn_slots_find(const VnSlots *slots, guint32 id)
{
    for (guint i = 0; i < slots->array->len; i++) {
        if (slot_at(slots, i)->id == id && id != VN_SLOT_UNKNOWN)
            return slot_at(slots, i);
    }
    return NULL;
}

const VnSlot *
vn_slots_find_gpa(const VnSlots *slots, guint64 gpa)
{
    for (guint i = 0; i < slots->array->len; i++) {
        const VnSlot *slot = slot_at(slots, i);
        if (gpa >= slot->gpa && gpa - slot->gpa < slot->bytes)
            return slot;
    }
    return NULL;
}

gboolean
vn_slots_has_granule(const VnSlots *slots, guint64 granule)
{
    if (granule >= VN_SLOTS_GPA_MAX / VN_GRANULE_BYTES)
        return FALSE;
    guint64 gpa = granule * VN_GRANULE_BYTES;
    for (guint i = 0; i < slots->array->len; i++) {
        const VnSlot *slot = slot_at(slots, i);
        if (gpa < slot->gpa + slot->bytes && slot->gpa < gpa + VN_GRANULE_BYTES)
            return TRUE;
    }
    return FALSE;
}

gboolean
vn_slots_add(VnSlots *slots, const VnSlot *slot)
{
    if (slot->bytes == 0 || slot->bytes % PAGE_BYTES || slot->gpa % PAGE_BYTES ||
        slot->gpa >= VN_SLOTS_GPA_MAX || slot->bytes > VN_SLOTS_GPA_MAX - slot->gpa)
        return FALSE;
    for (guint i = 0; i < slots->array->len; i++) {
        if (slot->id != VN_SLOT_UNKNOWN && slot_at(slots, i)->id == slot->id) {
            *slot_at(slots, i) = *slot;
            return TRUE;
        }
    }
    if (slots->array->len == VN_SLOTS_MAX)
        return FALSE;
    g_array_append_val(slots->array, *slot);
    return TRUE;
}

/*
 * The only piece that nobody has and that has room, if it is well filled; NULL: none,
 * more than one, or it may be a device's.
 */
static VnSlot *
only_piece_for(const VnSlots *slots, guint64 pages)
{
    VnSlot *only = NULL;
    for (guint i = 0; i < slots->array->len; i++) {
        VnSlot *slot = slot_at(slots, i);
        if (slot->id != VN_SLOT_UNKNOWN || slot->bytes / PAGE_BYTES < pages)
            continue;
        if (only)
            return NULL;
        only = slot;
    }
    return only && only->bytes / PAGE_BYTES / 2 < pages ? only : NULL;
}

guint
vn_slots_match(VnSlots *slots, const GArray *uses)
{
    guint n_matched;
    gboolean again = TRUE;
    while (again) {
        again = FALSE;
        n_matched = 0;
        for (guint i = 0; i < uses->len; i++) {
            const VnSlotUse *use = &g_array_index(uses, VnSlotUse, i);
            VnSlot *piece = NULL;
            if (vn_slots_find(slots, use->id)) {
                n_matched++;
            } else if (use->id != VN_SLOT_UNKNOWN &&
                       (piece = only_piece_for(slots, use->pages))) {
                piece->id = use->id;
                n_matched++;
                again = TRUE; /* one piece less for the others */
            }
        }
    }
    return n_matched;
}
