/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verdicts on observed guests. */
#include "daemon/verify.h"

#include "guest-topology/domain.h"
#include "guest-topology/verify.h"
#include "virt/domains.h"

#include <string.h>

static const GPtrArray *
homes_of(const VnDecision *decision)
{
    return decision ? decision->homes : NULL;
}

VnVerdict *
vn_verify_told(const VnSnapshot *snapshot, const VnGuest *guest,
               const VnDecision *decision)
{
    return vn_verify(snapshot->host, guest, homes_of(decision), NULL);
}

static VnGuest *
read_stored(VnConnection *virt, const VnGuest *guest, guint timeout_ms, GError **error)
{
    g_autofree char *xml =
        vn_virt_stored_definition(virt, guest->uuid, timeout_ms, error);
    return xml ? vn_domain_parse(xml, strlen(xml), error) : NULL;
}

VnVerdict *
vn_verify_whole(VnConnection *virt, const VnSnapshot *snapshot, const VnGuest *guest,
                const VnDecision *decision, guint timeout_ms)
{
    const GPtrArray *homes = homes_of(decision);
    /* libvirt shows the stored definition of a guest that does not run. */
    if (guest->state == VN_GUEST_STOPPED)
        return vn_verify(snapshot->host, guest, homes, guest);
    g_autoptr(GError) error = NULL;
    g_autoptr(VnGuest) stored = read_stored(virt, guest, timeout_ms, &error);
    VnVerdict *verdict = vn_verify(snapshot->host, guest, homes, stored);
    /* One that is transient has no next start, and that is all there is to know. */
    if (error && !g_error_matches(error, VN_ERROR, VN_ERROR_GONE))
        vn_verdict_add_unknown(verdict, "its next start: %s", error->message);
    return verdict;
}
