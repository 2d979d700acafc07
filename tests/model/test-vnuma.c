/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnVnuma: its answers without distances, what its check refuses, its description. */
#include "model/vnuma.h"

#include <string.h>

#define GIB (G_GUINT64_CONSTANT(1) << 30)

/* @n_cells cells with two vCPUs and 1 GiB each, valid. */
static VnVnuma *
make_vnuma(guint n_cells)
{
    VnVnuma *vnuma = vn_vnuma_new(MIN(n_cells * 2, VN_VCPUS_MAX));
    for (guint i = 0; i < n_cells; i++) {
        VnVnumaCell *cell = vn_vnuma_add_cell(vnuma);
        vn_idset_add(cell->vcpus, i * 2);
        vn_idset_add(cell->vcpus, i * 2 + 1);
        vn_idset_add(cell->home, 7 - i % 8);
        cell->memory_bytes = GIB;
    }
    return vnuma;
}

static void
test_new(void)
{
    g_autoptr(VnVnuma) vnuma = vn_vnuma_new(6);
    g_assert_cmpuint(vnuma->vcpus, ==, 6);
    g_assert_cmpuint(vnuma->topology.sockets, ==, 1);
    g_assert_cmpuint(vnuma->topology.dies, ==, 1);
    g_assert_cmpuint(vnuma->topology.cores, ==, 6);
    g_assert_cmpuint(vnuma->topology.threads, ==, 1);
    g_assert_cmpuint(vnuma->cells->len, ==, 0);
    g_assert_cmpuint(vn_vnuma_memory(vnuma), ==, 0);
    g_assert_null(vnuma->distances);
    vn_vnuma_unref(NULL);
}

/* The last reference frees it: the leak check sees the rest. */
static void
test_references(void)
{
    VnVnuma *vnuma = make_vnuma(2);
    VnVnuma *same = vn_vnuma_ref(vnuma);
    g_assert_true(same == vnuma);
    vn_vnuma_unref(vnuma);
    g_assert_cmpuint(same->cells->len, ==, 2);
    vn_vnuma_unref(same);
}

static void
test_cells(void)
{
    g_autoptr(VnVnuma) vnuma = make_vnuma(3);
    g_assert_cmpuint(vn_vnuma_cell(vnuma, 2)->id, ==, 2);
    g_assert_cmpuint(vn_vnuma_memory(vnuma), ==, 3 * GIB);
    g_assert_cmpuint(vn_vnuma_cell_of_vcpu(vnuma, 0), ==, 0);
    g_assert_cmpuint(vn_vnuma_cell_of_vcpu(vnuma, 5), ==, 2);
    g_assert_cmpuint(vn_vnuma_cell_of_vcpu(vnuma, 6), ==, 0);
}

static void
test_distances(void)
{
    g_autoptr(VnVnuma) vnuma = make_vnuma(3);
    g_assert_cmpuint(vn_vnuma_distance(vnuma, 1, 1), ==, 10);
    g_assert_cmpuint(vn_vnuma_distance(vnuma, 1, 2), ==, 20);
    g_assert_cmpuint(vn_vnuma_distance(vnuma, 1, 3), ==, VN_DISTANCE_UNREACHABLE);
    g_assert_cmpuint(vn_vnuma_distance(vnuma, 3, 1), ==, VN_DISTANCE_UNREACHABLE);

    vn_vnuma_set_distance(vnuma, 0, 2, 31);
    static const guint expected[] = {10, 20, 31, 20, 10, 20, 20, 20, 10};
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_cmpuint(vnuma->distances[i], ==, expected[i]);
        g_assert_cmpuint(vn_vnuma_distance(vnuma, i / 3, i % 3), ==, expected[i]);
    }
    vn_vnuma_set_distance(vnuma, 2, 0, 32);
    g_assert_cmpuint(vn_vnuma_distance(vnuma, 0, 2), ==, 31);
    g_assert_cmpuint(vn_vnuma_distance(vnuma, 2, 0), ==, 32);
}

static void
add_interconnect(VnVnuma *vnuma, guint initiator, guint target, guint latency_ns,
                 guint64 bandwidth)
{
    VnInterconnect one = {.initiator = initiator,
                          .target = target,
                          .latency_ns = latency_ns,
                          .bandwidth_bytes_per_second = bandwidth};
    g_array_append_val(vnuma->interconnects, one);
}

static void
add_cache(VnVnuma *vnuma, guint cell, guint level)
{
    VnMemoryCache cache = {.cell = cell, .level = level};
    g_array_append_val(vnuma->caches, cache);
}

/* Spoils a valid topology of two cells, number by number; FALSE: no more. */
static gboolean
spoil(VnVnuma *vnuma, guint number, const char **ret_says)
{
    static const char *const says[] = {
        "cell 1: there is no vCPU 4, only 4 vCPUs",
        "cell 1: vCPU 0 is in another cell too",
        "no cell has a vCPU",
        "no cell has memory",
        "cell 0: its distance to cell 0 is 11; to itself it is 10",
        "cell 0: its distance to cell 1 is 10; possible are 11 to 254",
        "cell 1: its distance to cell 0 is 256; possible are 11 to 254",
        "from cell 2 to cell 0: there is no such cell",
        "from cell 0 to cell 2: there is no such cell",
        "from cell 0 to cell 1: the target has no memory",
        "from cell 1 to cell 0: the initiator has no vCPUs",
        "from cell 0 to cell 0: it has to have either a latency or a bandwidth",
        "from cell 0 to cell 1: it has to have either a latency or a bandwidth",
        "memory cache of level 1 of cell 2: there is no such cell",
        "memory cache of level 0 of cell 0: levels are 1 to 3",
        "memory cache of level 4 of cell 0: levels are 1 to 3",
        "1 sockets of 1 dies of 5 cores of 1 threads are not 4 vCPUs",
        "65536 sockets of 1 dies of 65536 cores of 1 threads are not 4 vCPUs",
    };
    VnVnumaCell *zero = vn_vnuma_cell(vnuma, 0);
    VnVnumaCell *one = vn_vnuma_cell(vnuma, 1);
    if (number >= G_N_ELEMENTS(says))
        return FALSE;
    *ret_says = says[number];
    if (number == 0)
        vn_idset_add(one->vcpus, 4);
    else if (number == 1)
        vn_idset_add(one->vcpus, 0);
    else if (number == 2 || number == 10)
        vn_idset_remove_all(one->vcpus, one->vcpus);
    else if (number == 3 || number == 9)
        one->memory_bytes = 0;
    if (number == 2)
        vn_idset_remove_all(zero->vcpus, zero->vcpus);
    else if (number == 3)
        zero->memory_bytes = 0;
    else if (number == 4)
        vn_vnuma_set_distance(vnuma, 0, 0, 11);
    else if (number == 5)
        vn_vnuma_set_distance(vnuma, 0, 1, 10);
    else if (number == 6)
        vn_vnuma_set_distance(vnuma, 1, 0, 256);
    else if (number >= 7 && number <= 10)
        add_interconnect(vnuma, number == 7 ? 2 : number == 10,
                         number == 8 ? 2 : number == 9, 1, 0);
    else if (number == 11)
        add_interconnect(vnuma, 0, 0, 0, 0);
    else if (number == 12)
        add_interconnect(vnuma, 0, 1, 1, 1);
    else if (number >= 13 && number <= 15)
        add_cache(vnuma, number == 13 ? 2 : 0, number == 13 ? 1 : (number - 14) * 4);
    else if (number == 16)
        vnuma->topology.cores = 5;
    else if (number == 17)
        vnuma->topology.sockets = vnuma->topology.cores = 65536;
    return TRUE;
}

static void
test_check(void)
{
    const char *says;
    for (guint number = 0;; number++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnVnuma) vnuma = make_vnuma(2);
        g_assert_true(vn_vnuma_check(vnuma, &error));
        if (!spoil(vnuma, number, &says))
            break;
        g_assert_false(vn_vnuma_check(vnuma, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        if (!strstr(error->message, says))
            g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, says));
    }
}

/* At the limits: valid; one past them: not. */
static void
test_limits(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnVnuma) most = make_vnuma(VN_CELLS_MAX);
    g_assert_true(vn_vnuma_check(most, &error));
    g_assert_no_error(error);
    g_autoptr(VnVnuma) more = make_vnuma(VN_CELLS_MAX + 1);
    g_assert_false(vn_vnuma_check(more, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_clear_error(&error);

    g_autoptr(VnVnuma) vnuma = make_vnuma(2);
    vn_vnuma_set_distance(vnuma, 0, 1, 11);
    vn_vnuma_set_distance(vnuma, 1, 0, VN_TOLD_DISTANCE_MAX);
    g_assert_true(vn_vnuma_check(vnuma, &error));
    vn_vnuma_set_distance(vnuma, 1, 0, VN_DISTANCE_UNREACHABLE);
    g_assert_true(vn_vnuma_check(vnuma, &error));
    for (guint level = 1; level <= 3; level++)
        add_cache(vnuma, 1, level);
    add_interconnect(vnuma, 0, 1, 1, 0);
    add_interconnect(vnuma, 0, 1, 0, 1);
    g_assert_true(vn_vnuma_check(vnuma, &error));
    g_assert_no_error(error);

    g_autoptr(VnVnuma) vcpus = vn_vnuma_new(VN_VCPUS_MAX);
    g_assert_cmpuint(vcpus->topology.cores, ==, VN_VCPUS_MAX);
}

/* A cell without CPUs, or without memory, is one. */
static void
test_partial_cells(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnVnuma) vnuma = make_vnuma(2);
    VnVnumaCell *one = vn_vnuma_cell(vnuma, 1);
    one->memory_bytes = 0;
    g_assert_true(vn_vnuma_check(vnuma, &error));
    one->memory_bytes = GIB;
    vn_idset_remove_all(one->vcpus, one->vcpus);
    g_assert_true(vn_vnuma_check(vnuma, &error));
    g_assert_no_error(error);
}

static void
test_described(void)
{
    g_autoptr(VnVnuma) vnuma = make_vnuma(2);
    vnuma->machine = g_strdup("pc");
    vn_vnuma_set_distance(vnuma, 1, 0, 21);
    vn_vnuma_cell(vnuma, 1)->memory_bytes = 0;
    add_interconnect(vnuma, 0, 0, 80, 0);
    add_interconnect(vnuma, 1, 0, 0, GIB);
    g_array_index(vnuma->interconnects, VnInterconnect, 1).access = VN_ACCESS_WRITE;
    vn_vnuma_add_reason(vnuma, "%u cells: %s", 2u, "asked for");
    g_autoptr(GVariant) variant = g_variant_ref_sink(vn_vnuma_to_variant(vnuma));
    g_autofree char *text = g_variant_print(variant, TRUE);
    g_assert_cmpstr(
        text, ==,
        "{'machine': <'pc'>, 'vcpus': <uint32 4>, 'topology': <{'sockets': <uint32 1>, "
        "'dies': <uint32 1>, 'cores': <uint32 4>, 'threads': <uint32 1>}>, "
        "'page_size_bytes': <uint64 0>, 'memory_max_bytes': <uint64 0>, "
        "'memory_slots': <uint32 0>, 'has_distances': <true>, 'cells': <[{'id': <uint32 0>, 'vcpus': <[uint32 "
        "0, 1]>, 'memory_bytes': <uint64 1073741824>, 'home': <[uint32 7]>, 'distances': "
        "<[uint32 10, 20]>}, {'id': <uint32 1>, 'vcpus': <[uint32 2, 3]>, "
        "'memory_bytes': <uint64 0>, 'home': <[uint32 6]>, 'distances': <[uint32 21, "
        "10]>}]>, 'interconnects': <[{'initiator': <uint32 0>, 'target': <uint32 0>, "
        "'access': <'access'>, 'cache': <uint32 0>, 'latency_ns': <uint32 80>}, "
        "{'initiator': <uint32 1>, 'target': <uint32 0>, 'access': <'write'>, 'cache': "
        "<uint32 0>, 'bandwidth_bytes_per_second': <uint64 1073741824>}]>, 'caches': "
        "<@aa{sv} []>, 'reasons': "
        "<['2 cells: asked for']>}");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vnuma/new", test_new);
    g_test_add_func("/vnuma/references", test_references);
    g_test_add_func("/vnuma/cells", test_cells);
    g_test_add_func("/vnuma/distances", test_distances);
    g_test_add_func("/vnuma/check", test_check);
    g_test_add_func("/vnuma/limits", test_limits);
    g_test_add_func("/vnuma/partial-cells", test_partial_cells);
    g_test_add_func("/vnuma/described", test_described);
    return g_test_run();
}
