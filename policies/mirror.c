/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy "mirror": whether guest and host have one shape. */
#include "policies/mirror.h"

#include "model/text.h"

char *
vn_mirror_why_not(const VnHost *host, const VnGuest *guest)
{
    if (guest->cells->len != host->nodes->len)
        return g_strdup_printf("policy mirror: the guest has %u cell%s, the host %u "
                               "node%s; give it a cell for each",
                               guest->cells->len, guest->cells->len == 1 ? "" : "s",
                               host->nodes->len, host->nodes->len == 1 ? "" : "s");
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        const VnHostNode *node = host->nodes->pdata[i];
        if (cell->memory_bytes > node->memory_bytes) {
            g_autofree char *wanted = vn_text_bytes(cell->memory_bytes);
            g_autofree char *there = vn_text_bytes(node->memory_bytes);
            return g_strdup_printf("policy mirror: cell %u has %s of memory, host node "
                                   "%u has %s",
                                   cell->id, wanted, node->id, there);
        }
        if (!vn_idset_is_empty(cell->vcpus) && vn_idset_is_empty(node->cpus))
            return g_strdup_printf("policy mirror: cell %u has vCPUs, host node %u has "
                                   "no CPUs",
                                   cell->id, node->id);
    }
    return NULL;
}
