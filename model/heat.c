/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Heat over time: taking in samples, letting them decay, and what is known at the end. */
#include "model/heat.h"

#include "model/heat-store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

G_STATIC_ASSERT(VN_HEAT_ACCESSORS_MAX == VN_HEAT_ACCESSORS);
G_STATIC_ASSERT(VN_CELLS_MAX <= VN_HEAT_CELL_NONE);

/* The scale grows to 2 to this before all is scaled back; floats hold 2^127. */
#define SCALE_BITS_MAX 32.0

/* What is less than this part of a page, seen or flipped, is forgotten on scaling. */
#define FORGOTTEN (1.0 / 1024)

/* A cell dominates a window's accesses to a granule with more than this share. */
#define DOMINATION (2.0 / 3)

/* Rates are told apart in steps of an eighth of a power of two, from 2^-32 to 2^64. */
#define STEPS_PER_OCTAVE 8
#define STEPS_BELOW_ONE (32 * STEPS_PER_OCTAVE)
#define N_STEPS (96 * STEPS_PER_OCTAVE)

typedef struct {
    double pages;
    double counts;
} Activity;

/* All amounts are in the scale: divide by scale_at() for what they are at a time. */
struct VnHeat {
    VnHeatStore store;
    guint8 *cell_of; /* by vCPU */
    guint n_vcpus;
    guint n_cells;
    gint64 half_life_us;
    gint64 epoch_us; /* when the scale was 1 */
    gint64 start_us; /* of the first window */
    gint64 end_us;   /* of the latest window */
    gboolean fed;
    Activity *vcpus;
    VnSampleCount *sorted; /* room for those of one unit */
    float *hints;          /* by vCPU and host node + 1; NULL: none yet */
    double pages;
    double counted;       /* counts with an address */
    double hinted;        /* counts without, but with a host node */
    double lost;          /* counts that were not */
    double watched_s;     /* durations of windows whose counts have addresses */
    double hinted_s;      /* of the others */
    double known_pages;   /* of the last window: in granules known before */
    double settled_pages; /* of these: the same cell had most */
    double window_share;  /* its duration in that of all, both in the scale */
};

VnHeat *
vn_heat_new(const guint *cells, guint n_vcpus, gint64 half_life_us)
{
    g_return_val_if_fail(n_vcpus > 0 && n_vcpus <= VN_VCPUS_MAX, NULL);
    g_return_val_if_fail(half_life_us > 0, NULL);
    VnHeat *heat = g_new0(VnHeat, 1);
    heat->cell_of = g_new(guint8, n_vcpus);
    heat->vcpus = g_new0(Activity, n_vcpus);
    heat->sorted = g_new(VnSampleCount, VN_VCPUS_MAX);
    heat->n_vcpus = n_vcpus;
    heat->half_life_us = half_life_us;
    for (guint i = 0; i < n_vcpus; i++) {
        heat->cell_of[i] = (guint8) MIN(cells[i], VN_CELLS_MAX - 1);
        heat->n_cells = MAX(heat->n_cells, heat->cell_of[i] + 1u);
    }
    vn_heat_store_init(&heat->store, heat->cell_of);
    return heat;
}

void
vn_heat_free(VnHeat *heat)
{
    if (!heat)
        return;
    vn_heat_store_clear(&heat->store);
    g_free(heat->cell_of);
    g_free(heat->vcpus);
    g_free(heat->sorted);
    g_free(heat->hints);
    g_free(heat);
}

static gsize
n_hints(const VnHeat *heat)
{
    return (gsize) heat->n_vcpus * (VN_HEAT_HINT_NODES + 1);
}

gsize
vn_heat_bytes(const VnHeat *heat)
{
    return sizeof(*heat) + vn_heat_store_bytes(&heat->store) +
           heat->n_vcpus * (sizeof(Activity) + 1) + VN_VCPUS_MAX * sizeof(VnSampleCount) +
           (heat->hints ? n_hints(heat) * sizeof(float) : 0);
}

guint
vn_heat_unit_granules(const VnHeat *heat)
{
    return 1u << heat->store.shift;
}

guint
vn_heat_n_vcpus(const VnHeat *heat)
{
    return heat->n_vcpus;
}

guint
vn_heat_n_cells(const VnHeat *heat)
{
    return heat->n_cells;
}

guint
vn_heat_cell_of_vcpu(const VnHeat *heat, guint vcpu)
{
    g_return_val_if_fail(vcpu < heat->n_vcpus, 0);
    return heat->cell_of[vcpu];
}

void
vn_heat_set_cells(VnHeat *heat, const guint *cells)
{
    guint8 names[VN_CELLS_MAX];
    memset(names, VN_HEAT_CELL_NONE, sizeof(names));
    for (guint pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < heat->n_vcpus; i++) {
            guint8 *name = &names[heat->cell_of[i]];
            guint8 cell = (guint8) MIN(cells[i], VN_CELLS_MAX - 1);
            *name = pass == 0 || *name == cell ? cell : VN_HEAT_CELL_NONE;
        }
    }
    heat->n_cells = 0;
    for (guint i = 0; i < heat->n_vcpus; i++) {
        heat->cell_of[i] = (guint8) MIN(cells[i], VN_CELLS_MAX - 1);
        heat->n_cells = MAX(heat->n_cells, heat->cell_of[i] + 1u);
    }
    vn_heat_store_rename(&heat->store, names);
}

static double
scale_at(const VnHeat *heat, gint64 time_us)
{
    return exp2((double) (time_us - heat->epoch_us) / (double) heat->half_life_us);
}

/* Makes @time_us the epoch. */
static void
rescale(VnHeat *heat, gint64 time_us)
{
    double factor = 1 / scale_at(heat, time_us);
    vn_heat_store_scale(&heat->store, factor, FORGOTTEN);
    for (guint i = 0; i < heat->n_vcpus; i++) {
        heat->vcpus[i].pages *= factor;
        heat->vcpus[i].counts *= factor;
    }
    for (gsize i = 0; heat->hints && i < n_hints(heat); i++)
        heat->hints[i] = (float) (heat->hints[i] * factor);
    heat->pages *= factor;
    heat->counted *= factor;
    heat->hinted *= factor;
    heat->lost *= factor;
    heat->watched_s *= factor;
    heat->hinted_s *= factor;
    heat->epoch_us = time_us;
}

static void
feed_hints(VnHeat *heat, const VnSample *sample, double scale)
{
    if (sample->hints->len > 0 && !heat->hints)
        heat->hints = g_new0(float, n_hints(heat));
    for (guint i = 0; i < sample->hints->len; i++) {
        const VnSampleHint *hint = &g_array_index(sample->hints, VnSampleHint, i);
        gboolean known =
            hint->host_node >= 0 && hint->host_node < (int) VN_HEAT_HINT_NODES;
        if (hint->vcpu >= heat->n_vcpus)
            continue;
        float *row = heat->hints + (gsize) hint->vcpu * (VN_HEAT_HINT_NODES + 1);
        row[known ? hint->host_node + 1 : 0] += (float) ((double) hint->count * scale);
        heat->hinted += known ? (double) hint->count * scale : 0;
    }
}

/* Who dominates the accesses of a window to one granule; VN_HEAT_CELL_NONE: nobody. */
static guint8
dominating(const double *by_cell, guint n_cells, double total)
{
    for (guint i = 0; i < n_cells; i++) {
        if (by_cell[i] > DOMINATION * total)
            return (guint8) i;
    }
    return VN_HEAT_CELL_NONE;
}

/* Takes most of what is known of a unit from those who have it; returns how much. */
static double
take_from_accessors(VnHeatLoad *load)
{
    double taken = load->total * (1 - VN_HEAT_CHANGED_SHARE);
    load->total *= VN_HEAT_CHANGED_SHARE;
    load->writes *= VN_HEAT_CHANGED_SHARE;
    for (guint i = 0; i < load->n; i++)
        load->amounts[i] *= VN_HEAT_CHANGED_SHARE;
    return taken;
}

/*
 * A window's accesses to one unit are about to be added to @load: is it still the same
 * cell? A few of another one's beside many that there were before prove nothing.
 * @usual: what such a window had on the average
 *
 * Returns: how much of what was known is to be added to those who have it now
 */
static double
note_domination(VnHeat *heat, VnHeatLoad *load, const double *by_cell, double pages,
                double usual, double scale)
{
    double taken = 0;
    guint8 cell = dominating(by_cell, heat->n_cells, pages);
    if (cell == VN_HEAT_CELL_NONE)
        return 0;
    if (load->cell != VN_HEAT_CELL_NONE) {
        heat->known_pages += pages;
        heat->settled_pages += load->cell == cell ? pages : 0;
        load->flips += load->cell != cell ? scale : 0;
        if (load->cell != cell && pages >= usual / 2)
            taken = take_from_accessors(load);
    }
    load->cell = cell;
    return taken;
}

/* Takes in one of the counts of a unit, @weight times in @load. */
static void
feed_count(VnHeat *heat, VnHeatLoad *load, const VnSampleCount *count, guint count_pages,
           double weight, double scale)
{
    double counts = count->count * scale;
    double pages = counts * count_pages;
    if (count->vcpu >= heat->n_vcpus) {
        heat->lost += counts;
        return;
    }
    vn_heat_load_add(load, heat->cell_of, count->vcpu, pages * weight,
                     count->access == VN_ACCESS_WRITE ? pages * weight : 0);
    heat->vcpus[count->vcpu].pages += pages;
    heat->vcpus[count->vcpu].counts += counts;
    heat->counted += counts;
    heat->pages += pages;
}

static int
compare_most_first(const void *one, const void *other)
{
    const VnSampleCount *first = one;
    const VnSampleCount *second = other;
    if (first->count != second->count)
        return first->count > second->count ? -1 : 1;
    return first->vcpu < second->vcpu ? -1 : first->vcpu > second->vcpu;
}

/*
 * Takes in @n counts of one unit. Where they may be more than a slot can name, those that
 * count most come first, so that the others give way to them.
 */
static void
feed_unit(VnHeat *heat, const VnSample *sample, const VnSampleCount *counts, guint n,
          VnHeatSlot *slot, double scale)
{
    double by_cell[VN_CELLS_MAX];
    double all = 0;
    VnHeatLoad load;
    vn_heat_load_read(&load, slot);
    memset(by_cell, 0, heat->n_cells * sizeof(by_cell[0]));
    if (n > VN_HEAT_ACCESSORS && n <= VN_VCPUS_MAX) {
        memcpy(heat->sorted, counts, n * sizeof(*counts));
        qsort(heat->sorted, n, sizeof(*counts), compare_most_first);
        counts = heat->sorted;
    }
    for (guint i = 0; i < n; i++) {
        double pages = (double) counts[i].count * sample->count_pages * scale;
        if (counts[i].vcpu >= heat->n_vcpus)
            continue;
        by_cell[heat->cell_of[counts[i].vcpu]] += pages;
        all += pages;
    }
    double taken = all > 0 ? note_domination(heat, &load, by_cell, all,
                                             load.total * heat->window_share, scale)
                           : 0;
    double weight = all > 0 ? 1 + taken / all : 1;
    for (guint i = 0; i < n; i++)
        feed_count(heat, &load, &counts[i], sample->count_pages, weight, scale);
    vn_heat_load_write(&load, slot);
}

static void
feed_counts(VnHeat *heat, const VnSample *sample, double scale)
{
    const GArray *counts = sample->counts;
    for (guint i = 0; i < counts->len;) {
        const VnSampleCount *first = &g_array_index(counts, VnSampleCount, i);
        VnHeatSlot *slot = vn_heat_store_get(&heat->store, first->granule);
        guint32 unit = first->granule >> heat->store.shift;
        guint n = 1;
        while (i + n < counts->len && first[n].granule >> heat->store.shift == unit)
            n++;
        feed_unit(heat, sample, first, n, slot, scale);
        i += n;
    }
}

void
vn_heat_feed(VnHeat *heat, const VnSample *sample)
{
    g_return_if_fail(sample->sealed && sample->count_pages >= 1 &&
                     sample->count_pages <= VN_SAMPLE_PAGES_MAX);
    gint64 end_us = sample->start_us + sample->duration_us;
    if (!heat->fed)
        heat->epoch_us = heat->end_us = end_us;
    else if ((double) (end_us - heat->epoch_us) >
             SCALE_BITS_MAX * (double) heat->half_life_us)
        rescale(heat, end_us);
    heat->start_us = heat->fed ? heat->start_us : sample->start_us;
    heat->fed = TRUE;
    heat->end_us = MAX(heat->end_us, end_us);

    double scale = scale_at(heat, end_us);
    double seconds = (double) sample->duration_us / G_USEC_PER_SEC;
    heat->lost += (double) sample->cost.lost * scale;
    feed_hints(heat, sample, scale);
    if (!vn_sample_source_has_addresses(sample->source)) {
        heat->hinted_s += seconds * scale;
        return;
    }
    heat->window_share = heat->watched_s > 0 ? seconds * scale / heat->watched_s : 0;
    heat->watched_s += seconds * scale;
    heat->known_pages = heat->settled_pages = 0;
    feed_counts(heat, sample, scale);
}

/* @counts are in the scale. */
static double
confidence_of(const VnHeat *heat, double counts, gint64 now_us)
{
    if (!(counts > 0))
        return 0;
    double now = counts / scale_at(heat, MAX(now_us, heat->end_us));
    double seen = heat->counted + heat->hinted;
    return now / (now + VN_HEAT_EVIDENCE) * seen / (seen + heat->lost);
}

double
vn_heat_hint_confidence(const VnHeat *heat, gint64 now_us)
{
    return confidence_of(heat, heat->hinted, now_us);
}

double
vn_heat_confidence(const VnHeat *heat, const VnIdSet *vcpus, gint64 now_us)
{
    double counts = vcpus ? 0 : heat->counted;
    if (vcpus) {
        VN_IDSET_FOREACH (vcpus, id)
            counts += (guint) id < heat->n_vcpus ? heat->vcpus[id].counts : 0;
    }
    return confidence_of(heat, counts, now_us);
}

gint64
vn_heat_age_us(const VnHeat *heat, gint64 now_us)
{
    return heat->fed ? MAX(now_us - heat->start_us, 0) : 0;
}

static double
rate_of(const VnHeat *heat, double pages)
{
    return heat->watched_s > 0 ? pages / heat->watched_s : 0;
}

double
vn_heat_rate(const VnHeat *heat)
{
    return rate_of(heat, heat->pages);
}

double
vn_heat_vcpu_rate(const VnHeat *heat, guint vcpu)
{
    g_return_val_if_fail(vcpu < heat->n_vcpus, 0);
    return rate_of(heat, heat->vcpus[vcpu].pages);
}

double
vn_heat_hint(const VnHeat *heat, guint vcpu, int host_node)
{
    g_return_val_if_fail(vcpu < heat->n_vcpus, 0);
    if (!heat->hints || host_node >= (int) VN_HEAT_HINT_NODES || !(heat->hinted_s > 0))
        return 0;
    gsize row = (gsize) vcpu * (VN_HEAT_HINT_NODES + 1);
    return heat->hints[row + (gsize) (MAX(host_node, -1) + 1)] / heat->hinted_s;
}

double
vn_heat_stability(const VnHeat *heat)
{
    return heat->known_pages > 0 ? heat->settled_pages / heat->known_pages : -1;
}

/* Puts the accessor where its rate belongs: most first. */
static void
insert_accessor(VnHeatGranule *granule, const VnHeatAccessor *accessor)
{
    guint place = granule->n_accessors++;
    for (; place > 0 && granule->accessors[place - 1].rate < accessor->rate; place--)
        granule->accessors[place] = granule->accessors[place - 1];
    granule->accessors[place] = *accessor;
}

static void
describe(const VnHeat *heat, const VnHeatSlot *slot, guint64 granule, VnHeatGranule *ret)
{
    VnHeatLoad load;
    vn_heat_load_read(&load, slot);
    *ret = (VnHeatGranule){
        .granule = granule,
        .n_granules = vn_heat_unit_granules(heat),
        .rate = rate_of(heat, load.total),
        .write_rate = rate_of(heat, load.writes),
        .flips = load.flips / scale_at(heat, heat->end_us),
    };
    ret->others_rate = ret->rate;
    for (guint i = 0; i < load.n; i++) {
        guint16 who = load.who[i];
        VnHeatAccessor accessor = {.vcpu = who & VN_HEAT_CELL ? -1 : who,
                                   .cell = vn_heat_cell_of(heat->cell_of, who),
                                   .rate = rate_of(heat, load.amounts[i])};
        insert_accessor(ret, &accessor);
        ret->others_rate = MAX(ret->others_rate - accessor.rate, 0);
    }
}

/* The iterator's next slot, of which only the total may be wanted. */
static const VnHeatSlot *
next_slot(VnHeatIter *iter, guint64 *ret_granule)
{
    const VnHeatSlot *slot =
        vn_heat_store_next(&iter->heat->store, &iter->place, iter->from, ret_granule);
    if (slot)
        iter->from = *ret_granule + 1;
    return slot;
}

void
vn_heat_iter_init(VnHeatIter *iter, const VnHeat *heat, guint64 from)
{
    *iter = (VnHeatIter){.heat = heat, .from = from};
}

gboolean
vn_heat_iter_next(VnHeatIter *iter, VnHeatGranule *ret_granule)
{
    guint64 granule;
    const VnHeatSlot *slot = next_slot(iter, &granule);
    if (!slot)
        return FALSE;
    describe(iter->heat, slot, granule, ret_granule);
    return TRUE;
}

static guint
step_of(double rate)
{
    double step = floor(log2(rate) * STEPS_PER_OCTAVE) + STEPS_BELOW_ONE;
    return (guint) CLAMP(step, 0, N_STEPS - 1);
}

/* How many slots, and how much of all accesses, there are by steps of their rate. */
typedef struct {
    guint n[N_STEPS];
    double rates[N_STEPS];
} Spectrum;

static void
take_spectrum(const VnHeat *heat, Spectrum *spectrum)
{
    const VnHeatSlot *slot;
    guint64 granule;
    *spectrum = (Spectrum){0};
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, 0);
    while ((slot = next_slot(&iter, &granule))) {
        double rate = rate_of(heat, slot->total);
        spectrum->n[step_of(rate)]++;
        spectrum->rates[step_of(rate)] += rate;
    }
}

double
vn_heat_hot_rate(const VnHeat *heat)
{
    Spectrum spectrum;
    double all = 0;
    double hot = 0;
    take_spectrum(heat, &spectrum);
    for (guint i = 0; i < N_STEPS; i++)
        all += spectrum.rates[i];
    for (guint i = N_STEPS; i-- > 0 && all > 0;) {
        hot += spectrum.rates[i];
        if (hot >= VN_HEAT_HOT_SHARE * all)
            return exp2(((double) i - STEPS_BELOW_ONE) / STEPS_PER_OCTAVE);
    }
    return 0;
}

static int
compare_hotter(const void *one, const void *other)
{
    const VnHeatGranule *first = one;
    const VnHeatGranule *second = other;
    if (first->rate != second->rate)
        return first->rate > second->rate ? -1 : 1;
    return first->granule < second->granule ? -1 : first->granule > second->granule;
}

GArray *
vn_heat_hottest(const VnHeat *heat, guint n)
{
    GArray *hottest = g_array_new(FALSE, FALSE, sizeof(VnHeatGranule));
    Spectrum spectrum;
    guint above = 0;
    guint step = N_STEPS;
    n = MIN(n, VN_HEAT_HOTTEST_MAX);
    take_spectrum(heat, &spectrum);
    while (step > 0 && above + spectrum.n[step - 1] <= n)
        above += spectrum.n[--step];

    /* All from @step upwards fit; of the next lower step so many as are left over. */
    guint left = n - above;
    const VnHeatSlot *slot;
    guint64 granule;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, 0);
    while ((slot = next_slot(&iter, &granule))) {
        guint own = step_of(rate_of(heat, slot->total));
        gboolean last = own + 1 == step && left > 0;
        if (own < step && !last)
            continue;
        left -= own < step;
        VnHeatGranule one;
        describe(heat, slot, granule, &one);
        g_array_append_val(hottest, one);
    }
    g_array_sort(hottest, compare_hotter);
    return hottest;
}

double
vn_heat_alternation(const VnHeat *heat, gint64 *ret_period_us)
{
    double scale = scale_at(heat, heat->end_us);
    double all = 0;
    double alternating = 0;
    double flips = 0; /* weighted by accesses */
    const VnHeatSlot *slot;
    guint64 granule;
    VnHeatIter iter;
    vn_heat_iter_init(&iter, heat, 0);
    while ((slot = next_slot(&iter, &granule))) {
        all += slot->total;
        if (slot->flips < VN_HEAT_ALTERNATING_FLIPS * scale)
            continue;
        alternating += slot->total;
        flips += slot->total * (slot->flips / scale);
    }
    /* Changes every T add up to half-life / (T * ln 2) decayed ones. */
    if (alternating > 0 && ret_period_us)
        *ret_period_us =
            (gint64) ((double) heat->half_life_us * alternating / (flips * G_LN2));
    return alternating > 0 ? alternating / all : 0;
}
