/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How guests without cells are sampled: vCPUs told apart by host nodes, as these change,
 * and the source that their policy wants. The rest is in test-sampling.c.
 */
#include "daemon/sampling.h"
#include "tests/daemon/fake-sampler.h"
#include "tests/support/scenario.h"

#include <string.h>

#define SECOND ((gint64) G_USEC_PER_SEC)

/* vCPUs 0 and 2 may run on host node 1, vCPU 1 on 0, vCPU 3 on both. */
static VnSnapshot *
make_snapshot(void)
{
    static const char *const cpus[] = {"4-7", "0-3", "4-5", "0-7"};
    VnSnapshot *snapshot = scenario_new(2, 4, 4096);
    VnGuest *guest = scenario_guest(snapshot, "g0", 1, 4, 512);
    guest->told_cells = FALSE;
    guest->machine = g_strdup("pc");
    for (guint i = 0; i < 4; i++)
        vn_guest_find_vcpu(guest, i)->affinity = scenario_idset(cpus[i]);
    return snapshot;
}

static VnSampling *
start(VnSnapshot *snapshot)
{
    VnConfig config = {.sampling = VN_SAMPLING_AUTO,
                       .sample_budget_ratio = 0.01,
                       .sample_host_budget_ratio = 0.01};
    fake_reset();
    fake_guest(snapshot->guests->pdata[0]);
    VnSampling *sampling = vn_sampling_new(&config, "/nonexistent", NULL);
    vn_sampling_see(sampling, snapshot);
    for (guint i = 0; i < 100; i++) {
        gint64 next_us = vn_sampling_tick(sampling);
        fake.now_us = next_us ? MIN(next_us, fake.now_us + SECOND) : fake.now_us;
    }
    return sampling;
}

static void
assert_cells(const VnSampling *sampling, const VnSnapshot *snapshot, const guint *cells)
{
    const VnHeat *heat = vn_sampling_heat(sampling, snapshot->guests->pdata[0]);
    g_assert_nonnull(heat);
    for (guint i = 0; i < 4; i++)
        g_assert_cmpuint(vn_heat_cell_of_vcpu(heat, i), ==, cells[i]);
}

static void
test_cells(void)
{
    g_autoptr(VnSnapshot) snapshot = make_snapshot();
    g_autoptr(VnSampling) sampling = start(snapshot);
    assert_cells(sampling, snapshot, (guint[]){1, 0, 1, 5});
    const VnHeat *heat = vn_sampling_heat(sampling, snapshot->guests->pdata[0]);
    double rate = vn_heat_rate(heat);
    g_assert_cmpfloat(rate, >, 0);

    g_autoptr(VnSnapshot) later = scenario_new(2, 4, 4096);
    VnGuest *guest = vn_guest_clone(snapshot->guests->pdata[0]);
    g_ptr_array_add(later->guests, guest);
    for (guint i = 0; i < 4; i++) {
        VnVcpu *vcpu = vn_guest_find_vcpu(guest, i);
        vn_idset_free(vcpu->affinity);
        vcpu->affinity = scenario_idset(i < 3 ? "0-3" : "4-7");
    }
    vn_sampling_see(sampling, later);
    assert_cells(sampling, later, (guint[]){0, 0, 0, 1});
    g_assert_true(vn_sampling_heat(sampling, guest) == heat);
    g_assert_cmpfloat_with_epsilon(vn_heat_rate(heat), rate, 1e-9);
    g_clear_pointer(&sampling, vn_sampling_free);
    fake_end();
}

static char *
source_of(const VnSampling *sampling, const VnSnapshot *snapshot, const char *key)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_sampling_describe(sampling, snapshot->guests->pdata[0], &dict);
    g_autoptr(GVariant) all = g_variant_ref_sink(vn_dict_end(&dict));
    g_autoptr(GVariant) own =
        g_variant_lookup_value(all, "sampling", G_VARIANT_TYPE_VARDICT);
    char *text = NULL;
    g_assert_true(g_variant_lookup(own, key, "s", &text));
    return text;
}

/* The policy "tier" wants to see reads, but takes writes where there is nothing else. */
static void
test_tier(void)
{
    for (guint i = 0; i < 3; i++) {
        g_autoptr(VnSnapshot) snapshot = make_snapshot();
        VnGuest *guest = snapshot->guests->pdata[0];
        guest->policy = i ? VN_POLICY_TIER : VN_POLICY_ALIGN;
        g_autoptr(VnSampling) sampling = start(snapshot);
        if (i == 2)
            fake.start_fails = 1u << VN_SAMPLE_REFAULT;
        fake.start_error = VN_ERROR_UNSUPPORTED;
        for (guint k = 0; k < 200; k++) {
            gint64 next_us = vn_sampling_tick(sampling);
            fake.now_us = next_us ? MIN(next_us, fake.now_us + SECOND) : fake.now_us;
        }
        g_autofree char *source = source_of(sampling, snapshot, "source");
        g_autofree char *why = source_of(sampling, snapshot, "source_reason");
        g_assert_cmpstr(source, ==, i == 1 ? "refault" : "dirty-log");
        g_assert_true((i == 1) == (strstr(why, "the policy tier wants reads") != NULL));
        g_clear_pointer(&sampling, vn_sampling_free);
        fake_end();
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sampled/cells-by-host-node", test_cells);
    g_test_add_func("/sampled/tier", test_tier);
    return g_test_run();
}
