/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From cells and homes to the value of every part, and what of it he contradicts. */
#include "guest-topology/define-derive.h"

#include "model/home.h"

#include <string.h>

/* One entry a vCPU; QEMU's own default is 64 pages of them less. */
#define DIRTY_RING "on 4096"

static void
want(VnDerivation *derivation, VnPart part, guint id, char *value)
{
    vn_parts_take(derivation->wanted, part, id, value);
}

/* The CPUs of a home, less those that <vcpu cpuset> takes away; may be empty. */
static VnIdSet *
cpus_of(const VnDerivation *derivation, const VnIdSet *home)
{
    VnIdSet *cpus = vn_home_cpus(derivation->host, home);
    if (derivation->cpuset && vn_idset_overlaps(cpus, derivation->cpuset))
        vn_idset_keep_all(cpus, derivation->cpuset);
    return cpus;
}

/* Pins of the administrator that lead away from home, those of one cell as one. */
static void
compare_pins(const VnDerivation *derivation, const VnVnumaCell *cell, const VnIdSet *cpus)
{
    g_autoptr(VnIdSet) away = vn_idset_new();
    VN_IDSET_FOREACH (cell->vcpus, id) {
        const char *pin = vn_parts_get(derivation->theirs, VN_PART_VCPUPIN, (guint) id);
        g_autoptr(VnIdSet) own = pin ? vn_idset_parse(pin, NULL) : NULL;
        if (own && !vn_idset_is_subset(own, cpus))
            vn_idset_add(away, (guint) id);
    }
    if (vn_idset_is_empty(away))
        return;
    g_autofree char *home = vn_idset_format(cell->home);
    g_autofree char *list = vn_idset_format(cpus);
    vn_define_add_conflict(derivation->report, VN_PART_VCPUPIN, away,
                           "not only to CPUs %s of host node %s, the home of cell %u",
                           list, home, cell->id);
}

static void
want_vcpu_pins(VnDerivation *derivation)
{
    for (guint i = 0; i < derivation->vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(derivation->vnuma, i);
        g_autoptr(VnIdSet) cpus = cpus_of(derivation, cell->home);
        g_autofree char *list = vn_idset_format(cpus);
        if (vn_idset_is_empty(cell->vcpus))
            continue;
        if (vn_idset_is_empty(cpus)) {
            g_autofree char *home = vn_idset_format(cell->home);
            vn_define_add_reason(derivation->report,
                                 "cell %u is not pinned: its home %s has no CPUs", i,
                                 home);
            continue;
        }
        VN_IDSET_FOREACH (cell->vcpus, id)
            want(derivation, VN_PART_VCPUPIN, (guint) id, g_strdup(list));
        compare_pins(derivation, cell, cpus);
    }
}

/* Emulator and I/O threads serve all cells: they stay on the homes of all. */
static void
want_thread_pins(VnDerivation *derivation)
{
    g_autoptr(VnIdSet) homes = vn_idset_new();
    for (guint i = 0; i < derivation->vnuma->cells->len; i++)
        vn_idset_add_all(homes, vn_vnuma_cell(derivation->vnuma, i)->home);
    g_autoptr(VnIdSet) cpus = cpus_of(derivation, homes);
    g_autofree char *list = vn_idset_format(cpus);
    if (vn_idset_is_empty(cpus))
        return;
    want(derivation, VN_PART_EMULATORPIN, 0, g_strdup(list));
    VN_IDSET_FOREACH (derivation->iothreads, id)
        want(derivation, VN_PART_IOTHREADPIN, (guint) id, g_strdup(list));
}

static VnBinding
binding_of(const char *value)
{
    VnBinding binding = VN_BINDING_NONE;
    g_autofree char *mode = g_strndup(value, strcspn(value, " "));
    if (!vn_binding_from_name(mode, &binding))
        return VN_BINDING_NONE;
    return binding;
}

/*
 * libvirt takes 'restrictive' for all or for none. And with 'preferred' for all, it lets
 * a guest have one host node only: <memory> confines then, and each <memnode> prefers.
 */
static VnBinding
confining(VnBinding binding)
{
    return binding == VN_BINDING_RESTRICTIVE ? binding : VN_BINDING_STRICT;
}

/* The mode of the cells, which the administrator's <memory> may restrict. */
static VnBinding
binding_of_cells(const VnDerivation *derivation)
{
    VnBinding asked = derivation->guest->tag->binding;
    const char *memory = vn_parts_get(derivation->theirs, VN_PART_MEMORY, 0);
    if (asked == VN_BINDING_NONE)
        asked = VN_BINDING_STRICT;
    if (!memory)
        return asked;
    VnBinding his = binding_of(memory);
    if ((his == VN_BINDING_RESTRICTIVE) == (asked == VN_BINDING_RESTRICTIVE))
        return asked;
    VnBinding binding =
        his == VN_BINDING_RESTRICTIVE ? VN_BINDING_RESTRICTIVE : VN_BINDING_STRICT;
    vn_define_add_conflict(derivation->report, VN_PART_MEMORY, NULL,
                           "mode '%s', but the metadata asks for '%s', which libvirt "
                           "does not take together; cells are bound '%s'",
                           vn_binding_name(his), vn_binding_name(asked),
                           vn_binding_name(binding));
    return binding;
}

static char *
bind_to(VnBinding binding, const VnIdSet *nodes)
{
    g_autofree char *list = vn_idset_format(nodes);
    return g_strdup_printf("%s %s", vn_binding_name(binding), list);
}

static void
want_binding(VnDerivation *derivation)
{
    if (g_strcmp0(vn_parts_get(derivation->theirs, VN_PART_MEMORY, 0), "auto") == 0) {
        vn_define_add_conflict(derivation->report, VN_PART_MEMORY, NULL,
                               "with placement='auto' libvirt asks numad at each start; "
                               "cells cannot be bound then");
        return;
    }
    VnBinding binding = binding_of_cells(derivation);
    g_autoptr(VnIdSet) nodes = vn_idset_new();
    VN_IDSET_FOREACH (derivation->candidates, id) {
        if (vn_host_find_node(derivation->host, (guint) id)->memory_bytes > 0)
            vn_idset_add(nodes, (guint) id);
    }
    for (guint i = 0; i < derivation->vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(derivation->vnuma, i);
        if (cell->memory_bytes == 0 || vn_idset_is_empty(cell->home))
            continue;
        want(derivation, VN_PART_MEMNODE, i, bind_to(binding, cell->home));
        vn_idset_add_all(nodes, cell->home);
    }
    g_autoptr(VnIdSet) bound = vn_derive_their_nodes(derivation, VN_PART_MEMORY, 0);
    if (bound && !vn_idset_is_subset(nodes, bound)) {
        vn_idset_remove_all(nodes, bound);
        g_autofree char *beyond = vn_idset_format(nodes);
        vn_define_add_conflict(derivation->report, VN_PART_MEMORY, NULL,
                               "the kernel will keep the guest's memory off host node "
                               "%s, to which cells of it are bound",
                               beyond);
        return;
    }
    want(derivation, VN_PART_MEMORY, 0, bind_to(confining(binding), nodes));
}

/* With force, what there is of <vcpu placement> and <vcpu cpuset> makes way for pins. */
static void
want_vcpu(VnDerivation *derivation)
{
    if (derivation->numad)
        vn_define_add_conflict(derivation->report, VN_PART_VCPU, NULL,
                               "with placement='auto' libvirt asks numad at each start; "
                               "nothing is pinned then");
    else if (derivation->options->force &&
             vn_parts_get(derivation->current, VN_PART_VCPU, 0))
        want(derivation, VN_PART_VCPU, 0, g_strdup("static"));
}

static void
want_topology(VnDerivation *derivation)
{
    const VnCpuTopology *topology = &derivation->vnuma->topology;
    const char *theirs = vn_parts_get(derivation->theirs, VN_PART_TOPOLOGY, 0);
    /* Cells of his come without: a topology made up for them would be a guess. */
    if (theirs || vn_parts_get(derivation->theirs, VN_PART_CELLS, 0))
        return;
    want(derivation, VN_PART_TOPOLOGY, 0,
         g_strdup_printf("sockets=%u dies=%u cores=%u threads=%u", topology->sockets,
                         topology->dies, topology->cores, topology->threads));
}

void
vn_derive_parts(VnDerivation *derivation)
{
    derivation->wanted = vn_parts_new();
    want_topology(derivation);
    want(derivation, VN_PART_CELLS, 0, vn_cells_of_vnuma(derivation->vnuma));
    want_vcpu(derivation);
    if (!derivation->numad) {
        want_vcpu_pins(derivation);
        want_thread_pins(derivation);
    }
    want_binding(derivation);
    if (derivation->options->dirty_ring && derivation->may_have_ring)
        want(derivation, VN_PART_DIRTY_RING, 0, g_strdup(DIRTY_RING));
}
