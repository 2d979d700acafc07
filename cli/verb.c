/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnVerb: the table of verbs, and what is made from it. */
#include "cli/verb.h"

#include <string.h>

static const VnVerb verbs[] = {
    {
        .name = "host",
        .arguments = "",
        .summary = "Show the host's nodes: CPUs, memory, huge pages, distances",
        .description =
            "Reads the host's NUMA topology itself and needs no daemon. With --root it\n"
            "reads a recorded machine. Below the tables stands what is unusual: nodes\n"
            "without CPUs or memory, missing or asymmetric distances, CPUs that are off.",
        .run = vn_verb_host,
    },
    {
        .name = "list",
        .arguments = "",
        .needs_daemon = TRUE,
        .summary = "List guests: cells, homes, alignment, locality, state",
        .description =
            "ALIGNMENT is the share of a guest's resident memory that lies on the home\n"
            "of its cell, LOCALITY the share of its accesses that stay on the accessing\n"
            "vCPU's host node; '-' is not known. Guests that are not managed are shown,\n"
            "and never touched. TOLD is whether the topology that the guest is told is\n"
            "true; where it differs, 'vnumactl verify' tells how.",
        .run = vn_verb_list,
    },
    {
        .name = "show",
        .arguments = "GUEST",
        .arguments_min = 1,
        .arguments_max = 1,
        .needs_daemon = TRUE,
        .takes_guests = TRUE,
        .summary = "Show one guest whole: cells, vCPUs, threads, where its pages are",
        .description = "GUEST is a name or a UUID.",
        .run = vn_verb_show,
    },
    {
        .name = "topology",
        .arguments = "GUEST|FILE...",
        .arguments_min = 1,
        .arguments_max = G_MAXUINT,
        .options = VN_VERB_XML | VN_VERB_QEMU | VN_VERB_ACPI | VN_VERB_DECODE,
        .takes_guests = TRUE,
        .takes_files = TRUE,
        .summary = "Show the virtual NUMA topology that a guest is told",
        .description =
            "GUEST is a name or a UUID, and its definition is asked of vnumad. FILE is a\n"
            "definition: what has a '/' in it or ends in '.xml'; it needs no daemon. Both\n"
            "are one; only --decode takes several files, which are ACPI tables. A definition\n"
            "that only asks for cells is shown with what 'define' would give it.",
        .run = vn_verb_topology,
    },
    {
        .name = "define",
        .arguments = "FILE.xml",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = VN_VERB_DRY_RUN | VN_VERB_FORCE | VN_VERB_CONNECT,
        .takes_files = TRUE,
        .summary = "Fill vNUMA, binding and pins into a guest's definition",
        .description =
            "FILE.xml is a libvirt definition, '-' is standard input. Its metadata says\n"
            "what is wanted: vnumad-guest(5). With --dry-run it is printed, and neither\n"
            "daemon nor libvirt nor root is needed; without, libvirt gets it. What the\n"
            "administrator wrote himself is kept, and named where it conflicts.",
        .run = vn_verb_define,
    },
    {
        .name = "verify",
        .arguments = "[GUEST...]",
        .arguments_max = G_MAXUINT,
        .needs_daemon = TRUE,
        .takes_guests = TRUE,
        .summary = "Compare what guests are told with what is true now",
        .description =
            "GUEST is a name or a UUID; without any, all guests. Compares cells,\n"
            "distances and performance figures with where pages and vCPUs are and what\n"
            "the host tells now; and stored definitions with what the host has.\n"
            "Changes nothing. Fails when it finds a warning or an error.",
        .run = vn_verb_verify,
    },
    {
        .name = "plan",
        .arguments = "[GUEST...]",
        .arguments_max = G_MAXUINT,
        .needs_daemon = TRUE,
        .takes_guests = TRUE,
        .summary = "Show what a rebalance would do, and why; changes nothing",
        .description = "GUEST is a name or a UUID; without any, all managed guests.",
        .run = vn_verb_plan,
    },
    {
        .name = "rebalance",
        .arguments = "[GUEST...]",
        .arguments_max = G_MAXUINT,
        .options = VN_VERB_WAIT | VN_VERB_DRY_RUN,
        .needs_daemon = TRUE,
        .takes_guests = TRUE,
        .summary = "Bring the cells of guests to their homes",
        .description =
            "GUEST is a name or a UUID; without any, all managed guests. Without --wait\n"
            "the job's D-Bus path is printed and the job goes on in vnumad.\n"
            "\n"
            "With --wait, Ctrl-C asks vnumad to stop after the step under way, and\n"
            "waits for that; a second Ctrl-C leaves at once.",
        .run = vn_verb_rebalance,
    },
    {
        .name = "undo",
        .arguments = "[GUEST...]",
        .arguments_max = G_MAXUINT,
        .options = VN_VERB_WAIT | VN_VERB_DRY_RUN,
        .needs_daemon = TRUE,
        .takes_guests = TRUE,
        .summary = "Take back the last plan that was carried out",
        .description =
            "GUEST is a name or a UUID; without any, all guests that the host's last\n"
            "plan was for. Asked again, it takes back the plan before. What somebody else\n"
            "has changed since is left alone, and said.\n"
            "\n"
            "The guest rests from then on: nothing is planned for it until it is started\n"
            "anew, its definition changes, or 'vnumactl rebalance GUEST'. --wait and\n"
            "Ctrl-C are those of rebalance.",
        .run = vn_verb_undo,
    },
    {
        .name = "why",
        .arguments = "GUEST",
        .arguments_min = 1,
        .arguments_max = 1,
        .needs_daemon = TRUE,
        .takes_guests = TRUE,
        .summary = "Explain the last decisions about a guest, also those not to act",
        .description =
            "GUEST is a name or a UUID. Tells what is decided now and why, what the guard\n"
            "refuses, and the last plans with their figures and outcomes.",
        .run = vn_verb_why,
    },
    {
        .name = "drain",
        .arguments = "[HOST_NODE]",
        .arguments_max = 1,
        .options = VN_VERB_WAIT | VN_VERB_DRY_RUN,
        .needs_daemon = TRUE,
        .summary = "Move guests off a host node, and keep it empty",
        .description =
            "Cordons the host node: it gets nothing new until 'undrain', also after a\n"
            "restart of vnumad. What of managed guests is there moves elsewhere; what\n"
            "cannot is told, object by object. Where there is no room for it nothing is\n"
            "changed. Without HOST_NODE it shows what is cordoned.",
        .run = vn_verb_drain,
    },
    {
        .name = "undrain",
        .arguments = "HOST_NODE",
        .arguments_min = 1,
        .arguments_max = 1,
        .needs_daemon = TRUE,
        .summary = "Let a host node be used again",
        .description = "Ends what 'drain' began. Moves nothing: guests come back where\n"
                       "a later rebalance finds that this is better.",
        .run = vn_verb_undrain,
    },
    {
        .name = "sample",
        .arguments = "GUEST",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = VN_VERB_SECONDS | VN_VERB_SOURCE | VN_VERB_QMP,
        .needs_daemon = TRUE,
        .takes_guests = TRUE,
        .summary = "Watch a guest's memory accesses for a while, now",
        .description =
            "GUEST is a name or a UUID. Shows how often each vCPU was seen to access\n"
            "memory, what watching cost, and the guest's locality: the share of its\n"
            "accesses that stay on the accessing vCPU's host node.\n"
            "\n"
            "With --qmp instead of GUEST: the guest of a QEMU that libvirt need not know.",
        .run = vn_verb_sample,
    },
    {
        .name = "heatmap",
        .arguments = "GUEST",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = VN_VERB_TIME | VN_VERB_BINS | VN_VERB_SVG | VN_VERB_PNG,
        .needs_daemon = TRUE,
        .takes_guests = TRUE,
        .summary = "Show which memory is accessed how much, and from where",
        .description =
            "GUEST is a name or a UUID. A line is a piece of its memory, a column a vCPU\n"
            "or, with --time, a window of watching; coloured, or lettered, by the host\n"
            "node that accesses it. With --svg or --png it is drawn into a file instead.",
        .run = vn_verb_heatmap,
    },
    {
        .name = "simulate",
        .arguments = "SCENARIO.json",
        .arguments_max = 1,
        .options = VN_VERB_TRACE,
        .takes_files = TRUE,
        .summary = "Show where guests would go on a described host",
        .description =
            "SCENARIO.json describes a host as 'vnumactl host --json' prints it, guests,\n"
            "and where those lie that are there already; '-' is standard input. Shows\n"
            "where each cell would go, who does not fit and why, and which moves make\n"
            "room. Needs neither daemon nor libvirt nor root. Policies of guests are\n"
            "align, pack, spread, balance, mirror, interleave, tier, manual:\n"
            "vnumad-policies(7). The document's keys are in vnumactl(1).",
        .run = vn_verb_simulate,
    },
    {0},
};

const VnVerb *
vn_verb_table(void)
{
    return verbs;
}

/* Edit distance: how many characters are to be inserted, removed or replaced. */
static guint
edit_distance(const char *one, const char *other)
{
    gsize length = strlen(other);
    g_autofree guint *row = g_new(guint, length + 1);
    for (gsize i = 0; i <= length; i++)
        row[i] = (guint) i;
    for (; *one; one++) {
        guint diagonal = row[0]++;
        for (gsize i = 1; i <= length; i++) {
            guint replaced = diagonal + (*one != other[i - 1]);
            diagonal = row[i];
            row[i] = MIN(replaced, MIN(row[i], row[i - 1]) + 1);
        }
    }
    return row[length];
}

static const VnVerb *
nearest(const char *name)
{
    const VnVerb *best = verbs;
    for (const VnVerb *verb = verbs; verb->name; verb++) {
        /* Somebody who stopped typing means the verb that goes on like it. */
        if (*name && g_str_has_prefix(verb->name, name))
            return verb;
        if (edit_distance(name, verb->name) < edit_distance(name, best->name))
            best = verb;
    }
    return best;
}

const VnVerb *
vn_verb_find(const char *name, GError **error)
{
    for (const VnVerb *verb = verbs; verb->name; verb++) {
        if (strcmp(name, verb->name) == 0)
            return verb;
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "'%s' is no verb: did you mean '%s'?", name, nearest(name)->name);
    return NULL;
}

/* The options that only some verbs take; for completion in the order of their bits. */
static const struct {
    VnVerbOptions bit;
    const char *name;
} options[] = {
    {VN_VERB_WAIT, "--wait"},       {VN_VERB_DRY_RUN, "--dry-run"},
    {VN_VERB_XML, "--xml"},         {VN_VERB_QEMU, "--qemu"},
    {VN_VERB_ACPI, "--acpi"},       {VN_VERB_DECODE, "--decode"},
    {VN_VERB_FORCE, "--force"},     {VN_VERB_CONNECT, "--connect"},
    {VN_VERB_SECONDS, "--seconds"}, {VN_VERB_SOURCE, "--source"},
    {VN_VERB_TIME, "--time"},       {VN_VERB_BINS, "--bins"},
    {VN_VERB_SVG, "--svg"},         {VN_VERB_PNG, "--png"},
    {VN_VERB_QMP, "--qmp"},         {VN_VERB_TRACE, "--trace"},
};

/* The first option of @call that @verb does not take. */
static const char *
find_foreign_option(const VnVerb *verb, const VnCall *call)
{
    guint given =
        (call->wait ? VN_VERB_WAIT : 0) | (call->dry_run ? VN_VERB_DRY_RUN : 0) |
        (call->xml ? VN_VERB_XML : 0) | (call->qemu ? VN_VERB_QEMU : 0) |
        (call->acpi ? VN_VERB_ACPI : 0) | (call->decode ? VN_VERB_DECODE : 0) |
        (call->force ? VN_VERB_FORCE : 0) | (call->connect ? VN_VERB_CONNECT : 0) |
        (call->seconds ? VN_VERB_SECONDS : 0) | (call->source ? VN_VERB_SOURCE : 0) |
        (call->time ? VN_VERB_TIME : 0) | (call->bins ? VN_VERB_BINS : 0) |
        (call->svg ? VN_VERB_SVG : 0) | (call->png ? VN_VERB_PNG : 0) |
        (call->qmp ? VN_VERB_QMP : 0) | (call->trace ? VN_VERB_TRACE : 0);
    for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
        if (given & options[i].bit & ~(guint) verb->options)
            return options[i].name;
    }
    return NULL;
}

gboolean
vn_verb_check(const VnVerb *verb, const VnCall *call, GError **error)
{
    guint count = g_strv_length(call->arguments);
    guint most = verb->arguments_max;
    const char *option = find_foreign_option(verb, call);
    if (option) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                    "%s: %s is no option of this verb", verb->name, option);
        return FALSE;
    }
    if (call->qmp)
        most--; /* it stands for one */
    else if (count < verb->arguments_min) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s is missing",
                    verb->name, verb->arguments);
        return FALSE;
    }
    if (count > most) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s: '%s' is one argument too many", verb->name,
                    call->arguments[most]);
        return FALSE;
    }
    for (guint i = 0; i < count; i++) {
        if (!g_utf8_validate(call->arguments[i], -1, NULL)) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        "%s: '%s' is not valid UTF-8", verb->name, call->arguments[i]);
            return FALSE;
        }
    }
    return TRUE;
}

char *
vn_verb_list_text(void)
{
    GString *text = g_string_new("Verbs:\n");
    for (const VnVerb *verb = verbs; verb->name; verb++) {
        g_autofree char *usage = g_strjoin(" ", verb->name, verb->arguments, NULL);
        g_string_append_printf(text, "  %-22s %s\n", usage, verb->summary);
    }
    return g_string_free(text, FALSE);
}

char *
vn_verb_completion_text(void)
{
    GString *text = g_string_new(NULL);
    for (const VnVerb *verb = verbs; verb->name; verb++) {
        g_string_append_printf(text, "%s%s%s", verb->name,
                               verb->takes_guests ? " guests" : "",
                               verb->takes_files ? " files" : "");
        for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
            if (verb->options & options[i].bit)
                g_string_append_printf(text, " %s", options[i].name);
        }
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}
