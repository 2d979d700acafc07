/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SLIT: the matrix of distances (ACPI 6.5, 5.2.17; QEMU 7.2, hw/acpi/aml-build.c). */
#include "guest-topology/acpi-table.h"
#include "guest-topology/acpi.h"

#define COUNT_OFFSET VN_ACPI_HEADER_BYTES
#define MATRIX_OFFSET (COUNT_OFFSET + 8)

GByteArray *
vn_acpi_encode_slit(const VnVnuma *vnuma)
{
    guint n_cells = vnuma->cells->len;
    if (!vnuma->distances)
        return NULL;
    GByteArray *table = vn_acpi_begin("SLIT", 1);
    vn_acpi_put(table, n_cells, 8);
    for (guint from = 0; from < n_cells; from++) {
        for (guint to = 0; to < n_cells; to++)
            vn_acpi_put(table, vn_vnuma_distance(vnuma, from, to), 1);
    }
    vn_acpi_end(table);
    return table;
}

/* Linux drops a whole SLIT for one such pair; so it is worth a word. */
static void
warn_of_matrix(VnAcpiTable *table, guint64 n)
{
    for (guint64 from = 0; from < n; from++) {
        for (guint64 to = 0; to < n; to++) {
            guint64 distance = vn_acpi_get(table, MATRIX_OFFSET + from * n + to, 1);
            if (from == to ? distance == VN_DISTANCE_LOCAL : distance > VN_DISTANCE_LOCAL)
                continue;
            vn_acpi_warn(table,
                         "offset %" G_GUINT64_FORMAT
                         ": the distance from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                         " is %" G_GUINT64_FORMAT ", which cannot be",
                         MATRIX_OFFSET + from * n + to, from, to, distance);
        }
    }
}

gboolean
vn_acpi_decode_slit(VnAcpiTable *table, VnDict *dict, GError **error)
{
    if (table->length < MATRIX_OFFSET) {
        vn_acpi_set_truncated(table, "number of localities", COUNT_OFFSET, 8, error);
        return FALSE;
    }
    guint64 n = vn_acpi_get(table, COUNT_OFFSET, 8);
    gsize room = table->length - MATRIX_OFFSET;
    if (n > room || n * n > room) {
        g_set_error(
            error, VN_ERROR, VN_ERROR_INVALID,
            "SLIT: truncated: at offset %u begin the distances of %" G_GUINT64_FORMAT
            " localities, but the table ends at %zu",
            MATRIX_OFFSET, n, table->length);
        return FALSE;
    }
    if (room > n * n)
        vn_acpi_warn(table,
                     "offset %" G_GUINT64_FORMAT ": %" G_GUINT64_FORMAT
                     " bytes behind the distances: passed over",
                     MATRIX_OFFSET + n * n, room - n * n);
    g_auto(GVariantBuilder) rows;
    g_autofree guint *row = g_new(guint, n);
    g_variant_builder_init(&rows, G_VARIANT_TYPE("aau"));
    for (guint64 from = 0; from < n; from++) {
        for (guint64 to = 0; to < n; to++)
            row[to] = (guint) vn_acpi_get(table, MATRIX_OFFSET + from * n + to, 1);
        g_variant_builder_add_value(
            &rows, g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, row, n, sizeof *row));
    }
    warn_of_matrix(table, n);
    vn_dict_insert_value(dict, "distances", g_variant_builder_end(&rows));
    return TRUE;
}
