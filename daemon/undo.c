/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A past plan's steps, turned round. */
#include "daemon/undo.h"

#include "model/text.h"

/* One guest whose plan is taken back. */
typedef struct {
    const VnSnapshot *snapshot;
    const VnGuest *guest;
    const VnPast *past;
    VnPlan *plan;
    GString *remarks; /* what is left alone */
} Subject;

const VnPast *
vn_undo_pick(const GPtrArray *pasts, const VnGuest *guest)
{
    for (guint i = pasts->len; i-- > 0;) {
        const VnPast *past = pasts->pdata[i];
        if (vn_past_can_be_undone(past))
            return vn_past_is_of(past, guest) ? past : NULL;
    }
    return NULL;
}

static VnIdSet *
all_cpus(const VnHost *host)
{
    g_autoptr(VnIdSet) nodes = vn_host_node_ids(host);
    return vn_host_cpus_of_nodes(host, nodes);
}

gboolean
vn_undo_pins_equal(const VnHost *host, const VnIdSet *one, const VnIdSet *other)
{
    g_autoptr(VnIdSet) all = all_cpus(host);
    gboolean one_is_all = !one || vn_idset_is_subset(all, one);
    gboolean other_is_all = !other || vn_idset_is_subset(all, other);
    if (one_is_all || other_is_all)
        return one_is_all && other_is_all;
    return vn_idset_equal(one, other);
}

static void leave(Subject *subject, const VnStep *step, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void
leave(Subject *subject, const VnStep *step, const char *format, ...)
{
    va_list arguments;
    g_autofree char *target = vn_step_target(step);
    va_start(arguments, format);
    g_string_append_printf(subject->remarks, "; left alone: %s: ", target);
    g_string_append_vprintf(subject->remarks, format, arguments);
    va_end(arguments);
}

static VnStep *
add_step(Subject *subject, const VnStep *step, VnIdSet *before, VnIdSet *after)
{
    g_autofree char *time = vn_past_time(subject->past->time_us);
    VnStep *back = vn_plan_add_step(subject->plan, step->kind, subject->guest,
                                    step->target, before, after);
    back->policy = "undo";
    back->expected_gain = -step->expected_gain;
    back->reason = g_strdup_printf("as it was before the plan of %s", time);
    return back;
}

static void
take_back_pin(Subject *subject, const VnStep *step)
{
    const VnHost *host = subject->snapshot->host;
    const VnVcpu *vcpu = vn_guest_find_vcpu(subject->guest, step->target);
    gboolean of_vcpu = step->kind == VN_STEP_PIN_VCPU;
    if (of_vcpu && !vcpu) {
        leave(subject, step, "there is no such vCPU any more");
        return;
    }
    const VnIdSet *now = of_vcpu ? vcpu->pinned : subject->guest->emulator_pinned;
    if (vn_undo_pins_equal(host, now, step->before))
        return;
    if (!vn_undo_pins_equal(host, now, step->after)) {
        g_autofree char *cpus = now ? vn_idset_format(now) : g_strdup("nothing");
        leave(subject, step,
              "it is now pinned to %s, which is not of our doing: somebody else manages "
              "this pin",
              cpus);
        return;
    }
    VnStep *back = add_step(subject, step, now ? vn_idset_copy(now) : all_cpus(host),
                            vn_idset_copy(step->before));
    back->pin_is_ours = step->pin_is_ours;
}

/* What was on @node and is to go back there. */
static GArray *
parts_from(const VnStep *step, guint node)
{
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(VnStepPart));
    for (guint i = 0; i < step->origins->len; i++) {
        const VnStepOrigin *origin = &g_array_index(step->origins, VnStepOrigin, i);
        VnStepPart part = {origin->offset_bytes, origin->bytes};
        if (origin->host_node == node)
            g_array_append_val(parts, part);
    }
    return parts;
}

/* The nodes that the step took memory from. */
static VnIdSet *
nodes_before(const VnStep *step)
{
    if (!step->origins)
        return vn_idset_copy(step->before);
    VnIdSet *nodes = vn_idset_new();
    for (guint i = 0; i < step->origins->len; i++)
        vn_idset_add(nodes, g_array_index(step->origins, VnStepOrigin, i).host_node);
    vn_idset_remove_all(nodes, step->after);
    return nodes;
}

/* Why the cell's memory is to be left alone; NULL: it is not. */
static char *
why_not_move(const Subject *subject, const VnStep *step, const VnIdSet *from)
{
    if (step->target >= subject->guest->cells->len)
        return g_strdup("there is no such cell any more");
    const VnCell *cell = subject->guest->cells->pdata[step->target];
    if (!cell->hva_end)
        return g_strdup(cell->hva_unknown ? cell->hva_unknown
                                          : "its address range in QEMU is not known");
    if (!step->origins && (step->parts_only || vn_idset_count(from) != 1))
        return g_strdup("where its parts lay was not recorded");
    g_autoptr(VnIdSet) known = vn_idset_copy(from);
    vn_idset_add_all(known, step->after);
    guint64 resident = vn_cell_resident(cell);
    guint64 foreign = resident - vn_cell_resident_on(cell, known);
    if (step->parts_only || (double) foreign <= (double) resident * VN_UNDO_FOREIGN_RATIO)
        return NULL;
    g_autofree char *size = vn_text_bytes(foreign);
    return g_strdup_printf("%s of it lie where that plan neither found nor brought them: "
                           "somebody else moves its memory",
                           size);
}

static guint64
bytes_of_parts(const GArray *parts)
{
    guint64 bytes = 0;
    for (guint i = 0; i < parts->len; i++)
        bytes += g_array_index(parts, VnStepPart, i).bytes;
    return bytes;
}

/* A step for each node that memory goes back to. */
static void
take_back_move(Subject *subject, const VnStep *step)
{
    g_autoptr(VnIdSet) from = nodes_before(step);
    g_autofree char *why_not = why_not_move(subject, step, from);
    if (why_not) {
        leave(subject, step, "%s", why_not);
        return;
    }
    const VnCell *cell = subject->guest->cells->pdata[step->target];
    guint64 there = vn_cell_resident_on(cell, step->after);
    VN_IDSET_FOREACH (from, node) {
        g_autoptr(GArray) parts = step->origins ? parts_from(step, (guint) node) : NULL;
        guint64 bytes = parts ? MIN(bytes_of_parts(parts), there) : there;
        if (!bytes)
            continue;
        VnStep *back = add_step(subject, step, vn_idset_copy(step->after),
                                vn_idset_new_with((guint) node));
        back->expected_gain /= vn_idset_count(from);
        back->bytes = bytes;
        back->parts_only = parts != NULL;
        back->parts = g_steal_pointer(&parts);
    }
}

static void
take_back(Subject *subject)
{
    const VnPast *past = subject->past;
    for (guint i = past->steps->len; i-- > 0;) {
        const VnStep *step = past->steps->pdata[i];
        if (step->kind != VN_STEP_MOVE_MEMORY &&
            vn_idset_contains(past->begun, step->number))
            take_back_pin(subject, step);
    }
    for (guint i = past->steps->len; i-- > 0;) {
        const VnStep *step = past->steps->pdata[i];
        if (step->kind == VN_STEP_MOVE_MEMORY &&
            vn_idset_contains(past->begun, step->number))
            take_back_move(subject, step);
    }
}

VnPlan *
vn_undo_plan(const VnSnapshot *snapshot, const GPtrArray *pasts)
{
    VnPlan *plan = vn_plan_new();
    for (guint i = 0; i < pasts->len; i++) {
        const VnPast *past = pasts->pdata[i];
        g_autoptr(GString) remarks = g_string_new(NULL);
        g_autofree char *time = vn_past_time(past->time_us);
        guint n_before = plan->steps->len;
        Subject subject = {.snapshot = snapshot,
                           .guest = vn_snapshot_find(snapshot, past->uuid),
                           .past = past,
                           .plan = plan,
                           .remarks = remarks};
        VnDecision *decision = vn_plan_add_decision(plan, subject.guest->name);
        take_back(&subject);
        guint n = plan->steps->len - n_before;
        if (n)
            vn_decision_set_reason(decision,
                                   "%u step%s back to what was before the plan of %s%s",
                                   n, n == 1 ? "" : "s", time, remarks->str);
        else
            vn_decision_set_reason(
                decision, "nothing is as the plan of %s left it, so nothing is undone%s",
                time, remarks->str);
    }
    return plan;
}
