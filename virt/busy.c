/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's states, reasons and jobs that mean: leave it alone for now. */
#include "virt/busy.h"

#include <stddef.h>

/* What libvirt calls the operation of a job, in words for people. */
static const char *
operation_name(int operation)
{
    switch (operation) {
    case VIR_DOMAIN_JOB_OPERATION_START:
        return "being started";
    case VIR_DOMAIN_JOB_OPERATION_SAVE:
        return "being saved";
    case VIR_DOMAIN_JOB_OPERATION_RESTORE:
        return "being restored";
    case VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN:
        return "migration from another host";
    case VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT:
        return "migration to another host";
    case VIR_DOMAIN_JOB_OPERATION_SNAPSHOT:
    case VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_REVERT:
    case VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_DELETE:
        return "a snapshot";
    case VIR_DOMAIN_JOB_OPERATION_DUMP:
        return "being dumped";
    case VIR_DOMAIN_JOB_OPERATION_BACKUP:
        return "a backup";
    default: /* a later libvirt's */
        return "a libvirt job";
    }
}

/* Why the state itself says that something is under way; NULL: it does not. */
static const char *
busy_by_state(int state, int reason)
{
    if (state == VIR_DOMAIN_SHUTDOWN)
        return "shutting down";
    if (state != VIR_DOMAIN_PAUSED)
        return NULL;
    switch (reason) {
    case VIR_DOMAIN_PAUSED_MIGRATION:
        return "migration";
    case VIR_DOMAIN_PAUSED_SAVE:
        return "being saved";
    case VIR_DOMAIN_PAUSED_DUMP:
        return "being dumped";
    case VIR_DOMAIN_PAUSED_SNAPSHOT:
        return "a snapshot";
    case VIR_DOMAIN_PAUSED_STARTING_UP:
        return "being started";
    case VIR_DOMAIN_PAUSED_POSTCOPY:
    case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
        return "post-copy migration";
    default:
        return NULL;
    }
}

/* The job under way, or NULL; a driver without jobs has none. */
static const char *
busy_by_job(virDomainPtr domain)
{
    int type = VIR_DOMAIN_JOB_NONE;
    virTypedParameterPtr parameters = NULL;
    int n_parameters = 0;
    if (virDomainGetJobStats(domain, &type, &parameters, &n_parameters, 0) < 0)
        return NULL;
    int operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;
    virTypedParamsGetInt(parameters, n_parameters, VIR_DOMAIN_JOB_OPERATION, &operation);
    virTypedParamsFree(parameters, n_parameters);
    if (type == VIR_DOMAIN_JOB_NONE)
        return NULL;
    return operation_name(operation);
}

/* Whether there is a QEMU that could have a job. */
static int
runs(int state)
{
    return state == VIR_DOMAIN_RUNNING || state == VIR_DOMAIN_BLOCKED ||
           state == VIR_DOMAIN_SHUTDOWN || state == VIR_DOMAIN_PAUSED ||
           state == VIR_DOMAIN_PMSUSPENDED;
}

const char *
vn_virt_busy(virDomainPtr domain, int state, int reason)
{
    const char *busy = busy_by_state(state, reason);
    return busy || !runs(state) ? busy : busy_by_job(domain);
}
