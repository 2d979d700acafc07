/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sample: windows of kvm/sampler.h on running QEMUs, for tests in the lab. Attaches its
 * programs at once, says "ready", and then takes windows from standard input, a line
 * each:
 *   PID[,PID...] VCPUS SOURCE MILLISECONDS [GPA+BYTES...]
 * a window each, all at once, until the next line, "stop", or for so long at the most;
 * the pieces are the guests' RAM. The answer is what can be had ("can SOURCE", "cannot
 * SOURCE: WHY": of the first), "open" when the windows are (not for SOURCE "none"), what
 * each brought:
 *   slot ID GPA BYTES HVA, count GRANULE VCPU read|write COUNT, hint VCPU NODE COUNT,
 *   cost KEY=VALUE...
 * and "end", or "end: CODE: WHY".
 */
#include "kvm/sampler.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/process.h"

static gboolean
add_piece(VnSlots *memory, const char *text)
{
    VnSlot slot = {.id = VN_SLOT_UNKNOWN};
    char *end;
    slot.gpa = g_ascii_strtoull(text, &end, 0);
    if (*end != '+')
        return FALSE;
    slot.bytes = g_ascii_strtoull(end + 1, &end, 0);
    return *end == '\0' && vn_slots_add(memory, &slot);
}

static void
print_sources(const VnSampler *sampler, const VnGuest *guest)
{
    for (guint source = 0; source <= VN_SAMPLE_DIRTY_RATE; source++) {
        g_autofree char *why = NULL;
        const char *name = vn_sample_source_name((VnSampleSource) source);
        if (vn_sampler_can(sampler, guest, (VnSampleSource) source, &why))
            printf("can %s\n", name);
        else
            printf("cannot %s: %s\n", name, why);
    }
}

/* The shortest wait that any of @windows wants, at most @left_us. */
static gint64
shortest_wait_us(const GPtrArray *windows, gint64 left_us)
{
    for (guint i = 0; i < windows->len; i++) {
        guint poll_ms = vn_window_poll_ms(windows->pdata[i]);
        left_us = MIN(left_us, poll_ms ? poll_ms * 1000 : left_us);
    }
    return left_us;
}

/* Whether a line comes in within this time. */
static gboolean
wait_for_line(gint64 wait_us)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, (int) MIN((wait_us + 999) / 1000, G_MAXINT)) > 0;
}

/* Until a line comes in, or the time is over. */
static void
wait_and_poll(const GPtrArray *windows, gint64 milliseconds)
{
    gint64 end_us = g_get_monotonic_time() + milliseconds * 1000;
    gint64 left_us;
    char line[16];
    while ((left_us = end_us - g_get_monotonic_time()) > 0) {
        if (wait_for_line(shortest_wait_us(windows, left_us)))
            break;
        for (guint i = 0; i < windows->len; i++)
            vn_window_poll(windows->pdata[i]);
    }
    if (left_us > 0 && !fgets(line, sizeof(line), stdin))
        fprintf(stderr, "input ended within a window\n");
}

static void
print_sample(const VnSample *sample, const VnSlots *slots)
{
    static const char *const kinds[] = {"any", "read", "write"};
    for (guint i = 0; i < slots->array->len; i++) {
        const VnSlot *slot = &g_array_index(slots->array, VnSlot, i);
        printf("slot %u %#" G_GINT64_MODIFIER "x %" G_GUINT64_FORMAT
               " %" G_GINT64_MODIFIER "x\n",
               slot->id, slot->gpa, slot->bytes, slot->hva);
    }
    for (guint i = 0; i < sample->counts->len; i++) {
        const VnSampleCount *count = &g_array_index(sample->counts, VnSampleCount, i);
        printf("count %u %u %s %u\n", count->granule, count->vcpu, kinds[count->access],
               count->count);
    }
    for (guint i = 0; i < sample->hints->len; i++) {
        const VnSampleHint *hint = &g_array_index(sample->hints, VnSampleHint, i);
        printf("hint %u %d %" G_GUINT64_FORMAT "\n", hint->vcpu, hint->host_node,
               hint->count);
    }
    printf(
        "cost faults=%" G_GUINT64_FORMAT " fault_us=%" G_GUINT64_FORMAT
        " cpu_us=%" G_GUINT64_FORMAT " lost=%" G_GUINT64_FORMAT
        " splits=%" G_GUINT64_FORMAT " count_pages=%u duration_us=%" G_GINT64_FORMAT "\n",
        sample->cost.faults, sample->cost.fault_us, sample->cost.cpu_us,
        sample->cost.lost, sample->cost.splits, sample->count_pages, sample->duration_us);
}

/* Ends all windows in any case; FALSE: the first error. */
static gboolean
stop_windows(GPtrArray *windows, GError **error)
{
    gboolean good = TRUE;
    for (guint i = 0; i < windows->len; i++) {
        g_autoptr(VnSlots) slots = NULL;
        g_autoptr(VnSample) sample =
            vn_window_stop(windows->pdata[i], &slots, good ? error : NULL);
        if (sample)
            print_sample(sample, slots);
        else
            good = FALSE;
    }
    g_ptr_array_set_size(windows, 0);
    return good;
}

static gboolean
run_windows(VnSampler *sampler, const GPtrArray *guests, const char *source_name,
            const char *milliseconds, const VnSlots *memory, GError **error)
{
    VnSampleSource source;
    if (strcmp(source_name, "none") == 0)
        return TRUE;
    if (!vn_sample_source_from_name(source_name, &source)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: no such source", source_name);
        return FALSE;
    }
    g_autoptr(GPtrArray) windows = g_ptr_array_new();
    gboolean good = TRUE;
    for (guint i = 0; i < guests->len && good; i++) {
        VnWindow *window = vn_window_start(
            sampler, guests->pdata[i], memory->array->len ? memory : NULL, source, error);
        good = window != NULL;
        if (window)
            g_ptr_array_add(windows, window);
    }
    if (good) {
        puts("open");
        wait_and_poll(windows, g_ascii_strtoll(milliseconds, NULL, 10));
    }
    return stop_windows(windows, good ? error : NULL) && good;
}

static VnGuest *
guest_new(const char *pid, const char *n_vcpus, GError **error)
{
    g_autoptr(VnGuest) guest = vn_guest_new("sampled", "");
    guest->pid = (int) g_ascii_strtoll(pid, NULL, 10);
    for (guint i = 0; i < (guint) g_ascii_strtoull(n_vcpus, NULL, 10); i++)
        vn_guest_add_vcpu(guest, i, 0);
    return vn_process_fill_threads("/", guest, error) ? g_steal_pointer(&guest) : NULL;
}

static void
free_guest(gpointer guest)
{
    vn_guest_free(guest);
}

static gboolean
run_line(VnSampler *sampler, char *line, GError **error)
{
    g_autoptr(VnSlots) memory = vn_slots_new();
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func(free_guest);
    g_auto(GStrv) words = g_strsplit(g_strstrip(line), " ", -1);
    if (g_strv_length(words) < 4) {
        g_set_error_literal(error, VN_ERROR, VN_ERROR_INVALID, "too few words");
        return FALSE;
    }
    for (guint i = 4; words[i]; i++) {
        if (*words[i] && !add_piece(memory, words[i])) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: not GPA+BYTES", words[i]);
            return FALSE;
        }
    }
    g_auto(GStrv) pids = g_strsplit(words[0], ",", -1);
    for (guint i = 0; pids[i]; i++) {
        VnGuest *guest = guest_new(pids[i], words[1], error);
        if (!guest)
            return FALSE;
        g_ptr_array_add(guests, guest);
    }
    print_sources(sampler, guests->pdata[0]);
    return run_windows(sampler, guests, words[2], words[3], memory, error);
}

int
main(void)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(VnSampler) sampler = vn_sampler_new(0);
    static char line[65536];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!vn_sampler_attach(sampler, &problem))
        printf("# %s\n", problem->message);
    puts("ready");
    while (fgets(line, sizeof(line), stdin)) {
        g_autoptr(GError) error = NULL;
        if (run_line(sampler, line, &error))
            puts("end");
        else
            printf("end: %s: %s\n", vn_error_code_name((VnErrorCode) error->code),
                   error->message);
    }
    return EXIT_SUCCESS;
}
