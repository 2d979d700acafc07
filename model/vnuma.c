/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The virtual NUMA topology: building it up, checking it, describing it. */
#include "model/vnuma.h"

#include "model/dict.h"

const char *
vn_access_name(VnAccess access)
{
    static const char *const names[] = {
        [VN_ACCESS_ANY] = "access",
        [VN_ACCESS_READ] = "read",
        [VN_ACCESS_WRITE] = "write",
    };
    return names[access];
}

const char *
vn_associativity_name(VnAssociativity associativity)
{
    static const char *const names[] = {
        [VN_ASSOCIATIVITY_NONE] = "none",
        [VN_ASSOCIATIVITY_DIRECT] = "direct",
        [VN_ASSOCIATIVITY_COMPLEX] = "complex",
    };
    return names[associativity];
}

const char *
vn_cache_policy_name(VnCachePolicy policy)
{
    static const char *const names[] = {
        [VN_CACHE_POLICY_NONE] = "none",
        [VN_CACHE_POLICY_WRITEBACK] = "write-back",
        [VN_CACHE_POLICY_WRITETHROUGH] = "write-through",
    };
    return names[policy];
}

VnVnuma *
vn_vnuma_new(guint vcpus)
{
    g_return_val_if_fail(vcpus > 0 && vcpus <= VN_VCPUS_MAX, NULL);
    VnVnuma *vnuma = g_new0(VnVnuma, 1);
    g_atomic_ref_count_init(&vnuma->ref_count);
    vnuma->vcpus = vcpus;
    vnuma->topology =
        (VnCpuTopology){.sockets = 1, .dies = 1, .cores = vcpus, .threads = 1};
    vnuma->cells = g_ptr_array_new();
    vnuma->interconnects = g_array_new(FALSE, TRUE, sizeof(VnInterconnect));
    vnuma->caches = g_array_new(FALSE, TRUE, sizeof(VnMemoryCache));
    vnuma->reasons = g_ptr_array_new_with_free_func(g_free);
    return vnuma;
}

VnVnuma *
vn_vnuma_ref(VnVnuma *vnuma)
{
    g_atomic_ref_count_inc(&vnuma->ref_count);
    return vnuma;
}

void
vn_vnuma_unref(VnVnuma *vnuma)
{
    if (!vnuma || !g_atomic_ref_count_dec(&vnuma->ref_count))
        return;
    for (guint i = 0; i < vnuma->cells->len; i++) {
        VnVnumaCell *cell = vnuma->cells->pdata[i];
        vn_idset_free(cell->vcpus);
        vn_idset_free(cell->home);
        g_free(cell);
    }
    g_ptr_array_unref(vnuma->cells);
    g_array_unref(vnuma->interconnects);
    g_array_unref(vnuma->caches);
    g_ptr_array_unref(vnuma->reasons);
    g_free(vnuma->distances);
    g_free(vnuma->machine);
    g_free(vnuma);
}

VnVnumaCell *
vn_vnuma_add_cell(VnVnuma *vnuma)
{
    g_return_val_if_fail(!vnuma->distances, NULL); /* the matrix has its size by then */
    VnVnumaCell *cell = g_new0(VnVnumaCell, 1);
    cell->id = vnuma->cells->len;
    cell->vcpus = vn_idset_new();
    cell->home = vn_idset_new();
    g_ptr_array_add(vnuma->cells, cell);
    return cell;
}

void
vn_vnuma_add_reason(VnVnuma *vnuma, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(vnuma->reasons, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

VnVnumaCell *
vn_vnuma_cell(const VnVnuma *vnuma, guint id)
{
    g_return_val_if_fail(id < vnuma->cells->len, NULL);
    return vnuma->cells->pdata[id];
}

guint64
vn_vnuma_memory(const VnVnuma *vnuma)
{
    guint64 bytes = 0;
    for (guint i = 0; i < vnuma->cells->len; i++)
        bytes += vn_vnuma_cell(vnuma, i)->memory_bytes;
    return bytes;
}

guint
vn_vnuma_distance(const VnVnuma *vnuma, guint from, guint to)
{
    guint n_cells = vnuma->cells->len;
    if (from >= n_cells || to >= n_cells)
        return VN_DISTANCE_UNREACHABLE;
    if (vnuma->distances)
        return vnuma->distances[from * n_cells + to];
    return from == to ? VN_DISTANCE_LOCAL : VN_DISTANCE_REMOTE;
}

const char *
vn_vnuma_why_not_distance(guint from, guint to, guint distance)
{
    if (from == to)
        return distance == VN_DISTANCE_LOCAL ? NULL : "to itself it is 10";
    return distance > VN_DISTANCE_LOCAL && distance <= VN_DISTANCE_UNREACHABLE
               ? NULL
               : "possible are 11 to 254, and 255 for unreachable";
}

void
vn_vnuma_set_distance(VnVnuma *vnuma, guint from, guint to, guint distance)
{
    guint n_cells = vnuma->cells->len;
    g_return_if_fail(from < n_cells && to < n_cells);
    if (!vnuma->distances) {
        guint *matrix = g_new(guint, (gsize) n_cells * n_cells);
        for (guint i = 0; i < n_cells * n_cells; i++)
            matrix[i] = vn_vnuma_distance(vnuma, i / n_cells, i % n_cells);
        vnuma->distances = matrix;
    }
    vnuma->distances[from * n_cells + to] = distance;
}

guint
vn_vnuma_cell_of_vcpu(const VnVnuma *vnuma, guint vcpu)
{
    for (guint i = 0; i < vnuma->cells->len; i++) {
        if (vn_idset_contains(vn_vnuma_cell(vnuma, i)->vcpus, vcpu))
            return i;
    }
    return 0;
}

static gboolean
check_cells(const VnVnuma *vnuma, GError **error)
{
    g_autoptr(VnIdSet) seen = vn_idset_new();
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        int beyond = vn_idset_next(cell->vcpus, vnuma->vcpus);
        if (beyond >= 0) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "cell %u: there is no vCPU %d, only %u vCPUs", i, beyond,
                        vnuma->vcpus);
            return FALSE;
        }
        VN_IDSET_FOREACH (cell->vcpus, vcpu) {
            if (!vn_idset_contains(seen, (guint) vcpu))
                continue;
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "cell %u: vCPU %d is in another cell too", i, vcpu);
            return FALSE;
        }
        vn_idset_add_all(seen, cell->vcpus);
    }
    if (!vn_idset_is_empty(seen) && vn_vnuma_memory(vnuma) > 0)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "no cell has %s",
                vn_idset_is_empty(seen) ? "a vCPU" : "memory");
    return FALSE;
}

static gboolean
check_distances(const VnVnuma *vnuma, GError **error)
{
    guint n_cells = vnuma->cells->len;
    for (guint from = 0; from < n_cells; from++) {
        for (guint to = 0; to < n_cells; to++) {
            guint distance = vn_vnuma_distance(vnuma, from, to);
            const char *why_not = vn_vnuma_why_not_distance(from, to, distance);
            if (!why_not)
                continue;
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "cell %u: its distance to cell %u is %u; %s", from, to, distance,
                        why_not);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
check_interconnects(const VnVnuma *vnuma, GError **error)
{
    guint n_cells = vnuma->cells->len;
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        const char *wrong = NULL;
        if (one->initiator >= n_cells || one->target >= n_cells)
            wrong = "there is no such cell";
        else if (vn_idset_is_empty(vn_vnuma_cell(vnuma, one->initiator)->vcpus))
            wrong = "the initiator has no vCPUs";
        else if (vn_vnuma_cell(vnuma, one->target)->memory_bytes == 0)
            wrong = "the target has no memory";
        else if ((one->latency_ns > 0) == (one->bandwidth_bytes_per_second > 0))
            wrong = "it has to have either a latency or a bandwidth";
        if (!wrong)
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "interconnect from cell %u to cell %u: %s", one->initiator,
                    one->target, wrong);
        return FALSE;
    }
    for (guint i = 0; i < vnuma->caches->len; i++) {
        const VnMemoryCache *cache = &g_array_index(vnuma->caches, VnMemoryCache, i);
        if (cache->cell < n_cells && cache->level >= 1 && cache->level <= 3)
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "memory cache of level %u of cell %u: %s", cache->level, cache->cell,
                    cache->cell < n_cells ? "levels are 1 to 3"
                                          : "there is no such cell");
        return FALSE;
    }
    return TRUE;
}

gboolean
vn_vnuma_check(const VnVnuma *vnuma, GError **error)
{
    const VnCpuTopology *cpu = &vnuma->topology;
    if (vnuma->cells->len > VN_CELLS_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "%u cells, but QEMU takes at most %u", vnuma->cells->len,
                    VN_CELLS_MAX);
        return FALSE;
    }
    if ((guint64) cpu->sockets * cpu->dies * cpu->cores * cpu->threads != vnuma->vcpus) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "CPU topology: %u sockets of %u dies of %u cores of %u threads are "
                    "not %u vCPUs",
                    cpu->sockets, cpu->dies, cpu->cores, cpu->threads, vnuma->vcpus);
        return FALSE;
    }
    return check_cells(vnuma, error) && check_distances(vnuma, error) &&
           check_interconnects(vnuma, error);
}

static GVariant *
describe_cell(const VnVnuma *vnuma, const VnVnumaCell *cell)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "id", "u", cell->id);
    vn_dict_insert_idset(&dict, "vcpus", cell->vcpus);
    vn_dict_insert(&dict, "memory_bytes", "t", cell->memory_bytes);
    vn_dict_insert_idset(&dict, "home", cell->home);
    GVariantBuilder row;
    g_variant_builder_init(&row, G_VARIANT_TYPE("au"));
    for (guint to = 0; to < vnuma->cells->len; to++)
        g_variant_builder_add(&row, "u", vn_vnuma_distance(vnuma, cell->id, to));
    vn_dict_insert_value(&dict, "distances", g_variant_builder_end(&row));
    return vn_dict_end(&dict);
}

static GVariant *
describe_interconnect(const VnInterconnect *one)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "initiator", "u", one->initiator);
    vn_dict_insert(&dict, "target", "u", one->target);
    vn_dict_insert(&dict, "access", "s", vn_access_name(one->access));
    vn_dict_insert(&dict, "cache", "u", one->cache);
    if (one->latency_ns > 0)
        vn_dict_insert(&dict, "latency_ns", "u", one->latency_ns);
    else
        vn_dict_insert(&dict, "bandwidth_bytes_per_second", "t",
                       one->bandwidth_bytes_per_second);
    return vn_dict_end(&dict);
}

static GVariant *
describe_cache(const VnMemoryCache *cache)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "cell", "u", cache->cell);
    vn_dict_insert(&dict, "level", "u", cache->level);
    vn_dict_insert(&dict, "size_bytes", "t", cache->size_bytes);
    vn_dict_insert(&dict, "associativity", "s",
                   vn_associativity_name(cache->associativity));
    vn_dict_insert(&dict, "policy", "s", vn_cache_policy_name(cache->policy));
    vn_dict_insert(&dict, "line_bytes", "u", cache->line_bytes);
    return vn_dict_end(&dict);
}

static void
insert_topology(VnDict *dict, const VnCpuTopology *topology)
{
    g_auto(VnDict) levels;
    vn_dict_init(&levels, NULL);
    vn_dict_insert(&levels, "sockets", "u", topology->sockets);
    vn_dict_insert(&levels, "dies", "u", topology->dies);
    vn_dict_insert(&levels, "cores", "u", topology->cores);
    vn_dict_insert(&levels, "threads", "u", topology->threads);
    vn_dict_insert_value(dict, "topology", vn_dict_end(&levels));
}

GVariant *
vn_vnuma_to_variant(const VnVnuma *vnuma)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert_string(&dict, "machine", vnuma->machine);
    vn_dict_insert(&dict, "vcpus", "u", vnuma->vcpus);
    insert_topology(&dict, &vnuma->topology);
    vn_dict_insert(&dict, "page_size_bytes", "t", vnuma->page_size_bytes);
    vn_dict_insert(&dict, "memory_max_bytes", "t", vnuma->memory_max_bytes);
    vn_dict_insert(&dict, "memory_slots", "u", vnuma->memory_slots);
    vn_dict_insert(&dict, "has_distances", "b", vnuma->distances != NULL);

    GVariantBuilder list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < vnuma->cells->len; i++)
        g_variant_builder_add_value(&list, describe_cell(vnuma, vn_vnuma_cell(vnuma, i)));
    vn_dict_insert_value(&dict, "cells", g_variant_builder_end(&list));

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < vnuma->interconnects->len; i++)
        g_variant_builder_add_value(&list, describe_interconnect(&g_array_index(
                                               vnuma->interconnects, VnInterconnect, i)));
    vn_dict_insert_value(&dict, "interconnects", g_variant_builder_end(&list));

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < vnuma->caches->len; i++)
        g_variant_builder_add_value(
            &list, describe_cache(&g_array_index(vnuma->caches, VnMemoryCache, i)));
    vn_dict_insert_value(&dict, "caches", g_variant_builder_end(&list));

    g_variant_builder_init(&list, G_VARIANT_TYPE("as"));
    for (guint i = 0; i < vnuma->reasons->len; i++)
        g_variant_builder_add(&list, "s", vnuma->reasons->pdata[i]);
    vn_dict_insert_value(&dict, "reasons", g_variant_builder_end(&list));
    return vn_dict_end(&dict);
}
