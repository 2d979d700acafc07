/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's calc-dirty-rate: never begun while somebody else is at it. */
#include "qmp/dirty-rate.h"

#include "model/vnuma.h"
#include "qmp/guest.h"

#include <string.h>

/* By VnQmpDirtyRateState. */
static const char *const states[] = {"unstarted", "measuring", "measured"};

/* What query-migrate says when none is under way; nothing before the first. */
static const char *const at_rest[] = {"none", "completed", "failed", "cancelled", NULL};

void
vn_qmp_dirty_rate_free(VnQmpDirtyRate *rate)
{
    if (!rate)
        return;
    g_array_unref(rate->vcpus);
    g_free(rate);
}

static gboolean
parse_vcpu(const VnJson *json, GArray *vcpus, GError **error)
{
    guint64 vcpu;
    gint64 rate;
    if (!vn_json_get_uint64(json, "id", &vcpu, error) ||
        !vn_json_get_int64(json, "dirty-rate", &rate, error))
        return FALSE;
    if (vcpu >= VN_VCPUS_MAX || vcpus->len >= VN_VCPUS_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "the rate of vCPU %" G_GUINT64_FORMAT ": there are at most %u", vcpu,
                    VN_VCPUS_MAX);
        return FALSE;
    }
    const VnQmpVcpuRate one = {(guint) vcpu, (guint64) MAX(rate, 0)};
    g_array_append_val(vcpus, one);
    return TRUE;
}

static gboolean
parse_rates(const VnJson *json, VnQmpDirtyRate *rate, GError **error)
{
    gint64 all = 0;
    const VnJson *vcpus = NULL;
    if (!vn_json_get_optional_int64(json, "dirty-rate", &all, error) ||
        !vn_json_get_optional_array(json, "vcpu-dirty-rate", &vcpus, error))
        return FALSE;
    rate->mb_per_second = (guint64) MAX(all, 0);
    for (gsize i = 0; i < vn_json_array_length(vcpus); i++) {
        if (!parse_vcpu(vn_json_array_get(vcpus, i), rate->vcpus, error))
            return FALSE;
    }
    return TRUE;
}

static VnQmpDirtyRate *
parse(const VnJson *json, GError **error)
{
    const char *status = vn_json_get_string(json, "status", error);
    if (!status)
        return NULL;
    g_autoptr(VnQmpDirtyRate) rate = g_new0(VnQmpDirtyRate, 1);
    rate->vcpus = g_array_new(FALSE, FALSE, sizeof(VnQmpVcpuRate));
    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (strcmp(status, states[i]) != 0)
            continue;
        rate->state = (VnQmpDirtyRateState) i;
        if (rate->state == VN_QMP_DIRTY_RATE_MEASURED && !parse_rates(json, rate, error))
            return NULL;
        return g_steal_pointer(&rate);
    }
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "the state '%.40s' is not known",
                status);
    return NULL;
}

VnQmpDirtyRate *
vn_qmp_dirty_rate_read(VnQmpClient *client, guint timeout_ms, GError **error)
{
    g_autoptr(VnJson) reply = NULL;
    if (!vn_qmp_client_execute(client, "query-dirty-rate", NULL, timeout_ms, &reply,
                               error))
        return NULL;
    VnQmpDirtyRate *rate = parse(reply, error);
    if (!rate)
        g_prefix_error(error, "query-dirty-rate: ");
    return rate;
}

static gboolean
check_migration(VnQmpClient *client, guint timeout_ms, GError **error)
{
    g_autoptr(VnJson) reply = NULL;
    const char *status = at_rest[0];
    if (!vn_qmp_client_execute(client, "query-migrate", NULL, timeout_ms, &reply, error))
        return FALSE;
    if (!vn_json_get_optional_string(reply, "status", &status, error)) {
        g_prefix_error(error, "query-migrate: ");
        return FALSE;
    }
    if (g_strv_contains(at_rest, status))
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "it is being migrated (%.40s); try later",
                status);
    return FALSE;
}

gboolean
vn_qmp_dirty_rate_check(VnQmpClient *client, guint timeout_ms, GError **error)
{
    g_autoptr(VnQmpDirtyRate) rate = vn_qmp_dirty_rate_read(client, timeout_ms, error);
    if (!rate)
        return FALSE;
    if (rate->state != VN_QMP_DIRTY_RATE_MEASURING)
        return check_migration(client, timeout_ms, error);
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                "somebody measures its dirty rate; try later");
    return FALSE;
}

gboolean
vn_qmp_dirty_rate_start(VnQmpClient *client, guint seconds, gboolean ring,
                        guint timeout_ms, GError **error)
{
    if (seconds == 0 || seconds > VN_QMP_DIRTY_RATE_SECONDS_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "measure its dirty rate: for %u seconds, but 1 to %u are possible",
                    seconds, VN_QMP_DIRTY_RATE_SECONDS_MAX);
        return FALSE;
    }
    if (!vn_qmp_check_kvm(client, timeout_ms, error) ||
        !vn_qmp_dirty_rate_check(client, timeout_ms, error))
        return FALSE;
    g_autoptr(VnJson) arguments = json_object_new_object();
    json_object_object_add(arguments, "calc-time", json_object_new_int64(seconds));
    json_object_object_add(arguments, "mode",
                           json_object_new_string(ring ? "dirty-ring" : "dirty-bitmap"));
    return vn_qmp_client_execute(client, "calc-dirty-rate", arguments, timeout_ms, NULL,
                                 error);
}
