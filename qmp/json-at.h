/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnJsonAt: a value and its place in the document it came from, for documents that people
 * write: every error names the place, "guests[3].memory_bytes: is missing". Strict: each
 * reader has limits, and an object has the keys that are known and no others.
 */
#pragma once

#include "model/idset.h"
#include "qmp/json.h"

typedef struct VnJsonAt {
    const struct VnJsonAt *in; /* what it is in, borrowed; NULL: it is the document */
    const char *key;           /* of an object; NULL: of an array */
    gsize index;               /* of an array */
    const VnJson *json;        /* NULL: missing, or null */
} VnJsonAt;

/**
 * vn_json_at_key: Returns: what @object has there, its json NULL where it has nothing.
 * vn_json_at_index: Returns: the item of @array.
 *
 * Both borrow what they are given, which must outlive what they return.
 */
VnJsonAt vn_json_at_key(const VnJsonAt *object, const char *key);
VnJsonAt vn_json_at_index(const VnJsonAt *array, gsize index);

/** vn_json_at_is: whether there is a value. */
gboolean vn_json_at_is(const VnJsonAt *at);

/** vn_json_at_set_error: INVALID, "PLACE: " and what @format makes. */
void vn_json_at_set_error(const VnJsonAt *at, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/**
 * vn_json_at_check_object:
 * @keys: those it may have, ended by NULL
 * @error: INVALID, as of all that follow: it is missing, no object, or has another key
 */
gboolean vn_json_at_check_object(const VnJsonAt *at, const char *const *keys,
                                 GError **error) VN_WARN_UNUSED;

/** vn_json_at_check_array: @max: items at most; how many is vn_json_array_length(). */
gboolean vn_json_at_check_array(const VnJsonAt *at, gsize max,
                                GError **error) VN_WARN_UNUSED;

/** vn_json_at_uint64: a whole number from @min to @max. */
gboolean vn_json_at_uint64(const VnJsonAt *at, guint64 min, guint64 max,
                           guint64 *ret_value, GError **error) VN_WARN_UNUSED;
gboolean vn_json_at_uint(const VnJsonAt *at, guint min, guint max, guint *ret_value,
                         GError **error) VN_WARN_UNUSED;
gboolean vn_json_at_double(const VnJsonAt *at, double min, double max, double *ret_value,
                           GError **error) VN_WARN_UNUSED;
gboolean vn_json_at_bool(const VnJsonAt *at, gboolean *ret_value,
                         GError **error) VN_WARN_UNUSED;

/** vn_json_at_string: one to @bytes_max bytes; borrowed from the document. */
const char *vn_json_at_string(const VnJsonAt *at, gsize bytes_max,
                              GError **error) VN_WARN_UNUSED;

/** vn_json_at_idset: a list of different whole numbers from 0 to @id_max, or none. */
VnIdSet *vn_json_at_idset(const VnJsonAt *at, guint id_max,
                          GError **error) VN_WARN_UNUSED;
