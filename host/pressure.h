/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much the host's memory is pressed: the kernel's pressure stall information. */
#pragma once

#include "model/error.h"

/**
 * vn_pressure_parse:
 * @text: of /proc/pressure/memory
 * @name: what to call it in messages
 * @ret_ratio: share of the last ten seconds in which at least one task waited for memory,
 *   0 to 1; untouched on failure
 * @error: INVALID
 *
 * Source of the format: Documentation/accounting/psi.rst of Linux.
 */
gboolean vn_pressure_parse(const char *text, const char *name, double *ret_ratio,
                           GError **error) VN_WARN_UNUSED;

/**
 * vn_pressure_read: as above, of the host below @root.
 * @error: UNSUPPORTED when the kernel does not tell; INVALID; REFUSED, FAILED
 */
gboolean vn_pressure_read(const char *root, double *ret_ratio,
                          GError **error) VN_WARN_UNUSED;
