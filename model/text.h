/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Figures as people read them, the same in reasons, messages and tables. */
#pragma once

#include "model/idset.h"

/**
 * vn_text_bytes:
 *
 * Returns: "512 B", "1.5 KiB", "2.0 GiB": units of 1024, one decimal, whatever the
 * locale.
 */
char *vn_text_bytes(guint64 bytes);

/** vn_text_host_nodes: "host node 0", "host nodes 0-1,4". */
char *vn_text_host_nodes(const VnIdSet *nodes);

/** vn_text_vcpus: "vCPU 3", "vCPUs 0-2, 5 and 7". */
char *vn_text_vcpus(const VnIdSet *vcpus);
