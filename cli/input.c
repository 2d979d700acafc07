/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading to the end, or to the limit; pipes have no size to ask for before. Files are
 * opened without blocking, so that a pipe that nobody writes to is found out.
 */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES 65536
#define SILENCE_MS 30000

gboolean
vn_input_is_stdin(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* As read(2); where nothing comes for too long, ETIMEDOUT. */
static ssize_t
read_some(int fd, guint8 *chunk)
{
    ssize_t n = read(fd, chunk, CHUNK_BYTES);
    if (n >= 0 || errno != EAGAIN)
        return n;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int outcome = poll(&ready, 1, SILENCE_MS);
    if (outcome == 0)
        errno = ETIMEDOUT;
    return outcome > 0 ? read(fd, chunk, CHUNK_BYTES) : -1;
}

static gboolean
read_all(int fd, const char *shown, gsize limit_bytes, GByteArray *bytes, GError **error)
{
    guint8 chunk[CHUNK_BYTES];
    while (bytes->len <= limit_bytes) {
        ssize_t n = read_some(fd, chunk);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0) {
            vn_error_set_errno(error, errno, "%s: read", shown);
            return FALSE;
        }
        if (n == 0)
            return TRUE;
        g_byte_array_append(bytes, chunk, (guint) n);
    }
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "%s: it is larger than %" G_GSIZE_FORMAT " MiB, more than is read", shown,
                limit_bytes >> 20);
    return FALSE;
}

GByteArray *
vn_input_read(const char *path, gsize limit_bytes, GError **error)
{
    gboolean is_stdin = vn_input_is_stdin(path);
    const char *shown = is_stdin ? "standard input" : path;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        vn_error_set_errno(error, errno, "%s: open", shown);
        return NULL;
    }
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    gboolean done = read_all(fd, shown, limit_bytes, bytes, error);
    if (!is_stdin)
        close(fd);
    return done ? g_steal_pointer(&bytes) : NULL;
}
