/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FakePages: a strict stand-in for move_pages(2), after do_pages_move() of Linux 6.1:
 * runs, early ends, unwritten statuses, huge pages, room per node. Naming a node outside
 * the mover's targets, a page that needs no move, or too many pages fails the test.
 */
#pragma once

#include "model/idset.h"

#define FAKE_NODES 8
#define FAKE_PID 4711
#define FAKE_BASE G_GUINT64_CONSTANT(0x7f0000000000)
#define FAKE_GRANULE_PAGES 512u

typedef struct {
    int lies_on;            /* host node, or -ENOENT, or -EFAULT (zero page) */
    guint collect_busy;     /* so often EBUSY (not on the page lists) */
    guint migrate_busy;     /* so often it cannot be migrated (extra references) */
    guint error;            /* errno that collecting it gives for ever; 0: none */
    gboolean pinned;        /* can never be migrated */
    gboolean shared;        /* mapped by others too */
    gboolean huge;          /* of a transparent huge page, with its whole granule */
    gboolean was_collected; /* is in the current run */
    guint n_named;
} FakePage;

typedef struct {
    FakePage *pages;
    guint n_pages;
    guint64 page_size_bytes;
    guint64 free_pages[FAKE_NODES];
    VnIdSet *cpuset;
    guint n_calls; /* that move */
    guint n_asks;
    guint n_splits;
    guint ends_after; /* calls of any kind; 0: never */
    int ends_with;    /* errno from then on */
} FakePages;

/* What is passed as the mover's data: one mover's view. */
typedef struct {
    FakePages *fake;
    const VnIdSet *targets;
} FakeView;

FakePages *fake_pages_new(guint n_pages, guint64 page_size_bytes);
void fake_pages_free(FakePages *fake);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakePages, fake_pages_free)

/* Sets where [first, first + n) lie. */
void fake_pages_place(FakePages *fake, guint first, guint n, int lies_on);
void fake_pages_make_huge(FakePages *fake, guint first);
guint fake_pages_count(const FakePages *fake, int lies_on);

long fake_move_pages(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
                     int flags, gpointer data);
