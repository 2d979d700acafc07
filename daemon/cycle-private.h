/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the cycle's files share: cycle.c is the cycle, cycle-decide.c its first half,
 * cycle-describe.c and cycle-why.c what people are told of it, cycle-undo.c the way
 * back, cycle-drain.c emptying host nodes, cycle-refresh.c keeping definitions true. For
 * them only.
 */
#pragma once

#include "daemon/caution.h"
#include "daemon/complete.h"
#include "daemon/cycle.h"
#include "daemon/hands.h"
#include "daemon/history.h"
#include "daemon/observe.h"

/* Definitions that are looked at again, one a tick, as the host has changed. */
typedef struct {
    gboolean wanted;      /* as soon as it is due */
    gint64 due_us;        /* monotonic; when to look at the host, or to begin */
    char *host;           /* what definitions depend on, as it was; NULL: not known */
    VnSnapshot *snapshot; /* of the pass under way; NULL: none is */
    guint next;           /* guest in it */
} VnRefresh;

struct VnCycle {
    VnConfig config;
    VnObserver *observer;
    VnCompleter *completer;
    VnConnection *virt;
    VnLedger *ledger;
    VnSampling *sampling;
    VnCaution *caution;
    gint64 look_us;        /* when to see which guests there are; G_MAXINT64: no need */
    GPtrArray *unfinished; /* of VnPast: what an earlier daemon has left half done */
    gint64 recover_us;     /* when to go on with these; G_MAXINT64: there are none */
    gboolean acting;       /* a plan is being carried out */
    VnProgress *own;       /* of what is carried out without a job */
    VnHistory *history;
    VnCordons *cordons;   /* NULL, as the next: vn_cycle_keep_in() was not called */
    VnPromises *promises; /* to guests that start */
    VnRefresh refresh;
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

/** vn_cycle_new_localities: VnLocality by guest's name. */
GHashTable *vn_cycle_new_localities(void);

/**
 * vn_cycle_look_back: what is known of the guest that the guard has to know: whose its
 * pins are, and what came of the last plan. What is new is said in the journal.
 * @locality: (nullable): as its accesses have it
 */
void vn_cycle_look_back(VnCycle *cycle, const VnGuest *guest, const VnLocality *locality);

/**
 * vn_cycle_look_ahead: after a plan was carried out: when the guests may be moved again,
 * and what has to come of it.
 * @snapshot, @localities: what it was decided by
 */
void vn_cycle_look_ahead(VnCycle *cycle, const VnSnapshot *snapshot,
                         GHashTable *localities, const VnPlan *plan);

/** vn_cycle_refresh_tick: Returns: when it wants to be called again, monotonic. */
gint64 vn_cycle_refresh_tick(VnCycle *cycle);

/** vn_cycle_mark_pins: sets VnVcpu.pin_is_ours, and the emulator's. */
void vn_cycle_mark_pins(const VnCycle *cycle, const VnSnapshot *snapshot);

/**
 * vn_cycle_decide: observe, decide, guard.
 * @guests: names or UUIDs that somebody asks for, an empty list: all; NULL: nobody asks,
 *   all are meant, and the guard is stricter
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
