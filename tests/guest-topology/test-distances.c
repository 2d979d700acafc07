/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Told distances: the formula, that results are valid, and what the tag may ask for. */
#include "guest-topology/distances.h"

#include "tests/guest-topology/hosts.h"

#include <string.h>

static void
test_between(void)
{
    static const struct {
        const char *host;
        const char *from;
        const char *to;
        guint distance;
    } cases[] = {
        {"two-sockets", "0", "1", 21},
        {"two-sockets", "0", "0", 11},     /* two cells on one node: above 10 */
        {"two-sockets", "0", "0-1", 16},   /* (10 + 21) / 2, half up */
        {"two-sockets", "0-1", "0-1", 16}, /* both at home on both */
        {"sub-numa", "0", "1", 12},
        {"sub-numa", "0-3", "4-7", 32},
        {"sub-numa", "0-1", "2,4", 22},
        {"ring", "0", "1", 15}, /* each direction its own */
        {"ring", "1", "0", 60},
        {"ring", "0,1", "2", 23}, /* (30 + 15) / 2 */
        {"ring", "2", "0,1", 45},
        {"holes", "0", "33", 22},
        {"holes", "33", "0-2", 19}, /* node 1 does not exist */
        {"holes", "0", "1", 255},
        {"untold", "0", "1", 20},
        {"expanders", "1", "2", 24},
        {"two-sockets", "", "1", 20},
        {"two-sockets", "1", "", 20},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = hosts_named(cases[i].host);
        g_autoptr(VnIdSet) from = scenario_idset(cases[i].from);
        g_autoptr(VnIdSet) to = scenario_idset(cases[i].to);
        g_assert_cmpuint(vn_distances_between(host, from, to), ==, cases[i].distance);
    }
}

/* At the ends of what may be told. */
static void
test_limits(void)
{
    static const struct {
        const char *distances; /* of nodes 0 and 1 */
        guint there;
        guint back;
        guint spanning; /* from 0 to both */
    } cases[] = {
        {"10 11 11 10", 11, 11, 11},      {"10 10 10 10", 11, 11, 11},
        {"10 254 254 10", 254, 254, 132}, {"10 255 254 10", 255, 254, 11},
        {"10 255 255 10", 255, 255, 11},  {"10 300 9999 10", 255, 255, 11},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnHost) host = hosts_parse("0:0-3:8 1:4-7:8", cases[i].distances, 1);
        g_autoptr(VnIdSet) zero = scenario_idset("0");
        g_autoptr(VnIdSet) one = scenario_idset("1");
        g_autoptr(VnIdSet) both = scenario_idset("0-1");
        g_assert_cmpuint(vn_distances_between(host, zero, one), ==, cases[i].there);
        g_assert_cmpuint(vn_distances_between(host, one, zero), ==, cases[i].back);
        g_assert_cmpuint(vn_distances_between(host, zero, both), ==, cases[i].spanning);
    }
}

/* One vCPU and 1 GiB a cell; homes separated by blanks, "-" for none. */
static VnVnuma *
make_vnuma(const char *homes)
{
    g_auto(GStrv) list = g_strsplit(homes, " ", 0);
    VnVnuma *vnuma = vn_vnuma_new(g_strv_length(list));
    for (guint i = 0; list[i]; i++) {
        VnVnumaCell *cell = vn_vnuma_add_cell(vnuma);
        g_autoptr(VnIdSet) home =
            scenario_idset(g_str_equal(list[i], "-") ? "" : list[i]);
        vn_idset_add(cell->vcpus, i);
        vn_idset_add_all(cell->home, home);
        cell->memory_bytes = GIB;
    }
    return vnuma;
}

static char *
matrix_text(const VnVnuma *vnuma)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; vnuma->distances && i < vnuma->cells->len * vnuma->cells->len; i++)
        g_string_append_printf(text, "%s%u", i > 0 ? " " : "", vnuma->distances[i]);
    return g_string_free(text, FALSE);
}

static void
test_derived(void)
{
    static const struct {
        const char *host;
        const char *homes;
        VnDistances distances;
        const char *matrix;
    } cases[] = {
        {"two-sockets", "0 1", VN_DISTANCES_HOST, "10 21 21 10"},
        {"two-sockets", "1", VN_DISTANCES_HOST, ""},
        {"two-sockets", "0 0 1", VN_DISTANCES_HOST, "10 11 21 11 10 21 21 21 10"},
        {"two-sockets", "0 0-1", VN_DISTANCES_HOST, "10 16 16 10"},
        {"ring", "0 1 3", VN_DISTANCES_HOST, "10 15 60 60 10 30 15 30 10"},
        {"two-sockets", "0 -", VN_DISTANCES_HOST, "10 20 20 10"},
        {"two-sockets", "0 1", VN_DISTANCES_FLAT, "10 20 20 10"},
        {"ring", "0 1 3", VN_DISTANCES_FLAT, "10 20 20 20 10 20 20 20 10"},
        {"ring", "0", VN_DISTANCES_FLAT, ""},
    };
    g_autoptr(VnTag) tag = vn_tag_new();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnHost) host = hosts_named(cases[i].host);
        g_autoptr(VnVnuma) vnuma = make_vnuma(cases[i].homes);
        /* What was there before is replaced. */
        if (vnuma->cells->len > 1)
            vn_vnuma_set_distance(vnuma, 0, 1, 99);
        tag->distances = cases[i].distances;
        g_assert_true(vn_distances_derive(host, vnuma, tag, &error));
        g_assert_no_error(error);
        g_autofree char *text = matrix_text(vnuma);
        g_assert_cmpstr(text, ==, cases[i].matrix);
        g_assert_true(vn_vnuma_check(vnuma, &error));
    }
}

static void
test_explicit(void)
{
    static const struct {
        guint matrix[4];
        guint cells;
        const char *says; /* NULL: taken */
    } cases[] = {
        {{10, 11, 254, 10}, 2, NULL},
        {{10, 255, 255, 10}, 2, NULL},
        {{10, 10, 20, 10}, 2, "10 from cell 0 to cell 1; possible are 11 to 254"},
        {{10, 20, 256, 10}, 2, "256 from cell 1 to cell 0; possible are 11 to 254"},
        {{10, 20, 20, 11}, 2, "11 from cell 1 to cell 1; to itself it is 10"},
        {{0, 20, 20, 10}, 2, "0 from cell 0 to cell 0; to itself it is 10"},
        {{10}, 1, "they are given for 1 cells, but there are 2"},
        {{10}, 0, "they are given for 0 cells, but there are 2"},
    };
    g_autoptr(VnHost) host = hosts_named("two-sockets");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnTag) tag = vn_tag_new();
        g_autoptr(VnVnuma) vnuma = make_vnuma("0 1");
        vn_vnuma_set_distance(vnuma, 0, 1, 99);
        tag->distances = VN_DISTANCES_EXPLICIT;
        tag->matrix_cells = cases[i].cells;
        if (cases[i].cells > 0)
            tag->matrix = g_memdup2(cases[i].matrix, sizeof cases[i].matrix);
        gboolean done = vn_distances_derive(host, vnuma, tag, &error);
        g_assert_true(done == (cases[i].says == NULL));
        if (done) {
            for (guint j = 0; j < 4; j++)
                g_assert_cmpuint(vnuma->distances[j], ==, cases[i].matrix[j]);
            continue;
        }
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i].says));
        g_assert_cmpuint(vn_vnuma_distance(vnuma, 0, 1), ==, 99);
    }
}

/* Whatever host and homes: valid, and as each pair alone says. */
static void
test_any(void)
{
    g_autoptr(VnTag) tag = vn_tag_new();
    for (guint round = 0; round < 500; round++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnHost) host = hosts_random();
        g_autoptr(VnVnuma) vnuma = make_vnuma("- - - -");
        for (guint i = 0; i < 4; i++) {
            VnIdSet *home = vn_vnuma_cell(vnuma, i)->home;
            for (int j = g_test_rand_int_range(0, 4); j > 0; j--)
                vn_idset_add(home, (guint) g_test_rand_int_range(0, 12));
        }
        g_assert_true(vn_distances_derive(host, vnuma, tag, &error));
        g_assert_true(vn_vnuma_check(vnuma, &error));
        for (guint i = 0; i < 16; i++) {
            if (i / 4 != i % 4)
                g_assert_cmpuint(vnuma->distances[i], ==,
                                 vn_distances_between(host,
                                                      vn_vnuma_cell(vnuma, i / 4)->home,
                                                      vn_vnuma_cell(vnuma, i % 4)->home));
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/distances/between", test_between);
    g_test_add_func("/distances/limits", test_limits);
    g_test_add_func("/distances/derived", test_derived);
    g_test_add_func("/distances/explicit", test_explicit);
    g_test_add_func("/distances/any", test_any);
    return g_test_run();
}
