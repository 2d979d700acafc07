/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain XML: a whole live definition, the odd ones, the refused ones, and hostile
 * ones.
 */
#include "guest-topology/domain.h"

#include <string.h>

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define UUID "11111111-2222-3333-4444-555555555555"
#define HEAD "<domain><name>db1</name><uuid>" UUID "</uuid>"

static VnGuest *
parse(const char *xml)
{
    g_autoptr(GError) error = NULL;
    VnGuest *guest = vn_domain_parse(xml, strlen(xml), &error);
    g_assert_no_error(error);
    g_assert_nonnull(guest);
    return guest;
}

static void
assert_set(const VnIdSet *set, const char *expected)
{
    g_autofree char *text = set ? vn_idset_format(set) : NULL;
    g_assert_cmpstr(text, ==, expected);
}

static const char whole[] =
    "<?xml version='1.0' encoding='latin-1'?>"
    "<domain type='kvm' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
    "<name>db1</name><uuid>11111111222233334444ABCDEFABCDEF</uuid>"
    "<metadata><v:guest xmlns:v='urn:vnumad:guest:1' policy='align'/></metadata>"
    "<memory unit='KiB'>786432</memory><currentMemory unit='KiB'>1</currentMemory>"
    "<memoryBacking><hugepages><page size='2048' unit='KiB' nodeset='1'/>"
    "<page size='1' unit='GiB'/></hugepages></memoryBacking>"
    "<vcpu placement='static' cpuset='0-7,^7' current='3'>4</vcpu>"
    "<vcpus><vcpu id='0' enabled='yes'/><vcpu id='3' enabled='no'/></vcpus>"
    "<cputune><vcpupin vcpu='1' cpuset='4-7,^5'/><emulatorpin cpuset='2'/>"
    "<vcpupin vcpu='9' cpuset='0'/></cputune>"
    "<numatune><memory mode='preferred' nodeset='0-1'/>"
    "<memnode cellid='1' mode='strict' nodeset='1'/></numatune>"
    "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"
    "<cpu mode='host-model'><numa>"
    "<cell id='1' cpus='2-3' memory='512' unit='MiB' memAccess='shared'/>"
    "<cell id='0' cpus='0,1' memory='262144' unit='KiB'>"
    "<distances><sibling id='0' value='10'/></distances></cell>"
    "</numa></cpu>"
    "<qemu:commandline><qemu:arg value='-qmp'/>"
    "<qemu:arg value='unix:/run/a,,b.sock,server=on,wait=off'/></qemu:commandline>"
    "</domain>";

static void
test_whole(void)
{
    g_autoptr(VnGuest) guest = parse(whole);
    g_assert_cmpstr(guest->name, ==, "db1");
    g_assert_cmpstr(guest->uuid, ==, "11111111-2222-3333-4444-abcdefabcdef");
    g_assert_cmpstr(guest->machine, ==, "pc-q35-7.2");
    g_assert_cmpuint(guest->memory_bytes, ==, 768 * MIB);
    g_assert_true(guest->told_cells);
    g_assert_nonnull(guest->tag);
    g_assert_cmpstr(guest->tag->policy, ==, "align");
    g_assert_null(guest->trouble);
    g_assert_cmpstr(guest->qmp_path, ==, "/run/a,b.sock");
    assert_set(guest->emulator_pinned, "2");

    g_assert_cmpuint(guest->cells->len, ==, 2);
    const VnCell *first = guest->cells->pdata[0];
    const VnCell *second = guest->cells->pdata[1];
    g_assert_cmpuint(first->id, ==, 0);
    g_assert_cmpuint(first->memory_bytes, ==, 256 * MIB);
    g_assert_cmpuint(first->page_size_bytes, ==, 1024 * MIB);
    g_assert_cmpint(first->binding, ==, VN_BINDING_PREFERRED);
    assert_set(first->bound, "0-1");
    assert_set(first->vcpus, "0-1");
    g_assert_cmpuint(second->memory_bytes, ==, 512 * MIB);
    g_assert_cmpuint(second->page_size_bytes, ==, 2 * MIB);
    g_assert_cmpint(second->binding, ==, VN_BINDING_STRICT);
    assert_set(second->bound, "1");
    assert_set(second->vcpus, "2-3");

    g_assert_cmpuint(guest->vcpus->len, ==, 4);
    assert_set(vn_guest_find_vcpu(guest, 0)->pinned, "0-6");
    assert_set(vn_guest_find_vcpu(guest, 1)->pinned, "4,6-7");
    g_assert_cmpuint(vn_guest_find_vcpu(guest, 1)->cell, ==, 0);
    g_assert_cmpuint(vn_guest_find_vcpu(guest, 2)->cell, ==, 1);
    /* The pin of a vCPU that does not exist is all that is odd here. */
    g_assert_cmpuint(guest->notes->len, ==, 1);
    g_assert_nonnull(strstr(guest->notes->pdata[0], "does not have"));
}

static void
test_without_cells(void)
{
    g_autoptr(VnGuest) guest = parse(
        HEAD
        "<memory unit='GiB'>1</memory><vcpu>3</vcpu><memoryBacking><hugepages/>"
        "</memoryBacking><numatune><memory mode='interleave' nodeset='0,2'/></numatune>"
        "<cpu><numa/></cpu></domain>");
    g_assert_false(guest->told_cells);
    g_assert_cmpuint(guest->cells->len, ==, 1);
    const VnCell *cell = guest->cells->pdata[0];
    g_assert_cmpuint(cell->memory_bytes, ==, 1024 * MIB);
    g_assert_cmpuint(cell->page_size_bytes, ==, 2 * MIB);
    g_assert_cmpint(cell->binding, ==, VN_BINDING_INTERLEAVE);
    assert_set(cell->bound, "0,2");
    assert_set(cell->vcpus, "0-2");
    g_assert_null(guest->emulator_pinned);
    g_assert_null(guest->machine);

    g_autoptr(VnGuest) least = parse(HEAD "<memory>1</memory></domain>");
    g_assert_cmpuint(least->vcpus->len, ==, 1);
    g_assert_null(((const VnCell *) least->cells->pdata[0])->bound);
    g_assert_cmpuint(least->notes->len, ==, 0);
}

static void
test_odd_ones_get_a_note(void)
{
    static const struct {
        const char *body;
        const char *note; /* NULL: none at all */
    } cases[] = {
        {"<vcpu>4</vcpu><cpu><numa><cell cpus='1' memory='1'/><cell memory='2'/></numa>"
         "</cpu>",
         "no cell names vCPU 0,2-3"},
        {"<memory>5</memory><cpu><numa><cell cpus='0' memory='1'/></numa></cpu>",
         "1024 bytes in all, <memory> says 5120"},
        {"<memory>5</memory><cpu><numa><cell cpus='0' memory='1'/></numa></cpu><devices>"
         "<memory model='dimm'><target><size>4</size></target></memory></devices>",
         "1 memory modules"},
        {"<memory>5</memory><numatune><memory mode='strict' placement='auto'/></numatune>",
         "numad chose"},
        {"<memory>5</memory><vcpu placement='auto' cpuset='9-'>1</vcpu>", NULL},
        {"<memory>5</memory><q:commandline xmlns:q='http://libvirt.org/schemas/domain/"
         "qemu/1.0'><q:arg value='-qmp'/><q:arg value='unix:/run/q'/></q:commandline>",
         "server=on"},
        {"<memory>5</memory><os><type machine='pc'>hvm</type></os><q:commandline "
         "xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='-machine'/>"
         "<q:arg value='max-ram-below-4g=1G'/></q:commandline>",
         "max-ram-below-4g"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = g_strdup_printf(HEAD "%s</domain>", cases[i].body);
        g_autoptr(VnGuest) guest = parse(xml);
        g_assert_cmpuint(guest->notes->len, ==, cases[i].note ? 1 : 0);
        if (cases[i].note)
            g_assert_nonnull(strstr(guest->notes->pdata[0], cases[i].note));
        g_assert_null(guest->qmp_path);
        g_assert_null(guest->machine);
    }
}

static void
test_unnamed_vcpus(void)
{
    static const struct {
        const char *cells;
        const char *unnamed; /* NULL: none */
    } cases[] = {
        {"<cell cpus='1' memory='1'/><cell memory='2'/>", "0,2-3"},
        {"<cell cpus='1-3' memory='1'/><cell cpus='0' memory='2'/>", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = g_strdup_printf(
            HEAD "<vcpu>4</vcpu><cpu><numa>%s</numa></cpu></domain>", cases[i].cells);
        g_autoptr(VnGuest) guest = parse(xml);
        g_autofree char *list =
            guest->unnamed_vcpus ? vn_idset_format(guest->unnamed_vcpus) : NULL;
        g_assert_cmpstr(list, ==, cases[i].unnamed);
    }
    g_autoptr(VnGuest) plain = parse(HEAD "<vcpu>4</vcpu><memory>5</memory></domain>");
    g_assert_null(plain->unnamed_vcpus);
}

static void
test_qmp_through_chardev(void)
{
    g_autoptr(VnGuest) guest = parse(
        HEAD
        "<memory>5</memory><q:commandline xmlns:q='http://libvirt.org/schemas/domain/"
        "qemu/1.0'><q:arg value='-mon'/><q:arg value='chardev=hmp,mode=readline'/>"
        "<q:arg value='-mon'/><q:arg value='m,mode=control,pretty'/>"
        "<q:arg value='-chardev'/><q:arg value='socket,id=hmp,path=/no,server=on'/>"
        "<q:arg value='-chardev'/><q:arg value='socket,id=m,path=/run/q,server,nowait'"
        "/><q:arg value='-qmp'/><q:arg value='tcp:localhost:1,server'/>"
        "<q:arg value='-qmp'/></q:commandline></domain>");
    g_assert_cmpstr(guest->qmp_path, ==, "/run/q");
    g_assert_cmpuint(guest->notes->len, ==, 0);
}

static void
test_refused(void)
{
    static const struct {
        const char *xml;
        const char *says;
    } cases[] = {
        {"", "empty"},
        {"<domain>", "line 1"},
        {"<network/>", "<network>, not <domain>"},
        {"<d:domain xmlns:d='urn:d'/>", "<domain> in a namespace, not <domain>"},
        {"<domain><uuid>" UUID "</uuid></domain>", "no <name>"},
        {"<domain><name>a</name></domain>", "guest a: there is no <uuid>"},
        {"<domain><name>a</name><uuid>12</uuid></domain>", "hexadecimal"},
        {"<domain><name>a\nb</name><uuid>" UUID "</uuid></domain>", "one line"},
        {HEAD "</domain>", "guest db1: it has neither <memory>"},
        {HEAD "<memory>0</memory></domain>", "neither"},
        {HEAD "<memory>x</memory></domain>", "'x' is not a size"},
        {HEAD "<memory unit='EiB'>99</memory></domain>", "more than can be counted"},
        {HEAD "<memory>1</memory><vcpu>4097</vcpu></domain>", "up to 4096"},
        {HEAD "<memory>1</memory><vcpu>0</vcpu></domain>", "guest db1: <vcpu>"},
        {HEAD "<memory>1</memory><vcpu current='3'>2</vcpu></domain>", "3 vCPUs of"},
        {HEAD "<memory>1</memory><vcpu>2</vcpu><vcpus><vcpu id='2'/></vcpus></domain>",
         "up to 1"},
        {HEAD
         "<vcpu>2</vcpu><cpu><numa><cell cpus='0-2' memory='1'/></numa></cpu></domain>",
         "cell 0: there is no vCPU 2, only 2"},
        {HEAD "<vcpu>2</vcpu><cpu><numa><cell cpus='0' memory='1'/><cell cpus='0-1' "
              "memory='1'/></numa></cpu></domain>",
         "cell 1: vCPU 0 is in another"},
        {HEAD "<cpu><numa><cell id='0' memory='1'/><cell id='0' memory='1'/></numa></cpu>"
              "</domain>",
         "each once"},
        {HEAD "<cpu><numa><cell id='0' memory='1'/><cell id='2' memory='1'/></numa></cpu>"
              "</domain>",
         "0 to 1"},
        {HEAD "<cpu><numa><cell id='-1' memory='1'/></numa></cpu></domain>", "<cell id>"},
        {HEAD "<cpu><numa><cell cpus='0'/></numa></cpu></domain>", "cell 0: <cell>"},
        {HEAD "<cpu><numa><cell memory='7' unit='EiB'/><cell memory='7' unit='EiB'/>"
              "</numa></cpu></domain>",
         "more than can be counted"},
        {HEAD
         "<memory>1</memory><cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='0' "
         "cpuset='1'/></cputune></domain>",
         "pinned twice"},
        {HEAD "<memory>1</memory><cputune><vcpupin vcpu='0'/></cputune></domain>",
         "<vcpupin cpuset>: it is missing"},
        {HEAD "<memory>1</memory><cputune><emulatorpin cpuset='^0'/></cputune></domain>",
         "no id is left"},
        {HEAD "<memory>1</memory><vcpu cpuset='70000'>1</vcpu></domain>", "70000"},
        {HEAD "<memory>1</memory><numatune><memory mode='tight' nodeset='0'/></numatune>"
              "</domain>",
         "'tight' is not a mode"},
        {HEAD "<memory>1</memory><numatune><memnode cellid='0' nodeset='0'/></numatune>"
              "</domain>",
         "no cell 0"},
        {HEAD "<memory>1</memory><memoryBacking><hugepages><page size='3'/></hugepages>"
              "</memoryBacking></domain>",
         "not a page size"},
        {HEAD "<memory>1</memory></domain><domain/>", "line 1"},
        {"<!DOCTYPE domain [<!ENTITY a 'x'>]>" HEAD "<memory>1</memory></domain>",
         "<!DOCTYPE>"},
        {"<!DOCTYPE domain SYSTEM 'http://127.0.0.1:1/x.dtd'>" HEAD "</domain>",
         "<!DOCTYPE>"},
        {HEAD "<memory>&a;</memory></domain>", "line 1"},
        {"\xff\xfe<", "line 1"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnGuest) guest =
            vn_domain_parse(cases[i].xml, strlen(cases[i].xml), &error);
        g_assert_null(guest);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        if (!strstr(error->message, cases[i].says))
            g_error("case %zu: \"%s\" lacks \"%s\"", i, error->message, cases[i].says);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_null(strchr(error->message, '\n'));
    }
}

/* @n cells of 1 MiB, with one vCPU each. */
static char *
make_cells(guint n)
{
    GString *xml = g_string_new(HEAD);
    g_string_append_printf(xml, "<vcpu>%u</vcpu><cpu><numa>", n);
    for (guint i = 0; i < n; i++)
        g_string_append_printf(xml, "<cell id='%u' cpus='%u' memory='1024'/>", i, i);
    g_string_append(xml, "</numa></cpu></domain>");
    return g_string_free(xml, FALSE);
}

static void
test_cells_at_the_limit(void)
{
    g_autofree char *most = make_cells(VN_CELLS_MAX);
    g_autoptr(VnGuest) guest = parse(most);
    g_assert_cmpuint(guest->cells->len, ==, VN_CELLS_MAX);
    g_assert_cmpuint(guest->memory_bytes, ==, VN_CELLS_MAX * MIB);

    static const guint beyond[] = {VN_CELLS_MAX + 1, 1000};
    for (gsize i = 0; i < G_N_ELEMENTS(beyond); i++) {
        g_autofree char *more = make_cells(beyond[i]);
        g_autoptr(GError) error = NULL;
        g_autoptr(VnGuest) refused = vn_domain_parse(more, strlen(more), &error);
        g_assert_null(refused);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "at most 128"));
    }
}

static void
test_vcpus_at_the_limit(void)
{
    g_autoptr(VnGuest) guest = parse(HEAD "<memory>1</memory><vcpu>4096</vcpu></domain>");
    g_assert_cmpuint(guest->vcpus->len, ==, VN_VCPUS_MAX);
}

static void
test_size_and_depth_limits(void)
{
    /* Exactly at the size limit: blanks behind the document fill it. */
    gsize size = 4u << 20;
    g_autofree char *large = g_malloc(size + 1);
    memset(large, ' ', size + 1);
    const char *small = HEAD "<memory>1</memory></domain>";
    memcpy(large, small, strlen(small));
    g_autoptr(GError) error = NULL;
    g_autoptr(VnGuest) guest = vn_domain_parse(large, size, &error);
    g_assert_no_error(error);
    g_assert_nonnull(guest);
    g_autoptr(VnGuest) too_large = vn_domain_parse(large, size + 1, &error);
    g_assert_null(too_large);
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_clear_error(&error);

    g_autoptr(VnGuest) zero = vn_domain_parse("<domain/>\0", 10, &error);
    g_assert_null(zero);
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_clear_error(&error);

    for (guint depth = 100; depth <= 100000; depth *= 10) {
        GString *xml = g_string_new(HEAD "<memory>1</memory>");
        for (guint i = 0; i < depth; i++)
            g_string_append(xml, "<a>");
        for (guint i = 0; i < depth; i++)
            g_string_append(xml, "</a>");
        g_string_append(xml, "</domain>");
        g_autofree char *text = g_string_free(xml, FALSE);
        g_autoptr(VnGuest) deep = vn_domain_parse(text, strlen(text), &error);
        g_assert_true((deep != NULL) == (depth == 100));
        g_clear_error(&error);
    }
}

/* Cut anywhere, changed anywhere: an error or a guest, never a crash or a leak. */
static void
test_damaged(void)
{
    gsize length = strlen(whole);
    for (gsize cut = 0; cut < length; cut++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnGuest) guest = vn_domain_parse(whole, cut, &error);
        g_assert_null(guest);
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    }
    for (guint round = 0; round < 2000; round++) {
        g_autofree char *xml = g_strdup(whole);
        for (gint i = g_test_rand_int_range(1, 4); i > 0; i--)
            xml[g_test_rand_int_range(0, (gint32) length)] =
                (char) g_test_rand_int_range(1, 256);
        g_autoptr(GError) error = NULL;
        g_autoptr(VnGuest) guest = vn_domain_parse(xml, length, &error);
        g_assert_true((guest != NULL) == (error == NULL));
    }
}

/* Alone what the definition has switched on; and a copy has it, too. */
static void
test_dirty_ring(void)
{
    static const struct {
        const char *features;
        gboolean ring;
    } cases[] = {
        {"", FALSE},
        {"<features/>", FALSE},
        {"<features><kvm/></features>", FALSE},
        {"<features><kvm><dirty-ring state='on' size='4096'/></kvm></features>", TRUE},
        {"<features><kvm><dirty-ring state='off' size='4096'/></kvm></features>", FALSE},
        {"<features><kvm><dirty-ring size='4096'/></kvm></features>", FALSE},
        {"<features><dirty-ring state='on'/></features>", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = g_strconcat(HEAD "<memory>1024</memory><vcpu>1</vcpu>",
                                           cases[i].features, "</domain>", NULL);
        g_autoptr(VnGuest) guest = parse(xml);
        g_autoptr(VnGuest) clone = vn_guest_clone(guest);
        g_assert_cmpint(guest->dirty_ring, ==, cases[i].ring);
        g_assert_cmpint(clone->dirty_ring, ==, cases[i].ring);
    }
}

/* A pin is ours where our record stands beside it, and says the same still. */
static void
test_pins_of_ours(void)
{
    g_autoptr(VnGuest) guest =
        parse(HEAD "<metadata><d:derived xmlns:d='urn:vnumad:derived:1'>"
                   "<d:wrote part='vcpupin' ids='0-1,3' value='0-1'/>"
                   "<d:wrote part='vcpupin' ids='9' value='0-1'/>"
                   "<d:wrote part='vcpupins' ids='2' value='0-1'/></d:derived></metadata>"
                   "<memory>1024</memory><vcpu>4</vcpu>"
                   "<cputune><vcpupin vcpu='0' cpuset='0-1'/>"
                   "<vcpupin vcpu='1' cpuset='2-3'/><vcpupin vcpu='2' cpuset='0-1'/>"
                   "</cputune></domain>");
    static const gboolean ours[] = {TRUE, FALSE, FALSE, FALSE};
    g_autoptr(VnGuest) clone = vn_guest_clone(guest);
    for (guint i = 0; i < 4; i++) {
        g_assert_cmpint(vn_guest_find_vcpu(guest, i)->pin_is_ours, ==, ours[i]);
        g_assert_cmpint(vn_guest_find_vcpu(clone, i)->pin_is_ours, ==, ours[i]);
    }

    g_autoptr(VnGuest) other =
        parse(HEAD "<memory>1024</memory><vcpu>1</vcpu>"
                   "<cputune><vcpupin vcpu='0' cpuset='0-1'/></cputune></domain>");
    g_assert_false(vn_guest_find_vcpu(other, 0)->pin_is_ours);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/whole", test_whole);
    g_test_add_func("/domain/without-cells", test_without_cells);
    g_test_add_func("/domain/unnamed-vcpus", test_unnamed_vcpus);
    g_test_add_func("/domain/odd-ones-get-a-note", test_odd_ones_get_a_note);
    g_test_add_func("/domain/qmp-through-chardev", test_qmp_through_chardev);
    g_test_add_func("/domain/refused", test_refused);
    g_test_add_func("/domain/cells-at-the-limit", test_cells_at_the_limit);
    g_test_add_func("/domain/vcpus-at-the-limit", test_vcpus_at_the_limit);
    g_test_add_func("/domain/size-and-depth-limits", test_size_and_depth_limits);
    g_test_add_func("/domain/damaged", test_damaged);
    g_test_add_func("/domain/dirty-ring", test_dirty_ring);
    g_test_add_func("/domain/pins-of-ours", test_pins_of_ours);
    return g_test_run();
}
