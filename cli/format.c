/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values as text for people. */
#include "cli/format.h"
#include "model/text.h"

#include <math.h>
#include <string.h>

char *
vn_format_rate(guint64 bytes_per_second)
{
    g_autofree char *bytes = vn_text_bytes(bytes_per_second);
    return g_strconcat(bytes, "/s", NULL);
}

char *
vn_format_ratio(double ratio)
{
    if (isnan(ratio) || ratio < 0)
        return g_strdup(VN_FORMAT_UNKNOWN);
    double percent = 100 * ratio;
    return g_strdup_printf("%.1f %%", ratio < 1 ? fmin(percent, 99.9) : percent);
}

char *
vn_format_duration(double seconds)
{
    if (!isfinite(seconds) || seconds < 0 || seconds > 1e9)
        return g_strdup(VN_FORMAT_UNKNOWN);
    if (seconds < 0.9995)
        return g_strdup_printf("%.0f ms", seconds * 1000);
    if (seconds < 59.95)
        return g_strdup_printf("%.1f s", seconds);
    guint whole = (guint) lround(seconds);
    if (whole < 3600)
        return g_strdup_printf("%u min %02u s", whole / 60, whole % 60);
    return g_strdup_printf("%u h %02u min", whole / 3600, whole / 60 % 60);
}

char *
vn_format_ids(const VnIdSet *set)
{
    if (!set || vn_idset_is_empty(set))
        return g_strdup(VN_FORMAT_UNKNOWN);
    return vn_idset_format(set);
}

char *
vn_format_bar(double ratio, guint width)
{
    double share = isnan(ratio) ? 0 : CLAMP(ratio, 0, 1);
    guint full = (guint) lround(share * width);
    char *bar = g_malloc(width + 1u);
    memset(bar, '#', full);
    memset(bar + full, '.', width - full);
    bar[width] = '\0';
    return bar;
}

char *
vn_format_escape(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *escaped = g_string_sized_new(strlen(valid));
    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c == '\n')
            g_string_append(escaped, "\\n");
        else if (c == '\t')
            g_string_append(escaped, "\\t");
        else if (c == ' ' || (g_unichar_isgraph(c) && !g_unichar_isspace(c)))
            g_string_append_unichar(escaped, c);
        else
            g_string_append_printf(escaped, "\\u{%x}", c);
    }
    return g_string_free(escaped, FALSE);
}

static guint
width_of(gunichar c)
{
    if (g_unichar_iszerowidth(c))
        return 0;
    return g_unichar_iswide(c) ? 2 : 1;
}

guint
vn_format_width(const char *text)
{
    guint width = 0;
    for (const char *at = text; *at; at = g_utf8_next_char(at))
        width += width_of(g_utf8_get_char(at));
    return width;
}

char *
vn_format_truncate(const char *text, guint width)
{
    guint used = 0;
    const char *at = text;
    for (; *at; at = g_utf8_next_char(at)) {
        used += width_of(g_utf8_get_char(at));
        if (used > width)
            break;
    }
    return g_strndup(text, (gsize) (at - text));
}
