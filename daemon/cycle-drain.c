/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Emptying host nodes. The policies know how (VnHostNode.cordoned): a drain is the cycle
 * for the guests that they take off the node, with a look before and one after.
 */
#include "daemon/cycle-private.h"

#include "daemon/check.h"
#include "model/dict.h"
#include "policies/drain.h"

static const char *const all_guests[] = {NULL};

static gboolean
keeps_cordons(const VnCycle *cycle, GError **error)
{
    if (cycle->cordons)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                "cordons: there is no folder to keep them in");
    return FALSE;
}

/* What would empty the node, once it is cordoned. */
typedef struct {
    char **guests; /* UUIDs of those that leave */
    VnPlan *plan;
    GPtrArray *left; /* of VnRemnant */
} Drain;

static void
drain_clear(Drain *drain)
{
    g_strfreev(drain->guests);
    vn_plan_unref(drain->plan);
    g_clear_pointer(&drain->left, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Drain, drain_clear)

static void
drop_steps(VnPlan *plan)
{
    g_ptr_array_set_size(plan->steps, 0);
}

/* UUIDs of all guests: who is named is planned for even if it rests. */
static char **
name_all(VnCycle *cycle, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = vn_cycle_observe(cycle, error);
    if (!snapshot)
        return NULL;
    char **names = g_new0(char *, snapshot->guests->len + 1);
    for (guint i = 0; i < snapshot->guests->len; i++)
        names[i] = g_strdup(((const VnGuest *) snapshot->guests->pdata[i])->uuid);
    return names;
}

static gboolean
decide(VnCycle *cycle, guint node, Drain *drain, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_auto(GStrv) all = name_all(cycle, error);
    if (!all)
        return FALSE;
    drain->plan =
        vn_cycle_decide(cycle, (const char *const *) all, &snapshot, NULL, error);
    if (!drain->plan || !vn_drain_check(snapshot->host, node, error))
        return FALSE;
    drain->guests = vn_drain_guests(snapshot, node, drain->plan);
    if (!*drain->guests) {
        drop_steps(drain->plan);
    } else {
        /* Once more for them alone: what others would do makes no room for them. */
        g_clear_pointer(&drain->plan, vn_plan_unref);
        g_clear_pointer(&snapshot, vn_snapshot_unref);
        drain->plan = vn_cycle_decide(cycle, (const char *const *) drain->guests,
                                      &snapshot, NULL, error);
        if (!drain->plan)
            return FALSE;
    }
    drain->left = vn_drain_remnants(snapshot, node, drain->plan);
    return TRUE;
}

/* As decide(), as if the node were cordoned already. */
static gboolean
rehearse(VnCycle *cycle, guint node, Drain *drain, GError **error)
{
    if (!keeps_cordons(cycle, error))
        return FALSE;
    vn_cordons_try(cycle->cordons, (int) node);
    gboolean decided = decide(cycle, node, drain, error);
    vn_cordons_try(cycle->cordons, -1);
    return decided;
}

GVariant *
vn_cycle_plan_drain(VnCycle *cycle, guint node, GError **error)
{
    g_auto(Drain) drain = {0};
    if (!rehearse(cycle, node, &drain, error))
        return NULL;
    g_autofree char *refusal = vn_drain_refusal(drain.left, node);
    g_autoptr(GVariant) plan = g_variant_ref_sink(vn_plan_to_variant(drain.plan));
    g_auto(VnDict) dict;
    vn_dict_init(&dict, plan);
    vn_dict_insert_value(&dict, "left", vn_drain_to_variant(drain.left));
    vn_dict_insert_string(&dict, "refusal", refusal);
    return vn_dict_end(&dict);
}

static gboolean
refuse(const GPtrArray *left, guint node, GError **error)
{
    g_autofree char *refusal = vn_drain_refusal(left, node);
    if (refusal)
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED, "%s", refusal);
    return refusal != NULL;
}

gboolean
vn_cycle_cordon(VnCycle *cycle, guint node, GError **error)
{
    g_auto(Drain) drain = {0};
    if (!rehearse(cycle, node, &drain, error) || refuse(drain.left, node, error) ||
        !vn_cordons_add(cycle->cordons, node, error))
        return FALSE;
    g_message("host node %u: cordoned", node);
    vn_cycle_refresh(cycle);
    return TRUE;
}

gboolean
vn_cycle_uncordon(VnCycle *cycle, guint node, GError **error)
{
    if (!keeps_cordons(cycle, error) || !vn_cordons_remove(cycle->cordons, node, error))
        return FALSE;
    g_message("host node %u: no longer cordoned", node);
    vn_cycle_refresh(cycle);
    return TRUE;
}

/* What is there now. */
static GPtrArray *
look(VnCycle *cycle, guint node, const VnPlan *plan, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = vn_cycle_observe(cycle, error);
    if (!snapshot)
        return NULL;
    vn_cycle_mark_pins(cycle, snapshot);
    return vn_drain_remnants(snapshot, node, plan);
}

GVariant *
vn_cycle_drain(VnCycle *cycle, guint node, VnProgress *progress, GError **error)
{
    g_auto(Drain) drain = {0};
    vn_progress_set_stage(progress, VN_STAGE_PLANNING);
    vn_progress_set_activity(progress, "looking at what is on host node %u", node);
    if (!decide(cycle, node, &drain, error) || refuse(drain.left, node, error))
        return NULL;
    if (*drain.guests) {
        g_clear_pointer(&drain.plan, vn_plan_unref);
        drain.plan =
            vn_cycle_run(cycle, (const char *const *) drain.guests, progress, error);
        if (!drain.plan)
            return NULL;
    }
    g_autoptr(GError) wrong = NULL;
    g_autoptr(GPtrArray) left = look(cycle, node, drain.plan, &wrong);
    g_autofree char *what =
        left ? vn_drain_summary(left, node)
             : g_strdup_printf("whether host node %u is drained is not known: %s", node,
                               wrong->message);
    gboolean all_done;
    g_autofree char *steps = vn_check_summary(drain.plan, &all_done);
    g_autofree char *summary = g_strdup_printf("%s; %s", what, steps);
    gboolean drained = left && left->len == 0;
    g_autoptr(GVariant) plan = g_variant_ref_sink(vn_plan_to_variant(drain.plan));
    g_auto(VnDict) dict;
    vn_dict_init(&dict, plan);
    if (left)
        vn_dict_insert_value(&dict, "left", vn_drain_to_variant(left));
    vn_dict_insert(&dict, "drained", "b", drained);
    vn_dict_insert(&dict, "summary", "s", summary);
    vn_dict_insert(&dict, "bytes_moved", "t", vn_plan_bytes_moved(drain.plan));
    if (!drained)
        vn_dict_insert(&dict, "error", "s", summary);
    return vn_dict_end(&dict);
}

GVariant *
vn_cycle_describe_cordons(VnCycle *cycle, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = NULL;
    if (!keeps_cordons(cycle, error))
        return NULL;
    g_autoptr(VnPlan) plan = vn_cycle_decide(cycle, all_guests, &snapshot, NULL, error);
    if (!plan)
        return NULL;
    drop_steps(plan);
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    g_autoptr(VnIdSet) nodes = vn_cordons_nodes(cycle->cordons);
    VN_IDSET_FOREACH (nodes, node) {
        g_autoptr(GPtrArray) left = vn_drain_remnants(snapshot, (guint) node, plan);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "host_node", "u", (guint) node);
        vn_dict_insert(&dict, "since_us", "t",
                       (guint64) vn_cordons_since(cycle->cordons, (guint) node));
        vn_dict_insert(&dict, "drained", "b", left->len == 0);
        vn_dict_insert_value(&dict, "left", vn_drain_to_variant(left));
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}
