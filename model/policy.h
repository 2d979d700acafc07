/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnPolicy: what an administrator can ask for a guest: the one table of names, for its
 * metadata, the configuration, scenarios and help. vnumad-policies(7) tells each at
 * length; what it does is in policies/.
 */
#pragma once

#include "model/error.h"

typedef enum {
    VN_POLICY_ALIGN, /* the default */
    VN_POLICY_PACK,
    VN_POLICY_SPREAD,
    VN_POLICY_BALANCE,
    VN_POLICY_MIRROR,
    VN_POLICY_INTERLEAVE,
    VN_POLICY_TIER,
    VN_POLICY_MANUAL,
    VN_POLICIES,
} VnPolicy;

/* All names, as messages tell them. */
#define VN_POLICY_NAMES "align, pack, spread, balance, mirror, interleave, tier, manual"

/** vn_policy_name: "align". */
const char *vn_policy_name(VnPolicy policy);

/** vn_policy_summary: one line for people, without a full stop. */
const char *vn_policy_summary(VnPolicy policy);

/**
 * vn_policy_parse:
 * @error: INVALID, listing the names that there are
 */
gboolean vn_policy_parse(const char *name, VnPolicy *ret_policy,
                         GError **error) VN_WARN_UNUSED;

/** vn_policy_steers: whether a guest's accesses may decide where it belongs. */
gboolean vn_policy_steers(VnPolicy policy);

/** vn_policy_list_text: a line a policy, "  NAME  summary", for help. */
char *vn_policy_list_text(void);
