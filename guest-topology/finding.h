/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnFinding: one thing about a guest that is not as it was told, or that stands in the
 * way of its next start; VnVerdict: all of them. Plain data; guest-topology/verify.h
 * finds.
 */
#pragma once

#include "model/dict.h"
#include "model/guest.h"

typedef enum {
    VN_SEVERITY_INFO,    /* worth knowing, nothing to be done about it */
    VN_SEVERITY_WARNING, /* costs speed, or may become an error */
    VN_SEVERITY_ERROR,   /* it cannot be carried out as it is written */
} VnSeverity;

/* Their names are stable: vn_finding_kind_name(). */
typedef enum {
    /* What the guest is told is not so. */
    VN_FINDING_MEMORY_ELSEWHERE,    /* pages of a cell lie away from its home */
    VN_FINDING_CELLS_TOGETHER,      /* told apart, but on one host node */
    VN_FINDING_DISTANCES_DIFFER,    /* other than those of the homes now */
    VN_FINDING_PERFORMANCE_DIFFERS, /* HMAT: other than the host's now */
    VN_FINDING_VCPU_IN_NO_CELL,     /* so that QEMU put it into cell 0 */
    VN_FINDING_VCPU_AT_OTHER_CELL,  /* it runs at the home of another cell */
    VN_FINDING_VCPU_ELSEWHERE,      /* it runs away from its cell's home */
    /* The guest that runs is in danger, or slower than it need be. */
    VN_FINDING_NODE_MISSING,    /* bound to a host node that does not exist */
    VN_FINDING_NO_ROOM,         /* strictly bound, and its nodes are nearly full */
    VN_FINDING_ACCESSES_REMOTE, /* of what its vCPUs access, much lies elsewhere */
    /* Its definition will not do at the next start. */
    VN_FINDING_START_NODE_MISSING,
    VN_FINDING_START_NO_ROOM,    /* more than the host nodes have */
    VN_FINDING_START_ROOM_TAKEN, /* more than they have free now */
    VN_FINDING_START_CPU_MISSING,
    VN_FINDING_START_REFUSED, /* by QEMU, for its cells */
} VnFindingKind;

typedef struct {
    VnFindingKind kind;
    VnSeverity severity;
    char *guest;  /* name */
    char *object; /* "cell 1", "vCPU 3", "cells 0 and 1" */
    char *text;   /* what is told, and what is true, with figures */
    char *remedy; /* what to do, with the command */
} VnFinding;

/* What the tables of a running guest are worth. */
typedef enum {
    VN_TOLD_NOTHING, /* it does not run, or has no cells */
    VN_TOLD_UNKNOWN, /* no untruth was found, but not all is known */
    VN_TOLD_TRUE,
    VN_TOLD_DIFFERS,
} VnToldState;

typedef struct {
    char *guest; /* name */
    VnToldState told;
    GPtrArray *findings; /* of VnFinding */
    GPtrArray *unknown;  /* of char*: what could not be compared, and why; for people */
} VnVerdict;

VnVerdict *vn_verdict_new(const char *guest);
void vn_verdict_free(VnVerdict *verdict);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnVerdict, vn_verdict_free)

/** vn_verdict_add: @object: (transfer full). Text and remedy are for the caller. */
VnFinding *vn_verdict_add(VnVerdict *verdict, VnFindingKind kind, VnSeverity severity,
                          char *object);
void vn_verdict_add_unknown(VnVerdict *verdict, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/**
 * vn_verdict_insert: told_state (s), findings (aa{sv}: severity, object, kind, text,
 * remedy), unknown (as).
 */
void vn_verdict_insert(const VnVerdict *verdict, VnDict *dict);

/** vn_finding_is_untruth: what the guest is told is not so. */
gboolean vn_finding_is_untruth(const VnFinding *finding);

/** vn_finding_ids: "cell 1", "cells 0 and 1", "cells 0-3,5"; @noun: "cell". */
char *vn_finding_ids(const char *noun, const VnIdSet *ids);

/**
 * vn_finding_call:
 *
 * Returns: (transfer none): how a command names the guest: by its name where a shell
 * takes that as it stands, else by its UUID.
 */
const char *vn_finding_call(const VnGuest *guest);

const char *vn_finding_kind_name(VnFindingKind kind);
const char *vn_severity_name(VnSeverity severity);
const char *vn_told_state_name(VnToldState state);
