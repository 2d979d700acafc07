/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decoded ACPI tables as text for people. */
#pragma once

#include <glib.h>

/**
 * vn_acpi_text_append:
 * @table: what vn_acpi_decode() returns
 * @bold: print the titles bold
 */
void vn_acpi_text_append(GString *text, GVariant *table, gboolean bold);
