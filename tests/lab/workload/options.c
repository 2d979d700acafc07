/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words of options and commands: key=value, separated by spaces or commas. What is
 * parsed goes straight into the job; what it does with it is in job.c.
 */
#include "workload.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static const char *const access_names[] = {"write", "read", "mixed", "idle", NULL};
static const char *const order_names[] = {"sequential", "random", "skewed", NULL};

char *
next_word(char **rest)
{
    char *word;

    do {
        word = strsep(rest, " ,\t\r\n");
    } while (word && !*word);
    return word;
}

bool
parse_number(const char *text, unsigned long limit, unsigned long *ret_number)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (!isdigit((unsigned char) *text) || *end || errno || number > limit) {
        return false;
    }
    *ret_number = number;
    return true;
}

static bool
parse_name(const char *text, const char *const *names, unsigned *ret_index)
{
    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* What can be set for a job at any time. While options are parsed a region may be named
 * whose job comes later: parse_options looks at all of them in the end. */
bool
set_pattern(struct job *job, const char *key, const char *value)
{
    unsigned long number;
    unsigned index;

    if (strcmp(key, "access") == 0 && parse_name(value, access_names, &index)) {
        atomic_store(&job->access, index);
    } else if (strcmp(key, "pages") == 0 && parse_name(value, order_names, &index)) {
        atomic_store(&job->order, index);
    } else if (strcmp(key, "rate") == 0 && parse_number(value, MB_MAX, &number)) {
        atomic_store(&job->rate_mb, (unsigned) number);
    } else if (strcmp(key, "region") == 0 && parse_number(value, JOBS_MAX - 1, &number)) {
        atomic_store(&job->region, (unsigned) number);
    } else {
        return false;
    }
    return true;
}

/* What a job is born with. */
static bool
set_place(struct job *job, const char *key, const char *value)
{
    unsigned long number;

    if (strcmp(key, "vcpu") == 0 && parse_number(value, CPU_SETSIZE - 1, &number)) {
        job->vcpu = (unsigned) number;
    } else if (strcmp(key, "cell") == 0 && parse_number(value, CELLS_MAX - 1, &number)) {
        job->cell = (int) number;
    } else if (strcmp(key, "mb") == 0 && parse_number(value, MB_MAX, &number) &&
               number > 0) {
        job->mb = number;
    } else {
        return false;
    }
    return true;
}

static bool
parse_job(char *text)
{
    struct job *job = &workload.jobs[workload.job_count];
    char *word;

    if (workload.job_count == JOBS_MAX) {
        return false;
    }
    job->id = workload.job_count;
    job->cell = CELL_NONE;
    job->mb = 16;
    job->random = (workload.job_count + 1) * UINT64_C(0x9e3779b97f4a7c15);
    atomic_store(&job->region, workload.job_count);
    workload.job_count++;
    while ((word = next_word(&text))) {
        char *value = word;
        const char *key = strsep(&value, "=");

        if (!value || (!set_place(job, key, value) && !set_pattern(job, key, value))) {
            return false;
        }
    }
    return true;
}

/* SECONDS:COMMAND */
static bool
parse_scheduled(char *text)
{
    struct scheduled *entry = &workload.schedule[workload.schedule_count];
    char *command = text;
    const char *seconds = strsep(&command, ":");
    unsigned long number;

    if (workload.schedule_count == SCHEDULE_MAX || !command ||
        strlen(command) >= sizeof(entry->command) ||
        !parse_number(seconds, MB_MAX, &number)) {
        return false;
    }
    entry->at_ns = number * SECOND_NS;
    strcpy(entry->command, command);
    workload.schedule_count++;
    return true;
}

bool
parse_options(int count, char **options)
{
    for (int i = 1; i + 1 < count; i += 2) {
        unsigned long number;

        if (strcmp(options[i], "--job") == 0) {
            if (!parse_job(options[i + 1])) {
                return false;
            }
        } else if (strcmp(options[i], "--at") == 0) {
            if (!parse_scheduled(options[i + 1])) {
                return false;
            }
        } else if (strcmp(options[i], "--scrub") == 0 &&
                   parse_number(options[i + 1], MB_MAX, &number)) {
            workload.scrub_pages_per_second = number * PAGES_PER_MB;
        } else {
            return false;
        }
    }
    for (unsigned i = 0; i < workload.job_count; i++) {
        if (atomic_load(&workload.jobs[i].region) >= workload.job_count) {
            return false;
        }
    }
    return count % 2 == 1 && workload.job_count > 0;
}
