/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the real vnumactl while the test's main loop goes on; keeps what it prints. */
#pragma once

#include "qmp/json.h"

#include <gio/gio.h>

typedef struct Run Run;

/* Called for each piece of output as it comes; where a test has the world move on. */
typedef void (*RunWatch)(Run *run, gpointer data);

struct Run {
    GSubprocess *process;
    GString *out;
    GString *err;
    int status; /* exit status; -1: ended by a signal */
    RunWatch on_out;
    RunWatch on_err;
    gpointer data;
    guint open; /* streams that have not ended, and the process */
};

/** run_init: once, before the tests: @path is the program's. */
void run_init(const char *path);

/** run_program: the path that run_init() was given. */
const char *run_program(void);

Run *run_new(void);
void run_free(Run *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Run, run_free)

/**
 * run_go:
 * @terminal: standard output is a terminal's, 80 columns wide
 * @arguments: NULL-terminated
 *
 * Returns when the program has ended and all it printed is in @run.
 */
void run_go(Run *run, gboolean terminal, const char *const *arguments);

/** run_simply: run_go() of the words in @line, with nothing to watch. */
Run *run_simply(const char *line);

/** run_assert_printed: status 0, nothing on standard error, and @out. */
void run_assert_printed(const Run *run, const char *out);

/** run_assert_error: @status, nothing on standard output, and the one line @err. */
void run_assert_error(const Run *run, int status, const char *err);

/** run_json: what is on standard output, one document. */
VnJson *run_json(const Run *run);

/** run_assert_printed_file: what was printed is the file of this name in expected/. */
void run_assert_printed_file(const Run *run, const char *name);
