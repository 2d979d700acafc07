/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The libvirt calls, each as a job for the connection's caller: what the job works on is
 * its own copy, because the job may outlive whoever asked.
 */
#include "virt/domains.h"

#include "virt/busy.h"
#include "virt/session.h"
#include "virt/virt-error.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <string.h>

/* More guests than a host can run: past it something is wrong with libvirt. */
#define DOMAINS_MAX 65536

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virDomainFree)

void
vn_virt_domain_free(VnVirtDomain *domain)
{
    if (!domain)
        return;
    g_free(domain->name);
    g_free(domain->uuid);
    g_free(domain->xml);
    g_free(domain->busy);
    g_free(domain);
}

/* Work on one guest, which is looked up by its UUID. */
typedef struct DomainWork DomainWork;
struct DomainWork {
    char *uuid;
    char *name; /* for messages, as the next */
    char *what;
    gboolean (*func)(virDomainPtr domain, DomainWork *work, GError **error);
    gboolean must_run;    /* it makes no sense for a guest that does not run */
    VnVirtDomain *result; /* func: describe */
    guint vcpu;           /* func: pin */
    gboolean emulator;
    unsigned char *cpu_map;
    gsize cpu_map_length;
    guint64 gpa; /* func: peek */
    gsize length;
    gpointer buffer;
    char *command; /* func: monitor */
    char *reply;
};

static void
work_free(gpointer data)
{
    DomainWork *work = data;
    if (!work)
        return;
    g_free(work->uuid);
    g_free(work->name);
    g_free(work->what);
    vn_virt_domain_free(work->result);
    g_free(work->cpu_map);
    g_free(work->buffer);
    g_free(work->command);
    g_free(work->reply);
    g_free(work);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainWork, work_free)

static DomainWork *
work_new(const char *uuid, char *what)
{
    DomainWork *work = g_new0(DomainWork, 1);
    work->uuid = g_strdup(uuid);
    work->what = what;
    return work;
}

static gboolean
work_run(virConnectPtr connect, gpointer data, GError **error)
{
    DomainWork *work = data;
    g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connect, work->uuid);
    if (!domain) {
        vn_virt_error_set(error, "guest %s: %s", work->uuid, work->what);
        return FALSE;
    }
    /* Taken now, because asking for it later would clear libvirt's last error. */
    g_free(work->name);
    work->name = g_strdup(virDomainGetName(domain));
    if (work->func(domain, work, error))
        return TRUE;
    /* libvirt has one code for "does not run" and for "not now": which of them is it? */
    if (work->must_run && virDomainIsActive(domain) == 0) {
        g_clear_error(error);
        g_set_error(error, VN_ERROR, VN_ERROR_GONE, "guest %s: %s: it does not run",
                    work->name, work->what);
    }
    return FALSE;
}

/* Runs *@work; it is NULL afterwards when the call was abandoned. */
static gboolean
call(VnConnection *connection, DomainWork **work, gboolean once, guint timeout_ms,
     GError **error)
{
    g_autofree char *key = g_strdup((*work)->uuid);
    g_autofree char *object =
        g_strdup_printf("guest %s", vn_connection_name_of(connection, key));
    g_autofree char *what = g_strdup((*work)->what);
    VnSessionCall spec = {
        .key = key,
        .object = object,
        .what = what,
        .func = work_run,
        .free_data = work_free,
        .once = once,
        .timeout_ms = timeout_ms,
    };
    gpointer data = *work;
    gboolean done = vn_connection_call(connection, &spec, &data, error);
    *work = data;
    return done;
}

static VnGuestState
state_of(int state)
{
    switch (state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_SHUTDOWN:
        return VN_GUEST_RUNNING;
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
        return VN_GUEST_PAUSED;
    default:
        return VN_GUEST_STOPPED;
    }
}

static gboolean
describe(virDomainPtr domain, DomainWork *work, GError **error)
{
    int state;
    int reason;
    char *xml = NULL;
    if (virDomainGetState(domain, &state, &reason, 0) < 0 ||
        !(xml = virDomainGetXMLDesc(domain, 0))) {
        vn_virt_error_set(error, "guest %s: %s", work->name, work->what);
        return FALSE;
    }
    VnVirtDomain *result = g_new0(VnVirtDomain, 1);
    result->name = g_strdup(work->name);
    result->uuid = g_strdup(work->uuid);
    result->state = state_of(state);
    result->xml = g_strdup(xml);
    free(xml);
    result->busy = g_strdup(vn_virt_busy(domain, state, reason));
    vn_virt_domain_free(work->result);
    work->result = result;
    return TRUE;
}

/* Names and UUIDs of all guests: what the list's details are then asked for. */
static gboolean
list_names(virConnectPtr connect, gpointer data, GError **error)
{
    GPtrArray *found = data;
    virDomainPtr *domains = NULL;
    int n_domains = virConnectListAllDomains(connect, &domains, 0);
    if (n_domains < 0) {
        vn_virt_error_set(error, "libvirt: list the guests");
        return FALSE;
    }
    g_ptr_array_set_size(found, 0); /* of a try that broke midway */
    for (int i = 0; i < n_domains; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN];
        if (i < DOMAINS_MAX && virDomainGetUUIDString(domains[i], uuid) == 0) {
            VnVirtDomain *one = g_new0(VnVirtDomain, 1);
            one->name = g_strdup(virDomainGetName(domains[i]));
            one->uuid = g_strdup(uuid);
            g_ptr_array_add(found, one);
        }
        virDomainFree(domains[i]);
    }
    free(domains);
    return TRUE;
}

static int
compare_names(gconstpointer one, gconstpointer other)
{
    const VnVirtDomain *const *first = one;
    const VnVirtDomain *const *second = other;
    return strcmp((*first)->name, (*second)->name);
}

static GPtrArray *
read_names(VnConnection *connection, guint timeout_ms, GError **error)
{
    gpointer found = g_ptr_array_new_with_free_func((GDestroyNotify) vn_virt_domain_free);
    VnSessionCall spec = {
        .key = "",
        .object = "libvirt",
        .what = "list the guests",
        .func = list_names,
        .free_data = (GDestroyNotify) g_ptr_array_unref,
        .timeout_ms = timeout_ms,
    };
    gboolean done = vn_connection_call(connection, &spec, &found, error);
    g_autoptr(GPtrArray) domains = found;
    return done ? g_steal_pointer(&domains) : NULL;
}

/*
 * Replaces @domain by its description. FALSE: it is gone, or with @error set, libvirt
 * cannot be reached any more.
 */
static gboolean
read_details(VnConnection *connection, VnVirtDomain **domain, guint timeout_ms,
             GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(DomainWork) work =
        work_new((*domain)->uuid, g_strdup("read its definition"));
    work->func = describe;
    if (call(connection, &work, FALSE, timeout_ms, &failure)) {
        vn_virt_domain_free(*domain);
        *domain = g_steal_pointer(&work->result);
        return TRUE;
    }
    if (g_error_matches(failure, VN_ERROR, VN_ERROR_GONE))
        return FALSE;
    /* Is it this guest, or libvirt itself? */
    if (!vn_connection_open(connection, timeout_ms, error))
        return FALSE;
    (*domain)->state = VN_GUEST_RUNNING;
    (*domain)->busy = g_strdup(failure->message);
    return TRUE;
}

GPtrArray *
vn_virt_list(VnConnection *connection, guint timeout_ms, GError **error)
{
    guint whole_ms = timeout_ms ? timeout_ms : VN_CONNECTION_TIMEOUT_MS;
    gint64 deadline_us = g_get_monotonic_time() + (gint64) whole_ms * 1000;
    g_autoptr(GPtrArray) names = read_names(connection, whole_ms, error);
    if (!names)
        return NULL;

    g_autoptr(GPtrArray) domains =
        g_ptr_array_new_with_free_func((GDestroyNotify) vn_virt_domain_free);
    while (names->len > 0) {
        VnVirtDomain *domain = g_ptr_array_steal_index(names, names->len - 1);
        vn_connection_note_name(connection, domain->uuid, domain->name);
        gint64 left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
        guint share_ms = (guint) CLAMP(left_ms, 1, MAX(whole_ms / 4, 1));
        GError *failure = NULL;
        if (read_details(connection, &domain, share_ms, &failure)) {
            g_ptr_array_add(domains, domain);
            continue;
        }
        vn_virt_domain_free(domain);
        if (failure) {
            g_propagate_error(error, failure);
            return NULL;
        }
    }
    g_ptr_array_sort(domains, compare_names);
    return g_steal_pointer(&domains);
}

/*
 * The running guest only, never its stored definition. libvirt's test driver has no
 * stored ones to speak of, and refuses the flag.
 */
static unsigned int
live_flag(virDomainPtr domain)
{
    const char *driver = virConnectGetType(virDomainGetConnect(domain));
    return g_strcmp0(driver, "TEST") == 0 ? VIR_DOMAIN_AFFECT_CURRENT
                                          : VIR_DOMAIN_AFFECT_LIVE;
}

static gboolean
pin(virDomainPtr domain, DomainWork *work, GError **error)
{
    int length = (int) work->cpu_map_length;
    int result = work->emulator ? virDomainPinEmulator(domain, work->cpu_map, length,
                                                       live_flag(domain))
                                : virDomainPinVcpuFlags(domain, work->vcpu, work->cpu_map,
                                                        length, live_flag(domain));
    if (result < 0)
        vn_virt_error_set(error, "guest %s: %s", work->name, work->what);
    return result == 0;
}

/* @new_work: (transfer full). */
static gboolean
run_pin(VnConnection *connection, DomainWork *new_work, const VnIdSet *cpus,
        guint timeout_ms, GError **error)
{
    g_autoptr(DomainWork) work = new_work;
    if (vn_idset_is_empty(cpus)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "guest %s: %s: no CPU is given",
                    work->uuid, work->what);
        return FALSE;
    }
    int last = -1;
    VN_IDSET_FOREACH (cpus, id)
        last = id;
    work->func = pin;
    work->must_run = TRUE;
    work->cpu_map_length = (gsize) VIR_CPU_MAPLEN(last + 1);
    work->cpu_map = g_malloc0(work->cpu_map_length);
    VN_IDSET_FOREACH (cpus, id)
        VIR_USE_CPU(work->cpu_map, id);
    return call(connection, &work, FALSE, timeout_ms, error);
}

gboolean
vn_virt_pin_vcpu(VnConnection *connection, const char *uuid, guint vcpu,
                 const VnIdSet *cpus, guint timeout_ms, GError **error)
{
    DomainWork *work = work_new(uuid, g_strdup_printf("pin vCPU %u", vcpu));
    work->vcpu = vcpu;
    return run_pin(connection, work, cpus, timeout_ms, error);
}

gboolean
vn_virt_pin_emulator(VnConnection *connection, const char *uuid, const VnIdSet *cpus,
                     guint timeout_ms, GError **error)
{
    DomainWork *work = work_new(uuid, g_strdup("pin the emulator"));
    work->emulator = TRUE;
    return run_pin(connection, work, cpus, timeout_ms, error);
}

static gboolean
peek(virDomainPtr domain, DomainWork *work, GError **error)
{
    if (virDomainMemoryPeek(domain, work->gpa, work->length, work->buffer,
                            VIR_MEMORY_PHYSICAL) == 0)
        return TRUE;
    vn_virt_error_set(error, "guest %s: %s", work->name, work->what);
    return FALSE;
}

gboolean
vn_virt_peek(VnConnection *connection, const char *uuid, guint64 gpa, gpointer buffer,
             gsize length, guint timeout_ms, GError **error)
{
    g_autoptr(DomainWork) work = work_new(
        uuid,
        g_strdup_printf("read memory at guest-physical 0x%" G_GINT64_MODIFIER "x", gpa));
    if (length == 0 || length > VN_VIRT_PEEK_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "guest %s: %s: %zu bytes, but 1 to %u can be read at once", uuid,
                    work->what, length, VN_VIRT_PEEK_MAX);
        return FALSE;
    }
    work->func = peek;
    work->must_run = TRUE;
    work->gpa = gpa;
    work->length = length;
    work->buffer = g_malloc(length);
    if (!call(connection, &work, FALSE, timeout_ms, error))
        return FALSE;
    memcpy(buffer, work->buffer, length);
    return TRUE;
}

static gboolean
monitor(virDomainPtr domain, DomainWork *work, GError **error)
{
    char *reply = NULL;
    if (virDomainQemuMonitorCommand(domain, work->command, &reply, 0) < 0) {
        vn_virt_error_set(error, "guest %s: %s", work->name, work->what);
        return FALSE;
    }
    work->reply = g_strdup(reply);
    free(reply);
    return TRUE;
}

gboolean
vn_virt_monitor_command(VnConnection *connection, const char *uuid, const char *json,
                        char **ret_reply, guint timeout_ms, GError **error)
{
    g_autoptr(DomainWork) work = work_new(uuid, g_strdup("QEMU monitor command"));
    work->func = monitor;
    work->must_run = TRUE;
    work->command = g_strdup(json);
    /* What it does is not known here, so it is not repeated by itself. */
    if (!call(connection, &work, TRUE, timeout_ms, error))
        return FALSE;
    *ret_reply = g_steal_pointer(&work->reply);
    return TRUE;
}
