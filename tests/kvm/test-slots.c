/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces of RAM, and which slot each must be. */
#include "kvm/slots.h"

#include <string.h>

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define UNKNOWN VN_SLOT_UNKNOWN

static void
test_limits(void)
{
    static const struct {
        VnSlot slot;
        gboolean taken;
    } cases[] = {
        {{UNKNOWN, 0, 4096, 0}, TRUE},
        {{UNKNOWN, 0, 0, 0}, FALSE},
        {{UNKNOWN, 0, 4095, 0}, FALSE},
        {{UNKNOWN, 1, 4096, 0}, FALSE},
        {{UNKNOWN, VN_SLOTS_GPA_MAX - 4096, 4096, 0}, TRUE},
        {{UNKNOWN, VN_SLOTS_GPA_MAX - 4096, 8192, 0}, FALSE},
        {{UNKNOWN, VN_SLOTS_GPA_MAX, 4096, 0}, FALSE},
        {{UNKNOWN, 4096, G_MAXUINT64 & ~G_GUINT64_CONSTANT(4095), 0}, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnSlots) slots = vn_slots_new();
        g_assert_cmpint(vn_slots_add(slots, &cases[i].slot), ==, cases[i].taken);
        g_assert_cmpuint(slots->array->len, ==, cases[i].taken ? 1 : 0);
    }

    g_autoptr(VnSlots) many = vn_slots_new();
    for (guint32 id = 0; id < VN_SLOTS_MAX; id++)
        g_assert_true(vn_slots_add(many, &(VnSlot){id, id * 4096ull, 4096, 0}));
    g_assert_false(vn_slots_add(many, &(VnSlot){VN_SLOTS_MAX, 0, 4096, 0}));
    g_assert_true(vn_slots_add(many, &(VnSlot){7, MIB, MIB, 9}));
    g_assert_cmpuint(vn_slots_find(many, 7)->bytes, ==, MIB);
}

static void
test_find(void)
{
    g_autoptr(VnSlots) slots = vn_slots_new();
    g_assert_true(vn_slots_add(slots, &(VnSlot){UNKNOWN, 0, 640 << 10, 0}));
    g_assert_true(vn_slots_add(slots, &(VnSlot){3, 5 * MIB, 2 * MIB, 0x7000}));
    g_assert_null(vn_slots_find(slots, UNKNOWN));
    g_assert_null(vn_slots_find(slots, 4));
    g_assert_cmpuint(vn_slots_find(slots, 3)->hva, ==, 0x7000);

    static const struct {
        guint64 gpa;
        gboolean found;
    } addresses[] = {{0, TRUE},          {(640 << 10) - 1, TRUE},
                     {640 << 10, FALSE}, {5 * MIB - 1, FALSE},
                     {5 * MIB, TRUE},    {7 * MIB - 1, TRUE},
                     {7 * MIB, FALSE},   {G_MAXUINT64, FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(addresses); i++)
        g_assert_cmpint(vn_slots_find_gpa(slots, addresses[i].gpa) != NULL, ==,
                        addresses[i].found);

    static const gboolean granules[] = {TRUE, FALSE, TRUE, TRUE, FALSE};
    for (gsize i = 0; i < G_N_ELEMENTS(granules); i++)
        g_assert_cmpint(vn_slots_has_granule(slots, i), ==, granules[i]);
    g_assert_false(vn_slots_has_granule(slots, G_MAXUINT64));
    g_assert_false(vn_slots_has_granule(slots, VN_SLOTS_GPA_MAX / VN_GRANULE_BYTES));
}

/*
 * Sizes of pieces in MiB, what was seen (slot:pages), and what comes out (slot per
 * piece).
 */
static const struct {
    const char *name;
    guint pieces[4];
    VnSlotUse uses[4];
    gint32 slots[4]; /* -1: in doubt */
    guint matched;
} match_cases[] = {
    {"nothing seen", {1, 255, 256}, {{0}}, {-1, -1, -1}, 0},
    {"only the larger has room", {128, 256}, {{9, 50000}}, {-1, 9}, 1},
    {"the others by what is left", {128, 256}, {{9, 50000}, {2, 32768}}, {2, 9}, 2},
    {"in whatever order", {128, 256}, {{2, 32768}, {9, 50000}}, {2, 9}, 2},
    {"of one size", {256, 256}, {{9, 65536}, {1, 60000}}, {-1, -1}, 0},
    {"by the last page", {255, 256}, {{9, 65536}, {1, 65280}}, {1, 9}, 2},
    {"not seen far enough", {128, 256}, {{9, 50000}, {2, 16384}}, {-1, 9}, 1},
    {"a device's", {1, 512}, {{5, 4096}}, {-1, -1}, 0},
    {"larger than all", {128, 256}, {{5, 65537}}, {-1, -1}, 0},
    {"the most pages there can be", {128}, {{5, G_MAXUINT64}}, {-1}, 0},
    {"another address space", {128}, {{1u << 16 | 3, 32768}}, {1 << 16 | 3}, 1},
    {"no slot at all", {128}, {{UNKNOWN, 32768}}, {-1}, 0},
};

static void
test_match(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(match_cases); i++) {
        g_autoptr(VnSlots) slots = vn_slots_new();
        g_autoptr(GArray) uses = g_array_new(FALSE, FALSE, sizeof(VnSlotUse));
        guint64 gpa = 0;
        g_test_message("%s", match_cases[i].name);
        for (guint n = 0; n < 4 && match_cases[i].pieces[n]; n++) {
            VnSlot slot = {UNKNOWN, gpa, match_cases[i].pieces[n] * MIB, 0};
            g_assert_true(vn_slots_add(slots, &slot));
            gpa += slot.bytes;
        }
        for (guint n = 0; n < 4 && match_cases[i].uses[n].pages; n++)
            g_array_append_val(uses, match_cases[i].uses[n]);
        g_assert_cmpuint(vn_slots_match(slots, uses), ==, match_cases[i].matched);
        for (guint n = 0; n < slots->array->len; n++)
            g_assert_cmpuint(g_array_index(slots->array, VnSlot, n).id, ==,
                             (guint32) match_cases[i].slots[n]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/slots/limits", test_limits);
    g_test_add_func("/slots/find", test_find);
    g_test_add_func("/slots/match", test_match);
    return g_test_run();
}
