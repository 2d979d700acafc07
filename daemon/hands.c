/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnActPort on the real host. */
#include "daemon/hands.h"

#include "host/pressure.h"
#include "host/process.h"
#include "virt/domains.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a sample counts. */
#define SAMPLE_PAGE_BYTES 4096.0

static gboolean
pin(gpointer data, const VnStep *step, const VnIdSet *cpus, GError **error)
{
    const VnHands *hands = data;
    if (step->kind == VN_STEP_PIN_VCPU)
        return vn_virt_pin_vcpu(hands->virt, step->uuid, step->target, cpus,
                                VN_CONNECTION_TIMEOUT_MS, error);
    return vn_virt_pin_emulator(hands->virt, step->uuid, cpus, VN_CONNECTION_TIMEOUT_MS,
                                error);
}

/*
 * Opened first, looked at second: what has then the right start time is what was
 * opened.
 */
static int
open_process(gpointer data, const VnGuest *guest, GError **error)
{
    const VnHands *hands = data;
    VnProcess observed = {.pid = guest->pid, .start_ticks = guest->start_ticks};
    int process = (int) syscall(SYS_pidfd_open, guest->pid, 0);
    if (process < 0) {
        vn_error_set_errno(error, errno, "guest %s: open process %d", guest->name,
                           guest->pid);
        return -1;
    }
    if (!vn_process_check(hands->root, &observed, error)) {
        g_prefix_error(error, "guest %s: ", guest->name);
        close(process);
        return -1;
    }
    return process;
}

/* As its samples have it; sources that see a page once a window tell the least it is. */
static double
write_rate(gpointer data, const VnGuest *guest)
{
    const VnHands *hands = data;
    const VnHeat *heat = vn_sampling_heat(hands->sampling, guest);
    double pages = 0;
    VnHeatIter iter;
    VnHeatGranule granule;
    if (!heat)
        return 0;
    vn_heat_iter_init(&iter, heat, 0);
    while (vn_heat_iter_next(&iter, &granule))
        pages += granule.write_rate;
    return pages * SAMPLE_PAGE_BYTES;
}

static double
pressure(gpointer data)
{
    static gboolean told;
    const VnHands *hands = data;
    g_autoptr(GError) error = NULL;
    double ratio = -1;
    if (vn_pressure_read(hands->root, &ratio, &error))
        return ratio;
    if (!told)
        g_message("memory is moved without regard to the host's memory pressure: %s",
                  error->message);
    told = TRUE;
    return -1;
}

static void
serve_nobody(gpointer data)
{
}

VnActPort
vn_hands_port(VnHands *hands)
{
    return (VnActPort){.pin = pin,
                       .open_process = open_process,
                       .write_rate = write_rate,
                       .pressure = pressure,
                       .data = hands,
                       .serve = serve_nobody};
}
