/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenarios for tests: builders, random ones, and the rehearsal of a plan. */
#include "tests/support/scenario.h"

static VnHost *
make_host(guint n_nodes, guint n_cpus, guint64 memory_mib)
{
    VnHost *host = vn_host_new();
    host->page_size_bytes = 4096;
    host->has_distances = TRUE;
    for (guint i = 0; i < n_nodes; i++) {
        VnHostNode *node = vn_host_add_node(host, i);
        node->memory_bytes = memory_mib * MIB;
        node->free_bytes = node->memory_bytes / 2;
        node->distances = g_new(guint, n_nodes);
        for (guint j = 0; j < n_nodes; j++)
            node->distances[j] = i == j ? VN_DISTANCE_LOCAL : 21;
        for (guint j = 0; j < n_cpus; j++) {
            VnHostCpu *cpu = vn_host_add_cpu(host, i * n_cpus + j);
            cpu->online = TRUE;
            cpu->host_node = (int) i;
            vn_idset_add(node->cpus, cpu->id);
        }
    }
    return host;
}

VnSnapshot *
scenario_new(guint n_nodes, guint n_cpus, guint64 memory_mib)
{
    return vn_snapshot_new(make_host(n_nodes, n_cpus, memory_mib));
}

VnGuest *
scenario_guest(VnSnapshot *snapshot, const char *name, guint n_cells, guint n_vcpus,
               guint64 memory_mib)
{
    g_autofree char *uuid = g_strdup_printf("uuid-of-%s", name);
    VnGuest *guest = vn_guest_new(name, uuid);
    guest->state = VN_GUEST_RUNNING;
    guest->pid = 4711;
    guest->tag = vn_tag_new();
    guest->managed = guest->told_cells = TRUE;
    guest->memory_bytes = n_cells * memory_mib * MIB;
    for (guint i = 0; i < n_cells; i++) {
        VnCell *cell = vn_guest_add_cell(guest, i);
        cell->memory_bytes = memory_mib * MIB;
        cell->hva_start = (i + 1) << 30;
        cell->hva_end = cell->hva_start + cell->memory_bytes;
        for (guint j = 0; j < n_vcpus; j++) {
            vn_idset_add(cell->vcpus, i * n_vcpus + j);
            vn_guest_add_vcpu(guest, i * n_vcpus + j, i);
        }
    }
    g_ptr_array_add(snapshot->guests, guest);
    return guest;
}

VnCell *
scenario_cell(const VnGuest *guest, guint index)
{
    return guest->cells->pdata[index];
}

VnIdSet *
scenario_idset(const char *text)
{
    g_autoptr(GError) error = NULL;
    VnIdSet *set = vn_idset_parse(text, &error);
    g_assert_no_error(error);
    return set;
}

void
scenario_pin(const VnGuest *guest, guint vcpu, const char *cpus)
{
    VnVcpu *found = vn_guest_find_vcpu(guest, vcpu);
    vn_idset_free(found->pinned);
    found->pinned = scenario_idset(cpus);
}

void
scenario_bind(const VnGuest *guest, guint cell, VnBinding binding, const char *nodes)
{
    VnCell *found = scenario_cell(guest, cell);
    vn_idset_free(found->bound);
    found->binding = binding;
    found->bound = scenario_idset(nodes);
}

static VnIdSet *
random_nodes(guint n_nodes)
{
    VnIdSet *nodes = vn_idset_new_with((guint) g_test_rand_int_range(0, (int) n_nodes));
    while (g_test_rand_int_range(0, 3) == 0)
        vn_idset_add(nodes, (guint) g_test_rand_int_range(0, (int) n_nodes));
    return nodes;
}

static void
random_details(const VnHost *host, VnGuest *guest)
{
    guint n_nodes = host->nodes->len;
    guest->managed = g_test_rand_int_range(0, 8) != 0;
    if (g_test_rand_int_range(0, 10) == 0)
        guest->state = VN_GUEST_STOPPED;
    if (g_test_rand_int_range(0, 3) == 0)
        guest->allowed_nodes = random_nodes(n_nodes);
    for (guint i = 0; i < guest->cells->len; i++) {
        VnCell *cell = guest->cells->pdata[i];
        for (guint j = 0; j < n_nodes; j++)
            vn_cell_set_resident(cell, j,
                                 (guint64) g_test_rand_int_range(0, 40) * MIB / 4);
        if (g_test_rand_int_range(0, 3) == 0) {
            cell->binding = (VnBinding) g_test_rand_int_range(VN_BINDING_STRICT,
                                                              VN_BINDING_RESTRICTIVE + 1);
            cell->bound = random_nodes(n_nodes);
        }
        if (g_test_rand_int_range(0, 6) == 0)
            cell->hva_start = cell->hva_end = 0;
    }
    for (guint i = 0; i < guest->vcpus->len; i++) {
        VnVcpu *vcpu = guest->vcpus->pdata[i];
        if (g_test_rand_int_range(0, 2)) {
            g_autoptr(VnIdSet) nodes = random_nodes(n_nodes);
            vcpu->pinned = vn_host_cpus_of_nodes(host, nodes);
            if (vn_idset_is_empty(vcpu->pinned))
                g_clear_pointer(&vcpu->pinned, vn_idset_free);
        }
    }
}

VnSnapshot *
scenario_random(void)
{
    guint n_nodes = (guint) g_test_rand_int_range(1, 7);
    VnSnapshot *snapshot =
        scenario_new(n_nodes, (guint) g_test_rand_int_range(1, 5), 4096);
    for (guint i = 0; i < n_nodes; i++) {
        VnHostNode *node = snapshot->host->nodes->pdata[i];
        if (i && g_test_rand_int_range(0, 5) == 0)
            node->memory_bytes = node->free_bytes = 0;
        else if (i && g_test_rand_int_range(0, 5) == 0)
            vn_idset_remove_all(node->cpus, node->cpus);
        for (guint j = 0; j < n_nodes; j++)
            node->distances[j] =
                i == j ? VN_DISTANCE_LOCAL : (guint) g_test_rand_int_range(11, 60);
    }
    for (int i = g_test_rand_int_range(1, 5); i > 0; i--) {
        g_autofree char *name = g_strdup_printf("guest%d", i);
        guint n_cells = (guint) g_test_rand_int_range(1, 6);
        random_details(snapshot->host,
                       scenario_guest(snapshot, name, n_cells,
                                      (guint) g_test_rand_int_range(0, 4), 512));
    }
    return snapshot;
}

static void
apply_step(VnGuest *guest, const VnStep *step)
{
    VnIdSet **set;
    switch (step->kind) {
    case VN_STEP_PIN_VCPU:
        set = &vn_guest_find_vcpu(guest, step->target)->pinned;
        vn_guest_find_vcpu(guest, step->target)->pin_is_ours = step->pin_is_ours;
        vn_idset_free(*set);
        *set = vn_idset_copy(step->after);
        break;
    case VN_STEP_PIN_EMULATOR:
        vn_idset_free(guest->emulator_pinned);
        guest->emulator_pinned = vn_idset_copy(step->after);
        guest->emulator_pin_is_ours = step->pin_is_ours;
        break;
    case VN_STEP_MOVE_MEMORY: {
        VnCell *cell = guest->cells->pdata[step->target];
        guint first = (guint) vn_idset_next(step->after, 0);
        guint64 there = 0;
        VN_IDSET_FOREACH (step->before, id) {
            there += g_array_index(cell->resident_bytes, guint64, id);
            vn_cell_set_resident(cell, (guint) id, 0);
        }
        if (step->parts_only) {
            g_assert_cmpuint(there, >=, step->bytes);
            vn_cell_set_resident(cell, (guint) vn_idset_next(step->before, 0),
                                 there - step->bytes);
            there = step->bytes;
        }
        g_assert_cmpuint(there, ==, step->bytes);
        if (first < cell->resident_bytes->len)
            there += g_array_index(cell->resident_bytes, guint64, first);
        vn_cell_set_resident(cell, first, there);
        break;
    }
    }
}

/* Free memory follows the moves, or the next plan would see another host. */
static void
recount_free(VnSnapshot *after, const VnPlan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (step->kind != VN_STEP_MOVE_MEMORY)
            continue;
        int to = vn_host_node_index(after->host, (guint) vn_idset_next(step->after, 0));
        VnHostNode *node = after->host->nodes->pdata[to];
        node->free_bytes -= MIN(node->free_bytes, step->bytes);
    }
}

VnSnapshot *
scenario_apply(const VnSnapshot *snapshot, const VnPlan *plan)
{
    guint n_nodes = snapshot->host->nodes->len;
    VnHost *host = make_host(n_nodes, 0, 0);
    for (guint i = 0; i < n_nodes; i++) {
        const VnHostNode *from = snapshot->host->nodes->pdata[i];
        VnHostNode *to = host->nodes->pdata[i];
        to->memory_bytes = from->memory_bytes;
        to->free_bytes = from->free_bytes;
        to->cordoned = from->cordoned;
        vn_idset_add_all(to->cpus, from->cpus);
        for (guint j = 0; j < n_nodes; j++)
            to->distances[j] = from->distances[j];
    }
    VnSnapshot *after = vn_snapshot_new(host);
    for (guint i = 0; i < snapshot->guests->len; i++)
        g_ptr_array_add(after->guests, vn_guest_clone(snapshot->guests->pdata[i]));
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        apply_step((VnGuest *) vn_snapshot_find(after, step->guest), step);
    }
    recount_free(after, plan);
    return after;
}
