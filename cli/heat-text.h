/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A heat map as text: a line a row of memory, for terminals and logs. Does not print. */
#pragma once

#include "cli/heat-view.h"

typedef struct {
    guint width;    /* columns that there are; text takes at least 60 */
    gboolean color; /* host nodes are told apart by colour */
    gboolean utf8;  /* block characters can be shown */
} VnHeatTextStyle;

/**
 * vn_heat_text_append: heading, a line a row, and the legend. With colour (and UTF-8, and
 * no more host nodes than colours) a place is a block, the darker the more it is
 * accessed; else the letter of the host node that accesses it, 0 to 9, a to z, A to Z.
 */
void vn_heat_text_append(GString *text, const VnHeatView *view,
                         const VnHeatTextStyle *style);
