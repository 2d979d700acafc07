/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Heat maps in a terminal. */
#include "cli/heat-text.h"

#include "cli/format.h"
#include "model/text.h"

#include <math.h>
#include <string.h>

#define WIDTH_MIN 60u
#define PLACE_WIDTH_MAX 4u
#define LEGEND_NODES_MAX 16u

/* What is less than this part of the hottest is a comma, where there are no shades. */
#define FAINT 0.005

/* Colours of xterm's 256 that come near those of Okabe and Ito (cli/heat-picture.c). */
static const guint8 colors[] = {32, 214, 36, 175, 166, 117, 227, 250};

#define N_SHADES 4u
static const char *const shades[N_SHADES] = {"\u2591", "\u2592", "\u2593", "\u2588"};

/* Columns as they fit: neighbours may share one. */
typedef struct {
    const VnHeatView *view;
    GArray *starts;    /* of guint: the first column of each, and the number of all */
    guint n;           /* of them */
    guint place_width; /* characters of one */
    gboolean parted;   /* with a bar between cells */
    gboolean blocks;   /* shaded, not letters */
    gboolean color;
    double *densities; /* rows * n */
    int *nodes;        /* rows * n */
    double hottest;
} Strip;

static guint
start_of(const Strip *strip, guint i)
{
    return g_array_index(strip->starts, guint, i);
}

/* Whether the cell changes before the column at which place @i begins. */
static gboolean
is_parted_before(const Strip *strip, guint i)
{
    guint column = start_of(strip, i);
    return i > 0 && vn_heat_view_column(strip->view, column)->cell !=
                        vn_heat_view_column(strip->view, column - 1)->cell;
}

/* Cuts the columns, @size of one cell together. */
static void
cut(Strip *strip, guint size, gboolean across_cells)
{
    guint n = strip->view->columns->len;
    guint used = 0;
    g_array_set_size(strip->starts, 0);
    for (guint i = 0; i < n; i++) {
        gboolean other_cell = i > 0 && vn_heat_view_column(strip->view, i)->cell !=
                                           vn_heat_view_column(strip->view, i - 1)->cell;
        if (i == 0 || used == size || (other_cell && !across_cells)) {
            g_array_append_val(strip->starts, i);
            used = 0;
        }
        used++;
    }
    strip->n = strip->starts->len;
    g_array_append_val(strip->starts, n);
}

static void
fit(Strip *strip, guint width)
{
    guint n = strip->view->columns->len;
    guint size = 1;
    guint bars = 0;
    for (cut(strip, size, FALSE); strip->n > width && size < n;)
        cut(strip, ++size, FALSE);
    if (strip->n > width)
        cut(strip, (n + width - 1) / width, TRUE);
    for (guint i = 0; i < strip->n; i++)
        bars += is_parted_before(strip, i);
    strip->parted = strip->n + bars <= width;
    guint left = width - (strip->parted ? bars : 0);
    strip->place_width = CLAMP(left / MAX(strip->n, 1), 1, PLACE_WIDTH_MAX);
}

/* What the columns that share a place have together. */
static void
sum_up(Strip *strip, guint row, guint place)
{
    const VnHeatView *view = strip->view;
    double by_node[VN_HOST_NODES_MAX + 1] = {0};
    double most = 0;
    gsize at = (gsize) row * strip->n + place;
    strip->nodes[at] = -1;
    for (guint i = start_of(strip, place); i < start_of(strip, place + 1); i++) {
        int node = view->nodes[row * view->columns->len + i];
        double density = vn_heat_view_density(view, row, i);
        strip->densities[at] += density;
        by_node[node + 1] += density;
        if (by_node[node + 1] > most) {
            most = by_node[node + 1];
            strip->nodes[at] = node;
        }
    }
    strip->hottest = MAX(strip->hottest, strip->densities[at]);
}

static void
strip_clear(Strip *strip)
{
    g_array_unref(strip->starts);
    g_free(strip->densities);
    g_free(strip->nodes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Strip, strip_clear)

static void
strip_init(Strip *strip, const VnHeatView *view, const VnHeatTextStyle *style,
           guint width)
{
    *strip = (Strip){.view = view, .color = style->color};
    strip->starts = g_array_new(FALSE, FALSE, sizeof(guint));
    strip->blocks = style->color && style->utf8 &&
                    vn_idset_count(view->host_nodes) <= G_N_ELEMENTS(colors);
    fit(strip, width);
    strip->densities = g_new0(double, (gsize) view->rows->len * strip->n);
    strip->nodes = g_new0(int, (gsize) view->rows->len * strip->n);
    for (guint i = 0; i < view->rows->len; i++) {
        for (guint k = 0; k < strip->n; k++)
            sum_up(strip, i, k);
    }
}

static char
letter_of(int node)
{
    static const char letters[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (node < 0)
        return '?';
    return (gsize) node < strlen(letters) ? letters[node] : '+';
}

static void
append_times(GString *text, const char *what, guint times)
{
    for (guint i = 0; i < times; i++)
        g_string_append(text, what);
}

static void
append_colored(GString *text, const Strip *strip, int node, const char *what, guint times)
{
    guint color =
        node < 0 ? 250
                 : colors[vn_heat_view_rank(strip->view, node) % G_N_ELEMENTS(colors)];
    if (strip->color)
        g_string_append_printf(text, "\033[38;5;%um", color);
    append_times(text, what, times);
    if (strip->color)
        g_string_append(text, "\033[0m");
}

static void
append_place(GString *text, const Strip *strip, gsize at)
{
    double density = strip->densities[at];
    double level = vn_heat_level(density, strip->hottest);
    const char letter[] = {letter_of(strip->nodes[at]), '\0'};
    if (!(density > 0)) {
        append_times(text, strip->blocks ? " " : ".", strip->place_width);
    } else if (strip->blocks) {
        guint shade = (guint) ceil(level * N_SHADES);
        append_colored(text, strip, strip->nodes[at],
                       shades[CLAMP(shade, 1, N_SHADES) - 1], strip->place_width);
    } else {
        append_colored(text, strip, strip->nodes[at],
                       density < FAINT * strip->hottest ? "," : letter,
                       strip->place_width);
    }
}

static void
append_strip(GString *text, const Strip *strip, guint row)
{
    for (guint i = 0; i < strip->n; i++) {
        if (strip->parted && is_parted_before(strip, i))
            g_string_append_c(text, '|');
        append_place(text, strip, (gsize) row * strip->n + i);
    }
}

/* All in front of the strip; what is accessed from elsewhere has a '!'. */
static char *
front_of(const VnHeatRow *row)
{
    g_autofree char *bytes = vn_text_bytes(row->bytes);
    g_autofree char *rate = vn_heat_rate_text(row->rate);
    g_autofree char *owner = vn_format_escape(row->owner);
    g_autofree char *fitting = vn_format_truncate(*owner ? owner : VN_FORMAT_UNKNOWN, 6);
    char cell[8] = VN_FORMAT_UNKNOWN;
    char node[8] = VN_FORMAT_UNKNOWN;
    gboolean elsewhere =
        row->host_node >= 0 && row->from >= 0 && row->host_node != row->from;
    if (row->cell >= 0)
        g_snprintf(cell, sizeof cell, "%d", row->cell);
    if (row->host_node >= 0)
        g_snprintf(node, sizeof node, "%d", row->host_node);
    return g_strdup_printf("0x%-11" G_GINT64_MODIFIER "x %10s %4s %4s%c %-6s %7s  ",
                           row->address, bytes, cell, node, elsewhere ? '!' : ' ',
                           fitting, rate);
}

static void
append_title(GString *text, const VnHeatView *view, gboolean bold)
{
    g_string_append_printf(text, "%s%-13s %10s %4s %4s  %-6s %7s  %s%s\n",
                           bold ? "\033[1m" : "", "ADDRESS", "SIZE", "CELL", "NODE",
                           "OWNER", "PAGES/S", view->by_time ? "TIME" : "VCPUS",
                           bold ? "\033[0m" : "");
}

static void
append_heading(GString *text, const VnHeatView *view)
{
    g_autofree char *guest = vn_format_escape(view->guest);
    g_autofree char *source = vn_format_escape(view->source);
    g_autofree char *figures = vn_heat_view_figures(view);
    g_autofree char *ages = vn_heat_view_ages(view);
    g_string_append_printf(text, "Guest     %s\n", guest);
    g_string_append_printf(text, "Source    %s\n",
                           *source ? source : "none: it was not sampled yet");
    g_string_append_printf(text, "Accesses  %s\n", figures);
    if (view->sharing)
        g_string_append_printf(text, "Memory    %s\n", view->sharing);
    if (view->by_time)
        g_string_append_printf(text, "Time      %u windows, from %s\n",
                               view->columns->len, ages);
}

/* Which column is where: "cell 0: vCPUs 0-3 | cell 1: ...", as the strip parts them. */
static void
append_columns(GString *text, const VnHeatView *view)
{
    g_autoptr(VnIdSet) vcpus = vn_idset_new();
    for (guint i = 0; i < view->columns->len && !view->by_time; i++) {
        const VnHeatColumn *column = vn_heat_view_column(view, i);
        vn_idset_add_all(vcpus, column->vcpus);
        if (i + 1 < view->columns->len &&
            vn_heat_view_column(view, i + 1)->cell == column->cell)
            continue;
        g_autofree char *ids = vn_format_ids(vcpus);
        g_autofree char *home = vn_format_ids(vn_heat_view_home(view, column->cell));
        g_string_append_printf(text, "Cell %-4d vCPUs %s, home %s\n", column->cell, ids,
                               home);
        vn_idset_remove_all(vcpus, vcpus);
    }
}

static void
append_legend(GString *text, const Strip *strip)
{
    guint n = 0;
    g_string_append(text, "\nAccessed from host node ");
    VN_IDSET_FOREACH (strip->view->host_nodes, id) {
        const char letter[] = {letter_of(id), '\0'};
        if (n == LEGEND_NODES_MAX) {
            g_string_append(text, " ...");
            break;
        }
        g_string_append(text, n++ > 0 ? ", " : "");
        append_colored(text, strip, id, strip->blocks ? shades[3] : letter, 1);
        if (strip->blocks || letter[0] == '+')
            g_string_append_printf(text, " %d", id);
    }
    g_string_append_printf(text, "; %s\n",
                           strip->blocks ? "the fuller the more"
                                         : "',' seldom, '.' not at all");
    for (guint i = 0; i < strip->view->rows->len; i++) {
        const VnHeatRow *row = vn_heat_view_row(strip->view, i);
        if (row->host_node >= 0 && row->from >= 0 && row->host_node != row->from) {
            g_string_append(text, "! lies on another host node than most of its accesses "
                                  "come from\n");
            break;
        }
    }
}

void
vn_heat_text_append(GString *text, const VnHeatView *view, const VnHeatTextStyle *style)
{
    append_heading(text, view);
    if (view->rows->len == 0) {
        g_string_append(text, "\nNothing is known of its memory yet.\n");
        return;
    }
    append_columns(text, view);
    g_autofree char *front = front_of(vn_heat_view_row(view, 0));
    guint used = vn_format_width(front);
    guint width = MAX(style->width, WIDTH_MIN);
    g_auto(Strip) strip;
    strip_init(&strip, view, style, width - used);
    g_string_append_c(text, '\n');
    append_title(text, view, style->color);
    for (guint i = 0; i < view->rows->len; i++) {
        g_autofree char *line = front_of(vn_heat_view_row(view, i));
        g_string_append(text, line);
        append_strip(text, &strip, i);
        g_string_append_c(text, '\n');
    }
    append_legend(text, &strip);
}
