/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two value formats of libvirt's domain XML that are not the kernel's: a size with a
 * unit, and a cpuset with exclusions.
 */
#pragma once

#include "model/idset.h"

/**
 * vn_size_parse:
 * @text: a decimal number
 * @unit: (nullable): what the number counts; NULL or "": KiB
 * @ret_bytes: the size in bytes, rounded up to whole KiB as libvirt does; at most
 *   G_MAXINT64
 * @error: INVALID: not a number, unknown unit, too large
 *
 * Source of the format: libvirt's formatdomain, "memory"; virScaleInteger in its source:
 * b, bytes; k, KiB (1024), KB (1000); likewise M, G, T, P, E; upper or lower case.
 */
gboolean vn_size_parse(const char *text, const char *unit, guint64 *ret_bytes,
                       GError **error) VN_WARN_UNUSED;

/**
 * vn_cpuset_parse:
 * @text: comma-separated ids, ranges and exclusions, in order, as "0-7,^3"
 * @error: INVALID: not a list, an id above VN_ID_MAX, or nothing left in the set
 *
 * Source of the format: libvirt's formatdomain, "cpuset"; virBitmapParse in its source.
 */
VnIdSet *vn_cpuset_parse(const char *text, GError **error) VN_WARN_UNUSED;

/**
 * vn_number_parse:
 * @ret_number: from 0 to @max
 * @error: INVALID: not a decimal number, or above @max
 */
gboolean vn_number_parse(const char *text, guint max, guint *ret_number,
                         GError **error) VN_WARN_UNUSED;
