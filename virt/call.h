/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A deadline for calls that have none of their own. Knows nothing of libvirt, though it
 * exists for it: libvirt's API blocks until libvirtd, and behind it QEMU, answers.
 *
 * Theory of operation. A VnCaller owns one thread, which runs one call at a time. Whoever
 * wants a call hands it over and waits for its end or for the deadline.
 * - In time: the caller is idle again and takes the next call.
 * - Too late: the caller is *abandoned*. A thread that is inside a foreign call can be
 *   neither cancelled nor killed safely, so it is left to itself: it owns the call's
 *   data, touches nothing else, and when the call returns at last it frees the data and
 *   ends. An abandoned caller takes no more calls; the next one needs a new caller.
 *
 * Caller and thread share the VnCaller by reference count, so either may go first. The
 * price of an abandoned call is one sleeping thread; whoever uses callers bounds their
 * number by not repeating a call that is stuck (vn_caller_is_stuck()). Nothing here waits
 * without a limit, so shutting down cannot hang on a stuck call.
 */
#pragma once

#include <glib.h>

typedef struct VnCaller VnCaller;

/* Runs in the caller's thread; may block for ever. */
typedef void (*VnCallFunc)(gpointer data);

/** vn_caller_new: @name: of the thread, for people who look at it with ps. */
VnCaller *vn_caller_new(const char *name);

/**
 * vn_caller_free: ends an idle caller; leaves an abandoned one to itself. Never waits.
 */
void vn_caller_free(VnCaller *caller);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnCaller, vn_caller_free)

/**
 * vn_caller_run:
 * @caller: not abandoned; used by one thread at a time
 * @data: what @func works on, and all that it touches
 * @free_data: frees @data, in the caller's thread, when the call was abandoned
 * @timeout_ms: how long to wait for its end
 *
 * Returns: TRUE: @func has ended and @data is the reader's as before; FALSE: the caller
 * is abandoned and @data must not be looked at any more
 */
gboolean vn_caller_run(VnCaller *caller, VnCallFunc func, gpointer data,
                       GDestroyNotify free_data, guint timeout_ms);

/** vn_caller_is_stuck: it was abandoned, and its call has not returned yet. */
gboolean vn_caller_is_stuck(VnCaller *caller);
