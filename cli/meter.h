/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnMeter: how far a job is, as a line for people or an object for programs. Pure. */
#pragma once

#include <glib.h>

typedef struct {
    const char *job; /* D-Bus path */
    const char *state;
    const char *activity;
    guint64 bytes_total;
    guint64 bytes_done;
    guint64 rate_bytes_per_second;
} VnMeter;

/**
 * vn_meter_line:
 * @with_bar: for a terminal
 *
 * Returns: "acting  50.0 %  512.0 MiB of 1.0 GiB  128.0 MiB/s  4.0 s left  <activity>",
 * with those parts left out that are not known yet.
 */
char *vn_meter_line(const VnMeter *meter, gboolean with_bar);

/** vn_meter_to_variant: (transfer floating): a{sv}, the stream's "progress" event. */
GVariant *vn_meter_to_variant(const VnMeter *meter);
