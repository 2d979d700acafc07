/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cells larger than a host node: groups of neighbouring nodes that hold one each. A group
 * starts with the node that holds most of a cell and takes in the nearest, until it does;
 * nodes that turn out not to be needed are given back. Not exhaustive.
 */
#include "guest-topology/places.h"

typedef struct {
    const VnHostPlaces *places;
    guint vcpus; /* what each group has to hold */
    guint64 bytes;
    gboolean *taken;
} Grouping;

static gboolean
holds(const Grouping *grouping, const VnHostPlace *place)
{
    return place->cpus >= grouping->vcpus && place->bytes >= grouping->bytes;
}

/* The share of a cell that a place holds, by what it has less of. */
static double
share(const Grouping *grouping, const VnHostPlace *place)
{
    return MIN((double) place->cpus / grouping->vcpus,
               (double) place->bytes / (double) grouping->bytes);
}

static int
find_start(const Grouping *grouping)
{
    int best = -1;
    double most = -1;
    for (guint i = 0; i < grouping->places->list->len; i++) {
        double found = share(grouping, vn_place_at(grouping->places->list, i));
        if (grouping->taken[i] || found <= most)
            continue;
        best = (int) i;
        most = found;
    }
    return best;
}

static void
take(Grouping *grouping, VnHostPlace *group, guint index)
{
    const VnHostPlace *place = vn_place_at(grouping->places->list, index);
    grouping->taken[index] = TRUE;
    vn_idset_add_all(group->nodes, place->nodes);
    group->cpus += place->cpus;
    group->bytes += place->bytes;
}

/* Those that the group does without, but for the one that it started with. */
static void
give_back(Grouping *grouping, VnHostPlace *group, const GArray *members)
{
    for (guint i = 1; i < members->len; i++) {
        guint index = g_array_index(members, guint, i);
        const VnHostPlace *place = vn_place_at(grouping->places->list, index);
        if (group->cpus - place->cpus < grouping->vcpus ||
            group->bytes - place->bytes < grouping->bytes)
            continue;
        group->cpus -= place->cpus;
        group->bytes -= place->bytes;
        vn_idset_remove_all(group->nodes, place->nodes);
        grouping->taken[index] = FALSE;
    }
}

/* FALSE: what is not taken yet does not hold a cell. */
static gboolean
fill(Grouping *grouping, VnHostPlace *group)
{
    const VnHostPlaces *places = grouping->places;
    guint n = places->list->len;
    g_autoptr(GArray) members = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autofree guint64 *cost = g_new0(guint64, n);
    for (int next = find_start(grouping); next >= 0;) {
        guint index = (guint) next;
        take(grouping, group, index);
        g_array_append_val(members, index);
        if (holds(grouping, group)) {
            give_back(grouping, group, members);
            return TRUE;
        }
        next = -1;
        for (guint i = 0; i < n; i++) {
            cost[i] += places->apart[index * n + i];
            if (grouping->taken[i])
                continue;
            if (next < 0 || cost[i] < cost[next] ||
                (cost[i] == cost[next] &&
                 vn_place_at(places->list, i)->bytes >
                     vn_place_at(places->list, (guint) next)->bytes))
                next = (int) i;
        }
    }
    return FALSE;
}

GPtrArray *
vn_host_places_grouped(const VnHostPlaces *places, const VnShape *shape)
{
    g_autofree gboolean *taken = g_new0(gboolean, places->list->len);
    Grouping grouping = {
        .places = places,
        .vcpus = shape->vcpus + (shape->vcpu_extras > 0 ? shape->vcpu_unit : 0),
        .bytes = shape->bytes + (shape->byte_extras > 0 ? shape->byte_unit : 0),
        .taken = taken,
    };
    g_autoptr(GPtrArray) groups = vn_host_places_list_new();
    while (groups->len < shape->cells) {
        VnHostPlace *group = g_new0(VnHostPlace, 1);
        group->nodes = vn_idset_new();
        group->package = -1;
        group->cells = 1;
        g_ptr_array_add(groups, group);
        if (!fill(&grouping, group))
            return NULL;
    }
    return vn_host_places_checked(g_steal_pointer(&groups), shape);
}
