/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A world where all is as the guest was told, for the tests of the truth guard: one fact
 * is changed, and exactly one finding comes of it; another is, and it is gone.
 */
#pragma once

#include "guest-topology/verify.h"
#include "tests/support/scenario.h"

/* Three host nodes of 2 CPUs and 1 GiB; db1 has two cells of 2 vCPUs and 256 MiB. */
typedef struct {
    VnSnapshot *snapshot;
    VnGuest *guest;
    VnGuest *stored; /* NULL: nobody asks about the next start */
    GPtrArray *homes;
} World;

void world_init(World *world);
void world_clear(World *world);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

VnHostNode *world_node(const World *world, guint id);
void world_set_home(const World *world, guint cell, const char *nodes);

/** world_set_resident: MiB of the cell on host nodes 0 and 1. */
void world_set_resident(const World *world, guint cell, guint64 mib0, guint64 mib1);
void world_set_affinity(const World *world, guint vcpu, const char *cpus);

/** world_tell: tells the guest of its cells, all 21 apart. */
void world_tell(VnGuest *guest);

VnVerdict *world_verify(const World *world);
guint world_count(const World *world, VnFindingKind kind);
void world_assert_nothing(const World *world, VnToldState told);

typedef struct {
    const char *name;
    void (*provoke)(const World *world);
    VnFindingKind kind;
    VnSeverity severity;
    const char *object;
    const char *text;
    const char *remedy;
    void (*mend)(const World *world);
    VnToldState then; /* once it is mended */
} WorldCase;

/** world_add_cases: one test for each. */
void world_add_cases(const char *path, const WorldCase *cases, gsize n_cases);
