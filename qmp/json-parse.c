/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vn_json_parse(): json-c's tokener in its strict mode, behind checks of what it lets pass
 * (RFC 8259: NaN, control characters in strings) or would cut off (NUL).
 */
#include "qmp/json.h"

#include <json-c/json_tokener.h>
#include <limits.h>
#include <math.h>
#include <string.h>

typedef struct json_tokener Tokener;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tokener, json_tokener_free)

static gboolean
invalid(GError **error, gsize offset, const char *what)
{
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "JSON: byte %zu: %s", offset, what);
    return FALSE;
}

/* The checks on bytes. Escapes are looked at only as far as to find a string's end. */
static gboolean
check_bytes(const char *text, gsize length, GError **error)
{
    const char *end;
    gboolean in_string = FALSE;

    if (memchr(text, '\0', length))
        return invalid(error, (gsize) ((const char *) memchr(text, '\0', length) - text),
                       "a NUL");
    if (!g_utf8_validate_len(text, length, &end))
        return invalid(error, (gsize) (end - text), "not UTF-8");
    for (gsize i = 0; i < length; i++) {
        if (text[i] == '"') {
            in_string = !in_string;
        } else if (!in_string) {
            if (text[i] == 'N' || text[i] == 'I')
                return invalid(error, i, "not a JSON value");
        } else if ((guchar) text[i] < 0x20) {
            return invalid(error, i, "a control character in a string");
        } else if (text[i] == '\\') {
            if (length - i >= 6 && memcmp(text + i + 1, "u0000", 5) == 0)
                return invalid(error, i, "a NUL in a string");
            i++;
        }
    }
    return TRUE;
}

/* A literal such as 1e999 reads as infinity. The recursion is bounded by the tokener. */
static gboolean
has_infinity(const VnJson *json)
{
    if (json_object_is_type(json, json_type_double))
        return !isfinite(json_object_get_double(json));
    if (json_object_is_type(json, json_type_array)) {
        for (gsize i = 0; i < json_object_array_length(json); i++) {
            if (has_infinity(json_object_array_get_idx(json, i)))
                return TRUE;
        }
    } else if (json_object_is_type(json, json_type_object)) {
        for (const VnJsonEntry *e = vn_json_first(json); e; e = vn_json_next(e)) {
            if (has_infinity(vn_json_entry_value(e)))
                return TRUE;
        }
    }
    return FALSE;
}

static const char *
describe(enum json_tokener_error code)
{
    return code == json_tokener_error_depth
               ? "nested deeper than " G_STRINGIFY(VN_JSON_DEPTH_MAX)
               : json_tokener_error_desc(code);
}

VnJson *
vn_json_parse(const char *text, gsize length, gsize bytes_max, GError **error)
{
    if (length > MIN(bytes_max, (gsize) INT_MAX)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "JSON: %zu bytes, more than the limit of %zu", length, bytes_max);
        return NULL;
    }
    while (length && memchr(" \t\r\n", text[length - 1], 4))
        length--;
    if (!check_bytes(text, length, error))
        return NULL;

    g_autoptr(Tokener) tokener = json_tokener_new_ex(VN_JSON_DEPTH_MAX);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    g_autoptr(VnJson) json = json_tokener_parse_ex(tokener, text, (int) length);
    enum json_tokener_error code = json_tokener_get_error(tokener);
    gsize offset = json_tokener_get_parse_end(tokener);
    if (code == json_tokener_continue) {
        /* A number may go on: only a NUL tells json-c that the text ends here. */
        offset = length;
        json = json_tokener_parse_ex(tokener, "", 1);
        code = json_tokener_get_error(tokener);
        if (code == json_tokener_continue || code == json_tokener_error_parse_eof) {
            invalid(error, offset, "the text ends within a value");
            return NULL;
        }
    }
    if (code != json_tokener_success) {
        invalid(error, offset, describe(code));
        return NULL;
    }
    if (offset < length) {
        invalid(error, offset, "more text behind the value");
        return NULL;
    }
    if (!json) {
        invalid(error, 0, "null is no document");
        return NULL;
    }
    if (has_infinity(json)) {
        g_set_error_literal(error, VN_ERROR, VN_ERROR_INVALID,
                            "JSON: a number is too large for a double");
        return NULL;
    }
    return g_steal_pointer(&json);
}
