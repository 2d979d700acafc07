/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard's limits. Each removal adds a sentence to the decision it concerns. */
#include "daemon/guard.h"

#include "model/text.h"

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

/*
 * Bytes that the plan brings to the node from the given pool, less those it takes
 * away.
 */
static gint64
net_arriving(const VnSnapshot *snapshot, const VnPlan *plan, guint node, guint64 pool)
{
    gint64 net = 0;
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_MOVE_MEMORY)
            continue;
        const VnCell *cell = cell_of(snapshot, step);
        if (pool_of(snapshot, cell) != pool)
            continue;
        if (vn_idset_contains(step->after, node))
            net += (gint64) (step->bytes / vn_idset_count(step->after));
        else if (step->parts_only)
            net -= vn_idset_contains(step->before, node) ? (gint64) step->bytes : 0;
        else if (node < cell->resident_bytes->len)
            net -= (gint64) g_array_index(cell->resident_bytes, guint64, node);
    }
    return net;
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
no_room(const VnSnapshot *snapshot, const VnConfig *config, const VnPlan *plan,
        const VnStep *step)
{
    guint64 pool = pool_of(snapshot, cell_of(snapshot, step));
    VN_IDSET_FOREACH (step->after, id) {
        const VnHostNode *node = vn_host_find_node(snapshot->host, (guint) id);
        if (!node)
            return g_strdup_printf("host node %d does not exist", id);
        gint64 room = room_for(node, pool, config);
        gint64 net = net_arriving(snapshot, plan, (guint) id, pool);
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
 */
static gboolean
refuse_one_for_room(const VnSnapshot *snapshot, const VnConfig *config, VnPlan *plan)
{
    for (guint i = plan->steps->len; i-- > 0;) {
        const VnStep *step = plan->steps->pdata[i];
        g_autofree char *why = step->kind == VN_STEP_MOVE_MEMORY
                                   ? no_room(snapshot, config, plan, step)
                                   : NULL;
        if (why) {
            refuse(plan, i, why);
            return TRUE;
        }
    }
    return FALSE;
}

void
vn_guard(const VnSnapshot *snapshot, const VnConfig *config, VnPlan *plan)
{
    for (guint i = plan->steps->len; i-- > 0;) {
        g_autofree char *why = forbidden(snapshot, plan->steps->pdata[i]);
        if (why)
            refuse(plan, i, why);
    }
    while (refuse_one_for_room(snapshot, config, plan))
        continue;
}
