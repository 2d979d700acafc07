/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest's HMAT says: the figures for the nearest initiators of each home. */
#include "guest-topology/interconnects.h"

#include "guest-topology/hmat-scale.h"
#include "model/home.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

/* The nearest initiators of a cell's only home node that have CPUs; NULL: no data. */
static const VnAccessClass *
access_of(const VnHost *host, const VnVnumaCell *cell)
{
    const VnHostNode *node =
        vn_host_find_node(host, (guint) MAX(vn_idset_next(cell->home, 0), 0));
    if (vn_idset_count(cell->home) != 1 || !node)
        return NULL;
    for (guint rank = VN_ACCESS_CLASSES; rank-- > 0;) {
        const VnAccessClass *access = &node->access[rank];
        if (access->initiators && access->read_latency_ns > 0 &&
            access->write_latency_ns > 0 &&
            access->read_latency_ns <= VN_HMAT_ENTRY_MAX &&
            access->write_latency_ns <= VN_HMAT_ENTRY_MAX &&
            access->read_bandwidth_bytes_per_second >= MIB &&
            access->write_bandwidth_bytes_per_second >= MIB)
            return access;
    }
    return NULL;
}

static void
add(VnVnuma *vnuma, const VnInterconnect *pair, VnAccess access, guint latency_ns,
    guint64 bandwidth)
{
    VnInterconnect one = *pair;
    one.access = access;
    one.latency_ns = latency_ns;
    one.bandwidth_bytes_per_second = bandwidth;
    g_array_append_val(vnuma->interconnects, one);
}

static void
add_pair(VnVnuma *vnuma, guint initiator, guint target, const VnAccessClass *access)
{
    VnInterconnect pair = {.initiator = initiator, .target = target};
    if (access->read_latency_ns == access->write_latency_ns) {
        add(vnuma, &pair, VN_ACCESS_ANY, access->read_latency_ns, 0);
    } else {
        add(vnuma, &pair, VN_ACCESS_READ, access->read_latency_ns, 0);
        add(vnuma, &pair, VN_ACCESS_WRITE, access->write_latency_ns, 0);
    }
    guint64 read = access->read_bandwidth_bytes_per_second;
    guint64 write = access->write_bandwidth_bytes_per_second;
    if (read == write) {
        add(vnuma, &pair, VN_ACCESS_ANY, 0, read);
    } else {
        add(vnuma, &pair, VN_ACCESS_READ, 0, read);
        add(vnuma, &pair, VN_ACCESS_WRITE, 0, write);
    }
}

/* Whether the host tells the figures of every cell's memory. */
static gboolean
all_told(const VnHost *host, const VnVnuma *vnuma)
{
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        if (cell->memory_bytes > 0 && !access_of(host, cell))
            return FALSE;
    }
    return TRUE;
}

/* By cell: the host nodes that its vCPUs run on. */
static GPtrArray *
list_initiators(const VnHost *host, const VnVnuma *vnuma)
{
    GPtrArray *initiators =
        g_ptr_array_new_with_free_func((GDestroyNotify) vn_idset_free);
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        g_autoptr(VnIdSet) cpus = vn_idset_is_empty(cell->vcpus)
                                      ? vn_idset_new()
                                      : vn_home_cpus(host, cell->home);
        g_ptr_array_add(initiators, vn_host_nodes_of_cpus(host, cpus));
    }
    return initiators;
}

/* Whether the CPUs of cell @from are among the nearest initiators of memory of @to. */
static gboolean
is_near(const VnHost *host, const VnVnuma *vnuma, const GPtrArray *initiators, guint from,
        guint to)
{
    const VnVnumaCell *cell = vn_vnuma_cell(vnuma, to);
    return cell->memory_bytes > 0 &&
           vn_idset_overlaps(initiators->pdata[from], access_of(host, cell)->initiators);
}

/*
 * FALSE: no cell's CPUs are among the nearest initiators of this cell's memory. Of two
 * cells that share a home each could be told of the other, but libvirt takes a link in
 * one direction only, and half of the truth is none: they are told of themselves.
 */
static gboolean
derive_target(const VnHost *host, VnVnuma *vnuma, guint target,
              const GPtrArray *initiators)
{
    const VnAccessClass *access = access_of(host, vn_vnuma_cell(vnuma, target));
    gboolean found = FALSE;
    for (guint i = 0; i < vnuma->cells->len; i++) {
        if (!is_near(host, vnuma, initiators, i, target) ||
            (i != target && is_near(host, vnuma, initiators, target, i)))
            continue;
        add_pair(vnuma, i, target, access);
        found = TRUE;
    }
    return found;
}

static void
round_bandwidths(GArray *interconnects)
{
    guint64 most = 0;
    guint64 unit = MIB;
    for (guint i = 0; i < interconnects->len; i++)
        most = MAX(
            most,
            g_array_index(interconnects, VnInterconnect, i).bandwidth_bytes_per_second);
    while (most / unit > VN_HMAT_ENTRY_MAX)
        unit *= 2;
    for (guint i = 0; i < interconnects->len; i++) {
        guint64 *bandwidth =
            &g_array_index(interconnects, VnInterconnect, i).bandwidth_bytes_per_second;
        if (*bandwidth > 0)
            *bandwidth = MAX(*bandwidth / unit, 1) * unit;
    }
}

void
vn_interconnects_derive(const VnHost *host, VnVnuma *vnuma, const VnTag *tag)
{
    g_array_set_size(vnuma->interconnects, 0);
    if (!tag->hmat || !all_told(host, vnuma))
        return;
    g_autoptr(GPtrArray) initiators = list_initiators(host, vnuma);
    for (guint i = 0; i < vnuma->cells->len; i++) {
        if (vn_vnuma_cell(vnuma, i)->memory_bytes > 0 &&
            !derive_target(host, vnuma, i, initiators)) {
            g_array_set_size(vnuma->interconnects, 0);
            return;
        }
    }
    round_bandwidths(vnuma->interconnects);
}
