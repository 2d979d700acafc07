/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A snapshot as the planner's problem, and its answer as homes. Each cell is a piece, or
 * several of the same size where its home is of several host nodes: the planner has one
 * node for each.
 */
#include "policies/place.h"

#include "policies/mirror.h"

typedef struct {
    const VnSnapshot *snapshot;
    const VnPlaceOptions *options;
    VnPlacing *placing;
    GPtrArray *clients; /* of VnPlannerGuest */
    GArray *guests;     /* of guint: whose these are, by place in the snapshot */
    GArray *pieces;     /* of guint: of each cell of these, one after another */
} Work;

static const VnHostNode *
node_at(const VnHost *host, guint i)
{
    return host->nodes->pdata[i];
}

/* Bytes of the node's memory that are pages of that size; 0: base pages. */
static guint64
memory_of(const VnHostNode *node, guint64 page_size_bytes)
{
    if (!page_size_bytes)
        return node->memory_bytes;
    for (guint i = 0; i < node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        if (pages->size_bytes == page_size_bytes)
            return pages->total * page_size_bytes;
    }
    return 0;
}

/* On so many nodes a cell has to be at least, by its size; 1 where it fits nowhere. */
static guint
count_pieces(const Work *work, const VnCell *cell, const VnIdSet *limit)
{
    const VnHost *host = work->snapshot->host;
    guint64 page_size_bytes =
        cell->page_size_bytes == host->page_size_bytes ? 0 : cell->page_size_bytes;
    guint64 largest = 0;
    guint cpus = 0;
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = node_at(host, i);
        if (!vn_idset_contains(limit, node->id))
            continue;
        largest = MAX(largest, memory_of(node, page_size_bytes));
        cpus = MAX(cpus, vn_idset_count(node->cpus));
    }
    double most = work->options->cpu_overcommit_ratio * cpus;
    double by_memory = largest ? (double) cell->memory_bytes / (double) largest : 1;
    double by_cpus = most >= 1 ? vn_idset_count(cell->vcpus) / most : 1;
    double n = MAX(by_memory, by_cpus);
    guint n_nodes = vn_idset_count(limit);
    if (n <= 1 || n > n_nodes)
        return 1;
    return (guint) n + (n > (guint) n);
}

/* Piece @i of @n of a cell's vCPUs or pages. */
static guint64
part(guint64 whole, guint i, guint n)
{
    return whole / n + (i < whole % n);
}

/* The bytes of the cell by node, from byte @skip on and @bytes of them. */
static guint64 *
resident_part(const VnHost *host, const VnCell *cell, guint64 skip, guint64 bytes)
{
    guint64 *resident = g_new0(guint64, host->nodes->len);
    for (guint i = 0; i < host->nodes->len; i++) {
        guint id = node_at(host, i)->id;
        guint64 there = id < cell->resident_bytes->len
                            ? g_array_index(cell->resident_bytes, guint64, id)
                            : 0;
        guint64 passed = MIN(skip, there);
        resident[i] = MIN(there - passed, bytes);
        skip -= passed;
        bytes -= resident[i];
    }
    return resident;
}

static gboolean *
allowed_nodes(const VnHost *host, const VnIdSet *limit)
{
    gboolean *allowed = g_new0(gboolean, host->nodes->len);
    for (guint i = 0; i < host->nodes->len; i++)
        allowed[i] = vn_idset_contains(limit, node_at(host, i)->id);
    return allowed;
}

/*
 * Whether the cell's memory stays where it lies: it is not ours to move, cannot be, or
 * nobody accesses it, so that one place is as good as another.
 */
static gboolean
stays(const VnGuest *guest, const VnCell *cell)
{
    return !guest->managed || guest->trouble || !cell->hva_end ||
           guest->policy == VN_POLICY_MANUAL || guest->vcpus->len == 0;
}

/*
 * Whether devices that are passed through hold the guest's memory, which lies at @node:
 * the kernel moves no page that a device may write. From a cordoned node one tries.
 */
static gboolean
is_held(const VnGuest *guest, const VnHostNode *node)
{
    return guest->devices->len > 0 && !node->cordoned;
}

/* Whether all of the cell's vCPUs are pinned to the CPUs that are nearest to the node. */
static gboolean
runs_at(const VnHost *host, const VnGuest *guest, const VnCell *cell, guint id)
{
    g_autoptr(VnIdSet) home = vn_idset_new_with(id);
    g_autoptr(VnIdSet) cpus = vn_homes_cpus(host, home);
    VN_IDSET_FOREACH (cell->vcpus, number) {
        const VnVcpu *vcpu = vn_guest_find_vcpu(guest, (guint) number);
        if (!vcpu || !vcpu->pinned || !vn_idset_is_subset(vcpu->pinned, cpus))
            return FALSE;
    }
    return TRUE;
}

/*
 * The node in @limit with most of @resident (bytes by node), of several the one that the
 * cell's vCPUs run at; -1: nothing lies there.
 */
static int
main_node(const VnHost *host, const VnGuest *guest, const VnCell *cell,
          const guint64 *resident, const VnIdSet *limit)
{
    int best = -1;
    for (guint i = 0; i < host->nodes->len; i++) {
        guint id = node_at(host, i)->id;
        guint64 most = best < 0 ? 0 : resident[best];
        if (!vn_idset_contains(limit, id) || resident[i] < MAX(most, 1))
            continue;
        if (resident[i] > most || runs_at(host, guest, cell, id))
            best = (int) i;
    }
    return best;
}

/* Piece @i of @n of a cell, which may go to the nodes in @limit. */
static void
add_piece(const Work *work, VnPlannerGuest *client, const VnGuest *guest,
          const VnCell *cell, const VnIdSet *limit, guint i, guint n)
{
    const VnHost *host = work->snapshot->host;
    guint64 page = cell->page_size_bytes ? cell->page_size_bytes : host->page_size_bytes;
    guint64 bytes = part(cell->memory_bytes / page, i, n) * page +
                    (i == 0 ? cell->memory_bytes % page : 0);
    VnPlannerCell *piece = vn_planner_guest_add_cell(
        client, (guint) part(vn_idset_count(cell->vcpus), i, n), bytes);
    piece->page_size_bytes = cell->page_size_bytes;
    piece->allowed = vn_idset_is_empty(limit) ? NULL : allowed_nodes(host, limit);
    if (guest->state == VN_GUEST_STOPPED)
        return;
    guint64 resident = vn_cell_resident(cell);
    guint64 skip = 0;
    for (guint k = 0; k < i; k++)
        skip += part(resident, k, n);
    piece->resident = resident_part(host, cell, skip, part(resident, i, n));
    int now = main_node(host, guest, cell, piece->resident, limit);
    if (now >= 0 && (stays(guest, cell) || is_held(guest, node_at(host, (guint) now))))
        piece->now = now;
    piece->fixed = piece->now >= 0;
}

/* The pieces of a cell whose home is given: one a node, and there they belong. */
static void
add_given(Work *work, VnPlannerGuest *client, const VnGuest *guest, const VnCell *cell,
          const VnIdSet *home)
{
    guint n = vn_idset_count(home);
    guint i = 0;
    VN_IDSET_FOREACH (home, id) {
        g_autoptr(VnIdSet) only = vn_idset_new_with((guint) id);
        add_piece(work, client, guest, cell, only, i++, n);
    }
    g_array_append_val(work->pieces, n);
}

/*
 * Where a cell may go. Pins hold it to a node that has CPUs, and would say tomorrow that
 * it belongs there: where we go by pins, only such nodes are chosen for vCPUs.
 */
static VnIdSet *
candidates(const Work *work, const VnGuest *guest, const VnCell *cell)
{
    const VnHost *host = work->snapshot->host;
    VnIdSet *limit = vn_homes_limit(host, guest, cell);
    g_autoptr(VnIdSet) without = vn_idset_new();
    for (guint i = 0; i < host->nodes->len; i++) {
        if (vn_idset_is_empty(node_at(host, i)->cpus))
            vn_idset_add(without, node_at(host, i)->id);
    }
    if (!work->options->replan && !vn_idset_is_empty(cell->vcpus) &&
        !vn_idset_is_subset(limit, without))
        vn_idset_remove_all(limit, without);
    return limit;
}

/* The nearest nodes to @first until the cell's memory fits, as far as @limit goes. */
static VnIdSet *
grow_until_it_fits(const VnHost *host, const VnCell *cell, const VnIdSet *limit,
                   guint first)
{
    g_autoptr(VnIdSet) left = vn_idset_copy(limit);
    VnIdSet *home = vn_idset_new_with(first);
    guint64 bytes = memory_of(vn_host_find_node(host, first), cell->page_size_bytes);
    vn_idset_remove(left, first);
    while (bytes < cell->memory_bytes && !vn_idset_is_empty(left)) {
        guint next = (guint) vn_idset_next(left, 0);
        VN_IDSET_FOREACH (left, id) {
            if (vn_host_distance(host, first, (guint) id) <
                vn_host_distance(host, first, next))
                next = (guint) id;
        }
        vn_idset_add(home, next);
        vn_idset_remove(left, next);
        bytes += memory_of(vn_host_find_node(host, next), cell->page_size_bytes);
    }
    return home;
}

/* A cell that is larger than a node and already lies somewhere stays around there. */
static VnIdSet *
settled_home(const VnHost *host, const VnGuest *guest, const VnCell *cell,
             const VnIdSet *limit)
{
    g_autofree guint64 *resident = resident_part(host, cell, 0, vn_cell_resident(cell));
    g_autoptr(VnIdSet) used = vn_idset_new();
    guint64 bytes = 0;
    int first = main_node(host, guest, cell, resident, limit);
    for (guint i = 0; i < host->nodes->len; i++) {
        if (resident[i] <= vn_cell_resident(cell) / 1000)
            continue;
        vn_idset_add(used, node_at(host, i)->id);
        bytes += memory_of(node_at(host, i), cell->page_size_bytes);
    }
    if (first < 0)
        return NULL;
    if (bytes >= cell->memory_bytes && vn_idset_is_subset(used, limit))
        return g_steal_pointer(&used);
    return grow_until_it_fits(host, cell, limit, node_at(host, (guint) first)->id);
}

static void
add_chosen(Work *work, VnPlannerGuest *client, const VnGuest *guest, const VnCell *cell,
           VnHome *home)
{
    const VnHost *host = work->snapshot->host;
    g_autoptr(VnIdSet) limit = candidates(work, guest, cell);
    guint n = count_pieces(work, cell, limit);
    g_autoptr(VnIdSet) settled =
        n > 1 && home->source == VN_HOME_CHOSEN && guest->state != VN_GUEST_STOPPED
            ? settled_home(host, guest, cell, limit)
            : NULL;
    if (settled) {
        vn_idset_add_all(home->home, settled);
        add_given(work, client, guest, cell, settled);
        return;
    }
    for (guint i = 0; i < n; i++)
        add_piece(work, client, guest, cell, limit, i, n);
    g_array_append_val(work->pieces, n);
}

/* What guests that are told of their cells make of it: each vCPU stays in its cell. */
static double *
traffic_by_cells(const VnGuest *guest, const VnPlannerGuest *client, const guint *pieces)
{
    guint n = client->cells->len;
    guint n_vcpus = guest->vcpus->len;
    guint first = 0;
    if (!n_vcpus)
        return NULL;
    double *traffic = g_new0(double, (gsize) n *n);
    for (guint c = 0; c < guest->cells->len; first += pieces[c++]) {
        const VnCell *cell = guest->cells->pdata[c];
        for (guint i = first; i < first + pieces[c]; i++) {
            guint vcpus = g_array_index(client->cells, VnPlannerCell, i).vcpus;
            for (guint j = first; j < first + pieces[c]; j++) {
                guint64 bytes = g_array_index(client->cells, VnPlannerCell, j).bytes;
                double share = cell->memory_bytes
                                   ? (double) bytes / (double) cell->memory_bytes
                                   : 1.0 / pieces[c];
                traffic[i * n + j] = share * vcpus / n_vcpus;
            }
        }
    }
    return traffic;
}

static VnPlaceAim
aim_of(VnPolicy policy)
{
    switch (policy) {
    case VN_POLICY_PACK:
        return VN_PLACE_PACK;
    case VN_POLICY_SPREAD:
        return VN_PLACE_SPREAD;
    case VN_POLICY_BALANCE:
        return VN_PLACE_BALANCE;
    case VN_POLICY_ALIGN:
    case VN_POLICY_MIRROR:
    case VN_POLICY_INTERLEAVE:
    case VN_POLICY_TIER:
    case VN_POLICY_MANUAL:
        return VN_PLACE_ALIGN;
    case VN_POLICIES:
        break;
    }
    g_assert_not_reached();
}

static void
add_devices(const VnHost *host, const VnGuest *guest, VnPlannerGuest *client)
{
    if (!guest->device_nodes)
        return;
    client->devices = g_new(guint, guest->device_nodes->len);
    for (guint i = 0; i < guest->device_nodes->len; i++) {
        int index =
            vn_host_node_index(host, g_array_index(guest->device_nodes, guint, i));
        if (index >= 0)
            client->devices[client->n_devices++] = (guint) index;
    }
}

static void
add_client(Work *work, guint index, GArray *homes)
{
    const VnGuest *guest = work->snapshot->guests->pdata[index];
    VnPlannerGuest *client = vn_planner_guest_new(guest->name);
    guint first = work->pieces->len;
    client->aim = aim_of(guest->policy);
    client->admitted = guest->state != VN_GUEST_STOPPED;
    add_devices(work->snapshot->host, guest, client);
    for (guint i = 0; i < homes->len; i++) {
        VnHome *home = &g_array_index(homes, VnHome, i);
        const VnCell *cell = guest->cells->pdata[i];
        if (vn_idset_is_empty(home->home) || home->source == VN_HOME_MANUAL)
            add_chosen(work, client, guest, cell, home);
        else
            add_given(work, client, guest, cell, home->home);
    }
    if (guest->told_cells)
        client->traffic =
            traffic_by_cells(guest, client, &g_array_index(work->pieces, guint, first));
    g_ptr_array_add(work->clients, client);
    g_array_append_val(work->guests, index);
}

static void
home_clear(gpointer data)
{
    vn_idset_free(((VnHome *) data)->home);
}

/* Whether pins of our own hold the guest where it is. */
static gboolean
holds_ours(const Work *work, const VnGuest *guest)
{
    return !work->options->replan && aim_of(guest->policy) == VN_PLACE_ALIGN;
}

static GArray *
given_homes(const Work *work, const VnGuest *guest)
{
    GArray *homes = g_array_sized_new(FALSE, TRUE, sizeof(VnHome), guest->cells->len);
    g_array_set_clear_func(homes, home_clear);
    for (guint i = 0; i < guest->cells->len; i++) {
        VnHome home = {.source = VN_HOME_NONE};
        if (guest->state == VN_GUEST_STOPPED && !work->options->admit)
            home.home = vn_idset_new();
        else
            home =
                vn_homes_given(work->snapshot->host, guest, i, holds_ours(work, guest));
        g_array_append_val(homes, home);
    }
    return homes;
}

/* Why a guest that is to be admitted is refused before its size is looked at. */
static char *
refuse(const VnHost *host, const VnGuest *guest)
{
    if (guest->policy == VN_POLICY_MANUAL)
        return g_strdup("policy manual: the administrator places it, and has not yet");
    return guest->policy == VN_POLICY_MIRROR ? vn_mirror_why_not(host, guest) : NULL;
}

static void
set_none(GArray *homes)
{
    for (guint i = 0; i < homes->len; i++) {
        VnHome *home = &g_array_index(homes, VnHome, i);
        vn_idset_remove_all(home->home, home->home);
        home->source = VN_HOME_NONE;
    }
}

static void
add_guest(Work *work, guint index)
{
    const VnGuest *guest = work->snapshot->guests->pdata[index];
    gboolean stopped = guest->state == VN_GUEST_STOPPED;
    GArray *homes = given_homes(work, guest);
    char *refused =
        stopped && work->options->admit ? refuse(work->snapshot->host, guest) : NULL;
    g_ptr_array_add(work->placing->homes, homes);
    g_ptr_array_add(work->placing->refused, refused);
    if (refused)
        set_none(homes);
    else if (!stopped || work->options->admit)
        add_client(work, index, homes);
}

/* The nodes that the planner has for the cell's pieces, where nobody else said. */
static void
take_home(const VnHost *host, const int *nodes, guint n, VnHome *home)
{
    if (home->source != VN_HOME_CHOSEN)
        return;
    for (guint i = 0; i < n; i++)
        vn_idset_add(home->home, node_at(host, (guint) nodes[i])->id);
}

/* The planner speaks of cells, and means pieces. */
static char *
refusal(const char *why, guint n_cells, guint n_pieces)
{
    if (n_pieces == n_cells)
        return g_strdup(why);
    return g_strdup_printf("its cells are larger than a host node, and would take %u "
                           "parts on one each: %s",
                           n_pieces, why);
}

static void
take_answer(Work *work, const VnPlannerResult *result)
{
    guint cell = 0;
    for (guint i = 0; i < work->guests->len; i++) {
        guint index = g_array_index(work->guests, guint, i);
        GArray *homes = work->placing->homes->pdata[index];
        const int *nodes = result->homes[i];
        for (guint k = 0; k < homes->len; k++) {
            guint n = g_array_index(work->pieces, guint, cell++);
            if (!result->refused[i])
                take_home(work->snapshot->host, nodes, n,
                          &g_array_index(homes, VnHome, k));
            nodes += n;
        }
        if (!result->refused[i])
            continue;
        work->placing->refused->pdata[index] =
            refusal(result->refused[i], homes->len, (guint) (nodes - result->homes[i]));
        set_none(homes);
    }
    work->placing->remote_cost = result->remote_cost;
    work->placing->max_cpu_load_ratio = result->max_cpu_load_ratio;
}

VnPlacing *
vn_place(const VnSnapshot *snapshot, const VnPlaceOptions *options)
{
    VnPlacing *placing = g_new0(VnPlacing, 1);
    placing->homes = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
    placing->refused = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) clients =
        g_ptr_array_new_with_free_func((GDestroyNotify) vn_planner_guest_free);
    g_autoptr(GArray) guests = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(guint));
    Work work = {.snapshot = snapshot,
                 .options = options,
                 .placing = placing,
                 .clients = clients,
                 .guests = guests,
                 .pieces = pieces};
    for (guint i = 0; i < snapshot->guests->len; i++)
        add_guest(&work, i);
    VnPlannerProblem problem = {.host = snapshot->host,
                                .guests = clients,
                                .cpu_overcommit_ratio = options->cpu_overcommit_ratio,
                                .smt = options->smt};
    g_autoptr(VnPlannerResult) result = vn_planner_solve(&problem);
    take_answer(&work, result);
    return placing;
}

void
vn_placing_free(VnPlacing *placing)
{
    if (!placing)
        return;
    g_ptr_array_unref(placing->homes);
    g_ptr_array_unref(placing->refused);
    g_free(placing);
}
