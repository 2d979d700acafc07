/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy that steers by accesses: where the policy "align" brings every cell's vCPUs
 * and memory to one home, this one asks who really uses that memory, and changes a
 * guest's part of the plan where another arrangement serves clearly better. Pure.
 *
 * An arrangement says for each cell on which host node its vCPUs run, and where its
 * memory lies: all of it on one host node, its home, or as it lies now. Its remote cost
 * is the mean SLIT distance / 10 of the accesses from cells' vCPUs to cells' memory, as
 * the heat has them, memory that is spread counting by its resident bytes. Its score is
 * the remote cost, plus VN_STEER_PRICE times the part of the guest's memory that has to
 * move. From both today's arrangement and that of the plan, the single change is made
 * that lowers the score most, until none does: another host node for a cell's vCPUs, its
 * memory, or both where no other cell is, or an exchange of these between two cells. So
 * vCPUs that share memory are brought together, what costs no bytes is preferred, and
 * memory that all cells use alike pulls nobody, so it stays. A guest that has no cells is
 * steered granule by granule instead (policies/granules.h).
 */
#pragma once

#include "model/locality.h"
#include "model/plan.h"

/* VnStep.policy of its steps. */
#define VN_STEER_POLICY "steer"

/* To move all of a guest's memory has to lower its remote cost by this at least. */
#define VN_STEER_PRICE 0.05

/* An arrangement other than the plan's has to have a score better by this at least. */
#define VN_STEER_GAIN_MIN 0.03

/* Confidence in the heat below which the plan stays as it is: 256 counts. */
#define VN_STEER_CONFIDENCE_MIN 0.5

/*
 * A guest alternates when this share of its accesses does. It is left alone unless its
 * pattern holds at least so many times as long as the moving takes, and as a second.
 */
#define VN_STEER_ALTERNATING_SHARE 0.25
#define VN_STEER_PAYBACK 10

typedef struct {
    const VnHeat *heat;
    const VnLocality *locality; /* by @heat, today's placement and the snapshot's host */
    gboolean pins_are_ours;     /* what its vCPUs are pinned to is of our own doing */
    gint64 now_us;              /* monotonic time */
    guint64 move_bytes_per_second; /* how fast memory can be moved; at least 1 */
    const VnPlacement *placement;  /* (nullable): today's, with its RAM, so that what is
                                      hottest moves first */
    const guint64 *reserves; /* (nullable): bytes that moving never fills, by place in
                                VnHost.nodes */
    gboolean steered;        /* this policy has changed the guest before */
    double expected_cost; /* VnDecision.expected_cost of the guest's last decision; 0: it
                             has none, or it is not known */
} VnSteerEvidence;

typedef enum {
    VN_STEER_UNSURE, /* too little evidence, or homes of several host nodes: as planned */
    VN_STEER_AGREE,  /* what the plan has serves as well as anything else: as planned */
    VN_STEER_ALONE,  /* the guest alternates too fast: no steps */
    VN_STEER_STAY,   /* as it is it serves better than what the plan had: no steps */
    VN_STEER_REPIN,  /* vCPUs go to the memory that they access */
    VN_STEER_EXCHANGE, /* two cells exchange their homes */
    VN_STEER_MOVE,     /* memory goes to the vCPUs that access it */
} VnSteerVerdict;

/**
 * vn_steer_guest:
 * @guest: of @snapshot; managed, running and without trouble, or nothing is changed
 * @plan: the policy align's, with a decision for @guest
 *
 * Changes the guest's homes, reason and steps (but not those of its emulator threads).
 * Memory goes only where its binding and the guest's cpuset.mems let it, and not at all
 * when its address range is not known; vCPUs are pinned anew only where they are not
 * pinned, or by us. No host node gets more vCPUs than it has CPUs, those of other guests
 * counted (nor less than it has now), nor more bytes than it has room for.
 *
 * As long as the remote cost is what the last plan promised (expected_cost), nothing new
 * is looked for: a guest rests until its accesses change.
 *
 * Align has no accesses in view: asked alone again, it may plan the way back (pinned
 * vCPUs are a home to it). So whoever steers a guest has to do so in every cycle; with
 * too little evidence (VN_STEER_UNSURE) and earlier steps of this policy in the ledger,
 * the guest's steps are better dropped than taken.
 */
VnSteerVerdict vn_steer_guest(const VnSnapshot *snapshot, const VnGuest *guest,
                              const VnSteerEvidence *evidence, VnPlan *plan);

/** vn_steer_hold: drops the guest's steps, if any, and gives @why as the reason. */
void vn_steer_hold(const VnGuest *guest, const char *why, VnPlan *plan);

/** vn_steer_verdict_name: "unsure", "agree", "alone", "stay", "repin" and so on. */
const char *vn_steer_verdict_name(VnSteerVerdict verdict);
