/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vnumactl: the command line of vnumad. Here: options, the choice of the verb, help,
 * and the exit status: 0 done, 1 failed, 2 usage. What a verb does is in verb-NAME.c.
 */
#include "cli/format.h"
#include "cli/verb.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>

#define EXIT_USAGE 2

#define TIMEOUT_S 30
#define TIMEOUT_S_MAX 86400

/* What the command line says, before it is known to make sense. */
typedef struct {
    VnCall call;
    char **words; /* the verb and its arguments; NULL: none */
    char *color;
    gboolean json;
    gboolean help;
    gboolean version;
    gboolean complete;
} Line;

static void
line_clear(Line *line)
{
    g_free(line->call.root);
    g_free(line->call.bus);
    g_free(line->call.acpi);
    g_free(line->call.connect);
    g_free(line->call.seconds);
    g_free(line->call.bins);
    g_free(line->call.source);
    g_free(line->call.qmp);
    g_free(line->call.svg);
    g_free(line->call.png);
    g_free(line->call.trace);
    g_free(line->color);
    g_strfreev(line->words);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Line, line_clear)

/* Help names an option only with the verbs that take it. */
static int
flags_of(VnVerbOptions wanted, VnVerbOptions option)
{
    return wanted & option ? 0 : G_OPTION_FLAG_HIDDEN;
}

/* @verb: (nullable): whose own options help names; all are parsed, and checked later */
static GOptionContext *
new_context(Line *line, const VnVerb *verb, const char *usage)
{
    VnVerbOptions wanted = verb ? verb->options : 0;
    const char *dry_run = wanted & VN_VERB_FORCE
                              ? "Change nothing: print the definition"
                              : "Change nothing: show what would be done";
    GOptionEntry own[] = {
        {"wait", 0, flags_of(wanted, VN_VERB_WAIT), G_OPTION_ARG_NONE, &line->call.wait,
         "Show progress, and end when the outcome was checked", NULL},
        {"dry-run", 0, flags_of(wanted, VN_VERB_DRY_RUN), G_OPTION_ARG_NONE,
         &line->call.dry_run, dry_run, NULL},
        {"xml", 0, flags_of(wanted, VN_VERB_XML), G_OPTION_ARG_NONE, &line->call.xml,
         "Print it as libvirt's <cpu> and <numatune>", NULL},
        {"qemu", 0, flags_of(wanted, VN_VERB_QEMU), G_OPTION_ARG_NONE, &line->call.qemu,
         "Print it as arguments for QEMU", NULL},
        {"acpi", 0, flags_of(wanted, VN_VERB_ACPI), G_OPTION_ARG_FILENAME,
         &line->call.acpi, "Write it as ACPI tables into DIR", "DIR"},
        {"decode", 0, flags_of(wanted, VN_VERB_DECODE), G_OPTION_ARG_NONE,
         &line->call.decode, "Show ACPI tables: SRAT, SLIT, HMAT", NULL},
        {"force", 0, flags_of(wanted, VN_VERB_FORCE), G_OPTION_ARG_NONE,
         &line->call.force, "Overwrite also what the administrator wrote himself", NULL},
        {"connect", 0, flags_of(wanted, VN_VERB_CONNECT), G_OPTION_ARG_STRING,
         &line->call.connect, "libvirt's URI (default qemu:///system)", "URI"},
        {"seconds", 0, flags_of(wanted, VN_VERB_SECONDS), G_OPTION_ARG_STRING,
         &line->call.seconds, "How long to watch: 1 to 60 (default 4)", "N"},
        {"source", 0, flags_of(wanted, VN_VERB_SOURCE), G_OPTION_ARG_STRING,
         &line->call.source, "How (default: the best there is)", "NAME"},
        {"qmp", 0, flags_of(wanted, VN_VERB_QMP), G_OPTION_ARG_STRING, &line->call.qmp,
         "The guest of the QEMU that listens at SOCKET", "SOCKET"},
        {"time", 0, flags_of(wanted, VN_VERB_TIME), G_OPTION_ARG_NONE, &line->call.time,
         "Columns are the last windows of watching, not vCPUs", NULL},
        {"bins", 0, flags_of(wanted, VN_VERB_BINS), G_OPTION_ARG_STRING, &line->call.bins,
         "Lines, about: 1 to 512 (default 64)", "N"},
        {"svg", 0, flags_of(wanted, VN_VERB_SVG), G_OPTION_ARG_FILENAME, &line->call.svg,
         "Draw it into FILE, as SVG", "FILE"},
        {"png", 0, flags_of(wanted, VN_VERB_PNG), G_OPTION_ARG_FILENAME, &line->call.png,
         "Draw it into FILE, as PNG", "FILE"},
        {"trace", 0, flags_of(wanted, VN_VERB_TRACE), G_OPTION_ARG_FILENAME,
         &line->call.trace, "Replay a trace: FILE has a scenario a line", "FILE"},
        {0},
    };
    GOptionEntry common[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &line->json, "Print JSON", NULL},
        {"root", 0, 0, G_OPTION_ARG_FILENAME, &line->call.root,
         "Read the host below DIR: 'host', 'topology', 'define'", "DIR"},
        {"bus", 0, 0, G_OPTION_ARG_FILENAME, &line->call.bus,
         "Where vnumad is: system (default), session, or a D-Bus address", "BUS"},
        {"timeout", 0, 0, G_OPTION_ARG_INT, &line->call.timeout_s,
         "Deadline of every call to vnumad (default 30)", "SECONDS"},
        {"color", 0, 0, G_OPTION_ARG_STRING, &line->color,
         "auto (default), always or never", "WHEN"},
        {"help", 'h', 0, G_OPTION_ARG_NONE, &line->help,
         "Show help, for the program or for a verb", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &line->version, "Show the version", NULL},
        {"complete", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &line->complete,
         "Print the verbs and what they take, for a shell's completion", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &line->words, NULL, NULL},
        {0},
    };
    GOptionContext *context = g_option_context_new(usage);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, own, NULL);
    g_option_context_add_main_entries(context, common, NULL);
    return context;
}

static char *
program_help(Line *line)
{
    g_autoptr(GOptionContext) context = new_context(line, NULL, "VERB [ARGUMENT...]");
    g_autofree char *verbs = vn_verb_list_text();
    g_autofree char *summary = g_strconcat(
        "Gives KVM guests virtual NUMA cells, shows how these lie on the host's nodes, and\n"
        "has vnumad bring them home.\n\n",
        verbs, NULL);
    g_option_context_set_summary(context, g_strchomp(summary));
    g_option_context_set_description(
        context, "'vnumactl VERB --help' tells more about a verb, vnumactl(1) all;\n"
                 "vnumad-guest(5) how a guest asks for virtual NUMA.\n"
                 "Exit status: 0 done, 1 failed, 2 wrong usage.\n");
    return g_option_context_get_help(context, TRUE, NULL);
}

static char *
verb_help(Line *line, const VnVerb *verb)
{
    g_autofree char *usage =
        g_strchomp(g_strjoin(" ", verb->name, verb->arguments, NULL));
    g_autofree char *summary =
        g_strconcat(verb->summary, ".\n\n", verb->description, NULL);
    g_autoptr(GOptionContext) context = new_context(line, verb, usage);
    g_option_context_set_summary(context, summary);
    return g_option_context_get_help(context, TRUE, NULL);
}

static gboolean
parse(Line *line, int *argc, char ***argv, GError **error)
{
    g_autoptr(GOptionContext) context = new_context(line, NULL, NULL);
    line->call.timeout_s = TIMEOUT_S;
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (line->call.timeout_s < 1 || line->call.timeout_s > TIMEOUT_S_MAX) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--timeout: %d is not between 1 and %d seconds", line->call.timeout_s,
                    TIMEOUT_S_MAX);
        return FALSE;
    }
    if (!line->call.root)
        line->call.root = g_strdup("/");
    if (!line->call.bus)
        line->call.bus = g_strdup("system");
    return vn_output_init(&line->call.output, line->json, line->color, error);
}

static gboolean
run_verb(const VnVerb *verb, const VnCall *call, GError **error)
{
    g_autoptr(VnClient) client = NULL;
    if (!vn_verb_check(verb, call, error))
        return FALSE;
    if (verb->needs_daemon) {
        client = vn_client_new(call->bus, call->timeout_s, error);
        if (!client)
            return FALSE;
    }
    return verb->run(call, client, error);
}

static gboolean
run(Line *line, int argc, char **argv, GError **error)
{
    if (!parse(line, &argc, &argv, error))
        return FALSE;
    if (line->version)
        return vn_output_text("vnumactl " VN_VERSION "\n", error);
    if (line->complete) {
        g_autofree char *text = vn_verb_completion_text();
        return vn_output_text(text, error);
    }
    if (!line->words && line->help) {
        g_autofree char *text = program_help(line);
        return vn_output_text(text, error);
    }
    if (!line->words) {
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "a verb is missing");
        return FALSE;
    }

    const VnVerb *verb = vn_verb_find(line->words[0], error);
    if (!verb)
        return FALSE;
    if (line->help) {
        g_autofree char *text = verb_help(line, verb);
        return vn_output_text(text, error);
    }
    line->call.arguments = line->words + 1;
    return run_verb(verb, &line->call, error);
}

int
main(int argc, char **argv)
{
    g_auto(Line) line = {0};
    g_autoptr(GError) error = NULL;

    /* For the character set alone: messages and numbers stay as they are. */
    setlocale(LC_CTYPE, "");
    g_set_prgname("vnumactl");
    /* A closed pipe is an error of write(), told and counted like any other. */
    signal(SIGPIPE, SIG_IGN);

    if (run(&line, argc, argv, &error))
        return EXIT_SUCCESS;
    g_autofree char *message = vn_format_escape(error->message);
    if (error->domain == G_OPTION_ERROR) {
        g_printerr("vnumactl: %s (see 'vnumactl --help')\n", message);
        return EXIT_USAGE;
    }
    g_printerr("vnumactl: %s\n", message);
    return EXIT_FAILURE;
}
