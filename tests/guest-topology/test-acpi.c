/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SRAT, SLIT and HMAT: what is encoded is decoded as it was, for random topologies; bytes
 * that are fixed by the specification; limits; what is refused before QEMU refuses it.
 * That QEMU makes the same bytes is shown by acpi-of-qemu.py.
 */
#include "guest-topology/acpi.h"
#include "guest-topology/domain.h"
#include "guest-topology/hmat-scale.h"

#include <string.h>

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define GIB (MIB << 10)

static GVariant *
decode(const GByteArray *table)
{
    g_autoptr(GError) error = NULL;
    GVariant *decoded = vn_acpi_decode(table->data, table->len, &error);
    g_assert_no_error(error);
    return g_variant_ref_sink(decoded);
}

static GByteArray *
encode_srat(const VnVnuma *vnuma)
{
    g_autoptr(GError) error = NULL;
    GByteArray *table = vn_acpi_encode_srat(vnuma, VN_LAYOUT_USUAL, &error);
    g_assert_no_error(error);
    return table;
}

static GVariant *
find(GVariant *dict, const char *key)
{
    GVariant *value = g_variant_lookup_value(dict, key, NULL);
    if (!value)
        g_error("there is no %s", key);
    return value;
}

static guint64
get_number(GVariant *dict, const char *key)
{
    g_autoptr(GVariant) value = find(dict, key);
    return g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64)
               ? g_variant_get_uint64(value)
               : g_variant_get_uint32(value);
}

static gboolean
get_flag(GVariant *dict, const char *key)
{
    g_autoptr(GVariant) value = find(dict, key);
    return g_variant_get_boolean(value);
}

static void
assert_unremarkable(GVariant *decoded, const char *signature, guint length)
{
    g_autoptr(GVariant) shown = find(decoded, "signature");
    g_autoptr(GVariant) warnings = find(decoded, "warnings");
    g_assert_cmpstr(g_variant_get_string(shown, NULL), ==, signature);
    g_assert_cmpuint(get_number(decoded, "length_bytes"), ==, length);
    g_assert_cmpuint(g_variant_n_children(warnings), ==, 0);
}

/* Topologies: 1 to 12 cells, some without CPUs, some without memory. */
static VnVnuma *
random_topology(void)
{
    static const char *const machines[] = {"pc", "q35"};
    VnCpuTopology topology = {
        (guint) g_test_rand_int_range(1, 5), (guint) g_test_rand_int_range(1, 4),
        (guint) g_test_rand_int_range(1, 6), (guint) g_test_rand_int_range(1, 3)};
    VnVnuma *vnuma = vn_vnuma_new(topology.sockets * topology.dies * topology.cores *
                                  topology.threads);
    guint n_cells = (guint) g_test_rand_int_range(1, 13);
    vnuma->topology = topology;
    vnuma->machine = g_strdup(machines[g_test_rand_bit()]);
    for (guint i = 0; i < n_cells; i++) {
        guint64 mib = (guint64) g_test_rand_int_range(1, 3000);
        vn_vnuma_add_cell(vnuma)->memory_bytes =
            i > 0 && g_test_rand_bit() ? 0 : mib * MIB;
    }
    for (guint vcpu = 0; vcpu < vnuma->vcpus; vcpu++) {
        guint cell = vcpu ? (guint) g_test_rand_int_range(0, (gint32) n_cells) : 0;
        vn_idset_add(vn_vnuma_cell(vnuma, cell)->vcpus, vcpu);
    }
    if (g_test_rand_bit()) {
        vnuma->memory_slots = (guint) g_test_rand_int_range(1, 20);
        vnuma->memory_max_bytes = vn_vnuma_memory(vnuma) + 128 * MIB;
    }
    for (guint i = 0; i < n_cells * n_cells && n_cells % 3; i++) {
        if (i / n_cells != i % n_cells)
            vn_vnuma_set_distance(vnuma, i / n_cells, i % n_cells,
                                  (guint) g_test_rand_int_range(11, 256));
    }
    return vnuma;
}

/* Each cell's memory is all there, whole, in order, and outside the holes. */
static void
check_memory(const VnVnuma *vnuma, GVariant *srat)
{
    g_autoptr(GVariant) memory = find(srat, "memory");
    guint64 low = vn_layout_low_ram(vnuma->machine, vn_vnuma_memory(vnuma));
    guint64 bytes[16] = {0};
    guint64 end = 0;
    guint64 hotplug = 0;
    g_assert_cmpuint(g_variant_n_children(memory), >=, vnuma->cells->len + 2);
    for (gsize i = 0; i < g_variant_n_children(memory); i++) {
        g_autoptr(GVariant) one = g_variant_get_child_value(memory, i);
        guint64 base = get_number(one, "base");
        guint64 length = get_number(one, "length_bytes");
        guint64 domain = get_number(one, "proximity_domain");
        if (get_flag(one, "hotpluggable")) {
            g_assert_cmpuint(base % GIB, ==, 0);
            g_assert_cmpuint(base, >=, MAX(end, 4 * GIB));
            g_assert_cmpuint(domain, ==, vnuma->cells->len - 1);
            hotplug = length;
            continue;
        }
        g_assert_true(get_flag(one, "enabled") == (length > 0));
        if (length == 0)
            continue;
        g_assert_cmpuint(base, >=, end);
        end = base + length;
        g_assert_true(end <= 640 * 1024 || (base >= MIB && end <= low) ||
                      base >= 4 * GIB);
        bytes[domain] += length;
    }
    for (guint id = 0; id < vnuma->cells->len; id++) {
        guint64 hole =
            id == 0 ? MIB - 640 * 1024 : 0; /* cell 0 is never without memory */
        g_assert_cmpuint(bytes[id] + hole, ==, vn_vnuma_cell(vnuma, id)->memory_bytes);
    }
    g_assert_cmpuint(hotplug, ==,
                     vnuma->memory_max_bytes ? 128 * MIB + vnuma->memory_slots * GIB : 0);
}

static void
check_srat(const VnVnuma *vnuma)
{
    g_autoptr(GByteArray) table = encode_srat(vnuma);
    g_autoptr(GVariant) srat = decode(table);
    g_autoptr(GVariant) cpus = find(srat, "cpus");
    g_autoptr(GHashTable) ids = g_hash_table_new(NULL, NULL);
    assert_unremarkable(srat, "SRAT", table->len);
    g_assert_cmpuint(g_variant_n_children(cpus), ==, vnuma->vcpus);
    for (guint vcpu = 0; vcpu < vnuma->vcpus; vcpu++) {
        g_autoptr(GVariant) cpu = g_variant_get_child_value(cpus, vcpu);
        guint64 id = get_number(cpu, "apic_id");
        g_assert_true(g_hash_table_add(ids, GSIZE_TO_POINTER(id + 1)));
        g_assert_true(get_flag(cpu, "enabled"));
        g_assert_true(get_flag(cpu, "x2apic") == (id >= 255));
        g_assert_cmpuint(get_number(cpu, "proximity_domain"), ==,
                         vn_vnuma_cell_of_vcpu(vnuma, vcpu));
    }
    check_memory(vnuma, srat);
}

static void
check_slit(const VnVnuma *vnuma)
{
    g_autoptr(GByteArray) table = vn_acpi_encode_slit(vnuma);
    g_assert_true((table != NULL) == (vnuma->distances != NULL));
    if (!table)
        return;
    g_autoptr(GVariant) slit = decode(table);
    g_autoptr(GVariant) rows = find(slit, "distances");
    assert_unremarkable(slit, "SLIT", table->len);
    g_assert_cmpuint(g_variant_n_children(rows), ==, vnuma->cells->len);
    for (guint from = 0; from < vnuma->cells->len; from++) {
        for (guint to = 0; to < vnuma->cells->len; to++) {
            g_autoptr(GVariant) row = g_variant_get_child_value(rows, from);
            guint distance;
            g_variant_get_child(row, to, "u", &distance);
            g_assert_cmpuint(distance, ==, vn_vnuma_distance(vnuma, from, to));
        }
    }
}

/* Latencies and bandwidths of few digits, as HMAT can tell them, of every kind. */
static void
add_interconnects(VnVnuma *vnuma)
{
    guint n_cells = vnuma->cells->len;
    for (guint i = 0; i < 24 * n_cells * n_cells; i++) {
        VnInterconnect one = {
            .initiator = i % n_cells,
            .target = i / n_cells % n_cells,
            .access = (VnAccess) (i / n_cells / n_cells % 3),
            .cache = i / n_cells / n_cells / 3 % 4,
        };
        if (g_test_rand_bit() ||
            vn_idset_is_empty(vn_vnuma_cell(vnuma, one.initiator)->vcpus) ||
            vn_vnuma_cell(vnuma, one.target)->memory_bytes == 0)
            continue;
        if (i / n_cells / n_cells / 12)
            one.latency_ns = 10 * (guint) g_test_rand_int_range(1, 6000);
        else
            one.bandwidth_bytes_per_second =
                512 * MIB * (guint64) g_test_rand_int_range(1, 60000);
        g_array_append_val(vnuma->interconnects, one);
    }
}

/* The figure that the decoded @hmat has for @one; 0 for none. */
static guint64
find_figure(GVariant *hmat, const VnInterconnect *one)
{
    static const char *const hierarchies[] = {"memory", "first-level cache",
                                              "second-level cache", "third-level cache"};
    g_autoptr(GVariant) localities = find(hmat, "localities");
    gboolean latency = one->latency_ns > 0;
    g_autofree char *wanted = g_strdup_printf("%s-%s", vn_access_name(one->access),
                                              latency ? "latency" : "bandwidth");
    for (gsize i = 0; i < g_variant_n_children(localities); i++) {
        g_autoptr(GVariant) locality = g_variant_get_child_value(localities, i);
        const char *data_type;
        const char *hierarchy;
        g_assert_true(g_variant_lookup(locality, "data_type", "&s", &data_type));
        g_assert_true(g_variant_lookup(locality, "hierarchy", "&s", &hierarchy));
        if (strcmp(data_type, wanted) != 0 ||
            strcmp(hierarchy, hierarchies[one->cache]) != 0)
            continue;
        g_autoptr(GVariant) initiators = find(locality, "initiators");
        g_autoptr(GVariant) rows =
            find(locality, latency ? "latency_ps" : "bandwidth_bytes_per_second");
        for (gsize row = 0; row < g_variant_n_children(initiators); row++) {
            guint initiator;
            guint64 figure;
            g_variant_get_child(initiators, row, "u", &initiator);
            if (initiator != one->initiator)
                continue;
            g_autoptr(GVariant) figures = g_variant_get_child_value(rows, row);
            g_variant_get_child(figures, one->target, "t", &figure);
            return figure;
        }
    }
    return 0;
}

static void
check_hmat(VnVnuma *vnuma)
{
    g_assert_null(vn_acpi_encode_hmat(vnuma));
    add_interconnects(vnuma);
    if (vnuma->interconnects->len == 0)
        return;
    g_autoptr(GByteArray) table = vn_acpi_encode_hmat(vnuma);
    g_autoptr(GVariant) hmat = decode(table);
    g_autoptr(GVariant) domains = find(hmat, "proximity_domains");
    assert_unremarkable(hmat, "HMAT", table->len);
    g_assert_cmpuint(g_variant_n_children(domains), ==, vnuma->cells->len);
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        guint64 expected = one->latency_ns ? one->latency_ns * (guint64) 1000
                                           : one->bandwidth_bytes_per_second;
        g_assert_cmpuint(find_figure(hmat, one), ==, expected);
    }
}

static void
test_roundtrip(void)
{
    for (guint i = 0; i < 60; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnVnuma) vnuma = random_topology();
        gboolean good = vn_acpi_check(vnuma, &error);
        if (!good) /* the only thing that chance can get wrong */
            g_assert_nonnull(strstr(error->message, "vCPUs"));
        check_srat(vnuma);
        check_slit(vnuma);
        check_hmat(vnuma);
    }
}

/* 64 KiB in cell 1 lie behind a cell 0 that has 512 KiB: none of it in the low hole. */
static void
test_layouts(void)
{
    static const struct {
        const char *machine;
        guint64 bytes;
        VnLayout layout;
        guint64 expected[8]; /* base and length, by twos */
    } cases[] = {
        {"pc", 512 * 1024, VN_LAYOUT_USUAL, {0, 0x80000}},
        {"pc", 768 * 1024, VN_LAYOUT_USUAL, {0, 0xa0000}},
        {"pc", MIB, VN_LAYOUT_USUAL, {0, 0xa0000}},
        {"pc", 2 * MIB, VN_LAYOUT_USUAL, {0, 0xa0000, MIB, MIB}},
        {"pc-i440fx-7.2", 3583 * MIB, VN_LAYOUT_USUAL, {0, 0xa0000, MIB, 3582 * MIB}},
        {"pc",
         3584 * MIB,
         VN_LAYOUT_USUAL,
         {0, 0xa0000, MIB, 3071 * MIB, 4 * GIB, 512 * MIB}},
        {"q35",
         2816 * MIB,
         VN_LAYOUT_USUAL,
         {0, 0xa0000, MIB, 2047 * MIB, 4 * GIB, 768 * MIB}},
        {"q35",
         1024 * GIB,
         VN_LAYOUT_ABOVE_1TIB,
         {0, 0xa0000, MIB, 2047 * MIB, 1024 * GIB, 1022 * GIB}},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnVnuma) vnuma = vn_vnuma_new(1);
        vnuma->machine = g_strdup(cases[i].machine);
        vn_vnuma_add_cell(vnuma)->memory_bytes = cases[i].bytes;
        g_autoptr(GByteArray) table = vn_acpi_encode_srat(vnuma, cases[i].layout, &error);
        g_assert_no_error(error);
        g_autoptr(GVariant) srat = decode(table);
        g_autoptr(GVariant) memory = find(srat, "memory");
        g_assert_cmpuint(g_variant_n_children(memory), ==, 3); /* with the padding */
        for (guint k = 0; k < 3; k++) {
            g_autoptr(GVariant) one = g_variant_get_child_value(memory, k);
            g_assert_cmphex(get_number(one, "base"), ==, cases[i].expected[2 * k]);
            g_assert_cmphex(get_number(one, "length_bytes"), ==,
                            cases[i].expected[2 * k + 1]);
        }
    }
    g_autoptr(VnVnuma) unknown = vn_vnuma_new(1);
    g_autoptr(GError) error = NULL;
    vn_vnuma_add_cell(unknown)->memory_bytes = MIB;
    g_assert_null(vn_acpi_encode_srat(unknown, VN_LAYOUT_USUAL, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
}

/* Byte by byte by the specification: a local APIC and an x2APIC, in cell 1. */
static void
test_cpu_bytes(void)
{
    static const guint8 apic[] = {0, 16, 1, 254, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const guint8 x2apic[] = {2, 24, 0, 0, 1, 0, 0, 0, 0xff, 0, 0, 0,
                                    1, 0,  0, 0, 0, 0, 0, 0, 0,    0, 0, 0};
    g_autoptr(VnVnuma) vnuma = vn_vnuma_new(288);
    vnuma->machine = g_strdup("q35");
    vn_vnuma_add_cell(vnuma)->memory_bytes = MIB;
    vn_vnuma_add_cell(vnuma);
    for (guint vcpu = 0; vcpu < 288; vcpu++)
        vn_idset_add(vn_vnuma_cell(vnuma, vcpu >= 254)->vcpus, vcpu);
    g_autoptr(GByteArray) table = encode_srat(vnuma);
    const guint8 *at = table->data + 48 + 254 * 16;
    g_assert_cmpmem(at, sizeof apic, apic, sizeof apic);
    g_assert_cmpmem(at + sizeof apic, sizeof x2apic, x2apic, sizeof x2apic);
    g_assert_cmpmem(table->data + 10, 26, "BOCHS BXPC    \1\0\0\0BXPC\1\0\0\0", 26);
}

/* A level takes the bits for its own count: 3 dies of 5 cores of 2 threads. */
static void
test_apic_ids(void)
{
    g_autoptr(VnVnuma) vnuma = vn_vnuma_new(60);
    vnuma->machine = g_strdup("q35");
    vnuma->topology = (VnCpuTopology){2, 3, 5, 2};
    vn_vnuma_add_cell(vnuma)->memory_bytes = MIB;
    g_autoptr(GByteArray) table = encode_srat(vnuma);
    for (guint vcpu = 0; vcpu < 60; vcpu++) {
        guint expected =
            vcpu / 30 << 6 | vcpu / 10 % 3 << 4 | vcpu / 2 % 5 << 1 | vcpu % 2;
        g_assert_cmpuint(table->data[48 + 16 * vcpu + 3], ==, expected);
    }
}

/* What the figures of one matrix, in order, make of its unit; 0: the last is refused. */
static void
test_scales(void)
{
    static const struct {
        gboolean latency;
        guint64 figures[3];
        guint64 unit;
    } cases[] = {
        {TRUE, {5, 10}, 1},
        {TRUE, {100, 2000, 30}, 10},
        {TRUE, {65534}, 1},
        {TRUE, {70000}, 10000},
        {TRUE, {1, 65534}, 1},
        {TRUE, {1, 65535}, 0},
        {TRUE, {65540, 1}, 1}, /* QEMU takes it; vn_acpi_check() does not */
        {FALSE, {10 * MIB, 5 * MIB}, MIB},
        {FALSE, {1024 * MIB, 512 * MIB}, 512 * MIB},
        {FALSE, {65534 * MIB}, 2 * MIB},
        {FALSE, {65533 * MIB}, MIB},
        {FALSE, {65535 * MIB}, 0},
        {FALSE, {65536 * MIB, MIB}, 0},
        {FALSE, {32768 * MIB, MIB}, MIB},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        VnHmatScale scale = {0};
        gboolean taken = TRUE;
        for (guint k = 0; k < 3 && cases[i].figures[k]; k++)
            taken = vn_hmat_scale_add(&scale, cases[i].latency, cases[i].figures[k]);
        g_assert_true(taken == (cases[i].unit != 0));
        if (taken)
            g_assert_cmpuint(scale.unit, ==, cases[i].unit);
    }
}

/* The most that can be told, and that it still is a table. */
static void
test_limits(void)
{
    g_autoptr(VnVnuma) vnuma = vn_vnuma_new(VN_VCPUS_MAX);
    vnuma->machine = g_strdup("q35");
    for (guint id = 0; id < VN_CELLS_MAX; id++)
        vn_vnuma_add_cell(vnuma)->memory_bytes = GIB;
    for (guint vcpu = 0; vcpu < VN_VCPUS_MAX; vcpu++)
        vn_idset_add(vn_vnuma_cell(vnuma, vcpu % VN_CELLS_MAX)->vcpus, vcpu);
    vn_vnuma_set_distance(vnuma, 0, 1, 254);
    for (guint i = 0; i < 24; i++) {
        VnInterconnect one = {.cache = i / 6, .access = (VnAccess) (i % 3)};
        one.latency_ns = i / 3 % 2;
        one.bandwidth_bytes_per_second = one.latency_ns ? 0 : MIB;
        g_array_append_val(vnuma->interconnects, one);
    }
    g_autoptr(GByteArray) srat = encode_srat(vnuma);
    g_autoptr(GByteArray) slit = vn_acpi_encode_slit(vnuma);
    g_autoptr(GByteArray) hmat = vn_acpi_encode_hmat(vnuma);
    const GByteArray *tables[] = {srat, slit, hmat};
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autoptr(GVariant) decoded = decode(tables[i]);
        g_assert_cmpuint(tables[i]->len, <, VN_ACPI_BYTES_MAX);
        g_assert_cmpuint(get_number(decoded, "length_bytes"), ==, tables[i]->len);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi/roundtrip", test_roundtrip);
    g_test_add_func("/acpi/layouts", test_layouts);
    g_test_add_func("/acpi/cpu-bytes", test_cpu_bytes);
    g_test_add_func("/acpi/apic-ids", test_apic_ids);
    g_test_add_func("/acpi/scales", test_scales);
    g_test_add_func("/acpi/limits", test_limits);
    return g_test_run();
}
