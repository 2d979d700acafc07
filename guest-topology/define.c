/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose is each part, what is wanted of it, and the document with that written in. */
#include "guest-topology/define.h"

#include "guest-topology/attribute.h"
#include "guest-topology/commandline.h"
#include "guest-topology/define-derive.h"
#include "guest-topology/define-record.h"
#include "guest-topology/domain.h"
#include "guest-topology/xml-edit.h"
#include "model/text.h"

#include <string.h>

typedef struct {
    xmlDoc *document;
    xmlNode *domain;
    VnParts *recorded;
    VnDerivation derivation;
    gboolean changed;
} Define;

static void
define_clear(Define *define)
{
    VnDerivation *derivation = &define->derivation;
    g_clear_pointer(&define->document, xmlFreeDoc);
    g_clear_pointer(&define->recorded, g_tree_unref);
    vn_guest_free(derivation->guest);
    vn_idset_free(derivation->iothreads);
    vn_idset_free(derivation->cpuset);
    vn_idset_free(derivation->candidates);
    g_clear_pointer(&derivation->current, g_tree_unref);
    g_clear_pointer(&derivation->theirs, g_tree_unref);
    g_clear_pointer(&derivation->wanted, g_tree_unref);
    vn_vnuma_unref(derivation->vnuma);
    vn_vnuma_unref(derivation->previous);
    vn_define_report_free(derivation->report);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Define, define_clear)

static gboolean
is_recorded(const Define *define, VnPart part, guint id)
{
    const char *now = vn_parts_get(define->derivation.current, part, id);
    return now && g_strcmp0(now, vn_parts_get(define->recorded, part, id)) == 0;
}

static void
find_theirs(Define *define)
{
    VnDerivation *derivation = &define->derivation;
    derivation->theirs = vn_parts_new();
    VN_PARTS_FOREACH(derivation->current, node)
    {
        VnPart part;
        guint id;
        const char *value = vn_parts_at(node, &part, &id);
        if (!derivation->options->force && !is_recorded(define, part, id))
            vn_parts_take(derivation->theirs, part, id, g_strdup(value));
    }
}

/* The largest page size asked for: cells are made of whole pages of it. */
static gboolean
read_page_size(const xmlNode *domain, VnCell *whole, GError **error)
{
    const xmlNode *backing = vn_xml_child(domain, "memoryBacking");
    const xmlNode *hugepages = vn_xml_child(backing, "hugepages");
    for (const xmlNode *page = vn_xml_child(hugepages, "page"); page;
         page = vn_xml_next(page)) {
        g_autofree char *size = vn_xml_attribute(page, "size");
        g_autofree char *unit = vn_xml_attribute(page, "unit");
        guint64 bytes;
        if (!vn_size_parse(size ? size : "", unit, &bytes, error)) {
            g_prefix_error(error, "<page size>: ");
            return FALSE;
        }
        if (bytes > 4096)
            whole->page_size_bytes = MAX(whole->page_size_bytes, bytes);
    }
    return TRUE;
}

/* The guest as it would be without what we wrote: from a copy that is without it. */
static VnGuest *
read_guest(const Define *define, GError **error)
{
    static const char *const tuning[] = {"cputune", "numatune"};
    g_autoptr(xmlDoc) copy = xmlCopyDoc(define->document, 1);
    xmlNode *domain = xmlDocGetRootElement(copy);
    gboolean theirs = vn_parts_get(define->derivation.theirs, VN_PART_CELLS, 0) != NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(tuning); i++) {
        xmlNode *node = vn_xml_element(domain, tuning[i]);
        if (node)
            vn_xml_remove(node);
    }
    xmlNode *cpu = vn_xml_element(domain, "cpu");
    xmlNode *numa = cpu ? vn_xml_element(cpu, "numa") : NULL;
    if (numa && !theirs)
        vn_xml_remove(numa);
    g_autoptr(VnGuest) guest = vn_domain_read(domain, error);
    if (!guest)
        return NULL;
    if (!guest->told_cells && !read_page_size(domain, guest->cells->pdata[0], error)) {
        g_prefix_error(error, "guest %s: ", guest->name);
        return NULL;
    }
    vn_guest_locate_devices(guest, define->derivation.host);
    return g_steal_pointer(&guest);
}

/* libvirt numbers those that <iothreadids> does not name from 1, leaving none out. */
static VnIdSet *
read_iothreads(const xmlNode *domain, GError **error)
{
    const xmlNode *count = vn_xml_child(domain, "iothreads");
    g_autofree char *text = count ? vn_xml_text(count) : g_strdup("0");
    g_autoptr(VnIdSet) ids = vn_idset_new();
    const xmlNode *list = vn_xml_child(domain, "iothreadids");
    guint n;
    if (!vn_number_parse(text, VN_VCPUS_MAX, &n, error)) {
        g_prefix_error(error, "<iothreads>: ");
        return NULL;
    }
    for (const xmlNode *one = vn_xml_child(list, "iothread"); one;
         one = vn_xml_next(one)) {
        guint id;
        if (!vn_attribute_number(one, "id", VN_ID_MAX, &id, error))
            return NULL;
        vn_idset_add(ids, id);
    }
    guint named = vn_idset_count(ids);
    for (guint id = 1; named < n; id++) {
        if (!vn_idset_contains(ids, id)) {
            vn_idset_add(ids, id);
            named++;
        }
    }
    return g_steal_pointer(&ids);
}

static gboolean
check_tag(const VnGuest *guest, GError **error)
{
    if (guest->tag && !guest->trouble)
        return TRUE;
    if (guest->tag)
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "guest %s: %s", guest->name,
                    guest->trouble);
    else
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                    "guest %s: its definition does not ask for vNUMA; put <vnuma:guest "
                    "xmlns:vnuma=\"urn:vnumad:guest:1\"/> into its <metadata>, or use "
                    "'virsh metadata %s urn:vnumad:guest:1 --config --key vnuma --set "
                    "\"<guest/>\"'",
                    guest->name, guest->name);
    return FALSE;
}

/* QEMU has no cells on s390x, its small machines tell of none, and LXC has no QEMU. */
static gboolean
check_kind(const Define *define, GError **error)
{
    static const char *const types[] = {"kvm", "qemu", "test", NULL};
    static const char *const archs[] = {"x86_64",  "i686",        "aarch64",
                                        "armv7l",  "ppc64",       "ppc64le",
                                        "riscv64", "loongarch64", NULL};
    static const char *const without[] = {"microvm", "isapc", "none", NULL};
    const xmlNode *os = vn_xml_child(vn_xml_child(define->domain, "os"), "type");
    g_autofree char *type = vn_xml_attribute(define->domain, "type");
    g_autofree char *arch = os ? vn_xml_attribute(os, "arch") : NULL;
    g_autofree char *machine = os ? vn_xml_attribute(os, "machine") : NULL;
    const char *wrong = NULL;
    if (machine && g_strv_contains(without, machine))
        wrong = machine;
    if (arch && !g_strv_contains(archs, arch))
        wrong = arch;
    if (type && !g_strv_contains(types, type))
        wrong = type;
    if (!wrong)
        return TRUE;
    g_autofree char *shown = vn_xml_shown(wrong);
    g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                "guest %s: there is no virtual NUMA for %s '%s'; remove our metadata",
                define->derivation.guest->name,
                wrong == type   ? "guests of type"
                : wrong == arch ? "the architecture"
                                : "the machine",
                shown);
    return FALSE;
}

static gboolean
read_definition(Define *define, GError **error)
{
    VnDerivation *derivation = &define->derivation;
    derivation->current = vn_parts_read(define->domain, error);
    if (!derivation->current)
        return FALSE;
    define->recorded = vn_record_read(define->domain, derivation->current);
    find_theirs(define);
    g_autofree char *type = vn_xml_attribute(define->domain, "type");
    const xmlNode *os = vn_xml_child(vn_xml_child(define->domain, "os"), "type");
    g_autofree char *arch = os ? vn_xml_attribute(os, "arch") : NULL;
    derivation->may_have_ring =
        g_strcmp0(type, "kvm") == 0 && (!arch || strcmp(arch, "x86_64") == 0);
    const char *vcpu = vn_parts_get(derivation->theirs, VN_PART_VCPU, 0);
    derivation->numad = g_strcmp0(vcpu, "placement auto") == 0;
    if (vcpu && !derivation->numad)
        derivation->cpuset = vn_idset_parse(strchr(vcpu, ' ') + 1, NULL);
    derivation->iothreads = read_iothreads(define->domain, error);
    return derivation->iothreads != NULL;
}

/*
 * QEMU takes no cell twice: with his beside ours the guest would not start. To a <numa>
 * of his own he may add what libvirt does not know.
 */
static gboolean
check_arguments(const Define *define, GError **error)
{
    if (vn_parts_get(define->derivation.theirs, VN_PART_CELLS, 0) ||
        !vn_commandline_makes_cells(define->domain))
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                "guest %s: its own QEMU arguments make its cells (-numa): write them as "
                "<cpu><numa>, or remove our metadata",
                define->derivation.guest->name);
    return FALSE;
}

/* What the administrator wrote for a cell is for one that there is. */
static gboolean
check_pages(const Define *define, GError **error)
{
    const VnDerivation *derivation = &define->derivation;
    const xmlNode *backing = vn_xml_child(define->domain, "memoryBacking");
    const xmlNode *hugepages = vn_xml_child(backing, "hugepages");
    for (const xmlNode *page = vn_xml_child(hugepages, "page"); page;
         page = vn_xml_next(page)) {
        g_autofree char *nodeset = vn_xml_attribute(page, "nodeset");
        g_autoptr(VnIdSet) cells = nodeset ? vn_cpuset_parse(nodeset, NULL) : NULL;
        int beyond = cells ? vn_idset_next(cells, derivation->vnuma->cells->len) : -1;
        if (beyond < 0)
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "guest %s: <page nodeset>: there is no cell %d, only %u cells; leave "
                    "nodeset out for all of them",
                    derivation->guest->name, beyond, derivation->vnuma->cells->len);
        return FALSE;
    }
    return TRUE;
}

/* Memory that is plugged in goes into a cell, which he names. */
static gboolean
check_modules(const Define *define, GError **error)
{
    const VnDerivation *derivation = &define->derivation;
    const xmlNode *devices = vn_xml_child(define->domain, "devices");
    guint last = derivation->vnuma->cells->len - 1;
    for (const xmlNode *module = vn_xml_child(devices, "memory"); module;
         module = vn_xml_next(module)) {
        const xmlNode *node = vn_xml_child(vn_xml_child(module, "target"), "node");
        g_autofree char *text = node ? vn_xml_text(node) : NULL;
        guint cell;
        if (!text || vn_number_parse(text, last, &cell, NULL))
            continue;
        g_autofree char *shown = vn_xml_shown(text);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "guest %s: <devices><memory>: there is no cell %s for its <node>, "
                    "only 0 to %u; name one of them, or set the metadata's cells",
                    derivation->guest->name, shown, last);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_memnodes(const VnDerivation *derivation, GError **error)
{
    VN_PARTS_FOREACH(derivation->theirs, node)
    {
        VnPart part;
        guint id;
        vn_parts_at(node, &part, &id);
        if (part != VN_PART_MEMNODE || id < derivation->vnuma->cells->len)
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "guest %s: <memnode>: there is no cell %u, only %u cells; remove it",
                    derivation->guest->name, id, derivation->vnuma->cells->len);
        return FALSE;
    }
    return TRUE;
}

/* An entry a cell: what the checksum stands for. */
static void
report_cells(const VnVnuma *vnuma, GPtrArray *entries)
{
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        g_autofree char *vcpus = vn_idset_format(cell->vcpus);
        g_autofree char *memory = vn_text_bytes(cell->memory_bytes);
        g_autofree char *home = vn_idset_format(cell->home);
        VnDefineEntry *entry = g_new(VnDefineEntry, 1);
        entry->part = g_strdup_printf("cell %u", i);
        entry->text = g_strdup_printf("%s%s, %s, home %s", *vcpus ? "vCPUs " : "no vCPUs",
                                      vcpus, memory, home);
        g_ptr_array_add(entries, entry);
    }
}

static void
report_parts(const Define *define, const VnParts *parts, GPtrArray *entries)
{
    g_autoptr(GPtrArray) rows = vn_parts_rows(parts);
    for (guint i = 0; i < rows->len; i++) {
        const VnPartRow *row = rows->pdata[i];
        if (row->part == VN_PART_CELLS)
            report_cells(define->derivation.vnuma, entries);
        else
            vn_define_add_entry(entries, row->part, row->ids,
                                g_strdup(*row->value ? row->value : "removed"));
    }
}

/* Writes what is wanted and not the administrator's; @ours gets what is ours then. */
static void
write_wanted(Define *define, GTree *index, VnParts *ours, VnParts *written)
{
    VnDerivation *derivation = &define->derivation;
    VN_PARTS_FOREACH(derivation->wanted, node)
    {
        VnPart part;
        guint id;
        const char *value = vn_parts_at(node, &part, &id);
        if (vn_parts_get(derivation->theirs, part, id))
            continue;
        /* Once it is static nothing of it is left to recognise. */
        if (part != VN_PART_VCPU)
            vn_parts_take(ours, part, id, g_strdup(value));
        if (g_strcmp0(vn_parts_get(derivation->current, part, id), value) == 0)
            continue;
        if (part == VN_PART_CELLS)
            vn_cells_write(define->domain, derivation->vnuma);
        else
            vn_part_write(define->domain, index, part, id, value);
        vn_parts_take(written, part, id, g_strdup(value));
    }
}

/* Pins and bindings of vCPUs, threads and cells that are no more. The rest stays. */
static void
remove_unwanted(Define *define, GTree *index, VnParts *ours, VnParts *written)
{
    VnDerivation *derivation = &define->derivation;
    VN_PARTS_FOREACH(derivation->current, node)
    {
        VnPart part;
        guint id;
        const char *value = vn_parts_at(node, &part, &id);
        if (vn_parts_get(derivation->wanted, part, id) ||
            vn_parts_get(derivation->theirs, part, id))
            continue;
        if (g_tree_lookup(index, vn_part_key(part, id))) {
            vn_part_remove(index, part, id);
            vn_parts_take(written, part, id, g_strdup(""));
        } else if (is_recorded(define, part, id)) {
            vn_parts_take(ours, part, id, g_strdup(value));
        }
    }
}

static void
apply(Define *define)
{
    VnDerivation *derivation = &define->derivation;
    g_autoptr(GTree) index = vn_parts_index(define->domain);
    g_autoptr(GTree) ours = vn_parts_new();
    g_autoptr(GTree) written = vn_parts_new();
    write_wanted(define, index, ours, written);
    remove_unwanted(define, index, ours, written);
    gboolean recorded = vn_record_write(define->domain, derivation->vnuma, ours);
    define->changed = recorded || g_tree_nnodes(written) > 0;
    report_parts(define, written, derivation->report->written);
    report_parts(define, derivation->theirs, derivation->report->respected);
}

static gboolean
run(Define *define, GError **error)
{
    VnDerivation *derivation = &define->derivation;
    const xmlNode *name = vn_xml_child(define->domain, "name");
    g_autofree char *text = name ? vn_xml_text(name) : g_strdup("");
    g_autofree char *shown = vn_xml_shown(text);
    if (!read_definition(define, error)) {
        g_prefix_error(error, "guest %s: ", shown);
        return FALSE;
    }
    derivation->guest = read_guest(define, error);
    if (!derivation->guest || !check_tag(derivation->guest, error) ||
        !check_kind(define, error) || !check_arguments(define, error))
        return FALSE;
    derivation->previous =
        vn_record_read_cells(define->domain, derivation->guest->vcpus->len);
    const char *topology = vn_parts_get(define->recorded, VN_PART_TOPOLOGY, 0);
    if (topology)
        derivation->previous->topology = vn_topology_of_part(topology);
    if (!vn_derive_cells(derivation, error) || !check_memnodes(derivation, error) ||
        !check_pages(define, error) || !check_modules(define, error))
        return FALSE;
    vn_derive_parts(derivation);
    apply(define);
    /* What was not ours to write is now beside what is: does it go together? */
    g_autoptr(VnGuest) outcome = vn_domain_read(define->domain, error);
    return outcome != NULL;
}

char *
vn_define(const char *xml, gsize length, const VnHost *host,
          const VnDefineOptions *options, VnDefineReport **ret_report, GError **error)
{
    g_auto(Define) define = {
        .document = vn_xml_read_exactly(xml, length, "domain XML", error),
        .derivation = {.host = host, .options = options},
    };
    if (!define.document)
        return NULL;
    define.domain = xmlDocGetRootElement(define.document);
    define.derivation.report = vn_define_report_new();
    if (!run(&define, error))
        return NULL;
    if (ret_report)
        *ret_report = g_steal_pointer(&define.derivation.report);
    return define.changed ? vn_xml_write(define.document, xml, length)
                          : g_strndup(xml, length);
}
