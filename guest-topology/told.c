/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From <cpu>, <maxMemory> and <memnode> to VnVnuma. Pure. */
#include "guest-topology/told.h"

#include "guest-topology/acpi.h"
#include "guest-topology/attribute.h"

#include <string.h>

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define CACHE_LEVEL_MAX 3u

/* The number in attribute @name, from @min to @max; @fallback, if any, when absent. */
static gboolean
read_number(const xmlNode *node, const char *name, guint min, guint max,
            const guint *fallback, guint *ret_number, GError **error)
{
    g_autofree char *text = fallback ? vn_xml_attribute(node, name) : NULL;
    guint number = 0;
    if (fallback && !text) {
        *ret_number = *fallback;
        return TRUE;
    }
    if (!vn_attribute_number(node, name, max, &number, error))
        return FALSE;
    if (number < min) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "<%s %s>: it is less than %u",
                    node->name, name, min);
        return FALSE;
    }
    *ret_number = number;
    return TRUE;
}

/* Index of @name's text in @words. */
static gboolean
read_word(const xmlNode *node, const char *name, const char *const *words,
          guint *ret_index, GError **error)
{
    g_autofree char *text = vn_xml_attribute(node, name);
    for (guint i = 0; text && words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret_index = i;
            return TRUE;
        }
    }
    g_autofree char *shown = vn_xml_shown(text ? text : "");
    g_autofree char *list = g_strjoinv(", ", (char **) words);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "<%s %s>: '%s' is none of %s",
                node->name, name, shown, list);
    return FALSE;
}

static gboolean
parse_cpu_topology(const xmlNode *cpu, VnVnuma *vnuma, GError **error)
{
    const xmlNode *node = vn_xml_child(cpu, "topology");
    VnCpuTopology *topology = &vnuma->topology;
    const guint one = 1;
    guint clusters;
    *topology = (VnCpuTopology){vnuma->vcpus, 1, 1, 1};
    if (!node)
        return TRUE;
    if (!read_number(node, "sockets", 1, VN_VCPUS_MAX, NULL, &topology->sockets, error) ||
        !read_number(node, "dies", 1, VN_VCPUS_MAX, &one, &topology->dies, error) ||
        !read_number(node, "clusters", 1, VN_VCPUS_MAX, &one, &clusters, error) ||
        !read_number(node, "cores", 1, VN_VCPUS_MAX, NULL, &topology->cores, error) ||
        !read_number(node, "threads", 1, VN_VCPUS_MAX, NULL, &topology->threads, error))
        return FALSE;
    topology->cores *= clusters; /* newer libvirt's level between dies and cores */
    guint64 product = (guint64) topology->sockets * topology->dies;
    product = product * topology->cores * topology->threads;
    if (product == vnuma->vcpus)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "<topology>: %" G_GUINT64_FORMAT " CPUs, but there are %u vCPUs", product,
                vnuma->vcpus);
    return FALSE;
}

/* Distances as they are gathered: 0 where nothing was said yet. */
typedef struct {
    guint n_cells;
    guint *values;
} Matrix;

static guint *
matrix_at(const Matrix *matrix, guint from, guint to)
{
    return &matrix->values[from * matrix->n_cells + to];
}

static gboolean
parse_sibling(const xmlNode *node, guint cell, const Matrix *matrix, GError **error)
{
    guint to;
    guint value;
    if (!read_number(node, "id", 0, matrix->n_cells - 1, NULL, &to, error) ||
        !read_number(node, "value", VN_DISTANCE_LOCAL, VN_DISTANCE_UNREACHABLE, NULL,
                     &value, error))
        return FALSE;
    if ((to == cell) != (value == VN_DISTANCE_LOCAL)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "<sibling>: the distance to cell %u is %u; %u is for the cell itself",
                    to, value, VN_DISTANCE_LOCAL);
        return FALSE;
    }
    *matrix_at(matrix, cell, to) = value;
    if (*matrix_at(matrix, to, cell) == 0)
        *matrix_at(matrix, to, cell) = value;
    return TRUE;
}

static void
set_distances(VnVnuma *vnuma, const Matrix *matrix)
{
    gboolean telling = FALSE;
    for (guint from = 0; from < matrix->n_cells; from++) {
        for (guint to = 0; to < matrix->n_cells; to++) {
            guint *value = matrix_at(matrix, from, to);
            if (*value == 0)
                *value = from == to ? VN_DISTANCE_LOCAL : VN_DISTANCE_REMOTE;
            telling |= *value != VN_DISTANCE_LOCAL && *value != VN_DISTANCE_REMOTE;
        }
    }
    for (guint i = 0; telling && i < matrix->n_cells * matrix->n_cells; i++)
        vn_vnuma_set_distance(vnuma, i / matrix->n_cells, i % matrix->n_cells,
                              matrix->values[i]);
}

static gboolean
parse_cache(const xmlNode *node, guint cell, VnVnuma *vnuma, GError **error)
{
    static const char *const associativities[] = {"none", "direct", "full", NULL};
    static const char *const policies[] = {"none", "writeback", "writethrough", NULL};
    VnMemoryCache cache = {.cell = cell};
    const xmlNode *size = vn_xml_child(node, "size");
    const xmlNode *line = vn_xml_child(node, "line");
    guint associativity;
    guint policy;
    if (!size || !line) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "<cache>: its %s is missing",
                    size ? "line" : "size");
        return FALSE;
    }
    if (!read_number(node, "level", 1, CACHE_LEVEL_MAX, NULL, &cache.level, error) ||
        !read_word(node, "associativity", associativities, &associativity, error) ||
        !read_word(node, "policy", policies, &policy, error) ||
        !vn_attribute_size(size, "value", NULL, &cache.size_bytes, error) ||
        !read_number(line, "value", 0, G_MAXUINT, NULL, &cache.line_bytes, error))
        return FALSE;
    for (guint i = 0; i < vnuma->caches->len; i++) {
        const VnMemoryCache *other = &g_array_index(vnuma->caches, VnMemoryCache, i);
        if (other->cell != cell || other->level != cache.level)
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "<cache>: that of level %u is there twice", cache.level);
        return FALSE;
    }
    cache.associativity = (VnAssociativity) associativity;
    cache.policy = (VnCachePolicy) policy;
    g_array_append_val(vnuma->caches, cache);
    return TRUE;
}

/* The elements of one <cell>; its vCPUs and memory are known already. */
static gboolean
parse_cell(const xmlNode *node, guint id, VnVnuma *vnuma, const Matrix *matrix,
           GError **error)
{
    const xmlNode *distances = vn_xml_child(node, "distances");
    const xmlNode *sibling = vn_xml_child(distances, "sibling");
    if (distances && !sibling) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "<distances>: no <sibling> in it");
        return FALSE;
    }
    for (; sibling; sibling = vn_xml_next(sibling)) {
        if (!parse_sibling(sibling, id, matrix, error))
            return FALSE;
    }
    for (const xmlNode *cache = vn_xml_child(node, "cache"); cache;
         cache = vn_xml_next(cache)) {
        if (!parse_cache(cache, id, vnuma, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
parse_cells(const xmlNode *numa, VnVnuma *vnuma, GError **error)
{
    Matrix matrix = {.n_cells = vnuma->cells->len};
    g_autofree guint *values = g_new0(guint, (gsize) matrix.n_cells * matrix.n_cells);
    guint place = 0;
    matrix.values = values;
    for (const xmlNode *node = vn_xml_child(numa, "cell"); node;
         node = vn_xml_next(node), place++) {
        guint id;
        if (!read_number(node, "id", 0, matrix.n_cells - 1, &place, &id, error))
            return FALSE;
        if (!parse_cell(node, id, vnuma, &matrix, error)) {
            g_prefix_error(error, "cell %u: ", id);
            return FALSE;
        }
    }
    set_distances(vnuma, &matrix);
    return TRUE;
}

static gboolean
is_cache_told(const VnVnuma *vnuma, guint cell, guint level)
{
    for (guint i = 0; i < vnuma->caches->len; i++) {
        const VnMemoryCache *cache = &g_array_index(vnuma->caches, VnMemoryCache, i);
        if (cache->cell == cell && cache->level == level)
            return TRUE;
    }
    return level == 0;
}

/* A number, not 0, for each interconnect that there can be but once. */
static gpointer
key_of(const VnInterconnect *one, gboolean latency)
{
    guint key = one->initiator * VN_CELLS_MAX + one->target;
    key = key * (CACHE_LEVEL_MAX + 1) + one->cache;
    key = key * (VN_ACCESS_WRITE + 1) + one->access;
    return GUINT_TO_POINTER(key * 2 + (latency ? 1 : 0) + 1);
}

/* The same for all between two cells in one direction; none that key_of() has. */
static gpointer
link_of(guint initiator, guint target)
{
    return GINT_TO_POINTER(-1 - (gint) (initiator * VN_CELLS_MAX + target));
}

/* What libvirt asks of an interconnect beside those before it, which are @seen. */
static gboolean
check_interconnect(const VnVnuma *vnuma, const VnInterconnect *one, gboolean latency,
                   GHashTable *seen, GError **error)
{
    const char *wrong = NULL;
    if (vn_idset_is_empty(vn_vnuma_cell(vnuma, one->initiator)->vcpus))
        wrong = "the initiator has no vCPUs";
    else if (!is_cache_told(vnuma, one->target, one->cache))
        wrong = "the target has no <cache> of that level";
    else if (!g_hash_table_add(seen, key_of(one, latency)))
        wrong = "it is there twice";
    else if (one->initiator != one->target &&
             g_hash_table_contains(seen, link_of(one->target, one->initiator)))
        wrong = "there is one in the other direction, and libvirt takes only one of them";
    g_hash_table_add(seen, link_of(one->initiator, one->target));
    if (!wrong)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "<%s> from cell %u to cell %u: %s",
                latency ? "latency" : "bandwidth", one->initiator, one->target, wrong);
    return FALSE;
}

static gboolean
parse_interconnect(const xmlNode *node, gboolean latency, VnVnuma *vnuma,
                   GHashTable *seen, GError **error)
{
    static const char *const accesses[] = {"access", "read", "write", NULL};
    const guint no_cache = 0;
    guint last = vnuma->cells->len - 1;
    guint access;
    VnInterconnect one = {0};
    if (!read_number(node, "initiator", 0, last, NULL, &one.initiator, error) ||
        !read_number(node, "target", 0, last, NULL, &one.target, error) ||
        !read_number(node, "cache", 0, CACHE_LEVEL_MAX, &no_cache, &one.cache, error) ||
        !read_word(node, "type", accesses, &access, error))
        return FALSE;
    one.access = (VnAccess) access;
    g_autofree char *unit = vn_xml_attribute(node, "unit");
    if (latency ? !read_number(node, "value", 0, G_MAXUINT, NULL, &one.latency_ns, error)
                : !vn_attribute_size(node, "value", unit, &one.bandwidth_bytes_per_second,
                                     error))
        return FALSE;
    if (!check_interconnect(vnuma, &one, latency, seen, error))
        return FALSE;
    if (one.latency_ns > 0 || one.bandwidth_bytes_per_second > 0)
        g_array_append_val(vnuma->interconnects, one);
    else
        vn_vnuma_add_reason(vnuma,
                            "the %s from cell %u to cell %u is 0, which tells nothing",
                            latency ? "latency" : "bandwidth", one.initiator, one.target);
    return TRUE;
}

static gboolean
parse_interconnects(const xmlNode *numa, VnVnuma *vnuma, GError **error)
{
    const xmlNode *list = vn_xml_child(numa, "interconnects");
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    /* In the order of the document: QEMU's units depend on it. */
    for (const xmlNode *node = list ? list->children : NULL; node; node = node->next) {
        gboolean latency = vn_xml_is(node, NULL, "latency");
        if (!latency && !vn_xml_is(node, NULL, "bandwidth"))
            continue;
        if (!parse_interconnect(node, latency, vnuma, seen, error))
            return FALSE;
    }
    return TRUE;
}

static guint64
in_mib(guint64 bytes)
{
    return (bytes + MIB - 1) / MIB * MIB;
}

static gboolean
parse_memory_max(const xmlNode *domain, VnVnuma *vnuma, GError **error)
{
    const xmlNode *node = vn_xml_child(domain, "maxMemory");
    if (!node)
        return TRUE;
    g_autofree char *text = vn_xml_text(node);
    g_autofree char *unit = vn_xml_attribute(node, "unit");
    if (!vn_size_parse(text, unit, &vnuma->memory_max_bytes, error)) {
        g_prefix_error(error, "<maxMemory>: ");
        return FALSE;
    }
    vnuma->memory_max_bytes = in_mib(vnuma->memory_max_bytes);
    return read_number(node, "slots", 1, G_MAXUINT16, NULL, &vnuma->memory_slots, error);
}

/* Cells that a <memnode> binds, where memory may not go astray. */
static VnIdSet *
find_bound(const xmlNode *domain, const VnGuest *guest)
{
    VnIdSet *bound = vn_idset_new();
    const xmlNode *numatune = vn_xml_child(domain, "numatune");
    for (const xmlNode *memnode = vn_xml_child(numatune, "memnode"); memnode;
         memnode = vn_xml_next(memnode)) {
        g_autofree char *text = vn_xml_attribute(memnode, "cellid");
        guint id;
        if (!vn_number_parse(text ? text : "", guest->cells->len - 1, &id, NULL))
            continue; /* tuning.c has refused it */
        const VnCell *cell = guest->cells->pdata[id];
        if (cell->binding == VN_BINDING_STRICT || cell->binding == VN_BINDING_PREFERRED)
            vn_idset_add(bound, id);
    }
    return bound;
}

static void
add_cells(const xmlNode *domain, const VnGuest *guest, VnVnuma *vnuma)
{
    g_autoptr(VnIdSet) bound = find_bound(domain, guest);
    for (guint id = 0; id < guest->cells->len; id++) {
        const VnCell *told = guest->cells->pdata[id];
        VnVnumaCell *cell = vn_vnuma_add_cell(vnuma);
        vn_idset_add_all(cell->vcpus, told->vcpus);
        cell->memory_bytes = in_mib(told->memory_bytes);
        if (vn_idset_contains(bound, id))
            vn_idset_add_all(cell->home, told->bound);
        vnuma->page_size_bytes = MAX(vnuma->page_size_bytes, told->page_size_bytes);
    }
}

/*
 * The machine, where its memory layout can be told from it. libvirt takes QEMU's default
 * one when the definition names none; commandline.c unset one whose layout was changed.
 */
static void
set_machine(const xmlNode *domain, const VnGuest *guest, VnVnuma *vnuma)
{
    const xmlNode *type = vn_xml_child(vn_xml_child(domain, "os"), "type");
    g_autofree char *named = type ? vn_xml_attribute(type, "machine") : NULL;
    vnuma->machine = g_strdup(named ? guest->machine : "pc");
}

/* What is as it is asked for, and yet not what the guest will see. */
static void
add_reasons(const xmlNode *domain, VnVnuma *vnuma)
{
    if (!vn_xml_child(vn_xml_child(domain, "features"), "acpi"))
        vn_vnuma_add_reason(vnuma, "the definition has no <acpi/> in its <features>: the "
                                   "guest gets no ACPI tables at all");
    if (vn_acpi_depends_on_cpu(vnuma))
        vn_vnuma_add_reason(vnuma,
                            "with so much memory and an AMD CPU model, QEMU 7.1 and "
                            "later put what is above 4 GiB at 1 TiB: the SRAT made "
                            "here is that of other CPU models");
    for (guint id = 0; id < vnuma->cells->len; id++) {
        if (vn_vnuma_cell(vnuma, id)->memory_bytes == 0)
            vn_vnuma_add_reason(vnuma,
                                "cell %u has no memory: libvirt 9.0 asks QEMU for an "
                                "object of 0 bytes, which QEMU refuses",
                                id);
    }
}

VnVnuma *
vn_told_parse(const xmlNode *domain, const VnGuest *guest, GError **error)
{
    const xmlNode *cpu = vn_xml_child(domain, "cpu");
    const xmlNode *numa = vn_xml_child(cpu, "numa");
    g_autoptr(VnVnuma) vnuma = vn_vnuma_new(guest->vcpus->len);
    set_machine(domain, guest, vnuma);
    add_cells(domain, guest, vnuma);
    if (!parse_cpu_topology(cpu, vnuma, error) || !parse_cells(numa, vnuma, error) ||
        !parse_interconnects(numa, vnuma, error) ||
        !parse_memory_max(domain, vnuma, error))
        return NULL;
    add_reasons(domain, vnuma);
    return g_steal_pointer(&vnuma);
}
