/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl plan: what a rebalance would do, and why. */
#include "cli/format.h"
#include "cli/reply.h"
#include "cli/steps.h"
#include "cli/verb.h"
#include "model/text.h"

gboolean
vn_verb_show_plan(const VnCall *call, GVariant *plan, GError **error)
{
    if (call->output.json)
        return vn_output_json(plan, TRUE, error);

    g_autoptr(GString) text = g_string_new(NULL);
    gsize count = vn_steps_count(plan);
    if (count == 0) {
        g_string_append(text, "Nothing to do.\n");
    } else {
        g_autofree char *bytes = vn_text_bytes(vn_reply_uint64(plan, "bytes_total"));
        vn_steps_append(text, plan, FALSE, call->output.color);
        g_string_append_printf(text, "\n%" G_GSIZE_FORMAT " step%s, %s to move.\n", count,
                               count == 1 ? "" : "s", bytes);
    }
    vn_steps_append_decisions(text, plan);
    return vn_output_text(text->str, error);
}

gboolean
vn_verb_plan(const VnCall *call, VnClient *client, GError **error)
{
    g_autoptr(GVariant) plan = vn_client_plan(client, call->arguments, error);
    return plan && vn_verb_show_plan(call, plan, error);
}
