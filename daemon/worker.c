/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker thread and its two queues under one lock: reads first, then runs; and the
 * cycle's own work whenever it is due.
 */
#include "daemon/worker.h"

typedef struct {
    GTask *task;
    VnWorkerFunc func;
} Item;

struct VnWorker {
    GMutex lock;
    GCond changed; /* of all below */
    GQueue reads;  /* of Item */
    GQueue runs;   /* of Item */
    gboolean stopping;
    gboolean ended;
    gint64 tick_us; /* the worker's own: when the cycle's own work is due */
    VnCycle *cycle;
    GThread *thread;
};

/* What a task did may have made something due. */
static void
run_item(VnWorker *worker, Item *item)
{
    item->func(item->task, worker->cycle);
    g_object_unref(item->task);
    g_free(item);
    worker->tick_us = 0;
}

static void
tick(VnWorker *worker)
{
    if (g_get_monotonic_time() >= worker->tick_us)
        worker->tick_us = vn_cycle_tick(worker->cycle);
}

static Item *
pop(VnWorker *worker, GQueue *queue)
{
    g_mutex_lock(&worker->lock);
    Item *item = worker->stopping ? NULL : g_queue_pop_head(queue);
    g_mutex_unlock(&worker->lock);
    return item;
}

/* Runs on the worker, called by the task under way between two batches. */
static void
serve(gpointer data)
{
    VnWorker *worker = data;
    for (Item *item; (item = pop(worker, &worker->reads));)
        run_item(worker, item);
    tick(worker);
}

/*
 * Waits for a task, until the cycle's own work is due. @ret_item: NULL: it is.
 *
 * Returns: FALSE when the worker is to stop.
 */
static gboolean
wait_for_item(VnWorker *worker, Item **ret_item)
{
    g_mutex_lock(&worker->lock);
    while (!worker->stopping && !worker->reads.length && !worker->runs.length &&
           g_get_monotonic_time() < worker->tick_us) {
        if (worker->tick_us == G_MAXINT64)
            g_cond_wait(&worker->changed, &worker->lock);
        else
            g_cond_wait_until(&worker->changed, &worker->lock, worker->tick_us);
    }
    gboolean stopping = worker->stopping;
    *ret_item = stopping ? NULL
                         : g_queue_pop_head(worker->reads.length ? &worker->reads
                                                                 : &worker->runs);
    g_mutex_unlock(&worker->lock);
    return !stopping;
}

static gpointer
work(gpointer data)
{
    VnWorker *worker = data;
    for (Item *item; wait_for_item(worker, &item);) {
        if (item)
            run_item(worker, item);
        tick(worker);
    }
    vn_cycle_free(worker->cycle);
    g_mutex_lock(&worker->lock);
    worker->ended = TRUE;
    g_cond_broadcast(&worker->changed);
    g_mutex_unlock(&worker->lock);
    return NULL;
}

VnWorker *
vn_worker_new(VnCycle *cycle)
{
    VnWorker *worker = g_new0(VnWorker, 1);
    g_mutex_init(&worker->lock);
    g_cond_init(&worker->changed);
    worker->cycle = cycle;
    vn_cycle_set_serve(cycle, serve, worker);
    worker->thread = g_thread_new("worker", work, worker);
    return worker;
}

static void
push(VnWorker *worker, GQueue *queue, GTask *task, VnWorkerFunc func)
{
    Item *item = g_new(Item, 1);
    *item = (Item){.task = g_object_ref(task), .func = func};
    g_mutex_lock(&worker->lock);
    g_queue_push_tail(queue, item);
    g_cond_broadcast(&worker->changed);
    g_mutex_unlock(&worker->lock);
}

void
vn_worker_read(VnWorker *worker, GTask *task, VnWorkerFunc func)
{
    push(worker, &worker->reads, task, func);
}

void
vn_worker_run(VnWorker *worker, GTask *task, VnWorkerFunc func)
{
    push(worker, &worker->runs, task, func);
}

static void
refuse_all(GQueue *queue)
{
    for (Item *item; (item = g_queue_pop_head(queue));) {
        g_task_return_new_error(item->task, VN_ERROR, VN_ERROR_BUSY,
                                "vnumad is stopping; try again once it runs");
        g_object_unref(item->task);
        g_free(item);
    }
}

gboolean
vn_worker_stop(VnWorker *worker, gint64 timeout_us)
{
    gint64 deadline = g_get_monotonic_time() + timeout_us;
    g_mutex_lock(&worker->lock);
    vn_cycle_stop(worker->cycle);
    worker->stopping = TRUE;
    g_cond_broadcast(&worker->changed);
    while (!worker->ended && g_cond_wait_until(&worker->changed, &worker->lock, deadline))
        continue;
    gboolean ended = worker->ended;
    g_mutex_unlock(&worker->lock);
    refuse_all(&worker->reads);
    refuse_all(&worker->runs);
    if (!ended)
        return FALSE;
    g_thread_join(worker->thread);
    g_mutex_clear(&worker->lock);
    g_cond_clear(&worker->changed);
    g_free(worker);
    return TRUE;
}
