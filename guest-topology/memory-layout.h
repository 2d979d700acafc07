/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where QEMU puts a guest's RAM in guest-physical memory, from the definition alone: the
 * cells one after another, with the hole for PCI below 4 GiB. Hot-plugged memory is not
 * RAM in this sense: it has addresses of its own.
 */
#pragma once

#include "model/guest.h"

/*
 * What the definition does not tell: with an AMD CPU model, QEMU 7.1 and later begin RAM
 * above 4 GiB at 1 TiB instead, when RAM, room for hot-plugging and the PCI window
 * together would reach 1012 GiB (the HyperTransport range). Below 4 GiB both are the
 * same.
 */
typedef enum {
    VN_LAYOUT_USUAL,      /* RAM above the hole begins at 4 GiB */
    VN_LAYOUT_ABOVE_1TIB, /* ... at 1 TiB */
} VnLayout;

#define VN_LAYOUTS 2

/**
 * vn_layout_low_ram:
 * @machine: (nullable): QEMU's machine type
 * @bytes: of RAM in all, without what is hot-plugged
 *
 * Returns: how much of it lies below 4 GiB; 0 when the machine's layout is not known. The
 * rest begins at vn_layout_high_start().
 */
guint64 vn_layout_low_ram(const char *machine, guint64 bytes);
guint64 vn_layout_high_start(VnLayout layout);

/**
 * vn_layout_cell_gpa:
 * @cell: index in VnGuest.cells
 * @offset: in bytes, less than the cell's memory_bytes
 * @variant: a VnLayout
 * @ret_gpa: the guest-physical address
 *
 * Returns: FALSE when @cell or @offset is out of range, or the machine is none whose
 * layout is known: i440fx ("pc", "pc-i440fx-*") or q35, of version 2.0 or later.
 *
 * Source: QEMU, hw/i386/pc_piix.c pc_init1() (3.5 GiB fit below; else 3 GiB), pc_q35.c
 * pc_q35_init() (less than 2.75 GiB fit below; else 2 GiB), pc.c pc_memory_init(). The
 * machine option max-ram-below-4g changes it: vn_domain_parse() then leaves the machine
 * unset.
 */
gboolean vn_layout_cell_gpa(const VnGuest *guest, guint cell, guint64 offset,
                            guint variant, guint64 *ret_gpa);

/**
 * vn_layout_guest_low_ram:
 *
 * Returns: how much of the guest's RAM lies below 4 GiB, in bytes; 0 when not known.
 */
guint64 vn_layout_guest_low_ram(const VnGuest *guest);
