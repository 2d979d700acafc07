/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* move_pages(2), and the pages that balancing hides from it; see pages.h. */
#include "host/pages.h"

#include "host/pagemap.h"

#include <errno.h>
#include <numaif.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Pages looked at, and read, at a time; no more than IOV_MAX. */
#define BATCH 512u

/* Pages that may be hidden: where they are in the caller's arrays. */
typedef struct {
    guint n;
    void *pages[BATCH];
    int status[BATCH];
    gulong index[BATCH];
} Batch;

/* What was last read of a process's pagemap: BATCH pages from a multiple of BATCH on. */
typedef struct {
    int file;
    guint64 first;
    gboolean present[BATCH];
} Pagemap;

static gboolean
is_present(Pagemap *pagemap, const void *page)
{
    guint64 number = (guint64) (gsize) page / (guint64) sysconf(_SC_PAGESIZE);
    guint64 first = number - number % BATCH;
    if (first != pagemap->first) {
        memset(pagemap->present, 0, sizeof(pagemap->present));
        pagemap->first = first;
        (void) vn_pagemap_read(pagemap->file, first, BATCH, pagemap->present);
    }
    return pagemap->present[number - first];
}

/*
 * Ends the marks of the batch's pages. Where it fails they stay as absent as they
 * were.
 */
static void
read_pages(int pid, const Batch *batch)
{
    char bytes[BATCH];
    struct iovec local = {.iov_base = bytes, .iov_len = batch->n};
    struct iovec remote[BATCH];
    for (guint i = 0; i < batch->n; i++)
        remote[i] = (struct iovec){.iov_base = batch->pages[i], .iov_len = 1};
    if (set_mempolicy(MPOL_LOCAL, NULL, 0) < 0)
        return;
    /* It stops at the first page that cannot be read: go on behind it. */
    for (guint from = 0; from < batch->n;) {
        gssize n = process_vm_readv(pid, &local, 1, remote + from, batch->n - from, 0);
        if (n < 0 && errno != EFAULT)
            break;
        from += n > 0 ? (guint) n : 1;
    }
    (void) set_mempolicy(MPOL_DEFAULT, NULL, 0);
}

static void
uncover(int pid, Batch *batch, int *status)
{
    if (batch->n == 0)
        return;
    read_pages(pid, batch);
    if (move_pages(pid, batch->n, batch->pages, NULL, batch->status, 0) == 0) {
        for (guint i = 0; i < batch->n; i++)
            status[batch->index[i]] = batch->status[i];
    }
    batch->n = 0;
}

/* Marked base pages give ENOENT, huge ones EFAULT, which a zero page gives too. */
static gboolean
seems_absent(int status)
{
    return status == -ENOENT || status == -EFAULT;
}

/* Asks again about the pages that are said to be absent but are there. */
static void
uncover_all(int pid, gulong n_pages, void **pages, int *status)
{
    Pagemap pagemap = {.file = vn_pagemap_open(pid), .first = G_MAXUINT64};
    if (pagemap.file < 0)
        return;
    Batch batch = {.n = 0};
    for (gulong i = 0; i < n_pages; i++) {
        if (!seems_absent(status[i]) || !is_present(&pagemap, pages[i]))
            continue;
        batch.pages[batch.n] = pages[i];
        batch.index[batch.n++] = i;
        if (batch.n == BATCH)
            uncover(pid, &batch, status);
    }
    uncover(pid, &batch, status);
    close(pagemap.file);
}

static gboolean
some_absent(gulong n_pages, const int *status)
{
    for (gulong i = 0; i < n_pages; i++) {
        if (seems_absent(status[i]))
            return TRUE;
    }
    return FALSE;
}

long
vn_pages_move(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
              int flags, gpointer data)
{
    long result = move_pages(pid, n_pages, pages, nodes, status, flags);
    if (!nodes && result == 0 && some_absent(n_pages, status))
        uncover_all(pid, n_pages, pages, status);
    return result;
}
