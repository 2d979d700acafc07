/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The planner: limits, aims and refusals by name, and properties of random problems. */
#include "tests/support/planning.h"

#include <string.h>

#define HUGE_PAGE (G_GUINT64_CONSTANT(2) << 20)
#define ROUNDS 200u

/* What is said in any answer, whatever the problem. */
static VnPlannerResult *
solve(const Planning *planning)
{
    VnPlannerResult *result = vn_planner_solve(&planning->problem);
    g_assert_cmpstr(planning_broken(planning, result->homes), ==, NULL);
    g_assert_cmpfloat_with_epsilon(result->cost, planning_cost(planning, result->homes),
                                   1e-6 * MAX(result->cost, 1));
    for (guint i = 0; i < result->n_guests; i++) {
        const VnPlannerGuest *guest = planning->problem.guests->pdata[i];
        g_assert_true(!guest->admitted || !result->refused[i]);
        for (guint j = 0; j < guest->cells->len; j++) {
            const VnPlannerCell *cell = &g_array_index(guest->cells, VnPlannerCell, j);
            g_assert_true((result->homes[i][j] < 0) == (result->refused[i] != NULL));
            g_assert_true(!cell->fixed || !guest->admitted ||
                          result->homes[i][j] == cell->now);
        }
    }
    return result;
}

static void
assert_homes(const VnPlannerResult *result, guint guest, int one, int other)
{
    g_assert_cmpstr(result->refused[guest], ==, NULL);
    g_assert_cmpint(result->homes[guest][0], ==, one);
    if (other >= 0)
        g_assert_cmpint(result->homes[guest][1], ==, other);
}

static void
assert_refused(const Planning *planning, guint guest, const char *reason)
{
    g_autoptr(VnPlannerResult) result = solve(planning);
    g_assert_cmpstr(result->refused[guest], ==, reason);
}

static void
add_huge_pages(const Planning *planning, guint node, guint total, guint free)
{
    VnHugePages pages = {.size_bytes = HUGE_PAGE, .total = total, .free = free};
    g_array_append_val(planning_node(planning, node)->huge_pages, pages);
}

static void
test_nothing(void)
{
    g_autoptr(Planning) planning = planning_new(1, 1, 1, 1);
    g_autoptr(VnPlannerResult) none = solve(planning);
    g_assert_cmpuint(none->n_guests, ==, 0);
    planning_guest(planning, "empty", 0, 0, 0);
    planning_guest(planning, "tiny", 1, 0, 0);
    g_autoptr(VnPlannerResult) result = solve(planning);
    g_assert_cmpstr(result->refused[0], ==, NULL);
    assert_homes(result, 1, 0, -1);
    g_assert_cmpfloat(result->remote_cost, ==, 1);
}

/* A guest's cells stay together, and next to each other where one node is too small. */
static void
test_together(void)
{
    g_autoptr(Planning) planning = planning_new(4, 8, 1, 64);
    planning_guest(planning, "small", 2, 4, 8);
    planning_guest(planning, "large", 2, 8, 8);
    planning_set_distance(planning, 1, 3, 11);
    g_autoptr(VnPlannerResult) result = solve(planning);
    g_assert_cmpint(result->homes[0][0], ==, result->homes[0][1]);
    g_assert_cmpint(result->homes[1][0] + result->homes[1][1], ==, 1 + 3);
    g_assert_true(result->exact);
    /* Half of the large one's accesses are at 11. */
    g_assert_cmpfloat_with_epsilon(result->remote_cost, 1 + 0.05 * 16 / 24, 1e-9);
    g_assert_cmpfloat(result->max_cpu_load_ratio, ==, 1);
}

static void
test_traffic(void)
{
    g_autoptr(Planning) planning = planning_new(2, 8, 1, 64);
    VnPlannerGuest *guest = planning_guest(planning, "pairs", 4, 4, 8);
    guest->traffic = g_new0(double, 16);
    for (guint i = 0; i < 4; i++)
        guest->traffic[i * 4 + (i + 2) % 4] = 0.25; /* 0 and 2, 1 and 3 */
    g_autoptr(VnPlannerResult) result = solve(planning);
    g_assert_cmpint(result->homes[0][0], ==, result->homes[0][2]);
    g_assert_cmpint(result->homes[0][1], ==, result->homes[0][3]);
    g_assert_cmpint(result->homes[0][0], !=, result->homes[0][1]);
    g_assert_cmpfloat(result->remote_cost, ==, 1);
}

static void
test_limits(void)
{
    g_autoptr(Planning) planning = planning_new(3, 4, 1, 16);
    planning_guest(planning, "not-there", 1, 2, 1);
    planning_cell(planning, 0, 0)->allowed = g_new0(gboolean, 3);
    planning_cell(planning, 0, 0)->allowed[2] = TRUE;
    planning_guest(planning, "stays", 1, 1, 8);
    planning_place(planning, 1, 0, 0);
    planning_cell(planning, 1, 0)->fixed = TRUE;
    planning_guest(planning, "to-be-bound", 1, 2, 1);
    planning_cell(planning, 2, 0)->now = 1;
    planning_cell(planning, 2, 0)->fixed = TRUE;
    planning_guest(planning, "full", 1, 1, 16);
    planning->closed[0] = TRUE;
    g_autoptr(VnPlannerResult) result = solve(planning);
    assert_homes(result, 0, 2, -1);
    assert_homes(result, 1, 0, -1);
    assert_homes(result, 2, 1, -1);
    g_assert_nonnull(result->refused[3]);
    planning->closed[0] = FALSE;
    planning_cell(planning, 3, 0)->bytes = 8 * GIB;
    g_autoptr(VnPlannerResult) open = solve(planning);
    g_assert_cmpstr(open->refused[3], ==, NULL);
}

static void
test_huge_pages(void)
{
    g_autoptr(Planning) planning = planning_new(2, 8, 1, 16);
    add_huge_pages(planning, 0, 1024, 512);
    add_huge_pages(planning, 1, 2048, 1024);
    for (guint i = 0; i < 3; i++) {
        planning_guest(planning, "huge", 1, 1, 1);
        planning_cell(planning, i, 0)->page_size_bytes = HUGE_PAGE;
    }
    planning_place(planning, 1, 0, 1);
    g_autoptr(VnPlannerResult) result = solve(planning);
    guint on_one = 0;
    for (guint i = 0; i < 3; i++) {
        g_assert_cmpstr(result->refused[i], ==, NULL);
        on_one += result->homes[i][0] == 1;
    }
    g_assert_cmpuint(on_one, ==, 2);
    /* A byte more is a page more. */
    planning_place(planning, 0, 0, 0);
    planning_cell(planning, 2, 0)->bytes++;
    assert_refused(planning, 2,
                   "cell 0 (1 vCPUs, 1.0 GiB in pages of 2.0 MiB) finds no room, nor can "
                   "others make it; all host nodes that it may use have 1.0 GiB left "
                   "together; host node 1, the nearest to enough, lacks 2.0 MiB in pages "
                   "of 2.0 MiB: free that much there");
}

static void
test_overcommit(void)
{
    g_autoptr(Planning) planning = planning_new(2, 2, 2, 64);
    planning_guest(planning, "one", 1, 4, 1);
    planning_guest(planning, "other", 1, 4, 1);
    planning_guest(planning, "third", 1, 2, 1);
    assert_refused(
        planning, 2,
        "cell 0 (2 vCPUs, 1.0 GiB of memory) finds no room, nor can others "
        "make it; all host nodes that it may use have 126.0 GiB left together; "
        "host node 0, the nearest to enough, lacks CPUs for 2 of the vCPUs: "
        "free that much there, or raise cpu_overcommit_ratio to 1.50");
    planning->problem.cpu_overcommit_ratio = 1.5;
    g_autoptr(VnPlannerResult) result = solve(planning);
    g_assert_cmpstr(result->refused[2], ==, NULL);
    g_assert_cmpfloat(result->max_cpu_load_ratio, ==, 1.5);
    planning->problem.smt = FALSE;
    planning->problem.cpu_overcommit_ratio = 2;
    g_autoptr(VnPlannerResult) cores = solve(planning);
    g_assert_nonnull(cores->refused[2]);
    planning->problem.cpu_overcommit_ratio = 0;
    g_autoptr(VnPlannerResult) no_limit = solve(planning);
    g_assert_cmpstr(no_limit->refused[2], ==, NULL);
}

/* Before siblings are squeezed another node is used, also where that costs a move. */
static void
test_smt(void)
{
    g_autoptr(Planning) planning = planning_new(2, 4, 2, 64);
    planning_guest(planning, "one", 1, 4, 1);
    planning_guest(planning, "other", 1, 4, 1);
    planning_place(planning, 0, 0, 0);
    planning_place(planning, 1, 0, 0);
    g_autoptr(VnPlannerResult) result = solve(planning);
    g_assert_cmpint(result->homes[0][0], !=, result->homes[1][0]);
    g_assert_cmpuint(result->moved_bytes, ==, GIB);
    /* Two cells that belong together squeeze rather. */
    g_autoptr(Planning) pair = planning_new(2, 4, 2, 64);
    planning_guest(pair, "pair", 2, 4, 1);
    g_autoptr(VnPlannerResult) together = solve(pair);
    assert_homes(together, 0, 0, 0);
}

static void
test_devices(void)
{
    static const guint node = 2;
    g_autoptr(Planning) planning = planning_new(4, 8, 1, 64);
    VnPlannerGuest *guest = planning_guest(planning, "nic", 2, 4, 8);
    guest->n_devices = 1;
    guest->devices = g_memdup2(&node, sizeof(node));
    g_autoptr(VnPlannerResult) result = solve(planning);
    assert_homes(result, 0, 2, 2);
}

/* The vCPUs of a cell on a node without CPUs run at the nearest that has some. */
static void
test_memory_only_node(void)
{
    g_autoptr(Planning) planning = planning_new(3, 4, 1, 16);
    VnHostNode *far = planning_node(planning, 2);
    vn_idset_remove_all(far->cpus, far->cpus);
    planning_set_distance(planning, 1, 2, 15);
    planning_guest(planning, "one", 1, 2, 12);
    planning_guest(planning, "other", 1, 2, 12);
    planning_guest(planning, "third", 1, 2, 12);
    g_autoptr(VnPlannerResult) result = solve(planning);
    assert_homes(result, 0, 0, -1);
    assert_homes(result, 1, 1, -1);
    assert_homes(result, 2, 2, -1);
    g_assert_cmpfloat_with_epsilon(result->remote_cost, 1 + 0.5 / 3, 1e-9);
    g_assert_cmpfloat(result->max_cpu_load_ratio, ==, 1);
}

static void
add_eight(Planning *planning, VnPlaceAim aim)
{
    for (guint i = 0; i < 8; i++)
        planning_guest(planning, "one of eight", 1, 2, 4)->aim = aim;
}

static guint
count_nodes(const VnPlannerResult *result, guint n_nodes, guint *ret_most)
{
    guint used = 0;
    *ret_most = 0;
    for (guint i = 0; i < n_nodes; i++) {
        guint n = 0;
        for (guint j = 0; j < result->n_guests; j++)
            n += result->homes[j][0] == (int) i;
        used += n > 0;
        *ret_most = MAX(*ret_most, n);
    }
    return used;
}

static void
test_aims(void)
{
    static const guint nodes[] = {
        [VN_PLACE_PACK] = 2, [VN_PLACE_SPREAD] = 4, [VN_PLACE_BALANCE] = 4};
    for (VnPlaceAim aim = VN_PLACE_PACK; aim <= VN_PLACE_BALANCE; aim++) {
        g_autoptr(Planning) planning = planning_new(4, 8, 1, 64);
        add_eight(planning, aim);
        g_autoptr(VnPlannerResult) result = solve(planning);
        guint most;
        g_assert_cmpuint(count_nodes(result, 4, &most), ==, nodes[aim]);
        g_assert_cmpuint(most, ==, 8 / nodes[aim]);
    }
}

/* Guests that lie about are brought together, so that whole nodes are free. */
static void
test_pack_again(void)
{
    g_autoptr(Planning) planning = planning_new(4, 8, 1, 64);
    guint most;
    add_eight(planning, VN_PLACE_PACK);
    for (guint i = 0; i < 8; i++)
        planning_place(planning, i, 0, i % 4);
    g_autoptr(VnPlannerResult) result = solve(planning);
    g_assert_cmpuint(count_nodes(result, 4, &most), ==, 2);
    planning->problem.search_only = TRUE;
    g_autoptr(VnPlannerResult) searched = solve(planning);
    g_assert_cmpuint(count_nodes(searched, 4, &most), ==, 2);
}

/* Memory weighs as much as CPUs: a node with little of it gets less. */
static void
test_balance_memory(void)
{
    g_autoptr(Planning) planning = planning_new(2, 16, 1, 64);
    planning_node(planning, 1)->free_bytes = 16 * GIB;
    for (guint i = 0; i < 5; i++)
        planning_guest(planning, "guest", 1, 1, 8)->aim = VN_PLACE_BALANCE;
    g_autoptr(VnPlannerResult) result = solve(planning);
    guint on_first = 0;
    for (guint i = 0; i < 5; i++)
        on_first += result->homes[i][0] == 0;
    g_assert_cmpuint(on_first, ==, 4);
}

/* Three small guests lie on three nodes; a large one wants all of a node. */
static void
test_make_room(void)
{
    for (guint search_only = 0; search_only < 2; search_only++) {
        g_autoptr(Planning) planning = planning_new(3, 16, 1, 16);
        planning->problem.search_only = search_only;
        for (guint i = 0; i < 3; i++) {
            planning_guest(planning, "small", 1, 2, 5 + i);
            planning_place(planning, i, 0, i);
        }
        planning_guest(planning, "large", 1, 4, 16);
        g_autoptr(VnPlannerResult) result = solve(planning);
        assert_homes(result, 3, 0, -1);
        g_assert_cmpuint(result->moved_bytes, ==, 5 * GIB);
        /* Unless what would have to go may not. */
        for (guint i = 0; i < 3; i++)
            planning_cell(planning, i, 0)->fixed = TRUE;
        assert_refused(
            planning, 3,
            "cell 0 (4 vCPUs, 16.0 GiB of memory) finds no room, nor can "
            "others make it; all host nodes that it may use have 30.0 GiB left "
            "together; host node 0, the nearest to enough, lacks 5.0 GiB of "
            "memory: free that much there");
    }
}

/* Two guests on each other's node of their device, and 2 GiB free on each. */
static void
test_exchange(void)
{
    static const guint nodes[] = {0, 1};
    for (guint search_only = 0; search_only < 2; search_only++) {
        g_autoptr(Planning) planning = planning_new(2, 8, 1, 16);
        planning->problem.search_only = search_only;
        for (guint i = 0; i < 2; i++) {
            VnPlannerGuest *guest = planning_guest(planning, "nic", 1, 4, 14);
            guest->n_devices = 1;
            guest->devices = g_memdup2(&nodes[i], sizeof(nodes[i]));
            planning_place(planning, i, 0, 1 - i);
        }
        g_autoptr(VnPlannerResult) result = solve(planning);
        assert_homes(result, 0, 0, -1);
        assert_homes(result, 1, 1, -1);
        g_assert_cmpuint(result->moved_bytes, ==, 28 * GIB);
    }
}

/* A large one gives its place to a smaller one, so that a third fits beside that. */
static void
test_exchange_for_room(void)
{
    g_autoptr(Planning) planning = planning_new(2, 16, 1, 16);
    planning->problem.search_only = TRUE;
    planning_guest(planning, "six", 1, 1, 6);
    planning_guest(planning, "four", 1, 1, 4);
    planning_guest(planning, "five", 1, 1, 5);
    planning_guest(planning, "seven", 1, 1, 7);
    for (guint i = 0; i < 4; i++)
        planning_place(planning, i, 0, i / 2);
    /* 6 and 4 GiB are left: of 10, when 5 and 4 have changed places, 9 are on one. */
    planning_guest(planning, "new", 1, 1, 5);
    planning_guest(planning, "newer", 1, 1, 5);
    g_autoptr(VnPlannerResult) result = solve(planning);
    g_assert_cmpstr(result->refused[4], ==, NULL);
    g_assert_cmpstr(result->refused[5], ==, NULL);
}

/* What is closed is left, others making room elsewhere; what finds none stays. */
static void
test_closed(void)
{
    for (guint search_only = 0; search_only < 2; search_only++) {
        g_autoptr(Planning) planning = planning_new(3, 16, 1, 16);
        planning->problem.search_only = search_only;
        planning_guest(planning, "leaves", 1, 2, 12);
        planning_guest(planning, "also", 1, 2, 4);
        planning_guest(planning, "in the way", 1, 2, 7);
        planning_guest(planning, "beside", 1, 2, 6);
        planning_place(planning, 0, 0, 0);
        planning_place(planning, 1, 0, 0);
        planning_place(planning, 2, 0, 1);
        planning_place(planning, 3, 0, 2);
        planning->closed[0] = TRUE;
        g_autoptr(VnPlannerResult) result = solve(planning);
        for (guint i = 0; i < 4; i++)
            g_assert_cmpint(result->homes[i][0], !=, 0);
        planning_cell(planning, 2, 0)->fixed = TRUE;
        planning_cell(planning, 3, 0)->fixed = TRUE;
        g_autoptr(VnPlannerResult) stuck = solve(planning);
        assert_homes(stuck, 0, 0, -1);
        g_assert_cmpint(stuck->homes[1][0], !=, 0);
    }
}

/* A gain below its price moves nothing. */
static void
test_price(void)
{
    g_autoptr(Planning) planning = planning_new(2, 16, 1, 64);
    VnPlannerGuest *guest = planning_guest(planning, "nic", 1, 4, 16);
    static const guint device = 1;
    guest->n_devices = 1;
    guest->devices = g_memdup2(&device, sizeof(device));
    planning_place(planning, 0, 0, 0);
    planning_set_distance(planning, 0, 1, 11); /* gain 0.5 x 0.1, price 0.05 */
    g_autoptr(VnPlannerResult) stays = solve(planning);
    assert_homes(stays, 0, 0, -1);
    planning_set_distance(planning, 0, 1, 12);
    g_autoptr(VnPlannerResult) goes = solve(planning);
    assert_homes(goes, 0, 1, -1);
}

/* Above its limits already: all may stay, and nothing comes. */
static void
test_above_limits(void)
{
    g_autoptr(Planning) planning = planning_new(1, 4, 1, 16);
    for (guint i = 0; i < 3; i++) {
        planning_guest(planning, "much", 1, 2, 8);
        planning_place(planning, i, 0, 0);
    }
    planning_guest(planning, "new", 1, 0, 0);
    planning_guest(planning, "newer", 1, 1, 1);
    g_autoptr(VnPlannerResult) result = solve(planning);
    for (guint i = 0; i < 3; i++)
        assert_homes(result, i, 0, -1);
    g_assert_nonnull(result->refused[4]);
}

/* Admitted, but nobody knows where: where most of it is, or is room. */
static void
test_presumed(void)
{
    g_autoptr(Planning) planning = planning_new(2, 1, 1, 16);
    planning_guest(planning, "lost", 1, 4, 8);
    planning_place(planning, 0, 0, 1);
    planning_cell(planning, 0, 0)->now = -1;
    planning_guest(planning, "never", 1, 4, 64)->admitted = TRUE;
    g_autoptr(VnPlannerResult) result = vn_planner_solve(&planning->problem);
    assert_homes(result, 0, 1, -1);
    assert_homes(result, 1, 0, -1);
}

static void
test_refusals(void)
{
    g_autoptr(Planning) planning = planning_new(2, 4, 1, 16);
    VnPlannerGuest *guest = planning_guest(planning, "guest", 2, 2, 4);
    planning_cell(planning, 0, 1)->bytes = 40 * GIB;
    assert_refused(planning, 0,
                   "cell 1 wants 40.0 GiB of memory, more than any host node that it may "
                   "use has (host node 0: 16.0 GiB): split it into 3 cells");
    planning_cell(planning, 0, 1)->bytes = G_MAXUINT64;
    assert_refused(planning, 0,
                   "cell 1 wants 8.0 PiB of memory, more than any host node that it may "
                   "use has (host node 0: 16.0 GiB): split it into 524288 cells");
    planning_cell(planning, 0, 1)->bytes = GIB;
    planning_cell(planning, 0, 1)->page_size_bytes = GIB;
    assert_refused(planning, 0,
                   "cell 1 wants 1.0 GiB in pages of 1.0 GiB, and no host node that it "
                   "may use has such: reserve 1 pages of 1.0 GiB on one");
    planning_cell(planning, 0, 1)->page_size_bytes = 0;
    planning_cell(planning, 0, 1)->vcpus = 6;
    assert_refused(planning, 0,
                   "cell 1 has 6 vCPUs, more than any host node that it may use takes "
                   "(host node 0: 4 on 4 CPUs): split it, or raise cpu_overcommit_ratio "
                   "to 1.50");
    planning_cell(planning, 0, 1)->vcpus = 2;
    planning_cell(planning, 0, 1)->allowed = g_new0(gboolean, 2);
    assert_refused(planning, 0,
                   "cell 1 may use no host node that has memory: allow it others");
    planning_cell(planning, 0, 1)->allowed[1] = TRUE;
    planning->closed[1] = TRUE;
    assert_refused(planning, 0,
                   "cell 1 may use host node 1 only, which takes nothing new: open it "
                   "again, or allow it others");
    guest->admitted = TRUE; /* whatever it is, it runs */
    g_autoptr(VnPlannerResult) result = vn_planner_solve(&planning->problem);
    g_assert_cmpstr(result->refused[0], ==, NULL);
}

/* Of what cannot all be admitted, as many guests as possible; then as many vCPUs. */
static void
test_most_guests(void)
{
    for (guint search_only = 0; search_only < 2; search_only++) {
        g_autoptr(Planning) planning = planning_new(1, 16, 1, 16);
        planning->problem.search_only = search_only;
        planning_guest(planning, "large", 1, 8, 12);
        planning_guest(planning, "one", 1, 1, 8);
        planning_guest(planning, "two", 1, 2, 8);
        planning_guest(planning, "three", 1, 4, 8);
        g_autoptr(VnPlannerResult) result = solve(planning);
        g_assert_nonnull(result->refused[0]);
        g_assert_nonnull(result->refused[1]);
        g_assert_cmpstr(result->refused[2], ==, NULL);
        g_assert_cmpstr(result->refused[3], ==, NULL);
    }
}

static void
test_effort(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(4);
    for (guint64 effort = 1; effort < 100000; effort *= 3) {
        g_autoptr(Planning) planning = planning_random(random, 8, 40);
        planning->problem.effort = effort;
        g_autoptr(VnPlannerResult) result = solve(planning);
        /* It stops between two changes, and each looks at all host nodes at most. */
        g_assert_cmpuint(result->effort, <, effort + 40 * 40 * 8);
    }
}

static gboolean
same_homes(const Planning *planning, const VnPlannerResult *one,
           const VnPlannerResult *other)
{
    for (guint i = 0; i < one->n_guests; i++) {
        const VnPlannerGuest *guest = planning->problem.guests->pdata[i];
        if (guest->cells->len &&
            memcmp(one->homes[i], other->homes[i], guest->cells->len * sizeof(int)) != 0)
            return FALSE;
    }
    return TRUE;
}

/* The same problem, the same answer; and once it is carried out nothing is left. */
static void
check_random(guint seed, guint n_nodes_max, guint n_cells_max, gboolean search_only)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    g_autoptr(Planning) planning = planning_random(random, n_nodes_max, n_cells_max);
    planning->problem.search_only = search_only;
    g_autoptr(VnPlannerResult) result = solve(planning);
    g_autoptr(VnPlannerResult) again = solve(planning);
    g_assert_true(same_homes(planning, result, again));
    g_assert_cmpuint(result->effort, ==, again->effort);
    if (!planning_apply(planning, result))
        return;
    g_autoptr(VnPlannerResult) then = solve(planning);
    if (!same_homes(planning, result, then)) {
        g_test_message("seed %u", seed);
        g_test_fail();
    }
}

static void
test_random_small(void)
{
    for (guint i = 0; i < ROUNDS; i++)
        check_random(i, 4, 6, FALSE);
}

static void
test_random_searched(void)
{
    for (guint i = 0; i < ROUNDS; i++)
        check_random(i, 4, 8, TRUE);
}

static void
test_random_large(void)
{
    for (guint i = 0; i < ROUNDS / 5; i++)
        check_random(i, 12, 100, FALSE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/planner/nothing", test_nothing);
    g_test_add_func("/planner/together", test_together);
    g_test_add_func("/planner/traffic", test_traffic);
    g_test_add_func("/planner/limits", test_limits);
    g_test_add_func("/planner/huge-pages", test_huge_pages);
    g_test_add_func("/planner/overcommit", test_overcommit);
    g_test_add_func("/planner/smt", test_smt);
    g_test_add_func("/planner/devices", test_devices);
    g_test_add_func("/planner/memory-only-node", test_memory_only_node);
    g_test_add_func("/planner/aims", test_aims);
    g_test_add_func("/planner/pack-again", test_pack_again);
    g_test_add_func("/planner/balance-memory", test_balance_memory);
    g_test_add_func("/planner/make-room", test_make_room);
    g_test_add_func("/planner/exchange", test_exchange);
    g_test_add_func("/planner/exchange-for-room", test_exchange_for_room);
    g_test_add_func("/planner/closed", test_closed);
    g_test_add_func("/planner/price", test_price);
    g_test_add_func("/planner/above-limits", test_above_limits);
    g_test_add_func("/planner/presumed", test_presumed);
    g_test_add_func("/planner/refusals", test_refusals);
    g_test_add_func("/planner/most-guests", test_most_guests);
    g_test_add_func("/planner/effort", test_effort);
    g_test_add_func("/planner/random/small", test_random_small);
    g_test_add_func("/planner/random/searched", test_random_searched);
    g_test_add_func("/planner/random/large", test_random_large);
    return g_test_run();
}
