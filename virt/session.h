/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One open libvirt connection with its event callbacks. Private to virt/. Opening,
 * closing and using it may block, so all three are done in a VnCaller's thread.
 */
#pragma once

#include "virt/connection.h"

#include <libvirt/libvirt.h>

/* Where events go. Outlives the connection, because callbacks may come after it. */
typedef struct {
    gatomicrefcount references;
    VnVirtEventFunc func; /* main thread only; NULL: nobody listens any more */
    gpointer data;
} VnEventSink;

VnEventSink *vn_event_sink_new(VnVirtEventFunc func, gpointer data);
VnEventSink *vn_event_sink_ref(VnEventSink *sink);
void vn_event_sink_unref(VnEventSink *sink);

typedef struct VnSession VnSession;

/** vn_session_prepare: libvirt's event loop and silence, no SIGPIPE; before all else. */
void vn_session_prepare(void);

/** vn_session_open: blocks. @error: as for vn_connection_open(), without the back-off. */
VnSession *vn_session_open(const char *uri, VnEventSink *sink,
                           GError **error) VN_WARN_UNUSED;

/** vn_session_close: @session: (nullable) (transfer full). Blocks. */
void vn_session_close(VnSession *session);

virConnectPtr vn_session_connect(const VnSession *session);

/** vn_session_is_alive: FALSE once libvirtd went away or stopped answering keepalives. */
gboolean vn_session_is_alive(const VnSession *session);

/*
 * What is done with a connection, in the caller's thread.
 * @data: the call's own, nobody else looks at it meanwhile
 * @error: set when FALSE is returned
 */
typedef gboolean (*VnSessionFunc)(virConnectPtr connect, gpointer data, GError **error);

typedef struct {
    const char *key;    /* what the call depends on: a guest's uuid, or "" for libvirtd */
    const char *object; /* for messages: "guest db1", "libvirt" */
    const char *what;   /* for messages: "pin vCPU 3" */
    VnSessionFunc func;
    GDestroyNotify free_data;
    gboolean once;    /* must not be repeated after a connection broke midway */
    guint timeout_ms; /* 0: VN_CONNECTION_TIMEOUT_MS */
} VnSessionCall;

/**
 * vn_connection_call:
 * @data: (inout): for @call's func; set to NULL when the call was abandoned, because then
 *   it is no longer ours
 * @error: what func says; BUSY: not answered in time, an earlier call with this key is
 *   still stuck, or libvirt cannot be reached
 *
 * Runs @call on the connection, which is opened if need be. When libvirtd went away since
 * the last call, connects again and repeats the call once. Defined in connection.c.
 */
gboolean vn_connection_call(VnConnection *connection, const VnSessionCall *call,
                            gpointer *data, GError **error) VN_WARN_UNUSED;

/**
 * vn_connection_note_name: remembers how a guest is called, for the messages of calls
 * that end before libvirt could say.
 */
void vn_connection_note_name(VnConnection *connection, const char *uuid,
                             const char *name);

/** vn_connection_name_of: the name noted for @uuid, or @uuid itself. */
const char *vn_connection_name_of(const VnConnection *connection, const char *uuid);
