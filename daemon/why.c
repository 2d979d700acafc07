/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sentences about a guest, made of decisions and of what the ledger has. */
#include "daemon/why.h"

#include "model/text.h"

#include <math.h>
#include <string.h>

/* How the guard sets apart what it refuses (daemon/guard.c). */
#define REFUSED "; refused: "
/* A smaller gain is none. */
#define GAIN_MIN 0.005

typedef struct {
    guint n_pins;
    guint n_moves;
    guint n_done;
    guint64 bytes;
    guint64 bytes_moved;
    double gain;
} Figures;

static void
count(const VnStep *step, Figures *figures)
{
    figures->n_pins += step->kind != VN_STEP_MOVE_MEMORY;
    figures->n_moves += step->kind == VN_STEP_MOVE_MEMORY;
    figures->n_done += step->outcome == VN_OUTCOME_DONE;
    figures->bytes += step->bytes;
    figures->bytes_moved += step->bytes_moved;
    figures->gain += step->expected_gain;
}

static const char *
plural(guint n)
{
    return n == 1 ? "" : "s";
}

/* "2 pins and 2 moves of 512.0 MiB, to lower its remote cost by 0.55". */
static char *
figures_text(const Figures *figures)
{
    g_autofree char *bytes = vn_text_bytes(figures->bytes);
    g_autofree char *pins =
        g_strdup_printf("%u pin%s", figures->n_pins, plural(figures->n_pins));
    g_autofree char *moves = g_strdup_printf("%u move%s of %s", figures->n_moves,
                                             plural(figures->n_moves), bytes);
    g_autofree char *gain =
        fabs(figures->gain) < GAIN_MIN
            ? NULL
            : g_strdup_printf(", expected to %s its remote cost by %.2f",
                              figures->gain > 0 ? "lower" : "raise", fabs(figures->gain));
    return g_strconcat(figures->n_pins ? pins : "",
                       figures->n_pins && figures->n_moves ? " and " : "",
                       figures->n_moves ? moves : "", gain, NULL);
}

/* The decision, then each refusal, a sentence each. */
static void
add_decision(const VnPlan *plan, const VnGuest *guest, gboolean rests, GPtrArray *text)
{
    const VnDecision *decision = vn_plan_find_decision(plan, guest->name);
    const char *reason = decision->reason ? decision->reason : "nothing was decided";
    g_auto(GStrv) parts = g_strsplit(reason, REFUSED, -1);
    Figures figures = {0};
    for (guint i = 0; i < plan->steps->len; i++) {
        const VnStep *step = plan->steps->pdata[i];
        if (strcmp(step->uuid, guest->uuid) == 0)
            count(step, &figures);
    }
    g_autofree char *steps = figures_text(&figures);
    if (rests)
        g_ptr_array_add(text, g_strdup_printf("It %s.", parts[0]));
    else if (figures.n_pins + figures.n_moves)
        g_ptr_array_add(text,
                        g_strdup_printf("Now there would be to do: %s, because: %s.",
                                        steps, parts[0]));
    else
        g_ptr_array_add(text,
                        g_strdup_printf("Nothing is to be done now: %s.", parts[0]));
    for (char **refusal = parts + 1; *refusal; refusal++)
        g_ptr_array_add(text, g_strdup_printf("The guard refused: %s.", *refusal));
}

/* Steps that are not done, each with what was said of it. */
static void
append_complaints(const VnPast *past, GString *sentence)
{
    for (guint i = 0; i < past->steps->len; i++) {
        const VnStep *step = past->steps->pdata[i];
        if (!step->outcome_text)
            continue;
        g_autofree char *target = vn_step_target(step);
        g_string_append_printf(sentence, "; %s %s: %s", target,
                               vn_outcome_name(step->outcome), step->outcome_text);
    }
}

static void
add_past(const VnPast *past, GPtrArray *text)
{
    g_autofree char *time = vn_past_time(past->time_us);
    GString *sentence = g_string_new(NULL);
    Figures figures = {0};
    for (guint i = 0; i < past->steps->len; i++)
        count(past->steps->pdata[i], &figures);
    const VnStep *first = past->steps->len ? past->steps->pdata[0] : NULL;
    g_autofree char *steps = figures_text(&figures);
    g_autofree char *moved = vn_text_bytes(figures.bytes_moved);
    g_string_append_printf(sentence, "At %s %s planned %s", time,
                           first ? first->policy : "vnumad", steps);
    if (first && first->reason)
        g_string_append_printf(sentence, " (%s%s)", first->reason,
                               past->steps->len > 1 ? "; and others" : "");
    g_string_append_printf(sentence, ": %s, %s moved",
                           past->found ? past->found : "it is not over yet", moved);
    append_complaints(past, sentence);
    g_string_append(sentence, past->undone ? "; undone since." : ".");
    g_ptr_array_add(text, g_string_free(sentence, FALSE));
}

char **
vn_why_sentences(const VnPlan *plan, const VnGuest *guest, gboolean rests,
                 const GPtrArray *pasts)
{
    GPtrArray *text = g_ptr_array_new();
    add_decision(plan, guest, rests, text);
    guint n = MIN(pasts->len, VN_WHY_PLANS_MAX);
    for (guint i = pasts->len - n; i < pasts->len; i++)
        add_past(pasts->pdata[i], text);
    if (!n)
        g_ptr_array_add(text, g_strdup("The ledger knows of no plan for it."));
    g_ptr_array_add(text, NULL);
    return (char **) g_ptr_array_free(text, FALSE);
}
