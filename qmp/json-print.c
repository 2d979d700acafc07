/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vn_json_print(): our own printer, because json-c's keeps its text inside the object it
 * prints, which two threads must not do at once, and writes 0.95 as 0.94999999999999996.
 */
#include "qmp/json.h"

#include <math.h>
#include <string.h>

static void
print_string(GString *out, const char *text, gsize length)
{
    g_string_append_c(out, '"');
    for (gsize i = 0; i < length; i++) {
        char c = text[i];
        if (c == '"' || c == '\\')
            g_string_append_printf(out, "\\%c", c);
        else if (c == '\n')
            g_string_append(out, "\\n");
        else if (c == '\r')
            g_string_append(out, "\\r");
        else if (c == '\t')
            g_string_append(out, "\\t");
        else if ((guchar) c < 0x20 || c == 0x7f)
            g_string_append_printf(out, "\\u%04x", (guint) (guchar) c);
        else
            g_string_append_c(out, c);
    }
    g_string_append_c(out, '"');
}

static void
print_double(GString *out, double value)
{
    /* 15 digits survive the way to a double and back; 17 tell all doubles apart. */
    static const char *const formats[] = {"%.15g", "%.16g", "%.17g"};
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (!isfinite(value)) {
        g_string_append(out, "null");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_ascii_formatd(text, sizeof(text), formats[i], value);
        if (memcmp(&(double){g_ascii_strtod(text, NULL)}, &value, sizeof(value)) == 0)
            break;
    }
    g_string_append(out, text);
    if (!strpbrk(text, ".e")) /* so that it stays a double where types matter */
        g_string_append(out, ".0");
}

static void
print_break(GString *out, gboolean pretty, guint level)
{
    if (pretty)
        g_string_append_printf(out, "\n%*s", (int) (2 * level), "");
}

static void print_value(GString *out, const VnJson *json, gboolean pretty, guint level);

static void
print_object(GString *out, const VnJson *json, gboolean pretty, guint level)
{
    gboolean first = TRUE;

    g_string_append_c(out, '{');
    for (const VnJsonEntry *e = vn_json_first(json); e; e = vn_json_next(e)) {
        const char *key = vn_json_entry_key(e);
        if (!first)
            g_string_append_c(out, ',');
        first = FALSE;
        print_break(out, pretty, level + 1);
        print_string(out, key, strlen(key));
        g_string_append(out, pretty ? ": " : ":");
        print_value(out, vn_json_entry_value(e), pretty, level + 1);
    }
    if (!first)
        print_break(out, pretty, level);
    g_string_append_c(out, '}');
}

static void
print_array(GString *out, const VnJson *json, gboolean pretty, guint level)
{
    gsize length = json_object_array_length(json);

    g_string_append_c(out, '[');
    for (gsize i = 0; i < length; i++) {
        if (i)
            g_string_append_c(out, ',');
        print_break(out, pretty, level + 1);
        print_value(out, json_object_array_get_idx(json, i), pretty, level + 1);
    }
    if (length)
        print_break(out, pretty, level);
    g_string_append_c(out, ']');
}

static void
print_integer(GString *out, const VnJson *json)
{
    gint64 value = json_object_get_int64(json); /* saturates */
    if (value == G_MAXINT64)
        g_string_append_printf(out, "%" G_GUINT64_FORMAT, json_object_get_uint64(json));
    else
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

static void
print_value(GString *out, const VnJson *json, gboolean pretty, guint level)
{
    switch (json_object_get_type(json)) {
    case json_type_null:
        g_string_append(out, "null");
        break;
    case json_type_boolean:
        g_string_append(out, json_object_get_boolean(json) ? "true" : "false");
        break;
    case json_type_double:
        print_double(out, json_object_get_double(json));
        break;
    case json_type_int:
        print_integer(out, json);
        break;
    case json_type_object:
        print_object(out, json, pretty, level);
        break;
    case json_type_array:
        print_array(out, json, pretty, level);
        break;
    case json_type_string:
        print_string(out, json_object_get_string((VnJson *) json),
                     (gsize) json_object_get_string_len(json));
        break;
    }
}

VnJson *
vn_json_new_double(double value)
{
    return isfinite(value) ? json_object_new_double(value) : NULL;
}

char *
vn_json_print(const VnJson *json, gboolean pretty)
{
    GString *out = g_string_new(NULL);
    print_value(out, json, pretty, 0);
    return g_string_free(out, FALSE);
}
