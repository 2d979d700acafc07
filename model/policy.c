/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnPolicy: names and what they stand for, in a line. */
#include "model/policy.h"

#include <string.h>

static const struct {
    const char *name;
    const char *summary;
} policies[VN_POLICIES] = {
    [VN_POLICY_ALIGN] = {"align", "near its memory and devices, with the least moving"},
    [VN_POLICY_PACK] = {"pack", "on the fewest host nodes, so that others stay whole"},
    [VN_POLICY_SPREAD] = {"spread", "where fewest vCPUs run"},
    [VN_POLICY_BALANCE] = {"balance", "where CPUs and memory are least loaded"},
    [VN_POLICY_MIRROR] = {"mirror", "cell by cell on the host node of the same place"},
    [VN_POLICY_INTERLEAVE] = {"interleave",
                              "shared memory over host nodes, by bandwidth"},
    [VN_POLICY_TIER] = {"tier", "hot memory in the near tier, cold memory in far ones"},
    [VN_POLICY_MANUAL] = {"manual", "only where the administrator bound and pinned it"},
};

const char *
vn_policy_name(VnPolicy policy)
{
    return policies[policy].name;
}

const char *
vn_policy_summary(VnPolicy policy)
{
    return policies[policy].summary;
}

gboolean
vn_policy_parse(const char *name, VnPolicy *ret_policy, GError **error)
{
    for (guint i = 0; i < VN_POLICIES; i++) {
        if (strcmp(name, policies[i].name) != 0)
            continue;
        *ret_policy = (VnPolicy) i;
        return TRUE;
    }
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "'%s' is no policy; there are " VN_POLICY_NAMES, name);
    return FALSE;
}

gboolean
vn_policy_steers(VnPolicy policy)
{
    return policy != VN_POLICY_MIRROR && policy != VN_POLICY_MANUAL;
}

char *
vn_policy_list_text(void)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < VN_POLICIES; i++)
        g_string_append_printf(text, "  %-10s  %s\n", policies[i].name,
                               policies[i].summary);
    return g_string_free(text, FALSE);
}
