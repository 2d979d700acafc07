/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steering by accesses: the cases by name, and properties over random guests. */
#include "policies/align.h"
#include "policies/steer.h"
#include "tests/support/scenario.h"

#include <string.h>

#define SECOND ((gint64) G_USEC_PER_SEC)
#define CELLS_MAX 6u
#define CELL_MIB 512u
#define CELL_GRANULES (CELL_MIB / 2)

/* Accesses in one window, by cell from and to. */
typedef guint Traffic[CELLS_MAX][CELLS_MAX];

typedef struct {
    VnHeat *heat;
    VnPlacement *placement;
    VnLocality *locality;
    VnSteerEvidence evidence;
} Sight;

static void
feed(VnHeat *heat, const VnGuest *guest, Traffic traffic, gint64 end_us)
{
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, end_us - SECOND);
    for (guint from = 0; from < guest->cells->len; from++) {
        int vcpu = vn_idset_next(scenario_cell(guest, from)->vcpus, 0);
        for (guint to = 0; to < guest->cells->len && vcpu >= 0; to++)
            vn_sample_add(sample, to * CELL_GRANULES + from, (guint) vcpu,
                          VN_ACCESS_WRITE, traffic[from][to]);
    }
    vn_sample_seal(sample, end_us);
    vn_heat_feed(heat, sample);
}

static VnHeat *
make_heat(const VnGuest *guest)
{
    g_autofree guint *cells = g_new0(guint, guest->vcpus->len);
    for (guint i = 0; i < guest->vcpus->len; i++)
        cells[i] = ((const VnVcpu *) guest->vcpus->pdata[i])->cell;
    return vn_heat_new(cells, guest->vcpus->len, 60 * SECOND);
}

static void
look(Sight *sight, const VnSnapshot *snapshot, VnHeat *heat, gboolean pins_are_ours,
     gint64 now_us)
{
    const VnGuest *guest = snapshot->guests->pdata[0];
    sight->heat = heat;
    sight->placement = vn_placement_new(guest->vcpus->len);
    for (guint i = 0; i < guest->cells->len; i++)
        vn_placement_add(sight->placement, i * CELL_GRANULES, CELL_GRANULES, -1, i);
    sight->locality = vn_locality_new(heat, sight->placement, snapshot->host, now_us);
    sight->evidence = (VnSteerEvidence){.heat = heat,
                                        .locality = sight->locality,
                                        .pins_are_ours = pins_are_ours,
                                        .now_us = now_us,
                                        .move_bytes_per_second = 100 * MIB};
}

static void
sight_clear(Sight *sight)
{
    vn_heat_free(sight->heat);
    vn_placement_free(sight->placement);
    vn_locality_free(sight->locality);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sight, sight_clear)

/* What one or more of apply to a guest of two cells, a vCPU and 300 MiB each. */
typedef enum {
    OURS = 1,      /* the pins */
    BOUND = 2,     /* each cell's memory to where it lies */
    NOWHERE = 4,   /* where it lies in QEMU is not known */
    FULL = 8,      /* no host node has room */
    FEW_CPUS = 16, /* one CPU a host node */
    UNMANAGED = 32,
    UNPINNED = 64,
    ABSENT = 128, /* not all may be where the accesses are: cpuset.mems is node 1 */
} Detail;

/* Who accesses whose memory: 0 to 0, 0 to 1, 1 to 0, 1 to 1. */
static const guint OWN[] = {900, 0, 0, 900};
static const guint CROSSED[] = {0, 900, 900, 0};
static const guint ALIKE[] = {450, 450, 450, 450};
static const guint ONE_CELLS[] = {450, 0, 450, 0};
static const guint GREEDY[] = {450, 450, 0, 0};
static const guint LITTLE[] = {0, 100, 100, 0};
static const guint NOTHING[] = {0, 0, 0, 0};
static const guint HARDLY[] = {900, 20, 20, 900};

static const struct {
    const char *name;
    guint details;
    const char *cpus;  /* host nodes where the vCPUs are pinned */
    const char *homes; /* where the memory lies */
    const guint *traffic;
    VnSteerVerdict verdict;
    guint pins;
    guint moves;
} cases[] = {
    {"at home", OURS, "01", "01", OWN, VN_STEER_AGREE, 0, 0},
    {"away, to pin is cheaper", OURS, "01", "10", OWN, VN_STEER_REPIN, 2, 0},
    {"away, pins not ours", 0, "01", "10", OWN, VN_STEER_AGREE, 0, 2},
    {"nothing pinned", UNPINNED, "01", "01", OWN, VN_STEER_AGREE, 2, 0},
    {"crossed", OURS, "01", "01", CROSSED, VN_STEER_REPIN, 2, 0},
    {"crossed, unpinned", UNPINNED, "01", "01", CROSSED, VN_STEER_REPIN, 2, 0},
    {"crossed, a CPU each", OURS | FEW_CPUS, "01", "01", CROSSED, VN_STEER_REPIN, 2, 0},
    {"crossed, pins not ours", 0, "01", "01", CROSSED, VN_STEER_EXCHANGE, 0, 2},
    {"crossed, no room", FULL, "01", "01", CROSSED, VN_STEER_EXCHANGE, 0, 2},
    {"crossed, all bound", BOUND, "01", "01", CROSSED, VN_STEER_AGREE, 0, 0},
    {"crossed, range unknown", NOWHERE, "01", "01", CROSSED, VN_STEER_AGREE, 0, 0},
    {"crossed, memory bound", BOUND | OURS, "01", "01", CROSSED, VN_STEER_REPIN, 2, 0},
    {"unmanaged", OURS | UNMANAGED, "01", "01", CROSSED, VN_STEER_UNSURE, 0, 0},
    {"followed already", OURS, "10", "01", CROSSED, VN_STEER_STAY, 0, 0},
    {"all use all alike", OURS, "01", "01", ALIKE, VN_STEER_AGREE, 0, 0},
    {"all use one cell's", 0, "01", "01", ONE_CELLS, VN_STEER_AGREE, 0, 0},
    {"one uses both", 0, "01", "01", GREEDY, VN_STEER_MOVE, 0, 1},
    {"one uses both, no room", FULL, "01", "01", GREEDY, VN_STEER_AGREE, 0, 0},
    {"one uses both, not there", ABSENT, "01", "01", GREEDY, VN_STEER_AGREE, 1, 1},
    {"too little to tell", OURS, "01", "01", LITTLE, VN_STEER_UNSURE, 0, 0},
    {"nothing seen", OURS, "01", "01", NOTHING, VN_STEER_UNSURE, 0, 0},
    {"too little gained", OURS, "01", "01", HARDLY, VN_STEER_AGREE, 0, 0},
};

/* What the reason then says. */
static const char *const reasons[] = {
    [VN_STEER_STAY] =
        "stays as it is: its accesses have a remote cost of 1.00, and would "
        "have 2.10",
    [VN_STEER_REPIN] = "no byte has to move: remote cost 1.00 instead of ",
    [VN_STEER_EXCHANGE] = "600.0 MiB move, remote cost 1.00 instead of 2.10",
    [VN_STEER_MOVE] = "300.0 MiB move, remote cost 1.00 instead of 1.55",
};

static VnSnapshot *
make_case(guint i)
{
    guint details = cases[i].details;
    VnSnapshot *snapshot = scenario_new(2, details & FEW_CPUS ? 1 : 2, 3072);
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, CELL_MIB);
    for (guint k = 0; k < 2; k++) {
        VnCell *cell = scenario_cell(guest, k);
        const VnHostNode *node = snapshot->host->nodes->pdata[cases[i].cpus[k] - '0'];
        g_autofree char *cpus = vn_idset_format(node->cpus);
        g_autofree char *lies = g_strndup(cases[i].homes + k, 1);
        if (!(details & UNPINNED))
            scenario_pin(guest, k, cpus);
        if (details & BOUND)
            scenario_bind(guest, k, VN_BINDING_STRICT, lies);
        if (details & NOWHERE)
            cell->hva_start = cell->hva_end = 0;
        if (details & FULL)
            ((VnHostNode *) snapshot->host->nodes->pdata[k])->free_bytes = 8 * MIB;
        vn_cell_set_resident(cell, (guint) (cases[i].homes[k] - '0'), 300 * MIB);
    }
    guest->managed = !(details & UNMANAGED);
    if (details & ABSENT)
        guest->allowed_nodes = vn_idset_new_with(1);
    return snapshot;
}

static guint
count_steps(const VnPlan *plan, VnStepKind kind)
{
    guint n = 0;
    for (guint i = 0; i < plan->steps->len; i++)
        n += ((const VnStep *) plan->steps->pdata[i])->kind == kind;
    return n;
}

static void
test_cases(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnSnapshot) snapshot = make_case(i);
        const VnGuest *guest = snapshot->guests->pdata[0];
        Traffic traffic = {{cases[i].traffic[0], cases[i].traffic[1]},
                           {cases[i].traffic[2], cases[i].traffic[3]}};
        VnHeat *heat = make_heat(guest);
        g_auto(Sight) sight;
        feed(heat, guest, traffic, SECOND);
        look(&sight, snapshot, heat, (cases[i].details & OURS) != 0, SECOND);
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        const VnDecision *decision = vn_plan_find_decision(plan, "g1");
        g_autofree char *before = g_strdup(decision->reason);
        VnSteerVerdict verdict = vn_steer_guest(snapshot, guest, &sight.evidence, plan);
        g_test_message("%s: %s: %s", cases[i].name, vn_steer_verdict_name(verdict),
                       decision->reason);
        g_assert_cmpstr(vn_steer_verdict_name(verdict), ==,
                        vn_steer_verdict_name(cases[i].verdict));
        g_assert_cmpuint(count_steps(plan, VN_STEP_PIN_VCPU), ==, cases[i].pins);
        g_assert_cmpuint(count_steps(plan, VN_STEP_MOVE_MEMORY), ==, cases[i].moves);
        if (verdict < VN_STEER_ALONE)
            g_assert_cmpstr(decision->reason, ==, before);
        else
            g_assert_nonnull(strstr(decision->reason, reasons[verdict]));
    }
}

/* The exchange in full: targets, homes, gains. */
static void
test_exchange(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 2, CELL_MIB);
    for (guint i = 0; i < 4; i++)
        scenario_pin(guest, i, i < 2 ? "0-1" : "2-3");
    vn_cell_set_resident(scenario_cell(guest, 0), 0, 300 * MIB);
    vn_cell_set_resident(scenario_cell(guest, 1), 1, 200 * MIB);
    vn_cell_set_resident(scenario_cell(guest, 1), 0, 100 * MIB);
    VnHeat *heat = make_heat(guest);
    g_auto(Sight) sight;
    feed(heat, guest, (Traffic){{0, 600}, {600, 0}}, SECOND);
    look(&sight, snapshot, heat, FALSE, SECOND);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    VnSteerVerdict verdict = vn_steer_guest(snapshot, guest, &sight.evidence, plan);
    g_assert_cmpuint(verdict, ==, VN_STEER_EXCHANGE);
    double gain = 0;
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_MOVE_MEMORY)
            continue;
        g_assert_true(vn_idset_contains(step->after, step->target ? 0 : 1));
        g_assert_cmpuint(vn_idset_count(step->after), ==, 1);
        g_assert_cmpuint(step->bytes, ==, step->target ? 200 * MIB : 300 * MIB);
        g_assert_nonnull(strstr(step->reason, "cell"));
        gain += step->expected_gain;
    }
    /* All of cell 0's, two thirds of cell 1's: half of the accesses each. */
    g_assert_cmpfloat_with_epsilon(gain, 1.1 / 2 + 1.1 / 3, 1e-3);
    const VnDecision *decision = vn_plan_find_decision(plan, "g1");
    g_assert_true(vn_idset_contains(decision->homes->pdata[0], 1));
    g_assert_true(vn_idset_contains(decision->homes->pdata[1], 0));
}

/* As long as the last plan's promise is kept, rest; else accesses are followed. */
static void
test_promise(void)
{
    static const struct {
        double expected_cost;
        VnSteerVerdict verdict;
    } promises[] = {{0, VN_STEER_REPIN}, {1.0, VN_STEER_REPIN}, {2.09, VN_STEER_STAY}};
    for (guint i = 0; i < G_N_ELEMENTS(promises); i++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
        VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, CELL_MIB);
        for (guint k = 0; k < 2; k++) {
            scenario_pin(guest, k, k ? "2-3" : "0-1");
            vn_cell_set_resident(scenario_cell(guest, k), k, 300 * MIB);
        }
        VnHeat *heat = make_heat(guest);
        g_auto(Sight) sight;
        feed(heat, guest, (Traffic){{0, 900}, {900, 0}}, SECOND);
        look(&sight, snapshot, heat, TRUE, SECOND);
        sight.evidence.expected_cost = promises[i].expected_cost;
        sight.evidence.steered = TRUE;
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        g_assert_cmpuint(vn_steer_guest(snapshot, guest, &sight.evidence, plan), ==,
                         promises[i].verdict);
        const VnDecision *decision = vn_plan_find_decision(plan, "g1");
        if (promises[i].verdict == VN_STEER_REPIN) {
            g_assert_cmpfloat_with_epsilon(decision->expected_cost, 1, 1e-9);
            continue;
        }
        g_assert_cmpfloat(decision->expected_cost, ==, 2.09);
        g_assert_cmpstr(decision->reason, ==,
                        "stays as it was steered: its accesses have a remote cost of "
                        "2.10, as was expected");
    }
}

/* What is hottest in each cell moves first; the rest of the cell follows. */
static void
test_hottest_first(void)
{
    static const guint counts[][2] = {{5, 100}, {0, 300}, {77, 200}, {6, 250}};
    static const guint expected[] = {0, 6, 77, 5};
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, CELL_MIB);
    g_autoptr(VnPlacement) placement = vn_placement_new(2);
    VnHeat *heat = make_heat(guest);
    g_auto(Sight) sight;
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 0);
    for (guint i = 0; i < 2; i++) {
        scenario_pin(guest, i, i ? "2-3" : "0-1");
        vn_cell_set_resident(scenario_cell(guest, i), i, 300 * MIB);
        vn_placement_set_vcpu(placement, i, (int) i);
        vn_placement_add(placement, i * CELL_GRANULES, CELL_GRANULES, (int) i, i);
        vn_placement_add_ram(placement, i * CELL_MIB * MIB, CELL_MIB * MIB, i, 0);
        for (guint k = 0; k < G_N_ELEMENTS(counts); k++)
            vn_sample_add(sample, i * CELL_GRANULES + counts[k][0], 1 - i,
                          VN_ACCESS_WRITE, counts[k][1]);
    }
    vn_sample_seal(sample, SECOND);
    vn_heat_feed(heat, sample);
    look(&sight, snapshot, heat, FALSE, SECOND);
    sight.evidence.placement = placement;
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    g_assert_cmpuint(vn_steer_guest(snapshot, guest, &sight.evidence, plan), ==,
                     VN_STEER_EXCHANGE);
    g_assert_cmpuint(count_steps(plan, VN_STEP_MOVE_MEMORY), ==, 2);
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_MOVE_MEMORY)
            continue;
        g_assert_false(step->parts_only);
        g_assert_cmpuint(step->parts->len, ==, G_N_ELEMENTS(expected));
        g_assert_cmpuint(vn_step_parts_bytes(step), ==, 4 * VN_GRANULE_BYTES);
        for (guint k = 0; k < G_N_ELEMENTS(expected); k++)
            g_assert_cmpuint(g_array_index(step->parts, VnStepPart, k).offset_bytes, ==,
                             expected[k] * VN_GRANULE_BYTES);
    }
}

/*
 * The cells take turns every so many windows of two seconds, the busier one is the
 * crossed one, and it is the last. To move the 600 MiB takes 6 s.
 */
static void
test_alternating(void)
{
    static const struct {
        guint every;
        gboolean ours;
        VnSteerVerdict verdict;
    } turns[] = {
        {2, FALSE, VN_STEER_ALONE},     {10, FALSE, VN_STEER_ALONE},
        {1, TRUE, VN_STEER_ALONE},      {10, TRUE, VN_STEER_REPIN},
        {60, FALSE, VN_STEER_EXCHANGE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(turns); i++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 3072);
        VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, CELL_MIB);
        for (guint k = 0; k < 2; k++) {
            scenario_pin(guest, k, k ? "2-3" : "0-1");
            vn_cell_set_resident(scenario_cell(guest, k), k, 300 * MIB);
        }
        VnHeat *heat = make_heat(guest);
        g_auto(Sight) sight;
        gint64 now_us = 0;
        for (guint k = 0; k < 180; k++) {
            gboolean crossed = k / turns[i].every % 2 == 179 / turns[i].every % 2;
            g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, now_us);
            now_us += 2 * SECOND;
            vn_sample_add(sample, crossed ? 300 : 2, 0, VN_ACCESS_WRITE,
                          crossed ? 500 : 100);
            vn_sample_add(sample, crossed ? 2 : 300, 1, VN_ACCESS_WRITE,
                          crossed ? 500 : 100);
            vn_sample_seal(sample, now_us);
            vn_heat_feed(heat, sample);
        }
        look(&sight, snapshot, heat, turns[i].ours, now_us);
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        VnSteerVerdict verdict = vn_steer_guest(snapshot, guest, &sight.evidence, plan);
        const VnDecision *decision = vn_plan_find_decision(plan, "g1");
        g_test_message("case %u: %s", i, decision->reason);
        g_assert_cmpstr(vn_steer_verdict_name(verdict), ==,
                        vn_steer_verdict_name(turns[i].verdict));
        if (verdict != VN_STEER_ALONE)
            continue;
        g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 0);
        g_assert_cmpuint(count_steps(plan, VN_STEP_PIN_VCPU), ==, 0);
        g_assert_nonnull(strstr(decision->reason, "left alone"));
    }
}

/* Two pairs of cells share memory; nodes 0 and 1 are near to each other, and 2 and 3. */
static void
test_sharers_come_together(void)
{
    static const guint pins_before[] = {0, 1, 2, 3};
    g_autoptr(VnSnapshot) snapshot = scenario_new(4, 1, 3072);
    for (guint i = 0; i < 4; i++) {
        VnHostNode *node = snapshot->host->nodes->pdata[i];
        for (guint k = 0; k < 4; k++)
            node->distances[k] = i == k ? 10 : i / 2 == k / 2 ? 12 : 40;
    }
    VnGuest *guest = scenario_guest(snapshot, "g1", 4, 1, CELL_MIB);
    for (guint i = 0; i < 4; i++) {
        g_autofree char *cpu = g_strdup_printf("%u", pins_before[i]);
        scenario_pin(guest, i, cpu);
        vn_cell_set_resident(scenario_cell(guest, i), i, 300 * MIB);
    }
    VnHeat *heat = make_heat(guest);
    g_auto(Sight) sight;
    feed(
        heat, guest,
        (Traffic){{300, 0, 300, 0}, {0, 300, 0, 300}, {300, 0, 300, 0}, {0, 300, 0, 300}},
        SECOND);
    look(&sight, snapshot, heat, TRUE, SECOND);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    VnSteerVerdict verdict = vn_steer_guest(snapshot, guest, &sight.evidence, plan);
    g_test_message("%s: %s", vn_steer_verdict_name(verdict),
                   vn_plan_find_decision(plan, "g1")->reason);
    g_autoptr(VnSnapshot) after = scenario_apply(snapshot, plan);
    const VnGuest *then = after->guests->pdata[0];
    int nodes[4];
    for (guint i = 0; i < 4; i++)
        nodes[i] = vn_idset_next(vn_guest_find_vcpu(then, i)->pinned, 0);
    g_assert_cmpint(nodes[0] / 2, ==, nodes[2] / 2);
    g_assert_cmpint(nodes[1] / 2, ==, nodes[3] / 2);
    g_assert_cmpint(nodes[0] / 2, !=, nodes[1] / 2);
}

/* Another guest has the CPUs: nobody is pinned on top of it. */
static void
test_other_guests_count(void)
{
    for (guint others = 0; others < 2; others++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 6144);
        VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, CELL_MIB);
        scenario_pin(guest, 0, "0-1");
        scenario_pin(guest, 1, "2-3");
        for (guint i = 0; i < 2; i++)
            vn_cell_set_resident(scenario_cell(guest, i), i, 300 * MIB);
        scenario_bind(guest, 0, VN_BINDING_STRICT, "0");
        scenario_bind(guest, 1, VN_BINDING_STRICT, "1");
        if (others) {
            VnGuest *other = scenario_guest(snapshot, "g2", 1, 1, CELL_MIB);
            scenario_pin(other, 0, "2-3");
            vn_cell_set_resident(scenario_cell(other, 0), 1, 300 * MIB);
        }
        VnHeat *heat = make_heat(guest);
        g_auto(Sight) sight;
        feed(heat, guest, (Traffic){{0, 600}, {0, 600}}, SECOND);
        look(&sight, snapshot, heat, TRUE, SECOND);
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        VnSteerVerdict verdict = vn_steer_guest(snapshot, guest, &sight.evidence, plan);
        g_assert_cmpuint(verdict, ==, others ? VN_STEER_AGREE : VN_STEER_REPIN);
    }
}

static VnSnapshot *
random_snapshot(guint n_nodes, guint n_cells)
{
    VnSnapshot *snapshot =
        scenario_new(n_nodes, (guint) g_test_rand_int_range(1, 6), 4096);
    for (guint i = 0; i < n_nodes; i++) {
        VnHostNode *node = snapshot->host->nodes->pdata[i];
        for (guint k = 0; k < n_nodes; k++)
            node->distances[k] = i == k ? 10 : (guint) g_test_rand_int_range(11, 60);
        if (g_test_rand_int_range(0, 4) == 0)
            node->free_bytes = (guint64) g_test_rand_int_range(0, 600) * MIB;
    }
    VnGuest *guest = scenario_guest(snapshot, "g1", n_cells, 1, CELL_MIB);
    for (guint i = 0; i < n_cells; i++) {
        const VnHostNode *node = snapshot->host->nodes->pdata[i % n_nodes];
        g_autofree char *cpus = vn_idset_format(node->cpus);
        VnCell *cell = scenario_cell(guest, i);
        if (g_test_rand_int_range(0, 4))
            scenario_pin(guest, i, cpus);
        if (g_test_rand_int_range(0, 6) == 0)
            cell->hva_start = cell->hva_end = 0;
        for (guint k = 0; k < 2; k++)
            vn_cell_set_resident(cell, (guint) g_test_rand_int_range(0, (int) n_nodes),
                                 (guint64) g_test_rand_int_range(0, 256) * MIB);
    }
    if (g_test_rand_int_range(0, 6) == 0)
        guest->allowed_nodes = vn_idset_new_with(0);
    return snapshot;
}

static void
assert_sound(const VnSnapshot *snapshot, const VnPlan *plan, gboolean ours)
{
    const VnGuest *guest = snapshot->guests->pdata[0];
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        g_assert_nonnull(step->reason);
        g_assert_false(vn_idset_is_empty(step->after));
        /* Where memory may not be at the pins, align takes the vCPUs to it. */
        if (step->kind == VN_STEP_PIN_VCPU && !guest->allowed_nodes &&
            vn_guest_find_vcpu(guest, step->target)->pinned)
            g_assert_true(ours);
        if (step->kind != VN_STEP_MOVE_MEMORY)
            continue;
        g_assert_cmpuint(step->bytes, >, 0);
        g_assert_false(vn_idset_overlaps(step->before, step->after));
        g_assert_cmpuint(scenario_cell(guest, step->target)->hva_end, >, 0);
        if (guest->allowed_nodes)
            g_assert_true(vn_idset_is_subset(step->after, guest->allowed_nodes));
    }
}

/*
 * Whatever is decided is allowed, lowers the remote cost by what its steps promise, and
 * carried out comes to rest soon.
 */
static void
test_random(void)
{
    guint seen[VN_STEER_MOVE + 1] = {0};
    for (guint round = 0; round < 500; round++) {
        guint n_cells = (guint) g_test_rand_int_range(1, CELLS_MAX + 1);
        gboolean ours = g_test_rand_bit();
        g_autoptr(VnSnapshot) snapshot =
            random_snapshot((guint) g_test_rand_int_range(1, 6), n_cells);
        Traffic traffic;
        for (guint i = 0; i < CELLS_MAX * CELLS_MAX; i++)
            traffic[i / CELLS_MAX][i % CELLS_MAX] =
                g_test_rand_int_range(0, 3) ? 0 : (guint) g_test_rand_int_range(0, 2000);
        for (guint rest = 0;; rest++) {
            const VnGuest *guest = snapshot->guests->pdata[0];
            VnHeat *heat = make_heat(guest);
            g_auto(Sight) sight;
            feed(heat, guest, traffic, SECOND);
            look(&sight, snapshot, heat, ours, SECOND);
            g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
            VnSteerVerdict verdict =
                vn_steer_guest(snapshot, guest, &sight.evidence, plan);
            seen[verdict]++;
            double gain = 0;
            for (guint i = 0; i < plan->steps->len; i++)
                gain += ((const VnStep *) plan->steps->pdata[i])->expected_gain;
            if (verdict > VN_STEER_ALONE) {
                assert_sound(snapshot, plan, ours);
                if (verdict > VN_STEER_STAY)
                    g_assert_cmpfloat(gain, >=, VN_STEER_GAIN_MIN - 1e-9);
                else
                    g_assert_cmpuint(vn_plan_bytes_total(plan), ==, 0);
            }
            if (count_steps(plan, VN_STEP_PIN_VCPU) == 0 &&
                count_steps(plan, VN_STEP_MOVE_MEMORY) == 0)
                break;
            g_assert_cmpuint(rest, <, 6);
            VnSnapshot *after = scenario_apply(snapshot, plan);
            vn_snapshot_unref(snapshot);
            snapshot = after;
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(seen); i++)
        g_test_message("%s: %u", vn_steer_verdict_name((VnSteerVerdict) i), seen[i]);
    g_assert_cmpuint(seen[VN_STEER_REPIN], >, 0);
    g_assert_cmpuint(seen[VN_STEER_MOVE] + seen[VN_STEER_EXCHANGE], >, 0);
}

/*
 * A host node with memory and no CPUs, as far from one as from the other, and a fourth,
 * farther: a plan takes the vCPUs of a cell that lies between to the CPUs of both. Every
 * such beginning.
 */
static void
test_between_nodes(void)
{
    static const guint *const traffics[] = {OWN, CROSSED, ALIKE, ONE_CELLS, GREEDY};
    static const char *const pins[] = {NULL, "0-1", "6-7"};
    for (guint n = 0; n < G_N_ELEMENTS(traffics) * 3 * 3 * 3 * 3 * 4; n++) {
        const guint *t = traffics[n / 324];
        g_autoptr(VnSnapshot) snapshot = scenario_new(4, 2, 3072);
        VnHostNode *between = snapshot->host->nodes->pdata[2];
        VnHostNode *far = snapshot->host->nodes->pdata[3];
        VnGuest *guest = scenario_guest(snapshot, "g1", 2, 1, CELL_MIB);
        vn_idset_remove_all(between->cpus, between->cpus);
        for (guint i = 0; i < 3; i++)
            far->distances[i] =
                ((VnHostNode *) snapshot->host->nodes->pdata[i])->distances[3] = 40;
        for (guint i = 0; i < 2; i++) {
            guint node = n / (i ? 36 : 4) % 3;
            const char *pin = pins[n / (i ? 108 : 12) % 3];
            if (pin)
                scenario_pin(guest, i, pin);
            vn_cell_set_resident(scenario_cell(guest, i), node, 300 * MIB);
            if (n & 1)
                scenario_bind(guest, i, VN_BINDING_STRICT,
                              (const char *[]){"0", "1", "2"}[node]);
        }
        VnHeat *heat = make_heat(guest);
        g_auto(Sight) sight;
        Traffic traffic = {{t[0], t[1]}, {t[2], t[3]}};
        feed(heat, guest, traffic, SECOND);
        look(&sight, snapshot, heat, (n & 2) != 0, SECOND);
        g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
        vn_steer_guest(snapshot, guest, &sight.evidence, plan);
        for (guint i = 0; i < plan->steps->len; i++)
            g_assert_false(
                vn_idset_is_empty(((const VnStep *) plan->steps->pdata[i])->after));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/steer/cases", test_cases);
    g_test_add_func("/steer/exchange", test_exchange);
    g_test_add_func("/steer/promise", test_promise);
    g_test_add_func("/steer/hottest-first", test_hottest_first);
    g_test_add_func("/steer/alternating", test_alternating);
    g_test_add_func("/steer/sharers-come-together", test_sharers_come_together);
    g_test_add_func("/steer/other-guests-count", test_other_guests_count);
    g_test_add_func("/steer/random", test_random);
    g_test_add_func("/steer/between-nodes", test_between_nodes);
    return g_test_run();
}
