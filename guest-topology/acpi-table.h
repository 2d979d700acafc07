/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What SRAT, SLIT and HMAT have in common: the header, little-endian numbers, structures
 * one behind another. For guest-topology/acpi-*.c alone; others use acpi.h.
 */
#pragma once

#include "model/dict.h"

#define VN_ACPI_HEADER_BYTES 36u

/** vn_acpi_begin: a table with its header, whose length and checksum are not set yet. */
GByteArray *vn_acpi_begin(const char *signature, guint revision);

/** vn_acpi_end: sets length and checksum. */
void vn_acpi_end(GByteArray *table);

/** vn_acpi_put: appends @number in @width bytes, 1 to 8, little-endian. */
void vn_acpi_put(GByteArray *table, guint64 number, guint width);

/* A table that is being read. All offsets count from its first byte. */
typedef struct {
    const guint8 *bytes;
    gsize length; /* as its header says; that many bytes are there */
    guint revision;
    char signature[5];
    GPtrArray *warnings; /* of char* */
} VnAcpiTable;

/** vn_acpi_get: the @width bytes at @offset, which must lie in the table. */
guint64 vn_acpi_get(const VnAcpiTable *table, gsize offset, guint width);

void vn_acpi_warn(VnAcpiTable *table, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * vn_acpi_set_truncated: INVALID: @what begins at @offset and needs @bytes, which are not
 * there.
 */
void vn_acpi_set_truncated(const VnAcpiTable *table, const char *what, gsize offset,
                           guint64 bytes, GError **error);

/* How the structures of a table begin. */
typedef struct {
    guint first_offset;
    guint type_width;
    guint length_offset;
    guint length_width;
    guint header_bytes;       /* the least that a structure's length can be */
    const char *const *names; /* by type */
    guint n_names;
} VnAcpiStructures;

/* One of them. */
typedef struct {
    gsize offset;
    gsize length;
    guint type;
} VnAcpiStructure;

/**
 * vn_acpi_next: steps to the first structure, if @structure is zeroed, or to the next.
 * @ret_end: whether there was none left
 * @error: INVALID: its length is less than its own header's, or more than what is left
 */
gboolean vn_acpi_next(const VnAcpiTable *table, const VnAcpiStructures *structures,
                      VnAcpiStructure *structure, gboolean *ret_end,
                      GError **error) VN_WARN_UNUSED;

/**
 * vn_acpi_is_whole: whether @structure has the @bytes that its type needs; warns if not.
 */
gboolean vn_acpi_is_whole(VnAcpiTable *table, const VnAcpiStructures *structures,
                          const VnAcpiStructure *structure, gsize bytes);

/** vn_acpi_add_other: @others: aa{sv}: gets a structure that is only named. */
void vn_acpi_add_other(GVariantBuilder *others, const VnAcpiStructures *structures,
                       const VnAcpiStructure *structure);

/* Each adds what is in its table to @dict. */
gboolean vn_acpi_decode_srat(VnAcpiTable *table, VnDict *dict,
                             GError **error) VN_WARN_UNUSED;
gboolean vn_acpi_decode_slit(VnAcpiTable *table, VnDict *dict,
                             GError **error) VN_WARN_UNUSED;
gboolean vn_acpi_decode_hmat(VnAcpiTable *table, VnDict *dict,
                             GError **error) VN_WARN_UNUSED;
