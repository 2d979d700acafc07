/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Heat maps by cairo: the map with its axes. Its legend is in heat-legend.c. */
#include "cli/heat-picture.h"

#include "cli/format.h"
#include "cli/heat-layout.h"

#include <cairo-svg.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* Shades that are told apart; few, so that places of one make one path. */
#define LEVELS 24u

/* Left of the map. */
#define MARGIN 24
#define ADDRESS_WIDTH 96
#define CELL_X (MARGIN + ADDRESS_WIDTH + 12)
#define CELL_WIDTH 84
#define STRIP_WIDTH 12
#define STRIP_GAP 8

#define LABEL_HEIGHT 16

static int
row_y(const VnHeatLayout *layout, guint row)
{
    return layout->y + (int) row * layout->row_height;
}

static int
column_x(const VnHeatLayout *layout, guint column)
{
    return layout->x + (int) column * layout->column_width;
}

static gboolean
is_elsewhere(const VnHeatLayout *layout, guint row, guint column)
{
    const VnHeatView *view = layout->view;
    int lies = vn_heat_view_row(view, row)->host_node;
    int from = view->nodes[row * view->columns->len + column];
    return lies >= 0 && from >= 0 && lies != from &&
           vn_heat_level(vn_heat_view_density(view, row, column), layout->hottest) >=
               VN_HEAT_MARKED_LEVEL;
}

/* The colour of a place; places of one are drawn at once. */
static guint
color_of(const VnHeatLayout *layout, guint row, guint column)
{
    const VnHeatView *view = layout->view;
    double density = vn_heat_view_density(view, row, column);
    double level = ceil(LEVELS * vn_heat_level(density, layout->hottest)) / LEVELS;
    int node = view->nodes[row * view->columns->len + column];
    return vn_heat_shaded(vn_heat_node_color(view, node), density > 0 ? level : 0);
}

/* Adds the places whose @keys are @key to the path, those side by side as one. */
static void
add_places(const VnHeatLayout *layout, const guint *keys, guint key)
{
    guint n = layout->view->columns->len;
    for (guint row = 0; row < layout->view->rows->len; row++) {
        for (guint from = 0; from < n; from++) {
            guint to = from;
            while (to < n && keys[row * n + to] == key)
                to++;
            if (to == from)
                continue;
            cairo_rectangle(layout->cr, column_x(layout, from), row_y(layout, row),
                            (int) (to - from) * layout->column_width, layout->row_height);
            from = to;
        }
    }
}

static int
compare_keys(const void *one, const void *other)
{
    guint first = *(const guint *) one;
    guint second = *(const guint *) other;
    return first < second ? -1 : first > second;
}

static void
draw_colors(const VnHeatLayout *layout, guint *keys, gsize n)
{
    g_autofree guint *sorted = g_memdup2(keys, n * sizeof(guint));
    qsort(sorted, n, sizeof(guint), compare_keys);
    for (gsize i = 0; i < n; i++) {
        if (i > 0 && sorted[i] == sorted[i - 1])
            continue;
        add_places(layout, keys, sorted[i]);
        vn_heat_set_color(layout->cr, sorted[i]);
        cairo_fill(layout->cr);
    }
}

static void
draw_places(const VnHeatLayout *layout)
{
    const VnHeatView *view = layout->view;
    gsize n = (gsize) view->rows->len * view->columns->len;
    guint n_columns = view->columns->len;
    g_autofree guint *keys = g_new0(guint, n);
    if (n == 0)
        return;
    cairo_set_antialias(layout->cr, CAIRO_ANTIALIAS_NONE);
    for (gsize i = 0; i < n; i++)
        keys[i] = color_of(layout, (guint) i / n_columns, (guint) i % n_columns);
    draw_colors(layout, keys, n);
    for (guint pattern = 1; pattern < 4; pattern++) {
        for (gsize i = 0; i < n; i++)
            keys[i] = vn_heat_node_pattern(view, view->nodes[i]);
        add_places(layout, keys, pattern);
        vn_heat_draw_pattern(layout->cr, pattern);
    }
    cairo_set_antialias(layout->cr, CAIRO_ANTIALIAS_DEFAULT);
    for (gsize i = 0; i < n; i++)
        keys[i] = is_elsewhere(layout, (guint) i / n_columns, (guint) i % n_columns);
    add_places(layout, keys, TRUE);
    vn_heat_draw_hatch(layout->cr);
}

static gboolean
is_other_cell(const VnHeatView *view, guint row)
{
    return row > 0 &&
           vn_heat_view_row(view, row)->cell != vn_heat_view_row(view, row - 1)->cell;
}

static gboolean
is_behind_hole(const VnHeatView *view, guint row)
{
    if (row == 0)
        return FALSE;
    const VnHeatRow *before = vn_heat_view_row(view, row - 1);
    return before->address + before->bytes != vn_heat_view_row(view, row)->address;
}

static gboolean
is_other_cell_column(const VnHeatView *view, guint column)
{
    return column > 0 && vn_heat_view_column(view, column)->cell !=
                             vn_heat_view_column(view, column - 1)->cell;
}

static void
draw_line(const VnHeatLayout *layout, double x, double y, double to_x, double to_y)
{
    cairo_move_to(layout->cr, x, y);
    cairo_line_to(layout->cr, to_x, to_y);
    cairo_stroke(layout->cr);
}

/* Between @n pieces of @length pixels: pale where these are small, to hide nothing. */
static void
set_border(const VnHeatLayout *layout, int length, guint n)
{
    int each = length / (int) MAX(n, 1);
    vn_heat_set_color(layout->cr, each < 12 ? VN_HEAT_PALE : VN_HEAT_INK);
    cairo_set_line_width(layout->cr, each < 12 ? 0.5 : each < 24 ? 1 : 2);
}

static void
draw_borders(const VnHeatLayout *layout)
{
    const VnHeatView *view = layout->view;
    int right = layout->x + layout->map_width;
    guint n_cells = 1;
    guint n_column_cells = 1;
    for (guint i = 0; i < view->rows->len; i++)
        n_cells += is_other_cell(view, i);
    for (guint i = 0; i < view->columns->len; i++)
        n_column_cells += is_other_cell_column(view, i);
    for (guint i = 0; i < view->rows->len; i++) {
        int y = row_y(layout, i);
        if (is_other_cell(view, i)) {
            set_border(layout, layout->map_height, n_cells);
            draw_line(layout, CELL_X, y, right, y);
        } else if (is_behind_hole(view, i)) {
            vn_heat_set_color(layout->cr, VN_HEAT_INK);
            cairo_set_line_width(layout->cr, 1);
            cairo_set_dash(layout->cr, (double[]){3, 2}, 2, 0);
            draw_line(layout, layout->x - STRIP_GAP - STRIP_WIDTH, y + 0.5, right,
                      y + 0.5);
            cairo_set_dash(layout->cr, NULL, 0, 0);
        }
    }
    set_border(layout, layout->map_width, n_column_cells);
    for (guint i = 0; i < view->columns->len; i++) {
        int x = column_x(layout, i);
        if (is_other_cell_column(view, i))
            draw_line(layout, x, layout->y - STRIP_GAP - STRIP_WIDTH - 4, x,
                      layout->y + layout->map_height);
    }
    vn_heat_set_color(layout->cr, VN_HEAT_INK);
    cairo_set_line_width(layout->cr, 1);
    cairo_rectangle(layout->cr, layout->x - 0.5, layout->y - 0.5, layout->map_width + 1,
                    layout->map_height + 1);
    cairo_stroke(layout->cr);
}

static void
draw_addresses(const VnHeatLayout *layout)
{
    const VnHeatView *view = layout->view;
    int free_y = 0;
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_ADDRESS, 11);
    vn_heat_set_color(layout->cr, VN_HEAT_INK);
    for (guint i = 0; i < view->rows->len; i++) {
        int y = row_y(layout, i) + 9;
        gboolean forced = is_other_cell(view, i) || is_behind_hole(view, i);
        if (y < free_y + (forced ? 0 : 2 * LABEL_HEIGHT) && i > 0)
            continue;
        g_autofree char *text = g_strdup_printf("0x%" G_GINT64_MODIFIER "x",
                                                vn_heat_view_row(view, i)->address);
        vn_heat_draw_text(layout->cr, MARGIN + ADDRESS_WIDTH, y, 1, ADDRESS_WIDTH, text);
        free_y = y + LABEL_HEIGHT - 2;
    }
}

/* A cell's name and home, beside its rows from @from to @to. */
static void
draw_cell(const VnHeatLayout *layout, guint from, guint to, int *free_y)
{
    const VnHeatView *view = layout->view;
    int cell = vn_heat_view_row(view, from)->cell;
    const VnIdSet *home = vn_heat_view_home(view, cell);
    g_autofree char *ids = vn_format_ids(home);
    g_autofree char *name =
        cell < 0 ? g_strdup("no cell known") : g_strdup_printf("Cell %d", cell);
    g_autofree char *at = g_strdup_printf("home %s", ids);
    int y = row_y(layout, from);
    int height = row_y(layout, to) - y;
    gboolean tall = height >= 2 * LABEL_HEIGHT + 4;
    if (y < *free_y || height < LABEL_HEIGHT)
        return;
    vn_heat_set_color(layout->cr, VN_HEAT_INK);
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_BOLD, 12);
    vn_heat_draw_text(layout->cr, CELL_X + 4, y + 13, 0, CELL_WIDTH, name);
    *free_y = y + LABEL_HEIGHT;
    if (cell < 0)
        return;
    cairo_rectangle(layout->cr, CELL_X + (tall ? 4 : CELL_WIDTH - 14),
                    y + (tall ? 20 : 4), 10, 10);
    vn_heat_draw_node(layout, home ? vn_idset_next(home, 0) : -1);
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_TEXT, 12);
    vn_heat_set_color(layout->cr, VN_HEAT_INK);
    if (tall)
        vn_heat_draw_text(layout->cr, CELL_X + 19, y + 29, 0, CELL_WIDTH - 16, at);
    else
        vn_heat_draw_text(layout->cr, CELL_X + CELL_WIDTH - 2, y + 13, 0, 16, ids);
    *free_y += tall ? LABEL_HEIGHT : 0;
}

/* The cells, and the strip of where each row's memory lies. */
static void
draw_sides(const VnHeatLayout *layout)
{
    const VnHeatView *view = layout->view;
    guint from = 0;
    int free_y = 0;
    for (guint i = 1; i <= view->rows->len; i++) {
        if (i < view->rows->len && !is_other_cell(view, i))
            continue;
        draw_cell(layout, from, i, &free_y);
        from = i;
    }
    for (guint i = 0; i < view->rows->len; i++) {
        cairo_rectangle(layout->cr, layout->x - STRIP_GAP - STRIP_WIDTH, row_y(layout, i),
                        STRIP_WIDTH, layout->row_height);
        vn_heat_draw_node(layout, vn_heat_view_row(view, i)->host_node);
    }
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_TEXT, 11);
    vn_heat_set_color(layout->cr, VN_HEAT_GREY);
    vn_heat_draw_text(layout->cr, layout->x - STRIP_GAP, layout->y - 8, 1, CELL_WIDTH,
                      "lies on");
}

static void
draw_cell_names_above(const VnHeatLayout *layout)
{
    const VnHeatView *view = layout->view;
    guint from = 0;
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_BOLD, 12);
    vn_heat_set_color(layout->cr, VN_HEAT_INK);
    for (guint i = 1; i <= view->columns->len; i++) {
        if (i < view->columns->len && !is_other_cell_column(view, i))
            continue;
        int cell = vn_heat_view_column(view, from)->cell;
        int width = column_x(layout, i) - column_x(layout, from);
        g_autofree char *name = g_strdup_printf("Cell %d", cell);
        g_autofree char *number = g_strdup_printf("%d", cell);
        const char *text = vn_heat_text_width(layout->cr, name) < width ? name : number;
        if (vn_heat_text_width(layout->cr, text) < width && cell >= 0)
            vn_heat_draw_text(layout->cr, column_x(layout, from) + width / 2.0,
                              layout->y - STRIP_GAP - STRIP_WIDTH - 6, 0.5, width, text);
        from = i;
    }
}

/* Where vCPUs run, above the map. */
static void
draw_vcpu_strip(const VnHeatLayout *layout)
{
    const VnHeatView *view = layout->view;
    for (guint i = 0; i < view->columns->len; i++) {
        cairo_rectangle(layout->cr, column_x(layout, i),
                        layout->y - STRIP_GAP - STRIP_WIDTH, layout->column_width,
                        STRIP_WIDTH);
        vn_heat_draw_node(layout, vn_heat_view_column(view, i)->host_node);
    }
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_TEXT, 11);
    vn_heat_set_color(layout->cr, VN_HEAT_GREY);
    vn_heat_draw_text(layout->cr, layout->x + layout->map_width + 6,
                      layout->y - STRIP_GAP - 2, 0, 60, "run on");
    draw_cell_names_above(layout);
}

static char *
column_name(const VnHeatColumn *column)
{
    return column->vcpus ? vn_idset_format(column->vcpus)
                         : vn_format_duration((double) column->age_ms / 1000);
}

/* Names below as many columns as have room. */
static void
draw_column_names(const VnHeatLayout *layout)
{
    const VnHeatView *view = layout->view;
    int free_x = 0;
    int y = layout->y + layout->map_height;
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_TEXT, 11);
    vn_heat_set_color(layout->cr, VN_HEAT_INK);
    cairo_set_line_width(layout->cr, 1);
    for (guint i = 0; i < view->columns->len; i++) {
        g_autofree char *name = column_name(vn_heat_view_column(view, i));
        int width = vn_heat_text_width(layout->cr, name);
        double x = column_x(layout, i) + layout->column_width / 2.0;
        if (x - width / 2.0 < free_x)
            continue;
        draw_line(layout, floor(x) + 0.5, y + 1, floor(x) + 0.5, y + 5);
        vn_heat_draw_text(layout->cr, x, y + 17, 0.5, 200, name);
        free_x = (int) (x + width / 2.0) + 8;
    }
    vn_heat_set_color(layout->cr, VN_HEAT_GREY);
    vn_heat_draw_text(layout->cr, layout->x + layout->map_width / 2.0, y + 36, 0.5,
                      layout->map_width,
                      view->by_time ? "window of watching, by its age" : "vCPU");
}

static void
draw_title(const VnHeatLayout *layout)
{
    const VnHeatView *view = layout->view;
    int width = layout->width - 2 * MARGIN;
    g_autofree char *guest = vn_format_escape(view->guest);
    g_autofree char *source = vn_format_escape(view->source);
    g_autofree char *figures = vn_heat_view_figures(view);
    g_autofree char *title = g_strdup_printf("Guest %s", guest);
    g_autofree char *about =
        g_strdup_printf("Source %s; %s", *source ? source : "none yet", figures);
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_BOLD, 20);
    vn_heat_set_color(layout->cr, VN_HEAT_INK);
    vn_heat_draw_text(layout->cr, MARGIN, MARGIN + 18, 0, width, title);
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_TEXT, 13);
    vn_heat_set_color(layout->cr, VN_HEAT_GREY);
    vn_heat_draw_text(
        layout->cr, MARGIN, MARGIN + 38, 0, width,
        view->by_time ? "Memory accesses by time; colour: most came from this host node"
                      : "Memory accesses by vCPU; colour: the host node they came from");
    vn_heat_draw_text(layout->cr, MARGIN, MARGIN + 56, 0, width, about);
}

/* Said in the middle of a map that has nothing to show. */
static void
draw_emptiness(const VnHeatLayout *layout)
{
    cairo_set_source_rgb(layout->cr, 1, 1, 1);
    cairo_rectangle(layout->cr, layout->x + 1, layout->y + layout->map_height / 2.0 - 24,
                    layout->map_width - 2, 36);
    cairo_fill(layout->cr);
    vn_heat_set_font(layout->cr, VN_HEAT_FONT_TEXT, 13);
    vn_heat_set_color(layout->cr, VN_HEAT_GREY);
    vn_heat_draw_text(layout->cr, layout->x + layout->map_width / 2.0,
                      layout->y + layout->map_height / 2.0, 0.5, layout->map_width - 8,
                      "nothing is known of its accesses yet");
}

void
vn_heat_picture_size(const VnHeatView *view, int *ret_width, int *ret_height)
{
    VnHeatLayout layout;
    vn_heat_layout_init(&layout, view, NULL);
    *ret_width = layout.width;
    *ret_height = layout.height;
}

void
vn_heat_picture_draw(const VnHeatView *view, cairo_t *cr)
{
    VnHeatLayout layout;
    vn_heat_layout_init(&layout, view, cr);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    draw_title(&layout);
    draw_places(&layout);
    draw_sides(&layout);
    if (!view->by_time)
        draw_vcpu_strip(&layout);
    draw_borders(&layout);
    if (layout.hottest <= 0)
        draw_emptiness(&layout);
    draw_addresses(&layout);
    draw_column_names(&layout);
    vn_heat_legend_draw(&layout);
}

static cairo_status_t
on_bytes(void *data, const unsigned char *bytes, unsigned int length)
{
    g_byte_array_append(data, bytes, length);
    return CAIRO_STATUS_SUCCESS;
}

/* Draws on @surface, which is freed; FALSE: cairo could not. */
static gboolean
draw_on(const VnHeatView *view, cairo_surface_t *surface, GByteArray *png,
        const char *path, GError **error)
{
    cairo_t *cr = cairo_create(surface);
    vn_heat_picture_draw(view, cr);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    if (status == CAIRO_STATUS_SUCCESS && png)
        status = cairo_surface_write_to_png_stream(surface, on_bytes, png);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_FAILED, "%s: cannot be drawn: %s", path,
                cairo_status_to_string(status));
    return FALSE;
}

/* A device or a pipe must not be replaced by a file, which root could. */
static gboolean
write_file(const char *path, const GByteArray *bytes, GError **error)
{
    struct stat info;
    g_autoptr(GError) why = NULL;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                    "%s: it exists and is no regular file: name another", path);
        return FALSE;
    }
    if (g_file_set_contents_full(path, (const char *) bytes->data, bytes->len,
                                 G_FILE_SET_CONTENTS_CONSISTENT, 0644, &why))
        return TRUE;
    g_autofree char *folder = g_path_get_dirname(path);
    if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
        g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOTDIR))
        g_set_error(error, VN_ERROR, VN_ERROR_GONE, "%s: there is no folder %s: make it",
                    path, folder);
    else if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_ACCES) ||
             g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_PERM) ||
             g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_ROFS))
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                    "%s: the folder %s cannot be written to: name another", path, folder);
    else
        g_set_error(error, VN_ERROR, VN_ERROR_FAILED, "%s: %s", path, why->message);
    return FALSE;
}

gboolean
vn_heat_picture_write_svg(const VnHeatView *view, const char *path, GError **error)
{
    int width;
    int height;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    vn_heat_picture_size(view, &width, &height);
    cairo_surface_t *surface =
        cairo_svg_surface_create_for_stream(on_bytes, bytes, width, height);
    cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX);
    return draw_on(view, surface, NULL, path, error) && write_file(path, bytes, error);
}

gboolean
vn_heat_picture_write_png(const VnHeatView *view, const char *path, GError **error)
{
    int width;
    int height;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    vn_heat_picture_size(view, &width, &height);
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    return draw_on(view, surface, bytes, path, error) && write_file(path, bytes, error);
}
