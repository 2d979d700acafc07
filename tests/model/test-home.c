/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which CPUs are a home's: its own, those of nodes without memory, or the nearest. */
#include "model/home.h"

/* Nodes 0 and 2 have both, 1 and 5 CPUs only, 3 memory only; ids with a hole. */
static VnHost *
make_host(void)
{
    static const struct {
        guint id;
        guint cpu; /* the first of two; 0: none */
        guint64 memory_bytes;
        guint distances[5];
    } nodes[] = {
        {0, 10, 1, {10, 12, 30, 31, 20}}, {1, 12, 0, {12, 10, 30, 31, 20}},
        {2, 14, 1, {30, 30, 10, 14, 20}}, {3, 0, 1, {31, 31, 14, 10, 13}},
        {5, 16, 0, {20, 20, 20, 13, 10}},
    };
    VnHost *host = vn_host_new();
    for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++) {
        VnHostNode *node = vn_host_add_node(host, nodes[i].id);
        node->memory_bytes = nodes[i].memory_bytes;
        node->distances = g_memdup2(nodes[i].distances, sizeof nodes[i].distances);
        if (nodes[i].cpu > 0) {
            vn_idset_add(node->cpus, nodes[i].cpu);
            vn_idset_add(node->cpus, nodes[i].cpu + 1);
        }
    }
    return host;
}

static void
test_memory_of(void)
{
    static const guint expected[] = {0, 0, 2, 3, 3};
    g_autoptr(VnHost) host = make_host();
    for (guint i = 0; i < host->nodes->len; i++)
        g_assert_cmpuint(vn_home_memory_of(host, host->nodes->pdata[i])->id, ==,
                         expected[i]);

    /* As near as another: the lower id. No memory at all: none. */
    VnHostNode *last = host->nodes->pdata[4];
    last->distances[0] = last->distances[2] = 13;
    g_assert_cmpuint(vn_home_memory_of(host, last)->id, ==, 0);
    for (guint i = 0; i < host->nodes->len; i++)
        ((VnHostNode *) host->nodes->pdata[i])->memory_bytes = 0;
    g_assert_null(vn_home_memory_of(host, last));
}

static void
test_cpus(void)
{
    static const struct {
        const char *home;
        const char *cpus;
    } cases[] = {
        {"0", "10-13"}, {"2", "14-15"},         {"3", "16-17"},   {"1", "12-13"},
        {"", "10-17"},  {"0,3", "10-13,16-17"}, {"0-5", "10-17"}, {"4", "10-17"},
    };
    g_autoptr(VnHost) host = make_host();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnIdSet) home = vn_idset_parse(cases[i].home, &error);
        g_autoptr(VnIdSet) cpus = vn_home_cpus(host, home);
        g_autofree char *text = vn_idset_format(cpus);
        g_assert_no_error(error);
        g_assert_cmpstr(text, ==, cases[i].cpus);
    }

    /* Memory that no CPU is nearest to: the CPUs that are nearest to it. */
    VnHostNode *last = host->nodes->pdata[4];
    last->distances[0] = 11;
    g_autoptr(VnIdSet) far = vn_idset_new_with(3);
    g_autoptr(VnIdSet) cpus = vn_home_cpus(host, far);
    g_autofree char *text = vn_idset_format(cpus);
    g_assert_cmpstr(text, ==, "16-17");
    last->distances[3] = 14;
    g_autoptr(VnIdSet) both = vn_home_cpus(host, far);
    g_autofree char *both_text = vn_idset_format(both);
    g_assert_cmpstr(both_text, ==, "14-17");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/home/memory-of", test_memory_of);
    g_test_add_func("/home/cpus", test_cpus);
    return g_test_run();
}
