/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last windows, in a ring. */
#include "model/heat-history.h"

#include <string.h>

typedef struct {
    gint64 end_us;
    gint64 duration_us;
} Window;

struct VnHeatHistory {
    GArray *bins;     /* of VnHeatBin */
    guint n_windows;  /* kept */
    guint n_places;   /* in the ring */
    guint next;       /* place of the window to come */
    Window *windows;  /* by place */
    float *pages;     /* by place and bin */
    gint16 *nodes;    /* by place and bin */
    double *by_node;  /* of the bin being added: by host node + 1 */
    guint16 *touched; /* places in @by_node that are not 0 */
};

VnHeatHistory *
vn_heat_history_new(const GArray *bins)
{
    g_return_val_if_fail(bins->len <= VN_HEAT_BINS_MAX, NULL);
    VnHeatHistory *history = g_new0(VnHeatHistory, 1);
    guint room = VN_HEAT_HISTORY_WINDOWS * VN_HEAT_HISTORY_BINS / MAX(bins->len, 1);
    history->n_places = MIN(room, VN_HEAT_HISTORY_WINDOWS);
    history->bins = g_array_sized_new(FALSE, FALSE, sizeof(VnHeatBin), bins->len);
    if (bins->len > 0)
        g_array_append_vals(history->bins, bins->data, bins->len);
    history->windows = g_new0(Window, history->n_places);
    history->pages = g_new0(float, (gsize) history->n_places * bins->len);
    history->nodes = g_new0(gint16, (gsize) history->n_places * bins->len);
    history->by_node = g_new0(double, VN_HOST_NODES_MAX + 1);
    history->touched = g_new(guint16, VN_HOST_NODES_MAX + 1);
    return history;
}

void
vn_heat_history_free(VnHeatHistory *history)
{
    if (!history)
        return;
    g_array_unref(history->bins);
    g_free(history->windows);
    g_free(history->pages);
    g_free(history->nodes);
    g_free(history->by_node);
    g_free(history->touched);
    g_free(history);
}

gsize
vn_heat_history_bytes(const VnHeatHistory *history)
{
    gsize n = (gsize) history->n_places * history->bins->len;
    return sizeof(*history) + history->bins->len * sizeof(VnHeatBin) +
           history->n_places * sizeof(Window) + n * (sizeof(float) + sizeof(gint16)) +
           (VN_HOST_NODES_MAX + 1) * (sizeof(double) + sizeof(guint16));
}

/* The host node that has most of @by_node, and that forgotten; alike, the lowest. */
static int
take_most(VnHeatHistory *history, guint n_touched)
{
    int most = -1;
    double amount = 0;
    for (guint i = 0; i < n_touched; i++) {
        guint16 place = history->touched[i];
        double one = history->by_node[place];
        history->by_node[place] = 0;
        if (one > amount || (one == amount && place - 1 < most)) {
            amount = one;
            most = place - 1;
        }
    }
    return most;
}

/*
 * Adds what was counted in @bin, of the counts from *@at on, which is moved behind them.
 */
static void
add_bin(VnHeatHistory *history, const VnSample *sample, const VnHeatBin *bin,
        const int *vcpu_nodes, guint n_vcpus, guint *at, gsize place)
{
    guint n_touched = 0;
    double pages = 0;
    for (; *at < sample->counts->len; (*at)++) {
        const VnSampleCount *count = &g_array_index(sample->counts, VnSampleCount, *at);
        if (count->granule < bin->granule)
            continue;
        if (count->granule >= bin->granule + bin->n_granules)
            break;
        int node = count->vcpu < n_vcpus ? vcpu_nodes[count->vcpu] : -1;
        guint slot = node >= 0 && node < (int) VN_HOST_NODES_MAX ? (guint) node + 1 : 0;
        double amount = (double) count->count * sample->count_pages;
        if (history->by_node[slot] <= 0)
            history->touched[n_touched++] = (guint16) slot;
        history->by_node[slot] += amount;
        pages += amount;
    }
    history->pages[place] = (float) pages;
    history->nodes[place] = (gint16) take_most(history, n_touched);
}

void
vn_heat_history_add(VnHeatHistory *history, const VnSample *sample, const int *vcpu_nodes,
                    guint n_vcpus)
{
    g_return_if_fail(sample->sealed);
    if (!vn_sample_source_has_addresses(sample->source))
        return;
    gsize first = (gsize) history->next * history->bins->len;
    guint at = 0;
    for (guint i = 0; i < history->bins->len; i++)
        add_bin(history, sample, &g_array_index(history->bins, VnHeatBin, i), vcpu_nodes,
                n_vcpus, &at, first + i);
    history->windows[history->next] = (Window){
        .end_us = sample->start_us + sample->duration_us,
        .duration_us = sample->duration_us,
    };
    history->next = (history->next + 1) % history->n_places;
    history->n_windows = MIN(history->n_windows + 1, history->n_places);
}

const GArray *
vn_heat_history_bins(const VnHeatHistory *history)
{
    return history->bins;
}

guint
vn_heat_history_n_windows(const VnHeatHistory *history)
{
    return history->n_windows;
}

VnHeatWindow
vn_heat_history_window(const VnHeatHistory *history, guint i)
{
    g_return_val_if_fail(i < history->n_windows, (VnHeatWindow){0});
    guint place =
        (history->next + history->n_places - history->n_windows + i) % history->n_places;
    gsize first = (gsize) place * history->bins->len;
    return (VnHeatWindow){.end_us = history->windows[place].end_us,
                          .duration_us = history->windows[place].duration_us,
                          .pages = history->pages + first,
                          .nodes = history->nodes + first};
}
