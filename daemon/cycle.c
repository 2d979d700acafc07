/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cycle, in one sentence: see vn_cycle_run(). */
#include "daemon/cycle-private.h"

#include "daemon/act.h"
#include "daemon/check-parts.h"
#include "daemon/check.h"
#include "host/topology.h"

/* How long the check waits for a libvirtd that restarts. */
#define CHECK_TIMEOUT_US (30 * G_USEC_PER_SEC)
#define CHECK_PAUSE_US (G_USEC_PER_SEC / 4)
/* Guests come and go in company: they are looked at once for all. */
#define SETTLE_US G_USEC_PER_SEC
/* When they could not be looked at: until it is tried again. */
#define LOOK_AGAIN_US (10 * G_USEC_PER_SEC)
/* How often a move is carried out at most, before what is left is reported. */
#define ROUNDS_MAX 3

static void
serve_nobody(gpointer data)
{
}

VnCycle *
vn_cycle_new(const VnConfig *config, const char *root, VnConnection *virt,
             VnLedger *ledger)
{
    VnCycle *cycle = g_new0(VnCycle, 1);
    cycle->config = *config;
    cycle->virt = virt;
    cycle->ledger = ledger;
    cycle->root = g_strdup(root);
    cycle->observer = vn_observer_new(config, root, virt);
    cycle->completer = vn_completer_new(cycle->observer, virt);
    cycle->sampling = vn_sampling_new(config, root, virt);
    cycle->look_us = config->sampling == VN_SAMPLING_AUTO ? 0 : G_MAXINT64;
    cycle->serve = serve_nobody;
    cycle->unfinished = vn_ledger_unfinished(ledger);
    cycle->recover_us = cycle->unfinished->len ? 0 : G_MAXINT64;
    cycle->own = vn_progress_new();
    cycle->history = vn_history_new();
    return cycle;
}

void
vn_cycle_free(VnCycle *cycle)
{
    if (!cycle)
        return;
    vn_sampling_free(cycle->sampling);
    vn_completer_free(cycle->completer);
    vn_observer_free(cycle->observer);
    vn_ledger_free(cycle->ledger);
    g_ptr_array_unref(cycle->unfinished);
    vn_progress_unref(cycle->own);
    vn_history_free(cycle->history);
    g_free(cycle->root);
    g_free(cycle);
}

void
vn_cycle_set_serve(VnCycle *cycle, void (*serve)(gpointer), gpointer data)
{
    cycle->serve = serve;
    cycle->serve_data = data;
}

VnPlan *
vn_cycle_plan(VnCycle *cycle, const char *const *guests, VnSnapshot **ret_snapshot,
              GError **error)
{
    return vn_cycle_decide(cycle, guests, ret_snapshot, NULL, error);
}

void
vn_cycle_stop(VnCycle *cycle)
{
    vn_progress_cancel(cycle->own);
}

/* What an earlier daemon has left half done comes before anything else. */
static void
recover_when_due(VnCycle *cycle, gint64 now_us)
{
    g_autoptr(GError) error = NULL;
    if (cycle->recover_us > now_us || cycle->acting)
        return;
    if (!vn_cycle_recover(cycle, &error))
        g_message("what was left half done has to wait: %s", error->message);
    cycle->recover_us = cycle->unfinished->len ? now_us + LOOK_AGAIN_US : G_MAXINT64;
}

gint64
vn_cycle_tick(VnCycle *cycle)
{
    gint64 now_us = g_get_monotonic_time();
    recover_when_due(cycle, now_us);
    if (cycle->look_us <= now_us) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnSnapshot) snapshot = vn_cycle_observe(cycle, &error);
        if (!snapshot)
            cycle->look_us = now_us + LOOK_AGAIN_US;
    }
    gint64 look_us = MIN(cycle->look_us, vn_sampling_tick(cycle->sampling));
    /* Whoever acts calls this again in its own time. */
    return cycle->acting ? look_us : MIN(look_us, cycle->recover_us);
}

void
vn_cycle_guests_changed(VnCycle *cycle)
{
    if (cycle->config.sampling == VN_SAMPLING_AUTO)
        cycle->look_us = g_get_monotonic_time() + SETTLE_US;
}

gboolean
vn_cycle_may_touch(const VnSnapshot *snapshot, const char *const *guests, GError **error)
{
    for (; guests && *guests; guests++) {
        const VnGuest *guest = vn_snapshot_find(snapshot, *guests);
        if (!guest->managed)
            g_set_error(
                error, VN_ERROR, VN_ERROR_REFUSED,
                "guest %s: it is not managed; give it our metadata with 'virsh "
                "metadata %s urn:vnumad:guest:1 --key vnuma --set \"<guest/>\"', or "
                "set manage = all in vnumad.conf(5)",
                guest->name, guest->name);
        else if (guest->trouble)
            g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                        "guest %s: it is left alone: %s", guest->name, guest->trouble);
        else
            continue;
        return FALSE;
    }
    return TRUE;
}

gboolean
vn_cycle_accepts(VnCycle *cycle, const char *const *guests, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = vn_cycle_observe(cycle, error);
    return snapshot && vn_cycle_all_exist(snapshot, guests, error) &&
           vn_cycle_may_touch(snapshot, guests, error);
}

gboolean
vn_cycle_sample_peer(VnCycle *cycle, const char *path, GVariant *options,
                     VnSamplingDone done, gpointer data, GError **error)
{
    VnHost *host = vn_topology_read(cycle->root, error);
    return host && vn_sampling_request_peer(cycle->sampling, host, path, options, done,
                                            data, error);
}

gboolean
vn_cycle_sample(VnCycle *cycle, const char *name, GVariant *options, VnSamplingDone done,
                gpointer data, GError **error)
{
    const char *const names[] = {name, NULL};
    g_autoptr(VnSnapshot) snapshot = vn_cycle_observe(cycle, error);
    return snapshot && vn_cycle_all_exist(snapshot, names, error) &&
           vn_cycle_may_touch(snapshot, names, error) &&
           vn_sampling_request(cycle->sampling, vn_snapshot_find(snapshot, name), options,
                               done, data, error);
}

/* A libvirtd that is just restarting is waited for: what was done wants to be checked. */
static VnSnapshot *
observe_again(VnCycle *cycle, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + CHECK_TIMEOUT_US;
    for (;;) {
        g_autoptr(GError) wrong = NULL;
        VnSnapshot *snapshot = vn_cycle_observe(cycle, &wrong);
        if (snapshot)
            return snapshot;
        if (!g_error_matches(wrong, VN_ERROR, VN_ERROR_BUSY) ||
            g_get_monotonic_time() > deadline) {
            g_propagate_error(error, g_steal_pointer(&wrong));
            return NULL;
        }
        cycle->serve(cycle->serve_data);
        g_usleep(CHECK_PAUSE_US);
    }
}

void
vn_cycle_check(VnCycle *cycle, VnPlan *plan)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnSnapshot) after = observe_again(cycle, &error);
    if (after) {
        vn_check_parts(after, NULL, NULL, plan);
        vn_check(after, plan);
        return;
    }
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        if (step->outcome == VN_OUTCOME_DONE)
            vn_step_set_outcome(step, VN_OUTCOME_PENDING,
                                "carried out, but not checked: %s", error->message);
    }
}

/* The moves that act has gone through to their ends. */
static GPtrArray *
moves_carried_out(const VnPlan *plan)
{
    GPtrArray *moves = g_ptr_array_new();
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        if (step->kind == VN_STEP_MOVE_MEMORY && step->outcome == VN_OUTCOME_DONE)
            g_ptr_array_add(moves, step);
    }
    return moves;
}

/*
 * While pages are moved, the guest makes new ones, and the kernel's balancing and its
 * huge page daemon have others in their hands, which hides them: what the check finds
 * then is worth another round.
 */
static gboolean
plan_leftovers(const GPtrArray *moves)
{
    gboolean some = FALSE;
    for (guint i = 0; i < moves->len; i++) {
        VnStep *step = moves->pdata[i];
        if (step->outcome != VN_OUTCOME_PENDING)
            continue;
        vn_step_set_outcome(step, VN_OUTCOME_PLANNED, NULL);
        some = TRUE;
    }
    return some;
}

static void
remember_promises(VnCycle *cycle, const VnSnapshot *snapshot, const VnPlan *plan)
{
    for (guint i = 0; i < plan->decisions->len; i++) {
        const VnDecision *decision = plan->decisions->pdata[i];
        vn_sampling_promise(cycle->sampling, vn_snapshot_find(snapshot, decision->guest),
                            decision->expected_cost);
    }
}

/* How it went with each guest. */
static void
close_plan(VnCycle *cycle, const VnPlan *plan)
{
    g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(done, step->uuid));
        g_hash_table_insert(done, step->uuid,
                            GUINT_TO_POINTER(n + (step->outcome == VN_OUTCOME_DONE)));
    }
    /* Backwards, the first step of a guest is the one with the highest number. */
    for (guint i = plan->steps->len; i-- > 0;) {
        const VnStep *step = plan->steps->pdata[i];
        gpointer n;
        g_autoptr(GError) error = NULL;
        if (!g_hash_table_steal_extended(done, step->uuid, NULL, &n))
            continue;
        g_autofree char *found = g_strdup_printf("%u of %u steps done and checked",
                                                 GPOINTER_TO_UINT(n), step->number + 1);
        if (!vn_ledger_close(cycle->ledger, step->plan_id, step->guest, step->uuid, found,
                             &error))
            g_warning("%s", error->message);
    }
}

VnActPort
vn_cycle_port(VnCycle *cycle, VnHands *hands)
{
    *hands = (VnHands){.virt = cycle->virt, .root = cycle->root};
    VnActPort port = vn_hands_port(hands);
    port.serve = cycle->serve;
    port.serve_data = cycle->serve_data;
    return port;
}

static void
fail_all(VnPlan *plan, const char *why)
{
    for (guint i = 0; i < plan->steps->len; i++)
        vn_step_set_outcome(plan->steps->pdata[i], VN_OUTCOME_FAILED,
                            "not begun, because the plan cannot be recorded: %s", why);
}

void
vn_cycle_carry_out(VnCycle *cycle, VnProgress *progress, const VnSnapshot *snapshot,
                   VnPlan *plan)
{
    VnHands hands;
    VnActPort port = vn_cycle_port(cycle, &hands);
    g_autoptr(GError) error = NULL;
    if (!vn_ledger_plan(cycle->ledger, snapshot, plan, &error)) {
        fail_all(plan, error->message);
        return;
    }
    cycle->acting = TRUE;
    for (guint round = 1, more = TRUE; more; round++) {
        vn_progress_set_stage(progress, VN_STAGE_ACTING);
        vn_act(&port, &cycle->config, cycle->ledger, progress, snapshot, plan);
        g_autoptr(GPtrArray) moves = moves_carried_out(plan);

        vn_progress_set_stage(progress, VN_STAGE_CHECKING);
        vn_progress_set_activity(progress, "looking whether it worked");
        vn_cycle_check(cycle, plan);
        more = round < ROUNDS_MAX && plan_leftovers(moves);
    }
    cycle->acting = FALSE;
    close_plan(cycle, plan);
}

/* Whoever is named rests no longer. */
static gboolean
wake(VnCycle *cycle, const VnSnapshot *snapshot, const char *const *guests,
     GError **error)
{
    for (; guests && *guests; guests++) {
        if (!vn_ledger_wake(cycle->ledger, vn_snapshot_find(snapshot, *guests), error))
            return FALSE;
    }
    return TRUE;
}

VnPlan *
vn_cycle_run(VnCycle *cycle, const char *const *guests, VnProgress *progress,
             GError **error)
{
    vn_progress_set_stage(progress, VN_STAGE_PLANNING);
    vn_progress_set_activity(progress, "looking at host and guests");
    if (!vn_cycle_recover(cycle, error))
        return NULL;
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(VnPlan) plan = vn_cycle_plan(cycle, guests, &snapshot, error);
    if (!plan || !wake(cycle, snapshot, guests, error))
        return NULL;
    vn_history_note(cycle->history, snapshot, plan);
    remember_promises(cycle, snapshot, plan);
    if (plan->steps->len)
        vn_cycle_carry_out(cycle, progress, snapshot, plan);
    return g_steal_pointer(&plan);
}

gboolean
vn_cycle_connect(VnCycle *cycle, GError **error)
{
    return vn_connection_open(cycle->virt, 0, error);
}

gboolean
vn_cycle_complete(VnCycle *cycle, const char *uuid, GError **error)
{
    return vn_completer_complete(cycle->completer, uuid, NULL, error);
}
