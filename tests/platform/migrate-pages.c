/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What migrate_pages(2), the call behind numactl's migratepages, can express, and what a
 * change of cpuset.mems does: man 2 migrate_pages, man 7 cpuset, and
 * Documentation/admin-guide/cgroup-v2.rst of the kernel.
 */
#include "platform.h"

#include <errno.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGES = 2048,
    MASK_BITS = 64,
};

static const char group[] = "/sys/fs/cgroup/vnumad-platform";

static long
migrate(pid_t pid, unsigned long from, unsigned long to)
{
    return migrate_pages(pid, MASK_BITS, &from, &to);
}

static void
cannot_swap(void)
{
    struct target target = target_start();
    char *first = target_map(
        &target, &(struct target_memory){.bytes = PAGES * PLATFORM_PAGE, .node = 0});
    char *second = target_map(
        &target, &(struct target_memory){.bytes = PAGES * PLATFORM_PAGE, .node = 1});
    long result;

    /* Sets of nodes have no order: "0,1 to 1,0" is "0,1 to 0,1". */
    result = migrate(target.pid, 3, 3);
    platform_fact(result == 0 && platform_numa_maps(target.pid, first, "N0") == PAGES &&
                      platform_numa_maps(target.pid, second, "N1") == PAGES,
                  "two nodes cannot be swapped: nothing moves (result %ld)", result);
    result = migrate(target.pid, 1, 2);
    platform_fact(
        result >= 0 && platform_numa_maps(target.pid, first, "N1") > PAGES * 9 / 10,
        "from one node to another everything moves (result %ld, %ld of %d pages)", result,
        platform_numa_maps(target.pid, first, "N1"), PAGES);
    target_end(&target);
}

/* In cgroup v2 cpuset.mems moves what it shuts out, and rebinds policies in order of
 * nodes. */
static void
cpuset_moves(void)
{
    struct target target = target_start();
    char path[128];
    char *bound;
    long on_node1 = 0;

    platform_require(mkdir(group, 0755) == 0 || errno == EEXIST, group);
    snprintf(path, sizeof(path), "%s/cgroup.procs", group);
    platform_require(platform_write(path, "%d", target.pid), path);
    snprintf(path, sizeof(path), "%s/cpuset.mems", group);
    platform_require(platform_write(path, "0"), path);
    bound = target_map(
        &target, &(struct target_memory){.bytes = PAGES * PLATFORM_PAGE, .node = 0});
    platform_require(bound, "memory in a cpuset");
    platform_require(platform_write(path, "1"), path);
    /* The kernel moves pages from a work item of its own. */
    for (unsigned round = 0; round < 100 && on_node1 < PAGES; round++) {
        on_node1 = platform_numa_maps(target.pid, bound, "N1");
        usleep(20000);
    }
    platform_fact(
        on_node1 > PAGES * 9 / 10,
        "a cpuset.mems that shuts a node out moves memory off it (%ld of %d pages)",
        on_node1, PAGES);
    platform_fact(strcmp(platform_policy(target.pid, bound), "bind:1") == 0,
                  "and rewrites the policy of mappings: %s",
                  platform_policy(target.pid, bound));
    target_end(&target);
    platform_fact(rmdir(group) == 0, "and leaves nothing behind");
}

int
main(void)
{
    platform_start();
    cannot_swap();
    cpuset_moves();
    return platform_end();
}
