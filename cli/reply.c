/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading of the descriptions that vnumad sends. */
#include "cli/reply.h"

#include "cli/format.h"
#include "model/host.h"

#include <math.h>

static GVariant *
find(GVariant *reply, const char *key, const GVariantType *type)
{
    return g_variant_lookup_value(reply, key, type);
}

gboolean
vn_reply_has(GVariant *reply, const char *key)
{
    g_autoptr(GVariant) value = find(reply, key, NULL);
    return value != NULL;
}

char *
vn_reply_string(GVariant *reply, const char *key)
{
    g_autoptr(GVariant) value = find(reply, key, G_VARIANT_TYPE_STRING);
    return value ? g_variant_dup_string(value, NULL) : NULL;
}

char *
vn_reply_text(GVariant *reply, const char *key)
{
    char *text = vn_reply_string(reply, key);
    return text ? text : g_strdup(VN_FORMAT_UNKNOWN);
}

/* Returns: FALSE, *ret_number as it was, for what is no whole number or negative. */
static gboolean
whole_number(GVariant *value, guint64 *ret_number)
{
    gint64 number = 0;
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64)) {
        *ret_number = g_variant_get_uint64(value);
        return TRUE;
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
        number = g_variant_get_uint32(value);
    else if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64))
        number = g_variant_get_int64(value);
    else if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT32))
        number = g_variant_get_int32(value);
    else
        return FALSE;
    if (number < 0)
        return FALSE;
    *ret_number = (guint64) number;
    return TRUE;
}

guint64
vn_reply_uint64(GVariant *reply, const char *key)
{
    g_autoptr(GVariant) value = find(reply, key, NULL);
    guint64 number = 0;
    return value && whole_number(value, &number) ? number : 0;
}

double
vn_reply_double(GVariant *reply, const char *key)
{
    g_autoptr(GVariant) value = find(reply, key, G_VARIANT_TYPE_DOUBLE);
    return value ? g_variant_get_double(value) : (double) NAN;
}

gboolean
vn_reply_bool(GVariant *reply, const char *key)
{
    g_autoptr(GVariant) value = find(reply, key, G_VARIANT_TYPE_BOOLEAN);
    return value && g_variant_get_boolean(value);
}

VnIdSet *
vn_reply_id_set(GVariant *list)
{
    VnIdSet *set = vn_idset_new();
    gsize count = list && g_variant_is_container(list) ? g_variant_n_children(list) : 0;
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) id = g_variant_is_of_type(child, G_VARIANT_TYPE_VARIANT)
                                     ? g_variant_get_variant(child)
                                     : g_variant_ref(child);
        guint64 number = 0;
        if (whole_number(id, &number) && number <= VN_ID_MAX)
            vn_idset_add(set, (guint) number);
    }
    return set;
}

VnIdSet *
vn_reply_ids(GVariant *reply, const char *key)
{
    g_autoptr(GVariant) value = find(reply, key, NULL);
    return vn_reply_id_set(value);
}

char *
vn_reply_ids_text(GVariant *reply, const char *key)
{
    g_autoptr(VnIdSet) set = vn_reply_ids(reply, key);
    return vn_format_ids(set);
}

GVariant *
vn_reply_list(GVariant *reply, const char *key)
{
    GVariant *value = find(reply, key, G_VARIANT_TYPE("aa{sv}"));
    if (value)
        return value;
    return g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE_VARDICT, NULL, 0));
}

char **
vn_reply_strv(GVariant *reply, const char *key)
{
    g_autoptr(GVariant) value = find(reply, key, G_VARIANT_TYPE_STRING_ARRAY);
    return value ? g_variant_dup_strv(value, NULL) : g_new0(char *, 1);
}

GArray *
vn_reply_node_bytes(GVariant *reply, const char *key)
{
    GArray *bytes = g_array_new(FALSE, TRUE, sizeof(guint64));
    g_autoptr(GVariant) nodes = find(reply, key, G_VARIANT_TYPE_VARDICT);
    gsize count = nodes ? g_variant_n_children(nodes) : 0;
    for (gsize i = 0; i < count; i++) {
        const char *name = NULL;
        g_autoptr(GVariant) value = NULL;
        guint64 node = 0;
        guint64 n = 0;
        g_variant_get_child(nodes, i, "{&sv}", &name, &value);
        if (!g_ascii_string_to_unsigned(name, 10, 0, VN_HOST_NODES_MAX - 1, &node,
                                        NULL) ||
            !whole_number(value, &n))
            continue;
        if (node >= bytes->len)
            g_array_set_size(bytes, (guint) node + 1);
        g_array_index(bytes, guint64, node) = n;
    }
    return bytes;
}
