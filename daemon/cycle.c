/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cycle, in one sentence: see vn_cycle_run(). */
#include "daemon/cycle.h"

#include "daemon/act.h"
#include "daemon/check-parts.h"
#include "daemon/check.h"
#include "daemon/complete.h"
#include "daemon/guard.h"
#include "daemon/hands.h"
#include "daemon/observe.h"
#include "daemon/verify.h"
#include "model/dict.h"
#include "policies/align.h"
#include "policies/steer.h"
#include "virt/domains.h"

#include <string.h>

/* How long the check waits for a libvirtd that restarts. */
#define CHECK_TIMEOUT_US (30 * G_USEC_PER_SEC)
#define CHECK_PAUSE_US (G_USEC_PER_SEC / 4)
/* In all, for the stored definitions that verify reads; a single guest gets a quarter. */
#define VERIFY_TIMEOUT_MS 20000u
/* Guests come and go in company: they are looked at once for all. */
#define SETTLE_US G_USEC_PER_SEC
/* When they could not be looked at: until it is tried again. */
#define LOOK_AGAIN_US (10 * G_USEC_PER_SEC)
/* Assumed of moving, where a pattern has to last longer than that takes. */
#define MOVE_BYTES_PER_SECOND (G_GUINT64_CONSTANT(512) << 20)
/* How often a move is carried out at most, before what is left is reported. */
#define ROUNDS_MAX 3

struct VnCycle {
    VnConfig config;
    VnObserver *observer;
    VnCompleter *completer;
    VnConnection *virt;
    VnLedger *ledger;
    VnSampling *sampling;
    gint64 look_us; /* when to see which guests there are; G_MAXINT64: no need */
    char *root;
    void (*serve)(gpointer);
    gpointer serve_data;
};

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
    g_free(cycle->root);
    g_free(cycle);
}

void
vn_cycle_set_serve(VnCycle *cycle, void (*serve)(gpointer), gpointer data)
{
    cycle->serve = serve;
    cycle->serve_data = data;
}

static gboolean
is_wanted(const VnSnapshot *snapshot, const char *const *guests, const char *name)
{
    if (!guests || !*guests)
        return TRUE;
    for (; *guests; guests++) {
        const VnGuest *guest = vn_snapshot_find(snapshot, *guests);
        if (guest && strcmp(guest->name, name) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
all_exist(const VnSnapshot *snapshot, const char *const *guests, GError **error)
{
    for (; guests && *guests; guests++) {
        if (vn_snapshot_find(snapshot, *guests))
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "guest %s: there is none of this name; 'vnumactl list' shows all",
                    *guests);
        return FALSE;
    }
    return TRUE;
}

/*
 * Everybody was decided for, as guests share the host; now only those asked for
 * remain.
 */
static void
keep_wanted(const VnSnapshot *snapshot, const char *const *guests, VnPlan *plan)
{
    for (guint i = plan->steps->len; i-- > 0;) {
        const VnStep *step = plan->steps->pdata[i];
        if (!is_wanted(snapshot, guests, step->guest))
            g_ptr_array_remove_index(plan->steps, i);
    }
    for (guint i = plan->decisions->len; i-- > 0;) {
        const VnDecision *decision = plan->decisions->pdata[i];
        if (!is_wanted(snapshot, guests, decision->guest))
            g_ptr_array_remove_index(plan->decisions, i);
    }
}

static VnSnapshot *
observe(VnCycle *cycle, GError **error)
{
    VnSnapshot *snapshot = vn_observer_observe(cycle->observer, error);
    if (snapshot) {
        vn_sampling_see(cycle->sampling, snapshot);
        cycle->look_us = G_MAXINT64;
    }
    return snapshot;
}

/* A pin to all CPUs that there are, which a pin taken back leaves behind, is nobody's. */
static void
mark_pins(const VnCycle *cycle, const VnSnapshot *snapshot)
{
    g_autoptr(VnIdSet) nodes = vn_host_node_ids(snapshot->host);
    g_autoptr(VnIdSet) all = vn_host_cpus_of_nodes(snapshot->host, nodes);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        VnGuest *guest = snapshot->guests->pdata[i];
        vn_ledger_mark_pins(cycle->ledger, guest);
        for (guint k = 0; k < guest->vcpus->len; k++) {
            VnVcpu *vcpu = guest->vcpus->pdata[k];
            if (vcpu->pinned && vn_idset_is_subset(all, vcpu->pinned))
                vcpu->pin_is_ours = TRUE;
        }
    }
}

static gboolean
pins_are_ours(const VnGuest *guest)
{
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        if (vcpu->pinned && !vcpu->pin_is_ours)
            return FALSE;
    }
    return TRUE;
}

/*
 * Changes the guest's part of the plan by its accesses.
 *
 * Returns: (transfer full) (nullable): what is known of these
 */
static VnLocality *
steer(VnCycle *cycle, const VnSnapshot *snapshot, VnGuest *guest, VnPlan *plan)
{
    g_autoptr(GError) error = NULL;
    VnSteerVerdict verdict = VN_STEER_UNSURE;
    g_autoptr(VnLocality) locality = NULL;
    gboolean steered = vn_ledger_was_steered(cycle->ledger, guest);
    g_autoptr(VnPlacement) placement =
        vn_sampling_placement(cycle->sampling, guest, snapshot->host, &error);
    if (error)
        vn_guest_add_note(guest, "%s", error->message);
    if (placement) {
        const VnHeat *heat = vn_sampling_heat(cycle->sampling, guest);
        gint64 now_us = g_get_monotonic_time();
        locality = vn_locality_new(heat, placement, snapshot->host, now_us);
        const VnSteerEvidence evidence = {
            .heat = heat,
            .locality = locality,
            .pins_are_ours = pins_are_ours(guest),
            .now_us = now_us,
            .move_bytes_per_second = MOVE_BYTES_PER_SECOND,
            .placement = placement,
            .steered = steered,
            .expected_cost = vn_sampling_promised(cycle->sampling, guest),
        };
        verdict = vn_steer_guest(snapshot, guest, &evidence, plan);
    }
    if (verdict == VN_STEER_UNSURE && steered &&
        cycle->config.sampling == VN_SAMPLING_AUTO)
        vn_steer_hold(guest,
                      "stays where its accesses had it, until enough of them is seen "
                      "again",
                      plan);
    else if (verdict > VN_STEER_AGREE && !vn_sampling_is_settled(cycle->sampling, guest))
        vn_steer_hold(guest,
                      "its accesses have just changed: left as it is until the next "
                      "look shows that they stay so",
                      plan);
    return g_steal_pointer(&locality);
}

/*
 * observe, decide, guard.
 * @localities: (nullable): gets VnLocality by guest's name
 */
static VnPlan *
decide(VnCycle *cycle, const char *const *guests, VnSnapshot **ret_snapshot,
       GHashTable *localities, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = observe(cycle, error);
    if (!snapshot || !all_exist(snapshot, guests, error))
        return NULL;
    mark_pins(cycle, snapshot);
    VnPlan *plan = vn_align_decide(snapshot);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        VnGuest *guest = snapshot->guests->pdata[i];
        g_autoptr(VnLocality) locality = steer(cycle, snapshot, guest, plan);
        if (locality && localities)
            g_hash_table_insert(localities, guest->name, g_steal_pointer(&locality));
    }
    keep_wanted(snapshot, guests, plan);
    vn_guard(snapshot, &cycle->config, plan);
    if (ret_snapshot)
        *ret_snapshot = g_steal_pointer(&snapshot);
    return plan;
}

static GHashTable *
new_localities(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                 (GDestroyNotify) vn_locality_free);
}

VnPlan *
vn_cycle_plan(VnCycle *cycle, const char *const *guests, VnSnapshot **ret_snapshot,
              GError **error)
{
    return decide(cycle, guests, ret_snapshot, NULL, error);
}

gint64
vn_cycle_tick(VnCycle *cycle)
{
    gint64 now_us = g_get_monotonic_time();
    if (cycle->look_us <= now_us) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnSnapshot) snapshot = observe(cycle, &error);
        if (!snapshot)
            cycle->look_us = now_us + LOOK_AGAIN_US;
    }
    return MIN(cycle->look_us, vn_sampling_tick(cycle->sampling));
}

void
vn_cycle_guests_changed(VnCycle *cycle)
{
    if (cycle->config.sampling == VN_SAMPLING_AUTO)
        cycle->look_us = g_get_monotonic_time() + SETTLE_US;
}

/* Whether all of @guests may be touched. */
static gboolean
may_touch(const VnSnapshot *snapshot, const char *const *guests, GError **error)
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
    g_autoptr(VnSnapshot) snapshot = observe(cycle, error);
    return snapshot && all_exist(snapshot, guests, error) &&
           may_touch(snapshot, guests, error);
}

gboolean
vn_cycle_sample(VnCycle *cycle, const char *name, GVariant *options, VnSamplingDone done,
                gpointer data, GError **error)
{
    const char *const names[] = {name, NULL};
    g_autoptr(VnSnapshot) snapshot = observe(cycle, error);
    return snapshot && all_exist(snapshot, names, error) &&
           may_touch(snapshot, names, error) &&
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
        VnSnapshot *snapshot = observe(cycle, &wrong);
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

static void
check(VnCycle *cycle, VnPlan *plan)
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

VnPlan *
vn_cycle_run(VnCycle *cycle, const char *const *guests, VnProgress *progress,
             GError **error)
{
    VnHands hands = {.virt = cycle->virt, .root = cycle->root};
    VnActPort port = vn_hands_port(&hands);
    port.serve = cycle->serve;
    port.serve_data = cycle->serve_data;

    vn_progress_set_stage(progress, VN_STAGE_PLANNING);
    vn_progress_set_activity(progress, "looking at host and guests");
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(VnPlan) plan = vn_cycle_plan(cycle, guests, &snapshot, error);
    if (!plan)
        return NULL;
    remember_promises(cycle, snapshot, plan);
    if (!plan->steps->len)
        return g_steal_pointer(&plan);

    for (guint round = 1;; round++) {
        vn_progress_set_stage(progress, VN_STAGE_ACTING);
        vn_act(&port, &cycle->config, cycle->ledger, progress, snapshot, plan);
        g_autoptr(GPtrArray) moves = moves_carried_out(plan);

        vn_progress_set_stage(progress, VN_STAGE_CHECKING);
        vn_progress_set_activity(progress, "looking whether it worked");
        check(cycle, plan);
        if (round == ROUNDS_MAX || !plan_leftovers(moves))
            return g_steal_pointer(&plan);
    }
}

GVariant *
vn_cycle_describe_guests(VnCycle *cycle, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(GHashTable) localities = new_localities();
    g_autoptr(VnPlan) plan = decide(cycle, NULL, &snapshot, localities, error);
    if (!plan)
        return NULL;
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
        g_autoptr(GVariant) described = g_variant_ref_sink(vn_guest_to_variant(
            guest, decision, g_hash_table_lookup(localities, guest->name), FALSE));
        g_autoptr(VnVerdict) verdict = vn_verify_told(snapshot, guest, decision);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, described);
        vn_dict_insert(&dict, "told_state", "s", vn_told_state_name(verdict->told));
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

GVariant *
vn_cycle_verify(VnCycle *cycle, const char *const *guests, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + VERIFY_TIMEOUT_MS * (gint64) 1000;
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(GHashTable) localities = new_localities();
    g_autoptr(VnPlan) plan = decide(cycle, guests, &snapshot, localities, error);
    if (!plan)
        return NULL;
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        if (!is_wanted(snapshot, guests, guest->name))
            continue;
        gint64 left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
        g_autoptr(VnVerdict) verdict = vn_verify_whole(
            cycle->virt, snapshot, guest, vn_plan_find_decision(plan, guest->name),
            (guint) CLAMP(left_ms, 1, VERIFY_TIMEOUT_MS / 4));
        const VnLocality *locality = g_hash_table_lookup(localities, guest->name);
        vn_verify_accesses(verdict, guest, locality, plan);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "name", "s", guest->name);
        vn_dict_insert(&dict, "uuid", "s", guest->uuid);
        vn_dict_insert(&dict, "state", "s", vn_guest_state_name(guest->state));
        vn_dict_insert_ratio(&dict, "locality_ratio",
                             locality ? locality->guest.locality : -1);
        vn_verdict_insert(verdict, &dict);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

GVariant *
vn_cycle_describe_guest(VnCycle *cycle, const char *name, GError **error)
{
    const char *const names[] = {name, NULL};
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(GHashTable) localities = new_localities();
    g_autoptr(VnPlan) plan = decide(cycle, names, &snapshot, localities, error);
    if (!plan)
        return NULL;
    for (guint i = 0; i < snapshot->guests->len; i++)
        vn_completer_add_notes(cycle->completer, snapshot->guests->pdata[i]);
    const VnGuest *guest = vn_snapshot_find(snapshot, name);
    const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    g_autoptr(GVariant) described = g_variant_ref_sink(vn_guest_to_variant(
        guest, decision, g_hash_table_lookup(localities, guest->name), TRUE));
    g_autoptr(VnVerdict) verdict =
        vn_verify_whole(cycle->virt, snapshot, guest, decision, VERIFY_TIMEOUT_MS / 4);
    vn_verify_accesses(verdict, guest, g_hash_table_lookup(localities, guest->name),
                       plan);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, described);
    vn_verdict_insert(verdict, &dict);
    vn_sampling_describe(cycle->sampling, guest, &dict);
    vn_dict_insert_value(&dict, "past_steps",
                         vn_ledger_past_steps(cycle->ledger, guest->uuid));
    return vn_dict_end(&dict);
}

GVariant *
vn_cycle_describe_heat(VnCycle *cycle, const char *name, GVariant *options,
                       GError **error)
{
    const char *const names[] = {name, NULL};
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(VnPlan) plan = decide(cycle, names, &snapshot, NULL, error);
    if (!plan)
        return NULL;
    const VnGuest *guest = vn_snapshot_find(snapshot, name);
    const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    return vn_sampling_heatmap(cycle->sampling, guest, snapshot->host, decision->homes,
                               options, error);
}

char *
vn_cycle_get_definition(VnCycle *cycle, const char *name, GError **error)
{
    g_autoptr(GPtrArray) domains = vn_virt_list(cycle->virt, 0, error);
    if (!domains)
        return NULL;
    for (guint i = 0; i < domains->len; i++) {
        VnVirtDomain *domain = domains->pdata[i];
        if (strcmp(domain->name, name) != 0 && strcmp(domain->uuid, name) != 0)
            continue;
        if (domain->xml)
            return g_steal_pointer(&domain->xml);
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "guest %s: %s", domain->name,
                    domain->busy);
        return NULL;
    }
    g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                "guest %s: there is none of this name; 'vnumactl list' shows all", name);
    return NULL;
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
