/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inverse of vn_host_to_variant(), with a limit for each value. */
#include "cli/host-read.h"

#define HUGE_PAGE_SIZES_MAX 16
#define DEVICES_MAX 65536
#define ADDRESS_BYTES_MAX 64
#define CLASS_CODE_MAX 0xffffffu
#define PAGE_BYTES_MIN 4096u

static gboolean
read_optional_uint64(const VnJsonAt *object, const char *key, guint64 max,
                     guint64 *ret_value, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, key);
    return !vn_json_at_is(&at) || vn_json_at_uint64(&at, 0, max, ret_value, error);
}

/* Leaves @ret_id as it was where the key is missing. */
static gboolean
read_optional_id(const VnJsonAt *object, const char *key, int *ret_id, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, key);
    guint id;
    if (!vn_json_at_is(&at))
        return TRUE;
    if (!vn_json_at_uint(&at, 0, G_MAXINT, &id, error))
        return FALSE;
    *ret_id = (int) id;
    return TRUE;
}

/* An id that is larger than the one before; @last is -1 for the first. */
static gboolean
read_next_id(const VnJsonAt *object, guint max, int last, guint *ret_id, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "id");
    if (!vn_json_at_uint(&at, 0, max, ret_id, error))
        return FALSE;
    if ((int) *ret_id > last)
        return TRUE;
    vn_json_at_set_error(&at, error, "is %u, after %d; ids ascend, each is there once",
                         *ret_id, last);
    return FALSE;
}

static gboolean
read_huge_pages_of(const VnJsonAt *at, VnHostNode *node, GError **error)
{
    static const char *const keys[] = {"size_bytes", "total", "free", NULL};
    guint n = node->huge_pages->len;
    guint64 smaller =
        n ? g_array_index(node->huge_pages, VnHugePages, n - 1).size_bytes : 0;
    VnHugePages pages;
    VnJsonAt size = vn_json_at_key(at, "size_bytes");
    VnJsonAt total = vn_json_at_key(at, "total");
    VnJsonAt available = vn_json_at_key(at, "free");
    if (!vn_json_at_check_object(at, keys, error) ||
        !vn_json_at_uint64(&size, PAGE_BYTES_MIN, VN_HOST_MEMORY_MAX, &pages.size_bytes,
                           error))
        return FALSE;
    if (pages.size_bytes <= smaller || (pages.size_bytes & (pages.size_bytes - 1))) {
        vn_json_at_set_error(&size, error,
                             "is %" G_GUINT64_FORMAT ": sizes are powers of 2, ascending",
                             pages.size_bytes);
        return FALSE;
    }
    if (!vn_json_at_uint64(&total, 0, node->memory_bytes / pages.size_bytes, &pages.total,
                           error) ||
        !vn_json_at_uint64(&available, 0, pages.total, &pages.free, error))
        return FALSE;
    g_array_append_val(node->huge_pages, pages);
    return TRUE;
}

static gboolean
read_huge_pages(const VnJsonAt *object, VnHostNode *node, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "huge_pages");
    if (!vn_json_at_is(&at))
        return TRUE;
    if (!vn_json_at_check_array(&at, HUGE_PAGE_SIZES_MAX, error))
        return FALSE;
    for (gsize i = 0; i < vn_json_array_length(at.json); i++) {
        VnJsonAt item = vn_json_at_index(&at, i);
        if (!read_huge_pages_of(&item, node, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_distances(const VnJsonAt *object, guint n_nodes, VnHostNode *node, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "distances");
    if (!vn_json_at_check_array(&at, n_nodes, error))
        return FALSE;
    if (vn_json_array_length(at.json) != n_nodes) {
        vn_json_at_set_error(&at, error, "has %zu distances for %u nodes",
                             vn_json_array_length(at.json), n_nodes);
        return FALSE;
    }
    node->distances = g_new(guint, n_nodes);
    for (guint i = 0; i < n_nodes; i++) {
        VnJsonAt item = vn_json_at_index(&at, i);
        if (!vn_json_at_uint(&item, VN_DISTANCE_LOCAL, VN_DISTANCE_UNREACHABLE,
                             &node->distances[i], error))
            return FALSE;
    }
    return TRUE;
}

/* The one class that `host --json` tells, as class 0. */
static gboolean
read_access(const VnJsonAt *object, VnHostNode *node, GError **error)
{
    static const char *const latencies[] = {"read_latency_ns", "write_latency_ns"};
    static const char *const bandwidths[] = {"read_bandwidth_bytes_per_second",
                                             "write_bandwidth_bytes_per_second"};
    VnAccessClass *access = &node->access[0];
    guint64 ns[2] = {0, 0};
    guint64 rates[2] = {0, 0};
    VnJsonAt initiators = vn_json_at_key(object, "initiators");
    if (vn_json_at_is(&initiators)) {
        access->initiators = vn_json_at_idset(&initiators, VN_HOST_NODES_MAX - 1, error);
        if (!access->initiators)
            return FALSE;
    }
    for (guint i = 0; i < 2; i++) {
        if (!read_optional_uint64(object, latencies[i], G_MAXUINT, &ns[i], error) ||
            !read_optional_uint64(object, bandwidths[i], G_MAXINT64, &rates[i], error))
            return FALSE;
    }
    access->read_latency_ns = (guint) ns[0];
    access->write_latency_ns = (guint) ns[1];
    access->read_bandwidth_bytes_per_second = rates[0];
    access->write_bandwidth_bytes_per_second = rates[1];
    if (!access->initiators && (ns[0] || ns[1] || rates[0] || rates[1]))
        access->initiators = vn_idset_new_with(node->id);
    return TRUE;
}

/* @seen: the CPUs of the nodes before. */
static gboolean
read_cpus_of_node(const VnJsonAt *object, VnHostNode *node, VnIdSet *seen, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "cpus");
    VnJsonAt has_cpu = vn_json_at_key(object, "has_cpu");
    g_autoptr(VnIdSet) cpus = vn_json_at_idset(&at, VN_HOST_CPUS_MAX - 1, error);
    if (!cpus)
        return FALSE;
    gboolean has = !vn_idset_is_empty(cpus);
    if (vn_idset_overlaps(cpus, seen)) {
        vn_json_at_set_error(&at, error, "has a CPU that another node has, too");
        return FALSE;
    }
    if (vn_json_at_is(&has_cpu)) {
        gboolean told;
        if (!vn_json_at_bool(&has_cpu, &told, error))
            return FALSE;
        if (told != has) {
            vn_json_at_set_error(&has_cpu, error, "contradicts 'cpus'");
            return FALSE;
        }
    }
    vn_idset_add_all(seen, cpus);
    vn_idset_add_all(node->cpus, cpus);
    return TRUE;
}

static gboolean
read_node(const VnJsonAt *at, guint n_nodes, VnHost *host, VnIdSet *seen, GError **error)
{
    static const char *const keys[] = {"id",
                                       "cpus",
                                       "has_cpu",
                                       "memory_bytes",
                                       "free_bytes",
                                       "distances",
                                       "huge_pages",
                                       "tier",
                                       "initiators",
                                       "read_latency_ns",
                                       "write_latency_ns",
                                       "read_bandwidth_bytes_per_second",
                                       "write_bandwidth_bytes_per_second",
                                       NULL};
    const VnHostNode *last =
        host->nodes->len ? host->nodes->pdata[host->nodes->len - 1] : NULL;
    guint id;
    if (!vn_json_at_check_object(at, keys, error) ||
        !read_next_id(at, VN_HOST_NODES_MAX - 1, last ? (int) last->id : -1, &id, error))
        return FALSE;
    VnHostNode *node = vn_host_add_node(host, id);
    VnJsonAt memory = vn_json_at_key(at, "memory_bytes");
    VnJsonAt available = vn_json_at_key(at, "free_bytes");
    return read_cpus_of_node(at, node, seen, error) &&
           vn_json_at_uint64(&memory, 0, VN_HOST_MEMORY_MAX, &node->memory_bytes,
                             error) &&
           vn_json_at_uint64(&available, 0, node->memory_bytes, &node->free_bytes,
                             error) &&
           read_distances(at, n_nodes, node, error) && read_huge_pages(at, node, error) &&
           read_optional_id(at, "tier", &node->tier, error) &&
           read_access(at, node, error);
}

static gboolean
read_nodes(const VnJsonAt *object, VnHost *host, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "nodes");
    g_autoptr(VnIdSet) seen = vn_idset_new();
    if (!vn_json_at_check_array(&at, VN_HOST_NODES_MAX, error))
        return FALSE;
    guint n_nodes = (guint) vn_json_array_length(at.json);
    if (n_nodes == 0) {
        vn_json_at_set_error(&at, error, "has no node");
        return FALSE;
    }
    for (guint i = 0; i < n_nodes; i++) {
        VnJsonAt item = vn_json_at_index(&at, i);
        if (!read_node(&item, n_nodes, host, seen, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_cpu(const VnJsonAt *at, VnHost *host, GError **error)
{
    static const char *const keys[] = {"id",   "online", "host_node", "package",
                                       "core", "l3",     "siblings",  NULL};
    const VnHostCpu *last =
        host->cpus->len ? host->cpus->pdata[host->cpus->len - 1] : NULL;
    guint id;
    if (!vn_json_at_check_object(at, keys, error) ||
        !read_next_id(at, VN_HOST_CPUS_MAX - 1, last ? (int) last->id : -1, &id, error))
        return FALSE;
    VnHostCpu *cpu = vn_host_add_cpu(host, id);
    VnJsonAt online = vn_json_at_key(at, "online");
    VnJsonAt siblings = vn_json_at_key(at, "siblings");
    if (vn_json_at_is(&siblings)) {
        cpu->siblings = vn_json_at_idset(&siblings, VN_HOST_CPUS_MAX - 1, error);
        if (!cpu->siblings)
            return FALSE;
    }
    return vn_json_at_bool(&online, &cpu->online, error) &&
           read_optional_id(at, "host_node", &cpu->host_node, error) &&
           read_optional_id(at, "package", &cpu->package, error) &&
           read_optional_id(at, "core", &cpu->core, error) &&
           read_optional_id(at, "l3", &cpu->l3, error);
}

/* Where nothing is told of CPUs but which node has them. */
static void
add_cpus_of_nodes(VnHost *host)
{
    for (guint id = 0; id < VN_HOST_CPUS_MAX; id++) {
        for (guint i = 0; i < host->nodes->len; i++) {
            const VnHostNode *node = host->nodes->pdata[i];
            if (!vn_idset_contains(node->cpus, id))
                continue;
            VnHostCpu *cpu = vn_host_add_cpu(host, id);
            cpu->online = TRUE;
            cpu->host_node = (int) node->id;
            cpu->siblings = vn_idset_new_with(id);
        }
    }
}

static gboolean
read_cpus(const VnJsonAt *object, VnHost *host, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "cpus");
    if (!vn_json_at_is(&at)) {
        add_cpus_of_nodes(host);
        return TRUE;
    }
    if (!vn_json_at_check_array(&at, VN_HOST_CPUS_MAX, error))
        return FALSE;
    for (gsize i = 0; i < vn_json_array_length(at.json); i++) {
        VnJsonAt item = vn_json_at_index(&at, i);
        if (!read_cpu(&item, host, error))
            return FALSE;
    }
    g_autoptr(VnIdSet) nodes = vn_host_node_ids(host);
    g_autoptr(VnIdSet) missing = vn_host_cpus_of_nodes(host, nodes);
    g_autoptr(VnIdSet) online = vn_host_online_cpus(host);
    vn_idset_remove_all(missing, online);
    if (vn_idset_is_empty(missing))
        return TRUE;
    g_autofree char *shown = vn_idset_format(missing);
    vn_json_at_set_error(&at, error, "nodes have CPUs that are not online here: %s",
                         shown);
    return FALSE;
}

static gboolean
read_device(const VnJsonAt *at, VnHost *host, GError **error)
{
    static const char *const keys[] = {"address", "class_code", "host_node", NULL};
    VnJsonAt address = vn_json_at_key(at, "address");
    VnJsonAt class_code = vn_json_at_key(at, "class_code");
    if (!vn_json_at_check_object(at, keys, error))
        return FALSE;
    const char *text = vn_json_at_string(&address, ADDRESS_BYTES_MAX, error);
    if (!text)
        return FALSE;
    VnHostDevice *device = vn_host_add_device(host, text);
    return vn_json_at_uint(&class_code, 0, CLASS_CODE_MAX, &device->class_code, error) &&
           read_optional_id(at, "host_node", &device->host_node, error);
}

static gboolean
read_devices(const VnJsonAt *object, VnHost *host, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "devices");
    if (!vn_json_at_is(&at))
        return TRUE;
    if (!vn_json_at_check_array(&at, DEVICES_MAX, error))
        return FALSE;
    for (gsize i = 0; i < vn_json_array_length(at.json); i++) {
        VnJsonAt item = vn_json_at_index(&at, i);
        if (!read_device(&item, host, error))
            return FALSE;
    }
    return TRUE;
}

VnHost *
vn_host_read_json(const VnJsonAt *at, GError **error)
{
    static const char *const keys[] = {
        "page_size_bytes", "has_distances", "nodes", "cpus", "devices", NULL};
    g_autoptr(VnHost) host = vn_host_new();
    VnJsonAt page_size = vn_json_at_key(at, "page_size_bytes");
    VnJsonAt has_distances = vn_json_at_key(at, "has_distances");
    host->page_size_bytes = PAGE_BYTES_MIN;
    host->has_distances = TRUE;
    if (!vn_json_at_check_object(at, keys, error) ||
        (vn_json_at_is(&page_size) &&
         !vn_json_at_uint64(&page_size, PAGE_BYTES_MIN, 1 << 20, &host->page_size_bytes,
                            error)) ||
        (vn_json_at_is(&has_distances) &&
         !vn_json_at_bool(&has_distances, &host->has_distances, error)))
        return NULL;
    if (!read_nodes(at, host, error) || !read_cpus(at, host, error) ||
        !read_devices(at, host, error))
        return NULL;
    return g_steal_pointer(&host);
}
