/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Passed-through devices in domain XML: the ways to write one, damaged ones, too many. */
#include "guest-topology/devices.h"

#include "guest-topology/define.h"
#include "guest-topology/domain.h"
#include "tests/support/scenario.h"

#include <string.h>

#define HOSTDEV "<hostdev mode='subsystem' type='pci' managed='yes'>"
#define ADDRESS "<address domain='0x0000' bus='0x3b' slot='0x1f' function='0x7'/>"

static VnGuest *
parse(const char *devices)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = g_strdup_printf(
        "<domain><name>db1</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
        "<memory>1024</memory><devices>%s</devices></domain>",
        devices);
    VnGuest *guest = vn_domain_parse(xml, strlen(xml), &error);
    g_assert_no_error(error);
    return guest;
}

static void
test_one(void)
{
    static const struct {
        const char *xml;
        const char *address; /* NULL: no device */
        const char *note;    /* part of it; NULL: no note */
    } cases[] = {
        {HOSTDEV
         "<driver name='vfio'/><source>" ADDRESS "</source>"
         "<address type='pci' domain='0' bus='0' slot='5' function='0'/></hostdev>",
         "0000:3b:1f.7", NULL},
        {"<interface type='hostdev' managed='yes'><source><address type='pci' domain='0' "
         "bus='59' slot='037' function='1'/></source></interface>",
         "0000:3b:1f.1", NULL},
        {"<hostdev type='pci'><source><address bus='0xFF'/></source></hostdev>",
         "0000:ff:00.0", NULL},
        {HOSTDEV
         "<source><address domain='0x10000' bus='1' slot='0'/></source></hostdev>",
         "10000:01:00.0", NULL},
        /* Others than PCI devices of the host. */
        {"<hostdev mode='subsystem' type='usb'><source>" ADDRESS "</source></hostdev>",
         NULL, NULL},
        {"<hostdev mode='capabilities' type='pci'><source>" ADDRESS "</source></hostdev>",
         NULL, NULL},
        {"<interface type='network'><source>" ADDRESS "</source></interface>", NULL,
         NULL},
        {"<x:hostdev xmlns:x='urn:x' type='pci'><source>" ADDRESS "</source></x:hostdev>",
         NULL, NULL},
        /* Damaged. */
        {HOSTDEV "</hostdev>", NULL, "1 of its"},
        {HOSTDEV "<source/></hostdev>" HOSTDEV "</hostdev>", NULL, "2 of its"},
        {HOSTDEV "<source><address function='1'/></source></hostdev>", NULL, "1 of its"},
        {HOSTDEV "<source><address bus='256' slot='1'/></source></hostdev>", NULL, "1"},
        {HOSTDEV "<source><address bus='0' slot='0x20'/></source></hostdev>", NULL, "1"},
        {HOSTDEV "<source><address bus='1' slot='0' function='8'/></source></hostdev>",
         NULL, "1 of its"},
        {HOSTDEV "<source><address bus='1' slot='0' domain='0x100000000'/></source>"
                 "</hostdev>",
         NULL, "1 of its"},
        {HOSTDEV "<source><address bus='' slot='-1'/></source></hostdev>", NULL, "1"},
        {HOSTDEV "<source><address bus='0x' slot='1'/></source></hostdev>", NULL, "1"},
        {HOSTDEV "<source><address bus='0x0x1' slot='0'/></source></hostdev>", NULL, "1"},
        {"<interface type='hostdev'><source><address type='usb' bus='1' slot='2'/>"
         "</source></interface>",
         NULL, "1 of its"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].xml);
        g_autoptr(VnGuest) guest = parse(cases[i].xml);
        g_assert_cmpuint(guest->devices->len, ==, cases[i].address ? 1 : 0);
        g_assert_cmpuint(guest->notes->len, ==, cases[i].note ? 1 : 0);
        g_assert_null(guest->trouble);
        if (cases[i].note)
            g_assert_nonnull(strstr(guest->notes->pdata[0], cases[i].note));
        if (!cases[i].address)
            continue;
        const VnGuestDevice *device = guest->devices->pdata[0];
        g_assert_cmpstr(device->address, ==, cases[i].address);
        g_assert_cmpint(device->host_node, ==, -1);
    }
}

/* A damaged one is in no other's way. */
static void
test_mixed(void)
{
    g_autoptr(VnGuest) guest =
        parse("<interface type='hostdev'><source><address bus='2' slot='3'/></source>"
              "</interface>" HOSTDEV "</hostdev>" HOSTDEV "<source>" ADDRESS
              "</source></hostdev>");
    g_autoptr(VnGuest) clone = vn_guest_clone(guest);
    static const char *const expected[] = {"0000:3b:1f.7", "0000:02:03.0"};
    g_assert_cmpuint(clone->devices->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < clone->devices->len; i++) {
        const VnGuestDevice *device = clone->devices->pdata[i];
        g_assert_cmpstr(device->address, ==, expected[i]);
    }
    g_assert_cmpuint(guest->notes->len, ==, 1);
}

static void
test_limit(void)
{
    for (guint more = 0; more < 2; more++) {
        g_autoptr(GString) xml = g_string_new(NULL);
        for (guint i = 0; i < VN_DEVICES_MAX + more; i++)
            g_string_append(xml, HOSTDEV "<source>" ADDRESS "</source></hostdev>");
        g_autoptr(VnGuest) guest = parse(xml->str);
        g_assert_cmpuint(guest->devices->len, ==, VN_DEVICES_MAX);
        g_assert_cmpuint(guest->notes->len, ==, more);
    }
}

#define DEVICE(bus)                                                              \
    "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='" bus \
    "' slot='0' function='0'/></source></hostdev>"
#define DEVICES(devices) "<devices>" devices "</devices>"
#define CELL "<cpu><numa><cell id='0' cpus='0-3' memory='2097152'/></numa></cpu>"

static char *
define(const VnHost *host, const char *xml, VnDefineReport **ret_report)
{
    static const VnDefineOptions options = {0};
    g_autoptr(GError) error = NULL;
    char *out = vn_define(xml, strlen(xml), host, &options, ret_report, &error);
    g_assert_no_error(error);
    return out;
}

/* Two nodes alike; devices of bus 1 are on node 1, of bus 2 on node 0, of 3 on none. */
static void
test_defined(void)
{
    static const struct {
        const char *inside;
        const char *home;
    } cases[] = {
        {"", "0"},
        {DEVICES(DEVICE("1")), "1"},
        {DEVICES(DEVICE("2")), "0"},
        {DEVICES(DEVICE("2") DEVICE("1") DEVICE("1")), "1"},
        {DEVICES(DEVICE("3")), "0"},
        {DEVICES(DEVICE("4")), "0"}, /* the host has none such */
        {CELL DEVICES(DEVICE("1")), "1"},
        {"<numatune><memory mode='strict' nodeset='0'/></numatune>" DEVICES(DEVICE("1")),
         "0"},
    };
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 4, 8192);
    vn_host_add_device(snapshot->host, "0000:01:00.0")->host_node = 1;
    vn_host_add_device(snapshot->host, "0000:02:00.0")->host_node = 0;
    vn_host_add_device(snapshot->host, "0000:03:00.0")->host_node = -1;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml =
            g_strdup_printf("<domain type='kvm'><name>g1</name><metadata>"
                            "<v:guest xmlns:v='urn:vnumad:guest:1'/></metadata>"
                            "<memory unit='GiB'>2</memory><vcpu>4</vcpu>%s</domain>",
                            cases[i].inside);
        g_autoptr(VnDefineReport) report = NULL;
        g_autofree char *out = define(snapshot->host, xml, &report);
        g_test_message("%s", out);
        g_autofree char *bound = g_strdup_printf(
            "<memnode cellid='0' mode='strict' nodeset='%s'/>", cases[i].home);
        g_assert_nonnull(strstr(out, bound));
        g_autofree char *again = define(snapshot->host, out, NULL);
        g_assert_cmpstr(again, ==, out);
    }
}

/* What was derived once stays, also when a device is added: it has its memory there. */
static void
test_added(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 4, 8192);
    vn_host_add_device(snapshot->host, "0000:01:00.0")->host_node = 1;
    g_autofree char *out = define(snapshot->host,
                                  "<domain type='kvm'><name>g1</name><metadata>"
                                  "<v:guest xmlns:v='urn:vnumad:guest:1'/></metadata>"
                                  "<memory unit='GiB'>2</memory><vcpu>4</vcpu></domain>",
                                  NULL);
    g_auto(GStrv) halves = g_strsplit(out, "</domain>", 2);
    g_autofree char *with =
        g_strconcat(halves[0], DEVICES(DEVICE("1")), "</domain>", NULL);
    g_autofree char *again = define(snapshot->host, with, NULL);
    g_assert_nonnull(strstr(again, "nodeset='0'"));
    g_assert_null(strstr(again, "nodeset='1'"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/devices/one", test_one);
    g_test_add_func("/devices/mixed", test_mixed);
    g_test_add_func("/devices/limit", test_limit);
    g_test_add_func("/devices/defined", test_defined);
    g_test_add_func("/devices/added", test_added);
    return g_test_run();
}
