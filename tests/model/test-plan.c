/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests and steps as D-Bus and JSON have them: the keys that tell of accesses. */
#include "tests/support/scenario.h"

#include <math.h>

static VnLocality *
new_locality(guint n_cells)
{
    VnLocality *locality = g_new0(VnLocality, 1);
    locality->guest = (VnLocalityFigures){0.75, 1.275, 0.5, 100};
    locality->cells = g_array_new(FALSE, FALSE, sizeof(VnLocalityFigures));
    for (guint i = 0; i < n_cells; i++) {
        const VnLocalityFigures figures = {1 - i * 0.5, 1 + i * 0.55, 0.25, 50};
        g_array_append_val(locality->cells, figures);
    }
    return locality;
}

/* NaN stands for null. */
static void
assert_number(GVariant *dict, const char *key, double expected)
{
    double value = 4711;
    g_test_message("%s", key);
    g_assert_true(g_variant_lookup(dict, key, "d", &value));
    g_assert_true(value == expected || (isnan(value) && isnan(expected)));
}

static void
assert_figures(GVariant *dict, double locality, double cost, double confidence)
{
    assert_number(dict, "locality_ratio", locality);
    assert_number(dict, "remote_cost", cost);
    assert_number(dict, "confidence_ratio", confidence);
}

static void
assert_cell(GVariant *guest, gsize index, double locality, double cost, double confidence)
{
    g_autoptr(GVariant) cells =
        g_variant_lookup_value(guest, "cells", G_VARIANT_TYPE("aa{sv}"));
    g_autoptr(GVariant) cell = g_variant_get_child_value(cells, index);
    assert_figures(cell, locality, cost, confidence);
}

static void
test_locality(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, 256);
    g_autoptr(VnLocality) locality = new_locality(1);
    g_autoptr(GVariant) whole =
        g_variant_ref_sink(vn_guest_to_variant(guest, NULL, locality, TRUE));
    assert_figures(whole, 0.75, 1.275, 0.5);
    assert_cell(whole, 0, 1, 1, 0.25);
    assert_cell(whole, 1, NAN, NAN, 0); /* none of its vCPUs was seen */

    /* One without cells has no figures by cell: there is one, which it was not told. */
    guest->told_cells = FALSE;
    g_autoptr(GVariant) untold =
        g_variant_ref_sink(vn_guest_to_variant(guest, NULL, locality, TRUE));
    assert_figures(untold, 0.75, 1.275, 0.5);
    assert_cell(untold, 0, NAN, NAN, 0);

    g_autoptr(GVariant) unknown =
        g_variant_ref_sink(vn_guest_to_variant(guest, NULL, NULL, FALSE));
    assert_figures(unknown, NAN, NAN, 0);
}

static void
test_policy(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, 256);
    g_autoptr(VnPlan) plan = vn_plan_new();
    static const char *const policies[] = {"align", "steer"};
    for (guint i = 0; i < 2; i++) {
        VnStep *step = vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, guest, i,
                                        vn_idset_new_with(0), vn_idset_new_with(1));
        if (i)
            step->policy = policies[i];
        g_autoptr(GVariant) described = g_variant_ref_sink(vn_step_to_variant(step));
        const char *policy = NULL;
        g_assert_true(g_variant_lookup(described, "policy", "&s", &policy));
        g_assert_cmpstr(policy, ==, policies[i]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/locality", test_locality);
    g_test_add_func("/plan/policy", test_policy);
    return g_test_run();
}
