/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wrong with a guest's size, and what would fit: each offer has been tried. */
#include "guest-topology/refusal.h"

#include "model/text.h"

#define KIB G_GUINT64_CONSTANT(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)

/* How many possible numbers of cells a message names. */
#define OFFERS_MAX 8u

/* A size in the largest unit of which it is a whole number: an offer must be exact. */
static char *
exact_size(guint64 bytes)
{
    if (bytes % GIB == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT " GiB", bytes / GIB);
    if (bytes % MIB == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT " MiB", bytes / MIB);
    if (bytes % KIB == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT " KiB", bytes / KIB);
    return g_strdup_printf("%" G_GUINT64_FORMAT " B", bytes);
}

static gboolean
is_huge(const VnHost *host, guint64 page_size_bytes)
{
    return page_size_bytes > 0 && page_size_bytes != host->page_size_bytes;
}

static gboolean
check_pages(const VnProblem *problem, GError **error)
{
    const VnBuildSize *size = problem->size;
    guint64 page = size->page_size_bytes;
    if (!is_huge(problem->host, page))
        return TRUE;
    g_autofree char *pages = exact_size(page);
    if ((page & (page - 1)) != 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "guest %s: there are no pages of %s; page sizes are powers of two",
                    size->name, pages);
        return FALSE;
    }
    if (size->memory_bytes % page == 0)
        return TRUE;
    g_autofree char *memory = exact_size(size->memory_bytes);
    g_autofree char *less = exact_size(size->memory_bytes / page * page);
    g_autofree char *more = exact_size((size->memory_bytes / page + 1) * page);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "guest %s: its memory of %s is not whole pages of %s; %s%s%s would be",
                size->name, memory, pages, size->memory_bytes < page ? "" : less,
                size->memory_bytes < page ? "" : " or ", more);
    return FALSE;
}

static gboolean
check_topology(const VnProblem *problem, GError **error)
{
    const VnCpuTopology *cpu = problem->size->topology;
    if (!cpu || (cpu->sockets <= VN_VCPUS_MAX && cpu->dies <= VN_VCPUS_MAX &&
                 cpu->cores <= VN_VCPUS_MAX && cpu->threads <= VN_VCPUS_MAX &&
                 (guint64) cpu->sockets * cpu->dies * cpu->cores * cpu->threads ==
                     problem->size->vcpus))
        return TRUE;
    g_set_error(
        error, VN_ERROR, VN_ERROR_INVALID,
        "guest %s: its <topology> of %u sockets, %u dies, %u cores and %u threads "
        "is not its %u vCPUs; leave it out, or make it so",
        problem->size->name, cpu->sockets, cpu->dies, cpu->cores, cpu->threads,
        problem->size->vcpus);
    return FALSE;
}

static gboolean
divides(const VnProblem *problem, guint cells)
{
    VnShape shapes[VN_SHAPES_MAX];
    return vn_shape_list(problem->size, problem->tag, 1, cells, shapes) > 0;
}

/* Numbers of cells that do divide it: "cells='1', cells='2'". */
static char *
possible_cells(const VnProblem *problem)
{
    GString *text = g_string_new(NULL);
    guint n = 0;
    for (guint cells = 1; cells <= VN_CELLS_MAX && n < OFFERS_MAX; cells++) {
        if (!divides(problem, cells))
            continue;
        g_string_append_printf(text, "%scells='%u'", n > 0 ? ", " : "", cells);
        n++;
    }
    if (n == 0)
        g_string_append(text, "no number of cells");
    else if (n == OFFERS_MAX)
        g_string_append(text, " and more");
    return g_string_free(text, FALSE);
}

static gboolean
check_cells(const VnProblem *problem, GError **error)
{
    const VnBuildSize *size = problem->size;
    for (guint cells = problem->cells_min; cells <= MIN(problem->cells_max, VN_CELLS_MAX);
         cells++) {
        if (divides(problem, cells))
            return TRUE;
    }
    g_autofree char *unit = exact_size(vn_shape_page_unit(size));
    g_autofree char *memory = exact_size(size->memory_bytes);
    g_autofree char *possible = possible_cells(problem);
    g_autofree char *limit =
        problem->tag->max_vcpus_per_cell > 0
            ? g_strdup_printf(" of at most %u vCPUs", problem->tag->max_vcpus_per_cell)
            : g_strdup("");
    g_autofree char *cells = problem->asked > 0
                                 ? g_strdup_printf("%u cells", problem->asked)
                                 : g_strdup("cells");
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "guest %s: its %u vCPUs%s and %s of memory do not divide into %s%s, each "
                "with a vCPU and %s at least; possible: %s",
                size->name, size->vcpus, size->topology ? " in their <topology>" : "",
                memory, cells, limit, unit, possible);
    return FALSE;
}

gboolean
vn_refusal_check(const VnProblem *problem, GError **error)
{
    const VnBuildSize *size = problem->size;
    if (size->vcpus == 0 || size->vcpus > VN_VCPUS_MAX || size->memory_bytes < MIB) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "guest %s: it has to have 1 to %u vCPUs and 1 MiB of memory at least",
                    size->name, VN_VCPUS_MAX);
        return FALSE;
    }
    return check_pages(problem, error) && check_topology(problem, error) &&
           check_cells(problem, error);
}

/* The guest that was asked for, changed. */
typedef struct {
    const VnHost *host;
    VnBuildSize size;
    VnTag *tag;
    GString *offers;
} Offering;

static void offer_if_it_fits(Offering *offering, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static void
offer_if_it_fits(Offering *offering, const char *format, ...)
{
    VnProblem problem = vn_problem_make(offering->host, &offering->size, offering->tag);
    g_autoptr(VnSolution) solution =
        vn_refusal_check(&problem, NULL) ? vn_problem_solve(&problem) : NULL;
    if (!solution)
        return;
    if (offering->offers->len > 0)
        g_string_append(offering->offers, ", or ");
    va_list arguments;
    va_start(arguments, format);
    g_string_append_vprintf(offering->offers, format, arguments);
    va_end(arguments);
}

/* Less of it: @memory and @vcpus say of what; each is all that the host has. */
static void
offer_less(Offering *offering, const VnHostPlaces *places, gboolean memory,
           gboolean vcpus)
{
    VnBuildSize asked = offering->size;
    guint64 unit = MAX(asked.page_size_bytes, 2 * MIB);
    if (memory)
        offering->size.memory_bytes = places->bytes / unit * unit;
    if (vcpus)
        offering->size.vcpus = MIN(places->cpus, VN_VCPUS_MAX);
    g_autofree char *text = exact_size(offering->size.memory_bytes);
    if (memory && vcpus)
        offer_if_it_fits(offering, "%s and %u vCPUs", text, offering->size.vcpus);
    else if (memory)
        offer_if_it_fits(offering, "%s", text);
    else if (vcpus)
        offer_if_it_fits(offering, "%u vCPUs", offering->size.vcpus);
    offering->size = asked;
}

static void
offer_pages(Offering *offering, guint64 page_size_bytes)
{
    guint64 asked = offering->size.page_size_bytes;
    if (page_size_bytes == asked ||
        (!is_huge(offering->host, asked) && !is_huge(offering->host, page_size_bytes)))
        return;
    offering->size.page_size_bytes = page_size_bytes;
    g_autofree char *text = exact_size(page_size_bytes);
    offer_if_it_fits(offering, "page size %s", text);
    offering->size.page_size_bytes = asked;
}

/* Linux has the same sizes of huge pages on all nodes. */
static void
offer_other_pages(Offering *offering)
{
    const VnHostNode *node = offering->host->nodes->pdata[0];
    offer_pages(offering, offering->host->page_size_bytes);
    for (guint i = 0; i < node->huge_pages->len; i++)
        offer_pages(offering, g_array_index(node->huge_pages, VnHugePages, i).size_bytes);
}

static void
offer_other_tags(Offering *offering)
{
    if (!offering->tag->smt) {
        offering->tag->smt = TRUE;
        offer_if_it_fits(offering, "hardware threads counted as CPUs (smt)");
        offering->tag->smt = FALSE;
    }
    if (!vn_idset_is_empty(offering->tag->exclude_nodes)) {
        VnIdSet *asked = offering->tag->exclude_nodes;
        offering->tag->exclude_nodes = vn_idset_new();
        offer_if_it_fits(offering, "no exclude-nodes");
        vn_idset_free(offering->tag->exclude_nodes);
        offering->tag->exclude_nodes = asked;
    }
}

static char *
nodes_text(const VnHostPlaces *places)
{
    g_autoptr(VnIdSet) nodes = vn_idset_new();
    for (guint i = 0; i < places->list->len; i++)
        vn_idset_add_all(nodes, ((const VnHostPlace *) places->list->pdata[i])->nodes);
    return vn_text_host_nodes(nodes);
}

/* What there is less of than is asked for. */
static char *
explain(const VnProblem *problem, const VnHostPlaces *places, gboolean memory,
        gboolean vcpus)
{
    if (places->list->len == 0)
        return g_strdup("no host node with memory is left");
    GString *text = g_string_new(NULL);
    g_autofree char *nodes = nodes_text(places);
    if (vcpus)
        g_string_append_printf(text, "%u vCPUs, but %s %s %u %s", problem->size->vcpus,
                               nodes, places->list->len == 1 ? "has" : "have",
                               places->cpus,
                               problem->tag->smt ? "CPUs" : "cores (smt is off)");
    if (memory) {
        g_autofree char *wanted = exact_size(problem->size->memory_bytes);
        g_autofree char *there = exact_size(places->bytes / MIB * MIB);
        g_autofree char *page = exact_size(problem->size->page_size_bytes);
        g_string_append_printf(text, "%s%s of memory, but %s %s %s free",
                               vcpus ? "; " : "", wanted, nodes,
                               places->list->len == 1 ? "has" : "have", there);
        if (is_huge(problem->host, problem->size->page_size_bytes))
            g_string_append_printf(text, " in pages of %s", page);
    }
    return g_string_free(text, FALSE);
}

void
vn_refusal_set(const VnProblem *problem, GError **error)
{
    g_autoptr(VnHostPlaces) places =
        vn_host_places_new(problem->host, problem->size, problem->tag, TRUE);
    gboolean vcpus = problem->size->vcpus > places->cpus;
    gboolean memory = problem->size->memory_bytes > places->bytes;
    g_autofree char *why = explain(problem, places, memory, vcpus);
    g_autoptr(VnTag) tag = vn_tag_copy(problem->tag);
    g_autoptr(GString) offers = g_string_new(NULL);
    Offering offering = {
        .host = problem->host,
        .size = *problem->size,
        .tag = tag,
        .offers = offers,
    };
    offer_less(&offering, places, memory, vcpus);
    offer_other_pages(&offering);
    offer_other_tags(&offering);
    g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                "guest %s: it does not fit on this host: %s; would fit: %s",
                problem->size->name, why, offers->len > 0 ? offers->str : "nothing");
}
