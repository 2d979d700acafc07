/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnQmpMessage: classifying by the one member that each kind alone has, then checking. */
#include "qmp/message.h"

#include <string.h>

/* 2.2 Server Greeting: { "QMP": { "version": object, "capabilities": array } } */
static gboolean
read_greeting(VnQmpMessage *message, GError **error)
{
    const VnJson *body = vn_json_get_object(message->json, "QMP", error);
    if (!body)
        return FALSE;
    const VnJson *version = vn_json_get_object(body, "version", error);
    if (!version)
        return FALSE;
    const VnJson *qemu = vn_json_get_object(version, "qemu", error);
    if (!qemu)
        return FALSE;
    return vn_json_get_array(body, "capabilities", error) &&
           vn_json_get_int(qemu, "major", &message->version.major, error) &&
           vn_json_get_int(qemu, "minor", &message->version.minor, error) &&
           vn_json_get_int(qemu, "micro", &message->version.micro, error);
}

static const VnJson *
member(const VnJson *object, const char *key)
{
    VnJson *value = NULL;
    return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

/* 2.4.1 success: { "return": value, "id": value } */
static gboolean
read_reply(VnQmpMessage *message, GError **error)
{
    message->reply = member(message->json, "return");
    message->id = member(message->json, "id");
    return TRUE;
}

/* 2.4.2 error: { "error": { "class": string, "desc": string }, "id": value } */
static gboolean
read_error(VnQmpMessage *message, GError **error)
{
    const VnJson *body = vn_json_get_object(message->json, "error", error);
    if (!body)
        return FALSE;
    message->error_class = vn_json_get_string(body, "class", error);
    if (!message->error_class)
        return FALSE;
    message->error_desc = vn_json_get_string(body, "desc", error);
    message->id = member(message->json, "id");
    return message->error_desc != NULL;
}

/*
 * 2.5 Asynchronous events: { "event": string, "data": object,
 *   "timestamp": { "seconds": number, "microseconds": number } }, "data" optional
 */
static gboolean
read_event(VnQmpMessage *message, GError **error)
{
    message->event = vn_json_get_string(message->json, "event", error);
    if (!message->event)
        return FALSE;
    const VnJson *timestamp = vn_json_get_object(message->json, "timestamp", error);
    if (!timestamp)
        return FALSE;
    return vn_json_get_int64(timestamp, "seconds", &message->time_seconds, error) &&
           vn_json_get_int64(timestamp, "microseconds", &message->time_microseconds,
                             error) &&
           vn_json_get_optional_object(message->json, "data", &message->data, error);
}

static gboolean
read_message(VnQmpMessage *message, GError **error)
{
    static const char *const members[] = {
        [VN_QMP_GREETING] = "QMP",
        [VN_QMP_REPLY] = "return",
        [VN_QMP_ERROR] = "error",
        [VN_QMP_EVENT] = "event",
    };
    guint n_kinds = 0;

    for (guint kind = 0; kind < G_N_ELEMENTS(members); kind++) {
        if (vn_json_has(message->json, members[kind])) {
            message->kind = (VnQmpMessageKind) kind;
            n_kinds++;
        }
    }
    if (n_kinds != 1) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "%s of 'QMP', 'return', 'error' and 'event'; a message has one",
                    n_kinds ? "several" : "none");
        return FALSE;
    }
    switch (message->kind) {
    case VN_QMP_GREETING:
        return read_greeting(message, error);
    case VN_QMP_REPLY:
        return read_reply(message, error);
    case VN_QMP_ERROR:
        return read_error(message, error);
    case VN_QMP_EVENT:
        return read_event(message, error);
    }
    g_assert_not_reached();
}

VnQmpMessage *
vn_qmp_message_parse(const char *text, gsize length, GError **error)
{
    g_autoptr(VnQmpMessage) message = g_new0(VnQmpMessage, 1);

    message->json = vn_json_parse(text, length, VN_JSON_BYTES_MAX, error);
    if (!message->json || !read_message(message, error)) {
        g_prefix_error(error, "QMP message: ");
        return NULL;
    }
    return g_steal_pointer(&message);
}

void
vn_qmp_message_free(VnQmpMessage *message)
{
    if (!message)
        return;
    vn_json_unref(message->json);
    g_free(message);
}

gboolean
vn_qmp_message_get_id(const VnQmpMessage *message, guint64 *ret_id)
{
    if (!json_object_is_type(message->id, json_type_int) ||
        json_object_get_int64(message->id) < 0)
        return FALSE;
    *ret_id = json_object_get_uint64(message->id);
    return TRUE;
}

VnErrorCode
vn_qmp_error_code(const char *error_class)
{
    static const struct {
        const char *name;
        VnErrorCode code;
    } classes[] = {
        {"CommandNotFound", VN_ERROR_UNSUPPORTED},
        {"KVMMissingCap", VN_ERROR_UNSUPPORTED},
        {"DeviceNotActive", VN_ERROR_UNSUPPORTED},
        {"DeviceNotFound", VN_ERROR_GONE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(classes); i++) {
        if (strcmp(error_class, classes[i].name) == 0)
            return classes[i].code;
    }
    return VN_ERROR_FAILED;
}

void
vn_qmp_message_set_error(const VnQmpMessage *message, GError **error)
{
    g_assert(message->kind == VN_QMP_ERROR);
    gsize length = strnlen(message->error_desc, VN_QMP_ERROR_BYTES_MAX);
    g_autofree char *shown = g_utf8_make_valid(message->error_desc, (gssize) length);
    g_set_error_literal(error, VN_ERROR, (gint) vn_qmp_error_code(message->error_class),
                        shown);
}

char *
vn_qmp_command_print(const char *command, const VnJson *arguments, const guint64 *id)
{
    g_autoptr(VnJson) json = json_object_new_object();

    json_object_object_add(json, "execute", json_object_new_string(command));
    if (arguments)
        json_object_object_add(json, "arguments", vn_json_ref(arguments));
    if (id)
        json_object_object_add(json, "id", json_object_new_uint64(*id));
    return vn_json_print(json, FALSE);
}
