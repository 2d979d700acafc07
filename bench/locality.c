/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * locality RATIO HOLD SECONDS PID TID:START-END[,START-END...]...: how much of what each
 * thread accesses lies on the host node that it runs on, given what it accesses: the
 * benchmark's own witness, who needs no sampling. Looks every quarter of a second, until
 * RATIO was held for HOLD seconds, or SECONDS are over; prints "SECONDS-UNTIL-RATIO
 * FINAL-RATIO MIGRATED-BYTES": the first is "-" when it was not held, the last what the
 * kernel's migrations of all processes took meanwhile.
 */
#include "host/pages.h"

#include <numa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_US 250000
/* One page in so many is asked about. */
#define STRIDE 16u
#define BATCH 1024u

typedef struct {
    int tid;
    char **ranges;
} Accessor;

static int pid;
static Accessor *accessors;
static int n_accessors;

static void
fail(const char *what)
{
    fprintf(stderr, "locality: %s\n", what);
    exit(EXIT_FAILURE);
}

/* Field 39 of /proc/PID/task/TID/stat, proc(5): the CPU that it ran on last. */
static int
node_of_thread(int tid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/stat", pid, tid);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL) || !strrchr(text, ')'))
        fail("the guest has ended");
    g_auto(GStrv) fields = g_strsplit(strrchr(text, ')') + 2, " ", -1);
    return g_strv_length(fields) > 36 ? numa_node_of_cpu(atoi(fields[36])) : -1;
}

/* Adds how many of these pages are there, and how many of them on @node. */
static void
ask(void **pages, guint n, int node, guint64 *there, guint64 *local)
{
    int status[BATCH];
    if (vn_pages_move(pid, n, pages, NULL, status, 0, NULL) < 0)
        fail("the kernel does not say where pages lie");
    for (guint i = 0; i < n; i++) {
        *there += status[i] >= 0;
        *local += status[i] == node;
    }
}

static void
look_at_range(const char *range, int node, guint64 *there, guint64 *local)
{
    char *end;
    guint64 at = g_ascii_strtoull(range, &end, 16);
    guint64 until = *end == '-' ? g_ascii_strtoull(end + 1, NULL, 16) : 0;
    guint64 step = STRIDE * (guint64) sysconf(_SC_PAGESIZE);
    void *pages[BATCH];
    guint n = 0;
    for (; at < until; at += step) {
        pages[n++] = (void *) (gsize) at;
        if (n == BATCH) {
            ask(pages, n, node, there, local);
            n = 0;
        }
    }
    if (n)
        ask(pages, n, node, there, local);
}

/* Each thread counts alike, however much it has. */
static double
look(void)
{
    double sum = 0;
    for (int i = 0; i < n_accessors; i++) {
        guint64 there = 0;
        guint64 local = 0;
        int node = node_of_thread(accessors[i].tid);
        for (char **range = accessors[i].ranges; *range; range++)
            look_at_range(*range, node, &there, &local);
        sum += there ? (double) local / (double) there : 0;
    }
    return sum / n_accessors;
}

static guint64
migrated_bytes(void)
{
    g_autofree char *text = NULL;
    const char *line = NULL;
    if (!g_file_get_contents("/proc/vmstat", &text, NULL, NULL) ||
        !(line = strstr(text, "\npgmigrate_success ")))
        fail("/proc/vmstat says nothing of migrations");
    return g_ascii_strtoull(line + strlen("\npgmigrate_success "), NULL, 10) *
           (guint64) sysconf(_SC_PAGESIZE);
}

int
main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr,
                "usage: locality RATIO HOLD SECONDS PID TID:START-END[,...]...\n");
        return 2;
    }
    double wanted = atof(argv[1]);
    gint64 hold_us = atoi(argv[2]) * G_USEC_PER_SEC;
    gint64 limit_us = atoi(argv[3]) * G_USEC_PER_SEC;
    pid = atoi(argv[4]);
    n_accessors = argc - 5;
    accessors = g_new0(Accessor, n_accessors);
    for (int i = 0; i < n_accessors; i++) {
        char *colon = strchr(argv[5 + i], ':');
        if (!colon)
            fail("a thread's word has no colon");
        accessors[i] = (Accessor){atoi(argv[5 + i]), g_strsplit(colon + 1, ",", -1)};
    }
    gint64 begun_us = g_get_monotonic_time();
    gint64 since_us = -1; /* the ratio is there */
    guint64 before = migrated_bytes();
    double ratio;
    for (;;) {
        gint64 now_us = g_get_monotonic_time();
        ratio = look();
        if (ratio < wanted)
            since_us = -1;
        else if (since_us < 0)
            since_us = now_us;
        if ((since_us >= 0 && now_us - since_us >= hold_us) ||
            now_us - begun_us >= limit_us)
            break;
        g_usleep(PERIOD_US);
    }
    if (since_us >= 0)
        printf("%.2f", (double) (since_us - begun_us) / G_USEC_PER_SEC);
    else
        printf("-");
    printf(" %.4f %" G_GUINT64_FORMAT "\n", ratio, migrated_bytes() - before);
    for (int i = 0; i < n_accessors; i++)
        g_strfreev(accessors[i].ranges);
    g_free(accessors);
    return EXIT_SUCCESS;
}
