/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * HMAT: latencies and bandwidths between initiators and memory, and memory-side caches
 * (ACPI 6.5, 5.2.28; QEMU 7.2, hw/acpi/hmat.c).
 */
#include "guest-topology/acpi-table.h"
#include "guest-topology/acpi.h"
#include "guest-topology/hmat-scale.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

/* Structure types, and what each needs before its lists. */
enum {
    TYPE_DOMAIN = 0,
    TYPE_LOCALITY = 1,
    TYPE_CACHE = 2,
};
#define DOMAIN_BYTES 40u
#define LOCALITY_BYTES 32u
#define CACHE_BYTES 32u

#define INITIATOR_VALID 1u

/* Data types: three of latency, then three of bandwidth, both in VnAccess's order. */
#define LATENCY_TYPES 3u
#define DATA_TYPES 6u
#define HIERARCHIES 4u

/* Revisions whose units are known. */
#define REVISION_MAX 2u

gboolean
vn_acpi_has_hmat(const VnVnuma *vnuma)
{
    return vnuma->interconnects->len > 0 || vnuma->caches->len > 0;
}

guint
vn_acpi_initiator(const VnVnuma *vnuma, guint cell)
{
    guint64 latency = G_MAXUINT;
    guint64 bandwidth = 0;
    guint nearest = VN_CELLS_MAX;
    guint widest = VN_CELLS_MAX;
    if (!vn_idset_is_empty(vn_vnuma_cell(vnuma, cell)->vcpus))
        return cell;
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        if (one->target != cell)
            continue;
        if (one->latency_ns > 0 && one->latency_ns < latency) {
            latency = one->latency_ns;
            nearest = one->initiator;
        }
        if (one->bandwidth_bytes_per_second > bandwidth) {
            bandwidth = one->bandwidth_bytes_per_second;
            widest = one->initiator;
        }
    }
    return nearest < VN_CELLS_MAX ? nearest : widest;
}

static void
put_domain(GByteArray *table, const VnVnuma *vnuma, guint cell)
{
    guint initiator = vn_acpi_initiator(vnuma, cell);
    vn_acpi_put(table, TYPE_DOMAIN, 4);
    vn_acpi_put(table, DOMAIN_BYTES, 4);
    vn_acpi_put(table, initiator < VN_CELLS_MAX ? INITIATOR_VALID : 0, 4);
    vn_acpi_put(table, initiator, 4);
    vn_acpi_put(table, cell, 4);
    vn_acpi_put(table, 0, 4);
    vn_acpi_put(table, 0, 8);
    vn_acpi_put(table, 0, 8);
}

static VnIdSet *
find_initiators(const VnVnuma *vnuma)
{
    VnIdSet *initiators = vn_idset_new();
    for (guint id = 0; id < vnuma->cells->len; id++) {
        if (!vn_idset_is_empty(vn_vnuma_cell(vnuma, id)->vcpus))
            vn_idset_add(initiators, id);
    }
    return initiators;
}

/* What is told of one pair of hierarchy and data type; nothing if no figure is. */
static void
put_locality(GByteArray *table, const VnVnuma *vnuma, const VnIdSet *initiators,
             const VnInterconnect *kind, guint data_type)
{
    guint n_cells = vnuma->cells->len;
    guint n_initiators = vn_idset_count(initiators);
    g_autofree guint64 *figures = g_new0(guint64, (gsize) n_cells * n_cells);
    VnHmatScale scale = {0};
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        if (!vn_hmat_same_matrix(one, kind))
            continue;
        guint64 figure = vn_hmat_figure(one);
        if (vn_hmat_scale_add(&scale, kind->latency_ns > 0, figure))
            figures[one->initiator * n_cells + one->target] = figure;
    }
    if (scale.unit == 0)
        return;

    guint64 unit = data_type < LATENCY_TYPES ? scale.unit * 1000 : scale.unit / MIB;
    vn_acpi_put(table, TYPE_LOCALITY, 4);
    vn_acpi_put(
        table,
        LOCALITY_BYTES + 4 * n_initiators + 4 * n_cells + 2 * n_initiators * n_cells, 4);
    vn_acpi_put(table, kind->cache, 1);
    vn_acpi_put(table, data_type, 1);
    vn_acpi_put(table, 0, 2);
    vn_acpi_put(table, n_initiators, 4);
    vn_acpi_put(table, n_cells, 4);
    vn_acpi_put(table, 0, 4);
    vn_acpi_put(table, (guint32) unit, 8);
    VN_IDSET_FOREACH (initiators, id)
        vn_acpi_put(table, (guint) id, 4);
    for (guint id = 0; id < n_cells; id++)
        vn_acpi_put(table, id, 4);
    VN_IDSET_FOREACH (initiators, id) {
        for (guint to = 0; to < n_cells; to++)
            vn_acpi_put(table, figures[(guint) id * n_cells + to] / scale.unit, 2);
    }
}

static const VnMemoryCache *
find_cache(const VnVnuma *vnuma, guint cell, guint level)
{
    for (guint i = 0; i < vnuma->caches->len; i++) {
        const VnMemoryCache *cache = &g_array_index(vnuma->caches, VnMemoryCache, i);
        if (cache->cell == cell && cache->level == level)
            return cache;
    }
    return NULL;
}

static void
put_caches(GByteArray *table, const VnVnuma *vnuma, guint cell)
{
    guint n_levels = 0;
    for (guint level = 1; level < HIERARCHIES; level++)
        n_levels += find_cache(vnuma, cell, level) != NULL;
    for (guint level = 1; level <= n_levels; level++) {
        const VnMemoryCache *cache = find_cache(vnuma, cell, level);
        if (!cache)
            continue;
        vn_acpi_put(table, TYPE_CACHE, 4);
        vn_acpi_put(table, CACHE_BYTES, 4);
        vn_acpi_put(table, cell, 4);
        vn_acpi_put(table, 0, 4);
        vn_acpi_put(table, cache->size_bytes, 8);
        vn_acpi_put(table,
                    n_levels | level << 4 | (guint) cache->associativity << 8 |
                        (guint) cache->policy << 12 | cache->line_bytes << 16,
                    4);
        vn_acpi_put(table, 0, 4); /* reserved, and no SMBIOS handles */
    }
}

GByteArray *
vn_acpi_encode_hmat(const VnVnuma *vnuma)
{
    if (!vn_acpi_has_hmat(vnuma))
        return NULL;
    GByteArray *table = vn_acpi_begin("HMAT", 2);
    g_autoptr(VnIdSet) initiators = find_initiators(vnuma);
    vn_acpi_put(table, 0, 4);
    for (guint id = 0; id < vnuma->cells->len; id++)
        put_domain(table, vnuma, id);
    for (guint i = 0; i < HIERARCHIES * DATA_TYPES; i++) {
        guint data_type = i % DATA_TYPES;
        VnInterconnect kind = {
            .cache = i / DATA_TYPES,
            .access = (VnAccess) (data_type % LATENCY_TYPES),
            .latency_ns = data_type < LATENCY_TYPES,
        };
        put_locality(table, vnuma, initiators, &kind, data_type);
    }
    for (guint id = 0; id < vnuma->cells->len; id++)
        put_caches(table, vnuma, id);
    vn_acpi_end(table);
    return table;
}

static const char *const names[] = {
    "memory proximity domain attributes",
    "system locality latency and bandwidth",
    "memory side cache",
};

static const VnAcpiStructures structures = {
    .first_offset = VN_ACPI_HEADER_BYTES + 4,
    .type_width = 2,
    .length_offset = 4,
    .length_width = 4,
    .header_bytes = 8,
    .names = names,
    .n_names = G_N_ELEMENTS(names),
};

static const char *
name_of(const char *const *from, guint n, guint code)
{
    return code < n ? from[code] : "not known";
}

static void
decode_domain(const VnAcpiTable *table, gsize offset, GVariantBuilder *domains)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "memory", "u", (guint) vn_acpi_get(table, offset + 16, 4));
    if (vn_acpi_get(table, offset + 8, 2) & INITIATOR_VALID)
        vn_dict_insert(&dict, "initiator", "u",
                       (guint) vn_acpi_get(table, offset + 12, 4));
    g_variant_builder_add_value(domains, vn_dict_end(&dict));
}

/* An entry in ps or bytes/s. Revision 1 counted latencies in tenths of a ns. */
static guint64
scaled(const VnAcpiTable *table, guint64 unit, guint64 entry, gboolean latency)
{
    guint64 factor = MIB;
    guint64 value;
    if (latency)
        factor = table->revision == 1 ? 100 : 1;
    if (entry == 0)
        return 0;
    if (entry > VN_HMAT_ENTRY_MAX || !g_uint64_checked_mul(&value, unit, entry) ||
        !g_uint64_checked_mul(&value, value, factor))
        return G_MAXUINT64;
    return value;
}

static GVariant *
read_ids(const VnAcpiTable *table, gsize offset, guint n)
{
    g_autofree guint *ids = g_new(guint, n);
    for (guint i = 0; i < n; i++)
        ids[i] = (guint) vn_acpi_get(table, offset + 4 * (gsize) i, 4);
    return g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, ids, n, sizeof *ids);
}

static GVariant *
read_matrix(const VnAcpiTable *table, gsize offset, guint n_rows, guint n_columns,
            guint64 unit, gboolean latency)
{
    GVariantBuilder rows;
    g_autofree guint64 *row = g_new(guint64, n_columns);
    g_variant_builder_init(&rows, G_VARIANT_TYPE("aat"));
    for (guint i = 0; i < n_rows; i++) {
        for (guint k = 0; k < n_columns; k++, offset += 2)
            row[k] = scaled(table, unit, vn_acpi_get(table, offset, 2), latency);
        g_variant_builder_add_value(&rows,
                                    g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, row,
                                                              n_columns, sizeof *row));
    }
    return g_variant_builder_end(&rows);
}

static gboolean
decode_locality(VnAcpiTable *table, const VnAcpiStructure *structure,
                GVariantBuilder *localities)
{
    static const char *const hierarchies[] = {"memory", "first-level cache",
                                              "second-level cache", "third-level cache"};
    static const char *const data_types[] = {"access-latency", "read-latency",
                                             "write-latency",  "access-bandwidth",
                                             "read-bandwidth", "write-bandwidth"};
    gsize offset = structure->offset;
    guint hierarchy = (guint) vn_acpi_get(table, offset + 8, 1) & 0xf;
    guint data_type = (guint) vn_acpi_get(table, offset + 9, 1);
    guint64 n_initiators = vn_acpi_get(table, offset + 12, 4);
    guint64 n_targets = vn_acpi_get(table, offset + 16, 4);
    guint64 unit = vn_acpi_get(table, offset + 24, 8);
    guint64 room = structure->length - LOCALITY_BYTES;
    /* Each count is at most a quarter of the table's size, so that nothing overflows. */
    if (n_initiators > room / 4 || n_targets > room / 4 ||
        4 * (n_initiators + n_targets) + 2 * n_initiators * n_targets > room) {
        vn_acpi_warn(table,
                     "offset %zu: a matrix of %" G_GUINT64_FORMAT " initiators and "
                     "%" G_GUINT64_FORMAT " targets has only %zu bytes: passed over",
                     offset, n_initiators, n_targets, structure->length);
        return FALSE;
    }
    gboolean latency = data_type < LATENCY_TYPES;
    gsize targets = offset + LOCALITY_BYTES + 4 * n_initiators;
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "hierarchy", "s",
                   name_of(hierarchies, G_N_ELEMENTS(hierarchies), hierarchy));
    vn_dict_insert(&dict, "data_type", "s",
                   name_of(data_types, G_N_ELEMENTS(data_types), data_type));
    vn_dict_insert_value(&dict, "initiators",
                         read_ids(table, offset + LOCALITY_BYTES, (guint) n_initiators));
    vn_dict_insert_value(&dict, "targets", read_ids(table, targets, (guint) n_targets));
    vn_dict_insert_value(&dict, latency ? "latency_ps" : "bandwidth_bytes_per_second",
                         read_matrix(table, targets + 4 * n_targets, (guint) n_initiators,
                                     (guint) n_targets, unit, latency));
    g_variant_builder_add_value(localities, vn_dict_end(&dict));
    return TRUE;
}

static void
decode_cache(const VnAcpiTable *table, gsize offset, GVariantBuilder *caches)
{
    static const char *const associativities[] = {"none", "direct", "complex"};
    static const char *const policies[] = {"none", "write-back", "write-through"};
    guint attributes = (guint) vn_acpi_get(table, offset + 24, 4);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "proximity_domain", "u",
                   (guint) vn_acpi_get(table, offset + 8, 4));
    vn_dict_insert(&dict, "levels", "u", attributes & 0xf);
    vn_dict_insert(&dict, "level", "u", attributes >> 4 & 0xf);
    vn_dict_insert(&dict, "size_bytes", "t", vn_acpi_get(table, offset + 16, 8));
    vn_dict_insert(
        &dict, "associativity", "s",
        name_of(associativities, G_N_ELEMENTS(associativities), attributes >> 8 & 0xf));
    vn_dict_insert(&dict, "policy", "s",
                   name_of(policies, G_N_ELEMENTS(policies), attributes >> 12 & 0xf));
    vn_dict_insert(&dict, "line_bytes", "u", attributes >> 16);
    g_variant_builder_add_value(caches, vn_dict_end(&dict));
}

/* What comes of the structures, by type; the last is for those that are only named. */
typedef struct {
    GVariantBuilder lists[TYPE_CACHE + 2];
} Found;

static void
found_clear(Found *found)
{
    for (guint i = 0; i < G_N_ELEMENTS(found->lists); i++)
        g_variant_builder_clear(&found->lists[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Found, found_clear)

static void
decode_structure(VnAcpiTable *table, const VnAcpiStructure *structure, Found *found)
{
    static const gsize needed[] = {DOMAIN_BYTES, LOCALITY_BYTES, CACHE_BYTES};
    guint type = structure->type;
    gboolean taken = type <= TYPE_CACHE &&
                     vn_acpi_is_whole(table, &structures, structure, needed[type]);
    if (taken && type == TYPE_DOMAIN)
        decode_domain(table, structure->offset, &found->lists[type]);
    else if (taken && type == TYPE_LOCALITY)
        taken = decode_locality(table, structure, &found->lists[type]);
    else if (taken)
        decode_cache(table, structure->offset, &found->lists[type]);
    if (!taken)
        vn_acpi_add_other(&found->lists[TYPE_CACHE + 1], &structures, structure);
}

gboolean
vn_acpi_decode_hmat(VnAcpiTable *table, VnDict *dict, GError **error)
{
    static const char *const keys[] = {"proximity_domains", "localities", "caches",
                                       "others"};
    if (table->revision < 1 || table->revision > REVISION_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "HMAT: at offset 8 its revision is %u; known are 1 and 2",
                    table->revision);
        return FALSE;
    }
    g_auto(Found) found;
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        g_variant_builder_init(&found.lists[i], G_VARIANT_TYPE("aa{sv}"));
    VnAcpiStructure structure = {0};
    for (;;) {
        gboolean end;
        if (!vn_acpi_next(table, &structures, &structure, &end, error))
            return FALSE;
        if (end)
            break;
        decode_structure(table, &structure, &found);
    }
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        vn_dict_insert_value(dict, keys[i], g_variant_builder_end(&found.lists[i]));
    return TRUE;
}
