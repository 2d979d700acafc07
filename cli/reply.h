/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading of the descriptions that vnumad sends, a{sv} with the keys of the JSON. A key
 * that is missing or of another type is a value that is not known: an older or a newer
 * daemon must not break the tables.
 */
#pragma once

#include "model/dict.h"

/** vn_reply_has: whether @reply has @key. */
gboolean vn_reply_has(GVariant *reply, const char *key);

/** vn_reply_string: a copy of the string, NULL when it is not known. */
char *vn_reply_string(GVariant *reply, const char *key);

/** vn_reply_text: vn_reply_string(), with "-" for what is not known. */
char *vn_reply_text(GVariant *reply, const char *key);

/** vn_reply_uint64: any whole number that is not negative; 0 when it is not known. */
guint64 vn_reply_uint64(GVariant *reply, const char *key);

/** vn_reply_double: NaN when it is not known. */
double vn_reply_double(GVariant *reply, const char *key);

gboolean vn_reply_bool(GVariant *reply, const char *key);

/** vn_reply_ids: vn_dict_read_idset() of the value of @key; empty: it is not known. */
VnIdSet *vn_reply_ids(GVariant *reply, const char *key);

/** vn_reply_ids_text: vn_reply_ids() in list format, "-" when empty. */
char *vn_reply_ids_text(GVariant *reply, const char *key);

/** vn_reply_dict: an a{sv}, an empty one when it is not known. */
GVariant *vn_reply_dict(GVariant *reply, const char *key);

/** vn_reply_list: an aa{sv}, an empty one when it is not known. */
GVariant *vn_reply_list(GVariant *reply, const char *key);

/** vn_reply_strv: an array of strings, an empty one when it is not known. */
char **vn_reply_strv(GVariant *reply, const char *key);

/**
 * vn_reply_node_bytes:
 *
 * Returns: of guint64, by host node id, from {"<host node>": bytes}.
 */
GArray *vn_reply_node_bytes(GVariant *reply, const char *key);
