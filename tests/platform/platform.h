/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For programs that prove what the project relies on in the kernel and around it: a line
 * of TAP for each fact, and a target: another process, made to have memory in a certain
 * state, as a running QEMU would be. The programs need root and two nodes with CPUs and
 * memory; they belong in the lab, and say so elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PLATFORM_PAGE 4096UL
#define PLATFORM_HUGE_PAGE (2UL << 20)
/* A status that move_pages never writes: what still has it was not written. */
#define PLATFORM_UNWRITTEN 99999

/* Ends the program with "all skipped" unless it runs as root on a host fit for it. */
void platform_start(void);
/* Prints the plan; the result is main's. */
int platform_end(void);
void platform_fact(bool holds, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void platform_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void platform_skip(const char *fact, const char *why);
/* For what must work lest nothing can be said: ends the program, loudly. */
void platform_require(bool holds, const char *what);

struct target {
    pid_t pid;
    int socket;
};

/* How memory of a target is made. */
struct target_memory {
    size_t bytes;
    int node;        /* bound to it, unless negative */
    bool huge_pages; /* transparent huge pages; otherwise none */
    bool pool;       /* hugetlb pages of 2 MiB */
    bool shared;     /* with children of the target */
    bool untouched;  /* populated by nobody */
    bool only_read;  /* touched, but never written */
};

struct target target_start(void);
void target_end(struct target *target);
/* Runs a function of this program in the target, with a copy of the argument. */
long target_call(const struct target *target, long (*function)(const void *),
                 const void *argument, size_t argument_bytes);
/* The address of new memory in the target; NULL if it could not be had. */
char *target_map(const struct target *target, const struct target_memory *memory);
void target_touch(const struct target *target, char *address, size_t bytes);

/* move_pages(2) on COUNT pages, STEP bytes apart, to one node; a negative node only asks.
 */
long platform_move(pid_t pid, char *address, size_t count, size_t step, int node,
                   int *ret_statuses);
size_t platform_count(const int *statuses, size_t count, int status);
/* "0: 512, -16: 3": how often each status came. */
const char *platform_tally(const int *statuses, size_t count);
/* A value of the line of numa_maps that holds an address, such as "N0"; -1 if it is not
 * there. */
long platform_numa_maps(pid_t pid, const char *address, const char *key);
/* The policy in that line. */
const char *platform_policy(pid_t pid, const char *address);
/* A value in kB of an address's smaps entry, such as "AnonHugePages". */
long platform_smaps_kb(pid_t pid, const char *address, const char *key);
bool platform_write(const char *path, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The first number in a file; -1 if there is none. */
long platform_read(const char *path);
