/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trace's file: one write a line, behind what is there. */
#include "daemon/trace.h"

#include "policies/scenario.h"
#include "qmp/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
put_aside(const char *path, guint64 bytes_max, GError **error)
{
    struct stat status;
    g_autofree char *old = g_strconcat(path, ".old", NULL);
    if (lstat(path, &status) < 0 || (guint64) status.st_size <= bytes_max ||
        rename(path, old) == 0)
        return TRUE;
    vn_error_set_errno(error, errno, "%s: rename to %s", path, old);
    return FALSE;
}

gboolean
vn_trace_append(const char *path, guint64 bytes_max, const VnSnapshot *snapshot,
                const VnPlan *plan, GError **error)
{
    if (!put_aside(path, bytes_max, error))
        return FALSE;
    g_autoptr(GVariant) described =
        g_variant_ref_sink(vn_scenario_describe(snapshot, plan));
    g_autoptr(VnJson) json = vn_json_from_variant(described);
    g_autofree char *text = vn_json_print(json, FALSE);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    size_t length = strlen(line);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        vn_error_set_errno(error, errno, "%s: open", path);
        return FALSE;
    }
    ssize_t written = write(fd, line, length);
    int errsv = written < 0 ? errno : ENOSPC;
    close(fd);
    if (written == (ssize_t) length)
        return TRUE;
    vn_error_set_errno(error, errsv, "%s: write", path);
    return FALSE;
}
