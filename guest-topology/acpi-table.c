/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What SRAT, SLIT and HMAT have in common; which of them some bytes are. */
#include "guest-topology/acpi-table.h"

#include "guest-topology/acpi.h"

#include <string.h>

/* Where the fields of the header are (ACPI 6.5, table 5.4). */
#define LENGTH_OFFSET 4u
#define REVISION_OFFSET 8u
#define CHECKSUM_OFFSET 9u
#define OEM_ID_OFFSET 10u
#define OEM_TABLE_ID_OFFSET 16u
#define OEM_REVISION_OFFSET 24u
#define CREATOR_ID_OFFSET 28u
#define CREATOR_REVISION_OFFSET 32u

/* Beyond that many, a table is a heap of errors; the first ones tell enough. */
#define WARNINGS_MAX 32u

void
vn_acpi_put(GByteArray *table, guint64 number, guint width)
{
    guint8 bytes[8];
    for (guint i = 0; i < width; i++)
        bytes[i] = (guint8) (number >> (8 * i));
    g_byte_array_append(table, bytes, width);
}

static void
put_text(GByteArray *table, const char *text)
{
    g_byte_array_append(table, (const guint8 *) text, (guint) strlen(text));
}

/* Length and checksum are filled in by vn_acpi_end(). The ids are QEMU's own. */
GByteArray *
vn_acpi_begin(const char *signature, guint revision)
{
    GByteArray *table = g_byte_array_new();
    put_text(table, signature);
    vn_acpi_put(table, 0, 4);
    vn_acpi_put(table, revision, 1);
    vn_acpi_put(table, 0, 1);
    put_text(table, "BOCHS ");
    put_text(table, "BXPC    ");
    vn_acpi_put(table, 1, 4);
    put_text(table, "BXPC");
    vn_acpi_put(table, 1, 4);
    return table;
}

static guint8
sum(const guint8 *bytes, gsize length)
{
    guint8 total = 0;
    for (gsize i = 0; i < length; i++)
        total = (guint8) (total + bytes[i]);
    return total;
}

void
vn_acpi_end(GByteArray *table)
{
    for (guint i = 0; i < 4; i++)
        table->data[LENGTH_OFFSET + i] = (guint8) (table->len >> (8 * i));
    table->data[CHECKSUM_OFFSET] = (guint8) -sum(table->data, table->len);
}

guint64
vn_acpi_get(const VnAcpiTable *table, gsize offset, guint width)
{
    guint64 number = 0;
    g_assert(offset + width <= table->length);
    for (guint i = 0; i < width; i++)
        number |= (guint64) table->bytes[offset + i] << (8 * i);
    return number;
}

void
vn_acpi_warn(VnAcpiTable *table, const char *format, ...)
{
    if (table->warnings->len >= WARNINGS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(table->warnings, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

void
vn_acpi_set_truncated(const VnAcpiTable *table, const char *what, gsize offset,
                      guint64 bytes, GError **error)
{
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "%s: truncated: at offset %zu its %s needs %" G_GUINT64_FORMAT
                " bytes, but the table ends at %zu",
                table->signature, offset, what, bytes, table->length);
}

gboolean
vn_acpi_next(const VnAcpiTable *table, const VnAcpiStructures *structures,
             VnAcpiStructure *structure, gboolean *ret_end, GError **error)
{
    gsize offset = structure->length ? structure->offset + structure->length
                                     : structures->first_offset;
    *ret_end = offset == table->length;
    if (*ret_end)
        return TRUE;
    if (offset > table->length || table->length - offset < structures->header_bytes) {
        vn_acpi_set_truncated(table, "next structure", offset, structures->header_bytes,
                              error);
        return FALSE;
    }
    *structure = (VnAcpiStructure){
        .offset = offset,
        .type = (guint) vn_acpi_get(table, offset, structures->type_width),
        .length = vn_acpi_get(table, offset + structures->length_offset,
                              structures->length_width),
    };
    if (structure->length < structures->header_bytes) {
        g_set_error(
            error, VN_ERROR, VN_ERROR_INVALID,
            "%s: at offset %zu is a structure of type %u whose length is %zu: what "
            "follows cannot be found",
            table->signature, offset, structure->type, structure->length);
        return FALSE;
    }
    if (structure->length > table->length - offset) {
        vn_acpi_set_truncated(table, "structure", offset, structure->length, error);
        return FALSE;
    }
    return TRUE;
}

gboolean
vn_acpi_is_whole(VnAcpiTable *table, const VnAcpiStructures *structures,
                 const VnAcpiStructure *structure, gsize bytes)
{
    if (structure->length >= bytes)
        return TRUE;
    vn_acpi_warn(
        table, "offset %zu: the structure '%s' has %zu bytes but needs %zu: passed over",
        structure->offset, structures->names[structure->type], structure->length, bytes);
    return FALSE;
}

void
vn_acpi_add_other(GVariantBuilder *others, const VnAcpiStructures *structures,
                  const VnAcpiStructure *structure)
{
    const char *name =
        structure->type < structures->n_names ? structures->names[structure->type] : NULL;
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "offset", "t", (guint64) structure->offset);
    vn_dict_insert(&dict, "type", "u", structure->type);
    vn_dict_insert(&dict, "length_bytes", "t", (guint64) structure->length);
    vn_dict_insert(&dict, "name", "s", name ? name : "not known");
    g_variant_builder_add_value(others, vn_dict_end(&dict));
}

/* @width characters, as far as they can be shown. */
static void
insert_id(VnDict *dict, const char *key, const guint8 *bytes, guint width)
{
    char text[9] = {0};
    for (guint i = 0; i < width; i++)
        text[i] = g_ascii_isprint((char) bytes[i]) ? (char) bytes[i] : ' ';
    vn_dict_insert(dict, key, "s", g_strchomp(text));
}

static void
insert_header(VnDict *dict, const VnAcpiTable *table)
{
    vn_dict_insert(dict, "signature", "s", table->signature);
    vn_dict_insert(dict, "revision", "u", table->revision);
    vn_dict_insert(dict, "length_bytes", "u", (guint) table->length);
    insert_id(dict, "oem_id", table->bytes + OEM_ID_OFFSET, 6);
    insert_id(dict, "oem_table_id", table->bytes + OEM_TABLE_ID_OFFSET, 8);
    vn_dict_insert(dict, "oem_revision", "u",
                   (guint) vn_acpi_get(table, OEM_REVISION_OFFSET, 4));
    insert_id(dict, "creator_id", table->bytes + CREATOR_ID_OFFSET, 4);
    vn_dict_insert(dict, "creator_revision", "u",
                   (guint) vn_acpi_get(table, CREATOR_REVISION_OFFSET, 4));
}

static gboolean
open_table(VnAcpiTable *table, const guint8 *bytes, gsize length, GError **error)
{
    if (length > VN_ACPI_BYTES_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "ACPI table: %zu bytes, but at most %u are accepted", length,
                    VN_ACPI_BYTES_MAX);
        return FALSE;
    }
    if (length < VN_ACPI_HEADER_BYTES) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "ACPI table: truncated: at offset 0 its header needs %u bytes, but "
                    "there are only %zu",
                    VN_ACPI_HEADER_BYTES, length);
        return FALSE;
    }
    table->bytes = bytes;
    table->length = length;
    for (guint i = 0; i < 4; i++)
        table->signature[i] = g_ascii_isprint((char) bytes[i]) ? (char) bytes[i] : '?';
    table->revision = bytes[REVISION_OFFSET];
    guint64 told = vn_acpi_get(table, LENGTH_OFFSET, 4);
    if (told < VN_ACPI_HEADER_BYTES || told > length) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "%s: %s: at offset %u its length is %" G_GUINT64_FORMAT
                    ", but there are %zu bytes",
                    table->signature,
                    told > length ? "truncated" : "it cannot hold its own header",
                    LENGTH_OFFSET, told, length);
        return FALSE;
    }
    table->length = told;
    return TRUE;
}

GVariant *
vn_acpi_decode(const guint8 *bytes, gsize length, GError **error)
{
    static const struct {
        const char *signature;
        gboolean (*decode)(VnAcpiTable *table, VnDict *dict, GError **error);
    } known[] = {
        {"SRAT", vn_acpi_decode_srat},
        {"SLIT", vn_acpi_decode_slit},
        {"HMAT", vn_acpi_decode_hmat},
    };
    VnAcpiTable table = {0};
    if (!open_table(&table, bytes, length, error))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(table.signature, known[i].signature) != 0)
            continue;
        g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        table.warnings = warnings;
        if (length > table.length)
            vn_acpi_warn(&table, "offset %zu: %zu bytes behind the end: passed over",
                         table.length, length - table.length);
        if (sum(bytes, table.length) != 0)
            vn_acpi_warn(&table, "offset %u: the checksum is not right", CHECKSUM_OFFSET);
        insert_header(&dict, &table);
        if (!known[i].decode(&table, &dict, error))
            return NULL;
        vn_dict_insert_value(&dict, "warnings",
                             g_variant_new_strv((const char *const *) warnings->pdata,
                                                (gssize) warnings->len));
        return vn_dict_end(&dict);
    }
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "ACPI table '%s': at offset 0: none of SRAT, SLIT, HMAT",
                table.signature);
    return NULL;
}
