/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scripted QMP server. */
#include "tests/qmp/fake-peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct FakePeer {
    int fd;
    int listener; /* -1: there is a client already */
    GThread *thread;
    FakeScript script;
    gpointer user_data;
    gsize bytes_sent;
};

static gpointer
run(gpointer data)
{
    FakePeer *peer = data;
    if (peer->listener >= 0) {
        peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
        g_assert_cmpint(peer->fd, >=, 0);
        close(peer->listener);
    }
    peer->script(peer, peer->user_data);
    close(peer->fd);
    return NULL;
}

static FakePeer *
start(int fd, int listener, FakeScript script, gpointer user_data)
{
    FakePeer *peer = g_new0(FakePeer, 1);
    peer->fd = fd;
    peer->listener = listener;
    peer->script = script;
    peer->user_data = user_data;
    peer->thread = g_thread_new("fake-peer", run, peer);
    return peer;
}

FakePeer *
fake_peer_start(FakeScript script, gpointer user_data, int *ret_fd)
{
    int fds[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    *ret_fd = fds[1];
    return start(fds[0], -1, script, user_data);
}

FakePeer *
fake_peer_listen(FakeScript script, gpointer user_data, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(listener, (struct sockaddr *) &address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    return start(-1, listener, script, user_data);
}

gsize
fake_peer_join(FakePeer *peer)
{
    g_thread_join(peer->thread);
    gsize bytes_sent = peer->bytes_sent;
    g_free(peer);
    return bytes_sent;
}

gboolean
fake_peer_send(FakePeer *peer, const char *text, gsize length)
{
    while (length) {
        ssize_t n = send(peer->fd, text, length, MSG_NOSIGNAL);
        if (n < 0) {
            g_assert_true(errno == EPIPE || errno == ECONNRESET);
            return FALSE;
        }
        peer->bytes_sent += (gsize) n;
        text += n;
        length -= (gsize) n;
    }
    return TRUE;
}

void
fake_peer_say(FakePeer *peer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    fake_peer_send(peer, text, strlen(text));
}

/* Returns the next line, or NULL at the end. */
static char *
read_line(FakePeer *peer)
{
    g_autoptr(GString) line = g_string_new(NULL);
    char c;
    while (recv(peer->fd, &c, 1, 0) == 1) {
        if (c == '\n')
            return g_string_free(g_steal_pointer(&line), FALSE);
        g_string_append_c(line, c);
    }
    g_assert_cmpuint(line->len, ==, 0);
    return NULL;
}

/* Returns a checked command; its id goes to *ret_id. */
static VnJson *
read_command(FakePeer *peer, guint64 *ret_id)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *line = read_line(peer);
    g_assert_nonnull(line);
    VnJson *json = vn_json_parse(line, strlen(line), VN_JSON_BYTES_MAX, &error);
    g_assert_no_error(error);
    for (const VnJsonEntry *e = vn_json_first(json); e; e = vn_json_next(e)) {
        static const char *const known[] = {"execute", "arguments", "id", NULL};
        g_assert_true(g_strv_contains(known, vn_json_entry_key(e)));
    }
    g_assert_true(vn_json_get_uint64(json, "id", ret_id, &error));
    return json;
}

guint64
fake_peer_expect(FakePeer *peer, const char *command)
{
    guint64 id = 0;
    g_autoptr(VnJson) json = read_command(peer, &id);
    g_assert_cmpstr(vn_json_get_string(json, "execute", NULL), ==, command);
    return id;
}

void
fake_peer_answer(FakePeer *peer, const char *command, const char *arguments,
                 const char *answer)
{
    guint64 id = 0;
    const VnJson *given = NULL;
    g_autoptr(VnJson) json = read_command(peer, &id);
    g_assert_cmpstr(vn_json_get_string(json, "execute", NULL), ==, command);
    g_assert_true(vn_json_get_optional_object(json, "arguments", &given, NULL));
    g_autofree char *text = given ? vn_json_print(given, FALSE) : NULL;
    g_assert_cmpstr(text, ==, arguments);
    fake_peer_say(peer, "{\"id\": %" G_GUINT64_FORMAT ", %s}\r\n", id, answer);
}

void
fake_peer_greet(FakePeer *peer)
{
    fake_peer_say(peer,
                  "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, "
                  "\"major\": 7}, \"package\": \"fake\"}, \"capabilities\": []}}\r\n");
    for (;;) {
        guint64 id = 0;
        g_autoptr(VnJson) json = read_command(peer, &id);
        if (g_strcmp0(vn_json_get_string(json, "execute", NULL), "qmp_capabilities") ==
            0) {
            fake_peer_say(peer, "{\"return\": {}, \"id\": %" G_GUINT64_FORMAT "}\r\n",
                          id);
            return;
        }
        fake_peer_say(peer,
                      "{\"id\": %" G_GUINT64_FORMAT ", \"error\": {\"class\": "
                      "\"CommandNotFound\", \"desc\": \"Expecting capabilities "
                      "negotiation with 'qmp_capabilities'\"}}\r\n",
                      id);
    }
}

void
fake_peer_event(FakePeer *peer, const char *name, guint number)
{
    fake_peer_say(peer,
                  "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": "
                  "\"%s\", \"data\": {\"number\": %u}}\r\n",
                  name, number);
}

void
fake_peer_await_end(FakePeer *peer)
{
    char bytes[4096];
    while (recv(peer->fd, bytes, sizeof(bytes), 0) > 0)
        ;
}
