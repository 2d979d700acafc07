/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads entries of eight bytes, a stack buffer at a time. */
#include "host/pagemap.h"

#include <fcntl.h>
#include <unistd.h>

#define PRESENT (G_GUINT64_CONSTANT(1) << 63)
#define BATCH 512u

int
vn_pagemap_open(int pid)
{
    char path[64];
    g_snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

gboolean
vn_pagemap_read(int file, guint64 first, guint n_pages, gboolean *ret_present)
{
    for (guint from = 0; from < n_pages; from += BATCH) {
        guint64 entries[BATCH] = {0};
        guint n = MIN(BATCH, n_pages - from);
        if (pread(file, entries, n * sizeof(*entries),
                  (off_t) ((first + from) * sizeof(*entries))) < 0)
            return FALSE;
        for (guint i = 0; i < n; i++)
            ret_present[from + i] = (entries[i] & PRESENT) != 0;
    }
    return TRUE;
}
