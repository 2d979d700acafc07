/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that is bound against what the host nodes have. Cells with overlapping sets of
 * nodes share what these have: for every set that occurs, all cells whose nodes lie
 * within it must fit into it together.
 */
#include "guest-topology/room.h"

#include "guest-topology/verify.h"
#include "model/text.h"

/* What one cell wants of its host nodes. */
typedef struct {
    guint cell; /* index */
    VnIdSet *nodes;
    guint64 bytes;
    guint64 page_size_bytes; /* 0: base pages */
} Demand;

static void
demand_clear(gpointer data)
{
    vn_idset_free(((Demand *) data)->nodes);
}

static GArray *
demands_new(void)
{
    GArray *demands = g_array_new(FALSE, TRUE, sizeof(Demand));
    g_array_set_clear_func(demands, demand_clear);
    return demands;
}

static guint64
huge_page_size(const VnHost *host, const VnCell *cell)
{
    return cell->page_size_bytes > host->page_size_bytes ? cell->page_size_bytes : 0;
}

static void
add_demand(GArray *demands, const VnHost *host, const VnCell *cell, guint index,
           const VnIdSet *nodes, guint64 bytes)
{
    Demand demand = {
        .cell = index,
        .nodes = vn_idset_copy(nodes),
        .bytes = bytes,
        .page_size_bytes = huge_page_size(host, cell),
    };
    g_array_append_val(demands, demand);
}

/* "cell 1"; of a guest that is told none, "memory". */
static char *
cells_name(const VnGuest *guest, const VnIdSet *cells)
{
    return guest->told_cells ? vn_finding_ids("cell", cells) : g_strdup("memory");
}

static char *
cell_name(const VnGuest *guest, guint index)
{
    g_autoptr(VnIdSet) one = vn_idset_new_with(index);
    return cells_name(guest, one);
}

/* The pages lie on the bound nodes or nowhere. */
static gboolean
is_confined(const VnCell *cell)
{
    switch (cell->binding) {
    case VN_BINDING_STRICT:
    case VN_BINDING_INTERLEAVE:
    case VN_BINDING_RESTRICTIVE:
        return cell->bound != NULL;
    case VN_BINDING_NONE:
    case VN_BINDING_PREFERRED:
        return FALSE;
    }
    g_assert_not_reached();
}

/* Which of a node's bytes are counted. */
typedef enum {
    ROOM_ALL,  /* all that it has */
    ROOM_FREE, /* free now, or to be had from the kernel's caches */
} Room;

static guint64
room_of_node(const VnHostNode *node, guint64 page_size_bytes, Room room)
{
    guint64 pooled = 0;
    for (guint i = 0; i < node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        if (page_size_bytes && pages->size_bytes == page_size_bytes)
            return pages->size_bytes *
                   (room == ROOM_ALL ? pages->total : pages->free + pages->promised);
        pooled += pages->size_bytes * pages->total;
    }
    if (page_size_bytes)
        return 0;
    /* A node's memory counts its huge pages, what it has free does not. */
    return room == ROOM_ALL ? node->memory_bytes - MIN(pooled, node->memory_bytes)
                            : vn_host_node_available(node) + node->promised_bytes;
}

static guint64
room_of(const VnHost *host, const VnIdSet *nodes, guint64 page_size_bytes, Room room)
{
    guint64 bytes = 0;
    VN_IDSET_FOREACH (nodes, id) {
        const VnHostNode *node = vn_host_find_node(host, (guint) id);
        bytes += node ? room_of_node(node, page_size_bytes, room) : 0;
    }
    return bytes;
}

/* All demands within @nodes; @ret_cells: (transfer full): whose they are. */
static guint64
demand_within(const GArray *demands, const VnIdSet *nodes, guint64 page_size_bytes,
              VnIdSet **ret_cells)
{
    guint64 bytes = 0;
    *ret_cells = vn_idset_new();
    for (guint i = 0; i < demands->len; i++) {
        const Demand *demand = &g_array_index(demands, Demand, i);
        if (demand->page_size_bytes != page_size_bytes || !demand->bytes ||
            !vn_idset_is_subset(demand->nodes, nodes))
            continue;
        bytes += demand->bytes;
        vn_idset_add(*ret_cells, demand->cell);
    }
    return bytes;
}

/* Whether an earlier demand was for the same nodes and pages. */
static gboolean
is_repeated(const GArray *demands, guint index)
{
    const Demand *demand = &g_array_index(demands, Demand, index);
    for (guint i = 0; i < index; i++) {
        const Demand *earlier = &g_array_index(demands, Demand, i);
        if (earlier->page_size_bytes == demand->page_size_bytes &&
            vn_idset_equal(earlier->nodes, demand->nodes))
            return TRUE;
    }
    return FALSE;
}

static char *
pages_text(guint64 page_size_bytes)
{
    if (!page_size_bytes)
        return g_strdup("memory");
    g_autofree char *size = vn_text_bytes(page_size_bytes);
    return g_strdup_printf("huge pages of %s", size);
}

/* How to make room: huge pages can be reserved, other memory must be let go. */
static char *
make_room(const VnHost *host, const VnGuest *guest, const Demand *demand,
          guint64 missing_bytes)
{
    const char *call = vn_finding_call(guest);
    g_autofree char *nodes = vn_finding_ids("host node", demand->nodes);
    int first = vn_idset_next(demand->nodes, 0);
    const VnHostNode *node = vn_host_find_node(host, (guint) first);
    if (!demand->page_size_bytes || vn_idset_count(demand->nodes) > 1 || !node)
        return g_strdup_printf(
            "make room on %s, or give the cell more host nodes or less "
            "memory: virsh edit %s",
            nodes, call);
    guint64 total =
        room_of_node(node, demand->page_size_bytes, ROOM_ALL) / demand->page_size_bytes;
    guint64 more =
        (missing_bytes + demand->page_size_bytes - 1) / demand->page_size_bytes;
    return g_strdup_printf(
        "echo %" G_GUINT64_FORMAT
        " > /sys/devices/system/node/node%d/hugepages/hugepages-%" G_GUINT64_FORMAT
        "kB/nr_hugepages",
        total + more, first, demand->page_size_bytes / 1024);
}

static VnIdSet *
missing_nodes(const VnHost *host, const VnCell *cell)
{
    g_autoptr(VnIdSet) there = vn_host_node_ids(host);
    VnIdSet *missing = cell->bound ? vn_idset_copy(cell->bound) : vn_idset_new();
    vn_idset_remove_all(missing, there);
    return missing;
}

/* Returns: FALSE when cell @index of @guest is bound to nodes that do not exist. */
static gboolean
check_nodes(const VnHost *host, const VnGuest *guest, guint index, VnFindingKind kind,
            VnVerdict *verdict)
{
    const VnCell *cell = guest->cells->pdata[index];
    g_autoptr(VnIdSet) missing = missing_nodes(host, cell);
    if (vn_idset_is_empty(missing))
        return TRUE;
    g_autoptr(VnIdSet) there = vn_host_node_ids(host);
    g_autofree char *missing_text = vn_finding_ids("host node", missing);
    g_autofree char *there_text = vn_finding_ids("host node", there);
    VnFinding *finding =
        vn_verdict_add(verdict, kind, VN_SEVERITY_ERROR, cell_name(guest, index));
    finding->text =
        g_strdup_printf("%sbound to %s, which the host does not have; it has %s",
                        kind == VN_FINDING_START_NODE_MISSING ? "at the next start " : "",
                        missing_text, there_text);
    finding->remedy = g_strdup_printf("bind it to what there is: virsh edit %s",
                                      vn_finding_call(guest));
    return FALSE;
}

static guint64
margin_of(const VnHost *host, const VnIdSet *nodes)
{
    return (guint64) ((double) room_of(host, nodes, 0, ROOM_ALL) *
                      VN_VERIFY_MARGIN_RATIO);
}

void
vn_room_verify_running(const VnHost *host, const VnGuest *guest, VnVerdict *verdict)
{
    g_autoptr(GArray) demands = demands_new();
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        guint64 resident = vn_cell_resident(cell);
        if (check_nodes(host, guest, i, VN_FINDING_NODE_MISSING, verdict) &&
            is_confined(cell) && cell->hva_end && resident < cell->memory_bytes)
            add_demand(demands, host, cell, i, cell->bound,
                       cell->memory_bytes - resident);
    }
    for (guint i = 0; i < demands->len; i++) {
        const Demand *demand = &g_array_index(demands, Demand, i);
        g_autoptr(VnIdSet) cells = NULL;
        guint64 page_size_bytes = demand->page_size_bytes;
        guint64 wanted = demand_within(demands, demand->nodes, page_size_bytes, &cells);
        guint64 margin = page_size_bytes ? 0 : margin_of(host, demand->nodes);
        guint64 room = room_of(host, demand->nodes, page_size_bytes, ROOM_FREE);
        if (is_repeated(demands, i) || wanted + margin <= room)
            continue;
        g_autofree char *nodes = vn_finding_ids("host node", demand->nodes);
        g_autofree char *wanted_text = vn_text_bytes(wanted);
        g_autofree char *room_text = vn_text_bytes(room);
        g_autofree char *pages = pages_text(page_size_bytes);
        VnFinding *finding = vn_verdict_add(
            verdict, VN_FINDING_NO_ROOM, VN_SEVERITY_WARNING, cells_name(guest, cells));
        finding->text =
            g_strdup_printf("bound to %s, where it may still touch %s, but only %s of %s "
                            "can be had",
                            nodes, wanted_text, room_text, pages);
        finding->remedy = make_room(host, guest, demand, wanted - MIN(room, wanted));
    }
}

/* What the guest uses of @nodes now, and gives back when it is shut down. */
static guint64
used_by(const VnHost *host, const VnGuest *guest, const VnIdSet *nodes,
        guint64 page_size_bytes)
{
    guint64 bytes = 0;
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        if (huge_page_size(host, cell) == page_size_bytes)
            bytes += vn_cell_resident_on(cell, nodes);
    }
    return bytes;
}

/* Whether it is known what the guest uses: one that does not run uses nothing. */
static gboolean
use_is_known(const VnGuest *guest)
{
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        if (guest->state != VN_GUEST_STOPPED && cell->memory_bytes && !cell->hva_end)
            return FALSE;
    }
    return TRUE;
}

static void
check_start_room(const VnHost *host, const VnGuest *guest, const VnGuest *stored,
                 const GArray *demands, guint index, VnVerdict *verdict)
{
    const Demand *demand = &g_array_index(demands, Demand, index);
    g_autoptr(VnIdSet) cells = NULL;
    guint64 page_size_bytes = demand->page_size_bytes;
    guint64 wanted = demand_within(demands, demand->nodes, page_size_bytes, &cells);
    guint64 all = room_of(host, demand->nodes, page_size_bytes, ROOM_ALL);
    guint64 free_then = room_of(host, demand->nodes, page_size_bytes, ROOM_FREE) +
                        used_by(host, guest, demand->nodes, page_size_bytes);
    gboolean never = wanted > all;
    if (!never && (wanted <= free_then || !use_is_known(guest)))
        return;
    g_autofree char *nodes = vn_finding_ids("host node", demand->nodes);
    g_autofree char *wanted_text = vn_text_bytes(wanted);
    g_autofree char *room_text = vn_text_bytes(never ? all : free_then);
    g_autofree char *pages = pages_text(page_size_bytes);
    VnFinding *finding = vn_verdict_add(
        verdict, never ? VN_FINDING_START_NO_ROOM : VN_FINDING_START_ROOM_TAKEN,
        never ? VN_SEVERITY_ERROR : VN_SEVERITY_WARNING, cells_name(stored, cells));
    finding->text = g_strdup_printf(
        "at the next start %s shall lie on %s, %s %s of %s", wanted_text, nodes,
        never ? "which only has" : "where others leave only", room_text, pages);
    finding->remedy =
        make_room(host, stored, demand, wanted - MIN(never ? all : free_then, wanted));
}

/* @object: (transfer full). @missing: of those that it is pinned to. */
static void
add_cpu_finding(const VnGuest *stored, char *object, const VnIdSet *missing,
                gboolean all_missing, VnVerdict *verdict)
{
    g_autofree char *cpus = vn_finding_ids("host CPU", missing);
    VnFinding *finding =
        vn_verdict_add(verdict, VN_FINDING_START_CPU_MISSING,
                       all_missing ? VN_SEVERITY_ERROR : VN_SEVERITY_WARNING, object);
    finding->text =
        g_strdup_printf("at the next start pinned to %s, which %s not online%s", cpus,
                        vn_idset_count(missing) == 1 ? "is" : "are",
                        all_missing ? ", and to no other" : "");
    finding->remedy = g_strdup_printf("pin it to CPUs that are online: virsh edit %s",
                                      vn_finding_call(stored));
}

/* The vCPUs with pins of which all, or only some, are on CPUs that are not online. */
static void
check_vcpu_pins(const VnGuest *stored, const VnIdSet *online, gboolean all_missing,
                VnVerdict *verdict)
{
    g_autoptr(VnIdSet) vcpus = vn_idset_new();
    g_autoptr(VnIdSet) missing = vn_idset_new();
    for (guint i = 0; i < stored->vcpus->len; i++) {
        const VnVcpu *vcpu = stored->vcpus->pdata[i];
        if (!vcpu->pinned || vn_idset_is_subset(vcpu->pinned, online) ||
            vn_idset_overlaps(vcpu->pinned, online) == all_missing)
            continue;
        vn_idset_add(vcpus, vcpu->id);
        vn_idset_add_all(missing, vcpu->pinned);
    }
    vn_idset_remove_all(missing, online);
    if (!vn_idset_is_empty(vcpus))
        add_cpu_finding(stored, vn_finding_ids("vCPU", vcpus), missing, all_missing,
                        verdict);
}

static void
check_pins(const VnHost *host, const VnGuest *stored, VnVerdict *verdict)
{
    g_autoptr(VnIdSet) online = vn_host_online_cpus(host);
    check_vcpu_pins(stored, online, TRUE, verdict);
    check_vcpu_pins(stored, online, FALSE, verdict);
    if (!stored->emulator_pinned)
        return;
    g_autoptr(VnIdSet) missing = vn_idset_copy(stored->emulator_pinned);
    vn_idset_remove_all(missing, online);
    if (!vn_idset_is_empty(missing))
        add_cpu_finding(stored, g_strdup("emulator"), missing,
                        !vn_idset_overlaps(stored->emulator_pinned, online), verdict);
}

/* libvirt takes definitions whose cells QEMU then refuses. */
static void
check_cells(const VnGuest *stored, VnVerdict *verdict)
{
    g_autoptr(GError) error = NULL;
    if (!stored->told || vn_vnuma_check(stored->told, &error))
        return;
    VnFinding *finding = vn_verdict_add(verdict, VN_FINDING_START_REFUSED,
                                        VN_SEVERITY_ERROR, g_strdup("cells"));
    finding->text =
        g_strdup_printf("at the next start QEMU refuses them: %s", error->message);
    finding->remedy =
        g_strdup_printf("correct it: virsh edit %s", vn_finding_call(stored));
}

void
vn_room_verify_start(const VnHost *host, const VnGuest *guest, const VnGuest *stored,
                     VnVerdict *verdict)
{
    g_autoptr(GArray) demands = demands_new();
    g_autoptr(VnIdSet) everywhere = vn_host_node_ids(host);
    for (guint i = 0; i < stored->cells->len; i++) {
        const VnCell *cell = stored->cells->pdata[i];
        if (!check_nodes(host, stored, i, VN_FINDING_START_NODE_MISSING, verdict))
            continue;
        if (is_confined(cell))
            add_demand(demands, host, cell, i, cell->bound, cell->memory_bytes);
        else if (huge_page_size(host, cell))
            add_demand(demands, host, cell, i, everywhere, cell->memory_bytes);
    }
    for (guint i = 0; i < demands->len; i++) {
        if (!is_repeated(demands, i))
            check_start_room(host, guest, stored, demands, i, verdict);
    }
    check_pins(host, stored, verdict);
    check_cells(stored, verdict);
}
