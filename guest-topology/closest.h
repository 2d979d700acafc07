/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chooses places, one a cell, that are closest to each other: the smallest sum of
 * distances between them, both ways; then the most memory; then the lowest ids.
 */
#pragma once

#include "guest-topology/places.h"

/* With more eligible places than this the search is not exhaustive. */
#define VN_CLOSEST_EXACT_MAX 16u

/**
 * vn_closest_choose:
 *
 * Exact for up to VN_CLOSEST_EXACT_MAX places that hold a cell each; with more of them
 * some places are each taken as a start, the nearest added one by one, and places
 * exchanged as long as that helps.
 *
 * Returns: (nullable): indices into VnHostPlaces.list, guint; NULL when no set of
 * places holds the cells.
 */
GArray *vn_closest_choose(const VnHostPlaces *places, const VnShape *shape);
