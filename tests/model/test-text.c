/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Figures as text. */
#include "model/text.h"

#include <locale.h>

static void
test_bytes(void)
{
    static const struct {
        guint64 bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1048525, "1.0 MiB"}, /* not 1024.0 KiB */
        {G_GUINT64_CONSTANT(3) << 29, "1.5 GiB"},
        {G_MAXUINT64, "16.0 EiB"},
    };
    setlocale(LC_ALL, "de_DE.UTF-8");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = vn_text_bytes(cases[i].bytes);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

static void
test_host_nodes(void)
{
    g_autoptr(VnIdSet) nodes = vn_idset_new_with(4);
    g_autofree char *one = vn_text_host_nodes(nodes);
    g_assert_cmpstr(one, ==, "host node 4");
    vn_idset_add(nodes, 0);
    vn_idset_add(nodes, 1);
    g_autofree char *several = vn_text_host_nodes(nodes);
    g_assert_cmpstr(several, ==, "host nodes 0-1,4");
}

static void
test_vcpus(void)
{
    static const char *const cases[][2] = {
        {"3", "vCPU 3"},
        {"0-3", "vCPUs 0-3"},
        {"0,2", "vCPUs 0 and 2"},
        {"0-2,5,7", "vCPUs 0-2, 5 and 7"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnIdSet) set = vn_idset_parse(cases[i][0], NULL);
        g_autofree char *text = vn_text_vcpus(set);
        g_assert_cmpstr(text, ==, cases[i][1]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text/bytes", test_bytes);
    g_test_add_func("/text/host-nodes", test_host_nodes);
    g_test_add_func("/text/vcpus", test_vcpus);
    return g_test_run();
}
