/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenarios: what is taken can be run, and each guest has its place or is refused. */
#include "cli/scenario-read.h"
#include "qmp/json.h"
#include "tests/fuzz/fuzz.h"

/* Running more is a matter of time, not of bugs. */
#define GUESTS_RUN_MAX 16
#define NODES_RUN_MAX 16
#define VCPUS_RUN_MAX 256

static void
check_homes(const VnScenarioResult *result, guint i)
{
    const VnGuest *guest = result->snapshot->guests->pdata[i];
    const VnDecision *decision = result->plan->decisions->pdata[i];
    guint64 bytes = 0;
    g_assert(decision->homes->len == guest->cells->len);
    for (guint k = 0; k < guest->cells->len; k++) {
        g_assert(vn_idset_is_empty(decision->homes->pdata[k]) ==
                 (result->refused->pdata[i] != NULL));
        bytes += ((const VnCell *) guest->cells->pdata[k])->memory_bytes;
    }
    g_assert(bytes == guest->memory_bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnScenario) scenario =
        vn_scenario_read_json((const char *) data, size, &error);
    if (!scenario) {
        g_assert(error && error->code == VN_ERROR_INVALID);
        return 0;
    }
    g_assert(!error);
    const GPtrArray *guests = scenario->snapshot->guests;
    guint n_vcpus = 0;
    for (guint i = 0; i < guests->len; i++)
        n_vcpus += ((const VnGuest *) guests->pdata[i])->vcpus->len;
    if (guests->len > GUESTS_RUN_MAX || n_vcpus > VCPUS_RUN_MAX ||
        scenario->snapshot->host->nodes->len > NODES_RUN_MAX)
        return 0;
    g_autoptr(VnScenarioResult) result = vn_scenario_run(scenario);
    for (guint i = 0; i < guests->len; i++)
        check_homes(result, i);
    g_autoptr(GVariant) outcome =
        g_variant_ref_sink(vn_scenario_result_to_variant(result));
    g_autoptr(VnJson) json = vn_json_from_variant(outcome);
    g_autofree char *text = vn_json_print(json, FALSE);
    g_assert(text);
    return 0;
}
