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

/* With less confidence in them, or more locality, accesses are no finding. */
#define VN_VERIFY_CONFIDENCE_MIN 0.5
#define VN_VERIFY_LOCALITY_MIN 0.8

/**
 * vn_verify_accesses: what the guest's vCPUs access against where it lies.
 * @locality: (nullable): NULL: not known
 * @plan: with what would be done about it
 */
void vn_verify_accesses(VnVerdict *verdict, const VnGuest *guest,
                        const VnLocality *locality, const VnPlan *plan);

/**
 * vn_verify_whole: also its next start.
 * @timeout_ms: of libvirt's answer; that there is none is part of the verdict
 */
VnVerdict *vn_verify_whole(VnConnection *virt, const VnSnapshot *snapshot,
                           const VnGuest *guest, const VnDecision *decision,
                           guint timeout_ms);
