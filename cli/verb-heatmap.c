/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl heatmap: which memory is accessed how much and from where, in a terminal or as
 * a picture. */
#include "cli/heat-picture.h"
#include "cli/heat-text.h"
#include "cli/verb.h"

static gboolean
parse_bins(const VnCall *call, guint *ret_bins, GError **error)
{
    guint64 bins = VN_HEATMAP_BINS;
    if (call->bins &&
        !g_ascii_string_to_unsigned(call->bins, 10, 1, VN_HEAT_BINS_MAX, &bins, NULL)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--bins: '%s' is no whole number from 1 to %u", call->bins,
                    VN_HEAT_BINS_MAX);
        return FALSE;
    }
    *ret_bins = (guint) bins;
    return TRUE;
}

gboolean
vn_verb_heatmap(const VnCall *call, VnClient *client, GError **error)
{
    guint bins;
    if (!parse_bins(call, &bins, error))
        return FALSE;
    g_autoptr(GVariant) heat =
        vn_client_get_heat(client, call->arguments[0], call->time, bins, error);
    if (!heat)
        return FALSE;
    g_autoptr(VnHeatView) view = vn_heat_view_new(heat, call->time, error);
    if (!view)
        return FALSE;
    if (call->svg && !vn_heat_picture_write_svg(view, call->svg, error))
        return FALSE;
    if (call->png && !vn_heat_picture_write_png(view, call->png, error))
        return FALSE;
    if (call->output.json)
        return vn_output_json(heat, TRUE, error);
    if (call->svg || call->png)
        return TRUE;

    g_autoptr(GString) text = g_string_new(NULL);
    VnHeatTextStyle style = {
        .width = vn_output_columns(),
        .color = call->output.color,
        .utf8 = g_get_charset(NULL),
    };
    vn_heat_text_append(text, view, &style);
    return vn_output_text(text->str, error);
}
