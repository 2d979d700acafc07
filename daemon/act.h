/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries out a plan: pins first, then memory, all cells of all guests by turns, a chunk
 * each, so that cells can change places through little free memory. Of a cell those parts
 * go first that the step names. Says what it tried;
 * whether it worked is the check's business.
 */
#pragma once

#include "daemon/config.h"
#include "daemon/ledger.h"
#include "daemon/progress.h"
#include "host/move.h"

/* What act needs of the outside, so that tests can put a strict fake in its place. */
typedef struct {
    /* Pins the step's vCPU or emulator to the CPUs in @cpus. */
    gboolean (*pin)(gpointer data, const VnStep *step, const VnIdSet *cpus,
                    GError **error);
    /*
     * A descriptor that becomes readable when the guest's process ends (pidfd_open(2)),
     * or -1 with GONE when the process is no longer the one that was observed.
     */
    int (*open_process)(gpointer data, const VnGuest *guest, GError **error);
    VnMovePagesFunc move_pages; /* NULL: the system call */
    /* Bytes per second that the guest writes; 0: not known. NULL: of no guest. */
    double (*write_rate)(gpointer data, const VnGuest *guest);
    /* How much the host's memory is pressed, 0 to 1; -1: not known. NULL: not known. */
    double (*pressure)(gpointer data);
    gpointer data;
    /* Between two batches: lets others have their turn. */
    void (*serve)(gpointer serve_data);
    gpointer serve_data;
} VnActPort;

/**
 * vn_act:
 * @plan: its steps get outcome, bytes_moved and outcome_text; a step that was carried out
 *   without complaint is DONE until the check says otherwise
 * @ledger: gets a record before and after each step; a step whose record cannot be
 *   written is not begun
 *
 * When a pin fails, those that this guest got before are taken back, and the rest of its
 * steps is skipped: a guest is pinned whole or not at all. Memory moves no faster than
 * daemon/throttle.h says; who has to wait for that does so between two chunks. Ends
 * within step_timeout_seconds a move, such waiting counted, and libvirt's deadline a pin;
 * cancelling ends it within a batch.
 */
void vn_act(const VnActPort *port, const VnConfig *config, VnLedger *ledger,
            VnProgress *progress, const VnSnapshot *snapshot, VnPlan *plan);
