/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where memory lay before a step: asked of the kernel, joined, and written as text. */
#include "daemon/origins.h"

#include "host/pages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Pages in one call. */
#define PAGES_AT_ONCE 4096u
#define KIB 1024u

static void
join_or_add(GArray *origins, VnStepOrigin next)
{
    VnStepOrigin *last =
        origins->len ? &g_array_index(origins, VnStepOrigin, origins->len - 1) : NULL;
    if (last && last->host_node == next.host_node &&
        last->offset_bytes + last->bytes == next.offset_bytes)
        last->bytes += next.bytes;
    else
        g_array_append_val(origins, next);
}

static int
compare_parts(gconstpointer one, gconstpointer other)
{
    guint64 mine = ((const VnStepPart *) one)->offset_bytes;
    guint64 theirs = ((const VnStepPart *) other)->offset_bytes;
    return mine < theirs ? -1 : mine > theirs;
}

/* Of VnStepPart, ascending: each is asked for by its first page. */
static GArray *
parts_to_ask(const VnCell *cell, const VnStep *step)
{
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(VnStepPart));
    guint64 size_bytes = cell->hva_end - cell->hva_start;
    if (step->parts_only) {
        for (guint i = 0; i < step->parts->len; i++) {
            VnStepPart part = g_array_index(step->parts, VnStepPart, i);
            if (part.bytes && part.offset_bytes < size_bytes)
                g_array_append_val(parts, part);
        }
        g_array_sort(parts, compare_parts);
        return parts;
    }
    guint64 unit = MAX(VN_GRANULE_BYTES, cell->page_size_bytes);
    while (size_bytes / unit >= VN_ORIGINS_PAGES_MAX)
        unit *= 2;
    for (guint64 offset = 0; offset < size_bytes; offset += unit) {
        VnStepPart part = {.offset_bytes = offset,
                           .bytes = MIN(unit, size_bytes - offset)};
        g_array_append_val(parts, part);
    }
    return parts;
}

GArray *
vn_origins_read(const VnGuest *guest, const VnStep *step, VnMovePagesFunc func,
                gpointer data)
{
    const VnCell *cell = guest->cells->pdata[step->target];
    g_autoptr(GArray) parts = parts_to_ask(cell, step);
    g_autoptr(GArray) origins = g_array_new(FALSE, FALSE, sizeof(VnStepOrigin));
    void *pages[PAGES_AT_ONCE];
    int status[PAGES_AT_ONCE];
    if (!func)
        func = vn_pages_move;
    for (guint from = 0; from < parts->len; from += PAGES_AT_ONCE) {
        guint n = MIN(PAGES_AT_ONCE, parts->len - from);
        for (guint i = 0; i < n; i++) {
            guint64 offset = g_array_index(parts, VnStepPart, from + i).offset_bytes;
            pages[i] = (void *) (gsize) (cell->hva_start + offset);
            status[i] = -ENODATA;
        }
        if (func(guest->pid, n, pages, NULL, status, 0, data) < 0)
            return NULL;
        for (guint i = 0; i < n; i++) {
            const VnStepPart *part = &g_array_index(parts, VnStepPart, from + i);
            if (status[i] >= 0 && !vn_idset_contains(step->after, (guint) status[i]))
                join_or_add(origins, (VnStepOrigin){part->offset_bytes, part->bytes,
                                                    (guint) status[i]});
        }
    }
    vn_origins_shorten(origins, VN_ORIGINS_MAX);
    return g_steal_pointer(&origins);
}

/* What begins within one unit becomes one piece, on the node of its largest piece. */
static GArray *
join_by_unit(const GArray *origins, guint64 unit)
{
    GArray *joined = g_array_new(FALSE, FALSE, sizeof(VnStepOrigin));
    VnStepOrigin block = {0};
    guint64 largest = 0;
    for (guint i = 0; i < origins->len; i++) {
        VnStepOrigin next = g_array_index(origins, VnStepOrigin, i);
        if (i && next.offset_bytes / unit == block.offset_bytes / unit) {
            block.bytes = next.offset_bytes + next.bytes - block.offset_bytes;
            if (next.bytes <= largest)
                continue;
            block.host_node = next.host_node;
            largest = next.bytes;
            continue;
        }
        if (i)
            join_or_add(joined, block);
        block = next;
        largest = next.bytes;
    }
    if (origins->len)
        join_or_add(joined, block);
    return joined;
}

void
vn_origins_shorten(GArray *origins, guint max)
{
    for (guint64 unit = 2 * VN_GRANULE_BYTES; origins->len > max; unit *= 2) {
        g_autoptr(GArray) joined = join_by_unit(origins, unit);
        g_array_set_size(origins, 0);
        g_array_append_vals(origins, joined->data, joined->len);
    }
}

char *
vn_origins_format(const GArray *origins)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < origins->len; i++) {
        const VnStepOrigin *origin = &g_array_index(origins, VnStepOrigin, i);
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT "@%u",
                               i ? " " : "", origin->offset_bytes / KIB,
                               origin->bytes / KIB, origin->host_node);
    }
    return g_string_free(text, FALSE);
}

/* A number of at most @max, ended by @end or, when that is NUL, by a blank or the end. */
static gboolean
take_number(const char **at, guint64 max, char end, guint64 *ret_number)
{
    char *behind = NULL;
    if (!g_ascii_isdigit(**at))
        return FALSE;
    errno = 0;
    *ret_number = g_ascii_strtoull(*at, &behind, 10);
    gboolean ended = end ? *behind == end : *behind == ' ' || *behind == '\0';
    *at = behind + (*behind ? 1 : 0);
    return !errno && ended && *ret_number <= max;
}

GArray *
vn_origins_parse(const char *text)
{
    g_autoptr(GArray) origins = g_array_new(FALSE, FALSE, sizeof(VnStepOrigin));
    while (*text) {
        guint64 offset;
        guint64 size;
        guint64 node;
        if (origins->len == VN_ORIGINS_MAX ||
            !take_number(&text, G_MAXUINT64 / KIB / 2, '+', &offset) ||
            !take_number(&text, G_MAXUINT64 / KIB / 2, '@', &size) ||
            !take_number(&text, VN_ID_MAX, '\0', &node))
            return NULL;
        VnStepOrigin origin = {offset * KIB, size * KIB, (guint) node};
        g_array_append_val(origins, origin);
    }
    return g_steal_pointer(&origins);
}
