/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest without cells as its accesses are seen: where its granules lie, who accesses
 * them, and what steering makes of it. For tests of policies.
 */
#pragma once

#include "policies/steer.h"
#include "tests/support/scenario.h"

#define SIGHT_SECOND ((gint64) G_USEC_PER_SEC)

typedef struct {
    VnSnapshot *snapshot; /* its guest is the first */
    VnGuest *guest;
    VnHeat *heat;
    VnSample *sample; /* the window that is open */
    gint64 now_us;
    guint n_granules;
    guint8 *lies_on;   /* host node by granule */
    guint8 *was_moved; /* how often, by granule */
    gboolean pins_are_ours;
    guint64 bytes_per_second;
} Sight;

/**
 * sight_init: @n_nodes of @n_cpus and @node_mib each; a guest of @n_vcpus, unpinned, and
 * @guest_mib, its granules round robin on the host nodes.
 */
void sight_init(Sight *sight, guint n_nodes, guint n_cpus, guint node_mib, guint n_vcpus,
                guint guest_mib);
void sight_clear(Sight *sight);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sight, sight_clear)

/** sight_access: in the open window: @count 4 KiB pages, written. */
void sight_access(Sight *sight, guint granule, guint vcpu, guint count);

/** sight_read: likewise, but seen as any access. */
void sight_read(Sight *sight, guint granule, guint vcpu, guint count);

/** sight_close: the window ends, a second after it began. */
void sight_close(Sight *sight);

/** sight_steer: (transfer full): align's plan, steered; vCPUs run where pinned. */
VnPlan *sight_steer(Sight *sight, VnSteerVerdict *ret_verdict);

/**
 * sight_carry_out: the plan's pins and granules are as it wants them.
 *
 * Returns: how many, the emulator's pins not counted.
 */
guint sight_carry_out(Sight *sight, const VnPlan *plan);

/** sight_node_of: the host node that the vCPU is pinned to; -1: none, or several. */
int sight_node_of(const Sight *sight, const VnGuest *guest, guint vcpu);
