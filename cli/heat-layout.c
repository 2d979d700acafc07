/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes, colours and text of a heat map's picture. */
#include "cli/heat-layout.h"

#include <math.h>
#include <string.h>

/* Left of the map: addresses, the cells with their homes, where memory lies. */
#define LEFT 252
#define TOP 136
#define BOTTOM 62
#define MARGIN 24
#define LEGEND_WIDTH 232
#define LEGEND_GAP 30

/* The map has at most about so many pixels, and at least so many: few are large. */
#define MAP_WIDTH 704
#define MAP_WIDTH_MIN 384
#define COLUMN_WIDTH_MAX 96
#define MAP_HEIGHT 512
#define MAP_HEIGHT_MIN 168
#define ROW_HEIGHT_MAX 28

#define TEXT_BYTES_MAX 400

/*
 * The colours of Okabe and Ito, which people with any kind of colour-blindness tell apart
 * (https://jfly.uni-koeln.de/color/), those that differ most first.
 */
static const guint colors[] = {0x0072b2, 0xe69f00, 0x009e73, 0xcc79a7,
                               0xd55e00, 0x56b4e9, 0xf0e442, 0x000000};

#define COLOR_UNKNOWN 0x999999u
#define COLOR_NOTHING 0xf3f3f3u

/* What is accessed at all is told apart from what is not. */
#define LEVEL_MIN 0.18

void
vn_heat_layout_init(VnHeatLayout *layout, const VnHeatView *view, cairo_t *cr)
{
    int n_rows = MAX((int) view->rows->len, 1);
    int n_columns = MAX((int) view->columns->len, 1);
    *layout = (VnHeatLayout){.cr = cr, .view = view, .x = LEFT, .y = TOP};
    layout->hottest = vn_heat_view_hottest(view);
    layout->column_width =
        CLAMP(MAP_WIDTH / n_columns, 3, MAX(COLUMN_WIDTH_MAX, MAP_WIDTH_MIN / n_columns));
    layout->row_height =
        CLAMP(MAP_HEIGHT / n_rows, 2, MAX(ROW_HEIGHT_MAX, MAP_HEIGHT_MIN / n_rows));
    layout->map_width = n_columns * layout->column_width;
    layout->map_height = n_rows * layout->row_height;
    layout->legend_x = layout->x + layout->map_width + LEGEND_GAP;
    layout->width = layout->legend_x + LEGEND_WIDTH + MARGIN;
    layout->height = layout->y + MARGIN +
                     MAX(layout->map_height + BOTTOM, vn_heat_legend_height(view));
}

void
vn_heat_set_color(cairo_t *cr, guint color)
{
    cairo_set_source_rgb(cr, (color >> 16 & 255) / 255.0, (color >> 8 & 255) / 255.0,
                         (color & 255) / 255.0);
}

guint
vn_heat_node_color(const VnHeatView *view, int node)
{
    if (node < 0)
        return COLOR_UNKNOWN;
    return colors[vn_heat_view_rank(view, node) % G_N_ELEMENTS(colors)];
}

guint
vn_heat_shaded(guint color, double level)
{
    guint shaded = 0;
    double share = level > 0 ? LEVEL_MIN + (1 - LEVEL_MIN) * level : 0;
    for (guint shift = 0; shift < 24; shift += 8) {
        double full = color >> shift & 255;
        double none = COLOR_NOTHING >> shift & 255;
        shaded |= (guint) lround(none + (full - none) * share) << shift;
    }
    return shaded;
}

guint
vn_heat_node_pattern(const VnHeatView *view, int node)
{
    return node < 0 ? 0 : vn_heat_view_rank(view, node) / G_N_ELEMENTS(colors) % 4;
}

/* Lines over a box, @gap apart from each other wherever it is: down, across or aslant. */
static void
add_lines(cairo_t *cr, const cairo_rectangle_int_t *box, gboolean down, gboolean across,
          int gap)
{
    int right = box->x + box->width;
    int bottom = box->y + box->height;
    int from = down ? box->x : box->y;
    int to = down ? right : bottom;
    if (down && across) {
        from = box->x + box->y;
        to = right + bottom;
    }
    for (int i = (from / gap) * gap; i < to; i += gap) {
        double at = i + 0.5;
        double start_x = down && across ? at - box->y : down ? at : box->x;
        double end_x = down && across ? at - bottom : down ? at : right;
        cairo_move_to(cr, start_x, down ? box->y : at);
        cairo_line_to(cr, end_x, down ? bottom : at);
    }
}

/* What is drawn is seen on the present path only, now forgotten; FALSE: it is empty. */
static gboolean
clip_to_path(cairo_t *cr, cairo_rectangle_int_t *ret_box)
{
    double x;
    double y;
    double right;
    double bottom;
    if (!cairo_has_current_point(cr))
        return FALSE;
    cairo_path_extents(cr, &x, &y, &right, &bottom);
    *ret_box = (cairo_rectangle_int_t){.x = (int) x,
                                       .y = (int) y,
                                       .width = (int) ceil(right - x),
                                       .height = (int) ceil(bottom - y)};
    cairo_save(cr);
    cairo_clip(cr);
    cairo_new_path(cr);
    return TRUE;
}

void
vn_heat_draw_pattern(cairo_t *cr, guint pattern)
{
    cairo_rectangle_int_t box;
    if (!clip_to_path(cr, &box))
        return;
    if (pattern & 1)
        add_lines(cr, &box, FALSE, TRUE, 4);
    if (pattern & 2)
        add_lines(cr, &box, TRUE, FALSE, 4);
    cairo_set_source_rgba(cr, 1, 1, 1, 0.75);
    cairo_set_line_width(cr, 1);
    cairo_stroke(cr);
    cairo_restore(cr);
}

void
vn_heat_draw_hatch(cairo_t *cr)
{
    cairo_rectangle_int_t box;
    if (!clip_to_path(cr, &box))
        return;
    add_lines(cr, &box, TRUE, TRUE, 10);
    cairo_set_source_rgba(cr, 1, 1, 1, 0.85);
    cairo_set_line_width(cr, 2.6);
    cairo_stroke_preserve(cr);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.85);
    cairo_set_line_width(cr, 1);
    cairo_stroke(cr);
    cairo_restore(cr);
}

void
vn_heat_draw_node(const VnHeatLayout *layout, int node)
{
    guint pattern = vn_heat_node_pattern(layout->view, node);
    vn_heat_set_color(layout->cr, vn_heat_node_color(layout->view, node));
    cairo_fill_preserve(layout->cr);
    if (pattern)
        vn_heat_draw_pattern(layout->cr, pattern);
    cairo_new_path(layout->cr);
}

void
vn_heat_set_font(cairo_t *cr, VnHeatFont font, double size)
{
    cairo_select_font_face(cr, font == VN_HEAT_FONT_ADDRESS ? "monospace" : "sans-serif",
                           CAIRO_FONT_SLANT_NORMAL,
                           font == VN_HEAT_FONT_BOLD ? CAIRO_FONT_WEIGHT_BOLD
                                                     : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
}

int
vn_heat_text_width(cairo_t *cr, const char *text)
{
    cairo_text_extents_t extents;
    cairo_text_extents(cr, text, &extents);
    return (int) ceil(extents.x_advance);
}

void
vn_heat_draw_text(cairo_t *cr, double x, double y, double align, int width,
                  const char *text)
{
    g_autoptr(GString) fitting = g_string_new(NULL);
    gsize length = strlen(text);
    const char *end = text + MIN(length, TEXT_BYTES_MAX);
    while (end > text && (*end & 0xc0) == 0x80)
        end--;
    g_string_append_len(fitting, text, end - text);
    if (length > TEXT_BYTES_MAX)
        g_string_append(fitting, "\u2026");
    while (vn_heat_text_width(cr, fitting->str) > width && end > text) {
        end = g_utf8_find_prev_char(text, end);
        g_string_truncate(fitting, (gsize) (end - text));
        g_string_append(fitting, "\u2026");
    }
    cairo_move_to(cr, round(x - align * vn_heat_text_width(cr, fitting->str)), y);
    cairo_show_text(cr, fitting->str);
    cairo_new_path(cr);
}
