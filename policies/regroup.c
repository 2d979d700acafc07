/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where units go that are not there yet: the steps, and the reasons. */
#include "policies/regroup.h"

#include "model/text.h"
#include "policies/units.h"

/* So many units are named in a reason. */
#define NAMED_MAX 4u

/* Pins the unit's vCPUs; returns how many had to be. */
static guint
add_pins(const VnUnits *units, const VnUnit *unit, VnPlan *plan)
{
    const VnHost *host = units->snapshot->host;
    const VnHostNode *node = vn_units_node(units, unit->to);
    g_autoptr(VnIdSet) nodes = vn_host_node_ids(host);
    g_autoptr(VnIdSet) everywhere = vn_host_cpus_of_nodes(host, nodes);
    g_autofree char *vcpus = vn_text_vcpus(unit->vcpus);
    guint n = 0;
    VN_IDSET_FOREACH (unit->vcpus, id) {
        const VnVcpu *vcpu = vn_guest_find_vcpu(units->guest, (guint) id);
        if (!vcpu || (vcpu->pinned && vn_idset_is_subset(vcpu->pinned, node->cpus)))
            continue;
        VnStep *step =
            vn_plan_add_step(plan, VN_STEP_PIN_VCPU, units->guest, (guint) id,
                             vn_idset_copy(vcpu->pinned ? vcpu->pinned : everywhere),
                             vn_idset_copy(node->cpus));
        step->policy = VN_STEER_POLICY;
        step->reason = unit->n > 1
                           ? g_strdup_printf("%s share memory: together on host node %u",
                                             vcpus, node->id)
                           : g_strdup_printf("%s shares memory with no other: on host "
                                             "node %u, nearest to what it uses",
                                             vcpus, node->id);
        n++;
    }
    return n;
}

static void
add_steps(const VnUnits *units, double gain, VnPlan *plan)
{
    g_autoptr(GString) where = g_string_new(NULL);
    guint first = plan->steps->len;
    guint n_units = 0;
    gboolean groups = FALSE;
    for (guint i = 0; i < units->array->len; i++) {
        const VnUnit *unit = units->array->pdata[i];
        if (unit->to < 0 || unit->to == unit->now || !add_pins(units, unit, plan))
            continue;
        g_autofree char *vcpus = vn_text_vcpus(unit->vcpus);
        groups |= unit->n > 1;
        if (n_units++ < NAMED_MAX)
            g_string_append_printf(where, "%s%s on host node %u", where->len ? ", " : "",
                                   vcpus, vn_units_node(units, unit->to)->id);
    }
    if (n_units > NAMED_MAX)
        g_string_append_printf(where, ", and so on (%u)", n_units);
    guint n = plan->steps->len - first;
    for (guint i = first; i < plan->steps->len; i++)
        ((VnStep *) plan->steps->pdata[i])->expected_gain = gain / n;
    if (n > 0)
        vn_decision_set_reason(vn_plan_find_decision(plan, units->guest->name),
                               "it has no cells: vCPUs %srun nearest to what they use, "
                               "before any of it moves: %s",
                               groups ? "that share memory run together, and all " : "",
                               where->str);
}

gboolean
vn_regroup_steer(const VnSnapshot *snapshot, const VnGuest *guest, const VnIdSet *home,
                 const VnSteerEvidence *evidence, VnPlan *plan)
{
    guint n_steps = plan->steps->len;
    double gain;
    if (!evidence->pins_are_ours ||
        vn_heat_alternation(evidence->heat, NULL) >= VN_STEER_ALTERNATING_SHARE)
        return FALSE;
    g_autoptr(VnUnits) units = vn_units_new(snapshot, guest, home, evidence, plan);
    if (units && vn_units_arrange(units, &gain))
        add_steps(units, gain, plan);
    return plan->steps->len > n_steps;
}
