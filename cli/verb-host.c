/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl host: the host's nodes and distances, and what is unusual about them. */

#include "cli/format.h"
#include "cli/local-host.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "model/text.h"

/* What at least one node tells, and is therefore worth a column. */
typedef struct {
    gboolean huge_pages;
    gboolean tier;
    gboolean latency;
    gboolean bandwidth;
} Known;

static const VnAccessClass *
nearest_access(const VnHostNode *node)
{
    return &node->access[node->access[0].initiators ? 0 : 1];
}

static Known
find_known(const VnHost *host)
{
    Known known = {0};
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        const VnAccessClass *access = nearest_access(node);
        for (guint k = 0; k < node->huge_pages->len; k++)
            known.huge_pages |= g_array_index(node->huge_pages, VnHugePages, k).total > 0;
        known.tier |= node->tier >= 0;
        known.latency |= access->read_latency_ns > 0;
        known.bandwidth |= access->read_bandwidth_bytes_per_second > 0;
    }
    return known;
}

/* "16 of 64 free (2.0 MiB)", sizes without pages left out. */
static char *
huge_pages_text(const VnHostNode *node)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        g_autofree char *size = vn_text_bytes(pages->size_bytes);
        if (pages->total)
            g_string_append_printf(
                text, "%s%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " free (%s)",
                text->len ? ", " : "", pages->free, pages->total, size);
    }
    return g_strdup(text->len ? text->str : VN_FORMAT_UNKNOWN);
}

static void
add_known(VnTable *table, const VnHostNode *node, const Known *known)
{
    const VnAccessClass *access = nearest_access(node);
    if (known->huge_pages)
        vn_table_take(table, huge_pages_text(node));
    if (known->tier)
        vn_table_take(table, node->tier < 0 ? g_strdup(VN_FORMAT_UNKNOWN)
                                            : g_strdup_printf("%d", node->tier));
    if (known->latency)
        vn_table_take(table, access->read_latency_ns
                                 ? g_strdup_printf("%u ns", access->read_latency_ns)
                                 : g_strdup(VN_FORMAT_UNKNOWN));
    if (known->bandwidth)
        vn_table_take(table, access->read_bandwidth_bytes_per_second
                                 ? vn_format_rate(access->read_bandwidth_bytes_per_second)
                                 : g_strdup(VN_FORMAT_UNKNOWN));
}

static VnTable *
nodes_table(const VnHost *host)
{
    VnTable *table = vn_table_new();
    Known known = find_known(host);
    vn_table_add_column(table, "NODE", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "CPUS", VN_ALIGN_LEFT);
    vn_table_add_column(table, "MEMORY", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "FREE", VN_ALIGN_RIGHT);
    if (known.huge_pages)
        vn_table_add_column(table, "HUGE PAGES", VN_ALIGN_LEFT);
    if (known.tier)
        vn_table_add_column(table, "TIER", VN_ALIGN_RIGHT);
    if (known.latency)
        vn_table_add_column(table, "READ LATENCY", VN_ALIGN_RIGHT);
    if (known.bandwidth)
        vn_table_add_column(table, "READ BANDWIDTH", VN_ALIGN_RIGHT);
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        vn_table_add_uint(table, node->id);
        vn_table_take(table, vn_format_ids(node->cpus));
        vn_table_take(table, vn_text_bytes(node->memory_bytes));
        vn_table_take(table, vn_text_bytes(node->free_bytes));
        add_known(table, node, &known);
    }
    return table;
}

static VnTable *
distances_table(const VnHost *host)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "FROM\\TO", VN_ALIGN_RIGHT);
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        vn_table_add_number_column(table, node->id);
    }
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        vn_table_add_uint(table, node->id);
        for (guint to = 0; to < host->nodes->len; to++)
            vn_table_add_uint(table, node->distances[to]);
    }
    return table;
}

/* "Host node 3 has no CPUs.", in the plural for several; nothing for none. */
static void
append_set_note(GString *text, const char *noun, const VnIdSet *set, const char *one,
                const char *several)
{
    if (vn_idset_is_empty(set))
        return;
    g_autofree char *ids = vn_idset_format(set);
    gboolean is_one = vn_idset_count(set) == 1;
    g_string_append_printf(text, "%s%s %s %s.\n", noun, is_one ? "" : "s", ids,
                           is_one ? one : several);
}

static void
append_distance_notes(const VnHost *host, GString *text)
{
    guint asymmetric = 0;
    guint unreachable = 0;
    gboolean tells = FALSE;
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *from = host->nodes->pdata[i];
        for (guint k = 0; k < host->nodes->len; k++) {
            const VnHostNode *to = host->nodes->pdata[k];
            asymmetric += k > i && from->distances[k] != to->distances[i];
            unreachable += from->distances[k] == VN_DISTANCE_UNREACHABLE;
            tells |= from->distances[k] != VN_DISTANCE_LOCAL;
        }
    }
    if (!host->has_distances && host->nodes->len > 1)
        g_string_append(text, "The host tells no distances: 10 and 20 are assumed.\n");
    if (!tells && host->nodes->len > 1)
        g_string_append(text, "All distances are local: the firmware is not to be "
                              "believed.\n");
    if (asymmetric)
        g_string_append_printf(text,
                               "The distances are not symmetric: %u pair%s of nodes "
                               "differ%s by direction.\n",
                               asymmetric, asymmetric == 1 ? "" : "s",
                               asymmetric == 1 ? "s" : "");
    if (unreachable)
        g_string_append_printf(text, "A distance of %u means unreachable.\n",
                               VN_DISTANCE_UNREACHABLE);
}

static void
append_notes(const VnHost *host, GString *text)
{
    g_autoptr(VnIdSet) without_cpus = vn_idset_new();
    g_autoptr(VnIdSet) without_memory = vn_idset_new();
    g_autoptr(VnIdSet) offline = vn_idset_new();
    g_autoptr(VnIdSet) seen = vn_idset_new();
    g_autoptr(VnIdSet) sharing = vn_idset_new();
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(host);
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        if (vn_idset_is_empty(node->cpus))
            vn_idset_add(without_cpus, node->id);
        if (node->memory_bytes == 0)
            vn_idset_add(without_memory, node->id);
        if (vn_idset_overlaps(node->cpus, seen))
            vn_idset_add(sharing, node->id);
        vn_idset_add_all(seen, node->cpus);
    }
    for (guint i = 0; i < host->cpus->len; i++) {
        const VnHostCpu *cpu = host->cpus->pdata[i];
        if (!cpu->online)
            vn_idset_add(offline, cpu->id);
    }
    if (host->nodes->len == 1)
        g_string_append(text, "The host has one node: all its memory is local.\n");
    append_set_note(text, "Host node", without_cpus, "has no CPUs", "have no CPUs");
    append_set_note(text, "Host node", cordoned, "is cordoned", "are cordoned");
    append_set_note(text, "Host node", without_memory, "has no memory", "have no memory");
    append_set_note(text, "Host node", sharing, "shares CPUs with a lower one",
                    "share CPUs with lower ones");
    append_set_note(text, "CPU", offline, "is offline", "are offline");
    append_distance_notes(host, text);
}

gboolean
vn_verb_host(const VnCall *call, VnClient *client, GError **error)
{
    g_autoptr(VnHost) host = vn_local_host_read(call->root, error);
    if (!host)
        return FALSE;
    if (call->output.json)
        return vn_output_json(vn_host_to_variant(host), TRUE, error);

    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) notes = g_string_new(NULL);
    g_autoptr(VnTable) nodes = nodes_table(host);
    g_autoptr(VnTable) distances = distances_table(host);
    vn_table_append(nodes, call->output.color, text);
    if (host->nodes->len > 1)
        vn_table_append_below(distances, call->output.color, text);
    append_notes(host, notes);
    if (notes->len)
        g_string_append_printf(text, "\n%s", notes->str);
    return vn_output_text(text->str, error);
}
