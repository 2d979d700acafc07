/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joining what libvirt, the kernel and the host say into a snapshot. */
#include "daemon/observe.h"

#include "daemon/locate.h"
#include "guest-topology/domain.h"
#include "host/numa_maps.h"
#include "host/process.h"
#include "host/topology.h"
#include "virt/domains.h"

#include <string.h>

struct VnObserver {
    VnConfig config;
    char *root;
    VnConnection *virt;
    VnLocator *locator;
    const VnCordons *cordons; /* NULL: none, as are */
    VnPromises *promises;
};

VnObserver *
vn_observer_new(const VnConfig *config, const char *root, VnConnection *virt)
{
    VnObserver *observer = g_new0(VnObserver, 1);
    observer->config = *config;
    observer->root = g_strdup(root);
    observer->virt = virt;
    observer->locator = vn_locator_new(virt, config->allow_monitor);
    return observer;
}

void
vn_observer_free(VnObserver *observer)
{
    if (!observer)
        return;
    vn_locator_free(observer->locator);
    g_free(observer->root);
    g_free(observer);
}

void
vn_observer_mark(VnObserver *observer, const VnCordons *cordons, VnPromises *promises)
{
    observer->cordons = cordons;
    observer->promises = promises;
}

static void
set_trouble(VnGuest *guest, const char *trouble)
{
    if (!guest->trouble)
        guest->trouble = g_strdup(trouble);
}

/* Adds what each mapping holds to the cell whose range it lies in. */
static void
count_resident(VnGuest *guest, const GPtrArray *maps)
{
    for (guint i = 0; i < guest->cells->len; i++) {
        VnCell *cell = guest->cells->pdata[i];
        g_array_set_size(cell->resident_bytes, 0);
        for (guint j = 0; j < maps->len; j++) {
            const VnNumaMap *map = maps->pdata[j];
            if (map->start < cell->hva_start || map->end > cell->hva_end)
                continue;
            for (guint k = 0; k < map->resident->len; k++) {
                guint node = g_array_index(map->resident, VnNumaPages, k).host_node;
                guint64 there = node < cell->resident_bytes->len
                                    ? g_array_index(cell->resident_bytes, guint64, node)
                                    : 0;
                vn_cell_set_resident(cell, node, there + vn_numa_map_bytes_on(map, node));
            }
            if (map->is_huge)
                cell->page_size_bytes = map->page_size_bytes;
        }
    }
}

/* The running half of a guest: QEMU's process, its threads and where its pages lie. */
static gboolean
observe_process(VnObserver *observer, VnGuest *guest, GError **error)
{
    VnProcess process;
    if (!vn_process_find(observer->root, guest->name, guest->uuid, &process, error))
        return FALSE;
    guest->pid = process.pid;
    guest->start_ticks = process.start_ticks;
    if (!vn_process_fill_threads(observer->root, guest, error))
        return FALSE;
    guest->allowed_nodes = vn_process_allowed_nodes(observer->root, guest->pid, error);
    if (!guest->allowed_nodes)
        return FALSE;
    g_autoptr(GPtrArray) maps = vn_numa_maps_read(observer->root, guest->pid, error);
    if (!maps)
        return FALSE;
    vn_locator_locate(observer->locator, guest, maps);
    count_resident(guest, maps);
    return TRUE;
}

/* A guest of which no more than its name can be told. */
static VnGuest *
unreadable_guest(const VnVirtDomain *domain, const char *why)
{
    VnGuest *guest = vn_guest_new(domain->name, domain->uuid);
    vn_guest_add_cell(guest, 0);
    guest->trouble = g_strdup(why);
    return guest;
}

/* The tag's policy was checked when it was read. */
static void
set_policy(VnGuest *guest, VnPolicy otherwise)
{
    const char *name = guest->tag ? guest->tag->policy : NULL;
    if (!name || !vn_policy_parse(name, &guest->policy, NULL))
        guest->policy = otherwise;
}

static VnGuest *
observe_guest(VnObserver *observer, const VnHost *host, const VnVirtDomain *domain)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnGuest) guest = NULL;
    if (domain->xml)
        guest = vn_domain_parse(domain->xml, strlen(domain->xml), &error);
    if (!guest) {
        guest = unreadable_guest(domain, error ? error->message : domain->busy);
        guest->state = domain->state;
        return g_steal_pointer(&guest);
    }
    guest->state = domain->state;
    guest->managed = guest->tag || observer->config.manage_all;
    set_policy(guest, observer->config.policy);
    vn_guest_locate_devices(guest, host);
    if (domain->busy)
        set_trouble(guest, domain->busy);
    if (guest->state != VN_GUEST_STOPPED && !observe_process(observer, guest, &error))
        set_trouble(guest, error->message);
    return g_steal_pointer(&guest);
}

VnSnapshot *
vn_observer_observe(VnObserver *observer, GError **error)
{
    g_autoptr(VnHost) host = vn_topology_read(observer->root, error);
    if (!host)
        return NULL;
    g_autoptr(GPtrArray) domains = vn_virt_list(observer->virt, 0, error);
    if (!domains)
        return NULL;
    VnSnapshot *snapshot = vn_snapshot_new(g_steal_pointer(&host));
    for (guint i = 0; i < domains->len; i++)
        g_ptr_array_add(snapshot->guests,
                        observe_guest(observer, snapshot->host, domains->pdata[i]));
    if (observer->cordons)
        vn_cordons_mark(observer->cordons, snapshot->host);
    if (observer->promises)
        vn_promises_apply(observer->promises, snapshot);
    return snapshot;
}
