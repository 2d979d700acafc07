/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnWatch: what the daemon does when libvirt tells of something: it has definitions
 * completed, and keeps connected, as without a connection nothing is told. Main thread.
 */
#pragma once

#include "daemon/service.h"
#include "virt/connection.h"

typedef struct VnWatch VnWatch;

/**
 * vn_watch_new: connects.
 * @worker, @service: borrowed; must outlive the watch
 */
VnWatch *vn_watch_new(const VnConfig *config, VnWorker *worker, VnService *service);

/** vn_watch_free: tasks of it that the worker still has come to nothing. */
void vn_watch_free(VnWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnWatch, vn_watch_free)

/** vn_watch_event: what libvirt tells. */
void vn_watch_event(VnWatch *watch, const VnVirtEvent *event);
