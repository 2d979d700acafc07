/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnQmpClient. Theory of operation: commands have ids that only grow, and one is under
 * way at a time. A reply with a smaller id belongs to a command whose caller has stopped
 * waiting: it is skipped, and there can be no more of them than such commands. Any other
 * id is a peer that does not speak QMP. The socket's own flags are left alone: each call
 * passes MSG_DONTWAIT, and poll(2) does the waiting.
 *
 * Source of the protocol: QEMU, docs/interop/qmp-spec.txt.
 */
#include "qmp/client.h"

#include "qmp/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RECEIVE_BYTES (64 * 1024)

struct VnQmpClient {
    int fd; /* -1 when broken */
    char *name;
    GError *broken; /* why the client cannot be used any more, without its name */
    VnQmpStream *stream;
    VnQmpVersion version;
    guint64 last_id;
    guint64 n_unanswered; /* commands whose caller has stopped waiting */
    GQueue events;        /* of VnQmpMessage */
    guint64 events_dropped;
    VnQmpEventHandler handler;
    gpointer handler_data;
};

/* One call's patience. */
typedef struct {
    const char *what; /* "answer to 'query-status'" */
    guint timeout_ms;
    gint64 deadline_us;
    gboolean has_tried; /* even a call that came too late looks at what is there */
    guint n_skipped;
} Wait;

static Wait
wait_new(const char *what, guint timeout_ms)
{
    return (Wait){
        .what = what,
        .timeout_ms = timeout_ms,
        .deadline_us = g_get_monotonic_time() + (gint64) timeout_ms * 1000,
    };
}

static gint64
wait_left_us(const Wait *wait)
{
    return MAX(wait->deadline_us - g_get_monotonic_time(), 0);
}

static void
set_too_late(const VnQmpClient *client, const Wait *wait, GError **error)
{
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "QMP %s: no %s within %.1f s",
                client->name, wait->what, wait->timeout_ms / 1000.0);
}

/* Ends the connection for good; @reason is taken. */
static void
break_off(VnQmpClient *client, GError *reason, GError **error)
{
    g_clear_error(&client->broken);
    client->broken = reason;
    g_close(client->fd, NULL);
    client->fd = -1;
    g_propagate_prefixed_error(error, g_error_copy(reason), "QMP %s: ", client->name);
}

static void
break_off_errno(VnQmpClient *client, int errsv, const char *doing, GError **error)
{
    GError *reason = NULL;
    if (errsv == EPIPE || errsv == ECONNRESET)
        g_set_error_literal(&reason, VN_ERROR, VN_ERROR_GONE,
                            "QEMU has closed the connection");
    else
        vn_error_set_errno(&reason, errsv, "%s", doing);
    break_off(client, reason, error);
}

static gboolean
is_usable(const VnQmpClient *client, GError **error)
{
    if (!client->broken)
        return TRUE;
    g_set_error(error, client->broken->domain, client->broken->code,
                "QMP %s: the connection is closed, because: %s", client->name,
                client->broken->message);
    return FALSE;
}

/* Waits for @events on the socket. */
static gboolean
wait_for_socket(VnQmpClient *client, Wait *wait, short events, GError **error)
{
    for (;;) {
        gint64 left_us = wait_left_us(wait);
        if (left_us == 0) {
            set_too_late(client, wait, error);
            return FALSE;
        }
        struct pollfd pollfd = {.fd = client->fd, .events = events};
        int n = poll(&pollfd, 1, (int) MIN((left_us + 999) / 1000, INT_MAX));
        if (n > 0)
            return TRUE;
        if (n < 0 && errno != EINTR) {
            break_off_errno(client, errno, "poll", error);
            return FALSE;
        }
    }
}

/* Reads once what there is into the stream. */
static gboolean
receive(VnQmpClient *client, Wait *wait, GError **error)
{
    char bytes[RECEIVE_BYTES];

    for (;;) {
        /* A peer that always has more to send must not outlast the deadline. */
        if (wait->has_tried && wait_left_us(wait) == 0) {
            set_too_late(client, wait, error);
            return FALSE;
        }
        wait->has_tried = TRUE;
        ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0) {
            GError *reason = NULL;
            if (vn_qmp_stream_push(client->stream, bytes, (gsize) n, &reason))
                return TRUE;
            break_off(client, reason, error);
            return FALSE;
        }
        if (n == 0) {
            break_off_errno(client, EPIPE, "recv", error);
            return FALSE;
        }
        if (errno == EAGAIN) {
            if (!wait_for_socket(client, wait, POLLIN, error))
                return FALSE;
        } else if (errno != EINTR) {
            break_off_errno(client, errno, "recv", error);
            return FALSE;
        }
    }
}

/* Returns: (transfer full): the next message of any kind. */
static VnQmpMessage *
next_message(VnQmpClient *client, Wait *wait, GError **error)
{
    for (;;) {
        gsize length;
        const char *line = vn_qmp_stream_pop(client->stream, &length);
        if (line) {
            GError *reason = NULL;
            VnQmpMessage *message = vn_qmp_message_parse(line, length, &reason);
            if (!message)
                break_off(client, reason, error);
            return message;
        }
        if (!receive(client, wait, error))
            return NULL;
    }
}

static void
refuse_message(VnQmpClient *client, const VnQmpMessage *message, const char *what,
               GError **error)
{
    g_autofree char *text = vn_json_print(message->json, FALSE);
    g_autofree char *shown = g_utf8_make_valid(text, (gssize) strnlen(text, 200));
    break_off(client, g_error_new(VN_ERROR, VN_ERROR_INVALID, "%s: %s", what, shown),
              error);
}

static void
keep_event(VnQmpClient *client, VnQmpMessage *event)
{
    if (g_queue_get_length(&client->events) == VN_QMP_EVENTS_MAX) {
        vn_qmp_message_free(g_queue_pop_head(&client->events));
        client->events_dropped++;
    }
    g_queue_push_tail(&client->events, event);
}

/*
 * Waits for an event, or, when @id is not 0, for the answer to the command that has it;
 * what else comes meanwhile is handed on or skipped.
 */
static VnQmpMessage *
await(VnQmpClient *client, guint64 id, Wait *wait, GError **error)
{
    for (; wait->n_skipped <= VN_QMP_SKIPPED_MAX; wait->n_skipped++) {
        g_autoptr(VnQmpMessage) message = next_message(client, wait, error);
        guint64 answered;
        if (!message)
            return NULL;
        if (message->kind == VN_QMP_EVENT) {
            if (id == 0)
                return g_steal_pointer(&message);
            if (client->handler)
                client->handler(message, client->handler_data);
            else
                keep_event(client, g_steal_pointer(&message));
            continue;
        }
        if (message->kind == VN_QMP_GREETING) {
            refuse_message(client, message, "a second greeting", error);
            return NULL;
        }
        if (!vn_qmp_message_get_id(message, &answered) || answered == 0 ||
            answered > client->last_id || (answered != id && client->n_unanswered == 0)) {
            refuse_message(client, message, "an answer to what was not asked", error);
            return NULL;
        }
        if (answered == id)
            return g_steal_pointer(&message);
        client->n_unanswered--;
    }
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                "QMP %s: more than %d other messages before the %s", client->name,
                VN_QMP_SKIPPED_MAX, wait->what);
    return NULL;
}

/*
 * Sends all of @text. When that fails half way QEMU would take the next command for
 * its end.
 */
static gboolean
send_all(VnQmpClient *client, const char *text, gsize length, Wait *wait, GError **error)
{
    gsize sent = 0;

    while (sent < length) {
        ssize_t n =
            send(client->fd, text + sent, length - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            sent += (gsize) n;
        } else if (errno == EAGAIN) {
            if (wait_for_socket(client, wait, POLLOUT, error))
                continue;
            if (sent && !client->broken) {
                g_clear_error(error);
                break_off(client,
                          g_error_new(VN_ERROR, VN_ERROR_BUSY,
                                      "QEMU took only part of a command within %.1f s",
                                      wait->timeout_ms / 1000.0),
                          error);
            }
            return FALSE;
        } else if (errno != EINTR) {
            break_off_errno(client, errno, "send", error);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
execute(VnQmpClient *client, const char *command, const VnJson *arguments, Wait *wait,
        VnJson **ret_reply, GError **error)
{
    const guint64 id = client->last_id + 1;
    g_autofree char *text = vn_qmp_command_print(command, arguments, &id);
    g_autofree char *line = g_strconcat(text, "\r\n", NULL);

    if (!send_all(client, line, strlen(line), wait, error))
        return FALSE;
    client->last_id = id;
    g_autoptr(VnQmpMessage) answer = await(client, id, wait, error);
    if (!answer) {
        client->n_unanswered++;
        return FALSE;
    }
    if (answer->kind == VN_QMP_ERROR) {
        vn_qmp_message_set_error(answer, error);
        g_prefix_error(error, "QMP %s: %s: ", client->name, command);
        return FALSE;
    }
    if (ret_reply)
        *ret_reply = vn_json_ref(answer->reply);
    return TRUE;
}

gboolean
vn_qmp_client_execute(VnQmpClient *client, const char *command, const VnJson *arguments,
                      guint timeout_ms, VnJson **ret_reply, GError **error)
{
    g_autofree char *what = g_strdup_printf("answer to '%s'", command);
    Wait wait = wait_new(what, timeout_ms);
    return is_usable(client, error) &&
           execute(client, command, arguments, &wait, ret_reply, error);
}

VnQmpMessage *
vn_qmp_client_wait_event(VnQmpClient *client, guint timeout_ms, GError **error)
{
    Wait wait = wait_new("event", timeout_ms);
    VnQmpMessage *event = g_queue_pop_head(&client->events);
    if (event)
        return event;
    return is_usable(client, error) ? await(client, 0, &wait, error) : NULL;
}

/* 2.2: the greeting comes first; 2.3: then qmp_capabilities leads into command mode. */
static gboolean
negotiate(VnQmpClient *client, Wait *wait, GError **error)
{
    g_autoptr(VnQmpMessage) greeting = next_message(client, wait, error);
    if (!greeting)
        return FALSE;
    if (greeting->kind != VN_QMP_GREETING) {
        refuse_message(client, greeting, "the first message is no greeting", error);
        return FALSE;
    }
    client->version = greeting->version;
    wait->what = "answer to 'qmp_capabilities'";
    return execute(client, "qmp_capabilities", NULL, wait, NULL, error);
}

static VnQmpClient *
client_new(int fd, const char *name)
{
    VnQmpClient *client = g_new0(VnQmpClient, 1);
    client->fd = fd;
    client->name = g_strdup(name);
    client->stream = vn_qmp_stream_new(VN_QMP_MESSAGE_BYTES_MAX);
    g_queue_init(&client->events);
    return client;
}

VnQmpClient *
vn_qmp_client_new_for_fd(int fd, const char *name, guint timeout_ms, GError **error)
{
    g_autoptr(VnQmpClient) client = client_new(fd, name);
    Wait wait = wait_new("greeting", timeout_ms);
    return negotiate(client, &wait, error) ? g_steal_pointer(&client) : NULL;
}

/*
 * connect(2) to a UNIX socket waits only while the listener's queue is full. A
 * non-blocking one would not wait but fail at once, with nothing to poll for; SO_SNDTIMEO
 * bounds the wait.
 */
static gboolean
connect_socket(VnQmpClient *client, const struct sockaddr_un *address, Wait *wait,
               GError **error)
{
    for (;;) {
        gint64 left_us = MAX(wait_left_us(wait), 1); /* 0 would be for ever */
        struct timeval left = {left_us / G_USEC_PER_SEC, left_us % G_USEC_PER_SEC};
        if (setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) == 0 &&
            connect(client->fd, (const struct sockaddr *) address, sizeof(*address)) == 0)
            return TRUE;
        if (errno == EAGAIN || (errno == EINTR && wait_left_us(wait) == 0)) {
            set_too_late(client, wait, error);
            return FALSE;
        }
        if (errno == ECONNREFUSED) {
            g_set_error(error, VN_ERROR, VN_ERROR_GONE, "QMP %s: nobody listens there",
                        client->name);
            return FALSE;
        }
        if (errno != EINTR) {
            vn_error_set_errno(error, errno, "QMP %s: connect", client->name);
            return FALSE;
        }
    }
}

/* Who called listen(2) there. */
static gboolean
read_peer(const VnQmpClient *client, VnQmpPeer *ret_peer, GError **error)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
        vn_error_set_errno(error, errno, "QMP %s: who listens there", client->name);
        return FALSE;
    }
    *ret_peer = (VnQmpPeer){.pid = peer.pid, .uid = peer.uid};
    return TRUE;
}

/* @name: what errors call it; @owner: who may listen there besides root; NULL: anybody */
static VnQmpClient *
connect_to(const char *path, const char *name, const guint *owner, VnQmpPeer *ret_peer,
           guint timeout_ms, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    Wait wait = wait_new("connection", timeout_ms);
    VnQmpPeer peer;

    if (!*path || strlen(path) >= sizeof(address.sun_path)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "QMP %s: a socket's path has 1 to %zu bytes", path,
                    sizeof(address.sun_path) - 1);
        return NULL;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        vn_error_set_errno(error, errno, "QMP %s: socket", name);
        return NULL;
    }
    g_autoptr(VnQmpClient) client = client_new(fd, name);
    if (!connect_socket(client, &address, &wait, error) ||
        !read_peer(client, &peer, error))
        return NULL;
    if (owner && *owner != 0 && *owner != peer.uid) {
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                    "QMP %s: it is user %u's, but who listens there is user %u", name,
                    *owner, peer.uid);
        return NULL;
    }
    wait.what = "greeting (a monitor serves one client at a time)";
    if (!negotiate(client, &wait, error))
        return NULL;
    if (ret_peer)
        *ret_peer = peer;
    return g_steal_pointer(&client);
}

VnQmpClient *
vn_qmp_client_connect(const char *path, guint timeout_ms, GError **error)
{
    return connect_to(path, path, NULL, NULL, timeout_ms, error);
}

/* Opens the file itself, so that nobody can put another in its place. */
static int
open_socket_file(const char *path, guint *ret_owner, GError **error)
{
    struct stat file;
    if (!g_path_is_absolute(path)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "QMP %s: a path from / on is needed", path);
        return -1;
    }
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) < 0) {
        vn_error_set_errno(error, errno, "QMP %s", path);
    } else if (!S_ISSOCK(file.st_mode)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "QMP %s: this is %s", path,
                    S_ISLNK(file.st_mode) ? "a symbolic link; name the socket itself"
                                          : "no socket");
    } else {
        *ret_owner = file.st_uid;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

VnQmpClient *
vn_qmp_client_connect_peer(const char *path, guint timeout_ms, VnQmpPeer *ret_peer,
                           GError **error)
{
    guint owner;
    int file = open_socket_file(path, &owner, error);
    if (file < 0)
        return NULL;
    g_autofree char *itself = g_strdup_printf("/proc/self/fd/%d", file);
    VnQmpClient *client = connect_to(itself, path, &owner, ret_peer, timeout_ms, error);
    close(file);
    return client;
}

void
vn_qmp_client_free(VnQmpClient *client)
{
    if (!client)
        return;
    if (client->fd >= 0)
        g_close(client->fd, NULL);
    g_queue_clear_full(&client->events, (GDestroyNotify) vn_qmp_message_free);
    vn_qmp_stream_free(client->stream);
    g_clear_error(&client->broken);
    g_free(client->name);
    g_free(client);
}

const VnQmpVersion *
vn_qmp_client_get_version(const VnQmpClient *client)
{
    return &client->version;
}

void
vn_qmp_client_set_event_handler(VnQmpClient *client, VnQmpEventHandler handler,
                                gpointer user_data)
{
    client->handler = handler;
    client->handler_data = user_data;
}

guint64
vn_qmp_client_get_events_dropped(const VnQmpClient *client)
{
    return client->events_dropped;
}
