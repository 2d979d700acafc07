/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real vnumad on a bus of the test's own, with libvirt's test driver for guests and a
 * recorded two-node host, in which a child of the test stands for QEMU.
 */
#pragma once

#include "data/vn-dbus.h"
#include "tests/host/tree.h"

#include <gio/gio.h>
#include <signal.h>

/* The managed guest, and one that is not and has no process. */
#define DB1 "11111111-2222-3333-4444-000000000001"
#define DB2 "11111111-2222-3333-4444-000000000002"
#define DEADLINE_SECONDS 60

/* How a test wants its vnumad. */
typedef struct {
    const char *uri;    /* NULL: the test driver with two guests */
    const char *config; /* NULL: an empty one */
} Wish;

typedef struct {
    GTestDBus *bus;
    GDBusConnection *connection;
    VnTree *tree;
    GSubprocess *qemu;
    GSubprocess *daemon;
    VnDBusManager *manager;
} Fixture;

/** fixture_init: g_test_init(), and which vnumad to test, from the command line. */
void fixture_init(int argc, char **argv);

void fixture_set_up(Fixture *fixture, gconstpointer wish);
void fixture_tear_down(Fixture *fixture, gconstpointer unused);

/** fixture_start_daemon: until its name is on the bus. */
void fixture_start_daemon(Fixture *fixture, const char *uri);

/** fixture_stop_daemon: asks it to stop: it must end well. */
void fixture_stop_daemon(Fixture *fixture);

/** fixture_start_again: with the same guests, as they are in their file. */
void fixture_start_again(Fixture *fixture);

/** fixture_pin: db1's definition pins the vCPU, for the next vnumad to find. */
void fixture_pin(Fixture *fixture, guint vcpu, const char *cpus);

/** fixture_spawn: another vnumad, that has its ledger in @state. */
GSubprocess *fixture_spawn(const Fixture *fixture, const char *uri, const char *state);
char *fixture_state_folder(const Fixture *fixture);

/** fixture_wait_until: runs the main loop until @done, or fails at the deadline. */
void fixture_wait_until(const char *what, const gboolean *done);
