/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/PID/pagemap: which pages of a process are present now. Wants the right to trace
 * the process.
 */
#pragma once

#include <glib.h>

/**
 * vn_pagemap_open:
 *
 * Returns: a file descriptor, for the caller to close; -1 with errno set.
 */
int vn_pagemap_open(int pid);

/**
 * vn_pagemap_read:
 * @file: from vn_pagemap_open()
 * @first: number of the first page: its address / page size
 * @ret_present: of @n_pages; what lies behind the end of the address space is absent
 *
 * Source of the format: Documentation/admin-guide/mm/pagemap.rst (bit 63: present).
 *
 * Returns: FALSE when nothing could be read.
 */
gboolean vn_pagemap_read(int file, guint64 first, guint n_pages, gboolean *ret_present);
