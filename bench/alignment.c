/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * alignment RATIO PID START-END=NODE... [-- COMMAND...]: how much of the ranges lies on
 * its node. Without a command it prints the ratio. With one it starts it, looks every
 * quarter of a second until it ends, and prints "SECONDS-UNTIL-RATIO SECONDS FINAL-RATIO"
 * (the first is "-" when RATIO was never seen); fails when the command does.
 */
#include "host/numa_maps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PERIOD_US 250000
#define PARTS_MAX 16

typedef struct {
    guint64 start;
    guint64 end;
    guint node;
} Part;

static Part parts[PARTS_MAX];
static guint n_parts;

static double
look(int pid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) maps = vn_numa_maps_read("/", pid, &error);
    guint64 home = 0;
    guint64 resident = 0;
    if (!maps) {
        fprintf(stderr, "alignment: %s\n", error->message);
        exit(EXIT_FAILURE);
    }
    for (guint i = 0; i < maps->len; i++) {
        const VnNumaMap *map = g_ptr_array_index(maps, i);
        for (guint j = 0; j < n_parts; j++) {
            if (map->start >= parts[j].start && map->end <= parts[j].end) {
                home += vn_numa_map_bytes_on(map, parts[j].node);
                resident += vn_numa_map_bytes(map);
            }
        }
    }
    return resident ? (double) home / (double) resident : 0;
}

static int
watch(int pid, double wanted, char **command)
{
    gint64 begun_us = g_get_monotonic_time();
    gint64 reached_us = -1;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
            execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    pid_t ended = 0;
    double ratio = 0;
    while (child > 0 && ended == 0) {
        g_usleep(PERIOD_US);
        ended = waitpid(child, &status, WNOHANG);
        ratio = look(pid);
        if (ratio >= wanted && reached_us < 0)
            reached_us = g_get_monotonic_time();
    }
    double seconds = (double) (g_get_monotonic_time() - begun_us) / G_USEC_PER_SEC;
    if (reached_us >= 0)
        printf("%.2f", (double) (reached_us - begun_us) / G_USEC_PER_SEC);
    else
        printf("-");
    printf(" %.2f %.6f\n", seconds, ratio);
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: alignment RATIO PID START-END=NODE... [-- COMMAND...]\n");
        return 2;
    }
    double wanted = atof(argv[1]);
    int pid = atoi(argv[2]);
    int i = 3;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++, n_parts++) {
        Part *part = &parts[n_parts];
        if (n_parts == PARTS_MAX ||
            sscanf(argv[i], "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x=%u",
                   &part->start, &part->end, &part->node) != 3) {
            fprintf(stderr, "alignment: %s: not START-END=NODE\n", argv[i]);
            return 2;
        }
    }
    if (i + 1 < argc)
        return watch(pid, wanted, argv + i + 1);
    printf("%.6f\n", look(pid));
    return 0;
}
