/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real hands of act: libvirt for pins, the running kernel for processes and pages. */
#pragma once

#include "daemon/act.h"
#include "daemon/sampling.h"
#include "virt/connection.h"

typedef struct {
    VnConnection *virt;   /* borrowed */
    const char *root;     /* where /proc is */
    VnSampling *sampling; /* borrowed: knows how much guests write */
} VnHands;

/**
 * vn_hands_port: a port to @hands, which must outlive it. Serve is left to the caller.
 */
VnActPort vn_hands_port(VnHands *hands);
