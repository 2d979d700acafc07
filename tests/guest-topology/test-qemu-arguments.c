/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A topology as arguments for QEMU, one table of cases. What QEMU makes of them is
 * compared by acpi-of-qemu.py. */
#include "guest-topology/domain.h"
#include "guest-topology/qemu-arguments.h"

#include <string.h>

#define HEAD                   \
    "<domain><name>db1</name>" \
    "<uuid>11111111-2222-3333-4444-555555555555</uuid>"

static void
test_arguments(void)
{
    static const struct {
        const char *body;
        const char *arguments; /* one option and its value a line */
    } cases[] = {
        {"<vcpu>1</vcpu><cpu><numa><cell cpus='0' memory='1024'/></numa></cpu>",
         "-machine pc\n"
         "-smp 1,maxcpus=1,sockets=1,dies=1,cores=1,threads=1\n"
         "-m size=1024k\n"
         "-object memory-backend-ram,id=ram-node0,size=1048576\n"
         "-numa node,nodeid=0,cpus=0,memdev=ram-node0\n"},
        {"<maxMemory slots='2' unit='MiB'>64</maxMemory><vcpu>8</vcpu>"
         "<os><type machine='q35'>hvm</type></os>"
         "<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>"
         "<numatune><memory mode='strict' nodeset='0-3'/>"
         "<memnode cellid='1' mode='strict' nodeset='0-1,3'/></numatune>"
         "<cpu><topology sockets='1' dies='2' cores='2' threads='2'/><numa>"
         "<cell cpus='0-1,4-7' memory='0'/><cell cpus='2-3' memory='2048'>"
         "<distances><sibling id='0' value='255'/></distances></cell></numa></cpu>",
         "-machine q35\n"
         "-smp 8,maxcpus=8,sockets=1,dies=2,cores=2,threads=2\n"
         "-m size=2048k,slots=2,maxmem=65536k\n"
         "-numa node,nodeid=0,cpus=0-1,cpus=4-7\n"
         "-object memory-backend-memfd,id=ram-node1,size=2097152,hugetlb=on,"
         "hugetlbsize=2097152,share=off,prealloc=on,host-nodes=0-1,host-nodes=3,"
         "policy=bind\n"
         "-numa node,nodeid=1,cpus=2-3,memdev=ram-node1\n"
         "-numa dist,src=0,dst=0,val=10\n"
         "-numa dist,src=0,dst=1,val=255\n"
         "-numa dist,src=1,dst=0,val=255\n"
         "-numa dist,src=1,dst=1,val=10\n"},
        {"<cpu><numa><cell cpus='0' memory='1024'>"
         "<cache level='1' associativity='full' policy='writethrough'><size value='4'/>"
         "<line value='64'/></cache></cell><cell memory='1024'/><interconnects>"
         "<latency initiator='0' target='0' type='access' value='5'/>"
         "<bandwidth initiator='0' target='1' type='write' value='2' unit='GiB'/>"
         "<latency initiator='0' target='0' cache='1' type='read' value='2'/>"
         "</interconnects></numa></cpu>",
         "-machine pc,hmat=on\n"
         "-smp 1,maxcpus=1,sockets=1,dies=1,cores=1,threads=1\n"
         "-m size=2048k\n"
         "-object memory-backend-ram,id=ram-node0,size=1048576\n"
         "-numa node,nodeid=0,cpus=0,initiator=0,memdev=ram-node0\n"
         "-object memory-backend-ram,id=ram-node1,size=1048576\n"
         "-numa node,nodeid=1,initiator=0,memdev=ram-node1\n"
         "-numa hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-latency,"
         "latency=5\n"
         "-numa hmat-lb,initiator=0,target=1,hierarchy=memory,data-type=write-bandwidth,"
         "bandwidth=2097152K\n"
         "-numa hmat-lb,initiator=0,target=0,hierarchy=first-level,"
         "data-type=read-latency,latency=2\n"
         "-numa hmat-cache,node-id=0,size=4K,level=1,associativity=complex,"
         "policy=write-through,line=64\n"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *xml = g_strdup_printf(HEAD "%s</domain>", cases[i].body);
        g_autoptr(VnGuest) guest = vn_domain_parse(xml, strlen(xml), &error);
        g_assert_no_error(error);
        g_auto(GStrv) argv = vn_qemu_arguments(guest->told);
        g_autoptr(GString) lines = g_string_new(NULL);
        for (guint k = 0; argv[k]; k++)
            g_string_append_printf(lines, "%s%c", argv[k], k % 2 ? '\n' : ' ');
        g_assert_cmpstr(lines->str, ==, cases[i].arguments);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qemu-arguments/arguments", test_arguments);
    return g_test_run();
}
