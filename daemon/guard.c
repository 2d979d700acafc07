/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard's limits. Each removal adds a sentence to the decision it concerns. */
#include "daemon/guard.h"

#include "model/text.h"
#include "policies/drain.h"
#include "policies/steer.h"

#include <string.h>

/* Sums of gains that should be nothing differ from it by rounding. */
#define GAIN_MIN 1e-9

guint64
vn_guard_reserve(const VnHostNode *node, const VnConfig *config)
{
    guint64 share = (guint64) ((double) node->memory_bytes * config->reserve_ratio);
    return MAX(share, VN_RESERVE_BYTES_MIN);
}

static void
refuse(VnPlan *plan, guint index, const char *why)
{
    const VnStep *step = plan->steps->pdata[index];
    VnDecision *decision = vn_plan_find_decision(plan, step->guest);
    g_autofree char *target = vn_step_target(step);
    g_autofree char *reason = g_strdup(decision->reason);
    vn_decision_set_reason(decision, "%s; refused: %s: %s", reason, target, why);
    if (step->kind != VN_STEP_PIN_EMULATOR)
        decision->expected_cost = 0;
    g_ptr_array_remove_index(plan->steps, index);
}

/*
 * Why the guest may not be touched at all, or the step not done by itself; NULL if it
 * may.
 */
static char *
forbidden(const VnSnapshot *snapshot, const VnStep *step)
{
    const VnGuest *guest = vn_snapshot_find(snapshot, step->uuid);
    if (!guest || !guest->managed || guest->state == VN_GUEST_STOPPED)
        return g_strdup("the guest is not managed or does not run");
    if (guest->trouble)
        return g_strdup(guest->trouble);
    if (vn_drain_forbids(snapshot->host, step))
        return g_strdup("it leads to a cordoned host node; see 'vnumactl drain'");
    if (step->kind == VN_STEP_MOVE_MEMORY && guest->allowed_nodes &&
        !vn_idset_is_subset(step->after, guest->allowed_nodes)) {
        g_autofree char *nodes = vn_idset_format(step->after);
        g_autofree char *allowed = vn_idset_format(guest->allowed_nodes);
        return g_strdup_printf(
            "host node %s is not in the guest's cpuset.mems (%s); list it "
            "in <numatune><memory nodeset=...>",
            nodes, allowed);
    }
    return NULL;
}

static const VnCell *
cell_of(const VnSnapshot *snapshot, const VnStep *step)
{
    return vn_snapshot_find(snapshot, step->uuid)->cells->pdata[step->target];
}

/* The size of huge pages that back the cell; 0 when base pages do. */
static guint64
pool_of(const VnSnapshot *snapshot, const VnCell *cell)
{
    guint64 size_bytes = cell->page_size_bytes;
    return size_bytes > snapshot->host->page_size_bytes ? size_bytes : 0;
}

/* Bytes that a plan brings to host nodes from one pool, less those it takes away. */
typedef struct {
    guint64 pool_bytes; /* size of its pages; 0: base pages */
    gint64 *net;        /* by place in VnHost.nodes */
} Flow;

static void
flow_clear(gpointer data)
{
    g_free(((Flow *) data)->net);
}

static Flow *
find_flow(GArray *flows, guint64 pool_bytes, guint n_nodes)
{
    for (guint i = 0; i < flows->len; i++) {
        Flow *flow = &g_array_index(flows, Flow, i);
        if (flow->pool_bytes == pool_bytes)
            return flow;
    }
    Flow flow = {.pool_bytes = pool_bytes, .net = g_new0(gint64, n_nodes)};
    g_array_append_val(flows, flow);
    return &g_array_index(flows, Flow, flows->len - 1);
}

static gint64
net_arriving(const VnStep *step, const VnCell *cell, guint node)
{
    if (vn_idset_contains(step->after, node))
        return (gint64) (step->bytes / vn_idset_count(step->after));
    if (step->parts_only)
        return vn_idset_contains(step->before, node) ? -(gint64) step->bytes : 0;
    return node < cell->resident_bytes->len
               ? -(gint64) g_array_index(cell->resident_bytes, guint64, node)
               : 0;
}

/* Of Flow: one a pool that the plan has moves for. */
static GArray *
flows_new(const VnSnapshot *snapshot, const VnPlan *plan)
{
    const GPtrArray *nodes = snapshot->host->nodes;
    GArray *flows = g_array_new(FALSE, FALSE, sizeof(Flow));
    g_array_set_clear_func(flows, flow_clear);
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_MOVE_MEMORY)
            continue;
        const VnCell *cell = cell_of(snapshot, step);
        Flow *flow = find_flow(flows, pool_of(snapshot, cell), nodes->len);
        for (guint k = 0; k < nodes->len; k++)
            flow->net[k] +=
                net_arriving(step, cell, ((const VnHostNode *) nodes->pdata[k])->id);
    }
    return flows;
}

static gint64
room_for(const VnHostNode *node, guint64 pool, const VnConfig *config)
{
    if (!pool)
        return (gint64) node->free_bytes - (gint64) vn_guard_reserve(node, config);
    for (guint i = 0; i < node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        if (pages->size_bytes == pool)
            return (gint64) (pages->free * pages->size_bytes);
    }
    return 0;
}

static char *
no_room(const VnSnapshot *snapshot, const VnConfig *config, GArray *flows,
        const VnStep *step)
{
    guint64 pool = pool_of(snapshot, cell_of(snapshot, step));
    const Flow *flow = find_flow(flows, pool, snapshot->host->nodes->len);
    VN_IDSET_FOREACH (step->after, id) {
        int index = vn_host_node_index(snapshot->host, (guint) id);
        if (index < 0)
            return g_strdup_printf("host node %d does not exist", id);
        gint64 room = room_for(snapshot->host->nodes->pdata[index], pool, config);
        gint64 net = flow->net[index];
        if (net <= 0 || net <= room)
            continue;
        g_autofree char *wanted = vn_text_bytes((guint64) net);
        g_autofree char *there = vn_text_bytes((guint64) MAX(room, 0));
        return g_strdup_printf(
            "host node %d is too full: %s would arrive, and there is room "
            "for %s %s",
            id, wanted, there,
            pool ? "in free huge pages of that size" : "above the reserve");
    }
    return NULL;
}

/*
 * Memory is checked for the plan as a whole, because cells that change places need no
 * room; taking one step out can take away the room of another, so it starts over then.
 * Each round removes a step: it ends.
 *
 * Returns: (nullable): whose step was removed
 */
static const VnGuest *
refuse_one_for_room(const VnSnapshot *snapshot, const VnConfig *config, VnPlan *plan)
{
    g_autoptr(GArray) flows = flows_new(snapshot, plan);
    for (guint i = plan->steps->len; i-- > 0;) {
        const VnStep *step = plan->steps->pdata[i];
        g_autofree char *why = step->kind == VN_STEP_MOVE_MEMORY
                                   ? no_room(snapshot, config, flows, step)
                                   : NULL;
        if (why) {
            const VnGuest *guest = vn_snapshot_find(snapshot, step->uuid);
            refuse(plan, i, why);
            return guest;
        }
    }
    return NULL;
}

/*
 * Why vnumad's own cycle must not do the step now; NULL: it may. Somebody asked for a
 * host node to be drained, whoever's cycle does it.
 */
static char *
held_back(const VnGuardView *view, const VnStep *step)
{
    gint64 cool_us = vn_caution_cool_us(view->caution, step->uuid, view->now_us);
    if (strcmp(step->policy, VN_DRAIN_POLICY) == 0)
        return NULL;
    if (!vn_caution_trusts(view->caution, step->uuid, step->policy))
        return g_strdup_printf("the last plans of the policy %s brought this guest less "
                               "than half of what was expected; 'vnumactl rebalance %s' "
                               "tries again",
                               step->policy, step->guest);
    if (step->kind == VN_STEP_MOVE_MEMORY && cool_us)
        return g_strdup_printf("the guest's memory has just been moved, and stays for "
                               "%" G_GINT64_FORMAT " s more; 'vnumactl rebalance %s' "
                               "does not wait",
                               cool_us / G_USEC_PER_SEC + 1, step->guest);
    return NULL;
}

static char *
cautious(const VnGuardView *view, const VnStep *step)
{
    if (vn_caution_is_foreign(view->caution, step))
        return g_strdup("somebody else has pinned it since vnumad did; it is theirs "
                        "until they pin it to all CPUs");
    return view->asked ? NULL : held_back(view, step);
}

/* Whether the step is to lower the guest's remote cost, and for nothing else. */
static gboolean
counts(const VnStep *step)
{
    return strcmp(step->policy, VN_STEER_POLICY) == 0 ||
           strcmp(step->policy, "align") == 0;
}

/* A move that gain is asked of: memory lies where the cell's binding lets it. */
static gboolean
has_to_pay(const VnSnapshot *snapshot, const VnStep *step)
{
    if (step->kind != VN_STEP_MOVE_MEMORY || !counts(step))
        return FALSE;
    const VnCell *cell = cell_of(snapshot, step);
    return !cell->bound || vn_idset_is_subset(step->before, cell->bound);
}

/* What the steps of a guest bring, and what they cost. */
typedef struct {
    double gain;
    guint64 bytes; /* that have to pay */
    guint n_moves;
} Balance;

static Balance
balance_of(const VnSnapshot *snapshot, const VnPlan *plan, const VnGuest *guest)
{
    Balance balance = {0};
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (strcmp(step->uuid, guest->uuid) != 0 || !counts(step))
            continue;
        balance.gain += step->expected_gain;
        balance.n_moves += step->kind == VN_STEP_MOVE_MEMORY;
        balance.bytes += has_to_pay(snapshot, step) ? step->bytes : 0;
    }
    return balance;
}

static double
price_of(const VnGuest *guest, guint64 bytes)
{
    guint64 resident = 0;
    for (guint i = 0; i < guest->cells->len; i++)
        resident += vn_cell_resident(guest->cells->pdata[i]);
    return resident ? VN_STEER_PRICE * (double) bytes / (double) resident : 0;
}

/* Why what the guest's moves bring is not worth it; NULL: it is. */
static char *
too_little(const VnConfig *config, const VnGuardView *view, const VnGuest *guest,
           const Balance *balance)
{
    g_autofree char *size = vn_text_bytes(balance->bytes);
    double price = price_of(guest, balance->bytes);
    double margin = config->gain_margin;
    if (balance->gain <= GAIN_MIN)
        return g_strdup_printf("nothing is to be gained by moving %s", size);
    if (view->asked)
        return NULL;
    if (vn_caution_is_fresh(view->caution, guest->uuid, view->now_us))
        margin *= 2;
    if (balance->gain > price + margin)
        return NULL;
    return g_strdup_printf(
        "to move %s gains %.3f of remote cost, and has to gain more than %.3f (price %.3f, "
        "gain_margin); 'vnumactl rebalance %s' asks for no margin",
        size, balance->gain, price + margin, price, guest->name);
}

/* Refuses those of the guest's steps that @which says; whether there were any. */
static gboolean
refuse_some(const VnSnapshot *snapshot, VnPlan *plan, const VnGuest *guest,
            gboolean (*which)(const VnSnapshot *snapshot, const VnStep *step),
            const char *why)
{
    guint n_steps = plan->steps->len;
    for (guint i = n_steps; i-- > 0;) {
        const VnStep *step = plan->steps->pdata[i];
        if (strcmp(step->uuid, guest->uuid) == 0 && which(snapshot, step))
            refuse(plan, i, why);
    }
    return plan->steps->len < n_steps;
}

static gboolean
is_steered_pin(const VnSnapshot *snapshot, const VnStep *step)
{
    return step->kind == VN_STEP_PIN_VCPU && strcmp(step->policy, VN_STEER_POLICY) == 0;
}

static gboolean
refuse_one_for_gain(const VnSnapshot *snapshot, const VnConfig *config,
                    const VnGuardView *view, const VnGuest *guest, VnPlan *plan)
{
    const Balance balance = balance_of(snapshot, plan, guest);
    g_autofree char *why =
        balance.bytes ? too_little(config, view, guest, &balance) : NULL;
    if (why)
        return refuse_some(snapshot, plan, guest, has_to_pay, why);
    return !balance.n_moves && balance.gain < -GAIN_MIN &&
           refuse_some(snapshot, plan, guest, is_steered_pin,
                       "the memory that it would follow does not come");
}

/* What of the guest's steps is not worth it; what is left may be worth less then. */
static void
refuse_for_gain(const VnSnapshot *snapshot, const VnConfig *config,
                const VnGuardView *view, const VnGuest *guest, VnPlan *plan)
{
    while (view && plan->steps->len &&
           refuse_one_for_gain(snapshot, config, view, guest, plan))
        continue;
}

void
vn_guard_with(const VnSnapshot *snapshot, const VnConfig *config, const VnGuardView *view,
              VnPlan *plan)
{
    for (guint i = plan->steps->len; i-- > 0;) {
        const VnStep *step = plan->steps->pdata[i];
        g_autofree char *why = forbidden(snapshot, step);
        if (!why && view)
            why = cautious(view, step);
        if (why)
            refuse(plan, i, why);
    }
    for (guint i = 0; i < snapshot->guests->len; i++)
        refuse_for_gain(snapshot, config, view, snapshot->guests->pdata[i], plan);
    for (const VnGuest *guest; (guest = refuse_one_for_room(snapshot, config, plan));)
        refuse_for_gain(snapshot, config, view, guest, plan);
}

void
vn_guard(const VnSnapshot *snapshot, const VnConfig *config, VnPlan *plan)
{
    vn_guard_with(snapshot, config, NULL, plan);
}
