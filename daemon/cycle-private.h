/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the cycle's files share: cycle.c is the cycle, cycle-decide.c its first half,
 * cycle-describe.c what people are told of it. For them only.
 */
#pragma once

#include "daemon/complete.h"
#include "daemon/cycle.h"
#include "daemon/observe.h"

struct VnCycle {
    VnConfig config;
    VnObserver *observer;
    VnCompleter *completer;
    VnConnection *virt;
    VnLedger *ledger;
    VnSampling *sampling;
    gint64 look_us; /* when to see which guests there are; G_MAXINT64: no need */
    char *root;
    void (*serve)(gpointer);
    gpointer serve_data;
};

/** vn_cycle_observe: a snapshot, which sampling gets to see. */
VnSnapshot *vn_cycle_observe(VnCycle *cycle, GError **error) VN_WARN_UNUSED;

/** vn_cycle_all_exist: whether @snapshot has all of @guests; GONE, naming one, if not. */
gboolean vn_cycle_all_exist(const VnSnapshot *snapshot, const char *const *guests,
                            GError **error) VN_WARN_UNUSED;

/** vn_cycle_is_wanted: whether the guest of this name is one of @guests; none: all are. */
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
