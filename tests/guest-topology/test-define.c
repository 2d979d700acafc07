/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Definitions in, definitions out: whole documents of data/definitions, once, twice and
 * after libvirt has rewritten them; whose each part is; and what is refused.
 */
#include "guest-topology/define.h"
#include "guest-topology/domain.h"
#include "tests/support/scenario.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#define GIB (MIB << 10)

/* CPUs 0-3 and 4-7, 8 GiB a node, half of it free, and 2 GiB in 2 MiB pages. */
static VnSnapshot *
two_nodes(void)
{
    static const VnHugePages pages = {2 * MIB, 1024, 1024};
    VnSnapshot *snapshot = scenario_new(2, 4, 8192);
    for (guint i = 0; i < 2; i++) {
        VnHostNode *node = snapshot->host->nodes->pdata[i];
        g_array_append_val(node->huge_pages, pages);
    }
    return snapshot;
}

static char *
data_path(const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);
    return g_test_build_filename(G_TEST_DIST, "data", "definitions", file, NULL);
}

static char *
read_data(const char *name, const char *suffix)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = data_path(name, suffix);
    char *text = NULL;
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static char *
define_on(const VnHost *host, const char *xml, const VnDefineOptions *options,
          VnDefineReport **ret_report)
{
    g_autoptr(GError) error = NULL;
    char *result = vn_define(xml, strlen(xml), host, options, ret_report, &error);
    g_assert_no_error(error);
    return result;
}

static gboolean
has_entry(const GPtrArray *entries, const char *part, const char *text)
{
    for (guint i = 0; i < entries->len; i++) {
        const VnDefineEntry *entry = entries->pdata[i];
        if (strcmp(entry->part, part) == 0 && strstr(entry->text, text))
            return TRUE;
    }
    return FALSE;
}

static char *
replace(const char *text, const char *old, const char *new)
{
    g_auto(GStrv) parts = g_strsplit(text, old, 2);
    g_assert_nonnull(parts[1]);
    return g_strjoinv(new, parts);
}

/* What libvirt makes of it: its test driver keeps what concerns us. */
static char *
through_libvirt(const char *xml)
{
    virSetErrorFunc(NULL, NULL);
    const char *type = strstr(xml, "'kvm'") ? "'kvm'" : "\"kvm\"";
    g_autofree char *test = replace(xml, type, "'test'");
    virConnectPtr connect = virConnectOpen("test:///default");
    g_assert_nonnull(connect);
    virDomainPtr domain = virDomainDefineXML(connect, test);
    g_assert_nonnull(domain);
    char *text =
        virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    char *copy = g_strdup(text);
    free(text);
    virDomainFree(domain);
    virConnectClose(connect);
    return copy;
}

static void
assert_nothing_to_do(const VnHost *host, const char *xml)
{
    static const VnDefineOptions options = {0};
    g_autoptr(VnDefineReport) report = NULL;
    g_autofree char *again = define_on(host, xml, &options, &report);
    g_assert_cmpstr(again, ==, xml);
    g_assert_cmpuint(report->written->len, ==, 0);
}

typedef struct {
    const char *name;
    VnDefineOptions options;
} Document;

static const Document documents[] = {
    {"plain"},
    {"one-line"},
    {"own-cells"},
    {"grown", {.dirty_ring = TRUE}},
};

static void
test_documents(void)
{
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    for (gsize i = 0; i < G_N_ELEMENTS(documents); i++) {
        const Document *one = &documents[i];
        g_test_message("%s", one->name);
        g_autofree char *in = read_data(one->name, ".in.xml");
        g_autofree char *out = define_on(snapshot->host, in, &one->options, NULL);
        if (g_getenv("VN_WRITE_EXPECTED")) {
            g_autofree char *path = data_path(one->name, ".out.xml");
            g_file_set_contents(path, out, -1, NULL);
        }
        g_autofree char *expected = read_data(one->name, ".out.xml");
        g_assert_cmpstr(out, ==, expected);
        assert_nothing_to_do(snapshot->host, out);
        g_autoptr(GError) error = NULL;
        g_autoptr(xmlDoc) document = vn_xml_read(out, strlen(out), "outcome", &error);
        g_assert_no_error(error);
        g_autoptr(VnGuest) guest = vn_domain_read(xmlDocGetRootElement(document), &error);
        g_assert_no_error(error);
        g_assert_nonnull(guest->told);
    }
}

static void
test_through_libvirt(void)
{
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    for (gsize i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_autofree char *out = read_data(documents[i].name, ".out.xml");
        g_test_message("%s", documents[i].name);
        g_autofree char *rewritten = through_libvirt(out);
        assert_nothing_to_do(snapshot->host, rewritten);
        g_autoptr(GError) error = NULL;
        g_autoptr(VnGuest) before = vn_domain_parse(rewritten, strlen(rewritten), &error);
        g_assert_no_error(error);
        g_assert_true(before->told_cells);
    }
}

static void
test_validates(void)
{
    g_autofree char *program = g_find_program_in_path("virt-xml-validate");
    g_autofree char *helper = g_find_program_in_path("xmllint");
    if (!program || !helper) {
        g_test_skip("virt-xml-validate, or xmllint which it runs, is not installed");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = data_path(documents[i].name, ".out.xml");
        g_autofree char *said = NULL;
        int status;
        char *line[] = {program, path, NULL};
        g_spawn_sync(NULL, line, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                     &said, &status, &error);
        g_assert_no_error(error);
        if (status)
            g_test_message("%s", said);
        g_assert_cmpint(status, ==, 0);
    }
}

/* A definition with 4 vCPUs and 2 GiB. */
static char *
with(const char *metadata, const char *inside)
{
    return g_strdup_printf(
        "<domain type='kvm'>\n  <name>g1</name>\n  <metadata>%s</metadata>\n"
        "  <memory unit='GiB'>2</memory>\n  %s\n%s</domain>\n",
        metadata, strstr(inside, "</vcpu>") ? "" : "<vcpu>4</vcpu>", inside);
}

#define TAG "<v:guest xmlns:v='urn:vnumad:guest:1'/>"
#define TAG_WITH(attributes) "<v:guest xmlns:v='urn:vnumad:guest:1' " attributes "/>"
#define TWO_CELLS                                           \
    "<cpu><numa><cell id='0' cpus='0-1' memory='1048576'/>" \
    "<cell id='1' cpus='2-3' memory='1048576'/></numa></cpu>"

/* What the administrator wrote, what becomes of the rest, and what is said of it. */
static void
test_respected(void)
{
    static const struct {
        const char *tag;
        const char *his;
        const char *then;      /* in the outcome; NULL: nothing of interest */
        const char *never;     /* not in it */
        const char *respected; /* a part */
        const char *conflict;  /* a part */
        const char *says;
    } cases[] = {
        {TAG_WITH("cells='2'"),
         "<numatune><memory mode='strict' nodeset='1'/></numatune>",
         "<memnode cellid='0' mode='strict' nodeset='1'/>", "nodeset='0'", "memory"},
        {TAG_WITH("cells='1'"), "<vcpu cpuset='4-7,^4'>3</vcpu>",
         "<vcpupin vcpu='0' cpuset='5-7'/>", "nodeset='0", "vcpu"},
        {TAG_WITH("cells='2'"), "<cputune><vcpupin vcpu='0' cpuset='0-7'/></cputune>",
         "<vcpupin vcpu='0' cpuset='0-7'/>", "vcpupin vcpu='0' cpuset='0-3'", "vcpupin 0",
         "vcpupin 0", "home of cell 0"},
        {TAG_WITH("cells='2'"), "<cputune><emulatorpin cpuset='7'/></cputune>",
         "<emulatorpin cpuset='7'/>", "emulatorpin cpuset='0", "emulatorpin"},
        {TAG, TWO_CELLS, "<memnode cellid='1' mode='strict' nodeset='1'/>", "distances",
         "cell 0"},
        {TAG_WITH("cells='3'"), TWO_CELLS, NULL, "id='2'", "cell 1", "cells",
         "the metadata asks for 3 cells, the definition has 2"},
        {TAG_WITH("max-vcpus-per-cell='1'"), TWO_CELLS, NULL, NULL, NULL, "cells",
         "cell 1 has 2 vCPUs, the metadata allows 1"},
        /* Homes follow his binding, and pins of all vCPUs of a cell. */
        {TAG,
         "<numatune><memory mode='strict' nodeset='0-1'/>"
         "<memnode cellid='0' mode='strict' nodeset='1'/></numatune>" TWO_CELLS,
         "<vcpupin vcpu='1' cpuset='4-7'/>", NULL, "memnode 0"},
        {TAG,
         "<cputune><vcpupin vcpu='0' cpuset='4'/><vcpupin vcpu='1' cpuset='5'/>"
         "</cputune>" TWO_CELLS,
         "<memnode cellid='0' mode='strict' nodeset='1'/>", NULL, "vcpupin 0"},
        {TAG, "<numatune><memory mode='restrictive' nodeset='0-1'/></numatune>" TWO_CELLS,
         "<memnode cellid='0' mode='restrictive' nodeset='0'/>", "'strict'", "memory",
         "memory", "the metadata asks for 'strict'"},
        {TAG_WITH("binding='restrictive'"),
         "<numatune><memory mode='strict' nodeset='0-1'/></numatune>" TWO_CELLS,
         "<memnode cellid='0' mode='strict' nodeset='0'/>", "'restrictive' nodeset",
         "memory", "memory", "mode 'strict', but the metadata asks for 'restrictive'"},
        {TAG,
         "<numatune><memory mode='strict' nodeset='1'/>"
         "<memnode cellid='0' mode='strict' nodeset='0'/></numatune>" TWO_CELLS,
         "<memnode cellid='1' mode='strict' nodeset='1'/>", NULL, "memory", "memory",
         "off host node 0"},
        {TAG, "<vcpu placement='auto'>4</vcpu>", "<memnode", "<vcpupin", "vcpu", "vcpu",
         "nothing is pinned"},
        {TAG, "<numatune><memory mode='strict' placement='auto'/></numatune>", "<vcpupin",
         "<memnode", "memory", "memory", "cannot be bound"},
        {TAG, "<cpu><topology sockets='1' cores='2' threads='2'/></cpu>",
         "<topology sockets='1' cores='2' threads='2'/>", "dies", "topology"},
        {TAG, "<features><kvm><dirty-ring state='off'/></kvm></features>",
         "<dirty-ring state='off'/>", "'on'", "dirty-ring"},
        {TAG_WITH("exclude-nodes='0'"), "", "nodeset='1'", "nodeset='0"},
        {TAG, "", "<dirty-ring state='on'"},
        {TAG, "<os><type arch='ppc64le'>hvm</type></os>", "<cell", "dirty-ring"},
    };
    static const VnDefineOptions options = {.dirty_ring = TRUE};
    g_autoptr(VnSnapshot) snapshot = two_nodes();

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = with(cases[i].tag, cases[i].his);
        g_autoptr(VnDefineReport) report = NULL;
        g_autofree char *out = define_on(snapshot->host, xml, &options, &report);
        g_autofree char *shown = g_variant_print(
            g_variant_ref_sink(vn_define_report_to_variant(report, out)), FALSE);
        g_test_message("%s", shown);
        g_assert_true(!cases[i].then || strstr(out, cases[i].then));
        g_assert_true(!cases[i].never || !strstr(out, cases[i].never));
        if (cases[i].respected)
            g_assert_true(has_entry(report->respected, cases[i].respected, ""));
        if (cases[i].conflict)
            g_assert_true(has_entry(report->conflicts, cases[i].conflict, cases[i].says));
        else
            g_assert_cmpuint(report->conflicts->len, ==, 0);
        assert_nothing_to_do(snapshot->host, out);
    }
}

/* With force the same definitions come out as if he had written nothing of it. */
static void
test_force(void)
{
    static const char *const his[] = {
        TWO_CELLS,
        "<numatune><memory mode='strict' placement='auto'/></numatune>",
        "<numatune><memory mode='restrictive' nodeset='1'/>"
        "<memnode cellid='0' mode='restrictive' nodeset='1'/>"
        "<memnode cellid='5' mode='restrictive' nodeset='1'/></numatune>",
        "<vcpu placement='auto'>4</vcpu>",
        "<vcpu cpuset='7'>4</vcpu>",
        "<cputune><vcpupin vcpu='0' cpuset='7'/><emulatorpin cpuset='7'/></cputune>",
        "<cpu><topology sockets='4' cores='1' threads='1'/></cpu>",
    };
    static const VnDefineOptions usual = {0};
    static const VnDefineOptions options = {.force = TRUE};
    static const char tag[] = TAG_WITH("cells='2'");
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autofree char *bare = with(tag, "");
    g_autofree char *plain = define_on(snapshot->host, bare, &usual, NULL);
    const char *record = strstr(plain, "<vnumad:derived");
    g_autofree char *wanted =
        g_strndup(record, (gsize) (strstr(record, "</vnumad:derived>") - record));

    for (gsize i = 0; i < G_N_ELEMENTS(his); i++) {
        g_autofree char *xml = with(tag, his[i]);
        g_autoptr(VnDefineReport) report = NULL;
        g_autofree char *out = define_on(snapshot->host, xml, &options, &report);
        g_test_message("%s", out);
        g_assert_nonnull(strstr(out, wanted));
        g_assert_cmpuint(report->respected->len, ==, 0);
        g_assert_cmpuint(report->conflicts->len, ==, 0);
        g_assert_null(strstr(out, "auto"));
        g_assert_null(strstr(out, "cellid='5'"));
        assert_nothing_to_do(snapshot->host, out);
        g_autofree char *again = define_on(snapshot->host, out, &options, NULL);
        g_assert_cmpstr(again, ==, out);
    }
}

/* Ours follow when the guest grows and shrinks; what he changes in them is his. */
static void
test_ours(void)
{
    static const VnDefineOptions options = {0};
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autofree char *small = with(TAG_WITH("cells='2'"), "");
    g_autofree char *first = define_on(snapshot->host, small, &options, NULL);

    g_autofree char *more = replace(first, "<vcpu>4</vcpu>", "<vcpu>6</vcpu>");
    g_autofree char *grown = define_on(snapshot->host, more, &options, NULL);
    g_assert_nonnull(strstr(grown, "<vcpupin vcpu='5' cpuset='4-7'/>"));
    g_assert_nonnull(strstr(grown, "cpus='3-5'"));
    g_autofree char *less = replace(grown, "<vcpu>6</vcpu>", "<vcpu>2</vcpu>");
    g_autoptr(VnDefineReport) report = NULL;
    g_autofree char *shrunk = define_on(snapshot->host, less, &options, &report);
    g_assert_true(has_entry(report->written, "vcpupin 2-5", "removed"));
    g_assert_null(strstr(shrunk, "vcpupin vcpu='2'"));
    assert_nothing_to_do(snapshot->host, shrunk);

    /* One cell, all on one node: surplus cells and their bindings go. */
    g_autofree char *other = replace(first, "cells='2'", "cells='1'");
    g_autofree char *one = define_on(snapshot->host, other, &options, NULL);
    g_assert_null(strstr(one, "cellid='1'"));
    g_assert_null(strstr(one, "<cell id='1'"));
    assert_nothing_to_do(snapshot->host, one);

    /* He swaps the binding of a cell: its pins and the distances follow him. */
    g_autofree char *swapped = replace(first, "cellid='0' mode='strict' nodeset='0'",
                                       "cellid='0' mode='strict' nodeset='1'");
    g_autofree char *his = define_on(snapshot->host, swapped, &options, NULL);
    g_assert_nonnull(strstr(his, "<vcpupin vcpu='0' cpuset='4-7'/>"));
    g_assert_nonnull(strstr(his, "<sibling id='1' value='11'/>"));
    assert_nothing_to_do(snapshot->host, his);

    /* What he adds to a cell stays, and does not make the cell his. */
    g_autofree char *shared =
        replace(first, "<cell id='0' ", "<cell memAccess='shared' id='0' ");
    assert_nothing_to_do(snapshot->host, shared);
    g_autofree char *bigger = replace(shared, "<vcpu>4</vcpu>", "<vcpu>8</vcpu>");
    g_autofree char *kept = define_on(snapshot->host, bigger, &options, NULL);
    g_assert_nonnull(strstr(kept, "<cell memAccess='shared' id='0' cpus='0-3'"));
}

/* With cells that share a node and a host that tells latencies: libvirt takes it. */
static void
test_latencies(void)
{
    static const VnDefineOptions options = {0};
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    for (guint i = 0; i < 2; i++) {
        VnAccessClass *access =
            &((VnHostNode *) snapshot->host->nodes->pdata[i])->access[1];
        access->initiators = vn_idset_new_with(i);
        access->read_latency_ns = access->write_latency_ns = 80;
        access->read_bandwidth_bytes_per_second = 20 * GIB;
        access->write_bandwidth_bytes_per_second = 10 * GIB;
    }
    g_autofree char *xml = with(TAG_WITH("cells='4'"), "<os><type>hvm</type></os>");
    g_autofree char *out = define_on(snapshot->host, xml, &options, NULL);
    g_assert_nonnull(strstr(out, "<latency initiator='3' target='3' type='access'"));
    g_assert_nonnull(strstr(out, "<bandwidth initiator='0' target='0' type='write' "
                                 "value='10485760' unit='KiB'/>"));
    assert_nothing_to_do(snapshot->host, out);
    g_autofree char *rewritten = through_libvirt(out);
    assert_nothing_to_do(snapshot->host, rewritten);
}

/* However full the host is by now, and however its nodes lie: what was decided stays. */
static void
test_steady(void)
{
    static const VnDefineOptions options = {0};
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autofree char *xml = with(TAG, "");
    g_autofree char *first = define_on(snapshot->host, xml, &options, NULL);
    for (guint full = 0; full < 2; full++) {
        for (guint i = 0; i < 2; i++) {
            VnHostNode *node = snapshot->host->nodes->pdata[i];
            node->free_bytes = i == full ? 100 * MIB : 7 * GIB;
        }
        assert_nothing_to_do(snapshot->host, first);
    }
}

static void
test_refused(void)
{
    static const struct {
        const char *tag;
        const char *inside;
        VnErrorCode code;
        const char *says;
    } cases[] = {
        {"", "", VN_ERROR_REFUSED, "guest g1: its definition does not ask for vNUMA"},
        {"", "", VN_ERROR_REFUSED, "virsh metadata g1 urn:vnumad:guest:1 --config"},
        {TAG_WITH("cells='no'"), "", VN_ERROR_INVALID, "guest g1: metadata: cells='no'"},
        {TAG_WITH("distances='10,9;9,10'"), "", VN_ERROR_INVALID,
         "distances='10,9;9,10'"},
        {TAG_WITH("exclude-nodes='0-1'"), "", VN_ERROR_REFUSED, "no host node is left"},
        {TAG_WITH("exclude-nodes='7'"), "", VN_ERROR_INVALID,
         "guest g1: metadata: exclude-nodes: there is no host node 7; this host has 0-1"},
        {TAG, "<numatune><memory nodeset='0,5'/></numatune>", VN_ERROR_INVALID,
         "<numatune><memory>: there is no host node 5"},
        {TAG, "<numatune><memory mode='strict' nodeset='x'/></numatune>",
         VN_ERROR_INVALID, "guest g1: <memory nodeset>: "},
        {TAG, "<numatune><memory mode='fast' nodeset='0'/></numatune>", VN_ERROR_INVALID,
         "'fast' is not a mode"},
        {TAG, "<numatune><memnode cellid='0' nodeset='8'/></numatune>" TWO_CELLS,
         VN_ERROR_INVALID, "<memnode> of cell 0: there is no host node 8"},
        {TAG, "<numatune><memnode cellid='2' nodeset='0'/></numatune>" TWO_CELLS,
         VN_ERROR_INVALID, "there is no cell 2, only 2 cells"},
        {TAG,
         "<cputune><vcpupin vcpu='1' cpuset='0'/><vcpupin vcpu='1' cpuset='1'/></cputune>",
         VN_ERROR_INVALID, "<vcpupin>: there is more than one for the same vcpu"},
        {TAG, "<cpu><numa><cell cpus='0-4' memory='1024'/></numa></cpu>",
         VN_ERROR_INVALID, "there is no vCPU 4, only 4 vCPUs"},
        {TAG,
         "<cpu><numa><cell cpus='0-3' memory='9'/><cell cpus='3' memory='9'/></numa></cpu>",
         VN_ERROR_INVALID, "cell 1: vCPU 3 is in another cell too"},
        {TAG,
         "<cpu><numa><cell cpus='0-3' memory='1024'><distances><sibling id='0' value='9'/>"
         "</distances></cell></numa></cpu>",
         VN_ERROR_INVALID, "distance to cell 0 is 9"},
        {TAG,
         "<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>"
         "<cpu><numa><cell cpus='0-3' memory='3' unit='MiB'/></numa></cpu>",
         VN_ERROR_INVALID, "cell 0: its memory of 3072 KiB is no whole number of pages"},
        {TAG, "<cpu><numa><cell cpus='0-3' memory='64' unit='GiB'/></numa></cpu>",
         VN_ERROR_REFUSED, "cell 0 with 4 vCPUs and 64.0 GiB fits on none of host nodes"},
        {TAG, "<vcpu>5000</vcpu>", VN_ERROR_INVALID, "not a number up to 4096"},
        {TAG, "<vcpu current='5'>4</vcpu>", VN_ERROR_INVALID, "5 vCPUs of at most 4"},
        {TAG, "<cpu><topology sockets='3' cores='1' threads='1'/></cpu>",
         VN_ERROR_INVALID, "guest g1: "},
        {TAG, "<cpu><topology sockets='0' cores='1' threads='1'/></cpu>",
         VN_ERROR_INVALID, "<topology sockets>: it cannot be 0"},
        {TAG,
         "<memoryBacking><hugepages><page size='2' unit='MiB' nodeset='0-1'/></hugepages>"
         "</memoryBacking>",
         VN_ERROR_INVALID, "<page nodeset>: there is no cell 1, only 1 cells"},
        {TAG, "<vcpu cpuset='x'>4</vcpu>", VN_ERROR_INVALID, "guest g1: <vcpu cpuset>: "},
        {TAG, "<vcpu>6</vcpu><numatune><memory nodeset='1'/></numatune>",
         VN_ERROR_REFUSED,
         "; only host nodes 1 are candidates, by its own <numatune>, <vcpu> or pins"},
        {TAG, "<iothreads>x</iothreads>", VN_ERROR_INVALID, "<iothreads>: 'x'"},
        {TAG_WITH("cells='2'"),
         "<devices><memory model='dimm'><target><size>1024</size><node>2</node></target>"
         "</memory></devices>",
         VN_ERROR_INVALID, "there is no cell 2 for its <node>, only 0 to 1"},
    };
    static const VnDefineOptions options = {0};
    g_autoptr(VnSnapshot) snapshot = two_nodes();

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = with(cases[i].tag, cases[i].inside);
        g_autoptr(GError) error = NULL;
        g_autoptr(VnDefineReport) report = NULL;
        g_test_message("%s", xml);
        g_assert_null(
            vn_define(xml, strlen(xml), snapshot->host, &options, &report, &error));
        g_assert_nonnull(error);
        g_test_message("%s", error->message);
        g_assert_error(error, VN_ERROR, (gint) cases[i].code);
        g_assert_nonnull(strstr(error->message, cases[i].says));
        g_assert_null(report);
    }
}

#define ARGUMENTS                                                          \
    "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>" \
    "<q:arg value='-numa'/><q:arg value='node'/></q:commandline>"

/* Guests that QEMU could not tell of our cells are left alone, asked for or not. */
static void
test_kinds(void)
{
    static const struct {
        const char *type;
        const char *inside;
        VnErrorCode code;
        const char *says;
    } cases[] = {
        {"'lxc'", "", VN_ERROR_UNSUPPORTED, "no virtual NUMA for guests of type 'lxc'"},
        {"'qemu'", "<os><type arch='s390x'>hvm</type></os>", VN_ERROR_UNSUPPORTED,
         "no virtual NUMA for the architecture 's390x'"},
        {"'kvm'", "<os><type machine='microvm'>hvm</type></os>", VN_ERROR_UNSUPPORTED,
         "for the machine 'microvm'"},
        {"'kvm'", ARGUMENTS, VN_ERROR_REFUSED,
         "its own QEMU arguments make its cells (-numa)"},
    };
    static const VnDefineOptions options = {0};
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *kvm = with(TAG, cases[i].inside);
        g_autofree char *xml = replace(kvm, "'kvm'", cases[i].type);
        g_assert_null(
            vn_define(xml, strlen(xml), snapshot->host, &options, NULL, &error));
        g_assert_error(error, VN_ERROR, (gint) cases[i].code);
        g_assert_nonnull(strstr(error->message, cases[i].says));
    }
    /* To cells of his own he may add what libvirt does not know. */
    g_autofree char *his = with(TAG, TWO_CELLS ARGUMENTS);
    g_autofree char *out = define_on(snapshot->host, his, &options, NULL);
    g_assert_nonnull(strstr(out, "<vcpupin"));
}

/* Sections that split what would end one are one to libxml2, and two when written. */
static void
test_cdata(void)
{
    static const char *const sections[] = {
        "<![CDATA[a]]]]><![CDATA[>b <&>]]>",
        "<![CDATA[]]]]><![CDATA[>]]]]><![CDATA[>]]>",
        "<![CDATA[]]]]>",
        "<![CDATA[one, and two]]>",
    };
    static const VnDefineOptions options = {0};
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    for (gsize i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_autofree char *inside =
            g_strdup_printf("<description>%s</description>", sections[i]);
        g_autofree char *xml = with(TAG, inside);
        g_autofree char *out = define_on(snapshot->host, xml, &options, NULL);
        g_assert_nonnull(strstr(out, sections[i]));
        assert_nothing_to_do(snapshot->host, out);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/define/documents", test_documents);
    g_test_add_func("/define/through-libvirt", test_through_libvirt);
    g_test_add_func("/define/validates", test_validates);
    g_test_add_func("/define/respected", test_respected);
    g_test_add_func("/define/force", test_force);
    g_test_add_func("/define/ours", test_ours);
    g_test_add_func("/define/latencies", test_latencies);
    g_test_add_func("/define/steady", test_steady);
    g_test_add_func("/define/refused", test_refused);
    g_test_add_func("/define/kinds", test_kinds);
    g_test_add_func("/define/cdata", test_cdata);
    return g_test_run();
}
