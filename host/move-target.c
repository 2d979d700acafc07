/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnMoveTarget: shares granules among host nodes; see move-target.h. */
#include "host/move-target.h"

#include "model/guest.h"

static guint64
free_granules(const VnHost *host, const VnHostNode *node, guint64 page_size_bytes)
{
    guint64 free_bytes = node->free_bytes;
    if (page_size_bytes != host->page_size_bytes) {
        free_bytes = 0;
        for (guint i = 0; i < node->huge_pages->len; i++) {
            const VnHugePages *pages = &g_array_index(node->huge_pages, VnHugePages, i);
            if (pages->size_bytes == page_size_bytes)
                free_bytes = pages->free * pages->size_bytes;
        }
    }
    return MAX(free_bytes / MAX(page_size_bytes, VN_GRANULE_BYTES), 1);
}

GArray *
vn_move_targets_new(const VnIdSet *nodes, const VnHost *host, guint64 page_size_bytes)
{
    GArray *targets = g_array_new(FALSE, TRUE, sizeof(VnMoveTarget));
    VN_IDSET_FOREACH (nodes, id) {
        const VnHostNode *node = vn_host_find_node(host, (guint) id);
        VnMoveTarget target = {
            .host_node = (guint) id,
            .weight = free_granules(host, node, page_size_bytes),
        };
        g_array_append_val(targets, target);
    }
    return targets;
}

/* By highest averages (D'Hondt): proportional at every moment, without a total. */
int
vn_move_targets_pick(const GArray *targets)
{
    int best = -1;
    double best_average = 0;
    for (guint i = 0; i < targets->len; i++) {
        const VnMoveTarget *target = &g_array_index(targets, VnMoveTarget, i);
        double average = (double) target->weight / (double) (target->given + 1);
        if (!target->full && average > best_average) {
            best = (int) i;
            best_average = average;
        }
    }
    return best;
}

int
vn_move_targets_find_majority(const GArray *targets, const int *lies_on, guint n_pages)
{
    int best = -1;
    guint best_pages = 0;
    for (guint i = 0; i < targets->len; i++) {
        const VnMoveTarget *target = &g_array_index(targets, VnMoveTarget, i);
        guint pages = 0;
        for (guint page = 0; page < n_pages; page++)
            pages += lies_on[page] == (int) target->host_node;
        if (!target->full && pages > best_pages) {
            best = (int) i;
            best_pages = pages;
        }
    }
    return best;
}

guint
vn_move_targets_count_full(const GArray *targets)
{
    guint n_full = 0;
    for (guint i = 0; i < targets->len; i++)
        n_full += g_array_index(targets, VnMoveTarget, i).full ? 1 : 0;
    return n_full;
}

void
vn_move_targets_clear_full(GArray *targets)
{
    for (guint i = 0; i < targets->len; i++)
        g_array_index(targets, VnMoveTarget, i).full = FALSE;
}
