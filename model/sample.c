/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One window's counts: collecting, sorting and adding them up. */
#include "model/sample.h"

#include <string.h>

static const char *const source_names[] = {
    [VN_SAMPLE_DIRTY_LOG_BPF] = "dirty-log", [VN_SAMPLE_DIRTY_RING] = "dirty-ring",
    [VN_SAMPLE_REFAULT] = "refault",         [VN_SAMPLE_NUMA_FAULTS] = "numa-faults",
    [VN_SAMPLE_DIRTY_RATE] = "dirty-rate",
};

const char *
vn_sample_source_name(VnSampleSource source)
{
    return source_names[source];
}

gboolean
vn_sample_source_from_name(const char *name, VnSampleSource *ret_source)
{
    for (guint i = 0; i < G_N_ELEMENTS(source_names); i++) {
        if (strcmp(name, source_names[i]) != 0)
            continue;
        *ret_source = (VnSampleSource) i;
        return TRUE;
    }
    return FALSE;
}

gboolean
vn_sample_source_has_addresses(VnSampleSource source)
{
    switch (source) {
    case VN_SAMPLE_DIRTY_LOG_BPF:
    case VN_SAMPLE_DIRTY_RING:
    case VN_SAMPLE_REFAULT:
        return TRUE;
    case VN_SAMPLE_NUMA_FAULTS:
    case VN_SAMPLE_DIRTY_RATE:
        return FALSE;
    }
    g_assert_not_reached();
}

VnSample *
vn_sample_new(VnSampleSource source, gint64 start_us)
{
    VnSample *sample = g_new0(VnSample, 1);
    g_atomic_ref_count_init(&sample->ref_count);
    sample->source = source;
    sample->start_us = start_us;
    sample->count_pages = 1;
    sample->counts = g_array_new(FALSE, FALSE, sizeof(VnSampleCount));
    sample->hints = g_array_new(FALSE, FALSE, sizeof(VnSampleHint));
    return sample;
}

VnSample *
vn_sample_ref(VnSample *sample)
{
    g_atomic_ref_count_inc(&sample->ref_count);
    return sample;
}

void
vn_sample_unref(VnSample *sample)
{
    if (!sample || !g_atomic_ref_count_dec(&sample->ref_count))
        return;
    g_array_unref(sample->counts);
    g_array_unref(sample->hints);
    g_free(sample);
}

static guint64
key_of(const VnSampleCount *count)
{
    /* 31 bits of granule, 12 of vCPU, 2 of kind. */
    return (guint64) count->granule << 32 | (guint64) count->vcpu << 16 | count->access;
}

static int
compare_counts(const void *one, const void *other)
{
    guint64 first = key_of(one);
    guint64 second = key_of(other);
    return first < second ? -1 : first > second;
}

/* Sorts, and adds up what is there more than once. */
static void
compact(GArray *counts)
{
    guint kept = 0;
    g_array_sort(counts, compare_counts);
    for (guint i = 0; i < counts->len; i++) {
        const VnSampleCount *count = &g_array_index(counts, VnSampleCount, i);
        VnSampleCount *last =
            kept ? &g_array_index(counts, VnSampleCount, kept - 1) : NULL;
        if (last && key_of(last) == key_of(count))
            last->count += MIN(count->count, G_MAXUINT32 - last->count);
        else
            g_array_index(counts, VnSampleCount, kept++) = *count;
    }
    g_array_set_size(counts, kept);
}

/* Makes room; where there is hardly any to be had, only known entries go on counting. */
static void
make_room(VnSample *sample)
{
    compact(sample->counts);
    sample->full = sample->counts->len > VN_SAMPLE_COUNTS_MAX / 8 * 7;
}

static void
add_to_known(VnSample *sample, const VnSampleCount *one)
{
    guint found;
    if (!g_array_binary_search(sample->counts, one, compare_counts, &found)) {
        sample->cost.lost += one->count;
        return;
    }
    VnSampleCount *known = &g_array_index(sample->counts, VnSampleCount, found);
    known->count += MIN(one->count, G_MAXUINT32 - known->count);
}

void
vn_sample_add(VnSample *sample, guint64 granule, guint vcpu, VnAccess access,
              guint64 count)
{
    g_return_if_fail(!sample->sealed);
    if (granule >= VN_SAMPLE_GRANULES_MAX || vcpu >= VN_VCPUS_MAX) {
        sample->cost.lost += count;
        return;
    }
    if (count == 0)
        return;
    VnSampleCount one = {.granule = (guint32) granule,
                         .vcpu = (guint16) vcpu,
                         .access = (guint16) access,
                         .count = (guint32) MIN(count, G_MAXUINT32)};
    if (!sample->full && sample->counts->len == VN_SAMPLE_COUNTS_MAX)
        make_room(sample);
    if (sample->full)
        add_to_known(sample, &one);
    else
        g_array_append_val(sample->counts, one);
}

void
vn_sample_add_hint(VnSample *sample, guint vcpu, int host_node, guint64 count)
{
    g_return_if_fail(!sample->sealed);
    if (vcpu >= VN_VCPUS_MAX || sample->hints->len == VN_SAMPLE_HINTS_MAX) {
        sample->cost.lost += count;
        return;
    }
    VnSampleHint hint = {.vcpu = vcpu, .host_node = host_node, .count = count};
    if (count > 0)
        g_array_append_val(sample->hints, hint);
}

void
vn_sample_seal(VnSample *sample, gint64 end_us)
{
    g_return_if_fail(!sample->sealed);
    compact(sample->counts);
    sample->duration_us = MAX(end_us - sample->start_us, 1);
    sample->sealed = TRUE;
}

guint64
vn_sample_total(const VnSample *sample)
{
    guint64 total = 0;
    for (guint i = 0; i < sample->counts->len; i++)
        total += g_array_index(sample->counts, VnSampleCount, i).count;
    for (guint i = 0; i < sample->hints->len; i++)
        total += g_array_index(sample->hints, VnSampleHint, i).count;
    return total;
}

double
vn_sample_overhead(const VnSample *sample, guint n_vcpus)
{
    g_return_val_if_fail(sample->duration_us > 0 && n_vcpus > 0, 0);
    double guest = (double) sample->cost.fault_us / n_vcpus;
    return MAX(guest, (double) sample->cost.cpu_us) / (double) sample->duration_us;
}
