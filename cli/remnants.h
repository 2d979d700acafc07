/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stays on a host node that is drained, as text for people. */
#pragma once

#include <glib.h>

/**
 * vn_remnants_append:
 * @reply: a{sv} with "left"
 *
 * Appends an empty line and a table, or nothing when nothing is left, or known of it.
 */
void vn_remnants_append(GString *text, GVariant *reply, gboolean bold);
