/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A daemon that says what a test wants, on a bus of its own: the generated skeletons, so
 * strict to data/org.vnumad1.xml, with descriptions made by the model, as vnumad's are.
 */
#pragma once

#include "data/vn-dbus.h"
#include "model/plan.h"

/* What becomes of the job that Rebalance starts. */
typedef enum {
    FAKE_JOB_DONE,
    FAKE_JOB_FAILED,
    FAKE_JOB_VANISHES, /* and the daemon with it, while acting */
    FAKE_JOB_UNTIL_CANCELLED,
    FAKE_JOB_NEVER_ENDS, /* not even when cancelled */
    FAKE_JOB_MISSING,    /* the path that is answered has no job */
    FAKE_JOB_OVER,       /* it has ended before anybody looks */
} FakeJob;

typedef struct {
    GDBusConnection *connection;
    VnDBusManager *manager;
    VnDBusJob *job;
    guint name;

    FakeJob kind;
    const char *error; /* D-Bus error name that every method answers; NULL: none */
    gboolean silent;   /* methods are never answered */
    gboolean empty;    /* there is no guest and nothing to do */
    gboolean sampled;  /* the first guest's accesses are known */
    gboolean benign;   /* verify finds nothing that is worse than information */
    gboolean broken;   /* the heat that is answered lacks a key */
    char *asked;       /* what the last method was asked for: "Plan db1 db2" */
    guint stage;       /* how far the job is */
    guint cancels;
    GPtrArray *pending; /* of GDBusMethodInvocation: never answered */
} FakeDaemon;

/** fake_daemon_new: Returns: when it owns its name on the bus at @address. */
FakeDaemon *fake_daemon_new(const char *address);
void fake_daemon_free(FakeDaemon *daemon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeDaemon, fake_daemon_free)

/** fake_daemon_advance: the job goes on to its next stage. */
void fake_daemon_advance(FakeDaemon *daemon);
