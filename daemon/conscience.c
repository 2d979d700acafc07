/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Predictions, what came of them, and how many failed of late. */
#include "daemon/conscience.h"

static double
predicted_gain(const VnPrediction *prediction)
{
    return prediction->before - prediction->expected;
}

gboolean
vn_prediction_is_worth(const VnPrediction *prediction)
{
    double least = prediction->by_accesses
                       ? VN_CONSCIENCE_COST_MIN
                       : VN_CONSCIENCE_ASTRAY_MIN * prediction->resident_bytes;
    return predicted_gain(prediction) > 0 && predicted_gain(prediction) >= least;
}

gboolean
vn_prediction_measure(const VnPrediction *prediction, const VnEvidence *evidence,
                      double *ret_gain)
{
    if (prediction->by_accesses) {
        if (evidence->remote_cost < 0 || evidence->n_windows <= prediction->n_windows)
            return FALSE;
        *ret_gain = prediction->before - evidence->remote_cost;
        return TRUE;
    }
    if (evidence->now_us < prediction->made_us + VN_CONSCIENCE_WAIT_US)
        return FALSE;
    double grown = MAX(evidence->resident_bytes - prediction->resident_bytes, 0);
    *ret_gain = prediction->before - MAX(evidence->astray_bytes - grown, 0);
    return TRUE;
}

void
vn_conscience_judge(VnConscience *conscience, const VnPrediction *prediction, double gain)
{
    gboolean failed = gain < VN_CONSCIENCE_SHARE * predicted_gain(prediction);
    conscience->failed =
        (conscience->failed << 1 | failed) & ((1u << VN_CONSCIENCE_LAST) - 1);
}

guint
vn_conscience_failures(const VnConscience *conscience)
{
    guint n = 0;
    for (guint i = 0; i < VN_CONSCIENCE_LAST; i++)
        n += conscience->failed >> i & 1;
    return n;
}

gboolean
vn_conscience_trusts(const VnConscience *conscience)
{
    return vn_conscience_failures(conscience) < VN_CONSCIENCE_FAILED_MAX;
}
