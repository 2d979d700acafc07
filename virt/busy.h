/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is under way with a guest, as libvirt tells. Private to virt/. */
#pragma once

#include <libvirt/libvirt.h>

/**
 * vn_virt_busy:
 * @state: and @reason: as virDomainGetState() says
 *
 * Returns: what somebody is doing with the guest now ("migration to another host"), in
 *   words; NULL: nothing. A driver without jobs has none.
 */
const char *vn_virt_busy(virDomainPtr domain, int state, int reason);
