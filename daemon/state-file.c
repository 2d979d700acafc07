/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's small files: {"format": 1, "entries": [...]}. */
#include "daemon/state-file.h"

#include "model/dict.h"
#include "qmp/json.h"

#define FORMAT 1

static gboolean
parse(const char *path, const char *text, gsize length, GVariant **ret_list,
      GError **error)
{
    g_autoptr(GError) wrong = NULL;
    guint64 format = 0;
    const VnJson *entries = NULL;
    g_autoptr(VnJson) json = vn_json_parse(text, length, VN_STATE_FILE_BYTES_MAX, &wrong);
    if (json && vn_json_get_uint64(json, "format", &format, &wrong) && format == FORMAT)
        entries = vn_json_get_array(json, "entries", &wrong);
    if (entries) {
        *ret_list = vn_json_to_variant(entries);
        return TRUE;
    }
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "%s: %s; mend it, or remove it: what it says is forgotten then", path,
                wrong ? wrong->message : "it is of another version of vnumad");
    return FALSE;
}

gboolean
vn_state_file_read(const char *folder, const char *name, GVariant **ret_list,
                   GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;
    gsize length = 0;
    g_autoptr(GError) wrong = NULL;
    if (g_file_get_contents(path, &text, &length, &wrong))
        return parse(path, text, length, ret_list, error);
    if (g_error_matches(wrong, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        *ret_list = NULL;
        return TRUE;
    }
    g_set_error(error, VN_ERROR, VN_ERROR_FAILED, "%s", wrong->message);
    return FALSE;
}

gboolean
vn_state_file_write(const char *folder, const char *name, GVariant *list, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "format", "u", (guint32) FORMAT);
    vn_dict_insert_value(&dict, "entries", list);
    g_autoptr(GVariant) all = g_variant_ref_sink(vn_dict_end(&dict));
    g_autoptr(VnJson) json = vn_json_from_variant(all);
    g_autofree char *text = vn_json_print(json, TRUE);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    g_autoptr(GError) wrong = NULL;
    if (g_file_set_contents_full(
            path, line, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
            0600, &wrong))
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_FAILED, "%s", wrong->message);
    return FALSE;
}
