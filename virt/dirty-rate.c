/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's dirty-rate calculation: never begun while somebody else is at it. */
#include "virt/dirty-rate.h"

#include "model/vnuma.h"
#include "virt/busy.h"
#include "virt/dirty-rate-parameters.h"
#include "virt/session.h"
#include "virt/virt-error.h"

#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#define STATUS "dirtyrate.calc_status"
#define RATE "dirtyrate.megabytes_per_second"
#define VCPU_PREFIX "dirtyrate.vcpu."
#define VCPU_SUFFIX ".megabytes_per_second"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virDomainFree)

/* A job of the connection's thread, with its own copy of all that it needs. */
typedef struct {
    char *uuid;
    char *name; /* for messages */
    const char *what;
    gboolean check; /* that nobody is at it */
    guint seconds;  /* then to measure; 0: not at all */
    gboolean ring;
    VnVirtDirtyRate *rate;
} RateWork;

void
vn_virt_dirty_rate_free(VnVirtDirtyRate *rate)
{
    if (!rate)
        return;
    g_array_unref(rate->vcpus);
    g_free(rate);
}

static void
work_free(gpointer data)
{
    RateWork *work = data;
    if (!work)
        return;
    g_free(work->uuid);
    g_free(work->name);
    vn_virt_dirty_rate_free(work->rate);
    g_free(work);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RateWork, work_free)

/* "dirtyrate.vcpu.N.megabytes_per_second" */
static gboolean
parse_vcpu(const virTypedParameter *parameter, VnVirtVcpuRate *ret_rate)
{
    guint64 vcpu;
    if (parameter->type != VIR_TYPED_PARAM_ULLONG ||
        !g_str_has_prefix(parameter->field, VCPU_PREFIX) ||
        !g_str_has_suffix(parameter->field, VCPU_SUFFIX))
        return FALSE;
    g_autofree char *number = g_strdup(parameter->field + strlen(VCPU_PREFIX));
    *strchr(number, '.') = '\0';
    if (!g_ascii_string_to_unsigned(number, 10, 0, VN_VCPUS_MAX - 1, &vcpu, NULL))
        return FALSE;
    *ret_rate = (VnVirtVcpuRate){(guint) vcpu, parameter->value.ul};
    return TRUE;
}

VnVirtDirtyRate *
vn_virt_dirty_rate_parse(virTypedParameterPtr parameters, int n_parameters)
{
    int status;
    long long rate = 0;
    if (virTypedParamsGetInt(parameters, n_parameters, STATUS, &status) != 1 ||
        status < VIR_DOMAIN_DIRTYRATE_UNSTARTED || status > VIR_DOMAIN_DIRTYRATE_MEASURED)
        return NULL;
    VnVirtDirtyRate *result = g_new0(VnVirtDirtyRate, 1);
    result->state = (VnVirtDirtyRateState) status;
    result->vcpus = g_array_new(FALSE, FALSE, sizeof(VnVirtVcpuRate));
    if (status != VIR_DOMAIN_DIRTYRATE_MEASURED)
        return result;
    if (virTypedParamsGetLLong(parameters, n_parameters, RATE, &rate) == 1)
        result->mb_per_second = (guint64) MAX(rate, 0);
    for (int i = 0; i < n_parameters && result->vcpus->len < VN_VCPUS_MAX; i++) {
        VnVirtVcpuRate vcpu;
        if (parse_vcpu(&parameters[i], &vcpu))
            g_array_append_val(result->vcpus, vcpu);
    }
    return result;
}

static void
set_error(GError **error, const RateWork *work)
{
    vn_virt_error_set(error, "guest %s: %s", work->name, work->what);
}

static gboolean
read_rate(virDomainPtr domain, RateWork *work, GError **error)
{
    virDomainPtr domains[] = {domain, NULL};
    virDomainStatsRecordPtr *records = NULL;
    int n_records =
        virDomainListGetStats(domains, VIR_DOMAIN_STATS_DIRTYRATE, &records,
                              VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS |
                                  VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    if (n_records < 0) {
        set_error(error, work);
        return FALSE;
    }
    vn_virt_dirty_rate_free(work->rate);
    work->rate = n_records == 0
                     ? NULL
                     : vn_virt_dirty_rate_parse(records[0]->params, records[0]->nparams);
    virDomainStatsRecordListFree(records);
    if (work->rate)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                "guest %s: %s: QEMU does not answer now; try later", work->name,
                work->what);
    return FALSE;
}

/* Where nobody can measure, nobody does: that hinders none who only checks. */
static gboolean
read_rate_if_any(virDomainPtr domain, RateWork *work, GError **error)
{
    g_autoptr(GError) wrong = NULL;
    if (read_rate(domain, work, &wrong) ||
        (work->check && !work->seconds &&
         g_error_matches(wrong, VN_ERROR, VN_ERROR_UNSUPPORTED)))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&wrong));
    return FALSE;
}

/* Whether nothing is under way with it; BUSY when there is. */
static gboolean
check_idle(virDomainPtr domain, const RateWork *work, GError **error)
{
    int state;
    int reason;
    if (virDomainGetState(domain, &state, &reason, 0) < 0) {
        set_error(error, work);
        return FALSE;
    }
    const char *busy = vn_virt_busy(domain, state, reason);
    if (!busy && work->rate && work->rate->state == VN_VIRT_DIRTY_RATE_MEASURING)
        busy = "somebody measures its dirty rate";
    if (!busy)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "guest %s: %s: %s; try later", work->name,
                work->what, busy);
    return FALSE;
}

static gboolean
start_rate(virDomainPtr domain, const RateWork *work, GError **error)
{
    unsigned int mode = work->ring ? VIR_DOMAIN_DIRTYRATE_MODE_DIRTY_RING
                                   : VIR_DOMAIN_DIRTYRATE_MODE_DIRTY_BITMAP;
    if (virDomainStartDirtyRateCalc(domain, (int) work->seconds, mode) == 0)
        return TRUE;
    set_error(error, work);
    return FALSE;
}

static gboolean
work_run(virConnectPtr connect, gpointer data, GError **error)
{
    RateWork *work = data;
    g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connect, work->uuid);
    if (!domain) {
        set_error(error, work);
        return FALSE;
    }
    g_free(work->name);
    work->name = g_strdup(virDomainGetName(domain));
    if (virDomainIsActive(domain) == 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE, "guest %s: %s: it does not run",
                    work->name, work->what);
        return FALSE;
    }
    return read_rate_if_any(domain, work, error) &&
           (!work->check || check_idle(domain, work, error)) &&
           (work->seconds == 0 || start_rate(domain, work, error));
}

/* Runs *@work; it is NULL afterwards when the call was abandoned. */
static gboolean
call(VnConnection *connection, RateWork **work, guint timeout_ms, GError **error)
{
    g_autofree char *key = g_strdup((*work)->uuid);
    g_autofree char *object =
        g_strdup_printf("guest %s", vn_connection_name_of(connection, key));
    VnSessionCall spec = {
        .key = key,
        .object = object,
        .what = (*work)->what,
        .func = work_run,
        .free_data = work_free,
        .once = (*work)->seconds > 0,
        .timeout_ms = timeout_ms,
    };
    gpointer data = *work;
    gboolean done = vn_connection_call(connection, &spec, &data, error);
    *work = data;
    return done;
}

static RateWork *
work_new(VnConnection *connection, const char *uuid, const char *what)
{
    RateWork *work = g_new0(RateWork, 1);
    work->uuid = g_strdup(uuid);
    work->name = g_strdup(vn_connection_name_of(connection, uuid));
    work->what = what;
    return work;
}

gboolean
vn_virt_dirty_rate_start(VnConnection *connection, const char *uuid, guint seconds,
                         gboolean ring, guint timeout_ms, GError **error)
{
    g_autoptr(RateWork) work = work_new(connection, uuid, "measure its dirty rate");
    if (seconds == 0 || seconds > VN_VIRT_DIRTY_RATE_SECONDS_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "guest %s: %s: for %u seconds, but 1 to %u are possible", work->name,
                    work->what, seconds, VN_VIRT_DIRTY_RATE_SECONDS_MAX);
        return FALSE;
    }
    work->check = TRUE;
    work->seconds = seconds;
    work->ring = ring;
    return call(connection, &work, timeout_ms, error);
}

gboolean
vn_virt_dirty_rate_check(VnConnection *connection, const char *uuid, guint timeout_ms,
                         GError **error)
{
    g_autoptr(RateWork) work = work_new(connection, uuid, "look at its accesses");
    work->check = TRUE;
    return call(connection, &work, timeout_ms, error);
}

VnVirtDirtyRate *
vn_virt_dirty_rate_read(VnConnection *connection, const char *uuid, guint timeout_ms,
                        GError **error)
{
    g_autoptr(RateWork) work = work_new(connection, uuid, "read its dirty rate");
    if (!call(connection, &work, timeout_ms, error))
        return NULL;
    return g_steal_pointer(&work->rate);
}
