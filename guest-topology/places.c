/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What host nodes offer, and the ways to place cells on them. */
#include "guest-topology/places.h"

#include "guest-topology/closest.h"
#include "model/home.h"

static void
place_free(gpointer data)
{
    VnHostPlace *place = data;
    vn_idset_free(place->nodes);
    g_free(place);
}

GPtrArray *
vn_host_places_list_new(void)
{
    return g_ptr_array_new_with_free_func(place_free);
}

static VnHostPlace *
place_copy(const VnHostPlace *place, guint cells)
{
    VnHostPlace *copy = g_memdup2(place, sizeof *place);
    copy->nodes = vn_idset_copy(place->nodes);
    copy->cells = cells;
    return copy;
}

const VnHostPlace *
vn_place_at(const GPtrArray *list, guint i)
{
    return list->pdata[i];
}

int
vn_host_places_package(const VnHost *host, const VnHostNode *node)
{
    int first = node ? vn_idset_next(node->cpus, 0) : -1;
    const VnHostCpu *cpu = first < 0 ? NULL : vn_host_find_cpu(host, (guint) first);
    return cpu ? cpu->package : -1;
}

/* The CPUs of @among that share a core with @id; at least itself. */
static VnIdSet *
core_of(const VnHost *host, const VnIdSet *among, guint id)
{
    const VnHostCpu *cpu = vn_host_find_cpu(host, id);
    if (!cpu || !cpu->siblings || !vn_idset_contains(cpu->siblings, id))
        return vn_idset_new_with(id);
    VnIdSet *core = vn_idset_copy(cpu->siblings);
    vn_idset_keep_all(core, among);
    return core;
}

/*
 * Counts cores; @threads becomes how many CPUs of each are online, 1 when they are not
 * alike (0 before the first).
 */
static guint
count_cores(const VnHost *host, const VnIdSet *cpus, guint *threads)
{
    guint cores = 0;
    VN_IDSET_FOREACH (cpus, id) {
        g_autoptr(VnIdSet) core = core_of(host, cpus, (guint) id);
        if (vn_idset_next(core, 0) != id)
            continue;
        guint siblings = vn_idset_count(core);
        *threads = *threads == 0 || *threads == siblings ? siblings : 1;
        cores++;
    }
    return cores;
}

static guint64
free_bytes(const VnHost *host, const VnHostNode *node, const VnBuildSize *size)
{
    guint64 page = size->page_size_bytes;
    guint64 own = size->own_bytes && node->id < size->own_bytes->len
                      ? g_array_index(size->own_bytes, guint64, node->id)
                      : 0;
    if (page == 0 || page == host->page_size_bytes)
        return MIN(vn_host_node_available(node) + own, node->memory_bytes);
    for (guint i = 0; i < node->huge_pages->len; i++) {
        const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
        if (pages->size_bytes == page)
            return MIN(pages->free + own / page, pages->total) * page;
    }
    return 0;
}

/* The CPUs whose nearest memory each node is, by its place in VnHost.nodes. */
static GPtrArray *
cpus_near_memory(const VnHost *host, const VnTag *tag)
{
    GPtrArray *near = g_ptr_array_new_with_free_func((GDestroyNotify) vn_idset_free);
    for (guint i = 0; i < host->nodes->len; i++)
        g_ptr_array_add(near, vn_idset_new());
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        const VnHostNode *memory = vn_home_memory_of(host, node);
        if (!memory || node->cordoned || vn_idset_contains(tag->exclude_nodes, node->id))
            continue;
        int to = vn_host_node_index(host, memory->id);
        vn_idset_add_all(near->pdata[to], node->cpus);
    }
    return near;
}

guint64
vn_host_places_away(const VnHost *host, guint index, const GArray *device_nodes)
{
    const VnHostNode *node = host->nodes->pdata[index];
    guint64 away = 0;
    for (guint i = 0; device_nodes && i < device_nodes->len; i++) {
        int at = vn_host_node_index(host, g_array_index(device_nodes, guint, i));
        if (at < 0)
            continue;
        const VnHostNode *other = host->nodes->pdata[at];
        away += node->distances[at] + other->distances[index];
    }
    return away;
}

static void
measure_distances(VnHostPlaces *places, const VnHost *host, const GArray *indices)
{
    guint n = indices->len;
    places->apart = g_new(guint, (gsize) n * n);
    for (guint i = 0; i < n; i++) {
        guint a = g_array_index(indices, guint, i);
        const VnHostNode *one = host->nodes->pdata[a];
        for (guint j = i; j < n; j++) {
            guint b = g_array_index(indices, guint, j);
            const VnHostNode *other = host->nodes->pdata[b];
            places->apart[i * n + j] = places->apart[j * n + i] =
                one->distances[b] + other->distances[a];
        }
    }
}

VnHostPlaces *
vn_host_places_new(const VnHost *host, const VnBuildSize *size, const VnTag *tag,
                   gboolean far)
{
    VnHostPlaces *places = g_new0(VnHostPlaces, 1);
    g_autoptr(GPtrArray) near = cpus_near_memory(host, tag);
    g_autoptr(GArray) indices = g_array_new(FALSE, FALSE, sizeof(guint));
    guint threads = 0;
    places->list = vn_host_places_list_new();
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        guint cores = count_cores(host, near->pdata[i], &threads);
        guint cpus = tag->smt ? vn_idset_count(near->pdata[i]) : cores;
        if (node->memory_bytes == 0 || (cpus == 0 && !far) || node->cordoned ||
            vn_idset_contains(tag->exclude_nodes, node->id))
            continue;
        VnHostPlace *place = g_new0(VnHostPlace, 1);
        place->nodes = vn_idset_new_with(node->id);
        place->cpus = cpus;
        place->bytes = free_bytes(host, node, size);
        place->package = vn_host_places_package(host, node);
        place->away = vn_host_places_away(host, i, size->device_nodes);
        places->cpus += place->cpus;
        places->bytes += place->bytes;
        g_ptr_array_add(places->list, place);
        g_array_append_val(indices, i);
    }
    places->threads = tag->smt && threads > 0 ? threads : 1;
    measure_distances(places, host, indices);
    return places;
}

void
vn_host_places_free(VnHostPlaces *places)
{
    if (!places)
        return;
    g_ptr_array_unref(places->list);
    g_free(places->apart);
    g_free(places);
}

static guint
cells_held(const VnHostPlace *place, const VnShape *shape)
{
    return (guint) MIN(place->cpus / shape->vcpus, place->bytes / shape->bytes);
}

VnHostPlace *
vn_host_places_join(const VnHostPlaces *places, const VnIdSet *nodes)
{
    VnHostPlace *joined = g_new0(VnHostPlace, 1);
    joined->nodes = vn_idset_new();
    joined->package = -1;
    for (guint i = 0; i < places->list->len; i++) {
        const VnHostPlace *place = vn_place_at(places->list, i);
        if (!vn_idset_overlaps(place->nodes, nodes))
            continue;
        joined->package =
            vn_idset_is_empty(joined->nodes) || joined->package == place->package
                ? place->package
                : -1;
        vn_idset_add_all(joined->nodes, place->nodes);
        joined->cpus += place->cpus;
        joined->bytes += place->bytes;
    }
    if (!vn_idset_is_empty(nodes) && vn_idset_equal(joined->nodes, nodes))
        return joined;
    place_free(joined);
    return NULL;
}

guint
vn_host_places_holding(const VnHostPlaces *places, const VnShape *shape)
{
    guint vcpus = shape->vcpus + (shape->vcpu_extras > 0 ? shape->vcpu_unit : 0);
    guint64 bytes = shape->bytes + (shape->byte_extras > 0 ? shape->byte_unit : 0);
    guint n = 0;
    for (guint i = 0; i < places->list->len; i++)
        n += vn_place_at(places->list, i)->cpus >= vcpus &&
             vn_place_at(places->list, i)->bytes >= bytes;
    return n;
}

gboolean
vn_host_places_fit(const GPtrArray *chosen, const VnShape *shape)
{
    guint cells = 0;
    guint vcpu_extras = 0;
    guint byte_extras = 0;
    for (guint i = 0; i < chosen->len; i++) {
        const VnHostPlace *place = vn_place_at(chosen, i);
        if (place->cells > cells_held(place, shape))
            return FALSE;
        cells += place->cells;
        vcpu_extras += vn_place_vcpu_extras(place, shape);
        byte_extras += vn_place_byte_extras(place, shape);
    }
    return cells == shape->cells && vcpu_extras >= shape->vcpu_extras &&
           byte_extras >= shape->byte_extras;
}

guint
vn_place_vcpu_extras(const VnHostPlace *place, const VnShape *shape)
{
    guint left = place->cpus - place->cells * shape->vcpus;
    return MIN(left / shape->vcpu_unit, place->cells);
}

guint
vn_place_byte_extras(const VnHostPlace *place, const VnShape *shape)
{
    guint64 left = place->bytes - place->cells * shape->bytes;
    return (guint) MIN(left / shape->byte_unit, place->cells);
}

static gint
compare_places(gconstpointer a, gconstpointer b, gpointer first_of_package)
{
    const VnHostPlace *one = *(VnHostPlace *const *) a;
    const VnHostPlace *other = *(VnHostPlace *const *) b;
    int id_one = vn_idset_next(one->nodes, 0);
    int id_other = vn_idset_next(other->nodes, 0);
    if (one->package != other->package) {
        GHashTable *first = first_of_package;
        id_one =
            GPOINTER_TO_INT(g_hash_table_lookup(first, GINT_TO_POINTER(one->package)));
        id_other =
            GPOINTER_TO_INT(g_hash_table_lookup(first, GINT_TO_POINTER(other->package)));
    }
    return id_one - id_other;
}

/* Those of one package one after the other; packages and places by their lowest id. */
static GPtrArray *
in_order(GPtrArray *chosen)
{
    g_autoptr(GHashTable) first = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < chosen->len; i++) {
        const VnHostPlace *place = vn_place_at(chosen, i);
        int id = vn_idset_next(place->nodes, 0);
        gpointer package = GINT_TO_POINTER(place->package);
        gpointer found;
        if (!g_hash_table_lookup_extended(first, package, NULL, &found) ||
            id < GPOINTER_TO_INT(found))
            g_hash_table_insert(first, package, GINT_TO_POINTER(id));
    }
    g_ptr_array_sort_with_data(chosen, compare_places, first);
    return chosen;
}

GPtrArray *
vn_host_places_checked(GPtrArray *chosen, const VnShape *shape)
{
    if (vn_host_places_fit(chosen, shape))
        return in_order(chosen);
    g_ptr_array_unref(chosen);
    return NULL;
}

GPtrArray *
vn_host_places_one_each(const VnHostPlaces *places, const VnShape *shape)
{
    g_autoptr(GArray) indices = vn_closest_choose(places, shape);
    if (!indices)
        return NULL;
    GPtrArray *chosen = vn_host_places_list_new();
    for (guint i = 0; i < indices->len; i++)
        g_ptr_array_add(
            chosen,
            place_copy(vn_place_at(places->list, g_array_index(indices, guint, i)), 1));
    return vn_host_places_checked(chosen, shape);
}

GPtrArray *
vn_host_places_shared(const VnHostPlaces *places, const VnShape *shape)
{
    GPtrArray *chosen = vn_host_places_list_new();
    for (guint i = 0; i < places->list->len; i++) {
        const VnHostPlace *place = vn_place_at(places->list, i);
        if (cells_held(place, shape) > 0)
            g_ptr_array_add(chosen, place_copy(place, 0));
    }
    /* One after the other to the emptiest that has room. */
    for (guint cell = 0; cell < shape->cells; cell++) {
        VnHostPlace *best = NULL;
        for (guint i = 0; i < chosen->len; i++) {
            VnHostPlace *place = chosen->pdata[i];
            if (place->cells < cells_held(place, shape) &&
                (!best || place->cells < best->cells))
                best = place;
        }
        if (!best)
            break;
        best->cells++;
    }
    for (guint i = chosen->len; i-- > 0;) {
        if (vn_place_at(chosen, i)->cells == 0)
            g_ptr_array_remove_index(chosen, i);
    }
    return vn_host_places_checked(chosen, shape);
}

GPtrArray *
vn_host_places_all(const VnHostPlaces *places, const VnShape *shape)
{
    g_autoptr(VnIdSet) nodes = vn_idset_new();
    for (guint i = 0; i < places->list->len; i++)
        vn_idset_add_all(nodes, vn_place_at(places->list, i)->nodes);
    VnHostPlace *all = vn_host_places_join(places, nodes);
    if (!all)
        return NULL;
    all->cells = shape->cells;
    GPtrArray *chosen = vn_host_places_list_new();
    g_ptr_array_add(chosen, all);
    return vn_host_places_checked(chosen, shape);
}
