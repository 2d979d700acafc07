/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SRAT: which CPU and which range of memory is in which proximity domain (ACPI 6.5,
 * 5.2.16; QEMU 7.2, hw/i386/acpi-build.c).
 */
#include "guest-topology/acpi-table.h"
#include "guest-topology/acpi.h"

#define KIB G_GUINT64_CONSTANT(1024)
#define GIB (KIB << 20)

/* Structure types, and what those that are decoded need. */
enum {
    TYPE_APIC = 0,
    TYPE_MEMORY = 1,
    TYPE_X2APIC = 2,
};
#define APIC_BYTES 16u
#define MEMORY_BYTES 40u
#define X2APIC_BYTES 24u

#define CPU_ENABLED 1u
#define MEMORY_ENABLED 1u
#define MEMORY_HOTPLUGGABLE 2u
#define MEMORY_NON_VOLATILE 4u

/* From this id on, a CPU has to be told as an x2APIC. */
#define X2APIC_ID_FIRST 255u

/* RAM begins at 0 and leaves out this range, which is for devices and firmware. */
#define LOW_HOLE_START (640 * KIB)
#define LOW_HOLE_END (1024 * KIB)

/* What AMD CPUs keep for themselves, and the larger (q35's) window for PCI before it. */
#define HYPERTRANSPORT_START (1012 * GIB)
#define PCI_WINDOW (32 * GIB)

/* How many bits the numbers below @count take. */
static guint
bits_for(guint count)
{
    return count > 1 ? g_bit_storage(count - 1) : 0;
}

/* The x86 encoding: each level has the bits for its own count (QEMU, topology.h). */
static guint32
apic_id(const VnCpuTopology *topology, guint vcpu)
{
    guint thread = vcpu % topology->threads;
    guint core = vcpu / topology->threads % topology->cores;
    guint die = vcpu / topology->threads / topology->cores % topology->dies;
    guint socket = vcpu / topology->threads / topology->cores / topology->dies;
    guint core_shift = bits_for(topology->threads);
    guint die_shift = core_shift + bits_for(topology->cores);
    guint socket_shift = die_shift + bits_for(topology->dies);
    return socket << socket_shift | die << die_shift | core << core_shift | thread;
}

static void
put_cpu(GByteArray *table, guint32 id, guint domain)
{
    if (id < X2APIC_ID_FIRST) {
        vn_acpi_put(table, TYPE_APIC, 1);
        vn_acpi_put(table, APIC_BYTES, 1);
        vn_acpi_put(table, domain & 0xff, 1);
        vn_acpi_put(table, id, 1);
        vn_acpi_put(table, CPU_ENABLED, 4);
        vn_acpi_put(table, 0, 8); /* SAPIC's id, high bits of the domain, clock domain */
        return;
    }
    vn_acpi_put(table, TYPE_X2APIC, 1);
    vn_acpi_put(table, X2APIC_BYTES, 1);
    vn_acpi_put(table, 0, 2);
    vn_acpi_put(table, domain, 4);
    vn_acpi_put(table, id, 4);
    vn_acpi_put(table, CPU_ENABLED, 4);
    vn_acpi_put(table, 0, 8); /* clock domain, reserved */
}

static void
put_memory(GByteArray *table, guint64 base, guint64 bytes, guint domain, guint flags)
{
    vn_acpi_put(table, TYPE_MEMORY, 1);
    vn_acpi_put(table, MEMORY_BYTES, 1);
    vn_acpi_put(table, domain, 4);
    vn_acpi_put(table, 0, 2);
    vn_acpi_put(table, base, 8);
    vn_acpi_put(table, bytes, 8);
    vn_acpi_put(table, 0, 4);
    vn_acpi_put(table, flags, 4);
    vn_acpi_put(table, 0, 8);
}

/* Where RAM may be, in ascending order of addresses. */
typedef struct {
    guint64 start;
    guint64 end;
} Range;

/*
 * The cells' memory, laid into the ranges one after another. The low hole swallows what
 * would lie in it; the PCI hole shifts what is behind it.
 */
static void
put_cells(GByteArray *table, const VnVnuma *vnuma, guint64 low, guint64 high_start)
{
    guint64 linear = 0;
    for (guint id = 0; id < vnuma->cells->len; id++) {
        guint64 end = linear + vn_vnuma_cell(vnuma, id)->memory_bytes;
        const Range ranges[] = {
            {0, LOW_HOLE_START},
            {LOW_HOLE_END, low},
            {low, G_MAXUINT64},
        };
        for (guint i = 0; i < G_N_ELEMENTS(ranges); i++) {
            guint64 from = MAX(linear, ranges[i].start);
            guint64 to = MIN(end, ranges[i].end);
            guint64 shift = i == 2 ? high_start - low : 0;
            if (from < to)
                put_memory(table, from + shift, to - from, id, MEMORY_ENABLED);
        }
        linear = end;
    }
}

/* QEMU: at least two entries more than cells, the rest empty. */
static void
put_padding(GByteArray *table, guint first_entry, guint n_cells)
{
    guint n_entries = (table->len - first_entry) / MEMORY_BYTES;
    for (; n_entries < n_cells + 2; n_entries++)
        put_memory(table, 0, 0, 0, 0);
}

/*
 * The area for hot-plugging is behind all RAM, aligned to 1 GiB, with room for aligning
 * each module to as much. Its length is 0 when there is none.
 */
static guint64
hotplug_base(const VnVnuma *vnuma, guint64 low, guint64 high_start)
{
    return (high_start + (vn_vnuma_memory(vnuma) - low) + GIB - 1) / GIB * GIB;
}

static guint64
hotplug_length(const VnVnuma *vnuma)
{
    guint64 ram = vn_vnuma_memory(vnuma);
    if (vnuma->memory_max_bytes <= ram)
        return 0;
    return vnuma->memory_max_bytes - ram + vnuma->memory_slots * GIB;
}

gboolean
vn_acpi_depends_on_cpu(const VnVnuma *vnuma)
{
    guint64 low = vn_layout_low_ram(vnuma->machine, vn_vnuma_memory(vnuma));
    guint64 start = vn_layout_high_start(VN_LAYOUT_USUAL);
    guint64 end = hotplug_base(vnuma, low, start) + hotplug_length(vnuma);
    return low > 0 && end + PCI_WINDOW > HYPERTRANSPORT_START;
}

GByteArray *
vn_acpi_encode_srat(const VnVnuma *vnuma, VnLayout layout, GError **error)
{
    guint64 low = vn_layout_low_ram(vnuma->machine, vn_vnuma_memory(vnuma));
    guint64 high_start = vn_layout_high_start(layout);
    if (low == 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "SRAT: machine %s: where its memory lies is not known; known are pc "
                    "and q35, from version 2.0 on",
                    vnuma->machine ? vnuma->machine : "not known");
        return NULL;
    }
    GByteArray *table = vn_acpi_begin("SRAT", 1);
    vn_acpi_put(table, 1, 4); /* reserved, but 1 for compatibility */
    vn_acpi_put(table, 0, 8);
    g_autofree guint *domains = g_new0(guint, vnuma->vcpus);
    for (guint id = 0; id < vnuma->cells->len; id++) {
        VN_IDSET_FOREACH (vn_vnuma_cell(vnuma, id)->vcpus, vcpu)
            domains[vcpu] = id;
    }
    for (guint vcpu = 0; vcpu < vnuma->vcpus; vcpu++)
        put_cpu(table, apic_id(&vnuma->topology, vcpu), domains[vcpu]);
    guint first_entry = table->len;
    put_cells(table, vnuma, low, high_start);
    put_padding(table, first_entry, vnuma->cells->len);
    /* It is told in the last cell. */
    if (hotplug_length(vnuma) > 0)
        put_memory(table, hotplug_base(vnuma, low, high_start), hotplug_length(vnuma),
                   vnuma->cells->len - 1, MEMORY_HOTPLUGGABLE | MEMORY_ENABLED);
    vn_acpi_end(table);
    return table;
}

static const char *const names[] = {
    "processor local APIC affinity",
    "memory affinity",
    "processor local x2APIC affinity",
    "GICC affinity",
    "GIC interrupt translation service affinity",
    "generic initiator affinity",
    "generic port affinity",
    "RISC-V hart affinity",
};

static const VnAcpiStructures structures = {
    .first_offset = VN_ACPI_HEADER_BYTES + 12,
    .type_width = 1,
    .length_offset = 1,
    .length_width = 1,
    .header_bytes = 2,
    .names = names,
    .n_names = G_N_ELEMENTS(names),
};

static void
add_cpu(GVariantBuilder *cpus, guint id, guint domain, guint64 flags, gboolean x2apic)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "apic_id", "u", id);
    vn_dict_insert(&dict, "proximity_domain", "u", domain);
    vn_dict_insert(&dict, "enabled", "b", (flags & CPU_ENABLED) != 0);
    vn_dict_insert(&dict, "x2apic", "b", x2apic);
    g_variant_builder_add_value(cpus, vn_dict_end(&dict));
}

/* The domain's high bits stand apart, and did not count before revision 2. */
static void
decode_apic(const VnAcpiTable *table, gsize offset, GVariantBuilder *cpus)
{
    guint domain = (guint) vn_acpi_get(table, offset + 2, 1);
    if (table->revision >= 2)
        domain |= (guint) vn_acpi_get(table, offset + 9, 3) << 8;
    add_cpu(cpus, (guint) vn_acpi_get(table, offset + 3, 1), domain,
            vn_acpi_get(table, offset + 4, 4), FALSE);
}

static void
decode_x2apic(const VnAcpiTable *table, gsize offset, GVariantBuilder *cpus)
{
    add_cpu(cpus, (guint) vn_acpi_get(table, offset + 8, 4),
            (guint) vn_acpi_get(table, offset + 4, 4), vn_acpi_get(table, offset + 12, 4),
            TRUE);
}

static void
decode_memory(const VnAcpiTable *table, gsize offset, GVariantBuilder *memory)
{
    guint64 flags = vn_acpi_get(table, offset + 28, 4);
    guint domain_bytes = table->revision >= 2 ? 4 : 1;
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "base", "t", vn_acpi_get(table, offset + 8, 8));
    vn_dict_insert(&dict, "length_bytes", "t", vn_acpi_get(table, offset + 16, 8));
    vn_dict_insert(&dict, "proximity_domain", "u",
                   (guint) vn_acpi_get(table, offset + 2, domain_bytes));
    vn_dict_insert(&dict, "enabled", "b", (flags & MEMORY_ENABLED) != 0);
    vn_dict_insert(&dict, "hotpluggable", "b", (flags & MEMORY_HOTPLUGGABLE) != 0);
    vn_dict_insert(&dict, "non_volatile", "b", (flags & MEMORY_NON_VOLATILE) != 0);
    g_variant_builder_add_value(memory, vn_dict_end(&dict));
}

static void
decode_structure(VnAcpiTable *table, const VnAcpiStructure *structure,
                 GVariantBuilder *cpus, GVariantBuilder *memory, GVariantBuilder *others)
{
    static const gsize needed[] = {APIC_BYTES, MEMORY_BYTES, X2APIC_BYTES};
    if (structure->type > TYPE_X2APIC ||
        !vn_acpi_is_whole(table, &structures, structure, needed[structure->type]))
        vn_acpi_add_other(others, &structures, structure);
    else if (structure->type == TYPE_APIC)
        decode_apic(table, structure->offset, cpus);
    else if (structure->type == TYPE_MEMORY)
        decode_memory(table, structure->offset, memory);
    else
        decode_x2apic(table, structure->offset, cpus);
}

gboolean
vn_acpi_decode_srat(VnAcpiTable *table, VnDict *dict, GError **error)
{
    g_auto(GVariantBuilder) cpus;
    g_auto(GVariantBuilder) memory;
    g_auto(GVariantBuilder) others;
    g_variant_builder_init(&cpus, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&memory, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&others, G_VARIANT_TYPE("aa{sv}"));
    VnAcpiStructure structure = {0};
    for (;;) {
        gboolean end;
        if (!vn_acpi_next(table, &structures, &structure, &end, error))
            return FALSE;
        if (end)
            break;
        decode_structure(table, &structure, &cpus, &memory, &others);
    }
    vn_dict_insert_value(dict, "cpus", g_variant_builder_end(&cpus));
    vn_dict_insert_value(dict, "memory", g_variant_builder_end(&memory));
    vn_dict_insert_value(dict, "others", g_variant_builder_end(&others));
    return TRUE;
}
