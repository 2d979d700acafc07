/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AutoNUMA's own counters of each vCPU's thread: on which host node lay what it accessed.
 * No addresses, so a hint only; and the kernel lets them decay from scan to scan, so they
 * tell of a longer time than the window.
 */
#include "kvm/proc.h"
#include "kvm/source.h"

#define SCHED_BYTES 262144u
#define SWITCH_BYTES 64u

static const char switch_path[] = "/proc/sys/kernel/numa_balancing";

static GArray *
read_thread(int pid, int tid, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/sched", pid, tid);
    g_autofree char *text = vn_proc_read(path, SCHED_BYTES, error);
    return text ? vn_proc_parse_numa_faults(text, error) : NULL;
}

static gboolean
can(const VnSampler *sampler, const VnGuest *guest, char **ret_why)
{
    g_autoptr(GError) problem = NULL;
    g_autofree char *text = vn_proc_read(switch_path, SWITCH_BYTES, NULL);
    if (!text) {
        *ret_why = g_strdup("the kernel has no AutoNUMA (CONFIG_NUMA_BALANCING)");
        return FALSE;
    }
    if (*text == '0') {
        *ret_why = g_strdup_printf("AutoNUMA is switched off (%s)", switch_path);
        return FALSE;
    }
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        g_autoptr(GArray) found =
            vcpu->tid > 0 ? read_thread(guest->pid, vcpu->tid, &problem) : NULL;
        if (found && found->len > 0)
            return TRUE;
        g_clear_error(&problem);
    }
    *ret_why = g_strdup("AutoNUMA has not counted faults of its vCPUs");
    return FALSE;
}

static gboolean
start(VnWindow *window, const VnGuest *guest, GError **error)
{
    return TRUE;
}

static gboolean
stop(VnWindow *window, VnSlots *slots, GError **error)
{
    for (guint i = 0; i < window->vcpus->len; i++) {
        const VnSourceVcpu *vcpu = &g_array_index(window->vcpus, VnSourceVcpu, i);
        g_autoptr(GError) problem = NULL;
        g_autoptr(GArray) found = read_thread(window->pid, vcpu->tid, &problem);
        if (g_error_matches(problem, VN_ERROR, VN_ERROR_GONE))
            continue; /* unplugged */
        if (!found) {
            g_propagate_prefixed_error(error, g_steal_pointer(&problem),
                                       "guest %s: sample: ", window->name);
            return FALSE;
        }
        for (guint n = 0; n < found->len; n++) {
            const VnNumaFaults *faults = &g_array_index(found, VnNumaFaults, n);
            if (faults->faults > 0)
                vn_sample_add_hint(window->sample, vcpu->vcpu, (int) faults->host_node,
                                   faults->faults);
        }
    }
    return TRUE;
}

const VnSourceOps vn_source_numa_faults = {.can = can, .start = start, .stop = stop};
