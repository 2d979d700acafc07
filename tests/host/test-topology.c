/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vn_topology_read(): recorded hosts, and by hand the oddities that real ones have
 * shown.
 */
#include "host/topology.h"

#include "tests/host/tree.h"

#define GIB_KIB (1024 * 1024)
#define CPU "sys/devices/system/cpu/"
#define NODE "sys/devices/system/node/"

static VnHost *
read_tree(const VnTree *tree)
{
    g_autoptr(GError) error = NULL;
    VnHost *host = vn_topology_read(tree, &error);
    g_assert_no_error(error);
    return host;
}

/* Refused with @code, in a message that names @path below the tree. */
static void
assert_refused(const VnTree *tree, VnErrorCode code, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *whole = g_build_filename(tree, path, NULL);
    g_assert_null(vn_topology_read(tree, &error));
    g_assert_error(error, VN_ERROR, (int) code);
    g_assert_true(g_str_has_prefix(error->message, whole));
}

static void
assert_set(const VnIdSet *set, const char *expected)
{
    g_assert_nonnull(set);
    g_autofree char *text = vn_idset_format(set);
    g_assert_cmpstr(text, ==, expected);
}

static const VnHostNode *
node_at(const VnHost *host, guint i)
{
    g_assert_cmpuint(i, <, host->nodes->len);
    return host->nodes->pdata[i];
}

static const VnHostCpu *
cpu_at(const VnHost *host, guint i)
{
    g_assert_cmpuint(i, <, host->cpus->len);
    return host->cpus->pdata[i];
}

/* A node of 1 GiB; without @distances it has no such file. */
static void
add_node(const VnTree *tree, guint id, const char *cpus, const char *distances)
{
    g_autofree char *list = g_strdup_printf(NODE "node%u/cpulist", id);
    g_autofree char *meminfo = g_strdup_printf(NODE "node%u/meminfo", id);
    g_autofree char *distance = g_strdup_printf(NODE "node%u/distance", id);
    vn_tree_write(tree, list, "%s\n", cpus);
    vn_tree_write(tree, meminfo,
                  "\nNode %u MemTotal:       %d kB\nNode %u MemFree:        1024 kB\n",
                  id, GIB_KIB, id);
    if (distances)
        vn_tree_write(tree, distance, "%s\n", distances);
}

/* Two nodes of two CPUs each. */
static VnTree *
two_nodes(void)
{
    VnTree *tree = vn_tree_new();
    vn_tree_write(tree, CPU "online", "0-3\n");
    vn_tree_write(tree, NODE "online", "0-1\n");
    add_node(tree, 0, "0-1", "10 21");
    add_node(tree, 1, "2-3", "21 10");
    return tree;
}

static void
test_recorded(void)
{
    static const struct {
        const char *name;
        guint nodes;
        guint cpus;
        guint devices;
        const char *last_cpus;
        guint far; /* distance from the first node to the last */
    } cases[] = {
        {"small-vm", 1, 2, 6, "0-1", 10},
        {"lab-one-node", 1, 2, 10, "0-1", 10},
        {"lab-two-nodes", 2, 4, 10, "2-3", 21},
        {"lab-four-nodes", 4, 6, 10, "", 40},
        {"lab-eight-nodes", 8, 16, 10, "14-15", 32},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnTree) tree = vn_tree_load(cases[i].name);
        g_autoptr(VnHost) host = read_tree(tree);
        g_assert_cmpuint(host->nodes->len, ==, cases[i].nodes);
        g_assert_cmpuint(host->cpus->len, ==, cases[i].cpus);
        g_assert_cmpuint(host->devices->len, ==, cases[i].devices);
        g_assert_true(host->has_distances);
        g_assert_cmpuint(host->page_size_bytes, ==, 4096);
        const VnHostNode *last = node_at(host, cases[i].nodes - 1);
        assert_set(last->cpus, cases[i].last_cpus);
        g_assert_cmpuint(vn_host_distance(host, 0, last->id), ==, cases[i].far);
        g_assert_cmpuint(last->memory_bytes, >, 900 << 20);
        g_assert_cmpint(last->tier, ==, 4);
    }
}

/*
 * One in full: the lab's line of three nodes and a far one
 * (lab/topologies/four-nodes.args).
 */
static void
test_recorded_in_full(void)
{
    static const guint distances[][4] = {
        {10, 16, 32, 40}, {16, 10, 16, 28}, {32, 16, 10, 20}, {40, 28, 20, 10}};
    static const char *const cpus[] = {"0-1", "2-3", "4-5", ""};
    static const char *const initiators[] = {"0", "1", "2", "2"};
    g_autoptr(VnTree) tree = vn_tree_load("lab-four-nodes");
    g_autoptr(VnHost) host = read_tree(tree);

    for (guint i = 0; i < 4; i++) {
        const VnHostNode *node = node_at(host, i);
        g_assert_cmpuint(node->id, ==, i);
        assert_set(node->cpus, cpus[i]);
        for (guint j = 0; j < 4; j++)
            g_assert_cmpuint(node->distances[j], ==, distances[i][j]);
        for (guint rank = 0; rank < VN_ACCESS_CLASSES; rank++) {
            const VnAccessClass *access = &node->access[rank];
            assert_set(access->initiators, initiators[i]);
            g_assert_cmpuint(access->read_latency_ns, ==, i == 3 ? 250 : 80);
            /* "bandwidth=100G" and "30G" as QEMU was told. */
            g_assert_cmpuint(access->write_bandwidth_bytes_per_second, ==,
                             (i == 3 ? G_GUINT64_CONSTANT(30) : 100) << 30);
        }
        g_assert_cmpuint(node->huge_pages->len, ==, 2);
    }
    for (guint i = 0; i < 6; i++) {
        const VnHostCpu *cpu = cpu_at(host, i);
        g_assert_true(cpu->online);
        g_assert_cmpint(cpu->package, ==, (int) i / 2);
        g_assert_cmpint(cpu->core, ==, (int) i % 2);
        g_assert_cmpint(cpu->host_node, ==, (int) i / 2);
        g_assert_cmpint(cpu->l3, ==, (int) i / 2 * 2);
        g_assert_cmpuint(vn_idset_count(cpu->siblings), ==, 1);
    }
}

static void
test_ids_with_holes(void)
{
    g_autoptr(VnTree) tree = vn_tree_new();
    vn_tree_write(tree, CPU "online", "0-5\n");
    add_node(tree, 0, "0-1", "10 16 22");
    add_node(tree, 2, "2-3", "16 10 16");
    add_node(tree, 33, "4-5", "22 16 10");
    vn_tree_make_directory(tree, NODE "node7x");
    for (int with_list = 0; with_list <= 1; with_list++) {
        if (with_list)
            vn_tree_write(tree, NODE "online", "0,2,33\n");
        g_autoptr(VnHost) host = read_tree(tree);
        g_assert_cmpuint(host->nodes->len, ==, 3);
        g_assert_cmpuint(node_at(host, 2)->id, ==, 33);
        g_assert_cmpuint(vn_host_distance(host, 33, 2), ==, 16);
        g_assert_cmpint(cpu_at(host, 4)->host_node, ==, 33);
    }
}

/* Linux 2.6: no lists at all, and a node's bitmap has its offline CPUs too. */
static void
test_bitmaps_only(void)
{
    g_autoptr(VnTree) tree = vn_tree_new();
    for (guint id = 0; id < 40; id++) {
        g_autofree char *cpu = g_strdup_printf(CPU "cpu%u/", id);
        g_autofree char *online = g_strconcat(cpu, "online", NULL);
        g_autofree char *siblings = g_strconcat(cpu, "topology/thread_siblings", NULL);
        g_autofree char *level = g_strconcat(cpu, "cache/index2/level", NULL);
        g_autofree char *shared = g_strconcat(cpu, "cache/index2/shared_cpu_map", NULL);
        if (id > 0)
            vn_tree_write(tree, online, "%d\n", id != 5);
        if (id == 5)
            continue;
        vn_tree_write(tree, siblings, "%02x,%08x\n", id < 32 ? 0 : 3u << (id & ~1u) % 32,
                      id < 32 ? 3u << (id & ~1u) : 0);
        vn_tree_write(tree, level, "3\n");
        vn_tree_write(tree, shared, "%s\n", id < 32 ? "00,ffffffff" : "ff,00000000");
    }
    add_node(tree, 0, "", "10");
    vn_tree_remove(tree, NODE "node0/cpulist");
    vn_tree_write(tree, NODE "node0/cpumap", "000000ff,ffffffff\n");

    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_cmpuint(host->cpus->len, ==, 40);
    assert_set(node_at(host, 0)->cpus, "0-4,6-39");
    g_assert_false(cpu_at(host, 5)->online);
    g_assert_cmpint(cpu_at(host, 5)->host_node, ==, -1);
    g_assert_null(cpu_at(host, 5)->siblings);
    assert_set(cpu_at(host, 7)->siblings, "6-7");
    assert_set(cpu_at(host, 38)->siblings, "38-39");
    g_assert_cmpint(cpu_at(host, 7)->l3, ==, 0);
    g_assert_cmpint(cpu_at(host, 39)->l3, ==, 32);
}

static void
test_offline_cpus(void)
{
    g_autoptr(VnTree) tree = two_nodes();
    vn_tree_write(tree, CPU "online", "0,2\n");
    vn_tree_make_directory(tree, CPU "cpu1");
    vn_tree_make_directory(tree, CPU "cpu3");
    vn_tree_make_directory(tree, CPU "cpufreq");
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_cmpuint(host->cpus->len, ==, 4);
    g_assert_false(cpu_at(host, 3)->online);
    assert_set(node_at(host, 1)->cpus, "2");
}

/* Linux 5.15 to 6.0 print a NUL byte behind these lists. */
static void
test_list_with_nul(void)
{
    g_autoptr(VnTree) tree = two_nodes();
    vn_tree_write_bytes(tree, NODE "node1/cpulist", "2-3\n\0", 5);
    g_autoptr(VnHost) host = read_tree(tree);
    assert_set(node_at(host, 1)->cpus, "2-3");
}

static void
test_nodes_without_cpus_or_memory(void)
{
    g_autoptr(VnTree) tree = vn_tree_new();
    vn_tree_write(tree, CPU "online", "0-1\n");
    add_node(tree, 0, "0", "10 20 17");
    add_node(tree, 1, "1", "20 10 17");
    add_node(tree, 2, "", "17 17 10");
    vn_tree_write(tree, NODE "node1/meminfo", "Node 1 MemTotal:    0 kB\n");
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_cmpuint(node_at(host, 0)->memory_bytes, ==, 1 << 30);
    g_assert_cmpuint(node_at(host, 0)->free_bytes, ==, 1 << 20);
    g_assert_cmpuint(node_at(host, 1)->memory_bytes, ==, 0);
    g_assert_cmpuint(node_at(host, 1)->free_bytes, ==, 0);
    g_assert_true(vn_idset_is_empty(node_at(host, 2)->cpus));
}

static void
test_distances_missing(void)
{
    g_autoptr(VnTree) tree = two_nodes();
    vn_tree_remove(tree, NODE "node1/distance");
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_false(host->has_distances);
    g_assert_cmpuint(vn_host_distance(host, 0, 0), ==, 10);
    g_assert_cmpuint(vn_host_distance(host, 0, 1), ==, 20);
    g_assert_cmpuint(vn_host_distance(host, 1, 0), ==, 20);
}

static void
test_distances_odd(void)
{
    g_autoptr(VnTree) tree = two_nodes();
    vn_tree_write(tree, NODE "node0/distance", "10 255\n");
    vn_tree_write(tree, NODE "node1/distance", " 0  7 \n");
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_true(host->has_distances);
    g_assert_cmpuint(vn_host_distance(host, 0, 1), ==, 255);
    g_assert_cmpuint(vn_host_distance(host, 1, 0), ==, 10);
    g_assert_cmpuint(vn_host_distance(host, 1, 1), ==, 10);
}

static void
test_distances_refused(void)
{
    static const char *const rows[] = {"10",     "10 20 30", "",       "10 256",
                                       "10 -20", "10,20",    "ten 20", "10 20\n10 20"};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(VnTree) tree = two_nodes();
        vn_tree_write(tree, NODE "node1/distance", "%s\n", rows[i]);
        assert_refused(tree, VN_ERROR_INVALID, NODE "node1/distance");
    }
}

/* numa=fake, or firmware: all nodes have all CPUs. */
static void
test_shared_cpus(void)
{
    g_autoptr(VnTree) tree = two_nodes();
    vn_tree_write(tree, NODE "node0/cpulist", "2\n");
    vn_tree_write(tree, NODE "node1/cpulist", "0-2\n");
    g_autoptr(VnHost) host = read_tree(tree);
    assert_set(node_at(host, 0)->cpus, "2");
    assert_set(node_at(host, 1)->cpus, "0-2");
    g_assert_cmpint(cpu_at(host, 0)->host_node, ==, 1);
    g_assert_cmpint(cpu_at(host, 2)->host_node, ==, 0);
    g_assert_cmpint(cpu_at(host, 3)->host_node, ==, -1);
}

static void
test_no_numa(void)
{
    g_autoptr(VnTree) tree = vn_tree_new();
    vn_tree_write(tree, CPU "online", "0-2\n");
    vn_tree_write(tree, "proc/meminfo",
                  "MemTotal:        2048 kB\nMemFree: 1024 kB\nSwapTotal: 9 kB\n"
                  "Inactive: 900 kB\nActive(file): 100 kB\nInactive(file): 20 kB\n"
                  "KReclaimable: 500 kB\nSReclaimable: 3 kB\n");
    vn_tree_write(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "4\n");
    vn_tree_write(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "3\n");
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_cmpuint(host->nodes->len, ==, 1);
    g_assert_false(host->has_distances);
    const VnHostNode *node = node_at(host, 0);
    assert_set(node->cpus, "0-2");
    g_assert_cmpuint(node->memory_bytes, ==, 2 << 20);
    g_assert_cmpuint(node->free_bytes, ==, 1 << 20);
    g_assert_cmpuint(node->reclaimable_bytes, ==, 123 << 10);
    g_assert_cmpuint(node->distances[0], ==, 10);
    g_assert_cmpuint(node->huge_pages->len, ==, 1);
    g_assert_cmpint(cpu_at(host, 2)->host_node, ==, 0);
}

static void
test_huge_pages(void)
{
    static const struct {
        const char *size;
        const char *total;
        const char *free;
    } cases[] = {
        {"1048576kB", "2", "1"},
        {"64kB", "7", "9"},
        {"2048kB", "512", "0"},
        {"32768kB", "x", "0"},
        {"16kB", "1", "-1"},
        {"0kB", "1", "1"},
        {"bigkB", "1", "1"},
        {"4096MB", "1", "1"},
        {"2097152kB", "9223372036854775807", "1"},
    };
    static const VnHugePages expected[] = {
        {64 << 10, 7, 7}, {2 << 20, 512, 0}, {1 << 30, 2, 1}};
    g_autoptr(VnTree) tree = two_nodes();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *directory =
            g_strdup_printf(NODE "node0/hugepages/hugepages-%s", cases[i].size);
        g_autofree char *total = g_build_filename(directory, "nr_hugepages", NULL);
        g_autofree char *free = g_build_filename(directory, "free_hugepages", NULL);
        vn_tree_write(tree, total, "%s\n", cases[i].total);
        vn_tree_write(tree, free, "%s\n", cases[i].free);
    }
    g_autoptr(VnHost) host = read_tree(tree);
    const GArray *sizes = node_at(host, 0)->huge_pages;
    g_assert_cmpuint(sizes->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < sizes->len; i++) {
        const VnHugePages *pages = &g_array_index(sizes, VnHugePages, i);
        g_assert_cmpuint(pages->size_bytes, ==, expected[i].size_bytes);
        g_assert_cmpuint(pages->total, ==, expected[i].total);
        g_assert_cmpuint(pages->free, ==, expected[i].free);
    }
}

/* Class 1 only, as where a device that is not a CPU is nearer; one value is nonsense. */
static void
test_access_classes(void)
{
    g_autoptr(VnTree) tree = two_nodes();
    vn_tree_link(tree, NODE "node1/access1/initiators/node0", "../../../node0");
    vn_tree_link(tree, NODE "node1/access1/initiators/node9", "../../../node9");
    vn_tree_write(tree, NODE "node1/access1/initiators/read_latency", "120\n");
    vn_tree_write(tree, NODE "node1/access1/initiators/read_bandwidth", "1000\n");
    vn_tree_write(tree, NODE "node1/access1/initiators/write_latency", "fast\n");
    vn_tree_write(tree, NODE "node1/access1/initiators/write_bandwidth",
                  "9223372036854775807\n");
    g_autoptr(VnHost) host = read_tree(tree);
    const VnAccessClass *access = node_at(host, 1)->access;
    g_assert_null(access[0].initiators);
    g_assert_null(node_at(host, 0)->access[1].initiators);
    assert_set(access[1].initiators, "0,9");
    g_assert_cmpuint(access[1].read_latency_ns, ==, 120);
    g_assert_cmpuint(access[1].read_bandwidth_bytes_per_second, ==, 1000 << 20);
    g_assert_cmpuint(access[1].write_latency_ns, ==, 0);
    g_assert_cmpuint(access[1].write_bandwidth_bytes_per_second, ==, 0);
}

static void
test_tiers(void)
{
    static const char tiers[] = "sys/devices/virtual/memory_tiering/memory_tier";
    g_autoptr(VnTree) tree = two_nodes();
    g_autofree char *fast = g_strconcat(tiers, "4/nodelist", NULL);
    g_autofree char *slow = g_strconcat(tiers, "22/nodelist", NULL);
    g_autofree char *broken = g_strconcat(tiers, "3/nodelist", NULL);
    vn_tree_write(tree, fast, "0\n");
    vn_tree_write(tree, slow, "1,7\n");
    vn_tree_write(tree, broken, "all of them\n");
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_cmpint(node_at(host, 0)->tier, ==, 4);
    g_assert_cmpint(node_at(host, 1)->tier, ==, 22);
}

/* As in sysfs: the bus has links to where the devices are. */
static void
test_devices(void)
{
    static const struct {
        const char *address;
        const char *class;
        const char *node;
    } cases[] = {
        {"10000:e1:00.0", "0x010802", "1"}, {"0000:00:1f.2", "0x010601", "0"},
        {"0000:00:00.0", "0x060000", "-1"}, {"0000:03:00.1", "nonsense", "7"},
        {"0000:03:00-1", "0x060000", "0"},  {"not-an-address", "0x060000", "0"},
    };
    g_autoptr(VnTree) tree = two_nodes();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *address = cases[i].address;
        g_autofree char *real = g_strdup_printf("sys/devices/pci0000:00/%s", address);
        g_autofree char *link = g_strdup_printf("sys/bus/pci/devices/%s", address);
        g_autofree char *target =
            g_strdup_printf("../../../devices/pci0000:00/%s", address);
        g_autofree char *class = g_build_filename(real, "class", NULL);
        g_autofree char *node = g_build_filename(real, "numa_node", NULL);
        vn_tree_write(tree, class, "%s\n", cases[i].class);
        vn_tree_write(tree, node, "%s\n", cases[i].node);
        vn_tree_link(tree, link, target);
    }
    static const VnHostDevice expected[] = {{(char *) "0000:00:00.0", 0x060000, -1},
                                            {(char *) "0000:00:1f.2", 0x010601, 0},
                                            {(char *) "0000:03:00.1", 0, -1},
                                            {(char *) "10000:e1:00.0", 0x010802, 1}};
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_cmpuint(host->devices->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < host->devices->len; i++) {
        const VnHostDevice *device = host->devices->pdata[i];
        g_assert_cmpstr(device->address, ==, expected[i].address);
        g_assert_cmpuint(device->class_code, ==, expected[i].class_code);
        g_assert_cmpint(device->host_node, ==, expected[i].host_node);
    }
}

static void
test_cpu_limit(void)
{
    g_autoptr(VnTree) tree = two_nodes();
    vn_tree_write(tree, CPU "online", "0-8191\n");
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_cmpuint(host->cpus->len, ==, VN_HOST_CPUS_MAX);
    vn_tree_write(tree, CPU "online", "0-8192\n");
    assert_refused(tree, VN_ERROR_INVALID, CPU "online");
    vn_tree_write(tree, CPU "online", "\n");
    assert_refused(tree, VN_ERROR_INVALID, CPU "online");
    vn_tree_write(tree, CPU "online", "0-3\n");
    vn_tree_make_directory(tree, CPU "cpu8192");
    assert_refused(tree, VN_ERROR_INVALID, "sys/devices/system/cpu");
}

static void
test_node_limit(void)
{
    g_autoptr(VnTree) tree = two_nodes();
    vn_tree_remove(tree, NODE "node1");
    add_node(tree, 1023, "2-3", "21 10");
    vn_tree_write(tree, NODE "online", "0,1023\n");
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_cmpuint(node_at(host, 1)->id, ==, VN_HOST_NODES_MAX - 1);
    vn_tree_write(tree, NODE "online", "0,1024\n");
    assert_refused(tree, VN_ERROR_INVALID, NODE "online");
    vn_tree_remove(tree, NODE "online");
    add_node(tree, 2147483647, "", "21 10");
    assert_refused(tree, VN_ERROR_INVALID, "sys/devices/system/node");
}

static void
test_essential(void)
{
    g_autoptr(VnTree) empty = vn_tree_new();
    assert_refused(empty, VN_ERROR_GONE, "sys/devices/system/cpu");
    g_autofree char *missing = g_build_filename(empty, "missing", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(vn_topology_read(missing, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);

    g_autoptr(VnTree) tree = two_nodes();
    vn_tree_remove(tree, NODE "node1/cpulist");
    assert_refused(tree, VN_ERROR_GONE, NODE "node1/cpulist");
    vn_tree_write(tree, NODE "node1/cpumap", "c\n");
    vn_tree_remove(tree, NODE "node0/meminfo");
    assert_refused(tree, VN_ERROR_GONE, NODE "node0/meminfo");
    vn_tree_write(tree, NODE "node0/meminfo", "Node 0 MemTotal: lots\n");
    assert_refused(tree, VN_ERROR_INVALID, NODE "node0/meminfo");
    vn_tree_write(tree, NODE "node0/meminfo", "Node 0 MemTotal: 9007199254740992 kB\n");
    assert_refused(tree, VN_ERROR_INVALID, NODE "node0/meminfo");
    vn_tree_write(tree, NODE "node0/meminfo", "Node 0 MemTotal: 9007199254740991 kB\n");
    g_autoptr(VnHost) host = read_tree(tree);
    g_assert_cmpuint(node_at(host, 0)->free_bytes, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/topology/recorded", test_recorded);
    g_test_add_func("/topology/recorded-in-full", test_recorded_in_full);
    g_test_add_func("/topology/ids-with-holes", test_ids_with_holes);
    g_test_add_func("/topology/bitmaps-only", test_bitmaps_only);
    g_test_add_func("/topology/offline-cpus", test_offline_cpus);
    g_test_add_func("/topology/list-with-nul", test_list_with_nul);
    g_test_add_func("/topology/nodes-without-cpus-or-memory",
                    test_nodes_without_cpus_or_memory);
    g_test_add_func("/topology/distances-missing", test_distances_missing);
    g_test_add_func("/topology/distances-odd", test_distances_odd);
    g_test_add_func("/topology/distances-refused", test_distances_refused);
    g_test_add_func("/topology/shared-cpus", test_shared_cpus);
    g_test_add_func("/topology/no-numa", test_no_numa);
    g_test_add_func("/topology/huge-pages", test_huge_pages);
    g_test_add_func("/topology/access-classes", test_access_classes);
    g_test_add_func("/topology/tiers", test_tiers);
    g_test_add_func("/topology/devices", test_devices);
    g_test_add_func("/topology/cpu-limit", test_cpu_limit);
    g_test_add_func("/topology/node-limit", test_node_limit);
    g_test_add_func("/topology/essential", test_essential);
    return g_test_run();
}
