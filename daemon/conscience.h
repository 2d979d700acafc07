/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnConscience: whether what one policy predicts for one guest comes true. Pure: time is
 * a parameter.
 *
 * A prediction is that the remote cost of the guest's accesses falls, where these are
 * known; elsewhere, that less of its memory lies away from home. It is measured once
 * there is evidence after the plan: a window of accesses, or the memory as it lies a
 * while later, that it got meanwhile left out. It failed when less than half of the gain
 * is there. A policy that failed three of its last four times is not to be trusted with
 * that guest.
 */
#pragma once

#include <glib.h>

#define VN_CONSCIENCE_LAST 4u
#define VN_CONSCIENCE_FAILED_MAX 3u
#define VN_CONSCIENCE_SHARE 0.5

/* Gains below these are lost in what windows, or pages that stay behind, differ by. */
#define VN_CONSCIENCE_COST_MIN 0.03
#define VN_CONSCIENCE_ASTRAY_MIN 0.01 /* of what is resident */

/* How long after a plan it is looked where the memory lies. */
#define VN_CONSCIENCE_WAIT_US (10 * (gint64) G_USEC_PER_SEC)

typedef struct {
    gboolean by_accesses; /* of the remote cost; else of bytes away from home */
    double before;
    double expected;
    double resident_bytes; /* of the guest */
    guint64 n_windows;     /* of accesses, that there had been */
    gint64 made_us;        /* monotonic time */
} VnPrediction;

/* What is there now. */
typedef struct {
    double remote_cost; /* below 0: not known, or on too little evidence */
    double astray_bytes;
    double resident_bytes;
    guint64 n_windows;
    gint64 now_us;
} VnEvidence;

typedef struct {
    guint failed; /* of the last VN_CONSCIENCE_LAST, the newest at bit 0 */
} VnConscience;

/** vn_prediction_is_worth: whether its gain is large enough to be measured. */
gboolean vn_prediction_is_worth(const VnPrediction *prediction);

/**
 * vn_prediction_measure:
 * @ret_gain: what came of it, in the prediction's own unit; untouched without evidence
 *
 * Returns: whether there is evidence yet.
 */
gboolean vn_prediction_measure(const VnPrediction *prediction, const VnEvidence *evidence,
                               double *ret_gain);

/** vn_conscience_judge: takes in what came of a prediction. */
void vn_conscience_judge(VnConscience *conscience, const VnPrediction *prediction,
                         double gain);

/** vn_conscience_failures: of the last VN_CONSCIENCE_LAST predictions. */
guint vn_conscience_failures(const VnConscience *conscience);

gboolean vn_conscience_trusts(const VnConscience *conscience);
