/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests whose heat is made up, as GetHeat would answer: what heat maps are tried on. */
#pragma once

#include <glib.h>

/** heat_scene_names: NULL-terminated. */
const char *const *heat_scene_names(void);

/** heat_scene_is_by_time: whether its columns are windows. */
gboolean heat_scene_is_by_time(const char *name);

/**
 * heat_scene: (transfer full): a{sv}.
 * @bins: 0: as many as the scene has
 */
GVariant *heat_scene(const char *name, guint bins);
