/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The administrator's own QEMU arguments in a definition (<qemu:commandline>): a QMP
 * socket that we may use, and options that change what we compute elsewhere.
 */
#pragma once

#include "guest-topology/xml.h"
#include "model/guest.h"

/**
 * vn_commandline_parse:
 * @domain: the <domain> element
 * @guest: gets qmp_path, from "-qmp unix:PATH,server=on,..." or from "-chardev
 *   socket,id=X,path=PATH,server=on,..." with "-mon chardev=X,mode=control"; the first
 *   that can be used. Its machine is unset where an argument changes the memory layout.
 *
 * Source: libvirt's "QEMU driver: pass-through of arbitrary qemu commands"; qemu(1).
 */
void vn_commandline_parse(const xmlNode *domain, VnGuest *guest);

/** vn_commandline_makes_cells: whether its own arguments have a -numa among them. */
gboolean vn_commandline_makes_cells(const xmlNode *domain);
