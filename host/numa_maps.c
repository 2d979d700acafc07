/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two parsers and their join. Both texts are walked once, in place; every line has a
 * limit, and both lists end up ascending, so that the join is one pass.
 */
#include "host/numa_maps.h"

#include <string.h>

#include "host/files.h"

#define KIB_BYTES 1024u

/* A part of a text that is not ours to write to. */
typedef struct {
    const char *start;
    gsize length;
} Span;

/* One line of maps. */
typedef struct {
    guint64 start;
    guint64 end;
    char permissions[5];
} Range;

static void
numa_map_free(gpointer data)
{
    VnNumaMap *map = data;
    g_free(map->policy);
    g_free(map->file);
    g_array_unref(map->resident);
    g_free(map);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnNumaMap, numa_map_free)

static gboolean
span_is(Span span, const char *word)
{
    return span.length == strlen(word) && memcmp(span.start, word, span.length) == 0;
}

/* Cuts @prefix off. */
static gboolean
span_skip(Span *span, const char *prefix)
{
    gsize length = strlen(prefix);
    if (span->length < length || memcmp(span->start, prefix, length) != 0)
        return FALSE;
    span->start += length;
    span->length -= length;
    return TRUE;
}

/* Cuts off what is before the next @separator, and that; the rest when there is none. */
static Span
span_cut(Span *span, char separator)
{
    const char *end = span->length ? memchr(span->start, separator, span->length) : NULL;
    Span part = {span->start, end ? (gsize) (end - span->start) : span->length};
    gsize used = part.length + (end ? 1 : 0);
    span->start += used;
    span->length -= used;
    return part;
}

/* All of @span as a number. */
static gboolean
span_number(Span span, guint base, guint64 max, guint64 *ret_number)
{
    guint64 number = 0;
    if (span.length == 0)
        return FALSE;
    for (gsize i = 0; i < span.length; i++) {
        int digit = g_ascii_xdigit_value(span.start[i]);
        if (digit < 0 || (guint) digit >= base || number > (max - (guint64) digit) / base)
            return FALSE;
        number = number * base + (guint64) digit;
    }
    *ret_number = number;
    return TRUE;
}

/* The kernel escapes "\n", "\t", "=" and " " as a backslash and three octal digits, and a
 * backslash not at all (seq_path() in fs/seq_file.c): only these four are taken back. */
static char *
unescape(Span span)
{
    static const char *const codes[] = {"\\012", "\\011", "\\075", "\\040"};
    static const char characters[] = "\n\t= ";
    g_autoptr(GString) text = g_string_sized_new(span.length + 1);
    while (span.length) {
        gboolean found = FALSE;
        for (guint i = 0; i < G_N_ELEMENTS(codes) && !found; i++) {
            found = *span.start == '\\' && span_skip(&span, codes[i]);
            if (found)
                g_string_append_c(text, characters[i]);
        }
        if (!found) {
            g_string_append_c(text, *span.start);
            span.start++;
            span.length--;
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* "12=345", what follows the N of a node. */
static gboolean
parse_resident(Span word, GArray *resident)
{
    guint64 host_node;
    VnNumaPages pages;
    Span number = span_cut(&word, '=');
    if (!span_number(number, 10, VN_HOST_NODES_MAX - 1, &host_node) ||
        !span_number(word, 10, G_MAXINT64, &pages.pages))
        return FALSE;
    pages.host_node = (guint) host_node;
    if (resident->len &&
        g_array_index(resident, VnNumaPages, resident->len - 1).host_node >= host_node)
        return FALSE;
    g_array_append_val(resident, pages);
    return TRUE;
}

static gboolean
parse_word(Span word, VnNumaMap *map)
{
    guint64 kib;
    if (word.length > 1 && *word.start == 'N' && g_ascii_isdigit(word.start[1]) &&
        span_skip(&word, "N"))
        return parse_resident(word, map->resident);
    if (span_skip(&word, "anon="))
        return span_number(word, 10, G_MAXINT64, &map->anon_pages);
    if (span_skip(&word, "dirty="))
        return span_number(word, 10, G_MAXINT64, &map->dirty_pages);
    if (span_skip(&word, "kernelpagesize_kB=")) {
        if (!span_number(word, 10, G_MAXINT64 / KIB_BYTES, &kib) || kib == 0)
            return FALSE;
        map->page_size_bytes = kib * KIB_BYTES;
        return TRUE;
    }
    if (span_skip(&word, "file=")) {
        g_free(map->file);
        map->file = unescape(word);
        return TRUE;
    }
    map->is_huge |= span_is(word, "huge");
    map->is_heap |= span_is(word, "heap");
    /* "stack:TID" from Linux 3.4 to 4.4. */
    map->is_stack |= span_is(word, "stack") || span_skip(&word, "stack:");
    return TRUE;
}

/* Two of the policies have a blank in their name: mpol_to_str() in mm/mempolicy.c. */
static char *
parse_policy(Span *line)
{
    Span policy = span_cut(line, ' ');
    Span ahead = *line;
    Span next = span_cut(&ahead, ' ');
    if ((span_is(policy, "prefer") && span_skip(&next, "(many)")) ||
        (span_is(policy, "weighted") && span_skip(&next, "interleave"))) {
        policy.length = (gsize) (next.start + next.length - policy.start);
        *line = ahead;
    }
    return policy.length ? g_strndup(policy.start, policy.length) : NULL;
}

/* Pages times their size must not overflow, for any sum of them. */
static gboolean
is_possible(const VnNumaMap *map)
{
    guint64 pages = 0;
    if (map->resident->len == 0)
        return TRUE;
    if (map->page_size_bytes == 0)
        return FALSE;
    for (guint i = 0; i < map->resident->len; i++) {
        guint64 more = g_array_index(map->resident, VnNumaPages, i).pages;
        if (more > G_MAXINT64 / map->page_size_bytes - pages)
            return FALSE;
        pages += more;
    }
    return TRUE;
}

static VnNumaMap *
parse_numa_line(Span line)
{
    g_autoptr(VnNumaMap) map = g_new0(VnNumaMap, 1);
    map->resident = g_array_new(FALSE, FALSE, sizeof(VnNumaPages));
    Span address = span_cut(&line, ' ');
    gboolean good = span_number(address, 16, G_MAXUINT64, &map->start) &&
                    (map->policy = parse_policy(&line)) != NULL;
    while (good && line.length)
        good = parse_word(span_cut(&line, ' '), map);
    return good && is_possible(map) ? g_steal_pointer(&map) : NULL;
}

/* "START-END rw-p ...". */
static gboolean
parse_range_line(Span line, Range *ret_range)
{
    static const char *const allowed[] = {"r-", "w-", "x-", "sp"};
    Range range = {0};
    Span start = span_cut(&line, '-');
    Span end = span_cut(&line, ' ');
    Span permissions = span_cut(&line, ' ');
    if (!span_number(start, 16, G_MAXUINT64, &range.start) ||
        !span_number(end, 16, G_MAXUINT64, &range.end) || range.end <= range.start ||
        permissions.length != G_N_ELEMENTS(allowed))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(allowed); i++) {
        if (permissions.start[i] != allowed[i][0] &&
            permissions.start[i] != allowed[i][1])
            return FALSE;
        range.permissions[i] = permissions.start[i];
    }
    *ret_range = range;
    return TRUE;
}

static void
set_line_error(GError **error, const char *name, guint line_number, Span line)
{
    gsize shown_length = MIN(line.length, 60);
    g_autofree char *shown = g_utf8_make_valid(line.start, (gssize) shown_length);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s, line %u: malformed: '%s%s'", name,
                line_number, shown, shown_length < line.length ? "..." : "");
}

/*
 * The next line of @text, and its number. FALSE at the end, or with @error when the line
 * is too long or there are too many.
 */
static gboolean
next_line(Span *text, const char *name, guint *number, Span *ret_line, GError **error)
{
    if (text->length == 0)
        return FALSE;
    Span line = span_cut(text, '\n');
    ++*number;
    if (line.length > VN_NUMA_MAPS_LINE_BYTES_MAX || *number > VN_NUMA_MAPS_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "%s, line %u: above the limits of %u bytes a line and %u lines", name,
                    *number, VN_NUMA_MAPS_LINE_BYTES_MAX, VN_NUMA_MAPS_MAX);
        return FALSE;
    }
    *ret_line = line;
    return TRUE;
}

static GPtrArray *
parse_numa_lines(const char *text, GError **error)
{
    static const char name[] = "numa_maps";
    g_autoptr(GError) problem = NULL;
    g_autoptr(GPtrArray) numa_maps = g_ptr_array_new_with_free_func(numa_map_free);
    Span rest = {text, strlen(text)};
    Span line;
    guint number = 0;
    while (next_line(&rest, name, &number, &line, &problem)) {
        VnNumaMap *map = parse_numa_line(line);
        if (!map) {
            set_line_error(error, name, number, line);
            return NULL;
        }
        /* Printed again, having grown between two reads of the file: the later counts. */
        while (numa_maps->len &&
               ((VnNumaMap *) numa_maps->pdata[numa_maps->len - 1])->start >= map->start)
            g_ptr_array_set_size(numa_maps, (int) numa_maps->len - 1);
        g_ptr_array_add(numa_maps, map);
    }
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    return g_steal_pointer(&numa_maps);
}

static GArray *
parse_ranges(const char *text, GError **error)
{
    static const char name[] = "maps";
    g_autoptr(GError) problem = NULL;
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(Range));
    Span rest = {text, strlen(text)};
    Span line;
    guint number = 0;
    while (next_line(&rest, name, &number, &line, &problem)) {
        Range range;
        if (!parse_range_line(line, &range)) {
            set_line_error(error, name, number, line);
            return NULL;
        }
        while (ranges->len &&
               g_array_index(ranges, Range, ranges->len - 1).end > range.start)
            g_array_set_size(ranges, ranges->len - 1);
        g_array_append_val(ranges, range);
    }
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    return g_steal_pointer(&ranges);
}

/* Both ascending. Gives each mapping the end of the range it starts in; a new array. */
static GPtrArray *
join(GPtrArray *numa_maps, const GArray *ranges)
{
    g_autoptr(GPtrArray) joined = g_ptr_array_new_with_free_func(numa_map_free);
    guint r = 0;
    for (guint i = 0; i < numa_maps->len; i++) {
        VnNumaMap *map = numa_maps->pdata[i];
        while (r < ranges->len && g_array_index(ranges, Range, r).end <= map->start)
            r++;
        if (r == ranges->len)
            break;
        const Range *range = &g_array_index(ranges, Range, r);
        if (range->start > map->start)
            continue;
        map->end = range->end;
        if (i + 1 < numa_maps->len)
            map->end =
                MIN(map->end, ((const VnNumaMap *) numa_maps->pdata[i + 1])->start);
        memcpy(map->permissions, range->permissions, sizeof map->permissions);
        g_ptr_array_add(joined, map);
        numa_maps->pdata[i] = NULL;
    }
    for (guint i = 0; i < numa_maps->len; i++) {
        if (numa_maps->pdata[i])
            numa_map_free(numa_maps->pdata[i]);
    }
    g_ptr_array_set_free_func(numa_maps, NULL);
    return g_steal_pointer(&joined);
}

GPtrArray *
vn_numa_maps_parse(const char *numa_maps, const char *maps, GError **error)
{
    g_autoptr(GPtrArray) list = parse_numa_lines(numa_maps, error);
    if (!list || !maps)
        return g_steal_pointer(&list);
    g_autoptr(GArray) ranges = parse_ranges(maps, error);
    return ranges ? join(list, ranges) : NULL;
}

GPtrArray *
vn_numa_maps_read(const char *root, int pid, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(VnFiles) files = vn_files_open(root, error);
    if (!files)
        return NULL;
    g_autofree char *directory = g_strdup_printf("proc/%d", pid);
    g_autofree char *numa_path = g_build_filename(directory, "numa_maps", NULL);
    g_autofree char *maps_path = g_build_filename(directory, "maps", NULL);
    g_autofree char *shown = vn_files_shown(files, directory);

    g_autofree char *numa_text =
        vn_files_read(files, numa_path, VN_NUMA_MAPS_BYTES_MAX, &problem);
    if (g_error_matches(problem, VN_ERROR, VN_ERROR_GONE) &&
        vn_files_exists(files, maps_path)) {
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "%s: has no numa_maps; the kernel was built without CONFIG_NUMA",
                    shown);
        return NULL;
    }
    g_autofree char *maps_text =
        numa_text ? vn_files_read(files, maps_path, VN_NUMA_MAPS_BYTES_MAX, &problem)
                  : NULL;
    if (!maps_text) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    if (*numa_text == '\0' || *maps_text == '\0') {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "%s: has no memory: the process is ending", shown);
        return NULL;
    }
    GPtrArray *list = vn_numa_maps_parse(numa_text, maps_text, &problem);
    if (!list) {
        g_prefix_error(&problem, "%s: ", shown);
        g_propagate_error(error, g_steal_pointer(&problem));
    }
    return list;
}

guint64
vn_numa_map_bytes_on(const VnNumaMap *map, guint host_node)
{
    for (guint i = 0; i < map->resident->len; i++) {
        const VnNumaPages *pages = &g_array_index(map->resident, VnNumaPages, i);
        if (pages->host_node == host_node)
            return pages->pages * map->page_size_bytes;
    }
    return 0;
}

guint64
vn_numa_map_bytes(const VnNumaMap *map)
{
    guint64 bytes = 0;
    for (guint i = 0; i < map->resident->len; i++)
        bytes +=
            g_array_index(map->resident, VnNumaPages, i).pages * map->page_size_bytes;
    return bytes;
}
