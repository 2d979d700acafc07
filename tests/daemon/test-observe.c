/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Observing guests of libvirt's test driver on a recorded host: their devices. */
#include "daemon/observe.h"

#include "model/plan.h"
#include "tests/host/tree.h"

#define DB1 "11111111-2222-3333-4444-000000000001"
#define HOSTDEV(bus, slot)                                                            \
    "<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='" bus \
    "' slot='" slot "' function='0x0'/></source></hostdev>"

static void
on_event(const VnVirtEvent *event, gpointer unused)
{
}

static VnSnapshot *
observe(const VnTree *tree, const char *devices)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uri = g_strdup_printf("test://%s/guests.xml", tree);
    vn_tree_write(tree, "guests.xml",
                  "<node><domain type='test'><name>db1</name><uuid>" DB1 "</uuid>"
                  "<memory>1048576</memory><vcpu>2</vcpu><os><type>hvm</type></os>"
                  "<devices>%s</devices></domain></node>",
                  devices);
    VnConnection *connection = vn_connection_new(uri, on_event, NULL);
    VnConfig config = vn_config_defaults();
    VnObserver *observer = vn_observer_new(&config, tree, connection);
    g_assert_true(vn_connection_open(connection, 0, &error));
    g_assert_no_error(error);
    VnSnapshot *snapshot = vn_observer_observe(observer, &error);
    g_assert_no_error(error);
    vn_observer_free(observer);
    vn_connection_free(connection);
    return snapshot;
}

/* One of each host node, one of which the firmware is silent, one that is not there. */
static void
test_devices(void)
{
    g_autoptr(VnTree) tree = vn_tree_load("lab-two-nodes");
    vn_tree_write(tree, "sys/bus/pci/devices/0000:3b:00.0/numa_node", "1\n");
    vn_tree_write(tree, "sys/bus/pci/devices/0000:5e:1f.0/numa_node", "0\n");
    g_autoptr(VnSnapshot) snapshot =
        observe(tree, HOSTDEV("0x3b", "0x00") HOSTDEV("0x00", "0x1f")
                          HOSTDEV("0x77", "0x00") HOSTDEV("0x5e", "0x1f"));
    const VnGuest *guest = vn_snapshot_find(snapshot, DB1);
    static const struct {
        const char *address;
        int host_node;
    } expected[] = {{"0000:3b:00.0", 1},
                    {"0000:00:1f.0", -1},
                    {"0000:77:00.0", -1},
                    {"0000:5e:1f.0", 0}};
    g_autoptr(GVariant) shown =
        g_variant_ref_sink(vn_guest_to_variant(guest, NULL, NULL, TRUE));
    g_autoptr(GVariant) devices =
        g_variant_lookup_value(shown, "devices", G_VARIANT_TYPE("aa{sv}"));
    g_assert_cmpuint(g_variant_n_children(devices), ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_autoptr(GVariant) device = g_variant_get_child_value(devices, i);
        const char *address = NULL;
        int node = -1;
        g_assert_true(g_variant_lookup(device, "address", "&s", &address));
        g_assert_cmpstr(address, ==, expected[i].address);
        g_assert_cmpint(g_variant_lookup(device, "host_node", "i", &node), ==,
                        expected[i].host_node >= 0);
        g_assert_cmpint(node, ==, expected[i].host_node);
    }
    g_assert_cmpuint(guest->device_nodes->len, ==, 2);
    g_assert_cmpuint(g_array_index(guest->device_nodes, guint, 0), ==, 1);
    g_assert_cmpuint(g_array_index(guest->device_nodes, guint, 1), ==, 0);
}

/* Nothing is known: the same as none, for who places it. */
static void
test_unknown_devices(void)
{
    static const char *const cases[] = {"", HOSTDEV("0x00", "0x1f")};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnTree) tree = vn_tree_load("lab-two-nodes");
        g_autoptr(VnSnapshot) snapshot = observe(tree, cases[i]);
        const VnGuest *guest = vn_snapshot_find(snapshot, DB1);
        g_assert_cmpuint(guest->devices->len, ==, i);
        g_assert_null(guest->device_nodes);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/observe/devices", test_devices);
    g_test_add_func("/observe/unknown-devices", test_unknown_devices);
    return g_test_run();
}
