/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain XML: whatever is taken holds together, as the rest of vnumad relies on. */
#include "guest-topology/acpi.h"
#include "guest-topology/devices.h"
#include "guest-topology/domain.h"
#include "guest-topology/fragment.h"
#include "guest-topology/memory-layout.h"
#include "guest-topology/qemu-arguments.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void
check_cells(const VnGuest *guest)
{
    g_autoptr(VnIdSet) seen = vn_idset_new();
    guint64 sum = 0;
    g_assert(guest->cells->len >= 1 && guest->cells->len <= VN_CELLS_MAX);
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        g_assert(cell->id == i);
        g_assert(!vn_idset_overlaps(seen, cell->vcpus));
        vn_idset_add_all(seen, cell->vcpus);
        VN_IDSET_FOREACH (cell->vcpus, id) {
            const VnVcpu *vcpu = vn_guest_find_vcpu(guest, (guint) id);
            g_assert(vcpu && vcpu->cell == i);
        }
        g_assert((cell->binding == VN_BINDING_NONE) == (cell->bound == NULL));
        sum += cell->memory_bytes;
        guint64 gpa;
        if (vn_layout_cell_gpa(guest, i, 0, VN_LAYOUT_USUAL, &gpa))
            g_assert(gpa < sum + (G_GUINT64_CONSTANT(4) << 30));
    }
    g_assert(sum <= G_MAXINT64);
    g_assert(vn_idset_count(seen) == guest->vcpus->len);
}

static void
check_devices(const VnGuest *guest)
{
    g_assert(guest->devices->len <= VN_DEVICES_MAX && !guest->device_nodes);
    for (guint i = 0; i < guest->devices->len; i++) {
        const VnGuestDevice *device = guest->devices->pdata[i];
        gsize length = strlen(device->address);
        g_assert(length >= 12 && length <= 16 && device->host_node == -1);
    }
}

/* Whatever is told can be put into tables, arguments and XML, also what QEMU refuses. */
static void
check_told(const VnGuest *guest)
{
    const VnVnuma *told = guest->told;
    g_assert((told != NULL) == guest->told_cells);
    if (!told)
        return;
    g_assert(told->vcpus == guest->vcpus->len && told->cells->len == guest->cells->len);
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) srat = vn_acpi_encode_srat(told, VN_LAYOUT_USUAL, NULL);
    g_autoptr(GByteArray) slit = vn_acpi_encode_slit(told);
    g_autoptr(GByteArray) hmat = vn_acpi_encode_hmat(told);
    g_autofree char *fragment = vn_fragment_format(told);
    g_auto(GStrv) arguments = vn_qemu_arguments(told);
    g_assert(arguments[0] && g_str_has_prefix(fragment, "<cpu>"));
    g_assert((srat != NULL) ==
             (vn_layout_low_ram(told->machine, vn_vnuma_memory(told)) > 0));
    g_assert((slit != NULL) == (told->distances != NULL));
    g_assert((hmat != NULL) == vn_acpi_has_hmat(told));
    g_assert(vn_acpi_check(told, &error) == (error == NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnGuest) guest = vn_domain_parse((const char *) data, size, &error);

    if (!guest) {
        g_assert(error && error->domain == VN_ERROR && error->code == VN_ERROR_INVALID);
        g_assert(g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    g_assert(!error && guest->name && guest->uuid);
    g_assert(g_utf8_validate(guest->name, -1, NULL));
    g_assert(g_uuid_string_is_valid(guest->uuid));
    g_assert(guest->vcpus->len >= 1 && guest->vcpus->len <= VN_VCPUS_MAX);
    g_assert(!guest->tag || guest->tag->exclude_nodes);
    check_devices(guest);
    check_cells(guest);
    check_told(guest);
    return 0;
}
