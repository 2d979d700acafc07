/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnRing against a ring that is written, harvested and reset as KVM and QEMU do it
 * (virt/kvm/dirty_ring.c; accel/kvm/kvm-all.c: kvm_dirty_ring_reap_one()), with copies
 * taken at any moment: nothing is counted twice or made up, and what is missed is lost.
 */
#include "kvm/ring-map.h"

#include <string.h>

#define ENTRIES VN_RING_ENTRIES_MIN
#define DIRTY 1u
#define RESET 2u

/* The kernel's and QEMU's side. */
typedef struct {
    VnRingEntry entries[ENTRIES];
    guint64 written;
    guint64 harvested;
    guint64 reset;
} Kernel;

static gboolean
push(Kernel *kernel, guint32 slot, guint64 page)
{
    if (kernel->written - kernel->reset == ENTRIES)
        return FALSE;
    VnRingEntry *entry = &kernel->entries[kernel->written++ % ENTRIES];
    g_assert_cmpuint(entry->flags, ==, 0);
    *entry = (VnRingEntry){DIRTY, slot, page};
    return TRUE;
}

static void
harvest(Kernel *kernel)
{
    for (; kernel->harvested < kernel->written; kernel->harvested++)
        kernel->entries[kernel->harvested % ENTRIES].flags = RESET;
}

static void
reset(Kernel *kernel)
{
    for (; kernel->reset < kernel->harvested; kernel->reset++)
        kernel->entries[kernel->reset % ENTRIES].flags = 0;
}

/* What the ring's follower said, in order. */
static void
on_entry(gpointer data, const VnRingEntry *entry)
{
    GArray *seen = data;
    g_array_append_val(seen, entry->page);
}

static void
assert_seen(const GArray *seen, guint64 first, guint n)
{
    g_assert_cmpuint(seen->len, ==, n);
    for (guint i = 0; i < n; i++)
        g_assert_cmpuint(g_array_index(seen, guint64, i), ==, first + i);
}

static void
test_in_order(void)
{
    Kernel kernel = {0};
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(guint64));
    for (guint64 page = 0; page < 100; page++)
        push(&kernel, 1, page);
    g_autoptr(VnRing) ring = vn_ring_new(kernel.entries, ENTRIES);
    g_assert_cmpuint(vn_ring_advance(ring, kernel.entries, on_entry, seen), ==, 0);
    g_assert_cmpuint(seen->len, ==, 0); /* what was there before is old */

    guint64 page = 1000;
    for (guint round = 0; round < 50; round++) {
        for (guint i = 0; i < 20; i++)
            g_assert_true(push(&kernel, 1, page++));
        g_assert_cmpuint(vn_ring_advance(ring, kernel.entries, on_entry, seen), ==, 0);
        harvest(&kernel);
        reset(&kernel);
        g_assert_cmpuint(vn_ring_advance(ring, kernel.entries, on_entry, seen), ==, 0);
    }
    assert_seen(seen, 1000, 1000);
}

/* No flag is left when it begins: the first new entries say where writing stands. */
static void
test_no_head(void)
{
    static const guint starts[] = {0, 1, 100, ENTRIES - 3, ENTRIES - 1};
    for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
        Kernel kernel = {0};
        g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(guint64));
        for (guint64 page = 0; page < ENTRIES + starts[i]; page++) {
            push(&kernel, 1, page % 7);
            harvest(&kernel);
            reset(&kernel);
        }
        g_autoptr(VnRing) ring = vn_ring_new(kernel.entries, ENTRIES);
        for (guint64 page = 50; page < 60; page++)
            push(&kernel, 1, page);
        vn_ring_advance(ring, kernel.entries, on_entry, seen);
        assert_seen(seen, 50, 10);
    }
}

/* An entry within the run that is as it was a round before is new all the same. */
static void
test_same_again(void)
{
    Kernel kernel = {0};
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(guint64));
    for (guint64 page = 0; page < ENTRIES; page++)
        push(&kernel, 1, page);
    harvest(&kernel);
    reset(&kernel);
    g_autoptr(VnRing) ring = vn_ring_new(kernel.entries, ENTRIES);
    push(&kernel, 2, 0);
    push(&kernel, 1, 1); /* as it was */
    harvest(&kernel);
    reset(&kernel);
    push(&kernel, 2, 2);
    vn_ring_advance(ring, kernel.entries, on_entry, seen);
    assert_seen(seen, 0, 3);
}

/* Without its flag the last entry may be half written: it waits for the next copy. */
static void
test_half_written(void)
{
    Kernel kernel = {0};
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(guint64));
    push(&kernel, 1, 5);
    g_autoptr(VnRing) ring = vn_ring_new(kernel.entries, ENTRIES);
    push(&kernel, 1, 6);
    kernel.entries[2].slot = 9; /* the page number is still to come */
    vn_ring_advance(ring, kernel.entries, on_entry, seen);
    assert_seen(seen, 6, 1);
    kernel.entries[2].slot = 0;
    push(&kernel, 9, 7);
    vn_ring_advance(ring, kernel.entries, on_entry, seen);
    assert_seen(seen, 6, 2);
}

static void
test_overwritten(void)
{
    static const struct {
        guint writes;
        guint seen;
        guint lost;
    } cases[] = {
        {ENTRIES - 1, ENTRIES - 1, 0},
        {ENTRIES, ENTRIES - 1, ENTRIES},
        {ENTRIES + 1, ENTRIES - 1, ENTRIES},
        {5 * ENTRIES + 3, ENTRIES - 1, ENTRIES},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Kernel kernel = {0};
        g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(guint64));
        push(&kernel, 1, 1);
        g_autoptr(VnRing) ring = vn_ring_new(kernel.entries, ENTRIES);
        for (guint64 page = 0; page < cases[i].writes; page++) {
            harvest(&kernel);
            reset(&kernel);
            g_assert_true(push(&kernel, 1, 100 + page));
        }
        guint lost = vn_ring_advance(ring, kernel.entries, on_entry, seen);
        g_assert_cmpuint(lost, ==, cases[i].lost);
        g_assert_cmpuint(seen->len, ==, cases[i].seen);
        /* And it goes on from there. */
        g_array_set_size(seen, 0);
        harvest(&kernel);
        reset(&kernel);
        push(&kernel, 1, 7);
        g_assert_cmpuint(vn_ring_advance(ring, kernel.entries, on_entry, seen), ==, 0);
        assert_seen(seen, 7, 1);
    }
}

/* Whatever is in there, also a ring that is no such thing, it stays within it. */
static void
test_garbage(void)
{
    g_autofree VnRingEntry *entries = g_new0(VnRingEntry, VN_RING_ENTRIES_MAX);
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(VnRing) ring = vn_ring_new(entries, VN_RING_ENTRIES_MAX);
    g_autoptr(GRand) random = g_rand_new_with_seed(4);
    for (guint round = 0; round < 20; round++) {
        for (guint i = 0; i < VN_RING_ENTRIES_MAX; i++) {
            entries[i].flags = g_rand_int(random);
            entries[i].slot = g_rand_int(random);
            entries[i].page = (guint64) g_rand_int(random) << 32 | g_rand_int(random);
        }
        g_array_set_size(seen, 0);
        vn_ring_advance(ring, entries, on_entry, seen);
        g_assert_cmpuint(seen->len, <=, VN_RING_ENTRIES_MAX);
    }
}

/* Any order of writing, harvesting, resetting and looking. */
static void
test_random(void)
{
    for (guint32 seed = 0; seed < 200; seed++) {
        Kernel kernel = {0};
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(guint64));
        guint64 page = 1;
        push(&kernel, 1, page++);
        g_autoptr(VnRing) ring = vn_ring_new(kernel.entries, ENTRIES);
        guint64 first = page;
        for (guint step = 0; step < 500; step++) {
            gint32 writes = g_rand_int_range(random, 0, ENTRIES / 4);
            for (gint32 i = 0; i < writes; i++)
                page += push(&kernel, 1, page) ? 1 : 0;
            g_assert_cmpuint(vn_ring_advance(ring, kernel.entries, on_entry, seen), ==,
                             0);
            if (g_rand_int_range(random, 0, 3) > 0)
                harvest(&kernel);
            if (g_rand_int_range(random, 0, 3) > 0)
                reset(&kernel);
        }
        assert_seen(seen, first, (guint) (page - first));
    }
}

/* KVM's ids are not QEMU's numbers, but rise with them. */
static void
test_number(void)
{
    static const struct {
        guint kvm_ids[5]; /* in the order of descriptors; 99: no more */
        guint vcpus[5];
        guint rings[5]; /* of which vCPU each is, by KVM's id; 99: it is not known */
    } cases[] = {
        {{0, 1, 99}, {0, 1, 99}, {0, 1}},
        {{6, 0, 4, 1, 99}, {0, 1, 3, 4, 99}, {0, 1, 3, 4}}, /* three cores a socket */
        {{0, 1, 2, 99}, {0, 2, 99}, {99}},                  /* one was unplugged */
        {{0, 99}, {0, 1, 99}, {99}},
        {{0, 0, 99}, {0, 1, 99}, {99}}, /* of two machines */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) maps = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GArray) vcpus = g_array_new(FALSE, FALSE, sizeof(guint));
        for (guint n = 0; cases[i].kvm_ids[n] != 99; n++) {
            VnRingMap *map = g_new0(VnRingMap, 1);
            map->kvm_id = cases[i].kvm_ids[n];
            g_ptr_array_add(maps, map);
        }
        for (guint n = 0; cases[i].vcpus[n] != 99; n++)
            g_array_append_val(vcpus, cases[i].vcpus[n]);
        g_assert_cmpint(vn_ring_maps_number(maps, vcpus), ==, cases[i].rings[0] != 99);
        for (guint n = 0; cases[i].rings[0] != 99 && n < maps->len; n++)
            g_assert_cmpuint(((VnRingMap *) maps->pdata[n])->vcpu, ==, cases[i].rings[n]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ring/in-order", test_in_order);
    g_test_add_func("/ring/no-head", test_no_head);
    g_test_add_func("/ring/same-again", test_same_again);
    g_test_add_func("/ring/half-written", test_half_written);
    g_test_add_func("/ring/overwritten", test_overwritten);
    g_test_add_func("/ring/garbage", test_garbage);
    g_test_add_func("/ring/random", test_random);
    g_test_add_func("/ring/number", test_number);
    return g_test_run();
}
