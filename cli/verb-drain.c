/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl drain, undrain: emptying a host node, what is cordoned, and the end of it. */
#include "cli/format.h"
#include "cli/remnants.h"
#include "cli/reply.h"
#include "cli/steps.h"
#include "cli/verb.h"
#include "model/text.h"

static gboolean
read_node(const VnCall *call, guint *ret_node, GError **error)
{
    guint64 node;
    if (g_ascii_string_to_unsigned(call->arguments[0], 10, 0, VN_ID_MAX, &node, NULL)) {
        *ret_node = (guint) node;
        return TRUE;
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "'%s' is not the number of a host node; 'vnumactl host' shows them",
                call->arguments[0]);
    return FALSE;
}

static gboolean
list(const VnCall *call, VnClient *client, GError **error)
{
    if (call->wait || call->dry_run) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "drain: HOST_NODE is missing");
        return FALSE;
    }
    g_autoptr(GVariant) nodes = vn_client_list_cordoned(client, error);
    if (!nodes)
        return FALSE;
    if (call->output.json) {
        g_auto(GVariantDict) dict;
        g_variant_dict_init(&dict, NULL);
        g_variant_dict_insert_value(&dict, "cordoned", nodes);
        return vn_output_json(g_variant_dict_end(&dict), TRUE, error);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; i < g_variant_n_children(nodes); i++) {
        g_autoptr(GVariant) node = g_variant_get_child_value(nodes, i);
        g_autoptr(GDateTime) since = g_date_time_new_from_unix_local(
            (gint64) (vn_reply_uint64(node, "since_us") / G_USEC_PER_SEC));
        g_autofree char *time =
            since ? g_date_time_format(since, "%Y-%m-%d %H:%M:%S") : g_strdup("-");
        g_string_append_printf(
            text, "%sHost node %" G_GUINT64_FORMAT ": cordoned since %s, %s\n",
            i ? "\n" : "", vn_reply_uint64(node, "host_node"), time,
            vn_reply_bool(node, "drained") ? "drained" : "not drained");
        vn_remnants_append(text, node, call->output.color);
    }
    if (text->len == 0)
        g_string_append(text, "No host node is cordoned.\n");
    return vn_output_text(text->str, error);
}

static gboolean
plan(const VnCall *call, VnClient *client, guint node, GError **error)
{
    g_autoptr(GVariant) plan = vn_client_plan_drain(client, node, error);
    if (!plan)
        return FALSE;
    g_autofree char *refusal = vn_reply_string(plan, "refusal");
    if (call->output.json) {
        if (!vn_output_json(plan, TRUE, error))
            return FALSE;
    } else {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autofree char *bytes = vn_text_bytes(vn_reply_uint64(plan, "bytes_total"));
        gsize count = vn_steps_count(plan);
        vn_steps_append(text, plan, FALSE, call->output.color);
        g_string_append_printf(text, "%s%" G_GSIZE_FORMAT " step%s, %s to move.\n",
                               count ? "\n" : "", count, count == 1 ? "" : "s", bytes);
        vn_remnants_append(text, plan, call->output.color);
        if (!vn_output_text(text->str, error))
            return FALSE;
    }
    if (refusal)
        g_set_error_literal(error, VN_ERROR, VN_ERROR_REFUSED, refusal);
    return !refusal;
}

gboolean
vn_verb_drain(const VnCall *call, VnClient *client, GError **error)
{
    guint node;
    if (!call->arguments[0])
        return list(call, client, error);
    if (!read_node(call, &node, error))
        return FALSE;
    if (call->dry_run)
        return plan(call, client, node, error);
    g_autofree char *path = vn_client_drain(client, node, error);
    return path && vn_verb_follow_job(call, client, path, error);
}

gboolean
vn_verb_undrain(const VnCall *call, VnClient *client, GError **error)
{
    guint node;
    if (!read_node(call, &node, error) || !vn_client_undrain(client, node, error))
        return FALSE;
    if (!call->output.json)
        return TRUE;
    g_auto(GVariantDict) dict;
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "host_node", "u", node);
    g_variant_dict_insert(&dict, "cordoned", "b", FALSE);
    return vn_output_json(g_variant_dict_end(&dict), TRUE, error);
}
