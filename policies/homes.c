/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Home selection. Three passes: homes that binding or pins give; then, guest by guest,
 * the cheapest node for each cell that has none yet; then exchanges between such cells of
 * one guest, as long as they save bytes. Good enough for one host; not a global optimum.
 */
#include "policies/homes.h"

#include "policies/mover.h"

typedef struct {
    const VnHost *host;
    guint *vcpus; /* vCPUs at home on a node, by node index */
    gint64 *room; /* bytes free there once this plan is done, by node index */
} Capacity;

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
static VnIdSet *
limit_of(const VnHost *host, const VnGuest *guest, const VnCell *cell)
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
pinned_nodes(const VnHost *host, const VnGuest *guest, const VnCell *cell)
{
    g_autoptr(VnIdSet) cordoned = vn_host_cordoned(host);
    g_autoptr(VnIdSet) closed = vn_host_cpus_of_nodes(host, cordoned);
    g_autoptr(VnIdSet) cpus = vn_idset_new();
    VN_IDSET_FOREACH (cell->vcpus, id) {
        const VnVcpu *vcpu = vn_guest_find_vcpu(guest, (guint) id);
        if (!vcpu || !vcpu->pinned)
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

/* What binding or pins give; VN_HOME_CHOSEN with an empty set when neither does. */
static VnHome
given_home(const VnHost *host, const VnGuest *guest, const VnCell *cell)
{
    g_autoptr(VnIdSet) limit = limit_of(host, guest, cell);
    if (vn_idset_is_empty(limit))
        return (VnHome){.home = vn_idset_new(), .source = VN_HOME_NONE};
    if (cell->bound && vn_idset_is_subset(limit, cell->bound) &&
        (cell->binding == VN_BINDING_INTERLEAVE || vn_idset_count(cell->bound) == 1))
        return (VnHome){.home = g_steal_pointer(&limit), .source = VN_HOME_BOUND};
    if (!guest->told_cells && vn_granule_policy_is_wide(guest))
        return (VnHome){.home = g_steal_pointer(&limit), .source = VN_HOME_ALLOWED};

    g_autoptr(VnIdSet) pinned = holding_nodes(host, guest, cell);
    if (vn_idset_is_empty(pinned)) {
        vn_idset_free(pinned);
        pinned = pinned_nodes(host, guest, cell);
    }
    VnIdSet *home = pinned ? pinned_home(host, cell, limit, pinned) : vn_idset_new();
    return (VnHome){
        .home = home,
        .source = vn_idset_is_empty(home) ? VN_HOME_CHOSEN : VN_HOME_PINNED,
    };
}

static guint64
bytes_to_move(const VnCell *cell, const VnIdSet *home)
{
    return vn_cell_resident(cell) - vn_cell_resident_on(cell, home);
}

/* Books a cell with its home: vCPUs and arriving bytes spread evenly over the nodes. */
static void
book(Capacity *capacity, const VnCell *cell, const VnIdSet *home)
{
    guint n_home = vn_idset_count(home);
    if (!n_home)
        return;
    guint vcpus_each = (vn_idset_count(cell->vcpus) + n_home - 1) / n_home;
    gint64 bytes_each = (gint64) (bytes_to_move(cell, home) / n_home);
    for (guint i = 0; i < capacity->host->nodes->len; i++) {
        guint id = node_at(capacity->host, i)->id;
        if (vn_idset_contains(home, id)) {
            capacity->vcpus[i] += vcpus_each;
            capacity->room[i] -= bytes_each;
        } else if (id < cell->resident_bytes->len) {
            capacity->room[i] +=
                (gint64) g_array_index(cell->resident_bytes, guint64, id);
        }
    }
}

/* What decides between nodes, the most important first; smaller is better. */
typedef struct {
    gboolean no_room;
    gboolean no_cpus;
    guint overload;     /* vCPUs above the node's CPUs */
    guint64 bytes;      /* to move */
    gboolean elsewhere; /* not all vCPUs are pinned to the CPUs at this home */
    guint vcpus;        /* already at home there */
    guint id;
} Cost;

static gboolean
runs_at(const VnHost *host, const VnGuest *guest, const VnCell *cell, const VnIdSet *home)
{
    g_autoptr(VnIdSet) cpus = vn_homes_cpus(host, home);
    VN_IDSET_FOREACH (cell->vcpus, id) {
        const VnVcpu *vcpu = vn_guest_find_vcpu(guest, (guint) id);
        if (!vcpu || !vcpu->pinned || !vn_idset_is_subset(vcpu->pinned, cpus))
            return FALSE;
    }
    return TRUE;
}

static Cost
cost_of(const Capacity *capacity, const VnGuest *guest, const VnCell *cell,
        guint node_index)
{
    const VnHostNode *node = node_at(capacity->host, node_index);
    g_autoptr(VnIdSet) home = vn_idset_new_with(node->id);
    guint cpus = vn_idset_count(node->cpus);
    guint vcpus = vn_idset_count(cell->vcpus);
    guint64 bytes = bytes_to_move(cell, home);
    guint load = capacity->vcpus[node_index] + vcpus;
    return (Cost){
        .no_room = (gint64) bytes > capacity->room[node_index] ||
                   cell->memory_bytes > node->memory_bytes,
        .no_cpus = vcpus && !cpus,
        .overload = load > cpus && vcpus && cpus ? load - cpus : 0,
        .bytes = bytes,
        .elsewhere = !runs_at(capacity->host, guest, cell, home),
        .vcpus = capacity->vcpus[node_index],
        .id = node->id,
    };
}

static gboolean
cheaper(const Cost *one, const Cost *other)
{
    if (one->no_cpus != other->no_cpus)
        return other->no_cpus;
    if (one->no_room != other->no_room)
        return other->no_room;
    if (one->overload != other->overload)
        return one->overload < other->overload;
    if (one->bytes != other->bytes)
        return one->bytes < other->bytes;
    if (one->elsewhere != other->elsewhere)
        return other->elsewhere;
    if (one->vcpus != other->vcpus)
        return one->vcpus < other->vcpus;
    return one->id < other->id;
}

/*
 * Grows @home by the nearest nodes until the cell's memory fits, as far as @limit
 * goes.
 */
static void
grow_until_it_fits(const VnHost *host, const VnCell *cell, const VnIdSet *limit,
                   guint first, VnIdSet *home)
{
    g_autoptr(VnIdSet) left = vn_idset_copy(limit);
    guint64 memory_bytes = vn_host_find_node(host, first)->memory_bytes;
    vn_idset_remove(left, first);
    while (memory_bytes < cell->memory_bytes && !vn_idset_is_empty(left)) {
        g_autoptr(VnIdSet) nearest = vn_idset_new();
        add_nearest(host, first, left, nearest);
        guint next = (guint) vn_idset_next(nearest, 0);
        vn_idset_add(home, next);
        vn_idset_remove(left, next);
        memory_bytes += vn_host_find_node(host, next)->memory_bytes;
    }
}

static VnIdSet *
cheapest_home(const Capacity *capacity, const VnGuest *guest, const VnCell *cell)
{
    g_autoptr(VnIdSet) limit = limit_of(capacity->host, guest, cell);
    Cost best = {0};
    gboolean found = FALSE;
    for (guint i = 0; i < capacity->host->nodes->len; i++) {
        if (!vn_idset_contains(limit, node_at(capacity->host, i)->id))
            continue;
        Cost cost = cost_of(capacity, guest, cell, i);
        if (!found || cheaper(&cost, &best))
            best = cost;
        found = TRUE;
    }
    g_assert(found); /* an empty limit is VN_HOME_NONE, which never comes here */
    VnIdSet *home = vn_idset_new_with(best.id);
    grow_until_it_fits(capacity->host, cell, limit, best.id, home);
    return home;
}

/*
 * Exchanges the chosen homes of two cells where that saves bytes and both may go
 * there.
 */
static gboolean
try_exchange(const VnHost *host, const VnGuest *guest, GArray *homes, guint one,
             guint other)
{
    VnHome *a = &g_array_index(homes, VnHome, one);
    VnHome *b = &g_array_index(homes, VnHome, other);
    const VnCell *cell_a = guest->cells->pdata[one];
    const VnCell *cell_b = guest->cells->pdata[other];
    if (a->source != VN_HOME_CHOSEN || b->source != VN_HOME_CHOSEN ||
        vn_idset_count(cell_a->vcpus) != vn_idset_count(cell_b->vcpus) ||
        cell_a->memory_bytes != cell_b->memory_bytes)
        return FALSE;

    g_autoptr(VnIdSet) limit_a = limit_of(host, guest, cell_a);
    g_autoptr(VnIdSet) limit_b = limit_of(host, guest, cell_b);
    guint64 now = bytes_to_move(cell_a, a->home) + bytes_to_move(cell_b, b->home);
    guint64 then = bytes_to_move(cell_a, b->home) + bytes_to_move(cell_b, a->home);
    if (then >= now || !vn_idset_is_subset(b->home, limit_a) ||
        !vn_idset_is_subset(a->home, limit_b))
        return FALSE;
    VnIdSet *kept = a->home;
    a->home = b->home;
    b->home = kept;
    return TRUE;
}

static void
improve(const VnHost *host, const VnGuest *guest, GArray *homes)
{
    /* Each exchange saves bytes, so this ends; the bound keeps 128 cells cheap. */
    gboolean changed = TRUE;
    for (guint round = 0; changed && round < homes->len; round++) {
        changed = FALSE;
        for (guint i = 0; i < homes->len; i++) {
            for (guint j = i + 1; j < homes->len; j++)
                changed |= try_exchange(host, guest, homes, i, j);
        }
    }
}

static void
home_clear(gpointer data)
{
    vn_idset_free(((VnHome *) data)->home);
}

static GArray *
given_homes(Capacity *capacity, const VnGuest *guest)
{
    GArray *homes = g_array_sized_new(FALSE, TRUE, sizeof(VnHome), guest->cells->len);
    g_array_set_clear_func(homes, home_clear);
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        VnHome home = {.source = VN_HOME_NONE};
        if (guest->state == VN_GUEST_STOPPED)
            home.home = vn_idset_new();
        else
            home = given_home(capacity->host, guest, cell);
        book(capacity, cell, home.home);
        g_array_append_val(homes, home);
    }
    return homes;
}

static void
choose_the_rest(Capacity *capacity, const VnGuest *guest, GArray *homes)
{
    for (guint i = 0; i < homes->len; i++) {
        VnHome *home = &g_array_index(homes, VnHome, i);
        if (home->source != VN_HOME_CHOSEN)
            continue;
        vn_idset_free(home->home);
        home->home = cheapest_home(capacity, guest, guest->cells->pdata[i]);
        book(capacity, guest->cells->pdata[i], home->home);
    }
    improve(capacity->host, guest, homes);
}

GPtrArray *
vn_homes_choose(const VnSnapshot *snapshot)
{
    guint n_nodes = snapshot->host->nodes->len;
    g_autofree guint *vcpus = g_new0(guint, n_nodes);
    g_autofree gint64 *room = g_new0(gint64, n_nodes);
    Capacity capacity = {.host = snapshot->host, .vcpus = vcpus, .room = room};
    for (guint i = 0; i < n_nodes; i++)
        room[i] = (gint64) node_at(snapshot->host, i)->free_bytes;

    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
    for (guint i = 0; i < snapshot->guests->len; i++)
        g_ptr_array_add(all, given_homes(&capacity, snapshot->guests->pdata[i]));
    for (guint i = 0; i < snapshot->guests->len; i++)
        choose_the_rest(&capacity, snapshot->guests->pdata[i], all->pdata[i]);
    return all;
}
