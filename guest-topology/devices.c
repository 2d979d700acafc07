/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that are passed through: their addresses on the host. Pure. */
#include "guest-topology/devices.h"

#include <string.h>

/* @otherwise: (nullable): what an attribute that is absent says */
static gboolean
has_value(const xmlNode *node, const char *name, const char *value, const char *otherwise)
{
    g_autofree char *text = vn_xml_attribute(node, name);
    return g_strcmp0(text ? text : otherwise, value) == 0;
}

/* A number as in C; an attribute that is absent is 0. */
static gboolean
read_number(const xmlNode *node, const char *name, guint64 max, guint64 *ret_number)
{
    g_autofree char *text = vn_xml_attribute(node, name);
    const char *digits = text ? text : "0";
    guint base = 10;
    if (g_str_has_prefix(digits, "0x")) {
        digits += 2;
        base = 16;
    } else if (digits[0] == '0') {
        base = 8;
    }
    return g_ascii_string_to_unsigned(digits, base, 0, max, ret_number, NULL);
}

/*
 * As the kernel writes it, "0000:00:1f.2"; NULL: there is none, or it is none. libvirt,
 * too, takes none whose domain, bus and slot are all 0.
 */
static char *
read_address(const xmlNode *device)
{
    const xmlNode *address = vn_xml_child(vn_xml_child(device, "source"), "address");
    guint64 domain;
    guint64 bus;
    guint64 slot;
    guint64 function;
    if (!address || !has_value(address, "type", "pci", "pci") ||
        !read_number(address, "domain", G_MAXUINT32, &domain) ||
        !read_number(address, "bus", 0xff, &bus) ||
        !read_number(address, "slot", 0x1f, &slot) ||
        !read_number(address, "function", 7, &function) || (domain | bus | slot) == 0)
        return NULL;
    return g_strdup_printf("%04x:%02x:%02x.%u", (guint) domain, (guint) bus, (guint) slot,
                           (guint) function);
}

void
vn_devices_parse(const xmlNode *domain, VnGuest *guest)
{
    static const struct {
        const char *name;
        const char *type;
    } kinds[] = {{"hostdev", "pci"}, {"interface", "hostdev"}};
    const xmlNode *devices = vn_xml_child(domain, "devices");
    guint n_seen = 0;
    guint n_malformed = 0;
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (const xmlNode *device = vn_xml_child(devices, kinds[i].name); device;
             device = vn_xml_next(device)) {
            if (!has_value(device, "type", kinds[i].type, NULL) ||
                !has_value(device, "mode", "subsystem", "subsystem") ||
                n_seen++ >= VN_DEVICES_MAX)
                continue;
            g_autofree char *address = read_address(device);
            if (address)
                vn_guest_add_device(guest, address);
            else
                n_malformed++;
        }
    }
    if (n_malformed > 0)
        vn_guest_add_note(
            guest,
            "guest %s: %u of its passed-through devices have no PCI address "
            "as <source>: they do not count for where it is placed",
            guest->name, n_malformed);
    if (n_seen > VN_DEVICES_MAX)
        vn_guest_add_note(guest,
                          "guest %s: it has %u passed-through devices: only the first %u "
                          "count for where it is placed",
                          guest->name, n_seen, VN_DEVICES_MAX);
}
