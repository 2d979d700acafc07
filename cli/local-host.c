/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host, with the cordons that are on disk. */
#include "cli/local-host.h"

#include "daemon/cordons.h"
#include "host/topology.h"

VnHost *
vn_local_host_read(const char *root, GError **error)
{
    VnHost *host = vn_topology_read(root, error);
    g_autofree char *folder = g_build_filename(root, VN_STATE_FOLDER, NULL);
    g_autoptr(GError) wrong = NULL;
    g_autoptr(VnCordons) cordons = vn_cordons_open(folder, &wrong);
    if (host && cordons)
        vn_cordons_mark(cordons, host);
    else if (wrong)
        g_debug("cordons: %s", wrong->message);
    return host;
}
