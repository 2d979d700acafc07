/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Acting on a plan: pins guest by guest with a way back, then the moves by turns. */
#include "daemon/act.h"

#include "daemon/origins.h"
#include "model/text.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

/* One turn of one cell. Twice what the mover needs for full speed, and short enough that
 * readers and a cancel wait for a fraction of a second. */
#define CHUNK_BYTES (G_GUINT64_CONSTANT(64) << 20)
/* How long pages that were busy are left in peace before the next try. */
#define BUSY_PAUSE_US (20 * 1000)

typedef struct {
    const VnActPort *port;
    const VnConfig *config;
    VnLedger *ledger;
    VnProgress *progress;
    const VnSnapshot *snapshot;
    VnPlan *plan;
} Actor;

/* One move on its way. */
typedef struct {
    VnStep *step;
    VnMove *move;
    int process; /* descriptor, see VnActPort.open_process; -1: none */
    VnMoveState state;
    gint64 spent_us;
    guint64 moved_before_bytes; /* in an earlier round */
    gboolean over;
} Job;

/* Begins a step in the ledger; when that cannot be written, the step must not be done. */
static gboolean
record_begin(const Actor *actor, VnStep *step)
{
    g_autoptr(GError) error = NULL;
    if (vn_ledger_append(actor->ledger, "begin", step, &error))
        return TRUE;
    vn_step_set_outcome(step, VN_OUTCOME_FAILED,
                        "not begun, because it cannot be recorded: "
                        "%s",
                        error->message);
    return FALSE;
}

static void
record_end(const Actor *actor, const VnStep *step)
{
    g_autoptr(GError) error = NULL;
    if (!vn_ledger_append(actor->ledger, "end", step, &error))
        g_warning("%s", error->message);
}

static void
skip_guest(const Actor *actor, const char *uuid, const char *why)
{
    for (guint i = 0; i < actor->plan->steps->len; i++) {
        VnStep *step = actor->plan->steps->pdata[i];
        if (strcmp(step->uuid, uuid) == 0 && step->outcome == VN_OUTCOME_PLANNED)
            vn_step_set_outcome(step, VN_OUTCOME_SKIPPED, "%s", why);
    }
}

static void
take_back_pins(const Actor *actor, const char *uuid)
{
    for (guint i = actor->plan->steps->len; i-- > 0;) {
        VnStep *step = actor->plan->steps->pdata[i];
        if (strcmp(step->uuid, uuid) != 0 || step->kind == VN_STEP_MOVE_MEMORY ||
            step->outcome != VN_OUTCOME_DONE)
            continue;
        g_autoptr(GError) error = NULL;
        if (actor->port->pin(actor->port->data, step, step->before, &error))
            vn_step_set_outcome(step, VN_OUTCOME_SKIPPED,
                                "taken back, because another pin of this guest failed");
        else
            vn_step_set_outcome(
                step, VN_OUTCOME_FAILED,
                "another pin of this guest failed, and taking this one back "
                "did too: %s",
                error->message);
        record_end(actor, step);
    }
}

static void
do_pin(const Actor *actor, VnStep *step)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *target = vn_step_target(step);
    vn_progress_set_activity(actor->progress, "guest %s: pinning %s", step->guest,
                             target);
    if (!record_begin(actor, step)) {
        skip_guest(actor, step->uuid,
                   "an earlier step of this guest could not be recorded");
        take_back_pins(actor, step->uuid);
        return;
    }
    if (actor->port->pin(actor->port->data, step, step->after, &error)) {
        vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
        record_end(actor, step);
        return;
    }
    vn_step_set_outcome(step, VN_OUTCOME_FAILED, "%s", error->message);
    record_end(actor, step);
    take_back_pins(actor, step->uuid);
    skip_guest(actor, step->uuid, "an earlier step of this guest failed");
}

/* One's turn to end: how far it came is its outcome until the check. */
static void
end_job(const Actor *actor, Job *job, VnOutcome outcome, const char *why)
{
    vn_step_set_outcome(job->step, outcome, why ? "%s" : NULL, why);
    job->over = TRUE;
    record_end(actor, job->step);
}

/* What stayed behind although nothing went wrong; NULL when nothing did. */
static char *
leftovers(const VnMoveTally *tally)
{
    GString *text = g_string_new(NULL);
    if (tally->immovable_bytes) {
        g_autofree char *size = vn_text_bytes(tally->immovable_bytes);
        g_string_append_printf(text,
                               "%s cannot be moved: pinned, by a passed-through device "
                               "for one, or busy at every try",
                               size);
    }
    if (tally->shared_bytes) {
        g_autofree char *size = vn_text_bytes(tally->shared_bytes);
        g_string_append_printf(text, "%s%s are shared with another process",
                               text->len ? "; " : "", size);
    }
    return g_string_free(text, text->len == 0);
}

static gboolean
process_ended(const Job *job)
{
    struct pollfd poll_for = {.fd = job->process, .events = POLLIN};
    return poll(&poll_for, 1, 0) > 0;
}

static guint64
bytes_done(const GArray *jobs)
{
    guint64 bytes = 0;
    for (guint i = 0; i < jobs->len; i++)
        bytes += g_array_index(jobs, Job, i).step->bytes_moved;
    return bytes;
}

static void
end_when_full(const Actor *actor, Job *job)
{
    g_autofree char *nodes = vn_idset_format(job->step->after);
    g_autofree char *left = vn_text_bytes(vn_move_tally(job->move)->left_bytes);
    g_autofree char *why =
        g_strdup_printf("host node %s is full; %s did not fit", nodes, left);
    end_job(actor, job, VN_OUTCOME_PENDING, why);
}

/* One chunk of one move. */
static void
take_turn(const Actor *actor, Job *job)
{
    g_autoptr(GError) error = NULL;
    const VnMoveTally *tally = vn_move_tally(job->move);
    gint64 begun_us = g_get_monotonic_time();

    if (process_ended(job)) {
        end_job(actor, job, VN_OUTCOME_FAILED, "the guest stopped meanwhile");
        return;
    }
    gboolean worked = vn_move_chunk(job->move, CHUNK_BYTES, &job->state, &error);
    job->step->bytes_moved = job->moved_before_bytes + tally->moved_bytes;
    job->spent_us += g_get_monotonic_time() - begun_us;
    if (!worked) {
        end_job(actor, job, VN_OUTCOME_FAILED, error->message);
    } else if (job->state == VN_MOVE_DONE) {
        g_autofree char *left = leftovers(tally);
        end_job(actor, job, VN_OUTCOME_DONE, left);
    } else if (job->spent_us >
               (gint64) actor->config->step_timeout_seconds * G_USEC_PER_SEC) {
        end_job(actor, job, VN_OUTCOME_PENDING,
                "it took longer than step_timeout_seconds; the next rebalance goes on");
    }
}

/*
 * Turns go round until every move is over. A round without a byte moved in which all that
 * are left found their targets full, is the end for these: nobody makes room any more.
 */
static void
take_turns(const Actor *actor, GArray *jobs)
{
    for (;;) {
        guint n_left = 0;
        guint n_full = 0;
        guint n_busy = 0;
        guint64 before = bytes_done(jobs);
        for (guint i = 0; i < jobs->len; i++) {
            Job *job = &g_array_index(jobs, Job, i);
            if (job->over)
                continue;
            if (vn_progress_is_cancelled(actor->progress)) {
                end_job(actor, job, VN_OUTCOME_PENDING, "cancelled");
                continue;
            }
            vn_progress_set_activity(actor->progress, "guest %s: moving cell %u",
                                     job->step->guest, job->step->target);
            take_turn(actor, job);
            vn_progress_set_bytes_done(actor->progress, bytes_done(jobs),
                                       g_get_monotonic_time());
            actor->port->serve(actor->port->serve_data);
            n_left += !job->over;
            n_full += !job->over && job->state == VN_MOVE_FULL;
            n_busy += !job->over && job->state == VN_MOVE_BUSY;
        }
        if (!n_left)
            return;
        if (n_full == n_left && bytes_done(jobs) == before) {
            for (guint i = 0; i < jobs->len; i++) {
                Job *job = &g_array_index(jobs, Job, i);
                if (!job->over)
                    end_when_full(actor, job);
            }
            return;
        }
        if (n_busy + n_full == n_left)
            g_usleep(BUSY_PAUSE_US);
    }
}

static void
job_clear(gpointer data)
{
    Job *job = data;
    vn_move_free(job->move);
    if (job->process >= 0)
        close(job->process);
}

/* What of the cell is to move first, where QEMU has it. */
static void
set_parts(VnMove *move, const VnCell *cell, const VnStep *step)
{
    g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(VnMovePart));
    for (guint i = 0; step->parts && i < step->parts->len; i++) {
        const VnStepPart *part = &g_array_index(step->parts, VnStepPart, i);
        guint64 size = cell->hva_end - cell->hva_start;
        guint64 from = MIN(part->offset_bytes, size);
        VnMovePart there = {.start = cell->hva_start + from,
                            .end =
                                cell->hva_start + from + MIN(part->bytes, size - from)};
        g_array_append_val(parts, there);
    }
    if (step->parts)
        vn_move_set_parts(move, parts, step->parts_only);
}

/* Prepares a move; a step that cannot begin gets its outcome here. */
static void
begin_job(const Actor *actor, VnStep *step, GArray *jobs)
{
    g_autoptr(GError) error = NULL;
    const VnGuest *guest = vn_snapshot_find(actor->snapshot, step->uuid);
    const VnCell *cell = guest->cells->pdata[step->target];
    VnMoveRange range = {.pid = guest->pid,
                         .start = cell->hva_start,
                         .end = cell->hva_end,
                         .page_size_bytes = cell->page_size_bytes};
    Job job = {.step = step, .process = -1, .moved_before_bytes = step->bytes_moved};

    job.process = actor->port->open_process(actor->port->data, guest, &error);
    if (job.process >= 0)
        job.move = vn_move_new(&range, step->after, actor->snapshot->host,
                               actor->port->move_pages, actor->port->data, &error);
    if (job.move)
        set_parts(job.move, cell, step);
    if (!job.move) {
        vn_step_set_outcome(step, VN_OUTCOME_FAILED, "%s", error->message);
        job_clear(&job);
        return;
    }
    /* What an undo brings back is what it was before the plan that it takes back. */
    if (!step->origins && strcmp(step->policy, "undo") != 0)
        step->origins =
            vn_origins_read(guest, step, actor->port->move_pages, actor->port->data);
    if (!record_begin(actor, step)) {
        job_clear(&job);
        return;
    }
    g_array_append_val(jobs, job);
}

void
vn_act(const VnActPort *port, const VnConfig *config, VnLedger *ledger,
       VnProgress *progress, const VnSnapshot *snapshot, VnPlan *plan)
{
    Actor actor = {.port = port,
                   .config = config,
                   .ledger = ledger,
                   .progress = progress,
                   .snapshot = snapshot,
                   .plan = plan};
    g_autoptr(GArray) jobs = g_array_new(FALSE, FALSE, sizeof(Job));
    g_array_set_clear_func(jobs, job_clear);

    vn_progress_set_bytes_total(progress, vn_plan_bytes_total(plan));
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        if (vn_progress_is_cancelled(progress))
            skip_guest(&actor, step->uuid, "cancelled");
        if (step->kind != VN_STEP_MOVE_MEMORY && step->outcome == VN_OUTCOME_PLANNED)
            do_pin(&actor, step);
        port->serve(port->serve_data);
    }
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        if (step->outcome == VN_OUTCOME_PLANNED)
            begin_job(&actor, step, jobs);
    }
    take_turns(&actor, jobs);
}
