/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: a thread each that fills its own region and then visits pages in its pattern, at
 * its rate, scrubs regions nobody visits, and takes its share in a full verification. Its
 * fields are set by others: by options.c before it starts, by commands in main.c
 * afterwards.
 */
#include "workload.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

enum {
    BURST_PAGES = 16,
    IDLE_NS = 20000000,
};

static void
sleep_until(uint64_t ns)
{
    struct timespec until = {
        .tv_sec = (time_t) (ns / SECOND_NS),
        .tv_nsec = (long) (ns % SECOND_NS),
    };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

static void
visit(struct job *job, struct region *region, uint64_t number, bool write)
{
    region_visit(region, number, write);
    atomic_fetch_add_explicit(&job->checked, 1, memory_order_relaxed);
}

static uint64_t
random_below(struct job *job, uint64_t limit)
{
    job->random ^= job->random << 13;
    job->random ^= job->random >> 7;
    job->random ^= job->random << 17;
    return job->random % limit;
}

static uint64_t
next_page(struct job *job, uint64_t page_count)
{
    switch ((enum order) atomic_load(&job->order)) {
    case ORDER_RANDOM:
        return random_below(job, page_count);
    case ORDER_SKEWED: /* nine visits of ten go to the first tenth */
        return random_below(job, 10) ? random_below(job, page_count / 10 + 1) % page_count
                                     : random_below(job, page_count);
    case ORDER_SEQUENTIAL:
        break;
    }
    job->cursor = (job->cursor + 1) % page_count;
    return job->cursor;
}

static void
visit_burst(struct job *job, enum access access)
{
    struct region *region = &workload.regions[atomic_load(&job->region)];
    uint64_t begin = now_ns();
    uint64_t took;

    for (unsigned i = 0; i < BURST_PAGES; i++) {
        bool write = access == ACCESS_WRITE || (access == ACCESS_MIXED && i % 2 == 0);

        visit(job, region, next_page(job, region->page_count), write);
    }
    atomic_fetch_add(&job->ops, BURST_PAGES);
    took = now_ns() - begin;
    if (took > atomic_load(&job->longest_burst_ns)) {
        atomic_store(&job->longest_burst_ns, took);
    }
}

/* Whose turn it is to look after a region: the first job that visits it, or else its
 * owner. */
unsigned
keeper_of(unsigned region)
{
    for (unsigned i = 0; i < workload.job_count; i++) {
        if (atomic_load(&workload.jobs[i].region) == region &&
            atomic_load(&workload.jobs[i].access) != ACCESS_IDLE) {
            return i;
        }
    }
    return region;
}

static void
scrub(struct job *job, uint64_t now)
{
    if (!workload.scrub_pages_per_second || now < job->next_scrub_ns) {
        return;
    }
    for (unsigned r = 0; r < workload.job_count; r++) {
        struct region *region = &workload.regions[r];

        if (keeper_of(r) == job->id) {
            visit(job, region,
                  atomic_fetch_add(&region->scrub_cursor, 1) % region->page_count, false);
        }
    }
    job->next_scrub_ns += SECOND_NS / workload.scrub_pages_per_second;
    if (job->next_scrub_ns + SECOND_NS / 10 < now) {
        job->next_scrub_ns = now;
    }
}

static void
verify_if_asked(struct job *job)
{
    unsigned asked = atomic_load(&workload.verification);

    if (atomic_load(&job->verified) == asked) {
        return;
    }
    for (unsigned r = 0; r < workload.job_count; r++) {
        struct region *region = &workload.regions[r];

        if (atomic_load(&region->verifier) != job->id) {
            continue;
        }
        for (uint64_t number = 0; number < region->page_count; number++) {
            visit(job, region, number, false);
        }
        atomic_fetch_add(&workload.verified_pages, region->page_count);
    }
    atomic_store(&job->verified, asked);
}

/* Sleeps as the rate demands; a job that cannot keep up does not hoard what it missed. */
static void
pace(struct job *job, enum access access)
{
    uint64_t rate = atomic_load(&job->rate_mb);
    uint64_t now = now_ns();
    uint64_t next = now;

    scrub(job, now);
    if (access == ACCESS_IDLE || atomic_load(&workload.paused)) {
        next = now + IDLE_NS;
        if (workload.scrub_pages_per_second && job->next_scrub_ns < next) {
            next = job->next_scrub_ns;
        }
        job->next_visit_ns = now;
    } else if (rate) {
        job->next_visit_ns += BURST_PAGES * SECOND_NS / (rate * PAGES_PER_MB);
        if (job->next_visit_ns + SECOND_NS / 2 < now) {
            job->next_visit_ns = now;
        }
        next = job->next_visit_ns;
    }
    if (next > now) {
        sleep_until(next);
    }
}

static void *
job_run(void *data)
{
    struct job *job = data;

    region_fill(&workload.regions[job->id]);
    pthread_barrier_wait(&workload.populated);
    job->next_visit_ns = job->next_scrub_ns = now_ns();
    for (;;) {
        enum access access = (enum access) atomic_load(&job->access);

        verify_if_asked(job);
        if (access != ACCESS_IDLE && !atomic_load(&workload.paused)) {
            visit_burst(job, access);
        }
        pace(job, access);
    }
    return NULL;
}

static bool
job_start(struct job *job)
{
    pthread_attr_t attributes;
    cpu_set_t cpus;
    int result;

    CPU_ZERO(&cpus);
    CPU_SET(job->vcpu, &cpus);
    pthread_attr_init(&attributes);
    pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
    result = pthread_create(&job->thread, &attributes, job_run, job);
    pthread_attr_destroy(&attributes);
    if (result) {
        say("ERROR job %u: thread on vCPU %u: %s", job->id, job->vcpu, strerror(result));
    }
    return result == 0;
}

bool
jobs_start(void)
{
    pthread_barrier_init(&workload.populated, NULL, workload.job_count + 1);
    for (unsigned i = 0; i < workload.job_count; i++) {
        if (!region_map(&workload.regions[i], &workload.jobs[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < workload.job_count; i++) {
        if (!job_start(&workload.jobs[i])) {
            return false;
        }
    }
    pthread_barrier_wait(&workload.populated);
    return true;
}
