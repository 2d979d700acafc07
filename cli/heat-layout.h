/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of a heat map's picture share: where things are, colours, and text. For
 * heat-picture.c and heat-legend.c only.
 */
#pragma once

#include "cli/heat-view.h"

#include <cairo.h>

/* A place that is lighter than this is not marked as lying elsewhere. */
#define VN_HEAT_MARKED_LEVEL 0.12

#define VN_HEAT_INK 0x222222u
#define VN_HEAT_GREY 0x666666u
#define VN_HEAT_PALE 0xb0b0b0u

typedef struct {
    cairo_t *cr;
    const VnHeatView *view;
    double hottest;
    int column_width; /* in pixels, as all that follows */
    int row_height;
    int x; /* of the map */
    int y;
    int map_width;
    int map_height;
    int legend_x;
    int width; /* of the picture */
    int height;
} VnHeatLayout;

/** vn_heat_layout_init: @cr: (nullable): for the sizes alone. */
void vn_heat_layout_init(VnHeatLayout *layout, const VnHeatView *view, cairo_t *cr);

/** vn_heat_set_color: @color: 0xRRGGBB. */
void vn_heat_set_color(cairo_t *cr, guint color);

/** vn_heat_node_color: @node: -1: not known. */
guint vn_heat_node_color(const VnHeatView *view, int node);

/** vn_heat_shaded: @color, paler the less @level is, 0 to 1. */
guint vn_heat_shaded(guint color, double level);

/** vn_heat_node_pattern: 0: none; 1, 2, 3: where there are more nodes than colours. */
guint vn_heat_node_pattern(const VnHeatView *view, int node);

/** vn_heat_draw_pattern: of the present path, which is forgotten. */
void vn_heat_draw_pattern(cairo_t *cr, guint pattern);

/** vn_heat_draw_hatch: marks the present path, which is forgotten, as elsewhere. */
void vn_heat_draw_hatch(cairo_t *cr);

/** vn_heat_draw_node: fills the present path, which is forgotten, as of @node. */
void vn_heat_draw_node(const VnHeatLayout *layout, int node);

typedef enum {
    VN_HEAT_FONT_TEXT,
    VN_HEAT_FONT_BOLD,
    VN_HEAT_FONT_ADDRESS,
} VnHeatFont;

/** vn_heat_set_font: @size: in pixels. */
void vn_heat_set_font(cairo_t *cr, VnHeatFont font, double size);

/** vn_heat_text_width: of @text in the present font, in whole pixels. */
int vn_heat_text_width(cairo_t *cr, const char *text);

/**
 * vn_heat_draw_text:
 * @x, @y: of the base line
 * @align: 0: @x is at the left, 0.5: in the middle, 1: at the right
 * @width: what there is; what is longer ends in an ellipsis
 */
void vn_heat_draw_text(cairo_t *cr, double x, double y, double align, int width,
                       const char *text);

/** vn_heat_legend_height: what the legend takes, from the map's top on. */
int vn_heat_legend_height(const VnHeatView *view);

/** vn_heat_legend_draw: what colours, shades and hatches mean. */
void vn_heat_legend_draw(const VnHeatLayout *layout);
