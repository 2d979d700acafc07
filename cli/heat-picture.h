/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A heat map as a picture: guest memory from top to bottom against vCPUs or time,
 * coloured by the host node that accesses it. The same view gives the same picture.
 */
#pragma once

#include "cli/heat-view.h"

#include <cairo.h>

/** vn_heat_picture_size: in pixels. */
void vn_heat_picture_size(const VnHeatView *view, int *ret_width, int *ret_height);

/** vn_heat_picture_draw: draws it at the origin of @cr. */
void vn_heat_picture_draw(const VnHeatView *view, cairo_t *cr);

/**
 * vn_heat_picture_write_svg:
 * @path: an existing file is replaced, when the new one is whole
 * @error: REFUSED, GONE or FAILED, naming @path; it is then as it was
 */
gboolean vn_heat_picture_write_svg(const VnHeatView *view, const char *path,
                                   GError **error) VN_WARN_UNUSED;
gboolean vn_heat_picture_write_png(const VnHeatView *view, const char *path,
                                   GError **error) VN_WARN_UNUSED;
