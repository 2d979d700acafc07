/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnVnuma to QEMU's command line. Pure. */
#include "guest-topology/qemu-arguments.h"

#include "guest-topology/acpi.h"

static void
add(GPtrArray *argv, const char *option, char *value)
{
    g_ptr_array_add(argv, g_strdup(option));
    g_ptr_array_add(argv, value);
}

/* ",KEY=FIRST-LAST" for each run of ids: QEMU's way to say a list. */
static void
append_ids(GString *value, const char *key, const VnIdSet *set)
{
    g_autofree char *list = vn_idset_format(set);
    g_auto(GStrv) runs = g_strsplit(list, ",", -1);
    for (char **run = runs; *run; run++)
        g_string_append_printf(value, ",%s=%s", key, *run);
}

static void
add_machine(GPtrArray *argv, const VnVnuma *vnuma)
{
    g_autoptr(GString) value = g_string_new(vnuma->machine);
    if (vn_acpi_has_hmat(vnuma))
        g_string_append(value, value->len ? ",hmat=on" : "hmat=on");
    if (value->len)
        add(argv, "-machine", g_strdup(value->str));
}

static void
add_sizes(GPtrArray *argv, const VnVnuma *vnuma)
{
    const VnCpuTopology *topology = &vnuma->topology;
    add(argv, "-smp",
        g_strdup_printf("%u,maxcpus=%u,sockets=%u,dies=%u,cores=%u,threads=%u",
                        vnuma->vcpus, vnuma->vcpus, topology->sockets, topology->dies,
                        topology->cores, topology->threads));
    g_autoptr(GString) memory = g_string_new(NULL);
    g_string_printf(memory, "size=%" G_GUINT64_FORMAT "k", vn_vnuma_memory(vnuma) / 1024);
    if (vnuma->memory_max_bytes > 0)
        g_string_append_printf(memory, ",slots=%u,maxmem=%" G_GUINT64_FORMAT "k",
                               vnuma->memory_slots, vnuma->memory_max_bytes / 1024);
    add(argv, "-m", g_strdup(memory->str));
}

static void
add_object(GPtrArray *argv, const VnVnuma *vnuma, const VnVnumaCell *cell)
{
    g_autoptr(GString) object = g_string_new(NULL);
    guint64 page = vnuma->page_size_bytes;
    g_string_printf(object, "%s,id=ram-node%u,size=%" G_GUINT64_FORMAT,
                    page ? "memory-backend-memfd" : "memory-backend-ram", cell->id,
                    cell->memory_bytes);
    if (page)
        g_string_append_printf(
            object, ",hugetlb=on,hugetlbsize=%" G_GUINT64_FORMAT ",share=off,prealloc=on",
            page);
    if (!vn_idset_is_empty(cell->home)) {
        append_ids(object, "host-nodes", cell->home);
        g_string_append(object, ",policy=bind");
    }
    add(argv, "-object", g_strdup(object->str));
}

static void
add_cell(GPtrArray *argv, const VnVnuma *vnuma, const VnVnumaCell *cell)
{
    g_autoptr(GString) node = g_string_new(NULL);
    g_string_printf(node, "node,nodeid=%u", cell->id);
    if (!vn_idset_is_empty(cell->vcpus))
        append_ids(node, "cpus", cell->vcpus);
    guint initiator = vn_acpi_initiator(vnuma, cell->id);
    if (vn_acpi_has_hmat(vnuma) && initiator < VN_CELLS_MAX)
        g_string_append_printf(node, ",initiator=%u", initiator);
    if (cell->memory_bytes > 0) {
        add_object(argv, vnuma, cell);
        g_string_append_printf(node, ",memdev=ram-node%u", cell->id);
    }
    add(argv, "-numa", g_strdup(node->str));
}

static void
add_distances(GPtrArray *argv, const VnVnuma *vnuma)
{
    guint n_cells = vnuma->cells->len;
    for (guint i = 0; vnuma->distances && i < n_cells * n_cells; i++)
        add(argv, "-numa",
            g_strdup_printf("dist,src=%u,dst=%u,val=%u", i / n_cells, i % n_cells,
                            vnuma->distances[i]));
}

static void
add_interconnects(GPtrArray *argv, const VnVnuma *vnuma)
{
    static const char *const hierarchies[] = {"memory", "first-level", "second-level",
                                              "third-level"};
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        g_autofree char *figure =
            one->latency_ns > 0
                ? g_strdup_printf("latency,latency=%u", one->latency_ns)
                : g_strdup_printf("bandwidth,bandwidth=%" G_GUINT64_FORMAT "K",
                                  one->bandwidth_bytes_per_second / 1024);
        add(argv, "-numa",
            g_strdup_printf("hmat-lb,initiator=%u,target=%u,hierarchy=%s,data-type=%s-%s",
                            one->initiator, one->target, hierarchies[one->cache],
                            vn_access_name(one->access), figure));
    }
}

static void
add_caches(GPtrArray *argv, const VnVnuma *vnuma)
{
    for (guint i = 0; i < vnuma->caches->len; i++) {
        const VnMemoryCache *cache = &g_array_index(vnuma->caches, VnMemoryCache, i);
        add(argv, "-numa",
            g_strdup_printf("hmat-cache,node-id=%u,size=%" G_GUINT64_FORMAT
                            "K,level=%u,associativity=%s,policy=%s,line=%u",
                            cache->cell, cache->size_bytes / 1024, cache->level,
                            vn_associativity_name(cache->associativity),
                            vn_cache_policy_name(cache->policy), cache->line_bytes));
    }
}

char **
vn_qemu_arguments(const VnVnuma *vnuma)
{
    GPtrArray *argv = g_ptr_array_new();
    add_machine(argv, vnuma);
    add_sizes(argv, vnuma);
    for (guint id = 0; id < vnuma->cells->len; id++)
        add_cell(argv, vnuma, vn_vnuma_cell(vnuma, id));
    add_distances(argv, vnuma);
    add_interconnects(argv, vnuma);
    add_caches(argv, vnuma);
    g_ptr_array_add(argv, NULL);
    return (char **) g_ptr_array_free(argv, FALSE);
}
