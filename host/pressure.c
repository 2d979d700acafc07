/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /proc/pressure/memory: "some avg10=1.23 avg60=0.50 avg300=0.10 total=12345" and on. */
#include "host/pressure.h"

#include "host/files.h"

#include <string.h>

#define PATH "proc/pressure/memory"
#define FILE_BYTES_MAX 4096
#define KEY "some avg10="

gboolean
vn_pressure_parse(const char *text, const char *name, double *ret_ratio, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (!g_str_has_prefix(*line, KEY))
            continue;
        const char *number = *line + strlen(KEY);
        char *end;
        double percent = g_ascii_strtod(number, &end);
        if (end == number || (*end && *end != ' ') || !(percent >= 0 && percent <= 100))
            break;
        *ret_ratio = percent / 100;
        return TRUE;
    }
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "%s: there is no line '" KEY "' with 0 to 100 %%", name);
    return FALSE;
}

gboolean
vn_pressure_read(const char *root, double *ret_ratio, GError **error)
{
    g_autoptr(GError) wrong = NULL;
    g_autoptr(VnFiles) files = vn_files_open(root, &wrong);
    g_autofree char *text =
        files ? vn_files_read(files, PATH, FILE_BYTES_MAX, &wrong) : NULL;
    if (text) {
        g_autofree char *name = vn_files_shown(files, PATH);
        return vn_pressure_parse(text, name, ret_ratio, error);
    }
    if (g_error_matches(wrong, VN_ERROR, VN_ERROR_GONE))
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "%s; the kernel tells memory pressure when it was started with psi=1",
                    wrong->message);
    else
        g_propagate_error(error, g_steal_pointer(&wrong));
    return FALSE;
}
