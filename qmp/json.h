/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnJson: json-c's object, and the project's only door to json-c. Adds what json-c leaves
 * open: strict and bounded reading, getters that say what was wrong, numbers printed as
 * they were meant, and the way to GVariant and back. No I/O.
 *
 * JSON null is NULL in json-c; that is why every "const VnJson *" value may be NULL here.
 */
#pragma once

#include "model/error.h"

#include <json-c/json_object.h>
#include <json-c/json_tokener.h> /* for json-parse.c; others call vn_json_parse() */
#include <json-c/linkhash.h>

typedef struct json_object VnJson;
typedef struct lh_entry VnJsonEntry;

/* Values nest at most so deep, the outermost counting as 1: [1] is 2 deep. */
#define VN_JSON_DEPTH_MAX 32
/* A customary limit for vn_json_parse(): the largest document that we read or receive. */
#define VN_JSON_BYTES_MAX (8u * 1024 * 1024)

/** vn_json_ref: Returns: (transfer full): @json, which may be NULL. */
VnJson *vn_json_ref(const VnJson *json);
void vn_json_unref(VnJson *json);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnJson, vn_json_unref)

/**
 * vn_json_parse:
 * @text: @length bytes, with or without a NUL behind them
 * @bytes_max: a longer text is refused unread
 * @error: INVALID, with the byte's offset: not one JSON value of RFC 8259 with blanks
 *   around it; not UTF-8; a NUL, plain or as \u0000; nesting past VN_JSON_DEPTH_MAX; a
 *   number that neither a gint64, a guint64 nor a double holds; NaN; or null as the whole
 *   document
 *
 * Where an object has a key twice, the last value counts.
 *
 * Returns: (transfer full): the value, never NULL on success.
 */
VnJson *vn_json_parse(const char *text, gsize length, gsize bytes_max,
                      GError **error) VN_WARN_UNUSED;

/**
 * vn_json_check_keys:
 * @text: what vn_json_parse() took
 * @error: INVALID, with the byte's offset: an object has a key twice, where people wrote
 *   a document and mean each of its values
 */
gboolean vn_json_check_keys(const char *text, gsize length,
                            GError **error) VN_WARN_UNUSED;

/**
 * vn_json_new_double: as json_object_new_double(), but printed with as few digits as tell
 * it from every other double (0.95 as 0.95).
 *
 * Returns: (transfer full): NULL, JSON's null, for NaN and the infinities.
 */
VnJson *vn_json_new_double(double value);

/**
 * vn_json_print:
 * @pretty: over several lines, for people, else on one line without blanks
 *
 * Changes nothing in @json (json-c's own printer does), so that threads may share it.
 * Returns: (transfer full): JSON without a newline at the end; "null" for NULL.
 */
char *vn_json_print(const VnJson *json, gboolean pretty);

/*
 * Checked getters. @object may be any value: what is no object has no keys. Errors are
 * INVALID and read "object {name, cpus}: 'memory_bytes' is missing" or "...: 'id' is a
 * string, not a whole number"; the caller prefixes whose object it was. Strings, objects
 * and arrays that are returned are borrowed from @object.
 *
 * The optional ones take a missing key and a null alike: they succeed, and leave
 * *ret_value as it was, which makes what it was the default.
 */
const char *vn_json_get_string(const VnJson *object, const char *key,
                               GError **error) VN_WARN_UNUSED;
const VnJson *vn_json_get_object(const VnJson *object, const char *key,
                                 GError **error) VN_WARN_UNUSED;
const VnJson *vn_json_get_array(const VnJson *object, const char *key,
                                GError **error) VN_WARN_UNUSED;
/** vn_json_get_uint64: whole numbers only; 1.0 is none. */
gboolean vn_json_get_uint64(const VnJson *object, const char *key, guint64 *ret_value,
                            GError **error) VN_WARN_UNUSED;
gboolean vn_json_get_int64(const VnJson *object, const char *key, gint64 *ret_value,
                           GError **error) VN_WARN_UNUSED;
/** vn_json_get_int: as vn_json_get_int64(), refusing what is outside of an int. */
gboolean vn_json_get_int(const VnJson *object, const char *key, int *ret_value,
                         GError **error) VN_WARN_UNUSED;
/** vn_json_get_double: takes whole numbers too. */
gboolean vn_json_get_double(const VnJson *object, const char *key, double *ret_value,
                            GError **error) VN_WARN_UNUSED;
gboolean vn_json_get_bool(const VnJson *object, const char *key, gboolean *ret_value,
                          GError **error) VN_WARN_UNUSED;

gboolean vn_json_get_optional_string(const VnJson *object, const char *key,
                                     const char **ret_value,
                                     GError **error) VN_WARN_UNUSED;
gboolean vn_json_get_optional_object(const VnJson *object, const char *key,
                                     const VnJson **ret_value,
                                     GError **error) VN_WARN_UNUSED;
gboolean vn_json_get_optional_array(const VnJson *object, const char *key,
                                    const VnJson **ret_value,
                                    GError **error) VN_WARN_UNUSED;
gboolean vn_json_get_optional_uint64(const VnJson *object, const char *key,
                                     guint64 *ret_value, GError **error) VN_WARN_UNUSED;
gboolean vn_json_get_optional_int64(const VnJson *object, const char *key,
                                    gint64 *ret_value, GError **error) VN_WARN_UNUSED;
gboolean vn_json_get_optional_int(const VnJson *object, const char *key, int *ret_value,
                                  GError **error) VN_WARN_UNUSED;
gboolean vn_json_get_optional_double(const VnJson *object, const char *key,
                                     double *ret_value, GError **error) VN_WARN_UNUSED;
gboolean vn_json_get_optional_bool(const VnJson *object, const char *key,
                                   gboolean *ret_value, GError **error) VN_WARN_UNUSED;

/** vn_json_type_name: "a whole number", for messages. */
const char *vn_json_type_name(enum json_type type);

/**
 * vn_json_has: Returns: whether @object is an object with @key, be it null.
 * vn_json_array_length: Returns: 0 for what is no array.
 * vn_json_array_get: Returns: (transfer none): the item, NULL for null and past the end.
 */
gboolean vn_json_has(const VnJson *object, const char *key);
gsize vn_json_array_length(const VnJson *array);
const VnJson *vn_json_array_get(const VnJson *array, gsize i);

/*
 * A walk over an object's keys, in the order of the text; an empty one over what is no
 * object:
 *
 * for (const VnJsonEntry *e = vn_json_first(object); e; e = vn_json_next(e))
 *     use(vn_json_entry_key(e), vn_json_entry_value(e));
 */
const VnJsonEntry *vn_json_first(const VnJson *object);
const VnJsonEntry *vn_json_next(const VnJsonEntry *entry);
const char *vn_json_entry_key(const VnJsonEntry *entry);
const VnJson *vn_json_entry_value(const VnJsonEntry *entry);

/**
 * vn_json_from_variant:
 *
 * Every GVariant has a JSON form: dictionaries (a{..} with any key; numbers become
 * strings) and single entries are objects, other arrays and tuples are arrays, "v" is
 * what is in it, "m" is its value or null, strings, paths and signatures are strings, all
 * whole numbers and handles are whole numbers, NaN and the infinities are null.
 *
 * Returns: (transfer full): NULL for null.
 */
VnJson *vn_json_from_variant(GVariant *variant);

/**
 * vn_json_to_variant:
 *
 * Objects become a{sv}, arrays av, strings s, booleans b, numbers x (t where only that
 * holds it) or d, and null an "mv" that is Nothing. "m" is a type of GVariant that D-Bus
 * does not carry: leave nulls out of what goes there. vn_json_from_variant() is the
 * inverse.
 *
 * Returns: (transfer full): a full, not a floating, reference.
 */
GVariant *vn_json_to_variant(const VnJson *json);
