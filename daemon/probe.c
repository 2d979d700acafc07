/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For each undecided cell: sample offsets, see at which of them pages are present at the
 * candidates, read those, keep the offsets where candidates differ, and peek there.
 */
#include "daemon/probe.h"

#include "guest-topology/memory-layout.h"

#include <string.h>

#define PAGE_BYTES 4096u
#define MIB (G_GUINT64_CONSTANT(1) << 20)

/*
 * Where RAM is not what it seems: firmware shadows and video memory below, and the memory
 * that system management mode hides below the end of low RAM (q35: TSEG, 16 MiB at most).
 */
#define LOW_BYTES (16 * MIB)
#define HIDDEN_BYTES (32 * MIB)

/* Offsets asked about per cell and place; pages read, and peeks made, per cell. */
#define SAMPLES_MIN 512u
#define SAMPLES_MAX 4096u
#define SAMPLES_OF_GUEST 262144u
#define SAMPLES_AT_ONCE 128u
#define READS_MIN 8u
#define READS_MAX 64u
#define READS_OF_CELL 2048u
#define PEEKS_OF_CELL 12u
#define VOTES_WANTED 2u

/* Then memory is not what we think, and no cell of the guest is told by it any more. */
static const char contradiction[] = "pages contradict each other";

/* A page of the cell that could tell. */
typedef struct {
    guint64 offset;
    guint n_telling; /* candidates where it is not like at any other */
} Spot;

/* What is done for one cell. */
typedef struct {
    const VnGuest *guest;
    const VnProbeSource *source;
    const GArray *candidates; /* of VnRamPlace */
    guint cell;
    guint8 *pages; /* as read, one page per candidate */
    gboolean *readable;
} Work;

static const VnCell *
cell_at(const VnGuest *guest, guint cell)
{
    return guest->cells->pdata[cell];
}

static const VnRamPlace *
candidate(const Work *work, guint i)
{
    return &g_array_index(work->candidates, VnRamPlace, i);
}

/* Whether the page at @offset is RAM whatever the guest does, and where. */
static gboolean
is_safe(const VnGuest *guest, guint cell, guint64 offset, guint variant, guint64 *ret_gpa)
{
    guint64 low = vn_layout_guest_low_ram(guest);
    guint64 gpa;
    if (!vn_layout_cell_gpa(guest, cell, offset, variant, &gpa) || gpa < LOW_BYTES)
        return FALSE;
    if (gpa < low && gpa + PAGE_BYTES + HIDDEN_BYTES > low)
        return FALSE;
    *ret_gpa = gpa;
    return TRUE;
}

/* --- Asking QEMU -------------------------------------------------------------------- */

/* The first and the last safe page, at a step of 1 MiB; FALSE: there are none. */
static gboolean
find_ends(const VnGuest *guest, guint cell, guint variant, guint64 *ret_first,
          guint64 *ret_last)
{
    guint64 size = cell_at(guest, cell)->memory_bytes;
    guint64 span = LOW_BYTES + HIDDEN_BYTES + MIB;
    gboolean found = FALSE;
    guint64 gpa;
    for (guint64 offset = 0; offset < MIN(size, span) && !found; offset += MIB) {
        found = is_safe(guest, cell, offset, variant, &gpa);
        *ret_first = offset;
    }
    for (guint64 back = MIB; found && back <= MIN(size, span); back += MIB) {
        *ret_last = size - back;
        if (is_safe(guest, cell, *ret_last, variant, &gpa))
            return *ret_last > *ret_first;
    }
    return FALSE;
}

/*
 * The name that QEMU gives to the cell's memory must be its own, where it is one of
 * these.
 */
static gboolean
is_own_region(const VnGuest *guest, guint cell, const char *region)
{
    g_autofree char *own = g_strdup_printf("ram-node%u", cell_at(guest, cell)->id);
    return !region || !g_str_has_prefix(region, "ram-node") || strcmp(region, own) == 0;
}

/* Where the cell begins by what QEMU says of @offset. @ret_start: 0: it does not know. */
static gboolean
ask(const VnGuest *guest, guint cell, const VnProbeSource *source, guint variant,
    guint64 offset, guint64 *ret_start, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *region = NULL;
    guint64 gpa;
    guint64 hva;
    *ret_start = 0;
    if (!is_safe(guest, cell, offset, variant, &gpa))
        return TRUE;
    if (source->gpa_to_hva(source->data, gpa, &region, &hva, &failure)) {
        if (is_own_region(guest, cell, region) && hva > offset)
            *ret_start = hva - offset;
        return TRUE;
    }
    if (g_error_matches(failure, VN_ERROR, VN_ERROR_GONE) ||
        g_error_matches(failure, VN_ERROR, VN_ERROR_INVALID))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean
vn_probe_addresses(const VnGuest *guest, VnPlaces *places, const VnProbeSource *source,
                   GError **error)
{
    for (guint cell = 0; cell < guest->cells->len; cell++) {
        for (guint variant = 0; variant < VN_LAYOUTS; variant++) {
            guint64 first;
            guint64 last;
            guint64 start;
            guint64 again = 0;
            if (vn_places_is_decided(places, cell, NULL) ||
                !find_ends(guest, cell, variant, &first, &last))
                continue;
            if (!ask(guest, cell, source, variant, first, &start, error) ||
                (start && !ask(guest, cell, source, variant, last, &again, error)))
                return FALSE;
            if (start && start == again)
                vn_places_decide(places, cell, start);
        }
    }
    return TRUE;
}

/* --- Looking at memory -------------------------------------------------------------- */

/*
 * Offsets to look at: half spread evenly with a random shift, half crowded at both ends
 * of the cell, where a guest that has just started keeps most of what it uses.
 */
static GArray *
sample_offsets(const Work *work, guint n_samples)
{
    guint64 n_pages = cell_at(work->guest, work->cell)->memory_bytes / PAGE_BYTES;
    guint64 crowd = MIN(n_pages, 64 * MIB / PAGE_BYTES);
    GArray *offsets = g_array_new(FALSE, FALSE, sizeof(guint64));
    for (guint i = 0; i < n_samples && n_pages > 0; i++) {
        guint64 part = i / 4;
        guint64 parts = n_samples / 4 + 1;
        guint64 page;
        guint64 gpa;
        if (i % 4 == 0)
            page = crowd * part / parts;
        else if (i % 4 == 1)
            page = n_pages - 1 - crowd * part / parts;
        else
            page = n_pages / (2 * parts) * (2 * part + i % 2) +
                   g_random_int() % MAX(n_pages / (2 * parts), 1);
        guint64 offset = MIN(page, n_pages - 1) * PAGE_BYTES;
        if (is_safe(work->guest, work->cell, offset, VN_LAYOUT_USUAL, &gpa))
            g_array_append_val(offsets, offset);
    }
    for (guint i = offsets->len; i > 1; i--) {
        guint other = g_random_int() % i;
        guint64 swapped = g_array_index(offsets, guint64, other);
        g_array_index(offsets, guint64, other) = g_array_index(offsets, guint64, i - 1);
        g_array_index(offsets, guint64, i - 1) = swapped;
    }
    return offsets;
}

/*
 * Keeps the offsets that can be read at some candidate, and where the peek itself does no
 * harm: it makes QEMU touch the page, and unless that is private base pages, QEMU must
 * have it already at whichever candidate is the true one.
 */
static gboolean
keep_present(const Work *work, GArray *offsets)
{
    g_autofree guint8 *n_present = g_new0(guint8, MAX(offsets->len, 1));
    g_autofree gboolean *harmful = g_new0(gboolean, MAX(offsets->len, 1));
    g_autofree gboolean *present = g_new0(gboolean, MAX(offsets->len, 1));
    g_autofree guint64 *hvas = g_new0(guint64, MAX(offsets->len, 1));
    for (guint i = 0; i < work->candidates->len; i++) {
        for (guint j = 0; j < offsets->len; j++)
            hvas[j] = candidate(work, i)->start + g_array_index(offsets, guint64, j);
        if (!work->source->present(work->source->data, hvas, offsets->len, present))
            return FALSE;
        for (guint j = 0; j < offsets->len; j++) {
            n_present[j] |= present[j] != FALSE;
            harmful[j] |= !present[j] && !candidate(work, i)->is_plain;
        }
    }
    guint n_kept = 0;
    for (guint j = 0; j < offsets->len; j++) {
        if (n_present[j] && !harmful[j])
            g_array_index(offsets, guint64, n_kept++) =
                g_array_index(offsets, guint64, j);
    }
    g_array_set_size(offsets, n_kept);
    return TRUE;
}

/* Reads the page at every candidate where it is present. */
static void
read_candidates(Work *work, guint64 offset)
{
    for (guint i = 0; i < work->candidates->len; i++) {
        guint64 hva = candidate(work, i)->start + offset;
        gboolean present = FALSE;
        work->readable[i] =
            work->source->present(work->source->data, &hva, 1, &present) && present &&
            work->source->read(work->source->data, hva,
                               work->pages + (gsize) i * PAGE_BYTES, PAGE_BYTES);
    }
}

static gboolean
is_uniform(const guint8 *page)
{
    return memcmp(page, page + 8, PAGE_BYTES - 8) == 0;
}

static gboolean
is_page(const Work *work, guint i, const guint8 *page)
{
    return work->readable[i] &&
           memcmp(work->pages + (gsize) i * PAGE_BYTES, page, PAGE_BYTES) == 0;
}

/* The only candidate with this content, as last read; -1: none, or several. */
static int
only_match(const Work *work, const guint8 *page)
{
    int match = -1;
    for (guint i = 0; i < work->candidates->len; i++) {
        if (!is_page(work, i, page))
            continue;
        if (match >= 0)
            return -1;
        match = (int) i;
    }
    return match;
}

static guint
count_telling(const Work *work)
{
    guint n_telling = 0;
    for (guint i = 0; i < work->candidates->len; i++) {
        const guint8 *page = work->pages + (gsize) i * PAGE_BYTES;
        if (work->readable[i] && !is_uniform(page) && only_match(work, page) == (int) i)
            n_telling++;
    }
    return n_telling;
}

static int
compare_spots(gconstpointer one, gconstpointer other)
{
    const Spot *first = one;
    const Spot *second = other;
    return (int) second->n_telling - (int) first->n_telling;
}

/* Adds to @spots what can be told at @offsets, until there is enough of the best. */
static void
add_spots(Work *work, const GArray *offsets, guint *reads, GArray *spots)
{
    guint n_best = 0;
    for (guint i = 0; i<offsets->len && * reads> 0 && n_best < PEEKS_OF_CELL; i++) {
        Spot spot = {.offset = g_array_index(offsets, guint64, i)};
        (*reads)--;
        read_candidates(work, spot.offset);
        spot.n_telling = count_telling(work);
        n_best += spot.n_telling == work->candidates->len;
        if (spot.n_telling > 0)
            g_array_append_val(spots, spot);
    }
}

/*
 * The spots to peek at, best first. NULL: memory cannot be looked at. The samples are
 * taken in batches, because most guests have plenty to tell by.
 */
static GArray *
find_spots(Work *work, guint n_undecided)
{
    guint n_places = MAX(work->candidates->len, 1);
    guint n_samples =
        CLAMP(SAMPLES_OF_GUEST / (n_places * n_undecided), SAMPLES_MIN, SAMPLES_MAX);
    guint reads = CLAMP(READS_OF_CELL / n_places, READS_MIN, READS_MAX);
    g_autoptr(GArray) offsets = sample_offsets(work, n_samples);
    g_autoptr(GArray) spots = g_array_new(FALSE, FALSE, sizeof(Spot));
    for (guint i = 0; i < offsets->len && spots->len < PEEKS_OF_CELL && reads > 0;
         i += SAMPLES_AT_ONCE) {
        g_autoptr(GArray) batch = g_array_new(FALSE, FALSE, sizeof(guint64));
        g_array_append_vals(batch, &g_array_index(offsets, guint64, i),
                            MIN(SAMPLES_AT_ONCE, offsets->len - i));
        if (!keep_present(work, batch))
            return NULL;
        add_spots(work, batch, &reads, spots);
    }
    g_array_sort(spots, compare_spots);
    return g_steal_pointer(&spots);
}

/*
 * Peeks at @offset. @ret_match: the candidate whose page it was; -1: it says nothing.
 * The candidates are read before and after: a page that changed in between still counts
 * when it was the peeked one at either time, and like no other at both.
 */
static gboolean
compare(Work *work, guint64 offset, int *ret_match, GError **error)
{
    guint8 page[PAGE_BYTES];
    guint64 gpa;
    *ret_match = -1;
    if (!is_safe(work->guest, work->cell, offset, VN_LAYOUT_USUAL, &gpa))
        return TRUE;
    read_candidates(work, offset);
    g_autofree guint8 *before =
        g_memdup2(work->pages, (gsize) work->candidates->len * PAGE_BYTES);
    g_autofree gboolean *was_readable =
        g_memdup2(work->readable, work->candidates->len * sizeof(gboolean));
    if (!work->source->peek(work->source->data, gpa, page, PAGE_BYTES, error))
        return FALSE;
    if (is_uniform(page))
        return TRUE;
    read_candidates(work, offset);

    int match = -1;
    for (guint i = 0; i < work->candidates->len; i++) {
        gboolean was = was_readable[i] &&
                       memcmp(before + (gsize) i * PAGE_BYTES, page, PAGE_BYTES) == 0;
        if (!was && !is_page(work, i, page))
            continue;
        if (match >= 0)
            return TRUE;
        match = (int) i;
    }
    *ret_match = match;
    return TRUE;
}

/* Looks for one cell. @ret_start: 0: undecided, and then @ret_reason says why. */
static gboolean
probe_cell(Work *work, guint n_undecided, guint *peeks, guint64 *ret_start,
           const char **ret_reason, GError **error)
{
    guint n_spots_used = 0;
    int voted = -1;
    guint votes = 0;
    *ret_start = 0;
    if (vn_layout_guest_low_ram(work->guest) == 0) {
        *ret_reason = "the memory layout of this machine type is not known";
        return TRUE;
    }
    g_autoptr(GArray) spots = find_spots(work, n_undecided);
    if (!spots) {
        *ret_reason = "QEMU's memory cannot be read";
        return TRUE;
    }
    *ret_reason = "no distinctive page yet";
    for (; n_spots_used < MIN(spots->len, PEEKS_OF_CELL); n_spots_used++) {
        int match;
        if (*peeks == 0) {
            *ret_reason = "looked at again later";
            return TRUE;
        }
        (*peeks)--;
        if (!compare(work, g_array_index(spots, Spot, n_spots_used).offset, &match,
                     error))
            return FALSE;
        if (match >= 0 && voted >= 0 && match != voted) {
            *ret_reason = contradiction;
            return TRUE;
        }
        if (match >= 0) {
            voted = match;
            votes++;
        }
        if (votes == VOTES_WANTED) {
            *ret_start = candidate(work, (guint) voted)->start;
            return TRUE;
        }
    }
    return TRUE;
}

static guint
count_undecided(const VnGuest *guest, const VnPlaces *places)
{
    guint n_undecided = 0;
    for (guint cell = 0; cell < guest->cells->len; cell++)
        n_undecided += !vn_places_is_decided(places, cell, NULL);
    return n_undecided;
}

static void
give_reason(GPtrArray *reasons, guint cell, const char *reason)
{
    g_free(reasons->pdata[cell]);
    reasons->pdata[cell] = g_strdup(reason);
}

gboolean
vn_probe_content(const VnGuest *guest, VnPlaces *places, const VnProbeSource *source,
                 guint *peeks, GPtrArray *reasons, GError **error)
{
    guint n_undecided = MAX(count_undecided(guest, places), 1);
    const char *reason = NULL;
    for (guint cell = 0; cell < guest->cells->len && reason != contradiction; cell++) {
        g_autoptr(GArray) candidates =
            g_array_copy((GArray *) vn_places_of(places, cell));
        if (vn_places_is_decided(places, cell, NULL) || candidates->len == 0)
            continue;
        g_autofree guint8 *pages = g_malloc((gsize) candidates->len * PAGE_BYTES);
        g_autofree gboolean *readable = g_new0(gboolean, candidates->len);
        Work work = {
            .guest = guest,
            .source = source,
            .candidates = candidates,
            .cell = cell,
            .pages = pages,
            .readable = readable,
        };
        guint64 start;
        if (!probe_cell(&work, n_undecided, peeks, &start, &reason, error))
            return FALSE;
        if (!start)
            give_reason(reasons, cell, reason);
        else if (!vn_places_decide(places, cell, start))
            give_reason(reasons, cell, "its place overlaps another");
    }
    for (guint cell = 0; cell < guest->cells->len && reason == contradiction; cell++) {
        if (!vn_places_is_decided(places, cell, NULL))
            give_reason(reasons, cell, reason);
    }
    return TRUE;
}
