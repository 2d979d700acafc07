/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a node's memory costs to reach, where firmware says so: HMAT access classes
 * (Documentation/admin-guide/mm/numaperf.rst) and memory tiers
 * (Documentation/ABI/testing/sysfs-kernel-mm-memory-tiers). All of it is optional.
 */
#include "host/topology-private.h"

#define SYS_TIERS "sys/devices/virtual/memory_tiering"
#define TIERS_MAX 4096u

/*
 * numaperf.rst says MiB/s, the older ABI file MB/s; HMAT's own unit (ACPI 6.5, table
 * 5.148) is passed on unchanged, and QEMU, for one, fills it in MiB/s.
 */
#define BANDWIDTH_UNIT_BYTES (G_GUINT64_CONSTANT(1) << 20)

/* 0 when absent, malformed or above @max. */
static guint64
read_value(const VnFiles *files, const char *directory, const char *name, guint64 max)
{
    guint64 value;
    g_autofree char *path = g_build_filename(directory, name, NULL);
    return vn_files_read_number(files, path, &value) && value <= max ? value : 0;
}

static void
read_access_class(const VnFiles *files, const VnHostNode *node, guint rank,
                  VnAccessClass *access)
{
    const guint64 bandwidth_max = G_MAXINT64 / BANDWIDTH_UNIT_BYTES;
    g_autofree char *directory =
        g_strdup_printf(VN_SYS_NODE "/node%u/access%u/initiators", node->id, rank);
    g_autoptr(GArray) initiators =
        vn_files_list_numbers(files, directory, "node", "", VN_HOST_NODES_MAX, NULL);
    if (!initiators)
        return;
    access->initiators = vn_idset_new();
    for (guint i = 0; i < initiators->len; i++) {
        guint id = g_array_index(initiators, guint, i);
        if (id < VN_HOST_NODES_MAX)
            vn_idset_add(access->initiators, id);
    }
    access->read_latency_ns =
        (guint) read_value(files, directory, "read_latency", G_MAXUINT);
    access->write_latency_ns =
        (guint) read_value(files, directory, "write_latency", G_MAXUINT);
    access->read_bandwidth_bytes_per_second =
        read_value(files, directory, "read_bandwidth", bandwidth_max) *
        BANDWIDTH_UNIT_BYTES;
    access->write_bandwidth_bytes_per_second =
        read_value(files, directory, "write_bandwidth", bandwidth_max) *
        BANDWIDTH_UNIT_BYTES;
}

/* The file is "nodelist" since Linux 6.1, whatever its documentation calls it. */
static void
read_tiers(const VnFiles *files, VnHost *host)
{
    g_autoptr(GArray) tiers =
        vn_files_list_numbers(files, SYS_TIERS, "memory_tier", "", TIERS_MAX, NULL);
    for (guint i = 0; tiers && i < tiers->len; i++) {
        guint tier = g_array_index(tiers, guint, i);
        g_autofree char *directory = g_strdup_printf(SYS_TIERS "/memory_tier%u", tier);
        g_autoptr(VnIdSet) ids =
            vn_topology_read_set(files, directory, "nodelist", NULL, NULL);
        for (guint j = 0; ids && j < host->nodes->len; j++) {
            VnHostNode *node = host->nodes->pdata[j];
            if (vn_idset_contains(ids, node->id) && node->tier < 0)
                node->tier = (int) tier;
        }
    }
}

void
vn_topology_read_performance(const VnFiles *files, VnHost *host)
{
    for (guint i = 0; i < host->nodes->len; i++) {
        VnHostNode *node = host->nodes->pdata[i];
        for (guint rank = 0; rank < VN_ACCESS_CLASSES; rank++)
            read_access_class(files, node, rank, &node->access[rank]);
    }
    read_tiers(files, host);
}
