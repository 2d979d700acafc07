/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * measure UUID SECONDS bitmap|ring: virt/dirty-rate.h on a real guest, for
 * tests/lab/test-sampling.sh. Prints "started"; what a second measurement is told
 * meanwhile, with the name of the error's code; and at its end the result.
 */
#include "virt/dirty-rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_US (60 * G_USEC_PER_SEC)

static VnVirtDirtyRate *
wait_for_end(VnConnection *connection, const char *uuid, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + DEADLINE_US;
    while (TRUE) {
        g_autoptr(VnVirtDirtyRate) rate =
            vn_virt_dirty_rate_read(connection, uuid, 0, error);
        if (!rate || rate->state == VN_VIRT_DIRTY_RATE_MEASURED ||
            g_get_monotonic_time() > deadline_us)
            return g_steal_pointer(&rate);
        g_usleep(50000);
    }
}

static gboolean
measure(VnConnection *connection, const char *uuid, guint seconds, gboolean ring,
        GError **error)
{
    g_autoptr(GError) second = NULL;
    if (!vn_virt_dirty_rate_start(connection, uuid, seconds, ring, 0, error))
        return FALSE;
    puts("started");
    if (vn_virt_dirty_rate_start(connection, uuid, seconds, ring, 0, &second))
        puts("second: started, too");
    else
        printf("second: %s: %s\n", vn_error_code_name((VnErrorCode) second->code),
               second->message);
    fflush(stdout);
    g_autoptr(VnVirtDirtyRate) rate = wait_for_end(connection, uuid, error);
    if (!rate)
        return FALSE;
    printf("state=%d mb_per_second=%" G_GUINT64_FORMAT, (int) rate->state,
           rate->mb_per_second);
    for (guint i = 0; i < rate->vcpus->len; i++) {
        const VnVirtVcpuRate *vcpu = &g_array_index(rate->vcpus, VnVirtVcpuRate, i);
        printf(" vcpu%u=%" G_GUINT64_FORMAT, vcpu->vcpu, vcpu->mb_per_second);
    }
    putchar('\n');
    return TRUE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: %s UUID SECONDS bitmap|ring\n", argv[0]);
        return 2;
    }
    g_autoptr(VnConnection) connection = vn_connection_new("qemu:///system", NULL, NULL);
    if (measure(connection, argv[1], (guint) g_ascii_strtoull(argv[2], NULL, 10),
                strcmp(argv[3], "ring") == 0, &error))
        return EXIT_SUCCESS;
    fprintf(stderr, "%s\n", error->message);
    return EXIT_FAILURE;
}
