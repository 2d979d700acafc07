/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeping definitions true: when the host is another (nodes, CPUs, memory, pools of huge
 * pages, cordons), or was not watched for a while, those of managed guests that do not
 * run are completed once more, so that the next start fits. One observation serves for
 * all; one definition a tick, so that nobody waits for them.
 */
#include "daemon/cycle-private.h"

#include "host/topology.h"

/* How often the host is looked at. */
#define LOOK_US (60 * G_USEC_PER_SEC)
/* When libvirt or the host could not be asked: until it is tried again. */
#define AGAIN_US (10 * G_USEC_PER_SEC)

/* All that a definition depends on, and that does not change by itself all the time. */
static char *
describe_host(const VnHost *host)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        g_autofree char *cpus = vn_idset_format(node->cpus);
        g_string_append_printf(text, "%u: %s, %" G_GUINT64_FORMAT, node->id, cpus,
                               node->memory_bytes);
        for (guint k = 0; k < node->huge_pages->len; k++)
            g_string_append_printf(text, " %" G_GUINT64_FORMAT,
                                   g_array_index(node->huge_pages, VnHugePages, k).total);
        g_string_append_c(text, node->cordoned ? '!' : '\n');
    }
    return g_string_free(text, FALSE);
}

/* Whether the host is another than at the last look. */
static gboolean
host_has_changed(VnCycle *cycle)
{
    g_autoptr(VnHost) host = vn_topology_read(cycle->root, NULL);
    if (!host)
        return FALSE;
    if (cycle->cordons)
        vn_cordons_mark(cycle->cordons, host);
    char *now = describe_host(host);
    gboolean changed = g_strcmp0(cycle->refresh.host, now) != 0 && cycle->refresh.host;
    g_free(cycle->refresh.host);
    cycle->refresh.host = now;
    return changed;
}

static void
end_pass(VnRefresh *refresh, gint64 due_us)
{
    g_clear_pointer(&refresh->snapshot, vn_snapshot_unref);
    refresh->due_us = due_us;
}

static void
begin_pass(VnCycle *cycle, gint64 now_us)
{
    g_autoptr(GError) error = NULL;
    VnRefresh *refresh = &cycle->refresh;
    refresh->snapshot = vn_cycle_observe(cycle, &error);
    refresh->next = 0;
    refresh->wanted = !refresh->snapshot;
    if (!refresh->snapshot)
        refresh->due_us = now_us + AGAIN_US;
}

static void
refresh_one(VnCycle *cycle, gint64 now_us)
{
    VnRefresh *refresh = &cycle->refresh;
    if (refresh->next == refresh->snapshot->guests->len) {
        end_pass(refresh, now_us + LOOK_US);
        return;
    }
    const VnGuest *guest = refresh->snapshot->guests->pdata[refresh->next++];
    g_autoptr(GError) error = NULL;
    if (guest->state != VN_GUEST_STOPPED ||
        vn_completer_refresh(cycle->completer, refresh->snapshot, guest, &error))
        return;
    if (error->code == VN_ERROR_BUSY) {
        refresh->wanted = TRUE;
        end_pass(refresh, now_us + AGAIN_US);
    } else {
        g_warning("%s; its definition is not completed", error->message);
    }
}

void
vn_cycle_refresh(VnCycle *cycle)
{
    cycle->refresh.wanted = TRUE;
    end_pass(&cycle->refresh, 0);
}

gboolean
vn_cycle_refresh_guest(VnCycle *cycle, const char *uuid, GError **error)
{
    g_autoptr(VnSnapshot) snapshot = vn_cycle_observe(cycle, error);
    if (!snapshot)
        return FALSE;
    const VnGuest *guest = vn_snapshot_find(snapshot, uuid);
    return !guest || guest->state != VN_GUEST_STOPPED ||
           vn_completer_refresh(cycle->completer, snapshot, guest, error);
}

gint64
vn_cycle_refresh_tick(VnCycle *cycle)
{
    gint64 now_us = g_get_monotonic_time();
    VnRefresh *refresh = &cycle->refresh;
    if (!cycle->config.complete)
        return G_MAXINT64;
    if (refresh->snapshot) {
        refresh_one(cycle, now_us);
    } else if (now_us >= refresh->due_us) {
        refresh->due_us = now_us + LOOK_US;
        if (host_has_changed(cycle) || refresh->wanted)
            begin_pass(cycle, now_us);
    }
    return refresh->snapshot ? now_us : refresh->due_us;
}
