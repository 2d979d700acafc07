/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <cpu><numa>: what it says as a checksum, and writing it. The text that is summed up has
 * a line for each fact, sorted, in bytes and list format, so that libvirt's rewriting of
 * a definition does not change it. It has only what vnumad writes: a <cache> or memAccess
 * that the administrator adds does not make the cells his.
 */
#include "guest-topology/attribute.h"
#include "guest-topology/define-parts.h"
#include "guest-topology/xml-edit.h"

#include <string.h>

G_GNUC_PRINTF(2, 3)
static void
add_line(GPtrArray *lines, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(lines, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

static void
add_cell_line(GPtrArray *lines, guint id, const VnIdSet *vcpus, guint64 bytes)
{
    g_autofree char *list = vn_idset_format(vcpus);
    add_line(lines, "cell %u vcpus %s bytes %" G_GUINT64_FORMAT, id, list, bytes);
}

static void
add_distance_line(GPtrArray *lines, guint from, guint to, guint distance)
{
    add_line(lines, "distance %u %u %u", from, to, distance);
}

static gint
compare_lines(gconstpointer one, gconstpointer other)
{
    return strcmp(*(char *const *) one, *(char *const *) other);
}

static char *
sum_up(GPtrArray *lines)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_ptr_array_sort(lines, compare_lines);
    for (guint i = 0; i < lines->len; i++) {
        g_checksum_update(checksum, lines->pdata[i], -1);
        g_checksum_update(checksum, (const guchar *) "\n", 1);
    }
    return g_strconcat("sha256:", g_checksum_get_string(checksum), NULL);
}

static gboolean
add_cell(GPtrArray *lines, const xmlNode *cell, guint place, GError **error)
{
    guint id = place;
    guint64 bytes;
    g_autofree char *has_id = vn_xml_attribute(cell, "id");
    g_autofree char *cpus = vn_xml_attribute(cell, "cpus");
    g_autofree char *unit = vn_xml_attribute(cell, "unit");
    g_autoptr(VnIdSet) vcpus =
        cpus && *cpus ? vn_cpuset_parse(cpus, error) : vn_idset_new();
    if (!vcpus || (has_id && !vn_attribute_number(cell, "id", VN_ID_MAX, &id, error)) ||
        !vn_attribute_size(cell, "memory", unit, &bytes, error))
        return FALSE;
    add_cell_line(lines, id, vcpus, bytes);

    const xmlNode *distances = vn_xml_child(cell, "distances");
    for (const xmlNode *one = distances ? vn_xml_child(distances, "sibling") : NULL; one;
         one = vn_xml_next(one)) {
        guint to;
        guint distance;
        if (!vn_attribute_number(one, "id", VN_ID_MAX, &to, error) ||
            !vn_attribute_number(one, "value", VN_DISTANCE_UNREACHABLE, &distance, error))
            return FALSE;
        if (distance < VN_DISTANCE_LOCAL) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "cell %u: its distance to cell %u is %u; less than 10 cannot be",
                        id, to, distance);
            return FALSE;
        }
        add_distance_line(lines, id, to, distance);
    }
    return TRUE;
}

static gboolean
add_interconnect(GPtrArray *lines, const xmlNode *node, GError **error)
{
    guint initiator;
    guint target;
    guint cache = 0;
    g_autofree char *type = vn_xml_attribute(node, "type");
    g_autofree char *has_cache = vn_xml_attribute(node, "cache");
    g_autofree char *unit = vn_xml_attribute(node, "unit");
    guint64 value;
    if (!vn_attribute_number(node, "initiator", VN_ID_MAX, &initiator, error) ||
        !vn_attribute_number(node, "target", VN_ID_MAX, &target, error) ||
        (has_cache && !vn_attribute_number(node, "cache", 3, &cache, error)))
        return FALSE;
    if (vn_xml_is(node, NULL, "latency")) {
        guint latency;
        if (!vn_attribute_number(node, "value", G_MAXUINT, &latency, error))
            return FALSE;
        value = latency;
    } else if (!vn_attribute_size(node, "value", unit, &value, error)) {
        return FALSE;
    }
    add_line(lines, "%s %u %u %u %s %" G_GUINT64_FORMAT, (const char *) node->name,
             initiator, target, cache, type ? type : "", value);
    return TRUE;
}

char *
vn_cells_of_xml(const xmlNode *domain, GError **error)
{
    const xmlNode *numa = vn_xml_child(vn_xml_child(domain, "cpu"), "numa");
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    guint place = 0;
    for (const xmlNode *cell = numa ? vn_xml_child(numa, "cell") : NULL; cell;
         cell = vn_xml_next(cell)) {
        if (!add_cell(lines, cell, place++, error))
            return NULL;
    }
    const xmlNode *interconnects = numa ? vn_xml_child(numa, "interconnects") : NULL;
    for (const xmlNode *node = interconnects ? interconnects->children : NULL; node;
         node = node->next) {
        if ((vn_xml_is(node, NULL, "latency") || vn_xml_is(node, NULL, "bandwidth")) &&
            !add_interconnect(lines, node, error))
            return NULL;
    }
    return sum_up(lines);
}

static guint64
bandwidth_kib(const VnInterconnect *one)
{
    return one->bandwidth_bytes_per_second / 1024;
}

char *
vn_cells_of_vnuma(const VnVnuma *vnuma)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    guint n_cells = vnuma->cells->len;
    for (guint from = 0; from < n_cells; from++) {
        const VnVnumaCell *cell = vn_vnuma_cell(vnuma, from);
        add_cell_line(lines, from, cell->vcpus, cell->memory_bytes);
        for (guint to = 0; vnuma->distances && to < n_cells; to++)
            add_distance_line(lines, from, to, vn_vnuma_distance(vnuma, from, to));
    }
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        add_line(lines, "%s %u %u %u %s %" G_GUINT64_FORMAT,
                 one->latency_ns ? "latency" : "bandwidth", one->initiator, one->target,
                 one->cache, vn_access_name(one->access),
                 one->latency_ns ? one->latency_ns : bandwidth_kib(one) * 1024);
    }
    return sum_up(lines);
}

static void
write_distances(xmlNode *node, const VnVnuma *vnuma, guint from)
{
    xmlNode *old = vn_xml_element(node, "distances");
    if (old)
        vn_xml_remove(old);
    if (!vnuma->distances)
        return;
    xmlNode *distances = vn_xml_add(node, NULL, NULL, "distances");
    xmlNode *last = NULL;
    for (guint to = 0; to < vnuma->cells->len; to++) {
        last = vn_xml_add(distances, last, NULL, "sibling");
        vn_xml_set_uint(last, "id", to);
        vn_xml_set_uint(last, "value", vn_vnuma_distance(vnuma, from, to));
    }
}

static void
write_cell(xmlNode *node, const VnVnuma *vnuma, guint id)
{
    const VnVnumaCell *cell = vn_vnuma_cell(vnuma, id);
    g_autofree char *vcpus = vn_idset_format(cell->vcpus);
    vn_xml_set_uint(node, "id", id);
    if (*vcpus)
        vn_xml_set(node, "cpus", vcpus);
    else
        xmlUnsetProp(node, (const xmlChar *) "cpus");
    vn_xml_set_uint(node, "memory", cell->memory_bytes / 1024);
    vn_xml_set(node, "unit", "KiB");
    write_distances(node, vnuma, id);
}

static void
write_interconnects(xmlNode *numa, const VnVnuma *vnuma)
{
    xmlNode *old = vn_xml_element(numa, "interconnects");
    if (old)
        vn_xml_remove(old);
    if (vnuma->interconnects->len == 0)
        return;
    xmlNode *interconnects = vn_xml_append(numa, "interconnects");
    xmlNode *last = NULL;
    for (guint i = 0; i < vnuma->interconnects->len; i++) {
        const VnInterconnect *one =
            &g_array_index(vnuma->interconnects, VnInterconnect, i);
        last = vn_xml_add(interconnects, last, NULL,
                          one->latency_ns ? "latency" : "bandwidth");
        vn_xml_set_uint(last, "initiator", one->initiator);
        vn_xml_set_uint(last, "target", one->target);
        if (one->cache)
            vn_xml_set_uint(last, "cache", one->cache);
        vn_xml_set(last, "type", vn_access_name(one->access));
        vn_xml_set_uint(last, "value",
                        one->latency_ns ? one->latency_ns : bandwidth_kib(one));
        if (!one->latency_ns)
            vn_xml_set(last, "unit", "KiB");
    }
}

void
vn_cells_write(xmlNode *domain, const VnVnuma *vnuma)
{
    xmlNode *cpu = vn_domain_add(domain, "cpu");
    xmlNode *numa = vn_xml_element(cpu, "numa");
    if (!numa)
        numa = vn_xml_append(cpu, "numa");

    /* Cells that say no id are in their places: the document's order is kept. */
    xmlNode *last = NULL;
    guint id = 0;
    for (xmlNode *node = vn_xml_element(numa, "cell"); node;) {
        xmlNode *next = (xmlNode *) vn_xml_next(node);
        g_autofree char *text = vn_xml_attribute(node, "id");
        guint own = id;
        if (id >= vnuma->cells->len ||
            (text && (!vn_number_parse(text, VN_ID_MAX, &own, NULL) || own != id))) {
            vn_xml_remove(node);
        } else {
            write_cell(node, vnuma, id++);
            last = node;
        }
        node = next;
    }
    for (; id < vnuma->cells->len; id++) {
        last = vn_xml_add(numa, last, NULL, "cell");
        write_cell(last, vnuma, id);
    }
    write_interconnects(numa, vnuma);
}
