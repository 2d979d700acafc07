/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding cells by what QEMU's mappings alone tell: names, sizes, policies. */
#include "daemon/places.h"
#include "tests/daemon/mappings.h"

#include <string.h>

#define BIND(node) "bind:" node " anon=1 N0=1 kernelpagesize_kB=4"
#define HUGE(file) "bind:0 file=" file " huge dirty=1 N0=1 kernelpagesize_kB=2048"

typedef struct {
    const char *name;
    guint sizes_mib[3];
    const char *bound;
    Mapping mappings[6];
    guint64 expected_mib[3]; /* 0: unknown */
    const char *doubt;       /* of the first unknown one */
} PlacesCase;

static const PlacesCase places_cases[] = {
    {"sizes differ, beside video memory, guard pages and libraries",
     {256, 512},
     "00",
     {{16, 16, NULL, NULL},
      {64, 512, NULL, BIND("0")},
      {576, 1, "---p", "default"},
      {640, 256, NULL, BIND("0")},
      {1024, 256, "r-xp", "default file=/lib/x"}},
     {640, 64},
     NULL},
    {"equal sizes, told apart by policy",
     {256, 256},
     "01",
     {{64, 256, NULL, BIND("1")}, {640, 256, NULL, BIND("0")}},
     {640, 64},
     NULL},
    {"equal sizes and one policy",
     {256, 256},
     "00",
     {{64, 256, NULL, BIND("0")}, {640, 256, NULL, BIND("0")}},
     {0, 0},
     "cells 0-1 look alike"},
    {"equal sizes without policy",
     {256, 256},
     "--",
     {{64, 256, NULL, NULL}, {640, 256, NULL, NULL}},
     {0, 0},
     "cells 0-1 look alike"},
    {"policies that somebody shifted: 0-1 became 1-2",
     {256, 256},
     "01",
     {{64, 256, NULL, BIND("1")}, {640, 256, NULL, BIND("2")}},
     {0, 0},
     "cells 0-1 look alike"},
    {"a third of another size and two by policy",
     {256, 256, 128},
     "010",
     {{64, 256, NULL, BIND("1")}, {640, 256, NULL, BIND("0")}, {1024, 128, NULL, NULL}},
     {640, 64, 1024},
     NULL},
    {"two of three share a policy: only the third is known",
     {256, 256, 256},
     "001",
     {{64, 256, NULL, BIND("0")},
      {640, 256, NULL, BIND("1")},
      {1024, 256, NULL, BIND("0")}},
     {0, 0, 640},
     "cells 0-1 look alike"},
    {"a hot-plugged module as large as the cell, bound alike",
     {256},
     "0",
     {{64, 256, NULL, BIND("0")}, {640, 256, NULL, BIND("0")}},
     {0},
     "2 mappings have the size of cell 0"},
    {"a hot-plugged module as large as the cell, bound elsewhere",
     {256},
     "0",
     {{64, 256, NULL, BIND("0")}, {640, 256, NULL, BIND("1")}},
     {64},
     NULL},
    {"huge pages in files that are called after the objects",
     {256, 256},
     "00",
     {{64, 256, "rw-s",
       HUGE("/dev/hugepages/libvirt/qemu/1-ram-node1/"
            "qemu_back_mem._objects_ram-node0.AbCdEf\\040(deleted)")},
      {640, 256, "rw-s",
       HUGE("/dev/hugepages/libvirt/qemu/1-ram-node1/"
            "qemu_back_mem._objects_ram-node1.GhIjKl\\040(deleted)")}},
     {64, 640},
     NULL},
    {"plain files that are called after the objects",
     {256, 256},
     "--",
     {{64, 256, "rw-s", "default file=/var/lib/libvirt/qemu/ram/1-db/ram-node1"},
      {640, 256, "rw-s", "default file=/var/lib/libvirt/qemu/ram/1-db/ram-node0"}},
     {640, 64},
     NULL},
    {"names that only look like it",
     {256, 256},
     "--",
     {{64, 256, "rw-s", "default file=/x/gram-node0"},
      {640, 256, "rw-s", "default file=/x/ram-node1x"}},
     {0, 0},
     "cells 0-1 look alike"},
    {"memfds are all called the same",
     {256, 256},
     "--",
     {{64, 256, "rw-s", "default file=/memfd:memory-backend-memfd\\040(deleted)"},
      {640, 256, "rw-s", "default file=/memfd:memory-backend-memfd\\040(deleted)"}},
     {0, 0},
     "cells 0-1 look alike"},
    {"one mapping was split",
     {256, 512},
     "0-",
     {{64, 100, NULL, NULL}, {164, 412, NULL, BIND("1")}, {640, 256, NULL, NULL}},
     {640, 64},
     NULL},
    {"split into pieces as large as the other cell",
     {256, 512},
     "--",
     {{64, 256, NULL, NULL}, {320, 256, NULL, BIND("1")}, {640, 256, NULL, NULL}},
     {640, 64},
     NULL},
    {"two blocks became one mapping",
     {256, 256},
     "--",
     {{64, 512, NULL, NULL}},
     {0, 0},
     "cell 0 lies within a larger mapping"},
    {"nothing fits",
     {256, 128},
     "--",
     {{64, 200, NULL, NULL}, {640, 128, NULL, NULL}},
     {0, 640},
     "no mapping of QEMU has the size of cell 0"},
    {"no room for both",
     {256, 256},
     "--",
     {{64, 256, NULL, NULL}},
     {0, 0},
     "cells 0-1 look alike"},
    {"a cell without memory", {0, 256}, "--", {{64, 256, NULL, NULL}}, {0, 64}, NULL},
};

static guint
count_cells(const PlacesCase *one)
{
    return (guint) strlen(one->bound);
}

static void
test_mappings_alone(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(places_cases); i++) {
        const PlacesCase *one = &places_cases[i];
        guint n = 0;
        while (n < G_N_ELEMENTS(one->mappings) && one->mappings[n].size_mib)
            n++;
        g_autoptr(VnGuest) guest =
            make_guest(one->sizes_mib, count_cells(one), one->bound);
        g_autoptr(GPtrArray) maps = make_maps(one->mappings, n);
        g_autoptr(GArray) ranges = vn_place_ranges_new(maps);
        g_autoptr(VnPlaces) places = vn_places_new(guest, ranges);
        const char *doubt = one->doubt;
        for (guint cell = 0; cell < count_cells(one); cell++) {
            guint64 start = 0;
            gboolean decided = vn_places_is_decided(places, cell, &start);
            guint64 expected =
                one->expected_mib[cell] ? start_of(one->expected_mib[cell]) : 0;
            if (start != expected || decided != (expected != 0))
                g_error("%s: cell %u is at %" G_GINT64_MODIFIER "x", one->name, cell,
                        start);
            if (decided || !doubt)
                continue;
            g_autofree char *said = vn_places_doubt(places, cell);
            g_assert_cmpstr(said, ==, doubt);
            doubt = NULL;
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/places/mappings-alone", test_mappings_alone);
    return g_test_run();
}
