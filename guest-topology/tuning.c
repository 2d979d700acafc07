/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pins, memory binding and page sizes, from the definition to cells and vCPUs. */
#include "guest-topology/tuning.h"

#include "guest-topology/attribute.h"

#include <string.h>

/* <hugepages/> without a size means the host's default, which on x86 is this one. */
#define HUGE_PAGE_USUAL (G_GUINT64_CONSTANT(2) << 20)

static gboolean
parse_vcpupins(const xmlNode *cputune, VnGuest *guest, GError **error)
{
    guint n_missing = 0;
    for (const xmlNode *pin = vn_xml_child(cputune, "vcpupin"); pin;
         pin = vn_xml_next(pin)) {
        guint id;
        if (!vn_attribute_number(pin, "vcpu", VN_ID_MAX, &id, error))
            return FALSE;
        if (id >= guest->vcpus->len) {
            n_missing++; /* libvirt ignores them too */
            continue;
        }
        VnVcpu *vcpu = guest->vcpus->pdata[id];
        if (vcpu->pinned) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "<vcpupin>: vCPU %u is pinned twice", id);
            return FALSE;
        }
        vcpu->pinned = vn_attribute_cpuset(pin, "cpuset", error);
        if (!vcpu->pinned)
            return FALSE;
    }
    if (n_missing > 0)
        vn_guest_add_note(guest, "guest %s: %u pins are for vCPUs that it does not have",
                          guest->name, n_missing);
    return TRUE;
}

/* Whatever has no pin of its own runs on the CPUs of <vcpu cpuset>. */
static gboolean
parse_pins(const xmlNode *domain, VnGuest *guest, GError **error)
{
    const xmlNode *cputune = vn_xml_child(domain, "cputune");
    const xmlNode *emulatorpin = vn_xml_child(cputune, "emulatorpin");
    if (!parse_vcpupins(cputune, guest, error))
        return FALSE;
    if (emulatorpin) {
        guest->emulator_pinned = vn_attribute_cpuset(emulatorpin, "cpuset", error);
        if (!guest->emulator_pinned)
            return FALSE;
    }

    const xmlNode *vcpu = vn_xml_child(domain, "vcpu");
    g_autofree char *placement = vcpu ? vn_xml_attribute(vcpu, "placement") : NULL;
    g_autofree char *cpuset = vcpu ? vn_xml_attribute(vcpu, "cpuset") : NULL;
    /* With placement='auto' numad chose at start, and cpuset is not looked at. */
    if (!cpuset || g_strcmp0(placement, "auto") == 0)
        return TRUE;
    g_autoptr(VnIdSet) shared = vn_attribute_cpuset(vcpu, "cpuset", error);
    if (!shared)
        return FALSE;
    for (guint i = 0; i < guest->vcpus->len; i++) {
        VnVcpu *one = guest->vcpus->pdata[i];
        if (!one->pinned)
            one->pinned = vn_idset_copy(shared);
    }
    if (!guest->emulator_pinned)
        guest->emulator_pinned = g_steal_pointer(&shared);
    return TRUE;
}

static gboolean
parse_memnode(const xmlNode *memnode, VnGuest *guest, GError **error)
{
    guint id;
    VnBinding mode;
    if (!vn_attribute_number(memnode, "cellid", VN_ID_MAX, &id, error) ||
        !vn_attribute_mode(memnode, &mode, error))
        return FALSE;
    if (!guest->told_cells || id >= guest->cells->len) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "<memnode>: there is no cell %u",
                    id);
        return FALSE;
    }
    VnCell *cell = guest->cells->pdata[id];
    if (cell->bound) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "<memnode>: cell %u is bound twice", id);
        return FALSE;
    }
    cell->bound = vn_attribute_cpuset(memnode, "nodeset", error);
    cell->binding = cell->bound ? mode : VN_BINDING_NONE;
    return cell->bound != NULL;
}

/* A cell that has no <memnode> goes by <memory>. */
static gboolean
parse_binding(const xmlNode *domain, VnGuest *guest, GError **error)
{
    const xmlNode *numatune = vn_xml_child(domain, "numatune");
    for (const xmlNode *memnode = vn_xml_child(numatune, "memnode"); memnode;
         memnode = vn_xml_next(memnode)) {
        if (!parse_memnode(memnode, guest, error))
            return FALSE;
    }

    const xmlNode *memory = vn_xml_child(numatune, "memory");
    VnBinding mode;
    if (!memory)
        return TRUE;
    if (!vn_attribute_mode(memory, &mode, error))
        return FALSE;
    g_autofree char *placement = vn_xml_attribute(memory, "placement");
    g_autofree char *nodeset = vn_xml_attribute(memory, "nodeset");
    if (g_strcmp0(placement, "auto") == 0 || !nodeset) {
        vn_guest_add_note(guest,
                          "guest %s: memory placement is 'auto': numad chose the host "
                          "nodes when it started, and the definition does not name them",
                          guest->name);
        return TRUE;
    }
    g_autoptr(VnIdSet) bound = vn_attribute_cpuset(memory, "nodeset", error);
    if (!bound)
        return FALSE;
    for (guint i = 0; i < guest->cells->len; i++) {
        VnCell *cell = guest->cells->pdata[i];
        if (!cell->bound) {
            cell->bound = vn_idset_copy(bound);
            cell->binding = mode;
        }
    }
    return TRUE;
}

/*
 * One <page> of <hugepages>: for the cells of its nodeset, or for all that have none
 * yet.
 */
static gboolean
parse_page(const xmlNode *page, VnGuest *guest, gboolean with_nodeset, GError **error)
{
    g_autofree char *nodeset = vn_xml_attribute(page, "nodeset");
    if (with_nodeset != (nodeset != NULL))
        return TRUE;
    g_autofree char *size = vn_xml_attribute(page, "size");
    g_autofree char *unit = vn_xml_attribute(page, "unit");
    guint64 bytes;
    if (!vn_size_parse(size ? size : "", unit, &bytes, error)) {
        g_prefix_error(error, "<page size>: ");
        return FALSE;
    }
    if (bytes == 0 || (bytes & (bytes - 1)) != 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "<page size>: %" G_GUINT64_FORMAT " bytes are not a page size",
                    bytes);
        return FALSE;
    }
    g_autoptr(VnIdSet) cells = NULL;
    if (nodeset) {
        cells = vn_attribute_cpuset(page, "nodeset", error);
        if (!cells)
            return FALSE;
    }
    for (guint i = 0; i < guest->cells->len; i++) {
        VnCell *cell = guest->cells->pdata[i];
        if (cell->page_size_bytes == 0 && (!cells || vn_idset_contains(cells, i)))
            cell->page_size_bytes = bytes;
    }
    return TRUE;
}

static gboolean
parse_backing(const xmlNode *domain, VnGuest *guest, GError **error)
{
    const xmlNode *backing = vn_xml_child(domain, "memoryBacking");
    const xmlNode *hugepages = vn_xml_child(backing, "hugepages");
    if (!hugepages)
        return TRUE;
    const xmlNode *first = vn_xml_child(hugepages, "page");
    if (!first) {
        for (guint i = 0; i < guest->cells->len; i++) {
            VnCell *cell = guest->cells->pdata[i];
            cell->page_size_bytes = HUGE_PAGE_USUAL;
        }
        vn_guest_add_note(guest,
                          "guest %s: huge pages of the host's default size, taken to be "
                          "2 MiB: the definition does not say",
                          guest->name);
        return TRUE;
    }
    for (const xmlNode *page = first; page; page = vn_xml_next(page)) {
        if (!parse_page(page, guest, TRUE, error))
            return FALSE;
    }
    for (const xmlNode *page = first; page; page = vn_xml_next(page)) {
        if (!parse_page(page, guest, FALSE, error))
            return FALSE;
    }
    /* libvirt writes a size of 4 KiB where a cell shall have ordinary pages. */
    for (guint i = 0; i < guest->cells->len; i++) {
        VnCell *cell = guest->cells->pdata[i];
        if (cell->page_size_bytes <= 4096)
            cell->page_size_bytes = 0;
    }
    return TRUE;
}

gboolean
vn_tuning_parse(const xmlNode *domain, VnGuest *guest, GError **error)
{
    return parse_pins(domain, guest, error) && parse_binding(domain, guest, error) &&
           parse_backing(domain, guest, error);
}
