/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnCaution: what the guard remembers of each guest: when its memory was moved last,
 * which of its pins somebody else has taken over, and whether what was predicted for it
 * came true. Pure: time is a parameter (monotonic). All of it is forgotten when the
 * guest's QEMU ends, and with the daemon.
 */
#pragma once

#include "daemon/conscience.h"
#include "model/plan.h"

/* Assumed of moving, before it is done. */
#define VN_CAUTION_MOVE_BYTES_PER_SECOND (G_GUINT64_CONSTANT(512) << 20)

/*
 * After its memory was moved a guest is left in peace so many times as long as moving so
 * much takes at VN_CAUTION_MOVE_BYTES_PER_SECOND, or for cooldown_seconds, if longer.
 */
#define VN_CAUTION_COOLING 5

/* So long after a move it takes twice the margin to move the guest again. */
#define VN_CAUTION_FRESH_US (3600 * (gint64) G_USEC_PER_SEC)

typedef struct VnCaution VnCaution;

VnCaution *vn_caution_new(void);
void vn_caution_free(VnCaution *caution);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnCaution, vn_caution_free)

/** vn_caution_see: forgets guests that are gone, or run in another process now. */
void vn_caution_see(VnCaution *caution, const VnSnapshot *snapshot);

/**
 * vn_caution_set_foreign: whose pins somebody else has taken over.
 * @vcpus: empty: none
 *
 * Returns: whether some are new, so that it has to be said.
 */
gboolean vn_caution_set_foreign(VnCaution *caution, const VnGuest *guest,
                                const VnIdSet *vcpus, gboolean emulator);

/** vn_caution_is_foreign: whether the step pins what somebody else has taken over. */
gboolean vn_caution_is_foreign(const VnCaution *caution, const VnStep *step);

/**
 * vn_caution_moved: memory of the guest was moved; the plan ended at @now_us.
 * @cooldown_us: at least so long it is left in peace; 0: it is not
 * @all: whether nothing is left to be moved: else @cooldown_us is all
 */
void vn_caution_moved(VnCaution *caution, const VnGuest *guest, guint64 bytes,
                      gboolean all, gint64 cooldown_us, gint64 now_us);

/** vn_caution_cool_us: how long the guest is still to be left in peace; 0: it is not. */
gint64 vn_caution_cool_us(const VnCaution *caution, const char *uuid, gint64 now_us);

/** vn_caution_is_fresh: see VN_CAUTION_FRESH_US. */
gboolean vn_caution_is_fresh(const VnCaution *caution, const char *uuid, gint64 now_us);

/**
 * vn_caution_predict: a plan of @policy was carried out; takes the place of a prediction
 * that is not measured yet.
 * @policy: lives for ever
 * @homes: (nullable): of VnIdSet, by cell, from which bytes are astray
 */
void vn_caution_predict(VnCaution *caution, const VnGuest *guest, const char *policy,
                        const VnPrediction *prediction, const GPtrArray *homes);

/** vn_caution_predicted_homes: (nullable): the homes of the prediction to be measured. */
const GPtrArray *vn_caution_predicted_homes(const VnCaution *caution,
                                            const VnGuest *guest);

/**
 * vn_caution_measure: compares the prediction, if there is one, with @evidence.
 *
 * Returns: (nullable): the policy that is not to be trusted any more because of it
 */
const char *vn_caution_measure(VnCaution *caution, const VnGuest *guest,
                               const VnEvidence *evidence);

/** vn_caution_trusts: whether @policy may act on the guest without being asked. */
gboolean vn_caution_trusts(const VnCaution *caution, const char *uuid,
                           const char *policy);

/** vn_caution_forgive: somebody asks for the guest: what failed is forgotten. */
void vn_caution_forgive(VnCaution *caution, const VnGuest *guest);

/** vn_caution_add_notes: what `show` says of it. */
void vn_caution_add_notes(const VnCaution *caution, VnGuest *guest, gint64 now_us);
