/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON to GVariant and back; the rules are in json.h. */
#include "qmp/json.h"

static char *
key_from_variant(GVariant *key)
{
    if (g_variant_is_of_type(key, G_VARIANT_TYPE_STRING) ||
        g_variant_is_of_type(key, G_VARIANT_TYPE_OBJECT_PATH) ||
        g_variant_is_of_type(key, G_VARIANT_TYPE_SIGNATURE))
        return g_variant_dup_string(key, NULL);
    return g_variant_print(key, FALSE);
}

static void
add_entry(VnJson *object, GVariant *entry)
{
    g_autoptr(GVariant) key = g_variant_get_child_value(entry, 0);
    g_autoptr(GVariant) value = g_variant_get_child_value(entry, 1);
    g_autofree char *name = key_from_variant(key);
    json_object_object_add(object, name, vn_json_from_variant(value));
}

static VnJson *
object_from_variant(GVariant *variant)
{
    VnJson *object = json_object_new_object();
    for (gsize i = 0; i < g_variant_n_children(variant); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(variant, i);
        add_entry(object, entry);
    }
    return object;
}

static VnJson *
array_from_variant(GVariant *variant)
{
    if (g_variant_is_of_type(variant, G_VARIANT_TYPE_DICTIONARY))
        return object_from_variant(variant);
    VnJson *array = json_object_new_array();
    for (gsize i = 0; i < g_variant_n_children(variant); i++) {
        g_autoptr(GVariant) item = g_variant_get_child_value(variant, i);
        json_object_array_add(array, vn_json_from_variant(item));
    }
    return array;
}

static VnJson *
entry_from_variant(GVariant *variant)
{
    VnJson *object = json_object_new_object();
    add_entry(object, variant);
    return object;
}

static VnJson *
maybe_from_variant(GVariant *variant)
{
    g_autoptr(GVariant) value = g_variant_get_maybe(variant);
    return value ? vn_json_from_variant(value) : NULL;
}

static VnJson *
variant_from_variant(GVariant *variant)
{
    g_autoptr(GVariant) value = g_variant_get_variant(variant);
    return vn_json_from_variant(value);
}

VnJson *
vn_json_from_variant(GVariant *variant)
{
    switch (g_variant_classify(variant)) {
    case G_VARIANT_CLASS_BOOLEAN:
        return json_object_new_boolean(g_variant_get_boolean(variant));
    case G_VARIANT_CLASS_BYTE:
        return json_object_new_int64(g_variant_get_byte(variant));
    case G_VARIANT_CLASS_INT16:
        return json_object_new_int64(g_variant_get_int16(variant));
    case G_VARIANT_CLASS_UINT16:
        return json_object_new_int64(g_variant_get_uint16(variant));
    case G_VARIANT_CLASS_INT32:
        return json_object_new_int64(g_variant_get_int32(variant));
    case G_VARIANT_CLASS_UINT32:
        return json_object_new_int64(g_variant_get_uint32(variant));
    case G_VARIANT_CLASS_INT64:
        return json_object_new_int64(g_variant_get_int64(variant));
    case G_VARIANT_CLASS_UINT64:
        return json_object_new_uint64(g_variant_get_uint64(variant));
    case G_VARIANT_CLASS_HANDLE:
        return json_object_new_int64(g_variant_get_handle(variant));
    case G_VARIANT_CLASS_DOUBLE:
        return vn_json_new_double(g_variant_get_double(variant));
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
        return json_object_new_string(g_variant_get_string(variant, NULL));
    case G_VARIANT_CLASS_VARIANT:
        return variant_from_variant(variant);
    case G_VARIANT_CLASS_MAYBE:
        return maybe_from_variant(variant);
    case G_VARIANT_CLASS_ARRAY:
    case G_VARIANT_CLASS_TUPLE:
        return array_from_variant(variant);
    case G_VARIANT_CLASS_DICT_ENTRY:
        return entry_from_variant(variant);
    }
    g_assert_not_reached();
}

static GVariant *
object_to_variant(const VnJson *json)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    for (const VnJsonEntry *e = vn_json_first(json); e; e = vn_json_next(e)) {
        g_autoptr(GVariant) value = vn_json_to_variant(vn_json_entry_value(e));
        g_variant_builder_add(&builder, "{sv}", vn_json_entry_key(e), value);
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
array_to_variant(const VnJson *json)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
    for (gsize i = 0; i < json_object_array_length(json); i++) {
        g_autoptr(GVariant) item = vn_json_to_variant(json_object_array_get_idx(json, i));
        g_variant_builder_add(&builder, "v", item);
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
integer_to_variant(const VnJson *json)
{
    gint64 value = json_object_get_int64(json); /* saturates */
    if (value == G_MAXINT64 && json_object_get_uint64(json) > G_MAXINT64)
        return g_variant_new_uint64(json_object_get_uint64(json));
    return g_variant_new_int64(value);
}

static GVariant *
to_floating(const VnJson *json)
{
    switch (json_object_get_type(json)) {
    case json_type_null:
        return g_variant_new_maybe(G_VARIANT_TYPE_VARIANT, NULL);
    case json_type_boolean:
        return g_variant_new_boolean(json_object_get_boolean(json));
    case json_type_double:
        return g_variant_new_double(json_object_get_double(json));
    case json_type_int:
        return integer_to_variant(json);
    case json_type_object:
        return object_to_variant(json);
    case json_type_array:
        return array_to_variant(json);
    case json_type_string:
        return g_variant_new_string(json_object_get_string((VnJson *) json));
    }
    g_assert_not_reached();
}

GVariant *
vn_json_to_variant(const VnJson *json)
{
    return g_variant_ref_sink(to_floating(json));
}
