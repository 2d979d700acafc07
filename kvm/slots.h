/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnSlots: pieces of a guest's RAM: where each lies in guest-physical memory and in QEMU,
 * and, where it is known, which of KVM's memory slots it is. No I/O.
 */
#pragma once

#include "model/guest.h"

/* Of one guest; KVM itself allows 32764 on x86, QEMU uses tens. */
#define VN_SLOTS_MAX 8192u

/* The largest guest-physical address + 1: 52 bits, x86's limit. */
#define VN_SLOTS_GPA_MAX (G_GUINT64_CONSTANT(1) << 52)

#define VN_SLOT_UNKNOWN G_MAXUINT32

typedef struct {
    guint32 id; /* address space << 16 | slot number; VN_SLOT_UNKNOWN */
    guint64 gpa;
    guint64 bytes;
    guint64 hva; /* in QEMU; 0: not known */
} VnSlot;

typedef struct {
    GArray *array; /* of VnSlot */
} VnSlots;

VnSlots *vn_slots_new(void);
VnSlots *vn_slots_copy(const VnSlots *slots);
void vn_slots_free(VnSlots *slots);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnSlots, vn_slots_free)

/**
 * vn_slots_add:
 * @slot: with an id that is in @slots already, it replaces that one: a slot moves when
 *   the guest maps a device elsewhere
 *
 * Returns: FALSE when it is empty, not of whole 4 KiB pages, beyond VN_SLOTS_GPA_MAX, or
 *   one more than VN_SLOTS_MAX; it is not added then.
 */
gboolean vn_slots_add(VnSlots *slots, const VnSlot *slot) VN_WARN_UNUSED;

/** vn_slots_find: (nullable): the slot of this id. */
const VnSlot *vn_slots_find(const VnSlots *slots, guint32 id);

/** vn_slots_find_gpa: (nullable): a piece that has this guest-physical address. */
const VnSlot *vn_slots_find_gpa(const VnSlots *slots, guint64 gpa);

/** vn_slots_has_granule: whether a piece has any byte of this granule. */
gboolean vn_slots_has_granule(const VnSlots *slots, guint64 granule);

/* What a dirty ring says of a slot. */
typedef struct {
    guint32 id;
    guint64 pages; /* the largest page number seen in it + 1 */
} VnSlotUse;

/**
 * vn_slots_match:
 * @slots: all of the guest's RAM; pieces get ids
 * @uses: of VnSlotUse, each id once
 *
 * Finds out which piece of RAM each slot is, where only one can be: where no other has
 * room for the page numbers that were seen, and these reach into its second half; there
 * may be slots of devices, which are small. A slot's number alone says nothing about
 * where it lies. Slots whose id is known already stay. What stays in doubt gets no id.
 *
 * Returns: how many of @uses have a piece now.
 */
guint vn_slots_match(VnSlots *slots, const GArray *uses);
