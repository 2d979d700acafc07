/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Windows fed to heat, plans made of it and carried out. */
#include "tests/support/sight.h"

#include "policies/align.h"

void
sight_init(Sight *sight, guint n_nodes, guint n_cpus, guint node_mib, guint n_vcpus,
           guint guest_mib)
{
    g_autofree guint *cells = g_new(guint, n_vcpus);
    for (guint i = 0; i < n_vcpus; i++)
        cells[i] = i;
    *sight = (Sight){.snapshot = scenario_new(n_nodes, n_cpus, node_mib),
                     .heat = vn_heat_new(cells, n_vcpus, 60 * SIGHT_SECOND),
                     .n_granules = guest_mib / 2,
                     .lies_on = g_new0(guint8, guest_mib / 2),
                     .was_moved = g_new0(guint8, guest_mib / 2),
                     .pins_are_ours = TRUE,
                     .bytes_per_second = 1024 * MIB};
    sight->guest = scenario_guest(sight->snapshot, "g1", 1, n_vcpus, guest_mib);
    sight->guest->told_cells = FALSE;
    for (guint i = 0; i < sight->n_granules; i++)
        sight->lies_on[i] = (guint8) (i % n_nodes);
}

void
sight_clear(Sight *sight)
{
    vn_snapshot_unref(sight->snapshot);
    vn_heat_free(sight->heat);
    g_clear_pointer(&sight->sample, vn_sample_unref);
    g_free(sight->lies_on);
    g_free(sight->was_moved);
}

static VnSample *
window(Sight *sight)
{
    if (!sight->sample)
        sight->sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, sight->now_us);
    return sight->sample;
}

void
sight_access(Sight *sight, guint granule, guint vcpu, guint count)
{
    vn_sample_add(window(sight), granule, vcpu, VN_ACCESS_WRITE, count);
}

void
sight_read(Sight *sight, guint granule, guint vcpu, guint count)
{
    vn_sample_add(window(sight), granule, vcpu, VN_ACCESS_ANY, count);
}

void
sight_close(Sight *sight)
{
    VnSample *sample = window(sight);
    sight->now_us += SIGHT_SECOND;
    vn_sample_seal(sample, sight->now_us);
    vn_heat_feed(sight->heat, sample);
    g_clear_pointer(&sight->sample, vn_sample_unref);
}

int
sight_node_of(const Sight *sight, const VnGuest *guest, guint vcpu)
{
    const VnVcpu *found = vn_guest_find_vcpu(guest, vcpu);
    if (!found->pinned)
        return -1;
    g_autoptr(VnIdSet) nodes =
        vn_host_nodes_of_cpus(sight->snapshot->host, found->pinned);
    return vn_idset_count(nodes) == 1 ? vn_idset_next(nodes, 0) : -1;
}

/* vCPUs are told apart as the daemon does it: by host node, or each by itself. */
static void
set_cells(Sight *sight)
{
    guint n_nodes = sight->snapshot->host->nodes->len;
    guint n_vcpus = sight->guest->vcpus->len;
    g_autofree guint *cells = g_new(guint, n_vcpus);
    for (guint i = 0; i < n_vcpus; i++) {
        int node = sight_node_of(sight, sight->guest, i);
        cells[i] = node >= 0 ? (guint) node : n_nodes + i;
    }
    vn_heat_set_cells(sight->heat, cells);
}

VnPlan *
sight_steer(Sight *sight, VnSteerVerdict *ret_verdict)
{
    guint64 bytes[8] = {0};
    guint n_vcpus = sight->guest->vcpus->len;
    g_autoptr(VnPlacement) placement = vn_placement_new(n_vcpus);
    set_cells(sight);
    for (guint i = 0; i < n_vcpus; i++)
        vn_placement_set_vcpu(placement, i, sight_node_of(sight, sight->guest, i));
    for (guint i = 0; i < sight->n_granules; i++) {
        vn_placement_add(placement, i, 1, sight->lies_on[i], 0);
        bytes[sight->lies_on[i]] += VN_GRANULE_BYTES;
    }
    vn_placement_add_ram(placement, 0, sight->n_granules * VN_GRANULE_BYTES, 0, 0);
    for (guint i = 0; i < sight->snapshot->host->nodes->len; i++)
        vn_cell_set_resident(scenario_cell(sight->guest, 0), i, bytes[i]);
    g_autoptr(VnLocality) locality =
        vn_locality_new(sight->heat, placement, sight->snapshot->host, sight->now_us);
    VnSteerEvidence evidence = {.heat = sight->heat,
                                .locality = locality,
                                .pins_are_ours = sight->pins_are_ours,
                                .now_us = sight->now_us,
                                .move_bytes_per_second = sight->bytes_per_second,
                                .placement = placement};
    VnPlan *plan = vn_align_decide(sight->snapshot);
    *ret_verdict = vn_steer_guest(sight->snapshot, sight->guest, &evidence, plan);
    g_test_message("%s: %s", vn_steer_verdict_name(*ret_verdict),
                   vn_plan_find_decision(plan, "g1")->reason);
    return plan;
}

static void
move_parts(Sight *sight, const VnStep *step)
{
    VnHost *host = sight->snapshot->host;
    int to = vn_idset_next(step->after, 0);
    g_assert_true(step->parts_only);
    for (guint i = 0; i < step->parts->len; i++) {
        const VnStepPart *part = &g_array_index(step->parts, VnStepPart, i);
        guint first = (guint) (part->offset_bytes / VN_GRANULE_BYTES);
        for (guint k = 0; k < part->bytes / VN_GRANULE_BYTES; k++) {
            guint8 *node = &sight->lies_on[first + k];
            g_assert_true(vn_idset_contains(step->before, *node));
            ((VnHostNode *) host->nodes->pdata[*node])->free_bytes += VN_GRANULE_BYTES;
            ((VnHostNode *) host->nodes->pdata[to])->free_bytes -= VN_GRANULE_BYTES;
            *node = (guint8) to;
            sight->was_moved[first + k]++;
        }
    }
}

guint
sight_carry_out(Sight *sight, const VnPlan *plan)
{
    guint n = 0;
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        const VnGuest *guest = vn_snapshot_find(sight->snapshot, step->uuid);
        switch (step->kind) {
        case VN_STEP_PIN_VCPU: {
            g_autofree char *cpus = vn_idset_format(step->after);
            scenario_pin(guest, step->target, cpus);
            n += guest == sight->guest;
            break;
        }
        case VN_STEP_PIN_EMULATOR:
            break; /* changes nothing that is looked at */
        case VN_STEP_MOVE_MEMORY:
            if (guest != sight->guest)
                break;
            move_parts(sight, step);
            n += (guint) (step->bytes / VN_GRANULE_BYTES);
            break;
        }
    }
    return n;
}
