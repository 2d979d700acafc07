/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The distances that a guest is told, from those of its cells' homes. Pure. */
#pragma once

#include "model/tag.h"
#include "model/vnuma.h"

/**
 * vn_distances_between:
 * @home_from: host nodes of the accessing cell
 * @home_to: host nodes of the other cell, with the memory
 *
 * The mean of the host's distances over all pairs of a node of one and a node of the
 * other, rounded half up; pairs that are unreachable do not count. At least 11, since a
 * guest may be told 10 for a cell itself only (ACPI 6.5, 5.2.17): so 11 for two cells on
 * one host node, the nearest to the truth that there is; at most VN_TOLD_DISTANCE_MAX.
 *
 * Returns: 11 to 254, VN_DISTANCE_UNREACHABLE when no pair can be reached; 20, which is
 * what guests assume when told nothing, when a home is empty.
 */
guint vn_distances_between(const VnHost *host, const VnIdSet *home_from,
                           const VnIdSet *home_to);

/**
 * vn_distances_derive:
 * @error: INVALID: the tag's matrix is not one for this number of cells, or has values
 *   that no guest may be told (10 on the diagonal; else 11 to 254, or 255)
 *
 * Sets VnVnuma.distances as the tag asks: derived from the homes, flat, or explicit. A
 * single cell is told none. Replaces what was there; on error nothing is changed.
 */
gboolean vn_distances_derive(const VnHost *host, VnVnuma *vnuma, const VnTag *tag,
                             GError **error) VN_WARN_UNUSED;
