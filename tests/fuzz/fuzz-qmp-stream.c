/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QMP peer's bytes: framing does not depend on how they are cut, holds no more than its
 * limit, and every line is taken as a message or refused with words. The first byte says
 * how large the cuts are.
 */
#include "qmp/message.h"
#include "qmp/stream.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define LINE_BYTES_MAX 4096u

static void
check_message(const char *line, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnQmpMessage) message = vn_qmp_message_parse(line, length, &error);
    guint64 id;

    if (!message) {
        g_assert(error && error->code == VN_ERROR_INVALID);
        return;
    }
    (void) vn_qmp_message_get_id(message, &id);
    switch (message->kind) {
    case VN_QMP_GREETING:
    case VN_QMP_REPLY:
        break;
    case VN_QMP_ERROR:
        vn_qmp_message_set_error(message, &error);
        g_assert(error && error->message);
        break;
    case VN_QMP_EVENT:
        g_assert(message->event);
        break;
    }
}

/*
 * Returns the lines that come out when @data goes in by @chunk bytes, or NULL if
 * refused.
 */
static GString *
frame(const uint8_t *data, size_t size, size_t chunk, gboolean check)
{
    g_autoptr(VnQmpStream) stream = vn_qmp_stream_new(LINE_BYTES_MAX);
    g_autoptr(GString) lines = g_string_new(NULL);

    for (size_t i = 0; i < size; i += chunk) {
        if (!vn_qmp_stream_push(stream, data + i, MIN(chunk, size - i), NULL))
            return NULL;
        gsize length;
        for (const char *line = vn_qmp_stream_pop(stream, &length); line;
             line = vn_qmp_stream_pop(stream, &length)) {
            g_assert(length && length <= LINE_BYTES_MAX && !memchr(line, '\n', length));
            if (check)
                check_message(line, length);
            g_string_append_len(lines, line, (gssize) length);
            g_string_append_c(lines, '\n');
        }
        g_assert(vn_qmp_stream_held(stream) <= LINE_BYTES_MAX);
    }
    return g_steal_pointer(&lines);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    g_autoptr(GString) cut = frame(data + 1, size - 1, data[0] + 1u, TRUE);
    g_autoptr(GString) whole = frame(data + 1, size - 1, size, FALSE);
    g_assert(!cut == !whole && (!cut || g_string_equal(cut, whole)));
    return 0;
}
