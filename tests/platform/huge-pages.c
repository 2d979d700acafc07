/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What move_pages(2) does with huge pages, transparent ones and those of a hugetlb pool:
 * Documentation/admin-guide/mm/{transhuge,hugetlbpage}.rst and Documentation/mm/
 * page_migration.rst of the kernel; and how numa_maps counts them: man 5 numa (or proc).
 */
#include "platform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SMALL_PER_HUGE = PLATFORM_HUGE_PAGE / PLATFORM_PAGE,
    HUGE = 8,
    ROUNDS_MAX = 20,
};

#define POOL(node) \
    "/sys/devices/system/node/node" #node "/hugepages/hugepages-2048kB/nr_hugepages"

static long
huge_kb(const struct target *target, const char *address)
{
    return platform_smaps_kb(target->pid, address, "AnonHugePages");
}

static void
whole_by_its_head(void)
{
    const struct target_memory memory = {
        .bytes = HUGE * PLATFORM_HUGE_PAGE, .node = 0, .huge_pages = true};
    struct target target = target_start();
    char *address = target_map(&target, &memory);
    int statuses[HUGE];
    long result;

    platform_require(huge_kb(&target, address) == (long) memory.bytes / 1024,
                     "transparent huge pages");
    platform_fact(platform_numa_maps(target.pid, address, "N0") ==
                          HUGE * SMALL_PER_HUGE &&
                      platform_numa_maps(target.pid, address, "kernelpagesize_kB") == 4,
                  "numa_maps counts a transparent huge page as 512 pages of 4 kB");
    result = platform_move(target.pid, address, HUGE, PLATFORM_HUGE_PAGE, 1, statuses);
    platform_fact(result == 0 && platform_count(statuses, HUGE, 1) == HUGE,
                  "naming the first address of each is enough (result %ld, %s)", result,
                  platform_tally(statuses, HUGE));
    platform_fact(platform_numa_maps(target.pid, address, "N1") == HUGE * SMALL_PER_HUGE,
                  "all of their 4 kB pages are on the other node");
    platform_fact(huge_kb(&target, address) == (long) memory.bytes / 1024,
                  "and they are huge still");
    result = platform_move(target.pid, address + 77 * PLATFORM_PAGE, HUGE,
                           PLATFORM_HUGE_PAGE, 0, statuses);
    platform_fact(result == 0 &&
                      platform_numa_maps(target.pid, address, "N0") ==
                          HUGE * SMALL_PER_HUGE &&
                      huge_kb(&target, address) == (long) memory.bytes / 1024,
                  "any other address in them does the same");
    target_end(&target);
}

static void
every_part_named(void)
{
    const struct target_memory memory = {
        .bytes = HUGE * PLATFORM_HUGE_PAGE, .node = 0, .huge_pages = true};
    struct target target = target_start();
    char *address = target_map(&target, &memory);
    static int statuses[HUGE * SMALL_PER_HUGE];
    unsigned rounds = 0;
    long result;

    result = platform_move(target.pid, address, HUGE * SMALL_PER_HUGE, PLATFORM_PAGE, 1,
                           statuses);
    platform_note(
        "every 4 kB of a transparent huge page named: result %ld, %s; on node 1: %ld, "
        "huge: %ld kB",
        result, platform_tally(statuses, HUGE * SMALL_PER_HUGE),
        platform_numa_maps(target.pid, address, "N1"), huge_kb(&target, address));
    while (platform_numa_maps(target.pid, address, "N1") != HUGE * SMALL_PER_HUGE &&
           rounds++ < ROUNDS_MAX)
        platform_move(target.pid, address, HUGE * SMALL_PER_HUGE, PLATFORM_PAGE, 1,
                      statuses);
    platform_fact(rounds <= ROUNDS_MAX,
                  "naming every 4 kB of them moves them too, in the end");
    platform_fact(huge_kb(&target, address) == (long) memory.bytes / 1024,
                  "and they are huge still");
    target_end(&target);
}

static void
split_half(void)
{
    const struct target_memory memory = {
        .bytes = PLATFORM_HUGE_PAGE, .node = 0, .huge_pages = false};
    struct target target = target_start();
    char *address = target_map(&target, &memory);
    int status;

    platform_move(target.pid, address, 1, PLATFORM_PAGE, 1, &status);
    platform_fact(
        status == 1 && platform_numa_maps(target.pid, address, "N1") == 1,
        "where pages are small the same call moves one page, with the same answer");
    target_end(&target);
}

static void
pool_pages(void)
{
    const struct target_memory memory = {
        .bytes = HUGE * PLATFORM_HUGE_PAGE, .node = 0, .pool = true};
    struct target target = target_start();
    int statuses[HUGE];
    char *address;
    long result;

    platform_require(platform_write(POOL(0), "%d", HUGE), POOL(0));
    platform_require(platform_write(POOL(1), "%d", HUGE / 2), POOL(1));
    address = target_map(&target, &memory);
    platform_require(address, "huge pages of the pool");
    platform_fact(platform_numa_maps(target.pid, address, "N0") == HUGE &&
                      platform_numa_maps(target.pid, address, "kernelpagesize_kB") ==
                          2048,
                  "numa_maps counts pool pages by their own size");
    result =
        platform_move(target.pid, address + PLATFORM_PAGE, 1, PLATFORM_PAGE, 1, statuses);
    platform_note(
        "a pool page named by an address inside: result %ld, status %d, on node 1: "
        "%ld",
        result, statuses[0], platform_numa_maps(target.pid, address, "N1"));
    platform_fact(platform_numa_maps(target.pid, address, "N1") < 1,
                  "a pool page does not move unless its first address is named");
    result = platform_move(target.pid, address, HUGE, PLATFORM_HUGE_PAGE, 1, statuses);
    platform_fact(result == 0 && platform_numa_maps(target.pid, address, "N1") == HUGE,
                  "pool pages move beyond what the other pool has free (result %ld, %s)",
                  result, platform_tally(statuses, HUGE));
    platform_fact(platform_read(POOL(0)) == HUGE / 2 && platform_read(POOL(1)) == HUGE,
                  "then room in the pools has moved along: node 0 %ld, node 1 %ld pages",
                  platform_read(POOL(0)), platform_read(POOL(1)));
    target_end(&target);
    platform_write(POOL(0), "0");
    platform_write(POOL(1), "0");
}

int
main(void)
{
    platform_start();
    whole_by_its_head();
    every_part_named();
    split_half();
    pool_pages();
    return platform_end();
}
