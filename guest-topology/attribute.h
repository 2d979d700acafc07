/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attributes of an element as values; they have to be there where nothing else is said.
 * All errors are INVALID and begin with "<element attribute>: "; the formats are those of
 * size.h.
 */
#pragma once

#include "guest-topology/size.h"
#include "guest-topology/xml.h"
#include "model/binding.h"

/** vn_attribute_number: vn_number_parse() of attribute @name. */
gboolean vn_attribute_number(const xmlNode *node, const char *name, guint max,
                             guint *ret_number, GError **error) VN_WARN_UNUSED;

/**
 * vn_attribute_size: vn_size_parse() of attribute @name.
 * @unit: (nullable): what the number counts
 */
gboolean vn_attribute_size(const xmlNode *node, const char *name, const char *unit,
                           guint64 *ret_bytes, GError **error) VN_WARN_UNUSED;

/** vn_attribute_cpuset: vn_cpuset_parse() of attribute @name. */
VnIdSet *vn_attribute_cpuset(const xmlNode *node, const char *name,
                             GError **error) VN_WARN_UNUSED;

/** vn_attribute_mode: "mode" of a <memory> or <memnode>; strict when it is not there. */
gboolean vn_attribute_mode(const xmlNode *node, VnBinding *ret_mode,
                           GError **error) VN_WARN_UNUSED;
