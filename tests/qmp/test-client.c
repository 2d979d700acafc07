/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnQmpClient against a scripted peer: what a good one does, and every way in which a bad
 * one can be silent, wrong, or too much.
 */
#include "tests/qmp/fake-peer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Long: never reached where an answer comes. Short: for those that never come. */
#define LONG_MS 30000
#define SHORT_MS 50

typedef struct {
    FakePeer *peer;
    VnQmpClient *client;
} Fixture;

static Fixture
start(FakeScript script, gconstpointer user_data)
{
    g_autoptr(GError) error = NULL;
    Fixture fixture;
    int fd;
    fixture.peer = fake_peer_start(script, (gpointer) user_data, &fd);
    fixture.client = vn_qmp_client_new_for_fd(fd, "fake", LONG_MS, &error);
    g_assert_no_error(error);
    g_assert_nonnull(fixture.client);
    return fixture;
}

/* Returns the bytes that the peer could send. */
static gsize
finish(Fixture *fixture)
{
    vn_qmp_client_free(fixture->client);
    return fake_peer_join(fixture->peer);
}

static void
assert_executes(Fixture *fixture, const char *command, gint64 value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnJson) reply = NULL;
    gint64 got = 0;
    g_assert_true(
        vn_qmp_client_execute(fixture->client, command, NULL, LONG_MS, &reply, &error));
    g_assert_no_error(error);
    g_assert_true(vn_json_get_int64(reply, "value", &got, NULL));
    g_assert_cmpint(got, ==, value);
}

static void
assert_fails(Fixture *fixture, guint timeout_ms, VnErrorCode code, const char *message)
{
    g_autoptr(GError) error = NULL;
    VnJson *reply = (VnJson *) "untouched";
    gint64 start_us = g_get_monotonic_time();
    g_assert_false(vn_qmp_client_execute(fixture->client, "query-status", NULL,
                                         timeout_ms, &reply, &error));
    g_assert_error(error, VN_ERROR, (gint) code);
    g_test_message("%s", error->message);
    g_assert_cmpstr((const char *) reply, ==, "untouched");
    g_assert_true(g_str_has_prefix(error->message, "QMP fake: "));
    g_assert_nonnull(strstr(error->message, message));
    g_assert_cmpint(g_get_monotonic_time() - start_us, <, LONG_MS * 1000 / 2);
}

static void
answer(FakePeer *peer, guint64 id, guint value)
{
    fake_peer_say(peer,
                  "{\"return\": {\"value\": %u}, \"id\": %" G_GUINT64_FORMAT "}\r\n",
                  value, id);
}

static void
good_script(FakePeer *peer, gpointer data)
{
    fake_peer_greet(peer);
    answer(peer, fake_peer_expect(peer, "query-a"), 1);
    guint64 id = fake_peer_expect(peer, "query-b");
    fake_peer_say(peer, "{\"return\": {\"va");
    fake_peer_say(peer, "lue\": 2}, \"id\": %" G_GUINT64_FORMAT "}\n", id);
    id = fake_peer_expect(peer, "query-c");
    fake_peer_say(peer, "{\"return\": null, \"id\": %" G_GUINT64_FORMAT "}\r\n", id);
    fake_peer_expect(peer, "query-status");
    fake_peer_say(peer,
                  "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"no 'x'\"}, "
                  "\"id\": %" G_GUINT64_FORMAT "}\r\n",
                  id + 1);
    fake_peer_await_end(peer);
}

static void
test_good(void)
{
    Fixture fixture = start(good_script, NULL);
    g_autoptr(VnJson) reply = NULL;
    const VnQmpVersion *version = vn_qmp_client_get_version(fixture.client);
    g_assert_true(version->major == 7 && version->minor == 2 && version->micro == 22);
    assert_executes(&fixture, "query-a", 1);
    assert_executes(&fixture, "query-b", 2);
    g_assert_true(
        vn_qmp_client_execute(fixture.client, "query-c", NULL, LONG_MS, &reply, NULL));
    g_assert_null(reply);
    assert_fails(&fixture, LONG_MS, VN_ERROR_GONE, "QMP fake: query-status: no 'x'");
    finish(&fixture);
}

/*
 * What a peer says instead of a greeting or while negotiating, and what comes of it. All
 * is said before the client looks: a deadline ends only those that say too little.
 */
typedef struct {
    const char *text;
    gboolean closes;
    VnErrorCode code;
    const char *message;
} Opening;

#define GREETING                                                                       \
    "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 9, \"minor\": 0, \"micro\": 0}}, " \
    "\"capabilities\": []}}\r\n"

static void
test_openings(void)
{
    static const Opening openings[] = {
        {"", FALSE, VN_ERROR_BUSY, "QMP fake: no greeting within 0.1 s"},
        {"{\"QMP\": {\"versi", FALSE, VN_ERROR_BUSY, "no greeting"},
        {"\r\n\r\n", FALSE, VN_ERROR_BUSY, "no greeting"},
        {GREETING, FALSE, VN_ERROR_BUSY, "no answer to 'qmp_capabilities' within 0.1 s"},
        {"", TRUE, VN_ERROR_GONE, "closed the connection"},
        {"{\"QMP\": ", TRUE, VN_ERROR_GONE, "closed the connection"},
        {GREETING, TRUE, VN_ERROR_GONE, "closed the connection"},
        {"SSH-2.0-OpenSSH\r\n", FALSE, VN_ERROR_INVALID, "JSON: byte 0"},
        {"{}\r\n", FALSE, VN_ERROR_INVALID, "a message has one"},
        {"{\"return\": {}, \"id\": 1}\r\n", FALSE, VN_ERROR_INVALID, "no greeting"},
        {GREETING GREETING, FALSE, VN_ERROR_INVALID, "a second greeting"},
        {GREETING "{\"return\": {}, \"id\": 2}\r\n", FALSE, VN_ERROR_INVALID,
         "not asked"},
        {GREETING "{\"return\": {}}\r\n", FALSE, VN_ERROR_INVALID, "not asked"},
        {GREETING
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": 1}\n",
         FALSE, VN_ERROR_FAILED, "qmp_capabilities: no"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(openings); i++) {
        g_autoptr(GError) error = NULL;
        int fds[2];
        gssize length = (gssize) strlen(openings[i].text);
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
        g_assert_cmpint(write(fds[0], openings[i].text, (gsize) length), ==, length);
        if (openings[i].closes)
            close(fds[0]);
        g_autoptr(VnQmpClient) client =
            vn_qmp_client_new_for_fd(fds[1], "fake", SHORT_MS + 1, &error);
        g_test_message("%s", error ? error->message : "taken");
        g_assert_null(client);
        g_assert_error(error, VN_ERROR, (gint) openings[i].code);
        g_assert_nonnull(strstr(error->message, openings[i].message));
        if (!openings[i].closes)
            close(fds[0]);
    }
}

static void
late_script(FakePeer *peer, gpointer data)
{
    fake_peer_greet(peer);
    guint64 late = fake_peer_expect(peer, "query-status");
    guint64 half = fake_peer_expect(peer, "query-status");
    answer(peer, late, 1);
    fake_peer_say(peer, "{\"return\": {\"value\": 2");
    guint64 good = fake_peer_expect(peer, "query-a"); /* comes after the timeout */
    fake_peer_say(peer, "}, \"id\": %" G_GUINT64_FORMAT "}\r\n", half);
    fake_peer_event(peer, "STOP", 1);
    answer(peer, good, 3);
    answer(peer, fake_peer_expect(peer, "query-b"), 4);
    fake_peer_await_end(peer);
}

static void
test_late_answers_are_skipped(void)
{
    Fixture fixture = start(late_script, NULL);
    assert_fails(&fixture, SHORT_MS, VN_ERROR_BUSY, "no answer to 'query-status' within");
    assert_fails(&fixture, SHORT_MS, VN_ERROR_BUSY, "no answer to 'query-status' within");
    assert_executes(&fixture, "query-a", 3);
    assert_executes(&fixture, "query-b", 4);
    finish(&fixture);
}

/* What a peer says instead of an answer to the command with id 2. */
typedef struct {
    const char *text;
    gboolean closes;
    VnErrorCode code;
    const char *message;
} Nonsense;

static void
nonsense_script(FakePeer *peer, gpointer data)
{
    const Nonsense *nonsense = data;
    fake_peer_greet(peer);
    fake_peer_expect(peer, "query-status");
    fake_peer_say(peer, "%s", nonsense->text);
    if (!nonsense->closes)
        fake_peer_await_end(peer);
}

static void
assert_stays_broken(Fixture *fixture, VnErrorCode code)
{
    g_autoptr(GError) error = NULL;
    assert_fails(fixture, LONG_MS, code, "the connection is closed, because: ");
    assert_fails(fixture, LONG_MS, code, "the connection is closed, because: ");
    g_assert_null(vn_qmp_client_wait_event(fixture->client, LONG_MS, &error));
    g_assert_error(error, VN_ERROR, (gint) code);
}

static void
test_nonsense(void)
{
    g_autofree char *deep = g_strnfill(100000, '[');
    g_autofree char *deep_line = g_strconcat("{\"return\": ", deep, "\r\n", NULL);
    const Nonsense cases[] = {
        {"garbage\r\n", FALSE, VN_ERROR_INVALID, "JSON: byte 0"},
        {"\xff\xfe\n", FALSE, VN_ERROR_INVALID, "not UTF-8"},
        {deep_line, FALSE, VN_ERROR_INVALID, "nested deeper than 32"},
        {"{\"return\": {}, \"id\": 3}\r\n", FALSE, VN_ERROR_INVALID, "not asked"},
        {"{\"return\": {}, \"id\": 1}\r\n", FALSE, VN_ERROR_INVALID, "not asked"},
        {"{\"return\": {}, \"id\": 0}\r\n", FALSE, VN_ERROR_INVALID, "not asked"},
        {"{\"return\": {}, \"id\": -2}\r\n", FALSE, VN_ERROR_INVALID, "not asked"},
        {"{\"return\": {}, \"id\": \"2\"}\r\n", FALSE, VN_ERROR_INVALID, "not asked"},
        {"{\"return\": {}}\r\n", FALSE, VN_ERROR_INVALID, "not asked"},
        {"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n",
         FALSE, VN_ERROR_INVALID, "JSON parse error"},
        {"{\"return\": {}, \"id\": 2, \"event\": \"STOP\"}\r\n", FALSE, VN_ERROR_INVALID,
         "several"},
        {"{\"event\": \"STOP\"}\r\n", FALSE, VN_ERROR_INVALID, "'timestamp' is missing"},
        {GREETING, FALSE, VN_ERROR_INVALID, "a second greeting"},
        {"", TRUE, VN_ERROR_GONE, "closed the connection"},
        {"{\"return\": {}, \"id\": 2}", TRUE, VN_ERROR_GONE, "closed the connection"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture fixture = start(nonsense_script, &cases[i]);
        assert_fails(&fixture, LONG_MS, cases[i].code, cases[i].message);
        assert_stays_broken(&fixture, cases[i].code);
        finish(&fixture);
    }
}

static void
flood_script(FakePeer *peer, gpointer data)
{
    const char *text = data;
    fake_peer_greet(peer);
    fake_peer_expect(peer, "query-status");
    for (gsize sent = 0; sent < 100 * 1000 * 1000; sent += strlen(text)) {
        if (!fake_peer_send(peer, text, strlen(text)))
            return;
    }
    fake_peer_await_end(peer);
}

/* 100 MB without a line feed end the connection at the limit, not after them. */
static void
test_endless_line(void)
{
    g_autofree char *text = g_strnfill(100000, 'x');
    Fixture fixture = start(flood_script, text);
    assert_fails(&fixture, LONG_MS, VN_ERROR_INVALID, "limit of 8388608 bytes");
    assert_stays_broken(&fixture, VN_ERROR_INVALID);
    g_assert_cmpuint(finish(&fixture), <, VN_QMP_MESSAGE_BYTES_MAX + 4 * 1024 * 1024);
}

static void
trickle_script(FakePeer *peer, gpointer data)
{
    fake_peer_greet(peer);
    fake_peer_expect(peer, "query-status");
    while (fake_peer_send(peer, "\r\n", 2))
        ;
}

/* Empty lines without end are no messages, and must not outlast the deadline either. */
static void
test_endless_empty_lines(void)
{
    Fixture fixture = start(trickle_script, NULL);
    assert_fails(&fixture, SHORT_MS, VN_ERROR_BUSY, "no answer to 'query-status'");
    finish(&fixture);
}

static char *
message_of_bytes(guint64 id, gsize length)
{
    g_autofree char *head = g_strdup_printf(
        "{\"id\": %" G_GUINT64_FORMAT ", \"return\": {\"value\": 7, \"x\": \"", id);
    g_autofree char *fill = g_strnfill(length - strlen(head) - strlen("\"}}"), 'x');
    return g_strconcat(head, fill, "\"}}", NULL);
}

static void
large_script(FakePeer *peer, gpointer data)
{
    fake_peer_greet(peer);
    g_autofree char *at =
        message_of_bytes(fake_peer_expect(peer, "query-a"), VN_QMP_MESSAGE_BYTES_MAX);
    fake_peer_say(peer, "%s\n", at);
    g_autofree char *past = message_of_bytes(fake_peer_expect(peer, "query-status"),
                                             VN_QMP_MESSAGE_BYTES_MAX + 1);
    fake_peer_say(peer, "%s\n", past);
    fake_peer_await_end(peer);
}

static void
test_message_limit(void)
{
    Fixture fixture = start(large_script, NULL);
    assert_executes(&fixture, "query-a", 7);
    assert_fails(&fixture, LONG_MS, VN_ERROR_INVALID, "limit of 8388608 bytes");
    finish(&fixture);
}

static void
events_script(FakePeer *peer, gpointer data)
{
    const guint *n_events = data;
    fake_peer_greet(peer);
    guint64 id = fake_peer_expect(peer, "query-a");
    for (guint i = 0; i < *n_events; i++)
        fake_peer_event(peer, "RTC_CHANGE", i);
    answer(peer, id, 1);
    fake_peer_event(peer, "STOP", *n_events);
    answer(peer, fake_peer_expect(peer, "query-b"), 2);
    fake_peer_await_end(peer);
}

static void
assert_event(Fixture *fixture, guint timeout_ms, const char *name, guint number)
{
    g_autoptr(GError) error = NULL;
    guint64 got = 0;
    g_autoptr(VnQmpMessage) event =
        vn_qmp_client_wait_event(fixture->client, timeout_ms, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(event->event, ==, name);
    g_assert_true(vn_json_get_uint64(event->data, "number", &got, NULL));
    g_assert_cmpuint(got, ==, number);
}

static void
test_events_are_kept(void)
{
    static const guint counts[] = {0, 1, VN_QMP_EVENTS_MAX, VN_QMP_EVENTS_MAX + 1,
                                   VN_QMP_SKIPPED_MAX};

    for (gsize k = 0; k < G_N_ELEMENTS(counts); k++) {
        g_autoptr(GError) error = NULL;
        Fixture fixture = start(events_script, &counts[k]);
        guint dropped = counts[k] > VN_QMP_EVENTS_MAX ? counts[k] - VN_QMP_EVENTS_MAX : 0;
        assert_executes(&fixture, "query-a", 1);
        g_assert_cmpuint(vn_qmp_client_get_events_dropped(fixture.client), ==, dropped);
        for (guint i = dropped; i < counts[k]; i++)
            assert_event(&fixture, 0, "RTC_CHANGE", i);
        assert_event(&fixture, LONG_MS, "STOP", counts[k]);
        g_assert_null(vn_qmp_client_wait_event(fixture.client, 0, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
        g_assert_cmpstr(error->message, ==, "QMP fake: no event within 0.0 s");
        assert_executes(&fixture, "query-b", 2);
        finish(&fixture);
    }
}

static void
count_event(const VnQmpMessage *event, gpointer user_data)
{
    guint *n_events = user_data;
    (*n_events)++;
}

static void
test_event_handler(void)
{
    const guint n_events = VN_QMP_EVENTS_MAX + 1;
    guint seen = 0;
    Fixture fixture = start(events_script, &n_events);
    vn_qmp_client_set_event_handler(fixture.client, count_event, &seen);
    assert_executes(&fixture, "query-a", 1);
    g_assert_cmpuint(seen, ==, n_events);
    g_assert_cmpuint(vn_qmp_client_get_events_dropped(fixture.client), ==, 0);
    assert_executes(&fixture, "query-b", 2);
    g_assert_cmpuint(seen, ==, n_events + 1);
    finish(&fixture);
}

static void
too_many_script(FakePeer *peer, gpointer data)
{
    fake_peer_greet(peer);
    guint64 id = fake_peer_expect(peer, "query-status");
    for (guint i = 0; i <= VN_QMP_SKIPPED_MAX; i++)
        fake_peer_event(peer, "RTC_CHANGE", i);
    answer(peer, id, 1);
    answer(peer, fake_peer_expect(peer, "query-b"), 2);
    fake_peer_await_end(peer);
}

static void
test_too_many_events(void)
{
    Fixture fixture = start(too_many_script, NULL);
    assert_fails(&fixture, LONG_MS, VN_ERROR_BUSY, "more than 4096 other messages");
    assert_executes(&fixture, "query-b", 2);
    finish(&fixture);
}

static void
farewell_script(FakePeer *peer, gpointer data)
{
    fake_peer_greet(peer);
    guint64 id = fake_peer_expect(peer, "query-a");
    fake_peer_event(peer, "SHUTDOWN", 1);
    answer(peer, id, 1);
}

/* The peer has gone when we send: an error, not a SIGPIPE; its last event is not lost. */
static void
test_closed_before_send(void)
{
    Fixture fixture = start(farewell_script, NULL);
    assert_executes(&fixture, "query-a", 1);
    fake_peer_join(fixture.peer);
    assert_fails(&fixture, LONG_MS, VN_ERROR_GONE, "closed the connection");
    assert_event(&fixture, LONG_MS, "SHUTDOWN", 1);
    assert_stays_broken(&fixture, VN_ERROR_GONE);
    vn_qmp_client_free(fixture.client);
}

static void
deaf_script(FakePeer *peer, gpointer data)
{
    fake_peer_greet(peer);
    g_mutex_lock(data); /* reads nothing until the test lets it */
    g_mutex_unlock(data);
    fake_peer_await_end(peer);
}

/* Half a command cannot be taken back: the client ends the connection. */
static void
test_peer_that_does_not_read(void)
{
    GMutex mutex;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strnfill(16 * 1024 * 1024, 'x');
    g_autoptr(VnJson) arguments = json_object_new_object();
    json_object_object_add(arguments, "x", json_object_new_string(text));

    g_mutex_init(&mutex);
    g_mutex_lock(&mutex);
    Fixture fixture = start(deaf_script, &mutex);
    g_assert_false(vn_qmp_client_execute(fixture.client, "query-status", arguments,
                                         SHORT_MS, NULL, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "took only part of a command"));
    assert_stays_broken(&fixture, VN_ERROR_BUSY);
    g_mutex_unlock(&mutex);
    finish(&fixture);
    g_mutex_clear(&mutex);
}

static int
listen_at(const char *path, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(fd, backlog), ==, 0);
    return fd;
}

static void
test_connect_fails(void)
{
    g_autofree char *folder = g_dir_make_tmp("vnumad-qmp-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "s", NULL);
    g_autofree char *at = g_strnfill(107, 'p');
    g_autofree char *past = g_strnfill(108, 'p');
    g_autoptr(GError) error = NULL;

    g_assert_null(vn_qmp_client_connect(path, LONG_MS, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);
    g_assert_null(vn_qmp_client_connect(at, LONG_MS, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);
    g_assert_null(vn_qmp_client_connect(past, LONG_MS, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(vn_qmp_client_connect("", LONG_MS, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_clear_error(&error);

    int fd = listen_at(path, 0);
    /* The first stays in the queue, the second finds it full. */
    g_assert_null(vn_qmp_client_connect(path, SHORT_MS, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "one client at a time"));
    g_clear_error(&error);
    g_assert_null(vn_qmp_client_connect(path, SHORT_MS, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "no connection within"));
    g_clear_error(&error);
    g_assert_null(vn_qmp_client_connect(path, 0, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
    g_clear_error(&error);

    close(fd); /* the file stays, as after a crash */
    g_assert_null(vn_qmp_client_connect(path, LONG_MS, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_assert_nonnull(strstr(error->message, "nobody listens"));
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/client/good", test_good);
    g_test_add_func("/client/openings", test_openings);
    g_test_add_func("/client/late-answers-are-skipped", test_late_answers_are_skipped);
    g_test_add_func("/client/nonsense", test_nonsense);
    g_test_add_func("/client/endless-line", test_endless_line);
    g_test_add_func("/client/endless-empty-lines", test_endless_empty_lines);
    g_test_add_func("/client/message-limit", test_message_limit);
    g_test_add_func("/client/events-are-kept", test_events_are_kept);
    g_test_add_func("/client/event-handler", test_event_handler);
    g_test_add_func("/client/too-many-events", test_too_many_events);
    g_test_add_func("/client/closed-before-send", test_closed_before_send);
    g_test_add_func("/client/peer-that-does-not-read", test_peer_that_does_not_read);
    g_test_add_func("/client/connect-fails", test_connect_fails);
    return g_test_run();
}
