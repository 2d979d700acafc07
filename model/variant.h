/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the model's descriptions share. A description is an a{sv} whose keys are the JSON
 * keys: it crosses D-Bus as it is, and the CLI prints it as JSON or as a table.
 */
#pragma once

#include "model/idset.h"

/** vn_variant_dict_insert_idset: @set as "au", ascending. */
void vn_variant_dict_insert_idset(GVariantDict *dict, const char *key,
                                  const VnIdSet *set);

/** vn_variant_dict_insert_string: @text as "s"; nothing when it is NULL. */
void vn_variant_dict_insert_string(GVariantDict *dict, const char *key, const char *text);

/**
 * vn_variant_dict_insert_null: a value that is not known. D-Bus has no null, so it is NaN
 * as "d", which JSON shows as null.
 */
void vn_variant_dict_insert_null(GVariantDict *dict, const char *key);

/**
 * vn_variant_dict_insert_ratio: @value as "d", or null when it is negative, which stands
 * for "no evidence" throughout the model.
 */
void vn_variant_dict_insert_ratio(GVariantDict *dict, const char *key, double value);

/**
 * vn_variant_dict_insert_node_bytes:
 * @bytes: of guint64, indexed by host node id
 *
 * Inserts a{sv} {"<host node>": bytes}, nodes with 0 bytes left out.
 */
void vn_variant_dict_insert_node_bytes(GVariantDict *dict, const char *key,
                                       const GArray *bytes);
