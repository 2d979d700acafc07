/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Told distances: the mean of the host's between two homes, within what is valid. */
#include "guest-topology/distances.h"

/* Places in VnHost.nodes of the nodes of a home that exist. */
static GArray *
places_of(const VnHost *host, const VnIdSet *home)
{
    GArray *places = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < host->nodes->len; i++) {
        if (vn_idset_contains(home, ((const VnHostNode *) host->nodes->pdata[i])->id))
            g_array_append_val(places, i);
    }
    return places;
}

static guint
between_places(const VnHost *host, const GArray *from, const GArray *to)
{
    guint64 sum = 0;
    guint64 n = 0;
    for (guint i = 0; i < from->len; i++) {
        const VnHostNode *node = host->nodes->pdata[g_array_index(from, guint, i)];
        for (guint j = 0; j < to->len; j++) {
            guint distance = node->distances[g_array_index(to, guint, j)];
            if (distance >= VN_DISTANCE_UNREACHABLE)
                continue;
            sum += distance;
            n++;
        }
    }
    if (n == 0)
        return VN_DISTANCE_UNREACHABLE;
    return (guint) CLAMP((sum + n / 2) / n, VN_DISTANCE_LOCAL + 1, VN_TOLD_DISTANCE_MAX);
}

guint
vn_distances_between(const VnHost *host, const VnIdSet *home_from, const VnIdSet *home_to)
{
    if (vn_idset_is_empty(home_from) || vn_idset_is_empty(home_to))
        return VN_DISTANCE_REMOTE;
    g_autoptr(GArray) from = places_of(host, home_from);
    g_autoptr(GArray) to = places_of(host, home_to);
    return between_places(host, from, to);
}

static gboolean
check_matrix(const VnVnuma *vnuma, const VnTag *tag, GError **error)
{
    guint n_cells = vnuma->cells->len;
    if (!tag->matrix || tag->matrix_cells != n_cells) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "distances: they are given for %u cells, but there are %u; give a "
                    "row of %u for each, or say distances='host'",
                    tag->matrix ? tag->matrix_cells : 0, n_cells, n_cells);
        return FALSE;
    }
    for (guint i = 0; i < n_cells * n_cells; i++) {
        guint distance = tag->matrix[i];
        guint from = i / n_cells;
        guint to = i % n_cells;
        const char *why_not = vn_vnuma_why_not_distance(from, to, distance);
        if (!why_not)
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "distances: %u from cell %u to cell %u; %s", distance, from, to,
                    why_not);
        return FALSE;
    }
    return TRUE;
}

static void
derive_from_homes(const VnHost *host, VnVnuma *vnuma)
{
    guint n_cells = vnuma->cells->len;
    g_autoptr(GPtrArray) places =
        g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
    for (guint i = 0; i < n_cells; i++)
        g_ptr_array_add(places, places_of(host, vn_vnuma_cell(vnuma, i)->home));
    for (guint i = 0; i < n_cells * n_cells; i++) {
        guint from = i / n_cells;
        guint to = i % n_cells;
        gboolean known = !vn_idset_is_empty(vn_vnuma_cell(vnuma, from)->home) &&
                         !vn_idset_is_empty(vn_vnuma_cell(vnuma, to)->home);
        if (from != to)
            vn_vnuma_set_distance(
                vnuma, from, to,
                known ? between_places(host, places->pdata[from], places->pdata[to])
                      : VN_DISTANCE_REMOTE);
    }
}

gboolean
vn_distances_derive(const VnHost *host, VnVnuma *vnuma, const VnTag *tag, GError **error)
{
    guint n_cells = vnuma->cells->len;
    if (tag->distances == VN_DISTANCES_EXPLICIT && !check_matrix(vnuma, tag, error))
        return FALSE;
    g_clear_pointer(&vnuma->distances, g_free);
    if (n_cells < 2)
        return TRUE;
    switch (tag->distances) {
    case VN_DISTANCES_HOST:
        derive_from_homes(host, vnuma);
        break;
    case VN_DISTANCES_FLAT:
        vn_vnuma_set_distance(vnuma, 0, 1, VN_DISTANCE_REMOTE);
        break;
    case VN_DISTANCES_EXPLICIT:
        for (guint i = 0; i < n_cells * n_cells; i++)
            vn_vnuma_set_distance(vnuma, i / n_cells, i % n_cells, tag->matrix[i]);
        break;
    }
    return TRUE;
}
