/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The check of a plan against the snapshot taken after it. */
#include "daemon/check.h"

#include "model/text.h"

static void
check_pin(const VnIdSet *observed, VnStep *step)
{
    if (observed && vn_idset_equal(observed, step->after)) {
        vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
        return;
    }
    if (step->outcome == VN_OUTCOME_FAILED)
        return;
    g_autofree char *cpus = observed ? vn_idset_format(observed) : g_strdup("nothing");
    vn_step_set_outcome(step, VN_OUTCOME_FAILED,
                        "it is now pinned to %s; somebody else "
                        "seems to manage this pin",
                        cpus);
}

static void
check_move(const VnCell *cell, VnStep *step)
{
    guint64 resident = vn_cell_resident(cell);
    guint64 astray = resident - vn_cell_resident_on(cell, step->after);
    g_autofree char *left = vn_text_bytes(astray);
    g_autofree char *said = g_strdup(step->outcome_text);

    if ((double) astray <= (double) resident * VN_CHECK_ASTRAY_RATIO) {
        if (said && astray)
            vn_step_set_outcome(step, VN_OUTCOME_DONE, "%s stay elsewhere: %s", left,
                                said);
        else
            vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
        return;
    }
    vn_step_set_outcome(step, step->bytes_moved ? VN_OUTCOME_PENDING : VN_OUTCOME_FAILED,
                        "%s still lie elsewhere%s%s", left, said ? ": " : "",
                        said ? said : "");
}

static void
check_step(const VnSnapshot *after, VnStep *step)
{
    const VnGuest *guest = vn_snapshot_find(after, step->uuid);
    if (!guest || guest->state == VN_GUEST_STOPPED) {
        vn_step_set_outcome(step, VN_OUTCOME_FAILED, "the guest stopped meanwhile");
        return;
    }
    switch (step->kind) {
    case VN_STEP_PIN_VCPU: {
        const VnVcpu *vcpu = vn_guest_find_vcpu(guest, step->target);
        check_pin(vcpu ? vcpu->pinned : NULL, step);
        return;
    }
    case VN_STEP_PIN_EMULATOR:
        check_pin(guest->emulator_pinned, step);
        return;
    case VN_STEP_MOVE_MEMORY:
        if (step->parts_only)
            return; /* vn_check_parts() */
        if (step->target < guest->cells->len)
            check_move(guest->cells->pdata[step->target], step);
        else
            vn_step_set_outcome(step, VN_OUTCOME_FAILED, "the cell is no longer there");
        return;
    }
    g_assert_not_reached();
}

void
vn_check(const VnSnapshot *after, VnPlan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        if (step->outcome != VN_OUTCOME_SKIPPED)
            check_step(after, step);
    }
}

char *
vn_check_summary(const VnPlan *plan, gboolean *ret_all_done)
{
    guint done = 0;
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        done += step->outcome == VN_OUTCOME_DONE;
    }
    *ret_all_done = done == plan->steps->len;
    if (!plan->steps->len)
        return g_strdup("nothing to do");
    g_autofree char *moved = vn_text_bytes(vn_plan_bytes_moved(plan));
    return g_strdup_printf("%u of %u steps done and checked, %s moved", done,
                           plan->steps->len, moved);
}
