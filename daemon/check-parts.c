/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where parts of cells lie, asked by their first and their last page. */
#include "daemon/check-parts.h"

#include "daemon/check.h"
#include "host/pages.h"

#include <errno.h>

/* Pages in one call. */
#define PAGES_MAX 4096u

typedef struct {
    guint there;  /* pages on the nodes where they are to be */
    guint astray; /* that lie elsewhere */
} Count;

static gboolean
ask(const VnGuest *guest, const GPtrArray *pages, VnMovePagesFunc func, gpointer data,
    const VnIdSet *nodes, Count *count)
{
    g_autofree int *status = g_new(int, pages->len);
    for (guint i = 0; i < pages->len; i++)
        status[i] = -ENODATA;
    if (pages->len &&
        func(guest->pid, pages->len, pages->pdata, NULL, status, 0, data) < 0)
        return FALSE;
    for (guint i = 0; i < pages->len; i++) {
        if (status[i] < 0)
            continue;
        gboolean there = vn_idset_contains(nodes, (guint) status[i]);
        count->there += there;
        count->astray += !there;
    }
    return TRUE;
}

static gboolean
count_parts(const VnGuest *guest, const VnStep *step, guint64 page_bytes,
            VnMovePagesFunc func, gpointer data, Count *count)
{
    const VnCell *cell = guest->cells->pdata[step->target];
    g_autoptr(GPtrArray) pages = g_ptr_array_new();
    for (guint i = 0; i < step->parts->len; i++) {
        const VnStepPart *part = &g_array_index(step->parts, VnStepPart, i);
        guint64 start = cell->hva_start + part->offset_bytes;
        if (part->bytes < page_bytes || start + part->bytes > cell->hva_end)
            continue;
        g_ptr_array_add(pages, (void *) (gsize) start);
        g_ptr_array_add(pages, (void *) (gsize) (start + part->bytes - page_bytes));
        if (pages->len < PAGES_MAX)
            continue;
        if (!ask(guest, pages, func, data, step->after, count))
            return FALSE;
        g_ptr_array_set_size(pages, 0);
    }
    return ask(guest, pages, func, data, step->after, count);
}

static void
check_step(const VnSnapshot *after, VnMovePagesFunc func, gpointer data, VnStep *step)
{
    const VnGuest *guest = vn_snapshot_find(after, step->uuid);
    Count count = {0};
    if (!guest || guest->state == VN_GUEST_STOPPED || step->target >= guest->cells->len)
        return; /* vn_check() says so */
    if (!count_parts(guest, step, after->host->page_size_bytes, func, data, &count)) {
        vn_step_set_outcome(step, VN_OUTCOME_PENDING,
                            "carried out, but not checked: where its parts lie cannot be "
                            "asked");
        return;
    }
    g_autofree char *said = g_strdup(step->outcome_text);
    guint all = count.there + count.astray;
    if (count.astray <= all * VN_CHECK_ASTRAY_RATIO) {
        vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
        return;
    }
    vn_step_set_outcome(step, step->bytes_moved ? VN_OUTCOME_PENDING : VN_OUTCOME_FAILED,
                        "%.0f %% of these parts still lie elsewhere%s%s",
                        100.0 * count.astray / all, said ? ": " : "", said ? said : "");
}

void
vn_check_parts(const VnSnapshot *after, VnMovePagesFunc func, gpointer data, VnPlan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        if (step->parts_only && step->outcome != VN_OUTCOME_SKIPPED)
            check_step(after, func ? func : vn_pages_move, data, step);
    }
}
