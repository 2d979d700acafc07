/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verdicts on observed guests. */
#include "daemon/verify.h"

#include "guest-topology/domain.h"
#include "guest-topology/verify.h"
#include "virt/definitions.h"

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
    g_autofree char *xml = vn_virt_read_definition(virt, guest->uuid, timeout_ms, error);
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

static gboolean
has_steps(const VnPlan *plan, const VnGuest *guest)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (strcmp(step->uuid, guest->uuid) == 0)
            return TRUE;
    }
    return FALSE;
}

void
vn_verify_accesses(VnVerdict *verdict, const VnGuest *guest, const VnLocality *locality,
                   const VnPlan *plan)
{
    if (!locality || locality->guest.locality < 0 ||
        locality->guest.locality >= VN_VERIFY_LOCALITY_MIN ||
        locality->guest.confidence < VN_VERIFY_CONFIDENCE_MIN)
        return;
    /* One that nothing can be done about is none to be alarmed at. */
    gboolean helpless = !has_steps(plan, guest);
    VnFinding *finding = vn_verdict_add(verdict, VN_FINDING_ACCESSES_REMOTE,
                                        helpless ? VN_SEVERITY_INFO : VN_SEVERITY_WARNING,
                                        g_strdup("accesses"));
    finding->text = g_strdup_printf(
        "%.0f %% of what its vCPUs access lies on another host node than they run on: "
        "remote cost %.2f",
        100 * (1 - locality->guest.locality), locality->guest.remote_cost);
    finding->remedy = g_strdup_printf(
        "vnumactl %s %s", helpless ? "heatmap" : "rebalance", vn_finding_call(guest));
}
