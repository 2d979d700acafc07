/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which CPUs are near the memory of some host nodes. */
#include "model/home.h"

static const VnHostNode *
node_at(const VnHost *host, guint i)
{
    return host->nodes->pdata[i];
}

const VnHostNode *
vn_home_memory_of(const VnHost *host, const VnHostNode *node)
{
    if (node->memory_bytes > 0)
        return node;
    const VnHostNode *nearest = NULL;
    guint distance = G_MAXUINT;
    for (guint i = 0; i < host->nodes->len; i++) {
        if (node_at(host, i)->memory_bytes == 0 || node->distances[i] >= distance)
            continue;
        nearest = node_at(host, i);
        distance = node->distances[i];
    }
    return nearest;
}

/* The sum of the distances from @node to all of @home. */
static guint
distance_to_all(const VnHost *host, const VnHostNode *node, const VnIdSet *home)
{
    guint sum = 0;
    for (guint i = 0; i < host->nodes->len; i++) {
        if (vn_idset_contains(home, node_at(host, i)->id))
            sum += node->distances[i];
    }
    return sum;
}

static VnIdSet *
nearest_cpus(const VnHost *host, const VnIdSet *home, gboolean with_cordoned)
{
    VnIdSet *cpus = vn_idset_new();
    guint nearest = G_MAXUINT;
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = node_at(host, i);
        if (vn_idset_is_empty(node->cpus) || (node->cordoned && !with_cordoned))
            continue;
        guint distance = distance_to_all(host, node, home);
        if (distance > nearest)
            continue;
        if (distance < nearest)
            vn_idset_remove_all(cpus, cpus);
        nearest = distance;
        vn_idset_add_all(cpus, node->cpus);
    }
    return cpus;
}

VnIdSet *
vn_home_cpus(const VnHost *host, const VnIdSet *home)
{
    g_autoptr(VnIdSet) cpus = vn_host_cpus_of_nodes(host, home);
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = node_at(host, i);
        if (node->memory_bytes > 0 || vn_idset_is_empty(node->cpus) || node->cordoned)
            continue;
        const VnHostNode *memory = vn_home_memory_of(host, node);
        if (memory && vn_idset_contains(home, memory->id))
            vn_idset_add_all(cpus, node->cpus);
    }
    if (!vn_idset_is_empty(cpus))
        return g_steal_pointer(&cpus);
    g_autoptr(VnIdSet) nearest = nearest_cpus(host, home, FALSE);
    return vn_idset_is_empty(nearest) ? nearest_cpus(host, home, TRUE)
                                      : g_steal_pointer(&nearest);
}
