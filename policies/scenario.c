/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnScenario: making one, and having the policies decide for it. */
#include "policies/scenario.h"

#include "model/dict.h"
#include "model/text.h"
#include "policies/align.h"
#include "policies/order.h"
#include "policies/place.h"

/* What a host node can hold, by page size; base memory as "pages" of one byte. */
static GArray *
room_of(const VnHostNode *node)
{
    GArray *room = g_array_new(FALSE, FALSE, sizeof(VnHugePages));
    VnHugePages base = {.size_bytes = 1, .free = node->memory_bytes};
    for (guint i = 0; i < node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        base.free -= MIN(base.free, pages->total * pages->size_bytes);
    }
    base.total = base.free;
    g_array_append_val(room, base);
    for (guint i = 0; i < node->huge_pages->len; i++) {
        VnHugePages pages = g_array_index(node->huge_pages, VnHugePages, i);
        pages.free = pages.total;
        g_array_append_val(room, pages);
    }
    return room;
}

VnScenario *
vn_scenario_new(VnHost *host)
{
    VnScenario *scenario = g_new0(VnScenario, 1);
    scenario->snapshot = vn_snapshot_new(host);
    scenario->guests = g_array_new(FALSE, TRUE, sizeof(VnScenarioGuest));
    scenario->cpu_overcommit_ratio = 1;
    scenario->smt = TRUE;
    scenario->room = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
    for (guint i = 0; i < host->nodes->len; i++)
        g_ptr_array_add(scenario->room, room_of(host->nodes->pdata[i]));
    return scenario;
}

void
vn_scenario_free(VnScenario *scenario)
{
    if (!scenario)
        return;
    vn_snapshot_unref(scenario->snapshot);
    g_array_unref(scenario->guests);
    g_ptr_array_unref(scenario->room);
    g_free(scenario);
}

VnGuest *
vn_scenario_add(VnScenario *scenario, const char *name, guint n_vcpus,
                guint64 memory_bytes)
{
    VnGuest *guest = vn_guest_new(name, name);
    guest->state = VN_GUEST_STOPPED;
    guest->managed = TRUE;
    guest->memory_bytes = memory_bytes;
    for (guint i = 0; i < n_vcpus; i++)
        vn_guest_add_vcpu(guest, i, 0);
    g_ptr_array_add(scenario->snapshot->guests, guest);
    VnScenarioGuest wish = {.max_cells =
                                MIN(scenario->snapshot->host->nodes->len, VN_CELLS_MAX)};
    g_array_append_val(scenario->guests, wish);
    return guest;
}

void
vn_scenario_split(VnGuest *guest, guint n_cells, guint64 page_size_bytes)
{
    guint64 page = page_size_bytes ? page_size_bytes : 1;
    guint64 pages = guest->memory_bytes / page;
    guint n_vcpus = guest->vcpus->len;
    guint next = 0;
    g_ptr_array_set_size(guest->cells, 0);
    for (guint i = 0; i < n_cells; i++) {
        VnCell *cell = vn_guest_add_cell(guest, i);
        guint end = next + n_vcpus / n_cells + (i < n_vcpus % n_cells);
        cell->page_size_bytes = page_size_bytes;
        cell->memory_bytes = (pages / n_cells + (i < pages % n_cells)) * page;
        for (; next < end; next++) {
            vn_idset_add(cell->vcpus, next);
            ((VnVcpu *) guest->vcpus->pdata[next])->cell = i;
        }
    }
}

/*
 * Takes @bytes of the cell off the node's room. What is free there is at most what is
 * left then, whether the scenario has counted what is placed or not.
 */
static gboolean
take_room(const VnScenario *scenario, const VnCell *cell, guint index, guint64 bytes,
          GError **error)
{
    VnHostNode *node = scenario->snapshot->host->nodes->pdata[index];
    GArray *room = scenario->room->pdata[index];
    guint64 size_bytes = cell->page_size_bytes ? cell->page_size_bytes : 1;
    for (guint i = 0; i < room->len; i++) {
        VnHugePages *pages = &g_array_index(room, VnHugePages, i);
        if (pages->size_bytes != size_bytes || pages->free < bytes / size_bytes)
            continue;
        pages->free -= bytes / size_bytes;
        if (i == 0) {
            node->free_bytes = MIN(node->free_bytes, pages->free);
        } else {
            VnHugePages *there = &g_array_index(node->huge_pages, VnHugePages, i - 1);
            there->free = MIN(there->free, pages->free);
        }
        return TRUE;
    }
    g_autofree char *wanted = vn_text_bytes(bytes);
    g_autofree char *size = vn_text_bytes(cell->page_size_bytes);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "host node %u cannot hold %s more%s%s",
                node->id, wanted, cell->page_size_bytes ? " in pages of " : "",
                cell->page_size_bytes ? size : "");
    return FALSE;
}

/* The cell's memory over the nodes, in proportion to theirs; the last gets the rest. */
static gboolean
put_memory(const VnScenario *scenario, VnCell *cell, const VnIdSet *nodes, GError **error)
{
    const VnHost *host = scenario->snapshot->host;
    guint64 page = cell->page_size_bytes ? cell->page_size_bytes : 1;
    guint64 all_pages = cell->memory_bytes / page;
    guint64 left = cell->memory_bytes;
    double whole = 0;
    VN_IDSET_FOREACH (nodes, id)
        whole += (double) vn_host_find_node(host, (guint) id)->memory_bytes;
    VN_IDSET_FOREACH (nodes, id) {
        guint index = (guint) vn_host_node_index(host, (guint) id);
        const VnHostNode *node = host->nodes->pdata[index];
        double share = (double) node->memory_bytes / whole;
        guint64 pages = (guint64) (share * (double) all_pages);
        gboolean last = vn_idset_next(nodes, node->id + 1) < 0;
        guint64 bytes = last ? left : MIN(pages * page, left);
        if (!take_room(scenario, cell, index, bytes, error))
            return FALSE;
        vn_cell_set_resident(cell, node->id, bytes);
        left -= bytes;
    }
    return TRUE;
}

gboolean
vn_scenario_put(const VnScenario *scenario, VnGuest *guest, guint cell,
                const VnIdSet *nodes, GError **error)
{
    VnCell *placed = guest->cells->pdata[cell];
    g_autoptr(VnIdSet) cpus = vn_homes_cpus(scenario->snapshot->host, nodes);
    if (!put_memory(scenario, placed, nodes, error))
        return FALSE;
    placed->hva_end = MAX(placed->memory_bytes, 1); /* it can be moved */
    VN_IDSET_FOREACH (placed->vcpus, id) {
        VnVcpu *vcpu = guest->vcpus->pdata[id];
        vn_idset_free(vcpu->pinned);
        vcpu->pinned = vn_idset_copy(cpus);
        vcpu->pin_is_ours = guest->policy != VN_POLICY_MANUAL;
    }
    if (!guest->emulator_pinned)
        guest->emulator_pinned = vn_idset_new();
    vn_idset_add_all(guest->emulator_pinned, cpus);
    guest->state = VN_GUEST_RUNNING;
    return TRUE;
}

/* The fewest cells of which each fits on the largest host node, or as many as may be. */
static guint
fewest_cells(const VnScenario *scenario, const VnGuest *guest,
             const VnScenarioGuest *wish)
{
    guint64 bytes = 0;
    double vcpus = 0;
    for (guint i = 0; i < scenario->room->len; i++) {
        const VnHostNode *node = scenario->snapshot->host->nodes->pdata[i];
        const GArray *room = scenario->room->pdata[i];
        vcpus = MAX(vcpus, scenario->cpu_overcommit_ratio * vn_idset_count(node->cpus));
        for (guint k = 0; k < room->len; k++) {
            const VnHugePages *pages = &g_array_index(room, VnHugePages, k);
            if (pages->size_bytes == MAX(wish->page_size_bytes, 1))
                bytes = MAX(bytes, pages->total * pages->size_bytes);
        }
    }
    guint n = 1;
    while (n < wish->max_cells &&
           (guest->memory_bytes / n > bytes || (double) guest->vcpus->len / n > vcpus))
        n++;
    return guest->policy == VN_POLICY_MIRROR ? wish->max_cells : n;
}

/* What all host nodes together have left, whoever lies where. */
typedef struct {
    double vcpus;
    guint64 page_size_bytes; /* of these, in bytes: */
    double bytes;
} Spare;

static Spare
count_spare(const VnScenario *scenario, const VnPlacing *placing, guint64 page_size_bytes)
{
    Spare spare = {.page_size_bytes = page_size_bytes};
    const VnSnapshot *snapshot = scenario->snapshot;
    for (guint i = 0; i < snapshot->host->nodes->len; i++) {
        const VnHostNode *node = snapshot->host->nodes->pdata[i];
        spare.vcpus += scenario->cpu_overcommit_ratio * vn_idset_count(node->cpus);
        spare.bytes += page_size_bytes ? 0 : (double) node->free_bytes;
        for (guint k = 0; k < node->huge_pages->len; k++) {
            const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, k);
            if (pages->size_bytes == page_size_bytes)
                spare.bytes += (double) pages->free * (double) pages->size_bytes;
        }
    }
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        if (placing->refused->pdata[i])
            continue;
        spare.vcpus -= guest->vcpus->len;
        if (guest->state == VN_GUEST_STOPPED &&
            page_size_bytes ==
                g_array_index(scenario->guests, VnScenarioGuest, i).page_size_bytes)
            spare.bytes -= (double) guest->memory_bytes;
    }
    return spare;
}

/*
 * Gives guests that were refused a cell more, where they may have one and that may help;
 * whether there are any.
 */
static gboolean
split_further(VnScenario *scenario, const VnPlacing *placing)
{
    gboolean changed = FALSE;
    Spare spare = count_spare(scenario, placing, 0);
    for (guint i = 0; i < scenario->guests->len; i++) {
        const VnScenarioGuest *wish =
            &g_array_index(scenario->guests, VnScenarioGuest, i);
        VnGuest *guest = scenario->snapshot->guests->pdata[i];
        if (!placing->refused->pdata[i] || guest->cells->len >= wish->max_cells)
            continue;
        if (spare.page_size_bytes != wish->page_size_bytes)
            spare = count_spare(scenario, placing, wish->page_size_bytes);
        if (spare.bytes < (double) guest->memory_bytes || spare.vcpus < guest->vcpus->len)
            continue;
        vn_scenario_split(guest, guest->cells->len + 1, wish->page_size_bytes);
        changed = TRUE;
    }
    return changed;
}

VnScenarioResult *
vn_scenario_run(VnScenario *scenario)
{
    const VnPlaceOptions options = {
        .cpu_overcommit_ratio = scenario->cpu_overcommit_ratio,
        .smt = scenario->smt,
        .admit = TRUE,
        .replan = TRUE,
    };
    for (guint i = 0; i < scenario->guests->len; i++) {
        VnScenarioGuest *wish = &g_array_index(scenario->guests, VnScenarioGuest, i);
        VnGuest *guest = scenario->snapshot->guests->pdata[i];
        wish->max_cells = MIN(wish->max_cells, guest->vcpus->len);
        if (wish->max_cells)
            vn_scenario_split(guest, fewest_cells(scenario, guest, wish),
                              wish->page_size_bytes);
    }
    g_autoptr(VnPlacing) placing = vn_place(scenario->snapshot, &options);
    while (split_further(scenario, placing)) {
        vn_placing_free(placing);
        placing = vn_place(scenario->snapshot, &options);
    }
    VnScenarioResult *result = g_new0(VnScenarioResult, 1);
    result->snapshot = vn_snapshot_ref(scenario->snapshot);
    result->plan = vn_align_to(scenario->snapshot, placing->homes);
    vn_order_moves(scenario->snapshot, result->plan);
    result->refused = g_ptr_array_ref(placing->refused);
    result->remote_cost = placing->remote_cost;
    result->max_cpu_load_ratio = placing->max_cpu_load_ratio;
    return result;
}

void
vn_scenario_result_free(VnScenarioResult *result)
{
    if (!result)
        return;
    vn_snapshot_unref(result->snapshot);
    vn_plan_unref(result->plan);
    g_ptr_array_unref(result->refused);
    g_free(result);
}

static GVariant *
placement_to_variant(const VnGuest *guest, const VnDecision *decision)
{
    g_auto(GVariantBuilder) cells;
    g_auto(VnDict) dict;
    g_variant_builder_init(&cells, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        g_auto(VnDict) one;
        vn_dict_init(&one, NULL);
        vn_dict_insert(&one, "id", "u", cell->id);
        vn_dict_insert_idset(&one, "vcpus", cell->vcpus);
        vn_dict_insert(&one, "memory_bytes", "t", cell->memory_bytes);
        vn_dict_insert_idset(&one, "home", decision->homes->pdata[i]);
        g_variant_builder_add_value(&cells, vn_dict_end(&one));
    }
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "guest", "s", guest->name);
    vn_dict_insert_value(&dict, "cells", g_variant_builder_end(&cells));
    return vn_dict_end(&dict);
}

static GVariant *
refusal_to_variant(const VnGuest *guest, const char *why)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "guest", "s", guest->name);
    vn_dict_insert(&dict, "reason", "s", why);
    return vn_dict_end(&dict);
}

static GVariant *
cost_to_variant(const VnScenarioResult *result)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "remote_cost", "d", result->remote_cost);
    vn_dict_insert(&dict, "moved_bytes", "t", vn_plan_bytes_total(result->plan));
    vn_dict_insert(&dict, "max_cpu_load_ratio", "d", result->max_cpu_load_ratio);
    return vn_dict_end(&dict);
}

GVariant *
vn_scenario_result_to_variant(const VnScenarioResult *result)
{
    const GPtrArray *guests = result->snapshot->guests;
    g_auto(GVariantBuilder) placements;
    g_auto(GVariantBuilder) refused;
    g_auto(GVariantBuilder) steps;
    g_auto(VnDict) dict;
    g_variant_builder_init(&placements, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&refused, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&steps, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < guests->len; i++) {
        const VnGuest *guest = guests->pdata[i];
        const char *why = result->refused->pdata[i];
        if (why)
            g_variant_builder_add_value(&refused, refusal_to_variant(guest, why));
        else
            g_variant_builder_add_value(
                &placements,
                placement_to_variant(guest, result->plan->decisions->pdata[i]));
    }
    for (guint i = 0; i < result->plan->steps->len; i++)
        g_variant_builder_add_value(&steps,
                                    vn_step_to_variant(result->plan->steps->pdata[i]));
    vn_dict_init(&dict, NULL);
    vn_dict_insert_value(&dict, "placements", g_variant_builder_end(&placements));
    vn_dict_insert_value(&dict, "refused", g_variant_builder_end(&refused));
    vn_dict_insert_value(&dict, "steps", g_variant_builder_end(&steps));
    vn_dict_insert_value(&dict, "cost", cost_to_variant(result));
    return vn_dict_end(&dict);
}
