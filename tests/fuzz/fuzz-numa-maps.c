/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * numa_maps and maps, separated by the first "%": what is taken is ascending, does not
 * overlap, and its bytes add up.
 */
#include "host/numa_maps.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static void
check(const GPtrArray *list, gboolean joined)
{
    guint64 last_end = 0;
    for (guint i = 0; i < list->len; i++) {
        const VnNumaMap *map = list->pdata[i];
        guint64 bytes = 0;
        int last_node = -1;
        g_assert(map->policy && *map->policy);
        g_assert(i == 0 || map->start >= last_end);
        g_assert(joined ? map->end > map->start && strlen(map->permissions) == 4
                        : map->end == 0 && map->permissions[0] == '\0');
        for (guint j = 0; j < map->resident->len; j++) {
            guint node = g_array_index(map->resident, VnNumaPages, j).host_node;
            g_assert((int) node > last_node && node < VN_HOST_NODES_MAX);
            last_node = (int) node;
            bytes += vn_numa_map_bytes_on(map, node);
        }
        g_assert(bytes == vn_numa_map_bytes(map) && bytes <= G_MAXINT64);
        last_end = joined ? map->end : map->start + 1;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strndup((const char *) data, size);
    char *maps = strchr(text, '%');
    if (maps)
        *maps++ = '\0';
    g_autoptr(GPtrArray) list = vn_numa_maps_parse(text, maps, &error);
    if (!list) {
        g_assert(error && g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    g_assert(!error);
    check(list, maps != NULL);
    return 0;
}
