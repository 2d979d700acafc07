/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnOutput: how this call prints, and the only place that writes to standard output. Each
 * write is checked, so that a full disk or a closed pipe is a failure and not silence.
 */
#pragma once

#include "model/error.h"

typedef struct {
    gboolean json;
    gboolean color;    /* bold titles, coloured heat maps */
    gboolean terminal; /* lines can be redrawn */
} VnOutput;

/**
 * vn_output_init:
 * @color: (nullable): "auto", "always" or "never"; NULL is "auto": a terminal gets colour
 *   unless NO_COLOR is set (https://no-color.org)
 * @error: G_OPTION_ERROR when @color is none of these
 */
gboolean vn_output_init(VnOutput *output, gboolean json, const char *color,
                        GError **error) VN_WARN_UNUSED;

/** vn_output_text: writes @text to standard output at once. */
gboolean vn_output_text(const char *text, GError **error) VN_WARN_UNUSED;

/**
 * vn_output_json:
 * @value: (transfer floating)
 * @pretty: a document for itself; else one line of a stream
 */
gboolean vn_output_json(GVariant *value, gboolean pretty, GError **error) VN_WARN_UNUSED;

/** vn_output_columns: the terminal's width, 80 when it does not tell. */
guint vn_output_columns(void);
