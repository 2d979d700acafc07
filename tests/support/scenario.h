/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hosts and guests described in a line or two, for tests of pure code; plans
 * rehearsed.
 */
#pragma once

#include "model/plan.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

/** scenario_idset: @text in list format, which it must be. */
VnIdSet *scenario_idset(const char *text);

/**
 * scenario_new: @n_nodes host nodes 0.., each with @n_cpus CPUs (numbered node by node)
 * and @memory_mib, half of it free; 10 and 21 apart.
 */
VnSnapshot *scenario_new(guint n_nodes, guint n_cpus, guint64 memory_mib);

/**
 * scenario_guest: adds a running, managed guest with @n_cells cells of @n_vcpus vCPUs and
 * @memory_mib each, unpinned, unbound, ranges known, nothing resident.
 */
VnGuest *scenario_guest(VnSnapshot *snapshot, const char *name, guint n_cells,
                        guint n_vcpus, guint64 memory_mib);

VnCell *scenario_cell(const VnGuest *guest, guint index);
void scenario_pin(const VnGuest *guest, guint vcpu, const char *cpus);
void scenario_bind(const VnGuest *guest, guint cell, VnBinding binding,
                   const char *nodes);

/** scenario_random: any host and guests, from g_test's seeded random numbers. */
VnSnapshot *scenario_random(void);

/** scenario_apply: what the snapshot would be once @plan is carried out in full. */
VnSnapshot *scenario_apply(const VnSnapshot *snapshot, const VnPlan *plan);
