/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnJson's references and its checked getters. */
#include "qmp/json.h"

#include <limits.h>

VnJson *
vn_json_ref(const VnJson *json)
{
    return json_object_get((VnJson *) json);
}

void
vn_json_unref(VnJson *json)
{
    json_object_put(json);
}

gboolean
vn_json_has(const VnJson *object, const char *key)
{
    return json_object_is_type(object, json_type_object) &&
           json_object_object_get_ex(object, key, NULL);
}

gsize
vn_json_array_length(const VnJson *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array)
                                                       : 0;
}

const VnJson *
vn_json_array_get(const VnJson *array, gsize i)
{
    return i < vn_json_array_length(array) ? json_object_array_get_idx(array, i) : NULL;
}

const VnJsonEntry *
vn_json_first(const VnJson *object)
{
    /* json-c asserts what it is given to be an object, or NULL. */
    if (!json_object_is_type(object, json_type_object))
        return NULL;
    return lh_table_head(json_object_get_object(object));
}

const VnJsonEntry *
vn_json_next(const VnJsonEntry *entry)
{
    return lh_entry_next(entry);
}

const char *
vn_json_entry_key(const VnJsonEntry *entry)
{
    return lh_entry_k(entry);
}

const VnJson *
vn_json_entry_value(const VnJsonEntry *entry)
{
    return lh_entry_v(entry);
}

const char *
vn_json_type_name(enum json_type type)
{
    switch (type) {
    case json_type_null:
        return "null";
    case json_type_boolean:
        return "a boolean";
    case json_type_double:
        return "a number with a fraction";
    case json_type_int:
        return "a whole number";
    case json_type_object:
        return "an object";
    case json_type_array:
        return "an array";
    case json_type_string:
        return "a string";
    }
    g_assert_not_reached();
}

/* What an object looks like in a message: its first keys. */
static char *
outline(const VnJson *object)
{
    GString *text = g_string_new("object {");
    guint n_keys = 0;

    for (const VnJsonEntry *e = vn_json_first(object); e; e = vn_json_next(e)) {
        const char *key = vn_json_entry_key(e);
        if (n_keys)
            g_string_append(text, ", ");
        if (n_keys++ == 4) {
            g_string_append(text, "...");
            break;
        }
        g_autofree char *shown =
            g_utf8_substring(key, 0, MIN(g_utf8_strlen(key, -1), 24));
        g_string_append(text, shown);
    }
    g_string_append_c(text, '}');
    return g_string_free(text, FALSE);
}

static void G_GNUC_PRINTF(4, 5)
    wrong(const VnJson *object, const char *key, GError **error, const char *format, ...)
{
    g_autofree char *name =
        json_object_is_type(object, json_type_object)
            ? outline(object)
            : g_strdup(vn_json_type_name(json_object_get_type(object)));
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: '%s' %s", name, key, what);
}

/*
 * Finds a value of the wanted type; *ret_value is NULL where none is there and may be
 * so.
 */
static gboolean
find(const VnJson *object, const char *key, enum json_type type, gboolean optional,
     const VnJson **ret_value, GError **error)
{
    VnJson *value = NULL;
    gboolean found = json_object_is_type(object, json_type_object) &&
                     json_object_object_get_ex(object, key, &value);

    if (optional && !value) {
        *ret_value = NULL;
        return TRUE;
    }
    if (!found) {
        wrong(object, key, error, "is missing");
        return FALSE;
    }
    gboolean fits =
        json_object_is_type(value, type) ||
        (type == json_type_double && json_object_is_type(value, json_type_int));
    if (!fits) {
        wrong(object, key, error, "is %s, not %s",
              vn_json_type_name(json_object_get_type(value)),
              type == json_type_double ? "a number" : vn_json_type_name(type));
        return FALSE;
    }
    *ret_value = value;
    return TRUE;
}

static gboolean
get_string(const VnJson *object, const char *key, gboolean optional,
           const char **ret_value, GError **error)
{
    const VnJson *value;
    if (!find(object, key, json_type_string, optional, &value, error))
        return FALSE;
    if (value)
        *ret_value = json_object_get_string((VnJson *) value);
    return TRUE;
}

static gboolean
get_container(const VnJson *object, const char *key, enum json_type type,
              gboolean optional, const VnJson **ret_value, GError **error)
{
    const VnJson *value;
    if (!find(object, key, type, optional, &value, error))
        return FALSE;
    if (value)
        *ret_value = value;
    return TRUE;
}

static gboolean
get_uint64(const VnJson *object, const char *key, gboolean optional, guint64 *ret_value,
           GError **error)
{
    const VnJson *value;
    if (!find(object, key, json_type_int, optional, &value, error))
        return FALSE;
    if (value && json_object_get_int64(value) < 0) {
        wrong(object, key, error, "is %" G_GINT64_FORMAT ", less than 0",
              (gint64) json_object_get_int64(value));
        return FALSE;
    }
    if (value)
        *ret_value = json_object_get_uint64(value);
    return TRUE;
}

static gboolean
get_int64(const VnJson *object, const char *key, gboolean optional, gint64 min,
          gint64 max, gint64 *ret_value, GError **error)
{
    const VnJson *value;
    if (!find(object, key, json_type_int, optional, &value, error))
        return FALSE;
    if (!value)
        return TRUE;
    gint64 number = json_object_get_int64(value); /* saturates */
    gboolean above = number >= 0 && json_object_get_uint64(value) > (guint64) max;
    if (number < min || above) {
        wrong(object, key, error,
              "is not between %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT, min, max);
        return FALSE;
    }
    *ret_value = number;
    return TRUE;
}

static gboolean
get_int(const VnJson *object, const char *key, gboolean optional, int *ret_value,
        GError **error)
{
    gint64 value = *ret_value;
    if (!get_int64(object, key, optional, INT_MIN, INT_MAX, &value, error))
        return FALSE;
    *ret_value = (int) value;
    return TRUE;
}

static gboolean
get_double(const VnJson *object, const char *key, gboolean optional, double *ret_value,
           GError **error)
{
    const VnJson *value;
    if (!find(object, key, json_type_double, optional, &value, error))
        return FALSE;
    if (value)
        *ret_value = json_object_get_double(value);
    return TRUE;
}

static gboolean
get_bool(const VnJson *object, const char *key, gboolean optional, gboolean *ret_value,
         GError **error)
{
    const VnJson *value;
    if (!find(object, key, json_type_boolean, optional, &value, error))
        return FALSE;
    if (value)
        *ret_value = json_object_get_boolean(value);
    return TRUE;
}

const char *
vn_json_get_string(const VnJson *object, const char *key, GError **error)
{
    const char *value = NULL;
    return get_string(object, key, FALSE, &value, error) ? value : NULL;
}

const VnJson *
vn_json_get_object(const VnJson *object, const char *key, GError **error)
{
    const VnJson *value = NULL;
    return get_container(object, key, json_type_object, FALSE, &value, error) ? value
                                                                              : NULL;
}

const VnJson *
vn_json_get_array(const VnJson *object, const char *key, GError **error)
{
    const VnJson *value = NULL;
    return get_container(object, key, json_type_array, FALSE, &value, error) ? value
                                                                             : NULL;
}

gboolean
vn_json_get_uint64(const VnJson *object, const char *key, guint64 *ret_value,
                   GError **error)
{
    return get_uint64(object, key, FALSE, ret_value, error);
}

gboolean
vn_json_get_int64(const VnJson *object, const char *key, gint64 *ret_value,
                  GError **error)
{
    return get_int64(object, key, FALSE, G_MININT64, G_MAXINT64, ret_value, error);
}

gboolean
vn_json_get_int(const VnJson *object, const char *key, int *ret_value, GError **error)
{
    int value = 0;
    if (!get_int(object, key, FALSE, &value, error))
        return FALSE;
    *ret_value = value;
    return TRUE;
}

gboolean
vn_json_get_double(const VnJson *object, const char *key, double *ret_value,
                   GError **error)
{
    return get_double(object, key, FALSE, ret_value, error);
}

gboolean
vn_json_get_bool(const VnJson *object, const char *key, gboolean *ret_value,
                 GError **error)
{
    return get_bool(object, key, FALSE, ret_value, error);
}

gboolean
vn_json_get_optional_string(const VnJson *object, const char *key, const char **ret_value,
                            GError **error)
{
    return get_string(object, key, TRUE, ret_value, error);
}

gboolean
vn_json_get_optional_object(const VnJson *object, const char *key,
                            const VnJson **ret_value, GError **error)
{
    return get_container(object, key, json_type_object, TRUE, ret_value, error);
}

gboolean
vn_json_get_optional_array(const VnJson *object, const char *key,
                           const VnJson **ret_value, GError **error)
{
    return get_container(object, key, json_type_array, TRUE, ret_value, error);
}

gboolean
vn_json_get_optional_uint64(const VnJson *object, const char *key, guint64 *ret_value,
                            GError **error)
{
    return get_uint64(object, key, TRUE, ret_value, error);
}

gboolean
vn_json_get_optional_int64(const VnJson *object, const char *key, gint64 *ret_value,
                           GError **error)
{
    return get_int64(object, key, TRUE, G_MININT64, G_MAXINT64, ret_value, error);
}

gboolean
vn_json_get_optional_int(const VnJson *object, const char *key, int *ret_value,
                         GError **error)
{
    return get_int(object, key, TRUE, ret_value, error);
}

gboolean
vn_json_get_optional_double(const VnJson *object, const char *key, double *ret_value,
                            GError **error)
{
    return get_double(object, key, TRUE, ret_value, error);
}

gboolean
vn_json_get_optional_bool(const VnJson *object, const char *key, gboolean *ret_value,
                          GError **error)
{
    return get_bool(object, key, TRUE, ret_value, error);
}
