/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel's own NUMA balancing does to an observer and to a mover: while it has a
 * page marked for a hinting fault, questions about that page are answered as if it were
 * not there. Documentation/admin-guide/sysctl/kernel.rst (numa_balancing) of the kernel.
 */
#include "platform.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SECONDS_MAX = 20,
};

#define SWITCH "/proc/sys/kernel/numa_balancing"

static int
first_cpu(int node)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
    return (int) platform_read(path);
}

static long
pin_here(const void *argument)
{
    cpu_set_t cpus;
    int cpu;

    memcpy(&cpu, argument, sizeof(cpu));
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    return sched_setaffinity(0, sizeof(cpus), &cpus);
}

static long
spin_here(const void *argument)
{
    clock_t end = clock() + CLOCKS_PER_SEC / 5;

    (void) argument;
    while (clock() < end) {
    }
    return 0;
}

/* Runs without touching the memory, so that marks stay: how many pages seem absent? */
static size_t
seem_absent(const struct target *target, char *address, size_t count, size_t step,
            int *statuses)
{
    time_t deadline = time(NULL) + SECONDS_MAX;
    size_t absent = 0;

    while (absent == 0 && time(NULL) < deadline) {
        target_call(target, spin_here, NULL, 0);
        platform_move(target->pid, address, count, step, -1, statuses);
        absent = platform_count(statuses, count, -EFAULT) +
                 platform_count(statuses, count, -ENOENT);
    }
    return absent;
}

static void
marked_pages(bool huge_pages)
{
    const struct target_memory memory = {
        .bytes = 16 * PLATFORM_HUGE_PAGE, .node = -1, .huge_pages = huge_pages};
    const size_t step = huge_pages ? PLATFORM_HUGE_PAGE : PLATFORM_PAGE;
    const size_t count = memory.bytes / step;
    const char *kind = huge_pages ? "huge pages" : "small pages";
    struct target target = target_start();
    int *statuses = calloc(count, sizeof(*statuses));
    const int home = first_cpu(1);
    const int away = first_cpu(0);
    char *address;
    size_t absent;
    long result;

    platform_require(statuses && target_call(&target, pin_here, &home, sizeof(home)) == 0,
                     "pin to node 1");
    address = target_map(&target, &memory);
    /* Pages that lie where their only thread runs are not marked. */
    platform_require(target_call(&target, pin_here, &away, sizeof(away)) == 0,
                     "pin to node 0");
    platform_write(SWITCH, "1");
    absent = seem_absent(&target, address, count, step, statuses);
    platform_note("%zu %s, all present: %s; numa_maps has %ld on node 1", count, kind,
                  platform_tally(statuses, count),
                  platform_numa_maps(target.pid, address, "N1"));
    platform_fact(absent > 0,
                  "%s marked for a hinting fault seem absent when asked about", kind);
    result = platform_move(target.pid, address, count, step, 0, statuses);
    platform_note("moved: result %ld, %s; numa_maps has %ld on node 0", result,
                  platform_tally(statuses, count),
                  platform_numa_maps(target.pid, address, "N0"));
    platform_fact(platform_numa_maps(target.pid, address, "N1") > 0,
                  "and they cannot be moved while they are marked");
    platform_write(SWITCH, "0");
    target_touch(&target, address, memory.bytes);
    platform_move(target.pid, address, count, step, 0, statuses);
    platform_move(target.pid, address, count, step, -1, statuses);
    platform_fact(platform_count(statuses, count, 0) == count,
                  "once touched, with balancing off, they move (%s)",
                  platform_tally(statuses, count));
    free(statuses);
    target_end(&target);
}

int
main(void)
{
    long before;

    platform_start();
    before = platform_read(SWITCH);
    if (before < 0) {
        platform_skip("pages marked for a hinting fault",
                      "a kernel without NUMA balancing");
        return platform_end();
    }
    marked_pages(false);
    marked_pages(true);
    platform_write(SWITCH, "%ld", before);
    return platform_end();
}
