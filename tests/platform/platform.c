/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See platform.h. */
#include "platform.h"

#include <errno.h>
#include <inttypes.h>
#include <numaif.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ARGUMENT_MAX = 256,
};

struct request {
    long (*function)(const void *);
    unsigned char argument[ARGUMENT_MAX];
};

static unsigned facts;
static unsigned failures;

void
platform_start(void)
{
    struct stat node;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (geteuid() != 0 || stat("/sys/devices/system/node/node1/cpulist", &node) != 0) {
        puts("1..0 # SKIP needs root and two nodes: run it in the lab (tests/lab)");
        exit(0);
    }
}

int
platform_end(void)
{
    printf("1..%u\n", facts);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

void
platform_fact(bool holds, const char *format, ...)
{
    va_list arguments;

    facts++;
    failures += !holds;
    printf("%s %u - ", holds ? "ok" : "not ok", facts);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void
platform_note(const char *format, ...)
{
    va_list arguments;

    fputs("# ", stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void
platform_skip(const char *fact, const char *why)
{
    facts++;
    printf("ok %u - %s # SKIP %s\n", facts, fact, why);
}

void
platform_require(bool holds, const char *what)
{
    if (!holds) {
        printf("Bail out! %s: %s\n", what, strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static void
target_serve(int socket)
{
    struct request request;

    while (recv(socket, &request, sizeof(request), 0) == sizeof(request)) {
        long result = request.function(request.argument);

        if (send(socket, &result, sizeof(result), MSG_NOSIGNAL) != sizeof(result))
            break;
    }
    _exit(0);
}

struct target
target_start(void)
{
    struct target target = {.pid = -1, .socket = -1};
    int sockets[2];

    platform_require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0,
                     "socketpair");
    target.pid = fork();
    platform_require(target.pid >= 0, "fork");
    if (target.pid == 0) {
        close(sockets[0]);
        target_serve(sockets[1]);
    }
    close(sockets[1]);
    target.socket = sockets[0];
    return target;
}

void
target_end(struct target *target)
{
    close(target->socket);
    kill(target->pid, SIGKILL);
    waitpid(target->pid, NULL, 0);
    target->pid = -1;
}

long
target_call(const struct target *target, long (*function)(const void *),
            const void *argument, size_t argument_bytes)
{
    struct request request = {.function = function};
    long result = -1;

    platform_require(argument_bytes <= ARGUMENT_MAX, "argument of a target's function");
    if (argument_bytes)
        memcpy(request.argument, argument, argument_bytes);
    platform_require(
        send(target->socket, &request, sizeof(request), 0) == sizeof(request) &&
            recv(target->socket, &result, sizeof(result), 0) == sizeof(result),
        "target");
    return result;
}

static void
touch(volatile char *address, size_t bytes, bool only_read)
{
    for (size_t i = 0; i < bytes; i += PLATFORM_PAGE) {
        if (only_read)
            (void) address[i];
        else
            address[i] = (char) (i / PLATFORM_PAGE);
    }
}

/* In the target. Memory that may be huge begins at a huge page's boundary. */
static long
map_here(const void *argument)
{
    struct target_memory memory;
    int flags = MAP_ANONYMOUS;
    char *address;

    memcpy(&memory, argument, sizeof(memory));
    flags |= (memory.shared ? MAP_SHARED : MAP_PRIVATE) | (memory.pool ? MAP_HUGETLB : 0);
    address = mmap(NULL, memory.bytes + (memory.pool ? 0 : PLATFORM_HUGE_PAGE),
                   PROT_READ | PROT_WRITE, flags, -1, 0);
    if (address == MAP_FAILED)
        return 0;
    if (!memory.pool) {
        address += -(uintptr_t) address % PLATFORM_HUGE_PAGE;
        madvise(address, memory.bytes,
                memory.huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    }
    if (memory.node >= 0) {
        unsigned long mask = 1UL << memory.node;

        if (mbind(address, memory.bytes, MPOL_BIND, &mask, 8 * sizeof(mask), 0) != 0)
            return 0;
    }
    if (!memory.untouched)
        touch(address, memory.bytes, memory.only_read);
    return (long) (intptr_t) address;
}

char *
target_map(const struct target *target, const struct target_memory *memory)
{
    return (char *) (intptr_t) target_call(target, map_here, memory, sizeof(*memory));
}

struct extent {
    char *address;
    size_t bytes;
};

static long
touch_here(const void *argument)
{
    struct extent extent;

    memcpy(&extent, argument, sizeof(extent));
    touch(extent.address, extent.bytes, false);
    return 0;
}

void
target_touch(const struct target *target, char *address, size_t bytes)
{
    const struct extent extent = {address, bytes};

    target_call(target, touch_here, &extent, sizeof(extent));
}

long
platform_move(pid_t pid, char *address, size_t count, size_t step, int node,
              int *ret_statuses)
{
    void **pages = calloc(count, sizeof(*pages));
    int *nodes = calloc(count, sizeof(*nodes));
    long result;
    int error;

    platform_require(pages && nodes, "calloc");
    for (size_t i = 0; i < count; i++) {
        pages[i] = address + i * step;
        nodes[i] = node;
        ret_statuses[i] = PLATFORM_UNWRITTEN;
    }
    result = move_pages(pid, count, pages, node < 0 ? NULL : nodes, ret_statuses,
                        node < 0 ? 0 : MPOL_MF_MOVE);
    error = errno;
    free(pages);
    free(nodes);
    errno = error;
    return result;
}

size_t
platform_count(const int *statuses, size_t count, int status)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += statuses[i] == status;
    return found;
}

const char *
platform_tally(const int *statuses, size_t count)
{
    static char text[512];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count && used < sizeof(text) - 40; i++) {
        if (platform_count(statuses, i, statuses[i]) == 0) {
            used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%d: %zu",
                                      used ? ", " : "", statuses[i],
                                      platform_count(statuses, count, statuses[i]));
        }
    }
    return text;
}

/* The line of numa_maps that begins at the address, or at the last one before it. */
static bool
numa_maps_line(pid_t pid, const char *address, char *ret_line, size_t line_bytes)
{
    char path[64];
    char line[1024];
    bool found = false;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/numa_maps", pid);
    file = fopen(path, "re");
    platform_require(file, path);
    while (fgets(line, sizeof(line), file)) {
        if (strtoul(line, NULL, 16) <= (uintptr_t) address) {
            snprintf(ret_line, line_bytes, "%s", line);
            found = true;
        }
    }
    fclose(file);
    return found;
}

long
platform_numa_maps(pid_t pid, const char *address, const char *key)
{
    char line[1024];
    char *rest = line;
    char *word;

    if (!numa_maps_line(pid, address, line, sizeof(line)))
        return -1;
    while ((word = strsep(&rest, " \n"))) {
        size_t length = strlen(key);

        if (strncmp(word, key, length) == 0 && word[length] == '=')
            return atol(word + length + 1);
    }
    return -1;
}

const char *
platform_policy(pid_t pid, const char *address)
{
    static char policy[64];
    char line[1024];

    policy[0] = '\0';
    if (numa_maps_line(pid, address, line, sizeof(line)))
        sscanf(line, "%*s %63s", policy);
    return policy;
}

long
platform_smaps_kb(pid_t pid, const char *address, const char *key)
{
    char path[64];
    char line[1024];
    bool inside = false;
    long kb = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
    file = fopen(path, "re");
    platform_require(file, path);
    while (kb < 0 && fgets(line, sizeof(line), file)) {
        uintptr_t begin;
        uintptr_t end;
        char permissions[5];

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s ", &begin, &end, permissions) ==
            3)
            inside = (uintptr_t) address >= begin && (uintptr_t) address < end;
        else if (inside && strncmp(line, key, strlen(key)) == 0 &&
                 line[strlen(key)] == ':')
            kb = atol(line + strlen(key) + 1);
    }
    fclose(file);
    return kb;
}

bool
platform_write(const char *path, const char *format, ...)
{
    FILE *file = fopen(path, "we");
    va_list arguments;
    bool good;

    if (!file)
        return false;
    va_start(arguments, format);
    good = vfprintf(file, format, arguments) >= 0;
    va_end(arguments);
    return (fclose(file) == 0) && good;
}

long
platform_read(const char *path)
{
    FILE *file = fopen(path, "re");
    long number = -1;

    if (!file)
        return -1;
    if (fscanf(file, "%ld", &number) != 1)
        number = -1;
    fclose(file);
    return number;
}
