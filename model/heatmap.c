/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A heat map is reckoned row by row, from low to high addresses. */
#include "model/heatmap.h"

#include "model/dict.h"
#include "model/sharing.h"

#include <math.h>
#include <string.h>

#define CELLS VN_CELLS_MAX

/* Of the vCPUs axis: some vCPUs of one cell. */
typedef struct {
    GArray *vcpus; /* of guint */
    guint cell;
} Group;

/* The row in hand, and what stays the same for all. */
typedef struct {
    const VnHeatmap *map;
    GArray *bins;      /* of VnHeatBin */
    guint n_vcpus;     /* of the heat */
    guint n_nodes;     /* largest host node + 1 */
    double *weights;   /* by vCPU: its rate; 1 of all where the cell has none */
    double *cell_sums; /* of weights */
    double all;        /* the rates of all vCPUs */
    double *by_vcpu;
    double *by_cell; /* of which the vCPU is not known */
    double others;   /* nor the cell */
    double rate;
    double write_rate;
    double *by_node; /* by host node + 1 */
    guint place;     /* in the placement: the first that may be the row's */
} Rows;

typedef struct {
    GVariantBuilder rates;
    GVariantBuilder nodes;
} Matrix;

static gboolean
parse_columns(GVariant *value, VnHeatmapColumns *ret_columns, GError **error)
{
    const char *name = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
                           ? g_variant_get_string(value, NULL)
                           : NULL;
    if (g_strcmp0(name, "vcpu") == 0) {
        *ret_columns = VN_HEATMAP_VCPUS;
    } else if (g_strcmp0(name, "time") == 0) {
        *ret_columns = VN_HEATMAP_TIME;
    } else {
        g_autofree char *text = g_variant_print(value, FALSE);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "option columns: %s is none of 'vcpu' and 'time'", text);
        return FALSE;
    }
    return TRUE;
}

static gboolean
parse_bins(GVariant *value, guint *ret_bins, GError **error)
{
    guint bins = g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32)
                     ? g_variant_get_uint32(value)
                     : 0;
    if (bins < 1 || bins > VN_HEAT_BINS_MAX) {
        g_autofree char *text = g_variant_print(value, FALSE);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "option bins: %s is no whole number (u) from 1 to %u", text,
                    VN_HEAT_BINS_MAX);
        return FALSE;
    }
    *ret_bins = bins;
    return TRUE;
}

gboolean
vn_heatmap_options_parse(GVariant *options, VnHeatmapOptions *ret_options, GError **error)
{
    VnHeatmapOptions parsed = {.columns = VN_HEATMAP_VCPUS, .bins = VN_HEATMAP_BINS};
    GVariantIter iter;
    const char *key;
    GVariant *value;
    g_variant_iter_init(&iter, options);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        g_autoptr(GVariant) owned = value;
        if (strcmp(key, "columns") == 0) {
            if (!parse_columns(owned, &parsed.columns, error))
                return FALSE;
        } else if (strcmp(key, "bins") == 0) {
            if (!parse_bins(owned, &parsed.bins, error))
                return FALSE;
        } else {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "option '%s': there are only columns and bins", key);
            return FALSE;
        }
    }
    *ret_options = parsed;
    return TRUE;
}

static int
node_of_vcpu(const VnHeatmap *map, guint vcpu)
{
    return vcpu < map->placement->n_vcpus ? map->placement->vcpus[vcpu] : -1;
}

/* Of what was added to host nodes, and is forgotten, who has most; alike, the lowest. */
static int
take_most(Rows *rows)
{
    int most = -1;
    double amount = 0;
    for (guint i = 0; i <= rows->n_nodes; i++) {
        if (rows->by_node[i] > amount) {
            amount = rows->by_node[i];
            most = (int) i - 1;
        }
        rows->by_node[i] = 0;
    }
    return most;
}

static void
add_to_node(Rows *rows, int node, double amount)
{
    rows->by_node[node >= 0 && node < (int) rows->n_nodes ? node + 1 : 0] += amount;
}

static void
group_free(gpointer data)
{
    Group *group = data;
    g_array_unref(group->vcpus);
    g_free(group);
}

/* vCPUs by their cells, at most @size in a group. */
static GPtrArray *
group_vcpus(const VnGuest *guest, guint size)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);
    for (guint cell = 0; cell < guest->cells->len; cell++) {
        Group *group = NULL;
        for (guint i = 0; i < guest->vcpus->len; i++) {
            const VnVcpu *vcpu = guest->vcpus->pdata[i];
            if (vcpu->cell != cell)
                continue;
            if (!group || group->vcpus->len == size) {
                group = g_new0(Group, 1);
                group->vcpus = g_array_new(FALSE, FALSE, sizeof(guint));
                group->cell = cell;
                g_ptr_array_add(groups, group);
            }
            g_array_append_val(group->vcpus, vcpu->id);
        }
    }
    return groups;
}

static GPtrArray *
find_groups(const VnGuest *guest)
{
    for (guint size = 1; size < VN_VCPUS_MAX; size *= 2) {
        g_autoptr(GPtrArray) groups = group_vcpus(guest, size);
        if (groups->len <= VN_HEATMAP_COLUMNS_MAX)
            return g_steal_pointer(&groups);
    }
    return group_vcpus(guest, VN_VCPUS_MAX);
}

static void
weigh_vcpus(Rows *rows)
{
    const VnHeat *heat = rows->map->heat;
    for (guint i = 0; i < rows->n_vcpus; i++)
        rows->all += vn_heat_vcpu_rate(heat, i);
    for (guint pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < rows->n_vcpus; i++) {
            guint cell = vn_heat_cell_of_vcpu(heat, i);
            if (pass == 0)
                rows->weights[i] = vn_heat_vcpu_rate(heat, i);
            else if (!(rows->cell_sums[cell] > 0))
                rows->weights[i] = 1;
        }
        memset(rows->cell_sums, 0, CELLS * sizeof(double));
        for (guint i = 0; i < rows->n_vcpus; i++)
            rows->cell_sums[vn_heat_cell_of_vcpu(heat, i)] += rows->weights[i];
    }
}

static void
rows_init(Rows *rows, const VnHeatmap *map, guint bins)
{
    *rows = (Rows){.map = map, .n_vcpus = map->heat ? vn_heat_n_vcpus(map->heat) : 0};
    rows->bins = vn_heat_bins_new(map->placement, map->heat, bins);
    rows->weights = g_new0(double, rows->n_vcpus);
    rows->by_vcpu = g_new0(double, rows->n_vcpus);
    rows->cell_sums = g_new0(double, CELLS);
    rows->by_cell = g_new0(double, CELLS);
    for (guint i = 0; i < map->host->nodes->len; i++) {
        const VnHostNode *node = map->host->nodes->pdata[i];
        rows->n_nodes = MAX(rows->n_nodes, node->id + 1);
    }
    rows->by_node = g_new0(double, rows->n_nodes + 1);
    weigh_vcpus(rows);
}

static void
rows_clear(Rows *rows)
{
    g_array_unref(rows->bins);
    g_free(rows->weights);
    g_free(rows->by_vcpu);
    g_free(rows->cell_sums);
    g_free(rows->by_cell);
    g_free(rows->by_node);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rows, rows_clear)

static guint64
overlap(guint64 granule, guint64 n_granules, const VnHeatBin *bin)
{
    guint64 from = MAX(granule, bin->granule);
    guint64 to = MIN(granule + n_granules, bin->granule + bin->n_granules);
    return to > from ? to - from : 0;
}

/* All that is known of the accesses to @bin. */
static void
read_row(Rows *rows, const VnHeatBin *bin)
{
    VnHeatIter iter;
    VnHeatGranule granule;
    rows->others = rows->rate = rows->write_rate = 0;
    if (!rows->map->heat)
        return;
    memset(rows->by_vcpu, 0, rows->n_vcpus * sizeof(double));
    memset(rows->by_cell, 0, CELLS * sizeof(double));
    guint unit = vn_heat_unit_granules(rows->map->heat);
    vn_heat_iter_init(&iter, rows->map->heat, bin->granule / unit * unit);
    while (vn_heat_iter_next(&iter, &granule) &&
           granule.granule < bin->granule + bin->n_granules) {
        double share = (double) overlap(granule.granule, granule.n_granules, bin) /
                       granule.n_granules;
        rows->rate += granule.rate * share;
        rows->write_rate += granule.write_rate * share;
        rows->others += granule.others_rate * share;
        for (guint i = 0; i < granule.n_accessors; i++) {
            const VnHeatAccessor *one = &granule.accessors[i];
            double *where =
                one->vcpu >= 0 ? rows->by_vcpu + one->vcpu : rows->by_cell + one->cell;
            *where += one->rate * share;
        }
    }
}

/* Who has the accesses of the row that was read; "": there are none. */
static const char *
owner_of_row(const Rows *rows)
{
    double of_cells[CELLS];
    double vcpu_most = 0;
    double cell_most = 0;
    if (!(rows->rate > 0))
        return "";
    memcpy(of_cells, rows->by_cell, sizeof(of_cells));
    for (guint i = 0; i < rows->n_vcpus; i++) {
        vcpu_most = MAX(vcpu_most, rows->by_vcpu[i]);
        of_cells[vn_heat_cell_of_vcpu(rows->map->heat, i)] += rows->by_vcpu[i];
    }
    for (guint i = 0; i < CELLS; i++)
        cell_most = MAX(cell_most, of_cells[i]);
    if (vcpu_most >= VN_HEAT_PRIVATE_SHARE * rows->rate)
        return vn_heat_owner_name(VN_HEAT_PRIVATE_VCPU);
    return vn_heat_owner_name(cell_most >= VN_HEAT_PRIVATE_SHARE * rows->rate
                                  ? VN_HEAT_PRIVATE_CELL
                                  : VN_HEAT_SHARED);
}

/* Gives vCPUs what is known of their cell, or of none, only. */
static void
spread_row(Rows *rows)
{
    for (guint i = 0; i < rows->n_vcpus; i++) {
        guint cell = vn_heat_cell_of_vcpu(rows->map->heat, i);
        rows->by_vcpu[i] +=
            rows->by_cell[cell] * rows->weights[i] / rows->cell_sums[cell];
        if (rows->all > 0)
            rows->by_vcpu[i] +=
                rows->others * vn_heat_vcpu_rate(rows->map->heat, i) / rows->all;
    }
}

/* The host node that most of @bin lies on. Bins have to be asked about in ascent. */
static int
node_of_bin(Rows *rows, const VnHeatBin *bin)
{
    const GArray *places = rows->map->placement->places;
    guint64 end = bin->granule + bin->n_granules;
    for (guint i = rows->place; i < places->len; i++) {
        const VnPlace *place = &g_array_index(places, VnPlace, i);
        if (place->granule >= end)
            break;
        rows->place = i;
        add_to_node(rows, place->host_node,
                    (double) overlap(place->granule, place->n_granules, bin));
    }
    return take_most(rows);
}

static void
add_bin(Rows *rows, GVariantBuilder *list, const VnHeatBin *bin)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "granule", "t", bin->granule);
    vn_dict_insert(&dict, "granules", "t", bin->n_granules);
    if (bin->cell >= 0)
        vn_dict_insert(&dict, "cell", "u", (guint32) bin->cell);
    vn_dict_insert(&dict, "host_node", "i", node_of_bin(rows, bin));
    vn_dict_insert(&dict, "rate_pages_per_second", "d", rows->rate);
    vn_dict_insert_ratio(&dict, "write_ratio",
                         rows->rate > 0 ? MIN(rows->write_rate / rows->rate, 1) : -1);
    vn_dict_insert(&dict, "owner", "s", owner_of_row(rows));
    g_variant_builder_add_value(list, vn_dict_end(&dict));
}

static void
add_place(Matrix *matrix, double rate, int node)
{
    g_variant_builder_add(&matrix->rates, "d", rate);
    g_variant_builder_add(&matrix->nodes, "i", rate > 0 ? node : -1);
}

/* The row's places on the vCPUs axis. */
static void
add_vcpu_places(Rows *rows, const GPtrArray *groups, Matrix *matrix)
{
    spread_row(rows);
    for (guint i = 0; i < groups->len; i++) {
        const Group *group = groups->pdata[i];
        double rate = 0;
        int node = -1;
        for (guint k = 0; k < group->vcpus->len; k++) {
            guint vcpu = g_array_index(group->vcpus, guint, k);
            double one = vcpu < rows->n_vcpus ? rows->by_vcpu[vcpu] : 0;
            node = node_of_vcpu(rows->map, vcpu);
            rate += one;
            if (group->vcpus->len > 1)
                add_to_node(rows, node, one);
        }
        add_place(matrix, rate, group->vcpus->len > 1 ? take_most(rows) : node);
    }
}

/* And on the time axis: what the history's bins have, each by how much of it is @bin. */
static void
add_time_places(Rows *rows, const VnHeatBin *bin, Matrix *matrix)
{
    const VnHeatHistory *history = rows->map->history;
    const GArray *bins = vn_heat_history_bins(history);
    guint first = 0;
    while (first < bins->len &&
           !overlap(g_array_index(bins, VnHeatBin, first).granule,
                    g_array_index(bins, VnHeatBin, first).n_granules, bin))
        first++;
    for (guint i = 0; i < vn_heat_history_n_windows(history); i++) {
        VnHeatWindow window = vn_heat_history_window(history, i);
        double pages = 0;
        for (guint k = first; k < bins->len; k++) {
            const VnHeatBin *one = &g_array_index(bins, VnHeatBin, k);
            guint64 shared = overlap(one->granule, one->n_granules, bin);
            if (shared == 0)
                break;
            double part = window.pages[k] * (double) shared / (double) one->n_granules;
            add_to_node(rows, window.nodes[k], part);
            pages += part;
        }
        add_place(matrix, pages * G_USEC_PER_SEC / (double) MAX(window.duration_us, 1),
                  pages > 0 ? take_most(rows) : -1);
    }
}

static GVariant *
cells_to_variant(const VnHeatmap *map)
{
    g_auto(GVariantBuilder) list;
    g_autoptr(VnIdSet) none = vn_idset_new();
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < map->guest->cells->len; i++) {
        const VnCell *cell = map->guest->cells->pdata[i];
        gboolean known = map->homes && i < map->homes->len;
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "id", "u", cell->id);
        vn_dict_insert_idset(&dict, "vcpus", cell->vcpus);
        vn_dict_insert_idset(&dict, "home", known ? map->homes->pdata[i] : none);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

static GVariant *
groups_to_variant(const VnHeatmap *map, const GPtrArray *groups)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < groups->len; i++) {
        const Group *group = groups->pdata[i];
        g_autoptr(VnIdSet) vcpus = vn_idset_new();
        int node = node_of_vcpu(map, g_array_index(group->vcpus, guint, 0));
        for (guint k = 0; k < group->vcpus->len; k++) {
            guint vcpu = g_array_index(group->vcpus, guint, k);
            vn_idset_add(vcpus, vcpu);
            node = node_of_vcpu(map, vcpu) == node ? node : -1;
        }
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert_idset(&dict, "vcpus", vcpus);
        vn_dict_insert(&dict, "cell", "u", group->cell);
        vn_dict_insert(&dict, "host_node", "i", node);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

static GVariant *
windows_to_variant(const VnHeatmap *map)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    guint n = map->history ? vn_heat_history_n_windows(map->history) : 0;
    for (guint i = 0; i < n; i++) {
        VnHeatWindow window = vn_heat_history_window(map->history, i);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "age_ms", "t",
                       (guint64) MAX(map->now_us - window.end_us, 0) / 1000);
        vn_dict_insert(&dict, "duration_ms", "t", (guint64) window.duration_us / 1000);
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

/* How accesses are divided between one vCPU's memory, one cell's and what is shared. */
static void
insert_sharing(VnDict *dict, const VnHeat *heat)
{
    static const char *const keys[] = {
        [VN_HEAT_PRIVATE_VCPU] = "private_vcpu_ratio",
        [VN_HEAT_PRIVATE_CELL] = "private_cell_ratio",
        [VN_HEAT_SHARED] = "shared_ratio",
    };
    g_autoptr(VnSharing) sharing = vn_sharing_new(heat);
    double all = 0;
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        all += sharing->rates[i];
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        vn_dict_insert_ratio(dict, keys[i], all > 0 ? sharing->rates[i] / all : -1);
    g_auto(GVariantBuilder) groups;
    g_variant_builder_init(&groups, G_VARIANT_TYPE("aau"));
    for (guint i = 0; i < sharing->groups->len; i++) {
        g_variant_builder_open(&groups, G_VARIANT_TYPE("au"));
        VN_IDSET_FOREACH (sharing->groups->pdata[i], id)
            g_variant_builder_add(&groups, "u", (guint32) id);
        g_variant_builder_close(&groups);
    }
    vn_dict_insert_value(dict, "sharing_vcpus", g_variant_builder_end(&groups));
}

static void
insert_heading(VnDict *dict, const VnHeatmap *map)
{
    static const VnLocalityFigures none = {.locality = -1, .remote_cost = -1};
    const VnLocalityFigures *figures = map->locality ? &map->locality->guest : &none;
    g_autoptr(VnIdSet) nodes = vn_idset_new();
    for (guint i = 0; i < map->host->nodes->len; i++)
        vn_idset_add(nodes, ((const VnHostNode *) map->host->nodes->pdata[i])->id);
    vn_dict_insert(dict, "guest", "s", map->guest->name);
    vn_dict_insert(dict, "uuid", "s", map->guest->uuid);
    vn_dict_insert(dict, "source", "s", map->source ? map->source : "");
    vn_dict_insert_ratio(dict, "locality_ratio", figures->locality);
    vn_dict_insert_ratio(dict, "remote_cost", figures->remote_cost);
    vn_dict_insert(dict, "confidence_ratio", "d", figures->confidence);
    if (map->heat)
        insert_sharing(dict, map->heat);
    vn_dict_insert(dict, "granule_bytes", "t", VN_GRANULE_BYTES);
    vn_dict_insert(dict, "unit_granules", "u",
                   map->heat ? vn_heat_unit_granules(map->heat) : 1);
    vn_dict_insert_value(dict, "cells", cells_to_variant(map));
    vn_dict_insert_idset(dict, "host_nodes", nodes);
}

GVariant *
vn_heatmap_to_variant(const VnHeatmap *map, const VnHeatmapOptions *options)
{
    g_autoptr(GPtrArray) groups = find_groups(map->guest);
    gboolean by_time = options->columns == VN_HEATMAP_TIME;
    g_auto(GVariantBuilder) list;
    g_auto(VnDict) dict;
    g_auto(Rows) rows;
    Matrix matrix;
    rows_init(&rows, map, options->bins);
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&matrix.rates, G_VARIANT_TYPE("ad"));
    g_variant_builder_init(&matrix.nodes, G_VARIANT_TYPE("ai"));
    for (guint i = 0; i < rows.bins->len; i++) {
        const VnHeatBin *bin = &g_array_index(rows.bins, VnHeatBin, i);
        read_row(&rows, bin);
        add_bin(&rows, &list, bin);
        if (!by_time)
            add_vcpu_places(&rows, groups, &matrix);
        else if (map->history)
            add_time_places(&rows, bin, &matrix);
    }
    vn_dict_init(&dict, NULL);
    insert_heading(&dict, map);
    vn_dict_insert_value(&dict, "bins", g_variant_builder_end(&list));
    vn_dict_insert_value(&dict, "columns",
                         by_time ? windows_to_variant(map)
                                 : groups_to_variant(map, groups));
    vn_dict_insert_value(&dict, "rates", g_variant_builder_end(&matrix.rates));
    vn_dict_insert_value(&dict, "nodes", g_variant_builder_end(&matrix.nodes));
    return vn_dict_end(&dict);
}
