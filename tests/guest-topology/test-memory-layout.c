/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where RAM lies around the PCI hole; the figures are QEMU 7.2's own ("info mtree
 * -f").
 */
#include "guest-topology/memory-layout.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define GIB (G_GUINT64_CONSTANT(1) << 30)

static VnGuest *
make_guest(const char *machine, guint64 first_bytes, guint64 second_bytes)
{
    VnGuest *guest = vn_guest_new("db1", "00000000-0000-0000-0000-000000000001");
    guest->machine = g_strdup(machine);
    vn_guest_add_cell(guest, 0)->memory_bytes = first_bytes;
    vn_guest_add_cell(guest, 1)->memory_bytes = second_bytes;
    return guest;
}

static void
test_known_layouts(void)
{
    static const struct {
        const char *machine;
        guint64 first_bytes;
        guint64 second_bytes;
        guint cell;
        guint64 offset;
        guint64 gpa;
    } cases[] = {
        {"pc-i440fx-7.2", 256 * MIB, 256 * MIB, 0, 0, 0},
        {"pc-i440fx-7.2", 256 * MIB, 256 * MIB, 1, 5, 0x10000005},
        /* One MiB short of 3.5 GiB is all below; 3.5 GiB are split at 3 GiB. */
        {"pc", 2 * GIB, 1535 * MIB, 1, 1535 * MIB - 1, 0xdfefffff},
        {"pc", 2 * GIB, 1536 * MIB, 1, GIB - 1, 0xbfffffff},
        {"pc", 2 * GIB, 1536 * MIB, 1, GIB, 0x100000000},
        {"pc-i440fx-rhel7.6.0", 4 * GIB, 4 * GIB, 1, 0, 0x140000000},
        {"pc-q35-7.2", GIB, 1791 * MIB, 1, 1791 * MIB - 1, 0xafefffff},
        {"pc-q35-7.2", GIB, 1792 * MIB, 1, GIB - 1, 0x7fffffff},
        {"pc-q35-7.2", GIB, 1792 * MIB, 1, GIB, 0x100000000},
        {"q35", 2 * GIB, 2 * GIB, 1, 0, 0x100000000},
        {"q35", 4 * GIB, 4 * GIB, 0, 2 * GIB, 0x100000000},
        {"q35", 0, 2 * GIB, 1, 0, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnGuest) guest =
            make_guest(cases[i].machine, cases[i].first_bytes, cases[i].second_bytes);
        guint64 gpa = 1;
        g_assert_true(vn_layout_cell_gpa(guest, cases[i].cell, cases[i].offset,
                                         VN_LAYOUT_USUAL, &gpa));
        g_assert_cmphex(gpa, ==, cases[i].gpa);
    }
}

static void
test_relocated_on_amd(void)
{
    g_autoptr(VnGuest) guest = make_guest("pc-q35-7.2", 600 * GIB, 600 * GIB);
    guint64 gpa;
    g_assert_true(vn_layout_cell_gpa(guest, 0, 0, VN_LAYOUT_ABOVE_1TIB, &gpa));
    g_assert_cmphex(gpa, ==, 0);
    g_assert_true(vn_layout_cell_gpa(guest, 0, 2 * GIB, VN_LAYOUT_ABOVE_1TIB, &gpa));
    g_assert_cmphex(gpa, ==, 0x10000000000);
    g_assert_true(vn_layout_cell_gpa(guest, 1, 0, VN_LAYOUT_ABOVE_1TIB, &gpa));
    g_assert_cmphex(gpa, ==, 0x10000000000 + 598 * GIB);
    g_assert_cmpuint(vn_layout_guest_low_ram(guest), ==, 2 * GIB);
}

static void
test_unknown(void)
{
    static const char *const machines[] = {
        NULL,      "",           "virt-7.2",      "microvm", "isapc",
        "pc-0.15", "pc-q35-1.7", "pc-i440fx-1.4", "xenfv",   "s390-ccw-virtio-7.2",
    };
    guint64 gpa = 1;
    for (gsize i = 0; i < G_N_ELEMENTS(machines); i++) {
        g_autoptr(VnGuest) guest = make_guest(machines[i], GIB, GIB);
        g_assert_false(vn_layout_cell_gpa(guest, 0, 0, VN_LAYOUT_USUAL, &gpa));
        g_assert_cmpuint(vn_layout_guest_low_ram(guest), ==, 0);
    }
    g_autoptr(VnGuest) guest = make_guest("q35", GIB, GIB);
    g_assert_false(vn_layout_cell_gpa(guest, 2, 0, VN_LAYOUT_USUAL, &gpa));
    g_assert_false(vn_layout_cell_gpa(guest, 1, GIB, VN_LAYOUT_USUAL, &gpa));
    g_assert_false(vn_layout_cell_gpa(guest, 1, 0, VN_LAYOUTS, &gpa));
    g_assert_cmpuint(gpa, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory-layout/known-layouts", test_known_layouts);
    g_test_add_func("/memory-layout/relocated-on-amd", test_relocated_on_amd);
    g_test_add_func("/memory-layout/unknown", test_unknown);
    return g_test_run();
}
