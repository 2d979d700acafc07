/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vn_topology_read(): the parts in their order, and PCI devices. CPUs are in
 * topology-cpus.c, nodes in topology-nodes.c, what memory costs in
 * topology-performance.c.
 */
#include "host/topology.h"

#include <string.h>
#include <unistd.h>

#include "host/cpumap.h"
#include "host/topology-private.h"

#define RECORDED_PAGE_SIZE_BYTES 4096u
#define SYS_PCI "sys/bus/pci/devices"

VnIdSet *
vn_topology_read_set(const VnFiles *files, const char *directory, const char *list,
                     const char *map, GError **error)
{
    g_autoptr(GError) missing = NULL;
    const char *const names[] = {list, map};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!names[i])
            continue;
        g_autoptr(GError) problem = NULL;
        g_autofree char *path = g_build_filename(directory, names[i], NULL);
        g_autofree char *text =
            vn_files_read(files, path, VN_TOPOLOGY_FILE_BYTES, &problem);
        if (g_error_matches(problem, VN_ERROR, VN_ERROR_GONE)) {
            if (!missing)
                missing = g_steal_pointer(&problem);
            continue;
        }
        if (!text) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
        VnIdSet *set = names[i] == list ? vn_idset_parse(text, &problem)
                                        : vn_cpumap_parse(text, &problem);
        if (!set)
            vn_files_set_invalid(files, path, error, "%s", problem->message);
        return set;
    }
    g_propagate_error(error, g_steal_pointer(&missing));
    return NULL;
}

/* "0000:00:1f.2", or with a longer domain: hexadecimal but for its three separators. */
static gboolean
is_pci_address(const char *name)
{
    gsize length = strlen(name);
    if (length < 12 || length > 16)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        gsize from_end = length - i;
        char separator = from_end == 2 ? '.' : ':';
        if (from_end == 2 || from_end == 5 || from_end == 8) {
            if (name[i] != separator)
                return FALSE;
        } else if (!g_ascii_isxdigit(name[i])) {
            return FALSE;
        }
    }
    return TRUE;
}

/*
 * Documentation/ABI/testing/sysfs-bus-pci ("numa_node": -1 when the firmware is silent;
 * and "class": "0x" and six hexadecimal digits).
 */
static void
read_device(const VnFiles *files, VnHost *host, const char *address)
{
    VnHostDevice *device = vn_host_add_device(host, address);
    guint64 number;

    g_autofree char *node_path = g_build_filename(SYS_PCI, address, "numa_node", NULL);
    if (vn_files_read_number(files, node_path, &number) && number < VN_HOST_NODES_MAX &&
        vn_host_find_node(host, (guint) number))
        device->host_node = (int) number;

    g_autofree char *class_path = g_build_filename(SYS_PCI, address, "class", NULL);
    g_autofree char *class = vn_files_read_optional(files, class_path, 64);
    if (class && g_str_has_prefix(class, "0x") &&
        g_ascii_string_to_unsigned(class + 2, 16, 0, 0xffffff, &number, NULL))
        device->class_code = (guint) number;
}

static void
read_devices(const VnFiles *files, VnHost *host)
{
    g_autoptr(GPtrArray) names =
        vn_files_list_names(files, SYS_PCI, VN_HOST_DEVICES_MAX, NULL);
    for (guint i = 0; names && i < names->len; i++) {
        const char *name = names->pdata[i];
        if (is_pci_address(name))
            read_device(files, host, name);
    }
}

VnHost *
vn_topology_read(const char *root, GError **error)
{
    g_autoptr(VnHost) host = vn_host_new();
    g_autoptr(VnFiles) files = vn_files_open(root, error);
    if (!files)
        return NULL;

    host->page_size_bytes = vn_files_is_live(files) ? (guint64) sysconf(_SC_PAGESIZE)
                                                    : RECORDED_PAGE_SIZE_BYTES;
    if (!vn_topology_read_cpus(files, host, error) ||
        !vn_topology_read_nodes(files, host, error) ||
        !vn_topology_read_distances(files, host, error))
        return NULL;
    vn_topology_read_performance(files, host);
    read_devices(files, host);
    return g_steal_pointer(&host);
}
