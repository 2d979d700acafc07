/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnQmpStream: lines however they are cut, and the limit at and past it. */
#include "qmp/stream.h"

#include <string.h>

static void
push(VnQmpStream *stream, const char *data, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(vn_qmp_stream_push(stream, data, length, &error));
    g_assert_no_error(error);
}

/* Pops all lines into @out, each ended by '|'. */
static void
drain(VnQmpStream *stream, GString *out)
{
    gsize length;
    for (const char *line = vn_qmp_stream_pop(stream, &length); line;
         line = vn_qmp_stream_pop(stream, &length)) {
        g_string_append_len(out, line, (gssize) length);
        g_string_append_c(out, '|');
    }
}

static void
test_cuts(void)
{
    static const char input[] = "\r\none\r\ntwo\n\n\rthree\r\r\n\r\nfour";
    const gsize length = sizeof(input) - 1;

    for (gsize chunk = 1; chunk <= length; chunk++) {
        g_autoptr(VnQmpStream) stream = vn_qmp_stream_new(100);
        GString *out = g_string_new(NULL);
        for (gsize i = 0; i < length; i += chunk) {
            push(stream, input + i, MIN(chunk, length - i));
            drain(stream, out);
        }
        g_autofree char *lines = g_string_free(out, FALSE);
        g_assert_cmpstr(lines, ==, "one|two|\rthree\r|");
        g_assert_cmpuint(vn_qmp_stream_held(stream), ==, 4);
    }
}

static void
test_nothing(void)
{
    g_autoptr(VnQmpStream) stream = vn_qmp_stream_new(4);
    gsize length = 42;
    g_assert_null(vn_qmp_stream_pop(stream, &length));
    push(stream, "", 0);
    g_assert_null(vn_qmp_stream_pop(stream, &length));
    g_assert_cmpuint(length, ==, 42);
}

static void
test_limit(void)
{
    static const struct {
        const char *chunks[3];
        gboolean fits;
    } cases[] = {
        {{"1234\n"}, TRUE},          {{"12345\n"}, FALSE},   {{"1234"}, TRUE},
        {{"12345"}, FALSE},          {{"123", "4\n"}, TRUE}, {{"123", "45\n"}, FALSE},
        {{"1\n1234\n12345"}, FALSE}, {{"1234\n1234"}, TRUE}, {{"12", "34", "\n"}, TRUE},
        {{"12", "34", "5"}, FALSE},  {{"1234\r\n"}, FALSE},  {{"123\r\n"}, TRUE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnQmpStream) stream = vn_qmp_stream_new(4);
        g_autoptr(GError) error = NULL;
        gboolean fits = TRUE;
        for (gsize k = 0; k < 3 && cases[i].chunks[k]; k++) {
            gsize length;
            while (vn_qmp_stream_pop(stream, &length))
                ;
            fits = vn_qmp_stream_push(stream, cases[i].chunks[k],
                                      strlen(cases[i].chunks[k]), &error);
        }
        g_assert_cmpint(fits, ==, cases[i].fits);
        if (fits)
            continue;
        gsize length;
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_cmpuint(vn_qmp_stream_held(stream), ==, 0);
        g_assert_null(vn_qmp_stream_pop(stream, &length));
        g_assert_false(vn_qmp_stream_push(stream, "\n", 1, NULL));
    }
}

/*
 * 100 MB without a line feed: refused when the limit is passed, no more held than
 * that.
 */
static void
test_endless_line(void)
{
    const gsize limit = 8 * 1024 * 1024;
    const gsize chunk_bytes = 64 * 1024;
    g_autofree char *chunk = g_strnfill(chunk_bytes, 'x');
    g_autoptr(VnQmpStream) stream = vn_qmp_stream_new(limit);
    gsize pushed = 0;

    for (; pushed < 100 * 1000 * 1000; pushed += chunk_bytes) {
        gsize length;
        g_assert_null(vn_qmp_stream_pop(stream, &length));
        if (!vn_qmp_stream_push(stream, chunk, chunk_bytes, NULL))
            break;
        g_assert_cmpuint(vn_qmp_stream_held(stream), <=, limit);
    }
    g_assert_cmpuint(pushed, ==, limit);
    g_assert_cmpuint(vn_qmp_stream_held(stream), ==, 0);
}

/* A line of many small chunks and many lines in a large chunk both take linear time. */
static void
test_linear(void)
{
    const guint n = 400000;
    g_autoptr(VnQmpStream) stream = vn_qmp_stream_new(n + 1);
    GString *all = g_string_new(NULL);
    gsize length = 0;

    for (guint i = 0; i < n; i++) {
        push(stream, "x", 1);
        g_assert_null(vn_qmp_stream_pop(stream, &length));
    }
    push(stream, "\n", 1);
    g_assert_nonnull(vn_qmp_stream_pop(stream, &length));
    g_assert_cmpuint(length, ==, n);
    g_assert_null(vn_qmp_stream_pop(stream, &length));

    for (guint i = 0; i < n; i++)
        g_string_append(all, "{}\r\n");
    push(stream, all->str, all->len);
    guint lines = 0;
    while (vn_qmp_stream_pop(stream, &length))
        lines++;
    g_assert_cmpuint(lines, ==, n);
    g_string_free(all, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream/cuts", test_cuts);
    g_test_add_func("/stream/nothing", test_nothing);
    g_test_add_func("/stream/limit", test_limit);
    g_test_add_func("/stream/endless-line", test_endless_line);
    g_test_add_func("/stream/linear", test_linear);
    return g_test_run();
}
