/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking of heat maps. */
#include "cli/heat-view.h"

#include "cli/format.h"
#include "cli/reply.h"

#include <math.h>

/* What is believed; a rate of more is nonsense. */
#define GRANULE_BYTES_MAX (G_GUINT64_CONSTANT(1) << 30)
#define RATE_MAX 1e15
/* Groups of vCPUs that are named to people. */
#define SHARING_MAX 8

static void
row_free(gpointer data)
{
    VnHeatRow *row = data;
    g_free(row->owner);
    g_free(row);
}

static void
column_free(gpointer data)
{
    VnHeatColumn *column = data;
    vn_idset_free(column->vcpus);
    g_free(column);
}

static void
idset_free(gpointer data)
{
    vn_idset_free(data);
}

void
vn_heat_view_free(VnHeatView *view)
{
    if (!view)
        return;
    g_free(view->guest);
    g_free(view->source);
    g_free(view->sharing);
    vn_idset_free(view->host_nodes);
    g_clear_pointer(&view->homes, g_ptr_array_unref);
    g_clear_pointer(&view->rows, g_ptr_array_unref);
    g_clear_pointer(&view->columns, g_ptr_array_unref);
    g_free(view->rates);
    g_free(view->nodes);
    g_free(view);
}

const VnHeatRow *
vn_heat_view_row(const VnHeatView *view, guint i)
{
    return view->rows->pdata[i];
}

const VnHeatColumn *
vn_heat_view_column(const VnHeatView *view, guint i)
{
    return view->columns->pdata[i];
}

const VnIdSet *
vn_heat_view_home(const VnHeatView *view, int cell)
{
    return cell >= 0 && cell < (int) view->homes->len ? view->homes->pdata[cell] : NULL;
}

guint
vn_heat_view_rank(const VnHeatView *view, int node)
{
    guint rank = 0;
    VN_IDSET_FOREACH (view->host_nodes, id)
        rank += id < node;
    return rank;
}

double
vn_heat_view_density(const VnHeatView *view, guint row, guint column)
{
    return view->rates[row * view->columns->len + column] /
           (double) vn_heat_view_row(view, row)->granules;
}

double
vn_heat_view_hottest(const VnHeatView *view)
{
    double hottest = 0;
    for (guint i = 0; i < view->rows->len; i++) {
        for (guint k = 0; k < view->columns->len; k++)
            hottest = MAX(hottest, vn_heat_view_density(view, i, k));
    }
    return hottest;
}

double
vn_heat_level(double density, double hottest)
{
    return hottest > 0 ? sqrt(CLAMP(density / hottest, 0, 1)) : 0;
}

char *
vn_heat_view_figures(const VnHeatView *view)
{
    g_autofree char *locality = vn_format_ratio(view->locality);
    g_autofree char *confidence = vn_format_ratio(view->confidence);
    g_autofree char *cost = isnan(view->remote_cost)
                                ? g_strdup(VN_FORMAT_UNKNOWN)
                                : g_strdup_printf("%.2f", view->remote_cost);
    return g_strdup_printf("locality %s, remote cost %s, confidence %s", locality, cost,
                           confidence);
}

char *
vn_heat_view_ages(const VnHeatView *view)
{
    if (view->columns->len == 0)
        return g_strdup("no window yet");
    const VnHeatColumn *first = vn_heat_view_column(view, 0);
    const VnHeatColumn *last = vn_heat_view_column(view, view->columns->len - 1);
    g_autofree char *oldest = vn_format_duration((double) first->age_ms / 1000);
    g_autofree char *latest = vn_format_duration((double) last->age_ms / 1000);
    return g_strdup_printf("%s ago to %s ago", oldest, latest);
}

char *
vn_heat_rate_text(double rate)
{
    static const char units[] = " kMGTPE";
    guint unit = 0;
    for (; rate >= 9999.5 && units[unit + 1]; unit++)
        rate /= 1000;
    if (unit == 0)
        return g_strdup_printf("%.*f", rate > 0 && rate < 9.95 ? 1 : 0, rate);
    return g_strdup_printf("%.*f%c", rate < 9.95 ? 1 : 0, rate, units[unit]);
}

/* Every complaint is one about the reply; returns FALSE. */
static gboolean G_GNUC_PRINTF(2, 3) complain(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, VN_ERROR, VN_ERROR_FAILED,
                "vnumad's answer: %s: see that vnumad and vnumactl are of one version",
                text);
    return FALSE;
}

/* The value of @key, of @type; NULL and @error if it is not there. */
static GVariant *
get(GVariant *dict, const char *key, const char *type, GError **error)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(dict, key, NULL);
    if (value && g_variant_is_of_type(value, G_VARIANT_TYPE(type)))
        return g_steal_pointer(&value);
    complain(error, value ? "%s is not of type '%s'" : "%s (%s) is missing", key, type);
    return NULL;
}

static gboolean
get_uint64(GVariant *dict, const char *key, guint64 max, guint64 *ret, GError **error)
{
    g_autoptr(GVariant) value = get(dict, key, "t", error);
    if (!value)
        return FALSE;
    if (g_variant_get_uint64(value) > max)
        return complain(error, "%s is %" G_GUINT64_FORMAT, key,
                        g_variant_get_uint64(value));
    *ret = g_variant_get_uint64(value);
    return TRUE;
}

/* A number that is not negative; NaN only where that may be. */
static gboolean
get_double(GVariant *dict, const char *key, double max, gboolean nan_allowed, double *ret,
           GError **error)
{
    g_autoptr(GVariant) value = get(dict, key, "d", error);
    if (!value)
        return FALSE;
    double number = g_variant_get_double(value);
    if (!(number >= 0 && number <= max) && !(nan_allowed && isnan(number)))
        return complain(error, "%s is %g", key, number);
    *ret = number;
    return TRUE;
}

static gboolean
is_host_node(int node)
{
    return node >= -1 && node < (int) VN_HOST_NODES_MAX;
}

static gboolean
get_host_node(GVariant *dict, int *ret, GError **error)
{
    g_autoptr(GVariant) value = get(dict, "host_node", "i", error);
    if (!value)
        return FALSE;
    if (!is_host_node(g_variant_get_int32(value)))
        return complain(error, "host_node is %d", g_variant_get_int32(value));
    *ret = g_variant_get_int32(value);
    return TRUE;
}

/* Missing: not known. */
static gboolean
get_cell(GVariant *dict, int *ret, GError **error)
{
    *ret = -1;
    if (!vn_reply_has(dict, "cell"))
        return TRUE;
    g_autoptr(GVariant) value = get(dict, "cell", "u", error);
    if (!value)
        return FALSE;
    if (g_variant_get_uint32(value) >= VN_CELLS_MAX)
        return complain(error, "cell is %u", g_variant_get_uint32(value));
    *ret = (int) g_variant_get_uint32(value);
    return TRUE;
}

/* A list of ids, "au", all below @max. */
static VnIdSet *
get_ids(GVariant *dict, const char *key, guint max, GError **error)
{
    g_autoptr(GVariant) value = get(dict, key, "au", error);
    g_autoptr(VnIdSet) set = vn_idset_new();
    if (!value)
        return NULL;
    gsize n = 0;
    const guint32 *ids = g_variant_get_fixed_array(value, &n, sizeof(guint32));
    for (gsize i = 0; i < n; i++) {
        if (ids[i] >= max) {
            complain(error, "%s has %u", key, ids[i]);
            return NULL;
        }
        vn_idset_add(set, ids[i]);
    }
    return g_steal_pointer(&set);
}

static gboolean
read_row(VnHeatView *view, GVariant *dict, guint64 *end, GError **error)
{
    VnHeatRow *row = g_new0(VnHeatRow, 1);
    guint64 granule = 0;
    g_ptr_array_add(view->rows, row);
    if (!get_uint64(dict, "granule", VN_SAMPLE_GRANULES_MAX, &granule, error) ||
        !get_uint64(dict, "granules", VN_SAMPLE_GRANULES_MAX, &row->granules, error) ||
        !get_cell(dict, &row->cell, error) ||
        !get_host_node(dict, &row->host_node, error) ||
        !get_double(dict, "rate_pages_per_second", RATE_MAX, FALSE, &row->rate, error))
        return FALSE;
    if (granule < *end || row->granules == 0)
        return complain(error, "bins: they overlap, do not ascend, or one is empty");
    *end = granule + row->granules;
    row->address = granule * view->granule_bytes;
    row->bytes = row->granules * view->granule_bytes;
    g_autoptr(GVariant) owner = get(dict, "owner", "s", error);
    row->owner = owner ? g_variant_dup_string(owner, NULL) : NULL;
    return owner != NULL;
}

static gboolean
read_column(VnHeatView *view, GVariant *dict, GError **error)
{
    VnHeatColumn *column = g_new0(VnHeatColumn, 1);
    g_ptr_array_add(view->columns, column);
    column->cell = column->host_node = -1;
    if (view->by_time)
        return get_uint64(dict, "age_ms", G_MAXINT64, &column->age_ms, error) &&
               get_uint64(dict, "duration_ms", G_MAXINT64, &column->duration_ms, error);
    column->vcpus = get_ids(dict, "vcpus", VN_VCPUS_MAX, error);
    return column->vcpus && get_cell(dict, &column->cell, error) &&
           get_host_node(dict, &column->host_node, error);
}

/* The list of @key, of @max at most. */
static GVariant *
get_list(GVariant *heat, const char *key, guint max, GError **error)
{
    g_autoptr(GVariant) list = get(heat, key, "aa{sv}", error);
    if (!list)
        return NULL;
    if (g_variant_n_children(list) > max) {
        complain(error, "%s: %" G_GSIZE_FORMAT ", %u at most", key,
                 g_variant_n_children(list), max);
        return NULL;
    }
    return g_steal_pointer(&list);
}

static gboolean
read_cells(VnHeatView *view, GVariant *heat, GError **error)
{
    g_autoptr(GVariant) list = get_list(heat, "cells", VN_CELLS_MAX, error);
    for (gsize i = 0; list && i < g_variant_n_children(list); i++) {
        g_autoptr(GVariant) dict = g_variant_get_child_value(list, i);
        VnIdSet *home = get_ids(dict, "home", VN_HOST_NODES_MAX, error);
        if (!home)
            return FALSE;
        g_ptr_array_add(view->homes, home);
    }
    return list != NULL;
}

static gboolean
read_axes(VnHeatView *view, GVariant *heat, GError **error)
{
    guint64 end = 0;
    g_autoptr(GVariant) rows = get_list(heat, "bins", VN_HEAT_BINS_MAX, error);
    if (!rows)
        return FALSE;
    for (gsize i = 0; i < g_variant_n_children(rows); i++) {
        g_autoptr(GVariant) dict = g_variant_get_child_value(rows, i);
        if (!read_row(view, dict, &end, error))
            return FALSE;
    }
    g_autoptr(GVariant) columns =
        get_list(heat, "columns", VN_HEATMAP_COLUMNS_MAX, error);
    for (gsize i = 0; columns && i < g_variant_n_children(columns); i++) {
        g_autoptr(GVariant) dict = g_variant_get_child_value(columns, i);
        if (!read_column(view, dict, error))
            return FALSE;
    }
    return columns != NULL;
}

static gboolean
read_places(VnHeatView *view, GVariant *heat, GError **error)
{
    gsize n = (gsize) view->rows->len * view->columns->len;
    gsize n_rates = 0;
    gsize n_nodes = 0;
    g_autoptr(GVariant) rate_list = get(heat, "rates", "ad", error);
    g_autoptr(GVariant) node_list = rate_list ? get(heat, "nodes", "ai", error) : NULL;
    if (!node_list)
        return FALSE;
    const double *rates = g_variant_get_fixed_array(rate_list, &n_rates, sizeof(double));
    const gint32 *nodes = g_variant_get_fixed_array(node_list, &n_nodes, sizeof(gint32));
    if (n_rates != n || n_nodes != n)
        return complain(error,
                        "%u bins and %u columns with %" G_GSIZE_FORMAT
                        " rates and %" G_GSIZE_FORMAT " nodes",
                        view->rows->len, view->columns->len, n_rates, n_nodes);
    view->rates = g_new0(double, n);
    view->nodes = g_new0(int, n);
    for (gsize i = 0; i < n; i++) {
        if (!(rates[i] >= 0 && rates[i] <= RATE_MAX))
            return complain(error, "rates has %g", rates[i]);
        if (!is_host_node(nodes[i]))
            return complain(error, "nodes has %d", nodes[i]);
        view->rates[i] = rates[i];
        view->nodes[i] = rates[i] > 0 ? nodes[i] : -1;
        if (view->nodes[i] >= 0)
            vn_idset_add(view->host_nodes, (guint) nodes[i]);
    }
    return TRUE;
}

/* Where most accesses to a row come from. */
static void
judge_rows(VnHeatView *view)
{
    double by_node[VN_HOST_NODES_MAX + 1];
    for (guint i = 0; i < view->rows->len; i++) {
        VnHeatRow *row = view->rows->pdata[i];
        double most = 0;
        for (guint k = 0; k <= VN_HOST_NODES_MAX; k++)
            by_node[k] = 0;
        row->from = -1;
        for (guint k = 0; k < view->columns->len; k++) {
            gsize place = (gsize) i * view->columns->len + k;
            double *sum = &by_node[view->nodes[place] + 1];
            *sum += view->rates[place];
            if (*sum > most) {
                most = *sum;
                row->from = view->nodes[place];
            }
        }
        if (row->host_node >= 0)
            vn_idset_add(view->host_nodes, (guint) row->host_node);
    }
}

/* "97.1 % private to a vCPU, 2.0 % to a cell, 0.9 % shared; vCPUs 0-1 share memory" */
static char *
read_sharing(GVariant *heat)
{
    double of_cell = vn_reply_double(heat, "private_cell_ratio");
    double shared = vn_reply_double(heat, "shared_ratio");
    double of_vcpu = vn_reply_double(heat, "private_vcpu_ratio");
    g_autoptr(GVariant) groups =
        g_variant_lookup_value(heat, "sharing_vcpus", G_VARIANT_TYPE("aau"));
    if (!isfinite(of_vcpu) || !isfinite(of_cell) || !isfinite(shared))
        return NULL;
    g_autofree char *vcpu_text = vn_format_ratio(of_vcpu);
    g_autofree char *cell_text = vn_format_ratio(of_cell);
    g_autofree char *shared_text = vn_format_ratio(shared);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "%s private to a vCPU, %s to a cell, %s shared",
                           vcpu_text, cell_text, shared_text);
    gsize n_groups = groups ? g_variant_n_children(groups) : 0;
    for (gsize i = 0; i < MIN(n_groups, SHARING_MAX); i++) {
        g_autoptr(GVariant) group = g_variant_get_child_value(groups, i);
        g_autoptr(VnIdSet) vcpus = vn_dict_read_idset(group);
        g_autofree char *ids = vn_format_ids(vcpus);
        g_string_append_printf(text, "%s%s",
                               i ? " and " : "; memory in common have vCPUs ", ids);
    }
    if (n_groups > SHARING_MAX)
        g_string_append(text, " and others");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

VnHeatView *
vn_heat_view_new(GVariant *heat, gboolean by_time, GError **error)
{
    g_autoptr(VnHeatView) view = g_new0(VnHeatView, 1);
    view->by_time = by_time;
    view->homes = g_ptr_array_new_with_free_func(idset_free);
    view->rows = g_ptr_array_new_with_free_func(row_free);
    view->columns = g_ptr_array_new_with_free_func(column_free);
    g_autoptr(GVariant) guest = get(heat, "guest", "s", error);
    g_autoptr(GVariant) source = guest ? get(heat, "source", "s", error) : NULL;
    if (!source || !get_double(heat, "locality_ratio", 1, TRUE, &view->locality, error) ||
        !get_double(heat, "remote_cost", RATE_MAX, TRUE, &view->remote_cost, error) ||
        !get_double(heat, "confidence_ratio", 1, TRUE, &view->confidence, error) ||
        !get_uint64(heat, "granule_bytes", GRANULE_BYTES_MAX, &view->granule_bytes,
                    error))
        return NULL;
    view->guest = g_variant_dup_string(guest, NULL);
    view->source = g_variant_dup_string(source, NULL);
    view->sharing = read_sharing(heat);
    view->host_nodes = get_ids(heat, "host_nodes", VN_HOST_NODES_MAX, error);
    if (!view->host_nodes || !read_cells(view, heat, error) ||
        !read_axes(view, heat, error) || !read_places(view, heat, error))
        return NULL;
    judge_rows(view);
    return g_steal_pointer(&view);
}
