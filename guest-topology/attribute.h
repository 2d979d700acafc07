/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attributes of an element that have to be there, as values. All errors are INVALID and
 * begin with "<element attribute>: "; the formats are those of size.h.
 */
#pragma once

#include "guest-topology/size.h"
#include "guest-topology/xml.h"

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
