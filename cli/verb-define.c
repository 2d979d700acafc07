/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vnumactl define: a definition with vNUMA filled in, printed or given to libvirt. The
 * definition goes to standard output, what was done with it to standard error.
 */
#include "guest-topology/define.h"

#include "cli/input.h"
#include "cli/local-host.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "guest-topology/xml.h"
#include "virt/definitions.h"

#define DEFAULT_URI "qemu:///system"

static void
add_rows(VnTable *table, const char *done, const GPtrArray *entries)
{
    for (guint i = 0; i < entries->len; i++) {
        const VnDefineEntry *entry = entries->pdata[i];
        vn_table_add(table, done);
        vn_table_add(table, entry->part);
        vn_table_add(table, entry->text);
    }
}

/* What was done, for people. */
static char *
report_text(const VnDefineReport *report, gboolean bold)
{
    GString *text = g_string_new(NULL);
    g_autoptr(VnTable) table = vn_table_new();
    vn_table_add_column(table, "DONE", VN_ALIGN_LEFT);
    vn_table_add_column(table, "PART", VN_ALIGN_LEFT);
    vn_table_add_column(table, "VALUE", VN_ALIGN_LEFT);
    add_rows(table, "written", report->written);
    add_rows(table, "respected", report->respected);
    add_rows(table, "conflict", report->conflicts);
    if (!vn_table_is_empty(table))
        vn_table_append(table, bold, text);
    if (report->written->len == 0)
        g_string_append(text, "Nothing to write: the definition is complete.\n");
    for (guint i = 0; i < report->reasons->len; i++)
        g_string_append_printf(text, "%s- %s\n", i == 0 ? "\n" : "",
                               (const char *) report->reasons->pdata[i]);
    if (report->conflicts->len > 0)
        g_string_append(text, "\nWhat conflicts is the administrator's and was left as "
                              "it is; --force overwrites it.\n");
    return g_string_free(text, FALSE);
}

/* @connection: (nullable): libvirt, which knows what QEMU takes */
static char *
fill_in(const VnCall *call, VnConnection *connection, VnDefineReport **ret_report,
        GError **error)
{
    VnDefineOptions options = {.force = call->force};
    g_autoptr(GByteArray) bytes =
        vn_input_read(call->arguments[0], VN_XML_BYTES_MAX, error);
    if (!bytes)
        return NULL;
    if (connection &&
        !vn_virt_takes_dirty_ring(connection, (guint) call->timeout_s * 1000,
                                  &options.dirty_ring, error))
        return NULL;
    g_autoptr(VnHost) host = vn_local_host_read(call->root, error);
    if (!host)
        return NULL;
    return vn_define((const char *) bytes->data, bytes->len, host, &options, ret_report,
                     error);
}

gboolean
vn_verb_define(const VnCall *call, VnClient *client, GError **error)
{
    g_autoptr(VnConnection) connection =
        call->dry_run
            ? NULL
            : vn_connection_new(call->connect ? call->connect : DEFAULT_URI, NULL, NULL);
    g_autoptr(VnDefineReport) report = NULL;
    g_autofree char *definition = fill_in(call, connection, &report, error);
    if (!definition)
        return FALSE;
    if (connection &&
        !vn_virt_define(connection, definition, (guint) call->timeout_s * 1000, error))
        return FALSE;
    if (call->output.json)
        return vn_output_json(vn_define_report_to_variant(report, definition), TRUE,
                              error);
    g_autofree char *text = report_text(report, call->output.color);
    g_printerr("%s", text);
    return connection || vn_output_text(definition, error);
}
