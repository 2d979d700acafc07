/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnQmpStream: bytes in as they come, whole lines out. What a peer that never ends its
 * line can make it hold is limited. Pure: reads no descriptor, knows no JSON.
 *
 * Source of the format: QEMU, docs/interop/qmp-spec.txt, section 2.1: every message is
 * terminated with CRLF; a plain LF is taken too.
 */
#pragma once

#include "model/error.h"

typedef struct VnQmpStream VnQmpStream;

/**
 * vn_qmp_stream_new:
 * @line_bytes_max: a longer line, its CR counted and its LF not, is refused
 */
VnQmpStream *vn_qmp_stream_new(gsize line_bytes_max);
void vn_qmp_stream_free(VnQmpStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnQmpStream, vn_qmp_stream_free)

/**
 * vn_qmp_stream_push:
 * @data: @length bytes, which are copied
 * @error: INVALID: a line is longer than the limit. What was held is dropped, the lines
 *   before it too, and every later push fails.
 *
 * To be called only after vn_qmp_stream_pop() has returned NULL, so that never more is
 * held than one line's limit and what one push brought.
 */
gboolean vn_qmp_stream_push(VnQmpStream *stream, const void *data, gsize length,
                            GError **error) VN_WARN_UNUSED;

/**
 * vn_qmp_stream_pop:
 * @ret_length: bytes of the line
 *
 * Returns: (transfer none): the next whole line without its end, not NUL-terminated,
 * valid until the next push; NULL when there is none. Empty lines are skipped.
 */
const char *vn_qmp_stream_pop(VnQmpStream *stream, gsize *ret_length);

/** vn_qmp_stream_held: Returns: bytes held that are not yet popped: part of a line. */
gsize vn_qmp_stream_held(const VnQmpStream *stream);
