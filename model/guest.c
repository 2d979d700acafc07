/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnGuest: construction, copying, and the figures that follow from it alone. */
#include "model/guest.h"

#include <string.h>

static void
cell_free(gpointer data)
{
    VnCell *cell = data;
    vn_idset_free(cell->vcpus);
    vn_idset_free(cell->bound);
    g_free(cell->hva_unknown);
    g_array_unref(cell->resident_bytes);
    g_free(cell);
}

static void
vcpu_free(gpointer data)
{
    VnVcpu *vcpu = data;
    vn_idset_free(vcpu->pinned);
    vn_idset_free(vcpu->affinity);
    g_free(vcpu);
}

static void
thread_free(gpointer data)
{
    VnThread *thread = data;
    g_free(thread->name);
    vn_idset_free(thread->affinity);
    g_free(thread);
}

static void
device_free(gpointer data)
{
    VnGuestDevice *device = data;
    g_free(device->address);
    g_free(device);
}

VnGuest *
vn_guest_new(const char *name, const char *uuid)
{
    VnGuest *guest = g_new0(VnGuest, 1);
    guest->name = g_strdup(name);
    guest->uuid = g_strdup(uuid);
    guest->state = VN_GUEST_STOPPED;
    guest->cells = g_ptr_array_new_with_free_func(cell_free);
    guest->vcpus = g_ptr_array_new_with_free_func(vcpu_free);
    guest->threads = g_ptr_array_new_with_free_func(thread_free);
    guest->devices = g_ptr_array_new_with_free_func(device_free);
    guest->notes = g_ptr_array_new_with_free_func(g_free);
    return guest;
}

void
vn_guest_free(VnGuest *guest)
{
    if (!guest)
        return;
    g_free(guest->name);
    g_free(guest->uuid);
    vn_tag_free(guest->tag);
    vn_vnuma_unref(guest->told);
    g_free(guest->trouble);
    g_free(guest->machine);
    g_free(guest->qmp_path);
    g_ptr_array_unref(guest->cells);
    vn_idset_free(guest->unnamed_vcpus);
    g_ptr_array_unref(guest->vcpus);
    g_ptr_array_unref(guest->threads);
    g_ptr_array_unref(guest->devices);
    g_ptr_array_unref(guest->notes);
    vn_idset_free(guest->emulator_pinned);
    vn_idset_free(guest->allowed_nodes);
    g_clear_pointer(&guest->device_nodes, g_array_unref);
    g_free(guest);
}

VnCell *
vn_guest_add_cell(VnGuest *guest, guint id)
{
    VnCell *cell = g_new0(VnCell, 1);
    cell->id = id;
    cell->vcpus = vn_idset_new();
    cell->resident_bytes = g_array_new(FALSE, TRUE, sizeof(guint64));
    g_ptr_array_add(guest->cells, cell);
    return cell;
}

VnVcpu *
vn_guest_add_vcpu(VnGuest *guest, guint id, guint cell)
{
    VnVcpu *vcpu = g_new0(VnVcpu, 1);
    vcpu->id = id;
    vcpu->cell = cell;
    g_ptr_array_add(guest->vcpus, vcpu);
    return vcpu;
}

VnThread *
vn_guest_add_thread(VnGuest *guest, VnThreadKind kind, int tid, const char *name)
{
    VnThread *thread = g_new0(VnThread, 1);
    thread->kind = kind;
    thread->tid = tid;
    thread->name = g_strdup(name);
    g_ptr_array_add(guest->threads, thread);
    return thread;
}

VnGuestDevice *
vn_guest_add_device(VnGuest *guest, const char *address)
{
    VnGuestDevice *device = g_new0(VnGuestDevice, 1);
    device->address = g_strdup(address);
    device->host_node = -1;
    g_ptr_array_add(guest->devices, device);
    return device;
}

void
vn_guest_locate_devices(VnGuest *guest, const VnHost *host)
{
    g_clear_pointer(&guest->device_nodes, g_array_unref);
    for (guint i = 0; i < guest->devices->len; i++) {
        VnGuestDevice *device = guest->devices->pdata[i];
        const VnHostDevice *found = vn_host_find_device(host, device->address);
        if (!found || found->host_node < 0)
            continue;
        guint node = (guint) found->host_node;
        device->host_node = found->host_node;
        if (!guest->device_nodes)
            guest->device_nodes = g_array_new(FALSE, FALSE, sizeof(guint));
        g_array_append_val(guest->device_nodes, node);
    }
}

void
vn_guest_add_note(VnGuest *guest, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(guest->notes, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

VnVcpu *
vn_guest_find_vcpu(const VnGuest *guest, guint id)
{
    for (guint i = 0; i < guest->vcpus->len; i++) {
        VnVcpu *vcpu = guest->vcpus->pdata[i];
        if (vcpu->id == id)
            return vcpu;
    }
    return NULL;
}

void
vn_cell_set_resident(VnCell *cell, guint host_node, guint64 bytes)
{
    if (host_node >= cell->resident_bytes->len)
        g_array_set_size(cell->resident_bytes, host_node + 1);
    g_array_index(cell->resident_bytes, guint64, host_node) = bytes;
}

guint64
vn_cell_resident_on(const VnCell *cell, const VnIdSet *host_nodes)
{
    guint64 bytes = 0;
    for (guint i = 0; i < cell->resident_bytes->len; i++) {
        if (vn_idset_contains(host_nodes, i))
            bytes += g_array_index(cell->resident_bytes, guint64, i);
    }
    return bytes;
}

guint64
vn_cell_resident(const VnCell *cell)
{
    guint64 bytes = 0;
    for (guint i = 0; i < cell->resident_bytes->len; i++)
        bytes += g_array_index(cell->resident_bytes, guint64, i);
    return bytes;
}

double
vn_guest_alignment(const VnGuest *guest, const GPtrArray *homes)
{
    guint64 at_home = 0;
    guint64 resident = 0;
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        at_home += vn_cell_resident_on(cell, homes->pdata[i]);
        resident += vn_cell_resident(cell);
    }
    return resident ? (double) at_home / (double) resident : -1;
}

static VnIdSet *
copy_or_null(const VnIdSet *set)
{
    return set ? vn_idset_copy(set) : NULL;
}

static void
clone_cell(VnGuest *clone, const VnCell *cell)
{
    VnCell *copy = vn_guest_add_cell(clone, cell->id);
    vn_idset_add_all(copy->vcpus, cell->vcpus);
    copy->memory_bytes = cell->memory_bytes;
    copy->page_size_bytes = cell->page_size_bytes;
    copy->binding = cell->binding;
    copy->bound = copy_or_null(cell->bound);
    copy->hva_start = cell->hva_start;
    copy->hva_end = cell->hva_end;
    copy->hva_unknown = g_strdup(cell->hva_unknown);
    g_array_append_vals(copy->resident_bytes, cell->resident_bytes->data,
                        cell->resident_bytes->len);
}

VnGuest *
vn_guest_clone(const VnGuest *guest)
{
    VnGuest *clone = vn_guest_new(guest->name, guest->uuid);
    clone->state = guest->state;
    clone->pid = guest->pid;
    clone->start_ticks = guest->start_ticks;
    clone->managed = guest->managed;
    clone->tag = guest->tag ? vn_tag_copy(guest->tag) : NULL;
    clone->policy = guest->policy;
    clone->told = guest->told ? vn_vnuma_ref(guest->told) : NULL;
    clone->trouble = g_strdup(guest->trouble);
    clone->machine = g_strdup(guest->machine);
    clone->memory_bytes = guest->memory_bytes;
    clone->dirty_ring = guest->dirty_ring;
    clone->told_cells = guest->told_cells;
    clone->unnamed_vcpus = copy_or_null(guest->unnamed_vcpus);
    clone->emulator_pinned = copy_or_null(guest->emulator_pinned);
    clone->emulator_pin_is_ours = guest->emulator_pin_is_ours;
    clone->allowed_nodes = copy_or_null(guest->allowed_nodes);
    if (guest->device_nodes)
        clone->device_nodes = g_array_copy(guest->device_nodes);
    clone->qmp_path = g_strdup(guest->qmp_path);
    for (guint i = 0; i < guest->cells->len; i++)
        clone_cell(clone, guest->cells->pdata[i]);
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        VnVcpu *copy = vn_guest_add_vcpu(clone, vcpu->id, vcpu->cell);
        copy->tid = vcpu->tid;
        copy->pinned = copy_or_null(vcpu->pinned);
        copy->pin_is_ours = vcpu->pin_is_ours;
        copy->affinity = copy_or_null(vcpu->affinity);
    }
    for (guint i = 0; i < guest->threads->len; i++) {
        const VnThread *thread = guest->threads->pdata[i];
        vn_guest_add_thread(clone, thread->kind, thread->tid, thread->name)->affinity =
            copy_or_null(thread->affinity);
    }
    for (guint i = 0; i < guest->devices->len; i++) {
        const VnGuestDevice *device = guest->devices->pdata[i];
        vn_guest_add_device(clone, device->address)->host_node = device->host_node;
    }
    for (guint i = 0; i < guest->notes->len; i++)
        vn_guest_add_note(clone, "%s", (const char *) guest->notes->pdata[i]);
    return clone;
}

const char *
vn_guest_state_name(VnGuestState state)
{
    switch (state) {
    case VN_GUEST_RUNNING:
        return "running";
    case VN_GUEST_PAUSED:
        return "paused";
    case VN_GUEST_STOPPED:
        return "stopped";
    }
    g_assert_not_reached();
}
