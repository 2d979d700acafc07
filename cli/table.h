/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnTable: aligned columns of text. Cells are escaped here, so that nobody else has to
 * think of it, and measured in columns of the terminal, not in bytes. Does not print.
 */
#pragma once

#include <glib.h>

typedef enum {
    VN_ALIGN_LEFT,
    VN_ALIGN_RIGHT, /* for numbers */
} VnAlign;

typedef struct VnTable VnTable;

VnTable *vn_table_new(void);
void vn_table_free(VnTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnTable, vn_table_free)

/** vn_table_add_column: all columns come before the first cell. */
void vn_table_add_column(VnTable *table, const char *title, VnAlign align);

/** vn_table_add_number_column: of numbers, titled @number: a column of a matrix. */
void vn_table_add_number_column(VnTable *table, guint64 number);

/** vn_table_add: the next cell, row by row; (nullable): an empty one. */
void vn_table_add(VnTable *table, const char *text);

/** vn_table_take: vn_table_add(), which frees @text. */
void vn_table_take(VnTable *table, char *text);

/** vn_table_add_uint: vn_table_add() of a whole number. */
void vn_table_add_uint(VnTable *table, guint64 number);

/** vn_table_is_empty: no cell was added. */
gboolean vn_table_is_empty(const VnTable *table);

/**
 * vn_table_append:
 * @bold: print the titles bold
 *
 * Appends the table to @text, a line a row, without blanks at the ends of lines. A last
 * row that is not full is printed as far as it goes.
 */
void vn_table_append(const VnTable *table, gboolean bold, GString *text);

/**
 * vn_table_append_below: vn_table_append() below an empty line; an empty table not at
 * all.
 */
void vn_table_append_below(const VnTable *table, gboolean bold, GString *text);
