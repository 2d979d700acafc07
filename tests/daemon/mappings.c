/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests and mappings for tests of locating. */
#include "tests/daemon/mappings.h"

#include "host/numa_maps.h"

guint64
start_of(guint64 start_mib)
{
    return G_GUINT64_CONSTANT(0x7f0000000000) + start_mib * MIB;
}

GPtrArray *
make_maps(const Mapping *mappings, guint n)
{
    g_autoptr(GString) numa_maps = g_string_new(NULL);
    g_autoptr(GString) maps = g_string_new(NULL);
    for (guint i = 0; i < n; i++) {
        guint64 start = start_of(mappings[i].start_mib);
        g_string_append_printf(numa_maps, "%" G_GINT64_MODIFIER "x %s\n", start,
                               mappings[i].says
                                   ? mappings[i].says
                                   : "default anon=1 N0=1 kernelpagesize_kB=4");
        g_string_append_printf(
            maps, "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x %s 00000000 00:00 0\n",
            start, start + mappings[i].size_mib * MIB,
            mappings[i].permissions ? mappings[i].permissions : "rw-p");
    }
    g_autoptr(GError) error = NULL;
    GPtrArray *parsed = vn_numa_maps_parse(numa_maps->str, maps->str, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(parsed->len, ==, n);
    return parsed;
}

VnGuest *
make_guest(const guint *sizes_mib, guint n_cells, const char *bound)
{
    VnGuest *guest = vn_guest_new("db1", "11111111-2222-3333-4444-555555555555");
    guest->machine = g_strdup("pc-q35-7.2");
    guest->told_cells = TRUE;
    for (guint i = 0; i < n_cells; i++) {
        VnCell *cell = vn_guest_add_cell(guest, i);
        cell->memory_bytes = sizes_mib[i] * MIB;
        if (bound && bound[i] != '-') {
            cell->binding = VN_BINDING_STRICT;
            cell->bound = vn_idset_new_with((guint) (bound[i] - '0'));
        }
    }
    return guest;
}
