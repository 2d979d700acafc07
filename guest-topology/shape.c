/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dividing vCPUs and memory into cells. */
#include "guest-topology/shape.h"

#include "guest-topology/places.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

guint64
vn_shape_page_unit(const VnBuildSize *size)
{
    if (size->page_size_bytes > 2 * MIB)
        return size->page_size_bytes;
    return size->memory_bytes % (2 * MIB) == 0 ? 2 * MIB
                                               : MAX(size->page_size_bytes, MIB);
}

static guint
greatest_common_divisor(guint a, guint b)
{
    while (b > 0) {
        guint rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Divides memory; FALSE when there is not a unit for each cell. */
static gboolean
divide_memory(const VnBuildSize *size, VnShape *shape)
{
    guint64 unit = vn_shape_page_unit(size);
    guint64 rest = size->memory_bytes % unit;
    guint64 units = size->memory_bytes / unit + (rest > 0);
    shape->byte_unit = unit;
    shape->bytes = units / shape->cells * unit;
    shape->byte_extras = (guint) (units % shape->cells);
    shape->slack_bytes = rest > 0 ? unit - rest : 0;
    return units >= shape->cells;
}

/* FALSE when there is not a unit for each cell, or cells come out too large. */
static gboolean
divide_vcpus(guint vcpus, guint unit, guint max, VnShape *shape)
{
    guint units = vcpus / unit;
    shape->vcpu_unit = unit;
    shape->vcpus = units / shape->cells * unit;
    shape->vcpu_extras = units % shape->cells;
    guint largest = shape->vcpus + (shape->vcpu_extras > 0 ? unit : 0);
    return vcpus % unit == 0 && units >= shape->cells && (max == 0 || largest <= max);
}

/*
 * What cells are made of in an administrator's topology: whole sockets, or equal parts of
 * a socket that are whole dies, or equal parts of a die that are whole cores. 0: neither.
 */
static guint
unit_of_topology(const VnCpuTopology *topology, guint cells)
{
    guint core = topology->threads;
    guint die = core * topology->cores;
    guint socket = die * topology->dies;
    if (cells <= topology->sockets)
        return socket;
    if (cells % topology->sockets != 0)
        return 0;
    guint of_socket = cells / topology->sockets;
    if (topology->dies % of_socket == 0)
        return die;
    if (of_socket % topology->dies == 0 &&
        topology->cores % (of_socket / topology->dies) == 0)
        return core;
    return 0;
}

guint
vn_shape_list(const VnBuildSize *size, const VnTag *tag, guint threads, guint cells,
              VnShape shapes[VN_SHAPES_MAX])
{
    guint max = tag->max_vcpus_per_cell;
    VnShape shape = {.cells = cells};
    guint n = 0;
    if (cells == 0 || !divide_memory(size, &shape))
        return 0;
    if (size->topology) {
        guint unit = unit_of_topology(size->topology, cells);
        if (unit > 0 && divide_vcpus(size->vcpus, unit, max, &shape))
            shapes[n++] = shape;
        return n;
    }
    /* Equal cells first, then whole cores. */
    for (int equal = 1; equal >= 0; equal--) {
        for (guint unit = threads; unit > 0; unit = unit > 1 ? 1 : 0) {
            if (divide_vcpus(size->vcpus, unit, max, &shape) &&
                (shape.vcpu_extras == 0) == equal)
                shapes[n++] = shape;
        }
    }
    return n;
}

static gboolean
machine_has_dies(const char *machine)
{
    return machine && (g_str_has_prefix(machine, "pc") || g_str_equal(machine, "q35"));
}

/* The package that all of a home is in; -1: none, or not known. */
static int
package_of(const VnHost *host, const VnIdSet *home)
{
    int package = -1;
    VN_IDSET_FOREACH (home, id) {
        int found = vn_host_places_package(host, vn_host_find_node(host, (guint) id));
        if (found < 0 || (package >= 0 && found != package))
            return -1;
        package = found;
    }
    return package;
}

/* How many cells each package has, one after the other; 1 where they are not alike. */
static guint
cells_of_package(const VnHost *host, const VnVnuma *vnuma)
{
    guint n_cells = vnuma->cells->len;
    g_autoptr(VnIdSet) seen = vn_idset_new();
    g_autoptr(VnIdSet) homes = vn_idset_new();
    guint each = 0;
    guint run = 0;
    int current = -1;
    for (guint i = 0; i < n_cells; i++) {
        const VnIdSet *home = vn_vnuma_cell(vnuma, i)->home;
        int package = package_of(host, home);
        if (package < 0 || vn_idset_overlaps(homes, home))
            return 1;
        vn_idset_add_all(homes, home);
        if (package != current) {
            if (vn_idset_contains(seen, (guint) package) || (each > 0 && run != each))
                return 1;
            if (i > 0)
                each = run;
            run = 0;
            current = package;
            vn_idset_add(seen, (guint) package);
        }
        run++;
    }
    return each == 0 || each == run ? run : 1;
}

VnCpuTopology
vn_shape_topology(const VnHost *host, const VnVnuma *vnuma, guint threads)
{
    guint n_cells = vnuma->cells->len;
    guint largest = 0;
    guint common = 0;
    for (guint i = 0; i < n_cells; i++) {
        guint vcpus = vn_idset_count(vn_vnuma_cell(vnuma, i)->vcpus);
        common = greatest_common_divisor(vcpus, common);
        largest = MAX(largest, vcpus);
    }
    if (common % threads != 0)
        threads = 1;
    VnCpuTopology topology = {
        .sockets = vnuma->vcpus / common,
        .dies = 1,
        .cores = common / threads,
        .threads = threads,
    };
    if (common == largest && machine_has_dies(vnuma->machine)) {
        topology.dies = cells_of_package(host, vnuma);
        topology.sockets /= topology.dies;
    }
    return topology;
}
