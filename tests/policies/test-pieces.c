/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces of memory that are to move: which, where to, and in which order. */
#include "policies/pieces.h"

#define SECOND ((gint64) G_USEC_PER_SEC)

static void
test_pieces(void)
{
    static const guint cells[] = {0, 0, 1, 1};
    static const struct {
        guint granule;
        guint vcpu;
        guint count;
    } accesses[] = {{1, 0, 100},  {2, 1, 300}, {3, 2, 200}, {4, 0, 50},  {4, 2, 50},
                    {12, 2, 400}, {13, 0, 10}, {14, 0, 70}, {14, 1, 70}, {90, 3, 999}};
    g_autoptr(VnHeat) heat = vn_heat_new(cells, 4, 60 * SECOND);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_RING, 0);
    for (guint i = 0; i < G_N_ELEMENTS(accesses); i++)
        vn_sample_add(sample, accesses[i].granule, accesses[i].vcpu, VN_ACCESS_WRITE,
                      accesses[i].count);
    vn_sample_seal(sample, SECOND);
    vn_heat_feed(heat, sample);
    g_autoptr(VnPlacement) placement = vn_placement_new(4);
    for (guint i = 0; i < 4; i++)
        vn_placement_set_vcpu(placement, i, (int) i / 2);
    vn_placement_add(placement, 0, 10, 0, 0);
    vn_placement_add(placement, 10, 10, 1, 1);

    /* Not bound to cells: all but what is shared, and what lies nobody knows where. */
    static const guint free_to_go[] = {3, 14, 13};
    g_autoptr(GArray) pieces = vn_pieces_to_move(heat, placement, NULL, 100);
    g_assert_cmpuint(pieces->len, ==, G_N_ELEMENTS(free_to_go));
    for (guint i = 0; i < pieces->len; i++) {
        const VnPiece *piece = &g_array_index(pieces, VnPiece, i);
        g_assert_cmpuint(piece->granule, ==, free_to_go[i]);
        g_assert_cmpint(piece->from, !=, piece->to);
        g_assert_cmpint(piece->to, ==, i == 0);
    }
    /* A cell whose vCPUs are in two places is no place to go to. */
    vn_placement_set_vcpu(placement, 1, 1);
    g_autoptr(GArray) split = vn_pieces_to_move(heat, placement, NULL, 100);
    g_assert_cmpuint(split->len, ==, 3);
    g_assert_cmpuint(g_array_index(split, VnPiece, 0).granule, ==, 2);
    g_assert_cmpuint(g_array_index(split, VnPiece, 2).granule, ==, 13);

    /* Cell 0 goes to host node 1, whoever uses it; cell 1 is to stay. */
    static const guint of_cell[] = {2, 3, 1, 4};
    g_autoptr(GArray) homes = g_array_new(FALSE, FALSE, sizeof(int));
    int home = 1;
    g_array_append_val(homes, home);
    g_autoptr(GArray) bound = vn_pieces_to_move(heat, placement, homes, 3);
    g_assert_cmpuint(bound->len, ==, 3);
    for (guint i = 0; i < bound->len; i++)
        g_assert_cmpuint(g_array_index(bound, VnPiece, i).granule, ==, of_cell[i]);
}

/* Cell 1's RAM lies on both sides of a hole, and begins in the middle of a granule. */
static void
test_parts(void)
{
    const guint64 mib = 1 << 20;
    static const VnPiece wanted[] = {{10, 1, 0, 1, 9}, {1, 1, 0, 1, 8}, {4, 1, 0, 2, 7},
                                     {0, 1, 0, 1, 6},  {2, 2, 0, 1, 5}, {50, 1, 0, 1, 4}};
    static const guint expected[][2] = {{6, 2}, {0, 1}, {1, 4}};
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(VnPiece));
    g_array_append_vals(pieces, wanted, G_N_ELEMENTS(wanted));
    g_autoptr(VnPlacement) placement = vn_placement_new(1);
    g_autoptr(GArray) unknown = vn_pieces_parts(pieces, placement, 1, 1);
    g_assert_cmpuint(unknown->len, ==, 0);
    vn_placement_add_ram(placement, 0, 3 * mib, 0, 0);
    vn_placement_add_ram(placement, 3 * mib, 6 * mib, 1, 0);
    vn_placement_add_ram(placement, 20 * mib, 30 * mib, 1, 6 * mib);
    g_autoptr(GArray) parts = vn_pieces_parts(pieces, placement, 1, 1);
    g_assert_cmpuint(parts->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < parts->len; i++) {
        const VnStepPart *part = &g_array_index(parts, VnStepPart, i);
        g_assert_cmpuint(part->offset_bytes, ==, expected[i][0] * mib);
        g_assert_cmpuint(part->bytes, ==, expected[i][1] * mib);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pieces/to-move", test_pieces);
    g_test_add_func("/pieces/parts", test_parts);
    return g_test_run();
}
