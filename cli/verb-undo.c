/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl undo: takes the last plan back, as a job like rebalance. */
#include "cli/verb.h"

gboolean
vn_verb_undo(const VnCall *call, VnClient *client, GError **error)
{
    if (call->dry_run) {
        g_autoptr(GVariant) plan = vn_client_plan_undo(client, call->arguments, error);
        return plan && vn_verb_show_plan(call, plan, error);
    }
    g_autofree char *path = vn_client_undo(client, call->arguments, error);
    return path && vn_verb_follow_job(call, client, path, error);
}
