/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who shares cores, and where there would have been one for each. */
#include "policies/siblings.h"

#include "policies/homes.h"

guint *
vn_siblings_load(const VnSnapshot *snapshot, const GPtrArray *homes)
{
    guint *load = g_new0(guint, snapshot->host->nodes->len);
    for (guint i = 0; i < homes->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        const GArray *cells = homes->pdata[i];
        for (guint k = 0; k < cells->len; k++) {
            const VnIdSet *home = g_array_index(cells, VnHome, k).home;
            guint n_home = MAX(vn_idset_count(home), 1);
            guint vcpus =
                vn_idset_count(((const VnCell *) guest->cells->pdata[k])->vcpus);
            VN_IDSET_FOREACH (home, id) {
                int index = vn_host_node_index(snapshot->host, (guint) id);
                if (index >= 0)
                    load[index] += (vcpus + n_home - 1) / n_home;
            }
        }
    }
    return load;
}

/* The nearest node that has cores to spare, or NULL. */
static const VnHostNode *
nearest_free(const VnHost *host, guint from, const guint *load)
{
    const VnHostNode *best = NULL;
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        if (node->cordoned || load[i] >= vn_host_count_cores(host, node->cpus))
            continue;
        if (!best || vn_host_distance(host, from, node->id) <
                         vn_host_distance(host, from, best->id))
            best = node;
    }
    return best;
}

char *
vn_siblings_tell(const VnHost *host, const VnIdSet *home, const guint *load)
{
    VN_IDSET_FOREACH (home, id) {
        int index = vn_host_node_index(host, (guint) id);
        if (index < 0)
            continue;
        const VnHostNode *node = host->nodes->pdata[index];
        guint cores = vn_host_count_cores(host, node->cpus);
        guint threads = vn_idset_count(node->cpus);
        if (cores == threads || load[index] <= cores)
            continue;
        const VnHostNode *other = nearest_free(host, node->id, load);
        g_autofree char *elsewhere =
            other
                ? g_strdup_printf("free cores are on host node %u, at distance %u",
                                  other->id, vn_host_distance(host, node->id, other->id))
                : g_strdup("no host node has free cores");
        return g_strdup_printf("%u vCPUs are at home on host node %u, which has %u cores "
                               "of %u threads: some share a core; %s",
                               load[index], node->id, cores, threads, elsewhere);
    }
    return NULL;
}
