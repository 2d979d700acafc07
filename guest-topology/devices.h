/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's PCI devices that a definition passes through to its guest. */
#pragma once

#include "guest-topology/xml.h"
#include "model/guest.h"

/* More than any guest has; what is beyond is not looked at. */
#define VN_DEVICES_MAX 1024u

/**
 * vn_devices_parse:
 * @domain: the <domain> element
 * @guest: gets a device, its host node not known, for each <hostdev mode='subsystem'
 *   type='pci'> and each <interface type='hostdev'> whose source address is a PCI
 *   address; and a note where some have none, or are too many
 *
 * Source of the format: https://libvirt.org/formatdomain.html; for numbers and for what
 * may be left out, libvirt 9.0, src/conf/schemas/basictypes.rng and
 * src/conf/device_conf.c.
 */
void vn_devices_parse(const xmlNode *domain, VnGuest *guest);
