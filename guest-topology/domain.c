/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A <domain> document: who the guest is, its vCPUs, memory and cells. Pins and binding
 * are tuning.c's, our metadata tag.c's, QEMU's own arguments commandline.c's, devices
 * that are passed through devices.c's.
 */
#include "guest-topology/domain.h"

#include "guest-topology/commandline.h"
#include "guest-topology/define-record.h"
#include "guest-topology/devices.h"
#include "guest-topology/size.h"
#include "guest-topology/tag.h"
#include "guest-topology/told.h"
#include "guest-topology/tuning.h"
#include "guest-topology/xml.h"

#include <string.h>

#define UUID_DIGITS 32

/*
 * libvirt takes a UUID with or without hyphens, in either case; it writes
 * "8-4-4-4-12".
 */
static char *
canonical_uuid(const char *text)
{
    GString *uuid = g_string_new(NULL);
    guint n_digits = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '-' || *at == ' ')
            continue;
        if (!g_ascii_isxdigit(*at) || n_digits == UUID_DIGITS) {
            n_digits = 0;
            break;
        }
        if (n_digits == 8 || n_digits == 12 || n_digits == 16 || n_digits == 20)
            g_string_append_c(uuid, '-');
        g_string_append_c(uuid, g_ascii_tolower(*at));
        n_digits++;
    }
    return g_string_free(uuid, n_digits != UUID_DIGITS);
}

/* The text of child @name, or NULL where it is absent or empty. */
static char *
child_text(const xmlNode *node, const char *name)
{
    const xmlNode *child = vn_xml_child(node, name);
    g_autofree char *text = child ? vn_xml_text(child) : NULL;
    return text && *text ? g_steal_pointer(&text) : NULL;
}

static VnGuest *
parse_identity(const xmlNode *domain, gboolean needs_uuid, GError **error)
{
    if (!vn_xml_is(domain, NULL, "domain")) {
        g_autofree char *shown = vn_xml_shown((const char *) domain->name);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "domain XML: the document is <%s>%s, not <domain>", shown,
                    domain->ns ? " in a namespace" : "");
        return NULL;
    }
    g_autofree char *name = child_text(domain, "name");
    if (!name || strlen(name) > 255 || strpbrk(name, "\n\r\t")) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "domain XML: %s",
                    name ? "<name> is not one line of at most 255 bytes"
                         : "there is no <name>");
        return NULL;
    }
    g_autofree char *text = child_text(domain, "uuid");
    g_autofree char *uuid = text ? canonical_uuid(text) : NULL;
    if (!uuid && (text || needs_uuid)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "guest %s: %s", name,
                    text ? "<uuid> is not 32 hexadecimal digits" : "there is no <uuid>");
        return NULL;
    }
    return vn_guest_new(name, uuid);
}

/* Adds all vCPUs, in cell 0 for now. */
static gboolean
parse_vcpus(const xmlNode *domain, VnGuest *guest, GError **error)
{
    const xmlNode *vcpu = vn_xml_child(domain, "vcpu");
    g_autofree char *text = vcpu ? vn_xml_text(vcpu) : g_strdup("1");
    g_autofree char *current_text = vcpu ? vn_xml_attribute(vcpu, "current") : NULL;
    guint maximum;
    guint current;
    if (!vn_number_parse(text, VN_VCPUS_MAX, &maximum, error) ||
        !vn_number_parse(current_text ? current_text : text, VN_VCPUS_MAX, &current,
                         error)) {
        g_prefix_error(error, "<vcpu>: ");
        return FALSE;
    }
    if (maximum == 0 || current == 0 || current > maximum) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "<vcpu>: %u vCPUs of at most %u cannot be", current, maximum);
        return FALSE;
    }

    const xmlNode *list = vn_xml_child(domain, "vcpus");
    for (const xmlNode *one = vn_xml_child(list, "vcpu"); one; one = vn_xml_next(one)) {
        g_autofree char *id_text = vn_xml_attribute(one, "id");
        guint id;
        if (!vn_number_parse(id_text ? id_text : "", maximum - 1, &id, error)) {
            g_prefix_error(error, "<vcpus>: id ");
            return FALSE;
        }
    }
    for (guint id = 0; id < maximum; id++)
        vn_guest_add_vcpu(guest, id, 0);
    return TRUE;
}

/* The size in @node: its text, or with @attribute that attribute. */
static gboolean
read_size(const xmlNode *node, const char *attribute, guint64 *ret_bytes, GError **error)
{
    g_autofree char *text =
        attribute ? vn_xml_attribute(node, attribute) : vn_xml_text(node);
    g_autofree char *unit = vn_xml_attribute(node, "unit");
    if (vn_size_parse(text ? text : "", unit, ret_bytes, error))
        return TRUE;
    g_prefix_error(error, "<%s>: memory: ", node->name);
    return FALSE;
}

static gboolean
read_cell_vcpus(const xmlNode *node, VnGuest *guest, VnCell *cell, VnIdSet *taken,
                GError **error)
{
    g_autofree char *text = vn_xml_attribute(node, "cpus");
    if (!text || !*text)
        return TRUE; /* a cell with memory only */
    g_autoptr(VnIdSet) vcpus = vn_cpuset_parse(text, error);
    if (!vcpus) {
        g_prefix_error(error, "cell %u: ", cell->id);
        return FALSE;
    }
    if (vn_idset_next(vcpus, guest->vcpus->len) >= 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "cell %u: there is no vCPU %d, only %u vCPUs", cell->id,
                    vn_idset_next(vcpus, guest->vcpus->len), guest->vcpus->len);
        return FALSE;
    }
    if (vn_idset_overlaps(vcpus, taken)) {
        vn_idset_keep_all(vcpus, taken);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "cell %u: vCPU %d is in another cell too", cell->id,
                    vn_idset_next(vcpus, 0));
        return FALSE;
    }
    vn_idset_add_all(taken, vcpus);
    vn_idset_add_all(cell->vcpus, vcpus);
    return TRUE;
}

/* The cell that @node is, by its id, or by its place where it does not say. */
static gboolean
read_cell_id(const xmlNode *node, guint place, guint n_cells, VnIdSet *seen,
             guint *ret_id, GError **error)
{
    g_autofree char *text = vn_xml_attribute(node, "id");
    guint id = place;
    if (text && !vn_number_parse(text, VN_ID_MAX, &id, error)) {
        g_prefix_error(error, "<cell id>: ");
        return FALSE;
    }
    if (id >= n_cells || vn_idset_contains(seen, id)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "<cell id='%u'>: the ids of %u cells are 0 to %u, each once", id,
                    n_cells, n_cells - 1);
        return FALSE;
    }
    vn_idset_add(seen, id);
    *ret_id = id;
    return TRUE;
}

static gboolean
parse_cell(const xmlNode *node, VnGuest *guest, guint id, VnIdSet *taken, GError **error)
{
    VnCell *cell = guest->cells->pdata[id];
    if (!read_size(node, "memory", &cell->memory_bytes, error)) {
        g_prefix_error(error, "cell %u: ", id);
        return FALSE;
    }
    return read_cell_vcpus(node, guest, cell, taken, error);
}

/* Adds the cells; @ret_taken gets the vCPUs that they name. */
static gboolean
parse_cells(const xmlNode *numa, VnGuest *guest, VnIdSet *taken, GError **error)
{
    guint n_cells = 0;
    for (const xmlNode *node = vn_xml_child(numa, "cell"); node; node = vn_xml_next(node))
        n_cells++;
    if (n_cells > VN_CELLS_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "<numa>: %u cells, but QEMU takes at most %u", n_cells, VN_CELLS_MAX);
        return FALSE;
    }
    for (guint id = 0; id < n_cells; id++)
        vn_guest_add_cell(guest, id);

    g_autoptr(VnIdSet) seen = vn_idset_new();
    guint place = 0;
    for (const xmlNode *node = vn_xml_child(numa, "cell"); node;
         node = vn_xml_next(node)) {
        guint id;
        if (!read_cell_id(node, place++, n_cells, seen, &id, error) ||
            !parse_cell(node, guest, id, taken, error))
            return FALSE;
    }
    return TRUE;
}

/* Gives every vCPU its cell; those that no cell names go to cell 0, as libvirt has it. */
static void
settle_vcpus(VnGuest *guest, const VnIdSet *taken)
{
    g_autoptr(VnIdSet) rest = vn_idset_new();
    for (guint id = 0; id < guest->vcpus->len; id++) {
        if (!vn_idset_contains(taken, id))
            vn_idset_add(rest, id);
    }
    VnCell *first = guest->cells->pdata[0];
    vn_idset_add_all(first->vcpus, rest);
    if (guest->told_cells && !vn_idset_is_empty(rest)) {
        g_autofree char *list = vn_idset_format(rest);
        vn_guest_add_note(guest,
                          "guest %s: no cell names vCPU %s: libvirt and QEMU put it into "
                          "cell 0",
                          guest->name, list);
        guest->unnamed_vcpus = g_steal_pointer(&rest);
    }
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        VN_IDSET_FOREACH (cell->vcpus, id) {
            VnVcpu *vcpu = guest->vcpus->pdata[id];
            vcpu->cell = i;
        }
    }
}

/* Memory modules in <devices>: counted in <memory>, but in no cell's own memory. */
static gboolean
parse_modules(const xmlNode *domain, VnGuest *guest, guint64 *ret_bytes, GError **error)
{
    const xmlNode *devices = vn_xml_child(domain, "devices");
    guint64 total = 0;
    guint n_modules = 0;
    for (const xmlNode *module = vn_xml_child(devices, "memory"); module;
         module = vn_xml_next(module)) {
        const xmlNode *size = vn_xml_child(vn_xml_child(module, "target"), "size");
        guint64 bytes = 0;
        if (size && !read_size(size, NULL, &bytes, error))
            return FALSE;
        if (!g_uint64_checked_add(&total, total, bytes)) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "<devices>: the memory modules are more than can be counted");
            return FALSE;
        }
        n_modules++;
    }
    if (n_modules > 0)
        vn_guest_add_note(guest,
                          "guest %s: %u memory modules are beside its cells: their pages "
                          "are not looked at",
                          guest->name, n_modules);
    *ret_bytes = total;
    return TRUE;
}

/* <memory> against the cells: libvirt recomputes it, so a difference is only odd. */
static gboolean
parse_memory(const xmlNode *domain, VnGuest *guest, GError **error)
{
    const xmlNode *memory = vn_xml_child(domain, "memory");
    guint64 modules;
    if (memory && !read_size(memory, NULL, &guest->memory_bytes, error))
        return FALSE;
    if (!parse_modules(domain, guest, &modules, error))
        return FALSE;

    if (!guest->told_cells) {
        VnCell *only = guest->cells->pdata[0];
        only->memory_bytes = guest->memory_bytes - MIN(modules, guest->memory_bytes);
        if (only->memory_bytes > 0)
            return TRUE;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "it has neither <memory> nor cells with memory");
        return FALSE;
    }
    guint64 sum = 0;
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        if (!g_uint64_checked_add(&sum, sum, cell->memory_bytes) || sum > G_MAXINT64) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "<numa>: the cells' memory is more than can be counted");
            return FALSE;
        }
    }
    if (!memory)
        guest->memory_bytes = sum;
    else if (guest->memory_bytes != sum && guest->memory_bytes - modules != sum)
        vn_guest_add_note(guest,
                          "guest %s: its cells have %" G_GUINT64_FORMAT
                          " bytes in all, <memory> says %" G_GUINT64_FORMAT,
                          guest->name, sum, guest->memory_bytes);
    return TRUE;
}

static gboolean
has_dirty_ring(const xmlNode *domain)
{
    const xmlNode *kvm = vn_xml_child(vn_xml_child(domain, "features"), "kvm");
    const xmlNode *ring = vn_xml_child(kvm, "dirty-ring");
    g_autofree char *state = ring ? vn_xml_attribute(ring, "state") : NULL;
    return state && strcmp(state, "on") == 0;
}

static gboolean
parse_topology(const xmlNode *domain, VnGuest *guest, GError **error)
{
    const xmlNode *type = vn_xml_child(vn_xml_child(domain, "os"), "type");
    if (type)
        guest->machine = vn_xml_attribute(type, "machine");
    guest->dirty_ring = has_dirty_ring(domain);

    const xmlNode *numa = vn_xml_child(vn_xml_child(domain, "cpu"), "numa");
    g_autoptr(VnIdSet) taken = vn_idset_new();
    if (!parse_vcpus(domain, guest, error))
        return FALSE;
    if (numa && !parse_cells(numa, guest, taken, error))
        return FALSE;
    guest->told_cells = guest->cells->len > 0;
    if (!guest->told_cells)
        vn_guest_add_cell(guest, 0);
    settle_vcpus(guest, taken);
    return parse_memory(domain, guest, error);
}

static VnGuest *
parse(const xmlNode *domain, gboolean needs_uuid, GError **error)
{
    g_autoptr(VnGuest) guest = parse_identity(domain, needs_uuid, error);
    if (!guest)
        return NULL;
    if (!parse_topology(domain, guest, error) || !vn_tuning_parse(domain, guest, error)) {
        g_prefix_error(error, "guest %s: ", guest->name);
        return NULL;
    }
    vn_tag_parse(domain, guest);
    vn_record_mark_pins(domain, guest);
    vn_commandline_parse(domain, guest);
    vn_devices_parse(domain, guest);
    if (guest->told_cells) {
        guest->told = vn_told_parse(domain, guest, error);
        if (!guest->told) {
            g_prefix_error(error, "guest %s: ", guest->name);
            return NULL;
        }
    }
    return g_steal_pointer(&guest);
}

VnGuest *
vn_domain_parse(const char *xml, gsize length, GError **error)
{
    g_autoptr(xmlDoc) document = vn_xml_read(xml, length, "domain XML", error);
    if (!document)
        return NULL;
    return parse(xmlDocGetRootElement(document), TRUE, error);
}

VnGuest *
vn_domain_read(const xmlNode *domain, GError **error)
{
    return parse(domain, FALSE, error);
}
