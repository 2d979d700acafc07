/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios: recorded hosts come back as they were printed; each wrong value is named by
 * its place, and nothing wrong is taken.
 */
#include "cli/host-read.h"
#include "cli/scenario-read.h"
#include "policies/align.h"
#include "tests/guest-topology/hosts.h"

#include <string.h>

static char *
print_host(const VnHost *host)
{
    g_autoptr(GVariant) described = g_variant_ref_sink(vn_host_to_variant(host));
    g_autoptr(VnJson) json = vn_json_from_variant(described);
    return vn_json_print(json, FALSE);
}

static void
assert_comes_back(const VnHost *host)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = print_host(host);
    g_autoptr(VnJson) json = vn_json_parse(text, strlen(text), VN_JSON_BYTES_MAX, &error);
    g_assert_no_error(error);
    VnJsonAt at = {.json = json};
    g_autoptr(VnHost) back = vn_host_read_json(&at, &error);
    g_assert_no_error(error);
    g_autofree char *again = print_host(back);
    g_assert_cmpstr(again, ==, text);
    g_assert_cmpuint(back->cpus->len, ==, host->cpus->len);
}

static void
test_hosts_come_back(void)
{
    static const char *const recorded[] = {
        "lab-one-node", "lab-two-nodes", "lab-four-nodes", "lab-eight-nodes", "small-vm"};
    static const char *const made[] = {"one-node", "two-sockets", "untold",
                                       "sub-numa", "expanders",   "memoryless",
                                       "holes",    "ring",        "small-neighbour"};
    for (gsize i = 0; i < G_N_ELEMENTS(recorded); i++) {
        g_autoptr(VnHost) host = hosts_recorded(recorded[i]);
        assert_comes_back(host);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(made); i++) {
        g_autoptr(VnHost) host = hosts_named(made[i]);
        assert_comes_back(host);
    }
    for (guint i = 0; i < 200; i++) {
        g_autoptr(VnHost) host = hosts_random();
        VnHostNode *node = host->nodes->pdata[0];
        node->access[0].initiators = vn_idset_new_with(node->id);
        node->access[0].read_latency_ns = 120;
        node->access[0].read_bandwidth_bytes_per_second = G_MAXINT64;
        node->tier = 4;
        /* A test's huge pages come on top of its memory. */
        for (guint k = 0; k < host->nodes->len; k++)
            ((VnHostNode *) host->nodes->pdata[k])->memory_bytes +=
                ((const VnHostNode *) host->nodes->pdata[k])->memory_bytes ? 8 * GIB : 0;
        assert_comes_back(host);
    }
}

#define NODE(id, cpus, distances)                                           \
    "{\"id\": " id ", \"cpus\": [" cpus "], \"memory_bytes\": 8589934592, " \
    "\"free_bytes\": 4294967296, \"distances\": [" distances "]}"
#define NODES NODE("0", "0, 1", "10, 21") ", " NODE("2", "2, 3", "21, 10")
#define HOST "\"host\": {\"nodes\": [" NODES "]}"
#define GUEST "\"name\": \"a\", \"vcpus\": 2, \"memory_bytes\": 1073741824"
#define WITH(guest) "{" HOST ", \"guests\": [{" guest "}]}"
#define ON(host) "{\"host\": {" host "}, \"guests\": []}"
#define ON_NODE(node) ON("\"nodes\": [{" node "}]")
#define LEAST "\"id\": 0, \"cpus\": [0], \"memory_bytes\": 9, \"distances\": [10]"

static VnScenario *
read_text(const char *text, GError **error)
{
    return vn_scenario_read_json(text, strlen(text), error);
}

static void
test_good(void)
{
    static const char *const cases[] = {
        "{" HOST ", \"guests\": []}",
        WITH(GUEST),
        WITH(GUEST ", \"cells\": null, \"placed\": null, \"policy\": null"),
        "{" HOST ", \"guests\": [{" GUEST "}], \"options\": {}}",
        "{" HOST ", \"guests\": [], \"options\": {\"smt\": false, "
        "\"cpu_overcommit_ratio\": 2}}",
        WITH(GUEST ", \"policy\": \"tier\", \"max_cells\": 128, "
                   "\"devices_host_nodes\": [2, 2, 0], \"placed\": [[2], [0, 2]]"),
        WITH(GUEST ", \"cells\": [{\"vcpus\": [1, 0], \"memory_bytes\": 1073741824}, "
                   "{\"vcpus\": [], \"memory_bytes\": 0}], \"max_cells\": 2"),
        WITH(GUEST ", \"page_size_bytes\": 4096"),
        ON_NODE(LEAST ", \"free_bytes\": 9, \"tier\": null, \"has_cpu\": true"),
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnScenario) scenario = read_text(cases[i], &error);
        g_assert_no_error(error);
        g_assert_nonnull(scenario);
    }
}

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"", "JSON: "},
    {"{", "JSON: "},
    {"[]", "the document: is an array, and must be an object"},
    {"{}", "host: is missing"},
    {"{" HOST "}", "guests: is missing"},
    {"{" HOST ", \"guests\": {}}", "guests: is an object, and must be an array"},
    {"{" HOST ", \"guests\": [], \"gests\": 1}", "gests: is no key that is known"},
    {"{" HOST ", \"guests\": [], \"guests\": []}", "JSON: byte "},
    {"{" HOST ", \"guests\": [7]}", "guests[0]: is a whole number"},
    {"{" HOST ", \"guests\": [], \"options\": {\"cpu_overcommit_ratio\": 0}}",
     "options.cpu_overcommit_ratio: is 0, not from 0.01 to 1000"},
    {"{" HOST ", \"guests\": [], \"options\": {\"cpu_overcommit_ratio\": 1e308}}",
     "options.cpu_overcommit_ratio: is 1e+308"},
    {"{" HOST ", \"guests\": [], \"options\": {\"smt\": 1}}", "options.smt: is a whole"},
    {"{" HOST ", \"guests\": [], \"options\": {\"SMT\": true}}",
     "options.SMT: is no key"},
    /* guests */
    {WITH("\"vcpus\": 1, \"memory_bytes\": 1"), "guests[0].name: is missing"},
    {WITH("\"name\": \"\", \"vcpus\": 1, \"memory_bytes\": 1"), "guests[0].name: has 0"},
    {WITH("\"name\": \"a\", \"memory_bytes\": 1"), "guests[0].vcpus: is missing"},
    {WITH("\"name\": \"a\", \"vcpus\": 0, \"memory_bytes\": 1"), "guests[0].vcpus: is 0"},
    {WITH("\"name\": \"a\", \"vcpus\": -1, \"memory_bytes\": 1"),
     "guests[0].vcpus: is -1"},
    {WITH("\"name\": \"a\", \"vcpus\": 4097, \"memory_bytes\": 1"),
     "guests[0].vcpus: is"},
    {WITH("\"name\": \"a\", \"vcpus\": 1"), "guests[0].memory_bytes: is missing"},
    {WITH("\"name\": \"a\", \"vcpus\": 1, \"memory_bytes\": 0"),
     "guests[0].memory_bytes: is 0"},
    {WITH("\"name\": \"a\", \"vcpus\": 1, \"memory_bytes\": -5"),
     "guests[0].memory_bytes: is -5"},
    {WITH("\"name\": \"a\", \"vcpus\": 1, \"memory_bytes\": 4503599627370497"),
     "guests[0].memory_bytes: is 4503599627370497"},
    {WITH("\"name\": \"a\", \"vcpus\": 1, \"memory_bytes\": 1e9"),
     "guests[0].memory_bytes: is a number with a fraction"},
    {"{" HOST ", \"guests\": [{" GUEST "}, {" GUEST "}]}",
     "guests[1].name: 'a' is a guest before it"},
    {WITH(GUEST ", \"policy\": \"best\""),
     "guests[0].policy: 'best' is no policy; there"},
    {WITH(GUEST ", \"policy\": 1"), "guests[0].policy: is a whole number"},
    {WITH(GUEST ", \"page_size_bytes\": 1024"), "guests[0].page_size_bytes: is 1024"},
    {WITH(GUEST ", \"page_size_bytes\": 12288"),
     "guests[0].page_size_bytes: is 12288, no"},
    {WITH(GUEST ", \"page_size_bytes\": 2147483648"),
     "guests[0].memory_bytes: is no whole number of pages of 2147483648"},
    {WITH(GUEST ", \"max_cells\": 0"), "guests[0].max_cells: is 0"},
    {WITH(GUEST ", \"max_cells\": 129"), "guests[0].max_cells: is 129"},
    {WITH(GUEST ", \"devices_host_nodes\": [1]"),
     "guests[0].devices_host_nodes[0]: the host has no node 1"},
    {WITH(GUEST ", \"devices_host_nodes\": [1024]"),
     "guests[0].devices_host_nodes[0]: is 1024"},
    /* cells */
    {WITH(GUEST ", \"cells\": []"), "guests[0].cells: has no cell"},
    {WITH(GUEST ", \"cells\": [{\"vcpus\": [0, 1]}]"),
     "guests[0].cells[0].memory_bytes: is missing"},
    {WITH(GUEST ", \"cells\": [{\"memory_bytes\": 1}]"),
     "guests[0].cells[0].vcpus: is missing"},
    {WITH(GUEST ", \"cells\": [{\"vcpus\": [0, 2], \"memory_bytes\": 1073741824}]"),
     "guests[0].cells[0].vcpus[1]: is 2, not from 0 to 1"},
    {WITH(GUEST ", \"cells\": [{\"vcpus\": [0], \"memory_bytes\": 1073741824}]"),
     "guests[0].cells: have 1 vCPUs, the guest 2"},
    {WITH(GUEST ", \"cells\": [{\"vcpus\": [0, 1], \"memory_bytes\": 1}]"),
     "guests[0].cells: have 1 bytes, the guest 1073741824"},
    {WITH(GUEST ", \"cells\": [{\"vcpus\": [0, 1], \"memory_bytes\": 1}, "
                "{\"vcpus\": [1], \"memory_bytes\": 1}]"),
     "guests[0].cells[1].vcpus: vCPU 1 is in cell 0, too"},
    {WITH(GUEST ", \"cells\": [{\"vcpus\": [0, 1], \"memory_bytes\": 1, \"id\": 0}]"),
     "guests[0].cells[0].id: is no key"},
    {WITH(GUEST ", \"max_cells\": 1, \"cells\": [{\"vcpus\": [0, 1], "
                "\"memory_bytes\": 1}, {\"vcpus\": [], \"memory_bytes\": 1}]"),
     "guests[0].max_cells: is 1, and 'cells' has 2"},
    /* where they are */
    {WITH(GUEST ", \"placed\": []"), "guests[0].placed: has 0 items"},
    {WITH(GUEST ", \"placed\": [0]"), "guests[0].placed[0]: is a whole number"},
    {WITH(GUEST ", \"placed\": [[]]"), "guests[0].placed[0]: has no host node"},
    {WITH(GUEST ", \"placed\": [[1]]"), "guests[0].placed[0]: the host has no node 1"},
    {WITH(GUEST ", \"placed\": [[0, 0]]"), "guests[0].placed[0][1]: is 0, as an item"},
    {WITH(GUEST ", \"max_cells\": 1, \"placed\": [[0], [2]]"), "guests[0].placed: has 2"},
    {WITH(GUEST ", \"cells\": [{\"vcpus\": [0, 1], \"memory_bytes\": 1073741824}], "
                "\"placed\": [[0], [2]]"),
     "guests[0].placed: has 2 items; it must have one for each cell"},
    {WITH("\"name\": \"a\", \"vcpus\": 1, \"memory_bytes\": 8589934593, "
          "\"placed\": [[0]]"),
     "guests[0].placed[0]: host node 0 cannot hold 8.0 GiB more"},
    {WITH(GUEST ", \"page_size_bytes\": 2097152, \"placed\": [[0]]"),
     "guests[0].placed[0]: host node 0 cannot hold 1.0 GiB more in pages of 2.0 MiB"},
    /* hosts */
    {ON(""), "host.nodes: is missing"},
    {ON("\"nodes\": []"), "host.nodes: has no node"},
    {ON("\"nodes\": [" NODES "], \"page_size_bytes\": 1"), "host.page_size_bytes: is 1"},
    {ON("\"nodes\": [" NODES "], \"n\": 1"), "host.n: is no key"},
    {ON("\"nodes\": [" NODE("0", "0", "10, 21") ", " NODE("0", "1", "21, 10") "]"),
     "host.nodes[1].id: is 0, after 0; ids ascend"},
    {ON("\"nodes\": [" NODE("0", "0", "10, 21") ", " NODE("1", "0", "21, 10") "]"),
     "host.nodes[1].cpus: has a CPU that another node has"},
    {ON("\"nodes\": [" NODE("0", "0", "10") ", " NODE("1", "1", "21, 10") "]"),
     "host.nodes[0].distances: has 1 distances for 2 nodes"},
    {ON_NODE("\"cpus\": [], \"memory_bytes\": 1, \"distances\": [10]"),
     "host.nodes[0].id: is missing"},
    {ON_NODE("\"id\": 1024, \"cpus\": []"), "host.nodes[0].id: is 1024"},
    {ON_NODE(LEAST), "host.nodes[0].free_bytes: is missing"},
    {ON_NODE(LEAST ", \"free_bytes\": 10"),
     "host.nodes[0].free_bytes: is 10, not from 0"},
    {ON_NODE(LEAST ", \"free_bytes\": 1, \"has_cpu\": false"),
     "host.nodes[0].has_cpu: contradicts 'cpus'"},
    {ON_NODE(LEAST ", \"free_bytes\": 1, \"tier\": -1"), "host.nodes[0].tier: is -1"},
    {ON_NODE(LEAST ", \"free_bytes\": 1, \"huge_pages\": [{\"size_bytes\": 4096, "
                   "\"total\": 1, \"free\": 0}]"),
     "host.nodes[0].huge_pages[0].total: is 1, not from 0 to 0"},
    {ON_NODE(LEAST ", \"free_bytes\": 1, \"huge_pages\": [{\"size_bytes\": 5000, "
                   "\"total\": 0, \"free\": 0}]"),
     "host.nodes[0].huge_pages[0].size_bytes: is 5000: sizes are powers of 2"},
    {ON_NODE("\"id\": 0, \"cpus\": [8192]"), "host.nodes[0].cpus[0]: is 8192"},
    {ON_NODE("\"id\": 0, \"cpus\": [], \"memory_bytes\": 0, \"free_bytes\": 0, "
             "\"distances\": [9]"),
     "host.nodes[0].distances[0]: is 9, not from 10 to 255"},
    {ON("\"nodes\": [" NODES "], \"cpus\": [{\"id\": 0, \"online\": true}]"),
     "host.cpus: nodes have CPUs that are not online here: 1-3"},
    {ON("\"nodes\": [" NODES "], \"cpus\": [{\"id\": 0}]"),
     "host.cpus[0].online: is missing"},
    {ON("\"nodes\": [" NODES "], \"devices\": [{\"address\": \"x\"}]"),
     "host.devices[0].class_code: is missing"},
};

static void
test_bad(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnScenario) scenario = read_text(bad[i].text, &error);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_null(scenario);
        g_test_message("%s", error->message);
        g_assert_cmpint(strncmp(error->message, bad[i].error, strlen(bad[i].error)), ==,
                        0);
    }
}

/* Each guest may be large, but not all of them. */
static void
test_many_vcpus(void)
{
    g_autoptr(GString) text = g_string_new("{" HOST ", \"guests\": [");
    for (guint i = 0; i <= VN_SCENARIO_VCPUS_MAX / 4096; i++)
        g_string_append_printf(
            text, "%s{\"name\": \"%u\", \"vcpus\": 4096, \"memory_bytes\": 1}",
            i ? "," : "", i);
    g_string_append(text, "]}");
    g_autoptr(GError) error = NULL;
    g_autoptr(VnScenario) scenario = read_text(text->str, &error);
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_assert_null(scenario);
    g_assert_true(g_str_has_prefix(error->message, "guests[256].vcpus: makes more than"));
}

/* What is placed is not free, whether the document has counted it or not. */
static void
test_free_memory(void)
{
    static const struct {
        guint free_gib;
        guint left_gib;
    } cases[] = {{8, 5}, {5, 5}, {4, 4}, {0, 0}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf(
            "{\"host\": {\"nodes\": [{\"id\": 0, \"cpus\": [0], \"memory_bytes\": "
            "8589934592, \"free_bytes\": %" G_GUINT64_FORMAT ", \"distances\": [10]}]}, "
            "\"guests\": [{\"name\": \"a\", \"vcpus\": 1, \"memory_bytes\": 3221225472, "
            "\"placed\": [[0]]}]}",
            cases[i].free_gib * GIB);
        g_autoptr(VnScenario) scenario = read_text(text, &error);
        g_assert_no_error(error);
        const VnHostNode *node = scenario->snapshot->host->nodes->pdata[0];
        g_assert_cmpuint(node->free_bytes, ==, cases[i].left_gib * GIB);
    }
}

/* What a daemon records of its host is a scenario, with everybody where he is. */
static void
test_recorded(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 4, 4096);
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 2, 512);
    scenario_guest(snapshot, "g2", 1, 1, 512)->state = VN_GUEST_STOPPED;
    guest->policy = VN_POLICY_PACK;
    for (guint i = 0; i < 2; i++)
        vn_cell_set_resident(scenario_cell(guest, i), 1 - i, 512 * MIB);
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    g_autoptr(GVariant) described =
        g_variant_ref_sink(vn_scenario_describe(snapshot, plan));
    g_autoptr(VnJson) json = vn_json_from_variant(described);
    g_autofree char *text = vn_json_print(json, FALSE);
    g_autoptr(GError) error = NULL;
    g_autoptr(VnScenario) scenario = read_text(text, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(scenario->snapshot->guests->len, ==, 1);
    const VnGuest *back = scenario->snapshot->guests->pdata[0];
    g_assert_cmpint(back->policy, ==, VN_POLICY_PACK);
    g_assert_cmpuint(back->vcpus->len, ==, 4);
    g_assert_cmpint(back->state, ==, VN_GUEST_RUNNING);
    for (guint i = 0; i < 2; i++)
        g_assert_cmpuint(
            vn_cell_resident_on(back->cells->pdata[i],
                                vn_plan_find_decision(plan, "g1")->homes->pdata[i]),
            ==, 512 * MIB);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scenario-read/hosts-come-back", test_hosts_come_back);
    g_test_add_func("/scenario-read/good", test_good);
    g_test_add_func("/scenario-read/bad", test_bad);
    g_test_add_func("/scenario-read/many-vcpus", test_many_vcpus);
    g_test_add_func("/scenario-read/free-memory", test_free_memory);
    g_test_add_func("/scenario-read/recorded", test_recorded);
    return g_test_run();
}
