/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all sources have in common: what runs, what it costs us, and the end of a guest.
 */
#include "kvm/sampler.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kvm/source.h"

#define POLL_MS_MAX 10000u

VnSampler *
vn_sampler_new(guint counts_max)
{
    VnSampler *sampler = g_new0(VnSampler, 1);
    sampler->counts_max = counts_max ? counts_max : VN_ACCESSES_COUNTS_DEFAULT;
    return sampler;
}

void
vn_sampler_free(VnSampler *sampler)
{
    if (!sampler)
        return;
    vn_accesses_free(sampler->accesses);
    g_free(sampler->not_attached);
    g_free(sampler);
}

gboolean
vn_sampler_attach(VnSampler *sampler, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (sampler->accesses)
        return TRUE;
    g_clear_pointer(&sampler->not_attached, g_free);
    g_autofree char *missing = vn_accesses_built_in() ? vn_accesses_missing("/") : NULL;
    if (missing) {
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED, "BPF: %s", missing);
        return FALSE;
    }
    sampler->accesses = vn_accesses_attach(sampler->counts_max, &problem);
    if (sampler->accesses)
        return TRUE;
    sampler->not_attached = g_strdup(problem->message);
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

gboolean
vn_source_can_watch(const VnSampler *sampler, VnAccessesKind kind, char **ret_why)
{
    if (sampler->accesses)
        return vn_accesses_can(sampler->accesses, kind, ret_why);
    if (sampler->not_attached)
        *ret_why = g_strdup(sampler->not_attached);
    else if (!vn_accesses_built_in())
        return vn_accesses_can(NULL, kind, ret_why);
    else if (!(*ret_why = vn_accesses_missing("/")))
        *ret_why = g_strdup("the BPF programs are not attached");
    return FALSE;
}

VnAccessesWindow *
vn_source_watch(const VnWindow *window, const VnGuest *guest, VnAccessesKind kind,
                GError **error)
{
    g_autofree char *why = NULL;
    if (vn_source_can_watch(window->sampler, kind, &why))
        return vn_accesses_open(window->sampler->accesses, guest, kind, error);
    g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED, "guest %s: sample: %s",
                guest->name, why);
    return NULL;
}

/* NULL: it is not ours. */
static const VnSourceOps *
ops_of(VnSampleSource source)
{
    switch (source) {
    case VN_SAMPLE_DIRTY_LOG_BPF:
        return &vn_source_dirty_log;
    case VN_SAMPLE_DIRTY_RING:
        return &vn_source_dirty_ring;
    case VN_SAMPLE_REFAULT:
        return &vn_source_refault;
    case VN_SAMPLE_NUMA_FAULTS:
        return &vn_source_numa_faults;
    case VN_SAMPLE_DIRTY_RATE:
        return NULL;
    }
    g_assert_not_reached();
}

static guint
count_threads(const VnGuest *guest)
{
    guint n = 0;
    for (guint i = 0; i < guest->vcpus->len; i++)
        n += ((const VnVcpu *) guest->vcpus->pdata[i])->tid > 0;
    return n;
}

gboolean
vn_sampler_can(const VnSampler *sampler, const VnGuest *guest, VnSampleSource source,
               char **ret_why)
{
    const VnSourceOps *ops = ops_of(source);
    if (guest->pid <= 0 || count_threads(guest) == 0) {
        *ret_why = g_strdup("it does not run, or its vCPUs' threads are not known");
        return FALSE;
    }
    if (!ops) {
        *ret_why = g_strdup("libvirt measures it, not the sampler");
        return FALSE;
    }
    return ops->can(sampler, guest, ret_why);
}

/* Why @source is not taken; NULL: it is. */
static char *
why_not(const VnSampler *sampler, const VnGuest *guest, guint forbidden,
        char *const *failed, VnSampleSource source)
{
    char *why = NULL;
    if (forbidden >> source & 1)
        return g_strdup("the configuration forbids it");
    if (failed && failed[source])
        return g_strdup(failed[source]);
    if (source != VN_SAMPLE_DIRTY_RATE || guest->pid <= 0)
        vn_sampler_can(sampler, guest, source, &why);
    return why;
}

gboolean
vn_sampler_choose(const VnSampler *sampler, const VnGuest *guest, guint forbidden,
                  char *const *failed, VnSampleSource *ret_source, char **ret_why)
{
    g_autoptr(GString) reasons = g_string_new(NULL);
    gboolean found = FALSE;
    for (guint i = 0; i < VN_SAMPLE_SOURCES && !found; i++) {
        VnSampleSource source = (VnSampleSource) i;
        g_autofree char *why = why_not(sampler, guest, forbidden, failed, source);
        found = why == NULL;
        if (found)
            *ret_source = source;
        else
            g_string_append_printf(reasons, "%s%s: %s", reasons->len ? "; " : "",
                                   vn_sample_source_name(source), why);
    }
    *ret_why = g_string_free(g_steal_pointer(&reasons), FALSE);
    return found;
}

static guint64
own_cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (guint64) now.tv_sec * G_USEC_PER_SEC + (guint64) now.tv_nsec / 1000;
}

static VnWindow *
window_new(VnSampler *sampler, const VnGuest *guest, const VnSlots *memory,
           VnSampleSource source)
{
    VnWindow *window = g_new0(VnWindow, 1);
    window->sampler = sampler;
    window->ops = ops_of(source);
    window->poll_ms = window->ops->poll_ms;
    window->name = g_strdup(guest->name);
    window->pid = guest->pid;
    window->pidfd = -1;
    window->memory = memory ? vn_slots_copy(memory) : NULL;
    window->sample = vn_sample_new(source, g_get_monotonic_time());
    window->vcpus = g_array_new(FALSE, FALSE, sizeof(VnSourceVcpu));
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        VnSourceVcpu one = {vcpu->id, vcpu->tid};
        if (vcpu->tid > 0)
            g_array_append_val(window->vcpus, one);
    }
    return window;
}

void
vn_window_free(VnWindow *window)
{
    if (!window)
        return;
    if (window->state)
        window->ops->release(window);
    if (window->pidfd >= 0)
        close(window->pidfd);
    vn_slots_free(window->memory);
    vn_huge_free(window->huge);
    vn_sample_unref(window->sample);
    g_array_unref(window->vcpus);
    g_free(window->name);
    g_free(window);
}

VnWindow *
vn_window_start(VnSampler *sampler, const VnGuest *guest, const VnSlots *memory,
                VnSampleSource source, GError **error)
{
    guint64 began_us = own_cpu_us();
    if (!ops_of(source) || count_threads(guest) == 0) {
        g_autofree char *why = NULL;
        if (!vn_sampler_can(sampler, guest, source, &why))
            g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED, "guest %s: sample: %s",
                        guest->name, why);
        return NULL;
    }
    g_autoptr(VnWindow) window = window_new(sampler, guest, memory, source);
    window->pidfd = (int) syscall(SYS_pidfd_open, guest->pid, 0);
    if (window->pidfd < 0) {
        vn_error_set_errno(error, errno, "guest %s: sample: process %d", guest->name,
                           guest->pid);
        return NULL;
    }
    if (window->ops->splits)
        window->huge = vn_huge_new(VN_HUGE_FOLDER, guest->pid);
    if (!window->ops->start(window, guest, error))
        return NULL;
    window->sample->cost.cpu_us += own_cpu_us() - began_us;
    return g_steal_pointer(&window);
}

/* Polling takes a fifth of a CPU at the most, whatever the source would like. */
guint
vn_window_poll_ms(const VnWindow *window)
{
    guint64 rest_ms = MIN(window->poll_us * 4 / 1000, POLL_MS_MAX);
    return window->poll_ms == 0 ? 0 : MAX(window->poll_ms, (guint) rest_ms);
}

void
vn_window_poll(VnWindow *window)
{
    guint64 began_us = own_cpu_us();
    if (window->ops->poll)
        window->ops->poll(window);
    if (window->huge)
        vn_huge_look(window->huge);
    window->poll_us = own_cpu_us() - began_us;
    window->sample->cost.cpu_us += window->poll_us;
}

gboolean
vn_source_has_ended(const VnWindow *window)
{
    struct pollfd end = {.fd = window->pidfd, .events = POLLIN};
    return poll(&end, 1, 0) > 0;
}

VnSample *
vn_window_stop(VnWindow *old_window, VnSlots **ret_slots, GError **error)
{
    g_autoptr(VnWindow) window = old_window;
    g_autoptr(VnSlots) slots = vn_slots_new();
    guint64 began_us = own_cpu_us();
    gint64 end_us = g_get_monotonic_time();
    if (window->huge) {
        vn_huge_look(window->huge);
        window->sample->cost.splits = vn_huge_splits(window->huge);
    }
    gboolean stopped = window->ops->stop(window, slots, error);
    if (vn_source_has_ended(window)) {
        g_clear_error(error);
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "guest %s: sample: it ended within the window", window->name);
        return NULL;
    }
    if (!stopped)
        return NULL;
    window->sample->cost.cpu_us += own_cpu_us() - began_us;
    vn_sample_seal(window->sample, end_us);
    if (ret_slots)
        *ret_slots = g_steal_pointer(&slots);
    return g_steal_pointer(&window->sample);
}
