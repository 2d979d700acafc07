/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of a request to sample. */
#pragma once

#include "daemon/sampling.h"

typedef struct {
    guint n_calls;
    GVariant *sample; /* either this or the error */
    GError *error;
} Answer;

void answer_clear(Answer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

/** answer_take: for vn_sampling_request(), with an Answer as its data; called once. */
void answer_take(GVariant *sample, const GError *error, gpointer answer);

/** answer_assert_fails: it was called once, with an error that says @says. */
void answer_assert_fails(const Answer *answer, VnErrorCode code, const char *says);
