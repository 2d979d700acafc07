/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cells and homes: vn_build()'s, or the administrator's own cells, which are given the
 * homes that his binding and his pins imply, or else the best that are free.
 */
#include "guest-topology/define-derive.h"

#include "guest-topology/build.h"
#include "guest-topology/distances.h"
#include "guest-topology/interconnects.h"
#include "guest-topology/places.h"
#include "guest-topology/size.h"
#include "model/text.h"

#include <string.h>

VnIdSet *
vn_derive_their_nodes(const VnDerivation *derivation, VnPart part, guint id)
{
    const char *value = vn_parts_get(derivation->theirs, part, id);
    const char *blank = value ? strchr(value, ' ') : NULL;
    return blank ? vn_idset_parse(blank + 1, NULL) : NULL;
}

static gboolean
nodes_exist(const VnDerivation *derivation, const VnIdSet *nodes, const char *where,
            GError **error)
{
    g_autoptr(VnIdSet) all = vn_host_node_ids(derivation->host);
    g_autoptr(VnIdSet) missing = vn_idset_copy(nodes);
    vn_idset_remove_all(missing, all);
    if (vn_idset_is_empty(missing))
        return TRUE;
    g_autofree char *list = vn_idset_format(missing);
    g_autofree char *there = vn_idset_format(all);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "%s: there is no host node %s; this host has %s", where, list, there);
    return FALSE;
}

/* The host CPUs of the pins that the administrator gave to all of @vcpus; else NULL. */
static VnIdSet *
pinned_cpus(const VnDerivation *derivation, const VnIdSet *vcpus)
{
    g_autoptr(VnIdSet) cpus = vn_idset_new();
    VN_IDSET_FOREACH (vcpus, id) {
        const char *pin = vn_parts_get(derivation->theirs, VN_PART_VCPUPIN, (guint) id);
        g_autoptr(VnIdSet) own = pin ? vn_idset_parse(pin, NULL) : NULL;
        if (!own)
            return NULL;
        vn_idset_add_all(cpus, own);
    }
    return vn_idset_is_empty(cpus) ? NULL : g_steal_pointer(&cpus);
}

/* Keeps those candidates that have CPUs of @cpus, if there are such. */
static void
keep_nodes_of(VnDerivation *derivation, const VnIdSet *cpus, const char *what)
{
    g_autoptr(VnIdSet) nodes = vn_host_nodes_of_cpus(derivation->host, cpus);
    if (!vn_idset_overlaps(nodes, derivation->candidates) ||
        vn_idset_is_subset(derivation->candidates, nodes))
        return;
    vn_idset_keep_all(derivation->candidates, nodes);
    g_autofree char *list = vn_idset_format(derivation->candidates);
    vn_define_add_reason(derivation->report,
                         "host nodes %s alone are candidates, because of the "
                         "administrator's %s",
                         list, what);
}

static gboolean
find_candidates(VnDerivation *derivation, GError **error)
{
    const VnTag *tag = derivation->guest->tag;
    if (!nodes_exist(derivation, tag->exclude_nodes, "metadata: exclude-nodes", error))
        return FALSE;
    derivation->candidates = vn_host_node_ids(derivation->host);
    vn_idset_remove_all(derivation->candidates, tag->exclude_nodes);

    g_autoptr(VnIdSet) bound = vn_derive_their_nodes(derivation, VN_PART_MEMORY, 0);
    if (bound) {
        if (!nodes_exist(derivation, bound, "<numatune><memory>", error))
            return FALSE;
        vn_idset_keep_all(derivation->candidates, bound);
    }
    if (derivation->cpuset)
        keep_nodes_of(derivation, derivation->cpuset, "<vcpu cpuset>");
    g_autoptr(VnIdSet) vcpus = vn_idset_new();
    for (guint id = 0; id < derivation->guest->vcpus->len; id++)
        vn_idset_add(vcpus, id);
    g_autoptr(VnIdSet) pinned = pinned_cpus(derivation, vcpus);
    if (pinned)
        keep_nodes_of(derivation, pinned, "pins");
    if (!vn_idset_is_empty(derivation->candidates))
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                "no host node is left for it: exclude-nodes and <numatune> rule out all");
    return FALSE;
}

/* What the cells of before hold of each host node: room that is theirs already. */
static GArray *
bytes_of(const VnVnuma *previous)
{
    GArray *bytes = g_array_new(FALSE, TRUE, sizeof(guint64));
    for (guint i = 0; i < previous->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(previous, i);
        guint n_homes = MAX(vn_idset_count(cell->home), 1);
        VN_IDSET_FOREACH (cell->home, node) {
            if ((guint) node >= bytes->len)
                g_array_set_size(bytes, (guint) node + 1);
            g_array_index(bytes, guint64, node) += cell->memory_bytes / n_homes;
        }
    }
    return bytes;
}

/*
 * Free memory comes and goes, and decides where new cells go: what was decided once stays
 * as long as the guest is of the same size, so that a second run finds nothing to do.
 */
static gboolean
is_of_size(const VnVnuma *previous, const VnBuildSize *size)
{
    guint n_vcpus = 0;
    for (guint i = 0; i < previous->cells->len; i++)
        n_vcpus += vn_idset_count(vn_vnuma_cell(previous, i)->vcpus);
    return previous->cells->len > 0 && n_vcpus == size->vcpus &&
           vn_vnuma_memory(previous) == size->memory_bytes &&
           vn_vnuma_check(previous, NULL);
}

/* What vn_build() takes for excluded may be the administrator's doing. */
static void
say_candidates(const VnDerivation *derivation, const VnIdSet *excluded, GError **error)
{
    if (!error || vn_idset_is_subset(excluded, derivation->guest->tag->exclude_nodes))
        return;
    g_autofree char *said = g_steal_pointer(&(*error)->message);
    g_autofree char *list = vn_idset_format(derivation->candidates);
    (*error)->message = g_strdup_printf("%s; only host nodes %s are candidates, by its "
                                        "own <numatune>, <vcpu> or pins",
                                        said, list);
}

static VnVnuma *
build_cells(const VnDerivation *derivation, GError **error)
{
    const VnGuest *guest = derivation->guest;
    const VnCell *whole = guest->cells->pdata[0];
    const char *topology = vn_parts_get(derivation->theirs, VN_PART_TOPOLOGY, 0);
    VnCpuTopology given = {0};
    if (topology)
        given = vn_topology_of_part(topology);
    g_autoptr(VnTag) tag = vn_tag_copy(guest->tag);
    g_autoptr(VnIdSet) excluded = vn_host_node_ids(derivation->host);
    vn_idset_remove_all(excluded, derivation->candidates);
    vn_idset_add_all(tag->exclude_nodes, excluded);
    VnBuildSize size = {
        .name = guest->name,
        .vcpus = guest->vcpus->len,
        .memory_bytes = whole->memory_bytes,
        .page_size_bytes = whole->page_size_bytes,
        .topology = topology ? &given : NULL,
        .machine = guest->machine,
        .own_bytes = derivation->options->own_bytes,
        .device_nodes = guest->device_nodes,
    };
    g_autoptr(GArray) own = NULL;
    if (is_of_size(derivation->previous, &size)) {
        own = bytes_of(derivation->previous);
        size.own_bytes = own;
        size.previous = derivation->previous;
    }
    VnVnuma *vnuma = vn_build(derivation->host, &size, tag, error);
    if (!vnuma)
        say_candidates(derivation, excluded, error);
    return vnuma;
}

/* What is still free, by host node, while cells are given their homes. */
typedef struct {
    guint64 *memory_bytes;
    guint *vcpus;
} Load;

static void
load_clear(Load *load)
{
    g_free(load->memory_bytes);
    g_free(load->vcpus);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Load, load_clear)

static Load
new_load(const VnHost *host)
{
    Load load = {g_new0(guint64, host->nodes->len), g_new0(guint, host->nodes->len)};
    for (guint i = 0; i < host->nodes->len; i++)
        load.memory_bytes[i] = ((const VnHostNode *) host->nodes->pdata[i])->memory_bytes;
    return load;
}

static void
take_load(const VnHost *host, Load *load, const VnVnumaCell *cell)
{
    guint n_homes = MAX(vn_idset_count(cell->home), 1);
    VN_IDSET_FOREACH (cell->home, node) {
        int i = vn_host_node_index(host, (guint) node);
        guint64 share = cell->memory_bytes / n_homes;
        load->memory_bytes[i] -= MIN(share, load->memory_bytes[i]);
        load->vcpus[i] += (vn_idset_count(cell->vcpus) + n_homes - 1) / n_homes;
    }
}

/*
 * The candidate with the fewest vCPUs a CPU that has room for @cell, of several the one
 * nearest to the guest's devices; -1: none has.
 */
static int
best_node(const VnDerivation *derivation, const Load *load, const VnVnumaCell *cell)
{
    const VnHost *host = derivation->host;
    int best = -1;
    double best_share = 0;
    guint64 best_away = 0;
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        guint n_cpus = vn_idset_count(node->cpus);
        gboolean wants_cpus = !vn_idset_is_empty(cell->vcpus);
        if (!vn_idset_contains(derivation->candidates, node->id) || node->cordoned ||
            load->memory_bytes[i] < cell->memory_bytes || (wants_cpus && n_cpus == 0))
            continue;
        double share = (double) (load->vcpus[i] + vn_idset_count(cell->vcpus)) /
                       (double) MAX(n_cpus, 1);
        guint64 away = vn_host_places_away(host, i, derivation->guest->device_nodes);
        if (best >= 0 &&
            (share > best_share || (share >= best_share && away >= best_away)))
            continue;
        best = (int) node->id;
        best_share = share;
        best_away = away;
    }
    return best;
}

/* The administrator's own cells: those without a home by his binding or pins get one. */
static gboolean
settle_cells(VnDerivation *derivation, GError **error)
{
    g_auto(Load) load = new_load(derivation->host);
    for (guint i = 0; i < derivation->vnuma->cells->len; i++) {
        VnVnumaCell *cell = vn_vnuma_cell(derivation->vnuma, i);
        g_autoptr(VnIdSet) pinned = pinned_cpus(derivation, cell->vcpus);
        g_autoptr(VnIdSet) home =
            pinned ? vn_host_nodes_of_cpus(derivation->host, pinned) : NULL;
        if (home && vn_idset_is_empty(cell->home) &&
            vn_idset_is_subset(home, derivation->candidates))
            vn_idset_add_all(cell->home, home);
        take_load(derivation->host, &load, cell);
    }
    for (guint i = 0; i < derivation->vnuma->cells->len; i++) {
        VnVnumaCell *cell = vn_vnuma_cell(derivation->vnuma, i);
        if (!vn_idset_is_empty(cell->home))
            continue;
        int node = best_node(derivation, &load, cell);
        if (node < 0) {
            g_autofree char *size = vn_text_bytes(cell->memory_bytes);
            g_autofree char *nodes = vn_idset_format(derivation->candidates);
            g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                        "cell %u with %u vCPUs and %s fits on none of host nodes %s "
                        "beside the other cells; make it smaller, name its host nodes "
                        "in a <memnode>, or let vnumad make the cells with --force",
                        i, vn_idset_count(cell->vcpus), size, nodes);
            return FALSE;
        }
        vn_idset_add(cell->home, (guint) node);
        take_load(derivation->host, &load, cell);
        vn_define_add_reason(derivation->report,
                             "cell %u is the administrator's: its home is host node %d, "
                             "which has room for it",
                             i, node);
    }
    return TRUE;
}

static gboolean
page_sizes_divide(const VnGuest *guest, GError **error)
{
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        if (cell->page_size_bytes == 0 || cell->memory_bytes % cell->page_size_bytes == 0)
            continue;
        g_autofree char *page = vn_text_bytes(cell->page_size_bytes);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "cell %u: its memory of %" G_GUINT64_FORMAT
                    " KiB is no whole number of pages of %s",
                    i, cell->memory_bytes / 1024, page);
        return FALSE;
    }
    return TRUE;
}

static VnVnuma *
their_cells(const VnDerivation *derivation, GError **error)
{
    const VnGuest *guest = derivation->guest;
    if (!page_sizes_divide(guest, error))
        return NULL;
    VnVnuma *vnuma = vn_vnuma_new(guest->vcpus->len);
    const char *topology = vn_parts_get(derivation->theirs, VN_PART_TOPOLOGY, 0);
    if (topology)
        vnuma->topology = vn_topology_of_part(topology);
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        VnVnumaCell *copy = vn_vnuma_add_cell(vnuma);
        vn_idset_add_all(copy->vcpus, cell->vcpus);
        copy->memory_bytes = cell->memory_bytes;
    }
    return vnuma;
}

/* Homes are where the administrator's <memnode>s bind the cells to. */
static gboolean
bind_cells(const VnDerivation *derivation, GError **error)
{
    for (guint i = 0; i < derivation->vnuma->cells->len; i++) {
        VnVnumaCell *cell = vn_vnuma_cell(derivation->vnuma, i);
        g_autoptr(VnIdSet) bound = vn_derive_their_nodes(derivation, VN_PART_MEMNODE, i);
        g_autofree char *where = g_strdup_printf("<memnode> of cell %u", i);
        if (!bound)
            continue;
        if (!nodes_exist(derivation, bound, where, error))
            return FALSE;
        vn_idset_free(cell->home);
        cell->home = g_steal_pointer(&bound);
    }
    return TRUE;
}

/* What the metadata asks for, against the administrator's own cells. */
static void
compare_cells(const VnDerivation *derivation)
{
    const VnTag *tag = derivation->guest->tag;
    guint n_cells = derivation->vnuma->cells->len;
    if (tag->cells && tag->cells != n_cells)
        vn_define_add_conflict(derivation->report, VN_PART_CELLS, NULL,
                               "the metadata asks for %u cells, the definition has %u",
                               tag->cells, n_cells);
    for (guint i = 0; i < n_cells && tag->max_vcpus_per_cell; i++) {
        guint n_vcpus = vn_idset_count(vn_vnuma_cell(derivation->vnuma, i)->vcpus);
        if (n_vcpus > tag->max_vcpus_per_cell)
            vn_define_add_conflict(derivation->report, VN_PART_CELLS, NULL,
                                   "cell %u has %u vCPUs, the metadata allows %u", i,
                                   n_vcpus, tag->max_vcpus_per_cell);
    }
    if (tag->distances == VN_DISTANCES_EXPLICIT)
        vn_define_add_conflict(derivation->report, VN_PART_CELLS, NULL,
                               "the metadata's distances are not written: the cells "
                               "are the administrator's");
}

static gboolean
derive_cells(VnDerivation *derivation, gboolean theirs, GError **error)
{
    const VnTag *tag = derivation->guest->tag;
    if (!bind_cells(derivation, error))
        return FALSE;
    if (theirs) {
        compare_cells(derivation);
        return settle_cells(derivation, error) &&
               vn_vnuma_check(derivation->vnuma, error);
    }
    /* Homes may be others by now than those that they were derived from. */
    if (!vn_distances_derive(derivation->host, derivation->vnuma, tag, error))
        return FALSE;
    vn_interconnects_derive(derivation->host, derivation->vnuma, tag);
    for (guint i = 0; i < derivation->vnuma->reasons->len; i++)
        vn_define_add_reason(derivation->report, "%s",
                             (const char *) derivation->vnuma->reasons->pdata[i]);
    return vn_vnuma_check(derivation->vnuma, error);
}

gboolean
vn_derive_cells(VnDerivation *derivation, GError **error)
{
    gboolean theirs = vn_parts_get(derivation->theirs, VN_PART_CELLS, 0) != NULL;
    gboolean done = find_candidates(derivation, error);
    if (done && !theirs) {
        derivation->vnuma = build_cells(derivation, error);
        if (!derivation->vnuma)
            return FALSE; /* its messages name the guest */
    } else if (done) {
        derivation->vnuma = their_cells(derivation, error);
    }
    done = derivation->vnuma && derive_cells(derivation, theirs, error);
    if (!done)
        g_prefix_error(error, "guest %s: ", derivation->guest->name);
    return done;
}
