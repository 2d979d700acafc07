/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dirty log, page by page and vCPU by vCPU, counted in the kernel by BPF. */
#include "kvm/source.h"

/* Only to see how many huge mappings are split at the most: logging ends within. */
#define POLL_MS 250u

static gboolean
can(const VnSampler *sampler, const VnGuest *guest, char **ret_why)
{
    return vn_source_can_watch(sampler, VN_ACCESSES_WRITES, ret_why);
}

static gboolean
start(VnWindow *window, const VnGuest *guest, GError **error)
{
    window->state = vn_source_watch(window, guest, VN_ACCESSES_WRITES, error);
    return window->state != NULL;
}

static gboolean
stop(VnWindow *window, VnSlots *slots, GError **error)
{
    return vn_accesses_close(g_steal_pointer(&window->state), window->sample,
                             window->memory, slots, error);
}

static void
release(VnWindow *window)
{
    vn_accesses_close(g_steal_pointer(&window->state), NULL, NULL, NULL, NULL);
}

const VnSourceOps vn_source_dirty_log = {.can = can,
                                         .start = start,
                                         .poll_ms = POLL_MS,
                                         .splits = TRUE,
                                         .stop = stop,
                                         .release = release};
