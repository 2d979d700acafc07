/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the files of the lab guest's workload. A *region* is memory in one guest cell
 * whose pages say which page they are, how often they were written, and their checksum. A
 * *job* is a thread pinned to a vCPU; it owns the region of its own number, and visits
 * pages of that or of another region in a chosen pattern. ../README.md has options,
 * commands and output lines.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PAGE_BYTES = 4096,
    PAGE_WORDS = PAGE_BYTES / 8,
    HEADER_WORDS = 4,
    PAGES_PER_MB = 256,
    CHUNK_PAGES = 512,
    JOBS_MAX = 64,
    SCHEDULE_MAX = 32,
    LINE_MAX_BYTES = 1024,
    MB_MAX = 1 << 20,
    CELL_NONE = -1,
    CELLS_MAX = 64,
};

#define SECOND_NS UINT64_C(1000000000)

enum access {
    ACCESS_WRITE,
    ACCESS_READ,
    ACCESS_MIXED,
    ACCESS_IDLE,
};

enum order {
    ORDER_SEQUENTIAL,
    ORDER_RANDOM,
    ORDER_SKEWED,
};

struct page {
    uint64_t magic;
    uint64_t index; /* region << 32 | page of the region */
    uint64_t generation;
    uint64_t checksum; /* over all other words */
    uint64_t body[PAGE_WORDS - HEADER_WORDS];
};

/* The generations are kept apart from the pages, so a stale page is noticed too. */
struct region {
    struct page *pages;
    uint32_t *generations;
    pthread_mutex_t *locks; /* one a chunk of CHUNK_PAGES */
    uint64_t page_count;
    unsigned id;
    atomic_uint verifier; /* the job whose turn it is in a full verification */
    atomic_ulong scrub_cursor;
};

/* What the main thread may change while the job runs is atomic. */
struct job {
    pthread_t thread;
    unsigned id;
    unsigned vcpu;
    int cell;
    uint64_t mb;
    atomic_uint region;
    atomic_uint access;
    atomic_uint order;
    atomic_uint rate_mb;
    uint64_t cursor;
    uint64_t random;
    uint64_t next_visit_ns;
    uint64_t next_scrub_ns;
    atomic_ulong ops;
    atomic_ulong checked;
    atomic_ulong longest_burst_ns;
    atomic_uint verified; /* number of the last full verification this job took part in */
};

struct scheduled {
    uint64_t at_ns;
    bool done;
    char command[LINE_MAX_BYTES];
};

struct workload {
    struct job jobs[JOBS_MAX];
    struct region regions[JOBS_MAX];
    unsigned job_count;
    struct scheduled schedule[SCHEDULE_MAX];
    unsigned schedule_count;
    uint64_t scrub_pages_per_second;
    pthread_barrier_t populated;
    atomic_uint verification; /* number of the full verification asked for last */
    atomic_ulong verified_pages;
    atomic_ulong mismatches;
    atomic_bool paused;
};

extern struct workload workload;

/* main.c */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t now_ns(void);

/* region.c */
bool region_map(struct region *region, const struct job *job);
void region_fill(struct region *region);
void region_visit(struct region *region, uint64_t number, bool write);
bool region_say_frames(const struct region *region, uint64_t first, uint64_t count);

/* job.c */
bool jobs_start(void);
unsigned keeper_of(unsigned region);

/* options.c */
char *next_word(char **rest);
bool parse_number(const char *text, unsigned long limit, unsigned long *ret_number);
bool parse_options(int count, char **options);
bool set_pattern(struct job *job, const char *key, const char *value);
