/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnQmpMessage: one message of the QEMU Machine Protocol, received, checked and
 * classified; and the text of a command to send. Pure: sends and receives nothing.
 *
 * Source of the format: QEMU, docs/interop/qmp-spec.txt, sections 2.2 to 2.5.
 */
#pragma once

#include "qmp/json.h"

/* So much of an error's description is shown. */
#define VN_QMP_ERROR_BYTES_MAX 1000

typedef enum {
    VN_QMP_GREETING, /* the server's first message */
    VN_QMP_REPLY,    /* a command has succeeded */
    VN_QMP_ERROR,    /* a command has failed, or was not understood */
    VN_QMP_EVENT,    /* something has happened in QEMU */
} VnQmpMessageKind;

typedef struct {
    int major;
    int minor;
    int micro;
} VnQmpVersion;

typedef struct {
    VnQmpMessageKind kind;
    VnJson *json; /* the whole message; what follows lies in it */

    /* greeting */
    VnQmpVersion version;

    /* reply, error: */
    const VnJson *id; /* as the command had it; NULL without one */
    const VnJson *reply;
    const char *error_class;
    const char *error_desc;

    /* event; the times are -1 when QEMU could not tell the time */
    const char *event;
    const VnJson *data; /* an object; NULL when the event has none */
    gint64 time_seconds;
    gint64 time_microseconds;
} VnQmpMessage;

/**
 * vn_qmp_message_parse:
 * @text: one line without its end
 * @error: INVALID: not JSON within the limits of vn_json_parse(); not exactly one of
 *   greeting, reply, error and event; or a member that the kind must have is missing or
 *   of another type. Members that the specification does not have are skipped, as it
 *   demands.
 *
 * Returns: (transfer full): the message.
 */
VnQmpMessage *vn_qmp_message_parse(const char *text, gsize length,
                                   GError **error) VN_WARN_UNUSED;
void vn_qmp_message_free(VnQmpMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnQmpMessage, vn_qmp_message_free)

/**
 * vn_qmp_message_get_id: Returns: whether the message has an id, and it is a number >=
 * 0.
 */
gboolean vn_qmp_message_get_id(const VnQmpMessage *message, guint64 *ret_id);

/**
 * vn_qmp_error_code:
 *
 * Returns: what a QMP error class (QapiErrorClass in QEMU's qapi/error.json) means to the
 * caller: CommandNotFound and KVMMissingCap UNSUPPORTED, DeviceNotFound GONE,
 * DeviceNotActive (a device that was never switched on) UNSUPPORTED, GenericError and
 * classes not yet known FAILED.
 */
VnErrorCode vn_qmp_error_code(const char *error_class);

/**
 * vn_qmp_message_set_error:
 * @message: of kind VN_QMP_ERROR
 *
 * Sets @error to QEMU's own words, cut at VN_QMP_ERROR_BYTES_MAX, with the code that its
 * class maps to.
 */
void vn_qmp_message_set_error(const VnQmpMessage *message, GError **error);

/**
 * vn_qmp_command_print:
 * @arguments: (nullable): an object
 * @id: (nullable): what the reply shall carry; libvirt's passthrough sets its own, give
 *   NULL
 *
 * Returns: (transfer full): {"execute": ...} on one line without its end.
 */
char *vn_qmp_command_print(const char *command, const VnJson *arguments,
                           const guint64 *id);
