/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What vnumad asks of libvirt about guests: the list with their definitions, pins, and
 * two ways to look into guest memory. Each call blocks at most its time-out; all errors:
 * GONE: no such guest, or it does not run; BUSY: no answer in time, libvirt not
 * reachable, or somebody holds the guest; REFUSED, UNSUPPORTED, INVALID, FAILED as
 * libvirt says.
 * @timeout_ms: 0: VN_CONNECTION_TIMEOUT_MS, throughout.
 */
#pragma once

#include "model/guest.h"
#include "virt/connection.h"

/* The most that vn_virt_peek() reads at once: libvirt's own limit over its protocol. */
#define VN_VIRT_PEEK_MAX 65536u

typedef struct {
    char *name;
    char *uuid;
    VnGuestState state;
    char
        *xml; /* the live definition of one that runs; NULL: could not be had, see busy */
    char *
        busy; /* what is under way with it ("migration to another host"); NULL: nothing */
} VnVirtDomain;

void vn_virt_domain_free(VnVirtDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnVirtDomain, vn_virt_domain_free)

/**
 * vn_virt_list:
 *
 * All guests that libvirt knows, ascending in name. One that vanishes meanwhile is left
 * out. One whose definition is not answered within a quarter of the time-out is listed
 * with a busy reason and without XML: a guest that hangs does not hide the others.
 *
 * Returns: (transfer full): of VnVirtDomain
 */
GPtrArray *vn_virt_list(VnConnection *connection, guint timeout_ms,
                        GError **error) VN_WARN_UNUSED;

/**
 * vn_virt_stored_definition:
 * @error: also GONE for a guest that is transient: it has none
 *
 * The definition that the guest's next start goes by, as XML.
 */
char *vn_virt_stored_definition(VnConnection *connection, const char *uuid,
                                guint timeout_ms, GError **error) VN_WARN_UNUSED;

/**
 * vn_virt_pin_vcpu:
 * @cpus: host CPUs; not empty
 *
 * Changes the running guest only, not its stored definition.
 */
gboolean vn_virt_pin_vcpu(VnConnection *connection, const char *uuid, guint vcpu,
                          const VnIdSet *cpus, guint timeout_ms,
                          GError **error) VN_WARN_UNUSED;

/** vn_virt_pin_emulator: as vn_virt_pin_vcpu(), for QEMU's other threads. */
gboolean vn_virt_pin_emulator(VnConnection *connection, const char *uuid,
                              const VnIdSet *cpus, guint timeout_ms,
                              GError **error) VN_WARN_UNUSED;

/**
 * vn_virt_peek:
 * @gpa: guest-physical address; must be RAM: reading a device may change it
 * @buffer: untouched on failure
 * @length: in bytes, 1 to VN_VIRT_PEEK_MAX
 *
 * Reads guest memory. Does not taint the guest.
 */
gboolean vn_virt_peek(VnConnection *connection, const char *uuid, guint64 gpa,
                      gpointer buffer, gsize length, guint timeout_ms,
                      GError **error) VN_WARN_UNUSED;

/**
 * vn_virt_monitor_command:
 * @json: a QMP command, one object
 * @ret_reply: (transfer full): QEMU's reply, one JSON object, which may be an error
 *
 * Speaks to QEMU behind libvirt's back: libvirt marks the guest as tainted
 * (custom-monitor) for the rest of its run. Only where the administrator allows it.
 */
gboolean vn_virt_monitor_command(VnConnection *connection, const char *uuid,
                                 const char *json, char **ret_reply, guint timeout_ms,
                                 GError **error) VN_WARN_UNUSED;
