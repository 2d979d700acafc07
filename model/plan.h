/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnPlan: what was decided for each guest, why, and the steps that it takes. A policy
 * makes it, the guard removes from it, act carries it out, check compares it with a new
 * snapshot.
 */
#pragma once

#include "model/locality.h"
#include "model/snapshot.h"

typedef enum {
    VN_STEP_PIN_VCPU,     /* target: vCPU number; before, after: host CPUs */
    VN_STEP_PIN_EMULATOR, /* target: 0; before, after: host CPUs */
    VN_STEP_MOVE_MEMORY,  /* target: index of the cell; before, after: host nodes */
} VnStepKind;

typedef enum {
    VN_OUTCOME_PLANNED, /* not tried yet */
    VN_OUTCOME_DONE,    /* seen in the snapshot taken after */
    VN_OUTCOME_PENDING, /* in part; the rest may still come */
    VN_OUTCOME_FAILED,
    VN_OUTCOME_SKIPPED, /* not tried, because an earlier step of this guest failed */
} VnOutcome;

/* Part of a cell's memory. */
typedef struct {
    guint64 offset_bytes; /* from where the cell begins */
    guint64 bytes;
} VnStepPart;

/* Where a part of a cell's memory lay. */
typedef struct {
    guint64 offset_bytes; /* from where the cell begins */
    guint64 bytes;
    guint host_node;
} VnStepOrigin;

typedef struct {
    VnStepKind kind;
    const char *policy; /* that planned it: "align", "steer", "undo" */
    guint64 plan_id;    /* that the ledger gave to its plan; 0: none yet */
    guint number;       /* among the steps that this plan has for its guest */
    char *guest;        /* name */
    char *uuid;
    guint target;
    VnIdSet *before;
    VnIdSet *after;
    gboolean pin_is_ours; /* of a vCPU: what it had before was none, or ours, too */
    guint64 bytes;        /* to move; 0 for pins */
    GArray
        *parts; /* of VnStepPart: what of the cell is to move first, in this order; NULL:
                      nothing in particular */
    gboolean parts_only; /* the rest of the cell stays where it is */
    GArray *origins;     /* of VnStepOrigin, ascending: where what is to move lay when the
                             step was begun; NULL: not known */
    double expected_gain; /* by how much the guest's expected remote cost falls */
    char *reason;
    VnOutcome outcome;
    guint64 bytes_moved;
    char *outcome_text; /* why it is not done; NULL otherwise */
} VnStep;

/* What was decided for one guest, also when that is to do nothing. */
typedef struct {
    char *guest;
    GPtrArray *homes;     /* of VnIdSet, one per cell, by index */
    char *reason;         /* a sentence: why these homes, or why it is left alone */
    double expected_cost; /* remote cost of its accesses once its steps are done, where
                             accesses decided; 0 elsewhere */
} VnDecision;

typedef struct {
    GPtrArray *decisions; /* of VnDecision, in the order of the snapshot's guests */
    GPtrArray *steps;     /* of VnStep, in the order of acting */
} VnPlan;

VnPlan *vn_plan_new(void);
VnPlan *vn_plan_ref(VnPlan *plan);
void vn_plan_unref(VnPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnPlan, vn_plan_unref)

/** vn_plan_add_decision: homes and reason are for the caller to fill. */
VnDecision *vn_plan_add_decision(VnPlan *plan, const char *guest);

/** vn_decision_set_reason: replaces the reason. */
void vn_decision_set_reason(VnDecision *decision, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/** vn_plan_add_step: @before, @after: (transfer full). Its policy is "align" at first. */
VnStep *vn_plan_add_step(VnPlan *plan, VnStepKind kind, const VnGuest *guest,
                         guint target, VnIdSet *before, VnIdSet *after);

/** vn_step_free: for steps that are in no plan. */
void vn_step_free(VnStep *step);

/** vn_plan_find_decision: (nullable) (transfer none). */
VnDecision *vn_plan_find_decision(const VnPlan *plan, const char *guest);

/** vn_plan_bytes_total: what its steps are to move. */
guint64 vn_plan_bytes_total(const VnPlan *plan);

/** vn_plan_bytes_moved: what its steps have moved so far. */
guint64 vn_plan_bytes_moved(const VnPlan *plan);

/**
 * vn_step_set_outcome:
 * @format: (nullable): why it is not done, a printf format
 */
void vn_step_set_outcome(VnStep *step, VnOutcome outcome, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/** vn_step_parts_bytes: all its parts together; 0 when it has none. */
guint64 vn_step_parts_bytes(const VnStep *step);

/** vn_step_target: the target for people: "vcpu 3", "emulator", "cell 1". */
char *vn_step_target(const VnStep *step);

const char *vn_step_kind_name(VnStepKind kind);
const char *vn_outcome_name(VnOutcome outcome);

/**
 * vn_plan_to_variant:
 *
 * Returns: (transfer floating): a{sv} with the keys of `vnumactl plan --json`.
 */
GVariant *vn_plan_to_variant(const VnPlan *plan);

/**
 * vn_step_to_variant:
 *
 * Returns: (transfer floating): a{sv}, one element of "steps"; of its parts, how many and
 *   how large they are, for there can be thousands
 */
GVariant *vn_step_to_variant(const VnStep *step);

/**
 * vn_guest_to_variant:
 * @decision: (nullable): where the homes come from
 * @locality: (nullable): as its accesses have it
 *
 * Returns: (transfer floating): a{sv} with the keys of an element of `vnumactl list
 * --json`; with @whole also what `show` adds: vCPUs, threads, address ranges.
 */
GVariant *vn_guest_to_variant(const VnGuest *guest, const VnDecision *decision,
                              const VnLocality *locality, gboolean whole);
