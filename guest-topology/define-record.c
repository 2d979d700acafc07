/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <vnumad:derived>: a <cell> for each cell, a <wrote> for each part that is ours. */
#include "guest-topology/define-record.h"

#include "guest-topology/define.h"
#include "guest-topology/size.h"
#include "guest-topology/tag.h"
#include "guest-topology/xml-edit.h"

#include <string.h>

/* A row is its element's name, then names and values of its attributes. */
static char **
new_row(const char *name, ...)
{
    g_autoptr(GStrvBuilder) row = g_strv_builder_new();
    va_list arguments;
    va_start(arguments, name);
    for (const char *word = name; word; word = va_arg(arguments, const char *))
        g_strv_builder_add(row, word);
    va_end(arguments);
    return g_strv_builder_end(row);
}

static GPtrArray *
make_rows(const VnVnuma *vnuma, const VnParts *ours)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify) g_strfreev);
    for (guint i = 0; i < vnuma->cells->len; i++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, i);
        g_autofree char *id = g_strdup_printf("%u", i);
        g_autofree char *vcpus = vn_idset_format(cell->vcpus);
        g_autofree char *home = vn_idset_format(cell->home);
        g_autofree char *memory =
            g_strdup_printf("%" G_GUINT64_FORMAT, cell->memory_bytes / 1024);
        g_ptr_array_add(rows, new_row("cell", "id", id, "vcpus", vcpus, "memory", memory,
                                      "unit", "KiB", "home", home, NULL));
    }
    g_autoptr(GPtrArray) groups = vn_parts_rows(ours);
    for (guint i = 0; i < groups->len; i++) {
        const VnPartRow *group = groups->pdata[i];
        const char *name = vn_part_name(group->part);
        g_autofree char *ids = vn_idset_format(group->ids);
        g_ptr_array_add(
            rows,
            vn_part_has_id(group->part)
                ? new_row("wrote", "part", name, "ids", ids, "value", group->value, NULL)
                : new_row("wrote", "part", name, "value", group->value, NULL));
    }
    return rows;
}

static xmlNode *
find_record(const xmlNode *domain)
{
    return (xmlNode *) vn_xml_child_in(vn_xml_child(domain, "metadata"),
                                       VN_RECORD_NAMESPACE, VN_RECORD_ELEMENT);
}

/* There are no more parts than these: past them, somebody else wrote the record. */
#define IDS_MAX (VN_PARTS_N * (VN_ID_MAX + 1))

/* Takes what stands there still: the rest says nothing of whose anything is. */
static void
read_wrote(const xmlNode *node, const VnParts *current, VnParts *parts, guint *n_ids)
{
    g_autofree char *name = vn_xml_attribute(node, "part");
    g_autofree char *ids = vn_xml_attribute(node, "ids");
    g_autofree char *value = vn_xml_attribute(node, "value");
    g_autoptr(VnIdSet) set = vn_idset_parse(ids ? ids : "0", NULL);
    VnPart part;
    /* What is not understood was not written by us, and stays the administrator's. */
    if (!name || !value || !set || !vn_part_from_name(name, &part))
        return;
    *n_ids += vn_idset_count(set);
    if (*n_ids > IDS_MAX)
        return;
    VN_IDSET_FOREACH (set, id) {
        const char *now = vn_parts_get(current, part, (guint) id);
        if (g_strcmp0(now, value) == 0 || (part == VN_PART_TOPOLOGY && id == 0))
            vn_parts_take(parts, part, (guint) id, g_strdup(value));
    }
}

VnParts *
vn_record_read(const xmlNode *domain, const VnParts *current)
{
    guint n_ids = 0;
    VnParts *parts = vn_parts_new();
    const xmlNode *record = find_record(domain);
    if (!record)
        return parts;
    for (const xmlNode *node = vn_xml_child_in(record, VN_RECORD_NAMESPACE, "wrote");
         node && n_ids <= IDS_MAX; node = vn_xml_next(node))
        read_wrote(node, current, parts, &n_ids);
    return parts;
}

void
vn_record_mark_pins(const xmlNode *domain, VnGuest *guest)
{
    g_autoptr(GTree) current = find_record(domain) ? vn_parts_read(domain, NULL) : NULL;
    g_autoptr(GTree) ours = current ? vn_record_read(domain, current) : NULL;
    for (guint i = 0; ours && i < guest->vcpus->len; i++) {
        VnVcpu *vcpu = guest->vcpus->pdata[i];
        vcpu->pin_is_ours = vn_parts_get(ours, VN_PART_VCPUPIN, vcpu->id) != NULL;
    }
    guest->emulator_pin_is_ours =
        ours && vn_parts_get(ours, VN_PART_EMULATORPIN, 0) != NULL;
}

static gboolean
read_cell(const xmlNode *node, VnVnuma *vnuma)
{
    g_autofree char *id = vn_xml_attribute(node, "id");
    g_autofree char *vcpus = vn_xml_attribute(node, "vcpus");
    g_autofree char *memory = vn_xml_attribute(node, "memory");
    g_autofree char *unit = vn_xml_attribute(node, "unit");
    g_autofree char *home = vn_xml_attribute(node, "home");
    guint number;
    guint64 bytes;
    if (!id || !vcpus || !memory || !home || vnuma->cells->len == VN_CELLS_MAX ||
        !vn_number_parse(id, VN_CELLS_MAX, &number, NULL) ||
        number != vnuma->cells->len || !vn_size_parse(memory, unit, &bytes, NULL))
        return FALSE;
    g_autoptr(VnIdSet) set = vn_idset_parse(vcpus, NULL);
    g_autoptr(VnIdSet) nodes = vn_idset_parse(home, NULL);
    if (!set || !nodes || vn_idset_next(set, vnuma->vcpus) >= 0)
        return FALSE;
    VnVnumaCell *cell = vn_vnuma_add_cell(vnuma);
    vn_idset_add_all(cell->vcpus, set);
    vn_idset_add_all(cell->home, nodes);
    cell->memory_bytes = bytes;
    return TRUE;
}

VnVnuma *
vn_record_read_cells(const xmlNode *domain, guint n_vcpus)
{
    g_autoptr(VnVnuma) vnuma = vn_vnuma_new(n_vcpus);
    const xmlNode *record = find_record(domain);
    for (const xmlNode *node = vn_xml_child_in(record, VN_RECORD_NAMESPACE, "cell"); node;
         node = vn_xml_next(node)) {
        if (!read_cell(node, vnuma))
            return vn_vnuma_new(n_vcpus);
    }
    return g_steal_pointer(&vnuma);
}

static gboolean
says_row(const xmlNode *node, char *const *row)
{
    guint n_attributes = 0;
    if (!vn_xml_is(node, VN_RECORD_NAMESPACE, row[0]))
        return FALSE;
    for (char *const *at = row + 1; *at; at += 2) {
        g_autofree char *value = vn_xml_attribute(node, at[0]);
        if (g_strcmp0(value, at[1]) != 0)
            return FALSE;
        n_attributes++;
    }
    for (const xmlAttr *attribute = node->properties; attribute;
         attribute = attribute->next)
        n_attributes--;
    return n_attributes == 0;
}

static gboolean
says_rows(const xmlNode *record, const GPtrArray *rows)
{
    guint n = 0;
    for (const xmlNode *node = record->children; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        if (n == rows->len || !says_row(node, rows->pdata[n]))
            return FALSE;
        n++;
    }
    return n == rows->len;
}

static xmlNode *
add_record(xmlNode *domain)
{
    xmlNode *metadata = vn_domain_add(domain, "metadata");
    xmlNode *tag =
        (xmlNode *) vn_xml_child_in(metadata, VN_TAG_NAMESPACE, VN_TAG_ELEMENT);
    xmlNode *record = vn_xml_add(metadata, tag, NULL, VN_RECORD_ELEMENT);
    xmlSetNs(record, xmlNewNs(record, (const xmlChar *) VN_RECORD_NAMESPACE,
                              (const xmlChar *) "vnumad"));
    return record;
}

gboolean
vn_record_write(xmlNode *domain, const VnVnuma *vnuma, const VnParts *ours)
{
    g_autoptr(GPtrArray) rows = make_rows(vnuma, ours);
    xmlNode *record = find_record(domain);
    if (record && says_rows(record, rows))
        return FALSE;
    if (record)
        vn_xml_remove(record);
    record = add_record(domain);
    xmlNode *last = NULL;
    for (guint i = 0; i < rows->len; i++) {
        char *const *row = rows->pdata[i];
        last = vn_xml_add(record, last, record->ns, row[0]);
        for (char *const *at = row + 1; *at; at += 2)
            vn_xml_set(last, at[0], at[1]);
    }
    return TRUE;
}
