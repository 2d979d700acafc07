/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Homes for all guests at once: each policy by name, and what the planner is told. */
#include "policies/align.h"
#include "policies/place.h"
#include "policies/scenario.h"
#include "tests/support/scenario.h"

#include <string.h>

#define GIB (G_GUINT64_CONSTANT(1) << 30)

static const VnPlaceOptions as_daemon = {.smt = TRUE};

static void
assert_home(const VnPlacing *placing, guint guest, guint cell, const char *nodes)
{
    const VnHome *home =
        &g_array_index((GArray *) placing->homes->pdata[guest], VnHome, cell);
    g_autofree char *text = vn_idset_format(home->home);
    g_assert_cmpstr(text, ==, nodes);
}

/* A guest of one cell that lies, and is pinned by us, on node 0 of two. */
static VnSnapshot *
settled(VnPolicy policy)
{
    VnSnapshot *snapshot = scenario_new(2, 4, 4096);
    VnGuest *guest = scenario_guest(snapshot, "g1", 1, 2, 512);
    guest->policy = policy;
    vn_cell_set_resident(scenario_cell(guest, 0), 0, 512 * MIB);
    for (guint i = 0; i < 2; i++) {
        scenario_pin(guest, i, "0-3");
        vn_guest_find_vcpu(guest, i)->pin_is_ours = TRUE;
    }
    return snapshot;
}

/* Who wants balance is told when vCPUs share cores, and where there are free ones. */
static void
test_siblings(void)
{
    static const char free_ones[] =
        "5 vCPUs are at home on host node 0, which has 4 cores "
        "of 8 threads: some share a core; free cores are on "
        "host node 1, at distance 21";
    for (VnPolicy policy = VN_POLICY_ALIGN; policy < VN_POLICIES; policy++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 8, 4096);
        for (guint i = 0; i < 8; i++) {
            VnHostCpu *cpu = snapshot->host->cpus->pdata[i];
            vn_idset_free(cpu->siblings);
            cpu->siblings = vn_idset_new_with(i % 4);
            vn_idset_add(cpu->siblings, i % 4 + 4);
        }
        VnGuest *guest = scenario_guest(snapshot, "g1", 1, 5, 512);
        guest->policy = policy;
        scenario_bind(guest, 0, VN_BINDING_STRICT, "0");
        vn_cell_set_resident(scenario_cell(guest, 0), 0, 512 * MIB);
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        const char *reason = vn_plan_find_decision(plan, "g1")->reason;
        g_assert_cmpint(strstr(reason, free_ones) != NULL, ==,
                        policy == VN_POLICY_BALANCE);
    }
}

/* Our own pins hold a guest that aims for nothing else; an overload moves the others. */
static void
test_our_pins(void)
{
    static const struct {
        VnPolicy policy;
        const char *home;
    } cases[] = {
        {VN_POLICY_ALIGN, "0"},   {VN_POLICY_TIER, "0"}, {VN_POLICY_MANUAL, "0"},
        {VN_POLICY_BALANCE, "1"}, {VN_POLICY_PACK, "1"}, {VN_POLICY_SPREAD, "1"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnSnapshot) snapshot = settled(cases[i].policy);
        VnGuest *other = scenario_guest(snapshot, "g2", 1, 8, 512);
        for (guint k = 0; k < 8; k++)
            scenario_pin(other, k, "0-3");
        vn_cell_set_resident(scenario_cell(other, 0), 0, 512 * MIB);
        g_autoptr(VnPlacing) placing = vn_place(snapshot, &as_daemon);
        assert_home(placing, 0, 0, cases[i].home);
        assert_home(placing, 1, 0, "0");
    }
}

/* Nothing is bound or pinned: a guest of nobody's stays as it is, all over the host. */
static void
test_manual(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 4, 4096);
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 2, 512);
    guest->policy = VN_POLICY_MANUAL;
    vn_cell_set_resident(scenario_cell(guest, 0), 1, 512 * MIB);
    vn_cell_set_resident(scenario_cell(guest, 1), 0, 512 * MIB);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    g_assert_cmpuint(plan->steps->len, ==, 0);

    /* What he bound is brought there. */
    scenario_bind(guest, 0, VN_BINDING_STRICT, "0");
    g_autoptr(VnPlan) bound = vn_align_decide(snapshot);
    g_assert_cmpuint(vn_plan_bytes_total(bound), ==, 512 * MIB);
    for (guint i = 0; i < bound->steps->len; i++) {
        const VnStep *step = bound->steps->pdata[i];
        g_assert_cmpuint(step->target, <, 2);
        g_assert_true(step->kind == VN_STEP_PIN_VCPU || step->target == 0);
    }
}

static void
test_mirror(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 4, 4096);
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 2, 512);
    guest->policy = VN_POLICY_MIRROR;
    vn_cell_set_resident(scenario_cell(guest, 0), 1, 512 * MIB);
    vn_cell_set_resident(scenario_cell(guest, 1), 0, 512 * MIB);
    g_autoptr(VnPlacing) placing = vn_place(snapshot, &as_daemon);
    assert_home(placing, 0, 0, "0");
    assert_home(placing, 0, 1, "1");
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 1024 * MIB);

    /* Where shapes differ it is left alone, and told why. */
    static const char *const reasons[] = {
        "the guest has 2 cells, the host 3 nodes",
        "cell 1 has vCPUs, host node 1 has no CPUs",
        "cell 0 has 512.0 MiB of memory, host node 0 has 256.0 MiB"};
    for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++) {
        g_autoptr(VnSnapshot) other = scenario_new(i == 0 ? 3 : 2, 4, 4096);
        g_ptr_array_add(other->guests, vn_guest_clone(guest));
        if (i == 1) {
            VnHostNode *node = other->host->nodes->pdata[1];
            vn_idset_remove_all(node->cpus, node->cpus);
        } else if (i == 2) {
            ((VnHostNode *) other->host->nodes->pdata[0])->memory_bytes = 256 * MIB;
        }
        g_autoptr(VnPlan) none = vn_align_decide(other);
        g_assert_cmpuint(none->steps->len, ==, 0);
        g_assert_nonnull(strstr(vn_plan_find_decision(none, "g1")->reason, reasons[i]));
    }
}

/* Guests that are not ours, or in trouble, count where they are, and others go round. */
static void
test_others_stay(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 4, 4096);
    VnGuest *mine = scenario_guest(snapshot, "mine", 1, 4, 512);
    VnGuest *theirs = scenario_guest(snapshot, "theirs", 1, 4, 512);
    theirs->managed = FALSE;
    vn_cell_set_resident(scenario_cell(mine, 0), 0, 256 * MIB);
    vn_cell_set_resident(scenario_cell(theirs, 0), 0, 512 * MIB);
    g_autoptr(VnPlacing) placing = vn_place(snapshot, &as_daemon);
    assert_home(placing, 0, 0, "1");
    assert_home(placing, 1, 0, "0");
}

/* A device has its guest come to it, where that costs nothing else. */
static void
test_device(void)
{
    for (guint node = 0; node < 2; node++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 4, 4096);
        VnGuest *guest = scenario_guest(snapshot, "g1", 1, 2, 512);
        guest->device_nodes = g_array_new(FALSE, FALSE, sizeof(guint));
        g_array_append_val(guest->device_nodes, node);
        g_autoptr(VnPlacing) placing = vn_place(snapshot, &as_daemon);
        assert_home(placing, 0, 0, node ? "1" : "0");
    }
}

/* It may hold the memory of one that runs, which then stays, unless it has to leave. */
static void
test_device_holds_memory(void)
{
    static const struct {
        gboolean held;
        gboolean cordoned;
        const char *home;
    } cases[] = {{FALSE, FALSE, "1"}, {TRUE, FALSE, "0"}, {TRUE, TRUE, "1"}};
    const guint node = 1;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 4, 4096);
        VnGuest *guest = scenario_guest(snapshot, "g1", 1, 2, 512);
        VnHostNode *first = snapshot->host->nodes->pdata[0];
        first->cordoned = cases[i].cordoned;
        vn_cell_set_resident(scenario_cell(guest, 0), 0, 512 * MIB);
        guest->device_nodes = g_array_new(FALSE, FALSE, sizeof(guint));
        g_array_append_val(guest->device_nodes, node);
        if (cases[i].held)
            vn_guest_add_device(guest, "0000:3b:00.0")->host_node = (int) node;
        g_autoptr(VnPlacing) placing = vn_place(snapshot, &as_daemon);
        assert_home(placing, 0, 0, cases[i].home);
    }
}

static VnHost *
four_nodes(void)
{
    static const guint distances[4][4] = {
        {10, 32, 12, 32}, {32, 10, 32, 12}, {12, 32, 10, 32}, {32, 12, 32, 10}};
    VnHost *host = vn_host_new();
    host->page_size_bytes = 4096;
    for (guint i = 0; i < 4; i++) {
        VnHostNode *node = vn_host_add_node(host, i);
        node->memory_bytes = node->free_bytes = 8 * GIB;
        node->distances = g_memdup2(distances[i], sizeof distances[i]);
        for (guint k = 0; k < 4; k++) {
            VnHostCpu *cpu = vn_host_add_cpu(host, 4 * i + k);
            cpu->online = TRUE;
            vn_idset_add(node->cpus, cpu->id);
        }
    }
    return host;
}

/* Cells: as few as fit, as even as can be; whole pages. */
static void
test_cells(void)
{
    static const struct {
        guint vcpus;
        guint64 memory_bytes;
        guint max_cells;
        guint cells; /* 0: refused */
    } cases[] = {
        {4, 8 * GIB, 4, 1}, {5, 8 * GIB, 4, 2},   {4, 8 * GIB + 4096, 4, 2},
        {16, 1, 4, 4},      {16, 32 * GIB, 4, 4}, {16, 32 * GIB, 1, 1},
        {17, GIB, 4, 0},    {4, 33 * GIB, 4, 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnScenario) scenario = vn_scenario_new(four_nodes());
        const VnGuest *guest =
            vn_scenario_add(scenario, "g", cases[i].vcpus, cases[i].memory_bytes);
        g_array_index(scenario->guests, VnScenarioGuest, 0).max_cells =
            cases[i].max_cells;
        g_autoptr(VnScenarioResult) result = vn_scenario_run(scenario);
        const char *refused = result->refused->pdata[0];
        g_test_message("%s", refused ? refused : "admitted");
        g_assert_true((refused != NULL) == (cases[i].cells == 0));
        if (!refused)
            g_assert_cmpuint(guest->cells->len, ==, cases[i].cells);
        guint64 bytes = 0;
        for (guint k = 0; k < guest->cells->len; k++)
            bytes += scenario_cell(guest, k)->memory_bytes;
        g_assert_cmpuint(bytes, ==, cases[i].memory_bytes);
    }
}

/*
 * A cell larger than a node: the fewest nodes, near to each other, whoever is
 * elsewhere.
 */
static void
test_large_cell(void)
{
    g_autoptr(VnScenario) scenario = vn_scenario_new(four_nodes());
    VnGuest *small = vn_scenario_add(scenario, "small", 1, 4 * GIB);
    vn_scenario_add(scenario, "large", 4, 15 * GIB);
    g_array_index(scenario->guests, VnScenarioGuest, 1).max_cells = 1;
    g_autoptr(VnIdSet) two = vn_idset_new_with(2);
    g_autoptr(GError) error = NULL;
    vn_scenario_split(small, 1, 0);
    g_array_index(scenario->guests, VnScenarioGuest, 0).max_cells = 0;
    g_assert_true(vn_scenario_put(scenario, small, 0, two, &error));
    g_assert_no_error(error);
    g_autoptr(VnScenarioResult) result = vn_scenario_run(scenario);
    const VnDecision *decision = vn_plan_find_decision(result->plan, "large");
    g_autofree char *home = vn_idset_format(decision->homes->pdata[0]);
    g_assert_cmpstr(home, ==, "1,3");
    g_assert_cmpuint(result->plan->steps->len, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/place/our-pins", test_our_pins);
    g_test_add_func("/place/siblings", test_siblings);
    g_test_add_func("/place/manual", test_manual);
    g_test_add_func("/place/mirror", test_mirror);
    g_test_add_func("/place/others-stay", test_others_stay);
    g_test_add_func("/place/device", test_device);
    g_test_add_func("/place/device-holds-memory", test_device_holds_memory);
    g_test_add_func("/place/cells", test_cells);
    g_test_add_func("/place/large-cell", test_large_cell);
    return g_test_run();
}
