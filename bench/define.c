/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * define [CELLS [VCPUS]]: how long vn_define() takes over the definition of a guest with
 * so many cells (64) and vCPUs (512), anew and once it is complete, and how much memory
 * this process had at most. Fails above 50 ms or 32 MiB.
 */
#include "guest-topology/define.h"
#include "tests/support/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ROUNDS 21
#define LIMIT_MS 50.0
#define LIMIT_MIB 32.0

/* A host node a cell, which tells latencies and bandwidths too. */
static VnSnapshot *
make_host(guint n_nodes, guint n_cpus)
{
    VnSnapshot *snapshot = scenario_new(n_nodes, n_cpus, 16384);
    for (guint i = 0; i < n_nodes; i++) {
        VnHostNode *node = snapshot->host->nodes->pdata[i];
        for (guint k = 0; k < n_nodes; k++)
            node->distances[k] = i == k ? 10 : i / 8 == k / 8 ? 12 : 32;
        for (guint k = 0; k < VN_ACCESS_CLASSES; k++) {
            node->access[k].initiators = vn_idset_new_with(node->id);
            node->access[k].read_latency_ns = node->access[k].write_latency_ns = 90;
            node->access[k].read_bandwidth_bytes_per_second = 40000 * MIB;
            node->access[k].write_bandwidth_bytes_per_second = 30000 * MIB;
        }
    }
    return snapshot;
}

static int
compare(const void *one, const void *other)
{
    double first = *(const double *) one;
    double second = *(const double *) other;
    return first < second ? -1 : first > second;
}

/* The median time over @xml, in ms. @ret_out: (optional): what came out */
static double
measure(const VnHost *host, const char *xml, char **ret_out)
{
    static const VnDefineOptions options = {.dirty_ring = TRUE};
    double times[ROUNDS];
    for (guint i = 0; i < ROUNDS; i++) {
        g_autoptr(GError) error = NULL;
        gint64 start = g_get_monotonic_time();
        g_autofree char *out = vn_define(xml, strlen(xml), host, &options, NULL, &error);
        times[i] = (double) (g_get_monotonic_time() - start) / 1000;
        if (!out) {
            fprintf(stderr, "define: %s\n", error->message);
            exit(1);
        }
        if (ret_out && i == 0)
            *ret_out = g_steal_pointer(&out);
    }
    qsort(times, ROUNDS, sizeof(times[0]), compare);
    return times[ROUNDS / 2];
}

int
main(int argc, char **argv)
{
    guint cells = argc > 1 ? (guint) atoi(argv[1]) : 64;
    guint vcpus = argc > 2 ? (guint) atoi(argv[2]) : 512;
    g_autoptr(VnSnapshot) snapshot = make_host(cells, (vcpus + cells - 1) / cells);
    g_autofree char *xml = g_strdup_printf(
        "<domain type='kvm'>\n  <name>big</name>\n  <metadata>\n"
        "    <vnuma:guest xmlns:vnuma='urn:vnumad:guest:1' cells='%u'/>\n"
        "  </metadata>\n  <memory unit='GiB'>%u</memory>\n  <vcpu>%u</vcpu>\n"
        "  <os>\n    <type machine='q35'>hvm</type>\n  </os>\n</domain>\n",
        cells, cells * 4, vcpus);
    g_autofree char *done = NULL;
    struct rusage usage;
    double anew = measure(snapshot->host, xml, &done);
    double again = measure(snapshot->host, done, NULL);
    getrusage(RUSAGE_SELF, &usage);
    double mib = (double) usage.ru_maxrss / 1024;
    printf("%u cells, %u vCPUs, %zu bytes of XML: %.1f ms; complete already: %.1f ms; "
           "%.1f MiB at most\n",
           cells, vcpus, strlen(done), anew, again, mib);
    return anew < LIMIT_MS && again < LIMIT_MS && mib < LIMIT_MIB ? 0 : 1;
}
