/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vnumactl topology: the virtual NUMA topology that a guest is told, as a table, as XML,
 * as arguments for QEMU or as ACPI tables; and ACPI tables as people read them.
 */
#include "cli/acpi-text.h"
#include "cli/format.h"
#include "cli/input.h"
#include "cli/local-host.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "guest-topology/acpi.h"
#include "guest-topology/define.h"
#include "guest-topology/domain.h"
#include "guest-topology/fragment.h"
#include "guest-topology/qemu-arguments.h"
#include "model/dict.h"
#include "model/text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char *const signatures[] = {"SRAT", "SLIT", "HMAT"};

static gboolean
is_file(const char *argument)
{
    return strchr(argument, '/') || g_str_has_suffix(argument, ".xml") ||
           vn_input_is_stdin(argument);
}

/* The definition of GUEST, which vnumad has from libvirt, or the one in FILE. */
static GByteArray *
read_definition(const VnCall *call, GError **error)
{
    const char *argument = call->arguments[0];
    if (is_file(argument))
        return vn_input_read(argument, VN_XML_BYTES_MAX, error);
    g_autoptr(VnClient) client = vn_client_new(call->bus, call->timeout_s, error);
    char *xml = client ? vn_client_get_definition(client, argument, error) : NULL;
    return xml ? g_byte_array_new_take((guint8 *) xml, strlen(xml)) : NULL;
}

/* It may be a definition that libvirt has not seen yet, and be without uuid. */
static VnGuest *
parse(const VnCall *call, const char *xml, gsize length, GError **error)
{
    const char *argument = call->arguments[0];
    g_autoptr(xmlDoc) document = vn_xml_read(xml, length, argument, error);
    VnGuest *guest =
        document ? vn_domain_read(xmlDocGetRootElement(document), error) : NULL;
    if (document && !guest && is_file(argument))
        g_prefix_error(error, "%s: ", argument);
    return guest;
}

/* What the guest would be told if its definition were completed on this host. */
static VnVnuma *
derive(const VnCall *call, const GByteArray *bytes, GError **error)
{
    g_autoptr(VnDefineReport) report = NULL;
    const VnDefineOptions options = {0};
    g_autoptr(VnHost) host = vn_local_host_read(call->root, error);
    g_autofree char *xml = host ? vn_define((const char *) bytes->data, bytes->len, host,
                                            &options, &report, error)
                                : NULL;
    g_autoptr(VnGuest) guest = xml ? parse(call, xml, strlen(xml), error) : NULL;
    if (!guest)
        return NULL;
    vn_vnuma_add_reason(guest->told, "not in the definition yet: 'vnumactl define'");
    for (guint i = 0; i < report->reasons->len; i++)
        vn_vnuma_add_reason(guest->told, "%s", (char *) report->reasons->pdata[i]);
    return vn_vnuma_ref(guest->told);
}

/* What is or would be exposed: all outputs come from this one topology. */
static VnVnuma *
read_topology(const VnCall *call, GError **error)
{
    g_autoptr(GByteArray) bytes = read_definition(call, error);
    g_autoptr(VnGuest) guest =
        bytes ? parse(call, (const char *) bytes->data, bytes->len, error) : NULL;
    if (!guest)
        return NULL;
    if (guest->told)
        return vn_vnuma_ref(guest->told);
    if (guest->tag)
        return derive(call, bytes, error);
    g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                "guest %s: it is told of no cells, and does not ask for any: give its "
                "definition a <numa>, or our metadata: vnumad-guest(5)",
                guest->name);
    return NULL;
}

static void
append_heading(GString *text, const VnVnuma *vnuma)
{
    const VnCpuTopology *topology = &vnuma->topology;
    g_autofree char *machine =
        vn_format_escape(vnuma->machine ? vnuma->machine : VN_FORMAT_UNKNOWN);
    g_autofree char *memory = vn_text_bytes(vn_vnuma_memory(vnuma));
    g_string_append_printf(text,
                           "Machine  %s\n"
                           "vCPUs    %u: %u sockets x %u dies x %u cores x %u threads\n"
                           "Memory   %s in %u cell%s",
                           machine, vnuma->vcpus, topology->sockets, topology->dies,
                           topology->cores, topology->threads, memory, vnuma->cells->len,
                           vnuma->cells->len == 1 ? "" : "s");
    if (vnuma->memory_max_bytes > 0) {
        g_autofree char *most = vn_text_bytes(vnuma->memory_max_bytes);
        g_string_append_printf(text, ", %s with what can be hot-plugged into %u slots",
                               most, vnuma->memory_slots);
    }
    if (vnuma->page_size_bytes > 0) {
        g_autofree char *page = vn_text_bytes(vnuma->page_size_bytes);
        g_string_append_printf(text, ", in pages of %s", page);
    }
    g_string_append_c(text, '\n');
}

static VnTable *
cells_table(const VnVnuma *vnuma)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "CELL", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "VCPUS", VN_ALIGN_LEFT);
    vn_table_add_column(table, "MEMORY", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "HOME", VN_ALIGN_LEFT);
    for (guint id = 0; id < vnuma->cells->len; id++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, id);
        vn_table_add_uint(table, id);
        vn_table_take(table, vn_format_ids(cell->vcpus));
        vn_table_take(table, vn_text_bytes(cell->memory_bytes));
        vn_table_take(table, vn_format_ids(cell->home));
    }
    return table;
}

static VnTable *
distances_table(const VnVnuma *vnuma)
{
    VnTable *table = vn_table_new();
    guint n_cells = vnuma->distances ? vnuma->cells->len : 0;
    vn_table_add_column(table, "FROM\\TO", VN_ALIGN_RIGHT);
    for (guint id = 0; id < n_cells; id++)
        vn_table_add_number_column(table, id);
    for (guint from = 0; from < n_cells; from++) {
        vn_table_add_uint(table, from);
        for (guint to = 0; to < n_cells; to++)
            vn_table_add_uint(table, vn_vnuma_distance(vnuma, from, to));
    }
    return table;
}

static void
add_level(VnTable *table, guint level)
{
    if (level > 0)
        vn_table_take(table, g_strdup_printf("cache %u", level));
    else
        vn_table_add(table, "memory");
}

static VnTable *
interconnects_table(const VnVnuma *vnuma)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "FROM", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "TO", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "LEVEL", VN_ALIGN_LEFT);
    vn_table_add_column(table, "ACCESS", VN_ALIGN_LEFT);
    vn_table_add_column(table, "LATENCY", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "BANDWIDTH", VN_ALIGN_RIGHT);
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        vn_table_add_uint(table, one->initiator);
        vn_table_add_uint(table, one->target);
        add_level(table, one->cache);
        vn_table_add(table, vn_access_name(one->access));
        vn_table_take(table, one->latency_ns > 0
                                 ? g_strdup_printf("%u ns", one->latency_ns)
                                 : NULL);
        vn_table_take(table, one->bandwidth_bytes_per_second > 0
                                 ? vn_format_rate(one->bandwidth_bytes_per_second)
                                 : NULL);
    }
    return table;
}

static VnTable *
caches_table(const VnVnuma *vnuma)
{
    VnTable *table = vn_table_new();
    vn_table_add_column(table, "CELL", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "LEVEL", VN_ALIGN_LEFT);
    vn_table_add_column(table, "SIZE", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "LINE", VN_ALIGN_RIGHT);
    vn_table_add_column(table, "ASSOCIATIVITY", VN_ALIGN_LEFT);
    vn_table_add_column(table, "POLICY", VN_ALIGN_LEFT);
    for (guint i = 0; i < vnuma->caches->len; i++) {
        const VnMemoryCache *cache = &g_array_index(vnuma->caches, VnMemoryCache, i);
        vn_table_add_uint(table, cache->cell);
        add_level(table, cache->level);
        vn_table_take(table, vn_text_bytes(cache->size_bytes));
        vn_table_take(table, vn_text_bytes(cache->line_bytes));
        vn_table_add(table, vn_associativity_name(cache->associativity));
        vn_table_add(table, vn_cache_policy_name(cache->policy));
    }
    return table;
}

static void
append_notes(GString *text, const VnVnuma *vnuma)
{
    g_autoptr(GString) notes = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    if (!vnuma->distances && vnuma->cells->len > 1)
        g_string_append(notes, "No distances are told: the guest takes 10 and 20.\n");
    for (guint i = 0; i < vnuma->reasons->len; i++) {
        g_autofree char *reason = vn_format_escape(vnuma->reasons->pdata[i]);
        g_string_append_printf(notes, "Note: %s\n", reason);
    }
    if (!vn_acpi_check(vnuma, &error))
        g_string_append_printf(notes, "QEMU refuses it: %s\n", error->message);
    if (notes->len)
        g_string_append_printf(text, "\n%s", notes->str);
}

static gboolean
show(const VnCall *call, const VnVnuma *vnuma, GError **error)
{
    if (call->output.json)
        return vn_output_json(vn_vnuma_to_variant(vnuma), TRUE, error);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(VnTable) cells = cells_table(vnuma);
    g_autoptr(VnTable) distances = distances_table(vnuma);
    g_autoptr(VnTable) interconnects = interconnects_table(vnuma);
    g_autoptr(VnTable) caches = caches_table(vnuma);
    append_heading(text, vnuma);
    vn_table_append_below(cells, call->output.color, text);
    vn_table_append_below(distances, call->output.color, text);
    vn_table_append_below(interconnects, call->output.color, text);
    vn_table_append_below(caches, call->output.color, text);
    append_notes(text, vnuma);
    return vn_output_text(text->str, error);
}

static gboolean
show_xml(const VnCall *call, const VnVnuma *vnuma, GError **error)
{
    g_autofree char *xml = vn_fragment_format(vnuma);
    if (!call->output.json)
        return vn_output_text(xml, error);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "xml", "s", xml);
    return vn_output_json(vn_dict_end(&dict), TRUE, error);
}

/* One option with its value a line, quoted for a shell where it has to be. */
static gboolean
show_arguments(const VnCall *call, const VnVnuma *vnuma, GError **error)
{
    g_auto(GStrv) argv = NULL;
    if (!vn_acpi_check(vnuma, error))
        return FALSE;
    argv = vn_qemu_arguments(vnuma);
    if (call->output.json) {
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "arguments", "^as", argv);
        return vn_output_json(vn_dict_end(&dict), TRUE, error);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    for (char **at = argv; *at; at += 2) {
        gboolean plain = strspn(at[1], G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_.,=") ==
                         strlen(at[1]);
        g_autofree char *value = plain ? g_strdup(at[1]) : g_shell_quote(at[1]);
        g_autofree char *shown = vn_format_escape(value);
        g_string_append_printf(text, "%s %s\n", at[0], shown);
    }
    return vn_output_text(text->str, error);
}

/* A table that is not written must not be there from an earlier time either. */
static gboolean
write_table(const char *folder, const char *signature, const GByteArray *table,
            GVariantBuilder *written, GString *text, GError **error)
{
    g_autofree char *path = g_build_filename(folder, signature, NULL);
    g_autoptr(GError) why = NULL;
    if (!table) {
        if (!g_file_test(path, G_FILE_TEST_EXISTS))
            return TRUE;
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                    "%s: it is there, but the guest is told no %s: remove it, or name "
                    "another folder",
                    path, signature);
        return FALSE;
    }
    if (!g_file_set_contents(path, (const char *) table->data, table->len, &why)) {
        g_set_error(error, VN_ERROR, VN_ERROR_FAILED, "%s: %s", path, why->message);
        return FALSE;
    }
    g_autofree char *shown = vn_format_escape(path);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "path", "s", shown);
    vn_dict_insert(&dict, "length_bytes", "u", table->len);
    g_variant_builder_add_value(written, vn_dict_end(&dict));
    g_string_append_printf(text, "%s: %u bytes\n", shown, table->len);
    return TRUE;
}

static gboolean
write_acpi(const VnCall *call, const VnVnuma *vnuma, GError **error)
{
    if (!vn_acpi_check(vnuma, error))
        return FALSE;
    g_autoptr(GByteArray) srat = vn_acpi_encode_srat(vnuma, VN_LAYOUT_USUAL, error);
    if (!srat)
        return FALSE;
    g_autoptr(GByteArray) slit = vn_acpi_encode_slit(vnuma);
    g_autoptr(GByteArray) hmat = vn_acpi_encode_hmat(vnuma);
    const GByteArray *tables[] = {srat, slit, hmat};
    if (mkdir(call->acpi, 0777) < 0 && errno != EEXIST) {
        vn_error_set_errno(error, errno, "%s: create folder", call->acpi);
        return FALSE;
    }
    g_auto(GVariantBuilder) written;
    g_autoptr(GString) text = g_string_new(NULL);
    g_variant_builder_init(&written, G_VARIANT_TYPE("aa{sv}"));
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        if (!write_table(call->acpi, signatures[i], tables[i], &written, text, error))
            return FALSE;
    }
    if (!call->output.json)
        return vn_output_text(text->str, error);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert_value(&dict, "files", g_variant_builder_end(&written));
    return vn_output_json(vn_dict_end(&dict), TRUE, error);
}

static GVariant *
decode_file(const char *path, GError **error)
{
    g_autoptr(GByteArray) bytes = vn_input_read(path, VN_ACPI_BYTES_MAX, error);
    if (!bytes)
        return NULL;
    GVariant *table = vn_acpi_decode(bytes->data, bytes->len, error);
    if (!table)
        g_prefix_error(error, "%s: ", path);
    return table ? g_variant_ref_sink(table) : NULL;
}

static gboolean
decode(const VnCall *call, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GVariantBuilder) tables;
    g_variant_builder_init(&tables, G_VARIANT_TYPE("aa{sv}"));
    for (char **path = call->arguments; *path; path++) {
        g_autoptr(GVariant) table = decode_file(*path, error);
        if (!table)
            return FALSE;
        g_autofree char *shown = vn_format_escape(*path);
        g_string_append_printf(text, "%s%s: ", text->len ? "\n" : "", shown);
        vn_acpi_text_append(text, table, call->output.color);
        g_auto(VnDict) dict;
        vn_dict_init(&dict, table);
        vn_dict_insert(&dict, "path", "s", shown);
        g_variant_builder_add_value(&tables, vn_dict_end(&dict));
    }
    if (!call->output.json)
        return vn_output_text(text->str, error);
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_dict_insert_value(&dict, "tables", g_variant_builder_end(&tables));
    return vn_output_json(vn_dict_end(&dict), TRUE, error);
}

/* At most one way to show it, and one guest but for --decode. */
static gboolean
check_call(const VnCall *call, GError **error)
{
    guint n_ways = (call->xml ? 1 : 0) + (call->qemu ? 1 : 0) + (call->acpi ? 1 : 0) +
                   (call->decode ? 1 : 0);
    if (n_ways > 1) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "topology: only one of --xml, --qemu, --acpi and --decode can be");
        return FALSE;
    }
    if (!call->decode && call->arguments[1]) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "topology: '%s' is one argument too many", call->arguments[1]);
        return FALSE;
    }
    return TRUE;
}

gboolean
vn_verb_topology(const VnCall *call, VnClient *client, GError **error)
{
    if (!check_call(call, error))
        return FALSE;
    if (call->decode)
        return decode(call, error);
    g_autoptr(VnVnuma) vnuma = read_topology(call, error);
    if (!vnuma)
        return FALSE;
    if (call->xml)
        return show_xml(call, vnuma, error);
    if (call->qemu)
        return show_arguments(call, vnuma, error);
    if (call->acpi)
        return write_acpi(call, vnuma, error);
    return show(call, vnuma, error);
}
