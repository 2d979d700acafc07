/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy "mirror": the guest is the host in small: its cell N belongs on the N-th
 * host node, so that distances, and which nodes have CPUs or memory, are those of the
 * host.
 */
#pragma once

#include "model/guest.h"

/**
 * vn_mirror_why_not:
 *
 * Returns: (transfer full) (nullable): in which way the guest's shape is not the host's;
 *   NULL: it fits, and the home of cell N is VnHost.nodes[N]
 */
char *vn_mirror_why_not(const VnHost *host, const VnGuest *guest);
