/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of a request to sample. */
#include "tests/daemon/answer.h"

#include <string.h>

void
answer_clear(Answer *answer)
{
    g_clear_pointer(&answer->sample, g_variant_unref);
    g_clear_error(&answer->error);
}

void
answer_take(GVariant *sample, const GError *error, gpointer data)
{
    Answer *answer = data;
    g_assert_true((sample != NULL) != (error != NULL));
    g_assert_cmpuint(answer->n_calls++, ==, 0);
    answer->sample = sample ? g_variant_ref(sample) : NULL;
    answer->error = error ? g_error_copy(error) : NULL;
}

void
answer_assert_fails(const Answer *answer, VnErrorCode code, const char *says)
{
    g_assert_cmpuint(answer->n_calls, ==, 1);
    g_assert_error(answer->error, VN_ERROR, (int) code);
    g_test_message("%s", answer->error->message);
    g_assert_nonnull(strstr(answer->error->message, says));
}
