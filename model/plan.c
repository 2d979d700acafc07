/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnPlan: construction, and plans and guests described as GVariants. */
#include "model/plan.h"

#include "model/dict.h"

#include <string.h>

static void
decision_free(gpointer data)
{
    VnDecision *decision = data;
    g_free(decision->guest);
    g_ptr_array_unref(decision->homes);
    g_free(decision->reason);
    g_free(decision);
}

void
vn_step_free(VnStep *step)
{
    if (!step)
        return;
    g_free(step->guest);
    g_free(step->uuid);
    vn_idset_free(step->before);
    vn_idset_free(step->after);
    g_clear_pointer(&step->parts, g_array_unref);
    g_clear_pointer(&step->origins, g_array_unref);
    g_free(step->reason);
    g_free(step->outcome_text);
    g_free(step);
}

VnPlan *
vn_plan_new(void)
{
    VnPlan *plan = g_atomic_rc_box_new0(VnPlan);
    plan->decisions = g_ptr_array_new_with_free_func(decision_free);
    plan->steps = g_ptr_array_new_with_free_func((GDestroyNotify) vn_step_free);
    return plan;
}

VnPlan *
vn_plan_ref(VnPlan *plan)
{
    return g_atomic_rc_box_acquire(plan);
}

static void
clear(gpointer data)
{
    VnPlan *plan = data;
    g_ptr_array_unref(plan->decisions);
    g_ptr_array_unref(plan->steps);
}

void
vn_plan_unref(VnPlan *plan)
{
    if (plan)
        g_atomic_rc_box_release_full(plan, clear);
}

VnDecision *
vn_plan_add_decision(VnPlan *plan, const char *guest)
{
    VnDecision *decision = g_new0(VnDecision, 1);
    decision->guest = g_strdup(guest);
    decision->homes = g_ptr_array_new_with_free_func((GDestroyNotify) vn_idset_free);
    g_ptr_array_add(plan->decisions, decision);
    return decision;
}

void
vn_decision_set_reason(VnDecision *decision, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_free(decision->reason);
    decision->reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

VnStep *
vn_plan_add_step(VnPlan *plan, VnStepKind kind, const VnGuest *guest, guint target,
                 VnIdSet *before, VnIdSet *after)
{
    VnStep *step = g_new0(VnStep, 1);
    step->kind = kind;
    step->policy = "align";
    step->guest = g_strdup(guest->name);
    step->uuid = g_strdup(guest->uuid);
    step->target = target;
    step->before = before;
    step->after = after;
    if (kind == VN_STEP_PIN_VCPU) {
        const VnVcpu *vcpu = vn_guest_find_vcpu(guest, target);
        step->pin_is_ours = vcpu && (!vcpu->pinned || vcpu->pin_is_ours);
    } else if (kind == VN_STEP_PIN_EMULATOR) {
        step->pin_is_ours = !guest->emulator_pinned || guest->emulator_pin_is_ours;
    }
    g_ptr_array_add(plan->steps, step);
    return step;
}

VnDecision *
vn_plan_find_decision(const VnPlan *plan, const char *guest)
{
    for (guint i = 0; i < plan->decisions->len; i++) {
        VnDecision *decision = plan->decisions->pdata[i];
        if (strcmp(decision->guest, guest) == 0)
            return decision;
    }
    return NULL;
}

guint64
vn_plan_bytes_total(const VnPlan *plan)
{
    guint64 bytes = 0;
    for (guint i = 0; i < plan->steps->len; i++)
        bytes += ((const VnStep *) plan->steps->pdata[i])->bytes;
    return bytes;
}

guint64
vn_plan_bytes_moved(const VnPlan *plan)
{
    guint64 bytes = 0;
    for (guint i = 0; i < plan->steps->len; i++)
        bytes += ((const VnStep *) plan->steps->pdata[i])->bytes_moved;
    return bytes;
}

void
vn_step_set_outcome(VnStep *step, VnOutcome outcome, const char *format, ...)
{
    step->outcome = outcome;
    g_clear_pointer(&step->outcome_text, g_free);
    if (!format)
        return;
    va_list arguments;
    va_start(arguments, format);
    step->outcome_text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

guint64
vn_step_parts_bytes(const VnStep *step)
{
    guint64 bytes = 0;
    for (guint i = 0; step->parts && i < step->parts->len; i++)
        bytes += g_array_index(step->parts, VnStepPart, i).bytes;
    return bytes;
}

char *
vn_step_target(const VnStep *step)
{
    switch (step->kind) {
    case VN_STEP_PIN_VCPU:
        return g_strdup_printf("vcpu %u", step->target);
    case VN_STEP_PIN_EMULATOR:
        return g_strdup("emulator");
    case VN_STEP_MOVE_MEMORY:
        return g_strdup_printf("cell %u", step->target);
    }
    g_assert_not_reached();
}

const char *
vn_step_kind_name(VnStepKind kind)
{
    switch (kind) {
    case VN_STEP_PIN_VCPU:
        return "pin-vcpu";
    case VN_STEP_PIN_EMULATOR:
        return "pin-emulator";
    case VN_STEP_MOVE_MEMORY:
        return "move-memory";
    }
    g_assert_not_reached();
}

const char *
vn_outcome_name(VnOutcome outcome)
{
    switch (outcome) {
    case VN_OUTCOME_PLANNED:
        return "planned";
    case VN_OUTCOME_DONE:
        return "done";
    case VN_OUTCOME_PENDING:
        return "pending";
    case VN_OUTCOME_FAILED:
        return "failed";
    case VN_OUTCOME_SKIPPED:
        return "skipped";
    }
    g_assert_not_reached();
}

GVariant *
vn_step_to_variant(const VnStep *step)
{
    g_autofree char *target = vn_step_target(step);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "kind", "s", vn_step_kind_name(step->kind));
    vn_dict_insert(&dict, "policy", "s", step->policy);
    if (step->plan_id) {
        vn_dict_insert(&dict, "plan_id", "t", step->plan_id);
        vn_dict_insert(&dict, "number", "u", step->number);
    }
    vn_dict_insert(&dict, "guest", "s", step->guest);
    vn_dict_insert(&dict, "target", "s", target);
    vn_dict_insert_idset(&dict, "before", step->before);
    vn_dict_insert_idset(&dict, "after", step->after);
    if (step->kind != VN_STEP_MOVE_MEMORY)
        vn_dict_insert(&dict, "pin_is_ours", "b", step->pin_is_ours);
    vn_dict_insert(&dict, "bytes", "t", step->bytes);
    if (step->parts) {
        vn_dict_insert(&dict, "parts", "u", step->parts->len);
        vn_dict_insert(&dict, "parts_bytes", "t", vn_step_parts_bytes(step));
        vn_dict_insert(&dict, "parts_only", "b", step->parts_only);
    }
    vn_dict_insert(&dict, "expected_gain", "d", step->expected_gain);
    vn_dict_insert_string(&dict, "reason", step->reason);
    vn_dict_insert(&dict, "outcome", "s", vn_outcome_name(step->outcome));
    if (step->outcome != VN_OUTCOME_PLANNED)
        vn_dict_insert(&dict, "bytes_moved", "t", step->bytes_moved);
    vn_dict_insert_string(&dict, "outcome_text", step->outcome_text);
    return vn_dict_end(&dict);
}

static GVariant *
decision_to_variant(const VnDecision *decision)
{
    g_auto(GVariantBuilder) homes;
    g_auto(VnDict) dict;
    g_variant_builder_init(&homes, G_VARIANT_TYPE("aau"));
    for (guint i = 0; i < decision->homes->len; i++) {
        g_variant_builder_open(&homes, G_VARIANT_TYPE("au"));
        VN_IDSET_FOREACH (decision->homes->pdata[i], id)
            g_variant_builder_add(&homes, "u", (guint32) id);
        g_variant_builder_close(&homes);
    }
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "guest", "s", decision->guest);
    vn_dict_insert_value(&dict, "homes", g_variant_builder_end(&homes));
    vn_dict_insert_string(&dict, "reason", decision->reason);
    return vn_dict_end(&dict);
}

GVariant *
vn_plan_to_variant(const VnPlan *plan)
{
    g_auto(GVariantBuilder) decisions;
    g_auto(GVariantBuilder) steps;
    g_auto(VnDict) dict;
    g_variant_builder_init(&decisions, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&steps, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < plan->decisions->len; i++)
        g_variant_builder_add_value(&decisions,
                                    decision_to_variant(plan->decisions->pdata[i]));
    for (guint i = 0; i < plan->steps->len; i++)
        g_variant_builder_add_value(&steps, vn_step_to_variant(plan->steps->pdata[i]));
    vn_dict_init(&dict, NULL);
    vn_dict_insert_value(&dict, "decisions", g_variant_builder_end(&decisions));
    vn_dict_insert_value(&dict, "steps", g_variant_builder_end(&steps));
    vn_dict_insert(&dict, "bytes_total", "t", vn_plan_bytes_total(plan));
    return vn_dict_end(&dict);
}

static void
insert_locality(VnDict *dict, const VnLocalityFigures *figures)
{
    vn_dict_insert_ratio(dict, "locality_ratio", figures->locality);
    vn_dict_insert_ratio(dict, "remote_cost", figures->remote_cost);
    vn_dict_insert(dict, "confidence_ratio", "d", figures->confidence);
}

static GVariant *
cell_to_variant(const VnCell *cell, const VnIdSet *home, const VnLocalityFigures *figures,
                gboolean whole)
{
    g_autoptr(VnIdSet) none = vn_idset_new();
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "id", "u", cell->id);
    vn_dict_insert_idset(&dict, "vcpus", cell->vcpus);
    vn_dict_insert(&dict, "memory_bytes", "t", cell->memory_bytes);
    vn_dict_insert_idset(&dict, "home", home ? home : none);
    vn_dict_insert_node_bytes(&dict, "resident_bytes", cell->resident_bytes);
    if (!whole)
        return vn_dict_end(&dict);

    insert_locality(&dict, figures);
    vn_dict_insert(&dict, "page_size_bytes", "t", cell->page_size_bytes);
    vn_dict_insert(&dict, "binding", "s", vn_binding_name(cell->binding));
    if (cell->bound)
        vn_dict_insert_idset(&dict, "bound", cell->bound);
    if (cell->hva_end) {
        vn_dict_insert(&dict, "hva_start", "t", cell->hva_start);
        vn_dict_insert(&dict, "hva_end", "t", cell->hva_end);
    }
    vn_dict_insert_string(&dict, "hva_unknown", cell->hva_unknown);
    return vn_dict_end(&dict);
}

static const char *
thread_kind_name(VnThreadKind kind)
{
    switch (kind) {
    case VN_THREAD_EMULATOR:
        return "emulator";
    case VN_THREAD_IOTHREAD:
        return "iothread";
    case VN_THREAD_VHOST:
        return "vhost";
    }
    g_assert_not_reached();
}

static void
insert_threads(VnDict *dict, const VnGuest *guest)
{
    g_auto(GVariantBuilder) vcpus;
    g_auto(GVariantBuilder) threads;
    g_variant_builder_init(&vcpus, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&threads, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        g_auto(VnDict) one;
        vn_dict_init(&one, NULL);
        vn_dict_insert(&one, "id", "u", vcpu->id);
        vn_dict_insert(&one, "cell", "u", vcpu->cell);
        vn_dict_insert(&one, "tid", "i", vcpu->tid);
        if (vcpu->pinned)
            vn_dict_insert_idset(&one, "pinned", vcpu->pinned);
        if (vcpu->affinity)
            vn_dict_insert_idset(&one, "affinity", vcpu->affinity);
        g_variant_builder_add_value(&vcpus, vn_dict_end(&one));
    }
    for (guint i = 0; i < guest->threads->len; i++) {
        const VnThread *thread = guest->threads->pdata[i];
        g_auto(VnDict) one;
        vn_dict_init(&one, NULL);
        vn_dict_insert(&one, "kind", "s", thread_kind_name(thread->kind));
        vn_dict_insert(&one, "tid", "i", thread->tid);
        vn_dict_insert(&one, "name", "s", thread->name);
        if (thread->affinity)
            vn_dict_insert_idset(&one, "affinity", thread->affinity);
        g_variant_builder_add_value(&threads, vn_dict_end(&one));
    }
    vn_dict_insert_value(dict, "vcpus", g_variant_builder_end(&vcpus));
    vn_dict_insert_value(dict, "threads", g_variant_builder_end(&threads));
}

static GVariant *
devices_to_variant(const VnGuest *guest)
{
    g_auto(GVariantBuilder) devices;
    g_variant_builder_init(&devices, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < guest->devices->len; i++) {
        const VnGuestDevice *device = guest->devices->pdata[i];
        g_auto(VnDict) one;
        vn_dict_init(&one, NULL);
        vn_dict_insert(&one, "address", "s", device->address);
        if (device->host_node >= 0)
            vn_dict_insert(&one, "host_node", "i", device->host_node);
        g_variant_builder_add_value(&devices, vn_dict_end(&one));
    }
    return g_variant_builder_end(&devices);
}

static void
insert_whole(VnDict *dict, const VnGuest *guest, const VnDecision *decision)
{
    insert_threads(dict, guest);
    vn_dict_insert_value(dict, "devices", devices_to_variant(guest));
    vn_dict_insert(dict, "pid", "i", guest->pid);
    vn_dict_insert(dict, "told_cells", "b", guest->told_cells);
    vn_dict_insert_string(dict, "machine", guest->machine);
    if (guest->emulator_pinned)
        vn_dict_insert_idset(dict, "emulator_pinned", guest->emulator_pinned);
    if (guest->allowed_nodes)
        vn_dict_insert_idset(dict, "allowed_nodes", guest->allowed_nodes);
    vn_dict_insert_value(
        dict, "notes",
        g_variant_new_strv((const char *const *) guest->notes->pdata, guest->notes->len));
    if (decision)
        vn_dict_insert_string(dict, "reason", decision->reason);
}

GVariant *
vn_guest_to_variant(const VnGuest *guest, const VnDecision *decision,
                    const VnLocality *locality, gboolean whole)
{
    const VnLocalityFigures unknown = {.locality = -1, .remote_cost = -1};
    g_auto(GVariantBuilder) cells;
    g_auto(VnDict) dict;
    g_variant_builder_init(&cells, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnIdSet *home =
            decision && i < decision->homes->len ? decision->homes->pdata[i] : NULL;
        const VnLocalityFigures *figures =
            locality && guest->told_cells && i < locality->cells->len
                ? &g_array_index(locality->cells, VnLocalityFigures, i)
                : &unknown;
        g_variant_builder_add_value(
            &cells, cell_to_variant(guest->cells->pdata[i], home, figures, whole));
    }
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "name", "s", guest->name);
    vn_dict_insert(&dict, "uuid", "s", guest->uuid);
    vn_dict_insert(&dict, "state", "s", vn_guest_state_name(guest->state));
    vn_dict_insert(&dict, "managed", "b", guest->managed);
    vn_dict_insert(&dict, "policy", "s", vn_policy_name(guest->policy));
    vn_dict_insert(&dict, "memory_bytes", "t", guest->memory_bytes);
    vn_dict_insert_string(&dict, "trouble", guest->trouble);
    vn_dict_insert_ratio(&dict, "alignment_ratio",
                         decision && decision->homes->len
                             ? vn_guest_alignment(guest, decision->homes)
                             : -1);
    insert_locality(&dict, locality ? &locality->guest : &unknown);
    vn_dict_insert_value(&dict, "cells", g_variant_builder_end(&cells));
    if (whole)
        insert_whole(&dict, guest, decision);
    return vn_dict_end(&dict);
}
