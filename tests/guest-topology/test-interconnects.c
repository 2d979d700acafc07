/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of the host's HMAT a guest is told: the nearest initiators' figures, or none. */
#include "guest-topology/interconnects.h"

#include "tests/guest-topology/hosts.h"

#define MIB_PER_SECOND MIB

/* Figures of the node at @index, in ns and MiB/s, from initiators @from. */
typedef struct {
    guint index;
    guint rank; /* class */
    const char *from;
    guint read_ns;
    guint write_ns;
    guint read_mib;
    guint write_mib;
} Figures;

static void
set_figures(const VnHost *host, const Figures *figures)
{
    g_autoptr(GError) error = NULL;
    VnHostNode *node = host->nodes->pdata[figures->index];
    VnAccessClass *access = &node->access[figures->rank];
    vn_idset_free(access->initiators);
    *access = (VnAccessClass){
        .initiators = vn_idset_parse(figures->from, &error),
        .read_latency_ns = figures->read_ns,
        .write_latency_ns = figures->write_ns,
        .read_bandwidth_bytes_per_second = figures->read_mib * MIB_PER_SECOND,
        .write_bandwidth_bytes_per_second = figures->write_mib * MIB_PER_SECOND,
    };
    g_assert_no_error(error);
}

/* "vCPU count@home" by blanks. */
static VnVnuma *
make_vnuma(const char *cells)
{
    g_auto(GStrv) list = g_strsplit(cells, " ", 0);
    VnVnuma *vnuma = vn_vnuma_new(8);
    guint next_vcpu = 0;
    for (guint i = 0; list[i]; i++) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) parts = g_strsplit(list[i], "@", 2);
        VnVnumaCell *cell = vn_vnuma_add_cell(vnuma);
        g_autoptr(VnIdSet) home = vn_idset_parse(parts[1], &error);
        g_assert_no_error(error);
        vn_idset_add_all(cell->home, home);
        cell->memory_bytes = GIB;
        for (guint64 j = g_ascii_strtoull(parts[0], NULL, 10); j > 0; j--)
            vn_idset_add(cell->vcpus, next_vcpu++);
    }
    return vnuma;
}

/* "0>1 read 80ns" or "0>1 any 100MiB", by commas. */
static char *
describe(const VnVnuma *vnuma)
{
    static const char *const accesses[] = {"any", "read", "write"};
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        g_assert_cmpuint(one->cache, ==, 0);
        g_string_append_printf(text, "%s%u>%u %s ", i > 0 ? ", " : "", one->initiator,
                               one->target, accesses[one->access]);
        if (one->latency_ns > 0)
            g_string_append_printf(text, "%uns", one->latency_ns);
        else
            g_string_append_printf(
                text, "%uMiB",
                (guint) (one->bandwidth_bytes_per_second / MIB_PER_SECOND));
    }
    return g_string_free(text, FALSE);
}

static void
derive(const VnHost *host, VnVnuma *vnuma, gboolean hmat)
{
    g_autoptr(VnTag) tag = vn_tag_new();
    const VnInterconnect old = {.latency_ns = 1};
    tag->hmat = hmat;
    g_array_append_val(vnuma->interconnects, old); /* is replaced */
    vn_interconnects_derive(host, vnuma, tag);
}

static void
test_derived(void)
{
    static const struct {
        const char *host;
        const char *cells;
        Figures figures[3];
        const char *expected;
    } cases[] = {
        {"two-sockets",
         "1@0 1@1",
         {{0, 1, "0", 80, 80, 100, 100}, {1, 1, "1", 90, 95, 70, 60}},
         "0>0 any 80ns, 0>0 any 100MiB, 1>1 read 90ns, 1>1 write 95ns, 1>1 read 70MiB, "
         "1>1 write 60MiB"},
        /* Two cells on one node: libvirt takes no link that goes both ways. */
        {"two-sockets",
         "1@0 1@0",
         {{0, 1, "0", 80, 80, 100, 100}},
         "0>0 any 80ns, 0>0 any 100MiB, 1>1 any 80ns, 1>1 any 100MiB"},
        /* A cell without CPUs on an expander, whose nearest CPUs are node 1's. */
        {"expanders",
         "1@0 1@1 0@3",
         {{0, 1, "0", 80, 80, 90, 90},
          {1, 1, "1", 80, 80, 90, 90},
          {3, 1, "1", 250, 250, 30, 30}},
         "0>0 any 80ns, 0>0 any 90MiB, 1>1 any 80ns, 1>1 any 90MiB, 1>2 any 250ns, "
         "1>2 any 30MiB"},
        /* Class 1 is that of CPUs; where it lacks figures class 0 may do. */
        {"two-sockets",
         "1@0",
         {{0, 0, "7", 40, 40, 900, 900}, {0, 1, "0", 80, 80, 90, 90}},
         "0>0 any 80ns, 0>0 any 90MiB"},
        {"two-sockets",
         "1@0",
         {{0, 0, "0", 40, 40, 900, 900}, {0, 1, "0", 0, 0, 0, 0}},
         "0>0 any 40ns, 0>0 any 900MiB"},
        /* The CPUs of a node without memory are at home at the nearest. */
        {"memoryless",
         "1@0",
         {{0, 1, "1", 80, 80, 90, 90}},
         "0>0 any 80ns, 0>0 any 90MiB"},
        {"holes", "1@33", {{2, 1, "33", 80, 80, 90, 90}}, "0>0 any 80ns, 0>0 any 90MiB"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = hosts_named(cases[i].host);
        g_autoptr(VnVnuma) vnuma = make_vnuma(cases[i].cells);
        for (guint j = 0; j < 3 && cases[i].figures[j].from; j++)
            set_figures(host, &cases[i].figures[j]);
        derive(host, vnuma, TRUE);
        g_autofree char *text = describe(vnuma);
        g_assert_cmpstr(text, ==, cases[i].expected);
    }
}

/* All or none. */
static void
test_none(void)
{
    static const struct {
        const char *host;
        const char *cells;
        Figures figures[2];
        gboolean off;
    } cases[] = {
        {"two-sockets", "1@0 1@1", {{0, 1, "0", 80, 80, 90, 90}}},
        {"two-sockets",
         "1@0-1",
         {{0, 1, "0", 80, 80, 90, 90}, {1, 1, "1", 80, 80, 90, 90}}},
        {"two-sockets", "1@0", {{0, 1, "1", 80, 80, 90, 90}}},
        {"two-sockets", "1@0", {{0, 1, "", 80, 80, 90, 90}}},
        {"two-sockets", "1@0", {{0, 1, "0", 80, 0, 90, 90}}},
        {"two-sockets", "1@0", {{0, 1, "0", 80, 80, 0, 90}}},
        {"two-sockets", "1@0", {{0, 1, "0", 65535, 80, 90, 90}}},
        {"two-sockets", "1@0", {{0, 1, "0", 80, 80, 90, 90}}, TRUE},
        {"two-sockets", "1@", {{0, 1, "0", 80, 80, 90, 90}}},
        {"two-sockets", "1@9", {{0, 1, "0", 80, 80, 90, 90}}},
        {"expanders",
         "1@0 0@3",
         {{0, 1, "0", 80, 80, 90, 90}, {3, 1, "1", 250, 250, 30, 30}}},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = hosts_named(cases[i].host);
        g_autoptr(VnVnuma) vnuma = make_vnuma(cases[i].cells);
        for (guint j = 0; j < 2 && cases[i].figures[j].from; j++)
            set_figures(host, &cases[i].figures[j]);
        derive(host, vnuma, !cases[i].off);
        g_assert_cmpuint(vnuma->interconnects->len, ==, 0);
    }
}

/* 16 bits of a common unit: what QEMU can write. */
static void
test_units(void)
{
    static const struct {
        guint one_mib;
        guint other_mib;
        const char *expected;
    } cases[] = {
        {65534, 1, "0>0 any 80ns, 0>0 any 65534MiB, 1>1 any 80ns, 1>1 any 1MiB"},
        {65535, 1, "0>0 any 80ns, 0>0 any 65534MiB, 1>1 any 80ns, 1>1 any 2MiB"},
        {204801, 131073,
         "0>0 any 80ns, 0>0 any 204800MiB, 1>1 any 80ns, 1>1 any 131072MiB"},
        {4194303, 7, "0>0 any 80ns, 0>0 any 4194176MiB, 1>1 any 80ns, 1>1 any 128MiB"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = hosts_named("two-sockets");
        g_autoptr(VnVnuma) vnuma = make_vnuma("1@0 1@1");
        set_figures(host,
                    &(Figures){0, 1, "0", 80, 80, cases[i].one_mib, cases[i].one_mib});
        set_figures(
            host, &(Figures){1, 1, "1", 80, 80, cases[i].other_mib, cases[i].other_mib});
        derive(host, vnuma, TRUE);
        g_autofree char *text = describe(vnuma);
        g_assert_cmpstr(text, ==, cases[i].expected);
    }
}

/* A recorded host with HMAT: what QEMU was told there comes out again. */
static void
test_recorded(void)
{
    g_autoptr(VnHost) host = hosts_recorded("lab-four-nodes");
    g_autoptr(VnVnuma) vnuma = make_vnuma("2@0 2@2 0@3");
    derive(host, vnuma, TRUE);
    g_autofree char *text = describe(vnuma);
    g_assert_cmpstr(text, ==,
                    "0>0 any 80ns, 0>0 any 102400MiB, 1>1 any 80ns, 1>1 any 102400MiB, "
                    "1>2 any 250ns, 1>2 any 30720MiB");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/interconnects/derived", test_derived);
    g_test_add_func("/interconnects/none", test_none);
    g_test_add_func("/interconnects/units", test_units);
    g_test_add_func("/interconnects/recorded", test_recorded);
    return g_test_run();
}
