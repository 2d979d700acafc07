/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A definition in, the definition with vNUMA, binding and pins filled in out. Pure.
 *
 * Theory of operation. What may be written is cut into parts (define-parts.h): a pin, a
 * cell's binding, the cells as a whole. For each part there are up to three values: what
 * stands in the definition now, what the record in its metadata says we wrote the last
 * time, and what is wanted.
 * - Now and record are the same: the part is ours, and gets what is wanted.
 * - Something stands there that is not in the record: it is the administrator's. It is
 *   left as it is, and what is wanted for all the others is derived with it as given.
 *   Where it contradicts what the metadata asks for, that is named as a conflict.
 * - Nothing stands there: it is written.
 * What is wanted follows from the host, the metadata and the administrator's parts alone,
 * so that a second run over the outcome finds nothing to do, also when libvirt has
 * rewritten the document in between.
 */
#pragma once

#include "model/host.h"

/* The record: which namespace, and the element's name in it. */
#define VN_RECORD_NAMESPACE "urn:vnumad:derived:1"
#define VN_RECORD_ELEMENT "derived"

typedef struct {
    gboolean force; /* the administrator's parts are overwritten as if they were ours */
    /*
     * The guest may get a dirty ring: KVM, and QEMU 8.0 or later, as the thread that
     * empties the ring of older ones can abort a guest at its start.
     */
    gboolean dirty_ring;
    /*
     * (nullable): of guint64, by host node id: what the guest, which runs, holds there:
     * it counts as room for itself.
     */
    const GArray *own_bytes;
} VnDefineOptions;

/* What was done with one part, or with parts of one kind that have the same value. */
typedef struct {
    char *part; /* "vcpupin 0-3" */
    char *text; /* its value, or what is wrong with it */
} VnDefineEntry;

typedef struct {
    GPtrArray *written;   /* of VnDefineEntry; empty: the definition was complete */
    GPtrArray *respected; /* of VnDefineEntry: the administrator's */
    GPtrArray *conflicts; /* of VnDefineEntry: his, against what was asked for */
    GPtrArray *reasons;   /* of char *: why it is so, sentences for people */
} VnDefineReport;

void vn_define_report_free(VnDefineReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnDefineReport, vn_define_report_free)

/**
 * vn_define_report_to_variant:
 * @definition: (nullable): the outcome of vn_define()
 *
 * Returns: (transfer floating): a{sv}: definition, written[] {part, value}, respected[]
 * {part, value}, conflicts[] {part, conflict}, reasons[]
 */
GVariant *vn_define_report_to_variant(const VnDefineReport *report,
                                      const char *definition);

/**
 * vn_define:
 * @xml: a <domain> document as for vn_domain_parse(); it may have no uuid
 * @ret_report: (optional) (transfer full): what was done, and why
 * @error: REFUSED: it has no metadata element of ours, or cannot be made to fit this
 *   host; UNSUPPORTED: its type, architecture or machine has no virtual NUMA; INVALID:
 *   see vn_domain_parse(); also metadata that is not understood, and host nodes and cells
 *   that do not exist
 *
 * Returns: (transfer full): the definition: @xml itself where nothing was to be done
 */
char *vn_define(const char *xml, gsize length, const VnHost *host,
                const VnDefineOptions *options, VnDefineReport **ret_report,
                GError **error) VN_WARN_UNUSED;
