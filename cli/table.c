/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnTable: aligned columns of text. */
#include "cli/table.h"

#include "cli/format.h"

#define BETWEEN 2 /* blanks between columns */

typedef struct {
    char *title;
    VnAlign align;
    guint width;
} Column;

struct VnTable {
    GArray *columns;  /* of Column */
    GPtrArray *cells; /* of char*, row by row */
};

static void
column_clear(gpointer data)
{
    g_free(((Column *) data)->title);
}

VnTable *
vn_table_new(void)
{
    VnTable *table = g_new0(VnTable, 1);
    table->columns = g_array_new(FALSE, FALSE, sizeof(Column));
    g_array_set_clear_func(table->columns, column_clear);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    return table;
}

void
vn_table_free(VnTable *table)
{
    if (!table)
        return;
    g_array_unref(table->columns);
    g_ptr_array_unref(table->cells);
    g_free(table);
}

void
vn_table_add_column(VnTable *table, const char *title, VnAlign align)
{
    g_assert(table->cells->len == 0);
    Column column = {g_strdup(title), align, vn_format_width(title)};
    g_array_append_val(table->columns, column);
}

void
vn_table_add_number_column(VnTable *table, guint64 number)
{
    g_autofree char *title = g_strdup_printf("%" G_GUINT64_FORMAT, number);
    vn_table_add_column(table, title, VN_ALIGN_RIGHT);
}

void
vn_table_add(VnTable *table, const char *text)
{
    guint i = table->cells->len % table->columns->len;
    Column *column = &g_array_index(table->columns, Column, i);
    char *cell = vn_format_escape(text ? text : "");
    column->width = MAX(column->width, vn_format_width(cell));
    g_ptr_array_add(table->cells, cell);
}

void
vn_table_take(VnTable *table, char *text)
{
    vn_table_add(table, text);
    g_free(text);
}

void
vn_table_add_uint(VnTable *table, guint64 number)
{
    vn_table_take(table, g_strdup_printf("%" G_GUINT64_FORMAT, number));
}

gboolean
vn_table_is_empty(const VnTable *table)
{
    return table->cells->len == 0;
}

static void
append_blanks(GString *text, guint count)
{
    for (guint i = 0; i < count; i++)
        g_string_append_c(text, ' ');
}

/* Blanks are owed until something follows them, so that no line ends with them. */
static guint
append_cell(GString *text, const Column *column, const char *cell, guint owed)
{
    guint missing = column->width - vn_format_width(cell);
    if (!*cell)
        return owed + missing;
    append_blanks(text, owed + (column->align == VN_ALIGN_RIGHT ? missing : 0));
    g_string_append(text, cell);
    return column->align == VN_ALIGN_RIGHT ? 0 : missing;
}

void
vn_table_append(const VnTable *table, gboolean bold, GString *text)
{
    guint n_columns = table->columns->len;
    guint owed = 0;
    g_string_append(text, bold ? "\033[1m" : "");
    for (guint i = 0; i < n_columns; i++) {
        const Column *column = &g_array_index(table->columns, Column, i);
        owed = append_cell(text, column, column->title, owed) + BETWEEN;
    }
    g_string_append(text, bold ? "\033[0m\n" : "\n");

    for (guint i = 0; i < table->cells->len; i++) {
        guint place = i % n_columns;
        owed = place ? owed + BETWEEN : 0;
        owed = append_cell(text, &g_array_index(table->columns, Column, place),
                           table->cells->pdata[i], owed);
        if (place + 1 == n_columns || i + 1 == table->cells->len)
            g_string_append_c(text, '\n');
    }
}

void
vn_table_append_below(const VnTable *table, gboolean bold, GString *text)
{
    if (vn_table_is_empty(table))
        return;
    g_string_append_c(text, '\n');
    vn_table_append(table, bold, text);
}
