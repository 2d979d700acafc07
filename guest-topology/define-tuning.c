/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing the parts that are not cells: <topology>, <cputune>, <numatune> and
 * the dirty ring.
 */
#include "guest-topology/attribute.h"
#include "guest-topology/define-parts.h"
#include "guest-topology/xml-edit.h"

#include <string.h>

/* The children of <domain> in libvirt's own order, as far as we add any of them. */
static const char *const domain_order[] = {
    "name",      "uuid",       "genid",     "title",         "description",
    "metadata",  "maxMemory",  "memory",    "currentMemory", "memoryBacking",
    "vcpu",      "vcpus",      "iothreads", "iothreadids",   "defaultiothread",
    "blkiotune", "memtune",    "cputune",   "numatune",      "resource",
    "sysinfo",   "bootloader", "os",        "idmap",         "features",
    "cpu",
};

/* Where the elements with an id are, and what their attributes are called. */
typedef struct {
    const char *parent;
    const char *name;
    const char *id;    /* attribute; NULL: there is only one */
    const char *value; /* attribute */
} Place;

static const Place places[VN_PARTS_N] = {
    [VN_PART_VCPUPIN] = {"cputune", "vcpupin", "vcpu", "cpuset"},
    [VN_PART_EMULATORPIN] = {"cputune", "emulatorpin", NULL, "cpuset"},
    [VN_PART_IOTHREADPIN] = {"cputune", "iothreadpin", "iothread", "cpuset"},
    [VN_PART_MEMORY] = {"numatune", "memory", NULL, "nodeset"},
    [VN_PART_MEMNODE] = {"numatune", "memnode", "cellid", "nodeset"},
};

static int
order_of(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(domain_order); i++) {
        if (strcmp(name, domain_order[i]) == 0)
            return (int) i;
    }
    return -1;
}

xmlNode *
vn_domain_add(xmlNode *domain, const char *name)
{
    xmlNode *found = vn_xml_element(domain, name);
    if (found)
        return found;
    int place = order_of(name);
    xmlNode *after = NULL;
    for (xmlNode *node = domain->children; node; node = node->next) {
        if (node->type == XML_ELEMENT_NODE && !node->ns &&
            order_of((const char *) node->name) >= 0 &&
            order_of((const char *) node->name) < place)
            after = node;
    }
    return vn_xml_add(domain, after, NULL, name);
}

static char *
read_cpuset(const xmlNode *node, const char *name, GError **error)
{
    g_autoptr(VnIdSet) set = vn_attribute_cpuset(node, name, error);
    return set ? vn_idset_format(set) : NULL;
}

/* "strict 0-1"; "auto" where numad shall choose. */
static char *
read_binding(const xmlNode *node, GError **error)
{
    g_autofree char *placement = vn_xml_attribute(node, "placement");
    g_autofree char *nodeset = vn_xml_attribute(node, "nodeset");
    VnBinding binding;
    if (!vn_attribute_mode(node, &binding, error))
        return NULL;
    if (g_strcmp0(placement, "auto") == 0 || !nodeset)
        return g_strdup("auto");
    g_autofree char *nodes = read_cpuset(node, "nodeset", error);
    if (!nodes)
        return NULL;
    return g_strdup_printf("%s %s", vn_binding_name(binding), nodes);
}

static gboolean
read_place(const xmlNode *domain, VnPart part, VnParts *parts, GError **error)
{
    const Place *place = &places[part];
    const xmlNode *parent = vn_xml_child(domain, place->parent);
    for (const xmlNode *node = parent ? vn_xml_child(parent, place->name) : NULL; node;
         node = vn_xml_next(node)) {
        guint id = 0;
        if (place->id && !vn_attribute_number(node, place->id, VN_ID_MAX, &id, error))
            return FALSE;
        if (vn_parts_get(parts, part, id)) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "<%s>: there is more than one for the same %s; keep one of them",
                        place->name, place->id ? place->id : "guest");
            return FALSE;
        }
        char *value = part == VN_PART_MEMORY || part == VN_PART_MEMNODE
                          ? read_binding(node, error)
                          : read_cpuset(node, place->value, error);
        if (!value)
            return FALSE;
        vn_parts_take(parts, part, id, value);
    }
    return TRUE;
}

static gboolean
read_topology(const xmlNode *domain, VnParts *parts, GError **error)
{
    static const char *const levels[] = {"sockets", "dies", "clusters", "cores",
                                         "threads"};
    const xmlNode *topology = vn_xml_child(vn_xml_child(domain, "cpu"), "topology");
    if (!topology)
        return TRUE;
    g_autoptr(GString) value = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(levels); i++) {
        g_autofree char *text = vn_xml_attribute(topology, levels[i]);
        guint count = 1;
        if (text && (!vn_number_parse(text, VN_VCPUS_MAX, &count, error) || count == 0)) {
            if (error && !*error)
                g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "it cannot be 0");
            g_prefix_error(error, "<topology %s>: ", levels[i]);
            return FALSE;
        }
        /* Clusters are libvirt's newest level, and mostly not there. */
        if (strcmp(levels[i], "clusters") != 0 || count > 1)
            g_string_append_printf(value, "%s%s=%u", value->len ? " " : "", levels[i],
                                   count);
    }
    vn_parts_take(parts, VN_PART_TOPOLOGY, 0, g_strdup(value->str));
    return TRUE;
}

VnCpuTopology
vn_topology_of_part(const char *value)
{
    VnCpuTopology topology = {1, 1, 1, 1};
    g_auto(GStrv) levels = g_strsplit(value, " ", 0);
    for (char **level = levels; *level; level++) {
        const char *figure = strchr(*level, '=');
        guint count = 1;
        if (!figure || !vn_number_parse(figure + 1, VN_VCPUS_MAX, &count, NULL))
            continue;
        if (g_str_has_prefix(*level, "sockets"))
            topology.sockets = count;
        else if (g_str_has_prefix(*level, "dies"))
            topology.dies = count;
        else if (g_str_has_prefix(*level, "threads"))
            topology.threads = count;
        else
            topology.cores *= count; /* cores, and clusters of them */
    }
    return topology;
}

static void
read_dirty_ring(const xmlNode *domain, VnParts *parts)
{
    const xmlNode *kvm = vn_xml_child(vn_xml_child(domain, "features"), "kvm");
    const xmlNode *ring = vn_xml_child(kvm, "dirty-ring");
    if (!ring)
        return;
    g_autofree char *state = vn_xml_attribute(ring, "state");
    g_autofree char *size = vn_xml_attribute(ring, "size");
    vn_parts_take(
        parts, VN_PART_DIRTY_RING, 0,
        g_strjoin(size ? " " : "", state ? state : "off", size ? size : "", NULL));
}

static gboolean
read_vcpu(const xmlNode *domain, VnParts *parts, GError **error)
{
    const xmlNode *vcpu = vn_xml_child(domain, "vcpu");
    g_autofree char *placement = vcpu ? vn_xml_attribute(vcpu, "placement") : NULL;
    g_autofree char *cpuset = vcpu ? vn_xml_attribute(vcpu, "cpuset") : NULL;
    if (g_strcmp0(placement, "auto") == 0) {
        vn_parts_take(parts, VN_PART_VCPU, 0, g_strdup("placement auto"));
    } else if (cpuset) {
        g_autofree char *list = read_cpuset(vcpu, "cpuset", error);
        if (!list)
            return FALSE;
        vn_parts_take(parts, VN_PART_VCPU, 0, g_strdup_printf("cpuset %s", list));
    }
    return TRUE;
}

VnParts *
vn_parts_read(const xmlNode *domain, GError **error)
{
    static const VnPart placed[] = {VN_PART_VCPUPIN, VN_PART_EMULATORPIN,
                                    VN_PART_IOTHREADPIN, VN_PART_MEMORY, VN_PART_MEMNODE};
    g_autoptr(GTree) parts = vn_parts_new();
    for (gsize i = 0; i < G_N_ELEMENTS(placed); i++) {
        if (!read_place(domain, placed[i], parts, error))
            return NULL;
    }
    if (!read_topology(domain, parts, error))
        return NULL;
    read_dirty_ring(domain, parts);

    if (!read_vcpu(domain, parts, error))
        return NULL;
    if (vn_xml_child(vn_xml_child(domain, "cpu"), "numa")) {
        char *cells = vn_cells_of_xml(domain, error);
        if (!cells)
            return NULL;
        vn_parts_take(parts, VN_PART_CELLS, 0, cells);
    }
    return g_steal_pointer(&parts);
}

GTree *
vn_parts_index(xmlNode *domain)
{
    GTree *index = vn_parts_index_new();
    for (guint part = 0; part < VN_PARTS_N; part++) {
        const Place *place = &places[part];
        xmlNode *parent = place->parent ? vn_xml_element(domain, place->parent) : NULL;
        for (xmlNode *node = parent ? vn_xml_element(parent, place->name) : NULL; node;
             node = (xmlNode *) vn_xml_next(node)) {
            g_autofree char *text = place->id ? vn_xml_attribute(node, place->id) : NULL;
            guint id = 0;
            if (!place->id || vn_number_parse(text ? text : "", VN_ID_MAX, &id, NULL))
                g_tree_insert(index, vn_part_key((VnPart) part, id), node);
        }
    }
    return index;
}

/* What a new element of this kind comes after where there is none of its kind yet. */
static xmlNode *
last_before(VnPart part, xmlNode *parent)
{
    xmlNode *after = NULL;
    for (xmlNode *node = parent->children; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        VnPart other;
        if (!vn_part_from_name((const char *) node->name, &other) || other < part)
            after = node;
    }
    return after;
}

static void
write_place(xmlNode *domain, GTree *index, VnPart part, guint id, const char *value)
{
    const Place *place = &places[part];
    gpointer key = vn_part_key(part, id);
    xmlNode *node = g_tree_lookup(index, key);
    if (!node) {
        xmlNode *parent = vn_domain_add(domain, place->parent);
        GTreeNode *next = g_tree_lower_bound(index, key);
        GTreeNode *previous = next ? g_tree_node_previous(next) : g_tree_node_last(index);
        xmlNode *after = previous ? g_tree_node_value(previous) : NULL;
        node = vn_xml_add(
            parent, after && after->parent == parent ? after : last_before(part, parent),
            NULL, place->name);
        if (place->id)
            vn_xml_set_uint(node, place->id, id);
        g_tree_insert(index, key, node);
    }
    const char *blank = strchr(value, ' ');
    if (blank) {
        g_autofree char *mode = g_strndup(value, (gsize) (blank - value));
        vn_xml_set(node, "mode", mode);
        xmlUnsetProp(node, (const xmlChar *) "placement");
    }
    vn_xml_set(node, place->value, blank ? blank + 1 : value);
}

/* "name=value name=value" as attributes. */
static void
write_topology(xmlNode *domain, const char *value)
{
    xmlNode *cpu = vn_domain_add(domain, "cpu");
    xmlNode *topology = vn_xml_element(cpu, "topology");
    if (!topology) {
        xmlNode *after = vn_xml_element(cpu, "vendor");
        topology = vn_xml_add(cpu, after ? after : vn_xml_element(cpu, "model"), NULL,
                              "topology");
    }
    xmlUnsetProp(topology, (const xmlChar *) "clusters");
    g_auto(GStrv) levels = g_strsplit(value, " ", 0);
    for (char **level = levels; *level; level++) {
        char *count = strchr(*level, '=');
        *count++ = '\0';
        vn_xml_set(topology, *level, count);
    }
}

static void
write_dirty_ring(xmlNode *domain, const char *value)
{
    xmlNode *features = vn_domain_add(domain, "features");
    xmlNode *kvm = vn_xml_element(features, "kvm");
    if (!kvm)
        kvm = vn_xml_append(features, "kvm");
    xmlNode *ring = vn_xml_element(kvm, "dirty-ring");
    if (!ring)
        ring = vn_xml_append(kvm, "dirty-ring");
    const char *blank = strchr(value, ' ');
    g_autofree char *state = blank ? g_strndup(value, (gsize) (blank - value)) : NULL;
    vn_xml_set(ring, "state", state ? state : value);
    if (blank)
        vn_xml_set(ring, "size", blank + 1);
}

void
vn_part_write(xmlNode *domain, GTree *index, VnPart part, guint id, const char *value)
{
    switch (part) {
    case VN_PART_TOPOLOGY:
        write_topology(domain, value);
        break;
    case VN_PART_CELLS:
        g_return_if_reached();
    case VN_PART_VCPU:
        vn_xml_set(vn_domain_add(domain, "vcpu"), "placement", value);
        xmlUnsetProp(vn_domain_add(domain, "vcpu"), (const xmlChar *) "cpuset");
        break;
    case VN_PART_VCPUPIN:
    case VN_PART_EMULATORPIN:
    case VN_PART_IOTHREADPIN:
    case VN_PART_MEMORY:
    case VN_PART_MEMNODE:
        write_place(domain, index, part, id, value);
        break;
    case VN_PART_DIRTY_RING:
        write_dirty_ring(domain, value);
        break;
    }
}

void
vn_part_remove(GTree *index, VnPart part, guint id)
{
    gpointer key = vn_part_key(part, id);
    xmlNode *node = g_tree_lookup(index, key);
    if (!node)
        return;
    g_tree_remove(index, key);
    vn_xml_remove(node);
}
