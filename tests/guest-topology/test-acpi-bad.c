/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ACPI tables that are cut, wrong or strange; and topologies that QEMU refuses. */
#include "guest-topology/acpi.h"
#include "guest-topology/domain.h"

#include <string.h>

#define HEAD                   \
    "<domain><name>db1</name>" \
    "<uuid>11111111-2222-3333-4444-555555555555</uuid>"

static VnGuest *
parse(const char *body)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = g_strdup_printf(HEAD "%s</domain>", body);
    VnGuest *guest = vn_domain_parse(xml, strlen(xml), &error);
    g_assert_no_error(error);
    return guest;
}

/* One table of each kind, with something of everything in it. */
static GPtrArray *
make_tables(void)
{
    g_autoptr(VnGuest) guest = parse(
        "<maxMemory slots='1' unit='GiB'>9</maxMemory><vcpu>4</vcpu><cpu><numa>"
        "<cell cpus='0-3' memory='4' unit='GiB'><distances><sibling id='1' value='21'/>"
        "</distances><cache level='1' associativity='direct' policy='writeback'>"
        "<size value='64'/><line value='8'/></cache></cell>"
        "<cell memory='1' unit='GiB'/><interconnects>"
        "<latency initiator='0' target='0' type='access' value='5'/>"
        "<bandwidth initiator='0' target='0' type='access' value='5' unit='GiB'/>"
        "<latency initiator='0' target='1' type='access' value='9'/></interconnects>"
        "</numa></cpu>");
    g_autoptr(GError) error = NULL;
    GPtrArray *tables =
        g_ptr_array_new_with_free_func((GDestroyNotify) g_byte_array_unref);
    g_ptr_array_add(tables, vn_acpi_encode_srat(guest->told, VN_LAYOUT_USUAL, &error));
    g_assert_no_error(error);
    g_ptr_array_add(tables, vn_acpi_encode_slit(guest->told));
    g_ptr_array_add(tables, vn_acpi_encode_hmat(guest->told));
    return tables;
}

static void
set_length(guint8 *table, guint length)
{
    for (guint i = 0; i < 4; i++)
        table[4 + i] = (guint8) (length >> (8 * i));
}

static void
assert_refused(const guint8 *bytes, gsize length, const char *says)
{
    g_autoptr(GError) error = NULL;
    /* A copy of the exact size, so that a sanitizer sees a read behind it. */
    g_autofree guint8 *exact = g_memdup2(bytes, length);
    g_assert_null(vn_acpi_decode(exact, length, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    if (!strstr(error->message, says))
        g_error("\"%s\" lacks \"%s\"", error->message, says);
}

static GVariant *
decode(const guint8 *bytes, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *exact = g_memdup2(bytes, length);
    GVariant *decoded = vn_acpi_decode(exact, length, &error);
    g_assert_no_error(error);
    return g_variant_ref_sink(decoded);
}

/* That @decoded has exactly one warning, with @says in it. */
static void
assert_warned(GVariant *decoded, const char *says)
{
    g_autofree const char **warnings = NULL;
    g_assert_true(g_variant_lookup(decoded, "warnings", "^a&s", &warnings));
    g_assert_nonnull(warnings[0]);
    g_assert_null(warnings[1]);
    if (!strstr(warnings[0], says))
        g_error("\"%s\" lacks \"%s\"", warnings[0], says);
}

static gsize
count(GVariant *decoded, const char *key)
{
    g_autoptr(GVariant) list = g_variant_lookup_value(decoded, key, NULL);
    return g_variant_n_children(list);
}

static void
test_truncated(void)
{
    g_autoptr(GPtrArray) tables = make_tables();
    for (guint i = 0; i < tables->len; i++) {
        const GByteArray *table = tables->pdata[i];
        for (guint length = 0; length < table->len; length++)
            assert_refused(table->data, length, "truncated: at offset ");
    }
}

/* As above, but the header says so, too: cut where a structure ends, it is a table. */
static void
test_shortened(void)
{
    static const guint whole_at[] = {3 * 8, 0,
                                     6}; /* how many of SRAT's and HMAT's ends */
    g_autoptr(GPtrArray) tables = make_tables();
    for (guint i = 0; i < tables->len; i++) {
        const GByteArray *table = tables->pdata[i];
        guint n_taken = 0;
        for (guint length = 36; length < table->len; length++) {
            g_autofree guint8 *bytes = g_memdup2(table->data, length);
            g_autoptr(GError) error = NULL;
            set_length(bytes, length);
            g_autoptr(GVariant) decoded = vn_acpi_decode(bytes, length, &error);
            n_taken += decoded != NULL;
            if (decoded)
                g_variant_ref_sink(decoded);
            else
                g_assert_nonnull(strstr(error->message, "truncated: at offset "));
        }
        g_assert_cmpuint(n_taken, <=, whole_at[i]);
        g_assert_true((n_taken > 0) == (whole_at[i] > 0));
    }
}

static void
test_header(void)
{
    g_autoptr(GPtrArray) tables = make_tables();
    for (guint i = 0; i < tables->len; i++) {
        const GByteArray *table = tables->pdata[i];
        g_autofree guint8 *bytes = g_malloc0(table->len + 7);
        memcpy(bytes, table->data, table->len);
        g_autoptr(GVariant) longer = decode(bytes, table->len + 7);
        assert_warned(longer, "7 bytes behind the end");

        bytes[9]++;
        g_autoptr(GVariant) unsound = decode(bytes, table->len);
        assert_warned(unsound, "offset 9: the checksum");
        bytes[9]--;

        set_length(bytes, 35);
        assert_refused(bytes, table->len, "cannot hold its own header: at offset 4");
        set_length(bytes, table->len + 1);
        assert_refused(bytes, table->len, "truncated: at offset 4");
        bytes[0] = '\n';
        set_length(bytes, table->len);
        assert_refused(bytes, table->len, "none of SRAT, SLIT, HMAT");
    }
    g_autofree guint8 *large = g_malloc0(VN_ACPI_BYTES_MAX + 1);
    const GByteArray *slit = tables->pdata[1];
    memcpy(large, slit->data, slit->len);
    g_autoptr(GVariant) largest = decode(large, VN_ACPI_BYTES_MAX);
    assert_warned(largest, "behind the end");
    assert_refused(large, VN_ACPI_BYTES_MAX + 1, "at most 4194304");
}

/* @table with the @n bytes of @structure behind it. */
static GByteArray *
extended(const GByteArray *table, const guint8 *structure, guint n)
{
    GByteArray *bytes = g_byte_array_new();
    guint8 sum = 0;
    g_byte_array_append(bytes, table->data, table->len);
    g_byte_array_append(bytes, structure, n);
    set_length(bytes->data, bytes->len);
    bytes->data[9] = 0;
    for (guint i = 0; i < bytes->len; i++)
        sum = (guint8) (sum + bytes->data[i]);
    bytes->data[9] = (guint8) -sum;
    return bytes;
}

static void
test_structures(void)
{
    static const struct {
        guint table; /* 0 SRAT, 2 HMAT */
        guint n;
        guint8 bytes[40];
        const char *error;   /* NULL: taken */
        const char *warning; /* NULL: none */
    } cases[] = {
        {0, 2, {0, 0}, "whose length is 0", NULL},
        {0, 2, {0, 1}, "whose length is 1", NULL},
        {0, 1, {0}, "truncated", NULL},
        {0, 3, {9, 4, 0}, "truncated", NULL},
        {0, 3, {9, 3, 0}, NULL, NULL},
        {0, 2, {255, 2}, NULL, NULL},
        {0, 18, {3, 18}, NULL, NULL},
        {0, 8, {0, 8}, NULL, "has 8 bytes but needs 16"},
        {0, 39, {1, 39}, NULL, "has 39 bytes but needs 40"},
        {0, 23, {2, 23}, NULL, "has 23 bytes but needs 24"},
        {2, 8, {0, 0, 0, 0, 0, 0, 0, 0}, "whose length is 0", NULL},
        {2, 8, {0, 0, 0, 0, 7, 0, 0, 0}, "whose length is 7", NULL},
        {2, 8, {0, 0, 0, 0, 8, 0, 0, 0x80}, "truncated", NULL},
        {2, 7, {0, 0, 0, 0, 8, 0, 0}, "truncated", NULL},
        {2, 8, {3, 0, 0, 0, 8, 0, 0, 0}, NULL, NULL},
        {2, 8, {0, 0, 0, 0, 8, 0, 0, 0}, NULL, "has 8 bytes but needs 40"},
        {2, 31, {1, 0, 0, 0, 31, 0, 0, 0}, NULL, "has 31 bytes but needs 32"},
        {2, 31, {2, 0, 0, 0, 31, 0, 0, 0}, NULL, "has 31 bytes but needs 32"},
        {2,
         36,
         {1, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0},
         NULL,
         "1 initiators and 1 targets"},
        {2,
         32,
         {1, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255},
         NULL,
         "4294967295 initiators"},
    };
    g_autoptr(GPtrArray) tables = make_tables();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) bytes =
            extended(tables->pdata[cases[i].table], cases[i].bytes, cases[i].n);
        if (cases[i].error) {
            assert_refused(bytes->data, bytes->len, cases[i].error);
            continue;
        }
        g_autoptr(GVariant) decoded = decode(bytes->data, bytes->len);
        g_assert_cmpuint(count(decoded, "others"), ==, 1);
        if (cases[i].warning)
            assert_warned(decoded, cases[i].warning);
        else
            g_assert_cmpuint(count(decoded, "warnings"), ==, 0);
    }
}

/* What is there before and behind a structure that is not known is not lost. */
static void
test_unknown_is_passed_over(void)
{
    static const guint8 structures[] = {200, 4, 1, 2, 0, 16, 1, 9, 0, 0,
                                        0,   0, 0, 0, 0, 0,  0, 0, 0, 0};
    g_autoptr(GPtrArray) tables = make_tables();
    g_autoptr(GByteArray) bytes =
        extended(tables->pdata[0], structures, sizeof structures);
    g_autoptr(GVariant) srat = decode(bytes->data, bytes->len);
    g_autoptr(GVariant) cpus = g_variant_lookup_value(srat, "cpus", NULL);
    g_autoptr(GVariant) last = g_variant_get_child_value(cpus, 4);
    guint id;
    gboolean enabled;
    g_assert_cmpuint(count(srat, "others"), ==, 1);
    g_assert_cmpuint(g_variant_n_children(cpus), ==, 5);
    g_assert_true(g_variant_lookup(last, "apic_id", "u", &id));
    g_assert_true(g_variant_lookup(last, "enabled", "b", &enabled));
    g_assert_cmpuint(id, ==, 9);
    g_assert_false(enabled);
}

static void
test_slit(void)
{
    g_autoptr(GPtrArray) tables = make_tables();
    GByteArray *slit = tables->pdata[1];
    slit->data[36] = 3;
    assert_refused(slit->data, slit->len, "3 localities");
    memset(slit->data + 36, 255, 8);
    assert_refused(slit->data, slit->len, "truncated");
    memset(slit->data + 36, 0, 8);
    slit->data[40] = 1; /* 2 to the power of 32: its square is 0 in 64 bits */
    assert_refused(slit->data, slit->len, "4294967296 localities");
    slit->data[40] = 0;
    slit->data[36] = 2;
    slit->data[45] = 10;
    slit->data[9] = (guint8) (slit->data[9] + 11); /* it was 21 */
    g_autoptr(GVariant) near = decode(slit->data, slit->len);
    assert_warned(near, "the distance from 0 to 1 is 10, which cannot be");
    slit->data[36] = 1;
    slit->data[9]++;
    g_autoptr(GVariant) less = decode(slit->data, slit->len);
    assert_warned(less, "offset 45: 3 bytes behind the distances");
}

/* Revision 1 counted latencies otherwise; of others nothing is known. */
static void
test_hmat_revisions(void)
{
    g_autoptr(GPtrArray) tables = make_tables();
    GByteArray *hmat = tables->pdata[2];
    hmat->data[8] = 1;
    hmat->data[9]++;
    g_autoptr(GVariant) first = decode(hmat->data, hmat->len);
    g_autoptr(GVariant) localities = g_variant_lookup_value(first, "localities", NULL);
    g_autoptr(GVariant) locality = g_variant_get_child_value(localities, 0);
    g_autoptr(GVariant) rows = g_variant_lookup_value(locality, "latency_ps", NULL);
    guint64 latency;
    g_variant_get_child(rows, 0, "@at", &rows);
    g_variant_get_child(rows, 0, "t", &latency);
    g_assert_cmpuint(latency, ==, 5 * 1000 * 100);
    for (guint revision = 0; revision < 256; revision += 3) {
        g_autoptr(GError) error = NULL;
        hmat->data[8] = (guint8) revision;
        g_assert_null(vn_acpi_decode(hmat->data, hmat->len, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
    }
}

/* Said before QEMU says it; that QEMU refuses them too is shown by acpi-of-qemu.py. */
static void
test_refused_topologies(void)
{
    static const struct {
        const char *body;
        const char *says;
    } cases[] = {
        {"<vcpu>256</vcpu><cpu><numa><cell cpus='0' memory='1'/></numa></cpu>",
         "machine pc takes at most 255; q35 takes more"},
        {"<vcpu>289</vcpu><os><type machine='pc-q35-7.2'>hvm</type></os><cpu><numa>"
         "<cell cpus='0' memory='1'/></numa></cpu>",
         "at most 288"},
        {"<cpu><numa><cell cpus='0' memory='0'/></numa></cpu>", "no cell has memory"},
        {"<maxMemory slots='1'>1024</maxMemory><cpu><numa>"
         "<cell cpus='0' memory='2048'/></numa></cpu>",
         "less than the cells have"},
        {"<maxMemory slots='1'>2048</maxMemory><cpu><numa>"
         "<cell cpus='0' memory='2048'/></numa></cpu>",
         "nothing is left for the slots"},
        {"<maxMemory slots='257'>4096</maxMemory><cpu><numa>"
         "<cell cpus='0' memory='2048'/></numa></cpu>",
         "at most 256 slots"},
        {"<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages>"
         "</memoryBacking><cpu><numa><cell cpus='0' memory='3072'/></numa></cpu>",
         "cell 0: its memory, 3145728 bytes, is not in whole pages"},
        {"<cpu><numa><cell cpus='0' memory='1'/><interconnects>"
         "<bandwidth initiator='0' target='0' type='read' value='1025'/></interconnects>"
         "</numa></cpu>",
         "not in whole MiB a second"},
        {"<cpu><numa><cell cpus='0' memory='1'/><cell memory='1'/><interconnects>"
         "<latency initiator='0' target='0' type='read' value='1'/>"
         "<latency initiator='0' target='1' type='read' value='65535'/></interconnects>"
         "</numa></cpu>",
         "interconnect from cell 0 to cell 1: it cannot be told in HMAT's 16 bits"},
        {"<cpu><numa><cell cpus='0' memory='1'/><cell memory='1'/><interconnects>"
         "<latency initiator='0' target='0' type='read' value='70000'/>"
         "<latency initiator='0' target='1' type='read' value='1'/></interconnects>"
         "</numa></cpu>",
         "round it to fewer digits"},
        {"<cpu><numa><cell cpus='0' memory='1'><cache level='1' associativity='none' "
         "policy='none'><size value='1'/><line value='1'/></cache></cell></numa></cpu>",
         "needs a latency and a bandwidth first"},
        {"<cpu><numa><cell cpus='0' memory='1'><cache level='2' associativity='none' "
         "policy='none'><size value='1'/><line value='1'/></cache></cell><interconnects>"
         "<latency initiator='0' target='0' type='read' value='1'/>"
         "<bandwidth initiator='0' target='0' type='read' value='1' unit='GiB'/>"
         "</interconnects></numa></cpu>",
         "the level below it has to be told first"},
        {"<cpu><numa><cell cpus='0' memory='1'><cache level='1' associativity='none' "
         "policy='none'><size value='2'/><line value='1'/></cache><cache level='2' "
         "associativity='none' policy='none'><size value='2'/><line value='1'/></cache>"
         "</cell><interconnects>"
         "<latency initiator='0' target='0' type='read' value='1'/>"
         "<bandwidth initiator='0' target='0' type='read' value='1' unit='GiB'/>"
         "</interconnects></numa></cpu>",
         "not larger than the level below it"},
        {"<cpu><numa><cell cpus='0' memory='1'><cache level='1' associativity='none' "
         "policy='none'><size value='2'/><line value='65536'/></cache>"
         "</cell><interconnects>"
         "<latency initiator='0' target='0' type='read' value='1'/>"
         "<bandwidth initiator='0' target='0' type='read' value='1' unit='GiB'/>"
         "</interconnects></numa></cpu>",
         "longer than 65535 bytes"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnGuest) guest = parse(cases[i].body);
        g_autoptr(GError) error = NULL;
        g_assert_false(vn_acpi_check(guest->told, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        if (!strstr(error->message, cases[i].says))
            g_error("case %zu: \"%s\" lacks \"%s\"", i, error->message, cases[i].says);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi-bad/truncated", test_truncated);
    g_test_add_func("/acpi-bad/shortened", test_shortened);
    g_test_add_func("/acpi-bad/header", test_header);
    g_test_add_func("/acpi-bad/structures", test_structures);
    g_test_add_func("/acpi-bad/unknown-is-passed-over", test_unknown_is_passed_over);
    g_test_add_func("/acpi-bad/slit", test_slit);
    g_test_add_func("/acpi-bad/hmat-revisions", test_hmat_revisions);
    g_test_add_func("/acpi-bad/refused-topologies", test_refused_topologies);
    return g_test_run();
}
