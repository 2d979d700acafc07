/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy "align": homes turned into pins and moves, each with its reason and gain. */
#include "policies/align.h"

#include "model/text.h"
#include "policies/mirror.h"
#include "policies/place.h"
#include "policies/siblings.h"

/* Less than this, or than a thousandth of a cell, is not worth a plan. */
#define NEGLIGIBLE_BYTES (G_GUINT64_CONSTANT(1) << 20)

/* One guest being decided. */
typedef struct {
    const VnHost *host;
    const VnGuest *guest;
    const GArray *homes; /* of VnHome */
    VnPlan *plan;
    guint64 resident_bytes;
    guint64 astray_bytes; /* away from home, in all cells */
    guint64 stuck_bytes;  /* of these, in cells that cannot be moved */
    guint n_steps;
    GString *remarks;
} Subject;

static const char *
source_text(VnHomeSource source)
{
    switch (source) {
    case VN_HOME_BOUND:
        return "where its memory is bound";
    case VN_HOME_ALLOWED:
        return "where its policy may have memory";
    case VN_HOME_PINNED:
        return "where its vCPUs are pinned";
    case VN_HOME_MIRRORED:
        return "the host's node of the same place";
    case VN_HOME_MANUAL:
        return "where the administrator has it";
    case VN_HOME_CHOSEN:
        return "the cheapest place with room";
    case VN_HOME_NONE:
        return "no host node may hold it";
    }
    g_assert_not_reached();
}

/* Mean distance from the nodes of @cpus to @to; local when there are none. */
static double
mean_distance(const VnHost *host, const VnIdSet *cpus, guint to)
{
    g_autoptr(VnIdSet) nodes = vn_host_nodes_of_cpus(host, cpus);
    guint n = vn_idset_count(nodes);
    double sum = 0;
    VN_IDSET_FOREACH (nodes, from)
        sum += vn_host_distance(host, (guint) from, to);
    return n ? sum / n : VN_DISTANCE_LOCAL;
}

static double
mean_distance_to_set(const VnHost *host, const VnIdSet *cpus, const VnIdSet *to)
{
    guint n = vn_idset_count(to);
    double sum = 0;
    VN_IDSET_FOREACH (to, id)
        sum += mean_distance(host, cpus, (guint) id);
    return n ? sum / n : VN_DISTANCE_LOCAL;
}

static VnIdSet *
all_cpus(const VnHost *host)
{
    g_autoptr(VnIdSet) nodes = vn_host_node_ids(host);
    return vn_host_cpus_of_nodes(host, nodes);
}

/* The share of the guest's accesses that fall on @bytes of it, each cell's alike. */
static double
share(const Subject *subject, guint64 bytes)
{
    return subject->resident_bytes ? (double) bytes / (double) subject->resident_bytes
                                   : 0;
}

/*
 * Where the vCPU may run once the plan's pins are done. What makes its home is left as it
 * is, but for CPUs of cordoned nodes where there are others, or where we pinned it there.
 */
static VnIdSet *
cpus_of_vcpu(const Subject *subject, const VnHome *home, const VnVcpu *vcpu)
{
    VnIdSet *cpus = vcpu->pinned ? vn_idset_copy(vcpu->pinned) : all_cpus(subject->host);
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(subject->host);
    g_autoptr(VnIdSet) closed = vn_host_cpus_of_nodes(subject->host, cordoned);
    if (home->source == VN_HOME_PINNED &&
        (!vn_idset_is_subset(cpus, closed) || !vcpu->pin_is_ours)) {
        if (!vn_idset_is_subset(cpus, closed))
            vn_idset_remove_all(cpus, closed);
        return cpus;
    }
    g_autoptr(VnIdSet) home_cpus = vn_homes_cpus(subject->host, home->home);
    vn_idset_keep_all(cpus, home_cpus);
    if (vn_idset_is_empty(cpus))
        vn_idset_add_all(cpus, home_cpus);
    return cpus;
}

/* As above, of all the cell's vCPUs; without any, the CPUs at its home. */
static VnIdSet *
cpus_of_cell(const Subject *subject, const VnCell *cell, const VnHome *home)
{
    if (vn_idset_is_empty(cell->vcpus))
        return vn_homes_cpus(subject->host, home->home);
    VnIdSet *cpus = vn_idset_new();
    VN_IDSET_FOREACH (cell->vcpus, id) {
        g_autoptr(VnIdSet) more =
            cpus_of_vcpu(subject, home, vn_guest_find_vcpu(subject->guest, (guint) id));
        vn_idset_add_all(cpus, more);
    }
    return cpus;
}

static void
plan_pin(Subject *subject, const VnCell *cell, const VnHome *home, const VnVcpu *vcpu)
{
    g_autoptr(VnIdSet) before =
        vcpu->pinned ? vn_idset_copy(vcpu->pinned) : all_cpus(subject->host);
    g_autoptr(VnIdSet) after = cpus_of_vcpu(subject, home, vcpu);
    if (vn_idset_is_subset(before, after))
        return;

    double gain = (mean_distance_to_set(subject->host, before, home->home) -
                   mean_distance_to_set(subject->host, after, home->home)) /
                  VN_DISTANCE_LOCAL * share(subject, vn_cell_resident(cell)) /
                  vn_idset_count(cell->vcpus);
    g_autofree char *nodes = vn_text_host_nodes(home->home);
    VnStep *step =
        vn_plan_add_step(subject->plan, VN_STEP_PIN_VCPU, subject->guest, vcpu->id,
                         g_steal_pointer(&before), g_steal_pointer(&after));
    step->expected_gain = gain;
    step->reason =
        g_strdup_printf("cell %u is at home on %s, %s; vCPU %u %s", cell->id, nodes,
                        source_text(home->source), vcpu->id,
                        vcpu->pinned ? "is pinned elsewhere" : "may run anywhere");
    subject->n_steps++;
}

static guint64
bytes_astray(const VnCell *cell, const VnHome *home)
{
    return vn_cell_resident(cell) - vn_cell_resident_on(cell, home->home);
}

static gboolean
is_negligible(const VnCell *cell, guint64 astray)
{
    return astray <= MAX(NEGLIGIBLE_BYTES, vn_cell_resident(cell) / 1000);
}

/*
 * Whether nothing holds the cell to its home: no pins, and no memory, or some that lies
 * elsewhere and stays there. Tomorrow another place may be the better one.
 */
static gboolean
is_unsettled(const VnCell *cell, const VnHome *home)
{
    guint64 astray = bytes_astray(cell, home);
    return home->source == VN_HOME_CHOSEN && vn_idset_is_empty(cell->vcpus) &&
           (!vn_cell_resident(cell) ||
            (astray && (!cell->hva_end || is_negligible(cell, astray))));
}

/*
 * The CPUs of the nodes on which the cell's vCPUs are, or of a home that is not made by
 * them: the plan after this one finds the same, even where it finds another home.
 */
static VnIdSet *
cpus_for_emulator(const Subject *subject, const VnCell *cell, const VnHome *home)
{
    if (home->source == VN_HOME_BOUND || home->source == VN_HOME_ALLOWED)
        return vn_homes_cpus(subject->host, home->home);
    g_autoptr(VnIdSet) cpus = cpus_of_cell(subject, cell, home);
    g_autoptr(VnIdSet) nodes = vn_host_nodes_of_cpus(subject->host, cpus);
    return vn_host_cpus_of_nodes(subject->host, nodes);
}

static gboolean
on_cordoned(const Subject *subject, const VnIdSet *cpus)
{
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(subject->host);
    g_autoptr(VnIdSet) closed = vn_host_cpus_of_nodes(subject->host, cordoned);
    return vn_idset_overlaps(cpus, closed);
}

/* The emulator's threads stay near the guest's memory, where nobody decided otherwise. */
static void
plan_emulator_pin(Subject *subject)
{
    g_autoptr(VnIdSet) before = all_cpus(subject->host);
    g_autoptr(VnIdSet) after = vn_idset_new();
    for (guint i = 0; i < subject->homes->len; i++) {
        const VnHome *home = &g_array_index(subject->homes, VnHome, i);
        const VnCell *cell = subject->guest->cells->pdata[i];
        if (is_unsettled(cell, home))
            return;
        g_autoptr(VnIdSet) cpus = cpus_for_emulator(subject, cell, home);
        vn_idset_add_all(after, cpus);
    }
    const VnIdSet *pinned = subject->guest->emulator_pinned;
    if (pinned && subject->guest->emulator_pin_is_ours && on_cordoned(subject, pinned) &&
        !on_cordoned(subject, after))
        vn_idset_keep_all(before, pinned);
    else if (pinned)
        return;
    if (vn_idset_is_subset(before, after))
        return;
    VnStep *step = vn_plan_add_step(subject->plan, VN_STEP_PIN_EMULATOR, subject->guest,
                                    0, g_steal_pointer(&before), g_steal_pointer(&after));
    step->reason = g_strdup_printf(
        "the emulator's threads %s; near the homes of the guest's cells they touch its "
        "memory locally",
        pinned ? "are on a cordoned host node" : "may run anywhere");
    subject->n_steps++;
}

static void remark(Subject *subject, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
remark(Subject *subject, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_string_append(subject->remarks, "; ");
    g_string_append_vprintf(subject->remarks, format, arguments);
    va_end(arguments);
}

static void
plan_move(Subject *subject, guint index)
{
    const VnCell *cell = subject->guest->cells->pdata[index];
    const VnHome *home = &g_array_index(subject->homes, VnHome, index);
    guint64 astray = bytes_astray(cell, home);
    subject->astray_bytes += astray;
    if (is_negligible(cell, astray))
        return;

    g_autofree char *size = vn_text_bytes(astray);
    if (!cell->hva_end) {
        subject->stuck_bytes += astray;
        remark(subject, "%s of cell %u lie elsewhere and stay there: %s", size, cell->id,
               cell->hva_unknown ? cell->hva_unknown
                                 : "its address range in QEMU is not known");
        return;
    }
    g_autoptr(VnIdSet) cpus = cpus_of_cell(subject, cell, home);
    g_autoptr(VnIdSet) before = vn_idset_new();
    double gain = 0;
    double at_home = mean_distance_to_set(subject->host, cpus, home->home);
    for (guint i = 0; i < cell->resident_bytes->len; i++) {
        guint64 bytes = g_array_index(cell->resident_bytes, guint64, i);
        if (!bytes || vn_idset_contains(home->home, i))
            continue;
        vn_idset_add(before, i);
        gain += (mean_distance(subject->host, cpus, i) - at_home) / VN_DISTANCE_LOCAL *
                share(subject, bytes);
    }
    g_autofree char *from = vn_text_host_nodes(before);
    g_autofree char *to = vn_text_host_nodes(home->home);
    VnStep *step =
        vn_plan_add_step(subject->plan, VN_STEP_MOVE_MEMORY, subject->guest, index,
                         g_steal_pointer(&before), vn_idset_copy(home->home));
    step->bytes = astray;
    step->expected_gain = gain;
    step->reason = g_strdup_printf("cell %u is at home on %s, %s; %s of it lie on %s",
                                   cell->id, to, source_text(home->source), size, from);
    subject->n_steps++;
}

/* Why a guest gets no steps at all; NULL when it may. */
static char *
left_alone(const VnHost *host, const VnGuest *guest)
{
    if (guest->state == VN_GUEST_STOPPED)
        return g_strdup("it is not running");
    if (!guest->managed)
        return g_strdup("not managed: it carries no <vnuma:guest> metadata, so it is "
                        "only watched");
    if (guest->policy == VN_POLICY_MIRROR && !guest->trouble)
        return vn_mirror_why_not(host, guest);
    return g_strdup(guest->trouble);
}

static void
decide_steps(Subject *subject)
{
    const VnGuest *guest = subject->guest;
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        plan_pin(subject, guest->cells->pdata[vcpu->cell],
                 &g_array_index(subject->homes, VnHome, vcpu->cell), vcpu);
    }
    plan_emulator_pin(subject);
    for (guint i = 0; i < guest->cells->len; i++)
        plan_move(subject, i);
}

static void
set_reason(const Subject *subject, VnDecision *decision)
{
    g_autofree char *astray = vn_text_bytes(subject->astray_bytes);
    g_autofree char *resident = vn_text_bytes(subject->resident_bytes);
    if (subject->n_steps && !subject->resident_bytes)
        vn_decision_set_reason(decision,
                               "%u step%s; where its pages lie is not known, or it "
                               "has none yet",
                               subject->n_steps, subject->n_steps == 1 ? "" : "s");
    else if (subject->n_steps)
        vn_decision_set_reason(decision, "%s of its %s lie away from home; %u step%s%s",
                               astray, resident, subject->n_steps,
                               subject->n_steps == 1 ? "" : "s", subject->remarks->str);
    else if (subject->stuck_bytes)
        vn_decision_set_reason(decision,
                               "%s of its %s lie away from home, none can move%s", astray,
                               resident, subject->remarks->str);
    else if (!subject->resident_bytes)
        vn_decision_set_reason(decision,
                               "its vCPUs are at home; where its pages lie is not "
                               "known or it has none yet");
    else
        vn_decision_set_reason(decision,
                               "at home: %s of its %s lie elsewhere, too little "
                               "to move, and its vCPUs are pinned there",
                               astray, resident);
}

static void
decide_guest(const VnSnapshot *snapshot, const VnGuest *guest, const GArray *homes,
             VnPlan *plan)
{
    g_autoptr(GString) remarks = g_string_new(NULL);
    Subject subject = {.host = snapshot->host,
                       .guest = guest,
                       .homes = homes,
                       .plan = plan,
                       .remarks = remarks};
    VnDecision *decision = vn_plan_add_decision(plan, guest->name);
    g_autofree char *alone = left_alone(snapshot->host, guest);
    for (guint i = 0; i < homes->len; i++) {
        const VnHome *home = &g_array_index(homes, VnHome, i);
        g_ptr_array_add(decision->homes, vn_idset_copy(home->home));
        subject.resident_bytes += vn_cell_resident(guest->cells->pdata[i]);
        if (!alone && home->source == VN_HOME_NONE) {
            const VnCell *cell = guest->cells->pdata[i];
            alone = g_strdup_printf("cell %u: no host node that has memory is both in "
                                    "its binding and in the guest's cpuset.mems",
                                    cell->id);
        }
    }
    if (alone) {
        vn_decision_set_reason(decision, "%s", alone);
        return;
    }
    decide_steps(&subject);
    set_reason(&subject, decision);
}

VnPlan *
vn_align_decide(const VnSnapshot *snapshot)
{
    /* Who runs is here, and cannot be refused: no limit but what it costs. */
    const VnPlaceOptions options = {.smt = TRUE};
    g_autoptr(VnPlacing) placing = vn_place(snapshot, &options);
    return vn_align_to(snapshot, placing->homes);
}

/* To whoever wants its load balanced one says where that leaves siblings squeezed. */
static void
tell_of_siblings(const VnSnapshot *snapshot, const VnGuest *guest, const guint *load,
                 VnPlan *plan)
{
    VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    g_autoptr(VnIdSet) home = vn_idset_new();
    for (guint i = 0; i < decision->homes->len; i++)
        vn_idset_add_all(home, decision->homes->pdata[i]);
    g_autofree char *told = vn_siblings_tell(snapshot->host, home, load);
    g_autofree char *reason = g_strdup(decision->reason);
    if (told)
        vn_decision_set_reason(decision, "%s; %s", reason, told);
}

VnPlan *
vn_align_to(const VnSnapshot *snapshot, const GPtrArray *homes)
{
    VnPlan *plan = vn_plan_new();
    g_autofree guint *load = vn_siblings_load(snapshot, homes);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        decide_guest(snapshot, guest, homes->pdata[i], plan);
        if (guest->policy == VN_POLICY_BALANCE)
            tell_of_siblings(snapshot, guest, load, plan);
    }
    return plan;
}
