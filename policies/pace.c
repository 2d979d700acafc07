/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The period that a pattern asks for, and the longer one that the budgets ask for. */
#include "policies/pace.h"

#include "policies/steer.h"

#include <math.h>

/* Weight of the newest window in averages: what was before halves in 2.4 windows. */
#define NEWEST 0.25

/* 31,000 years: what a budget of hardly anything asks for still fits its type. */
#define PERIOD_MAX_US 1e18

void
vn_pace_init(VnPace *pace, const VnPaceLimits *limits)
{
    *pace = (VnPace){.limits = *limits,
                     .reason = VN_PACE_NEW,
                     .period_us = (double) limits->period_min_us,
                     .stretch = 1};
}

static void
set_period(VnPace *pace, double period_us)
{
    pace->period_us = CLAMP(period_us, (double) pace->limits.period_min_us,
                            (double) pace->limits.period_max_us);
}

static VnPaceReason
reason_of(const VnPaceWindow *window)
{
    if (!window->saw)
        return VN_PACE_QUIET;
    if (window->alternation >= VN_STEER_ALTERNATING_SHARE)
        return VN_PACE_ALTERNATING;
    if (window->stability >= 0 && window->stability < VN_PACE_THRESHOLD)
        return VN_PACE_CHANGING;
    if (window->confidence < VN_STEER_CONFIDENCE_MIN)
        return VN_PACE_UNSURE;
    if (window->locality >= 0 && window->locality < VN_PACE_THRESHOLD)
        return VN_PACE_REMOTE;
    return VN_PACE_SETTLED;
}

/* As many accesses as are as they should be; 1 where nothing tells. */
static double
good_share(const VnPaceWindow *window)
{
    double stable = window->stability >= 0 ? window->stability : 1;
    return window->locality >= 0 ? MIN(stable, window->locality) : stable;
}

static double
average(double so_far, double newest, gboolean first)
{
    return first ? newest : so_far + NEWEST * (newest - so_far);
}

static double
lost_us(const VnPaceWindow *window)
{
    return window->overhead * (double) window->duration_us;
}

/* A period is over: what it allowed, and the window before it did not take, is left. */
static void
save(VnPace *pace)
{
    double allowed = (double) vn_pace_period_us(pace) * pace->limits.budget_ratio;
    pace->saved_us = CLAMP(pace->saved_us + allowed - lost_us(&pace->last), 0,
                           VN_PACE_SAVED_WINDOWS * pace->lost_us);
}

void
vn_pace_window(VnPace *pace, const VnPaceWindow *window)
{
    gboolean first = pace->last.duration_us == 0;
    if (!first)
        save(pace);
    pace->lost_us = average(pace->lost_us, lost_us(window), first);
    pace->cost_us = average(pace->cost_us, (double) window->cost_us, first);
    pace->last = *window;
    pace->reason = reason_of(window);
    switch (pace->reason) {
    case VN_PACE_NEW:
    case VN_PACE_IDLE:
        break;
    case VN_PACE_QUIET:
        set_period(pace, pace->period_us * 2);
        return;
    case VN_PACE_ALTERNATING:
        set_period(pace, VN_PACE_ALTERNATING_US);
        return;
    case VN_PACE_CHANGING:
    case VN_PACE_REMOTE:
        set_period(pace, pace->period_us * good_share(window) / VN_PACE_THRESHOLD);
        return;
    case VN_PACE_SETTLED:
        set_period(pace, pace->period_us * (1 + good_share(window) - VN_PACE_THRESHOLD));
        return;
    case VN_PACE_UNSURE: /* so few that it hardly matters where they go */
        set_period(pace, pace->period_us * (2 - VN_PACE_THRESHOLD));
        return;
    }
    g_assert_not_reached();
}

void
vn_pace_skip(VnPace *pace)
{
    pace->reason = VN_PACE_IDLE;
    set_period(pace, pace->period_us * 2);
}

/* The shortest period that keeps the guest's budget. */
static double
affordable_us(const VnPace *pace)
{
    double lost = MAX(pace->lost_us, lost_us(&pace->last));
    gboolean spends = pace->reason == VN_PACE_CHANGING || pace->reason == VN_PACE_REMOTE;
    return MAX(lost - (spends ? pace->saved_us : 0), 0) / pace->limits.budget_ratio;
}

/* Before the host's budget. */
static double
wished_us(const VnPace *pace)
{
    return MAX(pace->period_us, affordable_us(pace));
}

gint64
vn_pace_period_us(const VnPace *pace)
{
    return (gint64) ceil(MIN(wished_us(pace) * pace->stretch, PERIOD_MAX_US));
}

gint64
vn_pace_next_us(const VnPace *pace)
{
    if (pace->reason == VN_PACE_NEW)
        return 0;
    gint64 passed_us = pace->reason == VN_PACE_IDLE ? 0 : pace->last.duration_us;
    return MAX(vn_pace_period_us(pace) - passed_us, 0);
}

gboolean
vn_pace_is_settled(const VnPace *pace)
{
    return pace->last.saw && pace->last.stability >= VN_PACE_THRESHOLD;
}

/* The pattern's part of the sentence. */
static char *
describe(const VnPace *pace)
{
    const VnPaceWindow *last = &pace->last;
    switch (pace->reason) {
    case VN_PACE_NEW:
        return g_strdup("nobody has looked at it yet");
    case VN_PACE_IDLE:
        return g_strdup_printf("idle, its vCPUs use less than %.0f %% of a CPU",
                               VN_PACE_IDLE_RATIO * 100);
    case VN_PACE_QUIET:
        return g_strdup("no accesses were seen");
    case VN_PACE_UNSURE:
        return g_strdup("too few accesses are seen to know a pattern");
    case VN_PACE_ALTERNATING:
        return g_strdup_printf("its pattern alternates, with %.0f %% of its accesses",
                               last->alternation * 100);
    case VN_PACE_CHANGING:
        return g_strdup_printf("its pattern changed: of its accesses %.0f %% are still "
                               "from the same cells",
                               last->stability * 100);
    case VN_PACE_REMOTE:
        return g_strdup_printf("only %.0f %% of its accesses are local",
                               last->locality * 100);
    case VN_PACE_SETTLED:
        return last->locality >= 0
                   ? g_strdup_printf("%slocal, %.0f %% of its accesses",
                                     last->stability >= 0 ? "stable and " : "",
                                     last->locality * 100)
                   : g_strdup("stable");
    }
    g_assert_not_reached();
}

char *
vn_pace_why(const VnPace *pace)
{
    double every_s = (double) vn_pace_period_us(pace) / G_USEC_PER_SEC;
    double affordable = affordable_us(pace);
    if (pace->stretch > 1)
        return g_strdup_printf("every %.0f s: %.1f times its own period, as all guests' "
                               "windows together would exceed the host's budget",
                               every_s, pace->stretch);
    if (affordable <= pace->period_us) {
        g_autofree char *pattern = describe(pace);
        return g_strdup_printf("every %.0f s: %s", every_s, pattern);
    }
    double lost = MAX(pace->lost_us, lost_us(&pace->last));
    return g_strdup_printf("every %.0f s: a window takes %.1f %% of its time, and the "
                           "budget is %.3g %%",
                           every_s, lost / (double) pace->last.duration_us * 100,
                           pace->limits.budget_ratio * 100);
}

void
vn_pace_share_host(VnPace *const *paces, guint n, guint n_cpus, double budget_ratio)
{
    double load = 0; /* CPUs' worth of looking */
    for (guint i = 0; i < n; i++)
        load +=
            MAX(paces[i]->cost_us, (double) paces[i]->last.cost_us) / wished_us(paces[i]);
    double stretch = MAX(load / (n_cpus * budget_ratio), 1);
    for (guint i = 0; i < n; i++)
        paces[i]->stretch = stretch;
}

gboolean
vn_pace_is_idle(guint64 before_ns, guint64 after_ns, gint64 elapsed_us)
{
    return elapsed_us > 0 && after_ns >= before_ns &&
           (double) (after_ns - before_ns) <
               VN_PACE_IDLE_RATIO * 1000 * (double) elapsed_us;
}
