/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnHost: construction, look-ups, and its description as a GVariant. */
#include "model/host.h"

#include "model/dict.h"

#include <string.h>

static void
node_free(gpointer data)
{
    VnHostNode *node = data;
    vn_idset_free(node->cpus);
    g_free(node->distances);
    g_array_unref(node->huge_pages);
    for (guint i = 0; i < VN_ACCESS_CLASSES; i++)
        vn_idset_free(node->access[i].initiators);
    g_free(node);
}

static void
cpu_free(gpointer data)
{
    VnHostCpu *cpu = data;
    vn_idset_free(cpu->siblings);
    g_free(cpu);
}

static void
device_free(gpointer data)
{
    VnHostDevice *device = data;
    g_free(device->address);
    g_free(device);
}

VnHost *
vn_host_new(void)
{
    VnHost *host = g_new0(VnHost, 1);
    host->nodes = g_ptr_array_new_with_free_func(node_free);
    host->cpus = g_ptr_array_new_with_free_func(cpu_free);
    host->devices = g_ptr_array_new_with_free_func(device_free);
    return host;
}

void
vn_host_free(VnHost *host)
{
    if (!host)
        return;
    g_ptr_array_unref(host->nodes);
    g_ptr_array_unref(host->cpus);
    g_ptr_array_unref(host->devices);
    g_free(host);
}

VnHostNode *
vn_host_add_node(VnHost *host, guint id)
{
    VnHostNode *node = g_new0(VnHostNode, 1);
    node->id = id;
    node->cpus = vn_idset_new();
    node->huge_pages = g_array_new(FALSE, TRUE, sizeof(VnHugePages));
    node->tier = -1;
    g_ptr_array_add(host->nodes, node);
    return node;
}

VnHostCpu *
vn_host_add_cpu(VnHost *host, guint id)
{
    VnHostCpu *cpu = g_new0(VnHostCpu, 1);
    cpu->id = id;
    cpu->package = cpu->core = cpu->host_node = cpu->l3 = -1;
    g_ptr_array_add(host->cpus, cpu);
    return cpu;
}

VnHostDevice *
vn_host_add_device(VnHost *host, const char *address)
{
    VnHostDevice *device = g_new0(VnHostDevice, 1);
    device->address = g_strdup(address);
    device->host_node = -1;
    g_ptr_array_add(host->devices, device);
    return device;
}

int
vn_host_node_index(const VnHost *host, guint id)
{
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        if (node->id == id)
            return (int) i;
    }
    return -1;
}

const VnHostNode *
vn_host_find_node(const VnHost *host, guint id)
{
    int i = vn_host_node_index(host, id);
    return i < 0 ? NULL : host->nodes->pdata[i];
}

const VnHostCpu *
vn_host_find_cpu(const VnHost *host, guint id)
{
    guint low = 0;
    guint high = host->cpus->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const VnHostCpu *cpu = host->cpus->pdata[middle];
        if (cpu->id == id)
            return cpu;
        if (cpu->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const VnHostDevice *
vn_host_find_device(const VnHost *host, const char *address)
{
    for (guint i = 0; i < host->devices->len; i++) {
        const VnHostDevice *device = host->devices->pdata[i];
        if (strcmp(device->address, address) == 0)
            return device;
    }
    return NULL;
}

VnIdSet *
vn_host_online_cpus(const VnHost *host)
{
    VnIdSet *online = vn_idset_new();
    for (guint i = 0; i < host->cpus->len; i++) {
        const VnHostCpu *cpu = host->cpus->pdata[i];
        if (cpu->online)
            vn_idset_add(online, cpu->id);
    }
    return online;
}

guint
vn_host_distance(const VnHost *host, guint from, guint to)
{
    const VnHostNode *node = vn_host_find_node(host, from);
    int i = vn_host_node_index(host, to);
    return node && i >= 0 ? node->distances[i] : VN_DISTANCE_UNREACHABLE;
}

guint
vn_host_count_cores(const VnHost *host, const VnIdSet *cpus)
{
    guint cores = 0;
    VN_IDSET_FOREACH (cpus, id) {
        const VnHostCpu *cpu = vn_host_find_cpu(host, (guint) id);
        int first = cpu && cpu->siblings ? vn_idset_next(cpu->siblings, 0) : id;
        while (first >= 0 && first < id && !vn_idset_contains(cpus, (guint) first))
            first = vn_idset_next(cpu->siblings, (guint) first + 1);
        cores += first < 0 || first >= id;
    }
    return cores;
}

guint64
vn_host_node_available(const VnHostNode *node)
{
    return node->free_bytes + node->reclaimable_bytes;
}

VnIdSet *
vn_host_node_ids(const VnHost *host)
{
    VnIdSet *ids = vn_idset_new();
    for (guint i = 0; i < host->nodes->len; i++)
        vn_idset_add(ids, ((const VnHostNode *) host->nodes->pdata[i])->id);
    return ids;
}

VnIdSet *
vn_host_cordoned(const VnHost *host)
{
    VnIdSet *ids = vn_idset_new();
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        if (node->cordoned)
            vn_idset_add(ids, node->id);
    }
    return ids;
}

VnIdSet *
vn_host_nodes_of_cpus(const VnHost *host, const VnIdSet *cpus)
{
    VnIdSet *ids = vn_idset_new();
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        if (vn_idset_overlaps(node->cpus, cpus))
            vn_idset_add(ids, node->id);
    }
    return ids;
}

VnIdSet *
vn_host_cpus_of_nodes(const VnHost *host, const VnIdSet *nodes)
{
    VnIdSet *cpus = vn_idset_new();
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        if (vn_idset_contains(nodes, node->id))
            vn_idset_add_all(cpus, node->cpus);
    }
    return cpus;
}

static GVariant *
huge_pages_to_variant(const GArray *sizes)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < sizes->len; i++) {
        const VnHugePages *pages = &g_array_index(sizes, VnHugePages, i);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "size_bytes", "t", pages->size_bytes);
        vn_dict_insert(&dict, "total", "t", pages->total);
        vn_dict_insert(&dict, "free", "t", pages->free);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

/* The nearest class that is there: what an access from the best place costs. */
static void
insert_access(VnDict *dict, const VnHostNode *node)
{
    const VnAccessClass *access = &node->access[node->access[0].initiators ? 0 : 1];
    if (!access->initiators)
        return;
    vn_dict_insert_idset(dict, "initiators", access->initiators);
    if (access->read_latency_ns)
        vn_dict_insert(dict, "read_latency_ns", "u", access->read_latency_ns);
    if (access->write_latency_ns)
        vn_dict_insert(dict, "write_latency_ns", "u", access->write_latency_ns);
    if (access->read_bandwidth_bytes_per_second)
        vn_dict_insert(dict, "read_bandwidth_bytes_per_second", "t",
                       access->read_bandwidth_bytes_per_second);
    if (access->write_bandwidth_bytes_per_second)
        vn_dict_insert(dict, "write_bandwidth_bytes_per_second", "t",
                       access->write_bandwidth_bytes_per_second);
}

static GVariant *
node_to_variant(const VnHost *host, const VnHostNode *node)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "id", "u", node->id);
    vn_dict_insert_idset(&dict, "cpus", node->cpus);
    vn_dict_insert(&dict, "has_cpu", "b", !vn_idset_is_empty(node->cpus));
    vn_dict_insert(&dict, "memory_bytes", "t", node->memory_bytes);
    vn_dict_insert(&dict, "free_bytes", "t", node->free_bytes);
    vn_dict_insert_value(&dict, "distances",
                         g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, node->distances,
                                                   host->nodes->len, sizeof(guint32)));
    vn_dict_insert_value(&dict, "huge_pages", huge_pages_to_variant(node->huge_pages));
    if (node->tier < 0)
        vn_dict_insert_null(&dict, "tier");
    else
        vn_dict_insert(&dict, "tier", "i", node->tier);
    insert_access(&dict, node);
    if (node->cordoned)
        vn_dict_insert(&dict, "cordoned", "b", TRUE);
    return vn_dict_end(&dict);
}

static GVariant *
cpu_to_variant(const VnHostCpu *cpu)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "id", "u", cpu->id);
    vn_dict_insert(&dict, "online", "b", cpu->online);
    if (cpu->host_node >= 0)
        vn_dict_insert(&dict, "host_node", "i", cpu->host_node);
    if (cpu->package >= 0)
        vn_dict_insert(&dict, "package", "i", cpu->package);
    if (cpu->core >= 0)
        vn_dict_insert(&dict, "core", "i", cpu->core);
    if (cpu->l3 >= 0)
        vn_dict_insert(&dict, "l3", "i", cpu->l3);
    if (cpu->siblings)
        vn_dict_insert_idset(&dict, "siblings", cpu->siblings);
    return vn_dict_end(&dict);
}

static GVariant *
device_to_variant(const VnHostDevice *device)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "address", "s", device->address);
    vn_dict_insert(&dict, "class_code", "u", device->class_code);
    if (device->host_node >= 0)
        vn_dict_insert(&dict, "host_node", "i", device->host_node);
    return vn_dict_end(&dict);
}

GVariant *
vn_host_to_variant(const VnHost *host)
{
    g_auto(GVariantBuilder) nodes;
    g_auto(GVariantBuilder) cpus;
    g_auto(GVariantBuilder) devices;
    g_auto(VnDict) dict;

    g_variant_builder_init(&nodes, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&cpus, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&devices, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < host->nodes->len; i++)
        g_variant_builder_add_value(&nodes, node_to_variant(host, host->nodes->pdata[i]));
    for (guint i = 0; i < host->cpus->len; i++)
        g_variant_builder_add_value(&cpus, cpu_to_variant(host->cpus->pdata[i]));
    for (guint i = 0; i < host->devices->len; i++)
        g_variant_builder_add_value(&devices, device_to_variant(host->devices->pdata[i]));

    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "page_size_bytes", "t", host->page_size_bytes);
    vn_dict_insert(&dict, "has_distances", "b", host->has_distances);
    vn_dict_insert_value(&dict, "nodes", g_variant_builder_end(&nodes));
    vn_dict_insert_value(&dict, "cpus", g_variant_builder_end(&cpus));
    vn_dict_insert_value(&dict, "devices", g_variant_builder_end(&devices));
    return vn_dict_end(&dict);
}
