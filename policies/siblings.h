/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The trade-off of hardware threads, told: where more vCPUs are at home on a host node
 * than it has cores, some share a core, which the planner weighs against distance
 * (VN_PLANNER_SMT). Pure.
 */
#pragma once

#include "model/snapshot.h"

/**
 * vn_siblings_load:
 * @homes: of GArray of VnHome, one a guest of @snapshot, one a cell
 *
 * Returns: (transfer full): vCPUs at home by place in VnHost.nodes; those of a cell whose
 * home is several host nodes are divided between these.
 */
guint *vn_siblings_load(const VnSnapshot *snapshot, const GPtrArray *homes);

/**
 * vn_siblings_tell:
 * @home: host nodes
 * @load: of vn_siblings_load()
 *
 * Returns: (transfer full) (nullable): a sentence for the first host node of @home whose
 *   cores have to be shared; NULL: there is none
 */
char *vn_siblings_tell(const VnHost *host, const VnIdSet *home, const guint *load);
