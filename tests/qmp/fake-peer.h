/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A scripted QMP server on one end of a socket pair, in a thread of its own. As strict as
 * QEMU: it aborts the test on a line that is no command, and answers CommandNotFound
 * to what comes before qmp_capabilities.
 */
#pragma once

#include "qmp/client.h"

typedef struct FakePeer FakePeer;
typedef void (*FakeScript)(FakePeer *peer, gpointer user_data);

/**
 * fake_peer_start: runs @script in a thread; *ret_fd (transfer full) is the client's
 * end.
 */
FakePeer *fake_peer_start(FakeScript script, gpointer user_data, int *ret_fd);

/** fake_peer_listen: likewise, with the first client that connects to @path. */
FakePeer *fake_peer_listen(FakeScript script, gpointer user_data, const char *path);

/** fake_peer_join: waits for the script's end. Returns: the bytes that it could send. */
gsize fake_peer_join(FakePeer *peer);

/* For scripts: */

/** fake_peer_send: Returns: FALSE when the client has closed its end. */
gboolean fake_peer_send(FakePeer *peer, const char *text, gsize length);
void fake_peer_say(FakePeer *peer, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** fake_peer_greet: the greeting, and the negotiation up to command mode. */
void fake_peer_greet(FakePeer *peer);

/**
 * fake_peer_expect: reads the next line, which must be @command with an id.
 * Returns: the id.
 */
guint64 fake_peer_expect(FakePeer *peer, const char *command);

/**
 * fake_peer_answer: reads the next line, which must be @command, and answers it.
 * @arguments: (nullable): as they must be, in JSON without blanks; NULL: there are none
 * @answer: "\"return\": {}", or "\"error\": {...}"
 */
void fake_peer_answer(FakePeer *peer, const char *command, const char *arguments,
                      const char *answer);

/** fake_peer_event: @number goes into its data. */
void fake_peer_event(FakePeer *peer, const char *name, guint number);

/** fake_peer_await_end: says nothing until the client closes its end. */
void fake_peer_await_end(FakePeer *peer);
