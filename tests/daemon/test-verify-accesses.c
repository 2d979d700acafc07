/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When accesses are a finding, how grave it is, and what to do about it. */
#include "daemon/verify.h"
#include "tests/support/scenario.h"

#include <string.h>

static VnLocality *
new_locality(double ratio, double confidence)
{
    VnLocality *locality = g_new0(VnLocality, 1);
    locality->guest = (VnLocalityFigures){ratio, ratio < 0 ? -1 : 1.5, confidence, 100};
    locality->cells = g_array_new(FALSE, FALSE, sizeof(VnLocalityFigures));
    return locality;
}

static const VnFinding *
find(const VnVerdict *verdict)
{
    g_assert_cmpuint(verdict->findings->len, <=, 1);
    return verdict->findings->len ? verdict->findings->pdata[0] : NULL;
}

static void
test_thresholds(void)
{
    static const struct {
        double locality;
        double confidence;
        gboolean found;
    } cases[] = {
        {0, 1, TRUE},  {0.79, 0.5, TRUE},  {0.8, 1, FALSE},
        {1, 1, FALSE}, {0.2, 0.49, FALSE}, {-1, 0.9, FALSE},
    };
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, 256);
    g_autoptr(VnPlan) plan = vn_plan_new();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnVerdict) verdict = vn_verdict_new("g1");
        g_autoptr(VnLocality) locality =
            new_locality(cases[i].locality, cases[i].confidence);
        vn_verify_accesses(verdict, guest, locality, plan);
        g_assert_cmpint(find(verdict) != NULL, ==, cases[i].found);
    }
    g_autoptr(VnVerdict) verdict = vn_verdict_new("g1");
    vn_verify_accesses(verdict, guest, NULL, plan);
    g_assert_null(find(verdict));
}

/* What nothing is planned about is none to be alarmed at: it is shown where to look. */
static void
test_remedy(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, 256);
    const VnGuest *other = scenario_guest(snapshot, "g2", 2, 1, 256);
    g_autoptr(VnLocality) locality = new_locality(0.25, 0.9);
    g_autoptr(VnPlan) plan = vn_plan_new();
    for (guint i = 0; i < 2; i++) {
        /* Steps of another guest do not help this one. */
        vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, i ? guest : other, 0,
                         vn_idset_new_with(0), vn_idset_new_with(1));
        g_autoptr(VnVerdict) verdict = vn_verdict_new("g1");
        vn_verify_accesses(verdict, guest, locality, plan);
        const VnFinding *finding = find(verdict);
        g_assert_nonnull(finding);
        g_assert_cmpstr(vn_finding_kind_name(finding->kind), ==, "accesses-remote");
        g_assert_cmpint(finding->severity, ==,
                        i ? VN_SEVERITY_WARNING : VN_SEVERITY_INFO);
        g_assert_cmpstr(finding->remedy, ==,
                        i ? "vnumactl rebalance g1" : "vnumactl heatmap g1");
        g_assert_cmpstr(finding->text, ==,
                        "75 % of what its vCPUs access lies on another host node than "
                        "they run on: remote cost 1.50");
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/verify-accesses/thresholds", test_thresholds);
    g_test_add_func("/verify-accesses/remedy", test_remedy);
    return g_test_run();
}
