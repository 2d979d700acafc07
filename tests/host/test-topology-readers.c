/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vn_topology_read() against readers that are not ours: numactl and lscpu on this
 * machine, and numactl on the recorded ones, bind-mounted over /sys in a mount namespace
 * of its own.
 */
#include "host/topology.h"

#include <string.h>

#include "tests/host/tree.h"

/* The output of a shell command; NULL when it fails. $1 in it is @argument. */
static char *
run(const char *command, const char *argument)
{
    const char *const argv[] = {"sh", "-c", command, "sh", argument, NULL};
    g_autofree char *output = NULL;
    int status = -1;
    if (!g_spawn_sync(NULL, (char **) argv, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                      &output, NULL, &status, NULL) ||
        !g_spawn_check_wait_status(status, NULL))
        return NULL;
    return g_steal_pointer(&output);
}

/* What "numactl -H" should say, without what changes as one looks: free memory. */
static char *
as_numactl(const VnHost *host, gboolean with_size)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        g_string_append_printf(text, "node %u cpus:", node->id);
        VN_IDSET_FOREACH (node->cpus, id) {
            g_string_append_printf(text, " %d", id);
        }
        if (with_size)
            g_string_append_printf(text, "\nnode %u size: %" G_GUINT64_FORMAT " MB",
                                   node->id, node->memory_bytes >> 20);
        g_string_append_c(text, '\n');
    }
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        g_string_append_printf(text, "%u:", node->id);
        for (guint j = 0; j < host->nodes->len; j++)
            g_string_append_printf(text, " %u", node->distances[j]);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

/* The same of its real output: no headings, one blank between words. */
static char *
filter_numactl(const char *output, gboolean with_size)
{
    g_autoptr(GRegex) blanks = g_regex_new("(?m)^ +| +$|(?<= ) +", 0, 0, NULL);
    g_autofree char *plain = g_regex_replace_literal(blanks, output, -1, 0, "", 0, NULL);
    g_autoptr(GRegex) others = g_regex_new(
        with_size
            ? "(?m)^(available:|node distances:|node +[0-9]+ free:|node( [0-9]+)*$).*\n?"
            : "(?m)^(available:|node distances:|node +[0-9]+ (free|size):|"
              "node( [0-9]+)*$).*\n?",
        0, 0, NULL);
    return g_regex_replace_literal(others, plain, -1, 0, "", 0, NULL);
}

static void
test_numactl(void)
{
    g_autofree char *output = run("numactl -H", "");
    if (!output || strstr(output, "No NUMA")) {
        g_test_skip("no numactl, or no NUMA");
        return;
    }
    g_autoptr(VnHost) host = vn_topology_read("/", NULL);
    g_assert_nonnull(host);
    g_autofree char *ours = as_numactl(host, FALSE);
    g_autofree char *theirs = filter_numactl(output, FALSE);
    g_assert_cmpstr(ours, ==, theirs);
}

static void
test_lscpu(void)
{
    g_autofree char *output = run("lscpu -p=CPU,NODE | grep -v '^#'", "");
    if (!output) {
        g_test_skip("no lscpu");
        return;
    }
    g_autoptr(VnHost) host = vn_topology_read("/", NULL);
    g_assert_nonnull(host);
    g_autoptr(GString) ours = g_string_new(NULL);
    for (guint i = 0; i < host->cpus->len; i++) {
        const VnHostCpu *cpu = host->cpus->pdata[i];
        if (cpu->online)
            g_string_append_printf(ours, "%u,%d\n", cpu->id, cpu->host_node);
    }
    g_assert_cmpstr(ours->str, ==, output);
}

static void
test_numactl_recorded(void)
{
    static const char command[] = "unshare -m sh -c 'mount --bind \"$1\" "
                                  "/sys/devices/system && exec numactl -H' sh \"$1\"";
    static const char *const names[] = {"small-vm", "lab-one-node", "lab-two-nodes",
                                        "lab-four-nodes", "lab-eight-nodes"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(VnTree) tree = vn_tree_load(names[i]);
        g_autofree char *system =
            g_build_filename(tree, "sys", "devices", "system", NULL);
        g_autofree char *output = run(command, system);
        if (!output) {
            g_test_skip("no numactl, or not allowed to mount");
            return;
        }
        g_autoptr(VnHost) host = vn_topology_read(tree, NULL);
        g_assert_nonnull(host);
        g_autofree char *ours = as_numactl(host, TRUE);
        g_autofree char *theirs = filter_numactl(output, TRUE);
        g_assert_cmpstr(ours, ==, theirs);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/topology-readers/numactl", test_numactl);
    g_test_add_func("/topology-readers/lscpu", test_lscpu);
    g_test_add_func("/topology-readers/numactl-recorded", test_numactl_recorded);
    return g_test_run();
}
