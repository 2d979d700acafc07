/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnQmpClient: one connection to a QEMU monitor, for one thread that may wait. Every call
 * has a deadline, and whatever QEMU sends, or does not send, a call ends with a result or
 * an error by then. For guests that libvirt runs use libvirt's passthrough: it owns their
 * monitor.
 *
 * Every error names the connection: "QMP /run/db1.sock: no answer to 'query-status'
 * within 5.0 s". Codes: GONE the peer closed the connection, or nobody listens; BUSY
 * nothing came in time; INVALID what came is not QMP; else what vn_qmp_error_code() says
 * of QEMU's error.
 *
 * After GONE, INVALID and a command that could be sent only in part the connection is
 * closed, and every further call says so with the same code. After another BUSY an answer
 * that comes too late is skipped, and the client can be used on.
 */
#pragma once

#include "qmp/message.h"

/* The longest message taken. */
#define VN_QMP_MESSAGE_BYTES_MAX VN_JSON_BYTES_MAX
/*
 * Events kept for vn_qmp_client_wait_event(); of more the oldest are dropped and
 * counted.
 */
#define VN_QMP_EVENTS_MAX 256
/* Messages other than the awaited one that a call takes before it ends as BUSY. */
#define VN_QMP_SKIPPED_MAX 4096

typedef struct VnQmpClient VnQmpClient;

/** VnQmpEventHandler: @event is borrowed; must not call the client that it comes from. */
typedef void (*VnQmpEventHandler)(const VnQmpMessage *event, gpointer user_data);

/**
 * vn_qmp_client_connect:
 * @path: of a UNIX socket on which QEMU listens
 * @timeout_ms: for connecting, the greeting and the negotiation together
 *
 * A monitor serves one client at a time: while it has another, this ends as BUSY.
 *
 * Returns: (transfer full): a client in command mode.
 */
VnQmpClient *vn_qmp_client_connect(const char *path, guint timeout_ms,
                                   GError **error) VN_WARN_UNUSED;

/* Who made the socket and listens there; 0: a process of another process namespace. */
typedef struct {
    int pid;
    guint uid;
} VnQmpPeer;

/**
 * vn_qmp_client_connect_peer: for a path that somebody has named.
 * @path: absolute; of the socket itself, not of a link to it
 * @error: also INVALID: the path is none of these; REFUSED: the socket belongs neither to
 *   root nor to the user who listens there
 *
 * Otherwise as vn_qmp_client_connect().
 */
VnQmpClient *vn_qmp_client_connect_peer(const char *path, guint timeout_ms,
                                        VnQmpPeer *ret_peer,
                                        GError **error) VN_WARN_UNUSED;

/**
 * vn_qmp_client_new_for_fd:
 * @fd: (transfer full): a connected stream socket; closed also on failure
 * @name: what errors call the connection
 *
 * Otherwise as vn_qmp_client_connect().
 */
VnQmpClient *vn_qmp_client_new_for_fd(int fd, const char *name, guint timeout_ms,
                                      GError **error) VN_WARN_UNUSED;
void vn_qmp_client_free(VnQmpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnQmpClient, vn_qmp_client_free)

/** vn_qmp_client_get_version: Returns: (transfer none): QEMU's, from the greeting. */
const VnQmpVersion *vn_qmp_client_get_version(const VnQmpClient *client);

/**
 * vn_qmp_client_execute:
 * @arguments: (nullable): an object
 * @ret_reply: (nullable) (transfer full): what QEMU returned, mostly an object
 */
gboolean vn_qmp_client_execute(VnQmpClient *client, const char *command,
                               const VnJson *arguments, guint timeout_ms,
                               VnJson **ret_reply, GError **error) VN_WARN_UNUSED;

/**
 * vn_qmp_client_wait_event:
 * @timeout_ms: 0 looks only at what is there
 * @error: BUSY when no event came in time
 *
 * Returns: (transfer full): the oldest event not yet taken, also when a handler is set.
 */
VnQmpMessage *vn_qmp_client_wait_event(VnQmpClient *client, guint timeout_ms,
                                       GError **error) VN_WARN_UNUSED;

/**
 * vn_qmp_client_set_event_handler:
 * @handler: (nullable): takes the events that come while a command waits for its answer;
 *   without one they are kept for vn_qmp_client_wait_event()
 */
void vn_qmp_client_set_event_handler(VnQmpClient *client, VnQmpEventHandler handler,
                                     gpointer user_data);

/** vn_qmp_client_get_events_dropped: Returns: how many events found no room so far. */
guint64 vn_qmp_client_get_events_dropped(const VnQmpClient *client);
