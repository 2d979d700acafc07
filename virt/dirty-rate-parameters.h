/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's typed parameters say of a measurement. Private to virt/. */
#pragma once

#include "virt/dirty-rate.h"

#include <libvirt/libvirt.h>

/**
 * vn_virt_dirty_rate_parse:
 *
 * Source of the names: VIR_DOMAIN_STATS_DIRTYRATE of virConnectGetAllDomainStats().
 *
 * Returns: (transfer full) (nullable): NULL when there is no status, or none we know
 */
VnVirtDirtyRate *vn_virt_dirty_rate_parse(virTypedParameterPtr parameters,
                                          int n_parameters);
