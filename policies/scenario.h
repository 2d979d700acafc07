/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnScenario: a host and guests as they are, or as they might be, and what the policies
 * make of them: which guests fit, where each cell belongs, who moves for that. Pure; the
 * same code decides for the daemon's guests. cli/scenario-read.h reads one.
 */
#pragma once

#include "model/plan.h"

/* Limits of what a scenario can ask for. */
#define VN_SCENARIO_GUESTS_MAX 16384u
#define VN_SCENARIO_VCPUS_MAX (1u << 20) /* of all guests */
#define VN_SCENARIO_OVERCOMMIT_MIN 0.01
#define VN_SCENARIO_OVERCOMMIT_MAX 1000.0

/* What a guest asks for beside what its VnGuest says. */
typedef struct {
    guint max_cells; /* it gets as few as fit, and so many at most; 0: it has its cells */
    guint64 page_size_bytes; /* of cells that it gets; 0: base pages */
} VnScenarioGuest;

/*
 * A guest that is placed is VN_GUEST_RUNNING, its memory resident and its vCPUs pinned
 * (by us) where it is; one that is not is VN_GUEST_STOPPED. Guests keep their order.
 */
typedef struct {
    VnSnapshot *snapshot;
    GArray *guests;              /* of VnScenarioGuest, one a guest of the snapshot */
    double cpu_overcommit_ratio; /* vCPUs for each CPU at most */
    gboolean smt;    /* each thread of a core is a CPU; else each core is one */
    GPtrArray *room; /* of GArray of VnHugePages: what nodes hold beside what is placed */
} VnScenario;

typedef struct {
    VnSnapshot *snapshot; /* the scenario's, with the cells that guests have got */
    VnPlan *plan;         /* homes, and the steps of guests that are placed */
    GPtrArray *refused;   /* by guest: char*, why; NULL: it has its homes */
    double remote_cost;   /* of the guests' accesses, weighted by their vCPUs; 1: local */
    double max_cpu_load_ratio;
} VnScenarioResult;

/** vn_scenario_new: @host: (transfer full). No guests; one vCPU a CPU, threads count. */
VnScenario *vn_scenario_new(VnHost *host);
void vn_scenario_free(VnScenario *scenario);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnScenario, vn_scenario_free)

/** vn_scenario_add: one that may get a cell for each host node, and asks for no more. */
VnGuest *vn_scenario_add(VnScenario *scenario, const char *name, guint n_vcpus,
                         guint64 memory_bytes);

/**
 * vn_scenario_split:
 * @n_cells: at least 1
 *
 * Gives the guest @n_cells new cells, vCPUs in a row and whole pages split as evenly as
 * they can be.
 */
void vn_scenario_split(VnGuest *guest, guint n_cells, guint64 page_size_bytes);

/**
 * vn_scenario_put:
 * @nodes: host nodes that have memory
 * @error: INVALID: one of them cannot hold that beside what was put there before
 *
 * Has the cell of that index lie there, over several nodes in proportion to their
 * memory, and its vCPUs run there. What is free there is then at most what else is left.
 */
gboolean vn_scenario_put(const VnScenario *scenario, VnGuest *guest, guint cell,
                         const VnIdSet *nodes, GError **error) VN_WARN_UNUSED;

/**
 * vn_scenario_run: gives its guests their cells, and homes to these; what does not fit is
 * refused. Once only.
 */
VnScenarioResult *vn_scenario_run(VnScenario *scenario);
void vn_scenario_result_free(VnScenarioResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnScenarioResult, vn_scenario_result_free)

/**
 * vn_scenario_describe:
 * @plan: what was decided for @snapshot: its homes are where guests are placed
 *
 * Guests that do not run, or have no home, are left out; vCPUs are numbered from 0 on.
 *
 * Returns: (transfer floating): a{sv} with the keys of a scenario's document.
 */
GVariant *vn_scenario_describe(const VnSnapshot *snapshot, const VnPlan *plan);

/**
 * vn_scenario_result_to_variant:
 *
 * Returns: (transfer floating): a{sv} with the keys of `vnumactl simulate --json`.
 */
GVariant *vn_scenario_result_to_variant(const VnScenarioResult *result);
