/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a verb is told to read, definitions and tables. */
#pragma once

#include "model/error.h"

/** vn_input_is_stdin: whether @path is "-". */
gboolean vn_input_is_stdin(const char *path);

/**
 * vn_input_read:
 * @path: "-" is standard input
 * @limit_bytes: what is larger is refused, and not read whole
 * @error: naming the file: INVALID: too large; otherwise what the system says, that
 *   nothing came through a pipe for half a minute among it
 */
GByteArray *vn_input_read(const char *path, gsize limit_bytes,
                          GError **error) VN_WARN_UNUSED;
