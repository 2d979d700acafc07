/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnVnuma to <cpu> and <numatune>. There is nothing to escape: all values are our own. */
#include "guest-topology/fragment.h"

static void
append_distances(GString *xml, const VnVnuma *vnuma, guint from)
{
    if (!vnuma->distances)
        return;
    g_string_append(xml, "      <distances>\n");
    for (guint to = 0; to < vnuma->cells->len; to++)
        g_string_append_printf(xml, "        <sibling id='%u' value='%u'/>\n", to,
                               vn_vnuma_distance(vnuma, from, to));
    g_string_append(xml, "      </distances>\n");
}

static void
append_caches(GString *xml, const VnVnuma *vnuma, guint cell)
{
    static const char *const associativities[] = {
        [VN_ASSOCIATIVITY_NONE] = "none",
        [VN_ASSOCIATIVITY_DIRECT] = "direct",
        [VN_ASSOCIATIVITY_COMPLEX] = "full",
    };
    static const char *const policies[] = {
        [VN_CACHE_POLICY_NONE] = "none",
        [VN_CACHE_POLICY_WRITEBACK] = "writeback",
        [VN_CACHE_POLICY_WRITETHROUGH] = "writethrough",
    };
    for (guint i = 0; i < vnuma->caches->len; i++) {
        const VnMemoryCache *cache = &g_array_index(vnuma->caches, VnMemoryCache, i);
        if (cache->cell == cell)
            g_string_append_printf(
                xml,
                "      <cache level='%u' associativity='%s' policy='%s'>\n"
                "        <size value='%" G_GUINT64_FORMAT "' unit='KiB'/>\n"
                "        <line value='%u' unit='B'/>\n"
                "      </cache>\n",
                cache->level, associativities[cache->associativity],
                policies[cache->policy], cache->size_bytes / 1024, cache->line_bytes);
    }
}

static void
append_cell(GString *xml, const VnVnuma *vnuma, const VnVnumaCell *cell)
{
    g_autofree char *vcpus = vn_idset_format(cell->vcpus);
    g_string_append_printf(xml, "    <cell id='%u'", cell->id);
    if (*vcpus)
        g_string_append_printf(xml, " cpus='%s'", vcpus);
    g_string_append_printf(xml, " memory='%" G_GUINT64_FORMAT "' unit='KiB'>\n",
                           cell->memory_bytes / 1024);
    append_distances(xml, vnuma, cell->id);
    append_caches(xml, vnuma, cell->id);
    g_string_append(xml, "    </cell>\n");
}

static void
append_interconnects(GString *xml, const VnVnuma *vnuma)
{
    if (vnuma->interconnects->len == 0)
        return;
    g_string_append(xml, "    <interconnects>\n");
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        g_string_append_printf(xml, "      <%s initiator='%u' target='%u'",
                               one->latency_ns > 0 ? "latency" : "bandwidth",
                               one->initiator, one->target);
        if (one->cache > 0)
            g_string_append_printf(xml, " cache='%u'", one->cache);
        g_string_append_printf(xml, " type='%s'", vn_access_name(one->access));
        if (one->latency_ns > 0)
            g_string_append_printf(xml, " value='%u'/>\n", one->latency_ns);
        else
            g_string_append_printf(xml, " value='%" G_GUINT64_FORMAT "' unit='KiB'/>\n",
                                   one->bandwidth_bytes_per_second / 1024);
    }
    g_string_append(xml, "    </interconnects>\n");
}

/* <memory> has to allow what the cells are bound to. */
static void
append_numatune(GString *xml, const VnVnuma *vnuma)
{
    g_autoptr(VnIdSet) all = vn_idset_new();
    for (guint id = 0; id < vnuma->cells->len; id++)
        vn_idset_add_all(all, vn_vnuma_cell(vnuma, id)->home);
    if (vn_idset_is_empty(all))
        return;
    g_autofree char *nodeset = vn_idset_format(all);
    g_string_append_printf(xml,
                           "<numatune>\n"
                           "  <memory mode='strict' nodeset='%s'/>\n",
                           nodeset);
    for (guint id = 0; id < vnuma->cells->len; id++) {
        g_autofree char *home = vn_idset_format(vn_vnuma_cell(vnuma, id)->home);
        if (*home)
            g_string_append_printf(
                xml, "  <memnode cellid='%u' mode='strict' nodeset='%s'/>\n", id, home);
    }
    g_string_append(xml, "</numatune>\n");
}

char *
vn_fragment_format(const VnVnuma *vnuma)
{
    const VnCpuTopology *topology = &vnuma->topology;
    GString *xml = g_string_new("<cpu>\n");
    g_string_append_printf(
        xml, "  <topology sockets='%u' dies='%u' cores='%u' threads='%u'/>\n  <numa>\n",
        topology->sockets, topology->dies, topology->cores, topology->threads);
    for (guint id = 0; id < vnuma->cells->len; id++)
        append_cell(xml, vnuma, vn_vnuma_cell(vnuma, id));
    append_interconnects(xml, vnuma);
    g_string_append(xml, "  </numa>\n</cpu>\n");
    append_numatune(xml, vnuma);
    return g_string_free(xml, FALSE);
}
