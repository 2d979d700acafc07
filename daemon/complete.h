/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnCompleter: fills vNUMA into the persistent definitions of guests whose metadata asks
 * for it, as `vnumactl define` does, when libvirt tells of a change. Lives on the worker.
 *
 * Theory of operation. Our own define makes libvirt tell of a change again. So after each
 * look at a definition a checksum of it is kept, of the one that libvirt has made of ours
 * where we gave it one: what is still the same is not looked at again, whatever
 * vn_define() would say to it. A refusal is kept with it, told once in the log, and again
 * by vn_completer_add_notes() for as long as the definition stays what it is.
 */
#pragma once

#include "daemon/observe.h"

typedef struct VnCompleter VnCompleter;

/** vn_completer_new: @observer, @virt: borrowed; must outlive the completer. */
VnCompleter *vn_completer_new(VnObserver *observer, VnConnection *virt);
void vn_completer_free(VnCompleter *completer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnCompleter, vn_completer_free)

/**
 * vn_completer_promise:
 * @promises: borrowed; must outlive the completer
 *
 * From now on what a guest that does not run gets is promised to it, until it has it.
 */
void vn_completer_promise(VnCompleter *completer, VnPromises *promises);

/**
 * vn_completer_complete:
 * @uuid: of the guest that was defined or undefined, or whose metadata was changed
 * @ret_given: (optional): whether libvirt was given a new definition
 * @error: BUSY: libvirt cannot be reached now; others as libvirt says. What is wrong with
 *   the definition itself is no error: it is told in the log and in the notes.
 *
 * Does nothing to a guest that has no metadata of ours, or no persistent definition, but
 * to forget what was remembered of it.
 */
gboolean vn_completer_complete(VnCompleter *completer, const char *uuid,
                               gboolean *ret_given, GError **error) VN_WARN_UNUSED;

/**
 * vn_completer_refresh: as vn_completer_complete(), also where the definition is the one
 * that was looked at, because the host is another. Promises nothing: who knows when the
 * guest starts.
 * @snapshot: just made; may serve for several guests
 * @guest: of @snapshot
 */
gboolean vn_completer_refresh(VnCompleter *completer, VnSnapshot *snapshot,
                              const VnGuest *guest, GError **error) VN_WARN_UNUSED;

/** vn_completer_add_notes: what was in the way of its definition, and conflicts in it. */
void vn_completer_add_notes(const VnCompleter *completer, VnGuest *guest);
