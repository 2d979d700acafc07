/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vn_build(): what comes out for hosts of all shapes, what is refused, what is kept. */
#include "guest-topology/build.h"

#include "model/home.h"
#include "tests/guest-topology/hosts.h"

#include <string.h>

#define PC "pc-q35-7.2"

/* A guest; what is not said is 0: memory in MiB, nodes as a list. */
typedef struct {
    const char *host;
    guint vcpus;
    guint64 memory_mib;
    guint64 page_mib;
    guint cells;
    guint most; /* max-vcpus-per-cell */
    gboolean no_smt;
    const char *exclude;
    VnCpuTopology topology;
    const char *expected;
} Case;

static VnTag *
tag_of(const Case *one)
{
    g_autoptr(GError) error = NULL;
    VnTag *tag = vn_tag_new();
    tag->cells = one->cells;
    tag->max_vcpus_per_cell = one->most;
    tag->smt = !one->no_smt;
    g_autoptr(VnIdSet) exclude = vn_idset_parse(one->exclude ? one->exclude : "", &error);
    g_assert_no_error(error);
    vn_idset_add_all(tag->exclude_nodes, exclude);
    return tag;
}

static VnBuildSize
size_of(const Case *one)
{
    return (VnBuildSize){
        .name = "db1",
        .vcpus = one->vcpus,
        .memory_bytes = one->memory_mib * MIB,
        .page_size_bytes = one->page_mib * MIB,
        .topology = one->topology.sockets > 0 ? &one->topology : NULL,
        .machine = PC,
    };
}

static VnVnuma *
build(const VnHost *host, const Case *one)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTag) tag = tag_of(one);
    VnBuildSize size = size_of(one);
    VnVnuma *vnuma = vn_build(host, &size, tag, &error);
    g_assert_no_error(error);
    g_assert_true(vn_vnuma_check(vnuma, &error));
    g_assert_cmpuint(vnuma->reasons->len, >=, 3);
    return vnuma;
}

static const Case shapes[] = {
    /* Fits on one node; then for its vCPUs, or its memory, it does not. */
    {"two-sockets", 8, 16384, .expected = "0-7/16384@0 1x1x4x2"},
    {"two-sockets", 64, 4096, .expected = "0-63/4096@0 1x1x32x2"},
    {"two-sockets", 66, 4096, .expected = "0-32/2048@0 33-65/2048@1 2x1x33x1"},
    {"two-sockets", 96, 4096, .expected = "0-47/2048@0 48-95/2048@1 2x1x24x2"},
    {"two-sockets", 2, 262146, .expected = "0/131074@0 1/131072@1 2x1x1x1"},
    {"two-sockets", 128, 524288, .expected = "0-63/262144@0 64-127/262144@1 2x1x32x2"},
    {"one-node", 16, 65536, .expected = "0-15/65536@0 1x1x8x2"},
    {"one-node", 7, 1024, .expected = "0-6/1024@0 1x1x7x1"},
    /* Threads do not count: half as many CPUs, and none are shown. */
    {"two-sockets", 64, 4096, .no_smt = TRUE,
     .expected = "0-31/2048@0 32-63/2048@1 2x1x32x1"},
    /* As many as asked for, also more than there are nodes. */
    {"two-sockets", 8, 4096, .cells = 2, .expected = "0-3/2048@0 4-7/2048@1 2x1x2x2"},
    {"two-sockets", 8, 4096, .cells = 4,
     .expected = "0-1/1024@0 2-3/1024@0 4-5/1024@1 6-7/1024@1 4x1x1x2"},
    {"two-sockets", 128, 4096, .cells = 1, .expected = "0-127/4096@0-1 1x1x64x2"},
    {"two-sockets", 16, 4096, .most = 4,
     .expected = "0-3/1024@0 4-7/1024@0 8-11/1024@1 12-15/1024@1 4x1x2x2"},
    {"one-node", 8, 1024, .cells = 3,
     .expected = "0-3/342@0 4-5/342@0 6-7/340@0 4x1x1x2"},
    /* What does not divide: a core more; a page more; less than a MiB. */
    {"holes", 11, 3072, .expected = "0-3/1024@0 4-7/1024@2 8-10/1024@33 11x1x1x1"},
    {"holes", 6, 21, .cells = 2, .expected = "0-2/11@0 3-5/10@2 2x1x3x1"},
    {"two-sockets", 5, 5120, .page_mib = 0, .cells = 2,
     .expected = "0-2/2560@0 3-4/2560@1 5x1x1x1"},
    /* Packages of several nodes: cells are dies. */
    {"sub-numa", 32, 65536,
     .expected = "0-7/16384@0 8-15/16384@1 16-23/16384@2 24-31/16384@3 1x4x4x2"},
    {"sub-numa", 64, 65536,
     .expected = "0-7/8192@0 8-15/8192@1 16-23/8192@2 24-31/8192@3 32-39/8192@4 "
                 "40-47/8192@5 48-55/8192@6 56-63/8192@7 2x4x4x2"},
    {"sub-numa", 40, 65536, .cells = 5,
     .expected = "0-7/13108@0 8-15/13108@1 16-23/13108@2 24-31/13106@3 "
                 "32-39/13106@4 5x1x4x2"},
    {"alternating", 16, 8192, .expected = "0-7/4096@0 8-15/4096@2 1x2x8x1"},
    {"alternating", 32, 8192,
     .expected = "0-7/2048@0 8-15/2048@2 16-23/2048@1 24-31/2048@3 2x2x8x1"},
    /* Expanders are of use when memory is short, and then as a part of a home. */
    {"expanders", 4, 16384, .expected = "0-3/16384@0 1x1x4x1"},
    {"expanders", 16, 32768, .expected = "0-7/16384@0 8-15/16384@1 2x1x8x1"},
    {"expanders", 4, 65536, .expected = "0-1/32768@0,2 2-3/32768@1,3 2x1x2x1"},
    /* The CPUs of nodes without memory count for the nearest memory. */
    {"memoryless", 8, 16384, .expected = "0-7/16384@0 1x1x8x1"},
    {"memoryless", 16, 16384, .expected = "0-7/8192@0 8-15/8192@2 2x1x8x1"},
    {"memoryless", 4, 16384, .exclude = "0,1", .expected = "0-3/16384@2 1x1x4x1"},
    {"holes", 12, 3072, .expected = "0-3/1024@0 4-7/1024@2 8-11/1024@33 3x1x4x1"},
    {"holes", 8, 2048, .exclude = "2,7", .expected = "0-3/1024@0 4-7/1024@33 2x1x4x1"},
    /* There and back, neighbours and the opposite: 75, 60. */
    {"ring", 8, 2048, .expected = "0-3/1024@0 4-7/1024@2 2x1x4x1"},
    /* Cores with a sibling that is offline are not alike. */
    {"offline", 6, 2048, .expected = "0-2/1024@0 3-5/1024@1 2x1x3x1"},
    {"offline", 4, 2048, .expected = "0-1/1024@0 2-3/1024@1 2x1x2x1"},
    {"offline", 4, 2048, .no_smt = TRUE, .expected = "0-1/1024@0 2-3/1024@1 2x1x2x1"},
    {"untold", 8, 2048, .expected = "0-3/1024@0 4-7/1024@1 2x1x4x1"},
    /* No number of cells makes each fit on a node. */
    {"uneven", 96, 61440, .expected = "0-95/61440@0-1 1x1x48x2"},
    {"uneven", 96, 61440, .cells = 2,
     .expected = "0-47/30720@0-1 48-95/30720@0-1 2x1x24x2"},
    {"two-sockets", 1, 300 * 1024, .expected = "0/307200@0-1 1x1x1x1"},
    {"ring", 2, 20 * 1024, .expected = "0/10240@0,2 1/10240@1,3 2x1x1x1"},
    {"small-neighbour", 1, 18432, .expected = "0/18432@0,2 1x1x1x1"},
    {"small-neighbour", 4, 1024, .expected = "0-3/1024@2 1x1x4x1"},
    /* An administrator's topology: whole sockets, dies, parts of one. */
    {"two-sockets", 96, 4096, .topology = {3, 1, 32, 1},
     .expected = "0-63/2048@0 64-95/2048@1 3x1x32x1"},
    {"two-sockets", 96, 4096, .topology = {1, 1, 48, 2},
     .expected = "0-47/2048@0 48-95/2048@1 1x1x48x2"},
    {"sub-numa", 24, 4096, .topology = {1, 3, 8, 1},
     .expected = "0-7/1366@0 8-15/1366@1 16-23/1364@2 1x3x8x1"},
    {"sub-numa", 16, 4096, .topology = {16, 1, 1, 1},
     .expected = "0-7/2048@0 8-15/2048@1 16x1x1x1"},
    {"sub-numa", 16, 4096, .cells = 2, .topology = {1, 4, 4, 1},
     .expected = "0-7/2048@0 8-15/2048@1 1x4x4x1"},
    /* Three cells would cut a core, or a socket's die: four do not. */
    {"sub-numa", 24, 4096, .topology = {1, 2, 6, 2},
     .expected = "0-5/1024@0 6-11/1024@1 12-17/1024@2 18-23/1024@3 1x2x6x2"},
};

static void
test_shapes(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_autoptr(VnHost) host = hosts_named(shapes[i].host);
        g_autoptr(VnVnuma) vnuma = build(host, &shapes[i]);
        g_autofree char *text = hosts_describe(vnuma);
        if (!g_str_equal(text, shapes[i].expected))
            g_test_message("%s, case %u", shapes[i].host, (guint) i);
        g_assert_cmpstr(text, ==, shapes[i].expected);
    }
}

static void
test_huge_pages(void)
{
    static const Case cases[] = {
        {"two-sockets", 8, 8192, 2, .expected = "0-7/8192@0 1x1x4x2"},
        {"two-sockets", 8, 8194, 2, .expected = "0-3/4098@0 4-7/4096@1 2x1x2x2"},
        {"two-sockets", 8, 3072, 1024, .expected = "0-7/3072@1 1x1x4x2"},
        {"two-sockets", 8, 4096, 1024, .expected = "0-7/4096@0-1 1x1x4x2"},
        /* The page more goes where there is one. */
        {"two-sockets", 8, 3072, 1024, .cells = 2,
         .expected = "0-3/1024@0 4-7/2048@1 2x1x2x2"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = hosts_named(cases[i].host);
        hosts_add_pages(host, 0, 2 * MIB, 4096);
        hosts_add_pages(host, 0, GIB, 1);
        hosts_add_pages(host, 1, 2 * MIB, 2048);
        hosts_add_pages(host, 1, GIB, 3);
        g_autoptr(VnVnuma) vnuma = build(host, &cases[i]);
        g_autofree char *text = hosts_describe(vnuma);
        g_assert_cmpstr(text, ==, cases[i].expected);
        g_assert_cmpuint(vnuma->page_size_bytes, ==, cases[i].page_mib * MIB);
    }
}

/* Less than a MiB is the last cell's; libvirt rounds it up. */
static void
test_crumbs(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnHost) host = hosts_named("two-sockets");
    g_autoptr(VnTag) tag = vn_tag_new();
    VnBuildSize size = {.name = "db1", .vcpus = 4, .memory_bytes = 5 * MIB + 4096};
    tag->cells = 2;
    g_autoptr(VnVnuma) vnuma = vn_build(host, &size, tag, &error);
    g_assert_no_error(error);
    g_autofree char *text = hosts_describe(vnuma);
    g_assert_cmpstr(text, ==, "0-1/3@0 2-3/2052K@1 2x1x1x2");
}

static void
assert_refused(const VnHost *host, const Case *one, VnErrorCode code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTag) tag = tag_of(one);
    VnBuildSize size = size_of(one);
    g_assert_null(vn_build(host, &size, tag, &error));
    g_assert_error(error, VN_ERROR, (int) code);
    g_assert_true(g_str_has_prefix(error->message, "guest db1: "));
    if (!strstr(error->message, one->expected))
        g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, one->expected));
}

static void
test_refused(void)
{
    static const Case cases[] = {
        {"two-sockets", 129, 4096,
         .expected = "129 vCPUs, but host nodes 0-1 have 128 CPUs; would fit: 128 vCPUs"},
        {"two-sockets", 8, 524289,
         .expected = "524289 MiB of memory, but host nodes 0-1 have 512 GiB free; would "
                     "fit: 512 GiB"},
        {"two-sockets", 200, 614400, .expected = "would fit: 512 GiB and 128 vCPUs"},
        {"two-sockets", 65, 4096, .no_smt = TRUE,
         .expected = "have 64 cores (smt is off); would fit: 64 vCPUs, or hardware "
                     "threads counted"},
        {"two-sockets", 65, 4096, .exclude = "0",
         .expected = "host node 1 has 64 CPUs; would fit: 64 vCPUs, or no exclude-nodes"},
        {"two-sockets", 8, 4096, .exclude = "0-1",
         .expected = "no host node with memory is left; would fit: no exclude-nodes"},
        {"two-sockets", 8, 4096, .page_mib = 2,
         .expected = "have 4 MiB free in pages of 2 MiB; would fit: 4 MiB, or page size "
                     "4 KiB, or page size 1 GiB"},
        {"expanders", 16, 163841, .expected = "would fit: 160 GiB"},
        {"memoryless", 17, 1024, .expected = "host nodes 0,2 have 16 CPUs"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = hosts_named(cases[i].host);
        hosts_add_pages(host, 0, 2 * MIB, 2);
        hosts_add_pages(host, 0, GIB, 4);
        assert_refused(host, &cases[i], VN_ERROR_REFUSED);
    }
}

static void
test_contradictions(void)
{
    static const Case cases[] = {
        {"two-sockets", 8, 4096, .topology = {1, 0, 8, 1}, .expected = " 0 dies"},
        /* In 64 bits this product is 8. */
        {"two-sockets", 8, 4096, .topology = {55810, 34724, 49477, 384773},
         .expected = "is not its 8 vCPUs"},
        {"two-sockets", 0, 4096, .expected = "it has to have 1 to 4096 vCPUs"},
        {"two-sockets", 4097, 4096, .expected = "it has to have 1 to 4096 vCPUs"},
        {"two-sockets", 4, 0, .expected = "1 MiB of memory at least"},
        {"two-sockets", 4, 5, .page_mib = 2,
         .expected = "5 MiB is not whole pages of 2 MiB; 4 MiB or 6 MiB would be"},
        {"two-sockets", 4, 512, .page_mib = 1024,
         .expected = "512 MiB is not whole pages of 1 GiB; 1 GiB would be"},
        {"two-sockets", 4, 9, .page_mib = 3, .expected = "there are no pages of 3 MiB"},
        {"two-sockets", 8, 4096, .topology = {2, 1, 2, 1},
         .expected = "2 sockets, 1 dies, 2 cores and 1 threads is not its 8 vCPUs"},
        {"two-sockets", 4, 4096, .cells = 5,
         .expected = "do not divide into 5 cells, each with a vCPU and 2 MiB at least; "
                     "possible: cells='1', cells='2', cells='3', cells='4'"},
        {"two-sockets", 8, 4, .cells = 3, .expected = "possible: cells='1', cells='2'"},
        {"two-sockets", 12, 4096, .cells = 2, .topology = {1, 1, 3, 4},
         .expected =
             "in their <topology> and 4 GiB of memory do not divide into 2 cells"},
        {"two-sockets", 8, 4096, .most = 2, .topology = {1, 1, 2, 4},
         .expected =
             "into cells of at most 2 vCPUs, each with a vCPU and 2 MiB at least; "
             "possible: no number of cells"},
        {"two-sockets", 8, 4096, .cells = 129, .expected = "into 129 cells"},
        {"two-sockets", 300, 4096, .most = 2, .expected = "no number of cells"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = hosts_named(cases[i].host);
        assert_refused(host, &cases[i], VN_ERROR_INVALID);
    }
}

static void
test_recorded(void)
{
    static const Case cases[] = {
        {"small-vm", 2, 512, .expected = "0-1/512@0 "},
        {"lab-one-node", 2, 512, .expected = "0-1/512@0 "},
        {"lab-two-nodes", 4, 512, .expected = "0-1/256@0 2-3/256@1 "},
        {"lab-four-nodes", 4, 512, .expected = "0-1/256@0 2-3/256@1 "},
        {"lab-eight-nodes", 4, 512, .cells = 2},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = hosts_recorded(cases[i].host);
        g_autoptr(VnVnuma) vnuma = build(host, &cases[i]);
        g_autofree char *text = hosts_describe(vnuma);
        /* This one has an HMAT: latency and bandwidth of each cell. */
        g_assert_cmpuint(vnuma->interconnects->len, ==,
                         g_str_equal(cases[i].host, "lab-four-nodes") ? 4 : 0);
        if (cases[i].expected)
            g_assert_true(g_str_has_prefix(text, cases[i].expected));
        else
            g_assert_cmpuint(vnuma->cells->len, ==, 2);
    }
}

/* Kept while it fits, though another node has more room by then; else anew. */
static void
test_kept(void)
{
    const Case one = {"two-sockets", 32, 65536};
    g_autoptr(GError) error = NULL;
    g_autoptr(VnHost) host = hosts_named(one.host);
    g_autoptr(VnTag) tag = tag_of(&one);
    g_autoptr(VnVnuma) first = build(host, &one);
    VnBuildSize size = size_of(&one);
    size.previous = first;
    VnHostNode *node = host->nodes->pdata[0];

    node->free_bytes = 64 * GIB;
    g_autoptr(VnVnuma) kept = vn_build(host, &size, tag, &error);
    g_assert_no_error(error);
    g_assert_true(vn_idset_contains(vn_vnuma_cell(kept, 0)->home, 0));

    node->free_bytes -= 1;
    g_autoptr(VnVnuma) moved = vn_build(host, &size, tag, &error);
    g_assert_no_error(error);
    g_assert_true(vn_idset_contains(vn_vnuma_cell(moved, 0)->home, 1));

    /* What it holds itself comes back when it stops. */
    g_autoptr(GArray) own = g_array_new(FALSE, TRUE, sizeof(guint64));
    guint64 bytes = 1;
    g_array_append_val(own, bytes);
    size.own_bytes = own;
    g_autoptr(VnVnuma) again = vn_build(host, &size, tag, &error);
    g_assert_no_error(error);
    g_assert_true(vn_idset_contains(vn_vnuma_cell(again, 0)->home, 0));
}

/* Not kept when CPUs have gone offline. */
static void
test_kept_without_cpus(void)
{
    const Case one = {"two-sockets", 32, 65536};
    g_autoptr(VnHost) host = hosts_named(one.host);
    g_autoptr(VnTag) tag = tag_of(&one);
    g_autoptr(VnVnuma) first = build(host, &one);
    VnBuildSize size = size_of(&one);
    size.previous = first;
    for (guint online = 33; online >= 31; online--) {
        g_autoptr(GError) error = NULL;
        VnHostNode *node = host->nodes->pdata[0];
        g_autoptr(VnIdSet) cpus = vn_idset_copy(node->cpus);
        VN_IDSET_FOREACH (cpus, id) {
            if ((guint) id >= online)
                vn_idset_remove(node->cpus, (guint) id);
        }
        g_autoptr(VnVnuma) vnuma = vn_build(host, &size, tag, &error);
        g_assert_no_error(error);
        g_assert_true(vn_idset_contains(vn_vnuma_cell(vnuma, 0)->home, online < 32));
    }
}

/* Huge pages that it holds itself count too, but no more than there are. */
static void
test_own_pages(void)
{
    static const struct {
        guint64 own_mib;
        gboolean fits;
    } cases[] = {{0, FALSE}, {2, FALSE}, {3, FALSE}, {4, TRUE}, {100, TRUE}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case one = {"one-node", 4, 20, 2};
        g_autoptr(GError) error = NULL;
        g_autoptr(VnHost) host = hosts_named(one.host);
        g_autoptr(VnTag) tag = tag_of(&one);
        g_autoptr(GArray) own = g_array_new(FALSE, TRUE, sizeof(guint64));
        guint64 bytes = cases[i].own_mib * MIB;
        VnBuildSize size = size_of(&one);
        g_array_append_val(own, bytes);
        size.own_bytes = own;
        hosts_add_pages(host, 0, 2 * MIB, 8); /* of 10 */
        g_autoptr(VnVnuma) vnuma = vn_build(host, &size, tag, &error);
        g_assert_true((vnuma != NULL) == cases[i].fits);
        size.memory_bytes += 2 * MIB;
        g_assert_null(vn_build(host, &size, tag, NULL));
    }
}

/* The most cells and vCPUs that there may be. */
static void
test_limits(void)
{
    g_autoptr(VnHost) host = hosts_parse("0:0-8191:512", "10", 2);
    g_autoptr(VnVnuma) vnuma =
        build(host, &(Case){NULL, VN_VCPUS_MAX, 4096, .cells = VN_CELLS_MAX});
    g_assert_cmpuint(vnuma->cells->len, ==, VN_CELLS_MAX);
    g_assert_cmpuint(vn_idset_count(vn_vnuma_cell(vnuma, 127)->vcpus), ==, 32);
    g_assert_cmpuint(vn_vnuma_distance(vnuma, 0, 127), ==, 11);
}

/* Cells that share a home are counted together. */
static void
test_kept_together(void)
{
    const Case one = {"one-node", 8, 32768, .cells = 2};
    g_autoptr(GError) error = NULL;
    g_autoptr(VnHost) host = hosts_named(one.host);
    g_autoptr(VnTag) tag = tag_of(&one);
    g_autoptr(VnVnuma) first = build(host, &one);
    VnBuildSize size = size_of(&one);
    size.previous = first;
    ((VnHostNode *) host->nodes->pdata[0])->free_bytes = 32 * GIB;
    g_autoptr(VnVnuma) kept = vn_build(host, &size, tag, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(kept->cells->len, ==, 2);
    ((VnHostNode *) host->nodes->pdata[0])->free_bytes -= 1;
    g_assert_null(vn_build(host, &size, tag, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_REFUSED);
}

/* A change of what is asked for ends it. */
static void
test_not_kept(void)
{
    static const Case pairs[][2] = {
        {{"two-sockets", 32, 65536},
         {NULL, 32, 65536, .exclude = "0", .expected = "0-31/65536@1 1x1x16x2"}},
        {{"two-sockets", 32, 65536},
         {NULL, 32, 65536, .cells = 2, .expected = "0-15/32768@0 16-31/32768@1 2x1x8x2"}},
        {{"two-sockets", 32, 65536},
         {NULL, 32, 65536, .most = 16, .expected = "0-15/32768@0 16-31/32768@1 2x1x8x2"}},
        {{"two-sockets", 32, 65536},
         {NULL, 34, 65536, .expected = "0-33/65536@0 1x1x17x2"}},
        {{"two-sockets", 32, 65536},
         {NULL, 32, 65538, .expected = "0-31/65538@0 1x1x16x2"}},
        {{"two-sockets", 96, 4096, .topology = {3, 1, 32, 1}},
         {NULL, 96, 4096, .most = 48, .expected = "0-47/2048@0 48-95/2048@1 2x1x24x2"}},
        {{"two-sockets", 24, 4096, .cells = 2},
         {NULL, 24, 4096, .topology = {3, 1, 8, 1}, .expected = "0-23/4096@0 3x1x8x1"}},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnHost) host = hosts_named(pairs[i][0].host);
        g_autoptr(VnVnuma) first = build(host, &pairs[i][0]);
        g_autoptr(VnTag) tag = tag_of(&pairs[i][1]);
        VnBuildSize size = size_of(&pairs[i][1]);
        size.previous = first;
        g_autoptr(VnVnuma) vnuma = vn_build(host, &size, tag, &error);
        g_assert_no_error(error);
        g_autofree char *text = hosts_describe(vnuma);
        g_assert_cmpstr(text, ==, pairs[i][1].expected);
    }
}

/* Dies only where QEMU has them. */
static void
test_machine(void)
{
    static const struct {
        const char *machine;
        guint dies;
    } cases[] = {{"pc", 4},   {"pc-i440fx-7.2", 4}, {"q35", 4},
                 {"virt", 1}, {"pseries", 1},       {NULL, 1}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnHost) host = hosts_named("sub-numa");
        g_autoptr(VnTag) tag = vn_tag_new();
        VnBuildSize size = {
            .name = "db1", .vcpus = 32, .memory_bytes = GIB, .machine = cases[i].machine};
        g_autoptr(VnVnuma) vnuma = vn_build(host, &size, tag, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(vnuma->topology.dies, ==, cases[i].dies);
        g_assert_cmpuint(vnuma->topology.sockets * cases[i].dies, ==, 4);
        g_assert_cmpstr(vnuma->machine, ==, cases[i].machine);
    }
}

/* A matrix in the tag says how many cells; distances are the result's. */
static void
test_distances_asked_for(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnHost) host = hosts_named("two-sockets");
    g_autoptr(VnTag) tag = vn_tag_new();
    VnBuildSize size = {.name = "db1", .vcpus = 6, .memory_bytes = GIB};
    static const guint matrix[] = {10, 30, 40, 31, 10, 41, 50, 51, 10};
    tag->distances = VN_DISTANCES_EXPLICIT;
    tag->matrix = g_memdup2(matrix, sizeof matrix);
    tag->matrix_cells = 3;
    g_autoptr(VnVnuma) vnuma = vn_build(host, &size, tag, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(vnuma->cells->len, ==, 3);
    g_assert_cmpuint(vn_vnuma_distance(vnuma, 2, 1), ==, 51);

    tag->cells = 2;
    g_assert_null(vn_build(host, &size, tag, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_assert_true(g_str_has_prefix(error->message, "guest db1: distances: "));
}

/* Among many nodes too the close ones are found: eight packages of eight nodes. */
static void
test_many_nodes(void)
{
    g_autoptr(VnHost) host = vn_host_new();
    host->page_size_bytes = 4096;
    for (guint i = 0; i < 64; i++) {
        VnHostNode *node = vn_host_add_node(host, i);
        node->memory_bytes = 8 * GIB;
        /* Only the fifth package has eight nodes with room for 4 GiB. */
        node->free_bytes = i / 8 == 5 || i % 8 > 0 ? 4 * GIB : GIB;
        node->distances = g_new(guint, 64);
        for (guint j = 0; j < 4; j++)
            vn_idset_add(node->cpus, i * 4 + j);
        for (guint j = 0; j < 64; j++)
            node->distances[j] = i == j ? 10 : i / 8 == j / 8 ? 12 : 32;
    }
    g_autoptr(VnVnuma) vnuma = build(host, &(Case){NULL, 32, 32768});
    g_assert_cmpuint(vnuma->cells->len, ==, 8);
    for (guint i = 0; i < 8; i++)
        g_assert_true(vn_idset_contains(vn_vnuma_cell(vnuma, i)->home, 40 + i));
}

/* Of nodes with a CPU and 4 GiB each: homes no larger than they have to be. */
static void
test_many_groups(void)
{
    static const struct {
        guint host_nodes;
        guint vcpus;
        guint64 memory_gib;
        guint cells;
        guint nodes; /* of each */
    } cases[] = {{64, 4, 200, 4, 13},
                 {64, 1, 200, 1, 50},
                 {64, 40, 250, 32, 2},
                 {64, 1, 256, 1, 64},
                 {256, 127, 1020, 85, 3}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint n = cases[i].host_nodes;
        g_autoptr(VnHost) host = vn_host_new();
        host->page_size_bytes = 4096;
        for (guint j = 0; j < n; j++) {
            VnHostNode *node = vn_host_add_node(host, j);
            node->memory_bytes = node->free_bytes = 4 * GIB;
            node->distances = g_new(guint, n);
            vn_idset_add(node->cpus, j);
            for (guint k = 0; k < n; k++)
                node->distances[k] = 10 + (j > k ? j - k : k - j) / 2;
        }
        g_autoptr(VnVnuma) vnuma =
            build(host, &(Case){NULL, cases[i].vcpus, cases[i].memory_gib * 1024});
        g_assert_cmpuint(vnuma->cells->len, ==, cases[i].cells);
        for (guint j = 0; j < vnuma->cells->len; j++)
            g_assert_cmpuint(vn_idset_count(vn_vnuma_cell(vnuma, j)->home), <=,
                             cases[i].nodes);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/build/shapes", test_shapes);
    g_test_add_func("/build/huge-pages", test_huge_pages);
    g_test_add_func("/build/crumbs", test_crumbs);
    g_test_add_func("/build/refused", test_refused);
    g_test_add_func("/build/contradictions", test_contradictions);
    g_test_add_func("/build/recorded", test_recorded);
    g_test_add_func("/build/own-pages", test_own_pages);
    g_test_add_func("/build/limits", test_limits);
    g_test_add_func("/build/kept", test_kept);
    g_test_add_func("/build/kept-without-cpus", test_kept_without_cpus);
    g_test_add_func("/build/kept-together", test_kept_together);
    g_test_add_func("/build/not-kept", test_not_kept);
    g_test_add_func("/build/machine", test_machine);
    g_test_add_func("/build/distances-asked-for", test_distances_asked_for);
    g_test_add_func("/build/many-nodes", test_many_nodes);
    g_test_add_func("/build/many-groups", test_many_groups);
    return g_test_run();
}
