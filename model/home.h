/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A home's CPUs: which of the host's CPUs are near the memory of some host nodes. */
#pragma once

#include "model/host.h"

/**
 * vn_home_memory_of:
 * @node: of @host
 *
 * Returns: (transfer none) (nullable): the node itself when it has memory, else the node
 * with memory that is nearest to its CPUs; of several the one with the lowest id.
 */
const VnHostNode *vn_home_memory_of(const VnHost *host, const VnHostNode *node);

/**
 * vn_home_cpus:
 * @home: host nodes
 *
 * Returns: the online CPUs of @home, and of nodes without memory whose nearest memory
 * is in it; where these are none, those of the nodes with CPUs that are nearest to it.
 * CPUs of cordoned nodes outside of @home are taken only where there are no others.
 */
VnIdSet *vn_home_cpus(const VnHost *host, const VnIdSet *home);
