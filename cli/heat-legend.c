/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The legend of a heat map's picture. */
#include "cli/heat-layout.h"

#include "model/text.h"

#define LINE 20
#define SWATCH 14
#define SWATCH_MIDDLE 7
#define GAP 16
#define NODES_MAX 24u
#define RAMP_STEPS 32
#define RAMP_STEP 5
#define RAMP_WIDTH (RAMP_STEPS * RAMP_STEP)
#define TEXT_WIDTH 206

/* The host nodes that the picture shows; the others are not explained. */
static VnIdSet *
used_nodes(const VnHeatView *view)
{
    VnIdSet *used = vn_idset_new();
    for (gsize i = 0; i < (gsize) view->rows->len * view->columns->len; i++) {
        if (view->nodes[i] >= 0)
            vn_idset_add(used, (guint) view->nodes[i]);
    }
    for (guint i = 0; i < view->rows->len; i++) {
        const VnHeatRow *row = vn_heat_view_row(view, i);
        if (row->host_node >= 0)
            vn_idset_add(used, (guint) row->host_node);
        if (vn_heat_view_home(view, row->cell))
            vn_idset_add_all(used, vn_heat_view_home(view, row->cell));
    }
    for (guint i = 0; i < view->columns->len; i++) {
        int node = vn_heat_view_column(view, i)->host_node;
        if (node >= 0)
            vn_idset_add(used, (guint) node);
    }
    return used;
}

/* Whether something was accessed, and it is not known from where. */
static gboolean
has_unknown(const VnHeatView *view)
{
    for (gsize i = 0; i < (gsize) view->rows->len * view->columns->len; i++) {
        if (view->rates[i] > 0 && view->nodes[i] < 0)
            return TRUE;
    }
    return FALSE;
}

int
vn_heat_legend_height(const VnHeatView *view)
{
    g_autoptr(VnIdSet) used = used_nodes(view);
    guint n = vn_idset_count(used);
    return (int) (MIN(n, NODES_MAX) + (n > NODES_MAX) + has_unknown(view)) * LINE +
           12 * LINE + 3 * GAP;
}

static void
draw_heading(const VnHeatLayout *layout, int *y, const char *text)
{
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_BOLD, 13);
    vn_heat_set_color(layout->cr, VN_HEAT_INK);
    vn_heat_draw_text(layout->cr, layout->legend_x, *y + 12, 0, TEXT_WIDTH + 22, text);
    *y += LINE + 2;
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_TEXT, 12);
}

static void
draw_label(const VnHeatLayout *layout, int *y, const char *text)
{
    vn_heat_set_color(layout->cr, VN_HEAT_INK);
    vn_heat_draw_text(layout->cr, layout->legend_x + SWATCH + 8, *y + 11, 0, TEXT_WIDTH,
                      text);
    *y += LINE;
}

static void
set_swatch(const VnHeatLayout *layout, int y)
{
    cairo_rectangle(layout->cr, layout->legend_x, y, SWATCH, SWATCH);
}

static void
draw_nodes(const VnHeatLayout *layout, int *y)
{
    g_autoptr(VnIdSet) used = used_nodes(layout->view);
    guint n = 0;
    if (vn_idset_is_empty(used) && !has_unknown(layout->view))
        return;
    draw_heading(layout, y, "Host nodes");
    VN_IDSET_FOREACH (used, id) {
        g_autofree char *text = g_strdup_printf("host node %d", id);
        g_autofree char *more =
            g_strdup_printf("\u2026 and %u more", vn_idset_count(used) - n);
        if (n++ == NODES_MAX) {
            draw_label(layout, y, more);
            break;
        }
        set_swatch(layout, *y);
        vn_heat_draw_node(layout, id);
        draw_label(layout, y, text);
    }
    if (has_unknown(layout->view)) {
        set_swatch(layout, *y);
        vn_heat_draw_node(layout, -1);
        draw_label(layout, y, "not known");
    }
    *y += GAP;
}

/* The shades of the first colour stand for those of all. */
static void
draw_ramp(const VnHeatLayout *layout, int *y)
{
    cairo_t *cr = layout->cr;
    g_autofree char *rate = vn_heat_rate_text(layout->hottest);
    g_autofree char *granule = vn_text_bytes(layout->view->granule_bytes);
    g_autofree char *unit = g_strdup_printf("4 KiB pages per second in %s", granule);
    if (layout->hottest <= 0)
        return;
    draw_heading(layout, y, "How much");
    for (int i = 0; i < RAMP_STEPS; i++) {
        cairo_rectangle(cr, layout->legend_x + i * RAMP_STEP, *y, RAMP_STEP, SWATCH);
        vn_heat_set_color(cr, vn_heat_shaded(0x0072b2, i / (RAMP_STEPS - 1.0)));
        cairo_fill(cr);
    }
    *y += LINE;
    vn_heat_set_color(cr, VN_HEAT_INK);
    vn_heat_draw_text(cr, layout->legend_x, *y + 9, 0, 40, "0");
    vn_heat_draw_text(cr, layout->legend_x + RAMP_WIDTH, *y + 9, 1, 120, rate);
    *y += LINE - 2;
    vn_heat_set_color(cr, VN_HEAT_GREY);
    vn_heat_draw_text(cr, layout->legend_x, *y + 9, 0, TEXT_WIDTH + 22, unit);
    *y += LINE - 4;
    vn_heat_draw_text(cr, layout->legend_x, *y + 9, 0, TEXT_WIDTH + 22,
                      "(shades by the square root)");
    *y += LINE + GAP;
}

static void
draw_marks(const VnHeatLayout *layout, int *y)
{
    cairo_t *cr = layout->cr;
    draw_heading(layout, y, "Marks");
    set_swatch(layout, *y);
    vn_heat_set_color(cr, vn_heat_shaded(0x0072b2, 0.7));
    cairo_fill_preserve(cr);
    vn_heat_draw_hatch(cr);
    draw_label(layout, y, "lies on another host node than");
    *y -= 4;
    draw_label(layout, y, "the one it is accessed from");
    vn_heat_set_color(cr, VN_HEAT_INK);
    cairo_set_line_width(cr, 2);
    cairo_move_to(cr, layout->legend_x, *y + SWATCH_MIDDLE);
    cairo_line_to(cr, layout->legend_x + SWATCH, *y + SWATCH_MIDDLE);
    cairo_stroke(cr);
    draw_label(layout, y, "border between cells");
    cairo_set_dash(cr, (double[]){3, 2}, 2, 0);
    cairo_set_line_width(cr, 1);
    cairo_move_to(cr, layout->legend_x, *y + SWATCH_MIDDLE + 0.5);
    cairo_line_to(cr, layout->legend_x + SWATCH, *y + SWATCH_MIDDLE + 0.5);
    cairo_stroke(cr);
    cairo_set_dash(cr, NULL, 0, 0);
    draw_label(layout, y, "hole between addresses");
}

void
vn_heat_legend_draw(const VnHeatLayout *layout)
{
    int y = layout->y;
    draw_nodes(layout, &y);
    draw_ramp(layout, &y);
    draw_marks(layout, &y);
}
