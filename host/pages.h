/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * move_pages(2) as the mover wants it: it also sees pages that the kernel's automatic
 * NUMA balancing has marked.
 *
 * Theory of operation. Balancing makes pages inaccessible now and then, so that the next
 * access faults and tells who uses them. While a page is so marked, move_pages(2) of some
 * kernels (seen on Linux 6.1) says ENOENT or EFAULT about it, as if it were not there,
 * and would not move it; tests/platform/balancing.c proves it. A cold page can stay
 * marked for hours, also long after balancing was switched off. But /proc/PID/pagemap has
 * such a page as present. So pages that are absent for the one and present for the other
 * are read, a byte each, which ends the mark, and asked about again. The thread that
 * reads has a memory policy of its own meanwhile, because without one the fault would be
 * taken for a use of the page by our thread's node, and could migrate it there
 * (mpol_misplaced() in mm/mempolicy.c).
 */
#pragma once

#include <glib.h>

/**
 * vn_pages_move:
 *
 * A VnMovePagesFunc (host/move.h): arguments, result and errno of move_pages(2).
 */
long vn_pages_move(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
                   int flags, gpointer data);
