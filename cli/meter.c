/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnMeter: a job's progress as text and as an object. */
#include "cli/meter.h"

#include "cli/format.h"
#include "model/text.h"

/* With all figures the line is to fit into 80 columns; the activity needs more. */
#define BAR_WIDTH 10

static void
append_figures(GString *line, const VnMeter *meter, gboolean with_bar)
{
    double ratio = (double) meter->bytes_done / (double) meter->bytes_total;
    g_autofree char *bar = vn_format_bar(ratio, BAR_WIDTH);
    g_autofree char *percent = vn_format_ratio(MIN(ratio, 1));
    g_autofree char *done = vn_text_bytes(meter->bytes_done);
    g_autofree char *total = vn_text_bytes(meter->bytes_total);
    if (with_bar)
        g_string_append_printf(line, "  [%s]", bar);
    g_string_append_printf(line, "  %s  %s of %s", percent, done, total);
}

static void
append_speed(GString *line, const VnMeter *meter)
{
    guint64 rate = meter->rate_bytes_per_second;
    guint64 total = meter->bytes_total;
    guint64 done = MIN(meter->bytes_done, total);
    g_autofree char *speed = vn_format_rate(rate);
    g_string_append_printf(line, "  %s", speed);
    if (done < total) {
        g_autofree char *left =
            vn_format_duration((double) (total - done) / (double) rate);
        g_string_append_printf(line, "  %s left", left);
    }
}

char *
vn_meter_line(const VnMeter *meter, gboolean with_bar)
{
    GString *line = g_string_new(NULL);
    g_autofree char *state = vn_format_escape(meter->state);
    g_autofree char *activity = vn_format_escape(meter->activity);
    g_string_append_printf(line, "%-8s", state);
    if (meter->bytes_total) {
        append_figures(line, meter, with_bar);
        if (meter->rate_bytes_per_second)
            append_speed(line, meter);
    }
    if (*activity)
        g_string_append_printf(line, "  %s", activity);
    return g_strchomp(g_string_free(line, FALSE));
}

GVariant *
vn_meter_to_variant(const VnMeter *meter)
{
    g_auto(GVariantBuilder) object;
    g_variant_builder_init(&object, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&object, "{sv}", "event", g_variant_new_string("progress"));
    g_variant_builder_add(&object, "{sv}", "job", g_variant_new_string(meter->job));
    g_variant_builder_add(&object, "{sv}", "state", g_variant_new_string(meter->state));
    g_variant_builder_add(&object, "{sv}", "activity",
                          g_variant_new_string(meter->activity));
    g_variant_builder_add(&object, "{sv}", "bytes_total",
                          g_variant_new_uint64(meter->bytes_total));
    g_variant_builder_add(&object, "{sv}", "bytes_done",
                          g_variant_new_uint64(meter->bytes_done));
    g_variant_builder_add(&object, "{sv}", "rate_bytes_per_second",
                          g_variant_new_uint64(meter->rate_bytes_per_second));
    return g_variant_builder_end(&object);
}
