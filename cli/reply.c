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

guint64
vn_reply_uint64(GVariant *reply, const char *key)
{
    g_autoptr(GVariant) value = find(reply, key, NULL);
    guint64 number = 0;
    return value && vn_dict_read_uint64(value, &number) ? number : 0;
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
vn_reply_ids(GVariant *reply, const char *key)
{
    g_autoptr(GVariant) value = find(reply, key, NULL);
    return vn_dict_read_idset(value);
}

char *
vn_reply_ids_text(GVariant *reply, const char *key)
{
    g_autoptr(VnIdSet) set = vn_reply_ids(reply, key);
    return vn_format_ids(set);
}

GVariant *
vn_reply_dict(GVariant *reply, const char *key)
{
    GVariant *value = find(reply, key, G_VARIANT_TYPE_VARDICT);
    if (value)
        return value;
    return g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
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
            !vn_dict_read_uint64(value, &n))
            continue;
        if (node >= bytes->len)
            g_array_set_size(bytes, (guint) node + 1);
        g_array_index(bytes, guint64, node) = n;
    }
    return bytes;
}
