/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups of vCPUs by the memory they share: pairs by affinity, joined to groups. */
#include "model/sharing.h"

/* A row is a vCPU, or some neighbours. */
typedef struct {
    const VnHeat *heat;
    guint shift; /* a row is 1 << shift vCPUs */
    guint n_rows;
    guint n_cells;
    double *rates;       /* by row */
    double *cell_rates;  /* by cell */
    float *shared;       /* between two rows; row * n_rows + row, the smaller first */
    double *cell_shared; /* between any of two cells' vCPUs; both ways alike */
    guint *parents;      /* by row: joined to; itself: the first of its group */
} Pairs;

static void
pairs_init(Pairs *pairs, const VnHeat *heat)
{
    guint n_vcpus = vn_heat_n_vcpus(heat);
    *pairs = (Pairs){.heat = heat, .n_cells = vn_heat_n_cells(heat)};
    while (((n_vcpus - 1) >> pairs->shift) + 1 > VN_SHARING_ROWS_MAX)
        pairs->shift++;
    pairs->n_rows = ((n_vcpus - 1) >> pairs->shift) + 1;
    pairs->rates = g_new0(double, pairs->n_rows);
    pairs->cell_rates = g_new0(double, pairs->n_cells);
    pairs->shared = g_new0(float, (gsize) pairs->n_rows * pairs->n_rows);
    pairs->cell_shared = g_new0(double, (gsize) pairs->n_cells * pairs->n_cells);
    pairs->parents = g_new(guint, pairs->n_rows);
    for (guint i = 0; i < pairs->n_rows; i++)
        pairs->parents[i] = i;
    for (guint i = 0; i < n_vcpus; i++) {
        double rate = vn_heat_vcpu_rate(heat, i);
        pairs->rates[i >> pairs->shift] += rate;
        pairs->cell_rates[vn_heat_cell_of_vcpu(heat, i)] += rate;
    }
}

static void
pairs_clear(Pairs *pairs)
{
    g_free(pairs->rates);
    g_free(pairs->cell_rates);
    g_free(pairs->shared);
    g_free(pairs->cell_shared);
    g_free(pairs->parents);
}

static void
add_cells(Pairs *pairs, guint one, guint other, double rate)
{
    pairs->cell_shared[one * pairs->n_cells + other] += rate;
    if (one != other)
        pairs->cell_shared[other * pairs->n_cells + one] += rate;
}

static void
add_granule(Pairs *pairs, const VnHeatGranule *granule)
{
    for (guint i = 0; i < granule->n_accessors; i++) {
        const VnHeatAccessor *one = &granule->accessors[i];
        if (one->vcpu < 0)
            add_cells(pairs, one->cell, one->cell, one->rate);
        for (guint k = i + 1; k < granule->n_accessors; k++) {
            const VnHeatAccessor *other = &granule->accessors[k];
            double rate = MIN(one->rate, other->rate);
            if (one->vcpu < 0 || other->vcpu < 0) {
                add_cells(pairs, one->cell, other->cell, rate);
                continue;
            }
            guint low = (guint) MIN(one->vcpu, other->vcpu) >> pairs->shift;
            guint high = (guint) MAX(one->vcpu, other->vcpu) >> pairs->shift;
            pairs->shared[(gsize) low * pairs->n_rows + high] += (float) rate;
        }
    }
}

static double
affinity(const Pairs *pairs, guint low, guint high)
{
    guint one = vn_heat_cell_of_vcpu(pairs->heat, low << pairs->shift);
    guint other = vn_heat_cell_of_vcpu(pairs->heat, high << pairs->shift);
    return pairs->shared[(gsize) low * pairs->n_rows + high] /
               MIN(pairs->rates[low], pairs->rates[high]) +
           pairs->cell_shared[one * pairs->n_cells + other] /
               MAX(pairs->cell_rates[one], pairs->cell_rates[other]);
}

static guint
first_of_group(Pairs *pairs, guint row)
{
    while (pairs->parents[row] != row)
        row = pairs->parents[row] = pairs->parents[pairs->parents[row]];
    return row;
}

static void
join_pairs(Pairs *pairs)
{
    double all = 0;
    guint n = 0;
    for (guint i = 0; i < pairs->n_rows; i++) {
        all += pairs->rates[i];
        n += pairs->rates[i] > 0;
    }
    double active = n ? VN_SHARING_ACTIVE * all / n : 0;
    for (guint i = 0; i < pairs->n_rows; i++) {
        if (!(pairs->rates[i] > active))
            continue;
        for (guint k = i + 1; k < pairs->n_rows; k++) {
            if (!(pairs->rates[k] > active) ||
                affinity(pairs, i, k) < VN_SHARING_AFFINITY)
                continue;
            guint one = first_of_group(pairs, i);
            guint other = first_of_group(pairs, k);
            pairs->parents[MAX(one, other)] = MIN(one, other);
        }
    }
}

static void
collect_groups(Pairs *pairs, GPtrArray *groups)
{
    guint n_vcpus = vn_heat_n_vcpus(pairs->heat);
    for (guint first = 0; first < pairs->n_rows; first++) {
        g_autoptr(VnIdSet) group = vn_idset_new();
        guint rows = 0;
        for (guint i = first; i < pairs->n_rows; i++) {
            if (first_of_group(pairs, i) != first)
                continue;
            rows++;
            for (guint vcpu = i << pairs->shift;
                 vcpu < MIN((i + 1) << pairs->shift, n_vcpus); vcpu++)
                vn_idset_add(group, vcpu);
        }
        if (rows > 1)
            g_ptr_array_add(groups, g_steal_pointer(&group));
    }
}

static void
free_group(gpointer group)
{
    vn_idset_free(group);
}

VnSharing *
vn_sharing_new(const VnHeat *heat)
{
    VnSharing *sharing = g_new0(VnSharing, 1);
    sharing->groups = g_ptr_array_new_with_free_func(free_group);
    Pairs pairs;
    pairs_init(&pairs, heat);
    VnHeatGranule granule;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, 0);
    while (vn_heat_iter_next(&iter, &granule)) {
        VnHeatOwner owner = vn_heat_owner(&granule, NULL);
        sharing->rates[owner] += granule.rate;
        sharing->granules[owner] += granule.n_granules;
        add_granule(&pairs, &granule);
    }
    join_pairs(&pairs);
    collect_groups(&pairs, sharing->groups);
    pairs_clear(&pairs);
    return sharing;
}

void
vn_sharing_free(VnSharing *sharing)
{
    if (!sharing)
        return;
    g_ptr_array_unref(sharing->groups);
    g_free(sharing);
}
