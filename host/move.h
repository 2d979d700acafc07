/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnMove: moves one address range of another process to one or several host nodes, in
 * chunks, so that its caller can interleave ranges, show progress, and stop when it likes
 * (free the mover: what has been moved stays moved, nothing else is left behind). A
 * mechanism only: where to move is the caller's business.
 */
#pragma once

#include "host/move-order.h"
#include "model/guest.h"

typedef struct {
    int pid;
    guint64 start; /* host-virtual addresses [start, end), multiples of the page size */
    guint64 end;
    guint64 page_size_bytes; /* of its backing; 0: the host's base page size */
    gboolean shared; /* other processes map it too (vhost-user): move it all the same */
} VnMoveRange;

/*
 * What became of the bytes to move. Their sum is always the size of the range, or of the
 * parts where only parts are to move.
 */
typedef struct {
    guint64 moved_bytes;     /* lay elsewhere and now lie on a target */
    guint64 already_bytes;   /* lay on a target at first sight */
    guint64 absent_bytes;    /* no page there: never touched, ballooned out, swapped */
    guint64 shared_bytes;    /* refused: mapped by other processes too, see VnMoveRange */
    guint64 immovable_bytes; /* refused to the end: pinned for a device, kept busy */
    guint64 left_bytes;      /* not looked at yet, or to be tried again */
} VnMoveTally;

typedef enum {
    VN_MOVE_MORE, /* call again */
    VN_MOVE_BUSY, /* only pages that were busy are left: call again, best in some ms */
    VN_MOVE_FULL, /* every target is full: call again after others made room, or stop */
    VN_MOVE_DONE, /* nothing is left: further calls do nothing */
} VnMoveState;

/**
 * VnMovePagesFunc:
 *
 * move_pages(2), with its arguments, result and errno. The address of page i is
 * @pages[i] in the process @pid; @nodes is NULL to ask where the pages lie.
 */
typedef long (*VnMovePagesFunc)(int pid, gulong n_pages, void **pages, const int *nodes,
                                int *status, int flags, gpointer data);

typedef struct VnMove VnMove;

/**
 * vn_move_new:
 * @targets: host nodes, at least one; a page that lies on any of them stays where it is,
 *   and none is ever sent to another
 * @host: says the base page size, and how much is free on each target: with several, each
 *   granule is given one, in proportion to that
 * @func: (nullable): instead of move_pages(2), for tests
 * @error: INVALID when the range is empty or not of whole pages, or a target is no node
 *
 * Returns: a mover that has not done anything yet. It copies what it needs.
 */
VnMove *vn_move_new(const VnMoveRange *range, const VnIdSet *targets, const VnHost *host,
                    VnMovePagesFunc func, gpointer data, GError **error) VN_WARN_UNUSED;

/**
 * vn_move_set_parts: before the first chunk, at most once.
 * @parts: of VnMovePart: what is to move first, in this order
 * @only: the rest of the range stays where it is
 */
void vn_move_set_parts(VnMove *move, const GArray *parts, gboolean only);

void vn_move_free(VnMove *move);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnMove, vn_move_free)

/**
 * vn_move_chunk:
 * @max_bytes: stop once about this much was tried (at least a granule, or a page); what
 *   is only looked at counts a sixteenth. Up to 32 MiB go to the kernel at once, so that
 *   this is the least for full speed
 * @ret_state: what to do next; VN_MOVE_FULL says nothing about progress: compare tallies
 * @error: GONE when the process has ended; REFUSED when it may not be moved by us, or its
 *   cpuset forbids a target; both end the mover, and the tally stays readable
 *
 * The next piece of work. Ends in VN_MOVE_DONE after a bounded number of calls, but for
 * VN_MOVE_FULL, which lasts as long as the targets are full: a caller that sees it
 * without progress gives up, and reports the tally's left_bytes as what did not fit.
 */
gboolean vn_move_chunk(VnMove *move, guint64 max_bytes, VnMoveState *ret_state,
                       GError **error) VN_WARN_UNUSED;

/** vn_move_tally: (transfer none): as of now; valid as long as @move. */
const VnMoveTally *vn_move_tally(const VnMove *move);
