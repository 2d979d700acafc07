/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Half-done plans: which pins make the guest whole. */
#include "daemon/recover.h"

#include "daemon/undo.h"

static gboolean
is_pin(const VnStep *step)
{
    return step->kind != VN_STEP_MOVE_MEMORY;
}

static gboolean
is_at(const VnSnapshot *snapshot, const VnGuest *guest, const VnStep *step,
      const VnIdSet *cpus)
{
    if (step->kind == VN_STEP_PIN_EMULATOR)
        return vn_undo_pins_equal(snapshot->host, guest->emulator_pinned, cpus);
    const VnVcpu *vcpu = vn_guest_find_vcpu(guest, step->target);
    return vcpu && vn_undo_pins_equal(snapshot->host, vcpu->pinned, cpus);
}

gboolean
vn_recover_pin_is_done(const VnSnapshot *snapshot, const VnGuest *guest,
                       const VnStep *step)
{
    return is_at(snapshot, guest, step, step->after);
}

static gboolean
has_failed(const VnPast *past)
{
    for (guint i = 0; i < past->steps->len; i++) {
        const VnStep *step = past->steps->pdata[i];
        if (is_pin(step) &&
            (step->outcome == VN_OUTCOME_FAILED || step->outcome == VN_OUTCOME_SKIPPED))
            return TRUE;
    }
    return FALSE;
}

/* A step with the identity of the recorded one. @before, @after: (transfer full) */
static VnStep *
add_step(const VnGuest *guest, const VnStep *step, VnIdSet *before, VnIdSet *after,
         VnPlan *plan)
{
    VnStep *more = vn_plan_add_step(plan, step->kind, guest, step->target, before, after);
    more->policy = step->policy;
    more->plan_id = step->plan_id;
    more->number = step->number;
    more->pin_is_ours = step->pin_is_ours;
    more->expected_gain = step->expected_gain;
    more->reason = g_strdup("its plan was left half done");
    return more;
}

VnRecovery
vn_recover_pins(const VnSnapshot *snapshot, const VnPast *past, gboolean take_back,
                VnPlan *plan)
{
    const VnGuest *guest = vn_snapshot_find(snapshot, past->uuid);
    g_autoptr(GPtrArray) done = g_ptr_array_new();
    g_autoptr(GPtrArray) undone = g_ptr_array_new();
    gboolean has_pins = FALSE;
    for (guint i = 0; i < past->steps->len; i++) {
        VnStep *step = past->steps->pdata[i];
        if (!is_pin(step))
            continue;
        has_pins = TRUE;
        if (is_at(snapshot, guest, step, step->after))
            g_ptr_array_add(done, step);
        else if (is_at(snapshot, guest, step, step->before))
            g_ptr_array_add(undone, step);
    }
    if (vn_idset_is_empty(past->begun) || (has_pins && !done->len))
        return VN_RECOVER_FORMER;
    if (take_back || has_failed(past)) {
        for (guint i = done->len; i-- > 0;) {
            const VnStep *step = done->pdata[i];
            add_step(guest, step, vn_idset_copy(step->after), vn_idset_copy(step->before),
                     plan);
        }
        return done->len ? VN_RECOVER_TAKE_BACK : VN_RECOVER_PLANNED;
    }
    for (guint i = 0; i < undone->len; i++) {
        const VnStep *step = undone->pdata[i];
        add_step(guest, step, vn_idset_copy(step->before), vn_idset_copy(step->after),
                 plan);
    }
    return undone->len ? VN_RECOVER_GO_ON : VN_RECOVER_PLANNED;
}

/* What of its origins is still to be looked at; NULL: all of the cell. */
static GArray *
parts_left(const VnStep *step)
{
    if (!step->parts_only)
        return NULL;
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(VnStepPart));
    for (guint i = 0; i < step->origins->len; i++) {
        const VnStepOrigin *origin = &g_array_index(step->origins, VnStepOrigin, i);
        VnStepPart part = {origin->offset_bytes, origin->bytes};
        g_array_append_val(parts, part);
    }
    return parts;
}

void
vn_recover_moves(const VnSnapshot *snapshot, const VnPast *past, VnPlan *plan)
{
    const VnGuest *guest = vn_snapshot_find(snapshot, past->uuid);
    for (guint i = 0; i < past->steps->len; i++) {
        const VnStep *step = past->steps->pdata[i];
        if (is_pin(step) || step->outcome == VN_OUTCOME_DONE ||
            step->target >= guest->cells->len || (step->parts_only && !step->origins))
            continue;
        const VnCell *cell = guest->cells->pdata[step->target];
        guint64 astray = vn_cell_resident(cell) - vn_cell_resident_on(cell, step->after);
        if (!astray || !cell->hva_end)
            continue;
        VnStep *more = add_step(guest, step, vn_idset_copy(step->before),
                                vn_idset_copy(step->after), plan);
        more->parts_only = step->parts_only;
        more->parts = parts_left(step);
        more->bytes = more->parts ? MIN(vn_step_parts_bytes(more), astray) : astray;
    }
}
