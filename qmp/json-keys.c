/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vn_json_check_keys(): finds a key that an object has twice, of which json-c keeps the
 * last silently.
 */
#include "qmp/json.h"

#include <string.h>

/* Bytes of the string that begins at @text, a quotation mark, with both of its marks. */
static gsize
string_length(const char *text, gsize length)
{
    gsize i = 1;
    while (i < length && text[i] != '"')
        i += text[i] == '\\' ? 2 : 1;
    return MIN(i + 1, length);
}

/* The key as json-c reads it: "\u0061" is "a". */
static char *
read_key(const char *text, gsize length)
{
    if (!memchr(text, '\\', length))
        return g_strndup(text + 1, length - 2);
    g_autofree char *object = g_strdup_printf("{\"k\":%.*s}", (int) length, text);
    g_autoptr(VnJson) json = vn_json_parse(object, strlen(object), G_MAXINT, NULL);
    return g_strdup(vn_json_get_string(json, "k", NULL));
}

static gboolean
is_key(const char *text, gsize length, gsize end)
{
    while (end < length && memchr(" \t\r\n", text[end], 4))
        end++;
    return end < length && text[end] == ':';
}

/* @open: a set of keys for each object that is open, an empty one for each array. */
static gboolean
add_key(GPtrArray *open, const char *text, gsize offset, gsize length, GError **error)
{
    GHashTable *keys = open->pdata[open->len - 1];
    char *key = read_key(text + offset, length);
    if (g_hash_table_add(keys, key))
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "JSON: byte %zu: its object has the key '%.*s' twice", offset,
                (int) length - 2, text + offset + 1);
    return FALSE;
}

gboolean
vn_json_check_keys(const char *text, gsize length, GError **error)
{
    g_autoptr(GPtrArray) open =
        g_ptr_array_new_with_free_func((GDestroyNotify) g_hash_table_unref);
    for (gsize i = 0; i < length;) {
        gsize n = 1;
        if (text[i] == '{' || text[i] == '[')
            g_ptr_array_add(open,
                            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL));
        else if (text[i] == '}' || text[i] == ']')
            g_ptr_array_remove_index(open, open->len - 1);
        else if (text[i] == '"')
            n = string_length(text + i, length - i);
        if (n > 1 && is_key(text, length, i + n) && !add_key(open, text, i, n, error))
            return FALSE;
        i += n;
    }
    return TRUE;
}
