/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What QEMU 7.2 refuses beyond what vn_vnuma_check() looks at (hw/core/numa.c,
 * hw/core/machine.c, hw/i386/pc.c), said before QEMU says it.
 */
#include "guest-topology/acpi.h"
#include "guest-topology/hmat-scale.h"

#include <string.h>

#define KIB G_GUINT64_CONSTANT(1024)
#define MIB (KIB << 10)

/* RAM is counted in pages of this size, and QEMU rounds -m up to two of them. */
#define PAGE_BYTES (4 * KIB)
#define RAM_BYTES (8 * KIB)

#define SLOTS_MAX 256u /* ACPI_MAX_RAM_SLOTS */

static gboolean
check_machine(const VnVnuma *vnuma, GError **error)
{
    static const struct {
        const char *name;
        const char *prefix;
        guint vcpus_max;
    } machines[] = {
        {"pc", "pc-i440fx-", 255},
        {"q35", "pc-q35-", 288},
    };
    for (gsize i = 0; vnuma->machine && i < G_N_ELEMENTS(machines); i++) {
        if (strcmp(vnuma->machine, machines[i].name) != 0 &&
            !g_str_has_prefix(vnuma->machine, machines[i].prefix))
            continue;
        if (vnuma->vcpus <= machines[i].vcpus_max)
            return TRUE;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "%u vCPUs, but machine %s takes at most %u%s", vnuma->vcpus,
                    vnuma->machine, machines[i].vcpus_max,
                    i == 0 ? "; q35 takes more" : "");
        return FALSE;
    }
    return TRUE; /* another machine, of whose limits nothing is known */
}

static gboolean
check_memory(const VnVnuma *vnuma, GError **error)
{
    guint64 page = MAX(vnuma->page_size_bytes, PAGE_BYTES);
    guint64 ram = vn_vnuma_memory(vnuma);
    for (guint id = 0; id < vnuma->cells->len; id++) {
        guint64 bytes = vn_vnuma_cell(vnuma, id)->memory_bytes;
        if (bytes % page == 0)
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "cell %u: its memory, %" G_GUINT64_FORMAT
                    " bytes, is not in whole pages of %" G_GUINT64_FORMAT " bytes",
                    id, bytes, page);
        return FALSE;
    }
    if (ram % RAM_BYTES == 0)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "the cells have %" G_GUINT64_FORMAT
                " bytes of memory in all; it has to be a multiple of %" G_GUINT64_FORMAT,
                ram, RAM_BYTES);
    return FALSE;
}

static gboolean
check_hotplug(const VnVnuma *vnuma, GError **error)
{
    guint64 ram = vn_vnuma_memory(vnuma);
    guint64 most = vnuma->memory_max_bytes;
    const char *wrong = NULL;
    if (most == 0 && vnuma->memory_slots == 0)
        return TRUE;
    if (most < ram)
        wrong = "that is less than the cells have";
    else if (most == ram && vnuma->memory_slots > 0)
        wrong = "the cells have it all, so that nothing is left for the slots";
    else if (most % PAGE_BYTES != 0)
        wrong = "it has to be a multiple of 4096";
    else if (vnuma->memory_slots > SLOTS_MAX)
        wrong = "there can be at most 256 slots";
    if (!wrong)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "memory for hot-plugging, %" G_GUINT64_FORMAT
                " bytes at most in %u slots: %s",
                most, vnuma->memory_slots, wrong);
    return FALSE;
}

static gboolean
refuse_interconnect(const VnInterconnect *one, const char *wrong, GError **error)
{
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "interconnect from cell %u to cell %u: %s", one->initiator, one->target,
                wrong);
    return FALSE;
}

/* All that stands in the matrix of the @first one, which is the first of it. */
static gboolean
check_matrix(const VnVnuma *vnuma, guint first, GError **error)
{
    const VnInterconnect *all = &g_array_index(vnuma->interconnects, VnInterconnect, 0);
    gboolean latency = all[first].latency_ns > 0;
    guint n_cells = vnuma->cells->len;
    g_autoptr(VnIdSet) seen = vn_idset_new();
    VnHmatScale scale = {0};
    guint64 largest = 0;
    for (guint i = first; i < vnuma->interconnects->len; i++) {
        guint64 figure = vn_hmat_figure(&all[i]);
        guint place = all[i].initiator * n_cells + all[i].target;
        if (!vn_hmat_same_matrix(&all[i], &all[first]))
            continue;
        if (vn_idset_contains(seen, place))
            return refuse_interconnect(&all[i], "it is told twice", error);
        vn_idset_add(seen, place);
        if (!latency && figure % MIB != 0)
            return refuse_interconnect(
                &all[i], "its bandwidth is not in whole MiB a second", error);
        largest = MAX(largest, figure);
        /* The second: QEMU takes it, and cuts off the entry's upper bits. */
        if (!vn_hmat_scale_add(&scale, latency, figure) ||
            largest / scale.unit > VN_HMAT_ENTRY_MAX)
            return refuse_interconnect(&all[i],
                                       "it cannot be told in HMAT's 16 bits beside the "
                                       "others: round it to fewer digits",
                                       error);
    }
    return TRUE;
}

static gboolean
is_first_of_matrix(const VnVnuma *vnuma, guint place)
{
    const VnInterconnect *all = &g_array_index(vnuma->interconnects, VnInterconnect, 0);
    for (guint i = 0; i < place; i++) {
        if (vn_hmat_same_matrix(&all[i], &all[place]))
            return FALSE;
    }
    return TRUE;
}

/* Whether the memory of @cell has a latency, and a bandwidth. */
static gboolean
has_both_figures(const VnVnuma *vnuma, guint cell)
{
    gboolean latency = FALSE;
    gboolean bandwidth = FALSE;
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        latency |= one->target == cell && one->latency_ns > 0;
        bandwidth |= one->target == cell && one->bandwidth_bytes_per_second > 0;
    }
    return latency && bandwidth;
}

/* In the order in which QEMU is given them. */
static gboolean
check_caches(const VnVnuma *vnuma, GError **error)
{
    for (guint i = 0; i < vnuma->caches->len; i++) {
        const VnMemoryCache *cache = &g_array_index(vnuma->caches, VnMemoryCache, i);
        const VnMemoryCache *below = NULL;
        const char *wrong = NULL;
        for (guint k = 0; k < i && !wrong; k++) {
            const VnMemoryCache *other = &g_array_index(vnuma->caches, VnMemoryCache, k);
            if (other->cell == cache->cell && other->level == cache->level)
                wrong = "it is told twice";
            if (other->cell == cache->cell && other->level + 1 == cache->level)
                below = other;
        }
        if (!wrong && !has_both_figures(vnuma, cache->cell))
            wrong = "the cell's memory needs a latency and a bandwidth first";
        else if (!wrong && cache->level > 1 && !below)
            wrong = "the level below it has to be told first";
        else if (!wrong && below && cache->size_bytes <= below->size_bytes)
            wrong = "it is not larger than the level below it";
        else if (!wrong && cache->line_bytes > G_MAXUINT16)
            wrong = "its line is longer than 65535 bytes";
        if (!wrong)
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "memory cache of level %u of cell %u: %s", cache->level, cache->cell,
                    wrong);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_hmat(const VnVnuma *vnuma, GError **error)
{
    if (!vn_acpi_has_hmat(vnuma))
        return TRUE;
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        if (is_first_of_matrix(vnuma, i) && !check_matrix(vnuma, i, error))
            return FALSE;
    }
    return check_caches(vnuma, error);
}

gboolean
vn_acpi_check(const VnVnuma *vnuma, GError **error)
{
    return vn_vnuma_check(vnuma, error) && check_machine(vnuma, error) &&
           check_memory(vnuma, error) && check_hotplug(vnuma, error) &&
           check_hmat(vnuma, error);
}
