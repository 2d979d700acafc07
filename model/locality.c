/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locality and remote cost: heat laid over where memory lies and vCPUs run. */
#include "model/locality.h"

/* What some vCPUs do, as shares of their accesses. */
typedef struct {
    double judged;  /* from vCPUs whose host node is known */
    double *shares; /* from each host node */
    double *costs;  /* distance / 10 of all judged, by the host node of the memory */
} Origin;

/* Sums over the accesses of one cell's vCPUs. */
typedef struct {
    double rate;
    double judged;
    double local;
    double cost;
} Sums;

typedef struct {
    const VnHeat *heat;
    const VnPlacement *placement;
    const VnHost *host;
    guint n_nodes;
    int *node_of_vcpu;  /* place in VnHost.nodes; -1: not known */
    int *node_of_id;    /* the same by host node id, VN_HOST_NODES_MAX of them */
    Origin *nodes;      /* of a vCPU on this node */
    Origin *cells;      /* of any vCPU of this cell */
    double *cell_rates; /* all its vCPUs' accesses, as shares of the guest's */
    Sums *sums;         /* by cell */
    VnLocality *locality;
} Judge;

VnPlacement *
vn_placement_new(guint n_vcpus)
{
    VnPlacement *placement = g_new0(VnPlacement, 1);
    placement->places = g_array_new(FALSE, FALSE, sizeof(VnPlace));
    placement->ram = g_array_new(FALSE, FALSE, sizeof(VnRamPart));
    placement->n_vcpus = n_vcpus;
    placement->vcpus = g_new(int, n_vcpus);
    for (guint i = 0; i < n_vcpus; i++)
        placement->vcpus[i] = -1;
    return placement;
}

void
vn_placement_free(VnPlacement *placement)
{
    if (!placement)
        return;
    g_array_unref(placement->places);
    g_array_unref(placement->ram);
    g_free(placement->vcpus);
    g_free(placement);
}

void
vn_placement_set_vcpu(VnPlacement *placement, guint vcpu, int host_node)
{
    g_return_if_fail(vcpu < placement->n_vcpus && host_node < (int) VN_HOST_NODES_MAX);
    placement->vcpus[vcpu] = host_node;
}

void
vn_placement_add(VnPlacement *placement, guint64 granule, guint64 n_granules,
                 int host_node, guint cell)
{
    GArray *places = placement->places;
    g_return_if_fail(granule + n_granules <= VN_SAMPLE_GRANULES_MAX);
    g_return_if_fail(host_node < (int) VN_HOST_NODES_MAX && cell < VN_CELLS_MAX);
    if (n_granules == 0)
        return;
    if (places->len > 0) {
        VnPlace *last = &g_array_index(places, VnPlace, places->len - 1);
        guint64 end = (guint64) last->granule + last->n_granules;
        g_return_if_fail(granule >= end);
        if (granule == end && last->host_node == host_node && last->cell == cell) {
            last->n_granules += (guint32) n_granules;
            return;
        }
    }
    if (places->len == VN_PLACES_MAX)
        return;
    VnPlace place = {.granule = (guint32) granule,
                     .n_granules = (guint32) n_granules,
                     .host_node = (gint16) host_node,
                     .cell = (guint16) cell};
    g_array_append_val(places, place);
}

void
vn_placement_add_ram(VnPlacement *placement, guint64 gpa, guint64 bytes, guint cell,
                     guint64 offset_bytes)
{
    VnRamPart part = {
        .gpa = gpa, .bytes = bytes, .offset_bytes = offset_bytes, .cell = cell};
    g_return_if_fail(bytes <= G_MAXUINT64 - gpa);
    if (bytes > 0 && placement->ram->len < VN_PLACEMENT_RAM_MAX)
        g_array_append_val(placement->ram, part);
}

/* The index of the first place that ends after @granule. */
static guint
first_after(const VnPlacement *placement, guint64 granule)
{
    guint low = 0;
    guint high = placement->places->len;
    while (low < high) {
        guint middle = (low + high) / 2;
        const VnPlace *place = &g_array_index(placement->places, VnPlace, middle);
        if ((guint64) place->granule + place->n_granules <= granule)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const VnPlace *
vn_placement_find(const VnPlacement *placement, guint64 granule)
{
    guint i = first_after(placement, granule);
    if (i == placement->places->len)
        return NULL;
    const VnPlace *place = &g_array_index(placement->places, VnPlace, i);
    return place->granule <= granule ? place : NULL;
}

static const VnHostNode *
node_at(const VnHost *host, guint i)
{
    return host->nodes->pdata[i];
}

static void
origin_init(Origin *origin, guint n_nodes)
{
    origin->shares = g_new0(double, n_nodes);
    origin->costs = g_new0(double, n_nodes);
}

static void
origin_add(const Judge *judge, Origin *origin, guint node, double share)
{
    origin->judged += share;
    origin->shares[node] += share;
    for (guint to = 0; to < judge->n_nodes; to++)
        origin->costs[to] +=
            share * node_at(judge->host, node)->distances[to] / VN_DISTANCE_LOCAL;
}

static void
free_origins(Origin *origins, guint n)
{
    for (guint i = 0; i < n; i++) {
        g_free(origins[i].shares);
        g_free(origins[i].costs);
    }
    g_free(origins);
}

static void
index_nodes(Judge *judge)
{
    const VnPlacement *placement = judge->placement;
    guint n_vcpus = vn_heat_n_vcpus(judge->heat);
    judge->node_of_id = g_new(int, VN_HOST_NODES_MAX);
    judge->node_of_vcpu = g_new(int, n_vcpus);
    for (guint i = 0; i < VN_HOST_NODES_MAX; i++)
        judge->node_of_id[i] = -1;
    for (guint i = 0; i < judge->n_nodes; i++)
        judge->node_of_id[node_at(judge->host, i)->id] = (int) i;
    for (guint i = 0; i < n_vcpus; i++) {
        int id = i < placement->n_vcpus ? placement->vcpus[i] : -1;
        judge->node_of_vcpu[i] = id >= 0 ? judge->node_of_id[id] : -1;
    }
}

static void
prepare(Judge *judge)
{
    guint n_cells = judge->locality->n_cells;
    guint n_vcpus = vn_heat_n_vcpus(judge->heat);
    double all = 0;
    index_nodes(judge);
    judge->nodes = g_new0(Origin, judge->n_nodes);
    judge->cells = g_new0(Origin, n_cells);
    judge->cell_rates = g_new0(double, n_cells);
    judge->sums = g_new0(Sums, n_cells);
    for (guint i = 0; i < judge->n_nodes; i++) {
        origin_init(&judge->nodes[i], judge->n_nodes);
        origin_add(judge, &judge->nodes[i], i, 1);
    }
    for (guint i = 0; i < n_cells; i++)
        origin_init(&judge->cells[i], judge->n_nodes);
    for (guint i = 0; i < n_vcpus; i++) {
        double rate = vn_heat_vcpu_rate(judge->heat, i);
        judge->cell_rates[vn_heat_cell_of_vcpu(judge->heat, i)] += rate;
        all += rate;
    }
    for (guint i = 0; i < n_vcpus; i++) {
        guint cell = vn_heat_cell_of_vcpu(judge->heat, i);
        double rate = vn_heat_vcpu_rate(judge->heat, i);
        int node = judge->node_of_vcpu[i];
        if (node >= 0 && rate > 0)
            origin_add(judge, &judge->cells[cell], (guint) node,
                       rate / judge->cell_rates[cell]);
    }
    for (guint i = 0; i < n_cells && all > 0; i++)
        judge->cell_rates[i] /= all;
}

/* @rate accesses of @cell's vCPUs, from @origin, to memory on @node (-1: not known). */
static void
judge_accesses(Judge *judge, guint cell, const Origin *origin, int node, double rate)
{
    Sums *sums = &judge->sums[cell];
    sums->rate += rate;
    if (node < 0)
        return;
    judge->locality->by_node[cell * judge->n_nodes + (guint) node] += rate;
    if (!origin || !origin->shares)
        return;
    sums->judged += rate * origin->judged;
    sums->local += rate * origin->shares[node];
    sums->cost += rate * origin->costs[node];
}

/* A @share of the accesses to @granule: those to what lies at @place. */
static void
judge_share(Judge *judge, const VnHeatGranule *granule, const VnPlace *place,
            double share)
{
    VnLocality *locality = judge->locality;
    int node = place && place->host_node >= 0 ? judge->node_of_id[place->host_node] : -1;
    double *by_cell = place ? locality->by_cell + place->cell : NULL;
    for (guint i = 0; i < granule->n_accessors; i++) {
        const VnHeatAccessor *accessor = &granule->accessors[i];
        const Origin *origin = &judge->cells[accessor->cell];
        if (accessor->vcpu >= 0) {
            int from = judge->node_of_vcpu[accessor->vcpu];
            origin = from >= 0 ? &judge->nodes[from] : NULL;
        }
        judge_accesses(judge, accessor->cell, origin, node, accessor->rate * share);
        if (by_cell)
            by_cell[accessor->cell * locality->n_cells] += accessor->rate * share;
    }
    for (guint i = 0; i < locality->n_cells && granule->others_rate > 0; i++) {
        double rate = granule->others_rate * share * judge->cell_rates[i];
        judge_accesses(judge, i, &judge->cells[i], node, rate);
        if (by_cell)
            by_cell[i * locality->n_cells] += rate;
    }
}

static void
judge_granule(Judge *judge, const VnHeatGranule *granule)
{
    const GArray *places = judge->placement->places;
    guint64 end = granule->granule + granule->n_granules;
    guint64 unknown = granule->n_granules;
    for (guint i = first_after(judge->placement, granule->granule); i < places->len;
         i++) {
        const VnPlace *place = &g_array_index(places, VnPlace, i);
        if (place->granule >= end)
            break;
        guint64 from = MAX(place->granule, granule->granule);
        guint64 to = MIN((guint64) place->granule + place->n_granules, end);
        judge_share(judge, granule, place, (double) (to - from) / granule->n_granules);
        unknown -= to - from;
    }
    if (unknown > 0)
        judge_share(judge, granule, NULL, (double) unknown / granule->n_granules);
}

static VnLocalityFigures
figures_of(const Sums *sums, double confidence)
{
    VnLocalityFigures figures = {.locality = -1, .remote_cost = -1, .rate = sums->rate};
    if (!(sums->judged > 0))
        return figures;
    figures.confidence = confidence * MIN(sums->judged / sums->rate, 1);
    if (figures.confidence < VN_HEAT_CONFIDENCE_MIN)
        return figures;
    figures.locality = MIN(sums->local / sums->judged, 1);
    figures.remote_cost = MAX(sums->cost / sums->judged, 1);
    return figures;
}

static void
conclude(Judge *judge, gint64 now_us)
{
    VnLocality *locality = judge->locality;
    Sums all = {0};
    for (guint cell = 0; cell < locality->n_cells; cell++) {
        const Sums *sums = &judge->sums[cell];
        g_autoptr(VnIdSet) vcpus = vn_idset_new();
        for (guint i = 0; i < vn_heat_n_vcpus(judge->heat); i++) {
            if (vn_heat_cell_of_vcpu(judge->heat, i) == cell)
                vn_idset_add(vcpus, i);
        }
        VnLocalityFigures figures =
            figures_of(sums, vn_heat_confidence(judge->heat, vcpus, now_us));
        g_array_append_val(locality->cells, figures);
        all.rate += sums->rate;
        all.judged += sums->judged;
        all.local += sums->local;
        all.cost += sums->cost;
    }
    locality->guest = figures_of(&all, vn_heat_confidence(judge->heat, NULL, now_us));
}

/* No addresses: the accesses that were told with a host node have to do. */
static void
conclude_from_hints(Judge *judge, gint64 now_us)
{
    Sums all = {0};
    for (guint vcpu = 0; vcpu < vn_heat_n_vcpus(judge->heat); vcpu++) {
        int from = judge->node_of_vcpu[vcpu];
        for (guint i = 0; i < judge->n_nodes; i++) {
            double rate =
                vn_heat_hint(judge->heat, vcpu, (int) node_at(judge->host, i)->id);
            all.rate += rate;
            if (from < 0 || !judge->nodes[from].costs)
                continue;
            all.judged += rate;
            all.local += (int) i == from ? rate : 0;
            all.cost += rate * judge->nodes[from].costs[i];
        }
    }
    if (!(all.rate > 0))
        return;
    judge->locality->guest =
        figures_of(&all, vn_heat_hint_confidence(judge->heat, now_us));
    judge->locality->hinted = TRUE;
}

VnLocality *
vn_locality_new(const VnHeat *heat, const VnPlacement *placement, const VnHost *host,
                gint64 now_us)
{
    VnLocality *locality = g_new0(VnLocality, 1);
    Judge judge = {.heat = heat,
                   .placement = placement,
                   .host = host,
                   .n_nodes = host->nodes->len,
                   .locality = locality};
    locality->n_cells = vn_heat_n_cells(heat);
    for (guint i = 0; i < placement->places->len; i++)
        locality->n_cells = MAX(locality->n_cells,
                                g_array_index(placement->places, VnPlace, i).cell + 1u);
    locality->n_nodes = judge.n_nodes;
    locality->cells = g_array_new(FALSE, FALSE, sizeof(VnLocalityFigures));
    locality->by_node = g_new0(double, (gsize) locality->n_cells * locality->n_nodes);
    locality->by_cell = g_new0(double, (gsize) locality->n_cells * locality->n_cells);
    prepare(&judge);

    VnHeatGranule granule;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, 0);
    while (vn_heat_iter_next(&iter, &granule))
        judge_granule(&judge, &granule);
    conclude(&judge, now_us);
    if (!(locality->guest.rate > 0))
        conclude_from_hints(&judge, now_us);

    free_origins(judge.nodes, judge.n_nodes);
    free_origins(judge.cells, locality->n_cells);
    g_free(judge.node_of_vcpu);
    g_free(judge.node_of_id);
    g_free(judge.cell_rates);
    g_free(judge.sums);
    return locality;
}

void
vn_locality_free(VnLocality *locality)
{
    if (!locality)
        return;
    g_array_unref(locality->cells);
    g_free(locality->by_node);
    g_free(locality->by_cell);
    g_free(locality);
}
