/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnOutput: writing to standard output. */
#include "cli/output.h"

#include "qmp/json.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

gboolean
vn_output_init(VnOutput *output, gboolean json, const char *color, GError **error)
{
    const char *term = g_getenv("TERM");
    const char *no_color = g_getenv("NO_COLOR");
    gboolean terminal =
        isatty(STDOUT_FILENO) == 1 && term && *term && strcmp(term, "dumb") != 0;
    gboolean bold = terminal && !(no_color && *no_color);

    if (color && strcmp(color, "always") == 0) {
        bold = TRUE;
    } else if (color && strcmp(color, "never") == 0) {
        bold = FALSE;
    } else if (color && strcmp(color, "auto") != 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--color: '%s' is none of auto, always, never", color);
        return FALSE;
    }
    output->json = json;
    output->terminal = terminal;
    output->color = bold;
    return TRUE;
}

gboolean
vn_output_text(const char *text, GError **error)
{
    for (gsize left = strlen(text); left > 0;) {
        ssize_t n = write(STDOUT_FILENO, text, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            vn_error_set_errno(error, errno, "standard output: write");
            return FALSE;
        }
        text += n;
        left -= (gsize) n;
    }
    return TRUE;
}

gboolean
vn_output_json(GVariant *value, gboolean pretty, GError **error)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(value);
    g_autoptr(VnJson) json = vn_json_from_variant(owned);
    g_autofree char *text = vn_json_print(json, pretty);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    return vn_output_text(line, error);
}

guint
vn_output_columns(void)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}
