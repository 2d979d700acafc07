/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnIdSet as a bitmap of 64-bit words; the list format's parser and printer. */
#include "model/idset.h"

#include <string.h>

VnIdSet *
vn_idset_new(void)
{
    return g_new0(VnIdSet, 1);
}

VnIdSet *
vn_idset_new_with(guint id)
{
    VnIdSet *set = vn_idset_new();
    vn_idset_add(set, id);
    return set;
}

VnIdSet *
vn_idset_copy(const VnIdSet *set)
{
    VnIdSet *copy = vn_idset_new();
    vn_idset_add_all(copy, set);
    return copy;
}

void
vn_idset_free(VnIdSet *set)
{
    if (!set)
        return;
    g_free(set->words);
    g_free(set);
}

static void
grow(VnIdSet *set, guint n_words)
{
    if (n_words <= set->n_words)
        return;
    set->words = g_renew(guint64, set->words, n_words);
    memset(set->words + set->n_words, 0, (n_words - set->n_words) * sizeof(guint64));
    set->n_words = n_words;
}

static guint64
word(const VnIdSet *set, guint i)
{
    return i < set->n_words ? set->words[i] : 0;
}

void
vn_idset_add(VnIdSet *set, guint id)
{
    g_assert(id <= VN_ID_MAX);
    grow(set, id / 64 + 1);
    g_assert(set->words);
    set->words[id / 64] |= G_GUINT64_CONSTANT(1) << (id % 64);
}

void
vn_idset_remove(VnIdSet *set, guint id)
{
    if (id / 64 < set->n_words)
        set->words[id / 64] &= ~(G_GUINT64_CONSTANT(1) << (id % 64));
}

void
vn_idset_add_all(VnIdSet *set, const VnIdSet *other)
{
    grow(set, other->n_words);
    for (guint i = 0; i < other->n_words; i++)
        set->words[i] |= other->words[i];
}

void
vn_idset_remove_all(VnIdSet *set, const VnIdSet *other)
{
    for (guint i = 0; i < set->n_words; i++)
        set->words[i] &= ~word(other, i);
}

void
vn_idset_keep_all(VnIdSet *set, const VnIdSet *other)
{
    for (guint i = 0; i < set->n_words; i++)
        set->words[i] &= word(other, i);
}

gboolean
vn_idset_contains(const VnIdSet *set, guint id)
{
    return word(set, id / 64) >> (id % 64) & 1;
}

gboolean
vn_idset_is_empty(const VnIdSet *set)
{
    return vn_idset_next(set, 0) < 0;
}

gboolean
vn_idset_equal(const VnIdSet *one, const VnIdSet *other)
{
    return vn_idset_is_subset(one, other) && vn_idset_is_subset(other, one);
}

gboolean
vn_idset_is_subset(const VnIdSet *part, const VnIdSet *whole)
{
    for (guint i = 0; i < part->n_words; i++) {
        if (part->words[i] & ~word(whole, i))
            return FALSE;
    }
    return TRUE;
}

gboolean
vn_idset_overlaps(const VnIdSet *one, const VnIdSet *other)
{
    for (guint i = 0; i < one->n_words; i++) {
        if (one->words[i] & word(other, i))
            return TRUE;
    }
    return FALSE;
}

guint
vn_idset_count(const VnIdSet *set)
{
    guint count = 0;
    for (guint i = 0; i < set->n_words; i++)
        count += (guint) __builtin_popcountll(set->words[i]);
    return count;
}

int
vn_idset_next(const VnIdSet *set, guint from)
{
    for (guint i = from / 64; i < set->n_words; i++) {
        guint64 rest = set->words[i];
        if (i == from / 64)
            rest &= ~G_GUINT64_CONSTANT(0) << (from % 64);
        if (rest)
            return (int) (i * 64 + (guint) __builtin_ctzll(rest));
    }
    return -1;
}

/* Reads one decimal id at *cursor and moves behind it. */
static gboolean
parse_id(const char **cursor, guint *ret_id)
{
    if (!g_ascii_isdigit(**cursor))
        return FALSE;
    guint64 id = 0;
    for (; g_ascii_isdigit(**cursor); (*cursor)++) {
        id = id * 10 + (guint64) (**cursor - '0');
        if (id > VN_ID_MAX)
            return FALSE;
    }
    *ret_id = (guint) id;
    return TRUE;
}

static void
skip_blanks(const char **cursor)
{
    while (**cursor == ' ' || **cursor == '\t')
        (*cursor)++;
}

/* A word at a time: a list may name the whole range again and again. */
static void
add_range(VnIdSet *set, guint first, guint last)
{
    grow(set, last / 64 + 1);
    g_assert(set->words);
    for (guint i = first / 64; i <= last / 64; i++) {
        guint64 bits = ~G_GUINT64_CONSTANT(0);
        if (i == first / 64)
            bits &= ~G_GUINT64_CONSTANT(0) << (first % 64);
        if (i == last / 64)
            bits &= ~G_GUINT64_CONSTANT(0) >> (63 - last % 64);
        set->words[i] |= bits;
    }
}

/* Reads one item, "N" or "N-M", with the blanks around it. */
static gboolean
parse_item(const char **cursor, VnIdSet *set)
{
    guint first;
    guint last;
    skip_blanks(cursor);
    if (!parse_id(cursor, &first))
        return FALSE;
    last = first;
    if (**cursor == '-') {
        (*cursor)++;
        if (!parse_id(cursor, &last) || last < first)
            return FALSE;
    }
    skip_blanks(cursor);
    add_range(set, first, last);
    return TRUE;
}

VnIdSet *
vn_idset_parse(const char *text, GError **error)
{
    g_autoptr(VnIdSet) set = vn_idset_new();
    const char *cursor = text;

    skip_blanks(&cursor);
    if (*cursor == '\0' || strcmp(cursor, "\n") == 0)
        return g_steal_pointer(&set);
    for (;;) {
        const char *item = cursor;
        if (!parse_item(&cursor, set)) {
            g_autofree char *shown = g_utf8_make_valid(item, (gssize) strnlen(item, 32));
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "id list: '%s' is not a number or range up to %u", shown,
                        VN_ID_MAX);
            return NULL;
        }
        if (*cursor == '\0' || strcmp(cursor, "\n") == 0)
            return g_steal_pointer(&set);
        if (*cursor != ',') {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "id list: unexpected character 0x%02x at byte %zu; items are "
                        "separated by commas",
                        (guint) (guchar) *cursor, (gsize) (cursor - text));
            return NULL;
        }
        cursor++;
    }
}

char *
vn_idset_format(const VnIdSet *set)
{
    GString *text = g_string_new(NULL);
    for (int first = vn_idset_next(set, 0); first >= 0;) {
        int last = first;
        while (vn_idset_contains(set, (guint) last + 1))
            last++;
        if (text->len)
            g_string_append_c(text, ',');
        g_string_append_printf(text, last > first ? "%d-%d" : "%d", first, last);
        first = vn_idset_next(set, (guint) last + 1);
    }
    return g_string_free(text, FALSE);
}
