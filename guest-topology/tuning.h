/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of a definition that say where cells and threads shall be on the host: <vcpu
 * cpuset>, <cputune>, <numatune> and <memoryBacking>. Wants the cells and vCPUs in place.
 */
#pragma once

#include "guest-topology/xml.h"
#include "model/guest.h"

/**
 * vn_tuning_parse:
 * @domain: the <domain> element
 * @guest: has its cells and vCPUs, ids without holes; gets pins, bindings and page sizes
 * @error: INVALID: a value libvirt itself would refuse; does not name the guest
 */
gboolean vn_tuning_parse(const xmlNode *domain, VnGuest *guest,
                         GError **error) VN_WARN_UNUSED;
