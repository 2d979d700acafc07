/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which guests are sampled, and whose turn it is. */
#include "daemon/sampling.h"

#include "daemon/peer.h"
#include "daemon/ram.h"
#include "daemon/sampled.h"
#include "host/process.h"
#include "policies/mover.h"

/* How often, at most, guests that wait for their turn are thought of. */
#define TURN_US (G_USEC_PER_SEC / 10)

struct VnSampling {
    VnConfig config;
    char *root;
    VnConnection *virt;
    VnSampler *sampler;
    gboolean attached; /* or tried to */
    GPtrArray *guests; /* of VnSampled */
    guint turn;        /* the guest that is looked at first */
    guint n_open;
    guint n_cpus; /* of the host */
};

VnSampling *
vn_sampling_new(const VnConfig *config, const char *root, VnConnection *virt)
{
    VnSampling *sampling = g_new0(VnSampling, 1);
    sampling->config = *config;
    sampling->root = g_strdup(root);
    sampling->virt = virt;
    sampling->sampler = vn_sampler_new(0);
    sampling->guests = g_ptr_array_new();
    sampling->n_cpus = 1;
    return sampling;
}

static void
drop(VnSampling *sampling, guint i, const GError *why)
{
    VnSampled *sampled = sampling->guests->pdata[i];
    sampling->n_open -= sampled->open;
    g_ptr_array_remove_index(sampling->guests, i);
    vn_sampled_free(sampled, why);
}

void
vn_sampling_free(VnSampling *sampling)
{
    if (!sampling)
        return;
    g_autoptr(GError) why = g_error_new_literal(
        VN_ERROR, VN_ERROR_BUSY, "vnumad is stopping; try again once it runs");
    while (sampling->guests->len)
        drop(sampling, sampling->guests->len - 1, why);
    g_ptr_array_unref(sampling->guests);
    vn_sampler_free(sampling->sampler);
    g_free(sampling->root);
    g_free(sampling);
}

/* A guest that is paused or in trouble keeps its heat, and is not looked at. */
static gboolean
may_look(const VnGuest *guest)
{
    return guest->managed && !guest->trouble && guest->state == VN_GUEST_RUNNING;
}

static gboolean
may_keep(const VnGuest *guest)
{
    return guest->managed && guest->pid > 0 && guest->vcpus->len > 0;
}

static VnSampled *
find(const VnSampling *sampling, const VnGuest *guest)
{
    for (guint i = 0; i < sampling->guests->len; i++) {
        VnSampled *sampled = sampling->guests->pdata[i];
        if (!sampled->once && vn_sampled_is(sampled, guest))
            return sampled;
    }
    return NULL;
}

static VnPaceLimits
pace_limits(const VnConfig *config)
{
    VnPaceLimits limits = VN_PACE_LIMITS_DEFAULT;
    limits.budget_ratio = config->sample_budget_ratio;
    return limits;
}

static void
drop_gone(VnSampling *sampling, const VnSnapshot *snapshot)
{
    for (guint i = sampling->guests->len; i-- > 0;) {
        VnSampled *sampled = sampling->guests->pdata[i];
        const VnGuest *now = vn_snapshot_find(snapshot, sampled->guest->uuid);
        if (sampled->once || (now && may_keep(now) && vn_sampled_is(sampled, now)))
            continue;
        g_autoptr(GError) why = g_error_new(
            VN_ERROR, VN_ERROR_GONE, "guest %s: it ended, or is not managed any more",
            sampled->guest->name);
        drop(sampling, i, why);
    }
}

void
vn_sampling_see(VnSampling *sampling, VnSnapshot *snapshot)
{
    VnPaceLimits limits = pace_limits(&sampling->config);
    guint n_cpus = 0;
    for (guint i = 0; i < snapshot->host->nodes->len; i++) {
        const VnHostNode *node = snapshot->host->nodes->pdata[i];
        n_cpus += vn_idset_count(node->cpus);
    }
    sampling->n_cpus = MAX(n_cpus, 1);
    drop_gone(sampling, snapshot);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        VnSampled *known = find(sampling, guest);
        if (known)
            vn_sampled_update(known, snapshot, guest);
        else if (may_keep(guest))
            g_ptr_array_add(sampling->guests, vn_sampled_new(snapshot, guest, &limits));
    }
}

/*
 * Whether its vCPUs have hardly run since the last time it was due: it is then left alone
 * until the next.
 */
static gboolean
is_idle(VnSampling *sampling, VnSampled *sampled, gint64 now_us)
{
    guint64 cpu_ns;
    if (!vn_process_vcpu_time(sampling->root, sampled->guest, &cpu_ns, NULL))
        return FALSE;
    gboolean idle = sampled->cpu_at_us &&
                    vn_pace_is_idle(sampled->cpu_ns, cpu_ns, now_us - sampled->cpu_at_us);
    sampled->cpu_ns = cpu_ns;
    sampled->cpu_at_us = now_us;
    return idle;
}

static void
share_host(VnSampling *sampling)
{
    g_autoptr(GPtrArray) paces = g_ptr_array_new();
    for (guint i = 0; i < sampling->guests->len; i++) {
        VnSampled *sampled = sampling->guests->pdata[i];
        g_ptr_array_add(paces, &sampled->pace);
    }
    vn_pace_share_host((VnPace *const *) paces->pdata, paces->len, sampling->n_cpus,
                       sampling->config.sample_host_budget_ratio);
}

/* Attaching stops all CPUs for a moment: once, and best before there are guests. */
static void
attach(VnSampling *sampling)
{
    const guint by_bpf = 1u << VN_SAMPLE_DIRTY_LOG_BPF | 1u << VN_SAMPLE_REFAULT;
    if (sampling->attached || (sampling->config.forbidden_sources & by_bpf) == by_bpf)
        return;
    sampling->attached = TRUE;
    g_autoptr(GError) error = NULL;
    if (!vn_sampler_attach(sampling->sampler, &error))
        g_message("sampling does without BPF: %s", error->message);
}

/* Another process may have its id by now; and who asked for a guest wants an answer. */
static gboolean
still_may_look(VnSampling *sampling, VnSampled *sampled)
{
    const VnGuest *guest = sampled->guest;
    const VnProcess process = {guest->pid, guest->start_ticks};
    g_autoptr(GError) error = NULL;
    if (!may_look(guest))
        g_set_error(&error, VN_ERROR, VN_ERROR_BUSY, "guest %s: %s; try later",
                    guest->name, guest->trouble ? guest->trouble : "it is paused");
    else if (vn_process_check(sampling->root, &process, &error))
        return TRUE;
    vn_sampled_dismiss(sampled, error);
    return FALSE;
}

static void
open_window(VnSampling *sampling, VnSampled *sampled, gint64 now_us)
{
    if (!still_may_look(sampling, sampled))
        return;
    gboolean usual = g_queue_is_empty(&sampled->requests);
    if (usual && is_idle(sampling, sampled, now_us)) {
        vn_pace_skip(&sampled->pace);
        sampled->next_us = now_us + vn_pace_next_us(&sampled->pace);
        return;
    }
    vn_sampled_open(sampled, sampling->sampler, sampling->virt,
                    sampling->config.forbidden_sources);
    sampling->n_open += sampled->open;
}

static void
close_window(VnSampling *sampling, VnSampled *sampled)
{
    sampling->n_open--;
    vn_sampled_close(sampled, sampling->virt);
    share_host(sampling);
}

static gboolean
is_due(const VnSampling *sampling, const VnSampled *sampled, gint64 now_us)
{
    return sampled->requests.length ||
           (sampling->config.sampling == VN_SAMPLING_AUTO && may_look(sampled->guest) &&
            sampled->next_us <= now_us);
}

/* When it wants to be looked at again. */
static gint64
next_of(const VnSampling *sampling, const VnSampled *sampled, gint64 now_us)
{
    if (sampled->open)
        return MIN(sampled->end_us, sampled->poll_us);
    if (is_due(sampling, sampled, now_us))
        return now_us + TURN_US;
    return may_look(sampled->guest) && sampling->config.sampling == VN_SAMPLING_AUTO
               ? sampled->next_us
               : G_MAXINT64;
}

/* Whether a window of it was to be opened or ended, which may have taken a while. */
static gboolean
open_or_close(VnSampling *sampling, VnSampled *sampled, guint place)
{
    gint64 now_us = g_get_monotonic_time();
    if (sampled->open && sampled->end_us <= now_us) {
        close_window(sampling, sampled);
        return TRUE;
    }
    if (sampled->open || sampling->n_open == VN_SAMPLING_WINDOWS_MAX ||
        !is_due(sampling, sampled, now_us))
        return FALSE;
    sampling->turn = place + 1;
    open_window(sampling, sampled, now_us);
    return TRUE;
}

/* Those that nobody waits for any more, and that nobody will ask for again. */
static void
drop_answered(VnSampling *sampling)
{
    for (guint i = sampling->guests->len; i-- > 0;) {
        const VnSampled *sampled = sampling->guests->pdata[i];
        if (sampled->once && !sampled->requests.length)
            drop(sampling, i, NULL);
    }
}

gint64
vn_sampling_tick(VnSampling *sampling)
{
    gint64 next_us = G_MAXINT64;
    gboolean busy = FALSE;
    guint n = sampling->guests->len;
    if (sampling->config.sampling != VN_SAMPLING_OFF)
        attach(sampling);
    guint first = sampling->turn;
    for (guint i = 0; i < n; i++) {
        guint place = (first + i) % n;
        VnSampled *sampled = sampling->guests->pdata[place];
        if (sampled->open && sampled->poll_us <= g_get_monotonic_time())
            vn_sampled_poll(sampled);
        busy = busy || open_or_close(sampling, sampled, place);
        next_us = MIN(next_us, next_of(sampling, sampled, g_get_monotonic_time()));
    }
    drop_answered(sampling);
    return busy ? 0 : next_us;
}

const VnHeat *
vn_sampling_heat(const VnSampling *sampling, const VnGuest *guest)
{
    const VnSampled *sampled = find(sampling, guest);
    return sampled && sampled->n_windows ? sampled->heat : NULL;
}

gboolean
vn_sampling_is_settled(const VnSampling *sampling, const VnGuest *guest)
{
    const VnSampled *sampled = find(sampling, guest);
    return sampled && vn_pace_is_settled(&sampled->pace);
}

VnPlacement *
vn_sampling_placement(const VnSampling *sampling, const VnGuest *guest,
                      const VnHost *host, GError **error)
{
    const VnSampled *sampled = find(sampling, guest);
    if (!sampled || !sampled->n_windows)
        return NULL;
    /* What is cold heat does not know. */
    gboolean all = vn_granule_policy(guest) == VN_GRANULES_TIER;
    return vn_placement_read(guest, host, sampled->ram, all ? NULL : sampled->heat, NULL,
                             NULL, error);
}

void
vn_sampling_promise(VnSampling *sampling, const VnGuest *guest, double cost)
{
    VnSampled *sampled = find(sampling, guest);
    if (sampled)
        sampled->promised_cost = cost;
}

double
vn_sampling_promised(const VnSampling *sampling, const VnGuest *guest)
{
    const VnSampled *sampled = find(sampling, guest);
    return sampled ? sampled->promised_cost : 0;
}

GVariant *
vn_sampling_heatmap(const VnSampling *sampling, const VnGuest *guest, const VnHost *host,
                    const GPtrArray *homes, GVariant *options, GError **error)
{
    const VnSampled *sampled = find(sampling, guest);
    VnHeatmapOptions parsed;
    if (!vn_heatmap_options_parse(options, &parsed, error))
        return NULL;
    if (!sampled || !sampled->n_windows) {
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "guest %s: nothing has been seen of its accesses; 'vnumactl sample "
                    "%s' looks now",
                    guest->name, guest->name);
        return NULL;
    }
    return vn_sampled_heatmap(sampled, guest, host, homes, &parsed, error);
}

/* What is the matter, for people. */
static char *
state_of(const VnSampling *sampling, const VnSampled *sampled)
{
    if (sampled->open)
        return g_strdup("a window is open");
    if (sampled->trouble)
        return g_strdup(sampled->trouble);
    if (!may_look(sampled->guest))
        return g_strdup("not while it is paused or left alone");
    return sampling->config.sampling == VN_SAMPLING_AUTO ? vn_pace_why(&sampled->pace)
                                                         : g_strdup("on request");
}

void
vn_sampling_describe(const VnSampling *sampling, const VnGuest *guest, VnDict *dict)
{
    const VnSampled *sampled = find(sampling, guest);
    if (!sampled || sampling->config.sampling == VN_SAMPLING_OFF)
        return;
    g_autofree char *state = state_of(sampling, sampled);
    g_auto(VnDict) one;
    vn_dict_init(&one, NULL);
    vn_dict_insert(&one, "state", "s", state);
    if (sampled->n_windows) {
        vn_dict_insert(&one, "source", "s", vn_sample_source_name(sampled->source));
        vn_dict_insert(&one, "source_reason", "s", sampled->why ? sampled->why : "");
        vn_dict_insert(&one, "period_seconds", "d",
                       (double) vn_pace_period_us(&sampled->pace) / G_USEC_PER_SEC);
        vn_dict_insert(&one, "overhead_ratio", "d", sampled->pace.last.overhead);
    }
    vn_dict_insert(&one, "windows", "t", sampled->n_windows);
    vn_dict_insert(&one, "confidence_ratio", "d",
                   vn_heat_confidence(sampled->heat, NULL, g_get_monotonic_time()));
    vn_dict_insert_value(dict, "sampling", vn_dict_end(&one));
}

/* Fills in the request from the options of the method. @object: "guest db1" */
static gboolean
parse_options(const char *object, GVariant *options, VnSampleRequest *request,
              GError **error)
{
    GVariantIter iter;
    const char *key;
    GVariant *each;
    g_variant_iter_init(&iter, options);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &each)) {
        g_autoptr(GVariant) value = each;
        if (g_str_equal(key, "seconds") &&
            g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32) &&
            g_variant_get_uint32(value) >= 1 &&
            g_variant_get_uint32(value) <= VN_SAMPLING_SECONDS_MAX) {
            request->seconds = g_variant_get_uint32(value);
        } else if (g_str_equal(key, "source") &&
                   g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
                   vn_sample_source_from_name(g_variant_get_string(value, NULL),
                                              &request->source)) {
            request->any = FALSE;
        } else if (!g_str_equal(key, "qmp") ||
                   !g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
            g_autofree char *shown = g_variant_print(value, FALSE);
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "%s: sample: %s = %s: there are seconds, 1 to %u, source: "
                        "dirty-log, dirty-ring, refault, numa-faults or dirty-rate, and "
                        "qmp, a path",
                        object, key, shown, VN_SAMPLING_SECONDS_MAX);
            return FALSE;
        }
    }
    return TRUE;
}

/* Whether the configuration allows it. */
static gboolean
allows(const VnSampling *sampling, const char *object, const VnSampleRequest *request,
       GError **error)
{
    if (sampling->config.sampling == VN_SAMPLING_OFF)
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                    "%s: sampling is switched off: sampling = off in vnumad.conf(5)",
                    object);
    else if (!request->any && sampling->config.forbidden_sources >> request->source & 1)
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                    "%s: vnumad.conf(5) forbids the source %s", object,
                    vn_sample_source_name(request->source));
    else
        return TRUE;
    return FALSE;
}

/* Whether the guest can be looked at now. @sampled: (nullable) */
static gboolean
accepts(const VnSampled *sampled, const VnGuest *guest, GError **error)
{
    if (!sampled || guest->state != VN_GUEST_RUNNING)
        g_set_error(error, VN_ERROR, VN_ERROR_GONE, "guest %s: it does not run",
                    guest->name);
    else if (sampled->requests.length >= VN_SAMPLING_REQUESTS_MAX)
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                    "guest %s: %u already wait to sample it; try later", guest->name,
                    sampled->requests.length);
    else
        return TRUE;
    return FALSE;
}

gboolean
vn_sampling_request(VnSampling *sampling, const VnGuest *guest, GVariant *options,
                    VnSamplingDone done, gpointer data, GError **error)
{
    VnSampleRequest request = {.seconds = 4, .any = TRUE, .done = done, .data = data};
    g_autofree char *object = g_strdup_printf("guest %s", guest->name);
    VnSampled *sampled = find(sampling, guest);
    if (!parse_options(object, options, &request, error) ||
        !allows(sampling, object, &request, error) || !accepts(sampled, guest, error))
        return FALSE;
    g_queue_push_tail(&sampled->requests, g_memdup2(&request, sizeof(request)));
    return TRUE;
}

static gboolean
has_room_for_peer(const VnSampling *sampling, const char *object, GError **error)
{
    guint n = 0;
    for (guint i = 0; i < sampling->guests->len; i++)
        n += ((const VnSampled *) sampling->guests->pdata[i])->once;
    if (n < VN_SAMPLING_REQUESTS_MAX)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                "%s: %u other sockets are being sampled; try later", object, n);
    return FALSE;
}

/* A guest that is there for one request. @host: (transfer full) */
static VnSampled *
add_peer(VnSampling *sampling, VnHost *host, VnGuest *guest, VnQmpClient *client)
{
    VnPaceLimits limits = pace_limits(&sampling->config);
    g_autofree char *why = NULL;
    g_autoptr(VnSnapshot) snapshot = vn_snapshot_new(host);
    g_ptr_array_add(snapshot->guests, guest);
    guest->dirty_ring =
        vn_sampler_can(sampling->sampler, guest, VN_SAMPLE_DIRTY_RING, &why);
    VnSampled *sampled = vn_sampled_new(snapshot, guest, &limits);
    sampled->once = TRUE;
    sampled->qmp = client;
    g_ptr_array_add(sampling->guests, sampled);
    return sampled;
}

gboolean
vn_sampling_request_peer(VnSampling *sampling, VnHost *host, const char *path,
                         GVariant *options, VnSamplingDone done, gpointer data,
                         GError **error)
{
    VnSampleRequest request = {.seconds = 4, .any = TRUE, .done = done, .data = data};
    g_autofree char *object = g_strdup_printf("QMP %s", path);
    g_autoptr(VnHost) of = host;
    g_autoptr(VnQmpClient) client = NULL;
    if (!parse_options(object, options, &request, error) ||
        !allows(sampling, object, &request, error) ||
        !has_room_for_peer(sampling, object, error))
        return FALSE;
    g_autoptr(VnGuest) guest = vn_peer_find(sampling->root, path, &client, error);
    if (!guest)
        return FALSE;
    if (guest->state != VN_GUEST_RUNNING) {
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "%s: its guest is paused; try later",
                    object);
        return FALSE;
    }
    VnSampled *sampled = add_peer(sampling, g_steal_pointer(&of), g_steal_pointer(&guest),
                                  g_steal_pointer(&client));
    g_queue_push_tail(&sampled->requests, g_memdup2(&request, sizeof(request)));
    return TRUE;
}
