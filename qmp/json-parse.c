/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vn_json_parse(): json-c's tokener in its strict mode, behind checks of what it lets
 * pass ("NaN", "01", 'single quotes', control characters in strings) or would cut off
 * (NUL).
 */
#include "qmp/json.h"

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

static gsize
count_digits(const char *text, gsize length)
{
    gsize n = 0;
    while (n < length && g_ascii_isdigit(text[n]))
        n++;
    return n;
}

/*
 * Whether @n_digits digits are a number that 64 bits hold, with one bit for the sign
 * if any.
 */
static gboolean
integer_fits(const char *digits, gsize n_digits, gboolean negative)
{
    const guint64 max = negative ? (guint64) G_MAXINT64 + 1 : G_MAXUINT64;
    guint64 value = 0;
    for (gsize i = 0; i < n_digits; i++) {
        guint64 digit = (guint64) (digits[i] - '0');
        if (value > (max - digit) / 10)
            return FALSE;
        value = value * 10 + digit;
    }
    return TRUE;
}

/*
 * Finds the length of the number that @text begins with, 0 when it is none. json-c takes
 * "01" and "1.", and reads whole numbers that are too large as the largest one.
 */
static gsize
measure_number(const char *text, gsize length)
{
    const gboolean negative = text[0] == '-';
    gsize end = negative;
    const gsize n_digits = count_digits(text + end, length - end);

    if (!n_digits || (n_digits > 1 && text[end] == '0'))
        return 0;
    end += n_digits;
    gboolean whole = TRUE;
    if (end < length && text[end] == '.') {
        const gsize n = count_digits(text + end + 1, length - end - 1);
        if (!n)
            return 0;
        end += 1 + n;
        whole = FALSE;
    }
    if (end < length && (text[end] == 'e' || text[end] == 'E')) {
        end++;
        if (end < length && (text[end] == '+' || text[end] == '-'))
            end++;
        const gsize n = count_digits(text + end, length - end);
        if (!n)
            return 0;
        end += n;
        whole = FALSE;
    }
    return whole && !integer_fits(text + negative, n_digits, negative) ? 0 : end;
}

/* Returns the length of the string that @text, a quotation mark, begins; 0 on error. */
static gsize
check_string(const char *text, gsize offset, gsize length, GError **error)
{
    for (gsize i = offset + 1; i < length; i++) {
        if (text[i] == '"')
            return i + 1 - offset;
        if ((guchar) text[i] < 0x20)
            return (gsize) invalid(error, i, "a control character in a string");
        if (text[i] == '\\') {
            if (length - i >= 6 && memcmp(text + i + 1, "u0000", 5) == 0)
                return (gsize) invalid(error, i, "a NUL in a string");
            i++;
        }
    }
    return (gsize) invalid(error, length, "the text ends within a string");
}

/* Checks the tokens that json-c is lax about; their order is left to it. */
static gboolean
check_tokens(const char *text, gsize length, GError **error)
{
    for (gsize i = 0; i < length;) {
        gsize n = 1;
        if (text[i] == '"') {
            n = check_string(text, i, length, error);
            if (!n)
                return FALSE;
        } else if (text[i] == '-' || g_ascii_isdigit(text[i])) {
            n = measure_number(text + i, length - i);
            if (!n)
                return invalid(error, i, "not a number that 64 bits hold");
        } else if (!strchr("{}[]:, \t\r\ntruefalsn", text[i])) {
            return invalid(error, i, "not a JSON value");
        }
        i += n;
    }
    return TRUE;
}

static gboolean
check_encoding(const char *text, gsize length, GError **error)
{
    const char *nul = memchr(text, '\0', length);
    const char *end;

    if (nul)
        return invalid(error, (gsize) (nul - text), "a NUL");
    if (!g_utf8_validate_len(text, length, &end))
        return invalid(error, (gsize) (end - text), "not UTF-8");
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
    if (!check_encoding(text, length, error) || !check_tokens(text, length, error))
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
