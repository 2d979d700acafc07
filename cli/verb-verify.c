/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl verify: what guests are told, against what is true now. */
#include "cli/findings.h"
#include "cli/format.h"
#include "cli/reply.h"
#include "cli/verb.h"

/* More guests than this are counted, not named, in the one line of a failure. */
#define NAMES_MAX 8u

static void
append_unknown(GString *text, GVariant *guest)
{
    g_autofree char *name = vn_reply_text(guest, "name");
    g_auto(GStrv) unknown = vn_reply_strv(guest, "unknown");
    for (char **one = unknown; *one; one++) {
        g_autofree char *line = g_strdup_printf("guest %s: %s", name, *one);
        g_autofree char *escaped = vn_format_escape(line);
        g_string_append_printf(text, "Not known: %s\n", escaped);
    }
}

static gboolean
print_for_people(const VnCall *call, GVariant *verdicts, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) unknown = g_string_new(NULL);
    g_autoptr(VnTable) table = vn_findings_table(TRUE);
    gsize count = g_variant_n_children(verdicts);
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GVariant) guest = g_variant_get_child_value(verdicts, i);
        vn_findings_add(table, guest, TRUE);
        append_unknown(unknown, guest);
    }
    if (vn_table_is_empty(table))
        g_string_append_printf(text,
                               "Looked at %" G_GSIZE_FORMAT " guest%s: no findings.\n",
                               count, count == 1 ? "" : "s");
    else
        vn_table_append(table, call->output.color, text);
    if (unknown->len)
        g_string_append_printf(text, "\n%s", unknown->str);
    return vn_output_text(text->str, error);
}

static gboolean
print_json(GVariant *verdicts, GError **error)
{
    g_auto(GVariantBuilder) document;
    g_variant_builder_init(&document, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&document, "{sv}", "guests", verdicts);
    return vn_output_json(g_variant_builder_end(&document), TRUE, error);
}

/* Returns: FALSE, with @error naming them, when guests have bad findings. */
static gboolean
pass_judgement(GVariant *verdicts, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);
    guint n_bad = 0;
    for (gsize i = 0; i < g_variant_n_children(verdicts); i++) {
        g_autoptr(GVariant) guest = g_variant_get_child_value(verdicts, i);
        if (!vn_findings_are_bad(guest))
            continue;
        g_autofree char *name = vn_reply_text(guest, "name");
        if (n_bad++ < NAMES_MAX)
            g_string_append_printf(names, "%s%s", names->len ? ", " : "", name);
    }
    if (n_bad == 0)
        return TRUE;
    if (n_bad > NAMES_MAX)
        g_string_append_printf(names, " and %u more", n_bad - NAMES_MAX);
    g_set_error(error, VN_ERROR, VN_ERROR_FAILED,
                "verify: not all is as it should be with guest%s %s: what to do stands "
                "beside each finding",
                n_bad == 1 ? "" : "s", names->str);
    return FALSE;
}

gboolean
vn_verb_verify(const VnCall *call, VnClient *client, GError **error)
{
    g_autoptr(GVariant) verdicts = vn_client_verify(client, call->arguments, error);
    if (!verdicts)
        return FALSE;
    gboolean printed = call->output.json ? print_json(verdicts, error)
                                         : print_for_people(call, verdicts, error);
    return printed && pass_judgement(verdicts, error);
}
