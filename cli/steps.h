/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps and decisions of a plan, or of a job's result, as text for people. */
#pragma once

#include <glib.h>

/**
 * vn_steps_append:
 * @plan: a{sv} with "steps"
 * @with_outcomes: what became of them, instead of what is expected of them
 *
 * Appends a table, or nothing when there are no steps.
 */
void vn_steps_append(GString *text, GVariant *plan, gboolean with_outcomes,
                     gboolean bold);

/**
 * vn_steps_append_decisions:
 * @plan: a{sv} with "decisions"
 *
 * Appends a line a guest: "db1: homes 0 1: <reason>".
 */
void vn_steps_append_decisions(GString *text, GVariant *plan);

/**
 * vn_steps_append_past:
 * @guest: a{sv} with "past_steps", the daemon's records of beginnings and ends
 *
 * Appends an empty line and a table with a line a step, or nothing when there are none.
 */
void vn_steps_append_past(GString *text, GVariant *guest, gboolean bold);

/** vn_steps_time_text: "time_us" of a record, for people, in local time. */
char *vn_steps_time_text(GVariant *record);

/** vn_steps_count: how many steps @plan has. */
gsize vn_steps_count(GVariant *plan);
