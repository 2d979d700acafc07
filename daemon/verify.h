/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The truth guard on guests that were observed: fetches the definition that the next
 * start goes by, and has guest-topology/verify.h compare.
 */
#pragma once

#include "guest-topology/finding.h"
#include "model/plan.h"
#include "virt/connection.h"

/**
 * vn_verify_told: what the guest is told, without its next start: asks nobody.
 * @decision: (nullable): where the homes come from
 */
VnVerdict *vn_verify_told(const VnSnapshot *snapshot, const VnGuest *guest,
                          const VnDecision *decision);

/**
 * vn_verify_whole: also its next start.
 * @timeout_ms: of libvirt's answer; that there is none is part of the verdict
 */
VnVerdict *vn_verify_whole(VnConnection *virt, const VnSnapshot *snapshot,
                           const VnGuest *guest, const VnDecision *decision,
                           guint timeout_ms);
