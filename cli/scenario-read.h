/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a scenario: the JSON document that vnumactl(1) describes below simulate. */
#pragma once

#include "policies/scenario.h"

/* The largest document: 10,000 guests with their cells are some 5 MiB. */
#define VN_SCENARIO_BYTES_MAX (64u << 20)

/**
 * vn_scenario_read_json:
 * @text: one JSON object; no other keys than those of a scenario, none twice
 * @error: INVALID, naming the place ("guests[3].memory_bytes: ...")
 */
VnScenario *vn_scenario_read_json(const char *text, gsize length,
                                  GError **error) VN_WARN_UNUSED;
