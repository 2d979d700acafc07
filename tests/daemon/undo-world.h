/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest of granules and a ledger on disk, in which plans are carried out and undone. */
#pragma once

#include "daemon/ledger.h"
#include "tests/support/scenario.h"

#define CELL_MIB 64u
#define GRANULES (CELL_MIB / 2)
#define CELLS 3u
#define ABSENT 255u

/* A guest whose memory is granules on host nodes, and a ledger. */
typedef struct {
    char *folder;
    VnLedger *ledger;
    VnSnapshot *snapshot;
    VnGuest *guest;
    guint8 nodes[CELLS][GRANULES];
} World;

void world_set_up(World *world, gconstpointer unused);
void world_tear_down(World *world, gconstpointer unused);

/** world_open_ledger: anew, from the disk. */
void world_open_ledger(World *world);

/** world_ask_pages: a VnMovePagesFunc that tells where pages are. @data: the world */
long world_ask_pages(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
                     int flags, gpointer data);

/** world_count_resident: the snapshot gets to see where the granules are. */
void world_count_resident(World *world);

void world_move_granule(World *world, const VnStep *step, guint k);

/** world_apply: what act would do. */
void world_apply(World *world, const VnStep *step);

void world_record(World *world, const char *event, const VnStep *step);

/** world_carry_out: as the cycle does: planned, begun, done, ended, closed. */
void world_carry_out(World *world, VnPlan *plan);

/** world_pins: every pin as it is, for comparing. */
GPtrArray *world_pins(const World *world);
void world_assert_as_before(const World *world, const GPtrArray *pins,
                            guint8 nodes[CELLS][GRANULES]);

/** world_undo: undoes the last plan, as read from the disk. FALSE: there is none. */
gboolean world_undo(World *world);

/**
 * world_simple_plan: pins vCPUs 0 and 1, and moves cell 0, whole on node 0, to node 1.
 */
VnPlan *world_simple_plan(World *world);
