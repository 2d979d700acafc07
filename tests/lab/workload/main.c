/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The workload inside a lab guest: see workload.h for what it does. This file has the
 * main thread, which never touches the pages: it takes commands from standard input and
 * from the schedule, gives the heartbeat, and says when a full verification has ended.
 */
#include "workload.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct workload workload = {.scrub_pages_per_second = 2 * PAGES_PER_MB};

/* What is typed so far on standard input. */
struct input {
    char line[LINE_MAX_BYTES];
    size_t length;
    bool too_long;
    bool ended;
};

static uint64_t start_ns;
static bool verifying;
static unsigned long mismatches_before;

/* One line, one write: lines of several threads and of the kernel do not mix. */
void
say(const char *format, ...)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    char line[LINE_MAX_BYTES] = "WORKLOAD ";
    size_t length = strlen(line);
    size_t done = 0;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
    va_end(arguments);
    length = strlen(line);
    line[length++] = '\n';
    pthread_mutex_lock(&lock);
    while (done < length) {
        ssize_t written = write(STDOUT_FILENO, line + done, length - done);

        if (written < 0 && errno != EINTR) {
            break;
        }
        done += written > 0 ? (size_t) written : 0;
    }
    pthread_mutex_unlock(&lock);
}

uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * SECOND_NS + (uint64_t) now.tv_nsec;
}

static void
beat(unsigned number)
{
    char of_jobs[LINE_MAX_BYTES - 256] = "";
    size_t used = 0;
    unsigned long ops = 0;
    unsigned long checked = 0;

    for (unsigned i = 0; i < workload.job_count; i++) {
        struct job *job = &workload.jobs[i];
        unsigned long job_ops = atomic_load(&job->ops);
        unsigned long longest_us = atomic_exchange(&job->longest_burst_ns, 0) / 1000;

        ops += job_ops;
        checked += atomic_load(&job->checked);
        if (used < sizeof(of_jobs)) {
            used += (size_t) snprintf(of_jobs + used, sizeof(of_jobs) - used,
                                      " job%u=%lu job%u_max_us=%lu", i, job_ops, i,
                                      longest_us);
        }
    }
    say("beat=%u ms=%" PRIu64 " ops=%lu checked=%lu mismatches=%lu%s", number,
        (now_ns() - start_ns) / 1000000, ops, checked, atomic_load(&workload.mismatches),
        of_jobs);
}

/* Every job goes on to the next region. */
static void
swap(void)
{
    for (unsigned i = 0; i < workload.job_count; i++) {
        struct job *job = &workload.jobs[i];

        atomic_store(&job->region, (atomic_load(&job->region) + 1) % workload.job_count);
    }
}

/* Each region gets one job that verifies it, so that every page is verified exactly once.
 */
static void
start_verification(void)
{
    mismatches_before = atomic_load(&workload.mismatches);
    atomic_store(&workload.verified_pages, 0);
    for (unsigned r = 0; r < workload.job_count; r++) {
        atomic_store(&workload.regions[r].verifier, keeper_of(r));
    }
    atomic_fetch_add(&workload.verification, 1);
    verifying = true;
}

static void
end_verification(void)
{
    for (unsigned i = 0; i < workload.job_count; i++) {
        if (atomic_load(&workload.jobs[i].verified) !=
            atomic_load(&workload.verification)) {
            return;
        }
    }
    verifying = false;
    say("VERIFIED pages=%lu mismatches=%lu", atomic_load(&workload.verified_pages),
        atomic_load(&workload.mismatches) - mismatches_before);
}

/* Words: job=N, then what to set. Says what was wrong, and returns false. */
static bool
command_set(char *words)
{
    struct job *job = NULL;
    char *word;

    while ((word = next_word(&words))) {
        char *value = word;
        const char *key = strsep(&value, "=");
        unsigned long number;

        if (value && !job && strcmp(key, "job") == 0 &&
            parse_number(value, workload.job_count - 1, &number)) {
            job = &workload.jobs[number];
        } else if (!value || !job || !set_pattern(job, key, value)) {
            say("ERROR set: wrong, or out of place: %s", key);
            return false;
        }
    }
    return true;
}

/* Words: region=N page=N pages=N, all optional. */
static bool
command_pages(char *words)
{
    unsigned long region = 0;
    unsigned long page = 0;
    unsigned long pages = UINT32_MAX;
    const struct region *named;
    char *word;

    while ((word = next_word(&words))) {
        char *value = word;
        const char *key = strsep(&value, "=");

        if (!value ||
            !((strcmp(key, "region") == 0 &&
               parse_number(value, workload.job_count - 1, &region)) ||
              (strcmp(key, "page") == 0 && parse_number(value, UINT32_MAX, &page)) ||
              (strcmp(key, "pages") == 0 && parse_number(value, UINT32_MAX, &pages)))) {
            say("ERROR pages: wrong: %s", key);
            return false;
        }
    }
    named = &workload.regions[region];
    if (page >= named->page_count) {
        say("ERROR pages: region %lu has %" PRIu64, region, named->page_count);
        return false;
    }
    pages = pages < named->page_count - page ? pages : named->page_count - page;
    return region_say_frames(named, page, pages);
}

/* Returns false when the workload shall end. */
static bool
command_run(char *text)
{
    char *rest = text;
    const char *verb = next_word(&rest);
    bool good = true;

    if (!verb) {
        return true;
    }
    if (strcmp(verb, "quit") == 0) {
        say("DONE quit");
        return false;
    }
    if (strcmp(verb, "verify") == 0) {
        start_verification(); /* its answer is VERIFIED */
        return true;
    }
    if (strcmp(verb, "swap") == 0) {
        swap();
    } else if (strcmp(verb, "pause") == 0 || strcmp(verb, "resume") == 0) {
        atomic_store(&workload.paused, strcmp(verb, "pause") == 0);
    } else if (strcmp(verb, "set") == 0) {
        good = command_set(rest);
    } else if (strcmp(verb, "pages") == 0) {
        good = command_pages(rest);
    } else {
        say("ERROR unknown command: %s", verb);
        good = false;
    }
    if (good) {
        say("DONE %s", verb);
    }
    return true;
}

/* Takes what can be read; runs each whole line. Returns false when the workload shall
 * end. */
static bool
input_take(struct input *input)
{
    char bytes[256];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (count <= 0) {
        input->ended = count == 0 || errno != EINTR;
        return true;
    }
    for (ssize_t i = 0; i < count; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\r') {
            input->too_long |= input->length == sizeof(input->line) - 1;
            if (!input->too_long) {
                input->line[input->length++] = bytes[i];
            }
            continue;
        }
        input->line[input->length] = '\0';
        if (input->too_long) {
            say("ERROR a command has fewer than %d characters", LINE_MAX_BYTES);
        } else if (!command_run(input->line)) {
            return false;
        }
        input->length = 0;
        input->too_long = false;
    }
    return true;
}

static bool
run_schedule(void)
{
    for (unsigned i = 0; i < workload.schedule_count; i++) {
        struct scheduled *entry = &workload.schedule[i];

        if (!entry->done && now_ns() - start_ns >= entry->at_ns) {
            entry->done = true;
            if (!command_run(entry->command)) {
                return false;
            }
        }
    }
    return true;
}

static void
serve(void)
{
    struct input input = {.length = 0};
    unsigned beats = 0;

    for (;;) {
        struct pollfd ready = {.fd = input.ended ? -1 : STDIN_FILENO, .events = POLLIN};
        uint64_t next_ns = start_ns + (beats + 1) * SECOND_NS;
        uint64_t now = now_ns();
        uint64_t wait_ms = next_ns > now ? (next_ns - now) / 1000000 + 1 : 0;

        if (verifying && wait_ms > 10) {
            wait_ms = 10;
        }
        if (poll(&ready, 1, (int) wait_ms) > 0 && !input_take(&input)) {
            return;
        }
        if (verifying) {
            end_verification();
        }
        if (now_ns() >= next_ns) {
            beats = (unsigned) ((now_ns() - start_ns) / SECOND_NS);
            beat(beats);
        }
        if (!run_schedule()) {
            return;
        }
    }
}

int
main(int argc, char **argv)
{
    uint64_t pages = 0;

    if (!parse_options(argc, argv)) {
        say("ERROR options: [--scrub MBPS] [--at SECONDS:COMMAND]... --job vcpu=N"
            "[,cell=N][,mb=N][,rate=MBPS][,region=N][,access=write|read|mixed|idle]"
            "[,pages=sequential|random|skewed]...");
        return 2;
    }
    if (!jobs_start()) {
        return 1;
    }
    for (unsigned i = 0; i < workload.job_count; i++) {
        pages += workload.regions[i].page_count;
    }
    start_ns = now_ns();
    say("READY jobs=%u pages=%" PRIu64, workload.job_count, pages);
    serve();
    return 0;
}
