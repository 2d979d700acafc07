/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host as vnumactl reads it itself, for verbs that need no daemon. */
#pragma once

#include "model/host.h"

/**
 * vn_local_host_read: vn_topology_read(), and which host nodes vnumad keeps cordoned, as
 * far as that may be read: by root.
 */
VnHost *vn_local_host_read(const char *root, GError **error) VN_WARN_UNUSED;
