/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Candidates for each cell, and elimination among them: a cell with one candidate that no
 * other cell needs is decided, and takes its place away from the others, and so on.
 */
#include "daemon/places.h"

#include "host/numa_maps.h"

#include <string.h>

/* More candidates than this tell nothing: some other program's mappings. */
#define PLACES_MAX 1024

struct VnPlaces {
    const VnGuest *guest;
    const GArray *ranges;
    GPtrArray *of_cell; /* of GArray of VnRamPlace, by cell */
    GArray *starts;     /* of guint64, by cell; 0: not decided */
};

static void
range_clear(gpointer data)
{
    VnPlaceRange *range = data;
    g_free(range->file);
    vn_idset_free(range->nodes);
}

/* "bind:0-1", "bind=static:3", "prefer (many):0"; anything else is no policy to go by. */
static void
read_policy(const char *policy, VnPlaceRange *range)
{
    const char *colon = strchr(policy, ':');
    if (!colon)
        return;
    VnBinding binding;
    if (g_str_has_prefix(policy, "bind"))
        binding = VN_BINDING_STRICT;
    else if (g_str_has_prefix(policy, "prefer"))
        binding = VN_BINDING_PREFERRED;
    else if (g_str_has_prefix(policy, "interleave"))
        binding = VN_BINDING_INTERLEAVE;
    else
        return;
    range->nodes = vn_idset_parse(colon + 1, NULL);
    if (range->nodes)
        range->binding = binding;
}

GArray *
vn_place_ranges_new(const GPtrArray *maps)
{
    GArray *ranges = g_array_new(FALSE, TRUE, sizeof(VnPlaceRange));
    g_array_set_clear_func(ranges, range_clear);
    for (guint i = 0; i < maps->len; i++) {
        const VnNumaMap *map = maps->pdata[i];
        if (map->is_heap || map->is_stack || map->end <= map->start ||
            !g_str_has_prefix(map->permissions, "rw"))
            continue;
        VnPlaceRange range = {
            .start = map->start,
            .end = map->end,
            .file = g_strdup(map->file),
            .is_plain = !map->is_huge && map->permissions[3] == 'p',
        };
        read_policy(map->policy, &range);
        g_array_append_val(ranges, range);
    }
    return ranges;
}

static const VnPlaceRange *
range_at(const VnPlaces *places, guint i)
{
    return &g_array_index(places->ranges, VnPlaceRange, i);
}

static guint64
size_of(const VnPlaces *places, guint cell)
{
    return ((const VnCell *) places->guest->cells->pdata[cell])->memory_bytes;
}

static guint64
start_of(const VnPlaces *places, guint cell)
{
    return g_array_index(places->starts, guint64, cell);
}

static GArray *
candidates(const VnPlaces *places, guint cell)
{
    return places->of_cell->pdata[cell];
}

/* Whether range @i goes on where the one before it ends, as parts of one block do. */
static gboolean
continues(const VnPlaces *places, guint i)
{
    const VnPlaceRange *before = range_at(places, i - 1);
    const VnPlaceRange *range = range_at(places, i);
    return before->end == range->start && g_strcmp0(before->file, range->file) == 0;
}

/* The N of a file that QEMU keeps the object ram-nodeN in; -1: it is no such file. */
static gint64
cell_of_file(const char *file)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    const char *name = slash ? slash + 1 : file;
    const char *found = name ? strstr(name, "ram-node") : NULL;
    if (!found || (found > name && found[-1] != '_' && found[-1] != '.'))
        return -1;
    const char *digits = found + strlen("ram-node");
    if (!g_ascii_isdigit(*digits))
        return -1;
    char *rest;
    guint64 id = g_ascii_strtoull(digits, &rest, 10);
    gboolean ends = *rest == '\0' || *rest == '.' || *rest == ' ';
    return ends && id < VN_CELLS_MAX ? (gint64) id : -1;
}

static void
add_place(VnPlaces *places, guint cell, guint64 start, guint range, gboolean is_merged)
{
    GArray *of_cell = candidates(places, cell);
    if (of_cell->len >= PLACES_MAX)
        return;
    for (guint i = 0; i < of_cell->len; i++) {
        if (g_array_index(of_cell, VnRamPlace, i).start == start)
            return;
    }
    const VnPlaceRange *there = range_at(places, range);
    VnRamPlace place = {
        .start = start,
        .is_plain = there->is_plain,
        .is_merged = is_merged,
        .named = cell_of_file(there->file),
        .binding = there->binding,
        .nodes = there->nodes,
    };
    g_array_append_val(of_cell, place);
}

/* Mappings, or runs of them where one was split, that have exactly the cell's size. */
static void
add_exact(VnPlaces *places, guint cell)
{
    guint64 size = size_of(places, cell);
    guint first = 0;
    for (guint last = 0; last < places->ranges->len; last++) {
        if (last > 0 && !continues(places, last))
            first = last;
        while (first < last &&
               range_at(places, last)->end - range_at(places, first)->start > size)
            first++;
        if (range_at(places, last)->end - range_at(places, first)->start == size)
            add_place(places, cell, range_at(places, first)->start, first, FALSE);
    }
}

/*
 * The places in [start, end) for the cell, if it holds blocks side by side: a run of
 * cells of this size in all, in their order or, as the kernel hands out addresses from
 * the top downwards, in the opposite one.
 */
static void
add_merged_in(VnPlaces *places, guint cell, guint64 start, guint64 end, guint range)
{
    guint first = 0;
    guint64 sum = 0;
    for (guint last = 0; last < places->guest->cells->len; last++) {
        sum += size_of(places, last);
        while (sum > end - start)
            sum -= size_of(places, first++);
        if (sum != end - start || cell < first || cell > last)
            continue;
        guint64 before = 0;
        for (guint i = first; i < cell; i++)
            before += size_of(places, i);
        add_place(places, cell, start + before, range, TRUE);
        add_place(places, cell, end - before - size_of(places, cell), range, TRUE);
    }
    add_place(places, cell, start, range, TRUE);
    add_place(places, cell, end - size_of(places, cell), range, TRUE);
}

static void
add_merged(VnPlaces *places, guint cell)
{
    for (guint first = 0; first < places->ranges->len;) {
        guint next = first + 1;
        while (next < places->ranges->len && continues(places, next))
            next++;
        guint64 start = range_at(places, first)->start;
        guint64 end = range_at(places, next - 1)->end;
        if (end - start > size_of(places, cell))
            add_merged_in(places, cell, start, end, first);
        first = next;
    }
}

/*
 * Drops what carries another cell's name; where any carries the cell's own, the rest
 * too.
 */
static void
use_names(VnPlaces *places, guint cell)
{
    GArray *of_cell = candidates(places, cell);
    gint64 id = ((const VnCell *) places->guest->cells->pdata[cell])->id;
    gboolean has_own = FALSE;
    for (guint i = 0; i < of_cell->len; i++)
        has_own |= g_array_index(of_cell, VnRamPlace, i).named == id;
    for (guint i = of_cell->len; i-- > 0;) {
        gint64 named = g_array_index(of_cell, VnRamPlace, i).named;
        if (named != id && (named >= 0 || has_own))
            g_array_remove_index(of_cell, i);
    }
}

static gboolean
overlap(const VnPlaces *places, guint64 start, guint cell, guint64 other_start,
        guint other_cell)
{
    return start < other_start + size_of(places, other_cell) &&
           other_start < start + size_of(places, cell);
}

/* Whether @other would have no candidate left with @cell at @start. */
static gboolean
starves(const VnPlaces *places, guint64 start, guint cell, guint other)
{
    const GArray *of_other = candidates(places, other);
    for (guint i = 0; i < of_other->len; i++) {
        guint64 other_start = g_array_index(of_other, VnRamPlace, i).start;
        if (!overlap(places, start, cell, other_start, other))
            return FALSE;
    }
    return of_other->len > 0;
}

static void
take_place(VnPlaces *places, guint cell, guint64 start)
{
    g_array_index(places->starts, guint64, cell) = start;
    for (guint other = 0; other < places->guest->cells->len; other++) {
        GArray *of_other = candidates(places, other);
        if (other == cell)
            continue;
        for (guint i = of_other->len; i-- > 0;) {
            guint64 other_start = g_array_index(of_other, VnRamPlace, i).start;
            if (overlap(places, start, cell, other_start, other))
                g_array_remove_index(of_other, i);
        }
    }
}

static gboolean
is_settled(const VnPlaces *places, guint cell)
{
    const GArray *of_cell = candidates(places, cell);
    if (start_of(places, cell) || of_cell->len != 1)
        return FALSE;
    const VnRamPlace *place = &g_array_index(of_cell, VnRamPlace, 0);
    for (guint other = 0; other < places->guest->cells->len; other++) {
        if (other != cell && !start_of(places, other) &&
            starves(places, place->start, cell, other))
            return FALSE;
    }
    return !place->is_merged;
}

static void
settle(VnPlaces *places)
{
    gboolean changed = TRUE;
    while (changed) {
        changed = FALSE;
        for (guint cell = 0; cell < places->guest->cells->len; cell++) {
            if (!is_settled(places, cell))
                continue;
            const GArray *only = candidates(places, cell);
            take_place(places, cell, g_array_index(only, VnRamPlace, 0).start);
            changed = TRUE;
        }
    }
}

/* The policy that the cell's RAM has when nobody changed it since QEMU started. */
static gboolean
has_policy_of(const VnRamPlace *place, const VnCell *cell)
{
    return place->nodes && cell->bound && place->binding == cell->binding &&
           vn_idset_equal(place->nodes, cell->bound);
}

/*
 * Whether policies tell the cells of one size apart: as many places as cells with each
 * policy, so that none was changed behind our back to look like another's.
 */
static gboolean
policies_agree(const VnPlaces *places, guint64 size)
{
    guint n_cells = places->guest->cells->len;
    for (guint cell = 0; cell < n_cells; cell++) {
        const VnCell *one = places->guest->cells->pdata[cell];
        const GArray *of_cell = candidates(places, cell);
        if (one->memory_bytes != size || start_of(places, cell))
            continue;
        guint n_alike = 0;
        guint n_places = 0;
        for (guint other = 0; other < n_cells; other++) {
            const VnCell *another = places->guest->cells->pdata[other];
            if (another->memory_bytes == size && !start_of(places, other) &&
                another->bound && one->bound && another->binding == one->binding &&
                vn_idset_equal(another->bound, one->bound))
                n_alike++;
        }
        for (guint i = 0; i < of_cell->len; i++)
            n_places += has_policy_of(&g_array_index(of_cell, VnRamPlace, i), one);
        if (n_alike == 0 || n_alike != n_places)
            return FALSE;
    }
    return TRUE;
}

static void
use_policies(VnPlaces *places)
{
    guint n_cells = places->guest->cells->len;
    g_autoptr(VnIdSet) agreeing = vn_idset_new();
    for (guint cell = 0; cell < n_cells; cell++) {
        if (!start_of(places, cell) && policies_agree(places, size_of(places, cell)))
            vn_idset_add(agreeing, cell);
    }
    VN_IDSET_FOREACH (agreeing, cell) {
        GArray *of_cell = candidates(places, (guint) cell);
        for (guint i = of_cell->len; i-- > 0;) {
            if (!has_policy_of(&g_array_index(of_cell, VnRamPlace, i),
                               places->guest->cells->pdata[cell]))
                g_array_remove_index(of_cell, i);
        }
    }
    settle(places);
}

VnPlaces *
vn_places_new(const VnGuest *guest, const GArray *ranges)
{
    VnPlaces *places = g_new0(VnPlaces, 1);
    places->guest = guest;
    places->ranges = ranges;
    places->of_cell = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
    places->starts = g_array_new(FALSE, TRUE, sizeof(guint64));
    g_array_set_size(places->starts, guest->cells->len);
    for (guint i = 0; i < guest->cells->len; i++)
        g_ptr_array_add(places->of_cell, g_array_new(FALSE, FALSE, sizeof(VnRamPlace)));

    for (guint cell = 0; cell < guest->cells->len; cell++) {
        const VnCell *one = guest->cells->pdata[cell];
        if (one->memory_bytes == 0 || one->hva_start)
            continue;
        add_exact(places, cell);
        if (candidates(places, cell)->len == 0)
            add_merged(places, cell);
        use_names(places, cell);
    }
    for (guint cell = 0; cell < guest->cells->len; cell++) {
        const VnCell *one = guest->cells->pdata[cell];
        if (one->hva_start)
            take_place(places, cell, one->hva_start);
    }
    settle(places);
    use_policies(places);
    return places;
}

void
vn_places_free(VnPlaces *places)
{
    if (!places)
        return;
    g_ptr_array_unref(places->of_cell);
    g_array_unref(places->starts);
    g_free(places);
}

gboolean
vn_places_is_decided(const VnPlaces *places, guint cell, guint64 *ret_start)
{
    guint64 start = start_of(places, cell);
    if (start && ret_start)
        *ret_start = start;
    return start != 0;
}

const GArray *
vn_places_of(const VnPlaces *places, guint cell)
{
    return candidates(places, cell);
}

/* Whether mappings cover all of [start, start + size) without a gap. */
static gboolean
has_room(const VnPlaces *places, guint64 start, guint64 size)
{
    guint64 end;
    guint64 reached = start;
    if (!g_uint64_checked_add(&end, start, size))
        return FALSE;
    for (guint i = 0; i < places->ranges->len && reached < end; i++) {
        const VnPlaceRange *range = range_at(places, i);
        if (range->start <= reached && range->end > reached)
            reached = range->end;
    }
    return reached >= end;
}

gboolean
vn_places_decide(VnPlaces *places, guint cell, guint64 start)
{
    if (start == 0 || !has_room(places, start, size_of(places, cell)))
        return FALSE;
    for (guint other = 0; other < places->guest->cells->len; other++) {
        if (other != cell && start_of(places, other) &&
            overlap(places, start, cell, start_of(places, other), other))
            return FALSE;
    }
    take_place(places, cell, start);
    settle(places);
    return TRUE;
}

char *
vn_places_doubt(const VnPlaces *places, guint cell)
{
    const GArray *of_cell = candidates(places, cell);
    g_autoptr(VnIdSet) alike = vn_idset_new();
    for (guint other = 0; other < places->guest->cells->len; other++) {
        if (size_of(places, other) == size_of(places, cell) && !start_of(places, other))
            vn_idset_add(alike, other);
    }
    if (of_cell->len == 0)
        return g_strdup_printf("no mapping of QEMU has the size of cell %u", cell);
    if (g_array_index(of_cell, VnRamPlace, 0).is_merged)
        return g_strdup_printf("cell %u lies within a larger mapping", cell);
    if (vn_idset_count(alike) > 1) {
        g_autofree char *list = vn_idset_format(alike);
        return g_strdup_printf("cells %s look alike", list);
    }
    return g_strdup_printf("%u mappings have the size of cell %u", of_cell->len, cell);
}
