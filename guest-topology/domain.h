/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's domain XML to the told half of VnGuest: cells, vCPUs, pins, binding, backing,
 * and what our own metadata element asks for. Pure: it reads no file and calls no
 * libvirt.
 */
#pragma once

#include "guest-topology/xml.h"
#include "model/guest.h"

/**
 * vn_domain_parse:
 * @xml: a <domain> document, UTF-8; need not end in 0
 * @length: in bytes, at most 4 MiB
 * @error: INVALID: not a domain; no name or no uuid; more than VN_CELLS_MAX cells or
 *   VN_VCPUS_MAX vCPUs; cell ids with holes or twice; a vCPU in two cells or beyond the
 *   maximum; sizes that cannot be counted; values that libvirt itself would refuse
 *
 * State, pid and thread ids are not in the XML and stay unset. All vCPUs up to the
 * maximum are listed, also those that are offline. Without <numa> there is one cell with
 * everything in it, and told_cells is FALSE. What is odd but can be lived with goes to
 * VnGuest.notes; what vnumad must not act on, because our metadata element asks for
 * something unknown, goes to VnGuest.trouble.
 *
 * Source of the format: https://libvirt.org/formatdomain.html; for what it leaves open,
 * libvirt 9.0, src/conf/domain_conf.c and numa_conf.c.
 *
 * Returns: (transfer full): the guest, or NULL
 */
VnGuest *vn_domain_parse(const char *xml, gsize length, GError **error) VN_WARN_UNUSED;

/**
 * vn_domain_read: vn_domain_parse() of a document that is read already. One that libvirt
 * has not seen yet may have no uuid: it is NULL then.
 */
VnGuest *vn_domain_read(const xmlNode *domain, GError **error) VN_WARN_UNUSED;
