/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl why: a guest's last decisions and plans, in sentences. */
#include "cli/format.h"
#include "cli/reply.h"
#include "cli/steps.h"
#include "cli/verb.h"

/* Earlier decisions, where the reason changed; the present one is among the sentences. */
static void
append_history(GString *text, GVariant *told)
{
    g_autoptr(GVariant) history = vn_reply_list(told, "history");
    for (gsize i = 0; i + 1 < g_variant_n_children(history); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(history, i);
        g_autofree char *time = vn_steps_time_text(entry);
        g_autofree char *reason = vn_reply_text(entry, "reason");
        g_autofree char *escaped = vn_format_escape(reason);
        g_string_append_printf(text, "%s  %s  %s\n", i ? "" : "\nDecided before:\n", time,
                               escaped);
    }
}

gboolean
vn_verb_why(const VnCall *call, VnClient *client, GError **error)
{
    g_autoptr(GVariant) told = vn_client_why(client, call->arguments[0], error);
    if (!told)
        return FALSE;
    if (call->output.json)
        return vn_output_json(told, TRUE, error);

    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) sentences = vn_reply_strv(told, "sentences");
    for (char **sentence = sentences; *sentence; sentence++) {
        g_autofree char *escaped = vn_format_escape(*sentence);
        g_string_append_printf(text, "%s\n", escaped);
    }
    append_history(text, told);
    return vn_output_text(text->str, error);
}
