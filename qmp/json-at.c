/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnJsonAt: places as text, and readers that name them. */
#include "qmp/json-at.h"

VnJsonAt
vn_json_at_key(const VnJsonAt *object, const char *key)
{
    VnJson *value = NULL;
    if (json_object_is_type(object->json, json_type_object))
        json_object_object_get_ex(object->json, key, &value);
    return (VnJsonAt){.in = object, .key = key, .json = value};
}

VnJsonAt
vn_json_at_index(const VnJsonAt *array, gsize index)
{
    return (VnJsonAt){
        .in = array, .index = index, .json = vn_json_array_get(array->json, index)};
}

gboolean
vn_json_at_is(const VnJsonAt *at)
{
    return at->json != NULL;
}

static void
append_place(const VnJsonAt *at, GString *text)
{
    if (!at->in)
        return;
    append_place(at->in, text);
    if (at->key)
        g_string_append_printf(text, "%s%s", text->len ? "." : "", at->key);
    else
        g_string_append_printf(text, "[%zu]", at->index);
}

void
vn_json_at_set_error(const VnJsonAt *at, GError **error, const char *format, ...)
{
    g_autoptr(GString) text = g_string_new(NULL);
    va_list arguments;
    append_place(at, text);
    g_string_append(text, text->len ? ": " : "the document: ");
    va_start(arguments, format);
    g_string_append_vprintf(text, format, arguments);
    va_end(arguments);
    g_set_error_literal(error, VN_ERROR, VN_ERROR_INVALID, text->str);
}

static gboolean
is_of(const VnJsonAt *at, enum json_type type, GError **error)
{
    const char *wanted = type == json_type_double ? "a number" : vn_json_type_name(type);
    if (!at->json) {
        vn_json_at_set_error(at, error, "is missing; it must be %s", wanted);
        return FALSE;
    }
    if (!json_object_is_type(at->json, type)) {
        vn_json_at_set_error(at, error, "is %s, and must be %s",
                             vn_json_type_name(json_object_get_type(at->json)), wanted);
        return FALSE;
    }
    return TRUE;
}

gboolean
vn_json_at_check_object(const VnJsonAt *at, const char *const *keys, GError **error)
{
    if (!is_of(at, json_type_object, error))
        return FALSE;
    for (const VnJsonEntry *e = vn_json_first(at->json); e; e = vn_json_next(e)) {
        if (g_strv_contains(keys, vn_json_entry_key(e)))
            continue;
        VnJsonAt unknown = {.in = at, .key = vn_json_entry_key(e)};
        g_autofree char *known = g_strjoinv(", ", (char **) keys);
        vn_json_at_set_error(&unknown, error, "is no key that is known; there are %s",
                             known);
        return FALSE;
    }
    return TRUE;
}

gboolean
vn_json_at_check_array(const VnJsonAt *at, gsize max, GError **error)
{
    if (!is_of(at, json_type_array, error))
        return FALSE;
    gsize length = vn_json_array_length(at->json);
    if (length <= max)
        return TRUE;
    vn_json_at_set_error(at, error, "has %zu items, %zu are the most", length, max);
    return FALSE;
}

gboolean
vn_json_at_uint64(const VnJsonAt *at, guint64 min, guint64 max, guint64 *ret_value,
                  GError **error)
{
    if (!is_of(at, json_type_int, error))
        return FALSE;
    gint64 number = json_object_get_int64(at->json); /* saturates */
    guint64 value = json_object_get_uint64(at->json);
    if (number < 0 || value < min || value > max) {
        g_autofree char *shown = vn_json_print(at->json, FALSE);
        vn_json_at_set_error(
            at, error, "is %s, not from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
            shown, min, max);
        return FALSE;
    }
    *ret_value = value;
    return TRUE;
}

gboolean
vn_json_at_uint(const VnJsonAt *at, guint min, guint max, guint *ret_value,
                GError **error)
{
    guint64 value;
    if (!vn_json_at_uint64(at, min, max, &value, error))
        return FALSE;
    *ret_value = (guint) value;
    return TRUE;
}

gboolean
vn_json_at_double(const VnJsonAt *at, double min, double max, double *ret_value,
                  GError **error)
{
    if (!json_object_is_type(at->json, json_type_int) &&
        !is_of(at, json_type_double, error))
        return FALSE;
    double value = json_object_get_double(at->json);
    if (!(value >= min && value <= max)) {
        vn_json_at_set_error(at, error, "is %g, not from %g to %g", value, min, max);
        return FALSE;
    }
    *ret_value = value;
    return TRUE;
}

gboolean
vn_json_at_bool(const VnJsonAt *at, gboolean *ret_value, GError **error)
{
    if (!is_of(at, json_type_boolean, error))
        return FALSE;
    *ret_value = json_object_get_boolean(at->json);
    return TRUE;
}

const char *
vn_json_at_string(const VnJsonAt *at, gsize bytes_max, GError **error)
{
    if (!is_of(at, json_type_string, error))
        return NULL;
    gsize length = (gsize) json_object_get_string_len(at->json);
    if (length == 0 || length > bytes_max) {
        vn_json_at_set_error(at, error, "has %zu bytes, not 1 to %zu", length, bytes_max);
        return NULL;
    }
    return json_object_get_string((VnJson *) at->json);
}

VnIdSet *
vn_json_at_idset(const VnJsonAt *at, guint id_max, GError **error)
{
    if (!vn_json_at_check_array(at, (gsize) id_max + 1, error))
        return NULL;
    g_autoptr(VnIdSet) set = vn_idset_new();
    for (gsize i = 0; i < vn_json_array_length(at->json); i++) {
        VnJsonAt item = vn_json_at_index(at, i);
        guint id;
        if (!vn_json_at_uint(&item, 0, id_max, &id, error))
            return NULL;
        if (vn_idset_contains(set, id)) {
            vn_json_at_set_error(&item, error, "is %u, as an item before it", id);
            return NULL;
        }
        vn_idset_add(set, id);
    }
    return g_steal_pointer(&set);
}
