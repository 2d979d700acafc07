/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vnumactl define: a definition with vNUMA filled in, printed or given to libvirt. The
 * definition goes to standard output, what was done with it to standard error.
 */
#include "guest-topology/define.h"

#include "cli/table.h"
#include "cli/verb.h"
#include "guest-topology/xml.h"
#include "host/topology.h"
#include "virt/definitions.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_URI "qemu:///system"
#define CHUNK_BYTES 65536

/* The whole of @fd, one byte more than is accepted at most: that much tells enough. */
static gboolean
read_all(int fd, const char *shown, GByteArray *bytes, GError **error)
{
    guint8 chunk[CHUNK_BYTES];
    while (bytes->len <= VN_XML_BYTES_MAX) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            vn_error_set_errno(error, errno, "%s: read", shown);
            return FALSE;
        }
        if (n == 0)
            return TRUE;
        g_byte_array_append(bytes, chunk, (guint) n);
    }
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "%s: it is larger than %u MiB; no definition is", shown,
                VN_XML_BYTES_MAX >> 20);
    return FALSE;
}

static GByteArray *
read_file(const char *path, GError **error)
{
    gboolean is_stdin = strcmp(path, "-") == 0;
    const char *shown = is_stdin ? "standard input" : path;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        vn_error_set_errno(error, errno, "%s: open", shown);
        return NULL;
    }
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    gboolean done = read_all(fd, shown, bytes, error);
    if (!is_stdin)
        close(fd);
    return done ? g_steal_pointer(&bytes) : NULL;
}

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
    g_autoptr(GByteArray) bytes = read_file(call->arguments[0], error);
    if (!bytes)
        return NULL;
    if (connection &&
        !vn_virt_takes_dirty_ring(connection, (guint) call->timeout_s * 1000,
                                  &options.dirty_ring, error))
        return NULL;
    g_autoptr(VnHost) host = vn_topology_read(call->root, error);
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
