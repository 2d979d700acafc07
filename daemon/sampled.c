/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening and closing a guest's window, and what becomes of its sample. */
#include "daemon/sampled.h"

#include "daemon/logging.h"
#include "daemon/ram.h"
#include "policies/mover.h"

#include <math.h>
#include <string.h>

/* The dirty log is switched on a moment after libvirt was asked to, and so off. */
#define LOGGING_SLACK_US (G_USEC_PER_SEC / 5)
/* How long after a window that failed another is tried. */
#define RETRY_US (10 * G_USEC_PER_SEC)

/*
 * Heat tells vCPUs by their cells. Those of a guest without cells are told by the host
 * node that each runs on; where that is none, by their numbers, neighbours together where
 * there are many.
 *
 * Returns: (transfer full): by vCPU, @n of them
 */
static guint *
cells_of(const VnGuest *guest, const VnHost *host, guint n)
{
    guint *cells = g_new0(guint, n);
    g_autofree int *nodes = vn_vcpu_nodes(guest, host, n);
    g_autoptr(VnIdSet) used = vn_idset_new();
    for (guint i = 0; i < n && !guest->told_cells; i++) {
        if (nodes[i] >= 0)
            vn_idset_add(used, (guint) nodes[i]);
    }
    guint n_used = vn_idset_count(used);
    guint left = n_used < VN_CELLS_MAX ? VN_CELLS_MAX - n_used : 1;
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        if (vcpu->id >= n)
            continue;
        cells[vcpu->id] =
            guest->told_cells ? vcpu->cell : n_used + vcpu->id * MIN(n, left) / n;
    }
    guint cell = 0;
    VN_IDSET_FOREACH (used, node) {
        for (guint i = 0; i < n; i++)
            cells[i] = nodes[i] == node ? cell : cells[i];
        cell++;
    }
    return cells;
}

static VnHeat *
new_heat(const VnGuest *guest, const VnHost *host)
{
    const VnVcpu *last = guest->vcpus->pdata[guest->vcpus->len - 1];
    g_autofree guint *cells = cells_of(guest, host, last->id + 1);
    return vn_heat_new(cells, last->id + 1, VN_HEAT_HALF_LIFE_US);
}

/* The vCPUs of a guest without cells run where they did not. */
static void
update_cells(VnSampled *sampled)
{
    guint n = vn_heat_n_vcpus(sampled->heat);
    gboolean changed = FALSE;
    g_autofree guint *cells = cells_of(sampled->guest, sampled->snapshot->host, n);
    for (guint i = 0; i < n; i++)
        changed |=
            MIN(cells[i], VN_CELLS_MAX - 1) != vn_heat_cell_of_vcpu(sampled->heat, i);
    if (changed && !sampled->guest->told_cells)
        vn_heat_set_cells(sampled->heat, cells);
}

VnSampled *
vn_sampled_new(VnSnapshot *snapshot, const VnGuest *guest, const VnPaceLimits *limits)
{
    VnSampled *sampled = g_new0(VnSampled, 1);
    sampled->snapshot = vn_snapshot_ref(snapshot);
    sampled->guest = guest;
    sampled->ram = vn_ram_new(guest);
    sampled->heat = new_heat(guest, snapshot->host);
    if (!guest->dirty_ring)
        sampled->failed[VN_SAMPLE_DIRTY_RATE] =
            g_strdup("without dirty rings QEMU tells the whole guest's, and of no vCPU");
    g_queue_init(&sampled->requests);
    vn_pace_init(&sampled->pace, limits);
    return sampled;
}

/* Answers the request of the window that was open, or all. */
static void
answer(VnSampled *sampled, gboolean all, GVariant *sample, const GError *error)
{
    for (gboolean first = sampled->requested; first || all; first = FALSE) {
        VnSampleRequest *request = g_queue_pop_head(&sampled->requests);
        if (!request)
            break;
        request->done(sample, error, request->data);
        g_free(request);
    }
    sampled->requested = FALSE;
}

void
vn_sampled_free(VnSampled *sampled, const GError *why)
{
    answer(sampled, TRUE, NULL, why);
    vn_window_free(sampled->window);
    vn_qmp_client_free(sampled->qmp);
    vn_heat_free(sampled->heat);
    vn_heat_history_free(sampled->history);
    vn_slots_free(sampled->ram);
    vn_snapshot_unref(sampled->snapshot);
    for (guint i = 0; i < VN_SAMPLE_SOURCES; i++)
        g_free(sampled->failed[i]);
    g_free(sampled->why);
    g_free(sampled->trouble);
    g_free(sampled);
}

gboolean
vn_sampled_is(const VnSampled *sampled, const VnGuest *guest)
{
    return g_str_equal(sampled->guest->uuid, guest->uuid) &&
           sampled->guest->pid == guest->pid &&
           sampled->guest->start_ticks == guest->start_ticks;
}

static gboolean
has_ranges(const VnSlots *ram)
{
    for (guint i = 0; i < ram->array->len; i++) {
        if (!g_array_index(ram->array, VnSlot, i).hva)
            return FALSE;
    }
    return ram->array->len > 0;
}

void
vn_sampled_update(VnSampled *sampled, VnSnapshot *snapshot, const VnGuest *guest)
{
    vn_snapshot_ref(snapshot);
    vn_snapshot_unref(sampled->snapshot);
    sampled->snapshot = snapshot;
    sampled->guest = guest;
    update_cells(sampled);
    if (has_ranges(sampled->ram))
        return;
    vn_slots_free(sampled->ram);
    sampled->ram = vn_ram_new(guest);
}

/* Others may want to speak with that QEMU. */
static void
leave_monitor(VnSampled *sampled)
{
    if (!sampled->once)
        g_clear_pointer(&sampled->qmp, vn_qmp_client_free);
}

/* There was no window: says so, and when the next is tried. */
static void
fail(VnSampled *sampled, const GError *error)
{
    g_free(sampled->trouble);
    sampled->trouble = g_strdup(error->message);
    sampled->next_us = g_get_monotonic_time() + RETRY_US;
    answer(sampled, FALSE, NULL, error);
}

void
vn_sampled_dismiss(VnSampled *sampled, const GError *why)
{
    fail(sampled, why);
    answer(sampled, TRUE, NULL, why);
}

/*
 * The best source that there is; for the policy "tier", to which what is not accessed is
 * as much as what is, one that sees reads, if there is any.
 */
static gboolean
choose_best(VnSampled *sampled, const VnSampler *sampler, guint forbidden)
{
    const VnGuest *guest = sampled->guest;
    static char writes_only[] = "it sees writes only, and the policy tier wants reads";
    char *failed[VN_SAMPLE_SOURCES];
    memcpy(failed, sampled->failed, sizeof(failed));
    for (guint i = 0; i < VN_SAMPLE_REFAULT; i++)
        failed[i] = failed[i] ? failed[i] : writes_only;
    if (vn_granule_policy(guest) == VN_GRANULES_TIER &&
        vn_sampler_choose(sampler, guest, forbidden, failed, &sampled->source,
                          &sampled->why) &&
        sampled->source == VN_SAMPLE_REFAULT)
        return TRUE;
    g_clear_pointer(&sampled->why, g_free);
    return vn_sampler_choose(sampler, guest, forbidden, sampled->failed, &sampled->source,
                             &sampled->why);
}

static gboolean
choose_source(VnSampled *sampled, const VnSampler *sampler, guint forbidden,
              GError **error)
{
    const VnGuest *guest = sampled->guest;
    const VnSampleRequest *request =
        sampled->requested ? g_queue_peek_head(&sampled->requests) : NULL;
    g_clear_pointer(&sampled->why, g_free);
    if (!request || request->any) {
        if (choose_best(sampled, sampler, forbidden))
            return TRUE;
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "guest %s: there is no way to sample it: %s", guest->name,
                    sampled->why);
        return FALSE;
    }
    sampled->source = request->source;
    sampled->why = g_strdup("it was asked for");
    g_autofree char *why_not = NULL;
    if (request->source == VN_SAMPLE_DIRTY_RATE ||
        vn_sampler_can(sampler, guest, request->source, &why_not))
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED, "guest %s: %s: %s", guest->name,
                vn_sample_source_name(request->source), why_not);
    return FALSE;
}

static gboolean
needs_log(VnSampleSource source)
{
    return source == VN_SAMPLE_DIRTY_LOG_BPF || source == VN_SAMPLE_DIRTY_RING ||
           source == VN_SAMPLE_DIRTY_RATE;
}

/* The window is there before the log is on, so that the first writes are not missed. */
static gboolean
begin(VnSampled *sampled, VnSampler *sampler, VnConnection *virt, guint seconds,
      GError **error)
{
    const VnGuest *guest = sampled->guest;
    g_autoptr(VnWindow) window = NULL;
    if (!needs_log(sampled->source) &&
        !vn_logging_check(virt, sampled->qmp, guest, error))
        return FALSE;
    if (sampled->source != VN_SAMPLE_DIRTY_RATE) {
        window = vn_window_start(sampler, guest,
                                 sampled->ram->array->len ? sampled->ram : NULL,
                                 sampled->source, error);
        if (!window)
            return FALSE;
    }
    if (needs_log(sampled->source) &&
        !vn_logging_start(virt, &sampled->qmp, guest, seconds, error))
        return FALSE;
    sampled->window = g_steal_pointer(&window);
    return TRUE;
}

static void
set_poll(VnSampled *sampled)
{
    guint poll_ms = sampled->window ? vn_window_poll_ms(sampled->window) : 0;
    sampled->poll_us =
        poll_ms ? g_get_monotonic_time() + poll_ms * (gint64) 1000 : G_MAXINT64;
}

void
vn_sampled_poll(VnSampled *sampled)
{
    vn_window_poll(sampled->window);
    set_poll(sampled);
}

void
vn_sampled_open(VnSampled *sampled, VnSampler *sampler, VnConnection *virt,
                guint forbidden)
{
    g_autoptr(GError) error = NULL;
    const VnSampleRequest *request = g_queue_peek_head(&sampled->requests);
    guint seconds = request ? request->seconds
                            : (guint) (sampled->pace.limits.window_us / G_USEC_PER_SEC);
    sampled->requested = request != NULL;
    sampled->start_us = g_get_monotonic_time();
    if (!choose_source(sampled, sampler, forbidden, &error)) {
        fail(sampled, error);
        return;
    }
    if (!begin(sampled, sampler, virt, seconds, &error)) {
        /* What was refused once is not tried again: another source may do. */
        if (!request && (g_error_matches(error, VN_ERROR, VN_ERROR_UNSUPPORTED) ||
                         g_error_matches(error, VN_ERROR, VN_ERROR_REFUSED))) {
            g_free(sampled->failed[sampled->source]);
            sampled->failed[sampled->source] = g_strdup(error->message);
        }
        fail(sampled, error);
        return;
    }
    g_clear_pointer(&sampled->trouble, g_free);
    sampled->open = TRUE;
    sampled->end_us = g_get_monotonic_time() + seconds * G_USEC_PER_SEC +
                      (needs_log(sampled->source) ? LOGGING_SLACK_US : 0);
    set_poll(sampled);
}

GVariant *
vn_sampled_heatmap(const VnSampled *sampled, const VnGuest *guest, const VnHost *host,
                   const GPtrArray *homes, const VnHeatmapOptions *options,
                   GError **error)
{
    g_autoptr(VnPlacement) all =
        vn_placement_read(guest, host, sampled->ram, NULL, NULL, NULL, error);
    if (!all)
        return NULL;
    g_autoptr(VnPlacement) known =
        vn_placement_read(guest, host, sampled->ram, sampled->heat, NULL, NULL, error);
    if (!known)
        return NULL;
    gint64 now_us = g_get_monotonic_time();
    g_autoptr(VnLocality) locality = vn_locality_new(sampled->heat, known, host, now_us);
    const VnHeatmap map = {
        .guest = guest,
        .host = host,
        .homes = homes,
        .placement = all,
        .heat = sampled->heat,
        .history = sampled->history,
        .locality = locality,
        .source = vn_sample_source_name(sampled->source),
        .now_us = now_us,
    };
    return vn_heatmap_to_variant(&map, options);
}

/* Of one vCPU: by VnAccess, ANY being all; those of known places, and the local ones. */
typedef struct {
    guint64 counts[3];
    guint64 judged;
    guint64 local;
} VcpuSums;

static void
sum_count(VcpuSums *sums, const VnSampleCount *count, const VnPlacement *placement)
{
    sums->counts[VN_ACCESS_ANY] += count->count;
    if (count->access != VN_ACCESS_ANY)
        sums->counts[count->access] += count->count;
    const VnPlace *place = placement && count->vcpu < placement->n_vcpus
                               ? vn_placement_find(placement, count->granule)
                               : NULL;
    if (!place || place->host_node < 0 || placement->vcpus[count->vcpu] < 0)
        return;
    sums->judged += count->count;
    sums->local += place->host_node == placement->vcpus[count->vcpu] ? count->count : 0;
}

/* @placement: (nullable) */
static GVariant *
vcpus_to_variant(const VnSample *sample, const VnPlacement *placement)
{
    g_autofree VcpuSums *sums = g_new0(VcpuSums, VN_VCPUS_MAX);
    for (guint i = 0; i < sample->counts->len; i++) {
        const VnSampleCount *count = &g_array_index(sample->counts, VnSampleCount, i);
        sum_count(&sums[count->vcpu], count, placement);
    }
    for (guint i = 0; i < sample->hints->len; i++) {
        const VnSampleHint *hint = &g_array_index(sample->hints, VnSampleHint, i);
        sums[hint->vcpu].counts[VN_ACCESS_ANY] += hint->count;
    }
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < VN_VCPUS_MAX; i++) {
        const VcpuSums *of = &sums[i];
        if (!of->counts[VN_ACCESS_ANY])
            continue;
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "id", "u", i);
        vn_dict_insert(&dict, "reads", "t", of->counts[VN_ACCESS_READ]);
        vn_dict_insert(&dict, "writes", "t", of->counts[VN_ACCESS_WRITE]);
        vn_dict_insert(&dict, "accesses", "t", of->counts[VN_ACCESS_ANY]);
        if (of->judged)
            vn_dict_insert(&dict, "locality_ratio", "d",
                           (double) of->local / (double) of->judged);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

static guint64
count_granules(const VnSample *sample)
{
    guint64 n = 0;
    for (guint i = 0; i < sample->counts->len; i++) {
        const VnSampleCount *count = &g_array_index(sample->counts, VnSampleCount, i);
        n += i == 0 || count->granule != count[-1].granule;
    }
    return n;
}

static guint
running_vcpus(const VnGuest *guest)
{
    guint n = 0;
    for (guint i = 0; i < guest->vcpus->len; i++)
        n += ((const VnVcpu *) guest->vcpus->pdata[i])->tid > 0;
    return MAX(n, 1);
}

static GVariant *
sample_to_variant(const VnSampled *sampled, const VnSample *sample,
                  const VnPlacement *placement, const VnLocality *locality)
{
    const VnGuest *guest = sampled->guest;
    const VnSampleCost *cost = &sample->cost;
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "guest", "s", guest->name);
    vn_dict_insert(&dict, "uuid", "s", guest->uuid);
    vn_dict_insert(&dict, "source", "s", vn_sample_source_name(sample->source));
    vn_dict_insert(&dict, "source_reason", "s", sampled->why);
    vn_dict_insert(&dict, "duration_seconds", "d",
                   (double) sample->duration_us / G_USEC_PER_SEC);
    vn_dict_insert(&dict, "accesses_total", "t", vn_sample_total(sample));
    vn_dict_insert(&dict, "lost", "t", cost->lost);
    vn_dict_insert(&dict, "faults", "t", cost->faults);
    vn_dict_insert(&dict, "splits", "t", cost->splits);
    vn_dict_insert(&dict, "fault_seconds", "d", (double) cost->fault_us / G_USEC_PER_SEC);
    vn_dict_insert(&dict, "cpu_seconds", "d", (double) cost->cpu_us / G_USEC_PER_SEC);
    vn_dict_insert(&dict, "overhead_ratio", "d",
                   vn_sample_overhead(sample, running_vcpus(guest)));
    vn_dict_insert(&dict, "granules_total", "t", count_granules(sample));
    vn_dict_insert_value(&dict, "vcpus", vcpus_to_variant(sample, placement));
    vn_dict_insert_ratio(&dict, "locality_ratio",
                         locality ? locality->guest.locality : -1);
    vn_dict_insert_ratio(&dict, "remote_cost",
                         locality ? locality->guest.remote_cost : -1);
    vn_dict_insert(&dict, "confidence_ratio", "d",
                   vn_heat_confidence(sampled->heat, NULL, g_get_monotonic_time()));
    return vn_dict_end(&dict);
}

/* What the pace wants to know of it. */
static void
set_pace(VnSampled *sampled, const VnSample *sample, const VnLocality *locality)
{
    VnPaceWindow window = {
        .duration_us = sample->duration_us,
        .overhead = vn_sample_overhead(sample, running_vcpus(sampled->guest)),
        .cost_us = (gint64) (sample->cost.cpu_us + sample->cost.fault_us),
        .saw = vn_sample_total(sample) > 0,
        .stability = vn_heat_stability(sampled->heat),
        .locality = locality ? locality->guest.locality : -1,
        .confidence = vn_heat_confidence(sampled->heat, NULL, g_get_monotonic_time()),
        .alternation = vn_heat_alternation(sampled->heat, NULL),
    };
    vn_pace_window(&sampled->pace, &window);
}

/* What is RAM does not change, so the kernel is asked about all of it but once. */
static void
add_to_history(VnSampled *sampled, const VnSample *sample)
{
    const VnGuest *guest = sampled->guest;
    const VnHost *host = sampled->snapshot->host;
    if (!sampled->history && has_ranges(sampled->ram)) {
        g_autoptr(VnPlacement) all =
            vn_placement_read(guest, host, sampled->ram, NULL, NULL, NULL, NULL);
        g_autoptr(GArray) bins =
            all ? vn_heat_bins_new(all, NULL, VN_HEAT_HISTORY_BINS) : NULL;
        sampled->history = bins ? vn_heat_history_new(bins) : NULL;
    }
    if (!sampled->history)
        return;
    guint n_vcpus = vn_heat_n_vcpus(sampled->heat);
    g_autofree int *nodes = vn_vcpu_nodes(guest, host, n_vcpus);
    vn_heat_history_add(sampled->history, sample, nodes, n_vcpus);
}

void
vn_sampled_close(VnSampled *sampled, VnConnection *virt)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnSlots) slots = NULL;
    sampled->open = FALSE;
    g_autoptr(VnSample) sample =
        sampled->window
            ? vn_window_stop(g_steal_pointer(&sampled->window), &slots, &error)
            : vn_logging_read(virt, sampled->qmp, sampled->guest, sampled->start_us,
                              &error);
    leave_monitor(sampled);
    if (!sample) {
        fail(sampled, error);
        return;
    }
    if (slots && vn_ram_learn(sampled->ram, sampled->guest, slots))
        g_clear_pointer(&sampled->history, vn_heat_history_free);
    vn_heat_feed(sampled->heat, sample);
    sampled->n_windows++;
    add_to_history(sampled, sample);
    /* Without it less is known, and the guest may just have ended. */
    const VnHost *host = sampled->snapshot->host;
    g_autoptr(VnPlacement) placement = vn_placement_read(
        sampled->guest, host, sampled->ram, sampled->heat, NULL, NULL, NULL);
    g_autoptr(VnLocality) locality =
        placement
            ? vn_locality_new(sampled->heat, placement, host, g_get_monotonic_time())
            : NULL;
    set_pace(sampled, sample, locality);
    sampled->next_us = g_get_monotonic_time() + vn_pace_next_us(&sampled->pace);
    g_autoptr(GVariant) described =
        sampled->requested
            ? g_variant_ref_sink(sample_to_variant(sampled, sample, placement, locality))
            : NULL;
    answer(sampled, FALSE, described, NULL);
}
