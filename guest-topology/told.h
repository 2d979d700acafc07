/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a definition tells its guest of NUMA and of CPU topology: the VnVnuma that libvirt
 * makes QEMU arguments of. Not where things lie on the host: that is tuning.c's, but for
 * the homes that <memnode> names.
 */
#pragma once

#include "guest-topology/xml.h"
#include "model/guest.h"

/**
 * vn_told_parse:
 * @domain: the <domain> element
 * @guest: has its vCPUs, cells (told_cells is TRUE), bindings and page sizes
 * @error: INVALID: a value that libvirt itself would refuse; does not name the guest
 *
 * As libvirt 9.0 has it: sizes are in whole MiB; a distance that is told one way only
 * holds both ways, one that is not told is 20; when all are 10 and 20, none are told.
 * Between two cells it takes latencies and bandwidths in one direction. What it takes
 * and we cannot use is passed over, and the reasons say so. Home of a cell is what a
 * strict or preferred <memnode> names, else it is empty.
 *
 * Source of the format: https://libvirt.org/formatdomain.html; for what it leaves open,
 * libvirt 9.0, src/conf/numa_conf.c.
 */
VnVnuma *vn_told_parse(const xmlNode *domain, const VnGuest *guest,
                       GError **error) VN_WARN_UNUSED;
