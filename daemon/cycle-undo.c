/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way back: vn_cycle_undo(), on request; and vn_cycle_recover(), for what a daemon
 * that was killed has left half done.
 */
#include "daemon/cycle-private.h"

#include "daemon/guard.h"
#include "daemon/recover.h"
#include "daemon/undo.h"

#include <string.h>

/* ---- undo ---- */

/* (transfer full) (nullable): the plan of @guest that is to be undone next. */
static VnPast *
take_last(const VnCycle *cycle, const VnGuest *guest)
{
    g_autoptr(GPtrArray) pasts = vn_ledger_pasts(cycle->ledger, guest->uuid);
    const VnPast *last = vn_undo_pick(pasts, guest);
    for (guint i = 0; last && i < pasts->len; i++) {
        if (pasts->pdata[i] == last)
            return g_steal_pointer(&pasts->pdata[i]);
    }
    return NULL;
}

static GPtrArray *
pasts_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify) vn_past_free);
}

/* The last plan of each guest that is named. */
static GPtrArray *
pick_named(const VnCycle *cycle, const VnSnapshot *snapshot, const char *const *guests,
           GError **error)
{
    g_autoptr(GPtrArray) pasts = pasts_new();
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        if (!vn_cycle_is_named(snapshot, guests, guest->name))
            continue;
        VnPast *past = take_last(cycle, guest);
        if (!past) {
            g_set_error(
                error, VN_ERROR, VN_ERROR_GONE,
                "guest %s: there is nothing to undo: since it was started no plan "
                "was carried out for it that is not undone already; 'vnumactl why "
                "%s' shows its last ones",
                guest->name, guest->name);
            return NULL;
        }
        g_ptr_array_add(pasts, past);
    }
    return g_steal_pointer(&pasts);
}

/* The host's last plan: of all guests that it was for and that can be touched. */
static GPtrArray *
pick_last(const VnCycle *cycle, const VnSnapshot *snapshot, GError **error)
{
    g_autoptr(GPtrArray) pasts = pasts_new();
    guint64 last_id = 0;
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        VnPast *past = guest->managed && !guest->trouble ? take_last(cycle, guest) : NULL;
        if (past) {
            last_id = MAX(last_id, past->id);
            g_ptr_array_add(pasts, past);
        }
    }
    for (guint i = pasts->len; i-- > 0;) {
        if (((const VnPast *) pasts->pdata[i])->id != last_id)
            g_ptr_array_remove_index(pasts, i);
    }
    if (!pasts->len) {
        g_set_error(
            error, VN_ERROR, VN_ERROR_GONE,
            "there is nothing to undo: no plan was carried out for any guest that "
            "runs, but such as are undone already");
        return NULL;
    }
    return g_steal_pointer(&pasts);
}

static guint
count_steps(const VnPlan *plan, const char *uuid, gboolean only_done)
{
    guint n = 0;
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        n += strcmp(step->uuid, uuid) == 0 &&
             (!only_done || step->outcome == VN_OUTCOME_DONE);
    }
    return n;
}

/* An undo on its way. */
typedef struct {
    VnSnapshot *snapshot;
    GPtrArray *pasts; /* of VnPast: what is undone */
    GArray *n_wanted; /* of guint: steps for each of these, before the guard looked */
    VnPlan *plan;
} Undo;

static void
undo_clear(Undo *undo)
{
    g_clear_pointer(&undo->snapshot, vn_snapshot_unref);
    g_clear_pointer(&undo->pasts, g_ptr_array_unref);
    g_clear_pointer(&undo->n_wanted, g_array_unref);
    g_clear_pointer(&undo->plan, vn_plan_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Undo, undo_clear)

static gboolean
prepare(VnCycle *cycle, const char *const *guests, Undo *undo, GError **error)
{
    undo->snapshot = vn_cycle_observe(cycle, error);
    if (!undo->snapshot || !vn_cycle_all_exist(undo->snapshot, guests, error) ||
        !vn_cycle_may_touch(undo->snapshot, guests, error))
        return FALSE;
    undo->pasts = guests && *guests ? pick_named(cycle, undo->snapshot, guests, error)
                                    : pick_last(cycle, undo->snapshot, error);
    if (!undo->pasts)
        return FALSE;
    undo->plan = vn_undo_plan(undo->snapshot, undo->pasts);
    undo->n_wanted = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < undo->pasts->len; i++) {
        const VnPast *past = undo->pasts->pdata[i];
        guint n = count_steps(undo->plan, past->uuid, FALSE);
        g_array_append_val(undo->n_wanted, n);
    }
    vn_guard(undo->snapshot, &cycle->config, undo->plan);
    return TRUE;
}

VnPlan *
vn_cycle_plan_undo(VnCycle *cycle, const char *const *guests, GError **error)
{
    g_auto(Undo) undo = {0};
    if (!prepare(cycle, guests, &undo, error))
        return NULL;
    return g_steal_pointer(&undo.plan);
}

/* What is undone whole is not undone again; the next undo goes one plan further back. */
static void
note_one_undone(VnCycle *cycle, const VnPast *past)
{
    g_autoptr(GError) error = NULL;
    if (!past->is_undo && !vn_ledger_undone(cycle->ledger, past, &error))
        g_warning("%s", error->message);
}

static void
note_undone(VnCycle *cycle, const Undo *undo)
{
    for (guint i = 0; i < undo->pasts->len; i++) {
        const VnPast *past = undo->pasts->pdata[i];
        if (count_steps(undo->plan, past->uuid, TRUE) ==
            g_array_index(undo->n_wanted, guint, i))
            note_one_undone(cycle, past);
    }
}

VnPlan *
vn_cycle_undo(VnCycle *cycle, const char *const *guests, VnProgress *progress,
              GError **error)
{
    g_auto(Undo) undo = {0};
    vn_progress_set_stage(progress, VN_STAGE_PLANNING);
    vn_progress_set_activity(progress, "looking at host and guests");
    if (!vn_cycle_recover(cycle, error) || !prepare(cycle, guests, &undo, error))
        return NULL;
    /* From here on they rest, however far this comes. */
    for (guint i = 0; i < undo.pasts->len; i++) {
        const VnPast *past = undo.pasts->pdata[i];
        if (!vn_ledger_rest(cycle->ledger, vn_snapshot_find(undo.snapshot, past->uuid),
                            past->id, error))
            return NULL;
    }
    vn_history_note(cycle->history, undo.snapshot, undo.plan);
    if (undo.plan->steps->len)
        vn_cycle_carry_out(cycle, progress, undo.snapshot, undo.plan);
    note_undone(cycle, &undo);
    return g_steal_pointer(&undo.plan);
}

/* ---- recovery ---- */

static void
record_end(VnCycle *cycle, const VnStep *step)
{
    g_autoptr(GError) error = NULL;
    if (!vn_ledger_append(cycle->ledger, "end", step, &error))
        g_warning("%s", error->message);
}

/* Steps that were under way have ended, if not for good. */
static void
end_steps(VnCycle *cycle, const VnSnapshot *snapshot, const VnPast *past)
{
    const VnGuest *guest = vn_snapshot_find(snapshot, past->uuid);
    for (guint i = 0; i < past->steps->len; i++) {
        VnStep *step = past->steps->pdata[i];
        if (step->outcome != VN_OUTCOME_PLANNED ||
            !vn_idset_contains(past->begun, step->number))
            continue;
        if (step->kind != VN_STEP_MOVE_MEMORY && vn_past_is_of(past, guest) &&
            vn_recover_pin_is_done(snapshot, guest, step))
            vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
        else
            vn_step_set_outcome(step, VN_OUTCOME_PENDING, "vnumad ended before it did");
        record_end(cycle, step);
    }
}

/* Carries out the steps of a recovery. Returns: whether all were seen to be done. */
static gboolean
make_whole(VnCycle *cycle, const VnSnapshot *snapshot, VnPlan *plan)
{
    VnHands hands;
    VnActPort port = vn_cycle_port(cycle, &hands);
    gboolean done = TRUE;
    cycle->acting = TRUE;
    vn_act(&port, &cycle->config, cycle->ledger, cycle->own, snapshot, plan);
    vn_cycle_check(cycle, plan);
    cycle->acting = FALSE;
    for (guint i = 0; i < plan->steps->len; i++)
        done =
            done && ((const VnStep *) plan->steps->pdata[i])->outcome == VN_OUTCOME_DONE;
    return done;
}

/*
 * Pins the guest whole, or not at all.
 *
 * Returns: what was done about it; @ret_planned: whether it is pinned as planned now
 */
static const char *
recover_pins(VnCycle *cycle, const VnSnapshot *snapshot, const VnPast *past,
             gboolean take_back, gboolean *ret_planned)
{
    g_autoptr(VnPlan) plan = vn_plan_new();
    g_autoptr(GError) error = NULL;
    VnRecovery recovery = vn_recover_pins(snapshot, past, take_back, plan);
    *ret_planned = FALSE;
    if (recovery == VN_RECOVER_FORMER) {
        note_one_undone(cycle, past);
        return "nothing of it was done";
    }
    if (recovery == VN_RECOVER_PLANNED || make_whole(cycle, snapshot, plan)) {
        *ret_planned = recovery != VN_RECOVER_TAKE_BACK;
        if (!*ret_planned)
            note_one_undone(cycle, past);
        return recovery == VN_RECOVER_PLANNED ? "its pins were whole"
               : recovery == VN_RECOVER_GO_ON ? "its pins were completed"
                                              : "its pins were taken back";
    }
    g_autoptr(VnSnapshot) now =
        recovery == VN_RECOVER_GO_ON ? vn_cycle_observe(cycle, &error) : NULL;
    if (now && vn_past_is_of(past, vn_snapshot_find(now, past->uuid)))
        return recover_pins(cycle, now, past, TRUE, ret_planned);
    return "some of its pins are as they were before, and could not be changed";
}

/* Goes on with the plan's moves. Returns: (nullable): how that went. */
static char *
recover_moves(VnCycle *cycle, const VnSnapshot *snapshot, const VnPast *past)
{
    g_autoptr(VnPlan) plan = vn_plan_new();
    const VnGuest *guest = vn_snapshot_find(snapshot, past->uuid);
    vn_decision_set_reason(vn_plan_add_decision(plan, guest->name), "recovery");
    vn_recover_moves(snapshot, past, plan);
    guint n_wanted = plan->steps->len;
    if (!n_wanted)
        return NULL;
    vn_guard(snapshot, &cycle->config, plan);
    make_whole(cycle, snapshot, plan);
    return g_strdup_printf("; moves completed: %u of %u",
                           count_steps(plan, past->uuid, TRUE), n_wanted);
}

/* Returns: what was found, and done about it. */
static char *
recover_guest(VnCycle *cycle, const VnSnapshot *snapshot, const VnPast *past)
{
    gboolean planned = FALSE;
    const char *pins = recover_pins(cycle, snapshot, past, FALSE, &planned);
    /* What is left of an undo's moves is known by the plan that it undoes. */
    g_autofree char *moves =
        planned && !past->is_undo ? recover_moves(cycle, snapshot, past) : NULL;
    return g_strconcat(pins, moves, NULL);
}

static void
recover_one(VnCycle *cycle, const VnSnapshot *snapshot, const VnPast *past)
{
    const VnGuest *guest = vn_snapshot_find(snapshot, past->uuid);
    g_autoptr(GError) error = NULL;
    g_autofree char *time = vn_past_time(past->time_us);
    g_autofree char *what = NULL;
    end_steps(cycle, snapshot, past);
    if (!vn_past_is_of(past, guest))
        what = g_strdup("the guest has stopped since, or was started anew");
    else if (!guest->managed)
        what = g_strdup("the guest is no longer managed");
    else
        what = recover_guest(cycle, snapshot, past);
    g_autofree char *found =
        g_strdup_printf("left half done by a vnumad that ended: %s", what);
    g_message("guest %s: the plan of %s was %s", past->guest, time, found);
    if (!vn_ledger_close(cycle->ledger, past->id, past->guest, past->uuid, found, &error))
        g_warning("%s", error->message);
}

/* Whether it can be touched at a later time only. */
static gboolean
has_to_wait(const VnGuest *guest)
{
    return guest && guest->state != VN_GUEST_STOPPED && guest->trouble;
}

gboolean
vn_cycle_recover(VnCycle *cycle, GError **error)
{
    if (!cycle->unfinished->len)
        return TRUE;
    g_autoptr(VnSnapshot) snapshot = vn_cycle_observe(cycle, error);
    if (!snapshot)
        return FALSE;
    g_autoptr(GPtrArray) undos = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) pasts = g_steal_pointer(&cycle->unfinished);
    cycle->unfinished = pasts_new();
    for (guint i = 0; i < pasts->len; i++) {
        const VnPast *past = pasts->pdata[i];
        const VnGuest *guest = vn_snapshot_find(snapshot, past->uuid);
        if (has_to_wait(guest)) {
            g_ptr_array_add(cycle->unfinished, g_steal_pointer(&pasts->pdata[i]));
            continue;
        }
        recover_one(cycle, snapshot, past);
        if (past->is_undo && vn_past_is_of(past, guest) && guest->managed)
            g_ptr_array_add(undos, g_strdup(past->uuid));
    }
    /* Such a guest rests: no plan but this one brings its memory where it was to go. */
    for (guint i = 0; i < undos->len; i++) {
        const char *const guests[] = {undos->pdata[i], NULL};
        g_autoptr(GError) wrong = NULL;
        g_autoptr(VnPlan) plan = vn_cycle_undo(cycle, guests, cycle->own, &wrong);
        if (!plan)
            g_message("%s", wrong->message);
    }
    return TRUE;
}
