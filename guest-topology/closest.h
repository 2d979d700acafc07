/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chooses places, one a cell, that are closest to each other: the smallest sum of
 * distances between them, both ways; then the least away from the guest's devices; then
 * the most memory; then the lowest ids.
 */
#pragma once

#include "guest-topology/places.h"

/* With more eligible places than this the search is not exhaustive. */
#define VN_CLOSEST_EXACT_MAX 16u

/**
 * vn_closest_choose:
 *
 * Exact for up to VN_CLOSEST_EXACT_MAX places that hold a cell each. With more of them
 * the nearest are added one by one to a place to start from, and the best start counts:
 * all of them up to some hundred places, evenly spread ones among more.
 *
 * Returns: (nullable): indices into VnHostPlaces.list, guint; NULL when no set of
 * places holds the cells.
 */
GArray *vn_closest_choose(const VnHostPlaces *places, const VnShape *shape);
