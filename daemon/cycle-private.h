/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the cycle's files share: cycle.c is the cycle, cycle-decide.c its first half,
 * cycle-describe.c and cycle-why.c what people are told of it, cycle-undo.c the way
 * back. For them only.
 */
#pragma once

#include "daemon/complete.h"
#include "daemon/cycle.h"
#include "daemon/hands.h"
#include "daemon/history.h"
#include "daemon/observe.h"

struct VnCycle {
    VnConfig config;
    VnObserver *observer;
    VnCompleter *completer;
    VnConnection *virt;
    VnLedger *ledger;
    VnSampling *sampling;
    gint64 look_us;        /* when to see which guests there are; G_MAXINT64: no need */
    GPtrArray *unfinished; /* of VnPast: what an earlier daemon has left half done */
    gint64 recover_us;     /* when to go on with these; G_MAXINT64: there are none */
    gboolean acting;       /* a plan is being carried out */
    VnProgress *own;       /* of what is carried out without a job */
    VnHistory *history;
    char *root;
    void (*serve)(gpointer);
    gpointer serve_data;
};

/** vn_cycle_observe: a snapshot, which sampling gets to see. */
VnSnapshot *vn_cycle_observe(VnCycle *cycle, GError **error) VN_WARN_UNUSED;

/** vn_cycle_all_exist: whether @snapshot has all of @guests; GONE, naming one, if not. */
gboolean vn_cycle_all_exist(const VnSnapshot *snapshot, const char *const *guests,
                            GError **error) VN_WARN_UNUSED;

/** vn_cycle_is_wanted: whether the guest of this name is one of @guests, or none is. */
gboolean vn_cycle_is_wanted(const VnSnapshot *snapshot, const char *const *guests,
                            const char *name);

/**
 * vn_cycle_decide: observe, decide, guard.
 * @ret_snapshot: (optional): what was observed
 * @localities: (nullable): gets VnLocality by guest's name
 */
VnPlan *vn_cycle_decide(VnCycle *cycle, const char *const *guests,
                        VnSnapshot **ret_snapshot, GHashTable *localities,
                        GError **error) VN_WARN_UNUSED;

/** vn_cycle_may_touch: whether all of @guests may be touched; REFUSED, naming one. */
gboolean vn_cycle_may_touch(const VnSnapshot *snapshot, const char *const *guests,
                            GError **error) VN_WARN_UNUSED;

/** vn_cycle_is_named: whether @guests has this one; nobody is when there are none. */
gboolean vn_cycle_is_named(const VnSnapshot *snapshot, const char *const *guests,
                           const char *name);

/** vn_cycle_port: to the real host. @hands: to outlive it. */
VnActPort vn_cycle_port(VnCycle *cycle, VnHands *hands);

/** vn_cycle_check: sets the outcomes of a plan that was carried out. */
void vn_cycle_check(VnCycle *cycle, VnPlan *plan);

/**
 * vn_cycle_carry_out: the second half of the cycle: act, observe again, check.
 * @plan: with steps; recorded, and closed when it is over
 */
void vn_cycle_carry_out(VnCycle *cycle, VnProgress *progress, const VnSnapshot *snapshot,
                        VnPlan *plan);

/**
 * vn_cycle_recover: goes on with what was left half done, if anything. What cannot be
 * touched yet is kept for the next time.
 */
gboolean vn_cycle_recover(VnCycle *cycle, GError **error) VN_WARN_UNUSED;
