/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gpa2hva: the command, and HMP's answers to it. */
#include "qmp/memory.h"

#include <string.h>

static VnJson *
build_arguments(guint64 gpa)
{
    g_autofree char *line = g_strdup_printf("gpa2hva 0x%" G_GINT64_MODIFIER "x", gpa);
    VnJson *arguments = json_object_new_object();
    json_object_object_add(arguments, "command-line", json_object_new_string(line));
    return arguments;
}

char *
vn_qmp_gpa_to_hva_command(guint64 gpa)
{
    g_autoptr(VnJson) arguments = build_arguments(gpa);
    return vn_qmp_command_print("human-monitor-command", arguments, NULL);
}

/* Reads "0x7f.." at *cursor and moves behind it. */
static gboolean
parse_address(const char **cursor, guint64 *ret_address)
{
    guint64 address = 0;
    const char *digit = *cursor + 2;

    if (!g_str_has_prefix(*cursor, "0x") || !g_ascii_isxdigit(*digit))
        return FALSE;
    for (; g_ascii_isxdigit(*digit); digit++) {
        if (address >> 60)
            return FALSE;
        address = address << 4 | (guint64) g_ascii_xdigit_value(*digit);
    }
    *cursor = digit;
    *ret_address = address;
    return TRUE;
}

/*
 * "Host virtual address for 0x1000 (ram-node0) is 0x7f6991e01000"; a name may have
 * blanks.
 */
static gboolean
parse_answer(const char *text, guint64 gpa, char **ret_region, guint64 *ret_hva)
{
    static const char head[] = "Host virtual address for ";
    static const char tail[] = ") is ";
    guint64 asked;
    guint64 hva;
    const char *cursor = text + strlen(head);

    if (!g_str_has_prefix(text, head) || !parse_address(&cursor, &asked) ||
        asked != gpa || !g_str_has_prefix(cursor, " ("))
        return FALSE;
    const char *name = cursor + 2;
    const char *name_end = g_strrstr(name, tail);
    if (!name_end)
        return FALSE;
    cursor = name_end + strlen(tail);
    if (!parse_address(&cursor, &hva) || hva == 0)
        return FALSE;
    if (cursor[strspn(cursor, "\r\n")] != '\0')
        return FALSE;
    if (ret_region)
        *ret_region = g_strndup(name, (gsize) (name_end - name));
    *ret_hva = hva;
    return TRUE;
}

gboolean
vn_qmp_gpa_to_hva_parse(const char *text, guint64 gpa, char **ret_region,
                        guint64 *ret_hva, GError **error)
{
    VnErrorCode code = VN_ERROR_INVALID;

    if (parse_answer(text, gpa, ret_region, ret_hva))
        return TRUE;
    if (g_str_has_prefix(text, "No memory is mapped at address"))
        code = VN_ERROR_GONE;
    else if (g_str_has_prefix(text, "unknown command"))
        code = VN_ERROR_UNSUPPORTED;
    g_autofree char *start = g_strndup(text, strcspn(text, "\r\n"));
    g_autofree char *shown = g_utf8_make_valid(start, (gssize) strnlen(start, 120));
    g_set_error(error, VN_ERROR, (gint) code,
                "guest address 0x%" G_GINT64_MODIFIER "x: QEMU answers \"%s\"", gpa,
                shown);
    return FALSE;
}

gboolean
vn_qmp_gpa_to_hva_parse_reply(const char *reply, guint64 gpa, char **ret_region,
                              guint64 *ret_hva, GError **error)
{
    g_autoptr(VnQmpMessage) message = vn_qmp_message_parse(reply, strlen(reply), error);
    if (!message)
        return FALSE;
    if (message->kind == VN_QMP_ERROR) {
        vn_qmp_message_set_error(message, error);
        g_prefix_error(error, "guest address 0x%" G_GINT64_MODIFIER "x: ", gpa);
        return FALSE;
    }
    const char *text = vn_json_get_string(message->json, "return", error);
    return text && vn_qmp_gpa_to_hva_parse(text, gpa, ret_region, ret_hva, error);
}

gboolean
vn_qmp_gpa_to_hva(VnQmpClient *client, guint64 gpa, guint timeout_ms, char **ret_region,
                  guint64 *ret_hva, GError **error)
{
    g_autoptr(VnJson) arguments = build_arguments(gpa);
    g_autoptr(VnJson) reply = NULL;

    if (!vn_qmp_client_execute(client, "human-monitor-command", arguments, timeout_ms,
                               &reply, error))
        return FALSE;
    if (!json_object_is_type(reply, json_type_string)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "guest address 0x%" G_GINT64_MODIFIER "x: QEMU answers with no text",
                    gpa);
        return FALSE;
    }
    return vn_qmp_gpa_to_hva_parse(json_object_get_string(reply), gpa, ret_region,
                                   ret_hva, error);
}
