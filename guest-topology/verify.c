/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a running guest is told against where its pages, vCPUs and homes are. */
#include "guest-topology/verify.h"

#include "guest-topology/distances.h"
#include "guest-topology/room.h"
#include "model/text.h"

#include <math.h>

/* One guest under examination. */
typedef struct {
    const VnHost *host;
    const VnGuest *guest;
    const VnVnuma *told;    /* NULL: not known */
    const GPtrArray *homes; /* of VnIdSet; NULL: not known */
    VnVerdict *verdict;
    VnIdSet *together; /* cells that were found to lie with another */
} Case;

/* (nullable): the home of cell @i, where it is known. */
static const VnIdSet *
home_of(const Case *c, guint i)
{
    const VnIdSet *home = c->homes && i < c->homes->len ? c->homes->pdata[i] : NULL;
    return home && !vn_idset_is_empty(home) ? home : NULL;
}

static gboolean
figures_differ(double told, double actual)
{
    return fabs(told - actual) > actual * VN_VERIFY_TOLERANCE_RATIO;
}

static gboolean
distances_differ(guint told, guint actual)
{
    guint apart = told > actual ? told - actual : actual - told;
    return apart > VN_VERIFY_TOLERANCE_DISTANCE && figures_differ(told, actual);
}

/* How to bring the guest home; what is not managed cannot be rebalanced. */
static char *
bring_home(const VnGuest *guest)
{
    const char *call = vn_finding_call(guest);
    if (guest->trouble)
        return g_strdup_printf("what stands in the way: vnumactl show %s", call);
    if (guest->managed)
        return g_strdup_printf("vnumactl rebalance %s", call);
    return g_strdup_printf("virsh metadata %s urn:vnumad:guest:1 --key vnuma --set "
                           "\"<guest/>\" && vnumactl rebalance %s",
                           call, call);
}

/* How to tell the guest something else: at its next start. */
static char *
tell_anew(const VnGuest *guest)
{
    const char *call = vn_finding_call(guest);
    return g_strdup_printf(
        "virsh dumpxml --inactive %s | vnumactl define -, then shut it "
        "down and start it",
        call);
}

/* Says of which cells with memory it is not known where they lie, or should. */
static void
note_unknown_cells(const Case *c)
{
    g_autoptr(VnIdSet) homeless = vn_idset_new();
    g_autoptr(VnIdSet) lost = vn_idset_new();
    const char *why = NULL;
    for (guint i = 0; i < c->guest->cells->len; i++) {
        const VnCell *cell = c->guest->cells->pdata[i];
        if (cell->memory_bytes && !home_of(c, i))
            vn_idset_add(homeless, i);
        if (!cell->memory_bytes || cell->hva_end)
            continue;
        vn_idset_add(lost, i);
        why = why ? why : cell->hva_unknown;
    }
    g_autofree char *homeless_text = vn_finding_ids("cell", homeless);
    g_autofree char *lost_text = vn_finding_ids("cell", lost);
    if (!vn_idset_is_empty(homeless))
        vn_verdict_add_unknown(c->verdict, "%s: the home is not known", homeless_text);
    if (!vn_idset_is_empty(lost))
        vn_verdict_add_unknown(c->verdict, "%s: where the memory lies is not known%s%s",
                               lost_text, why ? ": " : "", why ? why : "");
}

static void
check_memory(const Case *c, guint index)
{
    const VnCell *cell = c->guest->cells->pdata[index];
    const VnIdSet *home = home_of(c, index);
    guint64 resident = vn_cell_resident(cell);
    if (!cell->hva_end || !home)
        return;
    guint64 astray = resident - vn_cell_resident_on(cell, home);
    if (astray < VN_VERIFY_ASTRAY_BYTES ||
        (double) astray < (double) resident * VN_VERIFY_ASTRAY_RATIO)
        return;

    g_autoptr(VnIdSet) where = vn_idset_new();
    for (guint i = 0; i < cell->resident_bytes->len; i++) {
        if (g_array_index(cell->resident_bytes, guint64, i) &&
            !vn_idset_contains(home, i))
            vn_idset_add(where, i);
    }
    g_autofree char *home_text = vn_finding_ids("host node", home);
    g_autofree char *where_text = vn_finding_ids("host node", where);
    g_autofree char *astray_text = vn_text_bytes(astray);
    g_autofree char *resident_text = vn_text_bytes(resident);
    VnFinding *finding =
        vn_verdict_add(c->verdict, VN_FINDING_MEMORY_ELSEWHERE, VN_SEVERITY_WARNING,
                       g_strdup_printf("cell %u", cell->id));
    finding->text = g_strdup_printf(
        "at home on %s, but %s of its %s (%.1f %%) lie on %s", home_text, astray_text,
        resident_text, 100.0 * (double) astray / (double) resident, where_text);
    finding->remedy = bring_home(c->guest);
}

/* The host node that has most of the cell; -1: none has, or it is not known. */
static int
lies_on(const VnCell *cell)
{
    guint64 resident = vn_cell_resident(cell);
    for (guint i = 0; i < cell->resident_bytes->len && cell->hva_end; i++) {
        guint64 there = g_array_index(cell->resident_bytes, guint64, i);
        if (there >= VN_VERIFY_ASTRAY_BYTES &&
            (double) there > (double) resident * VN_VERIFY_LIES_RATIO)
            return (int) i;
    }
    return -1;
}

/* What precedes a told distance; a guest that is told none takes 20 for granted. */
static const char *
told_words(const Case *c)
{
    return c->told->distances ? "told" : "told none, so that the guest assumes";
}

static char *
remedy_for_together(const Case *c, const VnIdSet *cells)
{
    const VnIdSet *first = home_of(c, (guint) vn_idset_next(cells, 0));
    VN_IDSET_FOREACH (cells, id) {
        const VnIdSet *home = home_of(c, (guint) id);
        if (first && home && !vn_idset_equal(first, home))
            return bring_home(c->guest);
    }
    return tell_anew(c->guest);
}

/* The two share a home of several nodes, and were told so: any of these will do. */
static gboolean
share_home_as_told(const Case *c, guint one, guint other)
{
    const VnIdSet *home = home_of(c, one);
    const VnIdSet *home_other = home_of(c, other);
    return home && home_other && vn_idset_equal(home, home_other) &&
           !distances_differ(vn_vnuma_distance(c->told, one, other),
                             vn_distances_between(c->host, home, home_other));
}

/* The cells of @cells, all on @host_node, that are told to be apart from another. */
static VnIdSet *
told_apart(const Case *c, const VnIdSet *cells, guint host_node, guint *ret_distance)
{
    VnIdSet *apart = vn_idset_new();
    g_autoptr(VnIdSet) node = vn_idset_new_with(host_node);
    guint actual = vn_distances_between(c->host, node, node);
    *ret_distance = 0;
    VN_IDSET_FOREACH (cells, one) {
        VN_IDSET_FOREACH (cells, other) {
            guint told = vn_vnuma_distance(c->told, (guint) one, (guint) other);
            if (one == other || !distances_differ(told, actual) ||
                share_home_as_told(c, (guint) one, (guint) other))
                continue;
            vn_idset_add(apart, (guint) one);
            vn_idset_add(apart, (guint) other);
            *ret_distance = MAX(*ret_distance, told);
        }
    }
    return apart;
}

static void
check_together(const Case *c)
{
    for (guint i = 0; i < c->host->nodes->len; i++) {
        const VnHostNode *node = c->host->nodes->pdata[i];
        g_autoptr(VnIdSet) cells = vn_idset_new();
        for (guint j = 0; j < c->guest->cells->len; j++) {
            if (lies_on(c->guest->cells->pdata[j]) == (int) node->id)
                vn_idset_add(cells, j);
        }
        guint distance;
        g_autoptr(VnIdSet) apart = told_apart(c, cells, node->id, &distance);
        if (vn_idset_is_empty(apart))
            continue;
        vn_idset_add_all(c->together, apart);
        VnFinding *finding =
            vn_verdict_add(c->verdict, VN_FINDING_CELLS_TOGETHER, VN_SEVERITY_WARNING,
                           vn_finding_ids("cell", apart));
        finding->text = g_strdup_printf(
            "%s a distance of %u, but %s lie on host node %u", told_words(c), distance,
            vn_idset_count(apart) == 2 ? "both" : "all", node->id);
        finding->remedy = remedy_for_together(c, apart);
    }
}

/* The pair that a finding about many of them names. */
typedef struct {
    guint from;
    guint to;
    double off; /* how far the told figure is from the true one, as a share of it */
    guint n_pairs;
} Worst;

static gboolean
is_worst(Worst *worst, guint from, guint to, double told, double actual)
{
    double off = fabs(told - actual) / actual;
    if (worst->n_pairs++ && off <= worst->off)
        return FALSE;
    worst->from = from;
    worst->to = to;
    worst->off = off;
    return TRUE;
}

static char *
pair_name(const Worst *worst)
{
    g_autoptr(VnIdSet) pair = vn_idset_new_with(worst->from);
    vn_idset_add(pair, worst->to);
    return vn_finding_ids("cell", pair);
}

static char *
others_text(const Worst *worst, const char *what)
{
    guint n = worst->n_pairs - 1;
    return n ? g_strdup_printf("; %u other %s%s differ%s too", n, what, n == 1 ? "" : "s",
                               n == 1 ? "s" : "")
             : g_strdup("");
}

/*
 * The pair of cells whose told distance is furthest from that of their homes now. FALSE:
 * none differs. @ret_unknown: the host tells no distances where one was wanted.
 */
static gboolean
worst_distance(const Case *c, Worst *worst, gboolean *ret_unknown)
{
    guint n_cells = c->told->cells->len;
    *ret_unknown = FALSE;
    for (guint i = 0; i < n_cells * n_cells; i++) {
        guint from = i / n_cells;
        guint to = i % n_cells;
        const VnIdSet *home_from = home_of(c, from);
        const VnIdSet *home_to = home_of(c, to);
        if (from == to || !home_from || !home_to ||
            (vn_idset_contains(c->together, from) && vn_idset_contains(c->together, to)))
            continue;
        if (!c->host->has_distances && !vn_idset_equal(home_from, home_to)) {
            *ret_unknown = TRUE;
            continue;
        }
        guint told = vn_vnuma_distance(c->told, from, to);
        guint actual = vn_distances_between(c->host, home_from, home_to);
        if (distances_differ(told, actual))
            is_worst(worst, from, to, told, actual);
    }
    return worst->n_pairs > 0;
}

static void
check_distances(const Case *c)
{
    Worst worst = {0};
    gboolean unknown;
    gboolean differs = worst_distance(c, &worst, &unknown);
    if (unknown)
        vn_verdict_add_unknown(c->verdict, "distances: the host tells none");
    if (!differs)
        return;
    const VnIdSet *home_from = home_of(c, worst.from);
    const VnIdSet *home_to = home_of(c, worst.to);
    g_autofree char *from = vn_finding_ids("host node", home_from);
    g_autofree char *to = vn_finding_ids("host node", home_to);
    g_autofree char *others = others_text(&worst, "pair");
    /* To tell none is no untruth: the guest may make of it what it likes. */
    VnFinding *finding = vn_verdict_add(
        c->verdict, VN_FINDING_DISTANCES_DIFFER,
        c->told->distances ? VN_SEVERITY_WARNING : VN_SEVERITY_INFO, pair_name(&worst));
    finding->text = g_strdup_printf(
        "%s a distance of %u from cell %u to cell %u; from %s to %s it is %u now%s",
        told_words(c), vn_vnuma_distance(c->told, worst.from, worst.to), worst.from,
        worst.to, from, to, vn_distances_between(c->host, home_from, home_to), others);
    finding->remedy = tell_anew(c->guest);
}

/* The host's figure for @told now, in the same unit; 0: it is not known. */
static double
actual_figure(const Case *c, const VnInterconnect *told)
{
    const VnIdSet *from = home_of(c, told->initiator);
    const VnIdSet *to = home_of(c, told->target);
    if (told->cache || !from || !to || vn_idset_count(to) != 1)
        return 0;
    const VnHostNode *node = vn_host_find_node(c->host, (guint) vn_idset_next(to, 0));
    for (guint i = 0; node && i < VN_ACCESS_CLASSES; i++) {
        const VnAccessClass *access = &node->access[i];
        if (!access->initiators || !vn_idset_is_subset(from, access->initiators))
            continue;
        double read = told->latency_ns ? (double) access->read_latency_ns
                                       : (double) access->read_bandwidth_bytes_per_second;
        double write = told->latency_ns
                           ? (double) access->write_latency_ns
                           : (double) access->write_bandwidth_bytes_per_second;
        switch (told->access) {
        case VN_ACCESS_READ:
            return read;
        case VN_ACCESS_WRITE:
            return write;
        case VN_ACCESS_ANY:
            /* One figure for both is true where they are about the same. */
            return figures_differ(read, write) ? 0 : read;
        }
        g_assert_not_reached();
    }
    return 0;
}

static char *
figure_text(const VnInterconnect *interconnect, double figure)
{
    if (interconnect->latency_ns)
        return g_strdup_printf("%.0f ns", figure);
    g_autofree char *bytes = vn_text_bytes((guint64) figure);
    return g_strconcat(bytes, "/s", NULL);
}

static double
told_figure(const VnInterconnect *told)
{
    return told->latency_ns ? told->latency_ns
                            : (double) told->bandwidth_bytes_per_second;
}

static void
check_performance(const Case *c)
{
    static const char *const accesses[] = {[VN_ACCESS_ANY] = "accesses",
                                           [VN_ACCESS_READ] = "reads",
                                           [VN_ACCESS_WRITE] = "writes"};
    Worst worst = {0};
    const VnInterconnect *named = NULL;
    for (guint i = 0; i < c->told->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(c->told->interconnects, VnInterconnect, i);
        double actual = actual_figure(c, one);
        if (actual > 0 && figures_differ(told_figure(one), actual) &&
            is_worst(&worst, one->initiator, one->target, told_figure(one), actual))
            named = one;
    }
    if (!named)
        return;
    g_autofree char *told = figure_text(named, told_figure(named));
    g_autofree char *actual = figure_text(named, actual_figure(c, named));
    g_autofree char *others = others_text(&worst, "figure");
    VnFinding *finding = vn_verdict_add(c->verdict, VN_FINDING_PERFORMANCE_DIFFERS,
                                        VN_SEVERITY_WARNING, pair_name(&worst));
    finding->text = g_strdup_printf(
        "told %s for %s from cell %u to cell %u; the host has %s for their homes now%s",
        told, accesses[named->access], named->initiator, named->target, actual, others);
    finding->remedy = tell_anew(c->guest);
}

static void
check_unnamed_vcpus(const Case *c)
{
    g_autoptr(VnIdSet) online = vn_idset_new();
    for (guint i = 0; c->guest->unnamed_vcpus && i < c->guest->vcpus->len; i++) {
        const VnVcpu *vcpu = c->guest->vcpus->pdata[i];
        if (vcpu->tid && vn_idset_contains(c->guest->unnamed_vcpus, vcpu->id))
            vn_idset_add(online, vcpu->id);
    }
    if (vn_idset_is_empty(online) || c->told->cells->len < 2)
        return;
    const char *call = vn_finding_call(c->guest);
    VnFinding *finding =
        vn_verdict_add(c->verdict, VN_FINDING_VCPU_IN_NO_CELL, VN_SEVERITY_WARNING,
                       vn_finding_ids("vCPU", online));
    finding->text = g_strdup("no cell names it, so that QEMU put it into cell 0");
    finding->remedy =
        g_strdup_printf("virsh setvcpu %s %d --disable --live, or name it in a <cell>: "
                        "virsh edit %s",
                        call, vn_idset_next(online, 0), call);
}

/* Where a vCPU runs, seen from its cell: at home, or at the home of this other cell. */
#define AT_HOME (-2) /* also: not known */
#define AT_NO_HOME (-1)

/*
 * The host nodes where the vCPU may run, when that is away from the CPUs of its cell's
 * home; NULL when it is not, or when one of them is not known.
 */
static VnIdSet *
nodes_away_from_home(const Case *c, const VnVcpu *vcpu)
{
    const VnIdSet *home = home_of(c, vcpu->cell);
    const VnIdSet *cpus = vcpu->affinity ? vcpu->affinity : vcpu->pinned;
    const VnIdSet *unnamed = c->guest->unnamed_vcpus;
    if (!vcpu->tid || !home || !cpus || (unnamed && vn_idset_contains(unnamed, vcpu->id)))
        return NULL;
    g_autoptr(VnIdSet) own = vn_host_cpus_of_nodes(c->host, home);
    g_autoptr(VnIdSet) nodes = vn_host_nodes_of_cpus(c->host, cpus);
    if (vn_idset_is_empty(own) || vn_idset_is_empty(nodes) ||
        vn_idset_overlaps(own, cpus))
        return NULL;
    return g_steal_pointer(&nodes);
}

static int
place_of_vcpu(const Case *c, const VnVcpu *vcpu)
{
    g_autoptr(VnIdSet) nodes = nodes_away_from_home(c, vcpu);
    if (!nodes)
        return AT_HOME;
    for (guint i = 0; i < c->guest->cells->len; i++) {
        const VnIdSet *home = home_of(c, i);
        if (home && vn_idset_is_subset(nodes, home))
            return (int) i;
    }
    return AT_NO_HOME;
}

/* The vCPUs of cell @index that run away from home. */
static void
add_vcpus_away(const Case *c, const VnIdSet *vcpus, guint index, int place)
{
    g_autoptr(VnIdSet) where = vn_idset_new();
    VN_IDSET_FOREACH (vcpus, id) {
        g_autoptr(VnIdSet) nodes =
            nodes_away_from_home(c, vn_guest_find_vcpu(c->guest, (guint) id));
        vn_idset_add_all(where, nodes);
    }
    g_autofree char *home = vn_finding_ids("host node", home_of(c, index));
    g_autofree char *nodes = vn_finding_ids("host node", where);
    g_autofree char *whose = place == AT_NO_HOME
                                 ? g_strdup("")
                                 : g_strdup_printf(", the home of cell %d", place);
    VnFinding *finding = vn_verdict_add(
        c->verdict,
        place == AT_NO_HOME ? VN_FINDING_VCPU_ELSEWHERE : VN_FINDING_VCPU_AT_OTHER_CELL,
        VN_SEVERITY_WARNING, vn_finding_ids("vCPU", vcpus));
    finding->text =
        g_strdup_printf("told to be in cell %u, whose home is %s; bound to run on %s%s",
                        index, home, nodes, whose);
    finding->remedy = bring_home(c->guest);
}

/* Those of one cell at one place are one finding. */
static void
check_vcpus(const Case *c)
{
    guint n_vcpus = c->guest->vcpus->len;
    g_autofree int *places = g_new(int, n_vcpus);
    for (guint i = 0; i < n_vcpus; i++)
        places[i] = place_of_vcpu(c, c->guest->vcpus->pdata[i]);
    for (guint i = 0; i < n_vcpus; i++) {
        guint cell = ((const VnVcpu *) c->guest->vcpus->pdata[i])->cell;
        int place = places[i];
        g_autoptr(VnIdSet) alike = vn_idset_new();
        for (guint j = i; j < n_vcpus && place != AT_HOME; j++) {
            const VnVcpu *vcpu = c->guest->vcpus->pdata[j];
            if (vcpu->cell != cell || places[j] != place)
                continue;
            vn_idset_add(alike, vcpu->id);
            places[j] = AT_HOME;
        }
        if (place != AT_HOME)
            add_vcpus_away(c, alike, cell, place);
    }
}

static void
check_told(const Case *c)
{
    const VnTag *tag = c->guest->tag;
    note_unknown_cells(c);
    for (guint i = 0; i < c->guest->cells->len; i++)
        check_memory(c, i);
    /* Distances that the administrator asked for are not ours to doubt. */
    if (!tag || tag->distances == VN_DISTANCES_HOST) {
        check_together(c);
        check_distances(c);
    }
    check_performance(c);
    check_unnamed_vcpus(c);
    check_vcpus(c);
}

static VnToldState
told_state(const VnVerdict *verdict)
{
    for (guint i = 0; i < verdict->findings->len; i++) {
        const VnFinding *finding = verdict->findings->pdata[i];
        if (vn_finding_is_untruth(finding) && finding->severity >= VN_SEVERITY_WARNING)
            return VN_TOLD_DIFFERS;
    }
    return verdict->unknown->len ? VN_TOLD_UNKNOWN : VN_TOLD_TRUE;
}

static void
verify_running(const Case *c)
{
    const VnGuest *guest = c->guest;
    if (!guest->told_cells) {
        vn_room_verify_running(c->host, guest, c->verdict);
        return;
    }
    if (c->told && c->told->cells->len == guest->cells->len)
        check_told(c);
    else
        vn_verdict_add_unknown(c->verdict, "what it is told is not known");
    c->verdict->told = told_state(c->verdict);
    vn_room_verify_running(c->host, guest, c->verdict);
}

VnVerdict *
vn_verify(const VnHost *host, const VnGuest *guest, const GPtrArray *homes,
          const VnGuest *stored)
{
    VnVerdict *verdict = vn_verdict_new(guest->name);
    g_autoptr(VnIdSet) together = vn_idset_new();
    Case c = {
        .host = host,
        .guest = guest,
        .told = guest->told,
        .homes = homes,
        .verdict = verdict,
        .together = together,
    };
    if (guest->trouble)
        vn_verdict_add_unknown(verdict, "%s", guest->trouble);
    if (guest->state != VN_GUEST_STOPPED)
        verify_running(&c);
    if (stored)
        vn_room_verify_start(host, guest, stored, verdict);
    return verdict;
}
