/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acpi [ROUNDS]: how long SRAT, SLIT and HMAT of 64 cells, 512 vCPUs and a latency and a
 * bandwidth from each cell to each take to be encoded, and to be decoded; the median of
 * ROUNDS (100) of each, in milliseconds, and the bytes of the tables, as one JSON object.
 */
#include "guest-topology/acpi.h"

#include <stdio.h>
#include <stdlib.h>

#define CELLS 64u
#define VCPUS 512u
#define ROUNDS 100u
#define TABLES 3u

static VnVnuma *
make_topology(void)
{
    VnVnuma *vnuma = vn_vnuma_new(VCPUS);
    vnuma->machine = g_strdup("q35");
    vnuma->topology = (VnCpuTopology){CELLS, 1, VCPUS / CELLS / 2, 2};
    for (guint id = 0; id < CELLS; id++)
        vn_vnuma_add_cell(vnuma)->memory_bytes = G_GUINT64_CONSTANT(8) << 30;
    for (guint vcpu = 0; vcpu < VCPUS; vcpu++)
        vn_idset_add(vn_vnuma_cell(vnuma, vcpu / (VCPUS / CELLS))->vcpus, vcpu);
    for (guint i = 0; i < CELLS * CELLS; i++) {
        guint from = i / CELLS;
        guint to = i % CELLS;
        guint apart = from < to ? to - from : from - to;
        VnInterconnect latency = {.initiator = from, .target = to};
        VnInterconnect bandwidth = latency;
        latency.latency_ns = 80 + 10 * apart;
        bandwidth.bandwidth_bytes_per_second = (guint64) (CELLS + 1 - apart) << 30;
        vn_vnuma_set_distance(vnuma, from, to, 10 + apart);
        g_array_append_val(vnuma->interconnects, latency);
        g_array_append_val(vnuma->interconnects, bandwidth);
    }
    return vnuma;
}

static void
encode(const VnVnuma *vnuma, GByteArray **ret_tables)
{
    g_autoptr(GError) error = NULL;
    ret_tables[0] = vn_acpi_encode_srat(vnuma, VN_LAYOUT_USUAL, &error);
    ret_tables[1] = vn_acpi_encode_slit(vnuma);
    ret_tables[2] = vn_acpi_encode_hmat(vnuma);
    g_assert_no_error(error);
}

static void
decode(GByteArray *const *tables)
{
    for (guint i = 0; i < TABLES; i++) {
        g_autoptr(GError) error = NULL;
        GVariant *decoded = vn_acpi_decode(tables[i]->data, tables[i]->len, &error);
        g_assert_no_error(error);
        g_variant_unref(g_variant_ref_sink(decoded));
    }
}

static int
compare(gconstpointer one, gconstpointer other)
{
    gint64 difference = *(const gint64 *) one - *(const gint64 *) other;
    return (difference > 0) - (difference < 0);
}

static double
median_ms(GArray *times_us)
{
    g_array_sort(times_us, compare);
    return (double) g_array_index(times_us, gint64, times_us->len / 2) / 1000;
}

int
main(int argc, char **argv)
{
    guint rounds = argc > 1 ? (guint) atoi(argv[1]) : ROUNDS;
    g_autoptr(VnVnuma) vnuma = make_topology();
    g_autoptr(GArray) encoding_us = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GArray) decoding_us = g_array_new(FALSE, FALSE, sizeof(gint64));
    guint bytes = 0;
    for (guint i = 0; i < MAX(rounds, 1); i++) {
        GByteArray *tables[TABLES];
        gint64 begun = g_get_monotonic_time();
        encode(vnuma, tables);
        gint64 encoded = g_get_monotonic_time();
        decode(tables);
        gint64 encoding = encoded - begun;
        gint64 decoding = g_get_monotonic_time() - encoded;
        g_array_append_val(encoding_us, encoding);
        g_array_append_val(decoding_us, decoding);
        bytes = 0;
        for (guint k = 0; k < TABLES; k++) {
            bytes += tables[k]->len;
            g_byte_array_unref(tables[k]);
        }
    }
    printf("{\"cells\": %u, \"vcpus\": %u, \"bytes\": %u, \"encode_ms\": %.3f, "
           "\"decode_ms\": %.3f}\n",
           CELLS, VCPUS, bytes, median_ms(encoding_us), median_ms(decoding_us));
    return 0;
}
