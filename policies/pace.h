/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnPace: when to look at a guest's accesses next, so that a pattern that changes is
 * followed, one that stays costs little, and looking costs the guest no more than its
 * budget. Pure, and without a clock: told what each window brought, it says how long to
 * wait.
 *
 * The idea is AutoNUMA's (Linux, kernel/sched/fair.c, update_task_scan_period()): where
 * at least seven tenths of a window's accesses are as they should be, the period grows,
 * by three tenths at most; else it shrinks, the more, the fewer they are; where nothing
 * is seen it doubles. Here those are as they should be that are local, or that go where
 * they went before, whichever are fewer. A guest of which too little is seen to tell is
 * looked at ever more rarely: it hardly matters where so few accesses go.
 *
 * The budget goes first. What the guest loses by a window is its overhead times its
 * duration, and the period after it is at least this, or the average of the windows
 * before if that is more, over the budget. So in any run of whole periods the guest
 * loses at most its budget, also if a window is dearer than all before. The limit that
 * period_max_us sets does not hold against that. But what longer periods have left of the
 * budget is saved, up to VN_PACE_SAVED_WINDOWS windows, and spent when the pattern
 * changes, or is remote: then the next look comes at once. From the first window on the
 * budget holds all the same.
 */
#pragma once

#include "model/heat.h"

/* As many of the accesses, at least, have to be as they should be for a longer period. */
#define VN_PACE_THRESHOLD 0.7

/*
 * A guest that alternates is looked at so often, and no less: rarer, one would see two
 * windows alike by chance and take it for settled. A change at every second window is
 * above VN_HEAT_ALTERNATING_FLIPS up to 24 s (0.5 / (1 - 2^(-24/60)) = 2.07).
 */
#define VN_PACE_ALTERNATING_US (G_GINT64_CONSTANT(20) * G_USEC_PER_SEC)

#define VN_PACE_SAVED_WINDOWS 3

/* All of a guest's vCPUs together use less of one CPU, and it is idle. */
#define VN_PACE_IDLE_RATIO 0.01

/* Share of the host's CPU time that looking at all its guests may take. */
#define VN_PACE_HOST_BUDGET_RATIO 0.01

typedef struct {
    gint64 period_min_us; /* from the beginning of a window to that of the next */
    gint64 period_max_us;
    gint64 window_us;    /* how long a window is, above 0; at most the shortest period */
    double budget_ratio; /* of the guest's time, above 0: 0.01 is one percent */
} VnPaceLimits;

/*
 * 5 s to 60 s, which is AutoNUMA's longest, too; windows of 1 s (what dirty-rate
 * calculation can do), 1 %.
 */
#define VN_PACE_LIMITS_DEFAULT                            \
    ((VnPaceLimits){.period_min_us = 5 * G_USEC_PER_SEC,  \
                    .period_max_us = 60 * G_USEC_PER_SEC, \
                    .window_us = G_USEC_PER_SEC,          \
                    .budget_ratio = 0.01})

/* What a window brought. */
typedef struct {
    gint64 duration_us;
    double overhead;    /* vn_sample_overhead() */
    gint64 cost_us;     /* CPU time of the host that it took, ours and the vCPUs' */
    gboolean saw;       /* any access at all */
    double stability;   /* vn_heat_stability(); -1: not known */
    double locality;    /* VnLocalityFigures.locality; -1: not known */
    double confidence;  /* vn_heat_confidence() */
    double alternation; /* vn_heat_alternation() */
} VnPaceWindow;

/* What decided the period, unless it was a budget. */
typedef enum {
    VN_PACE_NEW,    /* no window yet */
    VN_PACE_IDLE,   /* its vCPUs hardly run */
    VN_PACE_QUIET,  /* they run, but no access was seen */
    VN_PACE_UNSURE, /* too few accesses to tell */
    VN_PACE_ALTERNATING,
    VN_PACE_CHANGING,
    VN_PACE_REMOTE,
    VN_PACE_SETTLED, /* stable and local */
} VnPaceReason;

/* Of one guest. For reading only; vn_pace_init() fills it in. */
typedef struct {
    VnPaceLimits limits;
    VnPaceReason reason;
    VnPaceWindow last; /* all 0 before the first window */
    double period_us;  /* that the pattern asks for */
    double lost_us;    /* by the guest in a window: decayed average */
    double saved_us;   /* of its budget */
    double cost_us;    /* for the host, of a window: decayed average */
    double stretch;    /* for the host's budget: at least 1 */
} VnPace;

/** vn_pace_init: the first window may begin at once. */
void vn_pace_init(VnPace *pace, const VnPaceLimits *limits);

/** vn_pace_window: takes in what a window brought that has just ended. */
void vn_pace_window(VnPace *pace, const VnPaceWindow *window);

/**
 * vn_pace_skip: a window was due, but the guest is idle and none was opened. The next is
 * due vn_pace_next_us() from now.
 */
void vn_pace_skip(VnPace *pace);

/** vn_pace_period_us: from the beginning of the last window to that of the next. */
gint64 vn_pace_period_us(const VnPace *pace);

/** vn_pace_next_us: from the end of the last window to the beginning of the next. */
gint64 vn_pace_next_us(const VnPace *pace);

/**
 * vn_pace_is_settled:
 *
 * Whether the last window showed the pattern that the one before showed. A single
 * different window may be a moment's whim: memory is best moved for a settled one only.
 */
gboolean vn_pace_is_settled(const VnPace *pace);

/** vn_pace_why: (transfer full): "every 40 s: its accesses are stable and local". */
char *vn_pace_why(const VnPace *pace);

/**
 * vn_pace_share_host:
 * @paces: of all guests that are sampled
 * @n_cpus: of the host; at least 1
 * @budget_ratio: of the host's CPU time, above 0
 *
 * Where all of them together would cost the host more than its budget, stretches all
 * periods alike, until they do not. To be called when any of them has changed.
 */
void vn_pace_share_host(VnPace *const *paces, guint n, guint n_cpus, double budget_ratio);

/**
 * vn_pace_is_idle:
 * @before_ns: CPU time of all vCPUs together, as vn_process_vcpu_time() has it
 * @after_ns: the same @elapsed_us later; less than before means other threads, not idle
 */
gboolean vn_pace_is_idle(guint64 before_ns, guint64 after_ns, gint64 elapsed_us);
