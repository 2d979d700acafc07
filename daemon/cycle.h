/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cycle: observe, decide, guard, act, observe again, check. The file to read first.
 * Lives on the worker thread.
 */
#pragma once

#include "daemon/config.h"
#include "daemon/ledger.h"
#include "daemon/progress.h"
#include "daemon/sampling.h"
#include "model/plan.h"
#include "virt/connection.h"

typedef struct VnCycle VnCycle;

/**
 * vn_cycle_new:
 * @root: the host's root folder, "/" for the running one
 * @virt: borrowed; where the guests are; must outlive the cycle
 * @ledger: (transfer full)
 */
VnCycle *vn_cycle_new(const VnConfig *config, const char *root, VnConnection *virt,
                      VnLedger *ledger);
void vn_cycle_free(VnCycle *cycle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnCycle, vn_cycle_free)

/**
 * vn_cycle_tick: what the cycle does by itself: sampling.
 *
 * Returns: when it wants to be called again, in monotonic time; G_MAXINT64: not before
 *   something else happens
 */
gint64 vn_cycle_tick(VnCycle *cycle);

/** vn_cycle_guests_changed: one started, stopped or became another. */
void vn_cycle_guests_changed(VnCycle *cycle);

/** vn_cycle_sample: vn_sampling_request() of the guest of this name or UUID. */
gboolean vn_cycle_sample(VnCycle *cycle, const char *name, GVariant *options,
                         VnSamplingDone done, gpointer data,
                         GError **error) VN_WARN_UNUSED;

/** vn_cycle_sample_peer: vn_sampling_request_peer(); libvirt is not asked. */
gboolean vn_cycle_sample_peer(VnCycle *cycle, const char *path, GVariant *options,
                              VnSamplingDone done, gpointer data,
                              GError **error) VN_WARN_UNUSED;

/** vn_cycle_set_serve: what to call between two batches of a long run. */
void vn_cycle_set_serve(VnCycle *cycle, void (*serve)(gpointer), gpointer data);

/**
 * vn_cycle_plan: observe, decide, guard.
 * @guests: names or UUIDs, NULL-terminated; an empty list or NULL means all
 * @ret_snapshot: (optional): what was observed
 * @error: GONE for a guest that does not exist, BUSY when libvirt cannot be reached
 *
 * Returns: decisions for the guests in question, and what may be done for them.
 */
VnPlan *vn_cycle_plan(VnCycle *cycle, const char *const *guests,
                      VnSnapshot **ret_snapshot, GError **error) VN_WARN_UNUSED;

/**
 * vn_cycle_accepts:
 *
 * Whether all of @guests exist and may be touched; REFUSED, naming the guest, when not.
 */
gboolean vn_cycle_accepts(VnCycle *cycle, const char *const *guests,
                          GError **error) VN_WARN_UNUSED;

/**
 * vn_cycle_run: the whole cycle. Guests that are named rest no longer after an undo.
 *
 * Returns: the plan with each step's outcome, however it went. NULL only when there was
 * no plan, so that nothing was changed.
 */
VnPlan *vn_cycle_run(VnCycle *cycle, const char *const *guests, VnProgress *progress,
                     GError **error) VN_WARN_UNUSED;

/**
 * vn_cycle_plan_undo: what undoes the last plan of each of @guests.
 * @guests: names or UUIDs; none: all those that the host's last plan was for
 * @error: GONE when there is nothing to undo; as for vn_cycle_plan()
 */
VnPlan *vn_cycle_plan_undo(VnCycle *cycle, const char *const *guests,
                           GError **error) VN_WARN_UNUSED;

/**
 * vn_cycle_undo: carries that out. The guests rest from then on.
 *
 * Returns: as vn_cycle_run()
 */
VnPlan *vn_cycle_undo(VnCycle *cycle, const char *const *guests, VnProgress *progress,
                      GError **error) VN_WARN_UNUSED;

/** vn_cycle_why: `vnumactl why`: a{sv} (transfer floating). */
GVariant *vn_cycle_why(VnCycle *cycle, const char *name, GError **error) VN_WARN_UNUSED;

/**
 * vn_cycle_stop: what it carries out by itself ends after the batch under way. The only
 * function that any thread may call.
 */
void vn_cycle_stop(VnCycle *cycle);

/** vn_cycle_describe_guests: `vnumactl list`: aa{sv} (transfer floating). */
GVariant *vn_cycle_describe_guests(VnCycle *cycle, GError **error) VN_WARN_UNUSED;

/**
 * vn_cycle_verify: `vnumactl verify`: aa{sv} (transfer floating).
 * @guests: as for vn_cycle_plan()
 */
GVariant *vn_cycle_verify(VnCycle *cycle, const char *const *guests,
                          GError **error) VN_WARN_UNUSED;

/** vn_cycle_describe_guest: `vnumactl show`: a{sv} (transfer floating). */
GVariant *vn_cycle_describe_guest(VnCycle *cycle, const char *name,
                                  GError **error) VN_WARN_UNUSED;

/** vn_cycle_describe_heat: `vnumactl heatmap`: a{sv} (transfer floating). */
GVariant *vn_cycle_describe_heat(VnCycle *cycle, const char *name, GVariant *options,
                                 GError **error) VN_WARN_UNUSED;

/**
 * vn_cycle_get_definition: (transfer full): the guest's definition as libvirt has it.
 * @error: GONE for a guest that does not exist; BUSY when libvirt does not answer
 */
char *vn_cycle_get_definition(VnCycle *cycle, const char *name,
                              GError **error) VN_WARN_UNUSED;

/** vn_cycle_connect: to libvirt, if need be, so that its events are heard. */
gboolean vn_cycle_connect(VnCycle *cycle, GError **error) VN_WARN_UNUSED;

/** vn_cycle_complete: fills in the guest's definition: vn_completer_complete(). */
gboolean vn_cycle_complete(VnCycle *cycle, const char *uuid,
                           GError **error) VN_WARN_UNUSED;
