/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * draw-scenes FOLDER: draws all made-up heat as SVG and PNG, and prints it as text: to be
 * looked at. docs/heatmap.svg is its "two-cells.svg".
 */
#include "cli/heat-picture.h"
#include "cli/heat-text.h"
#include "tests/cli/heat-scenes.h"

int
main(int argc, char **argv)
{
    g_assert_cmpint(argc, ==, 2);
    for (const char *const *name = heat_scene_names(); *name; name++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) heat = heat_scene(*name, 0);
        g_autoptr(VnHeatView) view =
            vn_heat_view_new(heat, heat_scene_is_by_time(*name), &error);
        g_assert_no_error(error);
        g_autofree char *svg = g_strdup_printf("%s/%s.svg", argv[1], *name);
        g_autofree char *png = g_strdup_printf("%s/%s.png", argv[1], *name);
        g_assert_true(vn_heat_picture_write_svg(view, svg, &error));
        g_assert_true(vn_heat_picture_write_png(view, png, &error));
        g_autoptr(GString) text = g_string_new(NULL);
        vn_heat_text_append(text, view, &(VnHeatTextStyle){.width = 100});
        g_print("%s\n", text->str);
    }
    return 0;
}
