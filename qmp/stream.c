/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnQmpStream. The buffer holds [0, popped) lines already given out, kept until the next
 * push because the caller may still look at them; [popped, scanned) bytes known to be
 * without a line feed; and the rest, not yet looked at. Each byte is scanned once by push
 * (for the limit) and once by pop, and moved once at most.
 */
#include "qmp/stream.h"

#include <string.h>

/* An emptied buffer larger than this is given back. */
#define KEEP_BYTES_MAX (64 * 1024)

struct VnQmpStream {
    GByteArray *buffer;
    gsize popped;
    gsize scanned;
    gsize line_bytes_max;
    gboolean broken;
};

VnQmpStream *
vn_qmp_stream_new(gsize line_bytes_max)
{
    VnQmpStream *stream = g_new0(VnQmpStream, 1);
    stream->buffer = g_byte_array_new();
    stream->line_bytes_max =
        MIN(line_bytes_max, G_MAXUINT / 4); /* what GByteArray holds */
    return stream;
}

void
vn_qmp_stream_free(VnQmpStream *stream)
{
    if (!stream)
        return;
    g_byte_array_unref(stream->buffer);
    g_free(stream);
}

static void
reset(VnQmpStream *stream)
{
    g_byte_array_unref(stream->buffer);
    stream->buffer = g_byte_array_new();
    stream->popped = 0;
    stream->scanned = 0;
}

/* Whether no line is too long when @data comes behind the part of a line that is held. */
static gboolean
lines_fit(const VnQmpStream *stream, const char *data, gsize length)
{
    gsize held = stream->buffer->len - stream->popped;
    while (length) {
        const char *feed = memchr(data, '\n', length);
        gsize n = feed ? (gsize) (feed - data) : length;
        if (n > stream->line_bytes_max - held)
            return FALSE;
        if (!feed)
            break;
        held = 0;
        data += n + 1;
        length -= n + 1;
    }
    return TRUE;
}

gboolean
vn_qmp_stream_push(VnQmpStream *stream, const void *data, gsize length, GError **error)
{
    g_assert(stream->scanned == stream->buffer->len);
    g_assert(length <= G_MAXUINT / 4);

    if (stream->broken || !lines_fit(stream, data, length)) {
        reset(stream);
        stream->broken = TRUE;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "a line is longer than the limit of %zu bytes",
                    stream->line_bytes_max);
        return FALSE;
    }
    if (stream->popped == stream->buffer->len && stream->popped > KEEP_BYTES_MAX) {
        reset(stream);
    } else if (stream->popped) {
        g_byte_array_remove_range(stream->buffer, 0, (guint) stream->popped);
        stream->scanned -= stream->popped;
        stream->popped = 0;
    }
    g_byte_array_append(stream->buffer, data, (guint) length);
    return TRUE;
}

const char *
vn_qmp_stream_pop(VnQmpStream *stream, gsize *ret_length)
{
    while (stream->scanned < stream->buffer->len) {
        const char *bytes = (const char *) stream->buffer->data;
        const char *feed =
            memchr(bytes + stream->scanned, '\n', stream->buffer->len - stream->scanned);
        if (!feed) {
            stream->scanned = stream->buffer->len;
            return NULL;
        }
        const char *line = bytes + stream->popped;
        gsize length = (gsize) (feed - line);
        stream->popped += length + 1;
        stream->scanned = stream->popped;
        if (length && line[length - 1] == '\r')
            length--;
        if (length) {
            *ret_length = length;
            return line;
        }
    }
    return NULL;
}

gsize
vn_qmp_stream_held(const VnQmpStream *stream)
{
    return stream->buffer->len - stream->popped;
}
