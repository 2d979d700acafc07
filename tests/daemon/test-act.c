/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Act with fake hands: a kernel that keeps a node for each page of two cells, as strict
 * as the real one where act can tell (host/move has the finer cases), and a libvirt that
 * fails on demand.
 */
#include "daemon/act.h"
#include "daemon/check-parts.h"
#include "daemon/check.h"
#include "policies/align.h"
#include "tests/support/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u
#define CELL_MIB 256u
#define CELL_PAGES (CELL_MIB * 256u)

typedef struct {
    VnSnapshot *snapshot;
    VnGuest *guest;
    VnConfig config;
    VnProgress *progress;
    VnLedger *ledger;
    char *folder;
    guint8 node_of[2][CELL_PAGES]; /* each cell's pages */
    gint64 free_pages[2];          /* each host node's */
    int alive[2];                  /* a pipe: its read end stands for the pidfd */
    guint n_pins;
    guint fail_pin;  /* the how manyth pin fails; 0: none */
    guint die_after; /* the how manyth serving ends the guest; 0: none */
    guint cancel_after;
    guint n_served;
    double pressure; /* of the host's memory */
    double writes;   /* bytes per second, by the guest */
    GArray *moved;   /* of guint: granules of cell 0, in the order in which they moved */
} Fixture;

static gboolean
fake_pin(gpointer data, const VnStep *step, const VnIdSet *cpus, GError **error)
{
    Fixture *fixture = data;
    if (++fixture->n_pins == fixture->fail_pin) {
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "guest g1: libvirt is away");
        return FALSE;
    }
    VnIdSet **pinned = step->kind == VN_STEP_PIN_VCPU
                           ? &vn_guest_find_vcpu(fixture->guest, step->target)->pinned
                           : &fixture->guest->emulator_pinned;
    vn_idset_free(*pinned);
    *pinned = vn_idset_copy(cpus);
    return TRUE;
}

static int
fake_open(gpointer data, const VnGuest *guest, GError **error)
{
    const Fixture *fixture = data;
    return dup(fixture->alive[0]);
}

static long
fake_move_pages(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
                int flags, gpointer data)
{
    Fixture *fixture = data;
    for (gulong i = 0; i < n_pages; i++) {
        guint64 address = (guint64) (gsize) pages[i];
        guint cell = (guint) (address >> 30) - 1;
        guint64 index = (address & ((1u << 30) - 1)) / PAGE;
        g_assert_cmpuint(cell, <, 2);
        g_assert_cmpuint(index, <, CELL_PAGES);
        guint8 *node = &fixture->node_of[cell][index];
        if (nodes && nodes[i] != *node) {
            g_assert_cmpint(nodes[i], ==, (int) cell); /* the only home it may go to */
            if (fixture->free_pages[nodes[i]] <= 0) {
                errno = ENOMEM;
                return -1; /* as the kernel: without the statuses of this run */
            }
            fixture->free_pages[nodes[i]]--;
            fixture->free_pages[*node]++;
            *node = (guint8) nodes[i];
            guint granule = (guint) index / 512;
            if (cell == 0 && index % 512 == 0)
                g_array_append_val(fixture->moved, granule);
        }
    }
    for (gulong i = 0; i < n_pages; i++) {
        guint64 address = (guint64) (gsize) pages[i];
        status[i] =
            fixture->node_of[(address >> 30) - 1][(address & ((1u << 30) - 1)) / PAGE];
    }
    return 0;
}

static void
count_resident(Fixture *fixture)
{
    for (guint cell = 0; cell < 2; cell++) {
        guint64 pages[2] = {0, 0};
        for (guint i = 0; i < CELL_PAGES; i++)
            pages[fixture->node_of[cell][i]]++;
        for (guint node = 0; node < 2; node++)
            vn_cell_set_resident(scenario_cell(fixture->guest, cell), node,
                                 pages[node] * PAGE);
    }
}

static void
fake_serve(gpointer data)
{
    Fixture *fixture = data;
    fixture->n_served++;
    if (fixture->n_served == fixture->die_after)
        close(fixture->alive[1]);
    if (fixture->n_served == fixture->cancel_after)
        vn_progress_cancel(fixture->progress);
}

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->snapshot = scenario_new(2, 2, 3072);
    fixture->guest = scenario_guest(fixture->snapshot, "g1", 2, 1, CELL_MIB);
    scenario_pin(fixture->guest, 0, "0-1");
    scenario_pin(fixture->guest, 1, "2-3");
    fixture->guest->emulator_pinned = vn_idset_new_with(0);
    memset(fixture->node_of[0], 1, CELL_PAGES);
    memset(fixture->node_of[1], 0, CELL_PAGES);
    fixture->free_pages[0] = fixture->free_pages[1] = 10 * CELL_PAGES;
    count_resident(fixture);
    fixture->moved = g_array_new(FALSE, FALSE, sizeof(guint));
    fixture->config = vn_config_defaults();
    fixture->progress = vn_progress_new();
    fixture->folder = g_dir_make_tmp("vnumad-act-XXXXXX", NULL);
    fixture->ledger = vn_ledger_open(fixture->folder, NULL);
    g_assert_cmpint(pipe(fixture->alive), ==, 0);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(fixture->folder, "ledger.jsonl", NULL);
    close(fixture->alive[0]);
    if (!fixture->die_after)
        close(fixture->alive[1]);
    vn_ledger_free(fixture->ledger);
    vn_progress_unref(fixture->progress);
    vn_snapshot_unref(fixture->snapshot);
    g_unlink(path);
    g_rmdir(fixture->folder);
    g_array_unref(fixture->moved);
    g_free(fixture->folder);
}

static double
fake_write_rate(gpointer data, const VnGuest *guest)
{
    return ((const Fixture *) data)->writes;
}

static double
fake_pressure(gpointer data)
{
    return ((const Fixture *) data)->pressure;
}

static void
carry_out(Fixture *fixture, VnPlan *plan)
{
    VnActPort port = {.pin = fake_pin,
                      .open_process = fake_open,
                      .write_rate = fake_write_rate,
                      .pressure = fake_pressure,
                      .move_pages = fake_move_pages,
                      .data = fixture,
                      .serve = fake_serve,
                      .serve_data = fixture};
    vn_act(&port, &fixture->config, fixture->ledger, fixture->progress, fixture->snapshot,
           plan);
}

static VnPlan *
act(Fixture *fixture)
{
    VnPlan *plan = vn_align_decide(fixture->snapshot);
    carry_out(fixture, plan);
    return plan;
}

static const VnStep *
step_at(const VnPlan *plan, guint i)
{
    g_assert_cmpuint(i, <, plan->steps->len);
    return plan->steps->pdata[i];
}

static gsize
count_recorded(const Fixture *fixture)
{
    g_autoptr(GVariant) past =
        g_variant_ref_sink(vn_ledger_past_steps(fixture->ledger, fixture->guest->uuid));
    return g_variant_n_children(past);
}

static void
test_brings_cells_home(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VnPlan) plan = act(fixture);
    g_assert_cmpuint(plan->steps->len, ==, 2);
    count_resident(fixture);
    vn_check(fixture->snapshot, plan);
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpint(step_at(plan, i)->outcome, ==, VN_OUTCOME_DONE);
        g_assert_cmpuint(step_at(plan, i)->bytes_moved, ==, CELL_MIB * MIB);
    }
    g_assert_cmpfloat(
        vn_guest_alignment(fixture->guest, vn_plan_find_decision(plan, "g1")->homes), ==,
        1);
    g_assert_cmpuint(count_recorded(fixture), ==, 4);
    g_auto(VnProgressState) state = vn_progress_get(fixture->progress);
    g_assert_cmpuint(state.bytes_done, ==, state.bytes_total);
    g_assert_cmpuint(fixture->n_served, >, 4);
}

/* The cell's parts, by granule, which its step names. */
static void
name_parts(VnPlan *plan, const guint *granules, guint n)
{
    VnStep *step = plan->steps->pdata[0];
    step->parts = g_array_new(FALSE, FALSE, sizeof(VnStepPart));
    for (guint i = 0; i < n; i++) {
        VnStepPart part = {granules[i] * VN_GRANULE_BYTES, VN_GRANULE_BYTES};
        g_array_append_val(step->parts, part);
    }
}

/* What is hottest goes first, then the rest; the ledger has figures, not each part. */
static void
test_hottest_first(Fixture *fixture, gconstpointer unused)
{
    static const guint hottest[] = {77, 3, 100, 99, 0, 5000};
    static const guint expected[] = {77, 3, 100, 99, 0, 1, 2, 4};
    g_autoptr(VnPlan) plan = vn_align_decide(fixture->snapshot);
    name_parts(plan, hottest, G_N_ELEMENTS(hottest));
    carry_out(fixture, plan);
    g_assert_cmpint(step_at(plan, 0)->outcome, ==, VN_OUTCOME_DONE);
    g_assert_cmpuint(step_at(plan, 0)->bytes_moved, ==, CELL_MIB * MIB);
    g_assert_cmpuint(fixture->moved->len, ==, CELL_MIB / 2);
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
        g_assert_cmpuint(g_array_index(fixture->moved, guint, i), ==, expected[i]);

    g_autoptr(GVariant) past =
        g_variant_ref_sink(vn_ledger_past_steps(fixture->ledger, fixture->guest->uuid));
    g_autoptr(GVariant) begun = g_variant_get_child_value(past, 0);
    guint32 parts = 0;
    guint64 bytes = 0;
    g_assert_true(g_variant_lookup(begun, "parts", "u", &parts));
    g_assert_true(g_variant_lookup(begun, "parts_bytes", "t", &bytes));
    g_assert_cmpuint(parts, ==, 6);
    g_assert_cmpuint(bytes, ==, 6 * VN_GRANULE_BYTES);
}

/* Parts alone: the rest stays, and the check asks where they lie. */
static void
test_parts_only(Fixture *fixture, gconstpointer unused)
{
    static const guint granules[] = {40, 7, 90};
    g_autoptr(VnPlan) plan = vn_align_decide(fixture->snapshot);
    name_parts(plan, granules, 3);
    VnStep *step = plan->steps->pdata[0];
    step->parts_only = TRUE;
    step->bytes = vn_step_parts_bytes(step);
    g_ptr_array_remove_index(plan->steps, 1);
    carry_out(fixture, plan);
    g_assert_cmpuint(step->bytes_moved, ==, 3 * VN_GRANULE_BYTES);
    g_assert_cmpuint(fixture->moved->len, ==, 3);
    count_resident(fixture);
    vn_check_parts(fixture->snapshot, fake_move_pages, fixture, plan);
    vn_check(fixture->snapshot, plan);
    g_assert_cmpint(step->outcome, ==, VN_OUTCOME_DONE);
    g_assert_null(step->outcome_text);

    fixture->node_of[0][90 * 512] = 1;
    fixture->node_of[0][40 * 512 + 511] = 1;
    fixture->node_of[0][7 * 512 + 2] = 1; /* nobody looks there */
    vn_check_parts(fixture->snapshot, fake_move_pages, fixture, plan);
    vn_check(fixture->snapshot, plan);
    g_assert_cmpint(step->outcome, ==, VN_OUTCOME_PENDING);
    g_assert_cmpstr(step->outcome_text, ==, "33 % of these parts still lie elsewhere");

    fixture->guest->state = VN_GUEST_STOPPED;
    vn_check_parts(fixture->snapshot, fake_move_pages, fixture, plan);
    vn_check(fixture->snapshot, plan);
    g_assert_cmpint(step->outcome, ==, VN_OUTCOME_FAILED);
}

/* Two full nodes, 8 MiB free in all: the cells change places by turns. */
static void
test_exchange_through_little_room(Fixture *fixture, gconstpointer unused)
{
    fixture->free_pages[0] = 4 * 256;
    fixture->free_pages[1] = 4 * 256;
    g_autoptr(VnPlan) plan = act(fixture);
    for (guint i = 0; i < 2; i++)
        g_assert_cmpint(step_at(plan, i)->outcome, ==, VN_OUTCOME_DONE);
    count_resident(fixture);
    g_assert_cmpuint(
        vn_cell_resident_on(scenario_cell(fixture->guest, 0), step_at(plan, 0)->after),
        ==, CELL_MIB * MIB);
}

static void
test_target_full(Fixture *fixture, gconstpointer unused)
{
    memset(fixture->node_of[1], 1, CELL_PAGES); /* cell 1 is at home: nobody makes room */
    fixture->free_pages[0] = 100 * 256;
    count_resident(fixture);
    g_autoptr(VnPlan) plan = act(fixture);
    g_assert_cmpuint(plan->steps->len, ==, 1);
    g_assert_cmpint(step_at(plan, 0)->outcome, ==, VN_OUTCOME_PENDING);
    g_assert_cmpuint(step_at(plan, 0)->bytes_moved, ==, 100 * MIB);
    g_assert_nonnull(strstr(step_at(plan, 0)->outcome_text, "host node 0 is full"));
    g_assert_nonnull(strstr(step_at(plan, 0)->outcome_text, "156.0"));
}

static void
test_guest_vanishes(Fixture *fixture, gconstpointer unused)
{
    fixture->die_after = 4;
    g_autoptr(VnPlan) plan = act(fixture);
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpint(step_at(plan, i)->outcome, ==, VN_OUTCOME_FAILED);
        g_assert_nonnull(strstr(step_at(plan, i)->outcome_text, "stopped"));
        g_assert_cmpuint(step_at(plan, i)->bytes_moved, <, CELL_MIB * MIB);
    }
    g_assert_cmpuint(count_recorded(fixture), ==, 4);
}

static void
test_cancel(Fixture *fixture, gconstpointer unused)
{
    fixture->cancel_after = 3;
    g_autoptr(VnPlan) plan = act(fixture);
    guint64 moved = 0;
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpint(step_at(plan, i)->outcome, ==, VN_OUTCOME_PENDING);
        g_assert_cmpstr(step_at(plan, i)->outcome_text, ==, "cancelled");
        moved += step_at(plan, i)->bytes_moved;
    }
    g_assert_cmpuint(moved, >, 0);
    g_assert_cmpuint(moved, <, 2 * CELL_MIB * MIB);
}

/* vCPUs unpinned and memory bound: three pins. One that fails takes back those before. */
static void
test_a_failed_pin_takes_back_the_others(Fixture *fixture, gconstpointer unused)
{
    for (guint i = 0; i < 2; i++) {
        g_clear_pointer(&vn_guest_find_vcpu(fixture->guest, i)->pinned, vn_idset_free);
        scenario_bind(fixture->guest, i, VN_BINDING_STRICT, i ? "1" : "0");
    }
    fixture->fail_pin = 2;
    g_autoptr(VnPlan) plan = act(fixture);
    g_assert_cmpuint(plan->steps->len, ==, 4);
    g_assert_cmpint(step_at(plan, 0)->outcome, ==, VN_OUTCOME_SKIPPED);
    g_assert_nonnull(strstr(step_at(plan, 0)->outcome_text, "taken back"));
    g_assert_cmpint(step_at(plan, 1)->outcome, ==, VN_OUTCOME_FAILED);
    g_assert_nonnull(strstr(step_at(plan, 1)->outcome_text, "libvirt is away"));
    for (guint i = 2; i < 4; i++)
        g_assert_cmpint(step_at(plan, i)->outcome, ==, VN_OUTCOME_SKIPPED);
    g_assert_cmpuint(fixture->node_of[0][0], ==, 1); /* no byte was moved */
    g_autofree char *cpus =
        vn_idset_format(vn_guest_find_vcpu(fixture->guest, 0)->pinned);
    g_assert_cmpstr(cpus, ==, "0-3");
}

/* No record, no change. */
static void
test_ledger_cannot_be_written(Fixture *fixture, gconstpointer unused)
{
    if (g_access("/dev/full", W_OK) != 0) {
        g_test_skip("there is no /dev/full to run out of room on");
        return;
    }
    /* The ledger's descriptor is the highest one open; put a full disk in its place. */
    g_autofree char *path = g_build_filename(fixture->folder, "ledger.jsonl", NULL);
    int full = g_open("/dev/full", O_WRONLY, 0);
    gboolean replaced = FALSE;
    for (int fd = 3; fd < 64 && !replaced; fd++) {
        g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
        g_autofree char *target = g_file_read_link(link, NULL);
        if (target && strcmp(target, path) == 0)
            replaced = dup2(full, fd) == fd;
    }
    close(full);
    g_assert_true(replaced);
    g_autoptr(VnPlan) plan = act(fixture);
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpint(step_at(plan, i)->outcome, ==, VN_OUTCOME_FAILED);
        g_assert_nonnull(strstr(step_at(plan, i)->outcome_text, "recorded"));
        g_assert_cmpuint(step_at(plan, i)->bytes_moved, ==, 0);
    }
    g_assert_cmpuint(fixture->node_of[0][0], ==, 1);
}

/* Both cells of the guest share its cap; the first chunk is there at once. */
static void
test_caps(Fixture *fixture, gconstpointer unused)
{
    const guint64 cap = 2048 * MIB;
    for (guint i = 0; i < 3; i++) {
        fixture->config.guest_bytes_per_second = i != 1 ? cap : 0;
        fixture->config.host_bytes_per_second = i == 1 ? cap : 0;
        fixture->writes = i == 2 ? (double) cap : 0; /* it halves the guest's */
        memset(fixture->node_of[0], 1, CELL_PAGES);
        memset(fixture->node_of[1], 0, CELL_PAGES);
        gint64 begun_us = g_get_monotonic_time();
        g_autoptr(VnPlan) plan = act(fixture);
        double seconds = (double) (g_get_monotonic_time() - begun_us) / G_USEC_PER_SEC;
        double rate = (double) cap / (i == 2 ? 2 : 1);
        g_test_message("%u MiB at %.0f MiB/s: %.3f s", 2 * CELL_MIB, rate / MIB, seconds);
        for (guint k = 0; k < 2; k++) {
            g_assert_cmpint(step_at(plan, k)->outcome, ==, VN_OUTCOME_DONE);
            g_assert_cmpuint(step_at(plan, k)->bytes_moved, ==, CELL_MIB * MIB);
        }
        g_assert_cmpfloat(seconds, >=, (double) (2 * CELL_MIB - 64) * MIB / rate);
    }
}

/* Without a cap: between two chunks others have more than one turn. */
static void
test_pressed_memory(Fixture *fixture, gconstpointer unused)
{
    guint n_served[2];
    for (guint i = 0; i < 2; i++) {
        fixture->pressure = i;
        fixture->n_served = 0;
        memset(fixture->node_of[0], 1, CELL_PAGES);
        memset(fixture->node_of[1], 0, CELL_PAGES);
        g_autoptr(VnPlan) plan = act(fixture);
        g_assert_cmpuint(vn_plan_bytes_moved(plan), ==, 2 * CELL_MIB * MIB);
        n_served[i] = fixture->n_served;
    }
    g_assert_cmpuint(n_served[1], >, n_served[0]);
}

/* At a cap by which it takes minutes: who waits sees a cancel, and the guest's end. */
static void
test_waiting_ends(Fixture *fixture, gconstpointer unused)
{
    static const struct {
        guint cancel_after;
        guint die_after;
        VnOutcome outcome;
        const char *why;
    } cases[] = {
        {3, 0, VN_OUTCOME_PENDING, "cancelled"},
        {0, 6, VN_OUTCOME_FAILED, "stopped"},
    };
    fixture->config.host_bytes_per_second = 1000000;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        vn_progress_unref(fixture->progress);
        fixture->progress = vn_progress_new();
        fixture->n_served = 0;
        fixture->cancel_after = cases[i].cancel_after;
        fixture->die_after = cases[i].die_after;
        count_resident(fixture);
        g_autoptr(VnPlan) plan = act(fixture);
        for (guint k = 0; k < 2; k++) {
            g_assert_cmpint(step_at(plan, k)->outcome, ==, cases[i].outcome);
            g_assert_nonnull(strstr(step_at(plan, k)->outcome_text, cases[i].why));
        }
        g_assert_cmpuint(vn_plan_bytes_moved(plan), <, 16 * MIB);
        g_assert_cmpuint(fixture->n_served, <=, 8);
    }
}

/* Waiting counts as time spent: a move ends within step_timeout_seconds. */
static void
test_waiting_has_a_deadline(Fixture *fixture, gconstpointer unused)
{
    fixture->config.guest_bytes_per_second = 1000000;
    fixture->config.step_timeout_seconds = 1;
    g_autoptr(VnPlan) plan = act(fixture);
    for (guint k = 0; k < 2; k++) {
        g_assert_cmpint(step_at(plan, k)->outcome, ==, VN_OUTCOME_PENDING);
        g_assert_nonnull(strstr(step_at(plan, k)->outcome_text, "step_timeout_seconds"));
    }
    g_assert_cmpuint(vn_plan_bytes_moved(plan), >, 0);
    g_assert_cmpuint(vn_plan_bytes_moved(plan), <, 16 * MIB);
    g_assert_cmpuint(fixture->n_served, >, 10); /* others had their turns */
}

/* Full targets under a cap: the end comes, and says why. */
static void
test_target_full_with_cap(Fixture *fixture, gconstpointer unused)
{
    fixture->config.guest_bytes_per_second = 2048 * MIB;
    fixture->free_pages[0] = 100 * 256;
    memset(fixture->node_of[1], 1, CELL_PAGES);
    count_resident(fixture);
    g_autoptr(VnPlan) plan = act(fixture);
    g_assert_cmpint(step_at(plan, 0)->outcome, ==, VN_OUTCOME_PENDING);
    g_assert_cmpuint(step_at(plan, 0)->bytes_moved, ==, 100 * MIB);
    g_assert_nonnull(strstr(step_at(plan, 0)->outcome_text, "host node 0 is full"));
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/act/brings-cells-home", test_brings_cells_home);
    ADD("/act/hottest-first", test_hottest_first);
    ADD("/act/parts-only", test_parts_only);
    ADD("/act/exchange-through-little-room", test_exchange_through_little_room);
    ADD("/act/target-full", test_target_full);
    ADD("/act/target-full-with-cap", test_target_full_with_cap);
    ADD("/act/caps", test_caps);
    ADD("/act/pressed-memory", test_pressed_memory);
    ADD("/act/waiting-ends", test_waiting_ends);
    ADD("/act/waiting-has-a-deadline", test_waiting_has_a_deadline);
    ADD("/act/guest-vanishes", test_guest_vanishes);
    ADD("/act/cancel", test_cancel);
    ADD("/act/a-failed-pin-takes-back-the-others",
        test_a_failed_pin_takes_back_the_others);
    ADD("/act/ledger-cannot-be-written", test_ledger_cannot_be_written);
    return g_test_run();
}
