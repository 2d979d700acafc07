/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a guest has no place: what lacks, where least, what would have to change. */
#include "model/text.h"
#include "policies/planner-state.h"

#include <math.h>

static guint
node_id(const VnPlannerState *state, guint node)
{
    return ((const VnHostNode *) state->problem->host->nodes->pdata[node])->id;
}

static guint64
page_size(const VnPlannerState *state, const VnPlannerSpot *cell)
{
    return g_array_index(state->page_sizes, guint64, cell->pool);
}

/* "4.0 GiB of memory", "4.0 GiB in pages of 2.0 MiB" */
static char *
amount(const VnPlannerState *state, const VnPlannerSpot *cell, guint64 bytes)
{
    guint64 size = page_size(state, cell);
    g_autofree char *amount = vn_text_bytes(bytes);
    g_autofree char *pages = vn_text_bytes(size);
    return size ? g_strdup_printf("%s in pages of %s", amount, pages)
                : g_strdup_printf("%s of memory", amount);
}

/* What the node has of the cell's kind of memory, free or not. */
static guint64
total_bytes(const VnPlannerState *state, const VnPlannerSpot *cell, guint node)
{
    const VnHostNode *host_node = state->problem->host->nodes->pdata[node];
    guint64 size = page_size(state, cell);
    for (guint i = 0; size && i < host_node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(host_node->huge_pages, VnHugePages, i);
        if (pages->size_bytes == size)
            return pages->total * size;
    }
    return size ? 0 : host_node->memory_bytes;
}

/* A new ratio, rounded up so that what is printed is enough. */
static char *
ratio_text(guint vcpus, guint cpus)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    double ratio = ceil((double) vcpus * 100 / cpus - VN_PLANNER_EPSILON) / 100;
    return g_strdup(g_ascii_formatd(number, sizeof(number), "%.2f", ratio));
}

static char *
nowhere_text(const VnPlannerState *state, const VnPlannerSpot *cell)
{
    g_autoptr(VnIdSet) closed = vn_idset_new();
    for (guint i = 0; i < state->n_nodes; i++) {
        if (state->problem->closed && state->problem->closed[i] &&
            (cell->only < 0 || cell->only == (int) i) &&
            (!cell->allowed || cell->allowed[i]) && state->nodes[i].has_memory)
            vn_idset_add(closed, node_id(state, i));
    }
    if (vn_idset_is_empty(closed))
        return g_strdup_printf("cell %u may use no host node that has memory: allow it "
                               "others",
                               cell->place);
    g_autofree char *nodes = vn_text_host_nodes(closed);
    return g_strdup_printf("cell %u may use %s only, which take%s nothing new: open "
                           "%s again, or allow it others",
                           cell->place, nodes, vn_idset_count(closed) == 1 ? "s" : "",
                           vn_idset_count(closed) == 1 ? "it" : "one");
}

static char *
too_much_memory_text(const VnPlannerState *state, const VnPlannerSpot *cell, guint node)
{
    guint64 has_bytes = total_bytes(state, cell, node);
    guint64 size = page_size(state, cell);
    g_autofree char *wants = amount(state, cell, cell->need_bytes);
    g_autofree char *has = vn_text_bytes(has_bytes);
    g_autofree char *pages = vn_text_bytes(size);
    if (!has_bytes)
        return g_strdup_printf("cell %u wants %s, and no host node that it may use has "
                               "such: reserve %" G_GUINT64_FORMAT " pages of %s on one",
                               cell->place, wants, cell->need_bytes / MAX(size, 1),
                               pages);
    return g_strdup_printf("cell %u wants %s, more than any host node that it may use "
                           "has (host node %u: %s): split it into %" G_GUINT64_FORMAT
                           " cells%s",
                           cell->place, wants, node_id(state, node), has,
                           (cell->need_bytes + has_bytes - 1) / has_bytes,
                           size ? ", or reserve more pages" : "");
}

static char *
too_many_vcpus_text(const VnPlannerState *state, const VnPlannerSpot *cell, guint node)
{
    guint run = state->nodes[node].run;
    const VnPlannerNode *runs = &state->nodes[run];
    if (!runs->cpus)
        return g_strdup_printf("cell %u has %u vCPUs, and no host node that it may use "
                               "has CPUs",
                               cell->place, cell->vcpus);
    g_autofree char *ratio = ratio_text(cell->vcpus, runs->cpus);
    return g_strdup_printf("cell %u has %u vCPUs, more than any host node that it may "
                           "use takes (host node %u: %u on %u CPUs): split it, or raise "
                           "cpu_overcommit_ratio to %s",
                           cell->place, cell->vcpus, node_id(state, run), runs->vcpus_max,
                           runs->cpus, ratio);
}

static char *
no_room_text(const VnPlannerState *state, guint spot, guint node)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    VnPlannerLack lack = vn_planner_lack(state, spot, node);
    const VnPlannerNode *runs = &state->nodes[state->nodes[node].run];
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *wants = amount(state, cell, cell->need_bytes);
    g_autofree char *bytes = amount(state, cell, lack.bytes);
    guint64 left_bytes = 0;
    for (guint i = 0; i < state->n_nodes; i++) {
        const VnPlannerPool *pool = &state->pools[cell->pool * state->n_nodes + i];
        if (vn_planner_may(state, spot, i) && pool->used_bytes < pool->capacity_bytes)
            left_bytes += pool->capacity_bytes - pool->used_bytes;
    }
    g_autofree char *left = vn_text_bytes(left_bytes);
    g_string_printf(text,
                    "cell %u (%u vCPUs, %s) finds no room, nor can others make it; all "
                    "host nodes that it may use have %s left together; host node %u, "
                    "the nearest to enough, lacks ",
                    cell->place, cell->vcpus, wants, left, node_id(state, node));
    if (lack.bytes)
        g_string_append(text, bytes);
    if (lack.vcpus)
        g_string_append_printf(text, "%sCPUs for %u of the vCPUs",
                               lack.bytes ? ", and " : "", lack.vcpus);
    g_string_append(text, ": free that much there");
    if (lack.vcpus && runs->cpus) {
        g_autofree char *ratio = ratio_text(runs->vcpus + cell->vcpus, runs->cpus);
        g_string_append_printf(text, "%s cpu_overcommit_ratio to %s",
                               lack.bytes ? " and raise" : ", or raise", ratio);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Of a cell for which nowhere is room, as things are. */
static char *
explain(const VnPlannerState *state, guint spot)
{
    const VnPlannerSpot *cell = &state->spots[spot];
    int most_memory = -1;
    int most_vcpus = -1;
    int nearest = -1;
    for (guint i = 0; i < state->n_nodes; i++) {
        if (!vn_planner_may(state, spot, i))
            continue;
        if (most_memory < 0 ||
            total_bytes(state, cell, i) > total_bytes(state, cell, (guint) most_memory))
            most_memory = (int) i;
        if (most_vcpus < 0 || state->nodes[state->nodes[i].run].vcpus_max >
                                  state->nodes[state->nodes[most_vcpus].run].vcpus_max)
            most_vcpus = (int) i;
        if (nearest < 0 || vn_planner_lack(state, spot, i).part <
                               vn_planner_lack(state, spot, (guint) nearest).part)
            nearest = (int) i;
    }
    if (nearest < 0)
        return nowhere_text(state, cell);
    if (cell->need_bytes > total_bytes(state, cell, (guint) most_memory))
        return too_much_memory_text(state, cell, (guint) most_memory);
    if (cell->vcpus > state->nodes[state->nodes[most_vcpus].run].vcpus_max)
        return too_many_vcpus_text(state, cell, (guint) most_vcpus);
    return no_room_text(state, spot, (guint) nearest);
}

char *
vn_planner_refusal(VnPlannerState *state, guint index)
{
    const VnPlannerClient *client = &state->clients[index];
    guint mark = state->journal->len;
    char *text = NULL;
    for (guint i = 0; !text && i < client->n_cells; i++) {
        int node = vn_planner_cheapest(state, client->order[i]);
        if (node >= 0)
            vn_planner_put(state, client->order[i], node);
        else
            text = explain(state, client->order[i]);
    }
    vn_planner_undo(state, mark);
    if (!text)
        text = g_strdup("no room was found with the effort allowed, but there may be: "
                        "allow more");
    return text;
}
