/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What definitions tell of NUMA, by libvirt's rules; and back into libvirt's words. */
#include "guest-topology/domain.h"
#include "guest-topology/fragment.h"

#include <string.h>

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define HEAD                   \
    "<domain><name>db1</name>" \
    "<uuid>11111111-2222-3333-4444-555555555555</uuid>"

/* Two cells with two vCPUs each; what is in them, and behind them. */
#define CELLS(first, second, behind)                                                \
    HEAD "<vcpu>4</vcpu><cpu><numa><cell cpus='0-1' memory='1024'>" first "</cell>" \
         "<cell cpus='2-3' memory='1024'>" second "</cell>" behind                  \
         "</numa></cpu></domain>"

static VnGuest *
parse(const char *xml)
{
    g_autoptr(GError) error = NULL;
    VnGuest *guest = vn_domain_parse(xml, strlen(xml), &error);
    g_assert_no_error(error);
    return guest;
}

static void
assert_set(const VnIdSet *set, const char *expected)
{
    g_autofree char *text = vn_idset_format(set);
    g_assert_cmpstr(text, ==, expected);
}

static const char whole[] = HEAD
    "<maxMemory slots='4' unit='GiB'>8</maxMemory><memory unit='MiB'>3</memory>"
    "<vcpu current='2'>8</vcpu><numatune><memory mode='strict' nodeset='0-3'/>"
    "<memnode cellid='0' mode='strict' nodeset='2'/>"
    "<memnode cellid='1' mode='preferred' nodeset='0'/></numatune>"
    "<os><type machine='pc-q35-7.2'>hvm</type></os><features><acpi/></features>"
    "<cpu><topology sockets='2' clusters='2' cores='1' threads='2'/><numa>"
    "<cell id='2' memory='1' unit='MiB'><distances><sibling id='0' value='31'/>"
    "</distances></cell>"
    "<cell id='0' cpus='0-2' memory='1' unit='KiB'><distances>"
    "<sibling id='1' value='21'/><sibling id='0' value='10'/></distances>"
    "<cache level='1' associativity='direct' policy='writeback'>"
    "<size value='10' unit='KiB'/><line value='8' unit='B'/></cache></cell>"
    "<cell id='1' cpus='3-6' memory='2' unit='MiB'><distances>"
    "<sibling id='0' value='22'/></distances></cell>"
    "<interconnects><latency initiator='0' target='0' type='access' value='5'/>"
    "<latency initiator='0' target='2' cache='0' type='read' value='0'/>"
    "<bandwidth initiator='0' target='0' cache='1' type='write' value='1' unit='MiB'/>"
    "</interconnects></numa></cpu></domain>";

static void
test_whole(void)
{
    g_autoptr(VnGuest) guest = parse(whole);
    const VnVnuma *told = guest->told;
    g_assert_cmpstr(told->machine, ==, "pc-q35-7.2");
    g_assert_cmpuint(told->vcpus, ==, 8);
    g_assert_cmpuint(told->topology.sockets, ==, 2);
    g_assert_cmpuint(told->topology.cores, ==, 2); /* two clusters of one */
    g_assert_cmpuint(told->topology.threads, ==, 2);
    g_assert_cmpuint(told->memory_slots, ==, 4);
    g_assert_cmpuint(told->memory_max_bytes, ==, 8192 * MIB);
    g_assert_cmpuint(told->cells->len, ==, 3);
    assert_set(vn_vnuma_cell(told, 0)->vcpus, "0-2,7"); /* 7 is in none */
    assert_set(vn_vnuma_cell(told, 1)->vcpus, "3-6");
    g_assert_cmpuint(vn_vnuma_cell(told, 0)->memory_bytes, ==, MIB); /* rounded up */
    g_assert_cmpuint(vn_vnuma_cell(told, 1)->memory_bytes, ==, 2 * MIB);
    assert_set(vn_vnuma_cell(told, 0)->home, "2");
    assert_set(vn_vnuma_cell(told, 1)->home, "0");
    assert_set(vn_vnuma_cell(told, 2)->home, ""); /* <memory> alone is no home */

    static const guint distances[] = {10, 21, 31, 22, 10, 20, 31, 20, 10};
    for (guint i = 0; i < G_N_ELEMENTS(distances); i++)
        g_assert_cmpuint(vn_vnuma_distance(told, i / 3, i % 3), ==, distances[i]);

    g_assert_cmpuint(told->interconnects->len, ==, 2);
    const VnInterconnect *first = &g_array_index(told->interconnects, VnInterconnect, 0);
    const VnInterconnect *second = &g_array_index(told->interconnects, VnInterconnect, 1);
    g_assert_cmpuint(first->latency_ns, ==, 5);
    g_assert_cmpuint(second->bandwidth_bytes_per_second, ==, MIB);
    g_assert_cmpuint(second->cache, ==, 1);
    g_assert_cmpint(second->access, ==, VN_ACCESS_WRITE);
    g_assert_cmpuint(told->reasons->len, ==, 1); /* a latency of 0 */
    const VnMemoryCache *cache = &g_array_index(told->caches, VnMemoryCache, 0);
    g_assert_cmpuint(told->caches->len, ==, 1);
    g_assert_cmpuint(cache->size_bytes, ==, 10240);
    g_assert_cmpuint(cache->line_bytes, ==, 8);
    g_assert_cmpint(cache->policy, ==, VN_CACHE_POLICY_WRITEBACK);
}

/* Where the layout depends on what is not told: 1012 GiB less the window for PCI. */
static void
test_much_memory(void)
{
    static const struct {
        guint gib;
        const char *max;
        gboolean noted;
    } cases[] = {
        {978, "", FALSE},
        {979, "", TRUE},
        {4, "<maxMemory slots='16' unit='GiB'>962</maxMemory>", FALSE},
        {4, "<maxMemory slots='17' unit='GiB'>963</maxMemory>", TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = g_strdup_printf(
            HEAD "%s<features><acpi/></features><os><type machine='q35'/></os><cpu><numa>"
                 "<cell cpus='0' memory='%u' unit='GiB'/></numa></cpu></domain>",
            cases[i].max, cases[i].gib);
        g_autoptr(VnGuest) guest = parse(xml);
        g_assert_cmpuint(guest->told->reasons->len, ==, cases[i].noted ? 1 : 0);
    }
}

static void
test_not_told(void)
{
    static const char *const definitions[] = {
        HEAD "<memory>1024</memory></domain>",
        HEAD "<memory>1024</memory><cpu><topology sockets='1' cores='1' threads='1'/>"
             "<numa/></cpu></domain>",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(definitions); i++) {
        g_autoptr(VnGuest) guest = parse(definitions[i]);
        g_assert_null(guest->told);
    }
}

static void
test_defaults(void)
{
    g_autoptr(VnGuest) guest = parse(CELLS("", "", ""));
    g_assert_cmpstr(guest->told->machine, ==, "pc");
    g_assert_cmpuint(guest->told->topology.sockets, ==, 4);
    g_assert_cmpuint(guest->told->topology.cores, ==, 1);
    g_assert_null(guest->told->distances);
    g_assert_cmpuint(vn_vnuma_distance(guest->told, 0, 1), ==, 20);

    /* All 10 and 20: libvirt does not tell QEMU of any. */
    g_autoptr(VnGuest) usual =
        parse(CELLS("<distances><sibling id='1' value='20'/></distances>", "", ""));
    g_assert_null(usual->told->distances);
}

/* Whoever changes the layout by hand has no machine whose tables can be made. */
static void
test_layout_changed(void)
{
    g_autoptr(VnGuest) guest = parse(
        HEAD "<os><type machine='q35'>hvm</type></os><cpu><numa><cell cpus='0' "
             "memory='1024'/></numa></cpu><q:commandline xmlns:q='http://libvirt.org/"
             "schemas/domain/qemu/1.0'><q:arg value='-machine'/><q:arg "
             "value='max-ram-below-4g=1G'/></q:commandline></domain>");
    g_assert_null(guest->told->machine);
}

/* What libvirt would refuse. */
static const struct {
    const char *xml;
    const char *says;
} refused[] = {
    {HEAD "<vcpu>4</vcpu><cpu><topology sockets='1' cores='1' threads='1'/><numa><cell "
          "memory='1'/></numa></cpu></domain>",
     "1 CPUs, but there are 4"},
    {HEAD "<cpu><topology sockets='0' cores='1' threads='1'/><numa><cell memory='1'/>"
          "</numa></cpu></domain>",
     "less than 1"},
    {HEAD "<cpu><topology sockets='1' cores='1'/><numa><cell memory='1'/></numa></cpu>"
          "</domain>",
     "<topology threads>: it is missing"},
    {HEAD "<maxMemory>1</maxMemory><cpu><numa><cell memory='1'/></numa></cpu></domain>",
     "<maxMemory slots>"},
    {HEAD "<maxMemory slots='1'>x</maxMemory><cpu><numa><cell memory='1'/></numa></cpu>"
          "</domain>",
     "<maxMemory>: 'x'"},
    {CELLS("<distances/>", "", ""), "no <sibling>"},
    {CELLS("", "<distances><sibling id='2' value='20'/></distances>", ""),
     "cell 1: <sibling id>: '2'"},
    {CELLS("<distances><sibling id='1' value='9'/></distances>", "", ""), "less than 10"},
    {CELLS("<distances><sibling id='1' value='256'/></distances>", "", ""), "up to 255"},
    {CELLS("<distances><sibling id='1' value='10'/></distances>", "", ""),
     "10 is for the cell itself"},
    {CELLS("<distances><sibling id='0' value='11'/></distances>", "", ""),
     "the distance to cell 0 is 11"},
    {CELLS("<cache level='4' associativity='none' policy='none'><size value='1'/>"
           "<line value='1'/></cache>",
           "", ""),
     "'4' is not a number up to 3"},
    {CELLS("<cache level='1' associativity='round' policy='none'><size value='1'/>"
           "<line value='1'/></cache>",
           "", ""),
     "'round' is none of none, direct, full"},
    {CELLS("<cache level='1' associativity='none' policy='none'><size value='1'/>"
           "</cache>",
           "", ""),
     "its line is missing"},
    {CELLS("<cache level='1' associativity='none' policy='none'><size value='1'/>"
           "<line value='1'/></cache><cache level='1' associativity='none' "
           "policy='none'><size value='1'/><line value='1'/></cache>",
           "", ""),
     "there twice"},
    {CELLS("", "",
           "<interconnects><latency initiator='0' target='2' type='read' "
           "value='1'/></interconnects>"),
     "<latency target>: '2'"},
    {CELLS("", "",
           "<interconnects><latency initiator='0' target='1' type='all' "
           "value='1'/></interconnects>"),
     "'all' is none of access, read, write"},
    {CELLS("", "",
           "<interconnects><latency initiator='0' target='1' cache='1' "
           "type='read' value='1'/></interconnects>"),
     "no <cache> of that level"},
    {CELLS("", "",
           "<interconnects><latency initiator='0' target='1' type='read' "
           "value='1'/><latency initiator='0' target='1' type='read' "
           "value='2'/></interconnects>"),
     "there twice"},
    {CELLS("", "",
           "<interconnects><latency initiator='0' target='1' type='read' value='1'/>"
           "<bandwidth initiator='1' target='0' type='write' value='2'/>"
           "</interconnects>"),
     "from cell 1 to cell 0: there is one in the other direction"},
    {CELLS("", "",
           "<interconnects><bandwidth initiator='0' target='1' type='read' "
           "value='99' unit='EiB'/></interconnects>"),
     "more than can be counted"},
    {HEAD "<cpu><numa><cell cpus='0' memory='1'/><cell memory='1'/><interconnects>"
          "<latency initiator='1' target='0' type='read' value='1'/></interconnects>"
          "</numa></cpu></domain>",
     "the initiator has no vCPUs"},
};

static void
test_refused(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnGuest) guest =
            vn_domain_parse(refused[i].xml, strlen(refused[i].xml), &error);
        g_assert_null(guest);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_true(g_str_has_prefix(error->message, "guest db1: "));
        if (!strstr(error->message, refused[i].says))
            g_error("case %zu: \"%s\" lacks \"%s\"", i, error->message, refused[i].says);
    }
}

/* A definition with @n_cells and each thing that there can be between two of them. */
static char *
largest(guint n_cells)
{
    static const char *const kinds[] = {"latency", "bandwidth"};
    static const char *const accesses[] = {"access", "read", "write"};
    GString *xml = g_string_new(HEAD);
    g_string_append_printf(xml, "<vcpu>%u</vcpu><cpu><numa>", n_cells);
    for (guint i = 0; i < n_cells; i++)
        g_string_append_printf(xml, "<cell id='%u' cpus='%u' memory='1024'/>", i, i);
    g_string_append(xml, "<interconnects>");
    for (guint i = 0; i < 6 * n_cells * n_cells; i++) {
        guint from = i / 6 / n_cells;
        guint to = i / 6 % n_cells;
        if (from <= to) /* libvirt takes one direction only */
            g_string_append_printf(xml,
                                   "<%s initiator='%u' target='%u' type='%s' value='1'/>",
                                   kinds[i % 2], from, to, accesses[i / 2 % 3]);
    }
    g_string_append(xml, "</interconnects></numa></cpu></domain>");
    return g_string_free(xml, FALSE);
}

static void
test_limit(void)
{
    g_autofree char *most = largest(VN_CELLS_MAX);
    g_autoptr(VnGuest) guest = parse(most);
    g_assert_cmpuint(guest->told->interconnects->len, ==,
                     6 * VN_CELLS_MAX * (VN_CELLS_MAX + 1) / 2);
}

/* What is written is read as it was: the fragment, in a definition, tells the same. */
static void
test_fragment(void)
{
    g_autoptr(VnGuest) guest = parse(whole);
    g_autofree char *fragment = vn_fragment_format(guest->told);
    g_autofree char *xml = g_strdup_printf(
        HEAD "<maxMemory slots='4' unit='GiB'>8</maxMemory><vcpu>8</vcpu>"
             "<os><type machine='pc-q35-7.2'>hvm</type></os><features><acpi/></features>"
             "%s</domain>",
        fragment);
    g_autoptr(VnGuest) again = parse(xml);
    g_ptr_array_remove_index(guest->told->reasons, 0); /* of the latency of 0 */
    g_autoptr(GVariant) one = g_variant_ref_sink(vn_vnuma_to_variant(guest->told));
    g_autoptr(GVariant) other = g_variant_ref_sink(vn_vnuma_to_variant(again->told));
    g_autofree char *one_text = g_variant_print(one, FALSE);
    g_autofree char *other_text = g_variant_print(other, FALSE);
    g_assert_cmpstr(one_text, ==, other_text);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/told/whole", test_whole);
    g_test_add_func("/told/much-memory", test_much_memory);
    g_test_add_func("/told/not-told", test_not_told);
    g_test_add_func("/told/defaults", test_defaults);
    g_test_add_func("/told/layout-changed", test_layout_changed);
    g_test_add_func("/told/refused", test_refused);
    g_test_add_func("/told/limit", test_limit);
    g_test_add_func("/told/fragment", test_fragment);
    return g_test_run();
}
