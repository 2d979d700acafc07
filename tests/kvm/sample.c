/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sample: windows of kvm/sampler.h on running QEMUs, for tests in the lab. Attaches its
 * programs at once, says "ready", and then takes windows from standard input, a line
 * each:
 *   PID VCPUS SOURCE MILLISECONDS [GPA+BYTES...]
 * The pieces are the guest's RAM. The answer is what can be had ("can SOURCE", "cannot
 * SOURCE: WHY"), "open" when the window is (not for SOURCE "none"), what it brought:
 *   slot ID GPA BYTES HVA, count GRANULE VCPU read|write COUNT, hint VCPU NODE COUNT,
 *   cost KEY=VALUE...
 * and "end", or "end: WHY".
 */
#include "kvm/sampler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void
wait_and_poll(VnWindow *window, gint64 milliseconds)
{
    gint64 end_us = g_get_monotonic_time() + milliseconds * 1000;
    gint64 left_us;
    while ((left_us = end_us - g_get_monotonic_time()) > 0) {
        guint poll_ms = vn_window_poll_ms(window);
        g_usleep((gulong) MIN(left_us, poll_ms ? poll_ms * 1000 : left_us));
        vn_window_poll(window);
    }
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
    printf("cost faults=%" G_GUINT64_FORMAT " fault_us=%" G_GUINT64_FORMAT
           " cpu_us=%" G_GUINT64_FORMAT " lost=%" G_GUINT64_FORMAT
           " count_pages=%u duration_us=%" G_GINT64_FORMAT "\n",
           sample->cost.faults, sample->cost.fault_us, sample->cost.cpu_us,
           sample->cost.lost, sample->count_pages, sample->duration_us);
}

static gboolean
run_window(VnSampler *sampler, const VnGuest *guest, const char *source_name,
           const char *milliseconds, const VnSlots *memory, GError **error)
{
    g_autoptr(VnSlots) slots = NULL;
    VnSampleSource source;
    print_sources(sampler, guest);
    if (strcmp(source_name, "none") == 0)
        return TRUE;
    if (!vn_sample_source_from_name(source_name, &source)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: no such source", source_name);
        return FALSE;
    }
    VnWindow *window = vn_window_start(sampler, guest, memory->array->len ? memory : NULL,
                                       source, error);
    if (!window)
        return FALSE;
    puts("open");
    wait_and_poll(window, g_ascii_strtoll(milliseconds, NULL, 10));
    g_autoptr(VnSample) sample = vn_window_stop(window, &slots, error);
    if (!sample)
        return FALSE;
    print_sample(sample, slots);
    return TRUE;
}

static gboolean
run_line(VnSampler *sampler, char *line, GError **error)
{
    g_autoptr(VnSlots) memory = vn_slots_new();
    g_auto(GStrv) words = g_strsplit(g_strstrip(line), " ", -1);
    if (g_strv_length(words) < 4) {
        g_set_error_literal(error, VN_ERROR, VN_ERROR_INVALID, "too few words");
        return FALSE;
    }
    g_autoptr(VnGuest) guest = vn_guest_new("sampled", "");
    guest->pid = (int) g_ascii_strtoll(words[0], NULL, 10);
    for (guint i = 0; i < (guint) g_ascii_strtoull(words[1], NULL, 10); i++)
        vn_guest_add_vcpu(guest, i, 0);
    for (guint i = 4; words[i]; i++) {
        if (*words[i] && !add_piece(memory, words[i])) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: not GPA+BYTES", words[i]);
            return FALSE;
        }
    }
    return vn_process_fill_threads("/", guest, error) &&
           run_window(sampler, guest, words[2], words[3], memory, error);
}

int
main(void)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(VnSampler) sampler = vn_sampler_new(0);
    char line[4096];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!vn_sampler_attach(sampler, &problem))
        printf("# %s\n", problem->message);
    puts("ready");
    while (fgets(line, sizeof(line), stdin)) {
        g_autoptr(GError) error = NULL;
        if (run_line(sampler, line, &error))
            puts("end");
        else
            printf("end: %s\n", error->message);
    }
    return EXIT_SUCCESS;
}
