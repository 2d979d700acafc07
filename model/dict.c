/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptions being made. */
#include "model/dict.h"

#include <math.h>

void
vn_dict_init(VnDict *dict, GVariant *start)
{
    g_variant_builder_init(dict, G_VARIANT_TYPE_VARDICT);
    for (gsize i = 0; start && i < g_variant_n_children(start); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(start, i);
        g_variant_builder_add_value(dict, entry);
    }
}

GVariant *
vn_dict_end(VnDict *dict)
{
    return g_variant_builder_end(dict);
}

void
vn_dict_insert_value(VnDict *dict, const char *key, GVariant *value)
{
    g_variant_builder_add(dict, "{sv}", key, value);
}

void
vn_dict_insert(VnDict *dict, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vn_dict_insert_value(dict, key, g_variant_new_va(format, NULL, &arguments));
    va_end(arguments);
}

void
vn_dict_insert_idset(VnDict *dict, const char *key, const VnIdSet *set)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("au"));
    VN_IDSET_FOREACH (set, id)
        g_variant_builder_add(&list, "u", (guint32) id);
    vn_dict_insert_value(dict, key, g_variant_builder_end(&list));
}

void
vn_dict_insert_string(VnDict *dict, const char *key, const char *text)
{
    if (text)
        vn_dict_insert(dict, key, "s", text);
}

void
vn_dict_insert_null(VnDict *dict, const char *key)
{
    vn_dict_insert(dict, key, "d", (double) NAN);
}

void
vn_dict_insert_ratio(VnDict *dict, const char *key, double value)
{
    if (value < 0)
        vn_dict_insert_null(dict, key);
    else
        vn_dict_insert(dict, key, "d", value);
}

void
vn_dict_insert_node_bytes(VnDict *dict, const char *key, const GArray *bytes)
{
    g_auto(VnDict) nodes;
    vn_dict_init(&nodes, NULL);
    for (guint i = 0; i < bytes->len; i++) {
        guint64 n = g_array_index(bytes, guint64, i);
        g_autofree char *name = g_strdup_printf("%u", i);
        if (n)
            vn_dict_insert(&nodes, name, "t", n);
    }
    vn_dict_insert_value(dict, key, vn_dict_end(&nodes));
}

gboolean
vn_dict_read_uint64(GVariant *value, guint64 *ret_number)
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
vn_dict_lookup_uint64(GVariant *dict, const char *key)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(dict, key, NULL);
    guint64 number = 0;
    return value && vn_dict_read_uint64(value, &number) ? number : 0;
}

VnIdSet *
vn_dict_read_idset(GVariant *list)
{
    VnIdSet *set = vn_idset_new();
    gsize count = list && g_variant_is_container(list) ? g_variant_n_children(list) : 0;
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) id = g_variant_is_of_type(child, G_VARIANT_TYPE_VARIANT)
                                     ? g_variant_get_variant(child)
                                     : g_variant_ref(child);
        guint64 number = 0;
        if (vn_dict_read_uint64(id, &number) && number <= VN_ID_MAX)
            vn_idset_add(set, (guint) number);
    }
    return set;
}
