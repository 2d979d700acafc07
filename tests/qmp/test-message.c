/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnQmpMessage: the four kinds as QEMU 7.2 writes them, what is refused, and commands. */
#include "qmp/message.h"

#include <string.h>

static VnQmpMessage *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    VnQmpMessage *message = vn_qmp_message_parse(text, strlen(text), &error);
    g_assert_no_error(error);
    g_assert_nonnull(message);
    return message;
}

static void
test_greeting(void)
{
    g_autoptr(VnQmpMessage) message = parse(
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "
        "\"package\": \"Debian\"}, \"capabilities\": [\"oob\"]}}");
    g_assert_cmpint(message->kind, ==, VN_QMP_GREETING);
    g_assert_cmpint(message->version.major, ==, 7);
    g_assert_cmpint(message->version.minor, ==, 2);
    g_assert_cmpint(message->version.micro, ==, 22);
}

static void
test_reply(void)
{
    static const struct {
        const char *text;
        gboolean has_id;
        guint64 id;
    } cases[] = {
        {"{\"return\": {}, \"id\": 18446744073709551615}", TRUE, G_MAXUINT64},
        {"{\"id\": 0, \"return\": {}}", TRUE, 0},
        {"{\"return\": {}}", FALSE, 0},
        {"{\"return\": {}, \"id\": \"libvirt-42\"}", FALSE, 0},
        {"{\"return\": {}, \"id\": -1}", FALSE, 0},
        {"{\"return\": {}, \"id\": null}", FALSE, 0},
        {"{\"return\": {}, \"id\": 1.0}", FALSE, 0},
        {"{\"return\": {}, \"id\": [1]}", FALSE, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint64 id = 0;
        g_autoptr(VnQmpMessage) message = parse(cases[i].text);
        g_assert_cmpint(message->kind, ==, VN_QMP_REPLY);
        g_assert_true(json_object_is_type(message->reply, json_type_object));
        g_assert_cmpint(vn_qmp_message_get_id(message, &id), ==, cases[i].has_id);
        g_assert_cmpuint(id, ==, cases[i].id);
    }
    g_autoptr(VnQmpMessage) null = parse("{\"return\": null, \"more\": 1}");
    g_assert_cmpint(null->kind, ==, VN_QMP_REPLY);
    g_assert_null(null->reply);
}

static void
test_error(void)
{
    static const struct {
        const char *class;
        VnErrorCode code;
    } cases[] = {
        {"GenericError", VN_ERROR_FAILED},
        {"CommandNotFound", VN_ERROR_UNSUPPORTED},
        {"DeviceNotFound", VN_ERROR_GONE},
        {"DeviceNotActive", VN_ERROR_UNSUPPORTED},
        {"KVMMissingCap", VN_ERROR_UNSUPPORTED},
        {"OfALaterQemu", VN_ERROR_FAILED},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf(
            "{\"id\": 5, \"error\": {\"class\": \"%s\", \"desc\": \"no\"}}",
            cases[i].class);
        g_autoptr(VnQmpMessage) message = parse(text);
        guint64 id = 0;
        g_assert_cmpint(message->kind, ==, VN_QMP_ERROR);
        g_assert_true(vn_qmp_message_get_id(message, &id));
        g_assert_cmpuint(id, ==, 5);
        vn_qmp_message_set_error(message, &error);
        g_assert_error(error, VN_ERROR, (gint) cases[i].code);
        g_assert_cmpstr(error->message, ==, "no");
    }
}

static void
test_error_limit(void)
{
    static const gsize lengths[] = {VN_QMP_ERROR_BYTES_MAX, VN_QMP_ERROR_BYTES_MAX + 1};

    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *desc = g_strnfill(lengths[i], 'x');
        g_autofree char *text =
            g_strdup_printf("{\"error\": {\"class\": \"A\", \"desc\": \"%s\"}}", desc);
        g_autoptr(VnQmpMessage) message = parse(text);
        vn_qmp_message_set_error(message, &error);
        g_assert_cmpuint(strlen(error->message), ==, VN_QMP_ERROR_BYTES_MAX);
    }
}

static void
test_event(void)
{
    g_autoptr(VnQmpMessage) message =
        parse("{\"timestamp\": {\"seconds\": 1795263712, \"microseconds\": 574470}, "
              "\"event\": \"SHUTDOWN\", \"data\": {\"guest\": false}}");
    g_autoptr(VnQmpMessage) bare =
        parse("{\"event\":\"STOP\",\"timestamp\":{\"seconds\":-1,\"microseconds\":-1}}");
    g_assert_cmpint(message->kind, ==, VN_QMP_EVENT);
    g_assert_cmpstr(message->event, ==, "SHUTDOWN");
    g_assert_cmpint(message->time_seconds, ==, 1795263712);
    g_assert_cmpint(message->time_microseconds, ==, 574470);
    g_assert_true(vn_json_has(message->data, "guest"));
    g_assert_cmpstr(bare->event, ==, "STOP");
    g_assert_null(bare->data);
    g_assert_cmpint(bare->time_seconds, ==, -1);
}

static void
test_refused(void)
{
    static const char *const texts[] = {
        "",
        "garbage",
        "[]",
        "1",
        "{}",
        "{\"id\": 1}",
        "{\"return\": {}, \"error\": {\"class\": \"a\", \"desc\": \"b\"}}",
        "{\"return\": {}, \"event\": \"STOP\"}",
        "{\"QMP\": 1}",
        "{\"QMP\": {}}",
        "{\"QMP\": {\"version\": {\"qemu\": {\"major\":7,\"minor\":2,\"micro\":0}}}}",
        "{\"QMP\": {\"version\": {\"qemu\": {\"major\":7,\"minor\":2}}, \"capabilities\": []}}",
        "{\"QMP\": {\"version\": {\"qemu\": {\"major\":\"7\",\"minor\":2,\"micro\":0}}, "
        "\"capabilities\": []}}",
        "{\"QMP\": {\"version\": {}, \"capabilities\": []}}",
        "{\"error\": {}}",
        "{\"error\": \"text\"}",
        "{\"error\": {\"class\": \"GenericError\"}}",
        "{\"error\": {\"desc\": \"text\"}}",
        "{\"error\": {\"class\": 1, \"desc\": \"text\"}}",
        "{\"event\": \"STOP\"}",
        "{\"event\": 1, \"timestamp\": {\"seconds\": 1, \"microseconds\": 1}}",
        "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1}}",
        "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": \"1\"}}",
        "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 1}, "
        "\"data\": []}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnQmpMessage) message =
            vn_qmp_message_parse(texts[i], strlen(texts[i]), &error);
        g_assert_null(message);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_true(g_str_has_prefix(error->message, "QMP message: "));
    }
}

static void
test_command(void)
{
    const guint64 id = G_MAXUINT64;
    g_autoptr(VnJson) arguments = json_object_new_object();
    json_object_object_add(arguments, "path", json_object_new_string("/a \"b\"\n"));

    g_autofree char *bare = vn_qmp_command_print("query-status", NULL, NULL);
    g_autofree char *full = vn_qmp_command_print("qom-list", arguments, &id);
    g_assert_cmpstr(bare, ==, "{\"execute\":\"query-status\"}");
    g_assert_cmpstr(
        full, ==,
        "{\"execute\":\"qom-list\",\"arguments\":{\"path\":\"/a \\\"b\\\"\\n\"},"
        "\"id\":18446744073709551615}");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/message/greeting", test_greeting);
    g_test_add_func("/message/reply", test_reply);
    g_test_add_func("/message/error", test_error);
    g_test_add_func("/message/error-limit", test_error_limit);
    g_test_add_func("/message/event", test_event);
    g_test_add_func("/message/refused", test_refused);
    g_test_add_func("/message/command", test_command);
    return g_test_run();
}
