/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Emptying a host node: what a plan takes off it, and what stays. */
#include "policies/drain.h"

#include "model/dict.h"
#include "model/text.h"

#include <string.h>

/* Less than this, or than a thousandth of a cell, no policy moves. */
#define NEGLIGIBLE_BYTES (G_GUINT64_CONSTANT(1) << 20)

static void
remnant_free(gpointer data)
{
    VnRemnant *remnant = data;
    g_free(remnant->guest);
    g_free(remnant->uuid);
    g_free(remnant->object);
    g_free(remnant->reason);
    g_free(remnant);
}

gboolean
vn_drain_check(const VnHost *host, guint node, GError **error)
{
    const VnHostNode *wanted = vn_host_find_node(host, node);
    guint with_memory = 0;
    guint with_cpus = 0;
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *other = host->nodes->pdata[i];
        if (other == wanted || other->cordoned)
            continue;
        with_memory += other->memory_bytes > 0;
        with_cpus += !vn_idset_is_empty(other->cpus);
    }
    if (!wanted) {
        g_autoptr(VnIdSet) there = vn_host_node_ids(host);
        g_autofree char *list = vn_idset_format(there);
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "host node %u: this host has none of this number, only %s", node,
                    list);
        return FALSE;
    }
    if (with_memory > 0 && with_cpus > 0)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                "host node %u: no other host node %s is left that is not cordoned; see "
                "'vnumactl drain', and 'vnumactl undrain' one of them first",
                node, with_memory > 0 ? "with CPUs" : "with memory");
    return FALSE;
}

static gboolean
is_of(const VnStep *step, const VnGuest *guest)
{
    return strcmp(step->uuid, guest->uuid) == 0;
}

/* Whether the step leads from @nodes, or their CPUs, to others. */
static gboolean
leads_off(const VnHost *host, const VnStep *step, const VnIdSet *nodes)
{
    g_autoptr(VnIdSet) cpus = vn_host_cpus_of_nodes(host, nodes);
    const VnIdSet *from = step->kind == VN_STEP_MOVE_MEMORY ? nodes : cpus;
    return vn_idset_overlaps(step->before, from) && !vn_idset_overlaps(step->after, from);
}

static gboolean
leaves(const VnHost *host, const VnGuest *guest, const VnIdSet *nodes, const VnPlan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (is_of(step, guest) && leads_off(host, step, nodes))
            return TRUE;
    }
    return FALSE;
}

gboolean
vn_drain_leaves(const VnSnapshot *snapshot, const VnGuest *guest, const VnPlan *plan)
{
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(snapshot->host);
    return !vn_idset_is_empty(cordoned) && leaves(snapshot->host, guest, cordoned, plan);
}

gboolean
vn_drain_forbids(const VnHost *host, const VnStep *step)
{
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(host);
    g_autoptr(VnIdSet) cpus = vn_host_cpus_of_nodes(host, cordoned);
    return vn_idset_overlaps(step->after,
                             step->kind == VN_STEP_MOVE_MEMORY ? cordoned : cpus);
}

static void
refuse(const VnIdSet *cordoned, const VnStep *step, VnPlan *plan)
{
    VnDecision *decision = vn_plan_find_decision(plan, step->guest);
    g_autofree char *target = vn_step_target(step);
    g_autofree char *nodes = vn_text_host_nodes(cordoned);
    g_autofree char *reason = g_strdup(decision->reason);
    vn_decision_set_reason(decision, "%s; left where it is, %s: cordoned: %s",
                           reason ? reason : "", target, nodes);
    g_ptr_array_remove(plan->steps, (gpointer) step);
}

void
vn_drain_revise(const VnSnapshot *snapshot, VnPlan *plan)
{
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(snapshot->host);
    for (guint i = plan->steps->len; i-- > 0;) {
        VnStep *step = plan->steps->pdata[i];
        if (vn_drain_forbids(snapshot->host, step))
            refuse(cordoned, step, plan);
        else if (leads_off(snapshot->host, step, cordoned))
            step->policy = VN_DRAIN_POLICY;
    }
}

char **
vn_drain_guests(const VnSnapshot *snapshot, guint node, const VnPlan *plan)
{
    g_autoptr(VnIdSet) nodes = vn_idset_new_with(node);
    g_autoptr(GPtrArray) uuids = g_ptr_array_new();
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        if (leaves(snapshot->host, guest, nodes, plan))
            g_ptr_array_add(uuids, g_strdup(guest->uuid));
    }
    g_ptr_array_add(uuids, NULL);
    return (char **) g_ptr_array_free(g_steal_pointer(&uuids), FALSE);
}

/* What is asked about one guest. */
typedef struct {
    const VnHost *host;
    const VnGuest *guest;
    const VnPlan *plan;
    VnIdSet *node;
    VnIdSet *cpus; /* of the node */
    GPtrArray *remnants;
} Search;

/* @object, @reason: (transfer full) */
static VnRemnant *
add(const Search *search, char *object, char *reason)
{
    VnRemnant *remnant = g_new0(VnRemnant, 1);
    remnant->guest = g_strdup(search->guest->name);
    remnant->uuid = g_strdup(search->guest->uuid);
    remnant->object = object;
    remnant->reason = reason;
    g_ptr_array_add(search->remnants, remnant);
    return remnant;
}

static const VnStep *
find_step(const Search *search, VnStepKind kind, guint target)
{
    for (guint i = 0; i < search->plan->steps->len; i++) {
        const VnStep *step = search->plan->steps->pdata[i];
        if (step->kind == kind && step->target == target && is_of(step, search->guest))
            return step;
    }
    return NULL;
}

/* Why nothing of the guest is touched; NULL: it may be. */
static const char *
left_alone(const VnGuest *guest)
{
    if (!guest->managed)
        return "the guest is not managed; shut it down, or give it our metadata";
    return guest->trouble;
}

/* Host nodes that memory may go to. */
static VnIdSet *
open_nodes(const Search *search)
{
    VnIdSet *nodes = vn_idset_new();
    for (guint i = 0; i < search->host->nodes->len; i++) {
        const VnHostNode *node = search->host->nodes->pdata[i];
        if (node->memory_bytes > 0 && !node->cordoned)
            vn_idset_add(nodes, node->id);
    }
    vn_idset_remove_all(nodes, search->node);
    return nodes;
}

/* Why the cell's memory has to lie on the node; NULL: it has not. */
static char *
bound_there(const Search *search, const VnCell *cell)
{
    g_autoptr(VnIdSet) others = open_nodes(search);
    if (search->guest->allowed_nodes)
        vn_idset_keep_all(others, search->guest->allowed_nodes);
    if (vn_idset_is_empty(others))
        return g_strdup("the guest's cpuset.mems lets it lie nowhere else; list other "
                        "host nodes in <numatune><memory nodeset=...>");
    if ((cell->binding != VN_BINDING_STRICT && cell->binding != VN_BINDING_INTERLEAVE) ||
        vn_idset_overlaps(cell->bound, others))
        return NULL;
    return g_strdup_printf("bound to it (%s), which only the guest's next start changes",
                           vn_binding_name(cell->binding));
}

static gboolean
is_pinned_there(const Search *search, const VnVcpu *vcpu)
{
    return vcpu && vcpu->pinned && !vcpu->pin_is_ours &&
           vn_idset_is_subset(vcpu->pinned, search->cpus);
}

/* The cell's vCPUs that somebody else has pinned there. */
static VnIdSet *
pinned_there(const Search *search, const VnCell *cell)
{
    VnIdSet *pinned = vn_idset_new();
    VN_IDSET_FOREACH (cell->vcpus, id) {
        if (is_pinned_there(search, vn_guest_find_vcpu(search->guest, (guint) id)))
            vn_idset_add(pinned, (guint) id);
    }
    return pinned;
}

/* One of the guest's cells may lie nowhere: it gets no steps at all. */
static gboolean
is_homeless(const VnDecision *decision)
{
    for (guint i = 0; i < decision->homes->len; i++) {
        if (vn_idset_is_empty(decision->homes->pdata[i]))
            return TRUE;
    }
    return FALSE;
}

/* @ret_no_room: whether it is for nothing but that */
static char *
why_cell_stays(const Search *search, const VnCell *cell, const VnStep *step,
               gboolean *ret_no_room)
{
    g_autoptr(VnIdSet) pinned = pinned_there(search, cell);
    const VnDecision *decision = vn_plan_find_decision(search->plan, search->guest->name);
    *ret_no_room = FALSE;
    if (left_alone(search->guest))
        return g_strdup(left_alone(search->guest));
    char *bound = bound_there(search, cell);
    if (bound)
        return bound;
    if (step && step->outcome_text)
        return g_strdup(step->outcome_text);
    if (!cell->hva_end)
        return g_strdup(cell->hva_unknown ? cell->hva_unknown
                                          : "its address range in QEMU is not known");
    if (!vn_idset_is_empty(pinned)) {
        g_autofree char *list = vn_idset_format(pinned);
        return g_strdup_printf("its vCPUs %s are pinned there, and not by vnumad", list);
    }
    *ret_no_room = !step && decision && !is_homeless(decision);
    return g_strdup(decision && decision->reason ? decision->reason
                                                 : "it came there meanwhile");
}

static gboolean
is_to_come(const VnStep *step)
{
    return step && step->outcome == VN_OUTCOME_PLANNED;
}

static void
look_at_cell(const Search *search, guint index)
{
    const VnCell *cell = search->guest->cells->pdata[index];
    const VnStep *step = find_step(search, VN_STEP_MOVE_MEMORY, index);
    guint64 bytes = vn_cell_resident_on(cell, search->node);
    gboolean no_room;
    if (bytes <= MAX(NEGLIGIBLE_BYTES, vn_cell_resident(cell) / 1000) ||
        (is_to_come(step) && !step->parts_only &&
         leads_off(search->host, step, search->node)))
        return;
    char *why = why_cell_stays(search, cell, step, &no_room);
    VnRemnant *remnant = add(search, g_strdup_printf("cell %u", cell->id), why);
    remnant->bytes = bytes;
    remnant->no_room = no_room;
}

/* Where a thread may run, once what is to come has come. */
static gboolean
may_run_there(const Search *search, const VnStep *step, const VnIdSet *pinned,
              const VnIdSet *affinity)
{
    const VnIdSet *cpus = is_to_come(step) ? step->after : pinned ? pinned : affinity;
    return cpus ? vn_idset_overlaps(cpus, search->cpus)
                : !vn_idset_is_empty(search->cpus);
}

/* Those of @vcpus, if any, as one remnant. */
static void
add_vcpus(const Search *search, const VnIdSet *vcpus, const char *reason)
{
    g_autofree char *list = vn_idset_format(vcpus);
    if (!vn_idset_is_empty(vcpus))
        add(search, g_strdup_printf("vCPUs %s", list), g_strdup(reason));
}

static void
look_at_vcpus(const Search *search)
{
    const char *alone = left_alone(search->guest);
    g_autoptr(VnIdSet) his = vn_idset_new();
    g_autoptr(VnIdSet) others = vn_idset_new();
    for (guint i = 0; i < search->guest->vcpus->len; i++) {
        const VnVcpu *vcpu = search->guest->vcpus->pdata[i];
        const VnStep *step = find_step(search, VN_STEP_PIN_VCPU, vcpu->id);
        if (!may_run_there(search, step, vcpu->pinned, vcpu->affinity))
            continue;
        if (!alone && is_pinned_there(search, vcpu))
            vn_idset_add(his, vcpu->id);
        else
            vn_idset_add(others, vcpu->id);
    }
    add_vcpus(search, his, "pinned there, and not by vnumad: virsh vcpupin");
    add_vcpus(search, others, alone ? alone : "they stay with their cells");
}

static void
look_at_emulator(const Search *search)
{
    const VnGuest *guest = search->guest;
    const VnStep *step = find_step(search, VN_STEP_PIN_EMULATOR, 0);
    if (!may_run_there(search, step, guest->emulator_pinned, NULL))
        return;
    const char *why = left_alone(guest);
    if (!why && !guest->emulator_pinned)
        why = "not pinned: where the guest's cells are at home is not settled";
    if (!why && !guest->emulator_pin_is_ours)
        why = "pinned there too, and not by vnumad: virsh emulatorpin";
    add(search, g_strdup("emulator"), g_strdup(why ? why : "it stays with the cells"));
}

GPtrArray *
vn_drain_remnants(const VnSnapshot *snapshot, guint node, const VnPlan *plan)
{
    GPtrArray *remnants = g_ptr_array_new_with_free_func(remnant_free);
    g_autoptr(VnIdSet) nodes = vn_idset_new_with(node);
    g_autoptr(VnIdSet) cpus = vn_host_cpus_of_nodes(snapshot->host, nodes);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        const Search search = {.host = snapshot->host,
                               .guest = guest,
                               .plan = plan,
                               .node = nodes,
                               .cpus = cpus,
                               .remnants = remnants};
        if (guest->state == VN_GUEST_STOPPED)
            continue;
        for (guint k = 0; k < guest->cells->len; k++)
            look_at_cell(&search, k);
        look_at_vcpus(&search);
        look_at_emulator(&search);
    }
    return remnants;
}

char *
vn_drain_refusal(const GPtrArray *remnants, guint node)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < remnants->len; i++) {
        const VnRemnant *remnant = remnants->pdata[i];
        if (!remnant->no_room)
            continue;
        g_autofree char *size = vn_text_bytes(remnant->bytes);
        g_string_append_printf(text, "%sguest %s: %s of %s: %s", text->len ? "; " : "",
                               remnant->guest, size, remnant->object, remnant->reason);
    }
    return text->len ? g_strdup_printf("host node %u cannot be drained, and nothing was "
                                       "moved: %s",
                                       node, text->str)
                     : NULL;
}

char *
vn_drain_summary(const GPtrArray *remnants, guint node)
{
    if (!remnants->len)
        return g_strdup_printf("host node %u is drained", node);
    const VnRemnant *first = remnants->pdata[0];
    guint64 bytes = 0;
    for (guint i = 0; i < remnants->len; i++)
        bytes += ((const VnRemnant *) remnants->pdata[i])->bytes;
    g_autofree char *size = vn_text_bytes(bytes);
    g_autofree char *more = remnants->len > 1
                                ? g_strdup_printf("; and %u more", remnants->len - 1)
                                : g_strdup("");
    return g_strdup_printf("host node %u is not drained, %s stay there: guest %s: %s: "
                           "%s%s",
                           node, size, first->guest, first->object, first->reason, more);
}

GVariant *
vn_drain_to_variant(const GPtrArray *remnants)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < remnants->len; i++) {
        const VnRemnant *remnant = remnants->pdata[i];
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "guest", "s", remnant->guest);
        vn_dict_insert(&dict, "object", "s", remnant->object);
        vn_dict_insert(&dict, "bytes", "t", remnant->bytes);
        vn_dict_insert(&dict, "reason", "s", remnant->reason);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}
