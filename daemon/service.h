/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.vnumad1 on D-Bus: the manager, and an object for each job. Main thread. */
#pragma once

#include "daemon/worker.h"

typedef struct VnService VnService;

/**
 * vn_service_new:
 * @worker: borrowed; must outlive the service
 *
 * Exports the manager on @connection. It does not take a bus name.
 */
VnService *vn_service_new(GDBusConnection *connection, VnWorker *worker,
                          const VnConfig *config, GError **error) VN_WARN_UNUSED;

/** vn_service_free: cancels the jobs and takes everything from the bus. */
void vn_service_free(VnService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnService, vn_service_free)

/** vn_service_set_libvirt_state: the property LibvirtState. */
void vn_service_set_libvirt_state(VnService *service, const char *state);

/** vn_service_rebalance_all: a job for all managed guests, unless one is under way. */
void vn_service_rebalance_all(VnService *service);
