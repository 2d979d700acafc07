/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What move_pages(2) does to another process's ordinary pages, and what it says about
 * each: man 2 move_pages, man 7 cpuset;
 * Documentation/admin-guide/mm/numa_memory_policy.rst and
 * Documentation/mm/page_migration.rst of the kernel.
 */
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <numaif.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PAGES = 512,
    ROUNDS_MAX = 20,
};

static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* Moves until all lie on the node; returns the number of rounds, or 0 after too many. */
static unsigned
move_all(pid_t pid, char *address, size_t count, int node, int *ret_statuses)
{
    for (unsigned round = 1; round <= ROUNDS_MAX; round++) {
        platform_move(pid, address, count, PLATFORM_PAGE, node, ret_statuses);
        platform_move(pid, address, count, PLATFORM_PAGE, -1, ret_statuses);
        if (platform_count(ret_statuses, count, node) == count)
            return round;
    }
    return 0;
}

/* Policies govern where new pages come from; moving pages looks at the cpuset only. */
static void
crosses_policy(void)
{
    struct target target = target_start();
    const struct target_memory memory = {
        .bytes = 2 * PAGES * PLATFORM_PAGE, .node = 0, .untouched = true};
    char *address = target_map(&target, &memory);
    char *second = address + PAGES * PLATFORM_PAGE;
    int statuses[PAGES];
    unsigned rounds;

    target_touch(&target, address, PAGES * PLATFORM_PAGE);
    rounds = move_all(target.pid, address, PAGES, 1, statuses);
    platform_fact(rounds > 0, "pages bound to node 0 move to node 1 (%u rounds)", rounds);
    platform_fact(strcmp(platform_policy(target.pid, address), "bind:0") == 0 &&
                      platform_numa_maps(target.pid, address, "N1") == PAGES,
                  "their policy stays: %s, %ld pages on node 1",
                  platform_policy(target.pid, address),
                  platform_numa_maps(target.pid, address, "N1"));
    target_touch(&target, second, PAGES * PLATFORM_PAGE);
    platform_fact(platform_numa_maps(target.pid, address, "N0") == PAGES,
                  "new pages of the same mapping still come from node 0");
    target_end(&target);
}

/* ENOENT and EFAULT: see "Page states in the status array" in man 2 move_pages. */
static void
tells_states_apart(void)
{
    struct target target = target_start();
    struct target_memory memory = {.bytes = PLATFORM_HUGE_PAGE, .node = 0};
    char *present = target_map(&target, &memory);
    char *absent;
    char *zero;
    char *absent_shared;
    int asked[5];
    int moved[5];
    void *pages[5];
    const int nodes[5] = {1, 1, 1, 1, 1};
    long result;

    memory.untouched = true;
    absent = target_map(&target, &memory);
    memory.shared = true;
    absent_shared = target_map(&target, &memory);
    memory.shared = memory.untouched = false;
    memory.only_read = true;
    zero = target_map(&target, &memory);
    memcpy(pages, (void *[]){present, absent, absent_shared, zero, (void *) 0x1000},
           sizeof(pages));
    move_pages(target.pid, 5, pages, NULL, asked, 0);
    result = move_pages(target.pid, 5, pages, nodes, moved, MPOL_MF_MOVE);
    platform_fact(asked[0] == 0, "asked: a present page's status is its node");
    platform_fact(asked[1] == -EFAULT && moved[1] == -EFAULT,
                  "an absent page of private memory is EFAULT (%d, %d), not ENOENT",
                  asked[1], moved[1]);
    platform_fact(asked[2] == -ENOENT && moved[2] == -ENOENT,
                  "an absent page of shared memory is ENOENT (%d, %d)", asked[2],
                  moved[2]);
    platform_fact(asked[3] == -EFAULT && moved[3] == -EFAULT, "the zero page is EFAULT");
    platform_fact(asked[4] == -EFAULT && moved[4] == -EFAULT,
                  "an address without mapping is EFAULT");
    platform_fact(moved[0] == 1 && result == 0,
                  "one page's failure stops no other, and the result is 0");
    result = move_pages(target.pid, 1, pages, nodes, moved, MPOL_MF_MOVE);
    platform_fact(result == 0 && moved[0] == 1,
                  "a page that is there already: result 0, its status the node");
    target_end(&target);
}

/* The check is made page by page: what came before in the same call has been moved. */
static void
needs_the_cpuset(void)
{
    static const char group[] = "/sys/fs/cgroup/vnumad-platform";
    struct target target = target_start();
    const struct target_memory memory = {.bytes = PLATFORM_HUGE_PAGE, .node = 0};
    char *address = target_map(&target, &memory);
    char path[128];
    void *pages[2] = {address, address + PLATFORM_PAGE};
    const int nodes[2] = {0, 1};
    int statuses[2] = {PLATFORM_UNWRITTEN, PLATFORM_UNWRITTEN};
    long result;

    platform_require(mkdir(group, 0755) == 0 || errno == EEXIST, group);
    snprintf(path, sizeof(path), "%s/cpuset.mems", group);
    platform_require(platform_write(path, "0"), path);
    snprintf(path, sizeof(path), "%s/cgroup.procs", group);
    platform_require(platform_write(path, "%d", target.pid), path);
    result = move_pages(target.pid, 2, pages, nodes, statuses, MPOL_MF_MOVE);
    platform_fact(result == -1 && errno == EACCES,
                  "a node outside the target's cpuset.mems: the call fails with EACCES");
    platform_note("statuses of an allowed and a refused page in it: %d %d", statuses[0],
                  statuses[1]);
    snprintf(path, sizeof(path), "%s/cpuset.mems", group);
    platform_require(platform_write(path, "0-1"), path);
    result = move_pages(target.pid, 2, pages, nodes, statuses, MPOL_MF_MOVE);
    platform_fact(result == 0 && statuses[1] == 1,
                  "a wider cpuset.mems lets the page go");
    target_end(&target);
    platform_fact(rmdir(group) == 0, "and leaves nothing behind");
}

/* A page somebody holds a reference to does not move, and does as soon as they let go. */
static long
hold_in_pipe(const void *argument)
{
    static int ends[2];
    struct iovec page = {.iov_len = PLATFORM_PAGE};
    char bytes[PLATFORM_PAGE];

    memcpy(&page.iov_base, argument, sizeof(page.iov_base));
    if (!page.iov_base)
        return read(ends[0], bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : -1;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    return vmsplice(ends[1], &page, 1, 0) == (ssize_t) PLATFORM_PAGE ? 0 : -1;
}

static void
held_page_is_busy(void)
{
    struct target target = target_start();
    const struct target_memory memory = {.bytes = PLATFORM_HUGE_PAGE, .node = 0};
    char *address = target_map(&target, &memory);
    char *nothing = NULL;
    int statuses[3];
    long result;

    platform_require(target_call(&target, hold_in_pipe, &address, sizeof(address)) == 0,
                     "vmsplice");
    result = platform_move(target.pid, address, 3, PLATFORM_PAGE, 1, statuses);
    platform_fact(result == 1, "one held page of three: the result is %ld", result);
    platform_fact(platform_count(statuses, 3, PLATFORM_UNWRITTEN) == 3,
                  "and no status is written, not even of those that moved (%s)",
                  platform_tally(statuses, 3));
    platform_move(target.pid, address, 3, PLATFORM_PAGE, -1, statuses);
    platform_fact(statuses[0] == 0 && statuses[1] == 1 && statuses[2] == 1,
                  "asking tells: the held page stayed, the others moved");
    platform_require(target_call(&target, hold_in_pipe, &nothing, sizeof(nothing)) == 0,
                     "read from the pipe");
    platform_fact(move_all(target.pid, address, 3, 1, statuses) > 0,
                  "it moves once it is let go");
    target_end(&target);
}

/* Pages just touched or just moved sit in batches of a CPU on their way to the LRU lists.
 */
static void
retries_get_all(void)
{
    struct target target = target_start();
    const struct target_memory memory = {.bytes = 64 * PLATFORM_HUGE_PAGE, .node = 0};
    const size_t count = memory.bytes / PLATFORM_PAGE;
    char *address = target_map(&target, &memory);
    int *statuses = calloc(count, sizeof(*statuses));
    unsigned there;
    unsigned back;
    double begin;

    platform_require(statuses, "calloc");
    platform_move(target.pid, address, count, PLATFORM_PAGE, 1, statuses);
    platform_note("first move of %zu pages: %s", count, platform_tally(statuses, count));
    there = move_all(target.pid, address, count, 1, statuses);
    begin = seconds();
    platform_move(target.pid, address, count, PLATFORM_PAGE, 0, statuses);
    platform_note("and straight back, in %.2f s: %s", seconds() - begin,
                  platform_tally(statuses, count));
    back = move_all(target.pid, address, count, 0, statuses);
    platform_fact(there > 0 && back > 0,
                  "all pages move in a few tries (%u there, %u back)", there + 1,
                  back + 1);
    free(statuses);
    target_end(&target);
}

/* The target forks: its child maps the same pages. */
static long
fork_here(const void *argument)
{
    pid_t child;

    (void) argument;
    child = fork();
    if (child == 0) {
        for (;;)
            pause();
    }
    return child;
}

static void
shared_pages_need_all(void)
{
    struct target target = target_start();
    const struct target_memory memory = {
        .bytes = PLATFORM_HUGE_PAGE, .node = 0, .shared = true};
    char *address = target_map(&target, &memory);
    long child = target_call(&target, fork_here, NULL, 0);
    void *page = address;
    const int node = 1;
    int status = PLATFORM_UNWRITTEN;
    long result;

    platform_require(child > 0, "fork in the target");
    result = move_pages(target.pid, 1, &page, &node, &status, MPOL_MF_MOVE);
    platform_note("shared memory that one process has touched: result %ld, status %d",
                  result, status);
    target_end(&target);
    kill((pid_t) child, SIGKILL);

    target = target_start();
    address = target_map(&target, &(struct target_memory){.bytes = PLATFORM_HUGE_PAGE});
    child = target_call(&target, fork_here, NULL, 0);
    page = address;
    result = move_pages(target.pid, 1, &page, &node, &status, MPOL_MF_MOVE);
    platform_fact(status == -EACCES,
                  "a page mapped by two processes is EACCES (%d, result %ld)", status,
                  result);
    result = move_pages(target.pid, 1, &page, &node, &status, MPOL_MF_MOVE_ALL);
    platform_fact(result == 0 && status == 1, "MPOL_MF_MOVE_ALL moves it");
    target_end(&target);
    kill((pid_t) child, SIGKILL);
}

/* Free memory of a node in bytes, from its meminfo. */
static size_t
free_bytes(int node)
{
    char path[64];
    char line[128];
    unsigned long kb = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
    file = fopen(path, "re");
    platform_require(file, path);
    while (fgets(line, sizeof(line), file) &&
           sscanf(line, "Node %*d MemFree: %lu", &kb) != 1) {
    }
    fclose(file);
    return kb * 1024;
}

static void
full_node_takes_what_it_can(void)
{
    const struct target_memory memory = {.bytes = 64 * PLATFORM_HUGE_PAGE, .node = 0};
    const size_t count = memory.bytes / PLATFORM_PAGE;
    struct target_memory filling = {.node = 1, .huge_pages = true};
    struct target target = target_start();
    struct target filler = target_start();
    char *address = target_map(&target, &memory);
    int *statuses = calloc(count, sizeof(*statuses));
    size_t moved;
    double begin;
    long result;

    filling.bytes = (free_bytes(1) / PLATFORM_HUGE_PAGE - 32) * PLATFORM_HUGE_PAGE;
    platform_require(statuses && target_map(&filler, &filling), "fill node 1");
    begin = seconds();
    result = platform_move(target.pid, address, count, PLATFORM_PAGE, 1, statuses);
    platform_note("128 MiB to a node with %zu MiB free, %.1f s: result %ld, errno %d, %s",
                  free_bytes(1) >> 20, seconds() - begin, result, result < 0 ? errno : 0,
                  platform_tally(statuses, count));
    platform_fact(result == -1 ? errno == ENOMEM : result > 0,
                  "a full node: the result says so (%ld)", result);
    platform_move(target.pid, address, count, PLATFORM_PAGE, -1, statuses);
    moved = platform_count(statuses, count, 1);
    platform_fact(moved + platform_count(statuses, count, 0) == count,
                  "what fits has moved (%zu of %zu pages), the rest is where it was",
                  moved, count);
    target_end(&filler);
    platform_fact(move_all(target.pid, address, count, 1, statuses) > 0,
                  "with memory free again the rest follows");
    free(statuses);
    target_end(&target);
}

int
main(void)
{
    platform_start();
    crosses_policy();
    tells_states_apart();
    needs_the_cpuset();
    held_page_is_busy();
    retries_get_all();
    shared_pages_need_all();
    full_node_takes_what_it_can();
    return platform_end();
}
