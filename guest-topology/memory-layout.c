/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* RAM offset to guest-physical address, for the two PC machines. Pure. */
#include "guest-topology/memory-layout.h"

#include <string.h>

#define GIB (G_GUINT64_CONSTANT(1) << 30)

/* Up to this much fits below the hole; when there is more, only @split lies below it. */
typedef struct {
    guint64 fits_below;
    guint64 split;
} Hole;

static const Hole i440fx_hole = {.fits_below = 0xe0000000, .split = 3 * GIB};
static const Hole q35_hole = {.fits_below = 0xb0000000, .split = 2 * GIB};

/*
 * Machine types before 2.0 split without aligning to a gigabyte: "pc-0.15",
 * "pc-q35-1.7".
 */
static gboolean
is_old(const char *version)
{
    return version[0] >= '0' && version[0] <= '1' && version[1] == '.';
}

static const Hole *
hole_of(const char *machine)
{
    if (!machine)
        return NULL;
    if (strcmp(machine, "q35") == 0)
        return &q35_hole;
    if (strcmp(machine, "pc") == 0)
        return &i440fx_hole;
    if (g_str_has_prefix(machine, "pc-q35-"))
        return is_old(machine + strlen("pc-q35-")) ? NULL : &q35_hole;
    if (g_str_has_prefix(machine, "pc-i440fx-"))
        return is_old(machine + strlen("pc-i440fx-")) ? NULL : &i440fx_hole;
    return NULL;
}

static guint64
ram_bytes(const VnGuest *guest, guint n_cells)
{
    guint64 bytes = 0;
    for (guint i = 0; i < n_cells; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        bytes += cell->memory_bytes;
    }
    return bytes;
}

guint64
vn_layout_low_ram(const char *machine, guint64 bytes)
{
    const Hole *hole = hole_of(machine);
    if (!hole)
        return 0;
    return bytes < hole->fits_below ? bytes : hole->split;
}

guint64
vn_layout_high_start(VnLayout layout)
{
    return layout == VN_LAYOUT_ABOVE_1TIB ? 1024 * GIB : 4 * GIB;
}

guint64
vn_layout_guest_low_ram(const VnGuest *guest)
{
    return vn_layout_low_ram(guest->machine, ram_bytes(guest, guest->cells->len));
}

gboolean
vn_layout_cell_gpa(const VnGuest *guest, guint cell, guint64 offset, guint variant,
                   guint64 *ret_gpa)
{
    guint64 low = vn_layout_guest_low_ram(guest);
    if (low == 0 || cell >= guest->cells->len || variant >= VN_LAYOUTS)
        return FALSE;
    const VnCell *wanted = guest->cells->pdata[cell];
    if (offset >= wanted->memory_bytes)
        return FALSE;
    guint64 linear = ram_bytes(guest, cell) + offset;
    *ret_gpa = linear < low ? linear : vn_layout_high_start(variant) + (linear - low);
    return TRUE;
}
