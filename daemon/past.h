/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnPast: what a plan was to do with one guest, and how far it came, as the ledger's
 * records tell. Pure.
 */
#pragma once

#include "model/plan.h"

typedef struct {
    guint64 id; /* of the plan, which other guests may share; ascending with time */
    guint64 time_us;
    char *guest; /* name */
    char *uuid;
    int pid; /* of its QEMU then */
    guint64 start_ticks;
    GPtrArray *steps; /* of VnStep, by number; outcome PLANNED: it has not ended */
    VnIdSet *begun;   /* numbers of steps */
    gboolean is_undo; /* takes an earlier plan back */
    gboolean closed;  /* carried out and checked, or given up */
    gboolean undone;
    char *found; /* how it was closed; NULL: it is not */
} VnPast;

void vn_past_free(VnPast *past);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnPast, vn_past_free)

/** vn_past_step: (nullable) (transfer none): the step of this number. */
VnStep *vn_past_step(const VnPast *past, guint number);

/** vn_past_is_of: whether @guest still runs in the process that the plan was made for. */
gboolean vn_past_is_of(const VnPast *past, const VnGuest *guest);

/** vn_past_can_be_undone: it was begun, is not undone, and is no undo itself. */
gboolean vn_past_can_be_undone(const VnPast *past);

/** vn_past_time: @time_us since 1970, for people, in local time. */
char *vn_past_time(guint64 time_us);

/**
 * vn_past_add: one record more, in their order.
 * @pasts: of VnPast, ascending in id: all of one guest
 * @record: a{sv}: what it has of plan_id, event and so on; one that has not enough is
 *   passed over
 */
void vn_past_add(GPtrArray *pasts, GVariant *record);

/**
 * vn_past_fingerprint: what of a guest's definition a plan rests on: our metadata, cells
 * and where they are bound, vCPUs, memory; but no pins, as these are what is changed.
 */
char *vn_past_fingerprint(const VnGuest *guest);
