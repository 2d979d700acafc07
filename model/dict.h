/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnDict: a description being made: an a{sv} whose keys are the JSON keys and stay in the
 * order in which they came. It crosses D-Bus as it is, and the CLI prints it as JSON or
 * as a table.
 */
#pragma once

#include "model/idset.h"

typedef GVariantBuilder VnDict;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VnDict, g_variant_builder_clear)

/** vn_dict_init: @start: (nullable): an a{sv} whose entries come first. */
void vn_dict_init(VnDict *dict, GVariant *start);

/**
 * vn_dict_end: (transfer floating): the a{sv}; @dict is empty then and to be left
 * alone.
 */
GVariant *vn_dict_end(VnDict *dict);

/** vn_dict_insert: @format and what follows it are those of g_variant_new(). */
void vn_dict_insert(VnDict *dict, const char *key, const char *format, ...);
void vn_dict_insert_value(VnDict *dict, const char *key, GVariant *value);

/** vn_dict_insert_idset: @set as "au", ascending. */
void vn_dict_insert_idset(VnDict *dict, const char *key, const VnIdSet *set);

/** vn_dict_insert_string: @text as "s"; nothing when it is NULL. */
void vn_dict_insert_string(VnDict *dict, const char *key, const char *text);

/**
 * vn_dict_insert_null: a value that is not known. D-Bus has no null, so it is NaN
 * as "d", which JSON shows as null.
 */
void vn_dict_insert_null(VnDict *dict, const char *key);

/**
 * vn_dict_insert_ratio: @value as "d", or null when it is negative, which stands
 * for "no evidence" throughout the model.
 */
void vn_dict_insert_ratio(VnDict *dict, const char *key, double value);

/**
 * vn_dict_insert_node_bytes:
 * @bytes: of guint64, indexed by host node id
 *
 * Inserts a{sv} {"<host node>": bytes}, nodes with 0 bytes left out.
 */
void vn_dict_insert_node_bytes(VnDict *dict, const char *key, const GArray *bytes);

/** vn_dict_read_uint64: FALSE when @value is not a whole number, or negative. */
gboolean vn_dict_read_uint64(GVariant *value, guint64 *ret_number);

/** vn_dict_lookup_uint64: of the a{sv} @dict; 0 when it has no such whole number. */
guint64 vn_dict_lookup_uint64(GVariant *dict, const char *key);

/**
 * vn_dict_read_idset:
 * @list: (nullable): "au", or "av" of any whole numbers, which is what a list that has
 *   been through JSON has become
 */
VnIdSet *vn_dict_read_idset(GVariant *list);
