/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnVerb: what vnumactl can do. The one table of verbs drives parsing, help and
 * completion; a new verb is a line in it and a function.
 */
#pragma once

#include "cli/client.h"
#include "cli/output.h"

/* Options that only some verbs take. */
typedef enum {
    VN_VERB_WAIT = 1 << 0,
    VN_VERB_DRY_RUN = 1 << 1,
    VN_VERB_XML = 1 << 2,
    VN_VERB_QEMU = 1 << 3,
    VN_VERB_ACPI = 1 << 4,
    VN_VERB_DECODE = 1 << 5,
    VN_VERB_FORCE = 1 << 6,
    VN_VERB_CONNECT = 1 << 7,
    VN_VERB_SECONDS = 1 << 8,
    VN_VERB_SOURCE = 1 << 9,
    VN_VERB_TIME = 1 << 10,
    VN_VERB_BINS = 1 << 11,
    VN_VERB_SVG = 1 << 12,
    VN_VERB_PNG = 1 << 13,
    VN_VERB_QMP = 1 << 14,
    VN_VERB_TRACE = 1 << 15,
} VnVerbOptions;

/* One call of vnumactl, as the command line asks for it. */
typedef struct {
    char **arguments; /* what follows the verb; NULL-terminated, never NULL */
    char *root;
    char *bus;
    int timeout_s;
    gboolean wait;
    gboolean dry_run;
    gboolean xml;
    gboolean qemu;
    gboolean decode;
    char *acpi; /* folder for ACPI tables; NULL: not asked for */
    gboolean force;
    char *connect; /* libvirt's URI; NULL: the usual one */
    char *seconds; /* these two are numbers, checked by the verb; NULL: the usual one */
    char *bins;
    char *source; /* of samples; NULL: the best there is */
    char *qmp;    /* socket of a guest that stands for a GUEST; NULL: none does */
    gboolean time;
    char *svg; /* file to write; NULL: none */
    char *png;
    char *trace; /* file of scenarios, one a line; NULL: none */
    VnOutput output;
} VnCall;

/**
 * VnVerbFunction:
 * @client: NULL for a verb that needs no daemon
 * @error: G_OPTION_ERROR when the command line is wrong, else VN_ERROR
 */
typedef gboolean (*VnVerbFunction)(const VnCall *call, VnClient *client, GError **error);

typedef struct {
    const char *name;
    const char *arguments; /* for help: "GUEST", "[GUEST...]"; "": none */
    guint arguments_min;
    guint arguments_max;
    VnVerbOptions options;
    gboolean needs_daemon;
    gboolean takes_guests;
    gboolean takes_files;
    const char *summary;     /* one line */
    const char *description; /* for the verb's own help */
    VnVerbFunction run;
} VnVerb;

/** vn_verb_table: the verbs, ended by one without a name. */
const VnVerb *vn_verb_table(void);

/**
 * vn_verb_find:
 * @error: G_OPTION_ERROR, naming the known verb that is nearest to @name
 */
const VnVerb *vn_verb_find(const char *name, GError **error) VN_WARN_UNUSED;

/** vn_verb_check: whether @call's arguments and options are those of @verb. */
gboolean vn_verb_check(const VnVerb *verb, const VnCall *call,
                       GError **error) VN_WARN_UNUSED;

/** vn_verb_list_text: the verbs with their summaries, for --help. */
char *vn_verb_list_text(void);

/** vn_verb_completion_text: a line a verb, "NAME [guests] [files] [--OPTION...]". */
char *vn_verb_completion_text(void);

/* The verbs, each in verb-NAME.c. */
gboolean vn_verb_host(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_list(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_show(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_verify(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_plan(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_define(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_rebalance(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_drain(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_undrain(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_sample(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_heatmap(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_simulate(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_undo(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_why(const VnCall *call, VnClient *client, GError **error);
gboolean vn_verb_topology(const VnCall *call, VnClient *client, GError **error);

/** vn_verb_show_plan: @plan: as Plan answers it, for verbs that plan. */
gboolean vn_verb_show_plan(const VnCall *call, GVariant *plan, GError **error);

/** vn_verb_follow_job: waits for the job with --wait, else prints its path. */
gboolean vn_verb_follow_job(const VnCall *call, VnClient *client, const char *path,
                            GError **error);
