/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's nodes: CPUs, memory, huge pages and distances. Formats:
 * Documentation/ABI/stable/sysfs-devices-node; memory as in /proc/meminfo
 * (Documentation/filesystems/proc.rst), huge pages
 * Documentation/admin-guide/mm/hugetlbpage.rst.
 */
#include <string.h>

#include "host/topology-private.h"

#define PROC_MEMINFO "proc/meminfo"
#define KIB_BYTES 1024u
#define HUGE_PAGE_SIZES_MAX 64u
#define MEMINFO_BYTES 65536u

/* The value of the line "[Node 0 ]KEY: 123 kB", in bytes. */
static gboolean
find_memory(const char *text, const char *key, guint64 *ret_bytes)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        const char *found = strstr(lines[i], key);
        if (!found || found[strlen(key)] != ':' || (found > lines[i] && found[-1] != ' '))
            continue;
        guint64 kib;
        g_autofree char *number = g_strdup(found + strlen(key) + 1);
        g_strstrip(number);
        if (g_str_has_suffix(number, " kB"))
            number[strlen(number) - 3] = '\0';
        if (!g_ascii_string_to_unsigned(number, 10, 0, G_MAXINT64 / KIB_BYTES, &kib,
                                        NULL))
            return FALSE;
        *ret_bytes = kib * KIB_BYTES;
        return TRUE;
    }
    return FALSE;
}

static gboolean
read_memory(const VnFiles *files, const char *path, VnHostNode *node, GError **error)
{
    g_autofree char *text = vn_files_read(files, path, MEMINFO_BYTES, error);
    if (!text)
        return FALSE;
    if (!find_memory(text, "MemTotal", &node->memory_bytes)) {
        vn_files_set_invalid(files, path, error, "has no valid MemTotal");
        return FALSE;
    }
    /* Unknown counts as none free: nothing is then moved here. */
    if (!find_memory(text, "MemFree", &node->free_bytes))
        node->free_bytes = 0;
    node->free_bytes = MIN(node->free_bytes, node->memory_bytes);

    static const char *const reclaimable[] = {"Active(file)", "Inactive(file)",
                                              "SReclaimable"};
    for (gsize i = 0; i < G_N_ELEMENTS(reclaimable); i++) {
        guint64 bytes;
        if (find_memory(text, reclaimable[i], &bytes))
            node->reclaimable_bytes += MIN(bytes, node->memory_bytes);
    }
    node->reclaimable_bytes =
        MIN(node->reclaimable_bytes, node->memory_bytes - node->free_bytes);
    return TRUE;
}

/* @directory has a hugepages-NkB for each size that the kernel supports. */
static void
read_huge_pages(const VnFiles *files, const char *directory, VnHostNode *node)
{
    g_autoptr(GArray) sizes = vn_files_list_numbers(files, directory, "hugepages-", "kB",
                                                    HUGE_PAGE_SIZES_MAX, NULL);
    for (guint i = 0; sizes && i < sizes->len; i++) {
        guint kib = g_array_index(sizes, guint, i);
        VnHugePages pages = {.size_bytes = (guint64) kib * KIB_BYTES};
        g_autofree char *total =
            g_strdup_printf("%s/hugepages-%ukB/nr_hugepages", directory, kib);
        g_autofree char *free =
            g_strdup_printf("%s/hugepages-%ukB/free_hugepages", directory, kib);
        if (kib == 0 || !vn_files_read_number(files, total, &pages.total) ||
            !vn_files_read_number(files, free, &pages.free) ||
            pages.total > G_MAXINT64 / pages.size_bytes)
            continue;
        /* Two files are not read at one instant. */
        pages.free = MIN(pages.free, pages.total);
        g_array_append_val(node->huge_pages, pages);
    }
}

/* Older kernels list offline CPUs of a node too. */
static gboolean
read_node(const VnFiles *files, const VnIdSet *online, VnHostNode *node, GError **error)
{
    g_autofree char *directory = g_strdup_printf(VN_SYS_NODE "/node%u", node->id);
    g_autofree char *meminfo = g_build_filename(directory, "meminfo", NULL);
    g_autofree char *huge_pages = g_build_filename(directory, "hugepages", NULL);
    g_autoptr(VnIdSet) cpus =
        vn_topology_read_set(files, directory, "cpulist", "cpumap", error);
    if (!cpus)
        return FALSE;
    vn_idset_add_all(node->cpus, cpus);
    vn_idset_keep_all(node->cpus, online);
    if (!read_memory(files, meminfo, node, error))
        return FALSE;
    read_huge_pages(files, huge_pages, node);
    return TRUE;
}

/* CONFIG_NUMA=n. */
static gboolean
read_only_node(const VnFiles *files, const VnIdSet *online, VnHost *host, GError **error)
{
    VnHostNode *node = vn_host_add_node(host, 0);
    vn_idset_add_all(node->cpus, online);
    read_huge_pages(files, "sys/kernel/mm/hugepages", node);
    return read_memory(files, PROC_MEMINFO, node, error);
}

static VnIdSet *
read_node_ids(const VnFiles *files, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(VnIdSet) ids =
        vn_topology_read_set(files, VN_SYS_NODE, "online", NULL, &problem);
    const char *source = VN_SYS_NODE "/online";
    if (g_error_matches(problem, VN_ERROR, VN_ERROR_GONE)) {
        source = VN_SYS_NODE;
        g_autoptr(GArray) numbers = vn_files_list_numbers(files, VN_SYS_NODE, "node", "",
                                                          VN_HOST_NODES_MAX, error);
        if (!numbers)
            return NULL;
        ids = vn_idset_new();
        for (guint i = 0; i < numbers->len; i++)
            vn_idset_add(ids, MIN(g_array_index(numbers, guint, i), VN_HOST_NODES_MAX));
    } else if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    if (vn_idset_is_empty(ids) || vn_idset_next(ids, VN_HOST_NODES_MAX) >= 0) {
        vn_files_set_invalid(files, source, error, "no node, or above the limit of %u",
                             VN_HOST_NODES_MAX);
        return NULL;
    }
    return g_steal_pointer(&ids);
}

/* Nodes come in ascending order: of several that claim a CPU the lowest has it. */
static void
set_nodes_of_cpus(VnHost *host)
{
    for (guint i = 0; i < host->cpus->len; i++) {
        VnHostCpu *cpu = host->cpus->pdata[i];
        for (guint j = 0; j < host->nodes->len && cpu->host_node < 0; j++) {
            const VnHostNode *node = host->nodes->pdata[j];
            if (vn_idset_contains(node->cpus, cpu->id))
                cpu->host_node = (int) node->id;
        }
    }
}

gboolean
vn_topology_read_nodes(const VnFiles *files, VnHost *host, GError **error)
{
    g_autoptr(VnIdSet) online = vn_host_online_cpus(host);
    if (!vn_files_exists(files, VN_SYS_NODE)) {
        if (!read_only_node(files, online, host, error))
            return FALSE;
    } else {
        g_autoptr(VnIdSet) ids = read_node_ids(files, error);
        if (!ids)
            return FALSE;
        VN_IDSET_FOREACH (ids, id) {
            VnHostNode *node = vn_host_add_node(host, (guint) id);
            if (!read_node(files, online, node, error))
                return FALSE;
        }
    }
    set_nodes_of_cpus(host);
    return TRUE;
}

/* One row: numbers 0 to 255, separated by blanks, one for each online node in order. */
static guint *
parse_distances(const char *text, guint count, char **ret_problem)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
    g_autofree guint *row = g_new0(guint, count);
    guint n = 0;
    for (guint i = 0; words[i]; i++) {
        guint64 distance;
        if (*words[i] == '\0')
            continue;
        if (!g_ascii_string_to_unsigned(words[i], 10, 0, VN_DISTANCE_UNREACHABLE,
                                        &distance, NULL)) {
            g_autofree char *shown =
                g_utf8_make_valid(words[i], (gssize) strnlen(words[i], 32));
            *ret_problem = g_strdup_printf("'%s' is not a distance of 0 to %u", shown,
                                           VN_DISTANCE_UNREACHABLE);
            return NULL;
        }
        if (n < count)
            row[n] = MAX((guint) distance, VN_DISTANCE_LOCAL);
        n++;
    }
    if (n != count) {
        *ret_problem = g_strdup_printf("has %u distances for %u nodes", n, count);
        return NULL;
    }
    return g_steal_pointer(&row);
}

/* The kernel's node_distance() where firmware tells nothing. */
static void
set_default_distances(VnHost *host)
{
    host->has_distances = FALSE;
    for (guint i = 0; i < host->nodes->len; i++) {
        VnHostNode *node = host->nodes->pdata[i];
        g_free(node->distances);
        node->distances = g_new(guint, host->nodes->len);
        for (guint j = 0; j < host->nodes->len; j++)
            node->distances[j] = i == j ? VN_DISTANCE_LOCAL : VN_DISTANCE_REMOTE;
    }
}

gboolean
vn_topology_read_distances(const VnFiles *files, VnHost *host, GError **error)
{
    host->has_distances = TRUE;
    for (guint i = 0; i < host->nodes->len; i++) {
        VnHostNode *node = host->nodes->pdata[i];
        g_autoptr(GError) missing = NULL;
        g_autofree char *problem = NULL;
        g_autofree char *path = g_strdup_printf(VN_SYS_NODE "/node%u/distance", node->id);
        g_autofree char *text =
            vn_files_read(files, path, VN_TOPOLOGY_FILE_BYTES, &missing);
        if (g_error_matches(missing, VN_ERROR, VN_ERROR_GONE)) {
            set_default_distances(host);
            return TRUE;
        }
        if (!text) {
            g_propagate_error(error, g_steal_pointer(&missing));
            return FALSE;
        }
        node->distances = parse_distances(text, host->nodes->len, &problem);
        if (!node->distances) {
            vn_files_set_invalid(files, path, error, "%s", problem);
            return FALSE;
        }
    }
    return TRUE;
}
