/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small files of the daemon's own, beside the ledger: one JSON object each, replaced as a
 * whole, so that a kill leaves the old one or the new one.
 */
#pragma once

#include "model/error.h"

/* A larger file is none of ours. */
#define VN_STATE_FILE_BYTES_MAX (G_GUINT64_CONSTANT(4) << 20)

/**
 * vn_state_file_read:
 * @ret_list: (transfer full) (nullable): what vn_state_file_write() was given, as it
 *   comes out of JSON; NULL: there is no such file
 * @error: INVALID: it is not ours, damaged, or of a newer version; FAILED, REFUSED: it
 *   cannot be read
 */
gboolean vn_state_file_read(const char *folder, const char *name, GVariant **ret_list,
                            GError **error) VN_WARN_UNUSED;

/** vn_state_file_write: @list: aa{sv}. It is on the disk when it returns. */
gboolean vn_state_file_write(const char *folder, const char *name, GVariant *list,
                             GError **error) VN_WARN_UNUSED;
