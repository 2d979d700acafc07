/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces of memory are collected, then each is cut evenly. */
#include "model/heat-bins.h"

#define CELL_UNKNOWN (-1)

static VnHeatBin *
bin_at(const GArray *bins, guint i)
{
    return &g_array_index(bins, VnHeatBin, i);
}

static guint64
end_of(const VnHeatBin *bin)
{
    return bin->granule + bin->n_granules;
}

/* Joins neighbours of one cell, at most @gap apart; @known: of known cells, too. */
static void
join(GArray *pieces, guint64 gap, gboolean known)
{
    guint n = 0;
    for (guint i = 0; i < pieces->len; i++) {
        VnHeatBin piece = *bin_at(pieces, i);
        VnHeatBin *last = n > 0 ? bin_at(pieces, n - 1) : NULL;
        if (last && last->cell == piece.cell && (known || piece.cell == CELL_UNKNOWN) &&
            piece.granule - end_of(last) <= gap)
            last->n_granules = end_of(&piece) - last->granule;
        else
            *bin_at(pieces, n++) = piece;
    }
    g_array_set_size(pieces, n);
}

/* Joins over ever larger gaps, as few as it takes for @n pieces. */
static void
join_down_to(GArray *pieces, guint n, gboolean known)
{
    for (guint64 gap = 1; pieces->len > n && gap <= VN_SAMPLE_GRANULES_MAX; gap *= 2)
        join(pieces, gap, known);
}

/*
 * The next piece. A full array is halved, so that many pieces cost little each; FALSE: it
 * cannot be, and takes no more.
 */
static gboolean
add_piece(GArray *pieces, guint64 granule, guint64 n_granules, int cell)
{
    VnHeatBin piece = {.granule = granule, .n_granules = n_granules, .cell = cell};
    VnHeatBin *last = pieces->len > 0 ? bin_at(pieces, pieces->len - 1) : NULL;
    if (last && last->cell == cell && end_of(last) == granule) {
        last->n_granules += n_granules;
        return TRUE;
    }
    if (pieces->len == 2 * VN_HEAT_BINS_MAX) {
        join_down_to(pieces, VN_HEAT_BINS_MAX, FALSE);
        join_down_to(pieces, VN_HEAT_BINS_MAX, TRUE);
        if (pieces->len > VN_HEAT_BINS_MAX)
            return FALSE;
    }
    g_array_append_val(pieces, piece);
    return TRUE;
}

/* What the heat knows from @from to @to, where nothing is placed. */
static gboolean
add_heat(GArray *pieces, const VnHeat *heat, guint64 from, guint64 to)
{
    VnHeatIter iter;
    VnHeatGranule granule;
    if (!heat || from >= to)
        return TRUE;
    vn_heat_iter_init(&iter, heat, from);
    while (vn_heat_iter_next(&iter, &granule) && granule.granule < to) {
        guint64 end = MIN(granule.granule + granule.n_granules, to);
        if (!add_piece(pieces, granule.granule, end - granule.granule, CELL_UNKNOWN))
            return FALSE;
    }
    return TRUE;
}

static void
collect(GArray *pieces, const VnPlacement *placement, const VnHeat *heat)
{
    guint64 at = 0;
    for (guint i = 0; i < placement->places->len; i++) {
        const VnPlace *place = &g_array_index(placement->places, VnPlace, i);
        if (!add_heat(pieces, heat, at, place->granule) ||
            !add_piece(pieces, place->granule, place->n_granules, place->cell))
            return;
        at = (guint64) place->granule + place->n_granules;
    }
    if (!add_heat(pieces, heat, at, G_MAXUINT64))
        g_debug("heat: memory lies in more pieces than can be shown");
}

static guint64
parts_of(const VnHeatBin *piece, guint64 width)
{
    return (piece->n_granules + width - 1) / width;
}

static guint64
parts_of_all(const GArray *pieces, guint64 width)
{
    guint64 n = 0;
    for (guint i = 0; i < pieces->len; i++)
        n += parts_of(bin_at(pieces, i), width);
    return n;
}

/* The least width of which no more than @n bins come. */
static guint64
find_width(const GArray *pieces, guint64 n)
{
    guint64 low = 1;
    guint64 high = 2 * VN_SAMPLE_GRANULES_MAX;
    while (low < high) {
        guint64 middle = (low + high) / 2;
        if (parts_of_all(pieces, middle) > n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

GArray *
vn_heat_bins_new(const VnPlacement *placement, const VnHeat *heat, guint n)
{
    g_return_val_if_fail(n >= 1 && n <= VN_HEAT_BINS_MAX, NULL);
    GArray *bins = g_array_new(FALSE, FALSE, sizeof(VnHeatBin));
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(VnHeatBin));
    collect(pieces, placement, heat);
    join_down_to(pieces, n, FALSE);
    join_down_to(pieces, VN_HEAT_BINS_MAX, TRUE);
    if (pieces->len > VN_HEAT_BINS_MAX)
        g_array_set_size(pieces, VN_HEAT_BINS_MAX);
    guint64 width = find_width(pieces, MAX(n, pieces->len));
    for (guint i = 0; i < pieces->len; i++) {
        const VnHeatBin *piece = bin_at(pieces, i);
        guint64 parts = parts_of(piece, width);
        for (guint64 k = 0; k < parts; k++) {
            guint64 from = piece->n_granules * k / parts;
            guint64 to = piece->n_granules * (k + 1) / parts;
            VnHeatBin bin = {piece->granule + from, to - from, piece->cell};
            g_array_append_val(bins, bin);
        }
    }
    return bins;
}
