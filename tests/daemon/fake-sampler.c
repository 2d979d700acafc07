/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions that the linker takes instead of the real ones. */
#include "tests/daemon/fake-sampler.h"

#include "host/pages.h"
#include "host/process.h"

#include <errno.h>
#include <string.h>

FakeWorld fake;

struct VnSampler {
    gboolean attached;
};

struct VnWindow {
    FakeGuest *guest;
    VnSampleSource source;
    gint64 start_us;
    gint64 polled_us;
};

void
fake_reset(void)
{
    fake = (FakeWorld){
        .now_us = 1000 * G_USEC_PER_SEC,
        .sources = 1u << VN_SAMPLE_DIRTY_LOG_BPF | 1u << VN_SAMPLE_DIRTY_RING |
                   1u << VN_SAMPLE_REFAULT | 1u << VN_SAMPLE_DIRTY_RATE,
        .rate_error = -1,
        .guests = g_ptr_array_new_with_free_func(g_free),
    };
}

void
fake_end(void)
{
    g_assert_cmpuint(fake.n_open, ==, 0);
    g_assert_cmpuint(fake.n_clients, ==, 0);
    vn_guest_free(fake.peer);
    g_ptr_array_unref(fake.guests);
}

FakeGuest *
fake_guest(VnGuest *guest)
{
    FakeGuest *one = g_new0(FakeGuest, 1);
    one->pid = guest->pid = 1000 + (int) fake.guests->len;
    one->start_ticks = guest->start_ticks = 7;
    for (guint i = 0; i < guest->vcpus->len; i++)
        ((VnVcpu *) guest->vcpus->pdata[i])->tid = guest->pid * 10 + (int) i;
    g_ptr_array_add(fake.guests, one);
    return one;
}

FakeGuest *
fake_find(int pid)
{
    for (guint i = 0; i < fake.guests->len; i++) {
        FakeGuest *guest = fake.guests->pdata[i];
        if (guest->pid == pid)
            return guest;
    }
    g_error("there is no process %d", pid);
}

gint64
g_get_monotonic_time(void)
{
    return fake.now_us;
}

/* kvm/sampler.h */

VnSampler *
vn_sampler_new(guint counts_max)
{
    return g_new0(VnSampler, 1);
}

void
vn_sampler_free(VnSampler *sampler)
{
    g_assert_cmpuint(fake.n_open, ==, 0);
    g_free(sampler);
}

gboolean
vn_sampler_attach(VnSampler *sampler, GError **error)
{
    g_assert_false(sampler->attached);
    fake.n_attached++;
    sampler->attached = TRUE;
    return TRUE;
}

gboolean
vn_sampler_can(const VnSampler *sampler, const VnGuest *guest, VnSampleSource source,
               char **ret_why)
{
    g_assert_cmpint(fake_find(guest->pid)->pid, ==, guest->pid);
    if (fake.sources >> source & 1)
        return TRUE;
    *ret_why = g_strdup("it is not there");
    return FALSE;
}

gboolean
vn_sampler_choose(const VnSampler *sampler, const VnGuest *guest, guint forbidden,
                  char *const *failed, VnSampleSource *ret_source, char **ret_why)
{
    g_autoptr(GString) why = g_string_new(NULL);
    for (guint i = 0; i < VN_SAMPLE_SOURCES; i++) {
        if (!failed[i] && (fake.sources & ~forbidden) >> i & 1) {
            *ret_source = (VnSampleSource) i;
            *ret_why = g_string_free(g_steal_pointer(&why), FALSE);
            return TRUE;
        }
        g_string_append_printf(why, "%s: %s; ", vn_sample_source_name((VnSampleSource) i),
                               failed[i] ? failed[i] : "no");
    }
    *ret_why = g_string_free(g_steal_pointer(&why), FALSE);
    return FALSE;
}

VnWindow *
vn_window_start(VnSampler *sampler, const VnGuest *guest, const VnSlots *memory,
                VnSampleSource source, GError **error)
{
    FakeGuest *one = fake_find(guest->pid);
    g_assert_cmpuint(one->start_ticks, ==, guest->start_ticks);
    g_assert_false(one->ended);
    g_assert_null(one->window);
    g_assert_cmpint(source, !=, VN_SAMPLE_DIRTY_RATE);
    g_assert_true(!memory || memory->array->len > 0);
    if (fake.start_fails >> source & 1) {
        g_set_error(error, VN_ERROR, (int) fake.start_error, "guest %s: no %s today",
                    guest->name, vn_sample_source_name(source));
        return NULL;
    }
    VnWindow *window = g_new(VnWindow, 1);
    *window = (VnWindow){one, source, fake.now_us, fake.now_us};
    one->window = window;
    one->n_windows++;
    fake.n_open++;
    fake.n_most_open = MAX(fake.n_most_open, fake.n_open);
    return window;
}

void
vn_window_free(VnWindow *window)
{
    if (!window)
        return;
    g_assert_true(window->guest->window == window);
    window->guest->window = NULL;
    fake.n_open--;
    g_free(window);
}

guint
vn_window_poll_ms(const VnWindow *window)
{
    return fake.poll_ms;
}

void
vn_window_poll(VnWindow *window)
{
    g_assert_cmpuint(fake.poll_ms, >, 0);
    g_assert_cmpint(fake.now_us, >=, window->polled_us + fake.poll_ms * 1000);
    window->polled_us = fake.now_us;
    window->guest->n_polls++;
}

VnSample *
vn_window_stop(VnWindow *old_window, VnSlots **ret_slots, GError **error)
{
    g_autoptr(VnWindow) window = old_window;
    const FakeGuest *guest = window->guest;
    g_assert_cmpint(fake.now_us, >=, window->start_us + G_USEC_PER_SEC);
    if (guest->ended) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE, "it ended within the window");
        return NULL;
    }
    VnSample *sample = vn_sample_new(window->source, window->start_us);
    for (guint i = 0; i < 100 && !guest->idle; i++)
        vn_sample_add(sample, 4 + i, 0, VN_ACCESS_WRITE, 50);
    sample->cost.cpu_us = 1000;
    vn_sample_seal(sample, fake.now_us);
    *ret_slots = vn_slots_new();
    return sample;
}

/* virt/dirty-rate.h: a guest's UUID is of scenario_guest(), "uuid-of-g7". */

static FakeGuest *
find_uuid(const char *uuid)
{
    g_assert_true(g_str_has_prefix(uuid, "uuid-of-g"));
    guint64 n = g_ascii_strtoull(uuid + strlen("uuid-of-g"), NULL, 10);
    g_assert_cmpuint(n, <, fake.guests->len);
    return fake.guests->pdata[n];
}

static gboolean
libvirt_answers(const char *uuid, GError **error)
{
    fake.n_libvirt++;
    fake.now_us += fake.rate_takes_us;
    if (fake.rate_error < 0)
        return TRUE;
    g_set_error(error, VN_ERROR, fake.rate_error, "guest %s: libvirt says no", uuid);
    return FALSE;
}

gboolean
fake_measure(FakeGuest *guest, guint seconds, GError **error)
{
    if (fake.now_us < guest->measured_until) {
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "process %d: somebody measures",
                    guest->pid);
        return FALSE;
    }
    guest->measured_until = fake.now_us + seconds * G_USEC_PER_SEC;
    guest->seconds = seconds;
    guest->n_measured++;
    return TRUE;
}

gboolean
vn_virt_dirty_rate_start(VnConnection *connection, const char *uuid, guint seconds,
                         gboolean ring, guint timeout_ms, GError **error)
{
    FakeGuest *guest = find_uuid(uuid);
    g_assert_cmpuint(seconds, >=, 1);
    g_assert_cmpuint(seconds, <=, VN_VIRT_DIRTY_RATE_SECONDS_MAX);
    g_assert_cmpuint(timeout_ms, >, 0);
    if (!libvirt_answers(uuid, error))
        return FALSE;
    return fake_measure(guest, seconds, error);
}

gboolean
vn_virt_dirty_rate_check(VnConnection *connection, const char *uuid, guint timeout_ms,
                         GError **error)
{
    const FakeGuest *guest = find_uuid(uuid);
    if (!libvirt_answers(uuid, error))
        return FALSE;
    if (fake.now_us >= guest->measured_until)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "guest %s: somebody measures", uuid);
    return FALSE;
}

VnVirtDirtyRate *
vn_virt_dirty_rate_read(VnConnection *connection, const char *uuid, guint timeout_ms,
                        GError **error)
{
    const FakeGuest *guest = find_uuid(uuid);
    if (!libvirt_answers(uuid, error))
        return NULL;
    VnVirtDirtyRate *rate = g_new0(VnVirtDirtyRate, 1);
    rate->state = fake.now_us < guest->measured_until ? VN_VIRT_DIRTY_RATE_MEASURING
                                                      : VN_VIRT_DIRTY_RATE_MEASURED;
    rate->vcpus = g_array_new(FALSE, FALSE, sizeof(VnVirtVcpuRate));
    const VnVirtVcpuRate one = {0, guest->mb_per_second};
    g_array_append_val(rate->vcpus, one);
    return rate;
}

void
vn_virt_dirty_rate_free(VnVirtDirtyRate *rate)
{
    if (!rate)
        return;
    g_array_unref(rate->vcpus);
    g_free(rate);
}

/* host/process.h */

gboolean
vn_process_check(const char *root, const VnProcess *process, GError **error)
{
    const FakeGuest *guest = fake_find(process->pid);
    if (!guest->ended && guest->start_ticks == process->start_ticks)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_GONE, "process %d: it ended", process->pid);
    return FALSE;
}

gboolean
vn_process_vcpu_time(const char *root, const VnGuest *guest, guint64 *ret_ns,
                     GError **error)
{
    *ret_ns = fake_find(guest->pid)->idle ? 5 : (guint64) fake.now_us * 1000;
    return TRUE;
}

/* host/pages.h: all lies on host node 0. */
long
vn_pages_move(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
              int flags, gpointer data)
{
    g_assert_null(nodes);
    if (fake.pages_gone) {
        errno = ESRCH;
        return -1;
    }
    memset(status, 0, n_pages * sizeof(*status));
    return 0;
}
