/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnGuest: one guest as it was told to be (cells, pins, binding: its domain XML) and as
 * it runs (threads, address ranges, where its pages lie). Plain data:
 * guest-topology/domain.h makes the first half, daemon/observe.h fills in the second.
 */
#pragma once

#include "model/host.h"
#include "model/policy.h"
#include "model/tag.h"
#include "model/vnuma.h"

/* The unit of heat and, by default, of moving. */
#define VN_GRANULE_BYTES (G_GUINT64_CONSTANT(2) << 20)

typedef enum {
    VN_GUEST_RUNNING,
    VN_GUEST_PAUSED,
    VN_GUEST_STOPPED,
} VnGuestState;

typedef enum {
    VN_THREAD_EMULATOR, /* the main thread, and all that has no other kind */
    VN_THREAD_IOTHREAD,
    VN_THREAD_VHOST,
} VnThreadKind;

typedef struct {
    guint id;        /* the guest's vCPU number */
    guint cell;      /* index in VnGuest.cells */
    int tid;         /* 0: not online or not known */
    VnIdSet *pinned; /* host CPUs that the live definition pins it to; NULL: not pinned */
    gboolean pin_is_ours; /* we wrote, or carried out, what it is pinned to */
    VnIdSet *affinity;    /* host CPUs that the kernel lets it run on; NULL: not known */
} VnVcpu;

typedef struct {
    VnThreadKind kind;
    int tid;
    char *name;        /* the kernel's comm */
    VnIdSet *affinity; /* NULL: not known */
} VnThread;

/* A PCI device of the host that is passed through. */
typedef struct {
    char *address; /* "0000:00:1f.2" */
    int host_node; /* -1: not known */
} VnGuestDevice;

typedef struct {
    guint id;
    VnIdSet *vcpus;          /* vCPU numbers; may be empty */
    guint64 memory_bytes;    /* 0: a cell without memory */
    guint64 page_size_bytes; /* of its backing; 0: the host's base page size */
    VnBinding binding;
    VnIdSet *bound;    /* host nodes of @binding; NULL for VN_BINDING_NONE */
    guint64 hva_start; /* host-virtual range [start, end) in QEMU; 0, 0: not known */
    guint64 hva_end;
    char *hva_unknown;      /* why the range is not known; NULL when it is */
    GArray *resident_bytes; /* of guint64, by host node id */
} VnCell;

typedef struct {
    char *name;
    char *uuid;
    VnGuestState state;
    int pid;             /* of QEMU; 0: not running, or not found */
    guint64 start_ticks; /* when that process started: a reused pid is noticed */
    gboolean managed;    /* we may touch it: has a tag, or the administrator said all */
    VnTag *tag;          /* what our metadata element asks for; NULL: has none */
    VnPolicy policy;     /* of its tag, else the configured one */
    VnVnuma *told;       /* what its tables tell it; NULL: no cells */
    char *trouble;       /* why it must be left alone; NULL: nothing in the way */
    char *machine;       /* QEMU machine type, "pc-q35-7.2" */
    guint64 memory_bytes;
    gboolean dirty_ring; /* KVM logs its writes in rings, one a vCPU */
    GPtrArray *cells;    /* of VnCell; a guest without <numa> has one, told_cells FALSE */
    gboolean told_cells;
    VnIdSet *unnamed_vcpus; /* that no cell names, so that QEMU has them in cell 0; NULL:
                               none */
    GPtrArray *vcpus;       /* of VnVcpu, ascending in id */
    GPtrArray *threads;     /* of VnThread, all but vCPUs */
    VnIdSet *emulator_pinned;      /* host CPUs of <emulatorpin>; NULL: none */
    gboolean emulator_pin_is_ours; /* as VnVcpu.pin_is_ours */
    VnIdSet
        *allowed_nodes; /* cpuset.mems: where its pages may go at all; NULL: not known */
    GPtrArray *devices; /* of VnGuestDevice, as its definition has them */
    GArray
        *device_nodes; /* of guint, the host node of each device that is passed through;
                             NULL: none, or not known */
    char *qmp_path;    /* a QMP socket of the administrator's own; NULL: none */
    GPtrArray *notes;  /* of char*: what was odd, for people */
} VnGuest;

VnGuest *vn_guest_new(const char *name, const char *uuid);
void vn_guest_free(VnGuest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnGuest, vn_guest_free)

VnCell *vn_guest_add_cell(VnGuest *guest, guint id);
VnVcpu *vn_guest_add_vcpu(VnGuest *guest, guint id, guint cell);
VnThread *vn_guest_add_thread(VnGuest *guest, VnThreadKind kind, int tid,
                              const char *name);
/** vn_guest_add_device: its host node is not known yet. */
VnGuestDevice *vn_guest_add_device(VnGuest *guest, const char *address);
/** vn_guest_locate_devices: sets device_nodes, as far as the host knows its devices. */
void vn_guest_locate_devices(VnGuest *guest, const VnHost *host);
void vn_guest_add_note(VnGuest *guest, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** vn_guest_find_vcpu: (nullable): the vCPU of this number. */
VnVcpu *vn_guest_find_vcpu(const VnGuest *guest, guint id);

/** vn_cell_set_resident: @bytes of the cell lie on @host_node. */
void vn_cell_set_resident(VnCell *cell, guint host_node, guint64 bytes);
guint64 vn_cell_resident_on(const VnCell *cell, const VnIdSet *host_nodes);
guint64 vn_cell_resident(const VnCell *cell);

/**
 * vn_guest_alignment:
 * @homes: of VnIdSet, one per cell
 *
 * Returns: bytes on their cell's home / resident bytes, 0 to 1; -1 when nothing is
 * resident.
 */
double vn_guest_alignment(const VnGuest *guest, const GPtrArray *homes);

/** vn_guest_clone: a deep copy, for rehearsing a plan on. */
VnGuest *vn_guest_clone(const VnGuest *guest);

const char *vn_guest_state_name(VnGuestState state);
