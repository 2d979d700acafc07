/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnTag: its defaults, and that a copy shares nothing. */
#include "model/tag.h"

static void
test_defaults(void)
{
    g_autoptr(VnTag) tag = vn_tag_new();
    g_assert_null(tag->policy);
    g_assert_cmpuint(tag->cells, ==, 0);
    g_assert_cmpint(tag->binding, ==, VN_BINDING_NONE);
    g_assert_cmpuint(tag->max_vcpus_per_cell, ==, 0);
    g_assert_true(tag->smt);
    g_assert_cmpint(tag->distances, ==, VN_DISTANCES_HOST);
    g_assert_null(tag->matrix);
    g_assert_true(tag->hmat);
    g_assert_true(vn_idset_is_empty(tag->exclude_nodes));
    vn_tag_free(NULL);
}

static void
test_copy(void)
{
    static const guint matrix[] = {10, 21, 22, 10};
    VnTag *tag = vn_tag_new();
    tag->policy = g_strdup("align");
    tag->cells = 2;
    tag->binding = VN_BINDING_PREFERRED;
    tag->max_vcpus_per_cell = 8;
    tag->smt = tag->hmat = FALSE;
    tag->distances = VN_DISTANCES_EXPLICIT;
    tag->matrix = g_memdup2(matrix, sizeof matrix);
    tag->matrix_cells = 2;
    vn_idset_add(tag->exclude_nodes, 3);

    g_autoptr(VnTag) copy = vn_tag_copy(tag);
    tag->matrix[1] = 99;
    vn_idset_add(tag->exclude_nodes, 4);
    vn_tag_free(tag);
    g_assert_cmpstr(copy->policy, ==, "align");
    g_assert_cmpuint(copy->cells, ==, 2);
    g_assert_cmpint(copy->binding, ==, VN_BINDING_PREFERRED);
    g_assert_cmpuint(copy->max_vcpus_per_cell, ==, 8);
    g_assert_false(copy->smt);
    g_assert_false(copy->hmat);
    g_assert_cmpint(copy->distances, ==, VN_DISTANCES_EXPLICIT);
    g_assert_cmpuint(copy->matrix_cells, ==, 2);
    g_assert_cmpmem(copy->matrix, (int) sizeof matrix, matrix, (int) sizeof matrix);
    g_assert_true(vn_idset_contains(copy->exclude_nodes, 3));
    g_assert_false(vn_idset_contains(copy->exclude_nodes, 4));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tag/defaults", test_defaults);
    g_test_add_func("/tag/copy", test_copy);
    return g_test_run();
}
