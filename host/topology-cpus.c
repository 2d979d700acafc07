/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's CPUs: which there are, which are online, their packages, cores and caches.
 * Formats: Documentation/ABI/testing/sysfs-devices-system-cpu ("online", "cpuN/online",
 * "cache/indexK"), Documentation/ABI/stable/sysfs-devices-system-cpu ("topology").
 */
#include "host/topology-private.h"

/* The level that vCPUs of one cell had better share. */
#define SHARED_CACHE_LEVEL 3
#define CACHES_MAX 64u

/*
 * Without the machine's own list: CPUs have a switch, but for those that never go
 * offline.
 */
static gboolean
has_no_off_switch_or_is_on(const VnFiles *files, guint id)
{
    guint64 online;
    g_autofree char *path = g_strdup_printf(VN_SYS_CPU "/cpu%u/online", id);
    return !vn_files_read_number(files, path, &online) || online != 0;
}

/* All CPUs there are, in @ret_present; those online, returned. */
static VnIdSet *
read_online(const VnFiles *files, VnIdSet **ret_present, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(GArray) numbers =
        vn_files_list_numbers(files, VN_SYS_CPU, "cpu", "", VN_HOST_CPUS_MAX, error);
    if (!numbers)
        return NULL;
    g_autoptr(VnIdSet) present = vn_idset_new();
    for (guint i = 0; i < numbers->len; i++) {
        guint id = g_array_index(numbers, guint, i);
        if (id >= VN_HOST_CPUS_MAX) {
            vn_files_set_invalid(files, VN_SYS_CPU, error,
                                 "cpu%u is above the limit of %u CPUs", id,
                                 VN_HOST_CPUS_MAX);
            return NULL;
        }
        vn_idset_add(present, id);
    }

    g_autoptr(VnIdSet) online =
        vn_topology_read_set(files, VN_SYS_CPU, "online", NULL, &problem);
    if (g_error_matches(problem, VN_ERROR, VN_ERROR_GONE)) {
        online = vn_idset_new();
        VN_IDSET_FOREACH (present, id) {
            if (has_no_off_switch_or_is_on(files, (guint) id))
                vn_idset_add(online, (guint) id);
        }
    } else if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    if (vn_idset_is_empty(online) || vn_idset_next(online, VN_HOST_CPUS_MAX) >= 0) {
        vn_files_set_invalid(files, VN_SYS_CPU "/online", error,
                             "none, or above the limit of %u CPUs", VN_HOST_CPUS_MAX);
        return NULL;
    }
    vn_idset_add_all(present, online);
    *ret_present = g_steal_pointer(&present);
    return g_steal_pointer(&online);
}

static int
read_id(const VnFiles *files, guint cpu, const char *name)
{
    guint64 number;
    g_autofree char *path = g_strdup_printf(VN_SYS_CPU "/cpu%u/topology/%s", cpu, name);
    return vn_files_read_number(files, path, &number) && number <= G_MAXINT ? (int) number
                                                                            : -1;
}

/* "thread_siblings" is what Linux before 5.3 called "core_cpus". */
static VnIdSet *
read_siblings(const VnFiles *files, guint cpu)
{
    static const char *const names[][2] = {
        {"core_cpus_list", "core_cpus"},
        {"thread_siblings_list", "thread_siblings"},
    };
    g_autofree char *directory = g_strdup_printf(VN_SYS_CPU "/cpu%u/topology", cpu);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(VnIdSet) set =
            vn_topology_read_set(files, directory, names[i][0], names[i][1], NULL);
        if (set && vn_idset_contains(set, cpu))
            return g_steal_pointer(&set);
    }
    return NULL;
}

/* Sets l3 of all CPUs that share this CPU's, so that each cache is read once only. */
static void
read_shared_cache(const VnFiles *files, const VnHost *host, guint cpu)
{
    g_autofree char *caches = g_strdup_printf(VN_SYS_CPU "/cpu%u/cache", cpu);
    g_autoptr(GArray) indexes =
        vn_files_list_numbers(files, caches, "index", "", CACHES_MAX, NULL);
    for (guint i = 0; indexes && i < indexes->len; i++) {
        guint64 level;
        g_autofree char *cache =
            g_strdup_printf("%s/index%u", caches, g_array_index(indexes, guint, i));
        g_autofree char *level_path = g_build_filename(cache, "level", NULL);
        if (!vn_files_read_number(files, level_path, &level) ||
            level != SHARED_CACHE_LEVEL)
            continue;
        g_autoptr(VnIdSet) sharing =
            vn_topology_read_set(files, cache, "shared_cpu_list", "shared_cpu_map", NULL);
        if (!sharing || !vn_idset_contains(sharing, cpu))
            continue;
        VN_IDSET_FOREACH (sharing, id) {
            VnHostCpu *other = (VnHostCpu *) vn_host_find_cpu(host, (guint) id);
            if (other && other->online && other->l3 < 0)
                other->l3 = vn_idset_next(sharing, 0);
        }
        return;
    }
}

gboolean
vn_topology_read_cpus(const VnFiles *files, VnHost *host, GError **error)
{
    g_autoptr(VnIdSet) present = NULL;
    g_autoptr(VnIdSet) online = read_online(files, &present, error);
    if (!online)
        return FALSE;

    VN_IDSET_FOREACH (present, id) {
        vn_host_add_cpu(host, (guint) id)->online = vn_idset_contains(online, (guint) id);
    }
    for (guint i = 0; i < host->cpus->len; i++) {
        VnHostCpu *cpu = host->cpus->pdata[i];
        if (!cpu->online)
            continue;
        cpu->package = read_id(files, cpu->id, "physical_package_id");
        cpu->core = read_id(files, cpu->id, "core_id");
        cpu->siblings = read_siblings(files, cpu->id);
        if (cpu->l3 < 0)
            read_shared_cache(files, host, cpu->id);
    }
    return TRUE;
}
