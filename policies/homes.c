/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Homes that somebody gave: the administrator, we before, or the guest's policy. */
#include "policies/homes.h"

#include "policies/mirror.h"
#include "policies/mover.h"

static const VnHostNode *
node_at(const VnHost *host, guint i)
{
    return host->nodes->pdata[i];
}

static VnIdSet *
memory_nodes(const VnHost *host)
{
    VnIdSet *nodes = vn_idset_new();
    for (guint i = 0; i < host->nodes->len; i++) {
        if (node_at(host, i)->memory_bytes)
            vn_idset_add(nodes, node_at(host, i)->id);
    }
    return nodes;
}

static VnIdSet *
cpu_nodes(const VnHost *host)
{
    VnIdSet *nodes = vn_idset_new();
    for (guint i = 0; i < host->nodes->len; i++) {
        if (!vn_idset_is_empty(node_at(host, i)->cpus))
            vn_idset_add(nodes, node_at(host, i)->id);
    }
    return nodes;
}

/* Adds to @set the nodes of @candidates whose memory is nearest to the CPUs of @from. */
static void
add_nearest(const VnHost *host, guint from, const VnIdSet *candidates, VnIdSet *set)
{
    guint nearest = VN_DISTANCE_UNREACHABLE;
    VN_IDSET_FOREACH (candidates, id)
        nearest = MIN(nearest, vn_host_distance(host, from, (guint) id));
    VN_IDSET_FOREACH (candidates, id) {
        if (vn_host_distance(host, from, (guint) id) == nearest)
            vn_idset_add(set, (guint) id);
    }
}

VnIdSet *
vn_homes_cpus(const VnHost *host, const VnIdSet *home)
{
    g_autoptr(VnIdSet) cpus = vn_host_cpus_of_nodes(host, home);
    if (!vn_idset_is_empty(cpus))
        return g_steal_pointer(&cpus);

    g_autoptr(VnIdSet) with_cpus = cpu_nodes(host);
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(host);
    if (!vn_idset_is_subset(with_cpus, cordoned))
        vn_idset_remove_all(with_cpus, cordoned);
    guint nearest = G_MAXUINT;
    VN_IDSET_FOREACH (with_cpus, from) {
        guint distance = 0;
        VN_IDSET_FOREACH (home, to)
            distance += vn_host_distance(host, (guint) from, (guint) to);
        if (distance > nearest)
            continue;
        if (distance < nearest)
            vn_idset_remove_all(cpus, cpus);
        nearest = distance;
        vn_idset_add_all(cpus, vn_host_find_node(host, (guint) from)->cpus);
    }
    return g_steal_pointer(&cpus);
}

/* The cordoned nodes to which, and to no others, somebody else has pinned its vCPUs. */
static VnIdSet *
holding_nodes(const VnHost *host, const VnGuest *guest, const VnCell *cell)
{
    VnIdSet *holding = vn_idset_new();
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(host);
    VN_IDSET_FOREACH (cell->vcpus, id) {
        const VnVcpu *vcpu = vn_guest_find_vcpu(guest, (guint) id);
        if (!vcpu || !vcpu->pinned || vcpu->pin_is_ours)
            continue;
        g_autoptr(VnIdSet) nodes = vn_host_nodes_of_cpus(host, vcpu->pinned);
        if (vn_idset_is_subset(nodes, cordoned))
            vn_idset_add_all(holding, nodes);
    }
    return holding;
}

/* A binding that does not forbid other nodes, so that it gives way to a cordon. */
static gboolean
is_lenient(VnBinding binding)
{
    return binding == VN_BINDING_PREFERRED || binding == VN_BINDING_RESTRICTIVE;
}

/*
 * Where the cell's pages may lie at all: on cordoned nodes only where nothing else is
 * possible, or where its vCPUs are held there.
 */
VnIdSet *
vn_homes_limit(const VnHost *host, const VnGuest *guest, const VnCell *cell)
{
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(host);
    g_autoptr(VnIdSet) holding = holding_nodes(host, guest, cell);
    g_autoptr(VnIdSet) lenient = memory_nodes(host);
    if (guest->allowed_nodes)
        vn_idset_keep_all(lenient, guest->allowed_nodes);
    g_autoptr(VnIdSet) limit = vn_idset_copy(lenient);
    if (cell->bound)
        vn_idset_keep_all(limit, cell->bound);
    if (!vn_idset_overlaps(limit, cordoned) || !vn_idset_is_empty(holding))
        return g_steal_pointer(&limit);
    vn_idset_remove_all(lenient, cordoned);
    if (!vn_idset_is_subset(limit, cordoned))
        vn_idset_remove_all(limit, cordoned);
    else if (is_lenient(cell->binding) && !vn_idset_is_empty(lenient))
        return g_steal_pointer(&lenient);
    return g_steal_pointer(&limit);
}

/*
 * The host nodes whose CPUs the cell's vCPUs are pinned to; NULL when that says
 * nothing. Our own pins to cordoned nodes do not, and what somebody else has pinned there
 * and elsewhere says elsewhere.
 */
static VnIdSet *
pinned_nodes(const VnHost *host, const VnGuest *guest, const VnCell *cell,
             gboolean hold_ours)
{
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(host);
    g_autoptr(VnIdSet) closed = vn_host_cpus_of_nodes(host, cordoned);
    g_autoptr(VnIdSet) cpus = vn_idset_new();
    VN_IDSET_FOREACH (cell->vcpus, id) {
        const VnVcpu *vcpu = vn_guest_find_vcpu(guest, (guint) id);
        if (!vcpu || !vcpu->pinned || (vcpu->pin_is_ours && !hold_ours))
            return NULL;
        if (!vcpu->pin_is_ours || !vn_idset_overlaps(vcpu->pinned, closed))
            vn_idset_add_all(cpus, vcpu->pinned);
    }
    if (!vn_idset_is_subset(cpus, closed))
        vn_idset_remove_all(cpus, closed);
    g_autoptr(VnIdSet) nodes = vn_host_nodes_of_cpus(host, cpus);
    g_autoptr(VnIdSet) all = cpu_nodes(host);
    if (!vn_idset_is_subset(all, cordoned))
        vn_idset_remove_all(all, cordoned);
    if (vn_idset_is_empty(nodes) ||
        (vn_idset_equal(nodes, all) && vn_idset_count(all) > 1))
        return NULL;
    return g_steal_pointer(&nodes);
}

/* The host nodes with more than crumbs of the cell's pages. */
static VnIdSet *
nodes_in_use(const VnCell *cell)
{
    VnIdSet *nodes = vn_idset_new();
    for (guint i = 0; i < cell->resident_bytes->len; i++) {
        if (g_array_index(cell->resident_bytes, guint64, i) >
            vn_cell_resident(cell) / 1000)
            vn_idset_add(nodes, i);
    }
    return nodes;
}

static guint64
memory_of(const VnHost *host, const VnIdSet *nodes)
{
    guint64 bytes = 0;
    VN_IDSET_FOREACH (nodes, id)
        bytes += vn_host_find_node(host, (guint) id)->memory_bytes;
    return bytes;
}

/*
 * Where vCPUs are pinned to nodes that may not hold the cell's memory, or not all of it:
 * what lies where it may, with the vCPUs on the CPUs that are nearest to it, is at home.
 * NULL when that is not so.
 */
static VnIdSet *
settled_home(const VnHost *host, const VnCell *cell, const VnIdSet *limit,
             const VnIdSet *pinned)
{
    g_autoptr(VnIdSet) own = vn_idset_copy(pinned);
    vn_idset_keep_all(own, limit);
    if (!vn_idset_is_empty(own) && cell->memory_bytes <= memory_of(host, own))
        return NULL;
    g_autoptr(VnIdSet) home = nodes_in_use(cell);
    if (vn_idset_is_empty(home) || !vn_idset_is_subset(home, limit))
        return NULL;
    vn_idset_add_all(home, own);
    g_autoptr(VnIdSet) cpus = vn_homes_cpus(host, home);
    g_autoptr(VnIdSet) near = vn_host_nodes_of_cpus(host, cpus);
    return vn_idset_is_subset(pinned, near) ? g_steal_pointer(&home) : NULL;
}

/*
 * The home that pins give: their nodes, and for those without memory the nearest
 * memory.
 */
static VnIdSet *
pinned_home(const VnHost *host, const VnCell *cell, const VnIdSet *limit,
            const VnIdSet *pinned)
{
    g_autoptr(VnIdSet) settled = settled_home(host, cell, limit, pinned);
    if (settled)
        return g_steal_pointer(&settled);
    g_autoptr(VnIdSet) with_memory = memory_nodes(host);
    VnIdSet *home = vn_idset_new();
    VN_IDSET_FOREACH (pinned, id) {
        if (vn_idset_contains(limit, (guint) id))
            vn_idset_add(home, (guint) id);
        else if (!vn_idset_contains(with_memory, (guint) id))
            add_nearest(host, (guint) id, limit, home);
    }
    return home;
}

/* What nobody gave: to be chosen, but for a guest that is nobody's to place. */
static VnHomeSource
source_otherwise(const VnGuest *guest)
{
    return guest->policy == VN_POLICY_MANUAL ? VN_HOME_MANUAL : VN_HOME_CHOSEN;
}

VnHome
vn_homes_given(const VnHost *host, const VnGuest *guest, guint index, gboolean hold_ours)
{
    const VnCell *cell = guest->cells->pdata[index];
    g_autoptr(VnIdSet) limit = vn_homes_limit(host, guest, cell);
    if (vn_idset_is_empty(limit))
        return (VnHome){.home = vn_idset_new(), .source = VN_HOME_NONE};
    if (cell->bound && vn_idset_is_subset(limit, cell->bound) &&
        (cell->binding == VN_BINDING_INTERLEAVE || vn_idset_count(cell->bound) == 1))
        return (VnHome){.home = g_steal_pointer(&limit), .source = VN_HOME_BOUND};
    if (guest->policy == VN_POLICY_MIRROR) {
        g_autofree char *differs = vn_mirror_why_not(host, guest);
        g_autoptr(VnIdSet) home = vn_idset_new();
        if (!differs && cell->memory_bytes)
            vn_idset_add(home, ((const VnHostNode *) host->nodes->pdata[index])->id);
        vn_idset_keep_all(home, limit);
        if (!vn_idset_is_empty(home))
            return (VnHome){.home = g_steal_pointer(&home), .source = VN_HOME_MIRRORED};
    }
    if (hold_ours && !guest->told_cells && vn_granule_policy_is_wide(guest))
        return (VnHome){.home = g_steal_pointer(&limit), .source = VN_HOME_ALLOWED};

    g_autoptr(VnIdSet) pinned = holding_nodes(host, guest, cell);
    if (vn_idset_is_empty(pinned)) {
        vn_idset_free(pinned);
        pinned = pinned_nodes(host, guest, cell, hold_ours);
    }
    g_autoptr(VnIdSet) home = pinned ? pinned_home(host, cell, limit, pinned) : NULL;
    if (home && !vn_idset_is_empty(home))
        return (VnHome){.home = g_steal_pointer(&home), .source = VN_HOME_PINNED};
    VnHomeSource source = source_otherwise(guest);
    return (VnHome){
        .home = source == VN_HOME_MANUAL ? g_steal_pointer(&limit) : vn_idset_new(),
        .source = source,
    };
}
