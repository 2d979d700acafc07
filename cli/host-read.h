/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a host from what `vnumactl host --json` prints, or from what people write so.
 */
#pragma once

#include "model/host.h"
#include "qmp/json-at.h"

/* More than that is no memory that a machine of today can address: 4 PiB. */
#define VN_HOST_MEMORY_MAX (G_GUINT64_CONSTANT(1) << 52)

/**
 * vn_host_read_json:
 * @at: an object with the keys of `vnumactl host --json`. For people, of a node
 *   `has_cpu`, `huge_pages` and `tier` may be missing, and of the host all but `nodes`:
 *   `cpus` are then those of the nodes, each a core of its own.
 * @error: INVALID, naming the place: as the readers of VnJsonAt, and what contradicts
 *   itself: more free than there is, a CPU on two nodes, ids that do not ascend
 */
VnHost *vn_host_read_json(const VnJsonAt *at, GError **error) VN_WARN_UNUSED;
