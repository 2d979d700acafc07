/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnConnection: the way to libvirt. Opened when first needed, opened again after it was
 * lost, every call on it with a deadline (see virt/call.h). What is asked over it is in
 * virt/domains.h; its events arrive on the main loop, through libvirt-glib.
 */
#pragma once

#include "model/error.h"

/* The deadline of a call that does not say. */
#define VN_CONNECTION_TIMEOUT_MS 30000u

typedef enum {
    VN_VIRT_EVENT_DEFINED, /* defined or redefined */
    VN_VIRT_EVENT_UNDEFINED,
    VN_VIRT_EVENT_STARTED,
    VN_VIRT_EVENT_PAUSED,
    VN_VIRT_EVENT_RESUMED,
    VN_VIRT_EVENT_STOPPED,  /* shut off, destroyed or crashed, or about to be */
    VN_VIRT_EVENT_METADATA, /* somebody changed its metadata */
    VN_VIRT_EVENT_DEVICE,   /* a device was plugged in or out */
    VN_VIRT_EVENT_LOST,     /* the connection broke; no guest */
} VnVirtEventKind;

typedef struct {
    VnVirtEventKind kind;
    const char *name; /* of the guest; NULL for VN_VIRT_EVENT_LOST */
    const char *uuid;
} VnVirtEvent;

/* Called on the main thread, from the default main context; @event lives for the call. */
typedef void (*VnVirtEventFunc)(const VnVirtEvent *event, gpointer data);

typedef struct VnConnection VnConnection;

/**
 * vn_connection_new:
 * @uri: "qemu:///system", or a driver for tests
 * @func: (nullable): told what happens to guests, once there is a connection
 * @data: for @func
 *
 * Connects to nothing yet. Called on the main thread; so is vn_connection_free(), after
 * which @func is not called any more. All else is for one thread at a time, the worker.
 */
VnConnection *vn_connection_new(const char *uri, VnVirtEventFunc func, gpointer data);

/** vn_connection_free: waits for libvirt at most two seconds. */
void vn_connection_free(VnConnection *connection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnConnection, vn_connection_free)

/**
 * vn_connection_open:
 * @timeout_ms: 0: VN_CONNECTION_TIMEOUT_MS
 * @error: BUSY: cannot be reached now, or was tried a moment ago (after a failure the
 *   next try waits, 250 ms at first and 8 s at most); REFUSED: libvirt does not let us in
 *
 * Connects if it is not connected. All calls do so by themselves: this is for whoever
 * wants events before the first call, or to know early.
 */
gboolean vn_connection_open(VnConnection *connection, guint timeout_ms,
                            GError **error) VN_WARN_UNUSED;

const char *vn_connection_uri(const VnConnection *connection);

const char *vn_virt_event_name(VnVirtEventKind kind);
